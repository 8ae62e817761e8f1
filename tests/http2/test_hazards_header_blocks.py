"""Hostile scenarios in process: header blocks and what they cost.

See :mod:`tests.http2.test_hazards_frames`.
"""

from __future__ import annotations

import time
import tracemalloc

import pytest

from h2static.http.messages import Field
from h2static.http2 import registry as r
from h2static.http2.frames import (
    Continuation,
    Headers,
    Ping,
)
from h2static.http2.limits import Limits
from h2static.http2.registry import ErrorCode
from hpacktools.codec import encode_string
from tests.conformance.cases import IDLE, OPEN, octets, prepared
from tests.http2.hazards import GET, LIMITS, alone, flood, head, until_the_end
from tests.support.peer import Peer, request_fields
from tests.support.transports import Mirror


@pytest.mark.parametrize("fragment", [b"", b"\x82", bytes(100)])
def test_hazard_42_endless_continuation(fragment: bytes) -> None:
    peer = alone()
    peer.send(head(1, b"\x82", 1))
    frame = Continuation(stream_id=1, fragment=fragment).serialize()
    assert flood(peer, frame, 10_000, at_once=1) == LIMITS.header_block_frames
    peer.expect_goaway(ErrorCode.ENHANCE_YOUR_CALM, 0)


def test_hazard_42_as_many_frames_as_are_allowed() -> None:
    peer = alone()
    block = peer.headers(1).fragment
    frames = [Headers(stream_id=1, flags=1, fragment=block)]
    empty = [Continuation(stream_id=1)] * (LIMITS.header_block_frames - 2)
    peer.send(*frames, *empty, Continuation(stream_id=1, flags=r.END_HEADERS))
    peer.expect_response(1, 200, b"hello")


def test_hazard_43_endless_large_continuation() -> None:
    peer = alone()
    peer.send(head(1, b"\x82", 1))
    frame = Continuation(stream_id=1, fragment=bytes(16_384)).serialize()
    sent = flood(peer, frame, 1_000, at_once=1)
    assert sent == LIMITS.header_block_size // 16_384
    assert peer.mirror.connection.buffer == b""
    peer.expect_goaway(ErrorCode.ENHANCE_YOUR_CALM, 0)


@pytest.mark.parametrize("interval", [1.0, 4.0])
def test_hazard_44_a_block_that_never_ends(interval: float) -> None:
    """Its deadline counts from its first octet; CONTINUATION frames do not renew it."""
    peer = prepared(Mirror(alone=True))
    peer.send(head(IDLE, b"\x82", 1))
    while peer.mirror.connection.problem is None:
        assert peer.mirror.now < 1_000 + LIMITS.header_block_seconds + 5
        peer.mirror.wait(interval)
        peer.send(Continuation(stream_id=IDLE, fragment=b""))
    peer.expect_goaway(ErrorCode.ENHANCE_YOUR_CALM, OPEN)


@pytest.mark.parametrize(
    ("start", "drip"),
    [
        (octets(r.PING, 0, 0, bytes(8))[:3], b""),
        (octets(r.PING, 0, 0, bytes(8))[:16], b""),
        (head(IDLE, bytes(16_000))[:9], b""),
        (head(IDLE, bytes(16_000))[:5_000], b"\0"),
    ],
)
def test_hazard_44_a_frame_that_never_ends(start: bytes, drip: bytes) -> None:
    """An octet now and then renews nothing."""
    peer = prepared(Mirror(alone=True))
    peer.mirror.wait(10)
    peer.transport.deliver(octets(r.PING, 0, 0, b"complete") + start)
    peer.expect(Ping(flags=r.ACK, opaque=b"complete"))
    started = peer.mirror.now
    while peer.mirror.connection.problem is None:
        assert peer.mirror.now < started + LIMITS.header_block_seconds + 5
        peer.mirror.wait(4)
        peer.transport.deliver(drip)
    assert (
        peer.expect_goaway(ErrorCode.ENHANCE_YOUR_CALM, OPEN).debug
        == b"frame not complete before the timeout"
    )


def test_hazard_44_a_frame_that_takes_its_time() -> None:
    """A slow link is no attack: each frame has its own time, and DATA the time of content."""
    peer = prepared(Mirror(alone=True))
    feed = octets(r.PING, 0, 0, b"honestly") + octets(r.PING, 0, 0, b"and slow")
    for start in range(0, len(feed), 2):
        peer.mirror.wait(1)
        peer.transport.deliver(feed[start : start + 2])
    peer = prepared(Mirror(alone=True))
    data = octets(r.DATA, 1, OPEN, b"x" * 12_000)
    for start in range(0, len(data), 1_001):
        peer.mirror.wait(4)
        peer.transport.deliver(data[start : start + 1_001])
    peer.update(0, 20_000)
    peer.update(OPEN, 20_000)
    assert len(peer.expect_response(OPEN).body) == 12_000


