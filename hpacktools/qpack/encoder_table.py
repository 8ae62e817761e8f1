"""The dynamic table as an encoder keeps it: found by field and name, with outstanding references.

Contract: knows which entries can be evicted (RFC 9204 section 2.1.1) and refuses to insert where
one that cannot would have to go.  What a peer acknowledges is told to it by the encoder.
"""

from __future__ import annotations

from typing import Final

from hpacktools.codec import Field, entry_size

from .table import DynamicTable

#: Share of the capacity, in quarters, that the encoder refers to freely.  What is older than that
#: drains (RFC 9204 section 2.1.1.1): it is duplicated rather than referred to, so that references
#: do not keep the oldest entries from being evicted.
_REFERENCEABLE_QUARTERS: Final = 3


class EncoderTable:
    """A dynamic table, its entries by content, and who refers to them."""

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
        #: Absolute index -> field sections not yet acknowledged that refer to it.
        self._references: dict[int, int] = {}

    def find(self, field: Field) -> int | None:
        """Absolute index of the newest entry equal to ``field``."""
        return self._fields.get(field)

    def find_name(self, name: bytes) -> int | None:
        """Absolute index of the newest entry with ``name``."""
        return self._names.get(name)

    def references(self, absolute: int) -> int:
        """How many field sections not yet acknowledged refer to the entry."""
        return self._references.get(absolute, 0)

    def refer(self, absolute: int) -> None:
        """One field section more refers to the entry."""
        self._references[absolute] = self._references.get(absolute, 0) + 1

    def release(self, absolute: int) -> None:
        """A field section that refers to the entry is acknowledged or cancelled."""
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
        """Insert ``field``, which can be; returns its absolute index."""
        absolute = self.table.insert_count
        first = self.table.dropped
        self._forget(first, self.table.insert(field))
        self._fields[field] = self._names[field[0]] = absolute
        self._drain()
        return absolute

    def set_capacity(self, capacity: int) -> None:
        """Change the capacity to one that it can have now."""
        first = self.table.dropped
        self._forget(first, self.table.set_capacity(capacity))
        self._drain()

    def _forget(self, first: int, evicted: tuple[Field, ...]) -> None:
        """The entries from absolute index ``first`` on have been evicted."""
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
        """Move the draining index up to where the rest is no more than its share."""
        allowed = self.table.capacity * _REFERENCEABLE_QUARTERS // 4
        while self.table.size - self._drained_size > allowed:
            field = self.table.get(self.draining)
            assert field is not None
            self._drained_size += entry_size(field)
            self.draining += 1
