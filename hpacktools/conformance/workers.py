"""Running tasks in several processes that end together.

Contract: however the block of :class:`Workers` is left - all is done, Ctrl-C, an error -, no worker
and no command of a worker is running a moment later.  Workers leave it to this process to answer
the keyboard, which sends its signals to all of them at once; without this process they end after
the task that they are at.
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

#: Time that workers have to end their commands and themselves, all together, in seconds.
_GRACE: Final = 0.5


class WorkerError(Exception):
    """A worker has died; the text says how."""


class Workers:
    """Processes that each run one task at a time."""

    def __init__(self, count: int, *, co_process: bool = False) -> None:
        """``co_process``: commands are started once by each worker, and answer line by line."""
        self._count = count
        self._co_process = co_process
        self._processes: dict[Connection, BaseProcess] = {}

    def __enter__(self) -> Workers:
        # Spawned: the same on every platform, and nothing of this process is inherited.
        context = multiprocessing.get_context("spawn")
        # It is started with the first process otherwise, and lets signals through that must wait.
        resource_tracker.ensure_running()
        # The mask is inherited: before a worker is prepared for Ctrl-C it must not be hit by it.
        with uninterrupted():
            for _ in range(self._count):
                ours, theirs = context.Pipe()
                process = context.Process(
                    target=_work, args=(theirs, self._co_process), daemon=True
                )
                process.start()
                theirs.close()
                self._processes[ours] = process
        return self

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
        """Run ``tasks``, begun in ``order``; yields the number of a task with its outcome as soon
        as it is there.  Raises :class:`WorkerError`."""
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
        """Give the next task, if there is one, to the worker behind ``connection``."""
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
        return WorkerError(f"{task.story}: a worker ended with exit code {process.exitcode}")


def _work(connection: Connection, co_process: bool) -> None:
    """What a worker does: tasks in, outcomes out."""
    # Not ignored: commands would inherit that.
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
                # Nobody is there any more who wants to know.
                return


def _leave_to_the_others(number: int, frame: FrameType | None) -> None:
    """Ctrl-C: whoever has started the workers ends them."""


def leave(number: int, frame: FrameType | None) -> None:
    """Answer a signal by leaving every block in order, with the exit code of a shell's."""
    raise SystemExit(128 + number)
