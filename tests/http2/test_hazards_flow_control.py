"""Hostile scenarios in process: windows that stay closed, slow peers, content nobody wants.

See :mod:`tests.http2.test_hazards_frames`.
"""

from __future__ import annotations

import pytest

from h2static.http2 import registry as r
from h2static.http2.frames import (
    Data,
    Ping,
    WindowUpdate,
)
from h2static.http2.limits import Limits
from h2static.http2.registry import ErrorCode
from h2static.http2.server import ServerConnection
from tests.conformance.cases import octets
from tests.http2.hazards import LIMITS, alone, expect_calm, flood
from tests.support.applications import PiecesBody, TableApplication
from tests.support.peer import Peer, request_fields
from tests.support.small_site import pattern, response
from tests.support.transports import Mirror


def test_hazard_57_windows_that_never_open() -> None:
    """Nothing is read ahead, and the streams end after the stall."""
    peer = Peer(Mirror(alone=True), settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 0)], replenish=False)
    ids = range(1, 200, 2)
    for stream_id in ids:
        peer.request(stream_id, b"/file/100000")
    assert all(len(body.readers[-1].pieces) == 10 for body in peer.site.bodies)
    assert peer.mirror.connection.output_octets == 0
    peer.mirror.wait(LIMITS.stall_seconds - 1)
    assert peer.mirror.connection.open_streams == 100
    peer.mirror.wait(2)
    peer.pull()
    assert [peer.streams[s].reply.reset for s in ids] == [ErrorCode.CANCEL] * 100
    assert peer.mirror.connection.open_streams == 0
    assert all(reader.closed for body in peer.site.bodies for reader in body.readers)


@pytest.mark.parametrize("target", [0, 1])
def test_hazard_58_a_drip_of_window_updates(target: int) -> None:
    """One octet now and then is no progress."""
    peer = Peer(Mirror(alone=True), replenish=False)
    peer.request(1, b"/file/100000")
    peer.pull()
    for _ in range(30):
        peer.mirror.wait(5)
        peer.pull()
        if peer.streams[1].reply.reset is not None:
            break
        peer.update(target, 1)
    assert peer.streams[1].reply.reset == ErrorCode.CANCEL
    # The first look counts what went out at once as progress.
    assert peer.mirror.now - 1_000 <= 2 * LIMITS.stall_seconds + 10


def test_hazard_58_a_slow_but_honest_reader() -> None:
    """4096 octets a minute, or the rest of a body, are enough."""
    peer = Peer(Mirror(alone=True), settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 0)], replenish=False)
    peer.request(1, b"/file/41000")
    for _ in range(11):
        peer.mirror.wait(LIMITS.stall_seconds - 5)
        peer.update(1, LIMITS.stall_octets)
        peer.pull()
    assert len(peer.expect_response(1).body) == 41_000


def _open_wide(*paths: bytes, more: bytes = b"") -> ServerConnection:
    """A connection with these requests whose windows allow everything; the socket takes what a
    test says.  ``more``: octets that come with the requests."""
    size = 20_000_000
    site = TableApplication(
        {
            b"/file": lambda exchange: exchange.respond(
                response(200, PiecesBody([bytes(2**20)] * 20, size))
            ),
            b"/memory": lambda exchange: exchange.respond(response(200, bytes(size))),
        }
    )
    peer = Peer(
        Mirror(alone=True, application=lambda: site),
        settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 2**31 - 1)],
        replenish=False,
    )
    peer.update(0, 2**31 - 1 - 65_535)
    peer.mirror.stop_taking()
    requests = [
        peer.headers(2 * number + 1, request_fields(path)) for number, path in enumerate(paths)
    ]
    peer.transport.deliver(b"".join(request.serialize() for request in requests) + more)
    return peer.mirror.connection


def test_hazard_58_a_stream_whose_turn_has_not_come() -> None:
    """One download after the other, as priorities want it: the second waits for minutes."""
    connection = _open_wide(b"/file", b"/file")
    start = connection.turn.now
    for second in range(150):
        connection.pump(start + second, 50_000)
        connection.sent(connection.output_octets, start + second)
        connection.check(start + second + 0.5)
    assert connection.streams.open[3].sent == 0
    assert connection.streams.open[1].sent > 7_000_000
    assert connection.counters.resets == 0


