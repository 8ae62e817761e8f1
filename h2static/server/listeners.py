"""Listening sockets: one for each address and worker slot.

Contract: :func:`open_listeners` binds all sockets or none, and raises
:class:`~h2static.errors.StartError` with the address.  A port that another process uses is an
error, even if that is another h2static.  The sockets accept as soon as the function returns.

Strategy: on Linux each slot has a socket of its own in one ``SO_REUSEPORT`` group, and the kernel
distributes connections over them.  The supervisor keeps the sockets as long as it lives, so that a
connection in a backlog survives the worker that should have accepted it.  The first socket of a
group is bound before it joins the group, so that its bind fails if the port is in use, which a bind
with ``SO_REUSEPORT`` would not notice.  Elsewhere, and for Unix domain sockets, the slots share one
socket.
"""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import os
import socket
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from h2static.config import LOOPBACK, Config
from h2static.errors import StartError
from h2static.host_config import ListenConfig
from h2static.server.datagram_group import DatagramGroup, open_group

#: Connections that wait for a worker; the kernel lowers it to its own limit (net.core.somaxconn).
BACKLOG = 4096
#: How often another port is tried when port 0 was picked and another address has it taken.
_PORT_ATTEMPTS = 16
#: Ports after a taken one that are tried for a suggestion.
_PORT_SUGGESTIONS = 20
#: Linux distributes connections over the sockets of one port; other systems use a single one.
_SPREADS = sys.platform == "linux"
#: Addresses that mean every interface, and what a client on this machine uses instead.
_WILDCARDS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 -- compared, not bound


class _PortTakenError(StartError):
    """Another process listens there."""


@dataclass(slots=True, kw_only=True)
class Listener:
    """One address with its sockets."""

    #: Host as numbers, or the path of a Unix domain socket.
    host: str
    #: ``None`` for a Unix domain socket.
    port: int | None
    #: One for each slot, or one that all slots share.
    sockets: list[socket.socket]
    #: Whether the socket came from outside (systemd): it is neither extended nor removed.
    inherited: bool = False
    #: Which of :attr:`Config.listening` this is of.
    place: int = 0
    #: How many of the sockets are for good, see :meth:`extend`.
    settled: int = 1
    #: At the same address, for HTTP/3; ``None``: it is not served here.
    datagrams: DatagramGroup | None = None

    def url(self, scheme: str) -> str:
        """The URL by which a client on this machine reaches the listener."""
        if self.port is None:
            return f"{scheme}+unix://{self.host}"
        host = _WILDCARDS.get(self.host, self.host)
        if ":" in host:
            host = f"[{host}]"
        return f"{scheme}://{host}:{self.port}/"

    def describe(self) -> str:
        """The listener in the words of nghttpd: ``IPv4: listen 127.0.0.1:8080``."""
        if self.port is None:
            return f"Unix: listen {self.host}"
        family = "IPv6" if ":" in self.host else "IPv4"
        return f"{family}: listen {self.host}:{self.port}"

    def extend(self, slots: int) -> None:
        """Bind sockets until there is one for each of ``slots``, where slots have their own.

        They get no connection before :func:`begin_listening`, and are for good after
        :meth:`settle`.  Raises ``OSError``.
        """
        if self.datagrams is not None:
            self.datagrams.extend(slots)
        if self.port is None or self.inherited or not _SPREADS:
            return
        while len(self.sockets) < slots:
            family = self.sockets[0].family
            self.sockets.append(_bind(family, self.sockets[0].getsockname(), join=True))

    def settle(self) -> None:
        """Every socket has a worker that accepts from it."""
        if self.datagrams is not None:
            self.datagrams.settle()
        self.settled = len(self.sockets)

    def revert(self) -> None:
        """Close what :meth:`extend` opened: no worker will accept there, and clients that the
        kernel assigned to these sockets would wait forever."""
        if self.datagrams is not None:
            self.datagrams.revert()
        while len(self.sockets) > self.settled:
            self.sockets.pop().close()

    def for_slot(self, slot: int, slots: int, *, datagrams: bool = False) -> list[socket.socket]:
        """The sockets that ``slot`` of ``slots`` accepts from, and those for HTTP/3 if wanted.

        Sockets of slots that no longer exist go to the others: a connection in their backlog must
        not be lost.
        """
        found = self.sockets if len(self.sockets) == 1 else self.sockets[slot::slots]
        if datagrams and self.datagrams is not None:
            return [*found, *self.datagrams.for_slot(slot, slots)]
        return found

    def take_datagrams(self, slots: int) -> None:
        """Have sockets for HTTP/3 at the same address.  Raises ``OSError``."""
        if self.datagrams is None and self.port is not None:
            try:
                self.datagrams = open_group(self.sockets[0], slots)
            except OSError as error:
                host = f"[{self.host}]" if ":" in self.host else self.host
                text = f"cannot listen on UDP {host}:{self.port}: {error.strerror}"
                raise OSError(error.errno, text) from error

    def leave_datagrams(self) -> None:
        """Close the datagram sockets: clients are refused immediately."""
        if self.datagrams is not None:
            self.datagrams.close()
            self.datagrams = None

    def close(self) -> None:
        """Close the sockets; the name of a Unix domain socket goes too.  Safe to call twice."""
        self.leave_datagrams()
        if not self.sockets:
            # The name may be another server's by now.
            return
        while self.sockets:
            self.sockets.pop().close()
        if self.port is None and not self.inherited:
            with contextlib.suppress(OSError):
                os.unlink(self.host)


