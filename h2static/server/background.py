"""Work that would block, done in the pool's threads for links that go on meanwhile.

Contract: :class:`Background` takes what a protocol has put off (answers to be worked out, readings
to be waited for), and brings each result back in the loop's thread, to a link that may be gone by
then.
"""

from __future__ import annotations

from collections.abc import Callable

from h2static.messages import Application, BodyReader, Deferred, Response, Upload
from h2static.server.error_log import ErrorLog
from h2static.server.link import Link
from h2static.server.pool import Pool
from h2static.server.protocol import ProtocolConnection


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

    def take(self, link: Link, protocol: ProtocolConnection) -> None:
        """Start what ``protocol`` has put off."""
        deferred, protocol.deferred = protocol.deferred, []
        for stream_id, work in deferred:
            self._pool.submit(self._answer_work(link, stream_id, work))
        blocked = protocol.blocked[:]
        protocol.blocked.clear()
        for stream_id, reader in blocked:
            self._wait_for(link, stream_id, reader)

    def _answer_work(self, link: Link, stream_id: int, work: Deferred) -> Callable[[], None]:
        def run() -> None:
            answer: Response | Upload
            try:
                answer = work.run()
            except Exception as error:  # the client gets an answer in any case
                text = f"{type(error).__name__}: {error}"
                self._pool.post(lambda: self._error_log.report("internal", link.peer, text))
                answer = self._application.refuse(500, None)
            self._pool.post(lambda: self._answered(link, stream_id, answer))

        return run

    def _answered(self, link: Link, stream_id: int, answer: Response | Upload) -> None:
        protocol = link.protocol
        if protocol is None:
            if not isinstance(answer, Response):
                answer.abandon()
            return

        def bring(link: Link) -> None:
            protocol.respond(stream_id, answer, self._clock())
            self._ready(link)

        self._guarded(link, bring)

    def _wait_for(self, link: Link, stream_id: int, reader: BodyReader) -> None:
        def unblock(link: Link) -> None:
            if link.protocol is not None:
                link.protocol.unblock(stream_id, self._clock())
                self._ready(link)

        reader.wait(lambda: self._pool.post(lambda: self._guarded(link, unblock)))
