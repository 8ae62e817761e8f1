"""Messages: RFC 6455 sections 5 to 8.  Golden octets, and every stream one octet at a time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.websocket.connection import Closed, Connection, Message
from h2static.websocket.limits import WebSocketLimits
from tests.support.websocket_frames import (
    BINARY,
    CONT,
    PING,
    PONG,
    TEXT,
    Frame,
    close,
    closed,
    frame,
    read_frames,
    text,
)


class Outcome:
    """What became of some octets of a client."""

    def __init__(
        self, octets: bytes, *, step: int = 1 << 30, limits: WebSocketLimits | None = None
    ) -> None:
        self.connection = Connection(None, limits or WebSocketLimits())
        self.messages: list[Message] = []
        self.say(octets, step=step)

    def say(self, octets: bytes, *, step: int = 1 << 30) -> None:
        """More octets."""
        for start in range(0, len(octets), step):
            self.messages += self.connection.receive(octets[start : start + step])

    def is_over(self) -> bool:
        """Whether nothing more comes or goes."""
        assert (self.connection.closed is None) is not self.connection.over
        return self.connection.over

    @property
    def sent(self) -> list[Frame]:
        """The frames that were sent since."""
        output, self.connection.output = self.connection.output, []
        return read_frames(b"".join(output))


def outcome(octets: bytes, limits: WebSocketLimits | None = None) -> Outcome:
    """What becomes of ``octets``; the same whole and one octet at a time."""
    whole, single = Outcome(octets, limits=limits), Outcome(octets, step=1, limits=limits)
    assert whole.messages == single.messages
    assert b"".join(whole.connection.output) == b"".join(single.connection.output)
    assert whole.connection.closed == single.connection.closed
    assert whole.connection.over == single.connection.over
    return whole


# ---------------------------------------------------------------------- golden octets


def test_the_examples_of_the_rfc() -> None:
    """Section 5.7."""
    found = outcome(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58")
    assert found.messages == ["Hello"]
    found = outcome(b"\x89\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58")
    assert found.messages == []
    assert b"".join(found.connection.output) == b"\x8a\x05Hello"
    found.connection.output = []
    found.connection.send("Hello")
    assert b"".join(found.connection.output) == b"\x81\x05Hello"
    found.connection.output = []
    found.connection.send(bytes(256))
    assert b"".join(found.connection.output) == b"\x82\x7e\x01\x00" + bytes(256)
    found.connection.output = []
    found.connection.send(bytes(65_536))
    assert b"".join(found.connection.output) == b"\x82\x7f\0\0\0\0\0\x01\0\0" + bytes(65_536)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 2_047, 2_048, 65_535, 65_536, 1_048_576])
@pytest.mark.parametrize("kind", [str, bytes])
def test_sizes_in_both_directions(size: int, kind: type) -> None:
    message: Message = "x" * size if kind is str else b"y" * size
    octets = message.encode() if isinstance(message, str) else message
    found = Outcome(frame(TEXT if kind is str else BINARY, octets))
    assert found.messages == [message]
    assert type(found.messages[0]) is kind
    found.connection.send(message)
    assert found.sent == [Frame(TEXT if kind is str else BINARY, octets)]


def test_a_large_payload_is_not_copied() -> None:
    found = Outcome(b"")
    data = bytes(200_000)
    found.connection.send(data)
    assert any(piece is data for piece in found.connection.output)


def test_text_that_utf8_cannot_say() -> None:
    found = Outcome(b"")
    with pytest.raises(UnicodeEncodeError):
        found.connection.send("\ud800")
    assert found.connection.can_send
    assert found.connection.output == []


@given(
    messages=st.lists(
        st.one_of(st.text(max_size=300), st.binary(max_size=300)), min_size=1, max_size=8
    ),
    fragments=st.lists(st.integers(1, 40), min_size=1, max_size=8),
    cuts=st.lists(st.integers(1, 60), min_size=1, max_size=20),
    pings=st.booleans(),
)
def test_any_messages_in_any_fragments_and_any_pieces(
    messages: list[Message], fragments: list[int], cuts: list[int], pings: bool
) -> None:
    octets = b""
    for message in messages:
        payload = message.encode() if isinstance(message, str) else message
        opcode = TEXT if isinstance(message, str) else BINARY
        rest, turn = payload, 0
        while True:
            size = fragments[turn % len(fragments)]
            part, rest = rest[:size], rest[size:]
            octets += frame(CONT if turn else opcode, part, fin=not rest)
            if pings:
                octets += frame(PING, b"%d" % turn)
            turn += 1
            if not rest:
                break
    found = Outcome(b"")
    position, turn = 0, 0
    while position < len(octets):
        size = cuts[turn % len(cuts)]
        found.say(octets[position : position + size])
        position, turn = position + size, turn + 1
    assert found.messages == messages
    assert found.connection.closed is None
    assert all(one.opcode == PONG for one in found.sent)


@given(st.binary(max_size=300), st.integers(1, 20))
def test_no_octets_raise(octets: bytes, step: int) -> None:
    found = Outcome(octets, step=step)
    found.connection.receive_end()
    assert found.connection.closed is not None
    assert found.connection.over


# ---------------------------------------------------------------------- the closing handshake


@pytest.mark.parametrize(
    ("sent", "answer", "expected"),
    [
        (close(1000, "bye"), closed(1000, "bye"), Closed(1000, "bye")),
        (close(1001), closed(1001), Closed(1001, "")),
        (close(3001, "why"), closed(3001, "why"), Closed(3001, "why")),
        (close(4999, "ä" * 61), closed(4999, "ä" * 61), Closed(4999, "ä" * 61)),
        # Section 7.1.5: no code is 1005, which no frame carries.
        (close(), Frame(0x8, b""), Closed(1005, "")),
    ],
)
def test_the_client_closes(sent: bytes, answer: Frame, expected: Closed) -> None:
    found = outcome(text("before") + sent + text("after"))
    assert found.messages == ["before"]
    assert found.connection.closed == expected
    assert type(found.connection.closed.code) is int
    assert found.connection.over
    assert not found.connection.can_send
    assert found.sent == [answer]


def test_we_close() -> None:
    found = Outcome(b"")
    found.connection.close(4002, "enough")
    assert found.sent == [closed(4002, "enough")]
    assert not found.connection.can_send
    assert not found.is_over()
    found.say(text("crossed with it") + frame(PING, b"x") + close(4002, "enough"))
    assert found.messages == []
    assert found.connection.closed == Closed(4002, "enough")
    assert found.connection.over
    assert [one.opcode for one in found.sent] == [PONG]


def test_both_close_at_once() -> None:
    """What counts for us is what we have closed with."""
    found = Outcome(b"")
    found.connection.close(4002, "enough")
    found.say(close(1000, "bye"))
    assert found.connection.closed == Closed(4002, "enough")
    assert found.sent == [closed(4002, "enough")]


def test_the_transport_ends() -> None:
    for octets in (b"", text("x"), text("x")[:4]):
        found = outcome(octets)
        found.connection.receive_end()
        assert found.connection.closed == Closed(1006, "")
        assert found.connection.over
        assert found.sent == []


def test_the_transport_ends_after_our_close() -> None:
    found = Outcome(b"")
    found.connection.close(1000, "")
    found.connection.receive_end()
    assert found.connection.closed == Closed(1000, "")


def test_after_the_end_nothing_has_an_effect() -> None:
    found = Outcome(close(1000))
    assert found.sent == [closed(1000)]
    found.say(text("late"))
    found.connection.receive_end()
    found.connection.fail(1011, "late")
    found.connection.close(1000, "late")
    assert found.messages == []
    assert found.sent == []
    assert found.connection.closed == Closed(1000, "")


def test_we_give_up() -> None:
    found = Outcome(b"")
    found.connection.fail(1011, "a bug")
    assert found.sent == [closed(1011, "a bug")]
    assert found.connection.closed == Closed(1011, "a bug")
    assert found.connection.over


@pytest.mark.parametrize("code", [-1, 0, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 70_000])
def test_codes_that_no_close_frame_carries(code: int) -> None:
    found = Outcome(b"")
    with pytest.raises(ValueError, match="close code"):
        found.connection.close(code, "")
    assert found.connection.can_send


def test_a_reason_that_is_too_long() -> None:
    found = Outcome(b"")
    with pytest.raises(ValueError, match="123 octets"):
        found.connection.close(1000, "ä" * 62)
    found.connection.close(1000, "ä" * 61)


# ---------------------------------------------------------------------- the limit of a message

LIMIT = WebSocketLimits(message=1_000)


def test_a_message_within_the_limit() -> None:
    octets = frame(BINARY, bytes(1_000)) + frame(TEXT, b"x" * 500, fin=False)
    found = outcome(octets + frame(CONT, b"y" * 500), LIMIT)
    assert found.messages == [bytes(1_000), "x" * 500 + "y" * 500]
    assert found.connection.closed is None


@pytest.mark.parametrize(
    "octets",
    [
        frame(BINARY, bytes(1_001)),
        # The header is enough: nothing is buffered.
        frame(BINARY, bytes(1_001))[:8],
        frame(TEXT, b"x" * 500, fin=False) + frame(CONT, b"y" * 501),
        frame(TEXT, b"x" * 999, fin=False) + frame(CONT, b"y", fin=False) + frame(CONT, b"z"),
        frame(BINARY, bytes(10), length_octets=8)[:2] + b"\xff" * 8,
    ],
)
def test_a_message_beyond_it(octets: bytes) -> None:
    found = outcome(octets, LIMIT)
    assert found.messages == []
    assert found.connection.closed is not None
    assert found.connection.closed.code == 1009
    assert found.connection.over
    (answer,) = found.sent
    assert answer.data[:2] == (1009).to_bytes(2, "big")


def test_many_small_fragments_take_little_memory() -> None:
    """A message of a million fragments is a million octets, not a million objects."""
    import tracemalloc

    octets = frame(CONT, b"x", fin=False) * 1_000
    found = Outcome(frame(TEXT, b"x", fin=False))
    found.say(octets)
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for _ in range(10):
        found.say(octets)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 50_000
    found.say(frame(CONT))
    assert found.messages == ["x" * 11_001]
