"""Pieces that wait for the socket.

Contract: pieces leave in the order in which they came; none is copied together with another.
"""

from __future__ import annotations


class Output:
    """What is to be sent."""

    __slots__ = ("octets", "pieces")

    def __init__(self) -> None:
        self.pieces: list[bytes | memoryview] = []
        #: Their length altogether.
        self.octets = 0

    def add(self, piece: bytes | memoryview) -> None:
        """Put a piece of octets behind the others."""
        self.pieces.append(piece)
        self.octets += len(piece)

    def advance(self, count: int) -> None:
        """The first ``count`` octets were taken."""
        self.octets -= count
        if not self.octets:
            self.pieces.clear()
            return
        whole = 0
        while count >= len(self.pieces[whole]):
            count -= len(self.pieces[whole])
            whole += 1
        del self.pieces[:whole]
        if count:
            self.pieces[0] = memoryview(self.pieces[0])[count:]

    def clear(self) -> None:
        """Nothing will be sent any more."""
        self.pieces.clear()
        self.octets = 0
