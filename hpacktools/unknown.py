"""Decoding a connection from the middle, with a table whose earlier entries are unknown.

Contract: decoding from the middle (:class:`~hpacktools.inflate.Inflater` with ``from_the_middle``)
never mistakes one field for another.  An index that refers to an entry inserted earlier gives
:data:`UNKNOWN` for the name, the value or both; entries inserted since are found exactly.

Strategy: an index counts insertions back from now, so it finds the right entry whatever older
entries there are.  The table starts full of entries with unknown name and value, each counted as
the smallest possible entry; it therefore holds at least the entries of the encoder's table, if that
is not larger than :data:`ASSUMED_MAXIMUM`.  After a size update to 0 everything is known.
"""

from __future__ import annotations

from typing import Final

from .codec import ENTRY_OVERHEAD, DynamicTable, Field


class _Unknown(bytes):
    """The type of :data:`UNKNOWN`, which differs from other empty strings by identity."""

    __slots__ = ()


#: A name or a value that is not known.
UNKNOWN: Final[bytes] = _Unknown()
_ENTRY: Final[Field] = (UNKNOWN, UNKNOWN)
#: The largest table, in octets, that the encoder is assumed to have had: twice what any browser
#: allows.
ASSUMED_MAXIMUM: Final = 131_072

#: How unknown parts are shown as text.
PLACEHOLDER: Final = "?"


def unknown_table() -> DynamicTable:
    """A table in which every entry is unknown."""
    return DynamicTable([_ENTRY] * (ASSUMED_MAXIMUM // ENTRY_OVERHEAD), ASSUMED_MAXIMUM)


def unknown_parts(field: Field) -> list[str]:
    """Which of ``name`` and ``value`` are unknown."""
    return [
        part for part, octets in zip(("name", "value"), field, strict=True) if octets is UNKNOWN
    ]


def known_entries(table: DynamicTable) -> tuple[Field, ...]:
    """The known entries of ``table``, those inserted since decoding began, newest first."""
    entries = table.entries
    count = len(entries)
    while count and entries[count - 1][1] is UNKNOWN:
        count -= 1
    return entries[:count]


def known_maximum(table: DynamicTable) -> int | None:
    """The maximum of ``table`` in octets, or ``None`` while it is unknown."""
    return None if table.maximum == ASSUMED_MAXIMUM and _is_partly_unknown(table) else table.maximum


def _is_partly_unknown(table: DynamicTable) -> bool:
    return bool(table.entries) and table.entries[-1][1] is UNKNOWN
