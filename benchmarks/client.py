"""A small HTTP/2 client for measurements: one connection, one request at a time, blocking.

Assumes a server that answers correctly; it is no test of one.  Raises ``OSError`` when the
connection ends.
"""

from __future__ import annotations

import socket
import ssl

from hpack import Decoder, Encoder

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, ACK, END_HEADERS = 0x1, 0x1, 0x4

#: Seconds that a server gets for any answer.
PATIENCE = 10.0


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    """A frame (RFC 9113 section 4.1)."""
    head = len(payload).to_bytes(3, "big") + bytes((kind, flags)) + stream.to_bytes(4, "big")
    return head + payload


class Client:
    """One connection, opened at once."""

    def __init__(self, port: int, *, tls: bool) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            context.set_alpn_protocols(["h2"])
            self._socket = context.wrap_socket(self._socket)
        self._scheme = "https" if tls else "http"
        self._authority = f"127.0.0.1:{port}"
        self._encoder, self._decoder = Encoder(), Decoder()
        self._next_stream = 1
        self._input = bytearray()
        # A window that no measurement exhausts.
        window = (2**31 - 1 - 65535).to_bytes(4, "big")
        self._socket.sendall(PREFACE + frame(SETTINGS, 0, 0) + frame(WINDOW_UPDATE, 0, 0, window))

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and content of ``path``."""
        stream = self._next_stream
        self._next_stream += 2
        block = self._encoder.encode(
            [
                (":method", "GET"),
                (":scheme", self._scheme),
                (":authority", self._authority),
                (":path", path),
                ("user-agent", "h2static-footprint"),
                ("accept", "*/*"),
            ]
        )
        self._socket.sendall(frame(HEADERS, END_STREAM | END_HEADERS, stream, block))
        status, content = 0, bytearray()
        while True:
            kind, flags, payload = self._read_frame()
            if kind == HEADERS:
                fields = {str(name): value for name, value in self._decoder.decode(payload)}
                status = int(fields.get(":status", status))
            elif kind == DATA:
                content += payload
            elif kind in (SETTINGS, PING) and not flags & ACK:
                self._socket.sendall(frame(kind, ACK, 0, payload if kind == PING else b""))
            elif kind in (RST_STREAM, GOAWAY):
                raise ConnectionError(f"the server ended the stream or connection: {payload!r}")
            if kind in (HEADERS, DATA) and flags & END_STREAM:
                return status, bytes(content)

    def close(self) -> None:
        self._socket.close()

    def _read_frame(self) -> tuple[int, int, bytes]:
        head = self._read(9)
        return head[3], head[4], self._read(int.from_bytes(head[:3], "big"))

    def _read(self, size: int) -> bytes:
        while len(self._input) < size:
            data = self._socket.recv(65536)
            if not data:
                raise ConnectionError("the server closed the connection")
            self._input += data
        data = bytes(self._input[:size])
        del self._input[:size]
        return data