@pytest.mark.parametrize("path", [b"/file", b"/memory"])
def test_hazard_58_a_slow_socket_and_open_windows(path: bytes) -> None:
    """What waits for the socket is progress, also of those whose turn it is not."""
    connection = _open_wide(path, b"/file")
    start = connection.turn.now
    for second in range(200):
        connection.pump(start + second, LIMITS.turn_output)
        connection.sent(min(4_096, connection.output_octets), start + second)
        connection.check(start + second + 0.5)
        assert connection.write_progress >= start + second - 1
    assert sorted(connection.streams.open) == [1, 3]
    assert connection.counters.resets == 0


def test_hazard_58_a_slow_socket_and_a_window_that_is_used_up() -> None:
    """The last octets that it allowed have not left: the peer cannot have asked for more."""
    peer = Peer(Mirror(alone=True), replenish=False)
    peer.mirror.stop_taking()
    peer.transport.deliver(peer.headers(1, request_fields(b"/memory/100000")).serialize())
    connection = peer.mirror.connection
    start = connection.turn.now
    for second in range(100):
        connection.pump(start + second, LIMITS.turn_output)
        connection.sent(500, start + second)
        connection.check(start + second + 0.5)
    assert connection.streams.open[1].send_window == 0
    connection.sent(connection.output_octets, start + 100)
    for second in range(100, 165):
        connection.check(start + second + 0.5)
    assert not connection.streams.open


def test_hazard_58_the_window_of_the_connection_is_held() -> None:
    """Open streams do not help, nor does traffic that is no content."""
    peer = Peer(
        Mirror(alone=True), settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 2**20)], replenish=False
    )
    ids = range(1, 41, 2)
    for stream_id in ids:
        peer.request(stream_id, b"/file/100000")
    waited = 0
    while waited <= LIMITS.stall_seconds:
        for _ in range(500):
            peer.send(Ping(opaque=b"8 octets"))
        peer.mirror.wait(5)
        peer.pull()
        waited += 5
    assert [peer.streams[s].reply.reset for s in ids] == [ErrorCode.CANCEL] * 20
    assert all(reader.closed for body in peer.site.bodies for reader in body.readers)


def test_hazard_58_content_that_keeps_coming_does_not_hold_a_response() -> None:
    """The peer sends and never reads: its response is given up as any other."""
    peer = Peer(Mirror(alone=True), settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 0)], replenish=False)
    peer.request(1, b"/early", b"POST", end_stream=False)
    for _ in range(20):
        peer.mirror.wait(5)
        peer.pull()
        if peer.streams[1].reply.reset is not None:
            break
        peer.data(1, bytes(LIMITS.stall_octets))
    assert peer.streams[1].reply.reset == ErrorCode.CANCEL
    assert peer.mirror.now - 1_000 <= LIMITS.stall_seconds + 10
    assert not peer.mirror.connection.streams.open


def test_hazard_58_a_response_after_a_slow_upload_has_its_own_time() -> None:
    """What the upload took, and how much it was, is not held against the response."""
    peer = Peer(Mirror(alone=True), settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 0)], replenish=False)
    peer.request(1, b"/echo", b"POST", end_stream=False)
    for _ in range(8):
        peer.mirror.wait(LIMITS.content_seconds - 15)
        peer.data(1, pattern(5_000))
    peer.data(1, b"", end_stream=True)
    for _ in range(8):
        peer.mirror.wait(LIMITS.stall_seconds - 5)
        peer.update(1, 5_000)
    assert peer.expect_response(1).body == pattern(5_000) * 8


