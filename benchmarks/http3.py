"""``make bench ARGS=http3``: a large download and many small requests over HTTP/3, here, on a bare
aioquic server and on hypercorn; and what an idle connection takes.

The client is libcurl with ngtcp2 (the wheel of pycurl).  Every server has one worker and one
processor, and the client another one.  Servers take turns, as often as there are rounds; the ratios
are medians of those of each round.  CPU time is what to compare on a busy machine: it hardly
depends on what else the machine does.  ``h2`` is this server over TCP; ``qh3`` is a bare server as
that of aioquic, after ``pip install qh3``.

    python -m benchmarks.compare http3 --rounds 5 --size 100 --requests 3000
    python -m benchmarks.http3 --peers h2static,aioquic,hypercorn,h2,qh3
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pycurl

from tests.support.certificates import Certificate, make_certificate
from tests.support.quic_client import QuicClient
from tests.support.servers import free_port

_HTTP_VERSION_3ONLY = 31
_STREAMS = 50
_DEADLINE = 30.0
#: The application of hypercorn: the same contents.
_APPLICATION = """
CONTENTS = {"/index.html": b"Hello, world!", "/large.bin": bytes(%d)}
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            kind = (await receive())["type"]
            await send({"type": f"{kind}.complete"})
            if kind == "lifespan.shutdown":
                return
    content = CONTENTS[scope["path"]]
    await send({"type": "http.response.start", "status": 200, "headers": [
        (b"content-length", str(len(content)).encode())]})
    await send({"type": "http.response.body", "body": content})
"""


@dataclass(slots=True, kw_only=True)
class Result:
    """What was measured of one server, one number a round."""

    #: Octets a second, requests a second.
    download: list[float] = field(default_factory=list)
    small: list[float] = field(default_factory=list)
    #: CPU seconds of the server for each.
    download_cpu: list[float] = field(default_factory=list)
    small_cpu: list[float] = field(default_factory=list)
    #: KiB of one idle connection.
    idle: list[float] = field(default_factory=list)


def _words(name: str, port: int, folder: Path, certificate: Certificate, size: int) -> list[str]:
    key, cert = certificate.words
    if name in ("h2static", "h2"):
        words = ["-m", "h2static", "--quiet", "--http3", "-a", "127.0.0.1"]
        return [*words, str(port), str(folder / "www"), key, cert]
    if name in ("aioquic", "qh3"):
        return ["-m", "benchmarks.http3_bare", str(port), cert, key, str(size), name]
    bind = f"127.0.0.1:{port}"
    words = ["-m", "hypercorn", "--quic-bind", bind, "--bind", bind, "--certfile", cert]
    return [*words, "--keyfile", key, "--log-level", "error", f"{folder / 'app.py'}:app"]


@contextmanager
def _running(words: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        ["taskset", "-c", "0", sys.executable, *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(_DEADLINE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _family(pid: int) -> list[int]:
    """A process and those that it has started."""
    found = [pid]
    for one in found:
        path = Path(f"/proc/{one}/task/{one}/children")
        if path.exists():
            found += [int(child) for child in path.read_text().split()]
    return found


def _cpu(pid: int) -> float:
    ticks = 0
    for one in _family(pid):
        values = Path(f"/proc/{one}/stat").read_text().rpartition(") ")[2].split()
        ticks += int(values[11]) + int(values[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _resident(pid: int) -> float:
    """KiB of the process with most of them."""
    page = os.sysconf("SC_PAGE_SIZE") / 1024
    sizes = [int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in _family(pid)]
    return max(sizes) * page


class _Counter:
    """Takes content and counts it."""

    def __init__(self) -> None:
        self.octets = 0

    def __call__(self, data: bytes) -> None:
        self.octets += len(data)


def _handle(
    port: int, path: str, counter: _Counter, version: int = _HTTP_VERSION_3ONLY
) -> pycurl.Curl:
    handle = pycurl.Curl()
    handle.setopt(pycurl.URL, f"https://127.0.0.1:{port}{path}")
    handle.setopt(pycurl.HTTP_VERSION, version)
    handle.setopt(pycurl.SSL_VERIFYPEER, 0)
    handle.setopt(pycurl.SSL_VERIFYHOST, 0)
    handle.setopt(pycurl.WRITEFUNCTION, counter)
    handle.setopt(pycurl.PIPEWAIT, 1)
    return handle


def _wait_for(name: str, port: int, version: int) -> None:
    end = time.monotonic() + _DEADLINE
    while True:
        try:
            _handle(port, "/index.html", _Counter(), version).perform()
        except pycurl.error as error:
            if time.monotonic() > end:
                raise SystemExit(f"{name} does not answer: {error}") from error
            time.sleep(0.1)
        else:
            return


def _download(port: int, size: int, version: int = _HTTP_VERSION_3ONLY) -> float:
    counter = _Counter()
    began = time.perf_counter()
    _handle(port, "/large.bin", counter, version).perform()
    assert counter.octets == size, f"{counter.octets} octets of {size}"
    return size / (time.perf_counter() - began)


def _small(port: int, requests: int, version: int = _HTTP_VERSION_3ONLY) -> float:
    """Requests a second, some at once on one connection."""
    counter = _Counter()
    multi = pycurl.CurlMulti()
    multi.setopt(pycurl.M_PIPELINING, 2)
    multi.setopt(pycurl.M_MAX_HOST_CONNECTIONS, 1)
    started = done = 0
    began = time.perf_counter()
    for _ in range(min(_STREAMS, requests)):
        multi.add_handle(_handle(port, "/index.html", counter, version))
        started += 1
    kept: list[pycurl.Curl] = []
    while done < requests:
        multi.perform()
        _, finished, failed = multi.info_read()
        assert not failed, failed
        for handle in finished:
            done += 1
            multi.remove_handle(handle)
            kept.append(handle)
            if started < requests:
                multi.add_handle(kept.pop())
                started += 1
        multi.select(0.05)
    return requests / (time.perf_counter() - began)


def _idle(port: int, pid: int, connections: int) -> float:
    """KiB that a connection takes which has asked once."""
    before = _resident(pid)
    clients = [QuicClient(port) for _ in range(connections)]
    for client in clients:
        client.connect()
        client.get("/index.html")
    after = _resident(pid)
    for client in clients:
        client.quic.close(error_code=0x100)
        client.flush()
        client.socket.close()
    return (after - before) / connections


def _round(
    name: str, folder: Path, certificate: Certificate, result: Result, words: argparse.Namespace
) -> None:
    port, size = free_port(), words.size * 1024 * 1024
    with _running(_words(name, port, folder, certificate, size)) as process:
        version = pycurl.CURL_HTTP_VERSION_2TLS if name == "h2" else _HTTP_VERSION_3ONLY
        _wait_for(name, port, version)
        before = _cpu(process.pid)
        result.download.append(_download(port, size, version))
        between = _cpu(process.pid)
        result.small.append(_small(port, words.requests, version))
        result.download_cpu.append(between - before)
        result.small_cpu.append(_cpu(process.pid) - between)
        if version == _HTTP_VERSION_3ONLY:
            # Clients of the kind that qh3 has no answer for are not its fault.
            with suppress(AssertionError):
                result.idle.append(_idle(port, process.pid, words.idle))


def _ratios(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios of rounds; clocks of CPU time may not have ticked."""
    return statistics.median(
        one / max(other, 0.001) for one, other in zip(ours, theirs, strict=True)
    )


