"""The formats of the QPACK offline interop: QIF text, files of records, names with parameters.

QIF: a field on each line, name and value parted by a TAB; an empty line ends a field section; lines
that begin with ``#`` are comments.  Records: stream ID (8 octets), length (4 octets), payload, all
numbers in network byte order; stream 0 is the encoder stream.  The names of files of records end in
``.CAPACITY.BLOCKED.ACK``: the two settings of the decoder, and whether it acknowledges at once (1)
or never (0).

Contract: what is wrong with one section of QIF text is a :class:`BadSection` and does not end the
others; a file of records that cannot be read raises :class:`~hpacktools.stories.UnusableError`.
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
#: Something may follow the parameters: the corpus has names that end in "-aggr".
_PARAMETERS: Final = re.compile(r"\.(\d{1,10})\.(\d{1,10})\.([01])(?:-[^.]*)?\Z", re.ASCII)


@dataclass(slots=True, kw_only=True, frozen=True)
class Parameters:
    """What encoder and decoder have to agree about."""

    #: SETTINGS_QPACK_MAX_TABLE_CAPACITY, in octets.
    capacity: int
    #: SETTINGS_QPACK_BLOCKED_STREAMS.
    blocked_streams: int
    #: Whether the decoder acknowledges everything at once; otherwise it never does.
    acknowledges: bool


def parameters_of(name: str) -> Parameters | None:
    """The parameters in the name of a file of records; ``None`` where it has none."""
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
                    number=number, line=line_number, reason="no TAB ends a name"
                )
    if fields or bad:
        yield bad or Section(number=number, fields=tuple(fields))


def qif_of(stream_id: int, fields: Iterable[Field]) -> bytes:
    """A field section as QIF text, with its stream in a comment, where others look for it.

    Raises ``ValueError`` for a field that cannot be written so.
    """
    lines = [b"# stream %d" % stream_id]
    for name, value in fields:
        if name.startswith(b"#") or not {*b"\t\r\n"}.isdisjoint(name) or b"\n" in value:
            raise ValueError(f"QIF text cannot have the field {(name, value)!r}")
        if value.endswith(b"\r"):
            raise ValueError(f"QIF text cannot have a value that ends in CR: {value!r}")
        lines.append(name + b"\t" + value)
    return b"\n".join(lines) + b"\n\n"


@dataclass(slots=True, kw_only=True)
class Record:
    """Octets of one stream: a field section, or a piece of the encoder stream (stream 0)."""

    stream_id: int
    payload: bytes

    def octets(self) -> bytes:
        """The record as it stands in a file.  Raises ``ValueError`` for 4 GiB and more."""
        if len(self.payload) >= 2**32:
            raise ValueError("a record has less than 4 GiB")
        return _HEAD.pack(self.stream_id, len(self.payload)) + self.payload


def read_records(octets: bytes) -> Iterator[Record]:
    """The records in a file.

    Raises :class:`~hpacktools.stories.UnusableError` where the octets end inside one, or a stream
    ID is none.
    """
    position = 0
    number = 0
    while position < len(octets):
        number += 1
        start = position + _HEAD.size
        if start > len(octets):
            raise UnusableError(
                f"record {number} (octet {position}) is cut: {len(octets) - position} of "
                f"{_HEAD.size} octets of its head are there"
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
                f"record {number} (octet {start - _HEAD.size}) is cut: it has {length} octets, "
                f"{len(octets) - start} are there"
            )
        yield Record(stream_id=stream_id, payload=octets[start:position])
