"""From octets to messages and back: one end of a WebSocket after its handshake (RFC 6455).

Contract: :meth:`Connection.receive` takes octets as they arrive and returns the messages that they
complete: ``str`` for text, ``bytes`` otherwise.  It never raises for anything that a peer can send:
an error closes the WebSocket with the RFC's code.  Output is in :attr:`Connection.output`, in
order; when :attr:`Connection.over` is true, nothing follows it.  Pings are answered here.  Once
:attr:`Connection.closed` is set, no more messages arrive.

Strategy: the ``websockets`` package implements frames, masks and the closing handshake.  This
module does the rest: it joins fragments, validates text, and frames uncompressed output without
copying its octets.
"""

from __future__ import annotations

import codecs
import struct
from collections.abc import Sequence
from typing import Final, NamedTuple, TypeAlias

from websockets.frames import Frame, Opcode
from websockets.protocol import Protocol, Side, State

from h2static.websocket.deflate import SparingDeflate
from h2static.websocket.limits import DEFAULT_LIMITS, WebSocketLimits

#: What is sent and received.
Message: TypeAlias = str | bytes

#: Codes that no close frame carries, and only tell of one (RFC 6455 section 7.4.1).
NO_STATUS: Final = 1005
ABNORMAL: Final = 1006
#: Codes of close frames that are used here.
GOING_AWAY: Final = 1001
INVALID_DATA: Final = 1007
INTERNAL_ERROR: Final = 1011
#: RFC 6455 section 7.4.1 and its registry: what an application may close with, beside 3000-4999.
_CODES: Final = frozenset((*range(1000, 1004), *range(1007, 1015)))
#: RFC 6455 section 5.5: control frames have 125 octets at most, of which the code takes two.
_REASON: Final = 123
#: From here on header and payload are two pieces.  To copy less than this costs less than a piece
#: of its own, and over HTTP/2 a frame of its own, for the header.
_LARGE: Final = 131_072
_new_decoder: Final = codecs.getincrementaldecoder("utf-8")


class Closed(NamedTuple):
    """How a WebSocket was closed."""

    code: int
    reason: str


