"""``make bench ARGS=apps``: an ASGI hello here, and behind uvicorn, hypercorn and granian;
then WebSockets, large bodies, and many requests on one connection.

The peers come from PyPI into an environment of their own, ``.venv-peers``.  Every server has one
worker and one processor, and the load, h2load, another one.  Servers take turns, as often as there
are rounds.  CPU time for a request is what to compare: it hardly depends on what else the machine
does.

    python -m benchmarks.compare apps
    python -m benchmarks.apps --rounds 5 --peers h2static,granian
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import venv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks import apps_traffic, load, peers

ENVIRONMENT = Path(".venv-peers")
PACKAGES = ("uvicorn[standard]>=0.54", "zttp", "hypercorn", "granian", "uvloop")

APPLICATION = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return
    await send({"type": "http.response.start", "status": 200, "headers": [
        (b"content-type", b"text/plain"), (b"content-length", b"13")]})
    await send({"type": "http.response.body", "body": b"Hello, world!"})
"""


@dataclass(slots=True, kw_only=True, frozen=True)
class Load:
    """What h2load does."""

    name: str
    http2: bool
    words: tuple[str, ...]
    requests: int = 40_000


LOADS = (
    Load(name="HTTP/2 -c10 -m10", http2=True, words=("-c10", "-m10")),
    Load(name="HTTP/2 -c100 -m1", http2=True, words=("-c100", "-m1")),
    Load(name="HTTP/1.1 -c64", http2=False, words=("--h1", "-c64")),
)
#: Requests on one connection.
LONG = 200_000

_UVICORN = ("uvicorn", "--no-access-log", "--log-level", "warning", "--host", "127.0.0.1")
#: By name: the words before the port, and whether it speaks HTTP/1.1 and HTTP/2.
SERVERS: dict[str, tuple[tuple[str, ...], bool, bool]] = {
    "h2static": (
        ("-m", "h2static", "--no-tls", "-a", "127.0.0.1", "--app", "hello:app"), True, True,
    ),
    "uvicorn httptools": ((*_UVICORN, "--http", "httptools", "hello:app", "--port"), True, False),
    "uvicorn h11": (
        (*_UVICORN, "--http", "h11", "--loop", "asyncio", "hello:app", "--port"), True, False,
    ),
    "uvicorn zttp": ((*_UVICORN, "--http", "zttp", "--http2", "hello:app", "--port"), False, True),
    "hypercorn": (
        ("hypercorn", "-k", "uvloop", "-c", "hypercorn.toml", "hello:app", "--bind"), True, True,
    ),
    "granian": (
        ("granian", "--interface", "asgi", "--no-access-log", "hello:app", "--port"), True, True,
    ),
}  # fmt: skip

_FINISHED = re.compile(r"([\d.]+) req/s")
#: Not what h2load calls a success: over HTTP/1.1 that needs a reason phrase, which is optional
#: (RFC 9112 section 4), and hypercorn sends none.
_ANSWERED = re.compile(
    r"(\d+) done, \d+ succeeded, \d+ failed, 0 errored, 0 timeout\s+"
    r"status codes: \d+ 2xx, 0 3xx, 0 4xx, 0 5xx"
)


def command_of(name: str, port: int) -> list[str]:
    """The command line of the server ``name``."""
    (program, *words), _, _ = SERVERS[name]
    if name == "h2static":
        return [sys.executable, program, *words, str(port)]
    place = str(port) if name != "hypercorn" else f"127.0.0.1:{port}"
    return [str(ENVIRONMENT.resolve() / "bin" / program), *words, place]


def prepare() -> None:
    """Make the environment of the peers, unless it is there."""
    if not (ENVIRONMENT / "bin" / "granian").exists():
        print(f"Preparing {ENVIRONMENT}", file=sys.stderr)
        venv.create(ENVIRONMENT, with_pip=True)
        pip = [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "--quiet", "install"]
        subprocess.run([*pip, *PACKAGES], check=True)


@contextmanager
def running(
    name: str, command: Callable[[int], list[str]], folder: Path, processor: int | None
) -> Iterator[tuple[int, int]]:
    """Run ``command`` of a port: its process id and the port."""
    with peers.started(name, command, folder, processor) as (process, port):
        peers.await_rest(process.pid)
        yield process.pid, port