def test_hazard_44_a_frame_that_we_do_not_read() -> None:
    """While output waits nothing is read: what is missing may have come."""
    peer = prepared(Mirror(alone=True, limits=Limits(output_mark=100)))
    peer.mirror.stop_taking()
    peer.transport.deliver(octets(r.PING, 0, 0, bytes(8)) * 6 + octets(r.PING, 0, 0, bytes(8))[:4])
    assert not peer.mirror.connection.wants_input
    peer.mirror.wait(3 * LIMITS.header_block_seconds)
    peer.mirror.go_on_taking()
    peer.transport.deliver(octets(r.PING, 0, 0, bytes(8))[4:])
    assert peer.mirror.connection.problem is None
    peer.mirror.wait(LIMITS.header_block_seconds + 1)
    assert peer.mirror.connection.problem is None


def _bomb(references: int, size: int = 4_000) -> tuple[bytes, bytes]:
    """A block that puts a large entry into the table, and one that refers to it often."""
    value = b"v" * size
    # The length in 7 bits: 127, and the rest in two octets.
    rest = size - 127
    length = bytes((0x7F, rest & 0x7F | 0x80, rest >> 7))
    return GET + b"\x40\x01a" + length + value, GET + b"\xbe" * references


@pytest.mark.parametrize(("references", "status"), [(10, 200), (20, 431), (60, 431)])
def test_hazard_45_references_to_a_large_entry(references: int, status: int) -> None:
    peer = alone()
    first, second = _bomb(references)
    peer.streams.clear()
    peer.headers(1)
    peer.headers(3)
    peer.send(head(1, first))
    peer.expect_response(1, 200)
    peer.send(head(3, second))
    peer.expect_response(3, status)
    peer.expect_alive()


def test_hazard_45_references_beyond_the_hard_limit() -> None:
    peer = alone()
    first, second = _bomb(1_980)
    peer.headers(1)
    peer.send(head(1, first))
    peer.expect_response(1, 200)
    before = time.process_time()
    peer.send(head(3, second))
    assert time.process_time() - before < 2
    peer.expect_goaway(ErrorCode.ENHANCE_YOUR_CALM, 1)


def test_hazard_45_large_sections_are_dear() -> None:
    """A connection that sends nothing else ends after a hundred, which costs little."""
    peer = alone()
    first, second = _bomb(60)
    peer.send(head(1, first))
    before = time.process_time()
    count = until_the_end(peer, lambda s: head(s, second), 10_000, first=3)
    assert count <= LIMITS.glitches_burst / LIMITS.oversized_section_glitches + 1
    assert time.process_time() - before < 2


@pytest.mark.parametrize("flags", [0x05, 0x04], ids=["waiting to send", "waiting for content"])
@pytest.mark.parametrize("name", [b"cookie", b"x-a"])
@pytest.mark.parametrize(("references", "size"), [(15, 4_000), (250, 1)])
def test_hazard_45_what_streams_hold(flags: int, name: bytes, references: int, size: int) -> None:
    """A hundred requests with as many references as are allowed, and windows that never open."""
    peer = Peer(Mirror(alone=True), settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 0)], replenish=False)
    peer.strict = False
    value = b"v" * size
    entry = b"\x40" + encode_string(name) + encode_string(value)
    peer.send(head(1, GET + entry))
    block = b"\x82\x86\x01\x01x\x04\x0b/memory/100" + b"\xbe" * references
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for stream_id in range(3, 203, 2):
            peer.transport.deliver(head(stream_id, block, flags))
        held = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert len(peer.mirror.connection.streams.open) == 100
    # Measured: 300 KB at most.
    assert held < 1_048_576


@pytest.mark.parametrize(("crumbs", "outcome"), [(100, 200), (250, 200), (300, 431), (1_700, 0)])
def test_hazard_46_cookie_crumbs_are_fields(crumbs: int, outcome: int) -> None:
    peer = alone()
    peer.headers(1)
    peer.send(head(1, GET + b"\x0f\x11\x00" * crumbs))
    if outcome:
        peer.expect_response(1, outcome)
        peer.expect_alive()
    else:
        peer.expect_goaway(ErrorCode.ENHANCE_YOUR_CALM, 0)


def test_hazard_46_fat_crumbs() -> None:
    """Sixteen of 4000 octets are too much together, fifteen are not."""
    for number, status in ((15, 200), (17, 431)):
        peer = alone()
        fields: list[Field] = [(b"cookie", b"c" * 4_000)] * number
        peer.huffman = False
        peer.send(peer.headers(1, request_fields(b"/", b"GET", *fields)))
        peer.expect_response(1, status)
        if status == 200:
            cookie = peer.site.requests[0].field(b"cookie")
            assert cookie == b"; ".join([b"c" * 4_000] * number)


