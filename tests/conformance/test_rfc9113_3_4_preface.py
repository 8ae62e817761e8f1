"""RFC 9113 section 3.4: the connection preface."""

from __future__ import annotations

import pytest

from h2static.http2 import registry as r
from h2static.http2.frames import Settings, WindowUpdate
from h2static.http2.registry import ErrorCode
from h2static.http2.settings import LocalSettings
from tests.conformance.cases import octets
from tests.support.peer import Peer
from tests.support.transports import Mirror


def test_settings_are_the_servers_first_frame() -> None:
    """They are sent before anything has come."""
    peer = Peer(handshake=False)
    first = peer.expect(Settings)
    assert first.entries == (
        (r.SETTINGS_MAX_CONCURRENT_STREAMS, 100),
        (r.SETTINGS_MAX_HEADER_LIST_SIZE, 65_536),
        (r.SETTINGS_NO_RFC7540_PRIORITIES, 1),
    )
    peer.expect_nothing()


def test_settings_say_what_the_options_say() -> None:
    settings = LocalSettings(
        header_table_size=0,
        max_concurrent_streams=7,
        initial_window_size=2**20 - 1,
        connection_window_size=2**21 - 1,
    )
    peer = Peer(Mirror(settings=settings), handshake=False)
    entries = dict(peer.expect(Settings).entries)
    assert entries[r.SETTINGS_HEADER_TABLE_SIZE] == 0
    assert entries[r.SETTINGS_MAX_CONCURRENT_STREAMS] == 7
    assert entries[r.SETTINGS_INITIAL_WINDOW_SIZE] == 2**20 - 1
    # "A server MUST NOT send" ENABLE_PUSH with a value of 1 (6.5.2), and has no reason for 0.
    assert r.SETTINGS_ENABLE_PUSH not in entries
    assert peer.updates == [WindowUpdate(stream_id=0, increment=2**21 - 1 - 65_535)]


@pytest.mark.parametrize(
    "preface",
    [
        b"GET / HTTP/1.1\r\nHost: test.example\r\n\r\n",
        r.PREFACE[:-1] + b"X",
        r.PREFACE[:-2] + b"X",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        bytes(24),
        b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n",
    ],
    ids=["HTTP/1.1", "last octet", "one before", "TLS", "zeros", "SM"],
)
def test_a_wrong_preface_is_a_protocol_error(preface: bytes) -> None:
    peer = Peer(handshake=False)
    peer.expect(Settings)
    peer.send(preface)
    peer.expect_goaway(ErrorCode.PROTOCOL_ERROR, 0)


@pytest.mark.parametrize(
    "first",
    [
        octets(r.PING, 0, 0, bytes(8)),
        octets(r.HEADERS, 5, 1, b"\x82\x84\x86\x41\x01x"),
        octets(r.WINDOW_UPDATE, 0, 0, b"\0\0\0\1"),
        octets(r.SETTINGS, r.ACK, 0),
        octets(0x20, 0, 0),
        octets(r.GOAWAY, 0, 0, bytes(8)),
    ],
    ids=["PING", "HEADERS", "WINDOW_UPDATE", "SETTINGS ACK", "unknown", "GOAWAY"],
)
def test_another_first_frame_is_a_protocol_error(first: bytes) -> None:
    """ "This sequence MUST be followed by a SETTINGS frame, which MAY be empty"."""
    peer = Peer(handshake=False)
    peer.expect(Settings)
    peer.send(r.PREFACE, first)
    peer.expect_goaway(ErrorCode.PROTOCOL_ERROR, 0)


def test_requests_may_come_with_the_preface() -> None:
    """ "clients are permitted to send additional frames to the server immediately"."""
    peer = Peer(handshake=False)
    peer.send(r.PREFACE, Settings(), peer.headers(1), peer.headers(3))
    peer.expect_response(1, 200, b"hello")
    peer.expect_response(3, 200, b"hello")
