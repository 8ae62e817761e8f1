"""Pages of applications: the client's script is inserted while they are sent.

Contract: :func:`with_client` returns a response with the client's script element in its document,
if a browser shows it as a page, and the version of the state that it belongs to; other responses
are returned unchanged.  A page is held back only until its beginning is complete, and not even that
long if the application pauses between two pieces.

Assumes: the application did not learn that the client accepts compressed content.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from h2static.dev import injection
from h2static.dev.broker import State
from h2static.dev.policy import (
    Extension,
    Origin,
    extend_meta_elements,
    extend_policies,
    lets_client_work,
)
from h2static.http.bodies import Body, BodyReader
from h2static.http.fields import Field, Fields
from h2static.http.messages import WITHOUT_CONTENT, Response

_POLICY: Final = b"content-security-policy"
#: Octets that certainly contain the start tags of a document: the element goes after these.
_BEGINNING: Final = 1_024


def with_client(response: Response, origin: Origin, nonce: str, state: State | None) -> Response:
    """``response`` with the client in it, if it is a page.

    ``nonce``: added to policies that allow nothing else.
    """
    fields = response.fields
    if not _is_page(response):
        return response
    policies = [value.decode("latin-1") for name, value in fields if name == _POLICY]
    if not all(map(lets_client_work, policies)):
        return response
    extension = Extension(origin=origin, spare_nonce=nonce)
    extended = tuple([_extended(field, extension) for field in fields])
    if state is not None:
        extended += ((b"server-timing", b'h2static;desc="%b"' % state.words().encode()),)
    body = response.body
    if isinstance(body, bytes):
        octets = _put(body, extension) if body else body
        if body:
            extended = (*_without_length(extended), (b"content-length", b"%d" % len(octets)))
        return replace(response, fields=extended, body=octets, prepared=False)
    page = _Page(inner=body, extension=extension)
    return replace(response, fields=_without_length(extended), body=page, prepared=False)


def _is_page(response: Response) -> bool:
    head = dict(response.fields)
    return (
        head.get(b"content-type", b"").lower().startswith((b"text/html", b"application/xhtml+xml"))
        and b"content-encoding" not in head
        and response.status not in WITHOUT_CONTENT
        and response.status != 206
    )


def _extended(field: Field, extension: Extension) -> Field:
    name, value = field
    if name != _POLICY:
        return field
    return name, extend_policies(value.decode("latin-1"), extension).encode("latin-1")


def _without_length(fields: Fields) -> Fields:
    return tuple([one for one in fields if one[0] != b"content-length"])


def _put(document: bytes, extension: Extension) -> bytes:
    octets = extend_meta_elements(document, extension)
    return injection.inject(octets, nonce=extension.nonce)


@dataclass(slots=True, kw_only=True, eq=False)
class _Page:
    """A body with the client in it, of unknown length."""

    inner: Body
    extension: Extension
    length: None = None

    def open(self) -> BodyReader:
        """Read it."""
        return _PageReader(self.inner.open(), self.extension)


class _PageReader:
    """Reads a page, and puts the client into its beginning."""

    __slots__ = ("_extension", "_inner", "_placed", "_start")

    #: What it gives are pieces of its own, or those of a pipe.
    reuses_buffer = False

    def __init__(self, inner: BodyReader, extension: Extension) -> None:
        self._inner = inner
        self._extension = extension
        #: Octets read and not yet delivered.
        self._start = b""
        self._placed = False

    def read(self, size: int) -> bytes | memoryview | None:
        """See :meth:`h2static.http.bodies.BodyReader.read`."""
        if not self._placed and not self._place(size):
            return None
        if self._start:
            piece, self._start = self._start[:size], self._start[size:]
            return piece
        piece_or_none = self._inner.read(size)
        return (
            bytes(piece_or_none) if self._inner.reuses_buffer and piece_or_none else piece_or_none
        )

    def _place(self, size: int) -> bool:
        """Insert the client into the beginning; false: no octet has arrived yet."""
        while len(self._start) < _BEGINNING:
            piece = self._inner.read(size)
            if piece is None and not self._start:
                return False
            if not piece:
                break
            self._start += bytes(piece)
        self._placed = True
        if self._start:
            self._start = _put(self._start, self._extension)
        return True

    def wait(self, wake: Callable[[], None]) -> None:
        """See :meth:`h2static.http.bodies.BodyReader.wait`."""
        self._inner.wait(wake)

    def trailers(self) -> Fields:
        """See :meth:`h2static.http.bodies.BodyReader.trailers`."""
        return self._inner.trailers()

    def close(self) -> None:
        """See :meth:`h2static.http.bodies.BodyReader.close`."""
        self._inner.close()
