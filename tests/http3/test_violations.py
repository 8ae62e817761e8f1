"""What a client must not send, and what becomes of it (RFC 9114 sections 4 to 8, RFC 9204, 9218).

Each row: what the client sends, the error, and whether the connection lives on.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from h2static.http3.registry import ErrorCode as E
from tests.http3.peer import GET, SETTINGS, Peer, headers
from tests.support.wire_clients.http3 import frame, integer

_DATA = frame(0, b"content")
_POST = ((b":method", b"POST"), *GET[1:])
_CONNECT = ((b":method", b"CONNECT"), (b":authority", b"a.test:1"))


def _priority_update(kind: int, stream_id: int) -> bytes:
    return frame(kind, integer(stream_id) + b"u=1")


#: Name -> stream, octets, whether the stream ends, connection error.
CONNECTION: dict[str, tuple[int, bytes, bool, E]] = {
    "4.1 DATA before HEADERS": (0, _DATA, False, E.H3_FRAME_UNEXPECTED),
    "4.1 DATA after trailers": (
        *(0, headers(_POST) + headers(((b"x", b"1"),)) + _DATA, False),
        E.H3_FRAME_UNEXPECTED,
    ),
    "4.1 HEADERS after trailers": (
        *(0, headers(_POST) + headers(((b"x", b"1"),)) + headers(((b"x", b"1"),)), False),
        E.H3_FRAME_UNEXPECTED,
    ),
    "4.4 HEADERS in a tunnel": (
        0,
        headers(((b":method", b"CONNECT"), (b":authority", b"a.test:1")))
        + headers(((b"x", b"1"),)),
        False,
        E.H3_FRAME_UNEXPECTED,
    ),
    "6.2.1 a control stream without SETTINGS": (
        *(6, integer(0) + frame(7, integer(0)), False),
        E.H3_MISSING_SETTINGS,
    ),
    "6.2.1 a second control stream": (6, SETTINGS, False, E.H3_STREAM_CREATION_ERROR),
    "6.2.1 the control stream ends": (2, b"", True, E.H3_CLOSED_CRITICAL_STREAM),
    "6.2.2 a push stream": (6, integer(1) + integer(0), False, E.H3_STREAM_CREATION_ERROR),
    "7.1 a truncated frame": (0, headers()[:-1], True, E.H3_FRAME_ERROR),
    "7.1 a truncated DATA frame": (
        *(0, headers(_POST) + frame(0, b"12345")[:-1], True),
        E.H3_FRAME_ERROR,
    ),
    "7.1 GOAWAY with more octets": (2, frame(7, integer(0) + b"x"), False, E.H3_FRAME_ERROR),
    "7.1 GOAWAY without its field": (2, frame(7, b""), False, E.H3_FRAME_ERROR),
    "7.2.1 DATA on the control stream": (2, _DATA, False, E.H3_FRAME_UNEXPECTED),
    "7.2.2 HEADERS on the control stream": (2, headers(), False, E.H3_FRAME_UNEXPECTED),
    "7.2.3 CANCEL_PUSH of no promise": (2, frame(3, integer(0)), False, E.H3_ID_ERROR),
    "7.2.3 CANCEL_PUSH on a request stream": (
        *(0, headers(_POST) + frame(3, integer(0)), False),
        E.H3_FRAME_UNEXPECTED,
    ),
    "7.2.4 a second SETTINGS": (2, frame(4, b""), False, E.H3_FRAME_UNEXPECTED),
    "7.2.4 SETTINGS on a request stream": (0, frame(4, b""), False, E.H3_FRAME_UNEXPECTED),
    "7.2.5 PUSH_PROMISE of a client": (
        *(0, headers(_POST) + frame(5, integer(0)), False),
        E.H3_FRAME_UNEXPECTED,
    ),
    "7.2.6 GOAWAY that grows": (
        *(2, frame(7, integer(4)) + frame(7, integer(8)), False),
        E.H3_ID_ERROR,
    ),
    "7.2.6 GOAWAY on a request stream": (
        *(0, headers(_POST) + frame(7, integer(0)), False),
        E.H3_FRAME_UNEXPECTED,
    ),
    "7.2.7 MAX_PUSH_ID that goes back": (
        *(2, frame(13, integer(4)) + frame(13, integer(3)), False),
        E.H3_ID_ERROR,
    ),
    "7.2.8 a frame of HTTP/2": (2, frame(6, b"12345678"), False, E.H3_FRAME_UNEXPECTED),
    "7.2.8 a frame of HTTP/2 on a request stream": (
        *(0, headers(_POST) + frame(8, b"1234"), False),
        E.H3_FRAME_UNEXPECTED,
    ),
    "a control frame without end": (
        *(2, integer(0xF0700) + integer(5_000), False),
        E.H3_EXCESSIVE_LOAD,
    ),
    "RFC 9204 4.2 a second encoder stream": (
        *(6, integer(2), False),
        E.H3_STREAM_CREATION_ERROR,
    ),
    "RFC 9204 2.2.1 a reference to the dynamic table": (
        *(0, frame(1, b"\x02\x00\x80"), True),
        E.QPACK_DECOMPRESSION_FAILED,
    ),
    "RFC 9204 3.1 an index beyond the static table": (
        *(0, frame(1, b"\x00\x00\xff\x24"), True),
        E.QPACK_DECOMPRESSION_FAILED,
    ),
    "RFC 9204 4.3.1 a capacity above the maximum": (
        *(10, b"\x3f\xe1\x1f", False),
        E.QPACK_ENCODER_STREAM_ERROR,
    ),
    "RFC 9204 4.4.1 an acknowledgment of nothing": (
        *(14, b"\x80", False),
        E.QPACK_DECODER_STREAM_ERROR,
    ),
    "RFC 9204 4.4.3 an increment of nothing": (
        *(14, b"\x00", False),
        E.QPACK_DECODER_STREAM_ERROR,
    ),
    "RFC 9218 7.2 PRIORITY_UPDATE for no request": (
        *(2, _priority_update(0xF0700, 2), False),
        E.H3_ID_ERROR,
    ),
    "RFC 9218 7.2 PRIORITY_UPDATE for no push": (
        *(2, _priority_update(0xF0701, 0), False),
        E.H3_ID_ERROR,
    ),
    "RFC 9218 7.2 PRIORITY_UPDATE on a request stream": (
        *(0, headers(_POST) + _priority_update(0xF0700, 0), False),
        E.H3_FRAME_UNEXPECTED,
    ),
}


def _with_qpack_streams() -> Peer:
    peer = Peer()
    peer.send(10, integer(2))
    peer.send(14, integer(3))
    return peer


@pytest.mark.parametrize("cut", [None, 1], ids=["whole", "octet by octet"])
@pytest.mark.parametrize("name", CONNECTION)
def test_connection_errors(name: str, cut: int | None) -> None:
    stream_id, octets, end, code = CONNECTION[name]
    peer = _with_qpack_streams()
    if name == "6.2.1 a control stream without SETTINGS":
        peer = Peer(settings=b"")
    if cut is None:
        peer.send(stream_id, octets, end=end)
    else:
        for start in range(len(octets)):
            peer.send(stream_id, octets[start : start + 1])
        if end:
            peer.send(stream_id, b"", end=True)
    assert peer.closed is not None
    assert peer.closed[0] == code, peer.closed
    assert peer.engine.problem is not None
    assert peer.engine.problem.startswith(code.name)
    assert peer.engine.closing
    # Nothing that comes later matters.
    peer.engine.receive(peer.now)
    assert peer.engine.open_streams == 0


@pytest.mark.parametrize(
    ("entries", "right"),
    [
        (integer(6) + integer(65_536), True),
        (integer(0x21) + integer(7), True),
        (integer(0x33) + integer(1) + integer(8) + integer(1), True),
        (integer(2) + integer(0), False),
        (integer(5) + integer(1), False),
        (integer(6) + integer(1) + integer(6) + integer(1), False),
        (integer(0x33) + integer(2), False),
        (integer(8) + integer(2), False),
    ],
)
def test_settings(entries: bytes, right: bool) -> None:
    peer = Peer(settings=integer(0) + frame(4, entries))
    peer.send(0, headers(), end=True)
    if right:
        assert peer.status(0) == 200
        assert peer.closed is None
    else:
        assert peer.closed is not None
        assert peer.closed[0] == E.H3_SETTINGS_ERROR


_STREAM: dict[str, tuple[bytes, bool, E]] = {
    "4.1 nothing but an end": (b"", True, E.H3_REQUEST_INCOMPLETE),
    "4.1 unknown frames, then the end": (frame(0x21, b"x"), True, E.H3_REQUEST_INCOMPLETE),
    "4.1.2 less content than content-length": (
        headers((*_POST, (b"content-length", b"8"))) + _DATA,
        True,
        E.H3_MESSAGE_ERROR,
    ),
    "4.1.2 more content than content-length": (
        headers((*_POST, (b"content-length", b"6"))) + _DATA,
        True,
        E.H3_MESSAGE_ERROR,
    ),
    "4.1.2 content-length without content": (
        headers((*_POST, (b"content-length", b"6"))),
        True,
        E.H3_MESSAGE_ERROR,
    ),
    "4.2 a name in upper case": (headers((*GET, (b"X", b"1"))), True, E.H3_MESSAGE_ERROR),
    "4.2 a connection-specific field": (
        headers((*GET, (b"connection", b"close"))),
        True,
        E.H3_MESSAGE_ERROR,
    ),
    "4.3 a pseudo-header field after others": (
        headers((*GET[:3], (b"x", b"1"), GET[3])),
        True,
        E.H3_MESSAGE_ERROR,
    ),
    "4.3 pseudo-header fields in trailers": (
        headers(_POST) + headers(((b":path", b"/"),)),
        True,
        E.H3_MESSAGE_ERROR,
    ),
    "4.3.1 no method": (headers(GET[1:]), True, E.H3_MESSAGE_ERROR),
    "4.3.1 no path": (headers(GET[:3]), True, E.H3_MESSAGE_ERROR),
    "4.3.1 two paths": (headers((*GET, GET[3])), True, E.H3_MESSAGE_ERROR),
    "4.4 CONNECT with a path": (
        headers(((b":method", b"CONNECT"), *GET[1:])),
        True,
        E.H3_MESSAGE_ERROR,
    ),
}


@pytest.mark.parametrize("cut", [None, 1], ids=["whole", "octet by octet"])
@pytest.mark.parametrize("name", _STREAM)
def test_stream_errors_leave_the_others_alone(name: str, cut: int | None) -> None:
    octets, end, code = _STREAM[name]
    peer = Peer()
    for start in range(0, len(octets), cut or max(1, len(octets))):
        peer.send(0, octets[start : start + (cut or len(octets))])
    peer.send(0, b"", end=end)
    assert peer.resets == {0: code}
    assert peer.closed is None
    assert any(code.name in text for text in peer.reports)
    peer.send(4, headers(), end=True)
    assert peer.status(4) == 200
    assert peer.engine.open_streams == 0
    assert peer.engine.counters.resets == 1


_TOLERATED: dict[str, Callable[[Peer], None]] = {
    "9 unknown frames on a request stream": lambda peer: peer.send(
        4, frame(0x21, b"grease") + headers(_POST) + frame(0x40, b"") + _DATA + frame(0x21, b"x")
    ),
    "9 an unknown frame of many octets": lambda peer: peer.send(2, frame(0x21, bytes(100_000))),
    "6.2 a stream that ends before its type": lambda peer: peer.send(6, b"\x40", end=True),
    "6.2.3 a stream of a reserved type": lambda peer: peer.send(6, integer(0x21) + b"x", end=True),
    "7.2.6 GOAWAY of the client": lambda peer: peer.send(2, frame(7, integer(3))),
    "7.2.7 MAX_PUSH_ID": lambda peer: peer.send(2, frame(13, integer(3))),
    "RFC 9204 4.3.1 a capacity of nothing": lambda peer: peer.send(6, integer(2) + b"\x20"),
    "RFC 9204 4.4.2 a cancellation": lambda peer: peer.send(6, integer(3) + b"\x40"),
    "RFC 9218 PRIORITY_UPDATE": lambda peer: peer.send(2, _priority_update(0xF0700, 400)),
}


@pytest.mark.parametrize("name", _TOLERATED)
def test_what_is_no_error(name: str) -> None:
    peer = Peer()
    _TOLERATED[name](peer)
    peer.send(0, headers(), end=True)
    assert peer.closed is None
    assert peer.status(0) == 200


def test_a_reset_of_the_control_stream_is_an_error() -> None:
    peer = Peer()
    peer.client.reset(2, 0)
    peer.settle()
    assert peer.closed is not None
    assert peer.closed[0] == E.H3_CLOSED_CRITICAL_STREAM


def test_stop_sending_for_our_control_stream_is_an_error() -> None:
    peer = Peer()
    peer.client.stop(3, 0)
    peer.settle()
    assert peer.closed is not None
    assert peer.closed[0] == E.H3_CLOSED_CRITICAL_STREAM
