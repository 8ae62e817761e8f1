"""A client that asks an application for WebSockets, and applications that take them.

Promise: :class:`Call` is a :class:`~tests.asgi.support.Talk` whose client opens WebSockets, and
writes and reads their frames by hand.
"""

from __future__ import annotations

from typing import Final

from h2static.asgi.types import Message, Receive, Scope, Send
from h2static.http.fields import Field, Fields
from tests.asgi.support import Talk
from tests.support.websocket_frames import Frame, read_frames

KEY: Final[Field] = (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ==")
VERSION: Final[Field] = (b"sec-websocket-version", b"13")
ACCEPT: Final = {"type": "websocket.accept"}
LARGE = 3 * 1_048_576


class Call(Talk):
    """A client that asks an application for WebSockets."""

    async def open(self, path: bytes = b"/", *fields: Field, granted: bool | None = True) -> int:
        """Ask for one; the number of the request."""
        handshake: Fields = (VERSION, *fields)
        if not self.conversation.dialect.multiplexed:
            handshake = (KEY, *handshake)
        number = self.conversation.tunnel(path, fields=handshake)
        await self.settle()
        if granted is not None:
            assert self.conversation.reply(number).granted is granted
        return number

    async def say(self, number: int, octets: bytes) -> None:
        """Frames of the client."""
        self.conversation.send(number, octets)
        await self.settle()

    def frames(self, number: int) -> list[Frame]:
        """What came back so far."""
        return read_frames(self.conversation.reply(number).content)

    def is_over(self, number: int) -> bool:
        """Whether the client sees its end."""
        return self.conversation.reply(number).whole


async def accept(receive: Receive, send: Send) -> None:
    """The usual beginning."""
    assert await receive() == {"type": "websocket.connect"}
    await send({"type": "websocket.accept"})


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Send back what comes; return when it is over."""
    await accept(receive, send)
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


class Listener:
    """Accepts, and writes down what comes up to the end."""

    def __init__(self) -> None:
        self.events: list[Message] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await accept(receive, send)
        while True:
            event = await receive()
            self.events.append(event)
            if event["type"] == "websocket.disconnect":
                # And so it goes on.
                assert await receive() == event
                return
