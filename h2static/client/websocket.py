"""A WebSocket over HTTP/2, from the client's side (RFC 6455, RFC 7692, RFC 8441).

Contract: a :class:`WebSocket` is open; :meth:`h2static.client.client.Client.websocket` makes it and
closes it.  Text is ``str``, everything else ``bytes``.  Pings are answered while a task receives.
Iteration ends when the server has closed with 1000 or 1001; for every other end it raises
:class:`WebSocketClosed`.

Strategy: octets become messages in :mod:`h2static.websocket.connection`, as at the server's end;
the handshake is the ``websockets`` package's, which only those need who use this module
(``h2static[websocket]``).
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from typing import Final

import anyio
from websockets.client import ClientProtocol
from websockets.datastructures import Headers
from websockets.exceptions import NegotiationError
from websockets.extensions.permessage_deflate import (
    ClientPerMessageDeflateFactory,
    PerMessageDeflate,
)
from websockets.headers import build_extension, build_subprotocol
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from h2static.client.errors import ClientError, ResponseError
from h2static.client.tunnel import Tunnel
from h2static.http.fields import Fields
from h2static.websocket.connection import ABNORMAL, Connection, Message
from h2static.websocket.deflate import SparingDeflate
from h2static.websocket.limits import WebSocketLimits

#: The value of ``:protocol`` (RFC 8441 section 5).
PROTOCOL: Final = "websocket"
#: Maximum size of a message in octets: the server controls it, and the client holds it.
LARGEST_MESSAGE: Final = 16 * 1024 * 1024
#: Close codes that mean success (RFC 6455 section 7.4.1).
_WELL: Final = frozenset((1000, 1001))
#: Seconds that a server has to answer our close frame.
_CLOSE_SECONDS: Final = 5.0


class WebSocketClosed(ClientError):
    """The WebSocket is closed, and why."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"the WebSocket was closed: {code} {reason}".rstrip())
        self.code = code
        self.reason = reason


class Offer:
    """A client's offer: the fields of the request, and how to read those of the response."""

    def __init__(
        self,
        subprotocols: Sequence[str] = (),
        *,
        compression: bool = True,
        largest_message: int = LARGEST_MESSAGE,
    ) -> None:
        """``compression``: offer permessage-deflate (RFC 7692)."""
        factory = ClientPerMessageDeflateFactory()
        self._limits = WebSocketLimits(message=largest_message)
        #: The handshake is HTTP/2's; the URI is needed for that of HTTP/1.1 only.
        self._protocol = ClientProtocol(
            parse_uri("ws://localhost/"),
            extensions=[factory] if compression else [],
            subprotocols=[Subprotocol(name) for name in subprotocols],
        )
        #: Fields of the request (RFC 8441 section 5).
        self.fields: list[tuple[str, str]] = [("sec-websocket-version", "13")]
        if subprotocols:
            names = [Subprotocol(name) for name in subprotocols]
            self.fields.append(("sec-websocket-protocol", build_subprotocol(names)))
        if compression:
            extension = build_extension([(factory.name, factory.get_request_params())])
            self.fields.append(("sec-websocket-extensions", extension))

    def granted(self, fields: Fields) -> tuple[Connection, str | None]:
        """The WebSocket as the server has granted it, and its subprotocol.

        Raises :class:`~h2static.client.errors.ClientError` for values that were not requested.
        """
        headers = Headers(
            (name.decode("latin-1"), value.decode("latin-1")) for name, value in fields
        )
        try:
            extensions = self._protocol.process_extensions(headers)
            subprotocol = self._protocol.process_subprotocol(headers)
        except (NegotiationError, ValueError) as error:
            raise ClientError(
                f"the server accepted something that was not requested: {error}"
            ) from error
        deflate: SparingDeflate | None = None
        for extension in extensions:
            # Nothing else is ever offered.
            assert isinstance(extension, PerMessageDeflate)
            deflate = SparingDeflate(extension, self._limits.deflate_from)
        return Connection(deflate, self._limits, client=True), subprotocol


class WebSocket:
    """A client's WebSocket: send messages, and iterate over received ones."""

    def __init__(self, tunnel: Tunnel, connection: Connection, subprotocol: str | None) -> None:
        """``connection`` and ``subprotocol``: as they were granted."""
        self._tunnel = tunnel
        self._connection = connection
        #: The subprotocol that the server selected.
        self.subprotocol = subprotocol
        self._pieces = aiter(tunnel)
        self._messages: deque[Message] = deque()
        self._closed: WebSocketClosed | None = None
        #: Replies to pings do not get into messages.
        self._sending = anyio.Lock()
        #: The closing task reads as well as the receiving one.
        self._reading = anyio.Lock()

    @property
    def closed(self) -> WebSocketClosed | None:
        """How it was closed, once it is."""
        return self._closed

    # ------------------------------------------------------------------ sending

    async def send(self, message: Message) -> None:
        """Send a message; wait while the server does not read.

        Raises :class:`WebSocketClosed` or :class:`~h2static.client.errors.ResponseError`.
        """
        if self._closed is not None:
            raise self._closed
        if not self._connection.can_send:
            raise WebSocketClosed(ABNORMAL, "the WebSocket is closing")
        self._connection.send(message)
        await self._flush()

    async def _flush(self) -> None:
        """Send pending output."""
        connection = self._connection
        async with self._sending:
            octets, connection.output = connection.output, []
            for piece in octets:
                await self._tunnel.send(piece)
            if connection.over:
                self._tunnel.end()

    # ------------------------------------------------------------------ receiving

    async def receive(self) -> Message:
        """The next message.

        Raises :class:`WebSocketClosed` when the WebSocket is closed.
        """
        while not self._messages:
            if self._closed is not None:
                raise self._closed
            await self._read()
        return self._messages.popleft()

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
        """Read a piece, unless another task has just done so."""
        async with self._reading:
            if self._closed is None and not self._messages:
                await self._read_piece()

    async def _read_piece(self) -> None:
        connection = self._connection
        try:
            octets = await anext(self._pieces, b"")
        except ResponseError as error:
            self._closed = WebSocketClosed(ABNORMAL, str(error))
            return
        if octets:
            self._messages += connection.receive(octets)
        else:
            connection.receive_end()
        with suppress(ResponseError):
            # The server may be done, and no longer read.
            await self._flush()
        found = connection.closed
        if self._closed is None and found is not None:
            reason = found.reason
            if found.code == ABNORMAL and not reason:
                reason = "the server closed the connection without a close frame"
            self._closed = WebSocketClosed(found.code, reason)

    # ------------------------------------------------------------------ the end

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Send a close frame, and wait for the server's; another task may receive meanwhile.

        Raises ``ValueError`` for a code that no close frame carries.
        """
        try:
            with anyio.move_on_after(_CLOSE_SECONDS):
                if self._closed is None and self._connection.can_send:
                    self._connection.close(code, reason)
                    await self._flush()
                while self._closed is None:
                    async with self._reading:
                        if self._closed is None:
                            await self._read_piece()
                    if sum(map(len, self._messages)) > LARGEST_MESSAGE:
                        # No task receives them.
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
                self._closed = WebSocketClosed(ABNORMAL, "the server did not answer")
            self._tunnel.close()
