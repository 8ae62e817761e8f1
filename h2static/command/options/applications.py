"""Options for applications: which to serve, where, and how to load them.

An application is written as ``[PREFIX=]MODULE:ATTRIBUTE``, followed by its own options after
commas: ``/old=shop.wsgi:app,wsgi``.  In a configuration file it is a table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from h2static.asgi.config import AppConfig, LifespanMode
from h2static.command.options.model import TEXT, Argument, Group, Option, Schema, Section
from h2static.command.options.model import choice_option as choice
from h2static.router import parse_prefix

_T = TypeVar("_T")


@dataclass(slots=True, kw_only=True, frozen=True)
class WrittenApp:
    """An application as written; ``None``: use the options for all applications."""

    target: str
    prefix: str
    factory: bool | None = None
    wsgi: bool | None = None
    lifespan: LifespanMode | None = None


def parse_app(text: str) -> WrittenApp:
    """``[PREFIX=]MODULE:ATTRIBUTE[,factory][,wsgi][,lifespan=MODE]``.  Raises ``ValueError``."""
    prefix = ""
    rest = text
    if text.startswith("/"):
        prefix, equals, rest = text.partition("=")
        if not equals:
            raise ValueError(f"{text!r}: expected PREFIX=MODULE:ATTRIBUTE")
        prefix = parse_prefix(prefix)
    target, *words = rest.split(",")
    # Invalid names are refused here, with a one-line message.
    AppConfig(target=target or "?")
    written = WrittenApp(target=target, prefix=prefix)
    for word in words:
        if word == "factory":
            written = replace(written, factory=True)
        elif word == "wsgi":
            written = replace(written, wsgi=True)
        elif word.startswith("lifespan="):
            written = replace(written, lifespan=_mode(word.partition("=")[2]))
        else:
            raise ValueError(f"{word!r}: expected factory, wsgi or lifespan=MODE")
    return written


def _mode(text: str) -> LifespanMode:
    try:
        return LifespanMode(text)
    except ValueError:
        raise ValueError(f"lifespan: {text!r} is not one of {', '.join(LifespanMode)}") from None


def decided(
    written: Sequence[WrittenApp],
    *,
    app_dir: str,
    factory: bool,
    wsgi: bool,
    lifespan: LifespanMode,
) -> tuple[AppConfig, ...]:
    """The application, with the options for all applications as its defaults."""
    return tuple(
        AppConfig(
            target=one.target,
            prefix=one.prefix,
            factory=_or(one.factory, factory),
            wsgi=_or(one.wsgi, wsgi),
            lifespan=_or(one.lifespan, lifespan),
            app_dir=app_dir,
        )
        for one in written
    )


def _or(own: _T | None, of_all: _T) -> _T:
    return of_all if own is None else own


_OF_ONE: Final[dict[str, Schema]] = {
    "target": TEXT,
    "factory": {"type": "boolean"},
    "wsgi": {"type": "boolean"},
    "lifespan": {"enum": [item.value for item in LifespanMode]},
}
_MOUNTED: Final[Schema] = {
    "oneOf": [
        TEXT,
        {
            "type": "object",
            "properties": _OF_ONE,
            "required": ["target"],
            "additionalProperties": False,
        },
    ]
}


def _app_texts(table: Mapping[str, object]) -> list[str]:
    own = {name: value for name, value in table.items() if not name.startswith("/")}
    texts = [_app_text("", own)] if "target" in own else []
    for prefix, mounted in table.items():
        if prefix.startswith("/"):
            what = mounted if isinstance(mounted, dict) else {"target": mounted}
            texts.append(_app_text(f"{prefix}=", what))
    return texts


def _app_text(prefix: str, what: Mapping[str, object]) -> str:
    words = [f"{prefix}{what['target']}"]
    words += [name for name in ("factory", "wsgi") if what.get(name)]
    if "lifespan" in what:
        words.append(f"lifespan={what['lifespan']}")
    return ",".join(words)


#: ``[app]`` and ``[app."/api"]``.
_APP_SECTION = Section(
    schema={
        "type": "object",
        "properties": _OF_ONE,
        "patternProperties": {"^/[^=]*$": _MOUNTED},
        "dependentRequired": {name: ["target"] for name in _OF_ONE if name != "target"},
        "additionalProperties": False,
    },
    texts=_app_texts,
)

APPLICATIONS = (
    Option(
        name="app",
        group=Group.APPLICATIONS,
        argument=Argument.MANY,
        metavar="APP",
        parse=parse_app,
        section=_APP_SECTION,
        help="Serve the ASGI application MODULE:ATTRIBUTE for every request that no file in"
        " DOCROOT answers. /PREFIX=MODULE:ATTRIBUTE serves it under a path; the longest"
        " prefix wins. Repeatable.",
    ),
    Option(
        name="app-dir",
        group=Group.APPLICATIONS,
        argument=Argument.ONE,
        metavar="DIR",
        completes="directory",
        default="the current folder",
        help="Look for application modules in DIR first.",
    ),
    Option(
        name="factory",
        group=Group.APPLICATIONS,
        help="Treat ATTRIBUTE as a function that returns the application.",
    ),
    choice(
        name="lifespan",
        group=Group.APPLICATIONS,
        metavar="MODE",
        what="mode",
        default=LifespanMode.AUTO,
        help="Send applications lifespan events at startup and shutdown: on, off, or auto"
        " (only if they support it).",
    ),
    Option(
        name="wsgi",
        group=Group.APPLICATIONS,
        help="Treat applications as WSGI applications. Requires the extra h2static[wsgi].",
    ),
)
