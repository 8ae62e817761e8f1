"""What no HPACK encoder can go below: a lower bound of the octets of a story.

Contract: :func:`lower_bound` gives a number of octets that every encoder needs at least whose table
holds ``limit`` octets at most, however it chooses and whatever it knows.  It needs ``scipy``, which
only the dependency group ``benchmark`` brings; :class:`NoSolverError` says so.

Strategy: interval packing as a linear programme.  A field that comes again may have stayed in the
table since it came last, which saves its literal for one octet of index and takes the size of its
entry during that time; at every moment what stays fits into the table.  A field that did not stay
costs a literal, whose name is an index of one octet from the second time on.  Whatever an encoder
does is such a packing, so the best one, with fractions of entries allowed, is a bound.  It leaves
out that a table evicts the oldest entry and no other: the true optimum is somewhere above.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from .codec import DEFAULT_TABLE_SIZE
from .stories import Case
from .strategies import without_credentials
from .table_model import NEVER, Model, build_model

#: What is taken off a solution before it is rounded up, for the error of floating point.
_TOLERANCE: Final = 1e-4


class NoSolverError(Exception):
    """scipy is missing; the text says how to get it."""


def lower_bound(
    cases: Sequence[Case], *, limit: int = DEFAULT_TABLE_SIZE, huffman: bool = True
) -> int:
    """Octets that the header blocks of ``cases``, which all have fields, need at least.

    ``limit`` is the largest table, in octets, that the encoder keeps.  Credentials are never
    indexed, as :func:`hpacktools.strategies.never_indexed` says.  Size updates are not counted.
    Raises :class:`NoSolverError`.
    """
    model = build_model(without_credentials(cases), limit=limit, huffman=huffman)
    literals, savings = _costs(model)
    octets = model.fixed - model.updates + sum(literals)
    places = [place for place, saving in enumerate(savings) if saving > 0]
    if places:
        octets -= _saved(model, places, savings)
    return octets


def _costs(model: Model) -> tuple[list[int], list[int]]:
    """For each position the least octets of a literal there, and what is saved at the next position
    of the same field if it stays until then."""
    named: set[int] = set()
    literals = []
    for field, free in zip(model.occurrences, model.free, strict=True):
        name = model.name[field]
        literal = model.with_indexing[field] if free else model.without_indexing[field]
        if name in named:
            # The name is an index of one octet at least.
            literal -= model.name_octets[name]
        elif name >= 0:
            named.add(name)
        literals.append(literal)
    savings = []
    for place, following in enumerate(model.following):
        field = model.occurrences[place]
        fits = (
            following != NEVER
            and model.free[place]
            and model.size[field] <= min(model.maximum[place], model.cut[following])
        )
        savings.append(literals[following] - 1 if fits else 0)
    return literals, savings


def _saved(model: Model, places: list[int], savings: list[int]) -> int:
    """The most octets that can be saved, rounded up.

    Variables: for each of ``places`` the share of its field that stays until it comes next, then
    for each position the octets that stay from there to the next.
    """
    try:
        from scipy.optimize import linprog
        from scipy.sparse import coo_array
    except ImportError:
        raise NoSolverError(
            "the lower bound needs scipy: pip install scipy, or pip install --group benchmark"
        ) from None
    count = len(model.occurrences)
    rows: list[int] = []
    columns: list[int] = []
    values: list[float] = []

    def add(row: int, column: int, value: float) -> None:
        rows.append(row)
        columns.append(column)
        values.append(value)

    for column, place in enumerate(places):
        size = model.size[model.occurrences[place]]
        add(place, column, -size)
        add(model.following[place], column, size)
    first = len(places)
    for place in range(count):
        add(place, first + place, 1.0)
        if place:
            add(place, first + place - 1, -1.0)
    # Between a position and the next, the table is cut at times.
    capacity = [
        min(model.maximum[place], model.cut[place + 1] if place + 1 < count else NEVER)
        for place in range(count)
    ]
    # scipy has no types.
    result: Any = linprog(
        [-savings[place] for place in places] + [0.0] * count,
        A_eq=coo_array((values, (rows, columns)), shape=(count, first + count)).tocsr(),
        b_eq=[0.0] * count,
        bounds=[(0.0, 1.0)] * first + [(0.0, float(size)) for size in capacity],
        method="highs",
    )
    if not result.success:
        raise NoSolverError(f"the linear programme was not solved: {result.message}")
    # What is saved is a whole number of octets, so the bound may be rounded up.
    return math.floor(-float(result.fun) + _TOLERANCE)
