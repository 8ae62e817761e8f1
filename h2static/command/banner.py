"""The startup banner.

Contract: :func:`banner` returns lines of text and consults nothing but the routing table.  The URL
for browsers on this machine comes first, then all other listening addresses, so that users do not
expose the server unknowingly.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from h2static.config import LOCALHOST, SERVER_NAME, Config
from h2static.logs.escape import escape
from h2static.version import __version__, build

if TYPE_CHECKING:
    from h2static.host_config import HostConfig
    from h2static.localca.certificates import Certificate
    from h2static.server.listeners import Listener

_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 -- as above


def banner(
    config: Config,
    listeners: Sequence[Listener],
    certificate: Certificate | None,
    seconds: float,
) -> str:
    """The banner; ``seconds``: how long the start took."""
    lines = [f"{SERVER_NAME} {__version__} ({build()}), ready in {seconds * 1000:.0f} ms"]
    if config.found_file is not None:
        lines.append(f"  options  {escape(config.found_file)} (--no-config ignores it)")
    if config.folder:
        lines.append(f"  serving  {escape(config.root)}")
    lines += [f"  app      {one.prefix or '/'} → {one.target}" for one in config.apps]
    lines += [
        f"  proxy    {one.prefix or '/'} → {', '.join(target.text for target in one.targets)}"
        for one in config.proxies
    ]
    lines += [f"  mount    {one.prefix} → {escape(one.site.root)}" for one in config.mounts]
    lines += [f"  host     {', '.join(one.names)} → {_what(one)}" for one in config.hosts]
    lines += [f"  at       {url}" for url in urls_here(config, listeners)]
    lines += [f"  network  {url}" for url in network_urls(config, listeners)]
    lines += _notes(config, listeners)
    lines += [f"  fault    {text}" for text in _troubles(config)]
    if certificate is not None:
        lines += _about(certificate)
        lines += [
            f"  TLS      the certificate does not cover {name}: give that host its own key and cert"
            for name in _names_without_certificate(config)
        ]
    if config.dev and (urls := network_urls(config, listeners)) and sys.stderr.isatty():
        # A device that does not trust the local CA starts with that page.
        place = urls[0] if certificate is None else urls[0] + ".h2static/ca"
        lines += [f"  phone    {place}", qr_code(place).rstrip("\n")]
    stop = f"kill {os.getpid()}" if config.daemon else "Ctrl-C"
    lines.append(f"  {stop} stops the server.")
    return "\n".join(lines)


def _what(host: HostConfig) -> str:
    """What a host serves."""
    folders = [host.site.root] if host.folder else []
    folders += [one.site.root for one in host.mounts]
    elsewhere = [one.target for one in host.apps]
    elsewhere += [target.text for one in host.proxies for target in one.targets]
    return ", ".join([*map(escape, folders), *elsewhere])


def urls_here(config: Config, listeners: Sequence[Listener]) -> list[str]:
    """URLs for this machine, the one for its browsers first."""
    local = [one for one in listeners if one.port is not None and one.host in LOCALHOST]
    schemes = [one.scheme for one in config.listening]
    found = [f"{schemes[one.place]}://localhost:{one.port}/" for one in local]
    found += [one.url(schemes[one.place]) for one in listeners if one not in local]
    return list(dict.fromkeys(found))


def network_urls(config: Config, listeners: Sequence[Listener]) -> list[str]:
    """URLs for a phone in the same network, if the server listens on all interfaces."""
    found = next((one for one in listeners if one.host in _EVERYWHERE), None)
    if found is None:
        return []
    from h2static.localca.names import lan_addresses

    scheme = config.listening[found.place].scheme
    hosts = [one.host for one in listeners if one.place == found.place]
    return [f"{scheme}://{host}:{found.port}/" for host in lan_addresses(hosts)]


def _notes(config: Config, listeners: Sequence[Listener]) -> list[str]:
    notes = []
    ports = {one.port for one in listeners if one.port is not None and not one.inherited}
    if config.port and not config.port_given and config.port not in ports and ports:
        notes.append(f"  port     {config.port} is in use; using {min(ports)} instead")
    unsaid = [not one.addresses for one in config.listening]
    if any(unsaid[one.place] and one.host in _EVERYWHERE for one in listeners):
        notes.append(
            "  open to  every machine that can reach this one (-a localhost: this machine only)"
        )
    if config.serves_http3:
        encrypted = [one for one in listeners if not config.listening[one.place].no_tls]
        udp = sorted({one.port for one in encrypted if one.port is not None})
        only = " (TCP connections are refused)" if config.http3_only else ""
        notes.append(f"  HTTP/3   on UDP port {', '.join(map(str, udp))}{only}")
    return notes


def _troubles(config: Config) -> list[str]:
    """Deliberate delays and failures, so that users do not search for a cause."""
    found = [f"{one.text}: delayed by {seconds * 1000:.0f} ms" for one, seconds in config.delay]
    found += [f"{one.text}: limited to {rate} octets per second" for one, rate in config.rate]
    found += [f"{one.text}: {status}, {share * 100:g}%" for one, (status, share) in config.fail]
    return [escape(text) for text in found]


def qr_code(text: str) -> str:
    """``text`` as a QR code for terminals; empty without the library (the extra ``qr``)."""
    try:
        import segno
    except ImportError:
        return ""
    written = io.StringIO()
    segno.make(text, error="l", micro=False).terminal(written, border=2, compact=True)
    return written.getvalue()


def _about(certificate: Certificate) -> list[str]:
    """A line about TLS if browsers do not trust the local certificate."""
    from h2static.localca.trust import is_noted

    if is_noted(certificate):
        return []
    return ["  TLS      browsers show a warning until you run h2static install-ca --yes once"]


def _names_without_certificate(config: Config) -> list[str]:
    """Host names that the local certificate does not cover: it has local names only."""
    if not config.hosts:
        return []
    from h2static.server.certificate_names import names_without
    from h2static.server.key_pairs import common_pair

    pair = common_pair(config)
    return [] if pair is None else [name for _, name in names_without(config, pair)]
