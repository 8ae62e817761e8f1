"""The second stage of the strategy ``best``: improving a choice one decision at a time.

Contract: a :class:`Search` holds a choice with its exact course and remembers the best one seen.
The same model and choice give the same search on every machine.

Strategy: walk through the story, change one decision, follow the changed course with its exact cost
until it joins the old one, and keep the smaller one.  Annealing sometimes keeps a change for the
worse, but less and less often.  Many of its changes come in pairs, to keep the table's balance: the
insertion moves to the next occurrence of the field, or replaces one nearby.
"""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from typing import Final

from .table_model import NEVER, Course, Model, State, follow

#: The last temperature of annealing, in octets: a change for the worse by this much is kept with
#: probability 1/e.
_COLD: Final = 0.3
#: Of the changes in annealing: the share that moves an insertion to or from the next occurrence of
#: the field, the share that swaps it with another one, and within how many later positions.
_MOVED: Final = 0.3
_EXCHANGED: Final = 0.5
_NEARBY: Final = 24
#: A changed course that costs this many octets more than allowed hardly ever comes back.
_HOPELESS: Final = 80


class Search:
    """The second stage: a choice and its course, changed one decision at a time."""

    def __init__(self, model: Model, choice: list[bool]) -> None:
        self.model = model
        self.choice = choice.copy()
        unknown = Course.unknown(len(model.occurrences))
        self.cost, self.course = follow(model, choice, State(), 0, unknown)
        self.best = choice.copy()
        self.best_cost = self.cost
        #: Whether to pair changes with a second one.
        self.paired = False
        # Seeded: the result is the same every time.
        self.random = random.Random(7541)  # noqa: S311  # chance in a search, not a secret

    def anneal(self, hot: float, walks: int, greedy_walks: int) -> None:
        """Cool down from the temperature ``hot`` in ``walks`` walks, then only improve."""
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
                self.restore()
            self._walk_once(temperature)
            if temperature == 0.0 and self.cost == before:
                break

    def restore(self) -> None:
        """Continue from the best choice."""
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
        """Whether a change can help: the field or its name recurs, or the change undoes an
        insertion, or the literal is shorter with indexing and there is room."""
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
        """Change the decision at ``place`` and keep the change if it is good enough."""
        allowed = -0.5
        if temperature:
            allowed = -temperature * math.log(1.0 - self.random.random())
        second = self._second(place) if self.paired else NEVER
        changed = (place,) if second == NEVER else (place, second)
        before = self.choice[place : changed[-1] + 1]
        for each in changed:
            self.choice[each] = not self.choice[each]
        self.accept(place, state, before, allowed, _HOPELESS)

    def accept(
        self, place: int, state: State, before: list[bool], allowed: float, hopeless: int
    ) -> None:
        """Keep the changes in ``choice`` from ``place`` on, where the table is ``state``, if they
        cost at most ``allowed`` octets more; otherwise restore the decisions ``before``.

        A course that costs ``hopeless`` octets more than that is abandoned early.
        """
        excess, course = follow(
            self.model, self.choice, state, place, self.course, allowed + hopeless
        )
        if excess > allowed:
            self.choice[place : place + len(before)] = before
            return
        stop = place + len(course.octets)
        if stop < place + len(before):
            # The courses have joined here: changes further on had no effect.
            self.choice[stop : place + len(before)] = before[stop - place :]
        self.course.octets[place:stop] = course.octets
        self.course.inserted[place:stop] = course.inserted
        self.course.oldest[place:stop] = course.oldest
        self.cost += excess
        if self.cost < self.best_cost:
            self.best_cost = self.cost
            self.best = self.choice.copy()

    def _second(self, place: int) -> int:
        """The position of a decision to change together with the one at ``place``, or ``NEVER``."""
        chance = self.random.random()
        if chance < _MOVED:
            again = self.model.following[place]
            moves = again != NEVER and self.choice[again] == self.choice[place]
            return again if moves and self.model.free[again] else NEVER
        if chance < _MOVED + _EXCHANGED:
            return self._other_miss(place, place + 1 + int(self.random.random() * _NEARBY))
        return NEVER

    def _other_miss(self, place: int, start: int) -> int:
        """The first nearby position from ``start`` on that decides about a different field than
        ``place`` does, or ``NEVER``."""
        occurrences, free, octets = self.model.occurrences, self.model.free, self.course.octets
        for other in range(start, min(start + _NEARBY, len(occurrences))):
            if octets[other] > 1 and free[other] and occurrences[other] != occurrences[place]:
                return other
        return NEVER

    def _flip(self, place: int) -> None:
        self.choice[place] = not self.choice[place]
