"""Rates that a peer may not exceed for long: token buckets.

Contract: a :class:`Budget` begins full.  With a quarter left, a connection is asked to leave; with
nothing left, it is closed.  The owner decides what is charged, and how much.
"""

from __future__ import annotations

#: Results of :meth:`Budget.spend`.
WITHIN, LOW, EXHAUSTED = 0, 1, 2


class Budget:
    """A token bucket: ``burst`` tokens at first and at most, ``rate`` more each second."""

    __slots__ = ("_burst", "_low", "_rate", "_then", "_tokens")

    def __init__(self, burst: int, rate: float, now: float) -> None:
        self._burst = float(burst)
        self._rate = rate
        self._tokens = float(burst)
        self._low = burst / 4
        self._then = now

    @property
    def tokens(self) -> float:
        """Tokens left after the last :meth:`spend`."""
        return self._tokens

    def spend(self, amount: float, now: float) -> int:
        """Take ``amount`` tokens at time ``now`` (seconds, monotonic): WITHIN, LOW or EXHAUSTED."""
        tokens = self._tokens + (now - self._then) * self._rate
        if tokens > self._burst:
            tokens = self._burst
        self._then = now
        tokens -= amount
        self._tokens = tokens
        if tokens >= self._low:
            return WITHIN
        return LOW if tokens >= 0 else EXHAUSTED
