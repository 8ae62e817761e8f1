"""Running out of descriptors."""

from __future__ import annotations

import os
import resource
import socket
import sys
from pathlib import Path

import pytest

from tests.support.polite_client import PoliteClient
from tests.support.processes import RunningServer, running

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
            server.wait_for_stderr("accepting pauses: Too many open files")
            # Those that were accepted are served.
            clients[0].sendall(PREFACE)
            assert clients[0].recv(9)[3] == 4, "SETTINGS"
            # It tries again, and each time there is a line.
            server.wait_for_stderr("accepting pauses", count=3)
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
