"""When a remembered request must not take the short way.

Each test makes the server know a request well and then brings it where something about it, or about
the connection, is special.  A :class:`Mirror` compares with connections that remember nothing.
"""

from __future__ import annotations

import pytest

from h2static.http.exchange import Exchange
from h2static.http.lifecycle import Lifecycle
from h2static.http.messages import Request, Response
from h2static.http2 import registry as r
from h2static.http2.frames import (
    Continuation,
    Data,
    GoAway,
    Headers,
    Ping,
    PriorityUpdate,
    Settings,
    WindowUpdate,
)
from h2static.http2.limits import Limits
from h2static.http2.registry import ErrorCode
from h2static.http2.settings import LocalSettings
from tests.conformance.cases import octets
from tests.support.applications import TableApplication
from tests.support.peer import Peer, request_fields
from tests.support.small_site import SmallSite, pattern
from tests.support.transports import Mirror

#: Answered before each test: streams 1 to 9.
NEXT = 11


def knowing(
    path: bytes = b"/",
    *,
    settings: LocalSettings | None = None,
    limits: Limits | None = None,
    replenish: bool = True,
) -> Peer:
    """A peer of a server that has answered ``path`` often enough to know it."""
    peer = Peer(Mirror(settings=settings, limits=limits), replenish=replenish)
    for stream_id in range(1, NEXT, 2):
        peer.request(stream_id, path)
        peer.expect_response(stream_id)
    assert peer.mirror.connection.blocks.state.known
    return peer


def test_it_does_take_the_short_way() -> None:
    """Or the other tests here would mean nothing."""
    peer = knowing()
    connection = peer.mirror.connection
    frame = peer.headers(NEXT).serialize()
    connection.receive(frame, peer.mirror.now)
    assert connection.streams.last_processed == NEXT
    assert len(connection.pending()) == 5


@pytest.mark.parametrize("known", [False, True])
def test_before_settings(known: bool) -> None:
    """Also for a client of which everything is known."""
    mirror = knowing().mirror if known else None
    peer = Peer(Mirror(beside=mirror), handshake=False)
    peer.expect(Settings)
    peer.send(r.PREFACE, peer.headers(1))
    peer.expect_goaway(ErrorCode.PROTOCOL_ERROR, 0)


def test_new_connections_profit() -> None:
    """The same client again, from its preface on."""
    first = Peer()
    for _ in range(6):
        again = Peer(Mirror(beside=first.mirror))
        for stream_id in (1, 3, 5):
            again.expect_serves(stream_id)
    assert again.mirror.connection.blocks.state.known


@pytest.mark.parametrize("stream_id", [NEXT, NEXT + 2])
def test_inside_a_header_block(stream_id: int) -> None:
    peer = knowing()
    frame = peer.headers(stream_id)
    peer.send(Headers(stream_id=NEXT, flags=r.END_STREAM, fragment=frame.fragment))
    peer.send(frame)
    peer.expect_goaway(ErrorCode.PROTOCOL_ERROR, NEXT - 2)


def test_after_the_final_goaway() -> None:
    peer = knowing()
    peer.request(NEXT, b"/echo", b"POST", end_stream=False)
    # That has changed the table: the request is to be known in the new state as well.
    for stream_id in range(NEXT + 2, NEXT + 12, 2):
        peer.expect_serves(stream_id)
    peer.mirror.drain()
    peer.expect(GoAway)
    ping = peer.expect(Ping)
    last = NEXT + 12
    peer.expect_serves(last)
    peer.send(Ping(flags=r.ACK, opaque=ping.opaque))
    peer.expect(GoAway(last_stream_id=last, code=0))
    frame = peer.headers(last + 2)
    assert frame.fragment in peer.mirror.connection.blocks.state.known
    peer.send(frame)
    peer.request(last + 4)
    peer.expect_alive()


def test_after_an_error() -> None:
    peer = knowing()
    peer.send(octets(r.PING, 0, 1, bytes(8)), peer.headers(NEXT))
    peer.expect_goaway(ErrorCode.PROTOCOL_ERROR, NEXT - 2)
    peer.request(NEXT + 2)
    peer.expect_nothing()


@pytest.mark.parametrize("limit", [1, 3])
def test_when_no_stream_is_free(limit: int) -> None:
    peer = knowing(settings=LocalSettings(max_concurrent_streams=limit))
    for position in range(limit):
        peer.request(NEXT + 2 * position, b"/echo", b"POST", end_stream=False)
    late = NEXT + 2 * limit
    peer.request(late)
    peer.expect_reset(late, ErrorCode.REFUSED_STREAM)
    peer.data(NEXT, b"", end_stream=True)
    peer.expect_response(NEXT)
    peer.expect_serves(late + 2)


