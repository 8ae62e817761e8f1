"""permessage-deflate: RFC 7692, and the limits of what may come of little."""

from __future__ import annotations

import zlib

import pytest

from h2static.websocket.connection import Connection, Message
from h2static.websocket.deflate import negotiate
from h2static.websocket.limits import WebSocketLimits
from tests.support.websocket_frames import BINARY, CONT, TEXT, Frame, closed, frame, read_frames

LIMITS = WebSocketLimits(message=100_000)
_TAIL = b"\x00\x00\xff\xff"


class Client:
    """The client's end of the extension."""

    def __init__(self, *, bits: int = 15) -> None:
        self._compressor = zlib.compressobj(wbits=-bits)
        self._decompressor = zlib.decompressobj(wbits=-15)

    def deflate(self, data: bytes) -> bytes:
        octets = self._compressor.compress(data) + self._compressor.flush(zlib.Z_SYNC_FLUSH)
        assert octets.endswith(_TAIL)
        return octets[:-4]

    def inflate(self, data: bytes) -> bytes:
        return self._decompressor.decompress(data + _TAIL)


def agreed(offer: str = "permessage-deflate", limits: WebSocketLimits = LIMITS) -> Connection:
    """A connection that uses the extension."""
    extension, granted = negotiate(offer, limits.deflate_from)
    assert extension is not None, granted
    return Connection(extension, limits)


# ---------------------------------------------------------------------- whether

GRANTED = {
    "permessage-deflate": "permessage-deflate; server_max_window_bits=12",
    "permessage-deflate; client_max_window_bits": (
        "permessage-deflate; server_max_window_bits=12; client_max_window_bits=12"
    ),
    "permessage-deflate; client_max_window_bits=10": (
        "permessage-deflate; server_max_window_bits=12; client_max_window_bits=10"
    ),
    "permessage-deflate; server_no_context_takeover; client_no_context_takeover": (
        "permessage-deflate; server_no_context_takeover; client_no_context_takeover; "
        "server_max_window_bits=12"
    ),
    "permessage-deflate; server_max_window_bits=9": (
        "permessage-deflate; server_max_window_bits=9"
    ),
    # A client's order is its preference; what is not known, or makes no sense, is passed over.
    "x-webkit-deflate-frame, permessage-deflate": "permessage-deflate; server_max_window_bits=12",
    "permessage-deflate; unknown, permessage-deflate": (
        "permessage-deflate; server_max_window_bits=12"
    ),
    "permessage-deflate; server_max_window_bits=8, permessage-deflate": (
        "permessage-deflate; server_max_window_bits=12"
    ),
}


@pytest.mark.parametrize(("offer", "granted"), GRANTED.items())
def test_granted(offer: str, granted: str) -> None:
    extension, value = negotiate(offer, 256)
    assert extension is not None
    assert value == granted


@pytest.mark.parametrize(
    "offer",
    [
        "",
        "x-other",
        "permessage-deflate; unknown",
        "permessage-deflate; server_max_window_bits=7",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; client_max_window_bits=16",
        "permessage-deflate; server_no_context_takeover=1",
        "permessage-deflate; server_no_context_takeover; server_no_context_takeover",
        'permessage-deflate; server_max_window_bits="8',
        "permessage-deflate;;",
        ", ,",
        "\xff",
        "permessage-deflate; unknown," * 1_000,
    ],
)
def test_declined(offer: str) -> None:
    """A client that asks in a way that cannot be had gets a WebSocket without the extension."""
    assert negotiate(offer, 256) == (None, "")


# ---------------------------------------------------------------------- messages


