"""From options and operands to a :class:`~h2static.config.Config`.

Contract: :func:`configure` merges the command line with the configuration file (the command line
takes precedence), checks operands and the file system, and returns a ``Config``, or raises
:class:`~h2static.errors.UsageError` (usage error, exit status 2) or :class:`StartError` (the
machine lacks something that was requested, exit status 1), each with a one-line message.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, cast

from h2static.asgi.config import AppConfig, LifespanMode
from h2static.command.host_tables import (
    OF_ONE_SITE,
    Table,
    hosts,
    listens,
    mounts,
    root_of,
    tables_of,
)
from h2static.command.intentions import command_meant
from h2static.command.options import OPTIONS
from h2static.command.options.applications import WrittenApp, decided
from h2static.command.options.values import port as parse_port
from h2static.command.run_commands import check_commands
from h2static.config import (
    DEFAULT_PORT,
    DEFAULT_SECURE_DEV_PORT,
    LOOPBACK,
    Config,
    LogFormat,
    describe,
)
from h2static.errors import StartError, UsageError
from h2static.host_config import ListenConfig, MountConfig
from h2static.proxy.config import ProxyConfig
from h2static.server.processors import usable_processors
from h2static.site.compression import COMPRESSIONS
from h2static.site.config import HintSource, SiteConfig
from h2static.site.hints.rules import PushRules

if TYPE_CHECKING:
    from h2static.server.key_pairs import KeyPair

#: Options and operands whose attribute in ``Config`` has a different name.
_ATTRIBUTES = {
    "address": "addresses",
    "trailer": "trailers",
    "trusted-proxy": "trusted_proxies",
    "key": "key_file",
    "cert": "cert_file",
}
#: Read by :mod:`h2static.command.host_tables`.
_TABLES = ("host", "listen", "mount")
#: Options that say what to serve.
_SERVED = ("htdocs", "app", "proxy", "mount", "host")
#: Options that are handled here, or do not concern a server.
_NOT_COPIED = {"htdocs", "port", "workers", "config", "no-config", "print-config", "proxy"}
_OF_APPS = ("app", "app-dir", "factory", "lifespan", "wsgi")
#: The hint for operands in the wrong order.
_ORDER = "the order is PORT DOCROOT KEY CERT, as in h2static 8080 ./www"
#: Options that are meaningless without KEY, and options that are meaningless without TLS.
_OF_KEY = ("key-password-file", "insecure-key")
_OF_TLS = ("key", "cert", *_OF_KEY, "verify-client", "client-ca", "groups", "dh-param-file")
#: Options that have no effect without one of the others.
_NEEDS = {
    "client-ca": ("verify-client",),
    "log-format": ("access-log", "dev"),
    "proxy-protocol": ("trusted-proxy",),
    "push-cookie": ("push", "push-rules", "hints"),
    "ignore": ("dev", "live-reload"),
    "poll": ("dev", "live-reload"),
    "debounce": ("dev", "live-reload"),
    "no-service-workers": ("dev", "live-reload"),
    "run": ("dev", "live-reload"),
    "watch": ("dev", "live-reload"),
    **dict.fromkeys(("mock", "delay", "rate", "fail"), ("dev", "live-reload")),
    **{name: ("app",) for name in _OF_APPS if name != "app"},
}
#: Values that are paths on this machine.
_PATHS = {item.name for item in OPTIONS if item.completes} | {"key", "cert"}
_SITE_ATTRIBUTES = {item.name for item in fields(SiteConfig)}


def configure(
    operands: Sequence[str], written: Mapping[str, object], from_file: Mapping[str, object]
) -> Config:
    """Build the configuration.

    ``operands`` are the operands on the command line, ``written`` its options by name,
    ``from_file`` the values in a configuration file by name (operands under ``port``, ``htdocs``,
    ``key`` and ``cert``); all values are parsed.
    """
    values = {**from_file, **_operands(operands, written), **written}
    listen_tables = tables_of(values, "listen")
    if values.get("no-tls") is True and not any(
        one.values.get("no-tls") is False for one in listen_tables
    ):
        if len(operands) > 2:
            raise UsageError("--no-tls cannot be combined with KEY and CERT")
        for name in _OF_TLS:
            if written.get(name) and written.get("no-tls"):
                raise UsageError(f"--{name} cannot be combined with --no-tls")
            # TLS settings in a file have no effect then.
            values.pop(name, None)
    for name, needed in _NEEDS.items():
        if values.get(name) and not any(_is_on(values.get(other)) for other in needed):
            raise UsageError(f"--{name} requires --{' or --'.join(needed)}")
    for name in _OF_KEY:
        if values.get(name) and "key" not in values:
            raise UsageError(f"--{name} requires KEY and CERT")
    _check_allow_host(values)
    if values.get("daemon") is True and not any(values.get(name) for name in _SERVED):
        raise UsageError("-D/--daemon requires -d PATH, DOCROOT, --app, --proxy, --mount or --host")
    _check_one_site(values)
    server: dict[str, object] = {}
    site: dict[str, object] = {}
    for name, value in values.items():
        if name in _NOT_COPIED or name in _OF_APPS or name in _TABLES:
            continue
        attribute = _ATTRIBUTES.get(name, name.replace("-", "_"))
        of_site = attribute in _SITE_ATTRIBUTES
        (site if of_site else server)[attribute] = _absolute(value) if name in _PATHS else value
    check_commands(cast("Sequence[str]", values.get("run", ())))
    for _, folder in cast("Sequence[tuple[object, str]]", values.get("mock", ())):
        if folder and not os.path.isdir(folder):
            raise UsageError(f"--mock: no such folder: {folder}")
    for folder in cast("Sequence[str]", server.get("watch", ())):
        if not os.path.isdir(folder):
            raise UsageError(f"--watch: no such folder: {folder}")
    if server.get("dev") is True:
        _apply_dev(server, site, falls_through="" in _prefixes(values))
    elif server.get("live_reload") is True:
        # For the person who edits the site only.
        server.setdefault("addresses", LOOPBACK)
    dev = server.get("dev") is True
    try:
        server.update(_ports(server, values, listen_tables))
        config = Config(
            port_given="port" in values,
            workers=_workers(cast("int", values.get("workers", 1))),
            apps=_apps(values),
            proxies=tuple(cast("Sequence[ProxyConfig]", values.get("proxy", ()))),
            site=SiteConfig(
                root=_root(values),
                **site,  # type: ignore[arg-type]  # parsed by the option of the same name
            ),
            mounts=mounts(tables_of(values, "mount"), values, dev=dev),
            hosts=hosts(tables_of(values, "host"), values, _apps, dev=dev),
            **server,  # type: ignore[arg-type]  # as above
        )
    except ValueError as error:
        raise UsageError(str(error)) from None
    _check_auth(config)
    if config.serves_http3:
        _check_http3(config)
    return config


def _check_http3(config: Config) -> None:
    """Refuse HTTP/3 if this machine does not support it."""
    if importlib.util.find_spec("aioquic") is None:
        raise UsageError("HTTP/3 requires aioquic: pip install 'h2static[http3]'")
    if config.workers > 1 and sys.platform != "linux":
        # Other systems cannot route a datagram to the right process.
        raise UsageError("--http3 with several workers works on Linux only")


def _default_port(values: Mapping[str, object]) -> int:
    secure = values.get("dev") is True and values.get("no-tls") is not True
    return DEFAULT_SECURE_DEV_PORT if secure else DEFAULT_PORT


def _ports(
    server: Mapping[str, object], values: Mapping[str, object], tables: Sequence[Table]
) -> dict[str, object]:
    """Where to listen, as in ``Config``; ``server``: the values outside of ``tables``."""
    port = cast("int", values.get("port", _default_port(values)))
    if not tables:
        return {"port": port}
    names = [item.name for item in fields(ListenConfig) if item.name in server]
    common = ListenConfig(
        port=port,
        where="PORT",
        **{name: server[name] for name in names},  # type: ignore[arg-type]  # parsed
    )
    every = listens(tables, common, has_port="port" in values)
    # The first one is the server's own.
    return {
        "listens": every,
        "port": every[0].port,
        "addresses": every[0].addresses,
        "no_tls": all(one.no_tls for one in every),
    }


def _check_one_site(values: Mapping[str, object]) -> None:
    """Refuse options of the main site if there is none."""
    if not values.get("host") or any(values.get(name) for name in _SERVED if name != "host"):
        return
    for name in OF_ONE_SITE:
        if values.get(name):
            raise UsageError(
                f"--{name} requires DOCROOT; to set it for one host, put it in [[host]]"
            )


def _prefixes(values: Mapping[str, object]) -> list[str]:
    """The prefixes of applications and upstreams."""
    apps = cast("Sequence[WrittenApp]", values.get("app", ()))
    proxies = cast("Sequence[ProxyConfig]", values.get("proxy", ()))
    return [one.prefix for one in apps] + [one.prefix for one in proxies]


def _apps(values: Mapping[str, object]) -> tuple[AppConfig, ...]:
    """The applications."""
    written = cast("Sequence[WrittenApp]", values.get("app", ()))
    if not written:
        return ()
    return decided(
        written,
        app_dir=os.path.abspath(cast("str", values.get("app-dir", "."))),
        factory=values.get("factory") is True,
        wsgi=values.get("wsgi") is True,
        lifespan=cast("LifespanMode", values.get("lifespan", LifespanMode.AUTO)),
    )


def _check_allow_host(values: Mapping[str, object]) -> None:
    """Refuse ``--allow-host`` if nothing uses it: neither dev mode, live reload nor a local
    certificate."""
    certified = not values.get("no-tls") and "key" not in values
    if (
        values.get("allow-host")
        and not certified
        and not values.get("dev")
        and not values.get("live-reload")
    ):
        raise UsageError("--allow-host requires --dev or --live-reload")


def _check_auth(config: Config) -> None:
    """Refuse passwords on connections that others could read."""
    if config.auth:
        from h2static.server.basic_auth import check_users

        try:
            check_users(config.auth)
        except ValueError as error:
            raise UsageError(f"--auth: {error}") from None
    for listen in config.listening if config.auth else ():
        addresses = listen.addresses
        if listen.no_tls and not (addresses and all(map(_is_local, addresses))):
            raise UsageError(
                "--auth requires TLS or -a localhost; otherwise passwords are sent in the clear"
            )


def _is_local(address: str) -> bool:
    """Whether only this machine can reach ``address``, which may be a name."""
    if address.startswith("unix:"):
        return True
    name = address.lower().strip("[]").removesuffix(".")
    try:
        return ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return name == "localhost"


def _is_on(value: object) -> bool:
    """Whether an option with ``value`` has an effect."""
    return bool(value) and value is not HintSource.OFF


def with_files(config: Config) -> Config:
    """``config`` with the contents of files that its options name, unless workers read them
    themselves: rules in ``--push-rules`` act as if they were on the command line.

    Raises ``UsageError`` for an error in such a file, ``StartError`` if it cannot be read.
    """
    return replace(
        config,
        site=_site_with_files(config.site),
        mounts=_mounts_with_files(config.mounts),
        hosts=tuple(
            [
                replace(
                    one,
                    site=_site_with_files(one.site, one.where),
                    mounts=_mounts_with_files(one.mounts),
                )
                for one in config.hosts
            ]
        ),
    )


def _mounts_with_files(mounts: Sequence[MountConfig]) -> tuple[MountConfig, ...]:
    return tuple([replace(one, site=_site_with_files(one.site, one.where)) for one in mounts])


def _site_with_files(site: SiteConfig, where: str = "") -> SiteConfig:
    start = where and f"{where}: "
    try:
        if site.mime_types_file is not None:
            from h2static.site.mediatypes import read_mime_types

            read_mime_types(site.mime_types_file)
        # A lenient site reads them itself, and re-reads them when they change.
        if site.push_rules is not None and not site.lenient:
            from h2static.site.hints.rule_files import load_push_rules

            rules = load_push_rules(site.push_rules)
            site = replace(site, push=site.push + rules, push_rules=None)
        PushRules(site.push)
    except OSError as error:
        raise StartError(start + describe(error)) from error
    except ValueError as error:
        raise UsageError(start + str(error)) from None
    return site


def check_certificates(config: Config, pairs: Sequence[KeyPair]) -> None:
    """Refuse certificates in ``pairs`` that do not cover the names of their hosts.

    Raises ``UsageError``, or ``StartError`` if a certificate cannot be read.
    """
    if not config.hosts:
        return
    from h2static.server.certificate_names import uncovered

    for pair in pairs:
        problem = uncovered(config, pair)
        if problem is not None:
            raise UsageError(problem)


def _apply_dev(server: dict[str, object], site: dict[str, object], *, falls_through: bool) -> None:
    """Apply what ``--dev`` implies, unless options say otherwise."""
    server["live_reload"] = True
    server.setdefault("addresses", LOOPBACK)
    if "access_log" not in server:
        server["access_log"] = "-"
        server.setdefault("log_format", LogFormat.BRIEF)
    site["lenient"] = True
    site.setdefault("compress", COMPRESSIONS)
    if not falls_through:
        # Otherwise the application answers for a folder without an index.
        site["listing"] = True


def _absolute(path: object) -> object:
    """``path`` made absolute; ``-`` is a standard stream."""
    if isinstance(path, tuple):
        return tuple(map(_absolute, path))
    return path if path == "-" else os.path.abspath(cast("str", path))


def _operands(operands: Sequence[str], written: Mapping[str, object]) -> dict[str, object]:
    """The operands by name: ``[PORT] [DOCROOT] [KEY CERT]``."""
    folder_first = bool(operands) and _is_folder(operands[0])
    if len(operands) > (3 if folder_first else 4):
        raise UsageError(f"{operands[-1]}: too many arguments; {_ORDER}")
    if folder_first:
        if len(operands) == 2:
            raise UsageError(f"{operands[1]}: only KEY CERT may follow a folder; {_ORDER}")
        names: tuple[str, ...] = ("htdocs", "key", "cert")[: len(operands)]
    else:
        names = {0: (), 1: ("port",), 2: ("port", "htdocs"), 3: ("port", "key", "cert")}.get(
            len(operands), ("port", "htdocs", "key", "cert")
        )
    values: dict[str, object] = dict(zip(names, operands, strict=True))
    if "port" in values:
        try:
            values["port"] = parse_port(operands[0])
        except ValueError as error:
            raise UsageError(f"PORT: {error}{_hint(operands[0], written)}") from None
    if "htdocs" in values and "htdocs" in written:
        raise UsageError("-d/--htdocs cannot be combined with DOCROOT")
    for name in names:
        if values[name] == "":
            raise UsageError(f"{name}: the value is empty")
    return values


def _is_folder(word: str) -> bool:
    """Whether the first operand is a folder: digits are a port, as in nghttpd."""
    if not word or word.isdigit():
        return False
    return word in (".", "..") or "/" in word or os.path.isdir(word)


def _hint(word: str, written: Mapping[str, object]) -> str:
    """A hint for ``word``, which is not a port."""
    if "access-log" in written:
        return "; to log to a file, write --access-log=FILE"
    return f"; {command_meant(word) or _ORDER}"


def _root(values: Mapping[str, object]) -> str:
    """The folder that the main site serves; empty: none, because there is something else to
    serve."""
    if "htdocs" not in values and any(values.get(name) for name in _SERVED):
        return ""
    root = cast("str", values.get("htdocs", "."))
    if values.get("run") and not os.path.exists(root):
        # The first build creates its contents.
        os.makedirs(root)
    return root_of(root)


def _workers(count: int) -> int:
    """``count``, or for 0 the number of CPUs that this process may use."""
    return count or usable_processors()
