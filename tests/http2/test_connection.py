"""``h2static.http2.connection``: the driver's side of the contract, and bounded bookkeeping."""

from __future__ import annotations

import gc

import pytest

from h2static.http.shared import Shared
from h2static.http2 import registry as r
from h2static.http2.frames import (
    Data,
    Headers,
    Ping,
    RstStream,
    Settings,
    WindowUpdate,
    unpack_header,
)
from h2static.http2.limits import Limits
from h2static.http2.registry import ErrorCode
from h2static.http2.service import make_service
from h2static.http2.settings import LocalSettings
from tests.conformance.cases import OPEN, octets, prepared
from tests.support.peer import Peer, request_fields
from tests.support.small_site import SmallSite, pattern, response
from tests.support.transports import Feed, Mirror, Onlooker


def alone(limits: Limits | None = None) -> Peer:
    """A peer of one connection."""
    return Peer(Mirror(alone=True, limits=limits), replenish=False)


def test_gaps_beyond_the_bound_are_forgotten() -> None:
    """What is forgotten counts as closed: an error of another code, and no more memory."""
    peer = alone(Limits(idle_gaps=2))
    for stream_id in (11, 21, 31):
        peer.expect_serves(stream_id)
    peer.send(Data(stream_id=5, data=b"x" * 100))
    peer.expect_goaway(ErrorCode.STREAM_CLOSED, 31)


def test_resets_beyond_the_bound_are_still_ignored() -> None:
    """5.1: frames that were on their way are discarded, however many streams were reset since."""
    peer = alone(Limits(reset_streams_remembered=2))
    for stream_id in (1, 3, 5):
        peer.send(peer.headers(stream_id, request_fields(b"/", b"GET", (b"te", b"x"))))
        peer.expect_reset(stream_id, ErrorCode.PROTOCOL_ERROR)
    assert peer.mirror.connection.streams.books()["reset streams"] == 2
    for stream_id in (3, 1):
        peer.send(Data(stream_id=stream_id, data=b"x" * 100))
        peer.expect_alive()
    # What nobody has reset is closed, and no frame can have been on its way.
    peer.expect_serves(7)
    peer.send(Data(stream_id=7, data=b"x" * 100))
    peer.expect_goaway(ErrorCode.STREAM_CLOSED, 7)


def test_a_turn_ends() -> None:
    """After so many frames on the plain path, or so much output; the rest waits its turn."""
    peer = alone()
    connection = peer.mirror.connection
    frames = Ping().serialize() * 1_000
    connection.receive(frames, 1_000.0)
    assert connection.backlog
    assert not connection.wants_input
    turns = 1
    while connection.buffer:
        connection.take_turn(1_000.0)
        turns += 1
    assert turns >= 5
    assert len(b"".join(connection.pending())) == len(frames)


@pytest.mark.parametrize("field", [b"\x90", b"\x00\x01a\x01b", b"\x40\x01a\x01b"])
def test_a_turn_ends_after_costly_header_blocks(field: bytes) -> None:
    """An octet may be a field: what others wait for is work, not the number of frames."""
    peer = alone()
    connection = peer.mirror.connection
    block = b"\x82\x84\x86\x01\x01x" + field * 240
    # Each is another one: what is remembered is cheap.
    different = [b"\x00\x01z\x03%03d" % number for number in range(201)]
    requests = b"".join(
        octets(r.HEADERS, 5, number, block + different[number]) for number in range(1, 201, 2)
    )
    connection.receive(requests, 1_000.0)
    most = 100 * 16 // len(block) + 1
    assert 0 < connection.counters.requests <= most
    turns = 1
    while connection.backlog:
        before = connection.counters.requests
        connection.sent(connection.output_octets, 1_000.0)
        connection.take_turn(1_000.0)
        assert connection.counters.requests - before <= most
        turns += 1
    assert connection.counters.requests == 100
    assert turns >= 100 // most


def test_requests_wait_while_output_waits() -> None:
    peer = alone()
    connection = peer.mirror.connection
    peer.update(0, 2**30)
    for stream_id in (1, 3, 5):
        peer.request(stream_id, b"/memory/16000")
        peer.expect_response(stream_id)
    block = peer.headers(7, request_fields(b"/memory/16000")).fragment
    requests = b"".join(octets(r.HEADERS, 5, stream_id, block) for stream_id in range(7, 207, 2))
    connection.receive(requests, 1_000.0)
    assert connection.backlog
    assert connection.output_octets <= Limits().turn_output + 17_000
    assert connection.open_streams < 40


def test_an_answer_for_a_stream_that_is_gone() -> None:
    """A thread comes back too late: nothing is sent."""
    site = SmallSite()
    peer = Peer(Mirror(alone=True, application=lambda: site), replenish=False)
    connection = peer.mirror.connection
    connection.receive(peer.headers(1, request_fields(b"/deferred")).serialize(), 1_000.0)
    ((stream_id, work),) = connection.jobs
    connection.jobs.clear()
    connection.receive(RstStream(stream_id=1, code=8).serialize(), 1_000.0)
    connection.finish_job(stream_id, work(), 1_000.0)
    connection.unblock(stream_id, 1_000.0)
    peer.expect_alive()


