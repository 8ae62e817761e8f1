"""Running tasks in several processes that end together.

Contract: however the block of :class:`Workers` is left (done, Ctrl-C, an error), no worker and no
command of a worker is running a moment later.  The keyboard's signals reach all processes; workers
leave the reaction to this process.  If this process is gone, they end after their current task.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Iterator, Sequence
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from types import FrameType
from typing import Final

from .command import ENDING_SIGNALS, uninterrupted
from .external import Commands
from .results import Outcome
from .suites import execute
from .task import Task

#: Time in which all workers must end their commands and exit, in seconds.
_GRACE: Final = 0.5


class WorkerError(Exception):
    """A worker died; the message says how."""


class Workers:
    """Processes that each run one task at a time."""

    def __init__(self, count: int, *, co_process: bool = False) -> None:
        """``co_process``: each worker starts a command once; it answers line by line."""
        self._count = count
        self._co_process = co_process
        self._processes: dict[Connection, BaseProcess] = {}

    def __enter__(self) -> Workers:
        try:
            self._start()
        except BaseException:
            # Ctrl-C came meanwhile: the block is not entered, and therefore not left.
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        # Spawned: the same on every platform, and nothing is inherited from this process.
        context = multiprocessing.get_context("spawn")
        # Otherwise the first process starts it, which unblocks signals that must stay blocked.
        resource_tracker.ensure_running()
        # The mask is inherited: Ctrl-C must not reach a worker before it is ready for it.
        with uninterrupted():
            for _ in range(self._count):
                ours, theirs = context.Pipe()
                process = context.Process(
                    target=_work, args=(theirs, self._co_process), daemon=True
                )
                process.start()
                theirs.close()
                self._processes[ours] = process

    def __exit__(self, *_: object) -> None:
        with uninterrupted():
            for process in self._processes.values():
                process.terminate()
            deadline = time.monotonic() + _GRACE
            for connection, process in self._processes.items():
                process.join(max(0.0, deadline - time.monotonic()))
                if process.is_alive():
                    process.kill()
                    process.join()
                connection.close()

    def run(self, tasks: Sequence[Task], order: Sequence[int]) -> Iterator[tuple[int, Outcome]]:
        """Run ``tasks``, started in ``order``; yields each task's number with its outcome as soon
        as it arrives.  Raises :class:`WorkerError`."""
        waiting = iter(order)
        running: dict[Connection, int] = {}
        for connection in self._processes:
            self._give(connection, tasks, waiting, running)
        while running:
            for ready in wait(list(running)):
                assert isinstance(ready, Connection)
                number = running.pop(ready)
                try:
                    outcome: Outcome = ready.recv()
                except (EOFError, ConnectionError):
                    raise self._died(ready, tasks[number]) from None
                self._give(ready, tasks, waiting, running)
                yield number, outcome

    def _give(
        self,
        connection: Connection,
        tasks: Sequence[Task],
        waiting: Iterator[int],
        running: dict[Connection, int],
    ) -> None:
        """Send the next task, if there is one, to the worker behind ``connection``."""
        number = next(waiting, None)
        if number is None:
            return
        try:
            connection.send(tasks[number])
        except ConnectionError:
            raise self._died(connection, tasks[number]) from None
        running[connection] = number

    def _died(self, connection: Connection, task: Task) -> WorkerError:
        process = self._processes[connection]
        process.join(_GRACE)
        return WorkerError(f"{task.story}: worker died with exit code {process.exitcode}")


def _work(connection: Connection, co_process: bool) -> None:
    """A worker's main loop: tasks in, outcomes out."""
    # Not ignored: commands would inherit an ignored signal.
    signal.signal(signal.SIGINT, _leave_to_the_others)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING_SIGNALS)
    with Commands(co_process=co_process) as commands:
        while True:
            try:
                task: Task = connection.recv()
                connection.send(execute(task, commands))
            except (EOFError, ConnectionError):
                # The parent process is gone.
                return


def _leave_to_the_others(number: int, frame: FrameType | None) -> None:
    """Handle Ctrl-C by doing nothing: the process that started the workers ends them."""


def leave(number: int, frame: FrameType | None) -> None:
    """Handle a signal by leaving every block cleanly, with the exit code a shell would report."""
    raise SystemExit(128 + number)
