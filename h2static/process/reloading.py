"""What a reload changes before new workers start, and what it cannot change.

Contract: :func:`prepare` opens the sockets that a new configuration needs, and returns the
configuration to serve; then :func:`settle` or :func:`revert` closes the sockets that are not
needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from h2static.config import AltSvc, Config
from h2static.process.generation import check_reload
from h2static.server.listeners import Listener


def prepare(old: Config, new: Config, listeners: Sequence[Listener]) -> Config:
    """Open the sockets for a new configuration, and return it as it will be served.

    Raises :class:`~h2static.errors.StartError` for what a reload cannot change, and ``OSError`` if
    a socket cannot be opened."""
    check_reload(old, new)
    if new.serves_http3:
        for listener in listeners:
            if not new.listening[listener.place].no_tls:
                listener.take_datagrams(new.workers)
    elif old.tells_of_http3 and new.alt_svc is AltSvc.AUTO:
        # Clients that know of HTTP/3 must forget it.
        new = replace(new, alt_svc=AltSvc.CLEAR)
    for listener in listeners:
        listener.extend(new.workers)
    return new


def settle(listeners: Sequence[Listener], config: Config) -> None:
    """``config`` is served: keep its sockets, and close those no longer needed."""
    for listener in listeners:
        if not config.serves_http3:
            listener.leave_datagrams()
        listener.settle()


def revert(listeners: Sequence[Listener], config: Config) -> None:
    """``config`` is still served: close sockets that were opened for another one."""
    for listener in listeners:
        listener.revert()
        if not config.serves_http3:
            listener.leave_datagrams()
