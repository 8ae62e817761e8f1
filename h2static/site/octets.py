"""Octets in memory that responses share, and how many of them there are.

Contract: :class:`HeldOctets` count from when they are made until nobody holds them any more, be it
a cache, a response or a view that waits for a socket.  An :class:`OctetBody` sends pieces of octets
without copying them: any number of its readings take no more room than one.

Octets may be made and dropped in any thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from h2static.http.fields import Fields
from h2static.site.ranges import Span

#: Octets as they are, or a span of what a body is made of.
Piece: TypeAlias = bytes | Span


def piece_length(piece: Piece) -> int:
    """Octets of ``piece``."""
    return len(piece) if isinstance(piece, bytes) else piece[1] - piece[0]


class HeldOctets(bytes):
    """Octets that tell when nobody holds them any more."""

    # A ``bytes``, because a view of one keeps it: what waits for the socket still counts.
    _released: Callable[[int], None]

    @classmethod
    def of(cls, octets: bytes | bytearray, released: Callable[[int], None]) -> HeldOctets:
        """A copy of ``octets``; ``released`` is told their number in the end, in any thread."""
        made = cls(octets)
        made._released = released
        return made

    def __del__(self) -> None:
        self._released(len(self))


class OctetCount:
    """How many octets are held."""

    def __init__(self) -> None:
        self._sum = 0
        # Octets are made and dropped in any thread, and the collector may drop them in the middle
        # of a line: changes are left here by one step that cannot be divided.
        self._changes: deque[int] = deque()

    @property
    def held(self) -> int:
        """Octets that somebody holds now.

        One change may be missing while another thread settles.
        """
        return self._sum + sum(tuple(self._changes))

    def hold(self, octets: bytes | bytearray) -> HeldOctets:
        """A copy of ``octets`` that counts."""
        self._changes.append(len(octets))
        return HeldOctets.of(octets, self._drop)

    def settle(self) -> None:
        """Add up what has changed; called by one thread, now and then."""
        while self._changes:
            self._sum += self._changes.popleft()

    def _drop(self, count: int) -> None:
        self._changes.append(-count)


class OctetBody:
    """A body of pieces of octets that it shares; a :class:`h2static.http.bodies.Body`."""

    __slots__ = ("_pieces", "length", "octets")

    def __init__(self, octets: bytes | bytearray, pieces: tuple[Piece, ...]) -> None:
        """``octets`` are not changed any more."""
        self.octets = octets
        self._pieces = pieces
        self.length: int | None = sum(map(piece_length, pieces))

    def open(self) -> OctetReader:
        """Start a reading."""
        return OctetReader(self.octets, self._pieces)

    def same_as(self, other: OctetBody) -> bool:
        """Whether ``other`` gives the same octets."""
        return self._pieces == other._pieces and self.octets == other.octets


class OctetReader:
    """One reading of an :class:`OctetBody`; a :class:`h2static.http.bodies.BodyReader`."""

    __slots__ = ("_octets", "_offset", "_pieces", "_position")

    #: What is returned is a view of what stays as it is.
    reuses_buffer = False

    def __init__(self, octets: bytes | bytearray, pieces: tuple[Piece, ...]) -> None:
        self._octets = octets
        self._pieces = pieces
        #: Index of the current piece, and octets of it that were returned.
        self._position = 0
        self._offset = 0

    def read(self, size: int) -> bytes | memoryview:
        """See :class:`h2static.http.bodies.BodyReader`; never waits."""
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
        """There is nothing to wait for."""
        wake()

    def trailers(self) -> Fields:
        """Files have none."""
        return ()

    def close(self) -> None:
        """Drop the octets."""
        self._pieces = ()
        self._octets = b""