def test_an_answer_after_the_end() -> None:
    peer = prepared(Mirror(alone=True))
    connection = peer.mirror.connection
    peer.send(octets(r.PING, 0, 1, bytes(8)))
    peer.expect_goaway(ErrorCode.PROTOCOL_ERROR, OPEN)
    connection.finish_job(OPEN, response(200, b"late"), 1_000.0)
    connection.unblock(OPEN, 1_000.0)
    connection.pump(1_000.0, 10_000)
    connection.drain(1_000.0)
    connection.receive_eof(1_000.0)
    peer.expect_nothing()


def test_pump_keeps_to_its_budget() -> None:
    """Nothing is read ahead for a socket that takes nothing."""
    peer = Peer(
        Mirror(alone=True), settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 2**31 - 1)], replenish=False
    )
    peer.update(0, 2**30)
    peer.mirror.stop_taking()
    connection = peer.mirror.connection
    peer.transport.deliver(peer.headers(1, request_fields(b"/file/3000000")).serialize())
    for _ in range(5):
        connection.pump(1_000.0, 100_000)
    assert connection.output_octets <= Limits().turn_output + 262_144
    (reader,) = peer.site.bodies[0].readers
    assert len(reader.pieces) > 200


def test_open_streams_and_problems() -> None:
    peer = prepared(Mirror(alone=True))
    connection = peer.mirror.connection
    assert connection.open_streams == 2
    assert connection.problem is None
    peer.send(octets(r.PING, 0, 1, bytes(8)))
    peer.pull()
    assert connection.open_streams == 0
    assert connection.problem == "PROTOCOL_ERROR: PING: on stream 1"


def test_what_is_journalled() -> None:
    """One line for each response, remembered or not, whole or not."""
    peer = alone()
    for stream_id in (1, 3, 5, 7):
        peer.expect_serves(stream_id)
    peer.request(9, b"/memory/70000")
    peer.pull()
    peer.send(RstStream(stream_id=9, code=8))
    peer.request(11, b"/", b"HEAD")
    peer.expect_response(11)
    lines = [
        (line.request.path, line.octets, line.aborted)
        for line in peer.mirror.feeds["whole"].journal
    ]
    # The window had 65 535 octets, 20 of them for the four responses before.
    assert lines == [(b"/", 5, False)] * 4 + [(b"/memory/70000", 65_515, True), (b"/", 0, False)]


def test_a_complete_response_is_journalled_as_such() -> None:
    """However the stream or the connection ends after it."""
    peer = alone(Limits(discarded_content=1_000))
    journal = peer.mirror.connection.service.shared.journal
    assert journal is not None
    for stream_id in (1, 3, 5, 7):
        peer.request(stream_id, b"/early", b"POST", end_stream=False)
        peer.expect_response(stream_id, 405)
    peer.send(RstStream(stream_id=1, code=0))
    peer.data(3, bytes(1_001))
    peer.expect_reset(3, ErrorCode.NO_ERROR)
    peer.mirror.wait(Limits().content_seconds + 1)
    peer.expect_reset(5, ErrorCode.CANCEL)
    peer.expect_reset(7, ErrorCode.CANCEL)
    peer.request(9, b"/early", b"POST", end_stream=False)
    peer.expect_response(9, 405)
    peer.request(11, b"/events")
    peer.expect_response(11, 200)
    peer.request(13, b"/silent")
    peer.request(15, b"/file/70000")
    peer.pull()
    peer.mirror.connection.abandon()
    assert [(line.request.path, line.aborted) for line in journal] == [
        *[(b"/early", False)] * 4,
        (b"/events", False),
        (b"/early", False),
        (b"/silent", True),
        (b"/file/70000", True),
    ]


def test_a_stream_counts_once_while_its_response_waits() -> None:
    """Answered early, it is open until its request has ended and its response was sent."""
    peer = Peer(replenish=False)
    peer.mirror.stop_taking()
    ids = range(1, 200, 2)
    block = peer.headers(1, request_fields(b"/early", b"POST"), end_stream=False).fragment
    peer.transport.deliver(b"".join(octets(r.HEADERS, r.END_HEADERS, s, block) for s in ids))
    connection = peer.mirror.connection
    assert connection.open_streams == 100
    peer.transport.deliver(b"".join(octets(r.DATA, r.END_STREAM, s) for s in ids[:40]))
    assert len(connection.streams.open) == 60
    assert connection.open_streams == 100
    peer.mirror.go_on_taking()
    assert connection.open_streams == 60
    assert connection.counters.resets == 0


