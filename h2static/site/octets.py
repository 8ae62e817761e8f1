"""Octets in memory that responses share, and counting them.

Contract: :class:`HeldOctets` are counted from their creation until the last reference is gone, be
it a cache, a response or a view waiting for a socket.  An :class:`OctetBody` sends pieces of octets
without copying them: any number of readers take no more memory than one.

Octets may be created and dropped in any thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from h2static.http.fields import Fields
from h2static.site.ranges import Span

#: Literal octets, or a span of a body's content.
Piece: TypeAlias = bytes | Span


def piece_length(piece: Piece) -> int:
    """The length of ``piece`` in octets."""
    return len(piece) if isinstance(piece, bytes) else piece[1] - piece[0]


class HeldOctets(bytes):
    """Octets that report when the last reference to them is gone."""

    # A ``bytes`` subclass, because a view keeps it alive: octets waiting for a socket still count.
    _released: Callable[[int], None]

    @classmethod
    def of(cls, octets: bytes | bytearray, released: Callable[[int], None]) -> HeldOctets:
        """A copy of ``octets``; ``released`` gets their number at the end, in any thread."""
        made = cls(octets)
        made._released = released
        return made

    def __del__(self) -> None:
        self._released(len(self))


class OctetCount:
    """Counts the octets that are held."""

    def __init__(self) -> None:
        self._sum = 0
        # Octets are created and dropped in any thread, and the collector may drop them in the
        # middle of a line: each change is added here in one atomic step.
        self._changes: deque[int] = deque()

    @property
    def held(self) -> int:
        """Octets that are currently held.

        One change may be missing while another thread settles.
        """
        while True:
            # Octets may be dropped in the middle of the copy, too: by the collector, which comes
            # when the copy needs memory.
            try:
                return self._sum + sum(self._changes.copy())
            except RuntimeError:
                continue

    def hold(self, octets: bytes | bytearray) -> HeldOctets:
        """A copy of ``octets`` that is counted."""
        self._changes.append(len(octets))
        return HeldOctets.of(octets, self._drop)

    def settle(self) -> None:
        """Add up the changes; called by one thread from time to time."""
        while self._changes:
            self._sum += self._changes.popleft()

    def _drop(self, count: int) -> None:
        self._changes.append(-count)


class OctetBody:
    """A :class:`h2static.http.bodies.Body` made of pieces of shared octets."""

    __slots__ = ("_pieces", "length", "octets")

    def __init__(self, octets: bytes | bytearray, pieces: tuple[Piece, ...]) -> None:
        """``octets`` must not be changed afterward."""
        self.octets = octets
        self._pieces = pieces
        self.length: int | None = sum(map(piece_length, pieces))

    def open(self) -> OctetReader:
        """Start a reading."""
        return OctetReader(self.octets, self._pieces)

    def same_as(self, other: OctetBody) -> bool:
        """Whether ``other`` has the same octets."""
        return self._pieces == other._pieces and self.octets == other.octets


class OctetReader:
    """Reads an :class:`OctetBody` once; a :class:`h2static.http.bodies.BodyReader`."""

    __slots__ = ("_octets", "_offset", "_pieces", "_position")

    #: The pieces are views of immutable octets.
    reuses_buffer = False

    def __init__(self, octets: bytes | bytearray, pieces: tuple[Piece, ...]) -> None:
        self._octets = octets
        self._pieces = pieces
        #: Index of the current piece, and how many of its octets have been returned.
        self._position = 0
        self._offset = 0

    def read(self, size: int) -> bytes | memoryview:
        """Implement :meth:`h2static.http.bodies.BodyReader.read`; never waits."""
        pieces = self._pieces
        while self._position < len(pieces):
            piece = pieces[self._position]
            start, end = (0, len(piece)) if isinstance(piece, bytes) else piece
            start += self._offset
            if start < end:
                end = min(end, start + size)
                self._offset += end - start
                return memoryview(piece if isinstance(piece, bytes) else self._octets)[start:end]
            self._position += 1
            self._offset = 0
        return b""

    def wait(self, wake: Callable[[], None]) -> None:
        """Never called: there is nothing to wait for."""
        wake()

    def trailers(self) -> Fields:
        """No trailers: files have none."""
        return ()

    def close(self) -> None:
        """Drop the octets."""
        self._pieces = ()
        self._octets = b""
