"""Planning with lookahead: some of the field sections that follow are known.

Contract: a :class:`LookAhead` plans the field sections of one connection in order, each with the
later ones that are already known, such as a burst of responses waiting in a queue.  With none known
it decides much like the strategy ``default``.

Strategy: the lifetime of an entry is estimated from how fast the table has been filling.  A field
is indexed if its savings, certain ones in the known sections and likely ones beyond them, are worth
the octets it occupies in the table.  The probability is that of its name, learned as in
``default``, and high for a field that recurs in the known sections.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Collection, Sequence
from typing import Final

from .codec import ENTRY_OVERHEAD, DynamicTable, Field, Representation, encode_string
from .codec.table import STATIC_FIELDS, STATIC_NAMES

_WITH_INDEXING = Representation.WITH_INDEXING
_WITHOUT_INDEXING = Representation.WITHOUT_INDEXING
_NEVER_INDEXED = Representation.NEVER_INDEXED

#: How many fields and names are remembered.  Knowing what follows makes a longer memory worthwhile
#: than in the strategy ``default``.
REMEMBERED_FIELDS: Final = 512
REMEMBERED_NAMES: Final = 256
#: Number of recent fields used to measure how fast the table fills.
_MEASURED: Final = 300
# The best of the values tried on the http2jp corpus.
#: Weight of the past in a name's average.
_PAST: Final = 0.9
#: Octets that must be saved for each octet in the table.
_PRICE: Final = 0.14
#: Expected savings beyond the known sections, in literals: for a field that recurs in them, and for
#: others, multiplied by the square of the share of its name's fields that recurred.
_TAIL_SEEN: Final = 1.0
_TAIL: Final = 0.4
#: If more than this part of an entry's life is beyond the known sections, the rule of ``default``
#: decides, with its share.
_BEYOND: Final = 0.93
_SHARE: Final = 0.6


class LookAhead:
    """Plans the field sections of one connection."""

    def __init__(self, *, huffman: bool = True) -> None:
        """``huffman``: whether to Huffman-code strings if that is shorter."""
        self._huffman = huffman
        #: Fields seen, most recently used last, with their counts.
        self._seen: dict[Field, int] = {}
        #: Name -> share of its fields that were repeats.
        self._shares: dict[bytes, float] = {}
        #: Octets inserted by each of the most recent fields, and their sum.
        self._inserted: deque[int] = deque(maxlen=_MEASURED)
        self._octets = 0

    def plan(
        self,
        headers: Sequence[Field],
        secret: Collection[int],
        table: DynamicTable,
        upcoming: Sequence[Sequence[Field]],
    ) -> list[Representation]:
        """The representation of each field of ``headers``.

        ``secret``: positions of fields that are never indexed.  ``table``: the table before the
        block.  ``upcoming``: the field sections that follow, as far as they are known.
        """
        places, end = _places([headers, *upcoming])
        held = table.lookup()
        added: set[Field] = set()
        names: set[bytes] = set()
        size = table.size
        place = -1
        plan = []
        for position, field in enumerate(headers):
            if field in STATIC_FIELDS:
                plan.append(_NEVER_INDEXED if position in secret else _WITHOUT_INDEXING)
                continue
            place += 1
            self._learn(field)
            inserted = 0
            representation = _WITHOUT_INDEXING
            if position in secret:
                representation = _NEVER_INDEXED
            elif field in held.fields or field in added:
                # Written as an index, whatever the representation.
                pass
            else:
                entry = len(field[0]) + len(field[1]) + ENTRY_OVERHEAD
                named = field[0] in STATIC_NAMES or field[0] in held.names or field[0] in names
                saving = self._saving(field, named)
                if 4 * entry <= 3 * table.maximum and (
                    2 * (size + entry) <= table.maximum
                    or self._is_worthwhile(
                        field, saving, entry, table.maximum, place, places[field], end
                    )
                ):
                    representation = _WITH_INDEXING
                    inserted = entry
                    added.add(field)
                    names.add(field[0])
                    size = min(size + entry, table.maximum)
            self._measure(inserted)
            plan.append(representation)
        return plan

    def _saving(self, field: Field, named: bool) -> int:
        """Octets that an index saves; ``named``: whether an index can represent the name alone."""
        octets = len(encode_string(field[1], self._huffman))
        return octets if named else octets + len(encode_string(field[0], self._huffman))

    def _is_worthwhile(
        self,
        field: Field,
        saving: int,
        entry: int,
        maximum: int,
        place: int,
        places: list[int],
        end: int,
    ) -> bool:
        """Whether the field at ``place`` is worth an entry of ``size`` octets.

        ``places``: the field's positions in all known sections, which end at ``end``.
        """
        life = float("inf")
        if self._octets:
            life = (maximum - entry) * len(self._inserted) / self._octets
        evicted = place + life
        here = bisect_left(places, place) + 1
        hits = bisect_left(places, evicted) - here if evicted < end else len(places) - here
        share = self._shares[field[0]]
        gain = float(hits)
        if evicted > end:
            beyond = (evicted - end) / life if life < float("inf") else 1.0
            if not hits and beyond > _BEYOND and (share > _SHARE or self._seen[field] > 1):
                return True
            gain += beyond * (_TAIL_SEEN if hits else _TAIL * share * share)
        return saving * gain > _PRICE * entry

    def _learn(self, field: Field) -> None:
        seen, shares = self._seen, self._shares
        times = seen.pop(field, 0)
        if not times and len(seen) >= REMEMBERED_FIELDS:
            del seen[next(iter(seen))]
        seen[field] = times + 1
        share = shares.pop(field[0], 1.0)
        if len(shares) >= REMEMBERED_NAMES:
            del shares[next(iter(shares))]
        shares[field[0]] = _PAST * share + (1 - _PAST) * (times > 0)

    def _measure(self, inserted: int) -> None:
        if len(self._inserted) == _MEASURED:
            self._octets -= self._inserted[0]
        self._inserted.append(inserted)
        self._octets += inserted


def _places(sections: Sequence[Sequence[Field]]) -> tuple[dict[Field, list[int]], int]:
    """The positions of each field, counting only fields not in the static table; and their
    count."""
    places: dict[Field, list[int]] = {}
    place = 0
    for section in sections:
        for field in section:
            if field not in STATIC_FIELDS:
                places.setdefault(field, []).append(place)
                place += 1
    return places, place
