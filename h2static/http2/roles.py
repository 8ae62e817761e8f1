"""The role of an endpoint: all differences between client and server in one table.

Contract: parts query the properties of a :class:`Role`, never which role it *is*.
"""

from __future__ import annotations

import enum


class Role(enum.Enum):
    """The roles of RFC 9113 section 1."""

    CLIENT = 1
    SERVER = 0

    @property
    def own_parity(self) -> int:
        """Parity of streams that this end opens: "Streams initiated by a client MUST use
        odd-numbered stream identifiers; those initiated by the server MUST use even-numbered"
        (section 5.1.1)."""
        return 1 if self is Role.CLIENT else 0

    @property
    def first_own_id(self) -> int:
        """The first stream that this end opens or promises."""
        return 1 if self is Role.CLIENT else 2

    @property
    def first_peer_id(self) -> int:
        """The first stream that the peer opens or promises."""
        return 2 if self is Role.CLIENT else 1
