"""The dynamic table (RFC 9204 section 3.2), as decoder and encoder share it.

Contract: entries are identified by absolute index.  An insertion or a smaller capacity evicts as
many entries as necessary.  The encoder checks that this is allowed (:meth:`first_kept` says what
would be evicted), and the caller, who knows the settings, that the capacity is allowed.
"""

from __future__ import annotations

from collections.abc import Iterator

from hpacktools.codec import Field, entry_size


class DynamicTable:
    """A dynamic table.  Sizes and the capacity are in octets as RFC 9204 section 3.2.1 counts
    them."""

    __slots__ = ("_entries", "capacity", "dropped", "insert_count", "size")

    def __init__(self) -> None:
        #: Absolute index -> entry.
        self._entries: dict[int, Field] = {}
        #: The capacity set by the encoder.  RFC 9204 3.2.2: "The initial capacity of the dynamic
        #: table is zero."
        self.capacity = 0
        self.size = 0
        #: How many entries have been inserted: the absolute index of the next one.
        self.insert_count = 0
        #: How many of them have been evicted: the absolute index of the oldest one left.
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[tuple[int, Field]]:
        """Absolute index and entry, oldest first."""
        return iter(self._entries.items())

    def get(self, absolute: int) -> Field | None:
        """The entry with the absolute index ``absolute``; ``None`` if it is not in the table."""
        return self._entries.get(absolute)

    def first_kept(self, room: int, capacity: int | None = None) -> int | None:
        """Absolute index of the oldest entry left after evicting enough for ``room`` more octets.

        ``capacity``: a new capacity to assume instead of the current one.  Returns ``None`` if even
        the empty table does not have that room.  Changes nothing.
        """
        allowed = (self.capacity if capacity is None else capacity) - room
        if allowed < 0:
            return None
        size = self.size
        absolute = self.dropped
        while size > allowed:
            size -= entry_size(self._entries[absolute])
            absolute += 1
        return absolute

    def insert(self, field: Field) -> tuple[Field, ...]:
        """Insert ``field``, which must fit the capacity; returns the evicted entries, oldest first.

        RFC 9204 3.2.2: "Before a new entry is added to the dynamic table, entries are evicted from
        the end of the dynamic table until the size of the dynamic table is less than or equal to
        (table capacity - size of new entry)."
        """
        size = entry_size(field)
        evicted = self._evict(self.capacity - size)
        self._entries[self.insert_count] = field
        self.insert_count += 1
        self.size += size
        return evicted

    def set_capacity(self, capacity: int) -> tuple[Field, ...]:
        """Change the capacity; returns the evicted entries, oldest first (RFC 9204 section
        3.2.2)."""
        self.capacity = capacity
        return self._evict(capacity)

    def _evict(self, allowed: int) -> tuple[Field, ...]:
        evicted = []
        while self.size > allowed:
            field = self._entries.pop(self.dropped)
            self.dropped += 1
            self.size -= entry_size(field)
            evicted.append(field)
        return tuple(evicted)


def max_entries(max_table_capacity: int) -> int:
    """MaxEntries of RFC 9204 section 4.5.1.1: how many entries of 32 octets a table can have."""
    return max_table_capacity // 32
