"""The workers of one configuration: a reload starts a new generation next to the current one."""

from __future__ import annotations

from dataclasses import dataclass, field

from h2static.config import Config
from h2static.errors import StartError
from h2static.logs.errors import ErrorLog
from h2static.process.workers import Worker, WorkerState


@dataclass(slots=True, kw_only=True, eq=False)
class Generation:
    """The workers of one configuration."""

    config: Config
    #: By slot.
    workers: dict[int, Worker] = field(default_factory=dict)
    #: Warnings about the site, as last reported by the worker of each slot.
    warnings: dict[int, list[str]] = field(default_factory=dict)
    #: Why its applications could not start; workers show it until they are repaired.
    failure: str = ""

    def note_warnings(self, slot: int, warnings: object, log: ErrorLog) -> None:
        """Report what the worker of ``slot`` found: each warning once, although all find it."""
        assert isinstance(warnings, list)
        told = {text for texts in self.warnings.values() for text in texts}
        self.warnings[slot] = warnings
        for warning in warnings:
            if warning not in told:
                log.report("site", "", str(warning))

    def prepared(self) -> bool:
        """Whether every slot has a worker that accepts connections, or waits to do so."""
        return len(self.workers) == self.config.workers and all(
            worker.state in (WorkerState.PREPARED, WorkerState.SERVING)
            for worker in self.workers.values()
        )

    def serving(self) -> bool:
        """Whether every slot has a worker that accepts connections."""
        return len(self.workers) == self.config.workers and all(
            worker.state is WorkerState.SERVING for worker in self.workers.values()
        )

    def drop(self) -> list[Worker]:
        """End the generation, so that timers no longer find its workers.  Returns these."""
        dropped = [*self.workers.values()]
        self.workers.clear()
        return dropped


def check_reload(old: Config, new: Config) -> None:
    """Refuse what a reload cannot change: it would have to close sockets.

    Raises :class:`~h2static.errors.StartError`.
    """
    for name in ("port", "addresses", "daemon", "pid_file", "http3_only"):
        if getattr(old, name) != getattr(new, name):
            raise StartError(f"a reload cannot change {name}: restart the server")
    if [(one.port, one.addresses) for one in old.listening] != [
        (one.port, one.addresses) for one in new.listening
    ]:
        raise StartError("a reload cannot change where to listen: restart the server")
