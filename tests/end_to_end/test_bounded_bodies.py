"""A small request must not pin a large body: what a worker holds for clients that do not read.

Each case asks a real server for much on many streams whose windows are closed, and looks at how
much more memory the worker then takes.
"""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from h2static import h2
from tests.support.processes import DEADLINE, running

MIB = 1024 * 1024
CLOSED = h2.LocalSettings(initial_window_size=0)


def resident(pid: int) -> int:
    """Octets of memory that a process takes."""
    fields = Path(f"/proc/{pid}/statm").read_text().split()
    return int(fields[1]) * 4096


def get(path: str, *fields: tuple[bytes, bytes]) -> h2.Request:
    return h2.Request(
        method=b"GET",
        scheme=b"http",
        authority=b"127.0.0.1",
        path=path.encode(),
        fields=(*fields, (b"accept", b"text/html")),
    )


def ask(sock: socket.socket, connection: h2.Connection, requests: list[h2.Request]) -> set[int]:
    """Ask for everything, wait for every head, and read no content; the statuses."""
    waiting = {connection.request(one) for one in requests}
    statuses = set()
    while waiting:
        while octets := connection.octets_to_send():
            sock.sendall(octets)
        received = sock.recv(65_536)
        assert received, "the server has closed"
        for event in connection.receive(received):
            if isinstance(event, h2.ResponseReceived):
                waiting.discard(event.stream_id)
                statuses.add(event.status)
            assert not isinstance(event, h2.StreamEnded), event
    return statuses


def connections(
    port: int, count: int, stack: ExitStack
) -> Iterator[tuple[socket.socket, h2.Connection]]:
    """Connections on which no stream may send."""
    for _ in range(count):
        sock = stack.enter_context(socket.create_connection(("127.0.0.1", port), DEADLINE))
        connection = h2.Connection(h2.CLIENT, settings=CLOSED)
        sock.sendall(connection.octets_to_send())
        connection.receive(sock.recv(65_536))
        yield sock, connection


def growth(root: Path, options: list[str], asks: list[list[h2.Request]], expected: int) -> int:
    """How much a worker grows while it holds the responses to ``asks``, a list a connection."""
    with (
        running("-a", "127.0.0.1", "--no-tls", *options, "0", str(root)) as server,
        ExitStack() as stack,
    ):
        (worker,) = server.workers()
        warm = next(connections(server.port, 1, stack))
        assert ask(*warm, [get("/small.txt")]) == {200}
        before = resident(worker)
        for link, requests in zip(connections(server.port, len(asks), stack), asks, strict=True):
            assert ask(*link, requests) == {expected}
        return resident(worker) - before


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "small.txt").write_bytes(b"small")
    return tmp_path


pytestmark = pytest.mark.slow


def test_ranges_of_one_file(root: Path) -> None:
    (root / "file").write_bytes(random.Random(1).randbytes(1_000_000))
    asks = [
        [get("/file", (b"range", b"bytes=%d-" % (100 * number + offset))) for number in range(100)]
        for offset in range(4)
    ]
    assert growth(root, [], asks, 206) < 16 * MIB


def test_files_beyond_the_cache(root: Path) -> None:
    for number in range(120):
        (root / str(number)).write_bytes(random.Random(number).randbytes(900 * 1024))
    asks = [[get(f"/{number % 120}") for number in range(100)] for _ in range(5)]
    assert growth(root, [], asks, 200) < 80 * MIB


def test_a_page_of_dev_mode(root: Path) -> None:
    (root / "page.html").write_bytes(b"<!doctype html><p>" + b"x" * (8 * MIB))
    asks = [[get("/page.html") for _ in range(20)] for _ in range(2)]
    assert growth(root, ["--dev"], asks, 200) < 48 * MIB


def test_lists_of_a_large_folder(root: Path) -> None:
    folder = root / "many"
    folder.mkdir()
    for number in range(5_000):
        (folder / f"{number:05}.txt").touch()
    asks = [[get(f"/many/?{number}") for number in range(100)]]
    # Six threads read the folder at once, half a MiB each, and one forms the list; 5 to 6 in all.
    assert growth(root, ["--listing"], asks, 200) < 12 * MIB
