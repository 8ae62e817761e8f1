"""Rate limits on what a peer may do (RFC 9114 section 10.5).

Contract: as :mod:`h2static.http2.budgets`.  With a quarter left, the peer is asked to leave, once;
with nothing left, a :class:`~h2static.http3.errors.ConnectionViolation` is raised.
"""

from __future__ import annotations

from collections.abc import Callable

from h2static.http.budget import EXHAUSTED, LOW, Budget
from h2static.http.counters import Counters
from h2static.http.turn import Turn
from h2static.http3.errors import ConnectionViolation
from h2static.http3.limits import Limits
from h2static.http3.registry import ErrorCode


class Budgets:
    """The budgets of one connection."""

    __slots__ = ("_counters", "_glitches", "_leave", "_resets", "_turn")

    def __init__(
        self, limits: Limits, turn: Turn, counters: Counters, leave: Callable[[], None]
    ) -> None:
        """``leave`` asks the peer to leave; only its first call has an effect."""
        self._turn = turn
        self._counters = counters
        self._leave = leave
        self._resets = Budget(limits.resets_burst, limits.resets_rate, turn.now)
        self._glitches = Budget(limits.glitches_burst, limits.glitches_rate, turn.now)

    def reset(self) -> None:
        """Charge a stream that the peer gave up, or that was reset for the peer's error."""
        self._counters.resets += 1
        self._judge(self._resets.spend(1, self._turn.now), "too many streams reset")

    def glitch(self, amount: int = 1) -> None:
        """Charge a useless frame."""
        self._judge(self._glitches.spend(amount, self._turn.now), "too many useless frames")

    def _judge(self, verdict: int, reason: str) -> None:
        if verdict == EXHAUSTED:
            # "An endpoint … detecting that its peer is exhibiting a behavior that might be
            # generating excessive load" (8.1).
            raise ConnectionViolation(ErrorCode.H3_EXCESSIVE_LOAD, reason)
        if verdict == LOW:
            self._leave()
