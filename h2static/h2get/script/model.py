"""What a script consists of: cases of steps, frames to send, patterns of frames to expect.

Contract: plain values, made by :mod:`h2static.h2get.script.parse`.  Each step knows its line, for
readers of a failure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from h2static.http.fields import Fields


class ScriptError(Exception):
    """A malformed script or expectation; the text says where and why."""


class Representation(Enum):
    """How a field of a script is written (RFC 7541 section 6)."""

    #: A literal that enters the table, or an index.
    INDEXED = "indexed"
    #: A literal that does not.
    LITERAL = "literal"
    NEVER = "never"


@dataclass(slots=True, kw_only=True, frozen=True)
class WrittenField:
    """A field to send."""

    name: bytes
    value: bytes
    representation: Representation = Representation.INDEXED


@dataclass(slots=True, kw_only=True)
class FrameSpec:
    """A frame to send; what is wrong about it is wrong on purpose."""

    type: int
    stream: int = 0
    flags: int = 0
    #: The octets after the frame header; ``None``: encoded from ``fields``.
    payload: bytes | None = None
    fields: tuple[WrittenField, ...] = ()
    #: In front of the header block: stream identifier of a promise, priority.
    prefix: bytes = b""
    #: Octets of padding, the Pad Length octet included.
    padding: int = 0
    #: Size updates of the encoder's table, in order, before the block.
    resize: tuple[int, ...] = ()
    #: The length in the frame header, if it is deliberately wrong.
    length: int | None = None
    #: The reserved bit of the header.
    reserved: bool = False


#: A comparison of a pattern.
Compare: TypeAlias = tuple[str, "tuple[object, ...]"]


@dataclass(slots=True, kw_only=True)
class FieldPattern:
    """A pattern for a field."""

    name: bytes
    #: ``None``: the field must be absent.
    value: bytes | re.Pattern[bytes] | None


@dataclass(slots=True, kw_only=True)
class FramePattern:
    """A pattern for a frame; unspecified values may be anything."""

    #: ``None``: the end of the connection.
    type: int | None
    #: Flags that must be set, and that must not.
    flags: int = 0
    without_flags: int = 0
    #: Attribute -> comparisons, all of which must be true.
    compare: dict[str, list[Compare]] = field(default_factory=dict)
    #: No other frame of the type may precede it.
    first: bool = False
    fields: list[FieldPattern] = field(default_factory=list)
    #: The pattern as it was written.
    text: str = ""

    @property
    def streams(self) -> tuple[object, ...]:
        """The streams that the pattern is about; empty: any."""
        found = self.compare.get("stream", ())
        return next((values for operator, values in found if operator == "="), ())


# ---------------------------------------------------------------------- steps


@dataclass(slots=True, kw_only=True)
class Connect:
    """Go on with the connection ``name``, which is made if it is not there."""

    line: int
    name: str


@dataclass(slots=True, kw_only=True)
class Handshake:
    """Exchange prefaces and acknowledgments."""

    line: int
    settings: tuple[tuple[int, int], ...]


@dataclass(slots=True, kw_only=True)
class Send:
    """Send frames or octets together, in pieces of ``split`` octets where that is not 0."""

    line: int
    what: list[FrameSpec | bytes]
    split: int = 0
    text: str = ""


@dataclass(slots=True, kw_only=True)
class Expect:
    """A frame matching one of ``patterns`` must arrive ``within`` seconds, and not ``before``."""

    line: int
    patterns: list[FramePattern]
    within: float | None = None
    after: float = 0.0
    text: str = ""


@dataclass(slots=True, kw_only=True)
class Never:
    """No matching frame may arrive until the end of the case."""

    line: int
    pattern: FramePattern


@dataclass(slots=True, kw_only=True)
class May:
    """Matching frames may arrive, and contradict no expectation."""

    line: int
    pattern: FramePattern


@dataclass(slots=True, kw_only=True)
class Alive:
    """The connection still answers a request; its name, or the present one."""

    line: int
    name: str | None


@dataclass(slots=True, kw_only=True)
class Pause:
    """Pause for some seconds."""

    line: int
    seconds: float


@dataclass(slots=True, kw_only=True)
class EndOutput:
    """Send nothing more on this connection: half-close."""

    line: int


@dataclass(slots=True, kw_only=True)
class ExceedStreams:
    """Send one request more than the server's limit on concurrent streams."""

    line: int


@dataclass(slots=True, kw_only=True)
class Auto:
    """Whether SETTINGS and PING are acknowledged and credit is returned automatically."""

    line: int
    on: bool


Step: TypeAlias = (
    Connect
    | Handshake
    | Send
    | Expect
    | May
    | Never
    | Alive
    | Pause
    | EndOutput
    | ExceedStreams
    | Auto
)


@dataclass(slots=True, kw_only=True)
class Case:
    """Steps that are carried out together, on connections of their own."""

    name: str
    #: The section that the case tests: ``RFC 9113 section 5.1``.
    section: str = ""
    #: The sentence that the case checks.
    text: str = ""
    #: MUST or SHOULD: what it means that the case fails.
    level: str = "MUST"
    #: Settings that a server must have sent for the case to concern it: identifier, value.
    needs: tuple[tuple[int, int], ...] = ()
    #: Minimum octets of response content for the case to be meaningful.
    content: int = 0
    steps: list[Step] = field(default_factory=list)


# ---------------------------------------------------------------------- what came


@dataclass(slots=True, kw_only=True)
class Received:
    """A frame that came, or the end of the connection."""

    #: ``None``: the connection has ended.
    type: int | None
    flags: int = 0
    stream: int = 0
    length: int = 0
    #: Which frame of the connection it is, the first is 1.
    number: int = 0
    #: Seconds since the connection was made.
    time: float = 0.0
    #: The values of the frame, by their names in patterns.
    values: dict[str, object] = field(default_factory=dict)
    fields: Fields | None = None
    #: Why the payload cannot be read, or how the connection has ended.
    problem: str = ""
    payload: bytes = b""
    #: An expectation has matched it.
    taken: bool = False
