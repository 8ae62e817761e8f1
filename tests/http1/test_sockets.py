"""The engine on real sockets, with limits that the test sets: slow clients are cut off in time."""

from __future__ import annotations

import selectors
import socket
import time

from h2static.http1.connection import ServerConnection
from h2static.http1.limits import Limits
from tests.http1.applications import TableApplication
from tests.http1.harness import GET, make_client, make_shared
from tests.http1.reading import read_reply

#: Seconds that a client has for a header section here.
HEADER_SECONDS = 0.2
#: Nothing here takes as long.
PATIENCE = 30.0


class Loop:
    """Serves connected sockets: a driver of a few lines."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._shared = make_shared()
        self._application = TableApplication()
        self._selector = selectors.DefaultSelector()
        self.open: dict[socket.socket, ServerConnection] = {}

    def connect(self) -> socket.socket:
        """The client's end of a new connection."""
        client, server = socket.socketpair()
        client.settimeout(PATIENCE)
        server.setblocking(False)
        self.open[server] = ServerConnection(
            self._application, make_client(), self._shared, time.monotonic(), limits=self._limits
        )
        self._selector.register(server, selectors.EVENT_READ)
        return client

    def turn(self) -> None:
        """Read what has come, look at deadlines, write what there is."""
        now = time.monotonic()
        deadlines = [connection.deadline() for connection in self.open.values()]
        first = min(deadline for deadline in deadlines if deadline is not None)
        # A client that has asked in time may be idle for PATIENCE: longer than a test should wait.
        ready = self._selector.select(min(max(0.0, first - now), HEADER_SECONDS))
        now = time.monotonic()
        for key, _ in ready:
            assert isinstance(key.fileobj, socket.socket)
            self.open[key.fileobj].receive(key.fileobj.recv(65_536), now)
        for sock, connection in list(self.open.items()):
            connection.check(now)
            octets = b"".join(connection.pending())
            if octets:
                assert sock.send(octets) == len(octets)
                connection.sent(len(octets), now)
            if connection.closing:
                self.close(sock)

    def close(self, sock: socket.socket) -> None:
        """The connection is over."""
        self.open.pop(sock).abandon()
        self._selector.unregister(sock)
        sock.close()

    def end(self) -> None:
        """Everything is over."""
        for sock in list(self.open):
            self.close(sock)
        self._selector.close()


def test_slow_heads_hold_nobody_up_and_are_cut_off() -> None:
    loop = Loop(Limits(header_seconds=HEADER_SECONDS, idle_seconds=PATIENCE))
    clients = [loop.connect() for _ in range(100)]
    honest, *slow = clients
    try:
        for client in slow:
            client.sendall(b"GET / HTTP/1.1\r\nX: ")
        honest.sendall(GET)
        loop.turn()
        loop.turn()
        reply, _ = read_reply(honest.recv(65_536), b"GET", closed=False)
        assert reply.status == 200
        while len(loop.open) > 1:
            loop.turn()
        for client in slow:
            reply, _ = read_reply(client.recv(65_536), b"GET", closed=True)
            assert (reply.status, reply.fields[b"connection"]) == (408, b"close")
            assert client.recv(1) == b""
        # Who has asked in time is not concerned.
        honest.sendall(GET)
        loop.turn()
        reply, _ = read_reply(honest.recv(65_536), b"GET", closed=False)
        assert reply.status == 200
    finally:
        loop.end()
        for client in clients:
            client.close()
