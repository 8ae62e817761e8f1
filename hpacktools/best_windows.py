"""The third stage of the strategy ``best``: decide a whole window of a story anew.

Contract: :func:`anneal_windows` improves a search (:class:`hpacktools.best_search.Search`) as far
as so many walks through the story get.

Strategy: single changes end where every way down leads over a long way up, because what the table
holds at any time hangs together.  So a stretch of the story, some ten to some hundred occurrences,
is decided anew as a whole, as the first guess decides: by dynamic programming against the clock of
the present course, with a price and with noise drawn by chance.  The changed course is followed
with its exact cost and kept if it is smaller, or by the rule of annealing.
"""

from __future__ import annotations

import math
from random import Random
from typing import Final

from .best_guess import clock_of, decide
from .best_search import Search
from .table_model import State

#: Temperatures in octets, at first and at last.
_HOT: Final = 6.0
_COLD: Final = 0.2
#: Occurrences in a window, at least and at most; as many windows for each size in octaves.
_NARROW: Final = 15
_WIDE: Final = 400
#: Prices in octets written for an octet inserted, up to this.
_HIGHEST_PRICE: Final = 0.4
#: Price for what is beyond the window, from and to.
_PRICES_BEYOND: Final = (0.03, 0.3)
#: Standard deviations, in octets, of the noise that an insertion is judged with.
_NOISES: Final = (0.0, 0.0, 3.0, 8.0)
#: A changed course that costs this many octets more than allowed is given up.
_HOPELESS: Final = 150


def anneal_windows(search: Search, walks: int) -> None:
    """Walk through the story ``walks`` times, ever colder."""
    # Seeded: the result is the same every time.
    chance = Random(7541)  # noqa: S311  # chance in a search, not a secret
    cooling = (_COLD / _HOT) ** (1 / max(walks - 1, 1))
    for number in range(walks):
        temperature = _HOT * cooling**number
        _walk(search, temperature, chance)
        search.walk([temperature])


def _walk(search: Search, temperature: float, chance: Random) -> None:
    """Decide windows anew from the beginning of the story to its end, one at each miss."""
    model = search.model
    end = len(model.occurrences)
    clock = clock_of(model, search.course.inserted)
    # What a field costs from each position on, by the clock as it is now.
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
