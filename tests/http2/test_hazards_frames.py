"""Hostile scenarios in process: set-up, frames, SETTINGS, PING, WINDOW_UPDATE, PRIORITY.

The numbers are those of ``docs/hazards.md``.  Each scenario runs against one
connection with a clock that the test moves; what it may cost is asserted as frames, octets, open
streams and calls of the application.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from h2static.http2 import registry as r
from h2static.http2.frames import (
    AltSvc,
    GoAway,
    Origin,
    Ping,
    Priority,
    PriorityFields,
    PriorityUpdate,
    Settings,
    WindowUpdate,
)
from h2static.http2.limits import Limits
from h2static.http2.registry import ErrorCode
from tests.conformance.cases import BLOCKED, IDLE, OPEN, octets, prepared
from tests.http2.hazards import LIMITS, alone, expect_calm, flood
from tests.support.peer import Peer
from tests.support.transports import Mirror

# ---------------------------------------------------------------------- connection set-up


def test_hazard_01_nothing_is_sent() -> None:
    peer = alone(handshake=False)
    peer.mirror.wait(LIMITS.preface_seconds)
    assert not peer.mirror.connection.closing
    peer.mirror.wait(1)
    peer.expect(Settings)
    peer.expect_goaway(ErrorCode.PROTOCOL_ERROR, 0)


@pytest.mark.parametrize("interval", [0.5, 1.0, 2.0])
def test_hazard_02_the_preface_comes_slowly(interval: float) -> None:
    """The deadline is absolute: no octet renews it."""
    peer = alone(handshake=False)
    for octet in r.PREFACE:
        peer.transport.deliver(bytes((octet,)))
        peer.mirror.wait(interval)
    assert peer.mirror.connection.closing
    assert peer.mirror.now - 1_000 >= LIMITS.preface_seconds
    peer.expect(Settings)
    peer.expect_goaway(ErrorCode.PROTOCOL_ERROR, 0)


def test_hazard_02_settings_are_part_of_the_deadline() -> None:
    peer = alone(handshake=False)
    peer.send(r.PREFACE, b"\0\0\x06\x04")
    peer.mirror.wait(LIMITS.preface_seconds + 1)
    peer.expect(Settings)
    peer.expect_goaway(ErrorCode.PROTOCOL_ERROR, 0)


def test_hazard_05_settings_are_never_acknowledged() -> None:
    peer = alone(handshake=False)
    peer.send(r.PREFACE, Settings())
    peer.expect(Settings)
    peer.expect(Settings)
    peer.mirror.wait(LIMITS.settings_ack_seconds)
    peer.expect_serves(1)
    peer.mirror.wait(1)
    peer.expect_goaway(ErrorCode.SETTINGS_TIMEOUT, 1)


def test_hazard_09_an_idle_connection_is_asked_to_leave() -> None:
    peer = alone()
    peer.expect_serves(1)
    peer.mirror.wait(LIMITS.idle_seconds - 1)
    peer.expect_alive()
    peer.mirror.wait(LIMITS.idle_seconds - 1)
    peer.expect_nothing()
    peer.mirror.wait(2)
    peer.expect(GoAway(last_stream_id=2**31 - 1, code=ErrorCode.NO_ERROR))
    peer.expect(Ping)
    peer.mirror.wait(2)
    peer.expect(GoAway(last_stream_id=1, code=ErrorCode.NO_ERROR))
    assert peer.mirror.closed()


def test_hazard_09_a_connection_with_a_stream_is_not_idle() -> None:
    """An event stream may be silent for as long as it likes."""
    peer = alone()
    peer.request(1, b"/silent")
    peer.mirror.wait(LIMITS.idle_seconds * 2)
    peer.expect_alive_with(1)
    assert peer.mirror.connection.open_streams == 1


# ---------------------------------------------------------------------- the frame layer


@pytest.mark.parametrize("stream_id", [0, BLOCKED, OPEN, IDLE, 8, 2**31 - 1])
@pytest.mark.parametrize("size", [0, 1, 4, 5, 8, 16_384])
def test_hazard_10_every_frame_type(stream_id: int, size: int) -> None:
    """Whatever comes, the answer is a frame or silence; what nobody knows changes nothing."""
    known = [*r.FRAME_NAMES]
    unknown = [number for number in range(256) if number not in known]
    for flags in (0x00, 0x04, 0xFF):
        for frame_type in known:
            peer = prepared(Mirror(alone=True))
            peer.strict = False
            peer.unacknowledged.append(None)
            peer.send(octets(frame_type, flags, stream_id, bytes(size)))
            peer.pull()
            ended = peer.mirror.connection.problem is not None
            assert ended == (peer.fatal is not None)
            if frame_type in (r.ALTSVC, r.ORIGIN):
                assert not ended
    peer = prepared(Mirror(alone=True))
    for frame_type in unknown if size < 16_384 else unknown[:5]:
        peer.send(octets(frame_type, 0xFF, stream_id, bytes(size)))
    peer.expect_alive()


@pytest.mark.parametrize("cut", range(0, 60, 3))
def test_hazard_12_the_end_in_the_middle_of_a_frame(cut: int) -> None:
    """Nothing is kept for a connection that is lost, wherever it was."""
    peer = prepared(Mirror(alone=True))
    request = peer.headers(IDLE, padding=20).serialize() + octets(r.PING, 0, 0, bytes(8))
    peer.send(request[:cut])
    peer.mirror.connection.abandon()
    assert not peer.mirror.connection.streams.open
    assert not peer.mirror.connection.output_octets
    assert all(reader.closed for body in peer.site.bodies for reader in body.readers)
    assert all(upload.abandoned for upload in peer.site.uploads)


@pytest.mark.parametrize(
    "frame",
    [
        AltSvc(origin=b"https://x", value=b"h2").serialize(),
        Origin(origins=(b"https://x",)).serialize(),
        octets(r.ALTSVC, 0, 5, b"\xff\xff"),
        octets(0x0B, 0, 0),
        octets(0xFF, 0, 3, b"x"),
    ],
    ids=["ALTSVC", "ORIGIN", "ALTSVC malformed", "0x0b", "0xff"],
)
def test_hazard_15_frames_that_only_servers_send(frame: bytes) -> None:
    peer = prepared(Mirror(alone=True))
    peer.send(frame)
    peer.expect_alive()
    sent = flood(peer, frame, 20_000)
    assert LIMITS.glitches_burst <= sent <= LIMITS.glitches_burst + 200
    expect_calm(peer, OPEN)


def test_hazard_17_malformed_frames_after_the_end() -> None:
    peer = prepared(Mirror(alone=True))
    peer.send(octets(r.PING, 0, 1, bytes(8)))
    peer.expect_goaway(ErrorCode.PROTOCOL_ERROR, OPEN)
    for _ in range(16):
        peer.send(octets(r.HEADERS, 5, 0, b"\x80") * 6_000)
    peer.expect_nothing()
    assert peer.mirror.connection.buffer == b""


# ---------------------------------------------------------------------- 18 to 30


def _flood_unread(peer: Peer, frame: bytes, times: int) -> None:
    peer.mirror.stop_taking()
    flood(peer, frame, times)
    connection = peer.mirror.connection
    assert connection.output_octets <= LIMITS.output_mark + 64 * 1024
    peer.mirror.go_on_taking()
    peer.pull()


def test_hazard_18_pings_that_are_read() -> None:
    peer = alone()
    sent = flood(peer, Ping().serialize(), 1_000_000)
    assert sent <= LIMITS.glitches_burst + 100
    expect_calm(peer, 0)
    assert peer.frames_received <= sent + 10


def test_hazard_18_pings_that_are_not_read() -> None:
    """What waits for the socket is bounded: first by the budget, and by the mark in any case."""
    peer = alone()
    _flood_unread(peer, Ping().serialize(), 1_000_000)
    expect_calm(peer, 0)
    generous = Limits(glitches_burst=10**9)
    peer = Peer(Mirror(alone=True, limits=generous), replenish=False)
    peer.mirror.stop_taking()
    flood(peer, Ping().serialize(), 100_000, at_once=1_000)
    connection = peer.mirror.connection
    assert not connection.wants_input
    assert generous.output_mark <= connection.output_octets <= generous.output_mark + 65_536 * 2


@pytest.mark.parametrize(
    "settings",
    [Settings(), Settings(entries=((r.SETTINGS_HEADER_TABLE_SIZE, 4_096),))],
    ids=["empty", "one entry"],
)
def test_hazard_19_settings(settings: Settings) -> None:
    peer = alone()
    peer.unacknowledged.extend([None] * 20_000)
    sent = flood(peer, settings.serialize(), 100_000)
    assert sent <= LIMITS.glitches_burst + 100
    expect_calm(peer, 0)
    peer = alone()
    peer.unacknowledged.extend([None] * 20_000)
    _flood_unread(peer, settings.serialize(), 100_000)
    expect_calm(peer, 0)


def test_hazard_19_acknowledgments_of_nothing() -> None:
    peer = alone()
    sent = flood(peer, Settings(flags=r.ACK).serialize(), 100_000)
    assert sent <= LIMITS.glitches_burst + 100
    expect_calm(peer, 0)


@pytest.mark.parametrize(("entries", "ends"), [(32, False), (33, True), (2_730, True)])
def test_hazard_20_settings_with_many_entries(entries: int, ends: bool) -> None:
    peer = prepared(Mirror(alone=True))
    peer.send(Settings(entries=tuple((0x1000 + number, 1) for number in range(entries))))
    if ends:
        peer.expect_goaway(ErrorCode.ENHANCE_YOUR_CALM, OPEN)
    else:
        peer.expect(Settings(flags=r.ACK))
        peer.expect_alive()


def test_hazard_22_windows_toggled_with_many_streams() -> None:
    """The work for each SETTINGS frame is bounded by the streams, their number by the budget."""
    peer = Peer(Mirror(alone=True), settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 0)], replenish=False)
    for stream_id in range(1, 200, 2):
        peer.request(stream_id, b"/memory/100")
    peer.unacknowledged.extend([None] * 30_000)
    toggle = Settings(
        entries=((r.SETTINGS_INITIAL_WINDOW_SIZE, 2**31 - 1), (r.SETTINGS_INITIAL_WINDOW_SIZE, 0))
    )
    sent = flood(peer, toggle.serialize(), 30_000)
    assert sent <= LIMITS.glitches_burst + 200
    expect_calm(peer, 199)


def test_hazard_22_a_full_frame_of_changes_costs_more() -> None:
    """32 changes of all windows in one frame are not one frame's worth."""
    peer = Peer(Mirror(alone=True), settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 0)], replenish=False)
    peer.unacknowledged.extend([None] * 20_000)
    window = r.SETTINGS_INITIAL_WINDOW_SIZE
    toggle = Settings(entries=((window, 2**31 - 1), (window, 0)) * 16)
    sent = flood(peer, toggle.serialize(), 20_000, at_once=10)
    assert sent <= LIMITS.glitches_burst / 16
    expect_calm(peer, 0)