def test_an_onlooker_sees_every_frame() -> None:
    """In the order of the wire, with the fields of header blocks."""
    mirror = Mirror()
    peer = Peer(mirror)
    peer.expect_serves(1)
    peer.expect_serves(3)
    peer.request(5, b"/memory/20000")
    peer.expect_response(5)
    feed = mirror.feeds["observed"]
    onlooker = feed.connection.observer
    assert isinstance(onlooker, Onlooker)
    sent = [one for one in onlooker.seen if isinstance(one, tuple) and len(one) == 3]
    frames = [one[0] for one in sent if hasattr(one[0], "serialize")]
    assert b"".join(frame.serialize() for frame in frames) == bytes(feed.output)
    received = [one for one in onlooker.seen if isinstance(one, Headers | WindowUpdate | Settings)]
    assert [one.stream_id for one in received if isinstance(one, Headers)] == [1, 3, 5]


@pytest.mark.parametrize("path", [b"/memory/16384", b"/memory/16385", b"/file/50000"])
def test_frames_are_whole_wherever_the_kernel_stops(path: bytes) -> None:
    """Short writes of any length."""
    peer = alone()
    connection = peer.mirror.connection
    connection.receive(peer.headers(1, request_fields(path)).serialize(), 1_000.0)
    taken = bytearray()
    step = 1
    for _ in range(10_000):
        connection.pump(1_000.0, 20_000)
        if not connection.output_octets:
            break
        octets_ = b"".join(connection.pending())[:step]
        taken += octets_
        connection.sent(len(octets_), 1_000.0)
        step = step * 3 % 1_009 + 1
    body = b""
    position = 0
    while position < len(taken):
        length_type, flags, stream_id = unpack_header(bytes(taken), position)
        end = position + 9 + (length_type >> 8)
        if length_type & 0xFF == r.DATA:
            body += taken[position + 9 : end]
        assert stream_id == 1
        position = end
    assert position == len(taken)
    assert flags & r.END_STREAM
    assert body == pattern(int(path.rpartition(b"/")[2]))


def test_remembered_requests_are_booked_like_others() -> None:
    """Several at once, with content and without: a :class:`Mirror` compares the books."""
    peer = Peer(replenish=False)
    stream_id = 1
    for _ in range(4):
        frames = []
        for method in (b"GET", b"HEAD", b"GET", b"HEAD", b"HEAD"):
            frames.append(peer.headers(stream_id, request_fields(b"/", method)))
            stream_id += 2
        peer.send(*frames)
    peer.expect_alive_with(*range(1, stream_id, 2))
    assert peer.mirror.connection.counters.requests == 20


def test_a_busy_connection_is_looked_at_twice_a_second() -> None:
    peer = alone()
    connection = peer.mirror.connection
    peer.request(1, b"/silent")
    peer.pull()
    now = peer.mirror.now
    connection.check(now)
    assert connection.deadline() == now + 0.5


def test_an_idle_connection_is_left_alone() -> None:
    """Until it has been idle for too long, which is when it has a deadline."""
    peer = alone()
    connection = peer.mirror.connection
    peer.expect_serves(1)
    deadline = connection.deadline()
    assert deadline == peer.mirror.now + Limits().idle_seconds
    connection.check(deadline - 0.01)
    assert connection.shutdown.since is None
    connection.check(deadline + 0.01)
    assert connection.shutdown.since is not None


def test_after_the_end_there_is_no_deadline() -> None:
    peer = prepared(Mirror(alone=True))
    peer.send(octets(r.PING, 0, 1, bytes(8)))
    peer.expect_goaway(ErrorCode.PROTOCOL_ERROR, OPEN)
    assert peer.mirror.connection.deadline() is None


@pytest.mark.parametrize("window", [1000, r.INITIAL_WINDOW_SIZE, 1_000_000])
def test_every_connection_begins_with_the_same_preface(window: int) -> None:
    settings = LocalSettings(connection_window_size=window)
    service = make_service(SmallSite(), settings, Limits(), Shared())
    first, second = (Feed(service).connection for _ in range(2))
    watched = Feed(service, observer=Onlooker()).connection
    sent = [b"".join(one.pending()) for one in (first, second, watched)]
    assert sent[0] == sent[1] == sent[2]
    assert first.requests.content.window.left == max(window, r.INITIAL_WINDOW_SIZE)
    # Window updates follow SETTINGS, where there is more to allow than at first.
    assert (b"\x00\x00\x04\x08\x00" in sent[0]) == (window > r.INITIAL_WINDOW_SIZE)


def test_a_connection_that_is_over_is_freed_at_once() -> None:
    """The garbage collector has nothing to find."""
    service = make_service(SmallSite(), LocalSettings(), Limits(), Shared())
    requests = Headers(
        stream_id=1, flags=r.END_STREAM | r.END_HEADERS, fragment=b"\x82\x84\x86\x41\x04here"
    ).serialize()

    def live() -> None:
        feed = Feed(service)
        feed.deliver(r.PREFACE + Settings().serialize() + requests)
        assert feed.connection.streams.requests == 1
        feed.connection.abandon()

    live()
    gc.collect()
    gc.disable()
    try:
        live()
        assert gc.collect() == 0
    finally:
        gc.enable()
