"""The workers of one configuration: a reload starts a new generation next to the current one."""

from __future__ import annotations

from dataclasses import dataclass, field

from h2static.config import Config
from h2static.errors import StartError
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

    def new_warnings(self, slot: int, warnings: object) -> list[str]:
        """Record what the worker of ``slot`` reports; the result is what no worker has told yet.

        Every worker finds the same, and each warning should be reported once.
        """
        assert isinstance(warnings, list)
        told = {text for texts in self.warnings.values() for text in texts}
        self.warnings[slot] = warnings
        return [str(warning) for warning in warnings if warning not in told]

    def serving(self) -> bool:
        """Whether every slot has a worker that accepts connections."""
        return len(self.workers) == self.config.workers and all(
            worker.state is WorkerState.SERVING for worker in self.workers.values()
        )


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
