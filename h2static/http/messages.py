"""Requests and responses: the values that pass between a protocol and a site.

Contract: everything here is a plain value or an interface.  A protocol (``h2static.http2``,
the HTTP/1.1 side) makes a :class:`Request`; a site turns it into an :data:`Answer`; the protocol
sends that.  Neither knows the other, and this module knows none of them.

Strategy: a :class:`Request` and a :class:`Response` compare and hash by identity.  The same octets
from a client give the same ``Request`` object again, an unchanged file gives the same ``Response``
object again, so that every memory in between is one dictionary look-up.  Both are immutable by
convention (a frozen dataclass costs four times as much to make).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol, TypeAlias, runtime_checkable

#: A field line: name in lower case, value; octets as they came or go (RFC 9113 section 8.2).
Field: TypeAlias = tuple[bytes, bytes]

#: Final status codes whose responses never have content (RFC 9110 section 6.4.1).
WITHOUT_CONTENT: Final = frozenset((204, 304))


@dataclass(slots=True, kw_only=True, eq=False)
class Request:
    """A request whose field section is valid (RFC 9113 sections 8.2 and 8.3.1).

    What "valid" leaves to the site: whether ``authority`` is well formed, whether ``path`` names
    something, whether the method is known.
    """

    #: ``GET``, ``HEAD`` …, as sent; methods are case-sensitive.
    method: bytes
    #: ``http`` or ``https`` as the client wrote it.
    scheme: bytes
    #: ``:authority``, or the Host field where that is absent; empty when the client sent neither.
    authority: bytes
    #: ``:path``: origin form with the query, or ``*``.
    path: bytes
    #: The field section without pseudo-header fields.  Cookie crumbs (RFC 9113 section 8.2.3) stay
    #: apart: joined they could take thousands of times the octets that they came in.
    fields: tuple[Field, ...]
    #: The same octets will give this very object again: it is worth remembering by identity.
    repeats: bool = False

    def field(self, name: bytes) -> bytes | None:
        """The value of the field ``name`` (lower case), repeated lines joined by ``, ``.

        Cookie crumbs are joined by ``; `` (RFC 9113 section 8.2.3).  ``None`` when the field is
        absent (RFC 9110 section 5.3).
        """
        values = [value for key, value in self.fields if key == name]
        if not values:
            return None
        if len(values) == 1:
            return values[0]
        return (b"; " if name == b"cookie" else b", ").join(values)


class BodyReader(Protocol):
    """One reading of a body, from its start to its end, by one stream."""

    def read(self, size: int) -> bytes | memoryview | None:
        """The next octets, at most ``size`` of them, without blocking.

        What is returned is valid until the next ``read`` of the same reader, unless it is
        ``bytes``; :meth:`close` does not change it.

        ``None``: nothing can be had without waiting; the caller calls :meth:`wait` and reads again
        when woken.  Empty: the body is at its end; before ``length`` octets were returned that
        means that the file was truncated, and the stream is to be reset.

        Raises ``OSError`` when the medium fails.
        """

    def wait(self, wake: Callable[[], None]) -> None:
        """Arrange for ``wake`` to be called, once, from any thread, when reading can go on."""

    def close(self) -> None:
        """Give back what the reading holds.  Safe to call twice."""


class Body(Protocol):
    """A body that is not held in memory."""

    #: Octets that a reading returns; ``None`` when nobody knows (an event stream).
    @property
    def length(self) -> int | None: ...

    def open(self) -> BodyReader:
        """Start a reading.  The body stays readable until it is closed, whatever happens to the
        name under which its file was found."""


@dataclass(slots=True, kw_only=True, eq=False)
class Response:
    """A prepared response: what to send, without what is decided when sending.

    The sender adds ``date``, informational responses, pushes, trailers and padding.
    """

    #: Final status code, 200 to 599.
    status: int
    #: Field section without ``:status`` and ``date``; names in lower case; ``content-length`` is
    #: among them where the response has one.
    fields: tuple[Field, ...]
    #: What follows the field section.  Empty for HEAD, 204, 304 and wherever nothing follows.
    body: bytes | Body = b""
    #: Send as soon as the request's field section is there, and discard the request's content.
    early: bool = False
    #: Nobody will give this object again: what remembers responses must not hold it.
    once: bool = False
    #: What the response asks the sender to push or to hint at; see
    #: :mod:`h2static.site.hints.delivery`.
    hints: Hints | None = None


class Hints(Protocol):
    """Targets that a client will want after a response (PUSH_PROMISE, 103 or Link)."""


@runtime_checkable
class Upload(Protocol):
    """A request's content that the site wants."""

    def receive(self, data: bytes) -> Response | None:
        """Take the next octets.  A response ends the upload early (413)."""

    def complete(self) -> Response:
        """The content is whole: answer."""

    def abandon(self) -> None:
        """The stream is gone: give back what the upload holds.  Safe to call twice."""


@runtime_checkable
class Deferred(Protocol):
    """A response that needs a medium that would block."""

    def run(self) -> Response:
        """Do the work, blocking; called once, in another thread."""


#: What a site makes of a request.
Answer: TypeAlias = Response | Upload | Deferred


class Application(Protocol):
    """What a protocol asks for answers.  Implemented by :class:`h2static.site.Site`."""

    def answer(self, request: Request) -> Answer:
        """Answer ``request`` from the files as they are now.  Never raises for a request."""

    def refuse(self, status: int, request: Request | None) -> Response:
        """The response for a request that the protocol itself refuses (431, 400 …)."""


class BatchApplication(Application, Protocol):
    """An application that remembers, and has to know how long what it consulted is right."""

    def new_batch(self) -> None:
        """What was consulted may have changed since the last batch."""

    def release(self) -> None:
        """Remembered answers are not given any more."""
