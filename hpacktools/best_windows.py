"""The third stage of the strategy ``best``: decide a whole window of a story again.

Contract: :func:`anneal_windows` improves a search (:class:`hpacktools.best_search.Search`) as far
as the given number of walks through the story allows.

Strategy: single changes get stuck in local minima, because the entries in the table at any time
depend on one another.  So a window of the story, ten to a few hundred occurrences, is decided again
as a whole, in the same way as the first guess: by dynamic programming against the clock of the
current course, with a random price and random noise.  The changed course is followed with its exact
cost and kept if it is smaller, or by the rule of annealing.
"""

from __future__ import annotations

import math
from random import Random
from typing import Final

from .best_guess import clock_of, decide
from .best_search import Search
from .table_model import State

#: First and last temperature, in octets.
_HOT: Final = 6.0
_COLD: Final = 0.2
#: Minimum and maximum number of occurrences in a window; every octave of sizes is equally likely.
_NARROW: Final = 15
_WIDE: Final = 400
#: Upper limit of the price, in octets written per octet inserted.
_HIGHEST_PRICE: Final = 0.4
#: Range of the price for occurrences beyond the window.
_PRICES_BEYOND: Final = (0.03, 0.3)
#: Standard deviations, in octets, of the noise on the cost of an insertion.
_NOISES: Final = (0.0, 0.0, 3.0, 8.0)
#: A changed course that costs this many octets more than allowed is abandoned.
_HOPELESS: Final = 150


def anneal_windows(search: Search, walks: int) -> None:
    """Walk through the story ``walks`` times with falling temperature."""
    # Seeded: the result is the same every time.
    chance = Random(7541)  # noqa: S311  # chance in a search, not a secret
    cooling = (_COLD / _HOT) ** (1 / max(walks - 1, 1))
    for number in range(walks):
        temperature = _HOT * cooling**number
        _walk(search, temperature, chance)
        search.walk([temperature])


def _walk(search: Search, temperature: float, chance: Random) -> None:
    """Decide windows again from the beginning of the story to its end, one at each miss."""
    model = search.model
    end = len(model.occurrences)
    clock = clock_of(model, search.course.inserted)
    # The cost of a field from each position on, by the current clock.
    beyond = [0.0] * end
    decide(model, clock, beyond, 0, end, chance.uniform(*_PRICES_BEYOND))
    octaves = math.log(_WIDE / _NARROW)
    state = State()
    for place, field in enumerate(model.occurrences):
        state.evict(model, model.cut[place])
        if state.fields.get(field, -1) >= state.head:
            continue
        stop = min(end, place + int(_NARROW * math.exp(chance.random() * octaves)))
        price = chance.random() * _HIGHEST_PRICE
        noise = chance.choice(_NOISES)
        drawn = [chance.gauss(0.0, noise) for _ in range(place, stop)] if noise else []
        before = search.choice[place:stop]
        costs = beyond.copy()
        search.choice[place:stop] = decide(model, clock, costs, place, stop, price, drawn)
        allowed = -temperature * math.log(1.0 - chance.random())
        search.accept(place, state, before, allowed, _HOPELESS)
        state.step(model, place, search.choice[place])
