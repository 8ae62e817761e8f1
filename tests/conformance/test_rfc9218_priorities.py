"""RFC 9218: the priority field, PRIORITY_UPDATE, and the order of responses."""

from __future__ import annotations

import pytest

from h2static.http2 import registry as r
from h2static.http2.frames import PriorityUpdate, Settings
from h2static.http2.limits import Limits
from h2static.http2.registry import ErrorCode
from tests.conformance.cases import (
    BLOCKED,
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
)
from tests.support.peer import Peer, request_fields
from tests.support.replies import Section
from tests.support.transports import Mirror

CASES = [
    # Section 7.1.
    connection_error(
        "PRIORITY_UPDATE on a stream",
        ErrorCode.PROTOCOL_ERROR,
        octets(r.PRIORITY_UPDATE, 0, OPEN, b"\0\0\0\x05u=1"),
    ),
    connection_error(
        "PRIORITY_UPDATE for stream 0",
        ErrorCode.PROTOCOL_ERROR,
        octets(r.PRIORITY_UPDATE, 0, 0, b"\0\0\0\0u=1"),
    ),
    connection_error(
        "PRIORITY_UPDATE for stream 0, but for the reserved bit",
        ErrorCode.PROTOCOL_ERROR,
        octets(r.PRIORITY_UPDATE, 0, 0, b"\x80\0\0\0u=1"),
    ),
    connection_error(
        "PRIORITY_UPDATE for a push that was not promised",
        ErrorCode.PROTOCOL_ERROR,
        octets(r.PRIORITY_UPDATE, 0, 0, b"\0\0\0\x02u=1"),
    ),
    connection_error(
        "PRIORITY_UPDATE of 3 octets",
        ErrorCode.FRAME_SIZE_ERROR,
        octets(r.PRIORITY_UPDATE, 0, 0, b"\0\0\0"),
    ),
]


@parametrize(CASES)
def test_a_wrong_frame(case: Case) -> None:
    run(case)


@pytest.mark.parametrize("stream_id", [CLOSED, BLOCKED, OPEN, IDLE, 2**31 - 1])
@pytest.mark.parametrize("value", [b"", b"u=0, i", b"u=9", b"(", b"\0\xff", b"u" * 1000, b"i=?0"])
def test_any_value_for_any_request_stream_is_harmless(stream_id: int, value: bytes) -> None:
    peer = prepared()
    peer.send(PriorityUpdate(prioritized_stream_id=stream_id, value=value))
    everything_else_lives(peer, 0)


def test_the_server_says_that_it_ignores_rfc7540_priorities() -> None:
    """Section 2.1: in the first SETTINGS frame."""
    peer = Peer(handshake=False)
    assert (r.SETTINGS_NO_RFC7540_PRIORITIES, 1) in peer.expect(Settings).entries


@pytest.mark.parametrize("before", [0, 1, None])
@pytest.mark.parametrize("after", [0, 1])
def test_whether_rfc7540_priorities_are_ignored_is_said_once(
    before: int | None, after: int
) -> None:
    """Section 2.1: the value MUST NOT change after the first SETTINGS frame; 0 where it is absent,
    and "receivers that detect a change MUST treat it as a connection error"."""
    first = [] if before is None else [(r.SETTINGS_NO_RFC7540_PRIORITIES, before)]
    peer = Peer(settings=first)
    peer.send(Settings(entries=((r.SETTINGS_NO_RFC7540_PRIORITIES, after),)))
    if after == (before or 0):
        peer.expect(Settings(flags=r.ACK))
        peer.expect_serves(1)
    else:
        peer.expect_goaway(ErrorCode.PROTOCOL_ERROR, 0)


def _order(
    requests: list[tuple[int, bytes | None]],
    size: int = 32_768,
    kind: bytes = b"memory",
    updates: list[tuple[int, bytes]] | None = None,
) -> list[int]:
    """Stream ids in the order in which their DATA frames come, repetitions dropped.

    The responses have to queue: the connection's window is closed while they are asked for.
    """
    peer = Peer(settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 2**20)], replenish=False)
    peer.request(1, b"/memory/65535")
    peer.expect_response(1)
    for stream_id, value in requests:
        extra = [] if value is None else [(b"priority", value)]
        peer.send(peer.headers(stream_id, request_fields(b"/%s/%d" % (kind, size), b"GET", *extra)))
    for stream_id, value in updates or []:
        peer.send(PriorityUpdate(prioritized_stream_id=stream_id, value=value))
    peer.pull()
    assert all(isinstance(event, Section) for event in peer.events)
    peer.events.clear()
    peer.update(0, 2**24)
    peer.pull()
    order: list[int] = []
    for event in peer.events:
        stream_id = event.stream_id
        if not order or order[-1] != stream_id:
            order.append(stream_id)
    for stream_id, _ in requests:
        assert len(peer.expect_response(stream_id).body) == size
    return order


@pytest.mark.parametrize("kind", [b"memory", b"file", b"slow"])
def test_equal_urgency_in_the_order_of_requests(kind: bytes) -> None:
    if kind == b"slow":
        # A reading that waits lets the others pass.
        assert sorted(set(_order([(3, None), (5, None), (7, None)], kind=kind))) == [3, 5, 7]
        return
    assert _order([(3, None), (5, None), (7, None)], kind=kind) == [3, 5, 7]


