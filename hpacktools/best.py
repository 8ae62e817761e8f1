"""The strategy ``best``: the whole story is known, so choose what to index by search.

Contract: :func:`plan_cases` gives a representation for every field of a story.  It is
deterministic: the same story and effort give the same octets on every machine.

Strategy, in two stages.  First guess: measure time in octets inserted, by which an entry lives as
long as the table is large.  When that clock is given, each field can be decided for itself, by
dynamic programming over its occurrences, with a price for every octet inserted; then the clock
follows from the decisions.  A few rounds of this for each of several prices give starting points.
Then improve: walk through the story, change one decision at a time, follow the changed course with
its exact cost until it joins the old one, keep what is smaller.  With effort, changes for the
worse are kept sometimes, ever more rarely (simulated annealing), and many come with a second one
that restores the balance of the table: the insertion moves to the next occurrence of the field, or
takes the place of one nearby.  With much effort, there are several starts, in which a change that
makes later fields miss is repaired there before it is judged.  The smallest is returned.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Final

from .codec import DEFAULT_TABLE_SIZE, Representation
from .codec.table import STATIC_FIELDS
from .stories import Case
from .strategies import DEFAULT_EFFORT, without_credentials
from .table_model import NEVER, Course, Model, State, build_model, follow

#: Prices, in octets written for an octet inserted, for which a first guess is made.
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
#: Rounds for each price, and how much of each new clock goes into the next.
_ROUNDS: Final = 8
_FEW_ROUNDS: Final = 5
_DAMPING: Final = 0.3
#: A first clock: what comes again within this many occurrences is inserted.
_NEAR: Final = 300
#: Temperatures of annealing in octets: at the first a change for the worse by that much is kept
#: with probability 1/e.
_HOT: Final = 3.0
_WARM: Final = 1.5
_COLD: Final = 0.3
#: Of the changes in annealing, this share moves an insertion to or from the next occurrence of the
#: field, and this share exchanges it with one among so many positions behind.
_MOVED: Final = 0.3
_EXCHANGED: Final = 0.5
_NEARBY: Final = 24
#: From this effort on several starts are worth their time.
_MUCH: Final = 10
#: A changed course that costs this many octets more than allowed hardly ever comes back.
_HOPELESS: Final = 80
#: With repairs it may cost more at first; and how many decisions are tried for a repair.
_HOPELESS_UNREPAIRED: Final = 200
_REPAIRS: Final = (0, 2, 4)
#: Walks that only improve; most stories need fewer, and the first three gain nearly all.
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
        search = _Search(model, first_guess(model, _FEW_PRICES, _FEW_ROUNDS))
        search.walk([0.0] * _FEW_WALKS)
        search.anneal(_WARM, effort, _FEW_WALKS)
        return search.best
    guess = first_guess(model, _PRICES, _ROUNDS)
    # Which number of repairs ends best differs from story to story.
    searches = [_Search(model, guess, repairs=repairs) for repairs in _REPAIRS]
    for each in searches:
        each.walk([0.0] * _GREEDY_WALKS)
    best = min(searches, key=lambda each: each.best_cost)
    search = _Search(model, best.best)
    search.anneal(_HOT, effort, _GREEDY_WALKS)
    return search.best


def first_guess(model: Model, prices: Sequence[float], rounds: int) -> list[bool]:
    """The best of the first stage."""
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
            clock = _next_clock(model, course.inserted, clock)
            choice = _decide(model, clock, price)
    return best


def _next_clock(model: Model, inserted: list[bool], clock: list[float]) -> list[float]:
    """Octets inserted before each position, mixed with the clock of the round before."""
    total = 0
    measured: list[float] = []
    for field, is_inserted in zip(model.occurrences, inserted, strict=True):
        measured.append(total)
        if is_inserted:
            total += model.size[field]
    if not clock:
        return measured
    return [old + _DAMPING * (new - old) for old, new in zip(clock, measured, strict=True)]


def _decide(model: Model, clock: list[float], price: float) -> list[bool]:
    """The cheapest choice if the table's clock were ``clock``, an octet inserted costing
    ``price``.

    From the end to the beginning: the least cost of a field from an occurrence on that the table
    lacks follows from that of its later occurrences.
    """
    end = len(model.occurrences)
    following = model.following
    choice = [False] * end
    cost_from = [0.0] * end
    for place in range(end - 1, -1, -1):
        field = model.occurrences[place]
        size = model.size[field]
        later = following[place]
        literal = model.without_indexing[field] + (cost_from[later] if later < end else 0.0)
        cost_from[place] = literal
        if not model.free[place]:
            continue
        evicted = clock[place] + model.maximum[place] - size
        indexed = 0
        while later < end and clock[later] <= evicted:
            indexed += 1
            later = following[later]
        insertion = model.with_indexing[field] + price * size + indexed
        if later < end:
            insertion += cost_from[later]
        if insertion < literal:
            choice[place] = True
            cost_from[place] = insertion
    return choice


class _Search:
    """The second stage: a choice and its course, changed one decision at a time."""

    def __init__(self, model: Model, choice: list[bool], *, repairs: int = 0) -> None:
        self.model = model
        self.choice = choice.copy()
        self.repairs = repairs
        self.hopeless = _HOPELESS_UNREPAIRED if repairs else _HOPELESS
        unknown = Course.unknown(len(model.occurrences))
        self.cost, self.course = follow(model, choice, State(), 0, unknown)
        self.best = choice.copy()
        self.best_cost = self.cost
        #: Whether changes come with a second one, as long as there are no repairs.
        self.paired = False
        # Seeded: the result is the same every time.
        self.random = random.Random(7541)  # noqa: S311  # chance in a search, not a secret

    def anneal(self, hot: float, walks: int, greedy_walks: int) -> None:
        """Cool down from the temperature ``hot`` in so many walks, then only improve."""
        if walks:
            self.paired = True
            cooling = (_COLD / hot) ** (1 / walks)
            self.walk([hot * cooling**number for number in range(walks)])
            self.walk([0.0] * greedy_walks)

    def walk(self, temperatures: Sequence[float]) -> None:
        """Walk through the story once for each temperature; ``best`` is the best choice seen."""
        for temperature in temperatures:
            before = self.cost
            if temperature == 0.0 and self.cost > self.best_cost:
                self._restore()
            self._walk_once(temperature)
            if temperature == 0.0 and self.cost == before:
                break

    def _restore(self) -> None:
        """Go on from the best choice."""
        self.choice = self.best.copy()
        unknown = Course.unknown(len(self.choice))
        self.cost, self.course = follow(self.model, self.choice, State(), 0, unknown)

    def _walk_once(self, temperature: float) -> None:
        model = self.model
        state = State()
        for place, field in enumerate(model.occurrences):
            state.evict(model, model.cut[place])
            if state.fields.get(field, -1) >= state.head:
                continue
            if model.free[place] and self._is_worth_a_try(place, field, state):
                self._try_change(place, state, temperature)
            state.step(model, place, self.choice[place])

    def _is_worth_a_try(self, place: int, field: int, state: State) -> bool:
        """Whether a change can be of use: the field or its name comes again, or it is one to be
        taken back, or the literal is shorter with indexing and there is room."""
        model = self.model
        return (
            self.choice[place]
            or model.following[place] != NEVER
            or model.name[field] >= 0
            or (
                model.with_indexing[field] < model.without_indexing[field]
                and state.used + model.size[field] <= model.maximum[place]
            )
        )

    def _try_change(self, place: int, state: State, temperature: float) -> None:
        """Change the decision at ``place``, with repairs, and keep that if it is good enough."""
        allowed = -0.5
        if temperature:
            allowed = -temperature * math.log(1.0 - self.random.random())
        changed = [place]
        self._flip(place)
        second = self._second(place) if self.paired else NEVER
        if second != NEVER:
            self._flip(second)
            changed.append(second)
        excess, course = self._follow(place, state, allowed + self.hopeless)
        missed = place
        for _ in range(self.repairs):
            if excess <= allowed:
                break
            missed = self._next_miss(place, missed, course)
            if missed == NEVER:
                break
            self._flip(missed)
            repaired_excess, repaired_course = self._follow(place, state, excess)
            if repaired_excess < excess:
                excess, course = repaired_excess, repaired_course
                changed.append(missed)
            else:
                self._flip(missed)
        if excess > allowed:
            for each in changed:
                self._flip(each)
            return
        stop = place + len(course.octets)
        if stop <= second != NEVER:
            # The courses have joined before it: it had no part in this.
            self._flip(second)
        self.course.octets[place:stop] = course.octets
        self.course.inserted[place:stop] = course.inserted
        self.course.oldest[place:stop] = course.oldest
        self.cost += excess
        if self.cost < self.best_cost:
            self.best_cost = self.cost
            self.best = self.choice.copy()

    def _second(self, place: int) -> int:
        """The position of a decision to change together with that at ``place``, or ``NEVER``."""
        chance = self.random.random()
        if chance < _MOVED:
            again = self.model.following[place]
            moves = again != NEVER and self.choice[again] == self.choice[place]
            return again if moves and self.model.free[again] else NEVER
        if chance < _MOVED + _EXCHANGED:
            return self._other_miss(place, place + 1 + int(self.random.random() * _NEARBY))
        return NEVER

    def _other_miss(self, place: int, start: int) -> int:
        """The first position from ``start`` on, not far, that decides about another field than
        that of ``place``, or ``NEVER``."""
        occurrences, free, octets = self.model.occurrences, self.model.free, self.course.octets
        for other in range(start, min(start + _NEARBY, len(occurrences))):
            if octets[other] > 1 and free[other] and occurrences[other] != occurrences[place]:
                return other
        return NEVER

    def _flip(self, place: int) -> None:
        self.choice[place] = not self.choice[place]

    def _follow(self, place: int, state: State, bound: float) -> tuple[int, Course]:
        return follow(self.model, self.choice, state, place, self.course, bound)

    def _next_miss(self, start: int, after: int, course: Course) -> int:
        """The first position behind ``after`` that costs clearly more than before, where deciding
        otherwise may help: nearly always one where the table has lost an entry."""
        known = self.course.octets
        for place in range(after + 1, start + len(course.octets)):
            if course.octets[place - start] > known[place] + 1 and self.model.free[place]:
                return place
        return NEVER
