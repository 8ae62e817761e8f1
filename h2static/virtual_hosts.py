"""Turns several hosts and ports into applications, certificates and entrances.

Contract: part of the assembly, for configurations with hosts or several ports; servers with one
site do without it.  :class:`VirtualHosts` creates an application for each host, as if it were
alone, and routes to it by name: no host can reach anything of another.

Strategy: the port and the certificate of a connection decide which hosts it reaches.  Connections
with the same port and certificate share engines and response caches of their own, so that a cached
request needs no look-up.  Decoded header blocks are the same for all, and cached once.
"""

from __future__ import annotations

import socket
import ssl
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Protocol, TypeAlias

from h2static.config import Config
from h2static.errors import StartError
from h2static.host_config import HostConfig, ListenConfig
from h2static.host_router import Host, HostRouter, Hosts
from h2static.http.exchange import Application
from h2static.http.host_names import HostNames, host_of, is_address
from h2static.http.messages import Request
from h2static.served import Served
from h2static.server.certificate_names import covers, names_in
from h2static.server.certificate_renewal import MakeContext, PairRenewal
from h2static.server.certificates import Certificates
from h2static.server.datagram_entrance import NamedApplications
from h2static.server.engine import Engine
from h2static.server.entrance import Engines, Entrance, Opening
from h2static.server.health import HealthApplication
from h2static.server.key_pairs import KeyPair, common_pair, pair_of
from h2static.server.pool import Pool
from h2static.site.refusals import Refusals

#: Minimum share of a cache, in octets.
_SMALLEST_SHARE: Final = 1024 * 1024
#: Octets of an ORIGIN frame that every client accepts (RFC 9113 section 4.2).
_FRAME: Final = 16_384


