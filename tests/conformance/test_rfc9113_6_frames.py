"""RFC 9113 section 6: frames that are wrong in themselves; HEADERS that are right."""

from __future__ import annotations

import pytest

from h2static.http2 import registry as r
from h2static.http2.frames import (
    Headers,
    PriorityFields,
)
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
    stream_error,
)
from tests.support.peer import request_fields

_SIZE = ErrorCode.FRAME_SIZE_ERROR
_PROTOCOL = ErrorCode.PROTOCOL_ERROR
_FLOW = ErrorCode.FLOW_CONTROL_ERROR


def _setting(identifier: int, value: int) -> bytes:
    return identifier.to_bytes(2, "big") + value.to_bytes(4, "big")


def _settings_error(name: str, code: ErrorCode, identifier: int, value: int) -> Case:
    return connection_error(name, code, octets(r.SETTINGS, 0, 0, _setting(identifier, value)))


CASES = [
    # 6.2 HEADERS
    connection_error("HEADERS, stream 0", _PROTOCOL, octets(r.HEADERS, 5, 0, b"\x82")),
    connection_error(
        "HEADERS, padding as long as the payload", _PROTOCOL, octets(r.HEADERS, 0x0D, IDLE, b"\x01")
    ),
    connection_error(
        "HEADERS, padding longer than the fragment",
        _PROTOCOL,
        octets(r.HEADERS, 0x0D, IDLE, b"\x05\x82\x86\x84\x41"),
    ),
    connection_error(
        "HEADERS, padded without Pad Length", _SIZE, octets(r.HEADERS, 0x0D, IDLE, b"")
    ),
    connection_error(
        "HEADERS, priority and padding leave nothing",
        _SIZE,
        octets(r.HEADERS, 0x2D, IDLE, b"\x02\0\0\0\0\0\0"),
    ),
    # 6.3 PRIORITY
    connection_error("PRIORITY, stream 0", _PROTOCOL, octets(r.PRIORITY, 0, 0, bytes(5))),
    stream_error("PRIORITY of 4 octets", _SIZE, OPEN, octets(r.PRIORITY, 0, OPEN, bytes(4))),
    stream_error("PRIORITY of 6 octets", _SIZE, BLOCKED, octets(r.PRIORITY, 0, BLOCKED, bytes(6))),
    # "RST_STREAM frames MUST NOT be sent for a stream in the 'idle' state" (6.4): where there is no
    # stream to reset, the connection ends.
    connection_error("PRIORITY of 4 octets, idle", _SIZE, octets(r.PRIORITY, 0, IDLE, bytes(4))),
    connection_error("PRIORITY of 4 octets, even", _SIZE, octets(r.PRIORITY, 0, 8, bytes(4))),
    # 6.4 RST_STREAM
    connection_error("RST_STREAM, stream 0", _PROTOCOL, octets(r.RST_STREAM, 0, 0, bytes(4))),
    connection_error("RST_STREAM of 3 octets", _SIZE, octets(r.RST_STREAM, 0, OPEN, bytes(3))),
    connection_error("RST_STREAM of 5 octets", _SIZE, octets(r.RST_STREAM, 0, OPEN, bytes(5))),
    # 6.5 SETTINGS
    connection_error("SETTINGS, stream 1", _PROTOCOL, octets(r.SETTINGS, 0, CLOSED)),
    connection_error("SETTINGS, open stream", _PROTOCOL, octets(r.SETTINGS, 0, OPEN)),
    connection_error(
        "SETTINGS, ACK with a payload", _SIZE, octets(r.SETTINGS, 1, 0, _setting(3, 1))
    ),
    connection_error("SETTINGS, ACK of 1 octet", _SIZE, octets(r.SETTINGS, 1, 0, b"\0")),
    connection_error("SETTINGS of 5 octets", _SIZE, octets(r.SETTINGS, 0, 0, bytes(5))),
    connection_error("SETTINGS of 7 octets", _SIZE, octets(r.SETTINGS, 0, 0, bytes(7))),
    _settings_error("ENABLE_PUSH 2", _PROTOCOL, r.SETTINGS_ENABLE_PUSH, 2),
    _settings_error("ENABLE_PUSH 2^32-1", _PROTOCOL, r.SETTINGS_ENABLE_PUSH, 2**32 - 1),
    _settings_error("INITIAL_WINDOW_SIZE 2^31", _FLOW, r.SETTINGS_INITIAL_WINDOW_SIZE, 2**31),
    _settings_error("INITIAL_WINDOW_SIZE 2^32-1", _FLOW, r.SETTINGS_INITIAL_WINDOW_SIZE, 2**32 - 1),
    _settings_error("MAX_FRAME_SIZE 0", _PROTOCOL, r.SETTINGS_MAX_FRAME_SIZE, 0),
    _settings_error("MAX_FRAME_SIZE 16383", _PROTOCOL, r.SETTINGS_MAX_FRAME_SIZE, 16_383),
    _settings_error("MAX_FRAME_SIZE 2^24", _PROTOCOL, r.SETTINGS_MAX_FRAME_SIZE, 2**24),
    _settings_error("ENABLE_CONNECT_PROTOCOL 2", _PROTOCOL, r.SETTINGS_ENABLE_CONNECT_PROTOCOL, 2),
    _settings_error("NO_RFC7540_PRIORITIES 2", _PROTOCOL, r.SETTINGS_NO_RFC7540_PRIORITIES, 2),
    connection_error(
        "a wrong value after right ones",
        _PROTOCOL,
        octets(r.SETTINGS, 0, 0, _setting(3, 1) + _setting(4, 0) + _setting(5, 1)),
    ),
    # 6.6 PUSH_PROMISE, 8.4
    connection_error(
        "PUSH_PROMISE", _PROTOCOL, octets(r.PUSH_PROMISE, 4, OPEN, b"\0\0\0\x02\x82\x84\x86")
    ),
    connection_error(
        "PUSH_PROMISE, stream 0", _PROTOCOL, octets(r.PUSH_PROMISE, 4, 0, b"\0\0\0\x02\x82")
    ),
    connection_error("PUSH_PROMISE, short", _SIZE, octets(r.PUSH_PROMISE, 4, OPEN, bytes(3))),
    # 6.7 PING
    connection_error("PING, stream 1", _PROTOCOL, octets(r.PING, 0, CLOSED, bytes(8))),
    connection_error("PING, ACK on a stream", _PROTOCOL, octets(r.PING, 1, OPEN, bytes(8))),
    connection_error("PING of 7 octets", _SIZE, octets(r.PING, 0, 0, bytes(7))),
    connection_error("PING of 9 octets", _SIZE, octets(r.PING, 0, 0, bytes(9))),
    connection_error("PING of 0 octets", _SIZE, octets(r.PING, 0, 0)),
    connection_error("PING, ACK of 7 octets", _SIZE, octets(r.PING, 1, 0, bytes(7))),
    # 6.8 GOAWAY
    connection_error("GOAWAY, stream 1", _PROTOCOL, octets(r.GOAWAY, 0, CLOSED, bytes(8))),
    # 6.9 WINDOW_UPDATE
    connection_error(
        "WINDOW_UPDATE of 3 octets", _SIZE, octets(r.WINDOW_UPDATE, 0, OPEN, bytes(3))
    ),
    connection_error("WINDOW_UPDATE of 5 octets", _SIZE, octets(r.WINDOW_UPDATE, 0, 0, bytes(5))),
    connection_error("WINDOW_UPDATE of 0", _PROTOCOL, octets(r.WINDOW_UPDATE, 0, 0, bytes(4))),
    connection_error(
        "WINDOW_UPDATE of 0, but for the reserved bit",
        _PROTOCOL,
        octets(r.WINDOW_UPDATE, 0, 0, b"\x80\0\0\0"),
    ),
    # Raised to a connection error, as 5.4.1 allows: it is one of the six primitives of
    # CVE-2025-8671.
    connection_error(
        "WINDOW_UPDATE of 0 on a stream", _PROTOCOL, octets(r.WINDOW_UPDATE, 0, BLOCKED, bytes(4))
    ),
    connection_error(
        "connection window above 2^31-1",
        _FLOW,
        octets(r.WINDOW_UPDATE, 0, 0, b"\x7f\xff\xff\xff"),
    ),
    stream_error(
        "stream window above 2^31-1",
        _FLOW,
        OPEN,
        octets(r.WINDOW_UPDATE, 0, OPEN, b"\x7f\xff\xff\xff"),
    ),
    connection_error(
        "stream window above 2^31-1 by SETTINGS",
        _FLOW,
        octets(r.WINDOW_UPDATE, 0, OPEN, b"\0\0\0\x0b")
        + octets(r.SETTINGS, 0, 0, _setting(r.SETTINGS_INITIAL_WINDOW_SIZE, 2**31 - 1)),
    ),
    # 6.10 CONTINUATION
    connection_error("CONTINUATION, stream 0", _PROTOCOL, octets(r.CONTINUATION, 4, 0, b"\x82")),
    connection_error(
        "CONTINUATION after END_HEADERS",
        _PROTOCOL,
        lambda peer: (
            Headers(stream_id=OPEN, flags=4, fragment=b""),
            octets(r.CONTINUATION, 4, OPEN, b"\x82"),
        )[1:],
    ),
    connection_error(
        "CONTINUATION on another stream",
        _PROTOCOL,
        octets(r.HEADERS, 1, IDLE, b"\x82") + octets(r.CONTINUATION, 4, IDLE + 2, b"\x86"),
    ),
    *[
        connection_error(
            f"{name} inside a header block",
            _PROTOCOL,
            octets(r.HEADERS, 1, IDLE, b"\x82") + octets(kind, 0, stream_id, payload),
        )
        for name, kind, stream_id, payload in [
            ("DATA", r.DATA, IDLE, b"x"),
            ("DATA of another stream", r.DATA, OPEN, b"x"),
            ("HEADERS", r.HEADERS, IDLE, b"\x82"),
            ("PRIORITY", r.PRIORITY, IDLE, bytes(5)),
            ("RST_STREAM", r.RST_STREAM, IDLE, bytes(4)),
            ("SETTINGS", r.SETTINGS, 0, b""),
            ("PING", r.PING, 0, bytes(8)),
            ("GOAWAY", r.GOAWAY, 0, bytes(8)),
            ("WINDOW_UPDATE", r.WINDOW_UPDATE, 0, b"\0\0\0\1"),
            ("an unknown frame", 0xFE, 0, b""),
            ("PRIORITY_UPDATE", r.PRIORITY_UPDATE, 0, b"\0\0\0\x05u=1"),
        ]
    ],
]