@pytest.mark.parametrize(
    ("fields", "outcome"), [(200, 200), (252, 200), (253, 431), (996, 431), (997, 0), (5_000, 0)]
)
def test_hazard_47_many_fields(fields: int, outcome: int) -> None:
    """Pseudo-header fields count as well: four here."""
    peer = alone()
    peer.headers(1)
    block = GET + b"\x00\x01a\x01b" * fields
    frames: list[Headers | Continuation] = [Headers(stream_id=1, flags=1, fragment=block[:16_384])]
    rest = [block[start : start + 16_384] for start in range(16_384, len(block), 16_384)]
    frames += [Continuation(stream_id=1, fragment=fragment) for fragment in rest]
    frames[-1].flags |= r.END_HEADERS
    peer.send(*frames)
    if outcome:
        peer.expect_response(1, outcome)
        peer.expect_alive()
        assert len(peer.site.requests) == (outcome == 200)
    else:
        peer.expect_goaway(ErrorCode.ENHANCE_YOUR_CALM, 0)


def test_hazard_47_many_fields_of_a_head_request() -> None:
    """ "The HEAD method is identical to GET except that the server MUST NOT send content in the
    response" (RFC 9110 section 9.3.2): nor in a 431."""
    peer = alone()
    fields = request_fields(b"/", b"HEAD", *[(b"x-%d" % n, b"v") for n in range(300)])
    peer.send(peer.headers(1, fields))
    assert peer.expect_response(1, 431, b"").data == []
    peer.expect_serves(3)


def test_hazard_47_many_trailers() -> None:
    """The stream ends, the table is right, the connection lives."""
    peer = alone()
    peer.request(1, b"/echo", b"POST", end_stream=False)
    peer.send(peer.headers(1, [(b"x-%d" % number, b"v") for number in range(300)]))
    peer.expect_reset(1, ErrorCode.PROTOCOL_ERROR)
    peer.expect_serves(3)
    assert peer.site.uploads[0].abandoned


def _large(peer: Peer, stream_id: int, size: int) -> None:
    """A request whose field section has about ``size`` octets."""
    peer.huffman = False
    frame = peer.headers(stream_id, request_fields(b"/", b"GET", (b"x-large", b"v" * size)))
    block = frame.fragment
    peer.send(
        Headers(stream_id=stream_id, flags=1, fragment=block[:16_384]),
        *[
            Continuation(stream_id=stream_id, fragment=block[start : start + 16_384])
            for start in range(16_384, len(block), 16_384)
        ],
        Continuation(stream_id=stream_id, flags=r.END_HEADERS),
    )


@pytest.mark.parametrize(
    ("size", "outcome"), [(8_191, 200), (60_000, 200), (65_537, 431), (120_000, 431), (140_000, 0)]
)
def test_hazard_48_a_large_field(size: int, outcome: int) -> None:
    peer = Peer(Mirror(alone=True))
    _large(peer, 1, size)
    if not outcome:
        peer.expect_goaway(ErrorCode.ENHANCE_YOUR_CALM, 0)
        return
    peer.expect_response(1, outcome)
    # The dynamic table is right, and the connection goes on.
    peer.expect_serves(3)
    peer.expect_serves(5)


def test_hazard_48_a_refused_section_on_an_open_stream() -> None:
    """The content that follows is thrown away."""
    peer = alone()
    fields = request_fields(b"/echo", b"POST", *[(b"x-%d" % n, b"v") for n in range(300)])
    peer.send(peer.headers(1, fields, end_stream=False))
    peer.expect_response(1, 431)
    peer.data(1, b"content", end_stream=True)
    peer.expect_serves(3)
    assert not peer.site.uploads


def test_hazard_49_size_updates_only() -> None:
    peer = alone()
    before = time.process_time()
    peer.send(head(1, b"\x20" * 16_384, 1))
    for _ in range(6):
        peer.send(Continuation(stream_id=1, fragment=b"\x20" * 16_384))
    peer.send(Continuation(stream_id=1, flags=4, fragment=b"\x20" * 100))
    assert time.process_time() - before < 1
    peer.expect_goaway(ErrorCode.COMPRESSION_ERROR, 0)


def test_hazard_50_large_huffman_values_cost_linear_time() -> None:
    peer = alone()
    # A never-indexed literal of 16 125 octets of Huffman code: eight zeros in five octets.
    block = GET + b"\x10\x01h\xff\xfe\x7c" + bytes(16_125)
    before = time.process_time()
    for stream_id in range(1, 101, 2):
        peer.transport.deliver(head(stream_id, block))
    assert peer.mirror.connection.problem is None
    spent = time.process_time() - before
    # 50 blocks of 16 KiB: measured at 8 MB a second, with room for a slow machine.
    assert spent < 3