def configs_of_hosts(config: Config) -> list[tuple[HostConfig | None, Config]]:
    """The configuration that each host would have alone; the main site comes first.

    Hosts without a ``cache-size`` of their own share the server's.
    """
    folders = sum(one.folder + len(one.mounts) for one in config.hosts)
    folders += config.folder + len(config.mounts)
    whole = config.site.cache_size
    share = max(whole // max(folders, 1), min(whole, _SMALLEST_SHARE))

    def alone(own: Config) -> Config:
        site = own.site
        if site.cache_size == whole:
            site = replace(site, cache_size=share)
        mounts = tuple(
            replace(one, site=replace(one.site, cache_size=min(one.site.cache_size, share)))
            for one in own.mounts
        )
        return replace(own, site=site, mounts=mounts, hosts=(), listens=(), health=None)

    found: list[tuple[HostConfig | None, Config]] = []
    if config.has_main or not config.hosts:
        found.append((None, alone(config)))
    for host in config.hosts:
        own = replace(
            config,
            site=host.site,
            apps=host.apps,
            proxies=host.proxies,
            mounts=host.mounts,
            hosts=(),
            listens=(),
            allow_host=(*config.allow_host, *host.names),
        )
        found.append((host, alone(own)))
    return found


def opened_host(config: Config) -> tuple[HostConfig | None, str | None]:
    """The host to open in a browser on this machine, and the name to request; no host: the main
    site; no name: any unknown name will do."""
    default = next((one for one in config.hosts if one.default), None)
    if config.has_main or default is not None:
        return default, None
    for host in filter(config.listening[0].has, config.hosts):
        for name in host.names:
            if not name.startswith("*."):
                return host, name
    return config.hosts[0], None


def labels(config: Config) -> Callable[[Request], str] | None:
    """The names of hosts in logs, if there are several: the first name of a host; for the main site
    the requested name."""
    if not config.hosts:
        return None
    names = HostNames((name, host.label) for host in config.hosts for name in host.names)
    default = next((host.label for host in config.hosts if host.default), None)

    def label(request: Request) -> str:
        host = host_of(request.authority)
        return names.find(host) or default or host or "-"

    return label


#: What is reached at a place of :attr:`Config.listening`.
Reached: TypeAlias = Callable[[int], NamedApplications]
#: See :func:`assemble_hosts`.
MakeApplications: TypeAlias = Callable[[Config, str, bool], Served]


class MakeEngines(Protocol):
    """Creates the engines for connections that reach the same hosts."""

    def __call__(
        self,
        application: Application,
        *,
        gateway: Application,
        secure: bool,
        origins: Sequence[tuple[bytes, ...]],
        beside: Engines | None,
        port: int | None = None,
    ) -> Engines:
        """``gateway`` is for connections from trusted proxies.  ``origins`` may change later: each
        connection gets the current ones.  ``beside``: earlier engines whose caches of decoded
        header blocks are shared.  ``port``: where clients connect."""


@dataclass(slots=True, kw_only=True, eq=False)
class Port:
    """One of :attr:`Config.listening`, with the places of its sockets."""

    listen: ListenConfig
    certificates: Certificates | None
    pairs: tuple[KeyPair, ...]


class EnginesByCertificate:
    """The engines of one port; see :class:`h2static.server.entrance.Engines`."""

    def __init__(self, certificates: Certificates, by_pair: dict[KeyPair, Engines]) -> None:
        """``by_pair``: the first one is for clients without a server name."""
        self._certificates = certificates
        self._by_pair = by_pair
        self._every = tuple(by_pair.values())
        self.protocols = self._every[0].protocols

    def of_context(self, context: ssl.SSLContext) -> Engines:
        """The engines for connections with the certificate of ``context``."""
        return self._by_pair[self._certificates.pair_of(context)]

    def make(self, protocol: str, opening: Opening) -> Engine:
        """Implement :meth:`h2static.server.entrance.Engines.make`."""
        return self._every[0].make(protocol, opening)

    def new_batch(self) -> None:
        """Implement :meth:`h2static.server.entrance.Engines.new_batch`."""
        for one in self._every:
            one.new_batch()

    def release(self) -> None:
        """Implement :meth:`h2static.server.entrance.Engines.release`."""
        for one in self._every:
            one.release()


def assemble_hosts(
    config: Config,
    sockets: Sequence[tuple[socket.socket, int]],
    *,
    pool: Pool,
    report: Callable[[str], None],
    make_applications: MakeApplications,
    make_context: Callable[[Config], ssl.SSLContext],
    make_engines: Callable[[Served], MakeEngines],
    renewed: list[Callable[[], None]],
) -> tuple[Served, list[Entrance], Callable[[], None], Reached]:
    """Build applications and entrances of all hosts.

    Returns what is served, its entrances, a function that checks the certificates, and what HTTP/3
    reaches.  ``renewed``: called when a certificate has changed.  ``sockets``: each with its place
    in :attr:`Config.listening`.  ``report`` gets messages about renewed certificates.
    ``make_applications`` creates those of a host; it gets the host's name in logs, which is empty
    for the main site, and whether to open a browser for it.  Raises
    :class:`~h2static.errors.StartError`.
    """
    hosts = VirtualHosts(config, make_applications, make_context)
    make = make_engines(hosts.served)
    made: dict[tuple[int, int | None], Engines] = {}
    entrances: list[Entrance] = []
    for one, place in sockets:
        number = None if one.family == socket.AF_UNIX else one.getsockname()[1]
        engines = made.get((place, number))
        if engines is None:
            engines = made[place, number] = hosts.engines(place, number, make)
        certificates = hosts.ports[place].certificates
        by_context = engines.of_context if isinstance(engines, EnginesByCertificate) else None
        entrances.append(
            Entrance(
                socket=one,
                tls=None if certificates is None else certificates.context,
                engines=engines,
                application=hosts.served.application,
                by_context=by_context,
            )
        )

    def use() -> None:
        for entrance, (_, place) in zip(entrances, sockets, strict=True):
            certificates = hosts.ports[place].certificates
            entrance.tls = None if certificates is None else certificates.context
        for one in renewed:
            one()

    return hosts.served, entrances, hosts.renew(pool, use, report), hosts.reached


class VirtualHosts:
    """Applications, certificates and entrances of several hosts and ports."""

    def __init__(
        self,
        config: Config,
        make_applications: MakeApplications,
        make_context: Callable[[Config], ssl.SSLContext],
    ) -> None:
        """See :func:`assemble_hosts`; ``make_context`` blocks."""
        self._config = config
        self._make_context = make_context
        self._configs: dict[Host, HostConfig | None] = {}
        self._healths: list[HealthApplication] = []
        self._renewals: dict[KeyPair, PairRenewal] = {}
        #: The names that certificates cover, if there are several.
        self._names: dict[KeyPair, frozenset[str]] = {}
        #: Called when they have changed.
        self._forgetting: dict[KeyPair, list[Callable[[], None]]] = defaultdict(list)
        self.ports = self._make_ports()
        parts: list[tuple[str, Served]] = []
        default: Host | None = None
        opened = opened_host(config)[0] if config.hosts else None
        for written, own in configs_of_hosts(config):
            label, names = ("", ()) if written is None else (written.label, written.names)
            try:
                served = make_applications(own, label, written is opened)
            except StartError as error:
                if written is not None and not str(error).startswith(written.where):
                    error.args = (f"{written.where}: {error}",)
                raise
            host = Host(label, names, served.application)
            self._configs[host] = written
            parts.append((label, served))
            if written is None or written.default:
                default = host
        self._hosts = Hosts(tuple(self._configs), default)
        self._nobody = Refusals()
        #: Routes to every host: its lifecycle is that of all hosts.
        self._everywhere = self._router(lambda host, name: True)
        self.served = self._together(parts)

    def _outer(self, inner: Application) -> Application:
        """``inner`` with the health check around it, which answers under any name."""
        if self._config.health is None:
            return inner
        health = HealthApplication(inner, self._config.health)
        self._healths.append(health)
        return health

    def _together(self, parts: Sequence[tuple[str, Served]]) -> Served:
        def warnings() -> tuple[str, ...]:
            return tuple(
                f"{label}: {text}" if label else text
                for label, one in parts
                for text in one.warnings()
            )

        def turn_away() -> None:
            for health in self._healths:
                health.draining = True
            for _, one in parts:
                one.on_stopping()

        def tell(text: str) -> None:
            for _, one in parts:
                one.on_not_restarted(text)

        return Served(
            application=self._everywhere,
            warnings=warnings,
            on_stopping=turn_away,
            protocols=frozenset().union(*(one.protocols for _, one in parts)),
            on_not_restarted=tell,
            hosted=tuple(hosted for _, one in parts for hosted in one.hosted),
            proxies=tuple(proxy for _, one in parts for proxy in one.proxies),
        )

    # ------------------------------------------------------------------ certificates

    def _pairs_at(self, listen: ListenConfig) -> tuple[KeyPair, ...]:
        """The pairs for ``listen``; the first one is for clients without a server name."""
        config = self._config
        if listen.no_tls:
            return ()
        by_host = self._hosts_with_pairs(listen)
        pairs = [pair for _, pair in by_host]
        first = next((pair for one, pair in by_host if one.default), None)
        if config.has_main or not pairs:
            first = common_pair(config)
        if first is not None:
            pairs.insert(0, first)
        if not pairs:
            raise StartError(f"{listen.where}: no certificate: set key and cert")
        return tuple(dict.fromkeys(pairs))

    def _hosts_with_pairs(self, listen: ListenConfig) -> list[tuple[HostConfig, KeyPair]]:
        config = self._config
        hosts = [one for one in config.hosts if listen.has(one)]
        return [(one, pair) for one in hosts if (pair := pair_of(config, one)) is not None]

    def _make_ports(self) -> list[Port]:
        config = self._config

        def make(pair: KeyPair, listen: ListenConfig) -> ssl.SSLContext:
            return self._make_context(pair.of(config, listen))

        pairs = [self._pairs_at(listen) for listen in config.listening]
        shown_at: dict[KeyPair, list[ListenConfig]] = defaultdict(list)
        for listen, shown in zip(config.listening, pairs, strict=True):
            for pair in shown:
                shown_at[pair].append(listen)
        # Before contexts are created, so that later changes are noticed.
        unwatched = None if config.watch_certificate else common_pair(config)
        self._renewals = {
            pair: PairRenewal(config, pair, places, make)
            for pair, places in shown_at.items()
            if pair != unwatched
        }
        return [
            Port(listen=listen, certificates=self._certificates(listen, shown, make), pairs=shown)
            for listen, shown in zip(config.listening, pairs, strict=True)
        ]

    def _certificates(
        self, listen: ListenConfig, pairs: tuple[KeyPair, ...], make: MakeContext
    ) -> Certificates | None:
        if not pairs:
            return None
        names = [(name, pair) for one, pair in self._hosts_with_pairs(listen) for name in one.names]
        # With one certificate there is nothing to select.
        several = len(pairs) > 1
        certificates = Certificates(
            pairs, names if several else (), lambda pair: make(pair, listen)
        )
        for pair in pairs:
            if several and pair not in self._names:
                self._names[pair] = names_in(pair.cert_file)
            if pair in self._renewals:
                self._renewals[pair].add(listen, certificates)
        return certificates

    def renew(
        self, pool: Pool, use: Callable[[], None], report: Callable[[str], None]
    ) -> Callable[[], None]:
        """A function that checks all certificates.  ``use`` is called with a new one."""

        def take(pair: KeyPair, names: frozenset[str]) -> None:
            use()
            if self._names.get(pair, names) != names:
                self._names[pair] = names
                for forget in self._forgetting[pair]:
                    forget()

        def look() -> None:
            for one in self._renewals.values():
                one.look(pool, take, report)

        return look

    # ------------------------------------------------------------------ ports

    def engines(self, place: int, number: int | None, make: MakeEngines) -> Engines:
        """The engines of the port at ``place`` among :attr:`ports`.

        ``number``: where it listens; ``None``: at a Unix domain socket.
        """
        port = self.ports[place]
        listen, certificates = port.listen, port.certificates
        gateway = self._router(lambda host, name: self._is_here(listen, host))
        if certificates is None:
            return make(gateway, gateway=gateway, secure=False, origins=(), beside=None)
        by_pair: dict[KeyPair, Engines] = {}
        first: Engines | None = None
        for pair in port.pairs:
            reaches = self._reaching(port, pair)
            origins: list[tuple[bytes, ...]] = []
            engines = by_pair[pair] = make(
                self._router(reaches, pair),
                gateway=gateway,
                secure=True,
                origins=origins,
                beside=first,
                port=number,
            )
            first = first or engines
            if number is not None:
                tell = partial(self._tell_origins, origins, reaches, number)
                tell()
                self._forgetting[pair].append(tell)
        return EnginesByCertificate(certificates, by_pair)

    def reached(self, place: int) -> NamedApplications:
        """The applications that HTTP/3 reaches on the port at ``place`` in :attr:`ports`."""
        port = self.ports[place]
        assert port.certificates is not None
        return NamedApplications(
            pair_for=port.certificates.pair_for,
            applications={
                pair: self._router(self._reaching(port, pair), pair) for pair in port.pairs
            },
        )

    def _router(
        self, reaches: Callable[[Host, str], bool], pair: KeyPair | None = None
    ) -> Application:
        """A router to the hosts that ``reaches`` allows, which may change with ``pair``."""
        if not self._config.hosts:
            # One site: it is notified of batches with the whole.
            (host,) = self._hosts.every
            return self._outer(host.application)
        router = HostRouter(self._hosts, self._nobody, reaches)
        if pair is not None:
            self._forgetting[pair].append(router.forget)
        return self._outer(router)

    def _is_here(self, listen: ListenConfig, host: Host) -> bool:
        written = self._configs[host]
        return written is None or listen.has(written)

    def _reaching(self, port: Port, pair: KeyPair) -> Callable[[Host, str], bool]:
        """Which hosts are reached by connections with the certificate of ``pair``."""
        several = len(port.pairs) > 1

        def reaches(host: Host, name: str) -> bool:
            if not self._is_here(port.listen, host):
                return False
            written = self._configs[host]
            if not several or written is None or not name:
                return True
            return pair_of(self._config, written) == pair or covers(self._names[pair], name)

        return reaches

    def _tell_origins(
        self,
        origins: list[tuple[bytes, ...]],
        reaches: Callable[[Host, str], bool],
        number: int,
    ) -> None:
        """Set ``origins`` to the reachable names for ORIGIN frames.  Wildcards are not allowed
        there (RFC 8336 section 2.1); clients use another connection for such names."""
        suffix = "" if number == 443 else f":{number}"
        frames: list[tuple[bytes, ...]] = []
        octets = _FRAME
        for host in self._hosts.every:
            for name in host.names:
                if name.startswith("*.") or is_address(name) or not reaches(host, name):
                    continue
                origin = f"https://{name}{suffix}".encode("ascii")
                if octets + 2 + len(origin) > _FRAME:
                    frames.append(())
                    octets = 0
                frames[-1] += (origin,)
                octets += 2 + len(origin)
        origins[:] = frames
