"""RFC 9113 sections 4.1 (frame format), 4.2 (frame size) and 5.5 (extensions)."""

from __future__ import annotations

import pytest

from h2static.http2 import registry as r
from h2static.http2.frames import Data, Ping, Settings, WindowUpdate
from h2static.http2.registry import ErrorCode
from tests.conformance.cases import (
    BLOCKED,
    CLOSED,
    IDLE,
    OPEN,
    Case,
    connection_error,
    octets,
    parametrize,
    prepared,
    run,
)
from tests.support.peer import Peer, request_fields

#: Every frame type that exists, and its neighbours.
KNOWN = sorted(r.FRAME_NAMES)
UNKNOWN = [number for number in range(256) if number not in r.FRAME_NAMES]

CASES = [
    # "An endpoint MUST send an error code of FRAME_SIZE_ERROR if a frame exceeds the size defined
    # in SETTINGS_MAX_FRAME_SIZE" (4.2).
    connection_error(
        f"{r.FRAME_NAMES.get(number, number)} of 16385 octets",
        ErrorCode.FRAME_SIZE_ERROR,
        octets(number, 0, stream_id, bytes(16_385)),
    )
    for number, stream_id in [
        (r.DATA, OPEN),
        (r.HEADERS, IDLE),
        (r.PRIORITY, OPEN),
        (r.RST_STREAM, OPEN),
        (r.SETTINGS, 0),
        (r.PUSH_PROMISE, OPEN),
        (r.PING, 0),
        (r.GOAWAY, 0),
        (r.WINDOW_UPDATE, 0),
        (r.ALTSVC, 0),
        (r.ORIGIN, 0),
        (r.PRIORITY_UPDATE, 0),
        (0xFE, 0),
    ]
] + [
    connection_error(
        "the largest length there is, before its payload",
        ErrorCode.FRAME_SIZE_ERROR,
        b"\xff\xff\xff\x00\x00\x00\x00\x00\x05",
    ),
    connection_error(
        "CONTINUATION of 16385 octets",
        ErrorCode.FRAME_SIZE_ERROR,
        octets(r.HEADERS, 0, IDLE, b"\x82") + octets(r.CONTINUATION, 4, IDLE, bytes(16_385)),
    ),
    # "a frame … too small to contain mandatory frame data" (4.2).
    connection_error(
        "GOAWAY of 7 octets", ErrorCode.FRAME_SIZE_ERROR, octets(r.GOAWAY, 0, 0, bytes(7))
    ),
    connection_error(
        "HEADERS without room for the priority fields",
        ErrorCode.FRAME_SIZE_ERROR,
        octets(r.HEADERS, r.PRIORITY_FLAG | 5, IDLE, bytes(4)),
    ),
]


@parametrize(CASES)
def test_a_wrong_size_ends_the_connection(case: Case) -> None:
    run(case)


def test_frames_of_16384_octets_are_accepted() -> None:
    """ "All implementations MUST be capable of receiving and minimally processing frames up to
    2^14 octets in length"."""
    peer = Peer()
    peer.request(1, b"/echo", b"POST", end_stream=False)
    content = bytes(range(256)) * 64
    peer.data(1, content)
    peer.data(1, content, end_stream=True)
    assert peer.expect_response(1).body == content * 2
    peer.send(octets(0xFE, 0, 0, bytes(16_384)))
    peer.expect_alive()


@pytest.mark.parametrize(
    ("stream_id", "size"),
    [(0, 0), (CLOSED, 1), (BLOCKED, 0), (OPEN, 1), (IDLE, 0), (8, 1), (IDLE, 16_384)],
)
def test_unknown_types_are_ignored_everywhere(stream_id: int, size: int) -> None:
    """ "Implementations MUST ignore and discard frames of unknown types" (4.1)."""
    peer = prepared()
    for start in range(0, len(UNKNOWN), 83):
        some = UNKNOWN[start : start + 83]
        if size > 1:
            some = some[:1]
        peer.send(*[octets(number, 0xFF, stream_id, bytes(size)) for number in some])
    peer.expect_alive()
    if stream_id == IDLE:
        # It was not opened by them.
        peer.expect_serves(IDLE)


