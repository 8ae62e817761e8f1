"""What live reload costs: from saving a file to the event in an open page, and the server at rest.

    python -m benchmarks.reload [--files 10000] [--saves 40] [--rest 20]

A folder is made with so many files, a hundred in each folder below it.  Saves alternate between a
style sheet and a page, by writing another file and renaming it, as editors do.  The time ends when
the event has arrived on a connection of its own; the page's own work is not in it.  CPU at rest is
of the whole process tree, in percent of one processor.  Assumes Linux (``/proc``).
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import peers

#: Seconds after which an event will not come any more.
PATIENCE = 30.0
#: Seconds between two saves: other files within a second are taken for those of one build.
PAUSE = 1.3
#: Seconds until the server has read all files and done what it does at the start.
SETTLING = 15.0
FILES_A_FOLDER = 100
#: What is to be reached.
LATENCY_MILLISECONDS = 110.0


def make_files(root: Path, files: int) -> None:
    """``files`` small files below ``root``, and the two that are saved."""
    for number in range(files):
        folder = root / f"{number // FILES_A_FOLDER:05}"
        if not number % FILES_A_FOLDER:
            folder.mkdir(parents=True)
        (folder / f"{number:06}.js").write_text(f"export const number = {number};\n")
    (root / "index.html").write_text("<!doctype html><title>page</title>")
    (root / "style.css").write_text("a{}")


def save(path: Path, text: str) -> None:
    """Write ``path`` as editors do."""
    other = path.with_name(f".{path.name}.swp")
    other.write_text(text)
    os.replace(other, path)


def listen(port: int) -> socket.socket:
    """An open event stream of the server at ``port``."""
    client = socket.create_connection(("127.0.0.1", port), PATIENCE)
    client.sendall(b"GET /.h2static/events HTTP/1.1\r\nHost: localhost:%d\r\n\r\n" % port)
    return client


def await_event(client: socket.socket, name: bytes) -> None:
    """Read until an event called ``name`` has come."""
    octets = b""
    while b"event: " + name not in octets:
        more = client.recv(65_536)
        if not more:
            raise peers.PeerFailed(f"the event stream ended before {name.decode()}")
        octets = octets[-32:] + more


def latencies(root: Path, client: socket.socket, saves: int) -> dict[str, list[float]]:
    """Milliseconds from saving to the event, by file."""
    found: dict[str, list[float]] = {"style.css": [], "index.html": []}
    for number in range(saves):
        name = list(found)[number % 2]
        time.sleep(PAUSE)
        begin = time.perf_counter()
        save(root / name, f"/* {number} */")
        await_event(client, b"change")
        found[name].append((time.perf_counter() - begin) * 1000)
    return found


def main(argv: Sequence[str]) -> int:
    """Measure and print; exit code 1 when the median is above what is to be reached."""
    parser = argparse.ArgumentParser(prog="benchmarks.reload", description=__doc__.split("\n")[0])
    parser.add_argument("--files", type=int, default=10_000, help="in the folder")
    parser.add_argument("--saves", type=int, default=40, help="that are timed")
    parser.add_argument("--rest", type=float, default=20.0, help="seconds to look at CPU for")
    parser.add_argument("--settle", type=float, default=SETTLING, help="seconds before that")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="h2static-reload-") as folder:
        root = Path(folder) / "www"
        make_files(root, options.files)
        words = ["--dev", "--no-tls", "--no-config", "-a", "127.0.0.1"]

        def command(port: int) -> list[str]:
            return [sys.executable, "-m", "h2static", *words, str(port), str(root)]

        with (
            peers.started("h2static", command, Path(folder)) as (process, port),
            listen(port) as client,
        ):
            await_event(client, b"hello")
            time.sleep(options.settle)
            before = peers.cpu_seconds(process.pid)
            time.sleep(options.rest)
            share = (peers.cpu_seconds(process.pid) - before) / options.rest
            found = latencies(root, client, options.saves)
    print(f"{options.files} files: {share:.2%} of a processor at rest")
    worst = 0.0
    for name, times in found.items():
        median = statistics.median(times)
        worst = max(worst, median)
        print(f"{name:<12} median {median:.0f} ms, {min(times):.0f} to {max(times):.0f}")
    return int(worst > LATENCY_MILLISECONDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