def _print(names: Sequence[str], results: dict[str, Result], requests: int) -> None:
    print(f"{'':12} {'MB/s':>8} {'CPU s':>8} {'req/s':>8} {'CPU µs':>8} {'KiB idle':>9}")
    for name in names:
        result = results[name]
        each = statistics.median(result.small_cpu) / requests * 1e6
        idle = f"{statistics.median(result.idle):9.1f}" if result.idle else f"{'-':>9}"
        print(
            f"{name:12} {statistics.median(result.download) / 1e6:8.1f}"
            f" {statistics.median(result.download_cpu):8.2f}"
            f" {statistics.median(result.small):8.0f} {each:8.0f} {idle}"
        )
    if "h2static" not in names:
        return
    ours = results["h2static"]
    print("h2static as so many times the speed of, by the clock and by CPU time:")
    for name in names:
        if name == "h2static":
            continue
        theirs = results[name]
        print(
            f"{name:12} {_ratios(ours.download, theirs.download):8.2f}"
            f" {_ratios(theirs.download_cpu, ours.download_cpu):8.2f}"
            f" {_ratios(ours.small, theirs.small):8.2f}"
            f" {_ratios(theirs.small_cpu, ours.small_cpu):8.2f}"
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.http3")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--size", type=int, default=100, help="MiB of the download")
    parser.add_argument("--requests", type=int, default=3_000)
    parser.add_argument("--idle", type=int, default=100, help="idle connections")
    parser.add_argument("--peers", default="h2static,aioquic,hypercorn")
    words = parser.parse_args(argv)
    names = words.peers.split(",")
    results = {name: Result() for name in names}
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory(prefix="http3") as place:
        folder = Path(place)
        certificate = make_certificate(folder)
        size = words.size * 1024 * 1024
        (folder / "www").mkdir()
        (folder / "www" / "index.html").write_bytes(b"Hello, world!")
        (folder / "www" / "large.bin").write_bytes(bytes(size))
        (folder / "app.py").write_text(_APPLICATION % size)
        for _ in range(words.rounds):
            for name in names:
                _round(name, folder, certificate, results[name], words)
    _print(names, results, words.requests)
    return 0


if __name__ == "__main__":
    sys.exit(main())
