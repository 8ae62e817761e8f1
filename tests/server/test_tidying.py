"""Deleted files are let go by everything that is around the site."""

from __future__ import annotations

from pathlib import Path

import anyio
import pytest

from h2static.config import Config
from h2static.http.messages import Answer, BatchApplication, Request, Response
from h2static.server import server as server_module
from h2static.server.server import Server
from h2static.site import Site
from h2static.site.config import SiteConfig
from tests.support.processes import DEADLINE


class Around:
    """An extension, and the application that it puts around the site."""

    def __init__(self) -> None:
        self.let_go_of = anyio.Event()
        self.site: BatchApplication | None = None

    def wrap(self, site: Site) -> BatchApplication:
        self.site = site
        return self

    @property
    def warnings(self) -> tuple[str, ...]:
        return ()

    def start(self) -> None:
        """Nothing to do."""

    def end_streams(self) -> None:
        """As above."""

    def stop(self) -> None:
        """As above."""

    def answer(self, request: Request) -> Answer:
        return self.refuse(404, request)

    def refuse(self, status: int, request: Request | None) -> Response:
        assert self.site is not None
        return self.site.refuse(status, request)

    def new_batch(self) -> None:
        """As above."""

    def release(self) -> None:
        self.let_go_of.set()


@pytest.mark.parametrize("health", [None, "/up"])
def test_what_is_around_the_site_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, health: str | None
) -> None:
    monkeypatch.setattr(server_module, "_TIDY_INTERVAL", 0.01)
    config = Config(port=0, no_tls=True, health=health, site=SiteConfig(root=str(tmp_path)))

    async def serve() -> None:
        around = Around()
        server = Server(config, [], shared=False, spin=0.0, extension=around)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.run)
            with anyio.fail_after(DEADLINE):
                await around.let_go_of.wait()
            await server.stop(delay=0, grace=0)

    anyio.run(serve)