def sockets_of(
    listeners: Sequence[Listener], config: Config, slot: int = 0
) -> list[tuple[socket.socket, int]]:
    """The sockets that the worker of ``slot`` serves, each with its place in
    :attr:`Config.listening`."""
    return [
        (one, item.place)
        for item in listeners
        for one in item.for_slot(slot, config.workers, datagrams=config.serves_http3)
    ]


def begin_listening(one: socket.socket) -> None:
    """Have ``one`` accept connections, unless it does so already."""
    if not one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        one.listen(BACKLOG)


def open_listeners(config: Config, slots: int) -> list[Listener]:
    """Open the sockets of every address of ``config`` for ``slots`` workers.

    In dev mode, the next free port will do if the user chose none.  Raises
    :class:`~h2static.errors.StartError`.
    """
    if config.dev and not config.port_given and not config.listens:
        for port in range(config.port, config.port + _PORT_SUGGESTIONS):
            with contextlib.suppress(_PortTakenError):
                return _open_all(replace(config, port=port), slots)
    for attempt in range(_PORT_ATTEMPTS):
        try:
            return _open_all(config, slots)
        except OSError as error:
            picked = any(one.port == 0 for one in config.listening)
            if error.errno != errno.EADDRINUSE or not picked or attempt == _PORT_ATTEMPTS - 1:
                raise StartError(error.strerror) from error
    raise AssertionError("the last attempt returns or raises")


def adopt_listeners(descriptors: Sequence[int], config: Config) -> list[Listener]:
    """Listeners over sockets that another process opened (systemd's socket activation).

    Raises :class:`~h2static.errors.StartError` when one is no listening stream socket, or listens
    at another port than ``config`` says.
    """
    listeners: list[Listener] = []
    try:
        for descriptor in descriptors:
            listeners.append(_adopt(descriptor, config))
            if config.serves_http3 and not config.listening[listeners[-1].place].no_tls:
                listeners[-1].take_datagrams(config.workers)
    except OSError as error:
        for listener in listeners:
            listener.close()
        raise StartError(error.strerror) from error
    except BaseException:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def _adopt(descriptor: int, config: Config) -> Listener:
    try:
        one = socket.socket(fileno=descriptor)
    except OSError as error:
        raise StartError(f"descriptor {descriptor} is not a socket: {error.strerror}") from error
    listening = one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    name = one.getsockname()
    unix = one.family == socket.AF_UNIX
    if not listening or one.type != socket.SOCK_STREAM:
        one.close()
        raise StartError(f"descriptor {descriptor} is not a listening stream socket")
    place = _place_of(config.listening, None if unix else name[1])
    if place is None and not (config.port_given or config.listens):
        # No port was requested.
        place = 0
    if place is None:
        one.close()
        ports = " or ".join(str(listen.port) for listen in config.listening)
        raise StartError(f"the inherited socket listens on port {name[1]}, but PORT is {ports}")
    if config.auth and config.listening[place].no_tls and not (unix or _is_loopback(name[0])):
        one.close()
        raise StartError(f"--auth requires TLS: the inherited socket listens on {name[0]}")
    one.set_inheritable(False)
    one.setblocking(False)
    host, port = (os.fsdecode(name), None) if unix else name[:2]
    return Listener(host=host, port=port, sockets=[one], inherited=True, place=place)


def _is_loopback(host: str) -> bool:
    return ipaddress.ip_address(host.partition("%")[0]).is_loopback


def _place_of(listening: Sequence[ListenConfig], port: int | None) -> int | None:
    """Which of ``listening`` a socket is of; ``port`` is ``None`` for Unix domain sockets."""
    for place, one in enumerate(listening):
        if port is None and any(address.startswith("unix:") for address in one.addresses):
            return place
        if port is not None and one.port == port:
            return place
    for place, one in enumerate(listening):
        if port is None or one.port == 0:
            return place
    return None


