"""The servers that are compared: how each is started, pinned, awaited and stopped.

Promise: :func:`running` yields once the server accepts connections, and on the way out ends the one
process that it started.  Assumes Linux where the processes are to be pinned.

Strategy: every server gets the same folder, a port of its own on 127.0.0.1, and writes
no access log.  It is started with the processor already chosen, so that all its threads inherit it.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.support.servers import free_port

CONFIGURATION = Path(__file__).parent / "configuration"

#: Seconds that a server gets to accept its first connection, and to end when told to.
PATIENCE = 10.0
#: Seconds between two looks at whether a server is still starting, and those of CPU that are none.
_MOMENT, _NEXT_TO_NOTHING = 0.1, 0.001

#: Names of the servers and the Debian package of each; ours has none.
PACKAGES: Mapping[str, str | None] = {
    "h2static": None,
    "nghttpd": "nghttp2-server",
    "h2o": "h2o",
    "nginx": "nginx",
    "caddy": "caddy",
    "granian": None,
}

#: Servers that push nothing on their own account.
_WITHOUT_PUSH = ("h2o", "granian")

#: Programs that make the load and check it, and the Debian package of each.
CLIENTS: Mapping[str, str] = {
    "h2load": "nghttp2-client",
    "curl": "curl",
    "openssl": "openssl",
}


@dataclass(slots=True, kw_only=True, frozen=True)
class Place:
    """Where a server finds its files and writes its own."""

    #: The folder that is served.
    root: Path
    #: A folder for configuration and logs.
    scratch: Path
    #: PEM files; needed where ``tls`` is asked for.
    key: Path
    certificate: Path


@dataclass(slots=True, kw_only=True, frozen=True)
class Setup:
    """How a server is to be set up."""

    tls: bool = False
    #: HTTP/1.1 is asked for; HTTP/2 otherwise.
    http1: bool = False
    workers: int = 1
    #: A path, and those that are pushed with it.
    push: tuple[str, tuple[str, ...]] | None = None

    def fits(self, name: str) -> bool:
        """Whether the server ``name`` can be set up so."""
        if self.http1 and name == "nghttpd":
            return False
        return self.push is None or name not in _WITHOUT_PUSH


#: HTTP/2 in cleartext, one worker.
PLAIN = Setup()


@dataclass(slots=True, kw_only=True, frozen=True)
class Running:
    """A server that accepts connections."""

    name: str
    port: int
    tls: bool
    http1: bool
    process: subprocess.Popen[bytes]

    @property
    def origin(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"


class PeerFailed(Exception):
    """A server did not start or did not end; the message says which and what it printed."""


def make_place(folder: Path) -> Place:
    """Lay out ``folder``: a root, a scratch folder, and a certificate for 127.0.0.1."""
    # h2o drops its privileges when root starts it: others must be able to read.
    folder.chmod(0o755)
    place = Place(
        root=folder / "root",
        scratch=folder / "scratch",
        key=folder / "scratch/key.pem",
        certificate=folder / "scratch/certificate.pem",
    )
    place.root.mkdir()
    place.scratch.mkdir()
    command = ["openssl", "req", "-x509", "-nodes", "-days", "2"]
    command += ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    command += ["-keyout", str(place.key), "-out", str(place.certificate)]
    subprocess.run(command, check=True, capture_output=True)
    return place


def missing(name: str) -> str | None:
    """What to install to have the server ``name``; ``None`` when it is there."""
    if name == "granian":
        there = Path(program_of(name)).exists()
        return None if there else "granian is missing: pip install --group peers"
    package = PACKAGES[name]
    return None if package is None else _lack(name, package)


def program_of(name: str) -> str:
    """What starts a server: granian comes from PyPI, beside the interpreter."""
    return str(Path(sys.executable).parent / name) if name == "granian" else name


def missing_clients() -> list[str]:
    """What to install to have the programs that measure; empty when all are there."""
    return [lack for name, package in CLIENTS.items() if (lack := _lack(name, package))]


def _lack(name: str, package: str) -> str | None:
    return None if shutil.which(name) else f"{name} is missing: apt-get install {package}"


def version(name: str) -> str:
    """One line that says which version of ``name`` runs."""
    command = [sys.executable, "-m", "h2static"] if name == "h2static" else [program_of(name)]
    option = {"nginx": "-v", "caddy": "version"}.get(name, "--version")
    printed = subprocess.run([*command, option], check=True, capture_output=True, text=True)
    line = (printed.stdout + printed.stderr).splitlines()[0].removeprefix("nginx version: ")
    return line if name in line else f"{name} {line.split()[0]}"


def command_of(name: str, port: int, place: Place, setup: Setup = PLAIN) -> list[str]:
    """The command line that starts ``name``; writes its configuration file where it has one."""
    pair = [str(place.key), str(place.certificate)]
    address, workers = "127.0.0.1", str(setup.workers)
    rule = ""
    if setup.push is not None:
        rule = f"--push={setup.push[0]}={','.join(setup.push[1])}"
    rules = [rule] if rule else []
    match name:
        case "h2static":
            command = [sys.executable, "-m", "h2static", "-a", address, "-n", workers, *rules]
            command += [] if setup.tls else ["--no-tls"]
            return [*command, str(port), str(place.root), *(pair if setup.tls else [])]
        case "nghttpd":
            command = ["nghttpd", "-a", address, "-d", str(place.root), "-n", workers, *rules]
            return [*command, str(port), *pair] if setup.tls else [*command, "--no-tls", str(port)]
        case "granian":
            (place.scratch / "nothing.py").write_text("async def app(scope, receive, send): ...\n")
            command = [program_of(name), "--interface", "asginl", "--host", address, "--port"]
            command += [str(port), "--workers", workers, "--http", "1" if setup.http1 else "2"]
            command += ["--static-path-route", "", "--static-path-mount", str(place.root)]
            if setup.tls:
                command += ["--ssl-keyfile", pair[0], "--ssl-certificate", pair[1]]
            return [*command, "nothing:app"]
        case "h2o":
            return ["h2o", "-c", _configured("h2o.conf", port, place, setup)]
        case "nginx":
            file = _configured("load-nginx.conf", port, place, setup)
            return ["nginx", "-c", file, "-p", str(place.scratch)]
        case "caddy":
            file = _configured("load-Caddyfile", port, place, setup)
            return ["caddy", "run", "--adapter", "caddyfile", "--config", file]
        case _:
            raise ValueError(f"no such server: {name}")


def _configured(file: str, port: int, place: Place, setup: Setup) -> str:
    """A configuration file with its places filled in; its path."""
    root, key, certificate = os.geteuid() == 0, place.key, place.certificate
    page, pushed = setup.push or ("", ())
    user = tls = listen = push = ""
    match file:
        case "h2o.conf":
            user = "user: root" if root else ""
            tls = f"  ssl:\n    key-file: {key}\n    certificate-file: {certificate}"
        case "load-nginx.conf":
            user = "user root;" if root else ""
            tls = f"ssl_certificate_key {key}; ssl_certificate {certificate};"
            listen = (" ssl" if setup.tls else "") + ("" if setup.http1 else " http2")
            pushes = " ".join(f"http2_push {one};" for one in pushed)
            push = f"location = {page} {{ {pushes} }}"
        case _:
            tls = f"tls {certificate} {key}"
            push = "\n\t".join(f"push {page} {one}" for one in pushed)
    text = (CONFIGURATION / file).read_text()
    for name, value in {
        "@FOLDER@": str(place.scratch),
        "@ROOT@": str(place.root),
        "@PORT@": str(port),
        "@USER@": user,
        "@TLS@": tls if setup.tls else "",
        "@LISTEN@": listen,
        "@SCHEME@": "https" if setup.tls else "http",
        "@WORKERS@": str(setup.workers),
        "@PUSH@": push if setup.push else "",
    }.items():
        text = text.replace(name, value)
    written = place.scratch / file
    written.write_text(text)
    return str(written)


def family(process: int) -> list[int]:
    """Process ids of ``process`` and all its descendants, from ``/proc``."""
    found = [process]
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        # A thread may end between the listing and the reading.
        with suppress(FileNotFoundError, ProcessLookupError):
            for child in children.read_text().split():
                found += family(int(child))
    return found


def cpu_seconds(process: int) -> float:
    """CPU time that ``process`` and its descendants have used; 0 where there is no ``/proc``."""
    return sum(cpu_times(process).values())


def cpu_times(process: int) -> dict[int, float]:
    """Seconds of CPU by thread of ``process`` and its descendants; see :func:`cpu_seconds`.

    Two of them say what was used meanwhile also where a process has ended: :func:`spent`.
    """
    found: dict[int, float] = {}
    for member in family(process):
        for task in Path(f"/proc/{member}/task").glob("*"):
            with suppress(FileNotFoundError, ProcessLookupError):
                found[int(task.name)] = _cpu_of(task)
    return found


def spent(before: Mapping[int, float], after: Mapping[int, float]) -> float:
    """CPU time between two looks, of the threads that are there in the end."""
    return sum(seconds - before.get(thread, 0.0) for thread, seconds in after.items())


def _cpu_of(task: Path) -> float:
    """In nanoseconds where the kernel counts them, in ticks otherwise."""
    try:
        return int((task / "schedstat").read_text().split()[0]) / 1e9
    except FileNotFoundError:
        # The name of a program may have spaces; what follows its parenthesis has none.
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def pinned(processor: int | None) -> Iterator[None]:
    """Start processes on ``processor`` only, as long as the block lasts."""
    if processor is None:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {processor})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def processors() -> tuple[int | None, int | None]:
    """A processor for the server and another for the client; ``None`` twice where there is one."""
    if not hasattr(os, "sched_getaffinity"):
        return None, None
    available = sorted(os.sched_getaffinity(0))
    return (available[0], available[-1]) if len(available) > 1 else (None, None)


@contextmanager
def running(
    name: str,
    place: Place,
    setup: Setup = PLAIN,
    *,
    processor: int | None = None,
    environment: Mapping[str, str] | None = None,
    rested: bool = True,
) -> Iterator[Running]:
    """Run the server ``name`` as long as the block lasts.

    ``rested``: after all of its start, which goes on behind an open port and would count as the
    load's.  Raises :class:`PeerFailed` when it accepts no connection in
    time or does not end.
    """
    command = partial(command_of, name, place=place, setup=setup)
    # Caddy has as many threads as there are processors, unless it is told.
    environment = {"GOMAXPROCS": str(setup.workers), **(environment or {})}
    with started(name, command, place.scratch, processor, environment=environment) as (
        process,
        port,
    ):
        if rested:
            await_rest(process.pid)
        yield Running(name=name, port=port, tls=setup.tls, http1=setup.http1, process=process)


@contextmanager
def started(
    name: str,
    command: Callable[[int], list[str]],
    folder: Path,
    processor: int | None = None,
    *,
    environment: Mapping[str, str] | None = None,
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """Run ``command`` of a port in ``folder`` as long as the block lasts: its process, the port.

    Raises :class:`PeerFailed` as :func:`running` does.
    """
    port = free_port()
    log = folder / f"{name}.log"
    with pinned(processor), log.open("wb") as output:
        process = subprocess.Popen(
            command(port),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
            cwd=folder,
        )
    try:
        await_port(process, port, log)
        yield process, port
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise PeerFailed(f"{name} did not end when told to") from None


def await_rest(process: int) -> None:
    """Return once ``process`` and its descendants have done next to nothing for a moment."""
    deadline = time.monotonic() + PATIENCE
    before = cpu_times(process)
    while time.monotonic() < deadline:
        time.sleep(_MOMENT)
        after = cpu_times(process)
        if after.keys() <= before.keys() and spent(before, after) < _NEXT_TO_NOTHING:
            return
        before = after


def await_port(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Return once ``port`` accepts connections."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline:
                printed = log.read_text(errors="replace").strip()
                raise PeerFailed(f"{process.args!r} does not listen: {printed}") from None
            time.sleep(0.002)
