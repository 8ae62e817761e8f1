"""RFC 9113 sections 5.1 (states), 5.1.1 (identifiers), 5.1.2 (concurrency) and 5.4 (errors)."""

from __future__ import annotations

import pytest

from h2static.http2 import registry as r
from h2static.http2.frames import (
    Data,
    Frame,
    GoAway,
    Headers,
    Ping,
    RstStream,
    Settings,
    WindowUpdate,
)
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
    everything_else_lives,
    octets,
    parametrize,
    prepared,
    run,
    stream_error,
)
from tests.support.peer import Peer, request_fields
from tests.support.small_site import SmallSite, pattern
from tests.support.transports import Mirror

_PROTOCOL_ERROR = ErrorCode.PROTOCOL_ERROR
_STREAM_CLOSED = ErrorCode.STREAM_CLOSED

CASES = [
    # "Receiving any frame other than HEADERS or PRIORITY on a stream in this state MUST be treated
    # as a connection error of type PROTOCOL_ERROR" (5.1, idle).
    connection_error("DATA, idle", _PROTOCOL_ERROR, octets(r.DATA, 1, IDLE, b"x")),
    connection_error("DATA, idle and even", _PROTOCOL_ERROR, octets(r.DATA, 1, 2, b"x")),
    connection_error("RST_STREAM, idle", _PROTOCOL_ERROR, octets(r.RST_STREAM, 0, IDLE, bytes(4))),
    connection_error("RST_STREAM, even", _PROTOCOL_ERROR, octets(r.RST_STREAM, 0, 2, bytes(4))),
    connection_error(
        "WINDOW_UPDATE, idle", _PROTOCOL_ERROR, octets(r.WINDOW_UPDATE, 0, IDLE, b"\0\0\0\1")
    ),
    connection_error(
        "CONTINUATION, idle", _PROTOCOL_ERROR, octets(r.CONTINUATION, 4, IDLE, b"\x82")
    ),
    # "If an endpoint receives additional frames, other than WINDOW_UPDATE, PRIORITY, or RST_STREAM,
    # for a stream that is in this state, it MUST respond with a stream error of type STREAM_CLOSED"
    # (5.1, half-closed (remote)).
    stream_error(
        "DATA, half-closed (remote)", _STREAM_CLOSED, BLOCKED, octets(r.DATA, 0, BLOCKED, b"x")
    ),
    stream_error(
        "HEADERS, half-closed (remote)",
        _STREAM_CLOSED,
        BLOCKED,
        lambda peer: (Headers(stream_id=BLOCKED, flags=5, fragment=peer.block([(b"a", b"b")])),),
    ),
    connection_error(
        "CONTINUATION, half-closed (remote)",
        _PROTOCOL_ERROR,
        octets(r.CONTINUATION, 4, BLOCKED, b"\x82"),
    ),
    # "An endpoint that receives any frame … after receiving a frame with the END_STREAM flag set …
    # MUST treat that as a connection error of type STREAM_CLOSED" (5.1, closed).
    connection_error("DATA, closed", _STREAM_CLOSED, octets(r.DATA, 0, CLOSED, b"x")),
    connection_error(
        "HEADERS, closed", _STREAM_CLOSED, lambda peer: (peer.headers(CLOSED),), last=OPEN
    ),
    connection_error(
        "CONTINUATION, closed", _PROTOCOL_ERROR, octets(r.CONTINUATION, 4, CLOSED, b"\x82")
    ),
    # "Streams initiated by a client MUST use odd-numbered stream identifiers"; "An endpoint that
    # receives an unexpected stream identifier MUST respond with a connection error of type
    # PROTOCOL_ERROR" (5.1.1).
    connection_error("HEADERS, even", _PROTOCOL_ERROR, lambda peer: (peer.headers(8),)),
    # "A stream cannot depend on itself", RFC 7540 section 5.3.1.
    connection_error(
        "PRIORITY, on itself", _PROTOCOL_ERROR, octets(r.PRIORITY, 0, OPEN, b"\0\0\0\x05\x10")
    ),
    connection_error(
        "HEADERS, on itself",
        _PROTOCOL_ERROR,
        octets(r.HEADERS, r.PRIORITY_FLAG | 5, IDLE, b"\0\0\0\x07\x10\x82"),
    ),
    connection_error(
        "HEADERS, on itself, exclusive",
        _PROTOCOL_ERROR,
        octets(r.HEADERS, r.PRIORITY_FLAG | 5, IDLE, b"\x80\0\0\x07\x10\x82"),
    ),
]


