"""Content in both directions, with back-pressure: bodies are pulled, sinks are pushed with credit.

Contract: a response's content is a :class:`Body`; each stream that sends it opens a
:class:`BodyReader` and pulls as its windows and its socket have room.  A request's content goes to
a :class:`Sink`, which says after each piece whether it has had enough for now.  A
:class:`~h2static.http.pipe.Pipe` is a sink at one end and a body at the other.

Assumes: everything but :meth:`BodyReader.wait`'s ``wake`` happens in the loop's thread.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from h2static.http.fields import Fields


class BodyReader(Protocol):
    """One reading of a body, from its start to its end, by one stream."""

    @property
    def reuses_buffer(self) -> bool:
        """Whether what :meth:`read` returned is valid only until the next ``read``.

        False: each piece stays as it is for as long as somebody holds it.
        """

    def read(self, size: int) -> bytes | memoryview | None:
        """The next octets, at most ``size`` of them, without blocking.

        ``None``: nothing can be had without waiting; the caller calls :meth:`wait` and reads again
        when woken.  Empty: the body is at its end; before ``length`` octets were returned that
        means that the file was truncated, and the stream is to be reset.

        Raises ``OSError`` when the medium fails.
        """

    def wait(self, wake: Callable[[], None]) -> None:
        """Arrange for ``wake`` to be called, once, from any thread, when reading can go on."""

    def trailers(self) -> Fields:
        """The trailer section; asked once, when the last octet was read (RFC 9110 section 6.5).

        A body whose trailers are known only after its last octet has no ``length``.
        """

    def close(self) -> None:
        """Give back what the reading holds.  Safe to call twice."""


@runtime_checkable
class MappedReader(Protocol):
    """A :class:`BodyReader` that may have its octets as a mapping of a file into memory."""

    def read_mapped(self, size: int) -> memoryview | None:
        """As :meth:`BodyReader.read`, but what is returned is a mapping.

        ``None``: :meth:`BodyReader.read` has to be used, now at least.  It always has to for the
        end of a file, so that no response is complete before it is known that the file still is
        what it was.  Nobody in this process may look at the octets, which may end the process when
        the file was truncated meanwhile: only the kernel may, as it writes them to a socket.
        """


class Body(Protocol):
    """Content that is not held in memory."""

    @property
    def length(self) -> int | None:
        """Octets that a reading returns; ``None`` when that is not known (an event stream)."""

    def open(self) -> BodyReader:
        """Start a reading.

        The body stays readable until it is closed, whatever happens to the name under which its
        file was found.  Raises ``OSError`` when the medium cannot be opened.
        """


class Sink(Protocol):
    """Where a message's content goes.

    After the last octet either :meth:`end` or :meth:`abandon` is called, exactly once.
    """

    def receive(self, data: bytes) -> bool:
        """Take the next octets, which are not empty.

        False: enough for now; the peer gets no credit for more until ``resume`` is called on the
        exchange.  Some octets that are on their way may still come.
        """

    def end(self, trailers: Fields) -> None:
        """The content is whole; ``trailers`` followed it (RFC 9110 section 6.5)."""

    def abandon(self) -> None:
        """The rest will not come: give back what the sink holds."""


class OctetsReader:
    """Reads octets that are in memory, then has trailers; a :class:`BodyReader`."""

    __slots__ = ("_octets", "_trailers")

    #: Slices of octets that stay as they are.
    reuses_buffer = False

    def __init__(self, octets: bytes, trailers: Fields) -> None:
        self._octets = memoryview(octets)
        self._trailers = trailers

    def read(self, size: int) -> memoryview:
        """See :class:`BodyReader`."""
        piece, self._octets = self._octets[:size], self._octets[size:]
        return piece

    def wait(self, wake: Callable[[], None]) -> None:
        """Nothing is ever waited for."""
        wake()

    def trailers(self) -> Fields:
        """See :class:`BodyReader`."""
        return self._trailers

    def close(self) -> None:
        """See :class:`BodyReader`."""
        self._octets = memoryview(b"")
