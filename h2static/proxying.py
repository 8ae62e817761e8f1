"""The upstreams of a configuration, as applications in a worker's loop.

Contract: :func:`make_proxies` creates them before the first request; :func:`attach_proxies` gives
them the loop in which they connect.  Imported only if a configuration has upstreams.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence

from h2static.client.errors import OptionError
from h2static.config import Config
from h2static.errors import StartError
from h2static.http.exchange import Application
from h2static.http.shared import Shared
from h2static.logs.errors import ErrorLog
from h2static.proxy.application import ProxyApplication
from h2static.proxy.pseudonym import pseudonym_of
from h2static.server.driver import Driver
from h2static.server.pool import Pool
from h2static.websocket.handshake import PROTOCOL


def make_proxies(
    config: Config, folder: Application, error_log: ErrorLog, label: str
) -> dict[str, ProxyApplication]:
    """Create an application for each prefix.

    ``folder`` makes refusals if no upstream answers; ``label``: the host's name in logs, if any.
    """
    of_host = label and f"{label}: "
    return {
        one.prefix: ProxyApplication(
            one,
            refuse=folder.refuse,
            report=lambda text: error_log.report("upstream", "", of_host + text),
            dev=config.dev,
        )
        for one in config.proxies
    }


def protocols_of(proxies: Sequence[ProxyApplication]) -> frozenset[bytes]:
    """The protocols that ``proxies`` accept besides HTTP."""
    return frozenset((PROTOCOL,)) if any(one.config.ws for one in proxies) else frozenset()


def attach_proxies(
    proxies: Sequence[ProxyApplication],
    driver: Driver,
    pool: Pool,
    shared: Shared,
    sockets: Sequence[socket.socket],
) -> None:
    """Let ``proxies`` serve in the loop of ``driver``.  Raises ``StartError``."""
    name = pseudonym_of(sockets)
    for one in proxies:
        try:
            one.attach(driver.descriptors, pool.post, name, shared)
        except OptionError as error:
            raise StartError(f"{one.config.where}: ca: {error}") from error
