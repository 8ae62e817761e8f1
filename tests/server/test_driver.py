"""``h2static.server.driver``: rounds, what comes back from threads, hang-ups, whose turn it is.

Most of it speaks the fake protocol of :mod:`tests.support.engines`.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import cast

import anyio
import pytest

from h2static.config import LogFormat
from h2static.http.bodies import BodyReader
from h2static.http.exchange import Application
from h2static.http.messages import Response
from h2static.http.pipe import Pipe
from h2static.http.shared import Shared
from h2static.logs.access import AccessLog
from h2static.server.driver import SPIN_SECONDS
from h2static.server.limits import ServerLimits
from h2static.server.link import Link
from h2static.server.poller import WRITABLE
from tests.support.engines import LineEngines, LineExchange, PathApplication, text
from tests.support.processes import DEADLINE, wait_until
from tests.support.serving import Serving, serving


@contextlib.contextmanager
def client(server: Serving, source: str = "127.0.0.1") -> Iterator[socket.socket]:
    address = ("127.0.0.1", server.port)
    with socket.create_connection(address, DEADLINE, (source, 0)) as sock:
        yield sock


def receive(sock: socket.socket, count: int) -> bytes:
    """Exactly ``count`` octets."""
    octets = sock.recv(count, socket.MSG_WAITALL)
    assert len(octets) == count
    return octets


class Gate:
    """A response that is made once its gate is open."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()

    def make(self) -> Response:
        self.entered.set()
        assert self.opened.wait(DEADLINE)
        return text(b"late")

    def work(self, exchange: LineExchange) -> None:
        """In a thread."""
        exchange.work(self.make)

    def hold(self, exchange: LineExchange) -> None:
        """The same in the driver's own thread."""
        exchange.respond(self.make())


def test_each_is_noted_for_the_client_that_asked(tmp_path: Path) -> None:
    """Although one comes back from a thread when another's request comes in."""
    late, hold = Gate(), Gate()
    application = PathApplication({b"/late": late.work, b"/hold": hold.hold})
    log = AccessLog(str(tmp_path / "access"), LogFormat.JSON)
    with (
        serving(application, access_log=log, engines=LineEngines) as server,
        client(server, "127.0.0.2") as first,
        client(server, "127.0.0.3") as second,
        client(server, "127.0.0.4") as third,
    ):
        first.sendall(b"/late\n")
        assert late.entered.wait(DEADLINE)
        server.in_thread(lambda: None)
        second.sendall(b"/hold\n")
        assert hold.entered.wait(DEADLINE)
        # The driver's thread stands still: what happens now, it finds all at once.
        third.sendall(b"/third\n")
        late.opened.set()
        wait_until(lambda: server.pool.posted > 0, "the late response")
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


def test_a_late_response_that_fails_ends_its_connection_only() -> None:
    response = Response(status=200, fields=(), body=FailingBody())
    application = PathApplication({b"/late": lambda exchange: exchange.work(lambda: response)})
    with serving(application, engines=LineEngines) as server, client(server) as other:
        other.sendall(b"/a\n")
        assert receive(other, 7) == b"200 /a\n"
        with client(server) as sock:
            sock.sendall(b"/late\n")
            server.wait_for_error("Failure: not to be opened (connection closed)")
            server.wait_for_rest(1)
        other.sendall(b"/b\n")
        assert receive(other, 7) == b"200 /b\n"


def test_a_hang_up_ends_a_stream_without_events(tmp_path: Path) -> None:
    """On a Unix socket the poller tells of it for ever, whatever it is asked for."""
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(tmp_path / "socket"))
    listener.listen()
    exchanges: list[LineExchange] = []
    application = PathApplication({b"/silent": exchanges.append})
    with serving(application, engines=LineEngines, listener=listener) as server:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(tmp_path / "socket"))
            sock.sendall(b"/silent\n")
            wait_until(lambda: len(exchanges) == 1, "the request")
        server.wait_for_rest()


# ---------------------------------------------------------------------- the loop's own thread


def _put(pipe: Pipe, piece: bytes) -> None:
    assert pipe.receive(piece)


def test_what_happens_in_the_loop_s_thread_needs_no_descriptor() -> None:
    """An exchange and a pipe that are used by another task of the loop, while the driver waits."""
    exchanges: list[LineExchange] = []
    pipe = Pipe()

    def start(exchange: LineExchange) -> None:
        exchanges.append(exchange)
        exchange.respond(Response(status=200, fields=(), body=pipe))

    application = PathApplication({b"/silent": exchanges.append, b"/pipe": start})
    with serving(application, engines=LineEngines) as server, client(server) as sock:
        sock.sendall(b"/silent\n")
        wait_until(lambda: len(exchanges) == 1, "the request")
        server.in_thread(lambda: exchanges[0].respond(text(b"x")))
        assert receive(sock, 6) == b"200 x\n"
        sock.sendall(b"/pipe\n")
        assert receive(sock, 4) == b"200 "
        for piece in (b"one", b"two"):
            server.in_thread(partial(_put, pipe, piece))
            assert receive(sock, 3) == piece
        server.in_thread(pipe.end)
        assert receive(sock, 1) == b"\n"


