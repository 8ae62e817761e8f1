"""One WebSocket, forwarded between an exchange and an upstream as opaque octets.

Contract: a :class:`TunnelRelay` repeats the opening handshake with the upstream (RFC 6455 section
4, RFC 8441), with an Upgrade over HTTP/1.1 and an extended CONNECT over HTTP/2; when the upstream
accepts, the client's handshake is accepted, too, and octets pass in both directions with
back-pressure, without parsing frames.  Client and upstream negotiate subprotocol and extensions
themselves.  A refused handshake gets the upstream's response.

Each direction ends on its own; when the upstream's ends, or either side is lost, both end.
"""

from __future__ import annotations

import base64
import os
from dataclasses import replace
from typing import Final

from h2static.http.exchange import Exchange
from h2static.http.fields import Fields
from h2static.http.messages import Request, Response
from h2static.http.outgoing import Call, Failure, ResponseReceiver
from h2static.http.pipe import Pipe
from h2static.http.semantics import ResponseHead
from h2static.http1.client import ClientConnection as Http1Connection
from h2static.http2.client import ClientConnection as Http2Connection
from h2static.proxy.link import Link
from h2static.proxy.raw import RawConnection
from h2static.proxy.relay import Route
from h2static.proxy.requests import Refused
from h2static.proxy.upstream import Lane, Upstream
from h2static.websocket.handshake import PROTOCOL, accept_value, read_offer
from h2static.websocket.handshake import Refused as BadHandshake

_VERSION: Final = (b"sec-websocket-version", b"13")
#: Octets of a refusal that are passed on: error pages are smaller.
_LARGEST_REFUSAL: Final = 65_536
_NEVER: Final = float("inf")


class _Up:
    """The sink of what the client sends; see :class:`h2static.http.bodies.Sink`."""

    __slots__ = ("_pipe", "_relay")

    def __init__(self, relay: TunnelRelay, pipe: Pipe) -> None:
        self._relay = relay
        self._pipe = pipe

    def receive(self, data: bytes) -> bool:
        return self._pipe.receive(data) or self._pipe.closed

    def end(self, trailers: Fields) -> None:
        self._pipe.end()

    def abandon(self) -> None:
        self._relay.lost()


