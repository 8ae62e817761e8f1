"""What engines count, typed: a misspelt name is an error and not a silent zero."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Counters:
    """What one connection has counted, or many together."""

    #: Requests that were received.
    requests: int = 0
    #: RST_STREAM frames of the peer, and streams that we reset for an error.
    resets: int = 0
    #: Limits that the peer has crossed.
    limit_hits: int = 0

    def add(self, other: Counters) -> None:
        """Add what ``other`` has counted."""
        self.requests += other.requests
        self.resets += other.resets
        self.limit_hits += other.limit_hits
