"""RFC 9113 section 6.8: GOAWAY of either side, and shutting down."""

from __future__ import annotations

import pytest

from h2static.http2 import registry as r
from h2static.http2.frames import (
    Data,
    Frame,
    GoAway,
    Ping,
    RstStream,
    Settings,
    WindowUpdate,
)
from h2static.http2.limits import Limits
from h2static.http2.registry import ErrorCode
from tests.conformance.cases import (
    BLOCKED,
    BLOCKED_SIZE,
    IDLE,
    OPEN,
    octets,
    prepared,
)
from tests.support.peer import Peer
from tests.support.small_site import pattern
from tests.support.transports import Mirror


@pytest.mark.parametrize("code", [ErrorCode.NO_ERROR, ErrorCode.INTERNAL_ERROR, 0xFFFF_FFFF])
def test_a_goaway_of_the_client_lets_streams_finish(code: int) -> None:
    peer = prepared()
    peer.send(GoAway(last_stream_id=0, code=code, debug=b"leaving"))
    assert not peer.mirror.connection.closing
    peer.data(OPEN, b"content", end_stream=True)
    peer.expect_response(OPEN, 200, b"content")
    assert not peer.mirror.closed()
    peer.update(BLOCKED, BLOCKED_SIZE)
    peer.expect_response(BLOCKED, 200, pattern(BLOCKED_SIZE))
    assert peer.mirror.closed()


def test_a_goaway_of_an_idle_client_ends_the_connection() -> None:
    peer = Peer()
    peer.expect_serves(1)
    peer.send(GoAway(last_stream_id=0, code=0))
    assert peer.mirror.closed()
    peer.expect_nothing()


def test_shutdown_in_two_steps() -> None:
    """ "A server that is attempting to gracefully shut down a connection SHOULD send an initial
    GOAWAY frame with the last stream identifier set to 2^31-1"."""
    peer = prepared()
    peer.mirror.drain()
    peer.expect(GoAway(last_stream_id=2**31 - 1, code=ErrorCode.NO_ERROR))
    ping = peer.expect(Ping)
    assert not ping.flags
    # A request that was on its way is served.
    peer.expect_serves(IDLE)
    peer.send(Ping(flags=r.ACK, opaque=ping.opaque))
    peer.expect(GoAway(last_stream_id=IDLE, code=ErrorCode.NO_ERROR))
    # What comes now is not processed, and costs nothing but its place in the tables.
    peer.send(peer.headers(IDLE + 2), Data(stream_id=IDLE + 4, data=b"x" * 100))
    peer.send(RstStream(stream_id=IDLE + 2, code=0), WindowUpdate(stream_id=IDLE + 2, increment=1))
    peer.expect_alive()
    assert not peer.mirror.closed()
    # Accepted streams finish.
    peer.data(OPEN, b"content", end_stream=True)
    peer.expect_response(OPEN, 200, b"content")
    peer.update(BLOCKED, BLOCKED_SIZE)
    peer.expect_response(BLOCKED, 200, pattern(BLOCKED_SIZE))
    assert peer.mirror.closed()
    peer.expect_nothing()


def test_shutdown_without_an_answer_to_the_ping() -> None:
    peer = prepared()
    peer.mirror.drain()
    peer.expect(GoAway(last_stream_id=2**31 - 1, code=0))
    peer.expect(Ping)
    peer.mirror.wait(0.9)
    peer.expect_serves(IDLE)
    peer.mirror.wait(0.6)
    peer.expect(GoAway(last_stream_id=IDLE, code=0))
    peer.expect_alive()


def test_another_ping_does_not_hurry_the_shutdown() -> None:
    peer = prepared()
    peer.mirror.drain()
    peer.expect(GoAway)
    peer.expect(Ping)
    peer.send(Ping(flags=r.ACK, opaque=b"another!"))
    peer.expect_serves(IDLE)


def test_shutdown_of_an_idle_connection() -> None:
    peer = Peer()
    peer.expect_serves(1)
    peer.mirror.drain()
    peer.mirror.drain()
    peer.expect(GoAway(last_stream_id=2**31 - 1, code=0))
    ping = peer.expect(Ping)
    assert not peer.mirror.closed()
    peer.send(Ping(flags=r.ACK, opaque=ping.opaque))
    peer.expect(GoAway(last_stream_id=1, code=0))
    assert peer.mirror.closed()
    peer.expect_nothing()


