"""The static table and the dynamic table (RFC 7541 sections 2.3 and 4, Appendix A).

Contract: a :class:`DynamicTable` is immutable.  Inserting or resizing gives a new one, so that
(table, block) -> (fields, table) is a pure function whose results can be cached; equal tables
compare and hash equal.

Strategy: a block that inserts grows one :class:`TableBuilder` and freezes it once at the end.  The
builder appends new entries to a list of its own and only counts which older ones are left, so that
each insertion costs the same however large the table is.  The index that an encoder needs to
find entries by name and value is made on first use and passed on from table to table.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from hpack.table import HeaderTable

#: A field line: name and value.
Field: TypeAlias = tuple[bytes, bytes]
#: The type of a field that must keep its identity, because equal fields are shared: compiled code
#: unpacks and rebuilds values that it knows to be pairs.
Whole: TypeAlias = Any

#: Octets counted for an entry in addition to its name and value (RFC 7541 section 4.1).
ENTRY_OVERHEAD: Final = 32
#: SETTINGS_HEADER_TABLE_SIZE until a peer says otherwise (RFC 9113 section 6.5.2).
DEFAULT_TABLE_SIZE: Final = 4096

#: The static table; index 0 is not used (RFC 7541 Appendix A).
STATIC_TABLE: Final[tuple[Field, ...]] = (
    (b"", b""),
    *((bytes(name), bytes(value)) for name, value in HeaderTable.STATIC_TABLE),
)
#: Index of the newest entry of the dynamic table (RFC 7541 section 2.3.3).
FIRST_DYNAMIC_INDEX: Final = len(STATIC_TABLE)

#: Field -> index in the static table.
STATIC_FIELDS: Final[dict[Field, int]] = {
    field: index for index, field in enumerate(STATIC_TABLE) if index
}
#: Name -> lowest index in the static table.
STATIC_NAMES: Final[dict[bytes, int]] = {
    STATIC_TABLE[index][0]: index for index in range(FIRST_DYNAMIC_INDEX - 1, 0, -1)
}


def checked_size(size: int) -> int:
    """``size`` if it is a value of SETTINGS_HEADER_TABLE_SIZE (octets; RFC 9113 section 6.5.2).

    Raises ``ValueError`` for other numbers, ``TypeError`` for anything but an integer.
    """
    if not 0 <= operator.index(size) < 2**32:
        raise ValueError(f"a table size must be from 0 to {2**32 - 1} octets, not {size}")
    return size


def entry_size(field: Field) -> int:
    """The size of ``field`` in a dynamic table, in octets (RFC 7541 section 4.1)."""
    return len(field[0]) + len(field[1]) + ENTRY_OVERHEAD


class DynamicTable:
    """A dynamic table at one moment (RFC 7541 section 2.3.2).  Immutable.

    ``entries`` are newest first: index 62 is ``entries[0]``.  ``size`` and ``maximum`` are octets
    as section 4.1 counts them.
    """

    __slots__ = ("_hash", "_lookup", "entries", "maximum", "size")

    entries: tuple[Field, ...]
    size: int
    maximum: int

    def __init__(
        self, entries: Iterable[Field] = (), maximum: int = DEFAULT_TABLE_SIZE, *, size: int = -1
    ) -> None:
        """``size``: the size of ``entries``, if the caller knows it.

        Raises ``ValueError`` if the entries do not fit into ``maximum``.
        """
        self.entries = tuple(entries)
        self.maximum = maximum
        self.size = sum(map(entry_size, self.entries)) if size < 0 else size
        if self.size > maximum:
            raise ValueError(f"entries of {self.size} octets do not fit into {maximum}")
        self._hash = 0
        self._lookup: Lookup | None = None

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, DynamicTable):
            return NotImplemented
        return self.maximum == other.maximum and self.entries == other.entries

    def __hash__(self) -> int:
        if not self._hash:
            # 0 means "not computed"; a hash that happens to be 0 becomes 1.
            self._hash = hash((self.maximum, self.entries)) or 1
        return self._hash

    def __repr__(self) -> str:
        return f"DynamicTable({self.entries!r}, {self.maximum})"

    def inserted(self, name: bytes, value: bytes) -> DynamicTable:
        """This table after an insertion and the evictions it causes (RFC 7541 section 4.4)."""
        builder = TableBuilder(self)
        builder.insert((name, value))
        return builder.frozen()

    def resized(self, maximum: int) -> DynamicTable:
        """This table with another maximum, after the evictions it causes (RFC 7541 section 4.3)."""
        if maximum == self.maximum:
            return self
        entries = self.entries
        size = self.size
        kept = len(entries)
        while size > maximum:
            kept -= 1
            size -= entry_size(entries[kept])
        return DynamicTable(entries[:kept], maximum, size=size)

    def lookup(self) -> Lookup:
        """The entries by field and by name; made on first use.  Must not be changed."""
        found = self._lookup
        if found is None:
            oldest_first = self.entries[::-1]
            found = self._lookup = Lookup(
                {field: number for number, field in enumerate(oldest_first)},
                {field[0]: number for number, field in enumerate(oldest_first)},
                len(oldest_first),
            )
        return found


class Lookup:
    """Entries of a dynamic table by field and by name.

    Values are insertion numbers, because indices shift with every insertion: the entry with number
    ``n`` has the index ``FIRST_DYNAMIC_INDEX - 1 + inserted - n``.
    """

    __slots__ = ("fields", "inserted", "names")

    def __init__(self, fields: dict[Field, int], names: dict[bytes, int], inserted: int) -> None:
        self.fields = fields
        self.names = names
        #: Number of the next insertion.
        self.inserted = inserted

    def copy(self) -> Lookup:
        """A copy that may be changed."""
        return Lookup(self.fields.copy(), self.names.copy(), self.inserted)

    def insert(self, field: Field) -> None:
        """Add the newest entry; it hides older ones with the same field or name."""
        self.fields[field] = self.names[field[0]] = self.inserted
        self.inserted += 1

    def evict(self, field: Field, number: int) -> None:
        """Remove the entry with ``number``, unless a newer one has taken its place."""
        if self.fields[field] == number:
            del self.fields[field]
        if self.names[field[0]] == number:
            del self.names[field[0]]


class TableBuilder:
    """A dynamic table while a block inserts into it.

    ``recent`` holds what was inserted, oldest first; those before ``head`` are evicted again.
    ``kept``: how many of ``entries``, which the table had before, are left.
    """

    __slots__ = ("entries", "head", "kept", "maximum", "recent", "size")

    def __init__(self, table: DynamicTable) -> None:
        self.entries = table.entries
        self.kept = len(table.entries)
        self.recent: list[Whole] = []
        self.head = 0
        self.size = table.size
        self.maximum = table.maximum

    def insert(self, field: Whole) -> None:
        """Insert ``field``, evicting from the old end.

        RFC 7541 4.4: "an attempt to add an entry larger than the maximum size causes the table to
        be emptied of all existing entries and results in an empty table."
        """
        self.recent.append(field)
        self.size += len(field[0]) + len(field[1]) + ENTRY_OVERHEAD
        if self.size > self.maximum:
            self._evict()

    def _evict(self) -> None:
        size = self.size
        kept = self.kept
        while kept and size > self.maximum:
            kept -= 1
            size -= entry_size(self.entries[kept])
        self.kept = kept
        while size > self.maximum:
            size -= entry_size(self.recent[self.head])
            self.head += 1
        self.size = size

    def frozen(self) -> DynamicTable:
        """The current contents as an immutable table."""
        recent = self.recent[self.head :]
        recent.reverse()
        entries = tuple(recent) + self.entries[: self.kept]
        return DynamicTable(entries, self.maximum, size=self.size)


class FindingBuilder(TableBuilder):
    """A table builder that keeps a :class:`Lookup` up to date, for an encoder."""

    __slots__ = ("_first", "lookup")

    def __init__(self, table: DynamicTable) -> None:
        super().__init__(table)
        self.lookup = table.lookup().copy()
        # Number of the first insertion.
        self._first = self.lookup.inserted

    def insert(self, field: Whole) -> None:
        kept, head = self.kept, self.head
        self.lookup.insert(field)
        super().insert(field)
        for position in range(kept - 1, self.kept - 1, -1):
            self.lookup.evict(self.entries[position], self._first - 1 - position)
        for position in range(head, self.head):
            self.lookup.evict(self.recent[position], self._first + position)

    def frozen(self) -> DynamicTable:
        table = super().frozen()
        table._lookup = self.lookup
        return table


#: The table at the start of a connection.
EMPTY_TABLE: Final = DynamicTable()
