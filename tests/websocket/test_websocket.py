"""A WebSocket as its application has it: credit, room, time and the end, over a fake tunnel."""

from __future__ import annotations

import pytest

from h2static.http.bodies import BodyReader
from h2static.http.messages import Request
from h2static.websocket.connection import Closed, Message
from h2static.websocket.handshake import read_offer
from h2static.websocket.limits import WebSocketLimits
from h2static.websocket.websocket import WebSocket
from tests.support.exchange import FakeExchange
from tests.support.websocket_frames import (
    BINARY,
    PING,
    PONG,
    TEXT,
    Frame,
    close,
    closed,
    frame,
    split_frames,
    text,
)
from tests.websocket.test_deflate import Client

START = 1_000.0


def connect(*fields: tuple[bytes, bytes]) -> Request:
    return Request(
        method=b"CONNECT",
        scheme=b"http",
        authority=b"a.test",
        path=b"/chat",
        fields=((b"sec-websocket-version", b"13"), *fields),
        protocol=b"websocket",
    )


class Tunnel:
    """A WebSocket over a fake exchange, and its client."""

    def __init__(
        self,
        *fields: tuple[bytes, bytes],
        limits: WebSocketLimits | None = None,
        accept: bool = True,
    ) -> None:
        request = connect(*fields)
        self.exchange = FakeExchange(request)
        self.socket = WebSocket(self.exchange, read_offer(request), limits or WebSocketLimits())
        self._reader: BodyReader | None = None
        self._rest = b""
        #: The body has ended.
        self.ended = False
        if accept:
            self.socket.accept(None, (), START)

    def say(self, octets: bytes) -> bool:
        """Octets of the client; whether it gets credit for more."""
        self.exchange.waiting = False
        return self.exchange.send(octets)

    def read(self, most: int = 1 << 30) -> list[Frame]:
        """The frames that the client has got, reading at most so many octets."""
        if self._reader is None:
            response = self.exchange.answer()
            assert not isinstance(response.body, bytes)
            self._reader = response.body.open()
        octets = self._rest
        while most > 0:
            piece = self._reader.read(min(most, 65_536))
            if piece is None:
                break
            if not piece:
                self.ended = True
                break
            octets += piece
            most -= len(piece)
        frames, self._rest = split_frames(octets)
        return frames

    def taken(self) -> list[Message | Closed]:
        """Everything that is there to be taken."""
        found: list[Message | Closed] = []
        while (one := self.socket.take()) is not None:
            found.append(one)
            if isinstance(one, Closed):
                break
        return found


# ---------------------------------------------------------------------- the handshake


def test_accepted_with_what_was_asked_for() -> None:
    tunnel = Tunnel(
        (b"sec-websocket-protocol", b"chat, superchat"),
        (b"sec-websocket-extensions", b"permessage-deflate"),
        accept=False,
    )
    assert (tunnel.socket.accepted, tunnel.socket.can_send) == (False, False)
    tunnel.socket.accept("superchat", ((b"x-a", b"1"),), START)
    assert (tunnel.socket.accepted, tunnel.socket.can_send) == (True, True)
    assert tunnel.exchange.answer().fields == (
        (b"sec-websocket-protocol", b"superchat"),
        (b"sec-websocket-extensions", b"permessage-deflate; server_max_window_bits=12"),
        (b"x-a", b"1"),
    )


def test_a_subprotocol_that_was_not_offered() -> None:
    tunnel = Tunnel((b"sec-websocket-protocol", b"chat"), accept=False)
    with pytest.raises(ValueError, match="did not offer"):
        tunnel.socket.accept("superchat", (), START)
    assert not tunnel.socket.accepted


def test_a_client_that_goes_before_it_is_accepted() -> None:
    tunnel = Tunnel(accept=False)
    woken: list[str] = []
    tunnel.socket.wait(lambda: woken.append("gone"))
    tunnel.exchange.lose()
    assert woken == ["gone"]
    assert tunnel.taken() == [Closed(1006, "")]
    assert not tunnel.socket.can_send


# ---------------------------------------------------------------------- there and back


