"""A small HTTP/2 client for measurements: one connection, one request at a time, blocking.

Assumes a server that answers correctly; it is no test of one.  Raises ``OSError`` when the
connection ends.
"""

from __future__ import annotations

import socket
import ssl

from h2static import h2

#: Seconds that a server gets for any answer.
PATIENCE = 10.0


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
        self._scheme = b"https" if tls else b"http"
        self._authority = b"127.0.0.1:%d" % port
        self._connection = h2.Connection(h2.CLIENT)
        self._send()

    def get(self, path: str) -> tuple[int, bytes]:
        """Status and content of ``path``."""
        connection = self._connection
        fields = ((b"user-agent", b"h2static-footprint"), (b"accept", b"*/*"))
        request = h2.Request(
            method=b"GET",
            scheme=self._scheme,
            authority=self._authority,
            path=path.encode(),
            fields=fields,
        )
        stream_id = connection.request(request)
        status, content = 0, bytearray()
        while True:
            self._send()
            data = self._socket.recv(65_536)
            if not data:
                raise ConnectionError("the server closed the connection")
            for event in connection.receive(data):
                match event:
                    case h2.ResponseReceived():
                        status = event.status
                    case h2.DataReceived():
                        content += event.data
                        connection.acknowledge(stream_id)
                    case h2.MessageEnded():
                        self._send()
                        return status, bytes(content)
                    case h2.StreamEnded():
                        raise ConnectionError(f"the server ended the stream: {event.reason}")
                    case h2.ConnectionEnded():
                        raise ConnectionError(f"the connection ended: {event.problem}")

    def close(self) -> None:
        self._socket.close()

    def _send(self) -> None:
        while octets := self._connection.octets_to_send():
            self._socket.sendall(octets)
