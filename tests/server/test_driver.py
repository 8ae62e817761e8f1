"""``h2static.server.driver``: what comes back from threads, hang-ups, TLS that has to write."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import hpack

from h2static.config import LogFormat
from h2static.http.messages import Answer, BodyReader, Request, Response
from h2static.http2 import registry as r
from h2static.http2.frames import Headers, Ping, Settings, unpack_header
from h2static.logs.access import AccessLog
from h2static.server.link import Link
from h2static.server.poller import WRITABLE
from tests.support.applications import TableApplication, text_response
from tests.support.peer import Peer, request_fields
from tests.support.processes import DEADLINE, wait_until
from tests.support.serving import Serving, serving
from tests.support.transports import Wire


def request(path: bytes) -> bytes:
    """A client's preface and one request."""
    block = hpack.Encoder().encode(list(request_fields(path, b"GET")))
    flags = r.END_HEADERS | r.END_STREAM
    headers = Headers(stream_id=1, flags=flags, fragment=block)
    return r.PREFACE + Settings().serialize() + headers.serialize()


@contextlib.contextmanager
def client(server: Serving, source: str = "127.0.0.1") -> Iterator[socket.socket]:
    address = ("127.0.0.1", server.port)
    with socket.create_connection(address, DEADLINE, (source, 0)) as sock:
        yield sock


class Gate:
    """An answer that is worked out once its gate is open."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()
        self.left = threading.Event()

    def run(self) -> Response:
        self.entered.set()
        assert self.opened.wait(DEADLINE)
        return text_response(200, b"late")

    def hold(self, request: Request) -> Answer:
        """The same in the driver's own thread."""
        return self.run()


def test_a_late_answer_is_noted_for_the_client_that_asked(tmp_path: Path) -> None:
    """Although another client's request comes at the same time."""
    late, hold = Gate(), Gate()
    application = TableApplication({b"/late": lambda request: late, b"/hold": hold.hold})
    log = AccessLog(str(tmp_path / "access"), LogFormat.JSON)
    with (
        serving(application, access_log=log) as server,
        client(server, "127.0.0.2") as first,
        client(server, "127.0.0.3") as second,
        client(server, "127.0.0.4") as third,
    ):
        first.sendall(request(b"/late"))
        assert late.entered.wait(DEADLINE)
        server.in_thread(lambda: None)
        third.sendall(r.PREFACE)
        second.sendall(request(b"/hold"))
        assert hold.entered.wait(DEADLINE)
        # The driver's thread stands still: what happens now, it finds all at once.
        third.sendall(request(b"/third")[len(r.PREFACE) :])
        late.opened.set()
        wait_until(lambda: len(server.pool._posted) > 0, "the late answer")
        hold.opened.set()
        wait_until(
            lambda: (tmp_path / "access").read_text().count("\n") == 3, "three lines of the log"
        )
    log.close()
    lines = [json.loads(line) for line in (tmp_path / "access").read_text().splitlines()]
    assert {(line["path"], line["peer"]) for line in lines} == {
        ("/late", "127.0.0.2"),
        ("/hold", "127.0.0.3"),
        ("/third", "127.0.0.4"),
    }


class Failure(Exception):
    """What no reader is expected to raise."""


class FailingBody:
    """Cannot be opened."""

    length: int | None = 5

    def open(self) -> BodyReader:
        raise Failure("not to be opened")


def test_a_late_answer_that_fails_ends_its_connection_only() -> None:
    gate = Gate()
    gate.opened.set()
    answer = Response(status=200, fields=(), body=FailingBody())
    gate.run = lambda: answer  # type: ignore[method-assign]  # this one fails later
    with serving(TableApplication({b"/late": lambda request: gate})) as server:
        other = Peer(Wire(server.port))
        with client(server) as sock:
            sock.sendall(request(b"/late"))
            server.wait_for_error("Failure: not to be opened (connection closed)")
            server.wait_for_rest(1)
        other.request(1, b"/")
        other.expect_response(1, 200)
        other.transport.close()  # type: ignore[attr-defined]  # a Wire


def test_a_hang_up_ends_a_stream_without_events(tmp_path: Path) -> None:
    """On a Unix socket the poller tells of it for ever, whatever it is asked for."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket"))
    listener.listen()
    with serving() as server:
        server.in_thread(lambda: server.driver.add_listener(listener, tls=None))
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(DEADLINE)
            sock.connect(str(tmp_path / "socket"))
            sock.sendall(request(b"/silent"))
            # Nothing is left unread, which would be a reset instead of a hang-up.
            frame_type = r.SETTINGS
            while frame_type != r.HEADERS:
                length_type, _, _ = unpack_header(sock.recv(9, socket.MSG_WAITALL), 0)
                frame_type = length_type & 0xFF
                if length_type >> 8:
                    sock.recv(length_type >> 8, socket.MSG_WAITALL)
        server.wait_for_rest()


class _FullTls:
    """Stands for TLS that has to write before its first read."""

    def __init__(self, link: Link, sock: socket.socket) -> None:
        self.link = link
        self.sock = sock
        self.reads = 0
        self.events: list[int] = []

    def recv(self, size: int) -> bytes:
        self.reads += 1
        if self.reads == 1:
            raise ssl.SSLWantWriteError
        self.events.append(self.link.events)
        return self.sock.recv(size)

    def send(self, octets: bytes) -> int:
        return self.sock.send(octets)

    def pending(self) -> int:
        return 0

    def unwrap(self) -> None:
        """There is nothing to take off."""

    def shutdown(self, how: int) -> None:
        self.sock.shutdown(how)


def test_reading_that_has_to_write_waits_for_room_to_write() -> None:
    """And for nothing else: what is readable cannot be read, so that would be a busy loop."""
    with serving() as server:
        wire = Wire(server.port)
        peer = Peer(wire)
        (link,) = server.driver._links.values()
        full = _FullTls(link, link.socket)

        def cover() -> None:
            link.tls = cast("ssl.SSLSocket", full)

        server.in_thread(cover)
        peer.send(Ping(opaque=b"are you?"))
        peer.expect(Ping(flags=r.ACK, opaque=b"are you?"))
        assert full.events == [WRITABLE]
        peer.expect_alive()
        wire.close()
        server.wait_for_rest()
