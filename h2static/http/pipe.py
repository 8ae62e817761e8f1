"""A pipe: a :class:`~h2static.http.bodies.Sink` at one end, a Body at the other.

Contract: received content is read once, in order, by one reader.  The pipe holds ``capacity``
octets or slightly more (the piece that exceeds it is taken whole); then ``receive`` returns false,
and ``on_room`` is called once half of it has been read.  An abandoned pipe makes its reader fail
with ``OSError``, so that a broken message never looks complete.  If the reader closes early, the
pipe takes no more and calls ``on_closed``.  Small waiting pieces are read as one, because a frame
for each would cost more than copying.

Assumes that both ends are used in the loop's thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from h2static.http.bodies import BodyReader
from h2static.http.fields import Fields

#: Octets that a pipe holds before its writer must wait: one flow-control window.
DEFAULT_CAPACITY = 65_536
#: Largest piece, in octets, that is joined with others.
_SMALL = 2_048
#: Smaller pieces take more memory for overhead than for content.  Once this many octets wait, as
#: with a reader that does not read, they are joined immediately.
_TINY = 128
_MANY = 4_096


def _nothing() -> None:
    """Default callback that does nothing."""


class Pipe:
    """Content in transit from a writer to one reader."""

    __slots__ = (
        "_capacity", "_ended", "_failed", "_held", "_on_closed", "_on_room", "_opened", "_pieces",
        "_start", "_starved", "_trailers", "_wake", "closed", "length",
    )  # fmt: skip

    #: Pieces are immutable ``bytes``.
    reuses_buffer = False

    def __init__(
        self,
        *,
        length: int | None = None,
        capacity: int = DEFAULT_CAPACITY,
        on_room: Callable[[], None] = _nothing,
        on_closed: Callable[[], None] = _nothing,
    ) -> None:
        """``length``: octets to expect, if known (:attr:`Body.length`).

        ``on_room`` is called when a waiting writer may continue; ``on_closed`` when the reader is
        closed before it has read everything.
        """
        self.length = length
        self._capacity = capacity
        self._on_room = on_room
        self._on_closed = on_closed
        self._pieces: deque[bytes] = deque()
        #: Octets of the first piece that have already been read.
        self._start = 0
        self._held = 0
        #: Whether the writer is waiting.
        self._starved = False
        self._ended = False
        self._failed = False
        self._opened = False
        self._trailers: Fields = ()
        self._wake: Callable[[], None] | None = None
        #: Whether the reader has closed its end.
        self.closed = False

    @property
    def held(self) -> int:
        """Octets received but not yet read."""
        return self._held

    # ------------------------------------------------------------------ the writer's end

    def receive(self, data: bytes) -> bool:
        """Implement :meth:`h2static.http.bodies.Sink.receive`; also false once the reader is
        closed."""
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
        """Implement :meth:`h2static.http.bodies.Sink.end`."""
        self._ended = True
        self._trailers = trailers
        self._woken()

    def abandon(self) -> None:
        """Implement :meth:`h2static.http.bodies.Sink.abandon`; no effect after the end."""
        if not self._ended:
            self._ended = self._failed = True
            self._pieces.clear()
            self._held = 0
            self._woken()

    # ------------------------------------------------------------------ the reader's end

    def open(self) -> BodyReader:
        """The pipe's only reader; open it once."""
        assert not self._opened, "a pipe can be read only once"
        self._opened = True
        return self

    def read(self, size: int) -> bytes | None:
        """Implement :meth:`h2static.http.bodies.BodyReader.read`."""
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
        """Join the small pieces at the front, at most ``size`` octets."""
        pieces, small = self._pieces, []
        while pieces and len(pieces[0]) <= min(_SMALL, size):
            small.append(pieces.popleft())
            size -= len(small[-1])
        return b"".join(small)

    def wait(self, wake: Callable[[], None]) -> None:
        """Implement :meth:`h2static.http.bodies.BodyReader.wait`."""
        if self._pieces or self._ended:
            wake()
        else:
            self._wake = wake

    def trailers(self) -> Fields:
        """Implement :meth:`h2static.http.bodies.BodyReader.trailers`."""
        return self._trailers

    def close(self) -> None:
        """Implement :meth:`h2static.http.bodies.BodyReader.close`."""
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
