"""Converting responses to octets, and recording them in the journal.

Contract: a :class:`Responder` frames the responses that the connection decides to send, and records
them.  The connection decides when a response is due.
"""

from __future__ import annotations

from collections.abc import Callable

from h2static.http.exchange import Application
from h2static.http.fields import Fields
from h2static.http.hints import PushClient, Seen
from h2static.http.journal import Finished
from h2static.http.messages import Client, Request, Response
from h2static.http.refusals import refusal_text
from h2static.http.shared import Shared
from h2static.http1.errors import BadRequest, BadResponse
from h2static.http1.exchange import Exchange
from h2static.http1.framer import frame, frame_informational, frame_upgrade
from h2static.http1.memory import Memory
from h2static.http1.persistence import Persistence
from h2static.http1.sender import Sender


class Responder:
    """The responses of one connection."""

    __slots__ = (
        "_application",
        "_client",
        "_memory",
        "_observer",
        "_persistence",
        "_shared",
        "sender",
    )

    def __init__(
        self,
        application: Application,
        client: Client,
        shared: Shared,
        memory: Memory,
        sender: Sender,
        persistence: Persistence,
        observer: Callable[[Finished], None] | None,
    ) -> None:
        self._application = application
        self._client = client
        self._shared = shared
        self._memory = memory
        self._persistence = persistence
        self._observer = observer
        self.sender = sender

    def send_prepared(self, request: Request, response: Response, now: float) -> bool:
        """Answer a plain request with a cached response; returns false if it must be framed.

        Use it only if the connection continues afterward.
        """
        ready = self._memory.ready(response)
        if ready is None:
            return False
        output = self.sender.output
        output.add(ready.octets)
        if ready.body:
            output.add(ready.body)
        if self._shared.journal is not None or self._observer is not None:
            self._note(
                Finished(self._client, request, response, ready.length, now, now, False, False, ())
            )
        return True

    def inform(self, exchange: Exchange, status: int, fields: Fields = ()) -> None:
        """Send an informational response (RFC 9110 section 15.2); abort if it is invalid."""
        try:
            self.sender.output.add(frame_informational(status, fields))
        except BadResponse as error:
            exchange.abort(f"informational response {status}: {error}")

    def respond(self, exchange: Exchange, response: Response | None) -> str | None:
        """Begin a response; 500 in place of ``None`` or of one that cannot be sent.

        Returns the line for the error log: why it cannot, or why the request was refused.
        Raises :class:`~h2static.http1.errors.BadResponse`, with nothing sent, if 500 cannot be sent
        either.
        """
        reason = None
        if response is not None and response.prepared and self._start_ready(exchange, response):
            return None
        if response is not None:
            try:
                self._start(exchange, response)
            except BadResponse as error:
                reason = f"response to {exchange.request.path!r}: {error}"
            else:
                return self._refusal(exchange.request, response)
        self.refuse(exchange, 500)
        return reason

    def _refusal(self, request: Request, response: Response) -> str | None:
        if response.refusal is None:
            return None
        return refusal_text(self._client, request, response.status, response.refusal)

    def _start_ready(self, exchange: Exchange, response: Response) -> bool:
        """Send a response whose octets are cached; returns false if it must be framed."""
        if not exchange.head.plain or self._persistence.is_last(exchange):
            return False
        ready = self._memory.ready(response)
        if ready is None:
            return False
        exchange.drop_sink()
        self.sender.put(ready.octets, ready.body, ready.length)
        self._persistence.told = False
        exchange.begun = True
        exchange.response = response
        return True

    def refuse(self, exchange: Exchange, status: int) -> None:
        """Begin the application's response to a refused request.

        Raises :class:`~h2static.http1.errors.BadResponse`.
        """
        self._start(exchange, self._application.refuse(status, exchange.request))

    def _start(self, exchange: Exchange, response: Response) -> None:
        if exchange.tunneled:
            self._start_tunnel(exchange, response)
            return
        # A response of octets is complete, so the application needs no more content.
        if isinstance(response.body, bytes):
            exchange.drop_sink()
        request = exchange.request
        added: Fields = ()
        delivered: tuple[str, ...] = ()
        if response.hints is not None:
            # RFC 8297 section 3: no 103, which HTTP/1.1 clients may mistake for the final response.
            client = PushClient(multiplexed=False, seen=Seen())
            delivery = response.hints.deliver(request, response.status, client)
            added, delivered = delivery.fields, delivery.words()
        framed = frame(
            response,
            self._shared.date.value,
            head_request=request.method == b"HEAD",
            old=exchange.head.old,
            added=added,
            last=self._persistence.is_last(exchange),
        )
        self.sender.begin(framed, response.body)
        self._persistence.told = framed.last
        exchange.begun = True
        exchange.response = response
        exchange.delivered = delivered

    def _start_tunnel(self, exchange: Exchange, response: Response) -> None:
        # If this fails, the refusal that follows is an ordinary response.
        exchange.tunneled = False
        date = self._shared.date.value
        framed = frame_upgrade(exchange.request.protocol, response.fields, date)
        self.sender.begin(framed, response.body)
        self._persistence.told = True
        exchange.begun = exchange.tunneled = True
        exchange.open_tunnel()

    def decline(self, exchange: Exchange | None, error: BadRequest, *, head_request: bool) -> str:
        """Answer an invalid or incomplete request before the connection ends.

        ``head_request``: its method seems to be HEAD.  Returns the reason.
        """
        # If one has begun, a second response would be taken for part of it.
        if exchange is not None and exchange.begun:
            return error.reason
        try:
            if exchange is None:
                self._refuse_head(error.status, head_request=head_request)
            else:
                exchange.finish(lost=True)
                self.refuse(exchange, error.status)
        except BadResponse as bad:
            return f"{error.reason} (refusal: {bad})"
        return error.reason

    def _refuse_head(self, status: int, *, head_request: bool) -> None:
        response = self._application.refuse(status, None)
        date = self._shared.date.value
        framed = frame(response, date, head_request=head_request, old=False, last=True)
        self.sender.begin(framed, response.body)

    def end(self, exchange: Exchange, now: float) -> None:
        """Record the end of an exchange, and of its response if there is one."""
        complete = exchange.begun and self.sender.complete
        exchange.finish(lost=not complete)
        self.sender.close()
        if exchange.begun and exchange.response is not None:
            self._note(
                Finished(
                    self._client,
                    exchange.request,
                    exchange.response,
                    self.sender.octets,
                    exchange.started,
                    now,
                    pushed=False,
                    aborted=not complete,
                    delivered=exchange.delivered,
                )
            )

    def _note(self, finished: Finished) -> None:
        if self._shared.journal is not None:
            self._shared.journal.append(finished)
        if self._observer is not None:
            self._observer(finished)
