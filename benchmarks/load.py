"""One run of a load against one server, with every response accounted for.

Promise: :func:`run` returns a rate only when every request was answered as it should be, with
exactly the octets of content that the files have.  Anything else raises :class:`WrongAnswers`.
Nobody looks into the content during a run, so :func:`check_content` compares a file, fetched by
curl, before it.  Loads that h2load makes are run by h2load, others by :mod:`benchmarks.replay`.
"""

from __future__ import annotations

import dataclasses
import json
import re
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import Running, cpu_times, pinned, spent
from benchmarks.replay import Specification
from benchmarks.scenarios import Replay, Scenario

REPOSITORY = Path(__file__).resolve().parent.parent

#: Seconds after which a run is given up.
RUN_LIMIT = 180.0

_FINISHED = re.compile(r"finished in ([\d.]+)(us|ms|s), ([\d.]+) req/s")
_REQUESTS = re.compile(
    r"(\d+) total, .*?(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout"
)
_STATUS = re.compile(r"status codes: (\d+) 2xx, (\d+) 3xx")
_TRAFFIC = re.compile(r"\((\d+)\) data")


@dataclass(slots=True, kw_only=True, frozen=True)
class Measurement:
    """What one run showed."""

    #: Requests per second, as h2load saw it.
    rate: float
    #: CPU time of the server for each request, in microseconds; what else the machine does hardly
    #: changes it, as it does the rate.
    cpu: float
    #: CPU time of the client for each request, in microseconds.
    client: float = 0.0


class WrongAnswers(Exception):
    """A server did not answer every request as it should; the message has h2load's report."""


def fetch(server: Running, path: str, *words: str) -> tuple[int, bytes]:
    """The exit code of curl with ``words`` for ``path``, and what it prints."""
    version = "--http2" if server.tls else "--http2-prior-knowledge"
    version = "--http1.1" if server.http1 else version
    got = subprocess.run(
        ["curl", "-sk", version, "--max-time", "20", *words, server.origin + path],
        check=False,
        capture_output=True,
    )
    return got.returncode, got.stdout


def check_content(server: Running, scenario: Scenario | Replay, root: Path) -> None:
    """Fetch one file of the scenario and compare it octet by octet.

    Raises :class:`WrongAnswers` when it differs.
    """
    path = scenario.paths()[0]
    code, content = fetch(server, path)
    if code != 0 or content != (root / path.lstrip("/")).read_bytes():
        raise WrongAnswers(f"{server.name}: {path} is not the file (curl exit {code})")


def run(
    server: Running, scenario: Scenario | Replay, scratch: Path, *, processor: int | None
) -> Measurement:
    """Run the load once.

    Raises :class:`WrongAnswers` when a response is missing or wrong.
    """
    if isinstance(scenario, Replay):
        return replay(
            server,
            Specification(
                port=server.port,
                kind=scenario.kind,
                requests=scenario.requests,
                path=scenario.path,
                different=scenario.different,
                answers=scenario.answers,
                octets=scenario.octets,
                clients=scenario.clients,
                streams=scenario.streams,
                tls=server.tls,
                resume=scenario.resume,
            ),
            scratch,
            processor=processor,
        )
    list_file = scratch / "urls.txt"
    list_file.write_text("".join(f"{server.origin}{path}\n" for path in scenario.paths()))
    command = ["h2load", "-n", str(scenario.requests), "-c", str(scenario.clients)]
    command += ["--h1"] if scenario.setup.http1 else ["-m", str(scenario.streams)]
    if scenario.validated:
        command += ["-H", f"if-none-match: {_entity_tag(server, scenario.paths()[0])}"]
    command += ["-i", str(list_file)]
    report, used, client = _timed(server, command, processor)
    rate = parse_report(report, scenario, server.name)
    return Measurement(
        rate=rate, cpu=used / scenario.requests * 1e6, client=client / scenario.requests * 1e6
    )


def replay(
    server: Running, specification: Specification, scratch: Path, *, processor: int | None
) -> Measurement:
    """Play ``specification`` once.  Raises :class:`WrongAnswers`."""
    file = scratch / "replay.json"
    file.write_text(json.dumps(dataclasses.asdict(specification)))
    command = [sys.executable, "-m", "benchmarks.replay", str(file)]
    report, used, _ = _timed(server, command, processor, cwd=REPOSITORY)
    if not report.startswith("{"):
        raise WrongAnswers(f"{server.name} {specification.kind}: {report}")
    played = json.loads(report)
    requests = played["requests"]
    if specification.resume and played["resumed"] < requests * 0.9:
        resumed = f"{played['resumed']} of {requests} sessions were resumed"
        raise WrongAnswers(f"{server.name} {specification.kind}: {resumed}")
    return Measurement(
        rate=requests / played["seconds"],
        cpu=used / requests * 1e6,
        client=played["cpu"] / requests * 1e6,
    )


def _timed(
    server: Running, command: list[str], processor: int | None, cwd: Path | None = None
) -> tuple[str, float, float]:
    """What ``command`` prints, and seconds of CPU: of the server meanwhile, and of the command."""
    before, ours = cpu_times(server.process.pid), _children()
    with pinned(processor):
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=cwd
        )
    try:
        output, _ = process.communicate(timeout=RUN_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise WrongAnswers(f"{server.name}: {command[0]} had no end in {RUN_LIMIT} s") from None
    used = spent(before, cpu_times(server.process.pid))
    return output.decode(), used, _children() - ours


def _children() -> float:
    """CPU time of children that have ended."""
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def _entity_tag(server: Running, path: str) -> str:
    """The entity tag of ``path``.  Raises :class:`WrongAnswers` where there is none."""
    _, head = fetch(server, path, "-I")
    for line in head.decode("latin-1").splitlines():
        name, _, value = line.partition(":")
        if name.lower() == "etag":
            return value.strip()
    raise WrongAnswers(f"{server.name}: {path} has no entity tag")


def parse_report(report: str, scenario: Scenario, name: str) -> float:
    """The rate in h2load's ``report``, when it accounts for every response.

    Raises :class:`WrongAnswers` otherwise.
    """
    finished, counts = _FINISHED.search(report), _REQUESTS.search(report)
    status, traffic = _STATUS.search(report), _TRAFFIC.search(report)
    if finished and counts and status and traffic:
        expected = scenario.requests
        total, succeeded, *bad = map(int, counts.groups())
        octets = int(traffic[1])
        if (
            total == succeeded == expected == int(status[2 if scenario.validated else 1])
            and not any(bad)
            and octets == (0 if scenario.validated else expected * scenario.size)
        ):
            return float(finished[3])
    raise WrongAnswers(f"{name} {scenario.name}: not every response is right\n{report}")
