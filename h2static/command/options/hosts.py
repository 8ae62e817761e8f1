"""Options for several sites in one server: hosts, ports, mounts.

A command line has a short form of each; a configuration file has tables: ``[[host]]``,
``[[listen]]`` and ``[mount."/docs"]``, whose keys are those of the options that they replace.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from h2static.command.options import values
from h2static.command.options.applications import APPLICATIONS
from h2static.command.options.model import (
    TEXT,
    Argument,
    Group,
    Option,
    Schema,
    integer_schema,
)
from h2static.command.options.site import FILES
from h2static.command.options.upstreams import PROXIES
from h2static.http.host_names import parse_host_name
from h2static.router import parse_prefix

#: Options of the server that a host may override.
_OF_KEY: Final[dict[str, Schema]] = {
    "key": TEXT,
    "cert": TEXT,
    "key-password-file": TEXT,
    "insecure-key": {"type": "boolean"},
}

#: Options that a mount may override.
OF_MOUNT: Final = {one.name: one for one in FILES}
#: Options that a host may override, except those for its key.
OF_HOST: Final = {one.name: one for one in (*FILES, *APPLICATIONS)}


@dataclass(slots=True, kw_only=True, frozen=True)
class WrittenHost:
    """A host as written on the command line."""

    name: str
    htdocs: str


@dataclass(slots=True, kw_only=True, frozen=True)
class WrittenMount:
    """A mount as written on the command line."""

    prefix: str
    htdocs: str


@dataclass(slots=True, kw_only=True, frozen=True)
class WrittenListen:
    """A port as written on the command line."""

    port: int
    address: str | None
    no_tls: bool


def parse_host(text: str) -> WrittenHost:
    """``NAME=DOCROOT``.  Raises ``ValueError``."""
    name, equals, folder = text.partition("=")
    if not equals or not folder:
        raise ValueError(f"{text!r}: expected NAME=DOCROOT; to listen on an address, use -a")
    return WrittenHost(name=parse_host_name(name), htdocs=values.text_value(folder))


def parse_mount(text: str) -> WrittenMount:
    """``/PREFIX=DIR``.  Raises ``ValueError``."""
    prefix, equals, folder = text.partition("=")
    if not equals or not folder:
        raise ValueError(f"{text!r}: expected /PREFIX=DIR")
    return WrittenMount(prefix=mounted_prefix(prefix), htdocs=values.text_value(folder))


def mounted_prefix(text: str) -> str:
    """``text`` as the prefix of a mount.  Raises ``ValueError``."""
    prefix = parse_prefix(text)
    if not prefix:
        raise ValueError(f"{text!r} is the root; use htdocs for that")
    return prefix


def parse_listen(text: str) -> WrittenListen:
    """``[ADDR:]PORT[,no-tls]`` or ``unix:/path[,no-tls]``.  Raises ``ValueError``."""
    place, *words = text.split(",")
    for word in words:
        if word != "no-tls":
            raise ValueError(f"{word!r}: expected no-tls")
    if place.startswith("unix:"):
        return WrittenListen(port=0, address=values.address(place), no_tls=bool(words))
    address, colon, port = place.rpartition(":")
    if colon and not address:
        raise ValueError(f"{text!r}: expected [ADDR:]PORT")
    return WrittenListen(port=values.port(port), address=address or None, no_tls=bool(words))


def _table(properties: dict[str, Schema], *required: str) -> Schema:
    table: Schema = {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
    }
    return {**table, "required": list(required)} if required else table


_NAMES: Final[Schema] = {"type": "array", "items": TEXT, "minItems": 1}
_MOUNTS: Final[Schema] = {
    "type": "object",
    "propertyNames": {"pattern": "^/"},
    "additionalProperties": _table(
        {name: option.file_schema() for name, option in OF_MOUNT.items()}, "htdocs"
    ),
}
_HOST: Final = _table(
    {
        "names": _NAMES,
        "default": {"type": "boolean"},
        **_OF_KEY,
        "mount": _MOUNTS,
        "proxy": PROXIES,
        **{name: option.file_schema() for name, option in OF_HOST.items()},
    },
    "names",
)
_LISTEN: Final = _table(
    {
        "port": integer_schema(0, 65535),
        "address": {"type": "array", "items": TEXT},
        "hosts": _NAMES,
        "no-tls": {"type": "boolean"},
        "verify-client": {"type": "boolean"},
        "client-ca": TEXT,
        "groups": {"enum": list(values.GROUP_NAMES)},
        "dh-param-file": TEXT,
    },
    "port",
)

SITES = (
    Option(
        name="host",
        group=Group.SITES,
        argument=Argument.MANY,
        metavar="NAME=DOCROOT",
        parse=parse_host,
        tables={"type": "array", "items": {"oneOf": [TEXT, _HOST]}},
        help="Serve DOCROOT to requests for the host NAME; *.NAME matches one label before"
        " NAME. A DOCROOT without a name answers all other hosts. Repeatable.",
    ),
    Option(
        name="listen",
        group=Group.SITES,
        argument=Argument.MANY,
        metavar="PORT",
        parse=parse_listen,
        tables={"type": "array", "items": {"oneOf": [TEXT, _LISTEN]}},
        help="Also listen on [ADDR:]PORT or unix:/path; append ',no-tls' for cleartext."
        " Repeatable.",
    ),
    Option(
        name="mount",
        group=Group.SITES,
        argument=Argument.MANY,
        metavar="/PREFIX=DIR",
        parse=parse_mount,
        tables={"oneOf": [{"type": "array", "items": TEXT}, _MOUNTS]},
        help="Serve DIR under /PREFIX; the longest matching prefix wins. Repeatable.",
    ),
)
