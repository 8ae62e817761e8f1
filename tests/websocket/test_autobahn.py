"""The essence of the Autobahn test suite's cases 1 to 10 (RFC 6455).

Each section has the numbers of the cases that it stands for.  An echo takes the messages; every
stream of octets comes whole and one octet at a time.
"""

from __future__ import annotations

import struct

import pytest

from h2static.websocket.connection import Connection
from tests.support.websocket_frames import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    PONG,
    TEXT,
    Frame,
    close,
    closed,
    frame,
    read_frames,
)


def echo(octets: bytes, step: int) -> tuple[list[Frame], Connection]:
    """What an echo says to ``octets``."""
    connection = Connection()
    sent: list[Frame] = []
    for start in range(0, len(octets), step):
        for message in connection.receive(octets[start : start + step]):
            if connection.can_send:
                connection.send(message)
        output, connection.output = connection.output, []
        sent += read_frames(b"".join(output))
    return sent, connection


def says(octets: bytes, *expected: Frame) -> None:
    """The echo says exactly this, and goes on."""
    for step in (1, 5, 1 << 20):
        sent, connection = echo(octets, step)
        # A pong may overtake the echo of a message that came before its ping in the same piece.
        assert sorted(sent) == sorted(expected) if step > 1 else sent == list(expected)
        assert connection.closed is None


def fails(octets: bytes, code: int, *before: Frame) -> None:
    """The echo says this, and gives up with ``code``."""
    for step in (1, 5, 1 << 20):
        sent, connection = echo(octets, step)
        assert sent, "no close frame"
        assert sent[-1].opcode == CLOSE
        assert sent[-1].data[:2] == struct.pack("!H", code), sent[-1]
        if step == 1:
            assert sent[:-1] == list(before)
        assert connection.closed is not None
        assert connection.closed.code == code
        assert connection.over


# ---------------------------------------------------------------------- 1: framing


@pytest.mark.parametrize("size", [0, 125, 126, 127, 128, 65_535, 65_536])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_1_messages_of_all_sizes(opcode: int, size: int) -> None:
    data = b"*" * size
    for step in (997, 1 << 20):
        sent, _ = echo(frame(opcode, data), step)
        assert sent == [Frame(opcode, data)]


@pytest.mark.parametrize("size", [0, 5, 125, 126])
def test_1_lengths_in_more_octets_than_they_need(size: int) -> None:
    """Section 5.2: "the minimal number of bytes MUST be used"; a receiver may take others."""
    sent, _ = echo(frame(TEXT, b"*" * size, length_octets=8), 1 << 20)
    assert sent == [Frame(TEXT, b"*" * size)]


# ---------------------------------------------------------------------- 2: pings and pongs


@pytest.mark.parametrize(
    "payload",
    [b"", b"Hello", bytes(range(125)), b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", b"\xfe" * 125],
)
def test_2_a_ping_is_answered_with_its_payload(payload: bytes) -> None:
    says(frame(PING, payload), Frame(PONG, payload))


def test_2_5_a_ping_that_is_too_long() -> None:
    fails(frame(PING, bytes(126)), 1002)


@pytest.mark.parametrize("payload", [b"", b"unsolicited"])
def test_2_7_pongs_that_nobody_asked_for(payload: bytes) -> None:
    says(frame(PONG, payload))
    says(frame(PONG, payload) + frame(PING, b"x"), Frame(PONG, b"x"))


def test_2_10_many_pings() -> None:
    octets = b"".join(frame(PING, b"payload-%d" % i) for i in range(10))
    says(octets, *[Frame(PONG, b"payload-%d" % i) for i in range(10)])


# ---------------------------------------------------------------------- 3: reserved bits


@pytest.mark.parametrize("rsv", range(1, 8))
def test_3_reserved_bits_in_a_message(rsv: int) -> None:
    good = frame(TEXT, b"Hello")
    fails(good + frame(TEXT, b"bad", rsv=rsv) + good, 1002, Frame(TEXT, b"Hello"))


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE, BINARY])
def test_3_reserved_bits_in_other_frames(opcode: int) -> None:
    fails(frame(opcode, rsv=5), 1002)


# ---------------------------------------------------------------------- 4: opcodes


@pytest.mark.parametrize("opcode", [3, 4, 5, 6, 7, 11, 12, 13, 14, 15])
@pytest.mark.parametrize("payload", [b"", b"Hello"])
def test_4_reserved_opcodes(opcode: int, payload: bytes) -> None:
    good = frame(TEXT, b"Hello")
    fails(good + frame(opcode, payload) + good, 1002, Frame(TEXT, b"Hello"))


# ---------------------------------------------------------------------- 5: fragmentation


@pytest.mark.parametrize("opcode", [PING, PONG, CLOSE])
def test_5_1_control_frames_are_whole(opcode: int) -> None:
    fails(frame(opcode, b"", fin=False) + frame(CONT, b""), 1002)


