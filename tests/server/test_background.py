"""``h2static.server.background``: whose work is begun when there is more than threads for it."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator

import pytest

from h2static.http.messages import Answer, BodyReader, Deferred, Request, Response
from h2static.http2.frames import RstStream
from h2static.http2.registry import ErrorCode
from h2static.logs.errors import ErrorLog
from h2static.server.background import Background
from h2static.server.engine import Refusal
from h2static.server.link import Link
from h2static.server.pool import ANSWERS, THREADS, Pool
from tests.support.applications import TableApplication, text_response
from tests.support.peer import Peer
from tests.support.processes import DEADLINE, wait_until
from tests.support.serving import Serving, serving
from tests.support.small_site import Later
from tests.support.transports import Wire


class Works:
    """Answers that are worked out one after the other, as the test lets them."""

    def __init__(self) -> None:
        #: The paths of the answers that were begun, in order.
        self.begun: list[bytes] = []
        self._allowed = threading.Semaphore(0)

    def make(self, request: Request) -> Deferred:
        return _Work(self, request.path)

    def work_at(self, path: bytes) -> None:
        self.begun.append(path)
        assert self._allowed.acquire(timeout=DEADLINE)

    def finish(self, number: int) -> None:
        """Let so many come to their end."""
        self._allowed.release(number)


class _Work:
    def __init__(self, works: Works, path: bytes) -> None:
        self._works = works
        self._path = path

    def run(self) -> Response:
        self._works.work_at(self._path)
        return text_response(200, b"worked out")


class NothingFound(Exception):
    """What the work of a test raises."""


class FailingWork:
    def run(self) -> Response:
        raise NothingFound("not to be found")


class FetchedBody:
    """A body of which nothing is at hand: a thread has to fetch it."""

    pool: Pool

    def __init__(self) -> None:
        self.length: int | None = 7

    def open(self) -> BodyReader:
        return _FetchingReader(self.pool)


class _FetchingReader:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._octets: list[bytes] = []

    def read(self, size: int) -> bytes | None:
        return self._octets.pop() if self._octets else None

    def wait(self, wake: Callable[[], None]) -> None:
        def fetch() -> None:
            self._octets.append(b"content")
            wake()

        self._pool.submit(fetch)

    def close(self) -> None:
        """Nothing is held."""


@contextlib.contextmanager
def peer_of(server: Serving) -> Iterator[Peer]:
    wire = Wire(server.port)
    try:
        yield Peer(wire)
    finally:
        wire.close()


@pytest.fixture
def works() -> Works:
    return Works()


@pytest.fixture
def body() -> FetchedBody:
    return FetchedBody()


@pytest.fixture
def server(works: Works, body: FetchedBody) -> Iterator[Serving]:
    file = Response(status=200, fields=((b"content-length", b"7"),), body=body)
    table: dict[bytes, Callable[[Request], Answer]] = {
        b"/work": works.make,
        b"/other": works.make,
        b"/file": lambda request: file,
    }
    with serving(TableApplication(table)) as running:
        body.pool = running.pool
        yield running
        works.finish(1_000)
        running.wait_for_rest()


def ask(peer: Peer, count: int) -> list[int]:
    """Ask for ``count`` answers that need work; the streams."""
    streams = list(range(1, 2 * count, 2))
    peer.send(*(peer.headers(stream_id, path=b"/work") for stream_id in streams))
    return streams


def fill_all_places(peer: Peer, works: Works, count: int) -> list[int]:
    """As :func:`ask`; returns when as many are worked at as may be at once."""
    streams = ask(peer, count)
    wait_until(lambda: len(works.begun) == ANSWERS, "as much work as may be at once")
    peer.expect_alive()
    assert len(works.begun) == ANSWERS
    return streams


def test_work_for_streams_that_were_reset_is_not_begun(server: Serving, works: Works) -> None:
    """Whoever asks and takes back leaves only what threads are at (CVE-2023-44487)."""
    with peer_of(server) as peer:
        streams = fill_all_places(peer, works, 90)
        peer.send(*(RstStream(stream_id=one, code=ErrorCode.CANCEL) for one in streams))
        peer.expect_alive()
        works.finish(1_000)
        peer.request(1_001, b"/work")
        peer.expect_response(1_001, 200, b"worked out")
    assert len(works.begun) == ANSWERS + 1


def test_work_for_connections_that_are_gone_is_not_begun(server: Serving, works: Works) -> None:
    with peer_of(server) as other:
        for _ in range(3):
            wire = Wire(server.port)
            if works.begun:
                ask(Peer(wire), 30)
            else:
                fill_all_places(Peer(wire), works, 30)
            wire.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            wire.close()
            server.wait_for_rest(1)
        works.finish(1_000)
        other.request(1, b"/work")
        other.expect_response(1, 200, b"worked out")
    assert len(works.begun) == ANSWERS + 1


def test_clients_have_turns(server: Serving, works: Works) -> None:
    """Whoever asks for one thing does not wait for all that another has asked for."""
    with peer_of(server) as greedy, peer_of(server) as modest:
        streams = fill_all_places(greedy, works, 50)
        modest.request(1, b"/other")
        modest.expect_alive()
        works.finish(2)
        wait_until(lambda: len(works.begun) == ANSWERS + 2, "two more to be begun")
        assert works.begun.count(b"/other") == 1
        works.finish(1_000)
        modest.expect_response(1, 200, b"worked out")
        for stream_id in streams:
            greedy.expect_response(stream_id, 200, b"worked out")


def test_readings_do_not_wait_for_answers(server: Serving, works: Works) -> None:
    """A download goes on however many lists somebody asks for."""
    assert ANSWERS < THREADS
    with peer_of(server) as greedy, peer_of(server) as modest:
        fill_all_places(greedy, works, 50)
        modest.request(1, b"/file")
        modest.expect_response(1, 200, b"content")
        assert len(works.begun) == ANSWERS


def test_work_that_fails_leaves_its_place() -> None:
    with serving(TableApplication({b"/work": lambda request: FailingWork()})) as running:
        with peer_of(running) as peer:
            for stream_id in ask(peer, 2 * ANSWERS):
                peer.expect_response(stream_id, 500, b"refused 500\n")
        running.wait_for_rest()
        assert running.errors().count("NothingFound: not to be found") == 2 * ANSWERS


class StuckPool(Pool):
    """Its threads never come to an end."""

    submitted = 0

    def submit(self, work: Callable[[], None]) -> None:
        self.submitted += 1


def test_links_that_are_gone_do_not_pile_up() -> None:
    """Although no thread comes free meanwhile."""
    pool = StuckPool(lambda text: None)
    log = ErrorLog(os.devnull)
    ends: list[socket.socket] = []

    def link() -> Link:
        ours, theirs = socket.socketpair()
        ends.extend((ours, theirs))
        made = Link(ours, None, 0.0)
        made.protocol = Refusal(b"", "")
        made.protocol.deferred = [(1, Later(text_response(200, b"x")))]
        return made

    background = Background(
        pool,
        TableApplication(),
        log,
        clock=lambda: 0.0,
        guarded=lambda link, action: action(link),
        ready=lambda link: None,
    )
    stays = [link() for _ in range(ANSWERS + 10)]
    for one in stays:
        assert one.protocol is not None
        background.take(one, one.protocol)
    for _ in range(1_000):
        one = link()
        assert one.protocol is not None
        background.take(one, one.protocol)
        one.protocol = None
        for end in ends[-2:]:
            end.close()
        assert len(background._row) < 200
    assert pool.submitted == ANSWERS
    assert [one for one in background._row if one.protocol is not None] == stays[ANSWERS:]
    for end in ends:
        end.close()
    log.close()
    pool.close()