@pytest.mark.parametrize("step", [1, 7, 1 << 20])
@pytest.mark.parametrize(
    "offer",
    [
        "permessage-deflate",
        "permessage-deflate; server_no_context_takeover",
        "permessage-deflate; client_max_window_bits",
    ],
)
def test_messages_there_and_back(offer: str, step: int) -> None:
    connection = agreed(offer)
    client = Client(bits=12)
    messages: list[Message] = ["ä" * 1_000, b"b" * 5_000, "ä" * 1_000, b"", "", b"c" * 70_000]
    octets = b""
    for message in messages:
        data = message.encode() if isinstance(message, str) else message
        opcode = TEXT if isinstance(message, str) else BINARY
        octets += frame(opcode, client.deflate(data), rsv=4)
    received: list[Message] = []
    for start in range(0, len(octets), step):
        received += connection.receive(octets[start : start + step])
    assert received == messages
    for message in messages:
        connection.send(message)
        data = message.encode() if isinstance(message, str) else message
        (sent,) = read_frames(b"".join(connection.output))
        connection.output.clear()
        assert sent.rsv1 == (len(data) >= 256)
        if sent.rsv1:
            assert len(sent.data) < len(data) / 10
            assert client.inflate(sent.data) == data
        else:
            assert sent.data == data


def test_small_messages_go_as_they_are() -> None:
    connection = agreed()
    for message in (b"x" * 255, "y" * 255):
        connection.send(message)
    first, second = read_frames(b"".join(connection.output))
    assert first == Frame(BINARY, b"x" * 255)
    assert second == Frame(TEXT, b"y" * 255)


def test_fragments_of_a_compressed_message() -> None:
    connection = agreed()
    data = Client().deflate("ä".encode() * 1_000)
    octets = frame(TEXT, data[:5], fin=False, rsv=4) + frame(CONT, data[5:8], fin=False)
    assert connection.receive(octets) == []
    assert connection.receive(frame(CONT, data[8:])) == ["ä" * 1_000]


def test_compressed_and_plain_messages_beside_each_other() -> None:
    """RFC 7692 section 6: the sender decides for each message."""
    connection = agreed()
    client = Client()
    octets = (
        frame(TEXT, b"plain")
        + frame(TEXT, client.deflate(b"compressed"), rsv=4)
        + frame(TEXT, b"plain again")
    )
    assert connection.receive(octets) == ["plain", "compressed", "plain again"]


def test_control_frames_are_never_compressed() -> None:
    connection = agreed()
    connection.ping()
    connection.close(1000, "x" * 100)
    assert [one.rsv1 for one in read_frames(b"".join(connection.output))] == [False, False]


# ---------------------------------------------------------------------- what is wrong


@pytest.mark.parametrize(
    "octets",
    [
        frame(TEXT, b"\xff\xff\xff", rsv=4),
        frame(TEXT, b"Hello", rsv=2),
        frame(TEXT, Client().deflate(b"x"), rsv=4, fin=False) + frame(CONT, b"", rsv=4),
        frame(0x9, b"", rsv=4),
    ],
)
def test_protocol_errors(octets: bytes) -> None:
    connection = agreed()
    assert connection.receive(octets) == []
    assert connection.closed is not None
    assert connection.closed.code == 1002


def test_text_that_is_none_when_it_is_inflated() -> None:
    connection = agreed()
    assert connection.receive(frame(TEXT, Client().deflate(b"\xff\xfe"), rsv=4)) == []
    assert read_frames(b"".join(connection.output)) == [closed(1007, "text is not UTF-8")]


@pytest.mark.parametrize("in_fragments", [False, True])
def test_a_bomb(in_fragments: bool) -> None:
    """The limit counts what comes of a message, and nothing above it is inflated."""
    connection = agreed()
    data = Client().deflate(bytes(50_000_000))
    assert len(data) < 100_000
    if in_fragments:
        half = len(data) // 2
        octets = frame(BINARY, data[:half], fin=False, rsv=4) + frame(CONT, data[half:])
    else:
        octets = frame(BINARY, data, rsv=4)
    assert connection.receive(octets) == []
    assert connection.closed is not None
    assert connection.closed.code == 1009
    assert connection.over