def test_5_3_fragments_are_one_message() -> None:
    octets = frame(TEXT, b"frag", fin=False) + frame(CONT, b"ment")
    says(octets, Frame(TEXT, b"fragment"))


def test_5_6_a_ping_between_fragments() -> None:
    octets = frame(TEXT, b"frag", fin=False) + frame(PING, b"p") + frame(CONT, b"ment")
    says(octets, Frame(PONG, b"p"), Frame(TEXT, b"fragment"))


@pytest.mark.parametrize("fin", [False, True])
def test_5_9_a_continuation_of_nothing(fin: bool) -> None:
    fails(frame(CONT, b"x", fin=fin) + frame(TEXT, b"Hello"), 1002)


def test_5_15_a_continuation_after_a_whole_message() -> None:
    octets = frame(TEXT, b"frag", fin=False) + frame(CONT, b"ment") + frame(CONT, b"x", fin=False)
    fails(octets, 1002, Frame(TEXT, b"fragment"))


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_5_18_a_message_within_a_message(opcode: int) -> None:
    fails(frame(TEXT, b"frag", fin=False) + frame(opcode, b"ment"), 1002)


def test_5_19_many_fragments_with_pings_between() -> None:
    octets = frame(TEXT, b"1", fin=False)
    for part in (b"2", b"3", b"4"):
        octets += frame(CONT, part, fin=False) + frame(PING, part)
    says(
        octets + frame(CONT, b"5"),
        *[Frame(PONG, p) for p in (b"2", b"3", b"4")],
        Frame(TEXT, b"12345"),
    )


def test_5_empty_fragments() -> None:
    octets = frame(TEXT, b"", fin=False) + frame(CONT, b"", fin=False) + frame(CONT, b"")
    says(octets, Frame(TEXT, b""))


# ---------------------------------------------------------------------- 6: UTF-8

GREEK = "κόσμε".encode()
#: Cases 6.2, 6.5 to 6.7, 6.9, 6.11, 6.22, 6.23: the edges of what there is.
VALID = [
    b"",
    b"Hello-\xc2\xb5@\xc3\x9f\xc3\xb6\xc3\xa4\xc3\xbc\xc3\xa0\xc3\xa1-UTF-8!!",
    GREEK,
    b"\x00",
    b"\xc2\x80",
    b"\xe0\xa0\x80",
    b"\xf0\x90\x80\x80",
    b"\x7f",
    b"\xdf\xbf",
    b"\xef\xbf\xbf",
    b"\xed\x9f\xbf",
    b"\xee\x80\x80",
    b"\xef\xbf\xbd",
    b"\xf4\x8f\xbf\xbf",
    b"\xef\xbf\xbe",
    b"\xf0\x9f\xbf\xbe",
]
#: Cases 6.3, 6.8, 6.10, 6.12 to 6.21.
INVALID = [
    GREEK + b"\xed\xa0\x80" + b"edited",
    b"\xf8\x88\x80\x80\x80",
    b"\xfc\x84\x80\x80\x80\x80",
    b"\xf7\xbf\xbf\xbf",
    b"\xfb\xbf\xbf\xbf\xbf",
    b"\xf4\x90\x80\x80",
    b"\x80",
    b"\xbf",
    b"\x80\xbf\x80",
    b"\xc0 ",
    b"\xe0 ",
    b"\xf0 ",
    b"\xc0",
    b"\xe0\x80",
    b"\xf0\x80\x80",
    b"\xdf",
    b"\xef\xbf",
    b"\xfe",
    b"\xff",
    b"\xfe\xfe\xff\xff",
    b"\xc0\xaf",
    b"\xe0\x80\xaf",
    b"\xf0\x80\x80\xaf",
    b"\xc1\xbf",
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xed\xaf\xbf",
    b"\xed\xbe\x80",
    b"\xed\xbf\xbf",
    b"\xed\xa0\x80\xed\xb0\x80",
]


def in_fragments(data: bytes) -> bytes:
    """One octet in each fragment: characters are cut as well."""
    octets = frame(TEXT, b"", fin=False)
    for octet in data:
        octets += frame(CONT, bytes((octet,)), fin=False)
    return octets + frame(CONT)


@pytest.mark.parametrize("data", VALID)
def test_6_text(data: bytes) -> None:
    says(frame(TEXT, data), Frame(TEXT, data))
    says(in_fragments(data), Frame(TEXT, data))


@pytest.mark.parametrize("data", INVALID)
def test_6_what_is_no_text(data: bytes) -> None:
    fails(frame(TEXT, data), 1007)
    fails(in_fragments(data), 1007)
    # Nobody reads text into octets.
    says(frame(BINARY, data), Frame(BINARY, data))