def test_hazard_59_a_socket_that_takes_a_drip() -> None:
    """An octet now and then is no progress in writing; honest slowness is."""
    peer = Peer(
        Mirror(alone=True), settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 2**20)], replenish=False
    )
    peer.mirror.stop_taking()
    peer.transport.deliver(peer.headers(1, request_fields(b"/memory/60000")).serialize())
    connection = peer.mirror.connection
    started = peer.mirror.now
    for second in range(100):
        connection.sent(1, started + second)
        assert connection.write_progress == 1_000
    for second in range(100, 110):
        connection.sent(LIMITS.stall_octets // 10, started + second)
    assert connection.write_progress == started + 109
    connection.sent(connection.output_octets, started + 150)
    assert connection.write_progress == started + 150


@pytest.mark.parametrize("path", [b"/memory/1000000", b"/file/1000000", b"/"])
def test_hazard_59_a_socket_that_takes_nothing(path: bytes) -> None:
    """Windows are huge, the kernel is full: what waits is bounded."""
    peer = Peer(
        Mirror(alone=True), settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 2**31 - 1)], replenish=False
    )
    peer.update(0, 2**31 - 1 - 65_535)
    peer.mirror.stop_taking()
    for stream_id in range(1, 2_001, 2):
        peer.transport.deliver(peer.headers(stream_id, request_fields(path)).serialize())
    connection = peer.mirror.connection
    feed = peer.mirror.feeds["whole"]
    connection.pump(feed.now, LIMITS.turn_output)
    connection.pump(feed.now, LIMITS.turn_output)
    assert connection.output_octets <= LIMITS.turn_output + 262_144 + 65_536
    assert connection.open_streams <= 100 + 1


def test_hazard_60_tiny_windows_on_many_streams() -> None:
    """Frames wait for windows, not in the output."""
    peer = Peer(Mirror(alone=True), settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 1)], replenish=False)
    ids = range(1, 200, 2)
    for stream_id in ids:
        peer.request(stream_id, b"/memory/1000")
    peer.mirror.stop_taking()
    for _ in range(20):
        for stream_id in ids:
            peer.transport.deliver(WindowUpdate(stream_id=stream_id, increment=1).serialize())
            peer.streams[stream_id].window += 1
    # Its output is not taken, so it may take no more than the windows allow: 11 octets a frame.
    assert peer.mirror.connection.output_octets <= 100 * 20 * 10
    peer.mirror.go_on_taking()
    peer.pull()
    assert all(len(peer.streams[s].reply.body) == 21 for s in ids)


def test_hazard_62_responses_without_content_need_no_window() -> None:
    peer = Peer(settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 0)], replenish=False)
    for stream_id in (1, 5, 9):
        peer.request(stream_id, b"/memory/1000", b"HEAD")
        peer.expect_response(stream_id, 200, b"")
        peer.request(stream_id + 2, b"/memory/0")
        peer.expect_response(stream_id + 2, 200, b"")


@pytest.mark.parametrize("size", [0, 1, 63])
def test_hazard_63_tiny_data_frames(size: int) -> None:
    peer = alone()
    peer.request(1, b"/early", b"POST", end_stream=False)
    peer.expect_response(1, 405)
    sent = flood(peer, octets(r.DATA, 0, 1, bytes(size)), 100_000)
    assert sent <= LIMITS.glitches_burst + 100
    expect_calm(peer, 1)


def test_hazard_63_small_messages_are_legal() -> None:
    """Chunks of 200 octets, as many as one likes."""
    peer = Peer(Mirror(alone=True), replenish=False)
    peer.request(1, b"/echo", b"POST", end_stream=False)
    for _ in range(400):
        peer.data(1, b"m" * 200)
    peer.data(1, b"", end_stream=True)
    peer.update(0, 2**20)
    peer.update(1, 2**20)
    assert len(peer.expect_response(1).body) == 80_000
    for stream_id in range(3, 103, 2):
        peer.request(stream_id, b"/", b"POST", end_stream=False)
        for _ in range(400):
            peer.transport.deliver(octets(r.DATA, 0, stream_id, bytes(200)))
        peer.data(stream_id, b"", end_stream=True)
        peer.expect_response(stream_id, 200)