def test_an_error_while_shutting_down() -> None:
    """The last stream identifier never grows (6.8)."""
    peer = prepared()
    peer.mirror.drain()
    peer.expect(GoAway(last_stream_id=2**31 - 1, code=0))
    peer.expect(Ping)
    peer.mirror.wait(1.5)
    peer.expect(GoAway(last_stream_id=OPEN, code=0))
    peer.send(octets(r.PING, 0, 1, bytes(8)))
    peer.expect_goaway(ErrorCode.PROTOCOL_ERROR, OPEN)


def test_a_client_that_ends_its_side() -> None:
    """What it can no longer ask for is given up."""
    peer = Peer()
    peer.request(1, b"/echo", b"POST", end_stream=False)
    peer.mirror.end_input()
    assert peer.mirror.closed()


def test_a_client_that_ends_its_side_gets_what_it_has_asked_for() -> None:
    """It can acknowledge nothing any more: SETTINGS need no answer then, nor does a header block
    get its end."""
    peer = Peer(handshake=False, replenish=False)
    peer.send(r.PREFACE, Settings(), WindowUpdate(stream_id=0, increment=2**20))
    peer.send(peer.headers(1, path=b"/file/60000"))
    peer.mirror.stop_taking()
    peer.send(peer.headers(3, path=b"/memory/60000"))
    peer.send(octets(r.HEADERS, 0, 5, b"\x82"))
    peer.mirror.end_input()
    peer.mirror.wait(11)
    peer.mirror.go_on_taking()
    peer.expect_response(1, 200, pattern(60_000))
    peer.expect_response(3, 200, pattern(60_000))
    assert peer.mirror.closed()
    peer.expect(Settings)
    peer.expect(Settings(flags=r.ACK))
    peer.expect_nothing()


def test_what_a_client_asked_for_beside_its_goaway_is_answered() -> None:
    """Also what has to wait for the connection's next turn: it is not the end before."""
    peer = Peer()
    frames: list[Frame] = [GoAway(last_stream_id=0, code=0), *[Ping()] * 150, peer.headers(1)]
    connection = Mirror(alone=True).connection
    connection.receive(r.PREFACE + Settings().serialize(), 1_000.0)
    connection.receive(b"".join(frame.serialize() for frame in frames), 1_000.0)
    assert connection.backlog
    assert not connection.closing
    peer.send(*frames)
    peer.expect_response(1, 200, b"hello")
    assert peer.mirror.closed()


def test_a_stream_after_the_goaway_of_a_client_is_finished() -> None:
    """Only whoever gets GOAWAY must not open streams; this one opens before all was sent."""
    peer = Peer(Mirror(alone=True))
    peer.mirror.stop_taking()
    peer.request(1)
    closing = []
    for frame in (GoAway(last_stream_id=0, code=0), peer.headers(3, path=b"/file/100000")):
        peer.send(frame)
        closing.append(peer.mirror.connection.closing)
    assert closing == [True, False]
    peer.mirror.go_on_taking()
    peer.expect_response(1, 200, b"hello")
    peer.expect_response(3, 200, pattern(100_000))
    assert peer.mirror.closed()


def test_nothing_is_read_after_an_error() -> None:
    peer = prepared(Mirror(alone=True))
    peer.mirror.stop_taking()
    peer.send(octets(r.PING, 0, 1, bytes(8)))
    connection = peer.mirror.connection
    assert connection.output_octets < Limits().output_mark
    assert not connection.wants_input


def test_repeated_goaway_frames_are_glitches() -> None:
    peer = Peer(Mirror(limits=Limits(glitches_burst=100, glitches_rate=0.0)))
    peer.request(1, b"/silent")
    goaway = GoAway(last_stream_id=0, code=0)
    peer.send(*[goaway] * 200)
    assert peer.mirror.connection.problem is not None
    assert peer.mirror.connection.problem.startswith("ENHANCE_YOUR_CALM")
