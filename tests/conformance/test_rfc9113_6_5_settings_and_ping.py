"""RFC 9113 sections 6.5 (SETTINGS) and 6.7 (PING)."""

from __future__ import annotations

from h2static.http2 import registry as r
from h2static.http2.frames import (
    Ping,
    Settings,
    WindowUpdate,
)
from tests.conformance.cases import (
    BLOCKED,
    BLOCKED_SIZE,
    everything_else_lives,
    prepared,
)
from tests.support.peer import Peer
from tests.support.small_site import pattern


def test_settings_are_acknowledged_each() -> None:
    """ "the recipient MUST immediately emit a SETTINGS frame with the ACK flag set" (6.5.3)."""
    peer = prepared()
    peer.send(Settings(), Settings(entries=((3, 5),)), Settings(entries=((2, 0), (2, 1))))
    for _ in range(3):
        peer.expect(Settings(flags=r.ACK))
    peer.expect_alive()


def test_values_are_processed_in_order() -> None:
    """The same setting twice in one frame: the last one holds (6.5.3)."""
    peer = Peer(replenish=False)
    window = r.SETTINGS_INITIAL_WINDOW_SIZE
    peer.send(Settings(entries=((window, 100), (window, 1))))
    peer.expect(Settings(flags=r.ACK))
    peer.request(1)
    peer.pull()
    assert peer.streams[1].reply.body == b"h"


def test_settings_take_effect_before_their_acknowledgment() -> None:
    """Frames that come after the ACK follow the new settings."""
    peer = prepared()
    peer.send(Settings(entries=((r.SETTINGS_INITIAL_WINDOW_SIZE, BLOCKED_SIZE),)))
    peer.expect(Settings(flags=r.ACK))
    peer.expect_response(BLOCKED, 200, pattern(BLOCKED_SIZE))


def test_an_acknowledgment_of_nothing_is_harmless() -> None:
    peer = prepared()
    peer.send(Settings(flags=r.ACK), Settings(flags=r.ACK))
    everything_else_lives(peer, 0)


def test_the_largest_values_are_legal() -> None:
    entries = [
        (r.SETTINGS_HEADER_TABLE_SIZE, 2**32 - 1),
        (r.SETTINGS_ENABLE_PUSH, 1),
        (r.SETTINGS_MAX_CONCURRENT_STREAMS, 2**32 - 1),
        (r.SETTINGS_INITIAL_WINDOW_SIZE, 2**31 - 1),
        (r.SETTINGS_MAX_FRAME_SIZE, 2**24 - 1),
        (r.SETTINGS_MAX_HEADER_LIST_SIZE, 2**32 - 1),
        (r.SETTINGS_ENABLE_CONNECT_PROTOCOL, 1),
        (r.SETTINGS_NO_RFC7540_PRIORITIES, 1),
    ]
    peer = Peer(settings=entries)
    peer.expect_serves(1)
    assert peer.decoder.header_table_size == 4_096


def test_the_smallest_values_are_legal() -> None:
    entries = [
        (r.SETTINGS_HEADER_TABLE_SIZE, 0),
        (r.SETTINGS_ENABLE_PUSH, 0),
        (r.SETTINGS_MAX_CONCURRENT_STREAMS, 0),
        (r.SETTINGS_INITIAL_WINDOW_SIZE, 0),
        (r.SETTINGS_MAX_FRAME_SIZE, 16_384),
        (r.SETTINGS_MAX_HEADER_LIST_SIZE, 0),
        (r.SETTINGS_ENABLE_CONNECT_PROTOCOL, 0),
        (r.SETTINGS_NO_RFC7540_PRIORITIES, 0),
    ]
    peer = Peer(settings=entries)
    peer.request(1, b"/", b"HEAD")
    peer.expect_response(1, 200, b"")
    peer.request(3)
    peer.update(3, 5)
    peer.expect_response(3, 200, b"hello")


def test_ping_is_answered_with_its_octets() -> None:
    """ "Receivers of a PING frame that does not include an ACK flag MUST send a PING frame with the
    ACK flag set in response, with an identical frame payload"."""
    peer = prepared()
    for opaque in (bytes(8), b"\xff" * 8, b"h2static"):
        peer.send(Ping(opaque=opaque))
        peer.expect(Ping(flags=r.ACK, opaque=opaque))
    # "An endpoint MUST NOT respond to PING frames containing this flag".
    peer.send(Ping(flags=r.ACK, opaque=b"nothing!"))
    everything_else_lives(peer, 0)


def test_ping_overtakes_content() -> None:
    """ "PING responses SHOULD be given higher priority than any other frame"."""
    peer = Peer(replenish=False)
    peer.request(1, b"/memory/500000")
    peer.expect_alive_with(1)
    peer.update(1, 2**20)
    peer.mirror.stop_taking()
    peer.send(Ping(opaque=b"overtake"), WindowUpdate(stream_id=0, increment=2**20))
    peer.mirror.go_on_taking()
    peer.expect(Ping(flags=r.ACK, opaque=b"overtake"))
    peer.expect_response(1)
