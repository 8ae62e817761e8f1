"""RFC 9113 section 6.9: the windows that clients give."""

from __future__ import annotations

import pytest

from h2static.http2 import registry as r
from h2static.http2.frames import Data, Settings
from h2static.http2.registry import ErrorCode
from h2static.http2.settings import LocalSettings
from tests.conformance.cases import (
    BLOCKED,
    BLOCKED_SIZE,
    IDLE,
    OPEN,
    everything_else_lives,
    prepared,
)
from tests.support.peer import Peer, request_fields
from tests.support.small_site import pattern
from tests.support.transports import Mirror


def test_negative_windows() -> None:
    """ "a sender MUST track the negative flow-control window and MUST NOT send new flow-controlled
    frames until it receives WINDOW_UPDATE frames that cause the window to become positive"
    (6.9.2)."""
    peer = Peer(settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 20_000)], replenish=False)
    peer.request(1, b"/memory/50000")
    peer.request(3, b"/file/50000")
    peer.expect_alive_with(1, 3)
    peer.send(Settings(entries=((r.SETTINGS_INITIAL_WINDOW_SIZE, 100),)))
    peer.expect(Settings(flags=r.ACK))
    for _ in range(2):
        # Still negative, then exactly 0.
        for stream_id in (1, 3):
            peer.update(stream_id, 9_950)
        peer.expect_alive()
    peer.update(1, 1)
    peer.pull()
    assert len(peer.streams[1].reply.body) == 20_001
    peer.send(Settings(entries=((r.SETTINGS_INITIAL_WINDOW_SIZE, 50_000),)))
    peer.update(0, 100_000)
    for stream_id in (1, 3):
        assert peer.expect_response(stream_id).body == pattern(50_000)


@pytest.mark.parametrize("kind", [b"memory", b"file", b"slow"])
@pytest.mark.parametrize("size", [1, 16_384, 16_385, 65_535, 65_536])
def test_bodies_at_the_bounds(kind: bytes, size: int) -> None:
    peer = Peer()
    for stream_id in (1, 3, 5):
        peer.request(stream_id, b"/%s/%d" % (kind, size))
        assert peer.expect_response(stream_id).body == pattern(size)
    peer.expect_alive()


@pytest.mark.parametrize("kind", [b"memory", b"file", b"slow"])
def test_windows_that_open_one_octet_at_a_time(kind: bytes) -> None:
    peer = Peer(settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 0)], replenish=False)
    peer.request(1, b"/%s/30" % kind)
    for size in range(30):
        peer.pull()
        assert len(peer.streams[1].reply.body) == size
        peer.update(1, 1)
    assert peer.expect_response(1).data == [1] * 30


def test_a_connection_window_that_opens_one_octet_at_a_time() -> None:
    peer = Peer(replenish=False)
    peer.request(1, b"/memory/65535")
    peer.expect_response(1)
    peer.request(3, b"/file/10")
    peer.request(5, b"/memory/10")
    peer.request(7, b"/", b"HEAD")
    peer.expect_response(7, 200, b"")
    for size in range(20):
        peer.pull()
        assert len(peer.streams[3].reply.body + peer.streams[5].reply.body) == size
        peer.update(0, 1)
    assert peer.expect_response(3).body == pattern(10)
    assert peer.expect_response(5).body == pattern(10)


def test_a_stream_without_window_does_not_hold_others_up() -> None:
    peer = prepared()
    for stream_id in range(IDLE, IDLE + 20, 2):
        peer.expect_serves(stream_id)
    peer.update(BLOCKED, BLOCKED_SIZE)
    peer.expect_response(BLOCKED, 200, pattern(BLOCKED_SIZE))


def test_the_largest_window() -> None:
    """Up to 2^31-1 and not beyond (6.9.1)."""
    peer = prepared()
    peer.update(0, 2**31 - 1 - peer.window)
    peer.update(OPEN, 2**31 - 1 - 10)
    everything_else_lives(peer, 0)
    peer = prepared()
    peer.update(0, 2**31 - 1 - peer.window)
    peer.update(0, 1)
    peer.expect_goaway(ErrorCode.FLOW_CONTROL_ERROR, OPEN)


def test_window_updates_for_a_stream_before_its_response() -> None:
    peer = prepared()
    peer.update(OPEN, 90)
    peer.data(OPEN, b"x" * 100, end_stream=True)
    peer.expect_response(OPEN, 200, b"x" * 100)


