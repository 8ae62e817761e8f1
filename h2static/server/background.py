"""Work that would block, done in the pool's threads for links that go on meanwhile.

Contract: :class:`Background` takes what a protocol has put off (answers to be worked out, readings
to be waited for), and brings each result back in the loop's thread, to a link that may be gone by
then.  At most :data:`~h2static.server.pool.ANSWERS` answers are worked out at once.  Others stay
with their protocol until their turn comes, and links have turns one after the other: what nobody
waits for any more is not begun, and no client's answers wait for all of another's.

Strategy: no queue of work, but a row of links that have some.  What waits is thereby bounded by the
streams that are open (CVE-2023-44487: requests that are reset at once must not leave work behind).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from h2static.http.messages import Application, BodyReader, Deferred, Response
from h2static.logs.errors import ErrorLog
from h2static.server.engine import Engine
from h2static.server.link import Link
from h2static.server.pool import ANSWERS, Pool

#: Links in the row from which on those that want nothing any more are looked for.
_MANY = 64


class Background:
    """Takes work from links to threads and results back."""

    def __init__(
        self,
        pool: Pool,
        application: Application,
        error_log: ErrorLog,
        *,
        clock: Callable[[], float],
        guarded: Callable[[Link, Callable[[Link], None]], None],
        ready: Callable[[Link], None],
    ) -> None:
        """``guarded`` runs an action so that whatever happens stays with its link; ``ready`` is
        called with a link that has something new to do."""
        self._pool = pool
        self._application = application
        self._error_log = error_log
        self._clock = clock
        self._guarded = guarded
        self._ready = ready
        #: Links with answers to be worked out, in the order of their turns.
        self._row: OrderedDict[Link, None] = OrderedDict()
        self._many = _MANY
        #: Answers that threads work at.
        self._running = 0

    def take(self, link: Link, protocol: Engine) -> None:
        """Start what ``protocol`` has put off, now or when it is the link's turn."""
        blocked = protocol.blocked[:]
        protocol.blocked.clear()
        for stream_id, reader in blocked:
            self._wait_for(link, stream_id, reader)
        if protocol.deferred:
            self._line_up(link)
            self._begin()

    def _line_up(self, link: Link) -> None:
        """Put ``link`` at the end of the row, unless it is there already."""
        if len(self._row) >= self._many:
            # Links that have closed; the others would get their turns only after these.
            self._row = OrderedDict.fromkeys(one for one in self._row if _wants(one))
            self._many = max(_MANY, 2 * len(self._row))
        self._row.setdefault(link)

    def _begin(self) -> None:
        """Have answers worked out, one for each link in turn, as many as may be at once."""
        while self._row and self._running < ANSWERS:
            link, _ = self._row.popitem(last=False)
            protocol = link.protocol
            if protocol is None or not protocol.deferred:
                continue
            stream_id, work = protocol.deferred.pop(0)
            if protocol.deferred:
                self._row[link] = None
            self._running += 1
            self._pool.submit(self._answer_work(link, stream_id, work))

    def _answer_work(self, link: Link, stream_id: int, work: Deferred) -> Callable[[], None]:
        def run() -> None:
            try:
                response = work.run()
            except Exception as error:  # the client gets an answer in any case
                text = f"{type(error).__name__}: {error}"
                self._pool.post(lambda: self._failed(link, stream_id, text))
            else:
                self._pool.post(lambda: self._answered(link, stream_id, response))

        return run

    def _failed(self, link: Link, stream_id: int, text: str) -> None:
        self._error_log.report("internal", link.peer, text)
        self._answered(link, stream_id, self._application.refuse(500, None))

    def _answered(self, link: Link, stream_id: int, response: Response) -> None:
        self._running -= 1
        self._begin()
        protocol = link.protocol
        if protocol is None:
            return

        def bring(link: Link) -> None:
            protocol.respond(stream_id, response, self._clock())
            self._ready(link)

        self._guarded(link, bring)

    def _wait_for(self, link: Link, stream_id: int, reader: BodyReader) -> None:
        def unblock(link: Link) -> None:
            if link.protocol is not None:
                link.protocol.unblock(stream_id, self._clock())
                self._ready(link)

        reader.wait(lambda: self._pool.post(lambda: self._guarded(link, unblock)))


def _wants(link: Link) -> bool:
    """Whether ``link`` waits for an answer that nobody works at."""
    return link.protocol is not None and bool(link.protocol.deferred)