@parametrize(CASES)
def test_a_frame_that_the_state_forbids(case: Case) -> None:
    run(case)


@pytest.mark.parametrize("stream_id", [BLOCKED, OPEN])
def test_a_reset_stream_is_given_up(stream_id: int) -> None:
    peer = prepared()
    peer.send(RstStream(stream_id=stream_id, code=ErrorCode.CANCEL))
    everything_else_lives(peer, stream_id)
    assert not peer.mirror.connection.streams.open


def test_frames_after_the_clients_own_reset_are_an_error() -> None:
    """The client has said that it is over (5.1, closed)."""
    frames: list[Frame] = [Data(stream_id=BLOCKED, data=b"x"), Data(stream_id=OPEN, data=b"x")]
    for frame in frames:
        peer = prepared()
        peer.send(RstStream(stream_id=frame.stream_id, code=ErrorCode.CANCEL), frame)
        peer.expect_goaway(ErrorCode.STREAM_CLOSED, OPEN)


def test_frames_after_our_reset_are_ignored() -> None:
    """ "an endpoint … MUST ignore frames that it receives on closed streams after it has sent a
    RST_STREAM frame" (5.4.2), and gives their credit back (6.9)."""
    peer = prepared()
    peer.data(BLOCKED, b"x")
    peer.expect_reset(BLOCKED, ErrorCode.STREAM_CLOSED)
    content = b"y" * 16_384
    for _ in range(4):
        peer.send(
            Data(stream_id=BLOCKED, data=content),
            WindowUpdate(stream_id=BLOCKED, increment=1),
            RstStream(stream_id=BLOCKED, code=ErrorCode.CANCEL),
            octets(r.WINDOW_UPDATE, 0, BLOCKED, bytes(4)),
            Headers(stream_id=BLOCKED, flags=5, fragment=peer.block([(b"late", b"trailer")])),
        )
        peer.expect_alive()
    assert peer.credit(0) >= 3 * 16_384
    everything_else_lives(peer, BLOCKED)


def test_no_reset_answers_a_reset() -> None:
    """ "To avoid looping, an endpoint MUST NOT send a RST_STREAM in response to a RST_STREAM frame"
    (5.4.2)."""
    peer = prepared()
    for stream_id in (OPEN, CLOSED, OPEN, BLOCKED):
        peer.send(RstStream(stream_id=stream_id, code=ErrorCode.PROTOCOL_ERROR))
    peer.expect_alive()


def test_one_error_of_a_stream_one_reset() -> None:
    peer = prepared()
    peer.send(
        Data(stream_id=BLOCKED, data=b"x"),
        Data(stream_id=BLOCKED, data=b"x"),
        Headers(stream_id=BLOCKED, flags=5, fragment=peer.block([(b"late", b"trailer")])),
    )
    peer.expect_reset(BLOCKED, ErrorCode.STREAM_CLOSED)
    everything_else_lives(peer, BLOCKED)