def test_more_at_once_than_streams() -> None:
    """The kernel has taken nothing in between."""
    peer = knowing(settings=LocalSettings(max_concurrent_streams=3))
    peer.send(*[peer.headers(NEXT + 2 * number) for number in range(5)])
    for number in range(5):
        reply = peer.reply(NEXT + 2 * number)
        assert reply.reset == (None if number < 3 else ErrorCode.REFUSED_STREAM)
    peer.expect_serves(NEXT + 10)


@pytest.mark.parametrize("window", [0, 4, 5])
def test_when_the_streams_window_is_small(window: int) -> None:
    peer = knowing(replenish=False)
    peer.send(Settings(entries=((r.SETTINGS_INITIAL_WINDOW_SIZE, window),)))
    peer.expect(Settings)
    peer.request(NEXT)
    peer.expect_alive_with(NEXT)
    assert peer.streams[NEXT].reply.body == b"hello"[:window]
    peer.update(NEXT, 5)
    peer.expect_response(NEXT, 200, b"hello")


def test_when_the_connections_window_is_small() -> None:
    peer = knowing(b"/memory/13000", replenish=False)
    # 535 octets are left.
    peer.request(NEXT, b"/memory/13000")
    peer.request(NEXT + 2, b"/memory/13000")
    peer.expect_alive_with(NEXT, NEXT + 2)
    assert len(peer.streams[NEXT].reply.body) == 535
    peer.update(0, 2**20)
    for stream_id in (NEXT, NEXT + 2):
        peer.expect_response(stream_id, 200, pattern(13_000))


def test_when_the_window_ends_between_two() -> None:
    peer = knowing(b"/memory/1000")
    peer.replenish = False
    peer.send(*[peer.headers(NEXT + 2 * n, request_fields(b"/memory/1000")) for n in range(70)])
    peer.pull()
    assert sum(len(stream.reply.body) for stream in peer.streams.values()) == 65_535 + 5_000
    peer.update(0, 2**20)
    for number in range(70):
        peer.expect_response(NEXT + 2 * number, 200, pattern(1_000))


def test_when_others_are_waiting_to_send() -> None:
    """Nobody overtakes what is more urgent."""
    peer = knowing(b"/memory/10000", replenish=False)
    fields = request_fields(b"/memory/20000", b"GET", (b"priority", b"u=0"))
    peer.send(peer.headers(NEXT, fields))
    peer.request(NEXT + 2, b"/memory/10000")
    peer.send(WindowUpdate(stream_id=0, increment=10_000))
    peer.pull()
    assert peer.streams[NEXT].over
    assert not peer.streams[NEXT + 2].over
    peer.update(0, 20_000)
    peer.expect_response(NEXT + 2, 200, pattern(10_000))


def test_when_its_priority_came_before_it() -> None:
    peer = knowing()
    peer.send(PriorityUpdate(prioritized_stream_id=NEXT, value=b"u=7"))
    peer.expect_serves(NEXT)
    assert not peer.mirror.connection.streams.pending_priorities


def test_when_its_content_follows() -> None:
    """The same block without END_STREAM."""
    peer = knowing()
    peer.send(peer.headers(NEXT, end_stream=False))
    peer.expect_alive()
    peer.send(Data(stream_id=NEXT, data=b"x", flags=r.END_STREAM))
    peer.expect_response(NEXT, 200, b"hello")


@pytest.mark.parametrize("padding", [1, 9])
def test_when_it_is_padded(padding: int) -> None:
    peer = knowing()
    peer.send(peer.headers(NEXT, padding=padding))
    peer.expect_response(NEXT, 200, b"hello")


def test_when_it_is_continued() -> None:
    peer = knowing()
    block = peer.headers(NEXT).fragment
    peer.send(
        Headers(stream_id=NEXT, flags=r.END_STREAM, fragment=block[:2]),
        Continuation(stream_id=NEXT, flags=r.END_HEADERS, fragment=block[2:]),
    )
    peer.expect_response(NEXT, 200, b"hello")


def test_when_identifiers_are_skipped_or_repeated() -> None:
    peer = knowing()
    peer.expect_serves(NEXT + 10)
    peer.send(peer.headers(NEXT + 2))
    peer.expect_goaway(ErrorCode.PROTOCOL_ERROR, NEXT + 10)
    peer = knowing()
    peer.send(peer.headers(NEXT - 2))
    peer.expect_goaway(ErrorCode.STREAM_CLOSED, NEXT - 2)
    peer = knowing()
    peer.send(peer.headers(NEXT + 1))
    peer.expect_goaway(ErrorCode.PROTOCOL_ERROR, NEXT - 2)


