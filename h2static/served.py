"""The result of assembling a configuration, before the first request.

Contract: plain values.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from h2static.http.exchange import Application
from h2static.server.server import Hosted

if TYPE_CHECKING:
    # Loaded where there is one.
    from h2static.proxy.application import ProxyApplication


@dataclass(slots=True, kw_only=True)
class Served:
    """The assembled application, with warnings and hooks."""

    #: The outermost application; its lifecycle is that of all.
    application: Application
    #: Warnings for the site's owner, one line each.
    warnings: Callable[[], tuple[str, ...]]
    #: Called as soon as the server is asked to stop.
    on_stopping: Callable[[], None]
    #: The protocols that the application accepts besides HTTP: ``websocket``, or none.
    protocols: frozenset[bytes] = frozenset()
    #: Called with the reason if applications failed to restart.
    on_not_restarted: Callable[[str], None] = lambda text: None
    #: Applications with a lifespan.
    hosted: tuple[Hosted, ...] = ()
    #: The proxies.
    proxies: tuple[ProxyApplication, ...] = ()
