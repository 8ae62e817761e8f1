"""Which end of a connection we are: all that client and server do not have in common in one table.

Contract: parts that need to know ask a :class:`Role`; none of them asks what it *is*, but what
follows from it.
"""

from __future__ import annotations

import enum


class Role(enum.Enum):
    """RFC 9113 section 1."""

    CLIENT = 1
    SERVER = 0

    @property
    def own_parity(self) -> int:
        """Streams that this end opens: "Streams initiated by a client MUST use odd-numbered stream
        identifiers; those initiated by the server MUST use even-numbered" (section 5.1.1)."""
        return self.value

    @property
    def first_own_id(self) -> int:
        """The first stream that this end opens or promises."""
        return 1 if self is Role.CLIENT else 2

    @property
    def first_peer_id(self) -> int:
        """The first stream that the peer opens or promises."""
        return 2 if self is Role.CLIENT else 1
