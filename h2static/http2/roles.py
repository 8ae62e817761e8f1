"""The role of an endpoint: all differences between client and server in one table.

Contract: parts query the properties of a :class:`Role`, never which role it *is*.
"""

from __future__ import annotations

import enum


class Role(enum.Enum):
    """The roles of RFC 9113 section 1."""

    CLIENT = 1
    SERVER = 0

    #: Parity of streams that this end opens: "Streams initiated by a client MUST use odd-numbered
    #: stream identifiers; those initiated by the server MUST use even-numbered" (section 5.1.1).
    own_parity: int
    #: The first stream that this end opens or promises, and the first one of the peer.
    first_own_id: int
    first_peer_id: int

    def __init__(self, own_parity: int) -> None:
        self.own_parity = own_parity
        self.first_own_id = 2 - own_parity
        self.first_peer_id = 1 + own_parity
