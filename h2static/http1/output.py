"""Pieces waiting for the socket.

Contract: pieces are sent in the order in which they were added, without joining them.
"""

from __future__ import annotations


class Output:
    """The queue of pieces to send."""

    __slots__ = ("octets", "pieces")

    def __init__(self) -> None:
        self.pieces: list[bytes | memoryview] = []
        #: Their length altogether.
        self.octets = 0

    def add(self, piece: bytes | memoryview) -> None:
        """Append a piece of octets."""
        self.pieces.append(piece)
        self.octets += len(piece)

    def advance(self, count: int) -> None:
        """Remove the first ``count`` octets, which were sent."""
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
        """Drop everything: nothing more will be sent."""
        self.pieces.clear()
        self.octets = 0
