"""Options for upstreams: which requests to forward, where to and how.

A command line has ``--proxy PREFIX=URL``; a configuration file has a table for each prefix,
``[proxy."/api"]``, with the names that vite and its kin use.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final, TypeVar, cast

from h2static.command.options.model import (
    SECONDS,
    TEXT,
    Argument,
    Group,
    Option,
    Schema,
    integer_schema,
)
from h2static.errors import UsageError
from h2static.http.fields import Fields
from h2static.http.grammar import BAD_IN_VALUE, LOWER_CASE_NAME
from h2static.proxy.config import HealthCheck, Policy, ProxyConfig, parse_target
from h2static.router import parse_prefix

_T = TypeVar("_T")

_ANY_TEXT: Final[Schema] = {"type": "string"}
_SWITCH: Final[Schema] = {"type": "boolean"}
_BY_NAME: Final[Schema] = {"type": "object", "additionalProperties": _ANY_TEXT}

#: The keys of a table.
_KEYS: Final[dict[str, Schema]] = {
    "target": {"oneOf": [TEXT, {"type": "array", "items": TEXT, "minItems": 1}]},
    "policy": {"enum": [item.value for item in Policy]},
    "rewrite": _BY_NAME,
    "change-origin": _SWITCH,
    "headers": _BY_NAME,
    "ws": _SWITCH,
    "rewrite-ws-origin": _SWITCH,
    "secure": _SWITCH,
    "ca": TEXT,
    "cookie-domain": _ANY_TEXT,
    "location": _SWITCH,
    "connect-timeout": SECONDS,
    "timeout": SECONDS,
    "read-timeout": SECONDS,
    "max-fails": integer_schema(1, 1_000),
    "fail-timeout": SECONDS,
    "health-path": TEXT,
    "health-interval": {"type": "number", "minimum": 0.1},
    "health-timeout": {"type": "number", "minimum": 0.1},
}
#: Keys that :class:`ProxyConfig` has under the same name.
_COPIED: Final = (
    *("change-origin", "ws", "rewrite-ws-origin", "secure", "cookie-domain", "location"),
    *("connect-timeout", "timeout", "read-timeout", "max-fails", "fail-timeout"),
)
_HEALTH: Final = ("health-path", "health-interval", "health-timeout")

#: Tables by prefix.
PROXIES: Final[Schema] = {
    "type": "object",
    "propertyNames": {"pattern": "^/"},
    "additionalProperties": {
        "oneOf": [
            TEXT,
            {
                "type": "object",
                "properties": _KEYS,
                "required": ["target"],
                "dependentRequired": {name: ["health-path"] for name in _HEALTH[1:]},
                "additionalProperties": False,
            },
        ]
    },
}


def parse_proxy(text: str) -> ProxyConfig:
    """``/PREFIX=URL``.  Raises ``ValueError``."""
    prefix, equals, target = text.partition("=")
    if not equals or not target:
        raise ValueError(f"{text!r}: expected /PREFIX=URL")
    return ProxyConfig(
        prefix=parse_prefix(prefix), targets=(parse_target(target),), where=f"--proxy {prefix}"
    )


def read_proxies(written: object, where: str, folder: str) -> tuple[ProxyConfig, ...]:
    """Parse the value of ``proxy`` in ``where``, a file in ``folder`` or one of its tables; the
    schema has checked its shape.  Raises :class:`~h2static.errors.UsageError` with a one-line
    message that names table and key.
    """
    if isinstance(written, list):
        return tuple(_listed(str(text), f"{where}: proxy") for text in written)
    tables = cast("Mapping[str, str | Mapping[str, object]]", written)
    return tuple(
        _read(prefix, {"target": table} if isinstance(table, str) else table, where, folder)
        for prefix, table in tables.items()
    )


def _read(prefix: str, table: Mapping[str, object], where: str, folder: str) -> ProxyConfig:
    place = f'{where}: [proxy."{prefix}"]'
    target = table["target"]
    texts = [target] if isinstance(target, str) else cast("Sequence[str]", target)
    values: dict[str, object] = {
        name.replace("-", "_"): table[name] for name in _COPIED if name in table
    }
    if "ca" in table:
        values["ca"] = os.path.join(folder, str(table["ca"]))
    if "policy" in table:
        values["policy"] = Policy(str(table["policy"]))
    rewrite = cast("Mapping[str, str]", table.get("rewrite", {}))
    try:
        if "health-path" in table:
            health = {
                name.removeprefix("health-"): table[name] for name in _HEALTH if name in table
            }
            values["health"] = HealthCheck(**health)  # type: ignore[arg-type]  # by the schema
        return ProxyConfig(
            prefix=parse_prefix(prefix),
            targets=tuple(_named("target", parse_target, text) for text in texts),
            rewrite=tuple(rewrite.items()),
            headers=_headers(cast("Mapping[str, str]", table.get("headers", {}))),
            where=place,
            **values,  # type: ignore[arg-type]  # checked by the schema
        )
    except ValueError as error:
        raise UsageError(f"{place}: {error}") from None


def _listed(text: str, where: str) -> ProxyConfig:
    try:
        return replace(parse_proxy(text), where=where)
    except ValueError as error:
        raise UsageError(f"{where}: {error}") from None


def _named(key: str, parse: Callable[[str], _T], text: str) -> _T:
    try:
        return parse(text)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None


def _headers(written: Mapping[str, str]) -> Fields:
    fields = []
    for name, value in written.items():
        try:
            field = (name.lower().encode("ascii"), value.strip(" \t").encode("latin-1"))
        except UnicodeError:
            raise ValueError(
                f"headers: {name!r} contains characters that a field cannot carry"
            ) from None
        if LOWER_CASE_NAME.fullmatch(field[0]) is None:
            raise ValueError(f"headers: {name!r} is not a field name")
        if BAD_IN_VALUE.search(field[1]) is not None:
            raise ValueError(f"headers: {name}: control character in the value")
        fields.append(field)
    return tuple(fields)


UPSTREAMS = (
    Option(
        name="proxy",
        group=Group.SITES,
        argument=Argument.MANY,
        metavar="/PREFIX=URL",
        parse=parse_proxy,
        tables={"oneOf": [{"type": "array", "items": TEXT}, PROXIES]},
        help="Forward requests under /PREFIX to http://, https:// or h2c://HOST[:PORT][/PATH],"
        " or to unix:/path. /PATH, if given, replaces /PREFIX. The prefix / forwards"
        " whatever DOCROOT does not have. Repeatable.",
    ),
)
