"""Counters of all workers, asked for and written as one line.

Contract: one question at a time; it is answered when every worker has told, or after
:data:`COUNTERS_DEADLINE`, for which whoever owns the clock calls :meth:`Counting.give_up`'s action.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence

from h2static.logs.errors import ErrorLog
from h2static.process.control_channel import Message
from h2static.process.workers import Worker

#: Seconds that workers have to tell their counters.
COUNTERS_DEADLINE = 1.0


class Counting:
    """See the module."""

    def __init__(self, log: ErrorLog) -> None:
        #: Where the line is written.
        self.log = log
        self._told: dict[int, object] | None = None
        self._asked: Sequence[Worker] = ()

    def ask(self, workers: Sequence[Worker]) -> bool:
        """Ask ``workers``; false: the last question is not answered yet."""
        if self._told is not None:
            return False
        self._told = {}
        self._asked = workers
        for worker in workers:
            worker.tell(Message.COUNTERS)
        return True

    def give_up(self) -> Callable[[], None]:
        """What to do when the present question has waited long enough."""
        asked = self._told

        def give_up() -> None:
            # The deadline of a question that was answered must not cut the next one short.
            if self._told is asked:
                self._write()

        return give_up

    def take(self, worker: Worker, counters: object) -> None:
        """``worker`` has told."""
        if self._told is None:
            return
        self._told[worker.process.pid] = counters
        if len(self._told) == len(self._asked):
            self._write()

    def _write(self) -> None:
        """Write one JSON line; a worker that did not answer in time shows as ``null``."""
        if self._told is None:
            return
        workers = [
            {
                "slot": worker.slot,
                "pid": worker.process.pid,
                "state": worker.state.name.lower(),
                "counters": self._told.get(worker.process.pid),
            }
            for worker in self._asked
        ]
        self._told = None
        self.log.write_line(json.dumps({"pid": os.getpid(), "workers": workers}))
