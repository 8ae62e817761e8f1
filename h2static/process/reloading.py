"""What a reload changes before new workers start, and what it cannot change.

Contract: :func:`prepare` opens the sockets that a new configuration needs, and gives it back as it
is to be served.  :meth:`~h2static.server.listeners.Listener.revert` closes them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from h2static.config import AltSvc, Config
from h2static.errors import StartError
from h2static.server.listeners import Listener

#: What would need other sockets, or another process.
_FIXED = ("port", "addresses", "daemon", "pid_file", "http3_only")


def prepare(old: Config, new: Config, listeners: Sequence[Listener]) -> Config:
    """Raises :class:`~h2static.errors.StartError` for what a reload cannot change, and ``OSError``
    where there are no sockets."""
    for name in _FIXED:
        if getattr(old, name) != getattr(new, name):
            raise StartError(f"a reload cannot change {name}: stop and start the server")
    if [(one.port, one.addresses) for one in old.listening] != [
        (one.port, one.addresses) for one in new.listening
    ]:
        raise StartError("a reload cannot change where to listen: stop and start the server")
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
