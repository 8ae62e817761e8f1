"""What a peer may do, but not without end: rates that are charged (RFC 9113 section 10.5).

Contract: whoever processes a frame charges what it costs.  At a quarter left the peer is asked to
leave, once; at nothing left a :class:`~h2static.http2.errors.ConnectionViolation` is raised.
"""

from __future__ import annotations

from collections.abc import Callable

from h2static.http2.errors import ConnectionViolation
from h2static.http2.limits import EXHAUSTED, LOW, Budget, Limits
from h2static.http2.registry import ErrorCode
from h2static.http2.turn import Turn


class Budgets:
    """The budgets of one connection."""

    __slots__ = ("_glitches", "_leave", "_limits", "_resets", "_turn", "_update_credit", "resets")

    def __init__(self, limits: Limits, turn: Turn, leave: Callable[[], None]) -> None:
        """``leave`` asks the peer to leave; it has an effect once."""
        self._limits = limits
        self._turn = turn
        self._leave = leave
        self._resets = Budget(limits.resets_burst, limits.resets_rate, turn.now)
        self._glitches = Budget(limits.glitches_burst, limits.glitches_rate, turn.now)
        self._update_credit = limits.window_updates_free
        #: RST_STREAM frames of the peer, and streams that were reset for an error.
        self.resets = 0

    def reset(self) -> None:
        """RST_STREAM of the peer, or for an error of its (CVE-2023-44487, CVE-2025-8671)."""
        self.resets += 1
        self._judge(self._resets.spend(1, self._turn.now), "too many streams reset")

    def glitch(self, amount: int = 1) -> None:
        """A frame that asked for nothing."""
        verdict = self._glitches.spend(amount, self._turn.now)
        if verdict:
            self._judge(verdict, "too many frames without use")

    def requests(self, count: int) -> None:
        """Requests pay in advance for the WINDOW_UPDATE frames that their responses will bring."""
        self._update_credit += self._limits.window_updates_per_data * count

    def window_update(self, data_frames: int) -> None:
        """WINDOW_UPDATE, after ``data_frames`` DATA frames were sent to the peer."""
        # Two for each DATA frame that was sent, paid in advance; the rest ask for nothing.
        self._update_credit -= 1
        if self._update_credit < -self._limits.window_updates_per_data * data_frames:
            self.glitch()

    def left(self) -> tuple[float, float, int]:
        """What is left: tokens for resets and for glitches, WINDOW_UPDATE frames paid for."""
        return self._resets.tokens, self._glitches.tokens, self._update_credit

    def _judge(self, verdict: int, reason: str) -> None:
        if verdict == EXHAUSTED:
            raise ConnectionViolation(ErrorCode.ENHANCE_YOUR_CALM, reason)
        if verdict == LOW:
            self._leave()