def test_undefined_flags_and_reserved_bits_are_ignored() -> None:
    """ "Flags that have no defined semantics … MUST be ignored"; the reserved bit "MUST be ignored
    when receiving" (4.1)."""
    peer = prepared()
    reserved = 1 << 31
    block = peer.headers(IDLE).fragment
    peer.send(
        octets(r.HEADERS, 0x05 | 0xD2, IDLE | reserved, block),
        octets(r.PING, 0xFE, reserved, b"12345678"),
        octets(r.SETTINGS, 0xFE, reserved),
        octets(r.DATA, 0xF6, OPEN | reserved, b"abc"),
        octets(r.WINDOW_UPDATE, 0xFF, OPEN | reserved, (1 << 31 | 1).to_bytes(4, "big")),
        octets(r.PRIORITY, 0xFF, OPEN | reserved, b"\0\0\0\x0b\x10"),
        octets(r.DATA, 0xF7, OPEN | reserved, b"def"),
    )
    peer.unacknowledged.append(None)
    peer.streams[OPEN].window += 1
    assert peer.expect_response(IDLE).body == b"hello"
    assert peer.expect_response(OPEN).body == b"abcdef"
    peer.expect(Ping(flags=r.ACK, opaque=b"12345678"))
    peer.expect(Settings(flags=r.ACK))
    peer.expect_alive()


def test_what_the_server_sends_has_no_undefined_flags() -> None:
    """ "MUST be left unset (0x00) when sending" (4.1)."""
    peer = Peer(replenish=False)
    peer.request(1, b"/memory/20000")
    peer.expect_response(1)
    sent = bytes(peer.mirror.feeds["whole"].output)
    position = 0
    allowed = {r.DATA: 0x09, r.HEADERS: 0x2D, r.SETTINGS: 0x01, r.PING: 0x01}
    while position < len(sent):
        flags = sent[position + 4]
        assert not flags & ~allowed.get(sent[position + 3], 0)
        assert sent[position + 5] < 0x80
        position += 9 + int.from_bytes(sent[position : position + 3], "big")


@pytest.mark.parametrize("size", [16_384, 16_385, 32_768, 65_535])
def test_what_the_server_sends_fits_the_smallest_peer(size: int) -> None:
    """A larger SETTINGS_MAX_FRAME_SIZE changes nothing, and the initial one is never exceeded."""
    for settings in ([], [(r.SETTINGS_MAX_FRAME_SIZE, 2**24 - 1)]):
        peer = Peer(settings=settings, replenish=False)
        peer.request(1, b"/file/%d" % size)
        sizes = peer.expect_response(1).data
        assert max(sizes) <= 16_384
        assert sum(sizes) == size


def test_a_large_field_section_is_continued() -> None:
    """HEADERS and CONTINUATION frames within the size, with nothing in between (4.3)."""
    peer = Peer()
    peer.request(1, b"/fields/50000")
    peer.request(3, b"/")
    # The peer fails when another frame comes between.
    reply = peer.expect_response(1)
    assert reply.get(b"x-large") == b"x" * 50_000
    peer.expect_response(3, 200, b"hello")
    peer.expect_serves(5)


def test_unknown_settings_are_ignored() -> None:
    """ "An endpoint that receives a SETTINGS frame with any unknown or unsupported identifier MUST
    ignore that setting" (6.5.2)."""
    peer = Peer()
    peer.send(Settings(entries=((0xFFFF, 2**32 - 1), (0, 0), (0x0A0A, 1), (7, 2), (6, 1))))
    peer.expect(Settings(flags=r.ACK))
    peer.expect_serves(1)


def test_an_unknown_frame_inside_a_header_block_is_refused() -> None:
    """ "extension frames that appear in the middle of a field block MUST be treated as a connection
    error of type PROTOCOL_ERROR" (5.5)."""
    peer = prepared()
    peer.send(octets(r.HEADERS, 0, IDLE, b"\x82"), octets(0xFE, 0, IDLE))
    peer.expect_goaway(ErrorCode.PROTOCOL_ERROR, OPEN)


def test_frames_in_flight_after_our_last_are_harmless() -> None:
    """Credit for a stream that has just ended."""
    peer = prepared()
    peer.send(WindowUpdate(stream_id=CLOSED, increment=10))
    peer.expect_alive()
    peer.send(Data(stream_id=OPEN, flags=r.END_STREAM))
    peer.expect_response(OPEN, 200, b"")
    peer.send(peer.headers(IDLE, request_fields(b"/memory/5")))
    peer.expect_response(IDLE)
