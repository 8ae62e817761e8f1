"""The first stage of the strategy ``best``: decisions by dynamic programming.

Contract: :func:`first_guess` gives a choice for a whole story; :func:`decide` decides part of it
for a given clock.

Strategy: measure time in octets inserted; on that clock, an entry lives as long as the table is
large.  For a given clock each field can be decided independently, from its last occurrence to its
first, with a price for every octet inserted; the decisions then give a new clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .table_model import NEVER, Course, Model, State, follow

#: How much of each new clock goes into the next.
_DAMPING: Final = 0.3
#: For the first clock: a field that recurs within this many occurrences is inserted.
_NEAR: Final = 300


def first_guess(model: Model, prices: Sequence[float], rounds: int) -> list[bool]:
    """The best choice of the first stage."""
    best: list[bool] = []
    best_cost = NEVER
    unknown = Course.unknown(len(model.occurrences))
    for price in prices:
        choice = [
            free and following - place <= _NEAR
            for place, (following, free) in enumerate(zip(model.following, model.free, strict=True))
        ]
        clock: list[float] = []
        for _ in range(rounds):
            cost, course = follow(model, choice, State(), 0, unknown)
            if cost < best_cost:
                best, best_cost = choice, cost
            measured = clock_of(model, course.inserted)
            if clock:
                clock = [
                    old + _DAMPING * (new - old) for old, new in zip(clock, measured, strict=True)
                ]
            else:
                clock = [float(octets) for octets in measured]
            choice = decide(model, clock, [0.0] * len(choice), 0, len(choice), price)
    return best


def clock_of(model: Model, inserted: Sequence[bool]) -> list[int]:
    """Octets inserted before each position."""
    total = 0
    clock = []
    for field, is_inserted in zip(model.occurrences, inserted, strict=True):
        clock.append(total)
        if is_inserted:
            total += model.size[field]
    return clock


def decide(
    model: Model,
    clock: Sequence[float],
    costs: list[float],
    start: int,
    stop: int,
    price: float,
    noise: Sequence[float] = (),
) -> list[bool]:
    """The cheapest choice from ``start`` to ``stop``, given the table's ``clock`` and the ``price``
    of an octet inserted.

    ``costs`` contains, for each position from ``stop`` on, the least cost of its field from there
    on if the field is not in the table; this function fills in the positions before.  ``noise`` is
    added to the cost of the insertions, in order.
    """
    end = len(model.occurrences)
    following = model.following
    choice = [False] * (stop - start)
    for place in range(stop - 1, start - 1, -1):
        field = model.occurrences[place]
        size = model.size[field]
        later = following[place]
        literal = model.without_indexing[field] + (costs[later] if later < end else 0.0)
        costs[place] = literal
        if not model.free[place]:
            continue
        evicted = clock[place] + model.maximum[place] - size
        indexed = 0
        while later < end and clock[later] <= evicted:
            indexed += 1
            later = following[later]
        insertion = model.with_indexing[field] + price * size + indexed
        if later < end:
            insertion += costs[later]
        if noise:
            insertion += noise[place - start]
        if insertion < literal:
            choice[place - start] = True
            costs[place] = insertion
    return choice