@parametrize(CASES)
def test_a_wrong_frame(case: Case) -> None:
    run(case)


@pytest.mark.parametrize("padding", [1, 2, 200, 256])
@pytest.mark.parametrize(
    "priority", [None, PriorityFields(dependency=0, weight=256, exclusive=True)]
)
def test_headers_may_be_padded(padding: int, priority: PriorityFields | None) -> None:
    peer = prepared()
    peer.send(peer.headers(IDLE, padding=padding, priority=priority))
    peer.expect_response(IDLE, 200, b"hello")
    everything_else_lives(peer, IDLE)


def test_priority_fields_are_ignored() -> None:
    """Dependencies on anything but itself (5.3.2: deprecated)."""
    peer = prepared()
    for number, dependency in enumerate((0, CLOSED, BLOCKED, 2**31 - 1, 2, 101)):
        signal = PriorityFields(dependency=dependency, weight=1, exclusive=number % 2 == 0)
        peer.send(peer.headers(IDLE + 2 * number, priority=signal))
        peer.expect_response(IDLE + 2 * number, 200, b"hello")
    everything_else_lives(peer, 41)


def test_a_request_field_section_with_trailers_waits_for_them() -> None:
    peer = prepared()
    peer.send(peer.headers(IDLE, request_fields(b"/echo", b"POST"), end_stream=False))
    peer.data(IDLE, b"abc")
    peer.expect_alive()
    peer.send(peer.headers(IDLE, [(b"x-checksum", b"1")]))
    peer.expect_response(IDLE, 200, b"abc")
