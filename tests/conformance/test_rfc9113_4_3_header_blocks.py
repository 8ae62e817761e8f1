"""RFC 9113 section 4.3 and RFC 7541: header blocks that cannot be decoded, and shared state."""

from __future__ import annotations

import pytest

from h2static.http2 import registry as r
from h2static.http2.frames import Continuation, Headers, Settings, WindowUpdate
from h2static.http2.registry import ErrorCode
from h2static.http2.settings import LocalSettings
from tests.conformance.cases import (
    BLOCKED,
    BLOCKED_SIZE,
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
from tests.support.small_site import pattern
from tests.support.transports import Mirror

#: Blocks that RFC 7541 forbids; more of them are among the codec's own tests.
BROKEN = {
    "index 0": b"\x80",
    "index beyond the tables": b"\xff\x80\x01",
    "name index beyond the tables": b"\x7f\x80\x01\x01x",
    "integer cut off": b"\x82\xff",
    "integer too large": b"\xff\xff\xff\xff\xff\xff\xff\x0f",
    "string beyond the block": b"\x82\x00\x05abc",
    "no value": b"\x82\x00\x01a",
    "Huffman padding of 8 bits": b"\x82\x00\x82\x1f\xff\x00",
    "EOS in a Huffman string": b"\x82\x00\x84\xff\xff\xff\xff\x00",
    "size update after a field": b"\x82\x20",
    "size update above the setting": b"\x3f\xe2\x1f\x82",
    "three size updates": b"\x20\x20\x3f\xe1\x1f\x82",
}


def _on(stream_id: int, flags: int) -> list[Case]:
    return [
        connection_error(
            f"{name}, stream {stream_id}",
            ErrorCode.COMPRESSION_ERROR,
            octets(r.HEADERS, flags, stream_id, block),
        )
        for name, block in BROKEN.items()
    ]


CASES = [
    *_on(IDLE, 5),
    # Trailers, and blocks that lead to nothing, are decoded all the same.
    *_on(OPEN, 5)[:3],
    *_on(CLOSED, 5)[:1],
    *_on(BLOCKED, 5)[:1],
]


@parametrize(CASES)
def test_a_decoding_error_ends_the_connection(case: Case) -> None:
    """ "A decoding error in a field block MUST be treated as a connection error of type
    COMPRESSION_ERROR"."""
    run(case)


def test_a_representation_that_ends_headers_cuts_is_refused() -> None:
    peer = prepared()
    block = peer.headers(IDLE, request_fields(b"/", b"GET", (b"x-last", b"value"))).fragment
    peer.send(octets(r.HEADERS, 0, IDLE, block[:-3]), octets(r.CONTINUATION, 4, IDLE, block[-3:-1]))
    peer.expect_goaway(ErrorCode.COMPRESSION_ERROR, OPEN)


def test_a_block_may_be_split_anywhere() -> None:
    """At every octet, in the middle of an integer or of a Huffman code, with empty fragments."""
    fields = request_fields(b"/", b"GET", (b"x-long", b"value " * 30 + b"end"))
    length = len(Peer().block(fields))
    for cut in range(length + 1):
        peer = Peer(Mirror(alone=True))
        block = peer.headers(1, fields).fragment
        peer.send(
            Headers(stream_id=1, flags=r.END_STREAM, fragment=block[:cut]),
            Continuation(stream_id=1),
            Continuation(stream_id=1, flags=r.END_HEADERS, fragment=block[cut:]),
        )
        peer.expect_response(1, 200, b"hello")
        peer.expect_serves(3)


def _tables_are_right(peer: Peer, stream_id: int) -> None:
    """What an earlier block put into the table is referred to."""
    block = peer.headers(stream_id, request_fields(b"/", b"GET", (b"x-seen", b"before"))).fragment
    assert b"before" not in block
    assert len(block) < 12
    peer.send(Headers(stream_id=stream_id, flags=5, fragment=block))
    peer.expect_response(stream_id, 200, b"hello")
    assert (b"x-seen", b"before") in peer.site.requests[-1].fields


SEEN = (b"x-seen", b"before")


def test_blocks_of_malformed_requests_change_the_table() -> None:
    peer = Peer()
    peer.send(peer.headers(1, request_fields(b"/", b"GET", (b"connection", b"x"), SEEN)))
    peer.expect_reset(1, ErrorCode.PROTOCOL_ERROR)
    _tables_are_right(peer, 3)


def test_blocks_of_refused_streams_change_the_table() -> None:
    """ "Header blocks MUST be processed to ensure a consistent compression state"."""
    peer = Peer(Mirror(settings=LocalSettings(max_concurrent_streams=1)))
    peer.request(1, b"/echo", b"POST", end_stream=False)
    peer.send(peer.headers(3, request_fields(b"/", b"GET", SEEN)))
    peer.expect_reset(3, ErrorCode.REFUSED_STREAM)
    peer.data(1, b"", end_stream=True)
    peer.expect_response(1)
    _tables_are_right(peer, 5)


def test_trailers_of_reset_streams_change_the_table() -> None:
    peer = prepared()
    # The server resets the stream; the client's trailers are on their way.
    peer.send(octets(r.DATA, 0, BLOCKED, b"x"))
    peer.expect_reset(BLOCKED, ErrorCode.STREAM_CLOSED)
    peer.send(Headers(stream_id=BLOCKED, flags=5, fragment=peer.block([SEEN])))
    _tables_are_right(peer, IDLE)


def test_trailers_change_the_table() -> None:
    peer = Peer()
    peer.request(1, b"/echo", b"POST", end_stream=False)
    peer.send(Headers(stream_id=1, flags=5, fragment=peer.block([SEEN])))
    peer.expect_response(1, 200, b"")
    _tables_are_right(peer, 3)


def test_requests_ignored_after_goaway_change_the_table() -> None:
    peer = prepared()
    peer.mirror.drain()
    peer.mirror.wait(2)
    peer.send(peer.headers(IDLE, request_fields(b"/", b"GET", SEEN)))
    peer.data(OPEN, b"x")
    # Only the streams below still live; their trailers prove the table.
    peer.send(Headers(stream_id=OPEN, flags=5, fragment=peer.block([SEEN])))
    assert peer.reply(OPEN).body == b"x"


@pytest.mark.parametrize("size", [0, 100, 4_096])
def test_a_table_that_we_made_smaller_must_be_announced(size: int) -> None:
    """ "its HPACK encoder MUST start the next field block with a Dynamic Table Size Update
    instruction" (4.3.1)."""
    mirror = Mirror(settings=LocalSettings(header_table_size=size))
    peer = Peer(mirror)
    peer.encoder.header_table_size = size
    peer.expect_serves(1)
    peer.expect_serves(3)
    if size == 4_096:
        return
    peer = Peer(Mirror(settings=LocalSettings(header_table_size=size)))
    peer.request(1)
    peer.expect_goaway(ErrorCode.COMPRESSION_ERROR, 0)


def test_before_the_acknowledgment_the_old_size_holds() -> None:
    peer = Peer(Mirror(settings=LocalSettings(header_table_size=0)), handshake=False)
    peer.send(r.PREFACE, Settings())
    peer.request(1)
    peer.expect_response(1, 200, b"hello")
    peer.send(Settings(flags=r.ACK))
    peer.encoder.header_table_size = 0
    peer.expect(Settings)
    peer.expect(Settings(flags=r.ACK))
    peer.expect_serves(3)


def test_a_larger_table_may_be_used() -> None:
    peer = Peer(Mirror(settings=LocalSettings(header_table_size=65_536)))
    peer.encoder.header_table_size = 65_536
    extra = [(b"x-%d" % number, b"v" * 200) for number in range(60)]
    peer.send(peer.headers(1, request_fields(b"/", b"GET", *extra)))
    peer.expect_response(1)
    peer.send(peer.headers(3, request_fields(b"/", b"GET", *extra)))
    peer.expect_response(3)
    assert len(peer.site.requests[-1].fields) == 60


@pytest.mark.parametrize(
    ("sizes", "first"),
    [
        ((0,), b"\x20"),
        ((100,), b"\x3f\x45"),
        ((0, 4_096), b"\x20\x3f\xe1\x1f"),
        ((100, 4_096), b"\x3f\x45\x3f\xe1\x1f"),
        ((2_000, 100), b"\x3f\x45"),
        ((100, 50, 2_000), b"\x3f\x13\x3f\xb1\x0f"),
        ((4_096, 4_096), b"\x88"),
        ((65_536,), b"\x88"),
        ((2**32 - 1,), b"\x88"),
    ],
    ids=str,
)
def test_size_updates_are_announced(sizes: tuple[int, ...], first: bytes) -> None:
    """RFC 7541 section 4.2: the smallest and the final size; the encoder never exceeds its own."""
    peer = Peer()
    peer.expect_serves(1)
    for size in sizes:
        peer.send(Settings(entries=((r.SETTINGS_HEADER_TABLE_SIZE, size),)))
        peer.expect(Settings(flags=r.ACK))
    # What the hpack package takes as its bound.
    peer.decoder.max_allowed_table_size = max(sizes)
    feed = peer.mirror.feeds["whole"]
    before = len(feed.output)
    peer.request(3)
    block = bytes(feed.output[before + 9 :])
    assert block.startswith(first)
    peer.expect_response(3, 200, b"hello")
    for stream_id in (5, 7, 9):
        peer.expect_serves(stream_id)
    assert peer.decoder.header_table_size == min(sizes[-1], 4_096)


def test_the_same_in_one_frame() -> None:
    peer = Peer()
    peer.expect_serves(1)
    table_size = r.SETTINGS_HEADER_TABLE_SIZE
    peer.send(Settings(entries=((table_size, 0), (table_size, 4_096))))
    peer.expect(Settings(flags=r.ACK))
    peer.expect_serves(3)
    peer.expect_serves(5)


@pytest.mark.parametrize("size", [0, 64, 4_096])
def test_a_smaller_table_by_option_is_announced(size: int) -> None:
    """``--encoder-header-table-size`` holds from the first block on."""
    peer = Peer(Mirror(settings=LocalSettings(encoder_header_table_size=size)))
    for stream_id in (1, 3, 5):
        peer.expect_serves(stream_id)
    assert peer.decoder.header_table_size == size


def test_a_block_that_is_half_there_blocks_nothing_else_in_time() -> None:
    """Once it is complete everything goes on."""
    peer = prepared()
    block = peer.headers(IDLE).fragment
    peer.send(octets(r.HEADERS, 1, IDLE, block[:4]))
    peer.expect_nothing()
    peer.send(octets(r.CONTINUATION, 4, IDLE, block[4:]))
    peer.expect_response(IDLE, 200, b"hello")
    peer.send(WindowUpdate(stream_id=BLOCKED, increment=BLOCKED_SIZE))
    peer.expect_response(BLOCKED, 200, pattern(BLOCKED_SIZE))
