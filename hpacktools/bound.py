"""A lower bound for the octets of a story, for any HPACK encoder.

Contract: :func:`lower_bound` gives the number of octets that every encoder needs at least if its
table holds at most ``limit`` octets, whatever it chooses and however much it knows in advance.  It
needs ``scipy``, which only the dependency group ``benchmark`` installs; :class:`NoSolverError` says
so.

Strategy: interval packing as a linear program.  A field that recurs may have stayed in the table
since its last occurrence; that replaces its literal by an index of one octet, and occupies the size
of its entry in the meantime; at every moment the entries that stay must fit into the table.  A
field that did not stay costs a literal, whose name is an index of one octet from the second time
on.  Every encoder produces such a packing, so the best packing, with fractions of entries allowed,
is a bound.  It ignores that a table can evict only its oldest entry, so the true optimum is higher.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

from .codec import DEFAULT_TABLE_SIZE
from .stories import Case
from .strategies import without_credentials
from .table_model import NEVER, Model, build_model

#: Subtracted from a solution before it is rounded up, to allow for floating-point error.
_TOLERANCE: Final = 1e-4


class NoSolverError(Exception):
    """scipy is missing; the message says how to install it."""


def lower_bound(
    cases: Sequence[Case], *, limit: int = DEFAULT_TABLE_SIZE, huffman: bool = True
) -> int:
    """The minimum octets for the header blocks of ``cases``, which must all have fields.

    ``limit`` is the largest table, in octets, that the encoder uses.  Credentials are never
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
    """For each position the least octets of a literal there, and the octets saved at the next
    position of the same field if it stays in the table until then."""
    named: set[int] = set()
    literals = []
    for field, free in zip(model.occurrences, model.free, strict=True):
        name = model.name[field]
        literal = model.with_indexing[field] if free else model.without_indexing[field]
        if name in named:
            # The name is an index of at least one octet.
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

    Variables: for each of ``places`` the share of its field that stays until its next occurrence,
    then for each position the octets that stay from there to the next.
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
    # Between two positions the table may be cut.
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
        raise NoSolverError(f"could not solve the linear program: {result.message}")
    # Savings are whole octets, so the bound can be rounded up.
    return math.floor(-float(result.fun) + _TOLERANCE)