def test_messages() -> None:
    tunnel = Tunnel()
    woken: list[str] = []
    tunnel.socket.wait(lambda: woken.append("message"))
    assert woken == []
    assert tunnel.say(text("Hello") + frame(BINARY, b"octets"))
    assert woken == ["message"]
    assert tunnel.taken() == ["Hello", b"octets"]
    tunnel.socket.wait(lambda: woken.append("another"))
    assert tunnel.say(text("!"))
    assert woken == ["message", "another"]
    assert tunnel.socket.send("back")
    assert tunnel.socket.send(b"and forth")
    assert tunnel.read() == [Frame(TEXT, b"back"), Frame(BINARY, b"and forth")]
    tunnel.socket.wait(lambda: woken.append("at once"))
    assert woken[-1] == "at once"


def test_pings_are_answered() -> None:
    tunnel = Tunnel()
    tunnel.say(frame(PING, b"are you there?"))
    assert tunnel.read() == [Frame(PONG, b"are you there?")]
    assert tunnel.taken() == []


# ---------------------------------------------------------------------- credit


def test_pings_of_a_client_that_reads_nothing_do_not_pile_up() -> None:
    tunnel = Tunnel(limits=WebSocketLimits(sending=1_000))
    assert tunnel.socket.send(b"x" * 2_000) is False
    for number in range(1_000):
        assert tunnel.say(frame(PING, b"%d" % number))
    message, *pongs = tunnel.read()
    assert message == Frame(BINARY, b"x" * 2_000)
    # The last one is answered, which says that those before it came as well.
    assert [*pongs, *tunnel.read()] == [Frame(PONG, b"999")]
    assert tunnel.say(frame(PING, b"again"))
    assert tunnel.read() == [Frame(PONG, b"again")]


def test_a_client_gets_no_credit_while_nobody_takes() -> None:
    limits = WebSocketLimits(held=1_000, message_overhead=10)
    tunnel = Tunnel(limits=limits)
    message = frame(BINARY, bytes(90))
    for _ in range(9):
        assert tunnel.say(message)
    assert not tunnel.say(message)
    # What is on its way may still come.
    assert not tunnel.say(message * 5)
    resumed = tunnel.exchange.resumed
    for _ in range(4):
        assert tunnel.socket.take() == bytes(90)
    assert tunnel.exchange.resumed == resumed
    # Half of it was taken: what waited is looked at, and fills it again.
    assert tunnel.socket.take() == bytes(90)
    assert tunnel.exchange.resumed == resumed
    assert len(tunnel.taken()) == 10
    assert tunnel.exchange.resumed == resumed + 1
    assert tunnel.say(message)


def test_a_message_larger_than_what_is_held() -> None:
    """Otherwise it would never be whole."""
    tunnel = Tunnel(limits=WebSocketLimits(held=1_000))
    octets = frame(BINARY, bytes(100_000))
    for start in range(0, len(octets) - 1, 1_000):
        assert tunnel.say(octets[start : min(start + 1_000, len(octets) - 1)])
    assert not tunnel.say(octets[-1:])
    assert tunnel.taken() == [bytes(100_000)]
    assert tunnel.exchange.resumed == 1


def test_many_empty_messages_count() -> None:
    tunnel = Tunnel(limits=WebSocketLimits(held=65_536, message_overhead=64))
    octets = frame(TEXT) * 500
    assert tunnel.say(octets)
    assert tunnel.say(octets)
    assert not tunnel.say(octets)


def test_what_little_input_inflates_to() -> None:
    """A piece of compressed input is not inflated as a whole when nobody takes what comes of it."""
    limits = WebSocketLimits(message=100_000, held=65_536)
    tunnel = Tunnel((b"sec-websocket-extensions", b"permessage-deflate"), limits=limits)
    client = Client()
    octets = b"".join(frame(BINARY, client.deflate(bytes(100_000)), rsv=4) for _ in range(400))
    assert len(octets) < 65_536
    assert not tunnel.say(octets)
    held = 0
    for _ in range(400):
        before = tunnel.socket.held
        held = max(held, before)
        assert tunnel.socket.take() == bytes(100_000)
    assert held < 2_000_000
    assert tunnel.taken() == []


