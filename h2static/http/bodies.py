"""Content in both directions, with back-pressure: bodies are pulled, sinks are pushed with credit.

Contract: a response's content is a :class:`Body`; each stream that sends it opens a
:class:`BodyReader` and pulls as its windows and its socket have room.  A request's content goes to
a :class:`Sink`, which says after each piece whether it takes more.  A
:class:`~h2static.http.pipe.Pipe` is a sink at one end and a body at the other.

Assumes: everything but :meth:`BodyReader.wait`'s ``wake`` happens in the loop's thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from h2static.http.fields import Fields


class BodyReader(Protocol):
    """Reads a body from start to end, for one stream."""

    @property
    def reuses_buffer(self) -> bool:
        """Whether the result of :meth:`read` is valid only until the next ``read``.

        False: each piece stays valid as long as there is a reference to it.
        """

    def read(self, size: int) -> bytes | memoryview | None:
        """The next octets, at most ``size`` of them, without blocking.

        ``None``: nothing is available without waiting; the caller calls :meth:`wait` and reads
        again when woken.  Empty: the end of the body; before ``length`` octets that means that the
        file was truncated, and the stream must be reset.

        Raises ``OSError`` if the medium fails.
        """

    def wait(self, wake: Callable[[], None]) -> None:
        """Arrange for ``wake`` to be called, once, from any thread, when reading can continue."""

    def trailers(self) -> Fields:
        """The trailer section; called once, after the last octet was read (RFC 9110 section 6.5).

        A body whose trailers are known only after its last octet has no ``length``.
        """

    def close(self) -> None:
        """Release the reader's resources.  Safe to call twice."""


@runtime_checkable
class MappedReader(Protocol):
    """A :class:`BodyReader` that may provide its octets as a mapping of a file into memory."""

    def read_mapped(self, size: int) -> memoryview | None:
        """Like :meth:`BodyReader.read`, but returns a mapping.

        ``None``: use :meth:`BodyReader.read`, at least this time; always for the end of a file, so
        that no response is complete before the file is known to be unchanged.  No code of this
        process may access the octets, because that may end the process if the file was truncated
        in the meantime: only the kernel may, when it writes them to a socket.
        """


class Body(Protocol):
    """Content that is not held in memory."""

    @property
    def length(self) -> int | None:
        """Octets that a reader returns; ``None`` if that is unknown (an event stream)."""

    def open(self) -> BodyReader:
        """Start reading.

        The body stays readable until the reader is closed, whatever happens to the name of its
        file.  Raises ``OSError`` if the medium cannot be opened.
        """


class Sink(Protocol):
    """The destination of a message's content.

    After the last octet either :meth:`end` or :meth:`abandon` is called, exactly once.
    """

    def receive(self, data: bytes) -> bool:
        """Take the next octets, which are not empty.

        Returns false if that is enough for now: the peer gets no credit for more until ``resume``
        is called on the exchange.  Some octets already in transit may still arrive.
        """

    def end(self, trailers: Fields) -> None:
        """The content is complete; ``trailers`` followed it (RFC 9110 section 6.5)."""

    def abandon(self) -> None:
        """The rest will not arrive: release the sink's resources."""


class OctetsReader:
    """Reads octets that are in memory, then has trailers; a :class:`BodyReader`."""

    __slots__ = ("_octets", "_trailers")

    #: The pieces are slices of immutable octets.
    reuses_buffer = False

    def __init__(self, octets: bytes, trailers: Fields) -> None:
        self._octets = memoryview(octets)
        self._trailers = trailers

    def read(self, size: int) -> memoryview:
        """Implement :meth:`BodyReader.read`."""
        piece, self._octets = self._octets[:size], self._octets[size:]
        return piece

    def wait(self, wake: Callable[[], None]) -> None:
        """Never called: reading never waits."""
        wake()

    def trailers(self) -> Fields:
        """Implement :meth:`BodyReader.trailers`."""
        return self._trailers

    def close(self) -> None:
        """Implement :meth:`BodyReader.close`."""
        self._octets = memoryview(b"")
