"""WebSockets over both protocol versions: the whole way of octets, in memory.

Every row of the table of close codes, refusals, back-pressure, and several beside requests.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest

from h2static.http.exchange import Exchange
from h2static.http.fields import Field, Fields
from h2static.websocket.connection import Closed, Message
from h2static.websocket.handshake import Refused, read_offer
from h2static.websocket.websocket import WebSocket
from tests.contracts.applications import Scripted
from tests.contracts.applications import text as response
from tests.contracts.conversation import Conversation
from tests.contracts.dialects import DIALECTS, Dialect
from tests.support.websocket_frames import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    Frame,
    close,
    closed,
    frame,
    read_frames,
    split_frames,
    text,
)

LARGE = 3 * 1_048_576
#: What a WebSocket holds for its application: the limit, and what crosses it.
HELD = 262_144 + 65_536
_KEY: Field = (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ==")
_VERSION: Field = (b"sec-websocket-version", b"13")


@pytest.fixture(params=DIALECTS, ids=[dialect.name for dialect in DIALECTS])
def dialect(request: pytest.FixtureRequest) -> Dialect:
    """A protocol version."""
    chosen: Dialect = request.param
    return chosen


class Sockets:
    """An application that takes WebSockets: an echo, unless ``/silent`` or ``/refused``."""

    def __init__(self) -> None:
        self.scripted = Scripted(self._handle)
        self.open: list[WebSocket] = []
        #: What was taken of each, in order.
        self.taken: list[list[Message | Closed]] = []

    def _handle(self, exchange: Exchange) -> None:
        if not exchange.request.protocol:
            exchange.respond(response(200, exchange.request.path))
            return
        try:
            offer = read_offer(exchange.request)
        except Refused as refused:
            exchange.respond(response(refused.status, str(refused).encode()))
            return
        if exchange.request.path == b"/refused":
            exchange.respond(response(403, b"not you"))
            return
        socket = WebSocket(exchange, offer)
        self.open.append(socket)
        self.taken.append([])
        socket.accept(None, (), 0.0)
        if exchange.request.path != b"/silent":
            self._echo(len(self.open) - 1)

    def _echo(self, number: int) -> None:
        """Echo what is there, as far as there is room; then wait."""
        socket = self.open[number]
        while (message := socket.take()) is not None:
            self.taken[number].append(message)
            if isinstance(message, Closed):
                return
            if socket.can_send and not socket.send(message):
                socket.wait_for_room(partial(self._echo, number))
                return
        socket.wait(partial(self._echo, number))

    def take(self, number: int = 0) -> list[Message | Closed]:
        """What a silent one has got by now."""
        socket, taken = self.open[number], self.taken[number]
        while not (taken and isinstance(taken[-1], Closed)):
            message = socket.take()
            if message is None:
                break
            taken.append(message)
        return taken


class Talk:
    """An application and a client of it."""

    def __init__(
        self, dialect: Dialect, *, read_size: int = 65_536, write_size: int | None = None
    ) -> None:
        self.sockets = Sockets()
        self.talk = Conversation(
            dialect, self.sockets.scripted, read_size=read_size, write_size=write_size
        )

    def open(self, path: bytes = b"/", *fields: Field, granted: bool = True) -> int:
        """Ask for a WebSocket; its number."""
        handshake: Fields = (_VERSION, *fields)
        if not self.talk.dialect.multiplexed:
            handshake = (_KEY, *handshake)
        number = self.talk.tunnel(path, fields=handshake)
        self.talk.settle()
        assert self.talk.reply(number).granted is granted
        return number

    def say(self, number: int, octets: bytes) -> None:
        """Frames of the client."""
        self.talk.send(number, octets)
        self.talk.settle()

    def frames(self, number: int) -> list[Frame]:
        """All frames of the server so far."""
        return read_frames(self.talk.reply(number).content)


# ---------------------------------------------------------------------- there and back


@pytest.mark.parametrize("size", [1, 7, 65_536])
def test_messages(dialect: Dialect, size: int) -> None:
    talk = Talk(dialect, read_size=size, write_size=size)
    number = talk.open()
    accept = talk.talk.reply(number).value(b"sec-websocket-accept")
    assert accept == (None if dialect.multiplexed else b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    talk.say(number, text("Hello") + frame(BINARY, bytes(1_000)) + frame(PING, b"p"))
    assert sorted(talk.frames(number)) == [
        Frame(TEXT, b"Hello"),
        Frame(BINARY, bytes(1_000)),
        Frame(PONG, b"p"),
    ]
    talk.say(number, close(1000, "bye"))
    assert talk.frames(number)[-1] == closed(1000, "bye")
    assert talk.talk.reply(number).whole
    assert talk.sockets.taken[0][-1] == Closed(1000, "bye")


def test_several_beside_requests(dialect: Dialect) -> None:
    if not dialect.multiplexed:
        pytest.skip("one request at a time")
    talk = Talk(dialect)
    numbers = [talk.open() for _ in range(5)]
    for turn in range(3):
        for i, number in enumerate(numbers):
            talk.say(number, text(f"{turn} to {i}"))
        ordinary = talk.talk.request(b"/page")
        talk.talk.settle()
        assert talk.talk.whole_reply(ordinary).content == b"/page"
    for i, number in enumerate(numbers):
        assert talk.frames(number) == [Frame(TEXT, b"%d to %d" % (turn, i)) for turn in range(3)]
        talk.say(number, close(1000))
        if dialect.multiplexed:
            talk.talk.end_tunnel(number)
    assert talk.talk.engine.open_streams == 0


def test_a_large_message(dialect: Dialect) -> None:
    talk = Talk(dialect)
    number = talk.open()
    talk.say(number, frame(BINARY, bytes(1_048_576)))
    assert talk.frames(number) == [Frame(BINARY, bytes(1_048_576))]


# ---------------------------------------------------------------------- the table of close codes

#: What happens, what the application hears, what the client gets.
CLOSINGS: dict[str, tuple[Callable[[Talk, int], None], Closed, list[Frame]]] = {
    "the client closes": (
        lambda talk, number: talk.say(number, close(3001, "why")),
        Closed(3001, "why"),
        [closed(3001, "why")],
    ),
    "an empty close frame": (
        lambda talk, number: talk.say(number, close()),
        Closed(1005, ""),
        [Frame(CLOSE, b"")],
    ),
    "the connection is lost": (
        lambda talk, number: talk.talk.lose(),
        Closed(1006, ""),
        [],
    ),
    "the stream is reset, where there is one": (
        lambda talk, number: talk.talk.lose(number),
        Closed(1006, ""),
        [],
    ),
    "it ends without a close frame": (
        lambda talk, number: talk.talk.end_tunnel(number),
        Closed(1006, ""),
        [],
    ),
    "invalid UTF-8": (
        lambda talk, number: talk.say(number, frame(TEXT, b"\xff")),
        Closed(1007, "text is not UTF-8"),
        [closed(1007, "text is not UTF-8")],
    ),
    "a frame that is none": (
        lambda talk, number: talk.say(number, frame(0x3)),
        Closed(1002, "invalid opcode"),
        [closed(1002, "invalid opcode")],
    ),
    "a frame without mask": (
        lambda talk, number: talk.say(number, frame(TEXT, mask=False)),
        Closed(1002, "incorrect masking"),
        [closed(1002, "incorrect masking")],
    ),
}


@pytest.mark.parametrize(("happens", "heard", "sent"), CLOSINGS.values(), ids=CLOSINGS.keys())
@pytest.mark.parametrize("path", [b"/", b"/silent"])
def test_closings(
    dialect: Dialect,
    path: bytes,
    happens: Callable[[Talk, int], None],
    heard: Closed,
    sent: list[Frame],
) -> None:
    talk = Talk(dialect)
    number = talk.open(path)
    talk.say(number, text("x"))
    happens(talk, number)
    talk.talk.settle()
    assert talk.sockets.take() == ["x", heard]
    frames = [one for one in talk.frames(number) if one.opcode != TEXT]
    assert frames == sent
    assert not talk.sockets.open[0].can_send
    if sent:
        assert talk.talk.reply(number).whole
    if dialect.multiplexed and not talk.talk.closed:
        if sent:
            talk.talk.end_tunnel(number)
        following = talk.talk.request(b"/following")
        talk.talk.settle()
        talk.talk.whole_reply(following)
        assert talk.talk.engine.open_streams == 0
    else:
        assert talk.talk.closed
    talk.sockets.scripted.ledger.assert_settled()


def test_a_message_that_is_too_large(dialect: Dialect) -> None:
    talk = Talk(dialect)
    number = talk.open(b"/silent")
    talk.say(number, frame(BINARY, bytes(1_048_577)))
    (end,) = talk.sockets.take()
    assert isinstance(end, Closed)
    assert end.code == 1009
    (answer,) = talk.frames(number)
    assert answer.data[:2] == (1009).to_bytes(2, "big")
    assert talk.talk.reply(number).whole


def test_the_server_closes(dialect: Dialect) -> None:
    talk = Talk(dialect)
    number = talk.open(b"/silent")
    talk.sockets.open[0].close(4002, "enough", talk.talk.now)
    talk.talk.settle()
    assert talk.frames(number) == [closed(4002, "enough")]
    assert not talk.talk.reply(number).whole
    talk.say(number, close(4002, "enough"))
    assert talk.talk.reply(number).whole
    assert talk.sockets.take() == [Closed(4002, "enough")]
    if not dialect.multiplexed:
        assert talk.talk.closed


def test_a_client_that_does_not_answer_a_close(dialect: Dialect) -> None:
    talk = Talk(dialect)
    number = talk.open(b"/silent")
    socket = talk.sockets.open[0]
    socket.close(1001, "", talk.talk.now)
    talk.talk.settle()
    socket.check(talk.talk.now + 10)
    talk.talk.settle()
    assert talk.talk.reply(number).whole
    assert talk.sockets.take() == [Closed(1001, "")]
    # Over HTTP/2 the client's side of the stream is still open, but not for long.
    for _ in range(200):
        talk.talk.step(0.5)
    assert talk.talk.engine.open_streams == 0


def test_a_client_that_is_silent(dialect: Dialect) -> None:
    talk = Talk(dialect)
    number = talk.open(b"/silent")
    socket = talk.sockets.open[0]
    for _ in range(3):
        talk.talk.now = socket.deadline()
        socket.check(talk.talk.now)
        talk.talk.settle()
        assert talk.frames(number)[-1] == Frame(PING, b"")
        talk.say(number, frame(PONG))
    for _ in range(2):
        talk.talk.now = socket.deadline()
        socket.check(talk.talk.now)
        talk.talk.settle()
    assert talk.frames(number)[-1] == closed(1011, "no answer to a ping")
    assert talk.talk.reply(number).whole


def test_drain(dialect: Dialect) -> None:
    """Clients are told (1001), answer, and the connection ends."""
    talk = Talk(dialect)
    number = talk.open(b"/silent")
    talk.sockets.open[0].leave(talk.talk.now)
    talk.talk.drain()
    (answer,) = talk.frames(number)
    assert answer.data[:2] == (1001).to_bytes(2, "big")
    talk.say(number, close(1001))
    if dialect.multiplexed:
        talk.talk.end_tunnel(number)
    for _ in range(5):
        talk.talk.step(0.5)
    assert talk.talk.closed
    assert talk.talk.reply(number).whole


# ---------------------------------------------------------------------- refused


def test_refusals_are_responses(dialect: Dialect) -> None:
    talk = Talk(dialect)
    number = talk.open(b"/refused", granted=False)
    assert talk.talk.whole_reply(number, 403).content == b"not you"
    following = talk.talk.request(b"/following")
    talk.talk.settle()
    talk.talk.whole_reply(following)


def test_a_handshake_that_is_wrong(dialect: Dialect) -> None:
    talk = Talk(dialect)
    number = talk.talk.tunnel(b"/", fields=(_KEY, (b"sec-websocket-version", b"12")))
    talk.talk.settle()
    talk.talk.whole_reply(number, 400)


# ---------------------------------------------------------------------- back-pressure


def test_a_server_that_does_not_take(dialect: Dialect) -> None:
    talk = Talk(dialect)
    number = talk.open(b"/silent")
    message = frame(BINARY, bytes(10_000))
    talk.say(number, message * (LARGE // len(message)))
    socket = talk.sockets.open[0]
    assert socket.held <= HELD
    assert talk.talk.untaken >= LARGE - 2 * HELD
    count = 0
    while socket.held:
        while socket.take() is not None:
            count += 1
        talk.talk.settle()
    assert count == LARGE // len(message)
    assert talk.talk.shared.held.octets == 0


@pytest.mark.parametrize("way", ["socket", "credit"])
def test_a_client_that_does_not_read(dialect: Dialect, way: str) -> None:
    """What it sends to an echo meanwhile stays with it."""
    talk = Talk(dialect)
    number = talk.open()
    if way == "socket":
        talk.talk.taking = False
    elif not talk.talk.client.hold_credit():
        pytest.skip("the protocol has no credit")
    message = frame(BINARY, bytes(10_000))
    count = LARGE // len(message)
    talk.say(number, message * count)
    assert talk.sockets.open[0].held <= HELD
    assert talk.talk.untaken >= LARGE - 1_048_576
    if way == "socket":
        talk.talk.taking = True
    else:
        talk.talk.client.return_credit()
    talk.talk.settle()
    frames, rest = split_frames(talk.talk.reply(number).content)
    assert len(frames) == count
    assert not rest
