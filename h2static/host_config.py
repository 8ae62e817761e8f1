"""The configuration of virtual hosts, ports and mounts.

Contract: plain values, as in :mod:`h2static.config`.  :func:`check_hosts` reports contradictions
between them in one line; each value knows where it was written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from h2static.asgi.config import AppConfig
from h2static.proxy.config import ProxyConfig
from h2static.site.config import SiteConfig


@dataclass(slots=True, kw_only=True, frozen=True)
class MountConfig:
    """A folder that is served under a path prefix."""

    #: As returned by :func:`h2static.router.parse_prefix`; not empty.
    prefix: str
    #: Paths in its rules are those of requests, with the prefix.
    site: SiteConfig
    where: str = field(default="a mount", compare=False)


@dataclass(slots=True, kw_only=True, frozen=True)
class HostConfig:
    """A virtual host: its names, and what it serves."""

    #: As returned by :func:`h2static.http.host_names.parse_host_name`; a wildcard is one label.
    names: tuple[str, ...]
    #: Serves requests for unknown names.
    default: bool = False
    #: Without a root no folder is served.
    site: SiteConfig = field(default_factory=lambda: SiteConfig(root=""))
    apps: tuple[AppConfig, ...] = ()
    proxies: tuple[ProxyConfig, ...] = ()
    mounts: tuple[MountConfig, ...] = ()
    #: PEM files; both ``None``: those of the server.
    key_file: str | None = None
    cert_file: str | None = None
    key_password_file: str | None = None
    insecure_key: bool = False
    #: Where this was written, for messages: ``hosts.toml: [[host]] 2``.
    where: str = field(default="a host", compare=False)

    @property
    def folder(self) -> bool:
        """Whether a folder is served."""
        return bool(self.site.root)

    @property
    def label(self) -> str:
        """How logs call it: its first name."""
        return self.names[0]


@dataclass(slots=True, kw_only=True, frozen=True)
class ListenConfig:
    """A port, the hosts reachable there, and its TLS policy.

    A policy is a port's: when the name in a TLS handshake is known, Python can change the
    certificate and nothing else.
    """

    port: int
    #: As in :class:`h2static.config.Config`.
    addresses: tuple[str, ...] = ()
    no_tls: bool = False
    #: Names of the hosts reachable here; empty: all.  The main site is reachable everywhere.
    hosts: tuple[str, ...] = ()
    verify_client: bool = False
    client_ca: str | None = None
    groups: str | None = None
    dh_param_file: str | None = None
    where: str = field(default="a port", compare=False)

    @property
    def scheme(self) -> str:
        """The scheme of the port's URLs."""
        return "http" if self.no_tls else "https"

    def has(self, host: HostConfig) -> bool:
        """Whether ``host`` is reachable here."""
        return not self.hosts or not set(self.hosts).isdisjoint(host.names)


def check_prefixes(
    apps: Sequence[AppConfig], mounts: Sequence[MountConfig], proxies: Sequence[ProxyConfig] = ()
) -> None:
    """Raise ``ValueError`` if several things share a prefix."""
    prefixes = [one.prefix for one in apps]
    for prefix in prefixes:
        if prefixes.count(prefix) > 1:
            where = f"under {prefix}" if prefix else "without a prefix"
            raise ValueError(f"several applications {where}")
    others: list[MountConfig | ProxyConfig] = [*mounts, *proxies]
    prefixes += [one.prefix for one in others]
    for one in others:
        if prefixes.count(one.prefix) > 1:
            raise ValueError(
                f"{one.where}: more than one app, proxy or mount uses the prefix"
                f" {one.prefix or '/'}"
            )


def check_hosts(
    hosts: Sequence[HostConfig], listens: Sequence[ListenConfig], *, has_main: bool
) -> None:
    """Raise ``ValueError`` if hosts and ports contradict each other.

    ``has_main``: there is a main site (without a name), which is the default.
    """
    owners: dict[str, HostConfig] = {}
    default: HostConfig | None = None
    for host in hosts:
        if not host.names:
            raise ValueError(f"{host.where}: names: a host requires at least one name")
        for name in host.names:
            other = owners.setdefault(name, host)
            if other is not host:
                raise ValueError(f"{host.where}: names: {name} is already in {other.where}")
        if len(set(host.names)) < len(host.names):
            raise ValueError(f"{host.where}: names: a name is repeated")
        if host.default:
            if has_main:
                raise ValueError(
                    f"{host.where}: default: the site without a name (htdocs, app or mount) is"
                    " already the default"
                )
            if default is not None:
                raise ValueError(f"{host.where}: default: {default.where} is already the default")
            default = host
        if (host.key_file is None) != (host.cert_file is None):
            raise ValueError(f"{host.where}: key and cert must be set together")
        if host.cert_file is None and host.key_password_file is not None:
            raise ValueError(f"{host.where}: key-password-file requires key and cert")
        try:
            check_prefixes(host.apps, host.mounts, host.proxies)
        except ValueError as error:
            text = str(error)
            where = "" if text.startswith(host.where) else f"{host.where}: "
            raise ValueError(where + text) from None
    _check_listens(listens, owners)


def _check_listens(listens: Sequence[ListenConfig], owners: dict[str, HostConfig]) -> None:
    places: dict[tuple[int, str], ListenConfig] = {}
    for one in listens:
        for name in one.hosts:
            if name not in owners:
                raise ValueError(f"{one.where}: hosts: no host is named {name}")
        if one.verify_client and one.client_ca is None:
            raise ValueError(f"{one.where}: verify-client requires client-ca")
        if one.client_ca is not None and not one.verify_client:
            raise ValueError(f"{one.where}: client-ca requires verify-client")
        if one.no_tls and (one.verify_client or one.groups or one.dh_param_file):
            raise ValueError(f"{one.where}: no-tls cannot be combined with other TLS options")
        for address in one.addresses or ("",):
            if not one.port and not address.startswith("unix:"):
                continue
            other = places.setdefault((one.port, address), one)
            if other is not one:
                raise ValueError(
                    f"{one.where}: port: {one.port} is already in {other.where}; settings of a"
                    " port (no-tls, verify-client) cannot differ by name"
                )
