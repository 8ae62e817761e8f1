"""One WebSocket that sends messages to an echo and counts what comes back; a process of its own.

    python -m benchmarks.websocket_load PORT VERSION SIZE WINDOW COUNT

VERSION is 1.1 or 2.  ``WINDOW`` messages of ``SIZE`` octets are on their way at a time, until
``COUNT`` have come back.  Frames are made once and replies are counted by their octets: the client
is not what is measured, and costs little.  Raises ``OSError`` or ``AssertionError`` otherwise.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections.abc import Callable
from typing import Final

from h2static import h2
from h2static.http.messages import Request
from h2static.http2.settings import LocalSettings

#: Octets that the server may have on its way: more than any window of messages.
_CREDIT: Final = 2**24
_KEY: Final = b"dGhlIHNhbXBsZSBub25jZQ=="
_HANDSHAKE: Final = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: %s\r\nSec-WebSocket-Version: 13\r\n\r\n" % _KEY
)


def message(size: int) -> bytes:
    """A masked binary frame of zeros; a mask of zeros is one like any other."""
    if size < 126:
        head = bytes((0x82, 0x80 | size))
    elif size < 65_536:
        head = struct.pack("!BBH", 0x82, 0xFE, size)
    else:
        head = struct.pack("!BBQ", 0x82, 0xFF, size)
    return head + bytes(4 + size)


def run(
    size: int, window: int, count: int, send: Callable[[bytes], None], receive: Callable[[], int]
) -> None:
    """Keep ``window`` messages on their way until ``count`` have come back."""
    frame = message(size)
    reply = len(frame) - 4
    sent, octets = window, 0
    send(frame * window)
    while octets < count * reply:
        octets += receive()
        due = min(count, octets // reply + window)
        if due > sent:
            send(frame * (due - sent))
            sent = due


def over_http1(port: int, size: int, window: int, count: int) -> None:
    """RFC 6455."""
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.sendall(_HANDSHAKE)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            octet = sock.recv(1)
            assert octet, "no answer to the handshake"
            head += octet
        assert b" 101 " in head.splitlines()[0], head
        buffer = bytearray(1_048_576)

        def receive() -> int:
            octets = sock.recv_into(buffer)
            assert octets, "the server closed the connection"
            return octets

        run(size, window, count, sock.sendall, receive)


def over_http2(port: int, size: int, window: int, count: int) -> None:
    """RFC 8441."""
    settings = LocalSettings(initial_window_size=_CREDIT, connection_window_size=_CREDIT)
    connection = h2.Connection(h2.CLIENT, settings=settings)
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

        def flush() -> None:
            while octets := connection.octets_to_send():
                sock.sendall(octets)

        def receive() -> int:
            data = sock.recv(1_048_576)
            assert data, "the server closed the connection"
            octets = 0
            for event in connection.receive(data):
                if isinstance(event, h2.DataReceived):
                    octets += len(event.data)
                    connection.acknowledge(event.stream_id)
                elif isinstance(event, h2.ResponseReceived):
                    assert event.status == 200, event
                elif isinstance(event, h2.StreamEnded | h2.ConnectionEnded):
                    raise AssertionError(event)
            flush()
            return octets

        def send(data: bytes) -> None:
            connection.send(stream_id, data)
            flush()

        flush()
        receive()
        fields = ((b"sec-websocket-version", b"13"),)
        stream_id = connection.request(
            Request(
                method=b"CONNECT",
                scheme=b"http",
                authority=b"localhost",
                path=b"/ws",
                fields=fields,
                protocol=b"websocket",
            ),
            more=True,
        )
        run(size, window, count, send, receive)


def main() -> None:
    """Run one load."""
    port, version, size, window, count = sys.argv[1:]
    over = over_http2 if version == "2" else over_http1
    over(int(port), int(size), int(window), int(count))


if __name__ == "__main__":
    main()
