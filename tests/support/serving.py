"""A driver in a thread of the test's own process.

Promise: :func:`serving` accepts on 127.0.0.1 at a free port with any application and any limits,
and has ended when its block ends; what it wrote to its error log can be read, and its counters say
what it still holds.
"""

from __future__ import annotations

import contextlib
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import anyio

from h2static.config import Config
from h2static.http.messages import Application
from h2static.http2.limits import Limits
from h2static.logs.access import AccessLog
from h2static.logs.errors import ErrorLog
from h2static.server.driver import Driver
from h2static.server.pool import Pool
from h2static.site.config import SiteConfig
from tests.support.processes import DEADLINE, wait_until
from tests.support.small_site import SmallSite


@dataclass(slots=True, kw_only=True)
class Serving:
    """A driver that runs."""

    port: int
    driver: Driver
    application: Application
    pool: Pool
    log: Path

    @property
    def site(self) -> SmallSite:
        """The application, where a test brought none of its own."""
        assert isinstance(self.application, SmallSite)
        return self.application

    def errors(self) -> str:
        """What is in the error log."""
        return self.log.read_text()

    def wait_for_error(self, text: str) -> None:
        """Wait until the error log has ``text``."""
        wait_until(lambda: text in self.errors(), f"{text!r} in the error log")

    def in_thread(self, action: Callable[[], None]) -> None:
        """Have the driver's thread do something; returns when it is done."""
        done = threading.Event()

        def run() -> None:
            action()
            done.set()

        self.pool.post(run)
        assert done.wait(DEADLINE)

    def counters(self) -> dict[str, int]:
        """The driver's counters."""
        found: dict[str, int] = {}
        self.in_thread(lambda: found.update(self.driver.counters()))
        return found

    def wait_for_rest(self, connections: int = 0) -> None:
        """Wait until only ``connections`` are open, without streams."""
        wait_until(
            lambda: (now := self.counters())["connections"] <= connections and now["streams"] == 0,
            "the connections to be gone",
        )


@contextlib.contextmanager
def serving(
    application: Application | None = None,
    *,
    limits: Limits | None = None,
    config: Callable[[SiteConfig], Config] | None = None,
    access_log: AccessLog | None = None,
) -> Iterator[Serving]:
    """Serve on cleartext; ``config`` makes a configuration with options."""
    application = SmallSite() if application is None else application
    site = SiteConfig(root=".")
    made = Config(port=0, no_tls=True, site=site) if config is None else config(site)
    with tempfile.NamedTemporaryFile(prefix="errors") as log:
        error_log = ErrorLog(log.name)
        pool = Pool(lambda text: error_log.report("internal", "", text))
        driver = Driver(
            made, application, error_log, pool=pool, limits=limits, access_log=access_log
        )
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        driver.add_listener(listener, tls=None)
        thread = threading.Thread(target=lambda: anyio.run(driver.run), daemon=True)
        thread.start()
        one = Serving(
            port=port, driver=driver, application=application, pool=pool, log=Path(log.name)
        )
        try:
            yield one
        finally:
            pool.post(driver.close_all)
            thread.join(DEADLINE)
            assert not thread.is_alive()
            text = one.errors()
            error_log.close()
        assert "Error" not in text.replace("Input/output error", ""), text