def test_as_trailers_of_an_open_stream() -> None:
    peer = knowing()
    peer.request(NEXT, b"/echo", b"POST", end_stream=False)
    peer.send(peer.headers(NEXT))
    peer.expect_reset(NEXT, ErrorCode.PROTOCOL_ERROR)
    peer.expect_serves(NEXT + 2)


def test_when_a_smaller_table_was_acknowledged() -> None:
    """Its block does not begin with the size update that is due (RFC 9113 section 4.3.1)."""
    mirror = Mirror(settings=LocalSettings(header_table_size=100))
    for _ in range(3):
        peer = Peer(Mirror(beside=mirror), handshake=False)
        peer.send(r.PREFACE, Settings())
        frame = peer.headers(1)
        peer.send(frame)
        peer.expect_response(1, 200, b"hello")
        peer.send(Settings(flags=r.ACK), Headers(stream_id=3, flags=5, fragment=frame.fragment))
        peer.expect(Settings)
        peer.expect(Settings)
        peer.expect_goaway(ErrorCode.COMPRESSION_ERROR, 1)


def test_when_the_second_changes() -> None:
    """The Date field is the present one."""
    peer = knowing()
    dates = set()
    for number in range(4):
        peer.mirror.wait(1)
        peer.request(NEXT + 2 * number)
        dates.add(peer.expect_response(NEXT + 2 * number).get(b"date"))
    assert len(dates) == 4


def test_what_the_application_handles_itself() -> None:
    """Known requests that nothing recalls are handled, each once, as on the plain path."""
    kept: list[Exchange] = []
    mirror = Mirror(application=lambda: TableApplication({b"/later": kept.append}))
    peer = Peer(mirror)
    for stream_id in range(1, NEXT, 2):
        peer.request(stream_id, b"/now")
        peer.expect_response(stream_id)
    assert isinstance(mirror.application, TableApplication)
    requests = mirror.application.requests
    asked = len(requests)
    many = range(NEXT, NEXT + 2 * 30, 2)
    peer.send(*[peer.headers(one, path=b"/now") for one in many])
    for stream_id in many:
        peer.expect_response(stream_id)
    assert len(requests) == asked + len(many)
    assert len({id(one) for one in requests[-len(many) :]}) == 1
    assert requests[-1].repeats
    assert mirror.connection.streams.requests == asked + len(many)
    assert not mirror.connection.streams.open


def test_one_too_many_that_is_handled_is_refused() -> None:
    """What waits in the application counts, on the short way too."""
    kept: list[Exchange] = []
    settings = LocalSettings(max_concurrent_streams=4)
    peer = Peer(
        Mirror(application=lambda: TableApplication({b"/later": kept.append}), settings=settings)
    )
    for stream_id in (1, 3):
        peer.request(stream_id, b"/later")
    peer.send(*[peer.headers(one, path=b"/later") for one in (5, 7, 9)])
    peer.expect_reset(9, ErrorCode.REFUSED_STREAM)
    assert sorted(peer.mirror.connection.streams.open) == [1, 3, 5, 7]


class Lasting(SmallSite, Lifecycle):
    """A site whose responses stay right until the test says otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.lasts = True
        self.asked = 0

    @property
    def lasting(self) -> bool:
        return self.lasts

    def recall(self, request: Request) -> Response | None:
        self.asked += 1
        return super().recall(request)


def _batches(peer: Peer, count: int, path: bytes = b"/") -> int:
    """Have ``path`` asked for in ``count`` batches; how often the application was asked."""
    application = peer.mirror.feeds["whole"].service.application
    assert isinstance(application, Lasting)
    before = application.asked
    first = peer.mirror.connection.streams.next_peer_id
    for stream_id in range(first, first + 2 * count, 2):
        peer.request(stream_id, path)
        peer.expect_response(stream_id)
    return application.asked - before


def test_what_was_recalled_is_kept_while_it_lasts() -> None:
    peer = Peer(Mirror(application=Lasting))
    _batches(peer, 5)
    assert _batches(peer, 10) == 0
    for feed in peer.mirror.feeds.values():
        application = feed.service.application
        assert isinstance(application, Lasting)
        application.lasts = False
    assert _batches(peer, 10) == 10


def test_more_recalled_than_allowed_is_forgotten() -> None:
    peer = Peer(Mirror(application=Lasting, limits=Limits(recalled_responses=0)))
    _batches(peer, 5)
    assert _batches(peer, 10) == 10
