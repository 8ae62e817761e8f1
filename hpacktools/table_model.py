"""The exact size of a story for a given choice of fields to index, without producing the octets.

Contract: :func:`follow` counts exactly the octets that :class:`~hpacktools.codec.Encoder` writes
for the same choice (a test compares them).

Strategy: a story becomes arrays of small integers.  An *occurrence* is a field that is not in the
static table, in story order; the choice says for each occurrence whether to insert it if it is not
in the table.  The table is a queue of insertions with a head that moves past the evicted ones.  Two
courses have equal tables once they have inserted the same fields since before their oldest live
entries: from there on they cost the same, so a changed course is followed only up to that point.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from .codec import FIRST_DYNAMIC_INDEX, Encoder, Field, encode_integer, encode_string
from .codec.table import ENTRY_OVERHEAD, STATIC_FIELDS, STATIC_NAMES
from .stories import Case

#: "Never again", as a position.
NEVER: Final = 2**62

#: Ages (entries inserted since) up to which an index with a prefix of 7, 6 and 4 bits takes one
#: octet less than beyond.
_INDEX_ONE: Final = 126 - FIRST_DYNAMIC_INDEX + 1
_INDEX_TWO: Final = 127 + 127 - FIRST_DYNAMIC_INDEX + 1
_NAME_WITH_ONE: Final = 62 - FIRST_DYNAMIC_INDEX + 1
_NAME_WITH_TWO: Final = 63 + 127 - FIRST_DYNAMIC_INDEX + 1
_NAME_WITHOUT_TWO: Final = 15 + 127 - FIRST_DYNAMIC_INDEX + 1


def index_octets(age: int) -> int:
    """Octets of an indexed field whose entry has ``age`` - 1 newer ones."""
    if age <= _INDEX_ONE:
        return 1
    return 2 if age <= _INDEX_TWO else len(encode_integer(FIRST_DYNAMIC_INDEX - 1 + age, 7))


def _name_with_octets(age: int) -> int:
    if age <= _NAME_WITH_ONE:
        return 1
    return 2 if age <= _NAME_WITH_TWO else len(encode_integer(FIRST_DYNAMIC_INDEX - 1 + age, 6))


def _name_without_octets(age: int) -> int:
    if age <= _NAME_WITHOUT_TWO:
        return 2
    return len(encode_integer(FIRST_DYNAMIC_INDEX - 1 + age, 4))


@dataclass(slots=True, kw_only=True)
class Model:
    """A story as numbers.  Fields and names that are not static are numbered from 0."""

    #: Octets that no choice changes: fields of the static table, size updates.
    fixed: int
    #: Of these, the octets of size updates.
    updates: int
    #: Position -> field.
    occurrences: list[int]
    #: Position -> next position of the same field, or :data:`NEVER`.
    following: list[int]
    #: Position -> whether it may be inserted: it is not sensitive.
    free: list[bool]
    #: Position -> maximum size of the table, in octets, and the size it is cut to before.
    maximum: list[int]
    cut: list[int]
    #: Field -> size of its entry; octets as a literal with and without indexing, with the name
    #: written out where it is not static; number of the name, -1 for a static one.
    size: list[int]
    with_indexing: list[int]
    without_indexing: list[int]
    name: list[int]
    #: Name -> octets of its string.
    name_octets: list[int]


class _Builder:
    def __init__(self, huffman: bool) -> None:
        self.huffman = huffman
        self.model = Model(
            fixed=0,
            updates=0,
            occurrences=[],
            following=[],
            free=[],
            maximum=[],
            cut=[],
            size=[],
            with_indexing=[],
            without_indexing=[],
            name=[],
            name_octets=[],
        )
        self.fields: dict[Field, int] = {}
        self.names: dict[bytes, int] = {}

    def add(self, field: Field, sensitive: bool, maximum: int, cut: int) -> bool:
        """Add an occurrence; returns whether the dynamic table matters for it."""
        model = self.model
        if field in STATIC_FIELDS and not sensitive:
            model.fixed += 1
            return False
        number = None if sensitive else self.fields.get(field)
        if number is None:
            number = self._add_field(field)
            if not sensitive:
                self.fields[field] = number
        model.occurrences.append(number)
        model.free.append(not sensitive)
        model.maximum.append(maximum)
        model.cut.append(cut)
        return True

    def _add_field(self, field: Field) -> int:
        model = self.model
        name, value = field
        value_octets = len(encode_string(value, self.huffman))
        static = STATIC_NAMES.get(name)
        if static is not None:
            model.name.append(-1)
            model.with_indexing.append(1 + value_octets)
            model.without_indexing.append(len(encode_integer(static, 4)) + value_octets)
        else:
            number = self.names.get(name)
            if number is None:
                number = self.names[name] = len(model.name_octets)
                model.name_octets.append(len(encode_string(name, self.huffman)))
            octets = 1 + model.name_octets[number] + value_octets
            model.name.append(number)
            model.with_indexing.append(octets)
            model.without_indexing.append(octets)
        model.size.append(len(name) + len(value) + ENTRY_OVERHEAD)
        return len(model.size) - 1


def build_model(cases: Sequence[Case], *, limit: int, huffman: bool) -> Model:
    """The model of ``cases`` for an encoder whose table holds at most ``limit`` octets."""
    builder = _Builder(huffman)
    model = builder.model
    encoder = Encoder(limit)
    cut = NEVER
    for case in cases:
        for size in case.table_sizes:
            encoder.change_maximum(size)
        updates = encoder.pending_updates()
        model.updates += (octets := len(encoder.encode([])))
        model.fixed += octets
        maximum = encoder.table.maximum
        cut = min((cut, *updates))
        for position, field in enumerate(case.fields or ()):
            if builder.add(field, position in case.sensitive, maximum, cut):
                cut = NEVER
    later: dict[int, int] = {}
    model.following = [NEVER] * len(model.occurrences)
    for place in range(len(model.occurrences) - 1, -1, -1):
        number = model.occurrences[place]
        model.following[place] = later.get(number, NEVER)
        later[number] = place
    return model


class State:
    """The table before an occurrence: the live insertions, and where fields and names are."""

    __slots__ = ("fields", "head", "names", "places", "queue", "used")

    def __init__(self) -> None:
        #: Field or name -> number of its newest insertion; those below ``head`` are evicted (a name
        #: may still be there then).
        self.fields: dict[int, int] = {}
        self.names: dict[int, int] = {}
        #: Insertions by number: field and position.
        self.queue: list[int] = []
        self.places: list[int] = []
        self.head = 0
        self.used = 0

    def step(self, model: Model, place: int, inserted: bool) -> None:
        """Advance past the occurrence at ``place``, inserting it or not."""
        if inserted:
            field = model.occurrences[place]
            number = len(self.queue)
            self.fields[field] = number
            if model.name[field] >= 0:
                self.names[model.name[field]] = number
            self.queue.append(field)
            self.places.append(place)
            self.used += model.size[field]
            self.evict(model, model.maximum[place])

    def evict(self, model: Model, maximum: int) -> None:
        """Evict until the table holds at most ``maximum`` octets."""
        while self.used > maximum:
            field = self.queue[self.head]
            self.used -= model.size[field]
            # Forget evicted entries, so that a copy costs only as much as the live ones.
            if self.fields[field] == self.head:
                del self.fields[field]
            self.head += 1


@dataclass(slots=True, kw_only=True)
class Course:
    """The course from a position on: for each position its octets, whether it inserted, and the
    position of the oldest live insertion before it."""

    octets: list[int]
    inserted: list[bool]
    oldest: list[int]

    @classmethod
    def unknown(cls, length: int) -> Course:
        """A course without cost that no other course ever joins."""
        return cls(octets=[0] * length, inserted=[False] * length, oldest=[-1] * length)


def follow(
    model: Model,
    choice: Sequence[bool],
    state: State,
    start: int,
    known: Course,
    bound: float = float("inf"),
) -> tuple[int, Course]:
    """Follow ``choice`` from ``start``, where the table is ``state``, until the course joins
    ``known``, or costs more than ``bound`` octets beyond it, or ends.

    Returns its cost relative to ``known`` and the course from ``start`` on.
    """
    occurrences, name_of, size_of = model.occurrences, model.name, model.size
    with_indexing, without_indexing = model.with_indexing, model.without_indexing
    name_octets, maximum, cut = model.name_octets, model.maximum, model.cut
    fields, names = state.fields.copy(), state.names.copy()
    # Only live insertions are copied; their numbers stay the same.
    base, head, used = state.head, state.head, state.used
    queue, places = state.queue[base:], state.places[base:]
    count = base + len(queue)
    first = places[0] if places else NEVER
    known_octets, known_inserted, known_oldest = known.octets, known.inserted, known.oldest
    octets: list[int] = []
    inserted: list[bool] = []
    oldest: list[int] = []
    excess = 0
    last_difference = start
    for place in range(start, len(occurrences)):
        if known_oldest[place] > last_difference and first > last_difference:
            break
        if used > cut[place]:
            while used > cut[place]:
                used -= size_of[queue[head - base]]
                head += 1
            first = places[head - base] if head < count else NEVER
        oldest.append(first if head < count else place)
        field = occurrences[place]
        number = fields.get(field, -1)
        if number >= head:
            cost = 1 if count - number <= _INDEX_ONE else index_octets(count - number)
            octets.append(cost)
            inserted.append(False)
            excess += cost - known_octets[place]
            if known_inserted[place]:
                last_difference = place
            continue
        name = name_of[field]
        inserting = choice[place]
        cost = with_indexing[field] if inserting else without_indexing[field]
        if name >= 0:
            number = names.get(name, -1)
            if number >= head:
                age = count - number
                cost += _name_with_octets(age) if inserting else _name_without_octets(age)
                cost -= name_octets[name] + 1
        if inserting:
            queue.append(field)
            places.append(place)
            fields[field] = count
            if name >= 0:
                names[name] = count
            count += 1
            used += size_of[field]
            while used > maximum[place]:
                used -= size_of[queue[head - base]]
                head += 1
            first = places[head - base] if head < count else NEVER
        octets.append(cost)
        inserted.append(inserting)
        excess += cost - known_octets[place]
        if inserting != known_inserted[place]:
            last_difference = place
        if excess > bound:
            break
    return excess, Course(octets=octets, inserted=inserted, oldest=oldest)
