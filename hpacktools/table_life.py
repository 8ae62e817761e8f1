"""The life of a dynamic table over a story: insertions, uses, evictions, and wasted entries.

Contract: an :class:`ExplainedStory` gets the explained blocks of one direction in order.  It knows
every entry that these blocks insert, but not entries inserted earlier.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from .codec import FIRST_DYNAMIC_INDEX, Field, entry_size
from .explanation import Explanation, Kind, Step
from .stories import Case
from .unknown import known_entries, known_maximum


@dataclass(slots=True, kw_only=True)
class Entry:
    """One insertion.  Positions are case positions in the story."""

    field: Field
    #: Octets in the table.
    size: int
    inserted: int
    #: Positions where an index represents the field, and where one represents its name; in order.
    uses: list[int] = dataclasses.field(default_factory=list)
    name_uses: list[int] = dataclasses.field(default_factory=list)
    #: Position where it was evicted; ``None`` if it is still in the table at the end.
    evicted: int | None = None

    @property
    def wasted(self) -> bool:
        """Whether nothing ever referred to it."""
        return not self.uses and not self.name_uses


@dataclass(slots=True, kw_only=True)
class Moment:
    """The size and the maximum of the table after a case, in octets."""

    size: int
    #: ``None`` while it is not known.
    maximum: int | None


class ExplainedStory:
    """The explained cases of one direction of one connection."""

    def __init__(self, name: str, context: str = "") -> None:
        self.name = name
        #: ``request``, ``response`` or empty.
        self.context = context
        #: The title of each case with its explanation, or the reason why there is none.
        self.cases: list[tuple[str, Explanation | str]] = []
        #: All entries, in the order of insertion.
        self.entries: list[Entry] = []
        #: The table after each case.
        self.moments: list[Moment] = []
        #: The entries in the table, newest first.
        self._living: deque[Entry] = deque()

    def add(self, title: str, explanation: Explanation | str) -> None:
        """Add the next case."""
        position = len(self.cases)
        self.cases.append((title, explanation))
        if isinstance(explanation, str):
            last = self.moments[-1] if self.moments else Moment(size=0, maximum=None)
            self.moments.append(last)
            return
        for step in explanation.steps:
            self._step(position, step)
        table = explanation.table
        size = sum(map(entry_size, known_entries(table)))
        self.moments.append(Moment(size=size, maximum=known_maximum(table)))

    def _step(self, position: int, step: Step) -> None:
        if step.index is not None and step.index >= FIRST_DYNAMIC_INDEX:
            place = step.index - FIRST_DYNAMIC_INDEX
            if place < len(self._living):
                entry = self._living[place]
                uses = entry.uses if step.kind is Kind.INDEXED else entry.name_uses
                uses.append(position)
        for _ in step.evicted:
            self._living.pop().evicted = position
        if step.inserted:
            assert step.field is not None
            entry = Entry(field=step.field, size=entry_size(step.field), inserted=position)
            self._living.appendleft(entry)
            self.entries.append(entry)

    def explanations(self) -> list[Explanation]:
        """The explanations of the cases that were decoded."""
        return [each for _, each in self.cases if not isinstance(each, str) and not each.error]

    def input_length(self) -> int:
        """Octets of all names and values."""
        return sum(
            len(step.field[0]) + len(step.field[1])
            for explanation in self.explanations()
            for step in explanation.steps
            if step.field is not None
        )

    def output_length(self) -> int:
        """Octets of all blocks that were decoded."""
        return sum(len(explanation.block) for explanation in self.explanations())

    def largest_maximum(self) -> int:
        """The largest maximum of the table after any case, in octets."""
        return max((each.maximum for each in self.moments if each.maximum is not None), default=0)

    def as_cases(self) -> Sequence[Case]:
        """The field sections as input for an encoder, with a table of the largest maximum from the
        beginning."""
        sizes: tuple[int, ...] = (self.largest_maximum(),)
        cases = []
        for number, explanation in enumerate(self.explanations()):
            fields = [step for step in explanation.steps if step.field is not None]
            secret = {
                position for position, step in enumerate(fields) if step.kind is Kind.NEVER_INDEXED
            }
            cases.append(
                Case(
                    number=number,
                    fields=tuple(step.field for step in fields if step.field is not None),
                    sensitive=frozenset(secret),
                    wire=None,
                    table_sizes=sizes,
                    document={},
                )
            )
            sizes = ()
        return cases
