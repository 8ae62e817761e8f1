"""A WebSocket over HTTP/2, from the client's side (RFC 6455, RFC 7692, RFC 8441).

Contract: a :class:`WebSocket` is open; :meth:`h2static.client.client.Client.websocket` makes it and
closes it.  Text is ``str``, everything else ``bytes``.  Pings are answered while somebody receives.
Iteration ends when the server has closed with 1000 or 1001; for every other end it raises
:class:`WebSocketClosed`.

Strategy: frames, masks, compression and the closing handshake are the ``websockets`` package's,
which only those need who use this module (``h2static[websocket]``).  What it leaves to others is
done here: fragments are joined, text is checked.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

import anyio
from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import NegotiationError
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.frames import Frame, Opcode
from websockets.headers import build_extension, build_subprotocol
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from h2static.client.errors import ClientError, ResponseError
from h2static.client.tunnel import Tunnel
from h2static.http.fields import Fields

#: What is sent and received.
Message: TypeAlias = str | bytes

#: The value of ``:protocol`` (RFC 8441 section 5).
PROTOCOL: Final = "websocket"
#: Octets of the largest message that is taken: what comes is a server's choice, and is held.
LARGEST_MESSAGE: Final = 16 * 1024 * 1024
#: Codes that say that all is well (RFC 6455 section 7.4.1).
_WELL: Final = frozenset((1000, 1001))
#: There was no closing handshake; such a code is never sent.
_ABNORMAL: Final = 1006
_INVALID_DATA: Final = 1007
#: Seconds that a server has to answer our close frame.
_CLOSE_SECONDS: Final = 5.0


class WebSocketClosed(ClientError):
    """The WebSocket is closed, and why."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the WebSocket was closed: {code} {reason}".rstrip())
        self.code = code
        self.reason = reason


class Offer:
    """What a client asks for: fields of the request, and what it makes of those that come back."""

    def __init__(
        self,
        subprotocols: Sequence[str] = (),
        *,
        compression: bool = True,
        largest_message: int = LARGEST_MESSAGE,
    ) -> None:
        """``compression``: offer permessage-deflate (RFC 7692)."""
        factory = ClientPerMessageDeflateFactory()
        self._protocol = ClientProtocol(
            # The handshake is HTTP/2's; the URI is needed for that of HTTP/1.1 only.
            parse_uri("ws://localhost/"),
            extensions=[factory] if compression else [],
            subprotocols=[Subprotocol(name) for name in subprotocols],
            state=State.OPEN,
            max_size=largest_message,
        )
        #: Fields of the request (RFC 8441 section 5).
        self.fields: list[tuple[str, str]] = [("sec-websocket-version", "13")]
        if subprotocols:
            names = [Subprotocol(name) for name in subprotocols]
            self.fields.append(("sec-websocket-protocol", build_subprotocol(names)))
        if compression:
            extension = build_extension([(factory.name, factory.get_request_params())])
            self.fields.append(("sec-websocket-extensions", extension))

    def granted(self, fields: Fields) -> ClientProtocol:
        """The protocol as the server has granted it.

        Raises :class:`~h2static.client.errors.ClientError` for what nobody has asked for.
        """
        headers = Headers(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in fields
        )
        protocol = self._protocol
        try:
            protocol.extensions = protocol.process_extensions(headers)
            protocol.subprotocol = protocol.process_subprotocol(headers)
        except (NegotiationError, ValueError) as error:
            raise ClientError(f"the server grants what was not asked for: {error}") from error
        return protocol


