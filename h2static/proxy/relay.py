"""One request and its response, forwarded between an exchange and an upstream.

Contract: a :class:`Relay` passes the upstream's response to the exchange as it arrives, or a
response of its own: 502 if the upstream sends none, 503 if no upstream is left, 504 on a timeout.
A response that the upstream cuts off is cut off for the client, so that it never looks complete.
When the client disconnects, the upstream's request is canceled immediately.

A request is retried on another connection if none of it was processed: the connection failed, or
took none of its octets; or the upstream says so (REFUSED_STREAM, GOAWAY).  A request with an
idempotent method (RFC 9110 section 9.2.2) is also retried if the connection ended silently, of
another upstream or, if the connection had been used before, of the same.  In every case, its
content must still be available.

Strategy: everything received in one read goes out in one piece, so that a small response becomes a
body of octets; everything else passes through a pipe, which gives the upstream no credit while the
client does not read.

Assumes: all of it runs in the loop's thread.
"""

from __future__ import annotations

from typing import Final, Protocol

from h2static.http.exchange import Exchange
from h2static.http.fields import Fields
from h2static.http.messages import WITHOUT_CONTENT, Response
from h2static.http.outgoing import Call, Failure, ResponseReceiver
from h2static.http.pipe import Pipe
from h2static.http.requests import Request
from h2static.http.semantics import ResponseHead
from h2static.proxy.limits import ProxyLimits
from h2static.proxy.link import Link, Loop
from h2static.proxy.requests import Refused, Requests
from h2static.proxy.responses import Responses
from h2static.proxy.upload import Upload
from h2static.proxy.upstream import Lane, Upstream

#: RFC 9110 section 9.2.2: "PUT, DELETE, and safe request methods are idempotent".
_IDEMPOTENT: Final = frozenset((b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"TRACE"))
#: Methods whose requests hardly ever have content: whether one has is waited for.
_WITHOUT_CONTENT: Final = frozenset((b"GET", b"HEAD", b"DELETE", b"OPTIONS", b"TRACE"))
_NEVER: Final = float("inf")


class Route(Protocol):
    """What the relays of one prefix share."""

    limits: ProxyLimits
    requests: Requests
    responses: Responses
    #: Seconds; 0: no matter.
    timeout: float
    read_timeout: float

    @property
    def loop(self) -> Loop:
        """The loop that serves."""

    def choose(self, tried: list[Upstream]) -> Upstream | None:
        """The upstream to ask next; ``None``: none is left."""

    def refusal(self, status: int, exchange: Exchange, reason: str, upstream: str) -> Response:
        """The response where there is none of an upstream."""

    def opened(self, relay: Timed) -> None:
        """A relay is under way."""

    def closed(self, relay: Timed) -> None:
        """A relay is over."""


class Timed(Protocol):
    """An object with a deadline."""

    def check(self, now: float) -> None:
        """Act on deadlines that have passed."""

    def drain(self) -> None:
        """The server is about to stop."""

    def lost(self) -> None:
        """The wait is over."""


