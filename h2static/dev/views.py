"""Bodies that are views of octets in memory.

Contract: a :class:`ViewBody` gives parts of octets that somebody else holds, and octets in between,
without a copy.  As long as it or one of its readings is open, its ``owner`` lives: so those who
share octets by weak references know which of them are in use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from h2static.http.fields import Fields


class ViewBody:
    """A body of views; see the module."""

    __slots__ = ("_owner", "_views", "length")

    def __init__(self, owner: object, views: Sequence[memoryview]) -> None:
        """``views``: what a reading returns, one after the other."""
        self._owner = owner
        self._views = tuple(view for view in views if view)
        self.length: int | None = sum(map(len, self._views))

    def open(self) -> ViewReader:
        """Start a reading."""
        return ViewReader(self._owner, self._views)


class ViewReader:
    """One reading of a :class:`ViewBody`; it never has to wait."""

    __slots__ = ("_offset", "_owner", "_position", "_views")

    #: Each view stays as it is.
    reuses_buffer = False

    def __init__(self, owner: object, views: tuple[memoryview, ...]) -> None:
        self._owner: object | None = owner
        self._views = views
        #: Index of the current view, and octets of it that were returned.
        self._position = 0
        self._offset = 0

    def read(self, size: int) -> bytes | memoryview | None:
        """The next octets, at most ``size`` of them; empty at the end and after :meth:`close`."""
        if self._position == len(self._views):
            return b""
        view = self._views[self._position]
        piece = view[self._offset : self._offset + size]
        self._offset += len(piece)
        if self._offset == len(view):
            self._position += 1
            self._offset = 0
        return piece

    def wait(self, wake: Callable[[], None]) -> None:
        """Wake at once: reading can always go on."""
        wake()

    def trailers(self) -> Fields:
        """There are none."""
        return ()

    def close(self) -> None:
        """Give back the octets."""
        self._owner = None
        self._views = ()
        self._position = self._offset = 0
