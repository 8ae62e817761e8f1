"""RFC 9113 sections 6.1 (DATA), 6.9 (flow control of what clients send) and 8.1.1."""

from __future__ import annotations

import pytest

from h2static.http2 import registry as r
from h2static.http2.frames import Data
from h2static.http2.registry import ErrorCode
from h2static.http2.settings import LocalSettings
from tests.conformance.cases import (
    BLOCKED,
    IDLE,
    OPEN,
    Case,
    connection_error,
    octets,
    parametrize,
    prepared,
    run,
)
from tests.support.peer import Peer, request_fields
from tests.support.transports import Mirror

CASES = [
    connection_error("stream 0", ErrorCode.PROTOCOL_ERROR, octets(r.DATA, 0, 0, b"x")),
    connection_error("stream 0, empty", ErrorCode.PROTOCOL_ERROR, octets(r.DATA, 1, 0)),
    # "If the length of the padding is the length of the frame payload or greater, the recipient
    # MUST treat this as a connection error of type PROTOCOL_ERROR".
    connection_error(
        "padding as long as the payload", ErrorCode.PROTOCOL_ERROR, octets(r.DATA, 8, OPEN, b"\x01")
    ),
    connection_error(
        "padding longer than the payload",
        ErrorCode.PROTOCOL_ERROR,
        octets(r.DATA, 8, OPEN, b"\xffabc"),
    ),
    connection_error(
        "padded without Pad Length", ErrorCode.FRAME_SIZE_ERROR, octets(r.DATA, 8, OPEN)
    ),
]


@parametrize(CASES)
def test_a_wrong_frame(case: Case) -> None:
    run(case)


@pytest.mark.parametrize(
    ("payload", "content"),
    [
        (b"\x00abc", b"abc"),
        (b"\x03abc\0\0\0", b"abc"),
        (b"\x02\0\0", b""),
        (b"\x00", b""),
        (b"\xffabc" + bytes(255), b"abc"),
        (b"\x01abcX", b"abc"),
    ],
    ids=["none", "three", "only padding", "only Pad Length", "255", "not zero"],
)
def test_padding_is_taken_off(payload: bytes, content: bytes) -> None:
    """ "A receiver is not obligated to verify padding"; all of it counts against windows."""
    peer = prepared()
    connection = peer.mirror.connection
    window = connection.requests.content.window
    before = window.left - window.credit
    peer.send(octets(r.DATA, 8, OPEN, payload))
    assert connection.streams.open[OPEN].received == len(content)
    assert connection.streams.open[OPEN].window.left == 65_535 - len(payload)
    assert before - window.left + window.credit == 2 * len(payload)
    peer.send(octets(r.DATA, 9, OPEN, payload))
    peer.expect_response(OPEN, 200, content * 2)


def test_an_empty_frame_can_end_a_stream() -> None:
    peer = prepared()
    peer.data(OPEN, b"", end_stream=True)
    peer.expect_response(OPEN, 200, b"")


# ---------------------------------------------------------------------- content-length (8.1.1)


def _post(length: bytes, *data: bytes, end_stream: bool = True) -> Peer:
    peer = prepared()
    fields = request_fields(b"/echo", b"POST", (b"content-length", length))
    peer.send(peer.headers(IDLE, fields, end_stream=False))
    for position, octets_ in enumerate(data):
        peer.data(IDLE, octets_, end_stream=end_stream and position == len(data) - 1)
    return peer


@pytest.mark.parametrize(
    ("length", "data"),
    [
        (b"5", [b"1234"]),
        (b"5", [b"123456"]),
        (b"5", [b"123", b"456"]),
        (b"5", [b""]),
        (b"0", [b"1"]),
        (b"9223372036854775807", [b"12345"]),
    ],
    ids=str,
)
def test_content_that_is_not_as_long_as_announced(length: bytes, data: list[bytes]) -> None:
    peer = _post(length, *data)
    peer.expect_reset(IDLE, ErrorCode.PROTOCOL_ERROR)
    peer.expect_serves(IDLE + 2)


def test_too_much_content_is_noticed_before_its_end() -> None:
    peer = _post(b"5", b"123", b"456", b"789", end_stream=False)
    peer.expect_reset(IDLE, ErrorCode.PROTOCOL_ERROR)
    peer.expect_alive()


def test_too_little_content_before_trailers() -> None:
    peer = _post(b"5", b"1234", end_stream=False)
    peer.send(peer.headers(IDLE, [(b"x-sum", b"1")]))
    peer.expect_reset(IDLE, ErrorCode.PROTOCOL_ERROR)
    peer.expect_alive()


@pytest.mark.parametrize(
    "length", [b"+5", b"5,5", b"5, 5", b"-5", b"0x5", b"", b"5 5", b"18446744073709551616"]
)
def test_content_length_that_is_no_number(length: bytes) -> None:
    peer = _post(length, end_stream=False)
    peer.expect_reset(IDLE, ErrorCode.PROTOCOL_ERROR)
    peer.expect_serves(IDLE + 2)


