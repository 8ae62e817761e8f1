"""The unread end of a stream of instructions.

Contract: octets come in any cut; what has been read is dropped, what is incomplete stays until the
rest is there.  The cost is linear in the octets, however they are cut: pieces are joined, and an
incomplete instruction is looked at again, only when the length is reached that it asks for.
"""

from __future__ import annotations


class InstructionBuffer:
    """What an encoder or decoder stream has brought and nobody has read yet."""

    __slots__ = ("_length", "_needed", "_pieces", "start")

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._length = 0
        #: Octets up to which it is useless to read again.
        self._needed = 1
        #: Where in the stream the unread octets begin.
        self.start = 0

    def __len__(self) -> int:
        return self._length

    def feed(self, octets: bytes) -> bytes:
        """Add ``octets``; returns all that is unread, or nothing if that cannot be enough yet."""
        if octets:
            self._pieces.append(octets)
            self._length += len(octets)
        if self._length < self._needed:
            return b""
        joined = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces = [joined]
        return joined

    def read(self, count: int) -> None:
        """``count`` octets of what :meth:`feed` returned have been read."""
        if count:
            rest = self._pieces[0][count:]
            self._pieces = [rest] if rest else []
            self._length = len(rest)
            self.start += count
        self._needed = 1

    def wait_for(self, count: int) -> None:
        """What is unread is worth another look from ``count`` octets on."""
        self._needed = count
