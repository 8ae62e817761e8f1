"""What an option is: how it is written, what it accepts, where it is explained.

Contract: values and no behaviour; the rows are in the other modules of the package.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from h2static.options import values

#: What a JSON Schema says of a value.
Schema: TypeAlias = dict[str, object]


class Group(StrEnum):
    """The headings of the help text, in their order."""

    FILES = "Files"
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
    #: A value that may be left out; written as ``--name=VALUE``, so that ``--name 8080`` is clear.
    OPTIONAL = "optional"
    #: One value each time; all of them count.
    MANY = "many"


@dataclass(slots=True, kw_only=True, frozen=True)
class Section:
    """How a section of a configuration file stands for the values of a repeatable option."""

    #: JSON Schema of the section, a table by pattern.
    schema: Schema
    #: The section as the texts that the command line would have.
    texts: Callable[[Mapping[str, object]], list[str]]


@dataclass(slots=True, kw_only=True, frozen=True)
class Option:
    """An option: how it is written, what it accepts and what it does."""

    #: Long name without dashes; also the key in a configuration file.
    name: str
    group: Group
    #: What it does; plain text in sentences.
    help: str
    #: Single letter, or empty.
    letter: str = ""
    argument: Argument = Argument.NONE
    #: How the value is called in the help text.
    metavar: str = ""
    #: Text to value; raises ``ValueError`` with one line.  Not used for switches.
    parse: Callable[[str], object] = values.text_value
    #: What counts when the option is not given, as the help text shows it; empty for switches.
    default: str = ""
    #: The value of :attr:`Argument.OPTIONAL` when it is left out.
    bare: str = ""
    #: JSON Schema of one value in a configuration file.
    schema: Schema | None = None
    #: For :attr:`Argument.MANY`: how a configuration file may write all values as one section.
    section: Section | None = None
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

#: A file name or a path below the root.
TEXT: Schema = {"type": "string", "minLength": 1}