def test_deadlines_of_milliseconds() -> None:
    with serving(PathApplication(), engines=LineEngines) as server, client(server) as sock:
        sock.sendall(b"/a\n")
        assert receive(sock, 7) == b"200 /a\n"
        sock.sendall(b"wait 0.005\n")
        assert receive(sock, 8) == b"checked\n"


def test_who_says_nothing_is_closed() -> None:
    limits = ServerLimits(opening_seconds=0.05)
    with (
        serving(PathApplication(), engines=LineEngines, server_limits=limits) as server,
        client(server) as sock,
    ):
        assert sock.recv(1) == b""
        server.wait_for_error("no request before the timeout")
        assert server.counters()["limit_hits"] == 1


# ---------------------------------------------------------------------- rounds


def test_a_batch_begins_when_everything_was_read() -> None:
    """And what is processed in it is never older than the batch; nobody is forgotten."""
    hold = Gate()
    engines: list[LineEngines] = []

    def make(application: Application, shared: Shared) -> LineEngines:
        engines.append(LineEngines(application, shared))
        return engines[0]

    batches: list[int] = []

    def note(exchange: LineExchange) -> None:
        batches.append(engines[0].batches)
        exchange.respond(text(b""))

    application = PathApplication({b"/hold": hold.hold, b"/asked": note})
    with serving(application, engines=make) as server, contextlib.ExitStack() as stack:
        others = [stack.enter_context(client(server)) for _ in range(20)]
        for one in others:
            one.sendall(b"/a\n")
            assert receive(one, 7) == b"200 /a\n"
        holder = stack.enter_context(client(server))
        holder.sendall(b"/hold\n")
        assert hold.entered.wait(DEADLINE)
        before = engines[0].batches
        for one in others:
            one.sendall(b"/asked\n")
        hold.opened.set()
        for one in others:
            assert receive(one, 5) == b"200 \n"
    assert len(batches) == 20
    assert min(batches) > before
    # All were there when the loop looked; a slice may have ended in between.
    assert len(set(batches)) == 1


def test_more_clients_than_events_of_a_round() -> None:
    limits = ServerLimits(events_a_round=2, accepts_a_round=3)
    with (
        serving(PathApplication(), engines=LineEngines, server_limits=limits) as server,
        contextlib.ExitStack() as stack,
    ):
        clients = [stack.enter_context(client(server)) for _ in range(20)]
        for one in clients:
            one.sendall(b"/a\n" * 3)
        for one in clients:
            assert receive(one, 21) == b"200 /a\n" * 3


def test_draining_ends_the_connections_and_tells_when() -> None:
    exchanges: list[LineExchange] = []
    application = PathApplication({b"/silent": exchanges.append})
    with serving(application, engines=LineEngines) as server, client(server) as sock:
        sock.sendall(b"/silent\n")
        wait_until(lambda: len(exchanges) == 1, "the request")
        server.in_thread(lambda: server.driver.drain(0.0))
        server.in_thread(lambda: exchanges[0].respond(text(b"x")))
        assert receive(sock, 6) == b"200 x\n"
        assert sock.recv(1) == b""
        sock.close()
        server.wait_for_rest()


# ---------------------------------------------------------------------- TLS that has to write


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
    with serving(PathApplication(), engines=LineEngines) as server, client(server) as sock:
        sock.sendall(b"/a\n")
        assert receive(sock, 7) == b"200 /a\n"
        (link,) = server.driver.links
        full = _FullTls(link, link.socket)

        def cover() -> None:
            link.tls = cast("ssl.SSLSocket", full)

        server.in_thread(cover)
        sock.sendall(b"/b\n")
        assert receive(sock, 7) == b"200 /b\n"
        assert full.events == [WRITABLE]
        sock.sendall(b"/c\n")
        assert receive(sock, 7) == b"200 /c\n"


def test_a_new_connection_begins_no_batch_until_it_asks() -> None:
    """Beginning one costs an application a look at what has changed."""
    engines: list[LineEngines] = []

    def make(application: Application, shared: Shared) -> LineEngines:
        engines.append(LineEngines(application, shared))
        return engines[0]

    with serving(PathApplication(), engines=make) as server, client(server) as first:
        first.sendall(b"/a\n")
        assert receive(first, 7) == b"200 /a\n"
        before = engines[0].batches
        with client(server) as second:
            wait_until(lambda: server.driver.connections == 2, "the second connection")
            assert engines[0].batches == before
            second.sendall(b"/b\n")
            assert receive(second, 7) == b"200 /b\n"
            assert engines[0].batches > before


def test_a_request_after_a_pause_is_served_without_waking_a_task(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In asyncio, a callback serves it: waking the driver's task costs more than a response."""
    woken = threading.Event()
    wait_readable = anyio.wait_readable

    async def wait_and_tell(sock: socket.socket | int) -> None:
        await wait_readable(sock)
        woken.set()

    monkeypatch.setattr(anyio, "wait_readable", wait_and_tell)
    with serving(PathApplication(), engines=LineEngines) as server, client(server) as sock:
        for _ in range(3):
            sock.sendall(b"/a\n")
            assert receive(sock, 7) == b"200 /a\n"
            time.sleep(20 * SPIN_SECONDS)
    assert not woken.is_set()
