"""The counters of all workers, written on SIGUSR2.

Contract: one query at a time.  Each ends with one JSON line, after :data:`DEADLINE` at the latest;
a worker that has not answered by then is ``null``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence

from h2static.process.control_channel import Message
from h2static.process.workers import Worker

#: Seconds that workers have to report their counters.
DEADLINE = 1.0


class Counters:
    """Asks workers for their counters and writes the answers."""

    def __init__(
        self, write: Callable[[str], None], after: Callable[[float, Callable[[], None]], None]
    ) -> None:
        """``write`` takes the line; ``after`` schedules a call after some seconds."""
        self._write = write
        self._after = after
        #: The answers to the present question by process id, and who was asked; ``None``: there is
        #: no question.
        self._answers: dict[int, object] | None = None
        self._asked: Sequence[Worker] = ()
        #: Questions so far: an answer names its question, as it may come after the deadline.
        self._number = 0

    def ask(self, workers: Sequence[Worker]) -> None:
        """Ask ``workers``, unless a query is pending."""
        if self._answers is not None:
            return
        answers: dict[int, object] = {}
        self._answers, self._asked = answers, workers
        self._number += 1
        for worker in workers:
            worker.tell(Message.COUNTERS, number=self._number)

        def give_up() -> None:
            # The deadline of a question that was answered must not cut the next one short.
            if self._answers is answers:
                self._tell()

        self._after(DEADLINE, give_up)

    def take(self, worker: Worker, number: object, counters: object) -> None:
        """Take the answer of ``worker`` to question ``number``."""
        if self._answers is None or number != self._number:
            return
        self._answers[worker.process.pid] = counters
        if len(self._answers) == len(self._asked):
            self._tell()

    def _tell(self) -> None:
        assert self._answers is not None
        workers = [
            {
                "slot": worker.slot,
                "pid": worker.process.pid,
                "state": worker.state.name.lower(),
                "counters": self._answers.get(worker.process.pid),
            }
            for worker in self._asked
        ]
        self._answers = None
        self._write(json.dumps({"pid": os.getpid(), "workers": workers}))
