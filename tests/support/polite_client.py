"""An HTTP/2 client that honours GOAWAY: it finishes what the last stream id accepts and opens the
rest on a new connection.

Promise: :class:`PoliteClient` sends GET requests over one connection at a time, several at once,
and counts what was answered, what was moved to another connection and what was lost.  A request is
lost when the server has accepted it (its id is not above the last GOAWAY's) and does not answer it
whole.

Strategy: blocking sockets, one thread for each client, and :mod:`h2static.h2` in the role of a
client: what may be sent again is what it says may be.
"""

from __future__ import annotations

import socket
import ssl
import threading
from dataclasses import dataclass, field

from h2static import h2
from tests.support.processes import DEADLINE


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
        source: str | None = None,
    ) -> None:
        """``requests``: how many to make in all; ``None``: until :meth:`stop`.

        ``source``: the address to come from; ``None``: any.
        """
        self._port = port
        self._source = None if source is None else (source, 0)
        self._tls = tls
        self._concurrency = concurrency
        self._left = requests
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._request = h2.Request(
            method=b"GET",
            scheme=b"http" if tls is None else b"https",
            authority=b"127.0.0.1:%d" % port,
            path=path.encode(),
            fields=(),
        )
        self.tally = Tally()

    def first_request(self) -> bytes:
        """The frame that asks for the path on the first stream of a connection."""
        connection = h2.Connection(h2.CLIENT)
        connection.octets_to_send()
        connection.request(self._request)
        return connection.octets_to_send()

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
        self.moved = 0
        self.asked = False
        self.open: set[int] = set()
        self.connection = h2.Connection(
            h2.CLIENT, settings=h2.LocalSettings(initial_window_size=2**31 - 1)
        )

    def run(self) -> int:
        """Ask until the connection ends.  Returns how many requests have to be made again."""
        tally = self.client.tally
        address = ("127.0.0.1", self.client._port)
        try:
            sock: socket.socket = socket.create_connection(address, DEADLINE, self.client._source)
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
            tally.refused += not self.asked
        tally.lost += len(self.open)
        return self.moved + self.again

    def _talk(self, sock: socket.socket) -> None:
        connection = self.connection
        while True:
            self._ask()
            while octets := connection.octets_to_send():
                sock.sendall(octets)
            if not self.open and (connection.closed or not self._may_ask() or self._is_left()):
                return
            data = sock.recv(65_536)
            if not data:
                if self.open:
                    self.client.tally.problems.append(f"end with {len(self.open)} open")
                return
            for event in connection.receive(data):
                self._take(event)

    def _is_left(self) -> bool:
        """Whether the server takes nothing more on this connection."""
        return self.asked and not self.connection.room_for_requests

    def _may_ask(self) -> bool:
        return self.again > 0 or self.client._wants_more()

    def _ask(self) -> None:
        connection = self.connection
        while (
            connection.room_for_requests
            and len(self.open) < self.client._concurrency
            and self._may_ask()
        ):
            if self.again:
                self.again -= 1
            elif self.client._left is not None:
                self.client._left -= 1
            self.open.add(connection.request(self.client._request))
            self.asked = True

    def _take(self, event: h2.Event) -> None:
        tally = self.client.tally
        match event:
            case h2.ResponseReceived():
                tally.statuses.add(str(event.status))
            case h2.DataReceived():
                self.connection.acknowledge(event.stream_id)
            case h2.MessageEnded():
                self.open.remove(event.stream_id)
                tally.answered += 1
            case h2.StreamEnded(may_retry=True):
                self.open.remove(event.stream_id)
                self.moved += 1
            case h2.StreamEnded():
                tally.problems.append(f"stream {event.stream_id}: {event.reason}")
            case h2.ConnectionEnded(problem=str(problem)):
                tally.problems.append(problem)


def ask_once(port: int) -> None:
    """Fail unless a new client gets its answer."""
    client = PoliteClient(port, "/", requests=1)
    client.start()
    assert client.join().answered == 1
