"""``h2static.server.background``: whose jobs are begun, where there are more than threads."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator

import pytest

from h2static.http.bodies import BodyReader
from h2static.http.fields import Fields
from h2static.http.messages import Response
from h2static.logs.errors import ErrorLog
from h2static.server.background import Background
from h2static.server.engine import Engine
from h2static.server.entrance import Entrance
from h2static.server.limits import DEFAULT_LIMITS
from h2static.server.link import Link, Phase
from h2static.server.pool import Pool
from tests.support.engines import LineEngine, LineEngines, LineExchange, PathApplication, text
from tests.support.exchange import CLIENT
from tests.support.processes import DEADLINE, wait_until
from tests.support.serving import Serving, serving

JOBS, THREADS = DEFAULT_LIMITS.jobs, DEFAULT_LIMITS.threads


class Works:
    """Jobs that come to their end one after the other, as the test lets them."""

    def __init__(self) -> None:
        #: The paths of the jobs that were begun, in order.
        self.begun: list[bytes] = []
        self._allowed = threading.Semaphore(0)

    def begin(self, exchange: LineExchange) -> None:
        path = exchange.request.path
        exchange.work(lambda: self._work_at(path))

    def _work_at(self, path: bytes) -> Response:
        self.begun.append(path)
        assert self._allowed.acquire(timeout=DEADLINE)
        return text(b"worked out")

    def finish(self, number: int) -> None:
        """Let so many come to their end."""
        self._allowed.release(number)


class NothingFound(Exception):
    """What the job of a test raises."""


class FetchedBody:
    """A body of which nothing is at hand: a thread has to fetch it."""

    pool: Pool

    def __init__(self) -> None:
        self.length: int | None = 7

    def open(self) -> BodyReader:
        return _FetchingReader(self.pool)


class _FetchingReader:
    reuses_buffer = False

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._octets: list[bytes] = []
        self._fetched = False

    def read(self, size: int) -> bytes | None:
        if self._octets:
            return self._octets.pop()
        return b"" if self._fetched else None

    def wait(self, wake: Callable[[], None]) -> None:
        def fetch() -> None:
            self._octets.append(b"content")
            self._fetched = True
            wake()

        self._pool.submit(fetch)

    def trailers(self) -> Fields:
        return ()

    def close(self) -> None:
        """Nothing is held."""


class Client:
    """A client of the fake protocol."""

    def __init__(self, server: Serving) -> None:
        self.socket = socket.create_connection(("127.0.0.1", server.port), DEADLINE)
        self._lines = self.socket.makefile("rb")

    def send(self, *lines: bytes) -> None:
        self.socket.sendall(b"".join(line + b"\n" for line in lines))

    def line(self) -> bytes:
        """The next line of the server."""
        return self._lines.readline()

    def expect_alive(self) -> None:
        """Everything before this was processed."""
        self.send(b"/alive")
        assert self.line() == b"200 /alive\n"

    def close(self, *, abruptly: bool = False) -> None:
        if abruptly:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._lines.close()
        self.socket.close()


@contextlib.contextmanager
def client_of(server: Serving) -> Iterator[Client]:
    client = Client(server)
    try:
        yield client
    finally:
        client.close()


@pytest.fixture
def works() -> Works:
    return Works()


@pytest.fixture
def server(works: Works) -> Iterator[Serving]:
    body = FetchedBody()
    file = Response(status=200, fields=((b"content-length", b"7"),), body=body)
    application = PathApplication(
        {
            b"/work": works.begin,
            b"/other": works.begin,
            b"/file": lambda exchange: exchange.respond(file),
        }
    )
    with serving(application, engines=LineEngines) as running:
        body.pool = running.pool
        yield running
        works.finish(1_000)
        running.wait_for_rest()


def fill_all_places(client: Client, works: Works, count: int) -> None:
    """Ask for ``count`` jobs; returns when as many are worked at as may be at once."""
    client.send(*[b"/work"] * count)
    wait_until(lambda: len(works.begun) == JOBS, "as much work as may be at once")
    client.expect_alive()
    assert len(works.begun) == JOBS


def test_jobs_that_were_taken_back_are_not_begun(server: Serving, works: Works) -> None:
    """Whoever asks and takes back leaves only what threads are at (CVE-2023-44487)."""
    with client_of(server) as client:
        fill_all_places(client, works, 90)
        client.send(*(b"cancel %d" % number for number in range(1, 91)))
        client.expect_alive()
        works.finish(1_000)
        client.send(b"/work")
        assert client.line() == b"200 worked out\n"
    assert len(works.begun) == JOBS + 1


def test_jobs_of_connections_that_are_gone_are_not_begun(server: Serving, works: Works) -> None:
    with client_of(server) as other:
        for _ in range(3):
            client = Client(server)
            if works.begun:
                client.send(*[b"/work"] * 30)
                client.expect_alive()
            else:
                fill_all_places(client, works, 30)
            client.close(abruptly=True)
            server.wait_for_rest(1)
        works.finish(1_000)
        other.send(b"/work")
        assert other.line() == b"200 worked out\n"
    assert len(works.begun) == JOBS + 1


def test_clients_have_turns(server: Serving, works: Works) -> None:
    """Whoever asks for one thing does not wait for all that another has asked for."""
    with client_of(server) as greedy, client_of(server) as modest:
        fill_all_places(greedy, works, 50)
        modest.send(b"/other")
        modest.expect_alive()
        works.finish(2)
        wait_until(lambda: len(works.begun) == JOBS + 2, "two more to be begun")
        assert works.begun.count(b"/other") == 1
        works.finish(1_000)
        assert modest.line() == b"200 worked out\n"
        for _ in range(50):
            assert greedy.line() == b"200 worked out\n"


def test_readings_do_not_wait_for_jobs(server: Serving, works: Works) -> None:
    """A download goes on however many lists somebody asks for."""
    assert JOBS < THREADS
    with client_of(server) as greedy, client_of(server) as modest:
        fill_all_places(greedy, works, 50)
        modest.send(b"/file")
        assert modest.line() == b"200 content\n"
        assert len(works.begun) == JOBS


def test_a_job_that_fails_leaves_its_place() -> None:
    def fail() -> Response:
        raise NothingFound("not to be found")

    application = PathApplication({b"/work": lambda exchange: exchange.work(fail)})
    with serving(application, engines=LineEngines) as running:
        with client_of(running) as client:
            client.send(*[b"/work"] * (2 * JOBS))
            for _ in range(2 * JOBS):
                assert client.line() == b"500 refused\n"
        running.wait_for_rest()
        assert running.errors().count("NothingFound: not to be found") == 2 * JOBS


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
    application = PathApplication()

    def link() -> tuple[Link, Engine]:
        ours, theirs = socket.socketpair()
        ends.extend((ours, theirs))
        entrance = Entrance(socket=ours, engines=LineEngines(application), application=application)
        made = Link(ours, entrance, 0.0)
        engine = LineEngine(application, CLIENT, 0.0)
        engine.jobs.append((1, lambda: text(b"x")))
        made.move(Phase.SNIFF)
        made.move(Phase.OPEN, engine)
        return made, engine

    background: Background[Link] = Background(pool, log, lambda link, result: None)
    stays = [link() for _ in range(JOBS + 10)]
    for one, engine in stays:
        background.take(one, engine)
    for _ in range(1_000):
        one, engine = link()
        background.take(one, engine)
        one.move(Phase.CLOSED)
        for end in ends[-2:]:
            end.close()
        assert len(background.waiting) < 200
    assert pool.submitted == JOBS
    still = [one for one in background.waiting if one.engine is not None]
    assert still == [one for one, _ in stays[JOBS:]]
    for end in ends:
        end.close()
    log.close()
    pool.close()