class TunnelRelay:
    """Forwards one WebSocket.  An :class:`~h2static.proxy.upstream.Asker`, receives responses."""

    __slots__ = (
        "_accept", "_call", "_deadline", "_down", "_exchange", "_granted", "_head", "_link",
        "_over", "_pieces", "_raw", "_refusal", "_route", "_tried", "_up", "_upstream",
    )  # fmt: skip

    lane = Lane.ALONE

    def __init__(self, exchange: Exchange, route: Route) -> None:
        self._exchange = exchange
        self._route = route
        self._tried: list[Upstream] = []
        self._upstream: Upstream | None = None
        self._link: Link | None = None
        self._call: Call | None = None
        #: The protocol after an Upgrade.
        self._raw: RawConnection | None = None
        #: The expected Sec-WebSocket-Accept of the upstream.
        self._accept: bytes | None = None
        capacity = route.limits.tunnel
        #: From the client to the upstream, and back.
        self._up = Pipe(capacity=capacity, on_room=exchange.resume)
        self._down = Pipe(capacity=capacity, on_room=self._resume, on_closed=self.lost)
        self._granted = False
        #: The head of a refusal, and its content so far.
        self._head: ResponseHead | None = None
        self._pieces: list[bytes] = []
        self._refusal = 0
        self._over = False
        self._deadline = _NEVER

    # ------------------------------------------------------------------ the handshake

    def begin(self) -> None:
        """Have the handshake answered."""
        exchange = self._exchange
        try:
            read_offer(exchange.request)
        except BadHandshake as refused:
            response = self._route.refusal(refused.status, exchange, str(refused), "")
            exchange.respond(replace(response, fields=(*response.fields, *refused.fields)))
            return
        self._route.opened(self)
        exchange.when_lost(self.lost)
        if not self._over:
            self._ask()

    def _ask(self) -> None:
        upstream = self._route.choose(self._tried)
        if upstream is None:
            self._refuse(503, "no healthy upstream")
        else:
            self._ask_of(upstream)

    def _ask_of(self, upstream: Upstream) -> None:
        self._upstream = upstream
        upstream.under_way += 1
        timeout = self._route.timeout
        self._deadline = self._route.loop.now() + timeout if timeout else _NEVER
        upstream.ask(self)

    def start(self, upstream: Upstream, link: Link) -> None:
        """See :class:`~h2static.proxy.upstream.Asker`."""
        exchange = self._exchange
        self._link = link
        try:
            made = self._route.requests.make(exchange.request, exchange.client, upstream.target)
        except Refused as refused:
            self._leave()
            self._refuse(refused.status, str(refused))
            return
        request = made.request
        engine = link.engine
        call: Call
        if isinstance(engine, Http2Connection):
            fields = (*request.fields, _VERSION)
            asked = replace(request, method=b"CONNECT", protocol=PROTOCOL, fields=fields)
            call = engine.request(asked, self, self._up)
        else:
            assert isinstance(engine, Http1Connection)
            # RFC 6455 section 4.1: "a nonce consisting of a randomly selected 16-byte value".
            key = base64.b64encode(os.urandom(16))
            self._accept = accept_value(key)
            asked = replace(request, method=b"GET", protocol=b"")
            of_upgrade = (
                (b"connection", b"Upgrade"),
                (b"upgrade", PROTOCOL),
                _VERSION,
                (b"sec-websocket-key", key),
            )
            call = engine.upgrade(asked, self, of_upgrade)
        if self._link is link:
            self._call = call

    def cannot(self, upstream: Upstream, status: int, reason: str) -> None:
        """See :class:`~h2static.proxy.upstream.Asker`."""
        self._leave()
        self._tried.append(upstream)
        if self._over:
            return
        if status != 503 and len(self._tried) < self._route.limits.attempts:
            following = self._route.choose(self._tried)
            if following is not None:
                self._ask_of(following)
                return
        self._refuse(status, reason)

    def _grant(self, head: ResponseHead) -> None:
        """The upstream has granted it: so do we."""
        exchange, upstream = self._exchange, self._upstream
        assert upstream is not None
        self._granted = True
        self._deadline = _NEVER
        upstream.note_success()
        own = self._route.responses.fields(head, upstream.target)
        fields = [one for one in own if one[0] not in (b"sec-websocket-accept", b"content-length")]
        key = exchange.request.field(b"sec-websocket-key")
        if key is not None:
            fields.append((b"sec-websocket-accept", accept_value(key)))
        exchange.tunnel(_Up(self, self._up), self._down, tuple(fields))

    # ------------------------------------------------------------------ as a ResponseReceiver

    def inform(self, head: ResponseHead) -> None:
        """Implement :meth:`h2static.http.outgoing.ResponseReceiver.inform`."""
        link = self._link
        if head.status != 101 or link is None or self._over:
            return
        proof = [value for name, value in head.fields if name == b"sec-websocket-accept"]
        if proof != [self._accept]:
            # RFC 6455 section 4.1: "the client MUST _Fail the WebSocket Connection_".
            self._lose_link("the upstream's Sec-WebSocket-Accept is wrong")
            return
        engine = link.engine
        assert isinstance(engine, Http1Connection)
        raw = self._raw = RawConnection(self, self._up)
        link.replace(raw)
        self._grant(head)
        rest = engine.take_rest()
        if rest:
            raw.receive(rest, self._route.loop.now())

    def respond(self, head: ResponseHead) -> None:
        """Implement :meth:`h2static.http.outgoing.ResponseReceiver.respond`."""
        link = self._link
        if link is not None and isinstance(link.engine, Http2Connection) and head.status < 300:
            self._grant(head)
            return
        if head.status < 300:
            # To the client that would mean that it was accepted.
            self._lose_link(f"the upstream answered the WebSocket handshake with {head.status}")
            return
        self._head = head

    def receive(self, data: bytes) -> bool:
        """Implement :meth:`h2static.http.outgoing.ResponseReceiver.receive`."""
        if self._granted:
            return self._down.receive(data) or self._down.closed
        self._refusal += len(data)
        if self._refusal > _LARGEST_REFUSAL:
            self._lose_link("the upstream's response that refuses the WebSocket is too large")
            return True
        self._pieces.append(data)
        return True

    def end(self, trailers: Fields) -> None:
        """Implement :meth:`h2static.http.outgoing.ResponseReceiver.end`."""
        if self._granted:
            self._finish()
            self._down.end()
            self._up.close()
            return
        head, upstream = self._head, self._upstream
        assert head is not None
        assert upstream is not None
        fields = self._route.responses.fields(head, upstream.target)
        body = b"".join(self._pieces)
        if not any(name == b"content-length" for name, _ in fields):
            fields = (*fields, (b"content-length", b"%d" % len(body)))
        response = Response(
            status=head.status, fields=fields, body=body, early=True, source=upstream.name
        )
        self._finish()
        self._up.abandon()
        self._exchange.respond(response)

    def fail(self, failure: Failure) -> None:
        """Implement :meth:`h2static.http.outgoing.ResponseReceiver.fail`."""
        if self._over:
            return
        if self._granted:
            self._finish()
            self._down.abandon()
            self._up.close()
        else:
            self._leave()
            self._refuse(502, failure.reason)

    def promise(self, request: Request, stream_id: int, call: Call) -> ResponseReceiver | None:
        """Implement :meth:`h2static.http.outgoing.ResponseReceiver.promise`."""
        return None

    def _resume(self) -> None:
        """The client has read the waiting octets."""
        link = self._link
        if link is None:
            return
        if self._raw is not None:
            self._raw.resume()
        elif self._call is not None:
            self._call.resume()
        link.flush_soon()

    # ------------------------------------------------------------------ the end

    def _refuse(self, status: int, reason: str) -> None:
        source = "" if self._upstream is None else self._upstream.name
        if not source and self._tried:
            source = self._tried[-1].name
        self._finish()
        self._exchange.respond(self._route.refusal(status, self._exchange, reason, source))

    def _lose_link(self, reason: str) -> None:
        """Ignore the upstream's connection from now on."""
        self._cancel()
        self._refuse(502, reason)

    def _cancel(self) -> None:
        link = self._link
        if link is None:
            return
        if self._raw is not None:
            self._raw.cancel()
        elif self._call is not None:
            self._call.cancel()
        if isinstance(link.engine, Http1Connection):
            # Even if it has switched to a protocol that will not be used.
            link.close()
        link.flush_soon()

    def _finish(self) -> None:
        self._over = True
        self._leave()
        self._route.closed(self)

    def _leave(self) -> None:
        link, self._link, self._call = self._link, None, None
        upstream, self._upstream = self._upstream, None
        if upstream is not None:
            upstream.under_way -= 1
            if link is not None:
                upstream.finished(link)
            else:
                upstream.forget(self)

    def lost(self) -> None:
        """The client has disconnected."""
        if not self._over:
            self._cancel()
            self._finish()
            self._down.abandon()
            self._up.close()

    def drain(self) -> None:
        """The server is about to stop: a tunnel continues as long as its client may."""

    def check(self, now: float) -> None:
        """Implement :meth:`h2static.proxy.relay.Timed.check`."""
        if now >= self._deadline and not self._over:
            self._cancel()
            self._leave()
            self._refuse(504, f"no response within {self._route.timeout:g} s")
