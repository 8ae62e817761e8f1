"""Several hosts in one server: each request goes to the host whose name its authority has.

Contract: :class:`HostRouter` is an application for connections of one kind: those on one port with
one certificate.  It passes a request to the host that ``:authority`` or Host names, or to the
default if no host has the name.  It responds 421 (RFC 9110 section 15.5.20) if the name belongs to
a host that is not served on connections of this kind, or to no host and there is no default.
Decisions are cached by authority.

Hosts share nothing here: each has its own caches, error pages and logs.  A host is notified of a
batch at its first request in that batch, so that hosts without requests cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from h2static.http.exchange import Application, Exchange
from h2static.http.host_names import HostNames, host_of
from h2static.http.lifecycle import Lifecycle, Several, lifecycle_of
from h2static.http.messages import Request, Response

#: Maximum number of cached authorities, and octets of each.
_KNOWN: Final = 256
_LONGEST: Final = 256
#: RFC 9110 section 15.5.20: a client should retry on another connection.
_NO_STORE: Final = (b"cache-control", b"no-store")


class Host:
    """A host as routers see it."""

    __slots__ = ("application", "batch", "label", "lifecycle", "names")

    def __init__(self, label: str, names: Sequence[str], application: Application) -> None:
        """``label``: its name in logs; ``names``: none for the main site."""
        self.label = label
        self.names = tuple(names)
        self.application = application
        self.lifecycle = lifecycle_of(application)
        #: The last batch that it was notified of.
        self.batch = -1


class Hosts(Several):
    """All hosts of a server, and the batch that is being answered."""

    __slots__ = ("batch", "default", "every", "names")

    def __init__(self, every: Sequence[Host], default: Host | None) -> None:
        """``default``: serves unknown names; ``None``: there is no default."""
        super().__init__(one.application for one in every)
        self.every = tuple(every)
        self.default = default
        self.names = HostNames((name, host) for host in every for name in host.names)
        self.batch = 0

    def new_batch(self) -> None:
        """See :class:`h2static.http.lifecycle.Lifecycle`; hosts are told when they are asked."""
        self.batch += 1


class HostRouter(Lifecycle):
    """Routes requests to hosts by name; its lifecycle is that of all hosts."""

    __slots__ = ("_hosts", "_known", "_nobody", "_reaches")

    def __init__(
        self,
        hosts: Hosts,
        nobody: Application,
        reaches: Callable[[Host, str], bool] = lambda host, name: True,
    ) -> None:
        """``nobody`` refuses requests without a host.  ``reaches``: whether connections of this
        kind reach a host by one of its names; by an empty name, as the default."""
        self._hosts = hosts
        self._nobody = nobody
        self._reaches = reaches
        self._known: dict[bytes, Host | None] = {}

    def choose(self, authority: bytes) -> Host | None:
        """The host of ``authority``; ``None``: none that is reached here."""
        try:
            host = self._known[authority]
        except KeyError:
            host = self._decide(authority)
        hosts = self._hosts
        if host is not None and host.batch != hosts.batch:
            host.batch = hosts.batch
            host.lifecycle.new_batch()
        return host

    def forget(self) -> None:
        """The reachable hosts may have changed."""
        self._known.clear()

    def _decide(self, authority: bytes) -> Host | None:
        name = host_of(authority)
        host = self._hosts.names.find(name)
        if host is None:
            # The name is unknown: the default answers, whatever the certificate.
            name, host = "", self._hosts.default
        if host is not None and not self._reaches(host, name):
            host = None
        if len(authority) <= _LONGEST:
            if len(self._known) >= _KNOWN:
                self._known.clear()
            self._known[authority] = host
        return host

    def recall(self, request: Request) -> Response | None:
        """The host's recalled response."""
        host = self.choose(request.authority)
        return None if host is None else host.application.recall(request)

    def handle(self, exchange: Exchange) -> None:
        """Implement :meth:`h2static.http.exchange.Application.handle`."""
        request = exchange.request
        host = self.choose(request.authority)
        if host is None:
            exchange.respond(self._misdirected(request))
        else:
            host.application.handle(exchange)

    def refuse(self, status: int, request: Request | None) -> Response:
        """The host's refusal; without a host, one that reveals nothing about hosts."""
        host = None if request is None else self.choose(request.authority)
        return (self._nobody if host is None else host.application).refuse(status, request)

    def _misdirected(self, request: Request) -> Response:
        name = host_of(request.authority)
        owner = self._hosts.names.find(name)
        why = (
            "no host has this name, and there is no default host"
            if owner is None
            else "its host is not served on this port, or not with this certificate"
        )
        response = self._nobody.refuse(421, request)
        fields = tuple(field for field in response.fields if field[0] != _NO_STORE[0])
        return replace(
            response,
            fields=(*fields, _NO_STORE),
            prepared=False,
            refusal=f"{name or 'no authority'}: {why}",
        )

    def start(self) -> None:
        """Implement :meth:`h2static.http.lifecycle.Lifecycle.start`."""
        self._hosts.start()

    def new_batch(self) -> None:
        """Implement :meth:`h2static.http.lifecycle.Lifecycle.new_batch`."""
        self._hosts.new_batch()

    def release(self) -> None:
        """Implement :meth:`h2static.http.lifecycle.Lifecycle.release`."""
        self._hosts.release()

    def shrink(self) -> None:
        """Implement :meth:`h2static.http.lifecycle.Lifecycle.shrink`."""
        self._hosts.shrink()

    def drain(self) -> None:
        """Implement :meth:`h2static.http.lifecycle.Lifecycle.drain`."""
        self._hosts.drain()

    def stop(self) -> None:
        """Implement :meth:`h2static.http.lifecycle.Lifecycle.stop`."""
        self._hosts.stop()