@pytest.mark.parametrize("second", [b"6", b"05", b""])
def test_content_lengths_that_differ(second: bytes) -> None:
    peer = prepared()
    extra = ((b"content-length", b"5"), (b"content-length", second))
    peer.send(peer.headers(IDLE, request_fields(b"/echo", b"POST", *extra), end_stream=False))
    peer.expect_reset(IDLE, ErrorCode.PROTOCOL_ERROR)


def test_content_length_without_content() -> None:
    """The same field section is legal when content follows."""
    peer = prepared()
    fields = request_fields(b"/echo", b"POST", (b"content-length", b"5"))
    for stream_id in (IDLE, IDLE + 4, IDLE + 8):
        peer.send(peer.headers(stream_id, fields))
        peer.expect_reset(stream_id, ErrorCode.PROTOCOL_ERROR)
        peer.send(peer.headers(stream_id + 2, fields, end_stream=False))
        peer.data(stream_id + 2, b"12345", end_stream=True)
        peer.expect_response(stream_id + 2, 200, b"12345")


def test_early_answer_does_not_excuse_wrong_content() -> None:
    """A 405 is out when the content turns out to be too long."""
    peer = prepared()
    fields = request_fields(b"/early", b"POST", (b"content-length", b"5"))
    peer.send(peer.headers(IDLE, fields, end_stream=False))
    peer.data(IDLE, b"123456")
    reply = peer.streams[IDLE].reply
    peer.pull()
    assert (reply.status, reply.reset) == (405, ErrorCode.PROTOCOL_ERROR)


# ---------------------------------------------------------------------- our windows (6.9)


def test_content_and_the_connections_window() -> None:
    """ "the sender MUST NOT send a flow-controlled frame with a length that exceeds the space
    available in either of the flow-control windows"."""
    # The server returns credit as it takes content, so this window cannot be exceeded; what it says
    # that there is room for is right all the same.
    settings = LocalSettings(initial_window_size=2**20)
    peer = Peer(Mirror(settings=settings, alone=True))
    peer.request(1, b"/echo", b"POST", end_stream=False)
    peer.send(*[Data(stream_id=1, data=b"x" * 16_384)] * 6)
    window = peer.mirror.connection.requests.content.window
    assert window.left + window.credit == 65_535
    assert 65_535 + peer.credit(0) - 6 * 16_384 == window.left


def test_content_beyond_the_streams_window() -> None:
    peer = Peer(Mirror(settings=LocalSettings(initial_window_size=100)))
    peer.request(1, b"/echo", b"POST", end_stream=False)
    peer.data(1, b"x" * 101)
    peer.expect_reset(1, ErrorCode.FLOW_CONTROL_ERROR)
    peer.expect_serves(3)


def test_padding_beyond_the_streams_window() -> None:
    peer = Peer(Mirror(settings=LocalSettings(initial_window_size=100)))
    peer.request(1, b"/echo", b"POST", end_stream=False)
    peer.send(octets(r.DATA, 8, 1, b"\x60" + b"x" * 4 + bytes(96)))
    peer.expect_reset(1, ErrorCode.FLOW_CONTROL_ERROR)
    peer.expect_serves(3)


@pytest.mark.parametrize("reason", ["malformed", "half-closed", "answered"])
def test_credit_is_returned_whatever_becomes_of_content(reason: str) -> None:
    """DATA that nobody wants counts, and must not wear the connection's window out (6.9)."""
    peer = prepared()
    stream_id = IDLE
    if reason == "malformed":
        peer.send(peer.headers(IDLE, request_fields(b"/", b"GET", (b"te", b"x")), end_stream=False))
        peer.expect_reset(IDLE, ErrorCode.PROTOCOL_ERROR)
    elif reason == "half-closed":
        stream_id = BLOCKED
        peer.data(BLOCKED, b"x")
        peer.expect_reset(BLOCKED, ErrorCode.STREAM_CLOSED)
    else:
        peer.request(IDLE, b"/early", b"POST", end_stream=False)
        peer.update(IDLE, 10)
        peer.pull()
        assert peer.streams[IDLE].over
    for _ in range(20):
        peer.data(stream_id, b"x" * 4_096)
        assert peer.mirror.connection.problem is None
    assert peer.credit(0) >= 20 * 4_096 - 32_768


def test_a_long_upload_gets_its_windows_back() -> None:
    """A client that keeps to both windows can send any amount."""
    peer = Peer()
    peer.request(1, b"/echo", b"POST", end_stream=False)
    sent = 0
    while sent < 81_920:
        for stream_id in (0, 1):
            room = 65_535 + peer.credit(stream_id) - sent
            assert room >= 16_384
        peer.data(1, b"x" * 16_384)
        peer.pull()
        sent += 16_384
    peer.data(1, b"", end_stream=True)
    peer.expect_response(1, 200, b"x" * 81_920)


@pytest.mark.parametrize("window", [1, 2, 100])
def test_small_windows_of_ours(window: int) -> None:
    peer = Peer(Mirror(settings=LocalSettings(initial_window_size=window)))
    peer.request(1, b"/echo", b"POST", end_stream=False)
    for position in range(300):
        assert window + peer.credit(1) - position >= 1
        peer.data(1, bytes((position % 256,)))
        peer.pull()
    peer.data(1, b"", end_stream=True)
    assert len(peer.expect_response(1).body) == 300
