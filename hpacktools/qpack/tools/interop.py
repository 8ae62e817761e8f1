"""The formats of the QPACK offline interop: QIF text, files of records, names with parameters.

QIF: one field per line, with a TAB between name and value; an empty line ends a field section;
lines that begin with ``#`` are comments.  Records: stream ID (8 octets), length (4 octets),
payload, all numbers in network byte order; stream 0 is the encoder stream.  The names of record
files end in ``.CAPACITY.BLOCKED.ACK``: the decoder's two settings, and whether it acknowledges
immediately (1) or never (0).

Contract: a malformed section of QIF text becomes a :class:`BadSection` and does not affect the
others; a record file that cannot be read raises :class:`~hpacktools.stories.UnusableError`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import PurePath
from struct import Struct
from typing import Final

from hpacktools.codec import Field
from hpacktools.qpack.primitives import MAX_INTEGER
from hpacktools.stories import UnusableError

#: The stream ID of encoder stream records.
ENCODER_STREAM: Final = 0
_HEAD: Final = Struct(">QI")
#: More text may follow the parameters: the corpus has names that end in "-aggr".
_PARAMETERS: Final = re.compile(r"\.(\d{1,10})\.(\d{1,10})\.([01])(?:-[^.]*)?\Z", re.ASCII)


@dataclass(slots=True, kw_only=True, frozen=True)
class Parameters:
    """The parameters on which encoder and decoder must agree."""

    #: SETTINGS_QPACK_MAX_TABLE_CAPACITY, in octets.
    capacity: int
    #: SETTINGS_QPACK_BLOCKED_STREAMS.
    blocked_streams: int
    #: Whether the decoder acknowledges everything at once; otherwise it never does.
    acknowledges: bool


def parameters_of(name: str) -> Parameters | None:
    """The parameters in the name of a record file; ``None`` if it has none."""
    found = _PARAMETERS.search(PurePath(name).name)
    if found is None:
        return None
    return Parameters(
        capacity=int(found[1]), blocked_streams=int(found[2]), acknowledges=found[3] == "1"
    )


@dataclass(slots=True, kw_only=True)
class Section:
    """A field section of QIF text; ``number`` counts them from 1, and is its stream ID."""

    number: int
    fields: tuple[Field, ...]


@dataclass(slots=True, kw_only=True)
class BadSection:
    """A section of QIF text that cannot be read; ``line`` counts from 1."""

    number: int
    line: int
    reason: str


def read_qif(lines: Iterable[bytes]) -> Iterator[Section | BadSection]:
    """The field sections of QIF text.  Lines end with LF or CRLF."""
    number = 1
    fields: list[Field] = []
    bad: BadSection | None = None
    for line_number, raw in enumerate(lines, 1):
        line = raw.rstrip(b"\r\n")
        if not line:
            if fields or bad:
                yield bad or Section(number=number, fields=tuple(fields))
                number += 1
            fields, bad = [], None
        elif not line.startswith(b"#"):
            name, tab, value = line.partition(b"\t")
            if tab:
                fields.append((name, value))
            else:
                bad = bad or BadSection(
                    number=number, line=line_number, reason="missing TAB after the name"
                )
    if fields or bad:
        yield bad or Section(number=number, fields=tuple(fields))


def qif_of(stream_id: int, fields: Iterable[Field]) -> bytes:
    """A field section as QIF text, with the stream ID in a comment, as other tools expect.

    Raises ``ValueError`` for a field that QIF text cannot represent.
    """
    lines = [b"# stream %d" % stream_id]
    for name, value in fields:
        if name.startswith(b"#") or not {*b"\t\r\n"}.isdisjoint(name) or b"\n" in value:
            raise ValueError(f"QIF text cannot represent the field {(name, value)!r}")
        if value.endswith(b"\r"):
            raise ValueError(f"QIF text cannot represent a value that ends in CR: {value!r}")
        lines.append(name + b"\t" + value)
    return b"\n".join(lines) + b"\n\n"


@dataclass(slots=True, kw_only=True)
class Record:
    """Octets of one stream: a field section, or a piece of the encoder stream (stream 0)."""

    stream_id: int
    payload: bytes

    def octets(self) -> bytes:
        """The record in file format.  Raises ``ValueError`` for 4 GiB and more."""
        if len(self.payload) >= 2**32:
            raise ValueError("a record must be smaller than 4 GiB")
        return _HEAD.pack(self.stream_id, len(self.payload)) + self.payload


def read_records(octets: bytes) -> Iterator[Record]:
    """The records in a file.

    Raises :class:`~hpacktools.stories.UnusableError` if the octets end inside a record or a stream
    ID is out of range.
    """
    position = 0
    number = 0
    while position < len(octets):
        number += 1
        start = position + _HEAD.size
        if start > len(octets):
            raise UnusableError(
                f"record {number} (octet {position}) is truncated: {len(octets) - position} of "
                f"{_HEAD.size} header octets present"
            )
        stream_id, length = _HEAD.unpack_from(octets, position)
        # RFC 9000 2.1: "A stream ID is a 62-bit integer (0 to 2^62-1)".
        if stream_id > MAX_INTEGER:
            raise UnusableError(
                f"record {number} (octet {position}) has the stream ID {stream_id}, "
                "which has more than 62 bits"
            )
        position = start + length
        if position > len(octets):
            raise UnusableError(
                f"record {number} (octet {start - _HEAD.size}) is truncated: "
                f"{len(octets) - start} of {length} octets present"
            )
        yield Record(stream_id=stream_id, payload=octets[start:position])
