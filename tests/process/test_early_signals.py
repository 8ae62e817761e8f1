"""Signals that come before anybody listens to them, to the command and to its workers.

Strategy: a start is held up where it reads a FIFO, so that nothing depends on when a signal comes.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from h2static.config import Config
from h2static.process.control_channel import Assignment, LineReader, Message, send_assignment
from h2static.process.early_signals import EarlySignals
from h2static.process.launching import SUPERVISORS_SIGNALS, launch
from h2static.server.listeners import open_listeners
from h2static.site.config import SiteConfig
from tests.support.processes import DEADLINE, alive, command, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    """A file whose reader waits until a test writes."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


@contextlib.contextmanager
def starting(folder: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A server in ``folder`` that begins to start; killed in the end."""
    with open(folder / "stderr", "wb") as stderr:
        process = subprocess.Popen(
            command("--no-tls", "-d", str(folder), *words, "0"),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(DEADLINE)


def children(process: subprocess.Popen[bytes]) -> list[int]:
    words = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(word) for word in words]


def written(file: Path) -> str:
    """What is in ``file``; nothing when there is none."""
    return file.read_text() if file.exists() else ""


class Collected:
    """What is written into a FIFO, without waiting for its end."""

    def __init__(self, reader: IO[bytes]) -> None:
        self._reader = reader
        self._octets = b""

    def wait_for(self, text: str) -> None:
        """Wait until ``text`` has come."""
        while text.encode() not in self._octets:
            assert select.select([self._reader], [], [], DEADLINE)[0], self._octets
            more = os.read(self._reader.fileno(), 65536)
            assert more, self._octets
            self._octets += more


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_start_is_given_up(tmp_path: Path, fifo: Path, number: signal.Signals) -> None:
    with starting(tmp_path, "--config", str(fifo)) as process:
        # Nobody ever writes: the start goes on to this point at most.
        wait_until(lambda: len(children(process)) == 1, "a worker that was launched in advance")
        (worker,) = children(process)
        process.send_signal(number)
        assert process.wait(DEADLINE) == 0
        wait_until(lambda: not alive([worker]), "the worker ends")
    assert (tmp_path / "stderr").read_text() == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_has_been_opened_is_closed(tmp_path: Path, fifo: Path, number: signal.Signals) -> None:
    """The start is held up between the opening of the sockets and the supervisor."""
    path, pid_file = tmp_path / "h2.sock", tmp_path / "pid"
    with starting(
        tmp_path, "-a", f"unix:{path}", "--pid-file", str(pid_file), "--error-log", str(fifo)
    ) as process:
        wait_until(lambda: written(pid_file) == f"{process.pid}\n", "it is about to open its log")
        assert path.exists()
        (worker,) = children(process)
        process.send_signal(number)
        with fifo.open("rb"):
            assert process.wait(DEADLINE) == 0
        wait_until(lambda: not alive([worker]), "the worker ends")
    assert not path.exists()
    assert not pid_file.exists()
    assert (tmp_path / "stderr").read_text() == ""


def test_what_came_too_early_is_done_later(tmp_path: Path, fifo: Path) -> None:
    pid_file = tmp_path / "pid"
    words = ("-a", "127.0.0.1", "--pid-file", str(pid_file), "--error-log", str(fifo))
    with starting(tmp_path, *words) as process:
        wait_until(lambda: written(pid_file) == f"{process.pid}\n", "it is about to open its log")
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            process.send_signal(number)
        with fifo.open("rb") as reader:
            said = Collected(reader)
            said.wait_for("[reload] reloaded")
            said.wait_for(f'{{"pid": {process.pid}, "workers": [')
            process.send_signal(signal.SIGTERM)
            assert process.wait(DEADLINE) == 0


def test_a_reload_that_came_too_early_and_a_stop(tmp_path: Path, fifo: Path) -> None:
    """Each is heard, in whatever order."""
    pid_file = tmp_path / "pid"
    words = ("--pid-file", str(pid_file), "--error-log", str(fifo))
    with starting(tmp_path, *words) as process:
        wait_until(lambda: written(pid_file) == f"{process.pid}\n", "it is about to open its log")
        for number in SUPERVISORS_SIGNALS:
            process.send_signal(number)
        with fifo.open("rb"):
            assert process.wait(DEADLINE) == 0


def test_a_request_to_stop_whose_exception_was_lost_is_remembered() -> None:
    """As in a callback of a weak reference: the interpreter prints the exception and goes on."""
    handler = signal.getsignal(signal.SIGTERM)
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    early = EarlySignals()
    try:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt):
            early.hold_all()
    finally:
        early.release()
    assert signal.getsignal(signal.SIGTERM) is handler
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == mask


def test_a_worker_hears_none_of_them(tmp_path: Path) -> None:
    """Neither while its interpreter starts nor when it has its own handlers."""
    launched = launch()
    try:
        for number in SUPERVISORS_SIGNALS:
            launched.process.send_signal(number)
        config = Config(
            site=SiteConfig(root=str(tmp_path)), port=0, addresses=("127.0.0.1",), no_tls=True
        )
        (listener,) = open_listeners(config, 1)
        send_assignment(launched.line, Assignment(config=config, slot=0), listener.sockets)
        assert next_message(launched.line)["type"] == Message.READY
        for number in SUPERVISORS_SIGNALS:
            launched.process.send_signal(number)
        with socket.create_connection(("127.0.0.1", listener.port or 0), DEADLINE) as sock:
            sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
            assert sock.recv(9)[3] == 4, "SETTINGS"
        assert launched.process.poll() is None
        listener.close()
    finally:
        launched.discard()


def next_message(line: socket.socket) -> dict[str, object]:
    """The next message of a worker."""
    reader = LineReader()
    line.setblocking(False)
    while not reader.ended:
        assert select.select([line], [], [], DEADLINE)[0], "the worker says nothing"
        for message in reader.read(line):
            return message
    raise AssertionError("the worker has ended")
