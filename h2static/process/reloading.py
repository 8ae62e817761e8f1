"""What a reload changes before new workers start, and what it cannot change.

Contract: :func:`prepare` opens the sockets that a new configuration needs, and gives it back as it
is to be served; then :func:`settle` or :func:`revert` closes what is not needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from h2static.config import AltSvc, Config
from h2static.process.generation import check_reload
from h2static.server.listeners import Listener


def prepare(old: Config, new: Config, listeners: Sequence[Listener]) -> Config:
    """Raises :class:`~h2static.errors.StartError` for what a reload cannot change, and ``OSError``
    where there are no sockets."""
    check_reload(old, new)
    if new.serves_http3:
        for listener in listeners:
            if not new.listening[listener.place].no_tls:
                listener.take_datagrams(new.workers)
    elif old.tells_of_http3 and new.alt_svc is AltSvc.AUTO:
        # Whoever was told of HTTP/3 is to forget it.
        new = replace(new, alt_svc=AltSvc.CLEAR)
    for listener in listeners:
        listener.extend(new.workers)
    return new


def settle(listeners: Sequence[Listener], config: Config) -> None:
    """``config`` is served: what is open for it is for good, and what is not needed is closed."""
    for listener in listeners:
        if not config.serves_http3:
            listener.leave_datagrams()
        listener.settle()


def revert(listeners: Sequence[Listener], config: Config) -> None:
    """``config`` is still served: close what was opened for another one."""
    for listener in listeners:
        listener.revert()
        if not config.serves_http3:
            listener.leave_datagrams()