def test_a_close_frame_behind_what_nobody_has_taken() -> None:
    limits = WebSocketLimits(held=1_000, message_overhead=10)
    tunnel = Tunnel(limits=limits)
    tunnel.say(frame(BINARY, bytes(990)))
    tunnel.say(text("last") + close(3001, "why"))
    tunnel.exchange.end()
    assert tunnel.socket.closed is None
    assert tunnel.taken() == [bytes(990), "last", Closed(3001, "why")]
    assert tunnel.read() == [closed(3001, "why")]
    assert tunnel.ended


# ---------------------------------------------------------------------- room


def test_whoever_sends_is_told_to_wait() -> None:
    tunnel = Tunnel(limits=WebSocketLimits(sending=10_000))
    assert tunnel.socket.send(bytes(9_000))
    assert not tunnel.socket.send(bytes(9_000))
    woken: list[str] = []
    tunnel.socket.wait_for_room(lambda: woken.append("room"))
    assert woken == []
    tunnel.read(10_000)
    assert woken == []
    tunnel.read(5_000)
    assert woken == ["room"]
    tunnel.socket.wait_for_room(lambda: woken.append("at once"))
    assert woken == ["room", "at once"]


@pytest.mark.parametrize("way", ["lost", "closed", "ended"])
def test_nobody_waits_for_room_on_what_is_over(way: str) -> None:
    tunnel = Tunnel(limits=WebSocketLimits(sending=10))
    assert not tunnel.socket.send(bytes(100))
    woken: list[str] = []
    tunnel.socket.wait_for_room(lambda: woken.append("over"))
    if way == "lost":
        tunnel.exchange.lose()
    elif way == "closed":
        tunnel.say(close(1000))
    else:
        tunnel.exchange.end()
    assert woken == ["over"]
    assert not tunnel.socket.can_send


# ---------------------------------------------------------------------- the end


def test_the_client_closes() -> None:
    tunnel = Tunnel()
    tunnel.say(text("last") + close(3001, "why"))
    assert tunnel.taken() == ["last", Closed(3001, "why")]
    assert tunnel.taken() == [Closed(3001, "why")]
    assert tunnel.read() == [closed(3001, "why")]
    assert tunnel.ended


def test_we_close() -> None:
    tunnel = Tunnel()
    tunnel.socket.send("last")
    tunnel.socket.close(4002, "enough", START)
    assert not tunnel.socket.can_send
    assert tunnel.read() == [Frame(TEXT, b"last"), closed(4002, "enough")]
    assert not tunnel.ended
    assert tunnel.taken() == []
    tunnel.say(text("crossed with it") + close(4002, "enough"))
    assert tunnel.taken() == [Closed(4002, "enough")]
    tunnel.read()
    assert tunnel.ended


def test_we_close_while_much_waits_to_be_taken() -> None:
    tunnel = Tunnel(limits=WebSocketLimits(held=100))
    assert not tunnel.say(frame(BINARY, bytes(1_000)))
    assert not tunnel.say(frame(BINARY, bytes(1_000)) + close(1000))
    tunnel.socket.close(1000, "", START)
    assert tunnel.taken() == [Closed(1000, "")]
    assert tunnel.read() == [closed(1000)]
    assert tunnel.ended


def test_a_client_that_does_not_answer_our_close() -> None:
    tunnel = Tunnel()
    tunnel.socket.close(1000, "", START)
    tunnel.read()
    assert tunnel.socket.deadline() == START + 10
    tunnel.socket.check(START + 9)
    tunnel.read()
    assert tunnel.taken() == []
    tunnel.socket.check(START + 10)
    assert tunnel.taken() == [Closed(1000, "")]
    tunnel.read()
    assert tunnel.ended
    assert tunnel.socket.deadline() == float("inf")


@pytest.mark.parametrize("way", ["abandoned", "ended", "reader closed"])
def test_a_client_that_is_lost(way: str) -> None:
    tunnel = Tunnel()
    tunnel.say(text("x"))
    tunnel.socket.send("to nobody")
    if way == "abandoned":
        tunnel.exchange.lose()
    elif way == "ended":
        tunnel.exchange.end()
    else:
        response = tunnel.exchange.answer()
        assert not isinstance(response.body, bytes)
        response.body.open().close()
    assert tunnel.taken() == ["x", Closed(1006, "")]
    assert not tunnel.socket.can_send
    tunnel.socket.check(START + 1_000)
    tunnel.socket.leave(START)
    tunnel.socket.fail("late")
    assert tunnel.taken() == [Closed(1006, "")]


