"""Entrances: a listening address, its protocols, and the application served there.

Contract: a driver has many entrances, which the assembly creates; the driver knows neither the
protocols behind :class:`Engines` nor the application.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol, TypeAlias

from h2static.http.exchange import Application
from h2static.http.messages import Client
from h2static.server.engine import Engine

if TYPE_CHECKING:
    # A large module that only a frame log needs.
    from h2static.logs.frames import FrameLog

#: Protocols by their names in ALPN (RFC 7301 section 6), and as logs write their versions.
HTTP2: Final = "h2"
HTTP1: Final = "http/1.1"
VERSIONS: Final = {HTTP2: "HTTP/2.0", HTTP1: "HTTP/1.1"}


@dataclass(slots=True, kw_only=True, eq=False)
class Opening:
    """A connection whose protocol has just been detected."""

    client: Client
    #: Monotonic, in seconds.
    now: float
    #: See :class:`h2static.server.engine.Engine`.
    notify: Callable[[], None]
    #: Gets errors that leave the connection open.
    report: Callable[[str], None]
    #: A trusted proxy's, which may have taken off the TLS or put it on: both schemes are right.
    proxied: bool
    #: The frame log (``-v``).
    log: FrameLog | None


class Engines(Protocol):
    """Makes engines for the connections of one or several entrances."""

    @property
    def protocols(self) -> tuple[str, ...]:
        """The offered protocols by ALPN name; the preferred one first."""

    def make(self, protocol: str, opening: Opening) -> Engine:
        """An engine for one of :attr:`protocols`."""

    def new_batch(self) -> None:
        """Start a batch: input processed from here on was read before now."""

    def release(self) -> None:
        """Forget responses that are remembered for a second that is over, and their files."""


#: Which engines connections with a context get.
EnginesByContext: TypeAlias = Callable[[ssl.SSLContext], Engines]


@dataclass(slots=True, kw_only=True, eq=False)
class Entrance:
    """A listening socket with its engines and application."""

    #: Listens; the driver closes it.
    socket: socket.socket
    #: ``None``: cleartext.
    tls: ssl.SSLContext | None = None
    engines: Engines
    #: The application of the engines; its lifecycle is that of all.
    application: Application
    #: Where several certificates are shown: which engines go with which; :attr:`engines` are told
    #: of batches for all of them.
    by_context: EnginesByContext | None = None

    def engines_for(self, tls: ssl.SSLSocket | None) -> Engines:
        """The engines of a connection whose handshake, if it has one, is over."""
        if tls is None or self.by_context is None:
            return self.engines
        return self.by_context(tls.context)
