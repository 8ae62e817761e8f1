"""One WebSocket: the events of ASGI's ``websocket`` scope.

Contract: a :class:`WebSocketConversation` connects a
:class:`~h2static.websocket.websocket.WebSocket` with an application's coroutine.  :data:`LEGAL`
lists the events that the application may send in each state; any other event makes ``send`` raise
:class:`~h2static.asgi.errors.InvalidEvent`, and is not sent.

- If the application closes before accepting, the handshake gets 403; with
  ``websocket.http.response`` any other response.  A malformed handshake gets 400 without involving
  the application.
- ``send`` waits while the client does not read, and raises ``ClientDisconnected`` once the client
  has disconnected or closed; while the application does not receive messages, the client gets no
  credit.
- ``receive`` returns ``websocket.disconnect`` with code and reason when the WebSocket is closed,
  however often it is called.
- When the application returns, the WebSocket is closed with 1000; when it raises, with 1011; when
  the server is about to stop, with 1001.

Assumes: all of it runs in the loop's thread.  Imported only if the ``websockets`` package is
installed.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from enum import IntEnum
from typing import Final, Protocol

from h2static.asgi import sections
from h2static.asgi.errors import ClientDisconnected, InvalidEvent, misplaced
from h2static.asgi.http import Host as HttpHost
from h2static.asgi.http import HttpConversation
from h2static.asgi.scope import Scopes, tls_extension
from h2static.asgi.tasks import turn_of, wake
from h2static.asgi.types import Message, Scope
from h2static.http.exchange import Exchange
from h2static.http.messages import Request, Response
from h2static.websocket.connection import ABNORMAL, Closed
from h2static.websocket.connection import Message as Payload
from h2static.websocket.handshake import Offer, Refused, read_offer
from h2static.websocket.websocket import WebSocket


class Phase(IntEnum):
    """The state of a WebSocket, as its application sees it."""

    #: The client waits for an answer to its handshake.
    CONNECTING = 0
    OPEN = 1
    #: The application responds instead of accepting; content follows.
    DENYING = 2
    #: The application has closed or rejected it.
    OVER = 3


ACCEPT: Final = "websocket.accept"
SEND: Final = "websocket.send"
CLOSE: Final = "websocket.close"
DENIAL: Final = "websocket.http.response"
DENIAL_START: Final = "websocket.http.response.start"
DENIAL_BODY: Final = "websocket.http.response.body"

#: The events that may be sent in each state.
LEGAL: Final[dict[Phase, frozenset[str]]] = {
    Phase.CONNECTING: frozenset((ACCEPT, CLOSE, DENIAL_START)),
    Phase.OPEN: frozenset((SEND, CLOSE)),
    Phase.DENYING: frozenset((DENIAL_BODY,)),
    Phase.OVER: frozenset(),
}
_KNOWN: Final = frozenset().union(*LEGAL.values())
#: RFC 6455 section 7.4.1: an application that is done, and one that is broken.
_DONE: Final = 1000

# Found once: Python 3.11 makes a call for each access to a member of an enumeration.
_CONNECTING, _OPEN, _DENYING, _OVER = Phase


class Host(HttpHost, Protocol):
    """What the conversations of one application share."""

    scopes: Scopes

    def refuse(self, status: int, request: Request | None) -> Response:
        """The response for what does not get as far as the application."""

    def begin(self, conversation: WebSocketConversation, scope: Scope) -> None:
        """Run the application for ``conversation``."""


class WebSocketConversation:
    """One WebSocket between an exchange and an application."""

    __slots__ = (
        "_denial", "_due", "_host", "_look_at_it", "_loop", "_phase", "_socket", "_told",
        "_wait_for_room", "_wait_for_word", "exchange",
    )  # fmt: skip

    def __init__(self, exchange: Exchange, host: Host, offer: Offer) -> None:
        self.exchange = exchange
        self._host = host
        self._loop = asyncio.get_running_loop()
        self._phase = _CONNECTING
        #: The application knows that the client is there.
        self._told = False
        #: Calls of ``receive`` and of ``send`` that wait.
        self._wait_for_word: list[asyncio.Future[None]] = []
        self._wait_for_room: list[asyncio.Future[None]] = []
        self._denial: HttpConversation | None = None
        #: The scheduled check of deadlines, and when it runs.
        self._look_at_it: asyncio.TimerHandle | None = None
        self._due = float("inf")
        self._socket = WebSocket(exchange, offer, host.limits.websocket, on_closed=self._is_closed)

    @property
    def lost(self) -> bool:
        """Whether the client closed, or went, before the application had done so."""
        if self._denial is not None:
            return self._denial.lost
        return self._socket.closed is not None and self._phase is not _OVER

    # ------------------------------------------------------------------ for the application

    async def next_event(self) -> Message:
        """``receive`` of ASGI."""
        if not self._told:
            self._told = True
            return {"type": "websocket.connect"}
        socket = self._socket
        while True:
            event = socket.take()
            if event is None:
                if self._phase is _OVER and not socket.accepted:
                    # It was denied.
                    event = Closed(ABNORMAL, "")
                else:
                    socket.wait(self._has_word)
                    await turn_of(self._wait_for_word)
                    continue
            if isinstance(event, str):
                return {"type": "websocket.receive", "text": event}
            if isinstance(event, bytes):
                return {"type": "websocket.receive", "bytes": event}
            return {"type": "websocket.disconnect", "code": event.code, "reason": event.reason}

    async def take_event(self, message: Message) -> None:
        """``send`` of ASGI: see :data:`LEGAL`."""
        kind = message.get("type")
        phase, socket = self._phase, self._socket
        if socket.closed is not None and phase is not _OVER:
            raise ClientDisconnected(f"the WebSocket was closed ({socket.closed.code})")
        if kind not in LEGAL[phase]:
            raise misplaced(
                kind, "websocket", _KNOWN, LEGAL[phase], "the WebSocket was closed or rejected"
            )
        if kind == SEND:
            if not socket.can_send:
                # The client knows that the server is going away.
                raise ClientDisconnected("the WebSocket is about to be closed")
            if not self._send(message):
                socket.wait_for_room(self._has_room)
                await turn_of(self._wait_for_room)
                if socket.closed is not None:
                    raise ClientDisconnected(f"the WebSocket was closed ({socket.closed.code})")
        elif kind == ACCEPT:
            self._accept(message)
        elif kind == CLOSE:
            self._close(message)
        else:
            await self._deny(message)

    def _accept(self, message: Message) -> None:
        subprotocol = message.get("subprotocol")
        if subprotocol is not None and not isinstance(subprotocol, str):
            raise InvalidEvent(f"{ACCEPT}: subprotocol: {subprotocol!r} is not text")
        fields = sections.accepted(message.get("headers", ()))
        try:
            self._socket.accept(subprotocol, fields, self._loop.time())
        except ValueError as error:
            raise InvalidEvent(f"{ACCEPT}: subprotocol: {error}") from None
        self._phase = _OPEN
        if self._host.draining:
            self._socket.leave(self._loop.time())
        self._plan()

    def _send(self, message: Message) -> bool:
        """Send a message; false: the next one must wait."""
        try:
            return self._socket.send(_payload(message))
        except UnicodeEncodeError as error:
            raise InvalidEvent(f"{SEND}: text: {error}") from None

    def _close(self, message: Message) -> None:
        if self._phase is _CONNECTING:
            self._phase = _OVER
            # "the server must close the connection with a HTTP 403 error code" (ASGI).
            self.exchange.respond(self._host.refuse(403, self.exchange.request))
            self._has_word()
            return
        code, reason = message.get("code"), message.get("reason")
        code = _DONE if code is None else code
        reason = "" if reason is None else reason
        if not isinstance(code, int) or not isinstance(reason, str):
            raise InvalidEvent(f"{CLOSE}: {code!r} and {reason!r} are not a code and a reason")
        try:
            self._socket.close(code, reason, self._loop.time())
        except ValueError as error:
            raise InvalidEvent(f"{CLOSE}: {error}") from None
        self._phase = _OVER
        self._plan()

    async def _deny(self, message: Message) -> None:
        """A response instead of a WebSocket; it is like any other."""
        denial = self._denial
        if denial is None:
            denial = HttpConversation(self.exchange, self._host)
            await denial.take_event({**message, "type": "http.response.start"})
            self._denial = denial
            self._phase = _DENYING
            self.exchange.when_lost(denial.lose)
            return
        await denial.take_event({**message, "type": "http.response.body"})
        if denial.complete:
            self._phase = _OVER
            self._has_word()

    # ------------------------------------------------------------------ the end

    def returned(self) -> bool:
        """The application has returned; returns whether something is missing."""
        if self._phase is _OPEN:
            if self._socket.can_send:
                self._socket.close(_DONE, "", self._loop.time())
            self._phase = _OVER
            self._plan()
        return self._phase is not _OVER and not self.lost

    def give_up(self) -> None:
        """The application failed: respond 500 to the handshake, or close the WebSocket (1011)."""
        phase, self._phase = self._phase, _OVER
        if self._denial is not None:
            self._denial.give_up()
        elif phase is _CONNECTING:
            self.exchange.abort("")
        elif phase is _OPEN:
            self._socket.fail("the application failed")
        self._has_word()

    def drain(self) -> None:
        """The server is about to stop."""
        if self._socket.can_send:
            self._socket.leave(self._loop.time())
            self._plan()

    # ------------------------------------------------------------------ what happens

    def _has_word(self) -> None:
        if self._wait_for_word:
            wake(self._wait_for_word)

    def _has_room(self) -> None:
        if self._wait_for_room:
            wake(self._wait_for_room)

    def _is_closed(self) -> None:
        if self._look_at_it is not None:
            self._look_at_it.cancel()
            self._look_at_it = None

    def _plan(self) -> None:
        """Schedule a check of the WebSocket at its deadline."""
        deadline = self._socket.deadline()
        if self._look_at_it is not None:
            if self._due <= deadline:
                return
            self._look_at_it.cancel()
            self._look_at_it = None
        if deadline != float("inf"):
            self._due = deadline
            self._look_at_it = self._loop.call_at(deadline, self._look)

    def _look(self) -> None:
        self._look_at_it = None
        self._socket.check(self._loop.time())
        self._plan()


def _payload(message: Message) -> Payload:
    """The payload of ``websocket.send``.  Raises ``InvalidEvent``."""
    text, octets = message.get("text"), message.get("bytes")
    if octets is None:
        if isinstance(text, str):
            return text
        if text is None:
            raise InvalidEvent(f"{SEND}: neither bytes nor text")
        raise InvalidEvent(f"{SEND}: text: expected text, not {type(text).__name__}")
    if text is not None:
        raise InvalidEvent(f"{SEND}: both bytes and text")
    if isinstance(octets, bytes):
        return octets
    if isinstance(octets, bytearray | memoryview):
        return bytes(octets)
    raise InvalidEvent(f"{SEND}: bytes: expected bytes, not {type(octets).__name__}")


def serve_websocket(application: Host, exchange: Exchange) -> None:
    """A request for a WebSocket."""
    request, client = exchange.request, exchange.client
    try:
        offer = read_offer(request, application.limits.websocket)
    except Refused as refused:
        response = application.refuse(refused.status, request)
        fields = (*response.fields, *refused.fields)
        exchange.respond(replace(response, fields=fields, prepared=False))
        return
    scope = application.scopes.connection("websocket", exchange)
    scope["scheme"] = "wss" if scope["scheme"] == "https" else "ws"
    scope["subprotocols"] = list(offer.subprotocols)
    extensions: dict[str, dict[str, object]] = {DENIAL: {}}
    if client.tls is not None:
        extensions["tls"] = tls_extension(client.tls)
    scope["extensions"] = extensions
    application.begin(WebSocketConversation(exchange, application, offer), scope)
