"""``h2static.http2.reports``: what the server's operator is told of errors."""

from __future__ import annotations

from h2static.http2 import registry as r
from h2static.http2.errors import StreamViolation
from h2static.http2.frames import GoAway, Ping
from h2static.http2.limits import Limits
from h2static.http2.registry import ErrorCode
from h2static.http2.server import ServerConnection
from tests.conformance.cases import BLOCKED, CLOSED, IDLE, OPEN, octets, prepared
from tests.http2.hazards import LIMITS
from tests.support.peer import Peer, request_fields
from tests.support.transports import Mirror


def reporting(peer: Peer) -> list[str]:
    """The lines that an error log gets from now on."""
    lines: list[str] = []

    def report(violation: StreamViolation) -> None:
        lines.append(violation.text)

    connection: ServerConnection = peer.mirror.connection
    connection.reports.report = report
    return lines


def test_a_malformed_request_is_told_once_and_with_its_reason() -> None:
    """RST_STREAM has no room for it, and silence helps nobody."""
    peer = prepared()
    lines = reporting(peer)
    peer.send(peer.headers(IDLE, request_fields(b"/", b"GET", (b"te", b"gzip"))))
    peer.expect_reset(IDLE, ErrorCode.PROTOCOL_ERROR)
    assert lines == [f"stream {IDLE}: PROTOCOL_ERROR: te: other than trailers"]
    peer.expect_serves(IDLE + 2)
    assert len(lines) == 1


def test_a_body_that_fails_is_told() -> None:
    peer = Peer(Mirror(alone=True))
    lines = reporting(peer)
    peer.request(1, b"/short/100")
    peer.pull()
    assert lines == ["stream 1: INTERNAL_ERROR: file was truncated while it was being sent"]


def test_a_stall_is_told_to_whoever_looks_and_to_the_log() -> None:
    mirror = Mirror()
    peer = Peer(mirror, settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 0)], replenish=False)
    lines = reporting(peer)
    peer.request(1, b"/memory/1000")
    mirror.wait(LIMITS.stall_seconds + 2)
    peer.pull()
    assert peer.streams[1].reply.reset == ErrorCode.CANCEL
    assert lines == ["stream 1: CANCEL: response stalled by flow control"]
    onlooker = mirror.feeds["observed"].connection.observer
    told = ("response stalled by flow control", ErrorCode.CANCEL, 1)
    assert told in onlooker.seen  # type: ignore[union-attr]  # an Onlooker


def test_resets_of_the_peer_and_declined_content_are_no_errors() -> None:
    peer = prepared()
    lines = reporting(peer)
    peer.send(octets(r.RST_STREAM, 0, BLOCKED, bytes(4)))
    peer.expect_alive()
    assert lines == []


def test_what_exhausts_the_budget_is_told_before_the_end() -> None:
    peer = Peer(Mirror(limits=Limits(resets_burst=4, resets_rate=0.0)))
    lines = reporting(peer)
    for stream_id in range(1, 11, 2):
        peer.send(peer.headers(stream_id, request_fields(b"/", b"GET", (b"te", b"gzip"))))
        peer.expect_reset(stream_id, ErrorCode.PROTOCOL_ERROR)
        if stream_id == 7:
            # The budget is low: the peer is asked to leave.
            peer.expect(GoAway)
            peer.expect(Ping)
    peer.expect_goaway(ErrorCode.ENHANCE_YOUR_CALM, 9)
    assert len(lines) == 5


def test_no_reset_on_a_stream_that_is_closed() -> None:
    """ "An endpoint MUST NOT send frames other than PRIORITY on a closed stream" (5.1): the stream
    error of a PRIORITY frame of the wrong size (6.3) ends the connection there, as on an idle one;
    "an endpoint MAY choose to treat a stream error as a connection error" (5.4.1)."""
    for stream_id in (CLOSED, IDLE):
        peer = prepared()
        peer.send(octets(r.PRIORITY, 0, stream_id, bytes(4)))
        peer.expect_goaway(ErrorCode.FRAME_SIZE_ERROR, OPEN)
    peer = prepared()
    peer.send(octets(r.PRIORITY, 0, BLOCKED, bytes(4)))
    peer.expect_reset(BLOCKED, ErrorCode.FRAME_SIZE_ERROR)
    peer.send(octets(r.PRIORITY, 0, BLOCKED, bytes(4)))
    peer.expect_goaway(ErrorCode.FRAME_SIZE_ERROR, OPEN)
