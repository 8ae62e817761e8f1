"""Listening sockets, and the connections that are accepted from them.

Contract: the :class:`Acceptor` accepts without blocking.  When descriptors or memory run out, or
accepting fails for any reason other than a client that has disconnected, it writes a line to the
error log, pauses, and resumes.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Sequence
from typing import Final

from h2static.config import ProxyProtocol
from h2static.http.addresses import TrustedProxies, peer_of
from h2static.logs.errors import ErrorLog
from h2static.server.entrance import Entrance
from h2static.server.limits import DEFAULT_LIMITS, ServerLimits
from h2static.server.link import Link, Phase
from h2static.server.poller import READABLE, Poller
from h2static.server.timers import NEVER, Timed

#: Network errors from accept(2), which concern only the connection that was to be accepted.
_OF_THE_CONNECTION: Final = frozenset(
    (
        *(errno.ECONNABORTED, errno.ECONNRESET, errno.EPERM, errno.EPROTO, errno.ENOPROTOOPT),
        *(errno.ENETDOWN, errno.ENETUNREACH, errno.EHOSTDOWN, errno.EHOSTUNREACH),
        *(errno.EOPNOTSUPP, errno.ETIMEDOUT),
    )
)

#: Sets the congestion control of connections within this machine, which have no congestion: pacing
#: algorithms (BBR) would cost the sender's processor one timer per 64 KiB.  Linux allows every user
#: to choose the algorithm below.
_CONGESTION: Final[int | None] = getattr(socket, "TCP_CONGESTION", None)
_LOOPBACK_CONGESTION: Final = b"reno"


class Acceptor(Timed):
    """Accepts connections for a driver; its deadline is the end of the earliest pause."""

    __slots__ = (
        "_error_log", "_limits", "_listeners", "_paused", "_poller", "_proxies", "_proxy_protocol",
    )  # fmt: skip

    def __init__(
        self,
        poller: Poller,
        error_log: ErrorLog,
        *,
        trusted_proxies: Sequence[str] = (),
        proxy_protocol: ProxyProtocol = ProxyProtocol.ACCEPT,
        limits: ServerLimits = DEFAULT_LIMITS,
    ) -> None:
        """``trusted_proxies``: peers that are trusted, as
        :class:`~h2static.http.addresses.TrustedProxies` takes them; ``proxy_protocol``: whether
        their connections begin with a PROXY header."""
        super().__init__()
        self._poller = poller
        self._error_log = error_log
        self._limits = limits
        self._proxies = TrustedProxies(trusted_proxies)
        self._proxy_protocol = proxy_protocol
        self._listeners: dict[int, Entrance] = {}
        #: Paused listeners, and until when.
        self._paused: dict[int, float] = {}

    def add_entrance(self, entrance: Entrance) -> None:
        """Accept from the socket of ``entrance``."""
        descriptor = entrance.socket.fileno()
        entrance.socket.setblocking(False)
        self._listeners[descriptor] = entrance
        self._poller.register(descriptor, READABLE)

    def stop(self) -> None:
        """Close the listeners; the supervisor still holds them."""
        for descriptor, entrance in self._listeners.items():
            if descriptor not in self._paused:
                with contextlib.suppress(OSError):
                    self._poller.unregister(descriptor, READABLE)
            with contextlib.suppress(OSError):
                entrance.socket.close()
        self._listeners.clear()
        self._paused.clear()

    def listens_at(self, descriptor: int) -> bool:
        """Whether ``descriptor`` is a listener."""
        return descriptor in self._listeners

    @property
    def paused_until(self) -> float:
        """The end of the earliest pause, in monotonic seconds; :data:`NEVER`: no pause."""
        return min(self._paused.values(), default=NEVER)

    def resume(self, now: float) -> None:
        """Resume accepting when the pause is over."""
        for descriptor, until in list(self._paused.items()):
            if until <= now:
                del self._paused[descriptor]
                try:
                    self._poller.register(descriptor, READABLE)
                except OSError as error:
                    self._pause(descriptor, now, error)

    def accept(self, descriptor: int, now: float) -> list[Link]:
        """Accept waiting connections; each link is already in its first phase."""
        links: list[Link] = []
        entrance = self._listeners.get(descriptor)
        if entrance is None:
            return links
        for _ in range(self._limits.accepts_a_round):
            try:
                accepted, address = entrance.socket.accept()
            except (BlockingIOError, InterruptedError):
                break
            except OSError as error:
                if error.errno in _OF_THE_CONNECTION:
                    continue  # the client disconnected before this
                # A level-triggered poller would spin: retry in a moment.
                with contextlib.suppress(OSError):
                    self._poller.unregister(descriptor, READABLE)
                self._pause(descriptor, now, error)
                break
            try:
                links.append(self._open(accepted, address, entrance, now))
            except OSError as error:
                self._error_log.report("accept", "", f"lost a connection: {error.strerror}")
                accepted.close()
        return links

    def _pause(self, descriptor: int, now: float, error: OSError) -> None:
        """Accept nothing from a listener for a while; the poller does not watch it."""
        self._paused[descriptor] = now + self._limits.accept_pause_seconds
        self._error_log.report("accept", "", f"pausing accept: {error.strerror}")

    def _open(
        self, sock: socket.socket, address: tuple[str, int] | str, entrance: Entrance, now: float
    ) -> Link:
        """The link of an accepted socket.  Raises ``OSError``."""
        sock.setblocking(False)
        link = Link(sock, entrance, now)
        if isinstance(address, tuple):
            host, port = address[:2]
            peer = peer_of(host)
            link.set_peer(peer, port)
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if _CONGESTION is not None and peer.is_loopback:
                with contextlib.suppress(OSError):
                    sock.setsockopt(socket.IPPROTO_TCP, _CONGESTION, _LOOPBACK_CONGESTION)
        if self._proxies.include(link.address):
            link.proxies = self._proxies
        if link.proxies is not None and self._proxy_protocol is not ProxyProtocol.OFF:
            link.move(Phase.PROXY)
        else:
            link.move(Phase.SNIFF if entrance.tls is None else Phase.HANDSHAKE)
        return link
