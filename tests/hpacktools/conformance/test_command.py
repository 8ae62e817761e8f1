"""Commands: what they write, what they must not, and what is left of them."""

from __future__ import annotations

import multiprocessing
import os
import select
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from multiprocessing.context import SpawnProcess
from pathlib import Path

import pytest

from hpacktools.conformance import command
from hpacktools.conformance.command import CommandError, Finished, run_command
from hpacktools.conformance.workers import Workers
from tests.hpacktools.cli.test_processes import command as tool
from tests.hpacktools.conformance.running import conformance
from tests.support.stories import VECTORS

#: A command that takes longer than this is broken.
DEADLINE = 30.0


class Witness:
    """A FIFO that commands hold open: it tells of their beginning and of the end of the last."""

    def __init__(self, path: Path) -> None:
        os.mkfifo(path)
        self._descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        #: A command with a child, which tells that it is there and does not end.
        self.endless = f"sh -c 'exec 3>{path}; sleep 300 & echo started >&3; wait'"

    def read(self) -> bytes:
        """What a command writes next; nothing when none is left."""
        assert select.select([self._descriptor], [], [], DEADLINE)[0]
        return os.read(self._descriptor, 4096)

    def wait_for_the_end(self) -> None:
        while self.read():
            pass

    def close(self) -> None:
        os.close(self._descriptor)


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Witness]:
    witness = Witness(tmp_path / "fifo")
    yield witness
    witness.close()


def shell(text: str, octets: bytes = b"", timeout: float = DEADLINE) -> Finished:
    return run_command(["sh", "-c", text], octets, timeout=timeout)


class TestRunCommand:
    def test_outputs_and_code(self) -> None:
        assert shell("echo out; echo err >&2; exit 3") == Finished(
            code=3, output=b"out\n", errors=b"err\n"
        )
        assert shell("kill -9 $$").code == -signal.SIGKILL

    def test_more_than_the_pipes_hold(self) -> None:
        octets = bytes(range(256)) * 8192
        assert run_command(["cat"], octets) == Finished(code=0, output=octets, errors=b"")

    def test_input_that_nobody_reads(self) -> None:
        assert run_command(["true"], b"x" * 2**20).code == 0

    def test_a_command_sees_signals_as_if_it_were_started_by_a_shell(self) -> None:
        code = "import signal; print(signal.pthread_sigmask(signal.SIG_BLOCK, []))"
        assert run_command([sys.executable, "-c", code], b"").output == b"set()\n"

    @pytest.mark.parametrize("where", ["", ">&2"])
    def test_output_without_an_end(self, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
        monkeypatch.setattr(command, "OUTPUT_LIMIT", 2**20)
        with pytest.raises(CommandError, match="more than 1 MiB of output"):
            shell(f"yes {where}")

    @pytest.mark.parametrize("outputs", ["", "exec >&- 2>&-;"])
    def test_no_end_in_time(self, witness: Witness, outputs: str) -> None:
        """Its children do not survive it."""
        words = shlex.split(witness.endless)
        words[-1] = outputs + words[-1]
        with pytest.raises(CommandError, match="no answer within 1 s"):
            run_command(words, b"", timeout=1)
        witness.wait_for_the_end()


def vector_folder(folder: Path) -> Path:
    """Vectors enough for two processes."""
    (folder / "unusual").mkdir(parents=True)
    for name in ("u01_empty_block", "u11_empty_name"):
        story = VECTORS / "unusual" / f"{name}.json"
        (folder / "unusual" / story.name).write_bytes(story.read_bytes())
    return folder


def test_a_decoder_whose_output_does_not_end_fails(tmp_path: Path) -> None:
    result = conformance("negative", vector_folder(tmp_path / "v"), "--decoder", "yes")
    assert result.code == 1
    assert "u11_empty_name.json (2 stories): more than 64 MiB of output\n" in result.out
    assert "0 of 2 stories accepted as required" in result.out


def start(*arguments: str | Path, **environment: str) -> subprocess.Popen[bytes]:
    """hpack-conformance as a terminal starts it: a process group with nobody else in it."""
    return subprocess.Popen(
        [*tool("conformance"), *map(str, arguments)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | environment,
        start_new_session=True,
    )


def end_of(running: subprocess.Popen[bytes]) -> tuple[int, bytes]:
    """The exit code and what was written to standard error."""
    with running:
        try:
            _, errors = running.communicate(timeout=DEADLINE)
        finally:
            running.kill()
    return running.returncode, errors


class TestInterruption:
    @pytest.mark.parametrize("jobs", ["1", "2"])
    @pytest.mark.parametrize("times", [1, 2, 5])
    def test_ctrl_c_ends_everything(
        self, witness: Witness, tmp_path: Path, jobs: str, times: int
    ) -> None:
        vectors = vector_folder(tmp_path / "v")
        running = start("negative", vectors, "--jobs", jobs, "--decoder", witness.endless)
        assert witness.read()
        for _ in range(times):
            os.killpg(running.pid, signal.SIGINT)
        assert end_of(running) == (130, b"")
        witness.wait_for_the_end()

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
    @pytest.mark.parametrize("jobs", ["1", "2"])
    def test_other_signals_leave_nothing_behind(
        self, witness: Witness, tmp_path: Path, jobs: str, number: int
    ) -> None:
        vectors = vector_folder(tmp_path / "v")
        running = start("negative", vectors, "--jobs", jobs, "--decoder", witness.endless)
        assert witness.read()
        running.send_signal(number)
        assert end_of(running) == (128 + number, b"")
        witness.wait_for_the_end()

    def test_ctrl_c_while_workers_are_starting(self, tmp_path: Path) -> None:
        """They are held where they import their first module, and must not see it there."""
        witness = Witness(tmp_path / "fifo")
        (tmp_path / "sitecustomize.py").write_text(
            "import signal, sys, threading\n"
            "if '--multiprocessing-fork' in sys.orig_argv:\n"
            "    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])\n"
            f"    open({str(tmp_path / 'fifo')!r}, 'w').write(str(mask))\n"
            "    threading.Event().wait(300)\n"
        )
        running = start(
            "negative", vector_folder(tmp_path / "v"), "--jobs", "2", PYTHONPATH=str(tmp_path)
        )
        assert b"SIGINT" in witness.read()
        os.killpg(running.pid, signal.SIGINT)
        assert end_of(running) == (130, b"")
        witness.close()

    def test_ctrl_c_while_the_second_worker_is_being_started(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It is told when both are there, and none is left."""
        start_one = SpawnProcess.start

        def start_and_interrupt(process: SpawnProcess) -> None:
            start_one(process)
            # The process of the command has no other thread to which it could come.
            signal.pthread_kill(threading.get_ident(), signal.SIGINT)

        monkeypatch.setattr(SpawnProcess, "start", start_and_interrupt)
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            with pytest.raises(KeyboardInterrupt), Workers(2):
                pytest.fail("the block is entered")
        finally:
            signal.signal(signal.SIGINT, before)
        assert not multiprocessing.active_children()

    def test_a_worker_that_dies_is_one_line(self, tmp_path: Path) -> None:
        decoder = "sh -c 'kill -9 $PPID'"
        vectors = vector_folder(tmp_path / "v")
        code, errors = end_of(start("negative", vectors, "--jobs", "2", "--decoder", decoder))
        assert code == 2
        (line,) = errors.decode().splitlines()
        assert line.startswith("hpack-conformance: unusual/u")
        assert line.endswith(".json: worker died with exit code -9")
