"""Frames out of octets, and header blocks out of the frames of a connection."""

from __future__ import annotations

import pytest

from hpacktools.capture import BrokenBlock, HeaderBlock
from hpacktools.capture.connection import ANY_SIZE, Connection
from hpacktools.capture.frames import (
    PREFACE,
    Frame,
    FrameError,
    FrameReader,
    looks_like_frames,
)

HEADERS, SETTINGS, PUSH_PROMISE, CONTINUATION = 1, 4, 5, 9
ACK, END_HEADERS, PADDED, PRIORITY = 0x01, 0x04, 0x08, 0x20


def wire(kind: int, payload: bytes = b"", flags: int = 0, stream: int = 0) -> bytes:
    return len(payload).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + payload


def settings(*sizes: int) -> bytes:
    return wire(SETTINGS, b"".join(b"\x00\x01" + size.to_bytes(4) for size in sizes))


def headers(block: bytes, stream: int = 1, flags: int = END_HEADERS) -> bytes:
    return wire(HEADERS, block, flags, stream)


ACKNOWLEDGED = wire(SETTINGS, flags=ACK)


@pytest.mark.parametrize("piece", [1, 7, 10_000])
def test_frames_come_out_whole_however_the_octets_come(piece: int) -> None:
    octets = PREFACE + settings(1) + headers(b"\x82", stream=0x8000_0003) + b"\x00\x00\x05"
    reader = FrameReader()
    found = [
        frame
        for start in range(0, len(octets), piece)
        for frame in reader.feed(octets[start : start + piece])
    ]
    # RFC 9113 4.1: the reserved bit is ignored.
    assert found == [
        Frame(type=SETTINGS, flags=0, stream_id=0, payload=b"\x00\x01\x00\x00\x00\x01"),
        Frame(type=HEADERS, flags=END_HEADERS, stream_id=3, payload=b"\x82"),
    ]
    assert reader.preface
    assert reader.rest() == b"\x00\x00\x05"


@pytest.mark.parametrize(
    ("kind", "flags", "payload", "fragment"),
    [
        (HEADERS, 0, b"ab", b"ab"),
        (HEADERS, PADDED, b"\x02ab\x00\x00", b"ab"),
        (HEADERS, PRIORITY, b"12345ab", b"ab"),
        (HEADERS, PADDED | PRIORITY, b"\x0112345ab\x00", b"ab"),
        (HEADERS, PADDED, b"\x00", b""),
        (PUSH_PROMISE, 0, b"1234ab", b"ab"),
        (PUSH_PROMISE, PADDED, b"\x011234ab\x00", b"ab"),
        (CONTINUATION, PADDED | PRIORITY, b"ab", b"ab"),
    ],
)
def test_fragment(kind: int, flags: int, payload: bytes, fragment: bytes) -> None:
    frame = Frame(type=kind, flags=flags, stream_id=1, payload=payload)
    assert frame.fragment() == fragment


@pytest.mark.parametrize(
    ("kind", "flags", "payload"),
    [
        (HEADERS, PADDED, b""),
        (HEADERS, PADDED, b"\x01"),
        (HEADERS, PRIORITY, b"1234"),
        (HEADERS, PADDED | PRIORITY, b"\x0112345"),
        (PUSH_PROMISE, 0, b"123"),
    ],
)
def test_no_fragment(kind: int, flags: int, payload: bytes) -> None:
    with pytest.raises(FrameError):
        Frame(type=kind, flags=flags, stream_id=1, payload=payload).fragment()


def follow(*sent: tuple[int, bytes], from_the_middle: bool = False) -> Connection:
    connection = Connection(from_the_middle=from_the_middle)
    for direction, octets in sent:
        connection.octets(direction, octets)
    return connection


def test_a_block_in_several_frames() -> None:
    connection = follow(
        (0, wire(PUSH_PROMISE, b"\x00\x00\x00\x02\x82", 0, 1)),
        (0, wire(CONTINUATION, b"", 0, 1)),
        (1, headers(b"\x88")),
        (0, wire(CONTINUATION, b"\x84", END_HEADERS, 1)),
        (0, headers(b"\x86", stream=3)),
    )
    assert connection.blocks(0) == [
        HeaderBlock(octets=b"\x82\x84", frame="PUSH_PROMISE", stream_id=1),
        HeaderBlock(octets=b"\x86", frame="HEADERS", stream_id=3),
    ]
    assert connection.blocks(1) == [HeaderBlock(octets=b"\x88", frame="HEADERS", stream_id=1)]


def test_settings_bind_the_other_side_from_its_acknowledgement_on() -> None:
    connection = follow(
        (0, settings(100, 200)),
        (0, settings(300)),
        (1, headers(b"\x88")),
        (1, ACKNOWLEDGED),
        (0, headers(b"\x82")),
        (1, ACKNOWLEDGED),
        (1, headers(b"\x89")),
        (1, headers(b"\x8a")),
    )
    assert [block.table_sizes for block in blocks(connection, 1)] == [(), (100, 200, 300), ()]
    assert [block.table_sizes for block in blocks(connection, 0)] == [()]


def blocks(connection: Connection, direction: int) -> list[HeaderBlock]:
    found = connection.blocks(direction)
    whole = [block for block in found if isinstance(block, HeaderBlock)]
    assert len(whole) == len(found)
    return whole


def test_settings_that_the_input_lacks_permit_any_size() -> None:
    connection = follow((0, ACKNOWLEDGED + headers(b"\x82")))
    assert [block.table_sizes for block in blocks(connection, 0)] == [(ANY_SIZE,)]
    connection = follow((0, headers(b"\x82")), from_the_middle=True)
    assert [block.table_sizes for block in blocks(connection, 0)] == [(ANY_SIZE,)]


@pytest.mark.parametrize(
    ("octets", "reason", "frame"),
    [
        (headers(b"\x82", flags=0), "the input ends inside the block", "HEADERS"),
        (headers(b"\x82")[:-1], "the input ends inside the frame", "HEADERS"),
        (wire(CONTINUATION, b"", END_HEADERS, 1), "without a preceding", "CONTINUATION"),
        (headers(b"", flags=END_HEADERS | PADDED), "without a Pad Length", "HEADERS"),
    ],
)
def test_broken_blocks(octets: bytes, reason: str, frame: str) -> None:
    (block,) = follow((0, octets)).blocks(0)
    assert isinstance(block, BrokenBlock)
    assert reason in block.reason
    assert block.frame == frame


def test_another_frame_within_a_block_breaks_it_and_is_read() -> None:
    connection = follow((0, headers(b"\x82", flags=0) + headers(b"\x84", stream=3)))
    broken, whole = connection.blocks(0)
    assert isinstance(broken, BrokenBlock)
    assert broken.stream_id == 1
    assert whole == HeaderBlock(octets=b"\x84", frame="HEADERS", stream_id=3)


def test_a_cut_frame_that_is_no_part_of_a_block_is_nothing() -> None:
    assert follow((0, wire(0, b"data", 0, 1)[:-2])).blocks(0) == []


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (PREFACE, True),
        (headers(b"\x82"), True),
        (settings() + headers(b"\x82"), True),
        (settings(), False),
        (headers(b"\x82")[:-1], False),
        (wire(0x42) + headers(b"\x82"), False),
        (bytes.fromhex("828684418cf1e3c2e5f23a6ba0ab90f4ff"), False),
        (b"", False),
    ],
)
def test_frames_are_told_from_blocks(octets: bytes, expected: bool) -> None:
    assert looks_like_frames(octets) is expected
