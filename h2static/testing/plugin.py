"""The fixture ``h2server``, which pytest finds by itself.

Contract: everything else is loaded when a test asks for it, so that test runs which do not are not
held up.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest

if TYPE_CHECKING:
    from h2static.config import Config
    from h2static.testing.peer import Peer


class ServerFactory(Protocol):
    """What the fixture is: it starts a server for as long as the test takes."""

    def __call__(self, served: str | Path | Config) -> Peer:
        """Serve a folder without TLS, or what a configuration says, at a port that is free."""


@pytest.fixture
def h2server() -> Iterator[ServerFactory]:
    """Starts servers, each for as long as the test takes; gives the way to ask them."""
    from anyio.from_thread import start_blocking_portal

    from h2static.config import Config
    from h2static.embedding import serve
    from h2static.site.config import SiteConfig
    from h2static.testing.peer import Peer

    with ExitStack() as stack:
        portal = stack.enter_context(start_blocking_portal())

        def start(served: str | Path | Config) -> Peer:
            if isinstance(served, Config):
                config = served
            else:
                site = SiteConfig(root=str(served))
                config = Config(port=0, no_tls=True, addresses=("127.0.0.1",), site=site)
            manager = portal.wrap_async_context_manager(serve(config))
            return Peer(stack.enter_context(manager).urls[0])

        yield start
