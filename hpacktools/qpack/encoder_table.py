"""An encoder's dynamic table: lookup by field and name, and outstanding references.

Contract: knows which entries can be evicted (RFC 9204 section 2.1.1) and refuses an insertion that
would evict one that cannot.  The encoder passes on what a peer acknowledges.
"""

from __future__ import annotations

from typing import Final

from hpacktools.codec import Field, entry_size

from .table import DynamicTable

#: Share of the capacity, in quarters, that the encoder refers to freely.  Older entries drain (RFC
#: 9204 section 2.1.1.1): they are duplicated rather than referred to, so that references do not
#: prevent the eviction of the oldest entries.
_REFERENCEABLE_QUARTERS: Final = 3


class EncoderTable:
    """A dynamic table, its entries by content, and the references to them."""

    __slots__ = (
        "_drained_size",
        "_fields",
        "_names",
        "_references",
        "draining",
        "known_received_count",
        "table",
    )

    def __init__(self) -> None:
        self.table = DynamicTable()
        #: Insertions that the decoder has acknowledged (RFC 9204 section 2.1.4).
        self.known_received_count = 0
        #: The draining index: entries below it are close to eviction (section 2.1.1.1).
        self.draining = 0
        self._drained_size = 0
        #: Field, or name -> absolute index of the newest such entry.
        self._fields: dict[Field, int] = {}
        self._names: dict[bytes, int] = {}
        #: Absolute index -> number of unacknowledged field sections that refer to it.
        self._references: dict[int, int] = {}

    def find(self, field: Field) -> int | None:
        """Absolute index of the newest entry equal to ``field``."""
        return self._fields.get(field)

    def find_name(self, name: bytes) -> int | None:
        """Absolute index of the newest entry with ``name``."""
        return self._names.get(name)

    def references(self, absolute: int) -> int:
        """How many unacknowledged field sections refer to the entry."""
        return self._references.get(absolute, 0)

    def refer(self, absolute: int) -> None:
        """Count one more field section that refers to the entry."""
        self._references[absolute] = self._references.get(absolute, 0) + 1

    def release(self, absolute: int) -> None:
        """Uncount a field section that refers to the entry: it was acknowledged or canceled."""
        count = self._references[absolute] - 1
        if count:
            self._references[absolute] = count
        else:
            del self._references[absolute]

    def evictable(self, absolute: int) -> bool:
        """Whether the entry may be evicted.

        RFC 9204 2.1.1: "Once the insertion of a dynamic table entry has been acknowledged and there
        are no outstanding references to the entry in unacknowledged representations, the entry
        becomes evictable."
        """
        return absolute < self.known_received_count and absolute not in self._references

    def can_insert(self, field: Field) -> bool:
        """Whether ``field`` can be inserted now.

        RFC 9204 2.1.1: "If the dynamic table does not contain enough room for a new entry without
        evicting other entries, and the entries that would be evicted are not evictable, the encoder
        MUST NOT insert that entry into the dynamic table (including duplicates of existing
        entries)."
        """
        return self._may_evict_up_to(self.table.first_kept(entry_size(field)))

    def can_set_capacity(self, capacity: int) -> bool:
        """Whether the capacity can become ``capacity`` now.

        RFC 9204 4.3.1: "This MUST NOT cause the eviction of entries that are not evictable".
        """
        return self._may_evict_up_to(self.table.first_kept(0, capacity))

    def _may_evict_up_to(self, kept: int | None) -> bool:
        return kept is not None and all(map(self.evictable, range(self.table.dropped, kept)))

    def insert(self, field: Field) -> int:
        """Insert ``field``, for which :meth:`can_insert` holds; returns its absolute index."""
        absolute = self.table.insert_count
        first = self.table.dropped
        self._forget(first, self.table.insert(field))
        self._fields[field] = self._names[field[0]] = absolute
        self._drain()
        return absolute

    def set_capacity(self, capacity: int) -> None:
        """Change the capacity to one for which :meth:`can_set_capacity` holds."""
        first = self.table.dropped
        self._forget(first, self.table.set_capacity(capacity))
        self._drain()

    def _forget(self, first: int, evicted: tuple[Field, ...]) -> None:
        """Remove ``evicted`` entries, from absolute index ``first`` on, from the lookups."""
        for absolute, field in enumerate(evicted, first):
            # A newer entry may have taken its place.
            if self._fields[field] == absolute:
                del self._fields[field]
            if self._names[field[0]] == absolute:
                del self._names[field[0]]
            if absolute < self.draining:
                self._drained_size -= entry_size(field)
        self.draining = max(self.draining, self.table.dropped)

    def _drain(self) -> None:
        """Advance the draining index until the newer entries fit into their share."""
        allowed = self.table.capacity * _REFERENCEABLE_QUARTERS // 4
        while self.table.size - self._drained_size > allowed:
            field = self.table.get(self.draining)
            assert field is not None
            self._drained_size += entry_size(field)
            self.draining += 1
