"""``h2static.server.server``: what applications are told, and when."""

from __future__ import annotations

import os
from pathlib import Path

import anyio
import pytest

from h2static.config import Config
from h2static.http.lifecycle import Lifecycle
from h2static.http.shared import Shared
from h2static.logs.console import Console
from h2static.logs.errors import ErrorLog
from h2static.server.driver import Driver
from h2static.server.limits import ServerLimits
from h2static.server.pool import Pool
from h2static.server.server import Parts, Server
from h2static.site.config import SiteConfig
from tests.support.processes import DEADLINE

pytestmark = pytest.mark.anyio

OFTEN = ServerLimits(release_seconds=0.001, probe_seconds=0.001)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Told(Lifecycle):
    """Writes down what it is told; batches aside."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.released = anyio.Event()

    def start(self) -> None:
        self.log.append("start")

    def release(self) -> None:
        self.released.set()

    def shrink(self) -> None:
        self.log.append("shrink")

    def drain(self) -> None:
        self.log.append("drain")

    def stop(self) -> None:
        self.log.append("stop")


class Making:
    """A server without entrances."""

    def __init__(self, folder: Path, limits: ServerLimits = OFTEN) -> None:
        self.told = Told()
        self.warnings: tuple[str, ...] = ("old",)
        self.path = folder / "log"
        self.log = ErrorLog(str(self.path))
        config = Config(port=0, no_tls=True, site=SiteConfig(root=os.fspath(folder)))
        self.driver = Driver(
            [], Shared(), self.log, pool=Pool(lambda text: None), console=Console(config), spin=0.0
        )
        self._limits = limits

    def make(self, *, warn: bool = False, max_memory: int | None = None) -> Server:
        self.warned: list[tuple[str, ...]] = []
        self.too_large = anyio.Event()
        return Server(
            Parts(
                driver=self.driver,
                lifecycles=(self.told,),
                error_log=self.log,
                access_log=None,
                warnings=lambda: self.warnings,
                warn=(lambda warnings: self.warned.append(tuple(warnings))) if warn else None,
                on_stopping=lambda: self.told.log.append("stopping"),
                limits=self._limits,
                max_memory=max_memory,
                replace=lambda octets: self.too_large.set(),
            )
        )


async def test_a_server_above_its_bound_shrinks_and_is_replaced(tmp_path: Path) -> None:
    making = Making(tmp_path)
    server = making.make(max_memory=1_000_000)
    with anyio.fail_after(DEADLINE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.run)
            await making.too_large.wait()
            server.force()
    assert making.told.log == ["start", "shrink", "stop"]
    assert "memory limit exceeded" in making.path.read_text()


async def test_applications_are_told_in_this_order(tmp_path: Path) -> None:
    making = Making(tmp_path)
    server = making.make()
    with anyio.fail_after(DEADLINE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.run)
            await making.told.released.wait()
            assert making.told.log == ["start"]
            await server.stop(delay=0.001, grace=0)
    assert making.told.log == ["start", "stopping", "drain", "stop"]


async def test_the_health_check_turns_before_the_delay(tmp_path: Path) -> None:
    making = Making(tmp_path)
    server = making.make()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.run)
        await making.told.released.wait()
        with anyio.move_on_after(0):
            await server.stop(delay=1_000, grace=0)
        assert making.told.log == ["start", "stopping"]
        server.force()
    assert making.told.log == ["start", "stopping", "stop"]


async def test_new_warnings_go_to_the_error_log_once(tmp_path: Path) -> None:
    making = Making(tmp_path)
    server = making.make()
    assert server.warnings == ("old",)
    with anyio.fail_after(DEADLINE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.run)
            making.warnings = ("old", "new")
            while "new" not in making.path.read_text():  # noqa: ASYNC110 -- a file
                await anyio.sleep(0.001)
            making.warnings = ("new", "newest")
            while "newest" not in making.path.read_text():  # noqa: ASYNC110 -- a file
                await anyio.sleep(0.001)
            server.force()
    lines = [line.partition("[site] ")[2] for line in making.path.read_text().splitlines()]
    assert lines == ["new", "newest"]


async def test_warnings_go_to_whoever_wants_them(tmp_path: Path) -> None:
    making = Making(tmp_path)
    server = making.make(warn=True)
    with anyio.fail_after(DEADLINE):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.run)
            making.warnings = ("new",)
            while not making.warned:  # noqa: ASYNC110 -- there is no event for it
                await anyio.sleep(0.001)
            server.force()
    assert making.warned == [("new",)]
    assert making.path.read_text() == ""


async def test_counters(tmp_path: Path) -> None:
    server = Making(tmp_path).make()
    counters = server.counters()
    assert counters["connections"] == 0
    assert isinstance(counters["memory_kib"], int)
    assert counters["memory_kib"] > 1_000
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(server.run)
        server.force()
