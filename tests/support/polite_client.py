"""An HTTP/2 client that honours GOAWAY: it finishes what the last stream id accepts and opens the
rest on a new connection.

Promise: :class:`PoliteClient` sends GET requests over one connection at a time, several at once,
and counts what was answered, what was moved to another connection and what was lost.  A request is
lost when the server has accepted it (its id is not above the last GOAWAY's) and does not answer it
whole.

Strategy: blocking sockets, one thread for each client.  Request header blocks have no dynamic table
entries, and responses are decoded only for their ``:status``, so that the client is small.
"""

from __future__ import annotations

import socket
import ssl
import struct
import threading
from collections import deque
from dataclasses import dataclass, field

import hpack

from tests.support.processes import DEADLINE

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _ACK, _END_HEADERS = 0x1, 0x1, 0x4
_WINDOW = 2**31 - 1 - 65535


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """A frame in octets."""
    return (
        struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream_id) + payload
    )


@dataclass(slots=True, kw_only=True)
class Tally:
    """What became of the requests."""

    answered: int = 0
    #: Sent again on another connection, because a GOAWAY said that they were not accepted.
    moved: int = 0
    #: Accepted and not answered.
    lost: int = 0
    #: Connects that the server refused.
    refused: int = 0
    connections: int = 0
    statuses: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)


class PoliteClient:
    """Asks for one path again and again until told to stop."""

    def __init__(
        self,
        port: int,
        path: str,
        *,
        concurrency: int = 8,
        requests: int | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """``requests``: how many to make in all; ``None``: until :meth:`stop`."""
        self._port = port
        self._tls = tls
        self._concurrency = concurrency
        self._left = requests
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._block = hpack.Encoder().encode(
            [
                hpack.NeverIndexedHeaderTuple(":method", "GET"),
                hpack.NeverIndexedHeaderTuple(":scheme", "http" if tls is None else "https"),
                hpack.NeverIndexedHeaderTuple(":path", path),
                hpack.NeverIndexedHeaderTuple(":authority", f"127.0.0.1:{port}"),
            ]
        )
        self.tally = Tally()

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self, seconds: float = DEADLINE) -> Tally:
        """Ask for nothing more, wait for what is under way, and tell what happened."""
        self._stopping.set()
        return self.join(seconds)

    def join(self, seconds: float = DEADLINE) -> Tally:
        """Wait until all requests are made and tell what happened."""
        self._thread.join(seconds)
        assert not self._thread.is_alive(), f"the client did not finish: {self.tally}"
        return self.tally

    def _wants_more(self) -> bool:
        return not self._stopping.is_set() and (self._left is None or self._left > 0)

    def _run(self) -> None:
        again = 0
        # A refused connect ends it: where the server is gone, trying again would never end.
        while (again or self._wants_more()) and not self.tally.refused:
            connection = _Connection(self, again)
            again = connection.run()
            self.tally.moved += again


class _Connection:
    """One connection of a client."""

    def __init__(self, client: PoliteClient, again: int) -> None:
        self.client = client
        self.again = again
        self.next_id = 1
        self.open: dict[int, int] = {}
        self.last_id: int | None = None
        self.decoder = hpack.Decoder()
        self.out: deque[bytes] = deque()

    def run(self) -> int:
        """Ask until the connection ends.  Returns how many requests have to be made again."""
        tally = self.client.tally
        address = ("127.0.0.1", self.client._port)
        try:
            sock: socket.socket = socket.create_connection(address, DEADLINE)
        except OSError as error:
            tally.refused += 1
            tally.problems.append(f"connect: {error}")
            return 0
        tally.connections += 1
        try:
            if self.client._tls is not None:
                sock = self.client._tls.wrap_socket(sock, server_hostname="127.0.0.1")
            with sock:
                self._talk(sock)
        except OSError as error:
            tally.problems.append(f"connection: {error!r}, open {len(self.open)}")
            # What never became a connection is no reason to try again for ever.
            tally.refused += not self.next_id > 1
        accepted = [i for i in self.open if self.last_id is None or i <= self.last_id]
        tally.lost += len(accepted)
        return len(self.open) - len(accepted) + self.again

    def _talk(self, sock: socket.socket) -> None:
        sock.sendall(
            _PREFACE
            + frame(_SETTINGS, 0, 0, struct.pack(">HI", 4, 2**31 - 1))
            + frame(_WINDOW_UPDATE, 0, 0, struct.pack(">I", _WINDOW))
        )
        buffer = b""
        while True:
            self._ask()
            if self.out:
                sock.sendall(b"".join(self.out))
                self.out.clear()
            waiting = [i for i in self.open if self.last_id is None or i <= self.last_id]
            if not waiting and (self.last_id is not None or not self._may_ask()):
                return
            data = sock.recv(65536)
            if not data:
                self.client.tally.problems.append(f"end with {len(waiting)} open")
                return
            buffer += data
            while len(buffer) >= 9 and len(buffer) >= 9 + int.from_bytes(buffer[:3], "big"):
                end = 9 + int.from_bytes(buffer[:3], "big")
                stream_id = int.from_bytes(buffer[5:9], "big") & 0x7FFFFFFF
                self._take(buffer[3], buffer[4], stream_id, buffer[9:end])
                buffer = buffer[end:]

    def _may_ask(self) -> bool:
        return self.again > 0 or self.client._wants_more()

    def _ask(self) -> None:
        while (
            self.last_id is None and len(self.open) < self.client._concurrency and self._may_ask()
        ):
            if self.again:
                self.again -= 1
            elif self.client._left is not None:
                self.client._left -= 1
            self.open[self.next_id] = 0
            flags = _END_STREAM | _END_HEADERS
            self.out.append(frame(_HEADERS, flags, self.next_id, self.client._block))
            self.next_id += 2

    def _take(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if kind == _HEADERS:
            fields = self.decoder.decode(payload, raw=True)
            self.client.tally.statuses.update(
                value.decode() for name, value in fields if name == b":status"
            )
        elif kind == _DATA and payload:
            self.open[stream_id] += len(payload)
            credit = struct.pack(">I", len(payload))
            self.out.append(frame(_WINDOW_UPDATE, 0, 0, credit))
        elif kind == _SETTINGS and not flags & _ACK:
            self.out.append(frame(_SETTINGS, _ACK, 0))
        elif kind == _PING and not flags & _ACK:
            self.out.append(frame(_PING, _ACK, 0, payload))
        elif kind == _RST_STREAM:
            self.client.tally.problems.append(f"stream {stream_id} reset: {payload.hex()}")
        elif kind == _GOAWAY:
            self.last_id = int.from_bytes(payload[:4], "big")
            if payload[4:8] != b"\0\0\0\0":
                self.client.tally.problems.append(f"GOAWAY {payload[4:8].hex()} {payload[8:]!r}")
        if kind in (_HEADERS, _DATA) and flags & _END_STREAM:
            del self.open[stream_id]
            self.client.tally.answered += 1
