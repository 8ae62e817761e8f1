"""``h2static`` as a real process.

Promise: a server that :func:`running` starts listens on 127.0.0.1 at a port of its own and is gone
when the block ends, its workers too.  Nothing waits longer than :data:`DEADLINE`.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

#: Seconds for anything that a test waits for.  Only a failure takes so long, so that it is ample.
DEADLINE = 30.0


def wait_until(condition: Callable[[], bool], what: str, seconds: float = DEADLINE) -> None:
    """Return once ``condition`` holds; fail when it does not within ``seconds``."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s for: {what}"
        time.sleep(0.01)


@dataclass(slots=True, kw_only=True)
class RunningServer:
    """A server process that accepts connections."""

    process: subprocess.Popen[bytes]
    port: int
    #: Process id of the supervisor.
    pid: int
    urls: list[str]
    #: What the server wrote to standard error and to standard output.
    stderr_file: IO[bytes]
    stdout_file: IO[bytes]

    def stderr(self) -> str:
        """What the server has written to standard error so far."""
        return Path(self.stderr_file.name).read_text(errors="replace")

    def stdout(self) -> str:
        """What the server has written to standard output so far."""
        return Path(self.stdout_file.name).read_text(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the supervisor."""
        os.kill(self.pid, number)

    def wait(self, seconds: float = DEADLINE) -> int:
        """The exit code, once the process has ended; when it is not 0, shows what was written."""
        code = self.process.wait(seconds)
        if code:
            print(self.stderr())
        return code

    def wait_for_stderr(self, text: str, count: int = 1) -> None:
        """Wait until the server has written ``text`` to standard error ``count`` times."""
        try:
            wait_until(lambda: self.stderr().count(text) >= count, f"{text!r}")
        except AssertionError:
            print(self.stderr())
            raise

    def workers(self) -> list[int]:
        """The process ids of the workers."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(child) for child in children]

    def counters(self) -> list[dict[str, object]]:
        """What SIGUSR2 makes the server tell, by worker; a busy worker is asked again."""
        end = time.monotonic() + DEADLINE
        while True:
            workers = json.loads(self._ask_for_counters())["workers"]
            assert isinstance(workers, list)
            if all(worker["counters"] is not None for worker in workers):
                return workers
            assert time.monotonic() < end, f"a worker does not tell: {workers}"

    def _ask_for_counters(self) -> str:
        before = len(self._told())
        self.signal(signal.SIGUSR2)
        wait_until(lambda: len(self._told()) > before, "the counters")
        return self._told()[-1]

    def _told(self) -> list[str]:
        """The whole lines of counters so far."""
        lines = self.stderr().splitlines(keepends=True)
        return [line for line in lines if line.startswith('{"pid"') and line.endswith("\n")]


@contextlib.contextmanager
def running(
    *words: str,
    folder: Path | None = None,
    environment: dict[str, str] | None = None,
    program: Sequence[str] = (),
) -> Iterator[RunningServer]:
    """Run ``h2static`` with the given words; ``0`` as PORT makes sense.

    ``folder`` is the working folder; ``program`` what to run in place of ``python -m h2static``.
    """
    ours, theirs = os.pipe()
    with (
        tempfile.NamedTemporaryFile(prefix="stderr") as stderr,
        tempfile.NamedTemporaryFile(prefix="stdout") as stdout,
    ):
        process = subprocess.Popen(
            [*(program or command()), "--ready-fd", str(theirs), *words],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            pass_fds=[theirs],
            cwd=folder,
            env={**os.environ, **(environment or {})},
        )
        os.close(theirs)
        try:
            readable, _, _ = select.select([ours], [], [], DEADLINE)
            line = os.read(ours, 65536) if readable else b""
            assert line, f"the server did not start: {Path(stderr.name).read_text()}"
            ready = json.loads(line)
            yield RunningServer(
                process=process,
                port=ready["port"] or 0,
                pid=ready["pid"],
                urls=ready["urls"],
                stderr_file=stderr.file,
                stdout_file=stdout.file,
            )
        finally:
            os.close(ours)
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End ``process``: twice SIGTERM forces, and a supervisor that is killed takes its workers.

    The second time is waited for in patience: whoever is killed has not told what it ran.
    """
    for number, seconds in (
        (signal.SIGTERM, 0.5),
        (signal.SIGTERM, DEADLINE),
        (signal.SIGKILL, DEADLINE),
    ):
        if process.poll() is None:
            process.send_signal(number)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(seconds)
    process.wait(DEADLINE)


def command(*words: str) -> list[str]:
    """The command line of ``h2static``."""
    return [sys.executable, "-m", "h2static", *words]


def run(*words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``h2static`` to its end."""
    return subprocess.run(
        command(*words), capture_output=True, text=True, timeout=DEADLINE, cwd=folder, check=False
    )


def alive(processes: Sequence[int]) -> list[int]:
    """Those of ``processes`` that have not ended."""
    return [pid for pid in processes if _state(pid) not in ("", "Z")]


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def accepts(host: str, port: int) -> bool:
    """Whether somebody takes connections there."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), DEADLINE):
        return True
    return False