@pytest.mark.parametrize("path", [b"/early", b"/"])
def test_hazard_64_a_large_upload_that_nobody_wants(path: bytes) -> None:
    """Answered early, drained up to a bound, then declined without error."""
    peer = Peer(Mirror(alone=True), replenish=False)
    peer.request(1, path, b"POST", end_stream=False)
    sent = 0
    piece = Data(stream_id=1, data=bytes(16_384)).serialize()
    while not peer.streams[1].over or peer.streams[1].reply.reset is None:
        assert sent <= LIMITS.discarded_content + 16_384
        assert 65_535 + peer.credit(0) - sent >= 16_384
        assert 65_535 + peer.credit(1) - sent >= 16_384
        peer.transport.deliver(piece)
        sent += 16_384
        peer.pull()
    reply = peer.streams[1].reply
    assert (reply.status, reply.ended) == (405 if path == b"/early" else 413, True)
    assert reply.reset == ErrorCode.NO_ERROR
    # What was on its way is ignored, and its credit comes back.
    for _ in range(20):
        peer.transport.deliver(piece)
        sent += 16_384
    assert 65_535 + peer.credit(0) - sent >= 16_384
    peer.events.clear()
    peer.expect_serves(3)


def test_hazard_64_the_end_and_the_bound_in_one_frame() -> None:
    """A request that is whole is answered as such."""
    limits = Limits(discarded_content=1_000)
    peer = Peer(Mirror(limits=limits), settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 0)])
    peer.request(1, b"/", b"POST", end_stream=False)
    peer.data(1, bytes(900))
    peer.data(1, bytes(200), end_stream=True)
    peer.update(1, 100)
    reply = peer.reply(1)
    assert reply.status == 200
    assert reply.ended
    peer.expect_alive()
    assert not peer.mirror.connection.streams.open


def test_hazard_64_a_response_that_waits_while_content_pours_in() -> None:
    """The client is told to stop once the response is out."""
    limits = Limits(discarded_content=1_000)
    peer = Peer(
        Mirror(limits=limits), settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 0)], replenish=False
    )
    peer.request(1, b"/early", b"POST", end_stream=False)
    for _ in range(4):
        peer.data(1, bytes(500))
    peer.update(1, 100)
    peer.mirror.wait(1)
    peer.pull()
    reply = peer.streams[1].reply
    assert (reply.status, reply.ended, reply.reset) == (405, True, ErrorCode.NO_ERROR)
    assert not peer.mirror.connection.streams.open


@pytest.mark.parametrize("path", [b"/echo", b"/early", b"/"])
def test_hazard_65_a_slow_upload(path: bytes) -> None:
    peer = Peer(Mirror(alone=True), replenish=False)
    peer.request(1, path, b"POST", end_stream=False)
    for _ in range(20):
        peer.mirror.wait(10)
        peer.pull()
        if peer.streams[1].reply.reset is not None:
            break
        peer.data(1, b"x")
    assert peer.streams[1].reply.reset == ErrorCode.CANCEL
    assert peer.mirror.now - 1_000 <= LIMITS.content_seconds + 11
    assert all(upload.abandoned for upload in peer.site.uploads)
    peer.events.clear()
    peer.expect_serves(3)


def test_hazard_65_content_that_we_do_not_read() -> None:
    """Too much output waits: until there is room it is not the client that is late."""
    post = octets(r.HEADERS, r.END_HEADERS, 3, b"\x83\x84\x86\x01\x01x")
    connection = _open_wide(b"/memory", more=post)
    start = connection.turn.now
    for second in range(100):
        connection.pump(start + second, LIMITS.turn_output)
        assert not connection.wants_input
        connection.check(start + second + 0.5)
        connection.sent(1_000, start + second + 0.5)
    assert sorted(connection.streams.open) == [1, 3]


def test_hazard_65_an_upload_that_is_slow_but_honest() -> None:
    peer = Peer(Mirror(alone=True), replenish=True)
    peer.request(1, b"/echo", b"POST", end_stream=False)
    for _ in range(10):
        peer.mirror.wait(LIMITS.content_seconds - 5)
        peer.data(1, b"x" * LIMITS.stall_octets)
    peer.data(1, b"", end_stream=True)
    assert len(peer.expect_response(1).body) == 10 * LIMITS.stall_octets
