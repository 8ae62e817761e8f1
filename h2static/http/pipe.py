"""A pipe: a :class:`~h2static.http.bodies.Sink` at one end, a Body at the other.

Contract: what is received is read once, in order, by one reader.  The pipe holds ``capacity``
octets or a little more (the piece that crosses the line is taken whole); above that ``receive``
says false, and ``on_room`` is called once half of it was read.  A pipe that was abandoned fails its
reader with ``OSError``, so that a broken message never looks complete.  A reader that closes early
makes the pipe take no more: ``on_closed`` is called.  Small pieces that wait are read as one, for a
frame around each would cost more than to copy them.

Assumes: both ends live in the loop's thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from h2static.http.bodies import BodyReader
from h2static.http.fields import Fields

#: Octets that a pipe holds before it asks its writer to wait: one flow-control window.
DEFAULT_CAPACITY = 65_536
#: Octets of a piece up to which it is joined with others.
_SMALL = 2_048
#: Pieces of fewer octets take more memory than that by being pieces; beyond so many octets that
#: wait, which is where a reader that does not read makes them many, they are joined at once.
_TINY = 128
_MANY = 4_096


def _nothing() -> None:
    """Nobody wants to know."""


class Pipe:
    """Content on its way from a writer to one reader; see the module."""

    __slots__ = (
        "_capacity", "_ended", "_failed", "_held", "_on_closed", "_on_room", "_opened", "_pieces",
        "_start", "_starved", "_trailers", "_wake", "closed", "length",
    )  # fmt: skip

    #: Pieces are ``bytes``: each stays as it is.
    reuses_buffer = False

    def __init__(
        self,
        *,
        length: int | None = None,
        capacity: int = DEFAULT_CAPACITY,
        on_room: Callable[[], None] = _nothing,
        on_closed: Callable[[], None] = _nothing,
    ) -> None:
        """``length``: octets that will come, where that is known (:attr:`Body.length`).

        ``on_room`` is called when a writer that was told to wait may go on; ``on_closed`` when the
        reader is closed before it has read everything.
        """
        self.length = length
        self._capacity = capacity
        self._on_room = on_room
        self._on_closed = on_closed
        self._pieces: deque[bytes] = deque()
        #: Octets of the first piece that were read already.
        self._start = 0
        self._held = 0
        #: A writer was told to wait.
        self._starved = False
        self._ended = False
        self._failed = False
        self._opened = False
        self._trailers: Fields = ()
        self._wake: Callable[[], None] | None = None
        #: The reader reads no more.
        self.closed = False

    @property
    def held(self) -> int:
        """Octets that were received and not read."""
        return self._held

    # ------------------------------------------------------------------ the writer's end

    def receive(self, data: bytes) -> bool:
        """See :meth:`h2static.http.bodies.Sink.receive`; false as well once nobody reads."""
        if self.closed:
            return False
        if data:
            if self._held > _MANY and len(data) < _TINY and len(self._pieces[-1]) < _SMALL:
                self._pieces[-1] += data
            else:
                self._pieces.append(data)
            self._held += len(data)
            self._woken()
        if self._held < self._capacity:
            return True
        self._starved = True
        return False

    def end(self, trailers: Fields = ()) -> None:
        """See :meth:`h2static.http.bodies.Sink.end`."""
        self._ended = True
        self._trailers = trailers
        self._woken()

    def abandon(self) -> None:
        """See :meth:`h2static.http.bodies.Sink.abandon`; no effect after the end."""
        if not self._ended:
            self._ended = self._failed = True
            self._pieces.clear()
            self._held = 0
            self._woken()

    # ------------------------------------------------------------------ the reader's end

    def open(self) -> BodyReader:
        """The one reading that there is."""
        assert not self._opened, "a pipe can be read only once"
        self._opened = True
        return self

    def read(self, size: int) -> bytes | None:
        """See :meth:`h2static.http.bodies.BodyReader.read`."""
        if self._failed:
            raise OSError("the content was cut off")
        if not self._pieces:
            return b"" if self._ended else None
        piece, start = self._pieces[0], self._start
        if len(piece) <= _SMALL and len(self._pieces) > 1 and not start and len(piece) <= size:
            piece = self._join(size)
        elif len(piece) - start > size:
            self._start = start + size
            piece = piece[start : self._start]
        else:
            self._pieces.popleft()
            self._start = 0
            piece = piece[start:]
        self._held -= len(piece)
        if self._starved and self._held * 2 <= self._capacity:
            self._starved = False
            self._on_room()
        return piece

    def _join(self, size: int) -> bytes:
        """The small pieces at the front, at most ``size`` octets of them."""
        pieces, small = self._pieces, []
        while pieces and len(pieces[0]) <= min(_SMALL, size):
            small.append(pieces.popleft())
            size -= len(small[-1])
        return b"".join(small)

    def wait(self, wake: Callable[[], None]) -> None:
        """See :meth:`h2static.http.bodies.BodyReader.wait`."""
        if self._pieces or self._ended:
            wake()
        else:
            self._wake = wake

    def trailers(self) -> Fields:
        """See :meth:`h2static.http.bodies.BodyReader.trailers`."""
        return self._trailers

    def close(self) -> None:
        """See :meth:`h2static.http.bodies.BodyReader.close`."""
        if self.closed:
            return
        self.closed = True
        whole = self._ended and not self._failed and not self._pieces
        self._pieces.clear()
        self._held = 0
        self._wake = None
        if not whole:
            self._on_closed()

    def _woken(self) -> None:
        wake, self._wake = self._wake, None
        if wake is not None:
            wake()
