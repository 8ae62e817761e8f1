"""The strategy ``best``: knowing the whole story, search for the best choice of fields to index.

Contract: :func:`plan_cases` gives a representation for every field of a story.  It is
deterministic: the same story and effort give the same octets on every machine.

Strategy, in stages: a first guess by dynamic programming (:mod:`hpacktools.best_guess`), single
changes with their exact cost and some annealing (:mod:`hpacktools.best_search`), and with high
effort, new decisions for whole windows (:mod:`hpacktools.best_windows`).  The smallest choice seen
is returned.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from .best_guess import first_guess
from .best_search import Search
from .best_windows import anneal_windows
from .codec import DEFAULT_TABLE_SIZE, Representation
from .codec.table import STATIC_FIELDS
from .stories import Case
from .strategies import DEFAULT_EFFORT, without_credentials
from .table_model import Model, build_model

#: Prices, in octets written per octet inserted, for each of which a first guess is made.
_PRICES: Final = (
    0.0,
    0.01,
    0.02,
    0.04,
    0.07,
    0.1,
    0.13,
    0.16,
    0.2,
    0.24,
    0.28,
    0.32,
    0.37,
    0.43,
    0.5,
)
_FEW_PRICES: Final = (0.0, 0.02, 0.1, 0.16, 0.24, 0.32)
#: Rounds for each price.
_ROUNDS: Final = 8
_FEW_ROUNDS: Final = 5
#: The first temperature of annealing in octets; see :mod:`hpacktools.best_search`.
_WARM: Final = 1.5
#: From this effort on, windows are decided again: that takes long but finds more.
_MUCH: Final = 10
#: Walks of annealing before that.
_WALKS_BEFORE: Final = 5
#: Walks that only improve; most stories need fewer, and the first three gain almost everything.
_GREEDY_WALKS: Final = 8
_FEW_WALKS: Final = 3


def plan_cases(
    cases: Sequence[Case],
    *,
    limit: int = DEFAULT_TABLE_SIZE,
    huffman: bool = True,
    effort: int = DEFAULT_EFFORT,
) -> list[list[Representation]]:
    """Plan the cases of one connection: for each case a representation for each field.

    ``limit`` is the largest table, in octets, that the encoder keeps.  ``effort`` is the number of
    annealing walks; with 0 there is none, which takes a third of the time of the default.
    """
    cases = without_credentials(cases)
    model = build_model(cases, limit=limit, huffman=huffman)
    choice = search(model, effort) if model.occurrences else []
    decisions = iter(choice)
    plans = []
    for case in cases:
        plan = []
        for position, field in enumerate(case.fields or ()):
            if position in case.sensitive:
                next(decisions)
                plan.append(Representation.NEVER_INDEXED)
            elif field in STATIC_FIELDS:
                plan.append(Representation.WITHOUT_INDEXING)
            elif next(decisions):
                plan.append(Representation.WITH_INDEXING)
            else:
                plan.append(Representation.WITHOUT_INDEXING)
        plans.append(plan)
    return plans


def search(model: Model, effort: int) -> list[bool]:
    """The best choice found for ``model``."""
    if effort < _MUCH:
        search = Search(model, first_guess(model, _FEW_PRICES, _FEW_ROUNDS))
        search.walk([0.0] * _FEW_WALKS)
        search.anneal(_WARM, effort, _FEW_WALKS)
        return search.best
    search = Search(model, first_guess(model, _PRICES, _ROUNDS))
    search.walk([0.0] * _FEW_WALKS)
    search.anneal(_WARM, _WALKS_BEFORE, _FEW_WALKS)
    search.restore()
    anneal_windows(search, effort - _WALKS_BEFORE)
    search.walk([0.0] * _GREEDY_WALKS)
    return search.best