def test_the_application_fails() -> None:
    tunnel = Tunnel()
    tunnel.socket.fail("a bug")
    assert tunnel.read() == [closed(1011, "a bug")]
    assert tunnel.ended
    assert tunnel.taken() == [Closed(1011, "a bug")]


def test_the_server_goes_away() -> None:
    tunnel = Tunnel()
    tunnel.socket.leave(START)
    (frame_,) = tunnel.read()
    assert frame_.data[:2] == (1001).to_bytes(2, "big")
    tunnel.say(close(1001))
    (end,) = tunnel.taken()
    assert isinstance(end, Closed)
    assert end.code == 1001
    tunnel.read()
    assert tunnel.ended


def test_a_wrong_frame_ends_it() -> None:
    tunnel = Tunnel()
    tunnel.say(text("x") + frame(TEXT, b"\xff") + text("y"))
    assert tunnel.taken() == ["x", Closed(1007, "text is not UTF-8")]
    assert tunnel.read() == [closed(1007, "text is not UTF-8")]
    assert tunnel.ended


# ---------------------------------------------------------------------- pings


def test_pings_keep_a_silent_client() -> None:
    tunnel = Tunnel()
    now = START
    for _ in range(5):
        assert tunnel.socket.deadline() == now + 20
        tunnel.socket.check(now + 19.9)
        assert tunnel.read() == []
        now += 20
        tunnel.socket.check(now)
        assert tunnel.read() == [Frame(PING, b"")]
        tunnel.say(frame(PONG))
    assert tunnel.socket.closed is None


def test_a_client_that_gives_no_sign_of_life() -> None:
    tunnel = Tunnel()
    tunnel.socket.check(START + 20)
    assert tunnel.read() == [Frame(PING, b"")]
    tunnel.socket.check(START + 39.9)
    assert tunnel.socket.closed is None
    tunnel.socket.check(START + 40)
    assert tunnel.taken() == [Closed(1011, "no answer to a ping")]
    assert tunnel.read() == [closed(1011, "no answer to a ping")]
    assert tunnel.ended


def test_anything_is_a_sign_of_life() -> None:
    """The pong of a client that sends something large is behind it."""
    tunnel = Tunnel()
    tunnel.socket.check(START + 20)
    tunnel.say(frame(BINARY, bytes(1_000))[:500])
    tunnel.socket.check(START + 40)
    assert tunnel.socket.closed is None
    assert tunnel.read() == [Frame(PING, b""), Frame(PING, b"")]


def test_no_answer_is_seen_while_we_do_not_look() -> None:
    tunnel = Tunnel(limits=WebSocketLimits(held=100))
    assert not tunnel.say(frame(BINARY, bytes(1_000)))
    for turn in range(1, 10):
        tunnel.socket.check(START + 20 * turn)
        tunnel.read()
    assert tunnel.socket.closed is None
    assert tunnel.taken() == [bytes(1_000)]
    tunnel.say(frame(PONG))
    tunnel.socket.check(START + 200)
    assert tunnel.socket.closed is None


def test_a_ping_that_has_not_gone_has_no_answer() -> None:
    """Whether a client reads is the engine's to judge."""
    tunnel = Tunnel()
    tunnel.socket.send(bytes(100_000))
    for turn in range(1, 10):
        tunnel.socket.check(START + 20 * turn)
    assert tunnel.socket.closed is None
    frames = tunnel.read()
    assert [one.opcode for one in frames] == [BINARY, PING]
    tunnel.socket.check(START + 200)
    assert tunnel.socket.closed == Closed(1011, "no answer to a ping")


def test_pings_less_often_than_they_are_waited_for() -> None:
    tunnel = Tunnel(limits=WebSocketLimits(ping_seconds=30, pong_seconds=5))
    tunnel.socket.check(START + 30)
    assert tunnel.read() == [Frame(PING, b"")]
    tunnel.say(frame(PONG))
    tunnel.socket.check(START + 35)
    assert tunnel.socket.deadline() == START + 60
    assert tunnel.read() == []
    tunnel.socket.check(START + 60)
    assert tunnel.read() == [Frame(PING, b"")]
    tunnel.socket.check(START + 65)
    assert tunnel.socket.closed is not None
