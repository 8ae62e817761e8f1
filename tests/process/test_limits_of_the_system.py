"""Running out of descriptors, and what many connections take of memory."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import sys
from pathlib import Path

import pytest

from tests.support.polite_client import PoliteClient
from tests.support.processes import DEADLINE, RunningServer, running

pytestmark = pytest.mark.skipif(
    not hasattr(resource, "prlimit") or sys.platform != "linux",
    reason="changes the limits of another process",
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"


def test_accepting_pauses_without_descriptors_and_recovers(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("t")
    with running("--no-tls", "-a", "127.0.0.1", "0", str(tmp_path)) as server:
        (worker,) = server.workers()
        ask(server, 1)
        in_use = len(os.listdir(f"/proc/{worker}/fd"))
        resource.prlimit(worker, resource.RLIMIT_NOFILE, (in_use + 8, in_use + 8))
        clients = [socket.create_connection(("127.0.0.1", server.port), 10) for _ in range(40)]
        try:
            server.wait_for_stderr("pausing accept: Too many open files")
            # Those that were accepted are served.
            clients[0].sendall(PREFACE)
            assert clients[0].recv(9)[3] == 4, "SETTINGS"
            # It tries again, and each time there is a line.
            server.wait_for_stderr("pausing accept", count=3)
        finally:
            for client in clients:
                client.close()
        ask(server, 20)
        assert server.workers() == [worker]


def ask(server: RunningServer, count: int) -> None:
    client = PoliteClient(server.port, "/", requests=count)
    client.start()
    tally = client.join()
    assert (tally.answered, tally.statuses, tally.problems) == (count, {"200"}, [])


#: What a connection without a request may take; measured: 8 KiB.
IDLE_CONNECTION = 64 * 1024


def test_a_thousand_idle_connections_take_little_memory(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("t")
    with (
        running("--no-tls", "-a", "127.0.0.1", "0", str(tmp_path)) as server,
        contextlib.ExitStack() as stack,
    ):
        (worker,) = server.workers()
        ask(server, 20)
        before = proportional_set(worker)
        for _ in range(1_000):
            address = ("127.0.0.1", server.port)
            client = stack.enter_context(socket.create_connection(address, DEADLINE))
            client.sendall(PREFACE)
            assert client.recv(9)[3] == 4, "SETTINGS"
        assert proportional_set(worker) - before < 1_000 * IDLE_CONNECTION
        ask(server, 20)


def proportional_set(process: int) -> int:
    """Octets of memory, those that are shared divided by who shares them."""
    for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the system does not tell")
