"""Signals that come before anybody listens to them, to the command and to its workers.

Strategy: a start is held up where it opens a FIFO, so that nothing depends on when a signal comes.
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

import pytest

from h2static.config import Config
from h2static.process.control_channel import (
    Assignment,
    LineReader,
    Message,
    encode,
    send_assignment,
)
from h2static.process.early_signals import EarlySignals
from h2static.process.launching import SUPERVISORS_SIGNALS, launch
from h2static.server.listeners import open_listeners
from h2static.site.config import SiteConfig
from tests.support.processes import DEADLINE, alive, command, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

#: ``h2static`` that opens the file which the first word names only when somebody has opened the
#: FIFO of the second one: between the opening of the sockets and the supervisor, if that is a log.
_HELD_UP = """
import os, sys
from h2static.cli import main
file, fifo = sys.argv.pop(1), sys.argv.pop(1)
real = os.open
def held_up(path, *rest, **named):
    if path == file:
        os.close(real(fifo, os.O_RDONLY))
    return real(path, *rest, **named)
os.open = held_up
sys.exit(main())
"""


@pytest.fixture
def fifo(tmp_path: Path) -> Path:
    """A file whose reader waits until a test writes."""
    path = tmp_path / "fifo"
    os.mkfifo(path)
    return path


@contextlib.contextmanager
def starting(
    folder: Path, *words: str, program: tuple[str, ...] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A server in ``folder`` that begins to start; killed in the end."""
    arguments = ("--no-tls", "-d", str(folder), *words, "0")
    with open(folder / "stderr", "wb") as stderr:
        process = subprocess.Popen(
            command(*arguments) if program is None else [*program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait(DEADLINE)


@contextlib.contextmanager
def about_to_log(folder: Path, fifo: Path, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """A start that is about to open its log, ``folder / "log"``: it goes on once somebody opens
    ``fifo``."""
    log, pid_file = str(folder / "log"), folder / "pid"
    program = (sys.executable, "-c", _HELD_UP, log, str(fifo))
    options = ("--pid-file", str(pid_file), "--error-log", log)
    with starting(folder, *options, *words, program=program) as process:
        wait_until(lambda: written(pid_file) == f"{process.pid}\n", "it is about to open its log")
        yield process


def children(process: subprocess.Popen[bytes]) -> list[int]:
    words = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(word) for word in words]


def written(file: Path) -> str:
    """What is in ``file``; nothing when there is none."""
    return file.read_text() if file.exists() else ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_start_is_given_up(tmp_path: Path, fifo: Path, number: signal.Signals) -> None:
    config = tmp_path / "h2static.toml"
    config.write_text("")
    # Nobody ever writes: the start goes on to its configuration at most.
    program = (sys.executable, "-c", _HELD_UP, str(config), str(fifo))
    with starting(tmp_path, "--config", str(config), program=program) as process:
        wait_until(lambda: len(children(process)) == 1, "a worker that was launched in advance")
        (worker,) = children(process)
        process.send_signal(number)
        assert process.wait(DEADLINE) == 0
        wait_until(lambda: not alive([worker]), "the worker ends")
    assert (tmp_path / "stderr").read_text() == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_to_stop_while_a_data_class_is_made(
    tmp_path: Path, number: signal.Signals
) -> None:
    """Its methods are code from a string, at whose end by ``KeyboardInterrupt`` the interpreter
    decides to end by SIGINT."""
    code = f"import os, time; os.kill(os.getpid(), {number}); time.sleep({DEADLINE})"
    (tmp_path / "starting.py").write_text(
        "import sys\n"
        "from h2static.process.early_signals import EarlySignals\n"
        "signals = EarlySignals()\n"
        "try:\n"
        f"    exec({code!r})\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(3)\n"
    )
    # As modules are run, like h2static itself.
    words = (sys.executable, "-m", "starting")
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, check=False, timeout=DEADLINE)
    assert (done.returncode, done.stderr) == (3, b"")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_has_been_opened_is_closed(tmp_path: Path, fifo: Path, number: signal.Signals) -> None:
    """The start is held up between the opening of the sockets and the supervisor."""
    path = tmp_path / "h2.sock"
    with about_to_log(tmp_path, fifo, "-a", f"unix:{path}") as process:
        assert path.exists()
        (worker,) = children(process)
        process.send_signal(number)
        with fifo.open("wb"):
            assert process.wait(DEADLINE) == 0
        wait_until(lambda: not alive([worker]), "the worker ends")
    assert not path.exists()
    assert not (tmp_path / "pid").exists()
    assert (tmp_path / "stderr").read_text() == ""


def test_what_came_too_early_is_done_later(tmp_path: Path, fifo: Path) -> None:
    log = tmp_path / "log"
    with about_to_log(tmp_path, fifo, "-a", "127.0.0.1") as process:
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2):
            process.send_signal(number)
        with fifo.open("wb"):
            wait_until(lambda: "[reload] reloaded" in written(log), "the reload")
            counters = f'{{"pid": {process.pid}, "workers": ['
            wait_until(lambda: counters in written(log), "the counters")
            process.send_signal(signal.SIGTERM)
            assert process.wait(DEADLINE) == 0


def test_a_reload_that_came_too_early_and_a_stop(tmp_path: Path, fifo: Path) -> None:
    """Each is heard, in whatever order."""
    with about_to_log(tmp_path, fifo) as process:
        for number in SUPERVISORS_SIGNALS:
            process.send_signal(number)
        with fifo.open("wb"):
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
        assert next_message(launched.line)["type"] == Message.PREPARED
        launched.line.send(encode(Message.ACCEPT))
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
