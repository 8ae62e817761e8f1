"""The end of a reload: workers of one configuration leave the sockets to those of another.

Contract: a reload is reported, as done or as failed, once every new connection gets the
configuration that stays.  Workers say when they have stopped accepting; one that is too busy to say
so is waited for :data:`DEADLINE` seconds at most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from h2static.process.workers import Worker

#: Seconds that dropped workers have to stop accepting before a reload is reported: an application
#: may block the event loop of one for longer.
DEADLINE = 2.0


class Handover:
    """Waits for workers to leave; one reload at a time."""

    def __init__(
        self,
        after: Callable[[float, Callable[[], None]], None],
        on_end: Callable[[], None],
    ) -> None:
        """``after`` schedules a call after some seconds; ``on_end`` follows each report."""
        self._after = after
        self._on_end = on_end
        self._leaving: set[Worker] = set()
        self._report: Callable[[], None] | None = None

    @property
    def pending(self) -> bool:
        """Whether a reload is about to be reported."""
        return self._report is not None

    def begin(self, dropped: Iterable[Worker], report: Callable[[], None]) -> None:
        """Call ``report`` once none of the ``dropped`` workers accepts connections."""
        leaving = self._leaving = {worker for worker in dropped if worker.accepts}
        self._report = report
        if leaving:
            self._after(DEADLINE, lambda: self._conclude(leaving))
        else:
            self._conclude(leaving)

    def note_left(self, worker: Worker) -> None:
        """``worker`` accepts no more connections, or is dead."""
        if worker in self._leaving:
            self._leaving.remove(worker)
            if not self._leaving:
                self._conclude(self._leaving)

    def cancel(self) -> None:
        """Report nothing: the server stops."""
        self._report = None

    def _conclude(self, leaving: set[Worker]) -> None:
        # The deadline of a handover that has ended must not end the next one.
        if self._report is None or leaving is not self._leaving:
            return
        report, self._report, self._leaving = self._report, None, set()
        report()
        self._on_end()
