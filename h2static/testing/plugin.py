"""The fixture ``h2server``, which pytest discovers automatically.

Contract: everything else is imported when a test uses the fixture, so that it does not slow down
test runs that do not.
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
    """The type of the fixture: a function that starts a server for the duration of the test."""

    def __call__(self, served: str | Path | Config) -> Peer:
        """Serve a folder without TLS, or a configuration, on a free port."""


@pytest.fixture
def h2server() -> Iterator[ServerFactory]:
    """Start servers for the duration of the test; returns a :class:`Peer` for each."""
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
