"""The driver beside other tasks of its event loop: nobody waits for long, in either direction.

Strategy: turns are counted, not seconds.  A turn is over when every busy task of the loop has run
once; a busy machine makes turns longer, not more.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from h2static.config import Config
from h2static.http.shared import Shared
from h2static.logs.console import Console
from h2static.logs.errors import ErrorLog
from h2static.server.driver import Driver
from h2static.server.entrance import Entrance
from h2static.server.limits import ServerLimits
from h2static.server.poller import Poller, make_poller
from h2static.server.pool import Pool
from h2static.site.config import SiteConfig
from tests.support.engines import LineEngines, LineExchange, PathApplication, text
from tests.support.processes import DEADLINE

pytestmark = pytest.mark.anyio

TASKS = 50
#: Seconds that each of them, and each response, takes.
BURN = 0.001
SLICE = 0.005
#: Requests of a loaded connection that are processed in one of its turns.
LINES_A_TURN = 2


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def burn(seconds: float = BURN) -> None:
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass


class Loop:
    """A driver in the test's own loop, and busy tasks beside it."""

    def __init__(self, driver: Driver, application: PathApplication, port: int) -> None:
        self.driver = driver
        self.application = application
        self.port = port
        #: How often each task has run.
        self.turns = [0] * TASKS

    async def be_busy(self, number: int) -> None:
        while True:
            burn()
            self.turns[number] += 1
            await anyio.lowlevel.checkpoint()

    def client(self) -> socket.socket:
        """A connected client whose calls do not wait."""
        sock = socket.create_connection(("127.0.0.1", self.port), DEADLINE)
        sock.setblocking(False)
        return sock


@asynccontextmanager
async def sharing(folder: Path, poller: Poller | None = None) -> AsyncIterator[Loop]:
    application = PathApplication()
    listener = socket.create_server(("127.0.0.1", 0))
    log = ErrorLog(os.devnull)
    engines = LineEngines(application)
    engines.lines_a_turn = LINES_A_TURN
    entrance = Entrance(socket=listener, engines=engines, application=application)
    driver = Driver(
        [entrance],
        Shared(),
        log,
        pool=Pool(lambda reason: None),
        console=Console(Config(port=0, no_tls=True, site=SiteConfig(root=str(folder)))),
        spin=0.0,
        limits=ServerLimits(slice_seconds=SLICE),
        poller=poller,
    )
    port = listener.getsockname()[1]
    with anyio.fail_after(DEADLINE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(driver.run)
            loop = Loop(driver, application, port)
            yield loop
            tasks.cancel_scope.cancel()
    log.close()


async def turns_until(loop: Loop, condition: Callable[[], bool]) -> int:
    """Turns of the loop until ``condition``, which is looked at in each."""
    turns = 0
    while not condition():
        turns += 1
        await anyio.lowlevel.checkpoint()
    return turns


class Receiving:
    """What a client has got."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.octets = b""

    def has(self, octets: bytes) -> bool:
        try:
            self.octets += self.sock.recv(100_000)
        except BlockingIOError:
            return False
        return self.octets.endswith(octets)


async def test_a_connection_does_not_wait_for_more_than_a_turn_of_the_others(
    tmp_path: Path,
) -> None:
    """50 busy tasks in the loop, and another connection that always has more to ask."""
    async with sharing(tmp_path) as loop, anyio.create_task_group() as tasks:
        loop.application.paths[b"/burn"] = _burn
        with loop.client() as loaded, loop.client() as modest:
            reply = Receiving(modest)
            modest.sendall(b"/first\n")
            await turns_until(loop, lambda: reply.has(b"200 /first\n"))
            loaded.sendall(b"/burn\n" * 5_000)
            await turns_until(loop, lambda: loop.driver.counters()["requests"] > 10)
            for number in range(TASKS):
                tasks.start_soon(loop.be_busy, number)
            waited = []
            for number in range(10):
                modest.sendall(b"/%d\n" % number)
                expected = b"200 /%d\n" % number
                waited.append(await turns_until(loop, lambda: reply.has(expected)))  # noqa: B023 -- called at once
            tasks.cancel_scope.cancel()
        # One to notice it, which the loop does between two turns; one where the slice was over.
        assert max(waited) <= 2, waited


def _burn(exchange: LineExchange) -> None:
    burn()
    exchange.respond(text(b"burnt"))


async def test_no_task_starves_beside_a_loaded_connection(tmp_path: Path) -> None:
    async with sharing(tmp_path) as loop, anyio.create_task_group() as tasks:
        handled = 0
        #: Requests between two turns of the loop.
        between: list[int] = []

        def count(exchange: LineExchange) -> None:
            nonlocal handled
            handled += 1
            _burn(exchange)

        async def watch() -> None:
            nonlocal handled
            handled = 0
            while True:
                await anyio.lowlevel.checkpoint()
                between.append(handled)
                handled = 0

        loop.application.paths[b"/burn"] = count
        with loop.client() as first, loop.client() as second:
            for one in (first, second):
                one.sendall(b"/burn\n" * 5_000)
            await turns_until(loop, lambda: handled > 10)
            for number in range(TASKS):
                tasks.start_soon(loop.be_busy, number)
            await turns_until(loop, lambda: loop.turns[-1] > 0)
            tasks.start_soon(watch)
            await turns_until(loop, lambda: len(between) > 8)
            tasks.cancel_scope.cancel()
        assert max(loop.turns) - min(loop.turns) <= 1, "every task has the same turns"
        assert sum(between) > 8, "the connections go on as well"
        # A slice, and the turn in which it ends; a slow machine does less in it, never more.
        assert max(between) <= SLICE / BURN + LINES_A_TURN + 1


class RecordingPoller:
    """Writes down how long it was asked to wait."""

    def __init__(self) -> None:
        self._poller = make_poller()
        self.waits: list[float] = []
        self.register = self._poller.register
        self.modify = self._poller.modify
        self.unregister = self._poller.unregister
        self.fileno = self._poller.fileno
        self.close = self._poller.close

    def poll(self, seconds: float, most: int) -> list[tuple[int, int]]:
        self.waits.append(seconds)
        return self._poller.poll(seconds, most)


async def test_a_driver_that_shares_its_loop_never_waits_in_the_poller(tmp_path: Path) -> None:
    poller = RecordingPoller()
    async with sharing(tmp_path, poller) as loop:
        with loop.client() as sock:
            reply = Receiving(sock)
            for number in range(10):
                sock.sendall(b"/%d\n" % number)
                expected = b"200 /%d\n" % number
                await turns_until(loop, lambda: reply.has(expected))  # noqa: B023 -- called at once
    assert len(poller.waits) >= 10
    assert set(poller.waits) == {0}


async def test_an_exchange_of_another_task_is_served_within_a_turn(tmp_path: Path) -> None:
    """The driver sleeps; no descriptor tells it of a response that comes from its own loop."""
    async with sharing(tmp_path) as loop:
        exchanges: list[LineExchange] = []
        loop.application.paths[b"/task"] = exchanges.append
        with loop.client() as sock:
            reply = Receiving(sock)
            for _ in range(5):
                sock.sendall(b"/task\n")
                await turns_until(loop, lambda: bool(exchanges))
                for _ in range(10):
                    await anyio.lowlevel.checkpoint()
                exchanges.pop().respond(text(b"done"))
                assert await turns_until(loop, lambda: reply.has(b"200 done\n")) <= 4
