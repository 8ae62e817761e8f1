"""What a decoder that missed the beginning of a connection does not know.

Contract: decoding from the middle (:class:`~hpacktools.inflate.Inflater` with ``from_the_middle``)
never takes one field for another.  An index that refers to what was inserted before gives
:data:`UNKNOWN` for the name, the value or both; what was inserted since is found exactly.

Strategy: an index counts insertions back from now, so it leads to the right entry whatever lies
behind.  The table begins full of entries of which name and value are unknown, each counted as the
smallest entry that there can be; it therefore holds at least what the encoder's table holds, if
that is not larger than :data:`ASSUMED_MAXIMUM`.  A size update to 0 ends all doubt.
"""

from __future__ import annotations

from typing import Final

from .codec import ENTRY_OVERHEAD, DynamicTable, Field


class _Unknown(bytes):
    """Its one instance is told from other empty strings by identity."""

    __slots__ = ()


#: A name or a value that is not known.
UNKNOWN: Final[bytes] = _Unknown()
_ENTRY: Final[Field] = (UNKNOWN, UNKNOWN)
#: The largest table, in octets, that an encoder is assumed to have had before: twice what any
#: browser allows.
ASSUMED_MAXIMUM: Final = 131_072

#: How unknown parts are shown where text must stand.
PLACEHOLDER: Final = "?"


def unknown_table() -> DynamicTable:
    """A table of which nothing is known."""
    return DynamicTable([_ENTRY] * (ASSUMED_MAXIMUM // ENTRY_OVERHEAD), ASSUMED_MAXIMUM)


def unknown_parts(field: Field) -> list[str]:
    """``name`` and ``value`` as far as they are unknown."""
    return [
        part for part, octets in zip(("name", "value"), field, strict=True) if octets is UNKNOWN
    ]


def known_entries(table: DynamicTable) -> tuple[Field, ...]:
    """The entries of ``table`` that were inserted since, newest first."""
    entries = table.entries
    count = len(entries)
    while count and entries[count - 1][1] is UNKNOWN:
        count -= 1
    return entries[:count]


def known_maximum(table: DynamicTable) -> int | None:
    """The maximum of ``table`` in octets, or ``None`` while it is not known."""
    return None if table.maximum == ASSUMED_MAXIMUM and _is_partly_unknown(table) else table.maximum


def _is_partly_unknown(table: DynamicTable) -> bool:
    return bool(table.entries) and table.entries[-1][1] is UNKNOWN