class Connection:
    """One WebSocket; see the module."""

    __slots__ = (
        "_decoder", "_extension", "_is_client", "_limits", "_ours", "_partial", "_protocol",
        "closed", "output", "over",
    )  # fmt: skip

    def __init__(
        self,
        extension: SparingDeflate | None = None,
        limits: WebSocketLimits = DEFAULT_LIMITS,
        *,
        client: bool = False,
    ) -> None:
        """``extension``: as it was negotiated.  ``client``: this is the client's end."""
        self._limits = limits
        self._extension = extension
        self._is_client = client
        side = Side.CLIENT if client else Side.SERVER
        self._protocol = Protocol(side, state=State.OPEN, max_size=limits.message)
        if extension is not None:
            self._protocol.extensions = [extension]
        #: A message of which fragments have come; a decoder as well if it is text.
        self._partial: bytearray | None = None
        self._decoder: codecs.IncrementalDecoder | None = None
        #: What we have closed with.
        self._ours: Closed | None = None
        #: How it was closed, once nothing more will be received.
        self.closed: Closed | None = None
        #: Octets for the peer; the sender removes them.
        self.output: list[bytes] = []
        #: Nothing follows :attr:`output`.
        self.over = False

    @property
    def can_send(self) -> bool:
        """Whether messages may be sent: neither end has closed."""
        return self._ours is None and self.closed is None

    # ------------------------------------------------------------------ what comes

    def receive(self, data: bytes) -> list[Message]:
        """Take octets of the peer; the messages that are whole with them."""
        if self.closed is not None:
            return []
        protocol = self._protocol
        protocol.receive_data(data)
        events = protocol.events_received()
        if not events and protocol.state is State.OPEN:
            # A part of a frame.
            return []
        messages = self._join(events)
        self._settle()
        # After our close frame an application takes nothing; who closes at the client's end may not
        # be who receives there.
        return messages if self._ours is None or self._is_client else []

    def _join(self, events: Sequence[object]) -> list[Message]:
        """The messages that are whole with these frames, up to the first that is wrong."""
        messages: list[Message] = []
        for frame in events:
            # Of this end no other events come.
            assert isinstance(frame, Frame)
            opcode = frame.opcode
            try:
                if opcode is Opcode.TEXT:
                    if frame.fin:
                        messages.append(str(frame.data, "utf-8"))
                    else:
                        self._begin(frame, _new_decoder())
                elif opcode is Opcode.BINARY:
                    if frame.fin:
                        messages.append(bytes(frame.data))
                    else:
                        self._begin(frame, None)
                elif opcode is Opcode.CONT:
                    self._add(frame)
                    if frame.fin:
                        messages.append(self._end())
            except UnicodeDecodeError:
                # RFC 6455 section 8.1: "When an endpoint is to interpret a byte stream as UTF-8 but
                # finds that the byte stream is not, in fact, a valid UTF-8 stream, that endpoint
                # MUST _Fail the WebSocket Connection_"; with 1007 (section 7.4.1).
                self.fail(INVALID_DATA, "text is not UTF-8")
                break
        return messages

    def receive_end(self) -> None:
        """The peer sends no more."""
        if self.closed is None:
            self._protocol.receive_eof()
            # RFC 6455 section 7.1.5: without a close frame the code "is considered to be 1006".
            self.closed = self._ours or Closed(ABNORMAL, "")
            self._settle()
        self.over = True

    def _begin(self, frame: Frame, decoder: codecs.IncrementalDecoder | None) -> None:
        """The first fragment of a message; ``decoder`` if it is text."""
        self._partial, self._decoder = bytearray(), decoder
        self._add(frame)

    def _add(self, frame: Frame) -> None:
        assert self._partial is not None
        self._partial += frame.data
        if self._decoder is not None:
            # RFC 6455 section 5.6: "a particular text frame might include a partial UTF-8 sequence;
            # however, the whole message MUST contain valid UTF-8."  What this says is thrown away:
            # many pieces of one character would cost more than the whole.
            self._decoder.decode(bytes(frame.data))

    def _end(self) -> Message:
        """The message whose last fragment has come."""
        assert self._partial is not None
        octets, self._partial = self._partial, None
        text, self._decoder = self._decoder is not None, None
        return str(octets, "utf-8") if text else bytes(octets)

    def _settle(self) -> None:
        """Take what the protocol has to say, and see whether it was closed."""
        protocol = self._protocol
        writes = protocol.data_to_send()
        if writes:
            if not writes[-1]:
                self.over = True
                writes.pop()
            self.output += writes
        if self.closed is not None or protocol.state is State.OPEN:
            return
        received, sent = protocol.close_rcvd, protocol.close_sent
        if protocol.parser_exc is not None:
            # Malformed, too large, or broken off.
            found = Closed(ABNORMAL, "") if sent is None else Closed(int(sent.code), sent.reason)
        elif received is not None:
            found = Closed(int(received.code), received.reason)
        else:
            return
        self.closed = self._ours or found
        self._partial = self._decoder = None

    # ------------------------------------------------------------------ what goes

    def send(self, message: Message) -> None:
        """Send a message; only while :attr:`can_send`.

        Raises ``UnicodeEncodeError`` for text that UTF-8 cannot say.
        """
        if isinstance(message, str):
            data, first = message.encode("utf-8"), 0x81
        else:
            data, first = message, 0x82
        size = len(data)
        # RFC 6455 section 5.3: "All frames sent from client to server" are masked.
        compress = self._extension is not None and size >= self._limits.deflate_from
        if compress or self._is_client:
            if first == 0x81:
                self._protocol.send_text(data)
            else:
                self._protocol.send_binary(data)
            self.output += self._protocol.data_to_send()
        elif size < 126:
            self.output.append(b"%c%c%b" % (first, size, data))
        elif size < 65_536:
            self.output.append(struct.pack("!BBH", first, 126, size) + data)
        elif size < _LARGE:
            self.output.append(struct.pack("!BBQ", first, 127, size) + data)
        else:
            self.output += (struct.pack("!BBQ", first, 127, size), data)

    def ping(self) -> None:
        """Ask for a sign of life."""
        self._protocol.send_ping(b"")
        self._settle()

    def close(self, code: int, reason: str) -> None:
        """Begin the closing handshake; no effect once it was begun.

        Raises ``ValueError`` for a code that no close frame carries, or a reason that is too long.
        """
        if code not in _CODES and not 3000 <= code <= 4999:
            raise ValueError(f"{code} is not a valid close code (RFC 6455 section 7.4)")
        if len(reason.encode("utf-8")) > _REASON:
            raise ValueError(f"the reason is longer than {_REASON} octets")
        if self.can_send:
            self._ours = Closed(code, reason)
            self._protocol.send_close(code, reason)
            self._settle()

    def fail(self, code: int, reason: str) -> None:
        """Give up: a close frame, and nothing after it (RFC 6455 section 7.1.7)."""
        if self.closed is None:
            self.closed = self._ours or Closed(code, reason)
            self._partial = self._decoder = None
            self._protocol.fail(code, reason)
            self._settle()
            self.over = True
