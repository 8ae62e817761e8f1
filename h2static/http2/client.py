"""A client's HTTP/2 connection; see :mod:`h2static.http2.connection`."""

from __future__ import annotations

from collections.abc import Callable

from h2static.http.bodies import Body
from h2static.http.messages import Request
from h2static.http.outgoing import Failure, ResponseReceiver
from h2static.http.shared import Shared
from h2static.http2.connection import Connection, nothing
from h2static.http2.limits import Limits
from h2static.http2.observer import Observer, Report
from h2static.http2.responses import Call, Responses
from h2static.http2.roles import Role
from h2static.http2.service import Endpoint, make_blocks, make_sections
from h2static.http2.settings import LocalSettings


def make_endpoint(settings: LocalSettings, limits: Limits, shared: Shared) -> Endpoint:
    """What a client's connections share; their requests differ, so that nothing is remembered."""
    return Endpoint(
        settings=settings,
        limits=limits,
        shared=shared,
        sections=make_sections(limits, memories=False),
        blocks=make_blocks(settings, shared, memories=False),
    )


class ClientConnection(Connection):
    """Sends requests, and brings what comes back to their receivers."""

    __slots__ = ("responses",)

    def __init__(
        self,
        endpoint: Endpoint,
        now: float,
        *,
        notify: Callable[[], None] = nothing,
        observer: Observer | None = None,
        report: Report | None = None,
    ) -> None:
        """See :class:`~h2static.http2.connection.Connection`."""
        super().__init__(
            Role.CLIENT, endpoint, now, notify=notify, observer=observer, report=report
        )
        self.responses = Responses(
            endpoint,
            self.turn,
            peer=self.peer,
            streams=self.streams,
            sender=self.sender,
            budgets=self.budgets,
            blocks=self.blocks,
        )
        self._begin(self.responses, None)

    def request(
        self, request: Request, receiver: ResponseReceiver, body: bytes | Body = b""
    ) -> Call:
        """Send ``request`` with ``body`` as soon as the server lets us."""
        call = self.responses.call(request, body, receiver)
        if self._error is not None or self.closing or self.eof:
            self.responses.fail_waiting(Failure("the connection has ended", None, True))
        else:
            self.responses.open_waiting()
        return call

    def abandon(self) -> None:
        """The connection is lost or over: every receiver hears of it."""
        super().abandon()
        self.responses.fail_waiting(Failure("the connection has ended", None, True))

    def _after(self) -> None:
        """There may be room for requests that wait."""
        if self._error is not None:
            self.responses.fail_waiting(Failure("the connection has ended", None, True))
        else:
            self.responses.open_waiting()
        super()._after()