def _open_all(config: Config, slots: int) -> list[Listener]:
    listeners: list[Listener] = []
    try:
        for place, listen in enumerate(config.listening):
            first = len(listeners)
            _open_place(listen, place, slots, listeners, silent=config.http3_only)
            if config.serves_http3 and not listen.no_tls:
                for one in listeners[first:]:
                    one.take_datagrams(slots)
    except BaseException:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def _open_place(
    listen: ListenConfig, place: int, slots: int, listeners: list[Listener], *, silent: bool
) -> None:
    """Open the sockets of ``listen`` and add them to ``listeners``, one by one.

    ``silent``: connections are refused; the addresses are kept for datagrams.
    """
    port = listen.port
    before = len(listeners)
    for family, host, optional in _addresses(listen):
        if family == socket.AF_UNIX:
            sockets = [_bind_unix(host)]
            listeners.append(Listener(host=host, port=None, sockets=sockets, place=place))
            continue
        try:
            first = _bind(family, (host, port), join=False)
        except OSError as error:
            if optional and len(listeners) > before and error.errno != errno.EADDRINUSE:
                continue
            shown = f"[{host}]" if ":" in host else host
            text = f"cannot listen on {shown}:{port}: {error.strerror}"
            if error.errno == errno.EADDRINUSE:
                if listen.port == 0:
                    raise OSError(error.errno, text) from error
                raise _PortTakenError(text + _suggest_port(family, host, port)) from error
            raise StartError(text) from error
        port = first.getsockname()[1]
        listener = Listener(host=host, port=port, sockets=[first], place=place)
        listeners.append(listener)
        listener.extend(slots)
        listener.settle()
        for one in () if silent else listener.sockets:
            begin_listening(one)


def _suggest_port(family: int, host: str, port: int) -> str:
    """The end of a message: the next port that is free, if there is one near."""
    for candidate in range(port + 1, min(port + 1 + _PORT_SUGGESTIONS, 65536)):
        try:
            _bind(family, (host, candidate), join=False).close()
        except OSError:
            continue
        return f"; {candidate} is free"
    return ""


def _addresses(config: ListenConfig) -> list[tuple[socket.AddressFamily, str, bool]]:
    """What to bind: family, numeric host or path, and whether it is optional."""
    if not config.addresses:
        every = [(socket.AF_INET, "0.0.0.0", True)]  # noqa: S104 -- the documented default
        if socket.has_ipv6:
            every.append((socket.AF_INET6, "::", True))
        return every
    if config.addresses == LOOPBACK:
        # IPv6 was not requested explicitly: a machine may lack it.
        return [(socket.AF_INET, LOOPBACK[0], False), (socket.AF_INET6, LOOPBACK[1], True)]
    found: list[tuple[socket.AddressFamily, str, bool]] = []
    for address in config.addresses:
        if address.startswith("unix:"):
            found.append((socket.AF_UNIX, address.removeprefix("unix:"), False))
            continue
        try:
            answers = socket.getaddrinfo(
                address.strip("[]"), None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )
        except (OSError, UnicodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not a host name"
            raise StartError(f"cannot listen on {address}: {reason}") from error
        found.extend((answer[0], str(answer[4][0]), False) for answer in answers)
    return list(dict.fromkeys(found))


def _bind(family: int, address: tuple[object, ...], *, join: bool) -> socket.socket:
    """A bound socket; ``join``: as a member of an existing group of its port."""
    one = socket.socket(family, socket.SOCK_STREAM)
    try:
        one.setblocking(False)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Accepted sockets inherit it: responses are written completely, and waiting gains nothing.
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if join:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        one.bind(address)
        if _SPREADS and not join:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except BaseException:
        one.close()
        raise
    return one


def _bind_unix(path: str) -> socket.socket:
    """A listening Unix domain socket; what a dead server left at ``path`` is removed."""
    one = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path)
        one.setblocking(False)
        one.bind(path)
        one.listen(BACKLOG)
    except StartError:
        one.close()
        raise
    except OSError as error:
        one.close()
        raise StartError(f"cannot listen on unix:{path}: {error.strerror or error}") from error
    return one


def _remove_stale(path: str) -> None:
    """Remove a stale socket.  Raises ``StartError`` if a process still listens on it."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            raise StartError(f"cannot listen on unix:{path}: exists and is not a socket")
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
            return
    raise StartError(f"cannot listen on unix:{path}: Address already in use")