class WebSocket:
    """See the module."""

    def __init__(self, tunnel: Tunnel, protocol: ClientProtocol) -> None:
        self._tunnel = tunnel
        self._protocol = protocol
        self._pieces = aiter(tunnel)
        self._messages: list[Message] = []
        #: A message of which fragments have come, and whether it is text.
        self._partial: bytearray | None = None
        self._is_text = False
        #: Text that is none has come.
        self._is_wrong = False
        self._closed: WebSocketClosed | None = None
        #: Replies to pings do not get into messages.
        self._sending = anyio.Lock()
        #: Who closes reads as well as who receives.
        self._reading = anyio.Lock()

    @property
    def subprotocol(self) -> str | None:
        """What the server has chosen of the subprotocols that were offered."""
        return self._protocol.subprotocol

    @property
    def closed(self) -> WebSocketClosed | None:
        """How it was closed, once it is."""
        return self._closed

    # ------------------------------------------------------------------ sending

    async def send(self, message: Message) -> None:
        """Send a message; waits while the server takes nothing.

        Raises :class:`WebSocketClosed` or :class:`~h2static.client.errors.ResponseError`.
        """
        if self._closed is not None:
            raise self._closed
        protocol = self._protocol
        if protocol.state is not State.OPEN:
            raise WebSocketClosed(_ABNORMAL, "it is being closed")
        if isinstance(message, str):
            protocol.send_text(message.encode())
        else:
            protocol.send_binary(message)
        await self._flush()

    async def _flush(self) -> None:
        """Send what the protocol has to say."""
        async with self._sending:
            for octets in self._protocol.data_to_send():
                if octets:
                    await self._tunnel.send(octets)
                else:
                    self._tunnel.end()

    # ------------------------------------------------------------------ receiving

    async def receive(self) -> Message:
        """The next message.

        Raises :class:`WebSocketClosed` when there is none any more.
        """
        while not self._messages:
            if self._closed is not None:
                raise self._closed
            await self._read()
        return self._messages.pop(0)

    async def __aiter__(self) -> AsyncIterator[Message]:
        """All messages until it is closed.

        Raises :class:`WebSocketClosed` unless all is well.
        """
        while True:
            try:
                message = await self.receive()
            except WebSocketClosed as closed:
                if closed.code in _WELL:
                    return
                raise
            yield message

    async def _read(self) -> None:
        """Take a piece of what comes, unless somebody else has just done so."""
        async with self._reading:
            if self._closed is None and not self._messages:
                await self._read_piece()

    async def _read_piece(self) -> None:
        protocol = self._protocol
        try:
            octets = await anext(self._pieces, b"")
        except ResponseError as error:
            self._closed = WebSocketClosed(_ABNORMAL, str(error))
            return
        if octets:
            protocol.receive_data(octets)
        else:
            protocol.receive_eof()
        for event in protocol.events_received():
            # Of an open WebSocket no other events come.
            assert isinstance(event, Frame)
            self._take(event)
        with suppress(ResponseError):
            # The server may have said all that it had to say, and takes nothing more.
            await self._flush()
        self._settle(over=not octets)

    def _take(self, frame: Frame) -> None:
        """Join fragments; text is UTF-8 (RFC 6455 section 8.1)."""
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY):
            self._partial, self._is_text = bytearray(), frame.opcode is Opcode.TEXT
        elif frame.opcode is not Opcode.CONT:
            return
        if self._partial is None:
            return
        self._partial += frame.data
        if not frame.fin:
            return
        whole, self._partial = bytes(self._partial), None
        if not self._is_text:
            self._messages.append(whole)
            return
        try:
            self._messages.append(whole.decode())
        except UnicodeDecodeError:
            self._is_wrong = True
            self._protocol.fail(_INVALID_DATA, "text is not UTF-8")

    def _settle(self, *, over: bool) -> None:
        """See whether it was closed."""
        protocol = self._protocol
        if self._closed is not None or (protocol.state is State.OPEN and not over):
            return
        received, sent = protocol.close_rcvd, protocol.close_sent
        if sent is not None and (protocol.parser_exc is not None or self._is_wrong):
            # What came was wrong, and we have said so.
            self._closed = WebSocketClosed(sent.code, sent.reason)
        elif received is not None:
            self._closed = WebSocketClosed(received.code, received.reason)
        elif over:
            self._closed = WebSocketClosed(_ABNORMAL, "the server has gone without a word")

    # ------------------------------------------------------------------ the end

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Say goodbye, and wait for the server to say so too; another task may receive meanwhile.

        Raises ``ValueError`` for a code that no close frame carries.
        """
        protocol = self._protocol
        try:
            with anyio.move_on_after(_CLOSE_SECONDS):
                if self._closed is None and protocol.state is State.OPEN:
                    protocol.send_close(code, reason)
                    await self._flush()
                while self._closed is None:
                    async with self._reading:
                        if self._closed is None:
                            await self._read_piece()
                    if sum(map(len, self._messages)) > LARGEST_MESSAGE:
                        # Nobody takes them.
                        self._messages.clear()
                # RFC 8441 section 5: "Orderly TCP-level closures … are represented as END_STREAM".
                self._tunnel.end()
                async with self._reading:
                    while await anext(self._pieces, b""):
                        pass
        except ResponseError:
            return
        finally:
            if self._closed is None:
                self._closed = WebSocketClosed(_ABNORMAL, "the server does not answer")
            self._tunnel.close()
