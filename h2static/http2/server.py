"""A server's HTTP/2 connection; see :mod:`h2static.http2.connection`."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from h2static.http.exchange import Job, Outcome
from h2static.http.messages import Client
from h2static.http2.connection import Connection, nothing
from h2static.http2.frames import Origin
from h2static.http2.observer import Observer, Report
from h2static.http2.push import Push
from h2static.http2.registry import ErrorCode
from h2static.http2.replay import Replay
from h2static.http2.requests import Requests
from h2static.http2.roles import Role
from h2static.http2.service import Service


class ServerConnection(Connection):
    """Receives requests and has the service's application answer them."""

    __slots__ = ("_answers", "jobs", "push", "requests", "service")

    def __init__(
        self,
        service: Service,
        client: Client,
        now: float,
        *,
        notify: Callable[[], None] = nothing,
        observer: Observer | None = None,
        report: Report | None = None,
    ) -> None:
        """``service``: what to serve to ``client``; the other arguments are as for
        :class:`~h2static.http2.connection.Connection`."""
        super().__init__(Role.SERVER, service, now, notify=notify, observer=observer, report=report)
        self.service = service
        self.push = Push(
            service.limits,
            self.peer,
            self.sender,
            self.streams,
            self.shutdown,
            self.turn,
            hints=service.hints,
        )
        self._answers = replay = Replay(
            service,
            client,
            self.turn,
            peer=self.peer,
            streams=self.streams,
            sender=self.sender,
            blocks=self.blocks,
            push=self.push,
        )
        self.requests = Requests(
            service,
            client,
            self.turn,
            peer=self.peer,
            streams=self.streams,
            sender=self.sender,
            budgets=self.budgets,
            blocks=self.blocks,
            push=self.push,
            replay=replay,
            reports=self.reports,
            observer=observer,
        )
        #: Work for threads, by stream; the driver removes a job when a thread starts it.
        self.jobs: deque[tuple[int, Job]] = self.requests.jobs
        replay.hand_to(self.requests.handle)
        self._begin(self.requests, replay)
        for origins in service.origins:
            # RFC 8336 section 2.4: a server SHOULD send them as soon as it can.
            self.sender.emit(Origin(origins=origins))

    @property
    def at_rest(self) -> bool:
        """Implement :attr:`h2static.server.engine.Engine.at_rest`."""
        return not (
            self.sender.scheduler.count
            or self._backlog
            or self.closing
            or self.jobs
            or self.blocked
            or self.turn.waiting
            or self._error is not None
        )

    @property
    def mapped(self) -> bool:
        """Implement :attr:`h2static.server.engine.Engine.mapped`."""
        return self.sender.output.mapped

    def answer_at_once(self, data: bytes, now: float) -> bytes | None:
        """Implement :meth:`h2static.server.engine.Engine.answer_at_once`."""
        replay = self._replay
        if (
            replay is None
            or self.buffer
            or self.expects_preface
            or self._backlog
            or self._error is not None
            or self.eof
            or self.closing
            or self.turn.waiting
            or self.peer.leaving
        ):
            return None
        self.turn.now = now
        if self.sender.encoder.second != self.service.blocks.second:
            self.sender.refresh()
        octets = replay.one(data)
        if octets is not None:
            self._last_receive = self._frame_started = self.write_progress = now
        return octets

    def not_sent(self, rest: bytes) -> None:
        """Implement :meth:`h2static.server.engine.Engine.not_sent`."""
        output = self.sender.output
        output.append(rest)
        output.ends.append(output.octets)

    def abandon(self) -> None:
        """Implement :meth:`h2static.http.engine.Engine.abandon`."""
        super().abandon()
        # Without circles of references, a connection is freed when the driver drops it: the garbage
        # collector would need a tenth of the time that a short connection takes.
        for part in (self.sender, self.streams, self.budgets, self._answers):
            part.retire()

    def finish_job(self, stream_id: int, outcome: Outcome | None, now: float) -> None:
        """Implement :meth:`h2static.server.engine.Worked.finish_job`."""
        if self._error is None:
            self.turn.now = now
            self._guarded(lambda: self.requests.finish_job(stream_id, outcome))
            self._after()

    def reset_stream(self, stream_id: int, code: ErrorCode) -> None:
        """Reset an open stream (RFC 9113 section 6.4); no effect if it is not open."""
        if self._error is None and stream_id in self.streams.open:
            self.streams.reset(stream_id, code)
            self._after()
