"""The unread end of a stream of instructions.

Contract: octets arrive in pieces of any size; octets that have been read are dropped, an incomplete
instruction stays until the rest arrives.  The cost is linear in the octets, whatever the pieces:
they are joined, and an incomplete instruction is parsed again, only once the required length has
arrived.
"""

from __future__ import annotations


class InstructionBuffer:
    """The unread octets of an encoder or decoder stream."""

    __slots__ = ("_length", "_needed", "_pieces", "start")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._length = 0
        #: Number of octets below which parsing again is pointless.
        self._needed = 1
        #: Offset in the stream at which the unread octets begin.
        self.start = 0

    def __len__(self) -> int:
        return self._length

    def feed(self, octets: bytes) -> bytes:
        """Add ``octets``; returns all unread octets, or nothing if they cannot be enough yet."""
        if octets:
            self._pieces.append(octets)
            self._length += len(octets)
        if self._length < self._needed:
            return b""
        joined = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces = [joined]
        return joined

    def read(self, count: int) -> None:
        """Drop ``count`` octets of what :meth:`feed` returned: they have been read."""
        if count:
            rest = self._pieces[0][count:]
            self._pieces = [rest] if rest else []
            self._length = len(rest)
            self.start += count
        self._needed = 1

    def wait_for(self, count: int) -> None:
        """Make :meth:`feed` return nothing until ``count`` octets are unread."""
        self._needed = count