def test_after_an_error_nothing_is_read() -> None:
    """One GOAWAY, whatever comes after it (5.4.1)."""
    peer = prepared()
    peer.send(octets(r.PING, 0, 1, bytes(8)))
    peer.expect_goaway(ErrorCode.PROTOCOL_ERROR, OPEN)
    asked = len(peer.site.requests)
    peer.send(
        peer.headers(IDLE),
        Ping(),
        octets(r.DATA, 0, 0, b"x"),
        Settings(),
        octets(r.HEADERS, 5, 9, b"\x80"),
    )
    peer.send(bytes(range(256)) * 16)
    peer.mirror.wait(30)
    peer.mirror.drain()
    peer.expect_nothing()
    assert len(peer.site.requests) == asked
    assert not peer.mirror.connection.streams.open


def test_priority_is_accepted_in_every_state() -> None:
    """ "The PRIORITY frame … can be sent on a stream in any state" (6.3)."""
    peer = prepared()
    for stream_id in (CLOSED, BLOCKED, OPEN, IDLE, 8, 2**31 - 1):
        peer.send(octets(r.PRIORITY, 0, stream_id, b"\0\0\0\0\x10"))
    everything_else_lives(peer, 0)


def test_identifiers_may_be_skipped() -> None:
    """The streams in between are closed without having been open (5.1.1)."""
    peer = prepared()
    peer.expect_serves(101)
    peer.send(octets(r.PRIORITY, 0, 51, b"\0\0\0\0\x10"))
    peer.expect_serves(103)


@pytest.mark.parametrize("kind", [r.HEADERS, r.DATA, r.RST_STREAM, r.WINDOW_UPDATE])
def test_an_identifier_that_was_skipped_was_never_open(kind: int) -> None:
    """ "The identifier of a newly established stream MUST be numerically greater than all streams"
    (5.1.1): not STREAM_CLOSED, nothing was closed."""
    peer = prepared()
    peer.expect_serves(13)
    payload = peer.headers(11).fragment if kind == r.HEADERS else b"\0\0\0\1"
    peer.send(octets(kind, 5, 11, payload))
    peer.expect_goaway(ErrorCode.PROTOCOL_ERROR, 13)


def test_the_last_identifier() -> None:
    """2^31-1 can be used once, and nothing after it."""
    peer = Peer()
    last = 2**31 - 1
    for stream_id in (1, 3, last):
        peer.expect_serves(stream_id)
    # With the reserved bit, this is stream 1 again; not 2^31 + 1.
    peer.send(octets(r.HEADERS, 5, last + 2, peer.headers(1).fragment))
    peer.expect_goaway(ErrorCode.STREAM_CLOSED, last)


# ---------------------------------------------------------------------- 5.1.2


@pytest.mark.parametrize("limit", [1, 2, 100])
def test_a_stream_too_many_is_refused(limit: int) -> None:
    """ "An endpoint that receives a HEADERS frame that causes its advertised concurrent stream
    limit to be exceeded MUST treat this as a stream error"; REFUSED_STREAM says that nothing was
    processed."""
    peer = Peer(Mirror(settings=LocalSettings(max_concurrent_streams=limit)))
    for stream_id in range(1, 2 * limit, 2):
        peer.request(stream_id, b"/echo", b"POST", end_stream=False)
    asked = len(peer.site.requests)
    peer.request(2 * limit + 1)
    peer.expect_reset(2 * limit + 1, ErrorCode.REFUSED_STREAM)
    assert len(peer.site.requests) == asked
    # A slot is free again once.
    peer.data(1, b"", end_stream=True)
    peer.expect_response(1)
    peer.request(2 * limit + 3, b"/echo", b"POST", end_stream=False)
    peer.request(2 * limit + 5)
    peer.expect_reset(2 * limit + 5, ErrorCode.REFUSED_STREAM)
    peer.expect_alive()


def test_no_stream_at_all() -> None:
    peer = Peer(Mirror(settings=LocalSettings(max_concurrent_streams=0)))
    for stream_id in (1, 3):
        peer.request(stream_id)
        peer.expect_reset(stream_id, ErrorCode.REFUSED_STREAM)
    peer.expect_alive()


