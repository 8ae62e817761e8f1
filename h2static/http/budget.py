"""Rates that a peer may not exceed for long: token buckets.

Contract: a :class:`Budget` begins full.  At a quarter left a connection is asked to leave, at
nothing left it is closed; what is charged, and how much, is its owner's to say.
"""

from __future__ import annotations

#: What :meth:`Budget.spend` says.
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
        """What was left when it was last spent."""
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