def measure(one: Load, pid: int, port: int, processor: int | None) -> load.Measurement | None:
    """Run h2load once; ``None``: not every request was answered."""
    words = ["h2load", "-n", str(one.requests), *one.words, f"http://127.0.0.1:{port}/"]
    before = peers.cpu_seconds(pid)
    with peers.pinned(processor):
        ended = subprocess.run(
            words, capture_output=True, text=True, timeout=load.RUN_LIMIT, check=False
        )
    cpu = peers.cpu_seconds(pid) - before
    rate, answered = _FINISHED.search(ended.stdout), _ANSWERED.search(ended.stdout)
    if rate is None or answered is None or int(answered[1]) != one.requests:
        return None
    return load.Measurement(rate=float(rate[1]), cpu=cpu / one.requests * 1e6)


def main(argv: Sequence[str]) -> int:
    """Measure, and print a table; exit code 1 when a program is missing."""
    parser = argparse.ArgumentParser(prog="benchmarks.apps", description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peers", default=",".join(SERVERS), help="default: %(default)s")
    options = parser.parse_args(argv)
    names = options.peers.split(",")
    lacking = peers.missing_clients()
    if lacking or not set(names) <= SERVERS.keys():
        print("\n".join(lacking) or f"servers: {', '.join(SERVERS)}", file=sys.stderr)
        return 1
    prepare()
    server_processor, client_processor = peers.processors()
    found: dict[tuple[str, str], list[load.Measurement]] = {}
    with tempfile.TemporaryDirectory(prefix="h2static-apps-") as name_of_folder:
        folder = Path(name_of_folder)
        (folder / "hello.py").write_text(APPLICATION)
        (folder / "hypercorn.toml").write_text("keep_alive_max_requests = 1000000\n")
        for _ in range(options.rounds):
            for name in names:
                command = partial(command_of, name)
                with running(name, command, folder, server_processor) as (pid, port):
                    for one in LOADS:
                        if SERVERS[name][2 if one.http2 else 1]:
                            run = measure(one, pid, port, client_processor)
                            if run is not None:
                                found.setdefault((one.name, name), []).append(run)
        print(f"{os.uname().machine}; requests per second (CPU µs for a request), medians\n")
        print(table(names, found), flush=True)
        start = partial(running, processor=server_processor)
        program = ENVIRONMENT.resolve() / "bin/uvicorn"
        rounds = options.rounds
        echo = apps_traffic.websockets(start, program, rounds, folder, client_processor)
        print(f"\nWebSocket echo: CPU µs for a message, medians\n\n{echo}", flush=True)
        large = apps_traffic.bodies(start, rounds, folder, client_processor)
        print(f"\n100 MiB, medians\n\n{large}", flush=True)
        long = long_connection(folder, server_processor, client_processor)
        print(f"\n{LONG:,} requests on one connection: {long}")
    return 0


def long_connection(folder: Path, server: int | None, client: int | None) -> str:
    """Whether one connection carries :data:`LONG` requests, by protocol."""
    said = []
    with running("h2static", partial(command_of, "h2static"), folder, server) as (pid, port):
        for http2, words in ((True, ("-c1", "-m10")), (False, ("--h1", "-c1", "-m10"))):
            one = Load(name="long", http2=http2, words=words, requests=LONG)
            whole = measure(one, pid, port, client) is not None
            said.append(f"HTTP/{2 if http2 else 1.1} {'all answered' if whole else 'CUT'}")
    return ", ".join(said)


def table(names: Sequence[str], found: dict[tuple[str, str], list[load.Measurement]]) -> str:
    """The medians in Markdown; empty where a server has no such protocol or lost requests."""
    lines = ["| | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    for one in LOADS:
        cells = []
        for name in names:
            runs = found.get((one.name, name), [])
            rate = statistics.median([run.rate for run in runs]) if runs else 0
            cpu = statistics.median([run.cpu for run in runs]) if runs else 0
            cells.append(f"{rate:,.0f} ({cpu:.1f})" if runs else "")
        lines.append(f"| {one.name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
