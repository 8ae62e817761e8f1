"""What an option is: its spelling, its value and its description.

Contract: values without behavior; the rows of the table are in the other modules of the package.
The functions at the end build common kinds of rows, whose parser and schema use the same limits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias, TypeVar

from h2static.command.options import values
from h2static.quantities import integer, size

_E = TypeVar("_E", bound=StrEnum)

#: A JSON Schema of a value.
Schema: TypeAlias = dict[str, object]


class Group(StrEnum):
    """The headings of the help text, in their order."""

    FILES = "Files"
    APPLICATIONS = "Applications"
    SITES = "Several sites"
    LISTENING = "Listening"
    TLS = "TLS"
    PROTOCOL = "HTTP/2"
    PUSH = "Push and hints"
    DEVELOPMENT = "Development"
    LOGS = "Logs and output"
    PROCESSES = "Processes"
    OTHER = "Other"


class Argument(StrEnum):
    """What follows an option's name."""

    #: Nothing: the option is a switch.
    NONE = "none"
    #: One value; the last one written wins.
    ONE = "one"
    #: An optional value, written as ``--name=VALUE``, so that ``--name 8080`` is unambiguous.
    OPTIONAL = "optional"
    #: One value each time; all of them are used.
    MANY = "many"


@dataclass(slots=True, kw_only=True, frozen=True)
class Section:
    """A section of a configuration file that holds the values of a repeatable option."""

    #: JSON Schema of the section, a table by pattern.
    schema: Schema
    #: Converts the section to the texts that the command line would have.
    texts: Callable[[Mapping[str, object]], list[str]]


@dataclass(slots=True, kw_only=True, frozen=True)
class Option:
    """An option: its spelling, its value and its effect."""

    #: Long name without dashes; also the key in a configuration file.
    name: str
    group: Group
    #: What it does, in plain sentences.
    help: str
    #: Single letter, or empty.
    letter: str = ""
    argument: Argument = Argument.NONE
    #: The name of the value in the help text.
    metavar: str = ""
    #: Parses the text; raises ``ValueError`` with a one-line message.  Not used for switches.
    parse: Callable[[str], object] = values.text_value
    #: The default as the help text shows it; empty for switches.
    default: str = ""
    #: The value of an :attr:`Argument.OPTIONAL` option that is given without one.
    bare: str = ""
    #: JSON Schema of one value in a configuration file.
    schema: Schema | None = None
    #: For :attr:`Argument.MANY`: a section that may hold all values in a configuration file.
    section: Section | None = None
    #: JSON Schema of all values in a configuration file, if each may be a table;
    #: :mod:`h2static.command.host_tables` reads them.
    tables: Schema | None = None
    #: Whether a configuration file may set it.
    in_file: bool = True
    #: What a shell completes: ``file``, ``directory`` or nothing.  Such a value is a path on this
    #: machine; in a configuration file it is relative to the file's folder.
    completes: str = ""

    @property
    def key(self) -> str:
        """The name as an identifier."""
        return self.name.replace("-", "_")

    def file_schema(self) -> Schema:
        """JSON Schema of the option's value in a configuration file."""
        if self.argument is Argument.NONE:
            return {"type": "boolean", "description": self.help}
        if self.tables is not None:
            return {**self.tables, "description": self.help}
        one = self.schema if self.schema is not None else {"type": "string", "minLength": 1}
        if self.argument is Argument.MANY:
            array: Schema = {"type": "array", "items": one}
            if self.section is not None:
                return {"oneOf": [array, self.section.schema], "description": self.help}
            return {**array, "description": self.help}
        return {**one, "description": self.help}


@dataclass(slots=True, kw_only=True, frozen=True)
class Operand:
    """A positional argument."""

    name: str
    #: Key in a configuration file.
    key: str
    help: str
    schema: Schema
    completes: str = ""


def integer_schema(minimum: int, maximum: int) -> Schema:
    """JSON Schema of integers from ``minimum`` to ``maximum``."""
    return {"type": "integer", "minimum": minimum, "maximum": maximum}


SIZE: Schema = {
    "anyOf": [
        {"type": "integer", "minimum": 0},
        {"type": "string", "pattern": "^[0-9]+[KMGkmg]?$"},
    ]
}
SECONDS: Schema = {"type": "number", "minimum": 0}

#: A file name or a path in the root.
TEXT: Schema = {"type": "string", "minLength": 1}


def integer_option(
    *,
    name: str,
    group: Group,
    minimum: int,
    maximum: int,
    default: str,
    help: str,  # noqa: A002  the name it has in a row
    letter: str = "",
    metavar: str = "N",
) -> Option:
    """An option whose value is an integer from ``minimum`` to ``maximum``."""
    return Option(
        name=name,
        letter=letter,
        group=group,
        argument=Argument.ONE,
        metavar=metavar,
        parse=integer(minimum, maximum),
        default=default,
        schema=integer_schema(minimum, maximum),
        help=help,
    )


def size_option(
    *,
    name: str,
    group: Group,
    maximum: int,
    default: str,
    help: str,  # noqa: A002  as above
    letter: str = "",
    minimum: int = 0,
) -> Option:
    """An option whose value is a number of octets from ``minimum`` to ``maximum``."""
    return Option(
        name=name,
        letter=letter,
        group=group,
        argument=Argument.ONE,
        metavar="SIZE",
        parse=size(maximum, minimum),
        default=default,
        schema=SIZE,
        help=help,
    )


def seconds_option(
    *,
    name: str,
    group: Group,
    maximum: float,
    default: str,
    help: str,  # noqa: A002  as above
) -> Option:
    """An option whose value is a time, at most ``maximum`` seconds."""
    return Option(
        name=name,
        group=group,
        argument=Argument.ONE,
        metavar="SECONDS",
        parse=values.seconds(maximum),
        default=default,
        schema=SECONDS,
        help=help,
    )


def choice_option(
    *,
    name: str,
    group: Group,
    what: str,
    default: _E,
    metavar: str,
    help: str,  # noqa: A002  as above
) -> Option:
    """An option whose value is a member of ``default``'s enumeration; errors call it ``what``."""
    kind = type(default)
    return Option(
        name=name,
        group=group,
        argument=Argument.ONE,
        metavar=metavar,
        parse=values.choice(what, kind),
        default=default.value,
        schema={"enum": [item.value for item in kind]},
        help=help,
    )


def file_option(
    *,
    name: str,
    group: Group,
    help: str,  # noqa: A002  as above
    default: str = "",
) -> Option:
    """An option whose value is the path of a file on this machine."""
    return Option(
        name=name,
        group=group,
        argument=Argument.ONE,
        metavar="FILE",
        completes="file",
        default=default,
        help=help,
    )
