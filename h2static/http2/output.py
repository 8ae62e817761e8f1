"""The octets waiting for the socket, as pieces.

Contract: frames are appended as lists of pieces, which are never joined here.  The driver sends a
prefix of :attr:`Output.pieces` and reports its length with :meth:`Output.advance`.  A stream counts
as open until its last octet was passed to the kernel; :attr:`Output.ends` contains the end position
of each finished stream, so ``len(output.ends)`` is the number of those not fully sent.

Strategy: almost always everything is sent and cleared in one step; walking over the pieces is only
for short writes.
"""

from __future__ import annotations

from bisect import bisect_right


class Output:
    """The octets that one connection has yet to send."""

    __slots__ = ("emptied", "ends", "mapped", "octets", "pieces", "sent")

    def __init__(self) -> None:
        #: How often everything has been sent: pieces of a lower count are gone.
        self.emptied = 0
        #: What to send next, in order.
        self.pieces: list[bytes | memoryview] = []
        #: Octets appended since the output was last empty.
        self.octets = 0
        #: How many of them were sent.
        self.sent = 0
        #: Whether pieces among them are mappings, whose octets this process must not access.
        self.mapped = False
        #: For each finished stream the value of :attr:`octets` after its last frame; rising.
        self.ends: list[int] = []

    def __len__(self) -> int:
        """Octets to send."""
        return self.octets - self.sent

    def append(self, piece: bytes) -> None:
        """Add a whole frame."""
        self.pieces.append(piece)
        self.octets += len(piece)

    def advance(self, count: int) -> None:
        """The kernel has taken the first ``count`` octets of :attr:`pieces`."""
        self.sent += count
        if self.sent == self.octets:
            self.emptied += 1
            self.pieces = []
            self.ends = []
            self.octets = self.sent = 0
            self.mapped = False
            return
        pieces = self.pieces
        index = 0
        while count:
            size = len(pieces[index])
            if size > count:
                pieces[index] = memoryview(pieces[index])[count:]
                break
            count -= size
            index += 1
        del pieces[:index]
        del self.ends[: bisect_right(self.ends, self.sent)]

    def clear(self) -> None:
        """Drop everything: the connection is lost."""
        self.mapped = False
        self.pieces = []
        self.ends = []
        self.octets = self.sent = 0
