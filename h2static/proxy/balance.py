"""Which of several upstreams gets a request.

Contract: :meth:`Balance.choose` picks a healthy upstream by the policy; if there is none, one that
was recently unreachable, because it may be back; never one whose health check fails, nor one that
was already tried.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from h2static.proxy.config import Policy
from h2static.proxy.upstream import Upstream


class Balance:
    """Chooses among the upstreams of a prefix."""

    def __init__(self, upstreams: Sequence[Upstream], policy: Policy) -> None:
        self._upstreams = tuple(upstreams)
        self._policy = policy
        self._next = 0

    def choose(self, tried: Sequence[Upstream]) -> Upstream | None:
        """The upstream to ask; ``None``: none is left."""
        upstreams = self._upstreams
        if len(upstreams) == 1:
            only = upstreams[0]
            return None if tried or only.complaint is not None else only
        left = [one for one in upstreams if one not in tried and one.complaint is None]
        candidates = [one for one in left if not one.is_down()] or left
        if not candidates:
            return None
        if self._policy is Policy.ROUND_ROBIN:
            return self._in_turn(candidates)
        if self._policy is Policy.LEAST_CONNECTIONS:
            least = min(one.under_way for one in candidates)
            return self._in_turn([one for one in candidates if one.under_way == least])
        assert_never(self._policy)

    def _in_turn(self, candidates: Sequence[Upstream]) -> Upstream:
        """The next one of all that is among ``candidates``."""
        upstreams = self._upstreams
        while True:
            one = upstreams[self._next % len(upstreams)]
            self._next += 1
            if one in candidates:
                return one