def test_urgent_responses_come_first() -> None:
    values = [(3, b"u=7"), (5, b"u=0"), (7, None), (9, b"u=1"), (11, b"u=3"), (13, b"u=4")]
    assert _order([(s, v) for s, v in values]) == [5, 9, 7, 11, 13, 3]


def test_incremental_responses_take_turns() -> None:
    order = _order([(3, b"i"), (5, b"i"), (7, b"i")], size=2**18)
    assert order[:6] == [3, 5, 7, 3, 5, 7]


def test_incremental_responses_do_not_starve_others() -> None:
    """Between those of one urgency."""
    order = _order([(3, b"i"), (5, None), (7, b"i")], size=2**18)
    assert order.index(5) < 3
    assert order.index(7) < 5


def test_urgency_goes_before_incremental() -> None:
    order = _order([(3, b"u=2, i"), (5, b"u=1, i"), (7, b"u=1, i")], size=2**18)
    assert 3 not in order[: order.index(7)]
    assert order[-1] == 3
    assert order.count(3) == 1


@pytest.mark.parametrize(
    "value",
    [b"u=8", b"u=-1", b"u=1.0", b'u="1"', b"u", b"U=1", b"u=1 i", b",", b"\x80", b"u=?1"],
)
def test_values_that_say_nothing_are_the_default(value: bytes) -> None:
    """Section 4: urgency 3, not incremental."""
    assert _order([(3, b"u=4"), (5, value), (7, b"u=2")]) == [7, 5, 3]


@pytest.mark.parametrize("value", [b"u=1;q=2", b"x, u=1, y=(a b)", b"u=5,u=1"])
def test_values_with_more_than_urgency(value: bytes) -> None:
    assert _order([(3, b"u=2"), (5, value)]) == [5, 3]


def test_an_update_changes_the_order() -> None:
    assert _order([(3, None), (5, None), (7, None)], updates=[(7, b"u=0"), (3, b"u=6")]) == [
        7,
        5,
        3,
    ]


def test_an_update_before_the_request_outweighs_the_field() -> None:
    """Section 7: "the priority in the PRIORITY_UPDATE frame … overrides"."""
    peer = Peer(settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 2**20)], replenish=False)
    peer.request(1, b"/memory/65535")
    peer.expect_response(1)
    peer.send(PriorityUpdate(prioritized_stream_id=5, value=b"u=0"))
    for stream_id, value in [(3, b"u=1"), (5, b"u=7")]:
        peer.send(
            peer.headers(stream_id, request_fields(b"/memory/20000", b"GET", (b"priority", value)))
        )
    peer.update(0, 2**20)
    peer.expect_response(3)
    order = [line for line in peer.transcript if line.startswith("< Data(stream_id=")]
    assert order[-4:-2] == [line for line in order if "stream_id=5" in line]


def test_updates_ahead_of_requests_are_bounded() -> None:
    peer = Peer(Mirror(limits=Limits(pending_priorities=10)))
    for stream_id in range(1, 101, 2):
        peer.send(PriorityUpdate(prioritized_stream_id=stream_id, value=b"u=1"))
    assert peer.mirror.connection.streams.books()["pending priorities"] == 10
    for stream_id in range(1, 41, 2):
        peer.expect_serves(stream_id)
    # Those whose streams were opened have made room, also where the answers were remembered.
    for feed in peer.mirror.feeds.values():
        assert not feed.connection.streams.pending_priorities
    for stream_id in range(51, 61, 2):
        peer.send(PriorityUpdate(prioritized_stream_id=stream_id, value=b"u=1"))
    assert peer.mirror.connection.streams.books()["pending priorities"] == 5


def test_updates_for_streams_that_never_open_are_forgotten() -> None:
    """Skipped, malformed or refused: they would take the room of others for ever."""
    peer = Peer()
    for stream_id in range(1, 11, 2):
        peer.send(PriorityUpdate(prioritized_stream_id=stream_id, value=b"u=1"))
    peer.send(peer.headers(3, request_fields(b"/", b"GET", (b"te", b"x"))))
    peer.expect_reset(3, ErrorCode.PROTOCOL_ERROR)
    peer.expect_serves(11)
    # Skipped before: idle still, but nothing can open it any more.
    peer.send(PriorityUpdate(prioritized_stream_id=5, value=b"u=1"))
    peer.expect_alive()
    assert not peer.mirror.connection.streams.pending_priorities


def test_an_update_of_a_response_under_way() -> None:
    """Incremental or not, queued or waiting for its window."""
    peer = prepared()
    for value in (b"u=0", b"u=7, i", b"i", b"u=1"):
        peer.send(PriorityUpdate(prioritized_stream_id=BLOCKED, value=value))
        peer.update(BLOCKED, 1)
    peer.expect_alive_with(BLOCKED)
    assert len(peer.streams[BLOCKED].reply.body) == 14
    everything_else_lives(peer, 0)