def test_hazard_24_the_encoders_table_does_not_follow_the_peers() -> None:
    peer = Peer(
        Mirror(alone=True), settings=[(r.SETTINGS_HEADER_TABLE_SIZE, 2**32 - 1)], replenish=True
    )
    for stream_id in range(1, 400, 2):
        peer.request(stream_id, b"/fields/%d" % (stream_id * 3))
        peer.expect_response(stream_id)
    table = peer.mirror.connection.sender.encoder.table
    assert table.maximum == 4_096
    assert table.size <= 4_096


def test_hazard_27_overflows_of_stream_windows_are_charged() -> None:
    """RST_STREAM each time, GOAWAY on repetition."""
    peer = alone()
    overflow = octets(r.WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff")
    stream_id = 1
    while peer.mirror.connection.problem is None:
        assert stream_id < 5_000
        peer.request(stream_id, b"/echo", b"POST", end_stream=False)
        peer.send(overflow[:5] + stream_id.to_bytes(4, "big") + overflow[9:])
        stream_id += 2
    peer.pull()
    expect_calm(peer, stream_id - 2)
    resets = sum(1 for stream in peer.streams.values() if stream.reply.reset == 3)
    assert LIMITS.resets_burst * 0.9 <= resets <= LIMITS.resets_burst + 1


def test_hazard_28_window_updates_for_nothing() -> None:
    peer = alone()
    peer.request(1, b"/memory/65536")
    peer.pull()
    assert len(peer.streams[1].reply.body) == 65_535
    peer.window += 10**9
    peer.streams[1].window += 10**9
    sent = flood(peer, octets(r.WINDOW_UPDATE, 0, 1, b"\0\0\0\1"), 1_000_000)
    assert sent <= LIMITS.glitches_burst + LIMITS.window_updates_free + 300
    expect_calm(peer, 1)


def _priority(stream_id: int) -> bytes:
    signal = PriorityFields(dependency=0, weight=16, exclusive=False)
    return Priority(stream_id=stream_id, priority=signal).serialize()


@pytest.mark.parametrize("stream_id", [1, OPEN, IDLE, 2**31 - 1])
def test_hazard_29_priority_signals(stream_id: int) -> None:
    peer = prepared(Mirror(alone=True))
    sent = flood(peer, _priority(stream_id), 100_000)
    assert sent <= LIMITS.glitches_burst + 100
    expect_calm(peer, OPEN)


def test_hazard_30_priority_updates_for_future_streams() -> None:
    peer = alone()
    connection = peer.mirror.connection
    for stream_id in range(1, 200_000, 2):
        frame = PriorityUpdate(prioritized_stream_id=stream_id, value=b"u=1")
        peer.transport.deliver(frame.serialize())
        if connection.problem is not None:
            break
    assert stream_id <= 2 * LIMITS.glitches_burst + 10
    assert connection.streams.books()["pending priorities"] <= LIMITS.pending_priorities
    peer.pull()
    expect_calm(peer, 0)


# ---------------------------------------------------------------------- legal heavy traffic


@pytest.mark.parametrize(
    ("name", "send", "rate"),
    [
        ("PING", lambda peer: peer.expect_alive(), 100),
        (
            "SETTINGS",
            lambda peer: (peer.send(Settings()), peer.expect(Settings(flags=r.ACK))),
            20,
        ),
        ("PRIORITY", lambda peer: peer.send(_priority(3)), 200),
        (
            "PRIORITY_UPDATE",
            lambda peer: peer.send(PriorityUpdate(prioritized_stream_id=3, value=b"u=1")),
            200,
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_hazard_83_control_frames_at_an_honest_rate(
    name: str, send: Callable[[Peer], object], rate: int
) -> None:
    """For two minutes, more often than any client does: never a GOAWAY."""
    peer = alone()
    for _ in range(60):
        for _ in range(rate):
            send(peer)
        peer.mirror.wait(1)
    peer.expect_serves(1)
    assert not any(isinstance(event, GoAway) for event in peer.events), name


def test_hazard_83_a_window_update_for_every_data_frame() -> None:
    """As most clients do, on both levels, with small windows and a long download."""
    peer = Peer(
        Mirror(alone=True), settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 1_000)], replenish=True
    )
    for stream_id in range(1, 13, 2):
        peer.request(stream_id, b"/memory/500000")
        assert len(peer.expect_response(stream_id).body) == 500_000
    assert peer.frames_received > 3_000
    peer.expect_alive()
    peer.send(WindowUpdate(stream_id=0, increment=1))
    peer.expect_serves(41)
