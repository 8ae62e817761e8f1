"""A WebSocket as its application sees it: messages with back-pressure, over any tunnel.

Contract: a :class:`WebSocket` is created for an exchange whose request asks for one.  It is
accepted or refused; then :meth:`WebSocket.take` returns received messages one by one, and finally
how the WebSocket was closed, however often it is called; :meth:`WebSocket.send` sends.  The client
gets no credit while ``held`` octets of messages wait to be taken, and the sender must wait while
``sending`` octets wait for the client.  The owner of the clock calls :meth:`WebSocket.check` at
:meth:`WebSocket.deadline`.  Everything happens in the loop's thread.

Strategy: the object is the sink of the tunnel, and holds the pipe that is its body.  Compressed
input is inflated in small pieces, so that it cannot expand a thousandfold at once.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from h2static.http.exchange import Exchange
from h2static.http.fields import Fields
from h2static.http.pipe import Pipe
from h2static.websocket.connection import (
    ABNORMAL,
    GOING_AWAY,
    INTERNAL_ERROR,
    Closed,
    Connection,
    Message,
)
from h2static.websocket.deflate import negotiate
from h2static.websocket.handshake import Offer, grant_fields
from h2static.websocket.limits import DEFAULT_LIMITS, WebSocketLimits

_LOST: Final = Closed(ABNORMAL, "")
_NEVER: Final = float("inf")


def _nobody() -> None:
    """Do nothing."""


class WebSocket:
    """A server's WebSocket."""

    __slots__ = (
        "_awaits_pong", "_connection", "_due", "_exchange", "_full", "_heard", "_input_ended",
         "_limits", "_messages", "_on_closed", "_on_message", "_on_room", "_pipe", "_pong", "_room",
        "_step", "_unparsed", "closed", "held", "offer",
    )  # fmt: skip

    def __init__(
        self,
        exchange: Exchange,
        offer: Offer,
        limits: WebSocketLimits = DEFAULT_LIMITS,
        *,
        on_closed: Callable[[], None] = _nobody,
    ) -> None:
        """``offer``: what the request of ``exchange`` asks for.  ``on_closed`` is called once, when
        :attr:`closed` is set."""
        self._exchange = exchange
        self._on_closed = on_closed
        self.offer = offer
        self._limits = limits
        self._pipe = Pipe(capacity=limits.sending, on_room=self._has_room, on_closed=self._is_lost)
        #: ``None`` before it was accepted.
        self._connection: Connection | None = None
        #: How it was closed, once it is; what came before may still wait to be taken.
        self.closed: Closed | None = None
        # --- what came
        self._messages: deque[Message] = deque()
        #: Octets of them, and what each costs beside.
        self.held = 0
        #: The client gets no credit.
        self._full = False
        #: Octets that came and are not to be looked at yet.
        self._unparsed: deque[bytes] = deque()
        self._input_ended = False
        #: Octets that are looked at together.
        self._step = 0
        self._on_message = _nobody
        # --- what goes
        #: There is room for more.
        self._room = True
        #: The answer to the last ping, while there is none.
        self._pong = b""
        self._on_room = _nobody
        # --- time
        self._due = _NEVER
        self._awaits_pong = False
        #: Something has come since the ping.
        self._heard = False
        exchange.when_lost(self._is_lost)

    @property
    def accepted(self) -> bool:
        """Whether :meth:`accept` was called."""
        return self._connection is not None

    @property
    def can_send(self) -> bool:
        """Whether :meth:`send` may be called: it was accepted, and neither end has closed."""
        connection = self._connection
        return self.closed is None and connection is not None and connection.can_send

    # ------------------------------------------------------------------ for the application

    def accept(self, subprotocol: str | None, fields: Fields, now: float) -> None:
        """Complete the opening handshake, with ``fields`` beside its own.

        Raises ``ValueError`` for a subprotocol that the client did not offer.
        """
        assert self._connection is None
        # RFC 6455 section 4.2.2: "The value chosen MUST be derived from the client's handshake";
        # clients fail the connection otherwise (section 4.1).
        if subprotocol is not None and subprotocol not in self.offer.subprotocols:
            raise ValueError(f"the client did not offer the subprotocol {subprotocol!r}")
        extension, granted = negotiate(self.offer.extensions, self._limits.deflate_from)
        self._connection = Connection(extension, self._limits)
        if extension is not None:
            self._step = self._limits.inflated_at_once
        self._due = now + self._limits.ping_seconds
        fields = (*grant_fields(self.offer, subprotocol, granted), *fields)
        self._exchange.tunnel(self, self._pipe, fields)

    def take(self) -> Message | Closed | None:
        """The next message, or how the WebSocket was closed; ``None``: wait."""
        if not self._messages:
            return self.closed
        message = self._messages.popleft()
        self.held -= len(message) + self._limits.message_overhead
        if self._full and self.held * 2 <= self._limits.held:
            self._take_more()
        return message

    def wait(self, wake: Callable[[], None]) -> None:
        """Have ``wake`` called once when :meth:`take` has something, at once if it has."""
        if self._messages or self.closed is not None:
            wake()
        else:
            self._on_message = wake

    def send(self, message: Message) -> bool:
        """Send a message, while :attr:`can_send`; false: wait for room before the next one.

        Raises ``UnicodeEncodeError`` for text that UTF-8 cannot say.
        """
        assert self._connection is not None
        self._connection.send(message)
        self._flush()
        return self._room

    def wait_for_room(self, wake: Callable[[], None]) -> None:
        """Call ``wake`` once when there is room, or the WebSocket is closed."""
        if self._room or self.closed is not None:
            wake()
        else:
            self._on_room = wake

    def close(self, code: int, reason: str, now: float) -> None:
        """Begin the closing handshake; no effect once either end has.

        Raises ``ValueError`` as :meth:`h2static.websocket.connection.Connection.close`.
        """
        connection = self._connection
        assert connection is not None
        if connection.can_send:
            connection.close(code, reason)
            self._due = now + self._limits.close_seconds
            self._flush()
            # The client's messages are no longer delivered, and its close frame may come after
            # messages that were not taken.
            self._messages.clear()
            self.held = 0
            if self._full:
                self._take_more()

    def leave(self, now: float) -> None:
        """The server is about to stop (1001)."""
        if self.can_send:
            self.close(GOING_AWAY, "the server is going away", now)

    def fail(self, reason: str) -> None:
        """The application has failed (1011)."""
        connection = self._connection
        assert connection is not None
        if self.closed is None:
            connection.fail(INTERNAL_ERROR, reason)
            self._flush()
            self._look()

    # ------------------------------------------------------------------ time

    def deadline(self) -> float:
        """When :meth:`check` has something to do; infinite: never."""
        return _NEVER if self.closed is not None else self._due

    def check(self, now: float) -> None:
        """Ping, or give up a client that shows no sign of life."""
        connection, limits = self._connection, self._limits
        if connection is None or self.closed is not None or now < self._due:
            return
        if not connection.can_send:
            # RFC 6455 section 7.1.1: the server may close the transport once it has waited.
            connection.receive_end()
            self._flush()
            self._look()
            return
        if self._awaits_pong and not self._heard:
            # A pong cannot be seen while we do not look, nor come before its ping has gone.
            if self._full or self._pipe.held:
                self._due = now + limits.pong_seconds
                return
            connection.fail(INTERNAL_ERROR, "no answer to a ping")
            self._flush()
            self._look()
            return
        if self._awaits_pong and limits.ping_seconds > limits.pong_seconds:
            self._awaits_pong = False
            self._due = now + limits.ping_seconds - limits.pong_seconds
            return
        connection.ping()
        self._flush()
        self._awaits_pong, self._heard = True, False
        self._due = now + limits.pong_seconds

    # ------------------------------------------------------------------ as the tunnel's sink

    def receive(self, data: bytes) -> bool:
        """Implement :meth:`h2static.http.bodies.Sink.receive`."""
        self._heard = True
        if self._full:
            self._unparsed.append(data)
            return False
        self._parse(data)
        return not self._full

    def end(self, trailers: Fields) -> None:
        """Implement :meth:`h2static.http.bodies.Sink.end`."""
        self._input_ended = True
        if not self._full:
            self._end_input()

    def abandon(self) -> None:
        """Implement :meth:`h2static.http.bodies.Sink.abandon`."""
        self._is_lost()

    # ------------------------------------------------------------------ internal

    def _parse(self, data: bytes) -> None:
        """Look at octets until enough messages wait."""
        connection, limits = self._connection, self._limits
        assert connection is not None
        step = self._step or len(data)
        for start in range(0, len(data), step):
            for message in connection.receive(data[start : start + step]):
                self._messages.append(message)
                self.held += len(message) + limits.message_overhead
            if self.held >= limits.held and connection.closed is None:
                self._full = True
                if start + step < len(data):
                    self._unparsed.appendleft(data[start + step :])
                break
        if not self._room and connection.output and connection.can_send:
            # RFC 6455 section 5.5.3: an endpoint that has not answered previous pings "MAY elect to
            # send a Pong frame for only the most recently processed Ping frame".  Before the close
            # there is nothing else to answer.
            self._pong = connection.output[-1]
            connection.output.clear()
        elif connection.output or connection.over:
            self._flush()
        if self._messages or connection.closed is not None:
            self._look()

    def _take_more(self) -> None:
        """There is room for more messages."""
        self._full = False
        while self._unparsed:
            self._parse(self._unparsed.popleft())
            if self._full:
                return
        if self._input_ended:
            self._end_input()
        else:
            self._exchange.resume()

    def _end_input(self) -> None:
        connection = self._connection
        if connection is not None and self.closed is None:
            connection.receive_end()
            self._flush()
            self._look()

    def _flush(self) -> None:
        """Send what the connection has to say."""
        connection, pipe = self._connection, self._pipe
        assert connection is not None
        output = connection.output
        if output:
            for piece in output:
                self._room = pipe.receive(piece)
            output.clear()
        if connection.over:
            pipe.end()

    def _look(self) -> None:
        """Process input, and wake the waiting reader."""
        connection = self._connection
        assert connection is not None
        if connection.closed is not None and self.closed is None:
            self.closed = connection.closed
            self._on_closed()
            self._has_room()
        if self._messages or self.closed is not None:
            wake, self._on_message = self._on_message, _nobody
            wake()

    def _has_room(self) -> None:
        self._room = True
        if self._pong and self.can_send:
            self._room = self._pipe.receive(self._pong)
        self._pong = b""
        wake, self._on_room = self._on_room, _nobody
        wake()

    def _is_lost(self) -> None:
        """The client has gone, or the tunnel broke."""
        if self.closed is None:
            self.closed = _LOST
            self._unparsed.clear()
            self._on_closed()
            self._has_room()
            wake, self._on_message = self._on_message, _nobody
            wake()
