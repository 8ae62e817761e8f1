"""WebSockets and large bodies of applications; a part of ``make bench ARGS=apps``.

WebSockets: an echo without compression, here over HTTP/1.1 and HTTP/2 and behind uvicorn
(``websockets-sansio``).  What is compared is the server's CPU time for a message; the client has
another processor.

Bodies: 100 MiB through an application, up and down, beside the same octets as a file of the folder,
with what the worker grows by meanwhile.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, TypeAlias

from benchmarks import load, peers
from benchmarks.footprint import MIB, resident

ECHO: Final = """
async def app(scope, receive, send):
    if scope["type"] != "websocket":
        raise RuntimeError(scope["type"])
    await receive()
    await send({"type": "websocket.accept"})
    while (event := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "bytes": event["bytes"]})
"""
BODIES: Final = """
PIECE = bytes(65536)

async def app(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError(scope["type"])
    size = 0
    while (event := await receive())["type"] == "http.request":
        size += len(event["body"])
        if not event["more_body"]:
            break
    down = scope["path"] == "/down"
    length = 100 * 2**20 if down else len(str(size))
    await send({"type": "http.response.start", "status": 200, "headers": [
        (b"content-length", b"%d" % length)]})
    if down:
        for _ in range(length // len(PIECE)):
            await send({"type": "http.response.body", "body": PIECE, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    else:
        await send({"type": "http.response.body", "body": str(size).encode()})
"""
#: Octets of a message, messages on their way, messages.
MESSAGES: Final = ((16, 16, 40_000), (1_024, 16, 40_000), (65_536, 4, 4_000))
LARGE: Final = 100 * MIB

#: By row and column.
Found: TypeAlias = dict[tuple[str, str], list[float]]
Command: TypeAlias = Callable[[int], list[str]]
#: Runs a server, by name, command and folder: process id and port.
Start: TypeAlias = Callable[[str, Command, Path], AbstractContextManager[tuple[int, int]]]


def ours(module: str, *words: str) -> Command:
    """h2static with the application of ``module``; ``words`` follow the port."""
    command = [sys.executable, "-m", "h2static", "--no-tls", "-a", "127.0.0.1"]
    return lambda port: [*command, "--app", f"{module}:app", str(port), *words]


def uvicorn(program: Path) -> Command:
    """uvicorn with its WebSockets of the same library, without compression."""
    words = [str(program), "--no-access-log", "--log-level", "warning", "--host", "127.0.0.1"]
    words += ["--ws", "websockets-sansio", "--ws-per-message-deflate", "false", "echo:app"]
    return lambda port: [*words, "--port", str(port)]


def websockets(start: Start, program: Path, rounds: int, folder: Path, client: int | None) -> str:
    """A table of the CPU time for a message."""
    (folder / "echo.py").write_text(ECHO)
    servers = {"h2static": ours("echo"), "uvicorn": uvicorn(program)}
    found: Found = {}
    for _ in range(rounds):
        for name, command in servers.items():
            with start(name, command, folder) as (pid, port):
                for version in ("1.1", "2") if name == "h2static" else ("1.1",):
                    for size, window, count in MESSAGES:
                        before = peers.cpu_seconds(pid)
                        words = [sys.executable, "-m", "benchmarks.websocket_load", str(port)]
                        words += [version, str(size), str(window), str(count)]
                        with peers.pinned(client):
                            subprocess.run(words, check=True, timeout=load.RUN_LIMIT)
                        cpu = peers.cpu_seconds(pid) - before
                        column = f"{name}, HTTP/{version}"
                        found.setdefault((f"{size} octets", column), []).append(cpu / count * 1e6)
    return table(found, "{:.1f}")


def bodies(start: Start, rounds: int, folder: Path, client: int | None) -> str:
    """A table of MiB per second, and of the MiB that the worker grows by."""
    (folder / "bodies.py").write_text(BODIES)
    (folder / "www").mkdir()
    file = folder / "www/large.bin"
    file.write_bytes(bytes(LARGE))
    found: Found = {}
    for _ in range(rounds):
        for version in ("--http1.1", "--http2-prior-knowledge"):
            with start("h2static", ours("bodies", "www"), folder) as (pid, port):
                for what in ("file", "down", "up", "file", "down", "up"):
                    before, cpu = resident(pid), peers.cpu_seconds(pid)
                    words = ["curl", "-sS", version, "-o", str(folder / "got")]
                    words += ["-T", str(file)] if what == "up" else []
                    path = {"file": "large.bin"}.get(what, what)
                    began = time.perf_counter()
                    with peers.pinned(client):
                        subprocess.run(
                            [*words, f"http://127.0.0.1:{port}/{path}"],
                            check=True,
                            timeout=load.RUN_LIMIT,
                        )
                    taken = time.perf_counter() - began
                    grown = (resident(pid) - before) / MIB
                    check_body(folder / "got", what)
                    row = version.lstrip("-").removesuffix("-prior-knowledge")
                    found.setdefault((row, f"{what}, MiB/s"), []).append(LARGE / MIB / taken)
                    used = (peers.cpu_seconds(pid) - cpu) * 1e3
                    found.setdefault((row, f"{what}, CPU ms"), []).append(used)
                    found.setdefault((row, f"{what}, MiB grown"), []).append(grown)
    return table(found, "{:,.1f}")


def check_body(got: Path, what: str) -> None:
    """Whether all octets have come."""
    right = got.read_text() == str(LARGE) if what == "up" else got.stat().st_size == LARGE
    if not right:
        raise load.WrongAnswers(f"{what}: not {LARGE} octets")


def table(found: Found, form: str) -> str:
    """The medians in Markdown."""
    rows = list(dict.fromkeys(row for row, _ in found))
    columns = list(dict.fromkeys(column for _, column in found))
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    for row in rows:
        cells = [
            form.format(statistics.median(runs)) if (runs := found.get((row, column))) else ""
            for column in columns
        ]
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join(lines)
