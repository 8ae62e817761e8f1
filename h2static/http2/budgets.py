"""Rate limits on what a peer may do (RFC 9113 section 10.5).

Contract: the code that processes a frame charges its cost.  With a quarter left, the peer is asked
to leave, once; with nothing left, a :class:`~h2static.http2.errors.ConnectionViolation` is raised.
"""

from __future__ import annotations

from collections.abc import Callable

from h2static.http.budget import EXHAUSTED, LOW, Budget
from h2static.http.turn import Turn
from h2static.http2.errors import ConnectionViolation
from h2static.http2.limits import Limits
from h2static.http2.registry import ErrorCode


class Budgets:
    """The budgets of one connection."""

    __slots__ = ("_glitches", "_leave", "_limits", "_resets", "_turn", "_updates", "resets")

    def __init__(self, limits: Limits, turn: Turn, leave: Callable[[], None]) -> None:
        """``leave`` asks the peer to leave; only its first call has an effect."""
        self._limits = limits
        self._turn = turn
        self._leave = leave
        self._resets = Budget(limits.resets_burst, limits.resets_rate, turn.now)
        self._glitches = Budget(limits.glitches_burst, limits.glitches_rate, turn.now)
        self._updates = 0
        #: RST_STREAM frames from the peer, and streams that were reset for an error.
        self.resets = 0

    def reset(self) -> None:
        """Charge RST_STREAM from the peer, or for its error (CVE-2023-44487, CVE-2025-8671)."""
        self.resets += 1
        self._judge(self._resets.spend(1, self._turn.now), "too many streams reset")

    def glitch(self, amount: int = 1) -> None:
        """Charge a useless frame."""
        verdict = self._glitches.spend(amount, self._turn.now)
        if verdict:
            self._judge(verdict, "too many useless frames")

    def window_update(self, requests: int, data_frames: int) -> None:
        """Charge WINDOW_UPDATE, given the ``requests`` received and ``data_frames`` sent so far."""
        # Two for each DATA frame sent, and for each request in advance, are free; the rest are
        # useless.
        self._updates += 1
        limits = self._limits
        paid = limits.window_updates_per_data * (requests + data_frames)
        if self._updates > limits.window_updates_free + paid:
            self.glitch()

    def retire(self) -> None:
        """The connection is over: drop the callback."""
        self._leave = _ignore

    def left(self) -> tuple[float, float, int]:
        """Tokens left for resets and for glitches; number of WINDOW_UPDATE frames received."""
        return self._resets.tokens, self._glitches.tokens, self._updates

    def _judge(self, verdict: int, reason: str) -> None:
        if verdict == EXHAUSTED:
            raise ConnectionViolation(ErrorCode.ENHANCE_YOUR_CALM, reason)
        if verdict == LOW:
            self._leave()


def _ignore() -> None:
    """Stand in for a callback of a connection that is over."""
