"""The pid file: whose it is, and what an earlier process left in it."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from h2static.errors import StartError
from h2static.process.pid_file import PidFile
from tests.support.processes import RunningServer, alive, run, running, wait_until


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "pid"


def serving(folder: Path, file: Path) -> contextlib.AbstractContextManager[RunningServer]:
    return running("--no-tls", "-a", "127.0.0.1", "--pid-file", str(file), "0", str(folder))


def test_it_lives_as_long_as_the_server(tmp_path: Path, file: Path) -> None:
    with serving(tmp_path, file) as server:
        assert file.read_text() == f"{server.pid}\n"
        second = run("--no-tls", "-a", "127.0.0.1", "--pid-file", str(file), "0", str(tmp_path))
        assert (second.returncode, second.stderr) == (
            1,
            f"h2static: {file}: process {server.pid} is already running\n",
        )
        assert file.read_text() == f"{server.pid}\n"
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
    assert not file.exists()


def test_the_number_may_be_another_programs_by_now(tmp_path: Path, file: Path) -> None:
    """As in a container, where the same few numbers come again at each start."""
    with subprocess.Popen(["sleep", "60"]) as other:
        try:
            file.write_text(f"{other.pid}\n")
            with serving(tmp_path, file) as server:
                assert file.read_text() == f"{server.pid}\n"
            assert not file.exists()
        finally:
            other.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_server_that_was_killed_is_in_nobodys_way(tmp_path: Path, file: Path) -> None:
    with serving(tmp_path, file) as first:
        workers = first.workers()
        first.signal(signal.SIGKILL)
        first.process.wait(10)
        assert file.read_text() == f"{first.pid}\n"
        # Its worker, which lives a moment longer, has not inherited the lock.
        with serving(tmp_path, file) as second:
            assert file.read_text() == f"{second.pid}\n"
        wait_until(lambda: not alive(workers), "the workers end")


@pytest.mark.parametrize("number", ["99999999999999999999", "0", "-1", "", "x", "1\n" * 1000])
def test_whatever_was_there_is_overwritten(file: Path, number: str) -> None:
    file.write_text(number)
    kept = PidFile(str(file))
    assert file.read_text() == f"{os.getpid()}\n"
    kept.remove()
    assert not file.exists()


def test_a_lock_without_a_number(file: Path) -> None:
    with file.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(StartError, match=r": another process is already running"):
            PidFile(str(file))
    PidFile(str(file)).remove()


def test_another_file_of_the_same_name_is_left_alone(file: Path) -> None:
    kept = PidFile(str(file))
    file.unlink()
    other = PidFile(str(file))
    kept.remove()
    assert file.read_text() == f"{os.getpid()}\n"
    other.remove()
    assert not file.exists()


def test_a_lock_on_a_file_that_was_removed_meanwhile_does_not_count(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one before removes its file between our opening it and our locking it."""
    taken: list[int] = []
    flock = fcntl.flock

    def removed_first(descriptor: int, operation: int) -> None:
        if not taken:
            file.unlink()
        taken.append(descriptor)
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", removed_first)
    kept = PidFile(str(file))
    assert len(taken) == 2
    assert file.read_text() == f"{os.getpid()}\n"
    kept.remove()


def test_a_file_system_without_locks(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    kept = PidFile(str(file))
    assert file.read_text() == f"{os.getpid()}\n"
    kept.remove()
    assert not file.exists()


@pytest.mark.parametrize("name", [os.devnull, "fifo", "folder"])
def test_only_a_regular_file_is_taken(tmp_path: Path, name: str) -> None:
    """It will be removed."""
    path = tmp_path / name
    if name == "fifo":
        os.mkfifo(path)
    elif name == "folder":
        path.mkdir()
    with pytest.raises(StartError, match=f"^cannot write {path}: "):
        PidFile(str(path))
    assert path.exists()