class Relay:
    """Forwards one request.  An :class:`~h2static.proxy.upstream.Asker`, receives responses."""

    __slots__ = (
        "_attempts",
        "_call",
        "_deadline",
        "_exchange",
        "_head",
        "_heard",
        "_held",
        "_informed",
        "_link",
        "_mark",
        "_moved",
        "_over",
        "_pieces",
        "_pipe",
        "_route",
        "_source",
        "_touched",
        "_trailers",
        "_tried",
        "_upload",
        "_upstream",
        "_whole",
    )  # fmt: skip

    lane = Lane.ANY

    def __init__(self, exchange: Exchange, route: Route) -> None:
        self._exchange = exchange
        self._route = route
        self._upload = Upload(route.limits, exchange.resume)
        # --- whom it is asked
        self._tried: list[Upstream] = []
        self._attempts = 0
        self._upstream: Upstream | None = None
        self._link: Link | None = None
        self._call: Call | None = None
        #: Octets that the link had sent when it got the request.
        self._mark = 0
        #: How the access log calls the upstream.
        self._source = ""
        # --- what has come
        self._informed = 0
        #: Something was received for this request.
        self._heard = False
        self._head: ResponseHead | None = None
        #: Content that waits for :meth:`_flush`.
        self._pieces: list[bytes] = []
        self._held = 0
        self._whole = False
        self._trailers: Fields = ()
        #: :meth:`_flush` will be called.
        self._touched = False
        #: The body that the client reads, once the response has started.
        self._pipe: Pipe | None = None
        self._over = False
        # --- time
        self._deadline = _NEVER
        self._moved = 0

    # ------------------------------------------------------------------ the request

    def begin(self) -> None:
        """Have the request answered."""
        exchange, upload = self._exchange, self._upload
        self._route.opened(self)
        exchange.when_lost(self.lost)
        if not self._over:
            # A client that waits for 100 (Continue) gets it here, whatever the upstream does.
            exchange.accept(upload)
        if self._over:
            return
        request = exchange.request
        rare = request.method in _WITHOUT_CONTENT and not upload.known
        if rare and request.field(b"content-length") is None:
            upload.when_known(self._ask)
        else:
            self._ask()

    def _ask(self) -> None:
        """Ask for a connection to the next upstream."""
        if self._over or self._upload.broken:
            # Its client has disconnected, or sent a malformed request.
            return
        upstream = self._route.choose(self._tried)
        if upstream is None:
            self._refuse(503, "no healthy upstream")
            return
        self._ask_of(upstream)

    def _ask_of(self, upstream: Upstream) -> None:
        self._attempts += 1
        self._upstream = upstream
        self._source = upstream.name
        self._hurry()
        upstream.under_way += 1
        upstream.ask(self)

    def start(self, upstream: Upstream, link: Link) -> None:
        """See :class:`~h2static.proxy.upstream.Asker`."""
        exchange = self._exchange
        self._link = link
        self._mark = link.octets
        self._heard = False
        self._hurry()
        try:
            outgoing = self._route.requests.make(exchange.request, exchange.client, upstream.target)
        except Refused as refused:
            self._leave()
            self._refuse(refused.status, str(refused))
            return
        self._send(link, outgoing.request)

    def _send(self, link: Link, request: Request) -> None:
        body = b"" if self._upload.empty else self._upload
        engine = link.engine
        call = engine.request(request, self, body)  # type: ignore[union-attr]  # not one of octets
        if self._link is link:
            self._call = call
        elif link.engine.room:
            # It could not be sent, and nothing else uses the connection.
            link.close()

    def cannot(self, upstream: Upstream, status: int, reason: str) -> None:
        """See :class:`~h2static.proxy.upstream.Asker`: another one may be there."""
        self._leave()
        self._tried.append(upstream)
        if self._over:
            return
        if status != 503 and self._attempts < self._route.limits.attempts:
            following = self._route.choose(self._tried)
            if following is not None:
                self._ask_of(following)
                return
        self._refuse(status, reason)

    def _leave(self) -> None:
        """The upstream, and its connection, are used no more."""
        link, self._link, self._call = self._link, None, None
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.under_way -= 1
            if link is not None:
                upstream.finished(link)
            else:
                upstream.forget(self)

    # ------------------------------------------------------------------ as a ResponseReceiver

    def inform(self, head: ResponseHead) -> None:
        """Implement :meth:`h2static.http.outgoing.ResponseReceiver.inform`."""
        self._heard = True
        self._hurry()
        self._informed += 1
        if self._informed > self._route.limits.informational:
            self._give_up(502, f"more than {self._informed - 1} informational responses")
        elif head.status not in (100, 101) and self._upstream is not None:
            # RFC 9110 section 15.2: "A proxy MUST forward 1xx responses unless the proxy itself
            # requested the generation of the 1xx response."
            target = self._upstream.target
            fields = self._route.responses.fields(head, target)
            self._exchange.inform(head.status, fields)

    def respond(self, head: ResponseHead) -> None:
        """Implement :meth:`h2static.http.outgoing.ResponseReceiver.respond`."""
        self._heard = True
        self._head = head
        self._deadline = _NEVER
        self._hurry_content()
        if self._upstream is not None:
            self._upstream.note_success()
        self._touch()

    def receive(self, data: bytes) -> bool:
        """Implement :meth:`h2static.http.outgoing.ResponseReceiver.receive`."""
        self._hurry_content()
        if self._pipe is not None:
            return self._pipe.receive(data) or self._pipe.closed
        self._pieces.append(data)
        self._held += len(data)
        if self._held < self._route.limits.response:
            return True
        self._open_pipe()
        return self._held < self._route.limits.response

    def end(self, trailers: Fields) -> None:
        """Implement :meth:`h2static.http.outgoing.ResponseReceiver.end`."""
        self._whole = True
        self._trailers = trailers
        if self._pipe is not None:
            self._pipe.end(trailers)
            self._finish()
        else:
            self._touch()

    def fail(self, failure: Failure) -> None:
        """Implement :meth:`h2static.http.outgoing.ResponseReceiver.fail`."""
        if self._over:
            return
        link, upstream = self._link, self._upstream
        if self._pipe is not None:
            self._break_off(failure.reason)
            return
        if upstream is None or link is None:
            self._refuse(502, failure.reason)
            return
        following = self._following(upstream, link, failure)
        if not failure.may_retry:
            upstream.note_failure()
            if not self._heard:
                upstream.close_idle()
        self._forget_response()
        self._leave()
        if following is None:
            self._refuse(502, failure.reason)
        else:
            self._ask_of(following)

    def promise(self, request: Request, stream_id: int, call: Call) -> ResponseReceiver | None:
        """See :class:`h2static.http.outgoing.ResponseReceiver`: promises are not passed on."""
        return None

    def _following(self, upstream: Upstream, link: Link, failure: Failure) -> Upstream | None:
        """The upstream to repeat the request of; ``None``: it must not be repeated."""
        if self._head is not None or not self._upload.again:
            return None
        if self._attempts >= self._route.limits.attempts:
            return None
        unprocessed = failure.may_retry or link.octets == self._mark
        # RFC 9110 section 9.2.2: a proxy may repeat a request if its method is idempotent.
        repeatable = not self._heard and self._exchange.request.method in _IDEMPOTENT
        if not (unprocessed or repeatable):
            return None
        # Where one connection broke off, the next may, too: the upstream may be about to stop.
        another = self._route.choose([*self._tried, upstream])
        # A used connection may have ended before the request came; a new one broke off on it.
        same = unprocessed or link.requests > 1
        return upstream if same and (another is None or another.is_down()) else another

    def _forget_response(self) -> None:
        self._head = None
        self._pieces.clear()
        self._held = 0

    # ------------------------------------------------------------------ the response

    def _touch(self) -> None:
        upstream = self._upstream
        if not self._touched and upstream is not None:
            self._touched = True
            upstream.touched.append(self._flush)

    def _flush(self) -> None:
        """Everything from one read was processed: send it."""
        self._touched = False
        if self._over or self._head is None or self._pipe is not None:
            return
        if not self._whole:
            self._open_pipe()
            return
        if self._trailers:
            self._open_pipe().end(self._trailers)
        else:
            pieces, upstream = self._pieces, self._upstream
            assert upstream is not None
            body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            responses = self._route.responses
            self._exchange.respond(responses.whole(self._head, upstream.target, body))
        self._finish()

    def _open_pipe(self) -> Pipe:
        """Start the response; its content follows piece by piece."""
        head = self._head
        assert head is not None
        request = self._exchange.request
        if request.method == b"HEAD" or head.status in WITHOUT_CONTENT:
            self._respond(head, b"")
            # Only its end is still missing.
            self._pipe = pipe = Pipe()
            return pipe
        pipe = self._pipe = Pipe(
            length=head.content_length,
            capacity=self._route.limits.response,
            on_room=self._resume,
            on_closed=self.lost,
        )
        for piece in self._pieces:
            pipe.receive(piece)
        self._pieces.clear()
        self._respond(head, pipe)
        return pipe

    def _respond(self, head: ResponseHead, body: bytes | Pipe) -> None:
        upstream = self._upstream
        assert upstream is not None
        fields = self._route.responses.fields(head, upstream.target)
        self._exchange.respond(
            Response(status=head.status, fields=fields, body=body, early=True, source=self._source)
        )

    def _resume(self) -> None:
        """The client has read the waiting content."""
        call, link = self._call, self._link
        if call is not None and link is not None:
            self._hurry_content()
            call.resume()
            link.flush_soon()

    # ------------------------------------------------------------------ the end

    def _finish(self) -> None:
        """The upstream's response is complete."""
        if not self._over:
            self._over = True
            self._leave()
            self._route.closed(self)

    def _refuse(self, status: int, reason: str) -> None:
        """Answer in the place of the upstream."""
        source = self._source
        self._over = True
        self._upload.detach()
        self._exchange.respond(self._route.refusal(status, self._exchange, reason, source))
        self._route.closed(self)

    def _break_off(self, reason: str) -> None:
        """The response is incomplete, and will stay so."""
        self._route.loop.report(f"{self._source}: the response was cut off: {reason}")
        self._over = True
        self._leave()
        if self._pipe is not None:
            self._pipe.abandon()
        self._route.closed(self)

    def _give_up(self, status: int, reason: str) -> None:
        """The upstream is not listened to any longer."""
        self._cancel()
        if self._pipe is not None:
            self._break_off(reason)
        else:
            self._forget_response()
            self._leave()
            self._refuse(status, reason)

    def _cancel(self) -> None:
        call, link = self._call, self._link
        if call is not None and link is not None:
            call.cancel()
            link.flush_soon()

    def lost(self) -> None:
        """The client has disconnected."""
        if not self._over:
            self._over = True
            self._cancel()
            self._leave()
            self._route.closed(self)

    def drain(self) -> None:
        """The server is about to stop: end an event stream, whose client will reconnect."""
        head, pipe = self._head, self._pipe
        if head is None or pipe is None or head.content_length is not None:
            return
        if any(
            name == b"content-type" and value.lower().startswith(b"text/event-stream")
            for name, value in head.fields
        ):
            pipe.end()
            self.lost()

    # ------------------------------------------------------------------ time

    def _hurry(self) -> None:
        """The request has made progress: restart the timeout for the response."""
        timeout = self._route.timeout
        self._deadline = self._route.loop.now() + timeout if timeout else _NEVER

    def _hurry_content(self) -> None:
        timeout = self._route.read_timeout
        if timeout:
            self._deadline = self._route.loop.now() + timeout

    def check(self, now: float) -> None:
        """Implement :meth:`Timed.check`."""
        if self._moved != self._upload.moved:
            self._moved = self._upload.moved
            if self._head is None:
                self._hurry()
        if now < self._deadline or self._over:
            return
        if self._head is None:
            seconds = self._route.timeout
            if self._upstream is not None:
                self._upstream.note_failure()
            self._give_up(504, f"no response within {seconds:g} s")
        elif self._pipe is None or not self._pipe.held:
            # Content that waits for the client is not the upstream's fault.
            self._give_up(504, f"no data for {self._route.read_timeout:g} s")
