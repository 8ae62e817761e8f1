"""From the tables of hosts, ports and mounts to their part of the configuration.

Contract: :func:`read_tables` parses the tables in a configuration file with the parsers of the
options that the keys name; a command-line value is a table with few keys.  :func:`hosts`,
:func:`mounts` and :func:`listens` build the configuration: hosts and mounts inherit the server's
settings, except those that name files or applications of one site.  All raise
:class:`~h2static.errors.UsageError` or :class:`~h2static.errors.StartError` with a one-line message
that names the table and the key.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Final, TypeAlias, cast

from h2static.asgi.config import AppConfig
from h2static.command.options.hosts import (
    OF_HOST,
    OF_MOUNT,
    WrittenHost,
    WrittenListen,
    WrittenMount,
    mounted_prefix,
)
from h2static.command.options.upstreams import read_proxies
from h2static.errors import StartError, UsageError
from h2static.host_config import HostConfig, ListenConfig, MountConfig
from h2static.http.host_names import parse_host_name
from h2static.proxy.config import ProxyConfig
from h2static.site.config import SiteConfig

#: Parses an option in a file: name, value as written, place.
Parse: TypeAlias = Callable[[str, object, str], object]

#: Options that name files or targets of one site, and are never inherited.
OF_ONE_SITE: Final = ("spa", "error-page", "push", "push-rules")
_SITE_ATTRIBUTES: Final = frozenset(item.name for item in fields(SiteConfig))
_NOT_OF_SITE: Final = frozenset(
    ("htdocs", "names", "default", "key", "cert", "mount", "proxy", "where")
)
#: Paths on this machine.
_PATHS: Final = frozenset(
    {"htdocs", "key", "cert", "key-password-file", "client-ca", "dh-param-file", "ca"}
    | {one.name for one in OF_HOST.values() if one.completes}
)
#: TLS options that apply to a whole port, and why.
OF_PORT: Final = ("verify-client", "client-ca", "groups", "dh-param-file", "no-tls")


@dataclass(slots=True, kw_only=True)
class Table:
    """A parsed table."""

    #: ``hosts.toml: [[host]] 2``.
    where: str
    #: By key.
    values: dict[str, object]


def read_tables(name: str, written: object, path: str, folder: str, parse: Parse) -> list[Table]:
    """The tables of ``host``, ``listen`` or ``mount`` in the file ``path``, which is in ``folder``.

    Their shape was checked by the schema.
    """
    tables = []
    if isinstance(written, dict):
        for prefix, what in written.items():
            where = f'{path}: [mount."{prefix}"]'
            values = {**what, "prefix": prefix}
            tables.append(_table(where, values, folder, parse))
        return tables
    assert isinstance(written, list)
    for number, what in enumerate(written, 1):
        where = f"{path}: [[{name}]] {number}"
        if isinstance(what, str):
            value = cast("tuple[object, ...]", parse(name, [what], where))[0]
            table = of_words(value, where)
            table.values = {key: _below(folder, key, one) for key, one in table.values.items()}
            tables.append(table)
        else:
            tables.append(_table(where, what, folder, parse))
    return tables


def _table(where: str, written: Mapping[str, object], folder: str, parse: Parse) -> Table:
    values: dict[str, object] = {}
    for name, what in written.items():
        place = f"{where}: {name}"
        try:
            if name in ("names", "hosts"):
                values[name] = tuple(parse_host_name(one) for one in cast("list[str]", what))
            elif name == "prefix":
                values[name] = mounted_prefix(str(what))
            elif name == "mount":
                values[name] = read_tables(name, what, where, folder, parse)
            elif name == "proxy":
                # Written in place, and complete.
                values[name] = read_proxies(what, where, folder)
            elif name in OF_HOST or name in ("groups", "address"):
                values[name] = _below(folder, name, parse(name, what, place))
            else:
                values[name] = _below(folder, name, what)
        except ValueError as error:
            raise UsageError(f"{place}: {error}") from None
    return Table(where=where, values=values)


def _below(folder: str, name: str, value: object) -> object:
    return os.path.join(folder, str(value)) if name in _PATHS else value


def of_words(written: object, where: str = "") -> Table:
    """The table for a value in command-line syntax; ``where``: where it was written."""
    if isinstance(written, WrittenHost):
        where = where or f"--host {written.name}"
        return Table(where=where, values={"names": (written.name,), "htdocs": written.htdocs})
    if isinstance(written, WrittenMount):
        where = where or f"--mount {written.prefix}"
        return Table(where=where, values={"prefix": written.prefix, "htdocs": written.htdocs})
    assert isinstance(written, WrittenListen)
    address = {} if written.address is None else {"address": (written.address,)}
    no_tls = {"no-tls": True} if written.no_tls else {}
    return Table(
        where=where or f"--listen {written.port}",
        values={"port": written.port, **address, **no_tls},
    )


def tables_of(values: Mapping[str, object], name: str) -> list[Table]:
    """The tables under ``name``, from the command line or a file."""
    return [
        one if isinstance(one, Table) else of_words(one)
        for one in cast("Sequence[object]", values.get(name, ()))
    ]


def mounts(
    tables: Sequence[Table], common: Mapping[str, object], *, dev: bool
) -> tuple[MountConfig, ...]:
    """The mounts; ``common``: the options of the enclosing site, by name."""
    more = {"listing": True, "lenient": True} if dev else {}
    return tuple(
        MountConfig(
            prefix=str(one.values["prefix"]),
            site=_site(one, {name: common[name] for name in common if name in OF_MOUNT}, more),
            where=one.where,
        )
        for one in tables
    )


def hosts(
    tables: Sequence[Table],
    common: Mapping[str, object],
    apps_of: Callable[[Mapping[str, object]], tuple[AppConfig, ...]],
    *,
    dev: bool,
) -> tuple[HostConfig, ...]:
    """The hosts; ``common``: the server's options, by name; ``apps_of``: returns the applications
    in such values; ``dev``: whether dev mode is on."""
    found = []
    for one in tables:
        values = {**common, **one.values}
        own = cast("list[Table]", one.values.get("mount", []))
        proxies = cast("tuple[ProxyConfig, ...]", one.values.get("proxy", ()))
        try:
            apps = apps_of({**common, "app": (), **one.values})
            more: dict[str, object] = {"lenient": True} if dev else {}
            if dev and "" not in [*(app.prefix for app in apps), *(one.prefix for one in proxies)]:
                # As for the main site.
                more["listing"] = True
            found.append(
                HostConfig(
                    names=cast("tuple[str, ...]", one.values["names"]),
                    default=one.values.get("default") is True,
                    site=_site(one, common, more, needed=not (apps or own or proxies)),
                    apps=apps,
                    proxies=proxies,
                    mounts=mounts(own, values, dev=dev),
                    key_file=_path(one, "key"),
                    cert_file=_path(one, "cert"),
                    key_password_file=_path(one, "key-password-file"),
                    insecure_key=one.values.get("insecure-key") is True,
                    where=one.where,
                )
            )
        except ValueError as error:
            raise UsageError(f"{one.where}: {error}") from None
    return tuple(found)


def _path(table: Table, name: str) -> str | None:
    value = table.values.get(name)
    return None if value is None else os.path.abspath(str(value))


def _site(
    table: Table,
    common: Mapping[str, object],
    more: Mapping[str, object] | None = None,
    *,
    needed: bool = True,
) -> SiteConfig:
    """How to serve the folder of ``table``; ``needed``: the table must have one."""
    folder = table.values.get("htdocs")
    if folder is None and needed:
        raise UsageError(f"{table.where}: htdocs is missing: there is nothing to serve")
    values = {name: what for name, what in common.items() if name not in OF_ONE_SITE}
    values.update(table.values)
    attributes = {
        name.replace("-", "_"): os.path.abspath(str(what)) if name in _PATHS else what
        for name, what in values.items()
        if name not in _NOT_OF_SITE and name.replace("-", "_") in _SITE_ATTRIBUTES
    }
    root = "" if folder is None else root_of(str(folder), f"{table.where}: htdocs: ")
    return SiteConfig(root=root, **{**attributes, **(more or {})})  # type: ignore[arg-type]  # parsed


def root_of(path: str, where: str = "") -> str:
    """The absolute path of the folder to serve; its links are kept, so that they can be swapped."""
    root = os.path.abspath(path)
    if not os.path.isdir(root):
        what = "is not a folder" if os.path.exists(root) else "does not exist"
        raise StartError(f"{where}the folder to serve {what}: {root}")
    if not os.access(root, os.R_OK | os.X_OK):
        raise StartError(f"{where}the folder to serve cannot be read: {root}")
    return root


def listens(
    tables: Sequence[Table], common: ListenConfig, *, has_port: bool
) -> tuple[ListenConfig, ...]:
    """Where to listen; ``common``: the values outside of tables, whose addresses and policy are
    the defaults; ``has_port``: they include a port, which is the first one."""
    # A path belongs to a single socket.
    addresses = tuple([one for one in common.addresses if not one.startswith("unix:")])
    found = [common] if has_port else []
    for one in tables:
        values = one.values
        no_tls = values.get("no-tls", common.no_tls) is True
        verify = values.get("verify-client", common.verify_client and not no_tls) is True
        found.append(
            ListenConfig(
                port=cast("int", values["port"]),
                addresses=tuple(cast("Sequence[str]", values.get("address", addresses))),
                no_tls=no_tls,
                hosts=cast("tuple[str, ...]", values.get("hosts", ())),
                verify_client=verify,
                client_ca=_path(one, "client-ca") or (common.client_ca if verify else None),
                groups=cast("str | None", values.get("groups"))
                or (None if no_tls else common.groups),
                dh_param_file=_path(one, "dh-param-file")
                or (None if no_tls else common.dh_param_file),
                where=one.where,
            )
        )
    return tuple(found)


def absolute(name: str, written: object, folder: str) -> object:
    """The value written under ``name``, with paths relative to ``folder`` made absolute."""
    if isinstance(written, str):
        if name in ("host", "mount"):
            key, equals, path = written.partition("=")
            return f"{key}{equals}{os.path.join(folder, path)}"
        return os.path.join(folder, written) if name in _PATHS else written
    if isinstance(written, list):
        return [absolute(name, one, folder) for one in written]
    if isinstance(written, dict):
        # Other nested tables are fields by pattern and the like.
        return {
            key: absolute(key, what, folder)
            if name == "mount" or key == "mount" or not isinstance(what, dict)
            else what
            for key, what in written.items()
        }
    return written
