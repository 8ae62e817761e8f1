"""Counters of engines, typed, so that a misspelled name is an error and not a silent zero."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class Counters:
    """Counters of one connection, or of many together."""

    #: Requests received.
    requests: int = 0
    #: RST_STREAM frames from the peer, and streams that we reset for an error.
    resets: int = 0
    #: Limits that the peer exceeded.
    limit_hits: int = 0

    def add(self, other: Counters) -> None:
        """Add the counts of ``other``."""
        self.requests += other.requests
        self.resets += other.resets
        self.limit_hits += other.limit_hits