def test_6_4_a_bad_fragment_is_not_waited_out() -> None:
    octets = frame(TEXT, GREEK, fin=False) + frame(CONT, b"\xf4\x90\x80\x80", fin=False)
    fails(octets, 1007)


def test_6_a_character_that_is_never_whole() -> None:
    fails(frame(TEXT, b"\xce", fin=False) + frame(CONT, b""), 1007)


def test_6_the_next_message_begins_afresh() -> None:
    octets = frame(TEXT, b"\xce", fin=False) + frame(CONT, b"\xba") + frame(TEXT, b"next")
    says(octets, Frame(TEXT, "κ".encode()), Frame(TEXT, b"next"))


# ---------------------------------------------------------------------- 7: closing


def ends(octets: bytes, *expected: Frame) -> None:
    """The echo says this, and the WebSocket is closed in order."""
    for step in (1, 1 << 20):
        sent, connection = echo(octets, step)
        assert sent == list(expected)
        assert connection.over


def test_7_1_a_close_frame_is_the_end() -> None:
    """Cases 7.1.1 to 7.1.4 and 7.1.6: what comes after it is not looked at."""
    for after in (b"", frame(TEXT, b"late"), frame(PING, b"late"), close(1000)):
        ends(close(1000) + after, closed(1000))


def test_7_1_5_a_close_frame_within_a_message() -> None:
    """It is answered; the half message is nobody's."""
    for step in (1, 1 << 20):
        sent, connection = echo(frame(TEXT, b"frag", fin=False) + close(1000), step)
        assert [one.opcode for one in sent] == [CLOSE]
        assert connection.over
        assert connection.closed is not None


@pytest.mark.parametrize("reason", [b"", b"Hello World!", b"*" * 123])
def test_7_3_payloads_of_close_frames(reason: bytes) -> None:
    payload = struct.pack("!H", 1000) + reason
    ends(frame(CLOSE, payload), Frame(CLOSE, payload))


def test_7_3_1_an_empty_close_frame() -> None:
    ends(frame(CLOSE), Frame(CLOSE, b""))


def test_7_3_2_half_a_code() -> None:
    fails(frame(CLOSE, b"\x03"), 1002)


def test_7_3_6_a_close_frame_that_is_too_long() -> None:
    fails(frame(CLOSE, struct.pack("!H", 1000) + b"*" * 124), 1002)


def test_7_5_1_a_reason_that_is_no_text() -> None:
    fails(frame(CLOSE, struct.pack("!H", 1000) + GREEK + b"\xed\xa0\x80"), 1007)


@pytest.mark.parametrize(
    "code",
    [
        1000,
        1001,
        1002,
        1003,
        1007,
        1008,
        1009,
        1010,
        1011,
        1012,
        1013,
        1014,
        3000,
        3999,
        4000,
        4999,
    ],
)
def test_7_7_codes(code: int) -> None:
    ends(close(code), closed(code))


@pytest.mark.parametrize(
    "code", [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535]
)
def test_7_9_codes_that_no_close_frame_carries(code: int) -> None:
    fails(close(code), 1002)


# ---------------------------------------------------------------------- 9 and 10: size, and cuts


@pytest.mark.parametrize("fragment", [64, 4_096, 65_536, 1_048_576])
@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_9_a_large_message_in_fragments(opcode: int, fragment: int) -> None:
    size = 262_144 if fragment == 64 else 1_048_576
    data = b"*" * size
    octets = frame(opcode, data[:fragment], fin=fragment >= size)
    for start in range(fragment, size, fragment):
        octets += frame(CONT, data[start : start + fragment], fin=start + fragment >= size)
    sent, connection = echo(octets, 65_536)
    assert sent == [Frame(opcode, data)]
    assert connection.closed is None


@pytest.mark.parametrize("chop", [64, 512, 2_048, 65_536])
def test_9_5_a_large_message_in_pieces(chop: int) -> None:
    data = b"*" * 262_144
    sent, _ = echo(frame(TEXT, data), chop)
    assert sent == [Frame(TEXT, data)]


def test_10_1_a_message_in_fragments_of_another_size_than_its_pieces() -> None:
    data = b"*" * 65_536
    octets = frame(TEXT, data[:1_300], fin=False)
    for start in range(1_300, len(data), 1_300):
        octets += frame(CONT, data[start : start + 1_300], fin=start + 1_300 >= len(data))
    sent, _ = echo(octets, 997)
    assert sent == [Frame(TEXT, data)]


# ---------------------------------------------------------------------- masks


def test_a_frame_without_mask() -> None:
    """Section 5.1: "The server MUST close the connection upon receiving a frame that is not masked.
    In this case, a server MAY send a Close frame with a status code of 1002"."""
    fails(frame(TEXT, b"Hello", mask=False), 1002)
