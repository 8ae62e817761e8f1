"""Servers that are started with standard streams closed, as some service managers do."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.polite_client import PoliteClient
from tests.support.processes import DEADLINE, command, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

#: What a shell writes to close a descriptor, by its number.
CLOSE = {0: "<&-", 1: ">&-", 2: "2>&-"}


@contextlib.contextmanager
def started(closed: tuple[int, ...], *words: str) -> Iterator[tuple[int, int]]:
    """A server without the standard descriptors ``closed``: process id and port."""
    ours, theirs = os.pipe()
    closing = " ".join(CLOSE[number] for number in closed)
    process = subprocess.Popen(
        ["sh", "-c", f'exec "$@" {closing}', "sh", *command("--ready-fd", str(theirs), *words)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        pass_fds=[theirs],
    )
    os.close(theirs)
    try:
        readable, _, _ = select.select([ours], [], [], DEADLINE)
        line = os.read(ours, 65536) if readable else b""
        assert line, "the server did not start"
        yield process.pid, json.loads(line)["port"]
        process.send_signal(signal.SIGTERM)
        assert process.wait(DEADLINE) == 0
    finally:
        os.close(ours)
        process.kill()
        process.communicate()


def children(process: int) -> list[int]:
    words = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [int(word) for word in words]


def descriptors(process: int) -> list[str]:
    """Where the standard descriptors of ``process`` lead."""
    return [os.readlink(f"/proc/{process}/fd/{number}") for number in range(3)]


def ask(port: int) -> None:
    client = PoliteClient(port, "/", requests=3)
    client.start()
    tally = client.join()
    assert (tally.answered, tally.statuses, tally.problems) == (3, {"200"}, [])


@pytest.mark.parametrize("closed", [(0,), (1,), (2,), (0, 1, 2)])
def test_a_server_without_standard_streams(tmp_path: Path, closed: tuple[int, ...]) -> None:
    (tmp_path / "index.html").write_text("t")
    words = ("--no-tls", "-v", "--access-log", "-a", "127.0.0.1", "0", str(tmp_path))
    with started(closed, *words) as (supervisor, port):
        (worker,) = children(supervisor)
        for process in (supervisor, worker):
            assert [descriptors(process)[number] for number in closed] == [os.devnull] * len(closed)
        # Something for the error log, which is standard error.
        with socket.create_connection(("127.0.0.1", port), DEADLINE) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n")
            assert client.recv(9000).startswith(b"HTTP/1.1 400 ")
        ask(port)
        # A successor gets what its predecessor had.
        os.kill(worker, signal.SIGKILL)
        wait_until(lambda: children(supervisor) not in ([], [worker]), "a successor")
        ask(port)
        (successor,) = children(supervisor)
        assert [descriptors(successor)[number] for number in closed] == [os.devnull] * len(closed)


def test_what_is_wrong_is_no_traceback_either(tmp_path: Path) -> None:
    """The exit code is all that is left."""
    words = command("--no-tls", "--port", "0", str(tmp_path))
    done = subprocess.run(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *words], check=False)
    assert done.returncode == 2


def test_a_descriptor_that_was_not_handed_over_is_not_to_be_ready_at(tmp_path: Path) -> None:
    words = command("--no-tls", "-a", "127.0.0.1", "--ready-fd", "1", "0", str(tmp_path))
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *words],
        stderr=subprocess.PIPE,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (1, "h2static: --ready-fd 1: Bad file descriptor\n")


def test_help_has_nowhere_to_go() -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&- >&-', "sh", *command("--help")],
        stderr=subprocess.PIPE,
        timeout=DEADLINE,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
