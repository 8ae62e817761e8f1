"""What a person wants to know when the server has started.

Contract: :func:`banner` is text in lines; nothing but the routing table is asked.  An address for
browsers on this machine comes first; then what else is listened at, so that nobody lets others in
without knowing.
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
    from h2static.localca import Certificate
    from h2static.server.listeners import Listener

_EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104 -- as above


def banner(
    config: Config,
    listeners: Sequence[Listener],
    certificate: Certificate | None,
    seconds: float,
) -> str:
    """The lines; ``seconds``: what the start took."""
    lines = [f"{SERVER_NAME} {__version__} ({build()}), ready in {seconds * 1000:.0f} ms"]
    if config.found_file is not None:
        lines.append(f"  options  {escape(config.found_file)} (--no-config leaves it out)")
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
    lines += [f"  trouble  {text}" for text in _troubles(config)]
    if certificate is not None:
        lines += _about(certificate)
        lines += [
            f"  TLS      the certificate is not for {name}: give that host a key and a certificate"
            for name in _names_without_certificate(config)
        ]
    if config.dev and (urls := network_urls(config, listeners)) and sys.stderr.isatty():
        # A device that does not know this machine's authority begins with that.
        place = urls[0] if certificate is None else urls[0] + ".h2static/ca"
        lines += [f"  phone    {place}", qr_code(place).rstrip("\n")]
    stop = f"kill {os.getpid()}" if config.daemon else "Ctrl-C"
    lines.append(f"  {stop} stops the server.")
    return "\n".join(lines)


def _what(host: HostConfig) -> str:
    """What is served to those who ask for a host."""
    folders = [host.site.root] if host.folder else []
    folders += [one.site.root for one in host.mounts]
    elsewhere = [one.target for one in host.apps]
    elsewhere += [target.text for one in host.proxies for target in one.targets]
    return ", ".join([*map(escape, folders), *elsewhere])


def urls_here(config: Config, listeners: Sequence[Listener]) -> list[str]:
    """URLs for this machine: the one for its browsers first."""
    local = [one for one in listeners if one.port is not None and one.host in LOCALHOST]
    schemes = [one.scheme for one in config.listening]
    found = [f"{schemes[one.place]}://localhost:{one.port}/" for one in local]
    found += [one.url(schemes[one.place]) for one in listeners if one not in local]
    return list(dict.fromkeys(found))


def network_urls(config: Config, listeners: Sequence[Listener]) -> list[str]:
    """How a telephone in the same network reaches a server on every interface."""
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
        notes.append(f"  port     {config.port} is taken, so it is {min(ports)}")
    unsaid = [not one.addresses for one in config.listening]
    if any(unsaid[one.place] and one.host in _EVERYWHERE for one in listeners):
        notes.append("  open to  every machine that can reach this one (-a localhost: to none)")
    return notes


def _troubles(config: Config) -> list[str]:
    """What is slow or broken on purpose, so that nobody looks for the reason."""
    found = [f"{one.text}: delay of {seconds * 1000:.0f} ms" for one, seconds in config.delay]
    found += [f"{one.text}: {rate} octets a second" for one, rate in config.rate]
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
    """A line about TLS with a certificate of this machine's own, unless browsers trust it."""
    from h2static.localca.trust import is_noted

    if is_noted(certificate):
        return []
    return ["  TLS      browsers warn, until h2static install-ca --yes has run once"]


def _names_without_certificate(config: Config) -> list[str]:
    """Names of hosts that the certificate made on this machine is not for: it has local names."""
    if not config.hosts:
        return []
    from h2static.server.certificate_names import names_without
    from h2static.server.key_pairs import common_pair

    pair = common_pair(config)
    return [] if pair is None else [name for _, name in names_without(config, pair)]
