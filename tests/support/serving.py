"""A driver in a thread of the test's own process.

Promise: :func:`serving` accepts on 127.0.0.1 at a free port with any application and any limits, by
HTTP/2 and HTTP/1.1 or by engines that the test brings, and has ended when its block ends; what it
wrote to its error log can be read, and its counters say what it still holds.
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

from h2static.assembly import make_entrances
from h2static.config import Config
from h2static.http.exchange import Application
from h2static.http.shared import Shared
from h2static.http1.limits import Limits as Http1Limits
from h2static.http2.limits import Limits
from h2static.logs.access import AccessLog
from h2static.logs.console import Console
from h2static.logs.errors import ErrorLog
from h2static.server.driver import SPIN_SECONDS, Driver
from h2static.server.entrance import Engines, Entrance
from h2static.server.limits import DEFAULT_LIMITS, ServerLimits
from h2static.server.pool import Pool
from h2static.site.config import SiteConfig
from tests.support.in_thread import InThread
from tests.support.processes import DEADLINE, wait_until
from tests.support.small_site import SmallSite


@dataclass(slots=True, kw_only=True)
class Serving(InThread):
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


#: Makes the engines of a test; the second argument is what a worker's connections share.
MakeEngines = Callable[[Application, Shared], Engines]


@contextlib.contextmanager
def serving(
    application: Application | None = None,
    *,
    limits: Limits | None = None,
    http1_limits: Http1Limits | None = None,
    protocols: frozenset[bytes] = frozenset(),
    server_limits: ServerLimits = DEFAULT_LIMITS,
    config: Callable[[SiteConfig], Config] | None = None,
    access_log: AccessLog | None = None,
    engines: MakeEngines | None = None,
    listener: socket.socket | None = None,
    spin: float = SPIN_SECONDS,
) -> Iterator[Serving]:
    """Serve on cleartext.

    ``limits`` are those of HTTP/2, ``http1_limits`` those of HTTP/1.1; ``protocols``: what
    ``application`` tunnels; ``config`` makes a configuration with options; ``listener`` stands in
    the place of one on 127.0.0.1.
    """
    application = SmallSite() if application is None else application
    site = SiteConfig(root=".")
    made = Config(port=0, no_tls=True, site=site) if config is None else config(site)
    shared = Shared(journal=None if access_log is None else [])
    listener = socket.create_server(("127.0.0.1", 0)) if listener is None else listener
    name = listener.getsockname()
    if engines is None:
        entrances = make_entrances(
            made,
            [listener],
            application,
            shared,
            protocols=protocols,
            http2_limits=limits,
            http1_limits=http1_limits,
        )
    else:
        maker = engines(application, shared)
        entrances = [Entrance(socket=listener, engines=maker, application=application)]
    with tempfile.NamedTemporaryFile(prefix="errors") as log:
        error_log = ErrorLog(log.name)
        pool = Pool(lambda text: error_log.report("internal", "", text), server_limits.threads)
        driver = Driver(
            entrances,
            shared,
            error_log,
            pool=pool,
            console=Console(made),
            access_log=access_log,
            trusted_proxies=made.trusted_proxies,
            proxy_protocol=made.proxy_protocol,
            spin=spin,
            limits=server_limits,
        )
        thread = threading.Thread(target=lambda: anyio.run(driver.run), daemon=True)
        thread.start()
        one = Serving(
            port=name[1] if isinstance(name, tuple) else 0,
            driver=driver,
            application=application,
            pool=pool,
            log=Path(log.name),
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
