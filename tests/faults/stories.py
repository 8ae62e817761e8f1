"""What clients do while something fails."""

from __future__ import annotations

import contextlib
import socket

from tests.faults.rows import Story
from tests.faults.world import ENDED, Answer, Protocol, Visitor, Way, World
from tests.support.processes import DEADLINE


def arrive(path: str, protocol: Protocol = "h2", way: Way = "cleartext") -> Story:
    """A new client asks."""

    def story(world: World, client: Visitor) -> Answer:
        visitor = world.visit(protocol, way)
        answer = visitor.ask(path)
        visitor.close()
        return answer

    return story


def ask(path: str, method: str = "GET", content: bytes = b"") -> Story:
    """The client that is there asks."""
    return lambda world, client: client.ask(path, method, content)


def leave(world: World, client: Visitor) -> Answer:
    """A client asks for the last time: the server closes."""
    with socket.create_connection(("127.0.0.1", world.port), DEADLINE) as sock:
        return _last_answer(world, sock)


def leave_tls(world: World, client: Visitor) -> Answer:
    """The same over TLS."""
    context = world.certificate.client_context("http/1.1")
    with (
        socket.create_connection(("127.0.0.1", world.tls_port), DEADLINE) as sock,
        context.wrap_socket(sock, server_hostname="127.0.0.1") as tls,
    ):
        return _last_answer(world, tls)


def _last_answer(world: World, sock: socket.socket) -> Answer:
    received = b""
    sock.sendall(b"GET /small.txt HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    with contextlib.suppress(ConnectionError):
        while data := sock.recv(65_536):
            received += data
    sock.close()
    world.wait_for_rest(2)
    head, separator, content = received.partition(b"\r\n\r\n")
    return Answer(int(head.split()[1]), content, whole=True) if separator else ENDED


def read_late(world: World, client: Visitor) -> Answer:
    """The client that is there reads only when the server has nothing more that it could write."""
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
    reply = client.begin("/large.bin")
    world.wait_for_a_full_socket()
    return client.finish(reply)
