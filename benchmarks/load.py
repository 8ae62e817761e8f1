"""One run of h2load against one server, with every response accounted for.

Promise: :func:`run` returns a rate only when h2load counted every request as succeeded, every
status as 2xx and exactly the octets of content that the files have.  Anything else raises
:class:`WrongAnswers`.  h2load does not look into the content, so :func:`check_content` compares a
file, fetched by curl, before each run.
"""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import Running, cpu_seconds, pinned
from benchmarks.scenarios import Scenario

#: Seconds after which a run is given up.
RUN_LIMIT = 180.0

_FINISHED = re.compile(r"finished in ([\d.]+)(us|ms|s), ([\d.]+) req/s")
_REQUESTS = re.compile(
    r"(\d+) total, .*?(\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout"
)
_STATUS = re.compile(r"status codes: (\d+) 2xx")
_TRAFFIC = re.compile(r"\((\d+)\) data")


@dataclass(slots=True, kw_only=True, frozen=True)
class Measurement:
    """What one run showed."""

    #: Requests per second, as h2load saw it.
    rate: float
    #: CPU time of the server for each request, in microseconds; what else the machine does hardly
    #: changes it, as it does the rate.
    cpu: float


class WrongAnswers(Exception):
    """A server did not answer every request as it should; the message has h2load's report."""


def check_content(server: Running, scenario: Scenario, root: Path) -> None:
    """Fetch one file of the scenario and compare it octet by octet.

    Raises :class:`WrongAnswers` when it differs.
    """
    path = scenario.paths()[0]
    version = "--http2" if server.tls else "--http2-prior-knowledge"
    got = subprocess.run(
        ["curl", "-sk", version, "--max-time", "20", server.origin + path],
        check=False,
        capture_output=True,
    )
    if got.returncode != 0 or got.stdout != (root / path.lstrip("/")).read_bytes():
        raise WrongAnswers(f"{server.name}: {path} is not the file (curl exit {got.returncode})")


def run(
    server: Running, scenario: Scenario, scratch: Path, *, processor: int | None
) -> Measurement:
    """Run h2load once.

    Raises :class:`WrongAnswers` when a response is missing or wrong.
    """
    list_file = scratch / "urls.txt"
    list_file.write_text("".join(f"{server.origin}{path}\n" for path in scenario.paths()))
    command = ["h2load", "-n", str(scenario.requests), "-c", str(scenario.clients)]
    command += ["-m", str(scenario.streams), "-i", str(list_file)]
    before = cpu_seconds(server.process.pid)
    with pinned(processor):
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        output, _ = process.communicate(timeout=RUN_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise WrongAnswers(f"{server.name} {scenario.name}: no end in {RUN_LIMIT} s") from None
    used = cpu_seconds(server.process.pid) - before
    rate = parse_report(output.decode(), scenario, server.name)
    return Measurement(rate=rate, cpu=used / scenario.requests * 1e6)


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
            total == succeeded == expected == int(status[1])
            and not any(bad)
            and octets == expected * scenario.size
        ):
            return float(finished[3])
    raise WrongAnswers(f"{name} {scenario.name}: not every response is right\n{report}")
