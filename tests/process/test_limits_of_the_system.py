"""Running out of descriptors."""

from __future__ import annotations

import os
import resource
import socket
import sys
import time
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
            # Waiting costs next to nothing, and one line now and then.
            before, lines = processor_time(worker), server.stderr().count("accepting pauses")
            time.sleep(1)
            assert processor_time(worker) - before < 0.3
            assert server.stderr().count("accepting pauses") - lines <= 10
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


def processor_time(pid: int) -> float:
    """Seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
