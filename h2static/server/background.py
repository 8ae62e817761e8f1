"""Blocking work, done in the pool's threads while links continue.

Contract: :class:`Background` takes deferred work from engines (jobs to do, reads to wait for), and
delivers each result in the loop's thread, to a link that may be closed by then.  The number of
concurrent jobs is limited.  Other jobs stay with their engine until its turn comes; links take
turns, so that canceled work is never started, and no client's jobs wait for all of another's.

Strategy: instead of a queue of work, a queue of links that have some.  Waiting work is thereby
limited by the number of open streams (CVE-2023-44487: requests that are reset immediately must not
leave work behind).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, Protocol, TypeAlias, TypeVar

from h2static.http.bodies import BodyReader
from h2static.http.exchange import Job, Outcome
from h2static.logs.errors import ErrorLog
from h2static.server.engine import Worked
from h2static.server.limits import DEFAULT_LIMITS
from h2static.server.pool import Pool

#: Delivers a result to an engine; the float is the time.
Result: TypeAlias = Callable[[Worked, float], None]


class Working(Protocol):
    """A link, whatever carries its octets."""

    @property
    def engine(self) -> Worked | None:
        """The engine; ``None``: the link is closed."""

    @property
    def peer(self) -> str:
        """The peer, for logs."""


L = TypeVar("L", bound=Working)

#: Length of the queue above which links without work are removed.
_MANY = 64


class Background(Generic[L]):
    """Takes work from links to threads and results back."""

    def __init__(
        self,
        pool: Pool,
        error_log: ErrorLog,
        bring: Callable[[L, Result], None],
        *,
        jobs: int = DEFAULT_LIMITS.jobs,
    ) -> None:
        """``bring`` has the link's engine take a result, if there still is one, and gives it a
        turn; ``jobs``: how many are done at once."""
        self._pool = pool
        self._error_log = error_log
        self._bring = bring
        self._jobs = jobs
        #: Links with jobs, in the order of their turns.
        self._row: OrderedDict[L, None] = OrderedDict()
        self._many = _MANY
        #: Jobs that threads work at.
        self._running = 0

    @property
    def waiting(self) -> tuple[L, ...]:
        """The number of queued links, some of which may have no work."""
        return tuple(self._row)

    def take(self, link: L, engine: Worked) -> None:
        """Start the deferred work of ``engine``, now or when it is the link's turn."""
        if engine.blocked:
            blocked = engine.blocked[:]
            engine.blocked.clear()
            for stream_id, reader in blocked:
                self._wait_for(link, stream_id, reader)
        if engine.jobs:
            self._line_up(link)
            self._begin()

    def _line_up(self, link: L) -> None:
        """Put ``link`` at the end of the row, unless it is there already."""
        if len(self._row) >= self._many:
            # Closed links, which would delay the turns of the others.
            self._row = OrderedDict.fromkeys(one for one in self._row if _wants(one))
            self._many = max(_MANY, 2 * len(self._row))
        self._row.setdefault(link)

    def _begin(self) -> None:
        """Start jobs, one for each link in turn, up to the limit."""
        while self._row and self._running < self._jobs:
            link, _ = self._row.popitem(last=False)
            engine = link.engine
            if engine is None or not engine.jobs:
                continue
            stream_id, job = engine.jobs.popleft()
            if engine.jobs:
                self._row[link] = None
            self._running += 1
            self._pool.submit(self._in_thread(link, stream_id, job))

    def _in_thread(self, link: L, stream_id: int, job: Job) -> Callable[[], None]:
        def run() -> None:
            try:
                outcome = job()
            except Exception as error:  # the client gets a response in any case
                text = f"{type(error).__name__}: {error}"
                self._pool.post(lambda: self._failed(link, stream_id, text))
            else:
                self._pool.post(lambda: self._done(link, stream_id, outcome))

        return run

    def _failed(self, link: L, stream_id: int, text: str) -> None:
        self._error_log.report("internal", link.peer, text)
        self._done(link, stream_id, None)

    def _done(self, link: L, stream_id: int, outcome: Outcome | None) -> None:
        self._running -= 1
        self._begin()
        self._bring(link, lambda engine, now: engine.finish_job(stream_id, outcome, now))

    def _wait_for(self, link: L, stream_id: int, reader: BodyReader) -> None:
        def unblock() -> None:
            self._bring(link, lambda engine, now: engine.unblock(stream_id, now))

        reader.wait(lambda: self._pool.post(unblock))


def _wants(link: Working) -> bool:
    """Whether ``link`` has a job that was not started."""
    return link.engine is not None and bool(link.engine.jobs)