@pytest.mark.parametrize(
    "path", [b"/", b"/memory/3000", b"/file/3000", b"/memory/40000", b"/file/40000"]
)
def test_a_stream_counts_until_its_end_was_sent(path: bytes) -> None:
    """A client that does not read holds its slots, however its responses were made."""
    peer = Peer(Mirror(settings=LocalSettings(max_concurrent_streams=3)))
    # The blocks are known to the server.
    for stream_id in (1, 3, 5, 7):
        peer.request(stream_id, path)
        peer.expect_response(stream_id)
    peer.mirror.stop_taking()
    for stream_id in (9, 11, 13, 15, 17):
        peer.request(stream_id, path)
    assert peer.mirror.connection.open_streams == 3
    peer.mirror.go_on_taking()
    for stream_id in (9, 11, 13):
        peer.expect_response(stream_id)
    for stream_id in (15, 17):
        assert peer.reply(stream_id).reset == ErrorCode.REFUSED_STREAM
    peer.request(19, path)
    peer.expect_response(19)


def test_slots_are_freed_once() -> None:
    """Reset by the client, by us, finished early and late: the number stays right."""
    peer = Peer(Mirror(settings=LocalSettings(max_concurrent_streams=2)))
    peer.request(1, b"/echo", b"POST", end_stream=False)
    for stream_id in range(3, 43, 4):
        peer.request(stream_id, b"/echo", b"POST", end_stream=False)
        peer.send(RstStream(stream_id=stream_id, code=ErrorCode.CANCEL))
        peer.send(RstStream(stream_id=stream_id, code=ErrorCode.CANCEL))
        peer.request(stream_id + 2, b"/early", b"POST", end_stream=False)
        peer.data(stream_id + 2, b"", end_stream=True)
        peer.expect_response(stream_id + 2, 405)
    assert peer.mirror.connection.open_streams == 1
    peer.request(101, b"/echo", b"POST", end_stream=False)
    peer.request(103)
    peer.expect_reset(103, ErrorCode.REFUSED_STREAM)


def test_goaway_names_the_last_stream_that_was_processed() -> None:
    """A refused stream was not processed, a malformed one was looked at (6.8, 8.7)."""
    peer = Peer(Mirror(settings=LocalSettings(max_concurrent_streams=1)))
    peer.request(1, b"/echo", b"POST", end_stream=False)
    peer.request(3)
    peer.expect_reset(3, ErrorCode.REFUSED_STREAM)
    peer.send(octets(r.PING, 0, 1, bytes(8)))
    peer.expect_goaway(ErrorCode.PROTOCOL_ERROR, 1)
    peer = Peer()
    peer.send(peer.headers(5, request_fields(b"/", b"GET", (b"te", b"gzip"))))
    peer.expect_reset(5, ErrorCode.PROTOCOL_ERROR)
    peer.send(octets(r.PING, 0, 1, bytes(8)))
    peer.expect_goaway(ErrorCode.PROTOCOL_ERROR, 5)


def test_streams_of_before_an_error_are_given_back() -> None:
    """Readings are closed and uploads abandoned when the connection ends."""
    peer = Peer(settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 0)])
    peer.request(1, b"/file/100000")
    peer.request(3, b"/echo", b"POST", end_stream=False)
    peer.data(3, b"some")
    peer.send(GoAway(stream_id=1, last_stream_id=0, code=0))
    peer.pull()
    assert peer.fatal is not None
    for feed in peer.mirror.feeds.values():
        site = feed.service.application
        assert isinstance(site, SmallSite)
        assert all(reader.closed for body in site.bodies for reader in body.readers)
        assert all(upload.abandoned for upload in site.uploads)
        assert site.bodies
        assert site.uploads


def test_everything_lives_when_nothing_is_wrong() -> None:
    """The situation that the tables start from can be finished."""
    peer = prepared()
    everything_else_lives(peer, 0)
    assert peer.streams[BLOCKED].reply.body == pattern(BLOCKED_SIZE)
