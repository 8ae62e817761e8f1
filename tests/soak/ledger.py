"""What became of every request of well-behaved clients.

Promise: a request is answered, asked again where the protocol says that it was not processed, or
lost.  A loss is excused only where its connection belonged to a worker that was killed, at the time
when that happened.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from dataclasses import dataclass, field

#: Losses and wrong answers that are shown in words; all are counted.
SHOWN = 20


@dataclass(slots=True, kw_only=True, frozen=True)
class Line:
    """A connection of a client."""

    kind: str
    #: Ports of the server and of the client.
    server: int
    client: int
    #: Monotonic seconds.
    opened: float


@dataclass(slots=True, kw_only=True, frozen=True)
class Loss:
    """Requests that were accepted, or might have been, and not answered."""

    line: Line
    when: float
    count: int
    reason: str


@dataclass(slots=True, kw_only=True, frozen=True)
class Kill:
    """A worker that was killed, with the clients it had."""

    server: int
    clients: frozenset[int]
    when: float

    def excuses(self, loss: Loss) -> bool:
        """Whether the loss comes of it."""
        line = loss.line
        return (
            line.server == self.server
            and line.client in self.clients
            and line.opened <= self.when <= loss.when
        )


@dataclass(slots=True, kw_only=True)
class Ledger:
    """Counts by kind of traffic; threads may write at the same time."""

    answered: Counter[str] = field(default_factory=Counter)
    again: Counter[str] = field(default_factory=Counter)
    #: What hostile clients did.
    nuisances: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    wrong_words: list[str] = field(default_factory=list)
    losses: list[Loss] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, kind: str, problem: str | None) -> None:
        """A whole answer came; ``problem``: it is not the right one."""
        with self._lock:
            self.answered[kind] += 1
            if problem is not None:
                self.wrong[kind] += 1
                if len(self.wrong_words) < SHOWN:
                    self.wrong_words.append(f"{kind}: {problem}")

    def ask_again(self, kind: str, count: int = 1) -> None:
        """Requests were not processed, and are made again."""
        with self._lock:
            self.again[kind] += count

    def lose(self, line: Line, count: int, reason: str) -> None:
        """Requests on a connection are not answered."""
        with self._lock:
            loss = Loss(line=line, when=time.monotonic(), count=count, reason=reason)
            self.losses.append(loss)

    def disturb(self, what: str) -> None:
        """A hostile client did its worst once."""
        with self._lock:
            self.nuisances[what] += 1

    def kill(self, server: int, clients: frozenset[int]) -> None:
        """A worker with these clients is about to be killed."""
        with self._lock:
            self.kills.append(Kill(server=server, clients=clients, when=time.monotonic()))

    def broken(self) -> Counter[str]:
        """Losses that kills excuse, by kind."""
        return self._sum(excused=True)

    def lost(self) -> Counter[str]:
        """Losses without excuse, by kind."""
        return self._sum(excused=False)

    def lost_words(self) -> list[str]:
        """Those in words."""
        return [
            f"{loss.line.kind}: {loss.count} after {loss.when - loss.line.opened:.1f} s, "
            f"port {loss.line.client}: {loss.reason}"
            for loss in self.losses
            if not self._is_excused(loss)
        ][:SHOWN]

    def _sum(self, *, excused: bool) -> Counter[str]:
        total: Counter[str] = Counter()
        for loss in self.losses:
            if self._is_excused(loss) == excused:
                total[loss.line.kind] += loss.count
        return total

    def _is_excused(self, loss: Loss) -> bool:
        return any(kill.excuses(loss) for kill in self.kills)