def test_a_smaller_window_of_ours_counts_from_its_acknowledgment() -> None:
    """Section 6.9.3: "the receiver MUST be prepared to receive data that exceeds this window size,
    since the sender might send data that exceeds the lower limit prior to processing the SETTINGS
    frame"."""
    mirror = Mirror(settings=LocalSettings(initial_window_size=1_000))
    peer = Peer(mirror, handshake=False)
    peer.send(r.PREFACE, Settings())
    peer.request(1, b"/echo", b"POST", end_stream=False)
    peer.data(1, pattern(10_000), end_stream=True)
    peer.expect_response(1, 200, pattern(10_000))
    peer.send(Settings(flags=r.ACK))
    peer.request(3, b"/echo", b"POST", end_stream=False)
    peer.data(3, pattern(1_001))
    peer.pull()
    assert peer.streams[3].reply.reset == ErrorCode.FLOW_CONTROL_ERROR


def test_empty_data_needs_no_credit() -> None:
    peer = Peer(Mirror(settings=LocalSettings(connection_window_size=0)))
    peer.request(1, b"/echo", b"POST", end_stream=False)
    peer.data(1, b"")
    peer.data(1, b"content", end_stream=True)
    peer.expect_response(1, 200, b"content")
    assert peer.credit(0) == 0


@pytest.mark.parametrize("size", [0, 1, 1_000, 65_534])
def test_a_smaller_window_of_the_connection(size: int) -> None:
    """It begins with 65 535 octets (section 6.9.2); what is above its size is never returned."""
    peer = Peer(Mirror(alone=True, settings=LocalSettings(connection_window_size=size)))
    stream_id = 1
    sent = 0
    for _ in range(8):
        peer.request(stream_id, b"/", b"POST", end_stream=False)
        octets = min(10_000, 65_535 + peer.credit(0) - sent)
        peer.data(stream_id, bytes(octets), end_stream=True)
        peer.expect_response(stream_id)
        stream_id += 2
        sent += octets
    window = 65_535 + peer.credit(0) - sent
    assert max(1, size // 2) <= window <= max(1, size)


def test_a_window_of_0_is_opened_for_each_request_that_is_accepted() -> None:
    """The client may not send content before; then it can."""
    mirror = Mirror(settings=LocalSettings(initial_window_size=0))
    peer = Peer(mirror)
    assert peer.credit(1) == 0
    peer.request(1, b"/echo", b"POST", end_stream=False)
    assert peer.credit(1) == 65_535
    for start in range(0, 60_000, 15_000):
        peer.data(1, pattern(15_000, start))
    # Credit comes back in halves.
    assert peer.credit(1) == 65_535 + 45_000
    peer.data(1, b"end", end_stream=True)
    peer.expect_response(1, 200, pattern(60_000) + b"end")
    peer.request(3, b"/echo", b"POST", end_stream=True)
    peer.expect_response(3)
    assert peer.credit(3) == 0
    peer.send(peer.headers(5, request_fields(b"/", b"POST", (b"te", b"x")), end_stream=False))
    peer.expect_reset(5, ErrorCode.PROTOCOL_ERROR)
    assert peer.credit(5) == 0


def test_a_window_of_0_is_opened_also_before_the_client_knows_of_it() -> None:
    """What it has sent by then is taken; the window that is left to it is not below 0 for ever."""
    peer = Peer(Mirror(settings=LocalSettings(initial_window_size=0)), handshake=False)
    peer.send(r.PREFACE, Settings())
    peer.request(1, b"/echo", b"POST", end_stream=False)
    for start in range(0, 60_000, 15_000):
        peer.data(1, pattern(15_000, start))
    peer.send(Settings(flags=r.ACK))
    # Its window is what it was given, less what it sent.
    assert peer.credit(1) - 60_000 >= 15_000
    peer.data(1, pattern(15_000, 60_000), end_stream=True)
    peer.expect_response(1, 200, pattern(75_000))


def test_frames_as_small_as_our_own_window_are_no_glitches() -> None:
    """``-w 5`` lets a client send 31 octets at a time."""
    peer = Peer(Mirror(alone=True, settings=LocalSettings(initial_window_size=31)))
    for stream_id in range(1, 41, 2):
        peer.request(stream_id, b"/", b"POST", end_stream=False)
        for _ in range(600):
            peer.transport.deliver(Data(stream_id=stream_id, data=bytes(31)).serialize())
        peer.data(stream_id, b"", end_stream=True)
        peer.expect_response(stream_id)
    peer.expect_alive()
