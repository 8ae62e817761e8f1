"""A small fixed site for tests of HTTP/2: the same request gets the same response object.

Promise: a path says what its response is like (see :data:`PATHS`), every octet of content depends
on its position, and :attr:`SmallSite.requests` holds what was asked.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from h2static.http.bodies import Body, BodyReader
from h2static.http.exchange import Exchange
from h2static.http.fields import Fields
from h2static.http.messages import Request, Response
from tests.support.applications import EchoSink, PiecesBody

#: What can be asked for; N is a number of octets.
PATHS: Final = {
    "/": "five octets",
    "/memory/N": "a body that is held in memory",
    "/file/N": "a body that is read piece by piece",
    "/slow/N": "the same, but every second read would block",
    "/short/N": "a body that ends one octet early",
    "/broken/N": "a body whose second read fails",
    "/events": "a body of unknown length",
    "/silent": "a body of unknown length of which nothing comes",
    "/early": "405 before the request's content has come",
    "/deferred": "an answer that another thread works out",
    "/echo": "what was sent, up to 100 000 octets",
    "/fields/N": "a response whose field section is N octets or so",
}
UPLOAD_LIMIT: Final = 100_000
_PIECE: Final = 10_000


def pattern(size: int, start: int = 0) -> bytes:
    """``size`` octets in which an octet out of place is noticed."""
    period = bytes(number % 251 for number in range(251 * 4))
    offset = start % 251
    return (period * ((size + offset) // len(period) + 1))[offset : offset + size]


def response(status: int, body: bytes | Body, *, early: bool = False) -> Response:
    """A response with the fields that files have."""
    length = len(body) if isinstance(body, bytes) else body.length
    fields = [(b"server", b"small"), (b"content-type", b"application/octet-stream")]
    if length is not None:
        fields.append((b"content-length", b"%d" % length))
    return Response(status=status, fields=tuple(fields), body=body, early=early, prepared=True)


class BrokenReader:
    """Fails at its second read."""

    reuses_buffer = True

    def __init__(self) -> None:
        self.reads = 0
        self.closed = False

    def read(self, size: int) -> bytes:
        self.reads += 1
        if self.reads > 1:
            raise OSError(5, "Input/output error")
        return pattern(min(size, _PIECE))

    def wait(self, wake: Callable[[], None]) -> None:
        wake()

    def trailers(self) -> Fields:
        return ()

    def close(self) -> None:
        self.closed = True


class BrokenBody:
    """A medium that fails."""

    def __init__(self, length: int) -> None:
        self.length: int | None = length

    def open(self) -> BodyReader:
        return BrokenReader()


class SilentReader:
    """Never has anything, and wakes nobody."""

    reuses_buffer = True

    def __init__(self) -> None:
        self.closed = False

    def read(self, size: int) -> bytes | None:
        return None

    def wait(self, wake: Callable[[], None]) -> None:
        """There is nothing to wait for."""

    def trailers(self) -> Fields:
        return ()

    def close(self) -> None:
        self.closed = True


class SilentBody:
    """An event stream without events."""

    length: int | None = None

    def open(self) -> BodyReader:
        return SilentReader()


def _pieces(size: int) -> list[bytes | None]:
    return [pattern(min(_PIECE, size - start), start) for start in range(0, size, _PIECE)]


def _slow(size: int) -> list[bytes | None]:
    pieces: list[bytes | None] = []
    for piece in _pieces(size):
        pieces += [None, piece]
    return pieces


class SmallSite:
    """The application; see the module."""

    def __init__(self) -> None:
        #: What was recalled or handled, each request once.
        self.requests: list[Request] = []
        self.bodies: list[PiecesBody] = []
        self.uploads: list[EchoSink] = []
        self.jobs = 0
        self._known: dict[tuple[bytes, bytes], Response] = {}

    def recall(self, request: Request) -> Response | None:
        if request.path in (b"/echo", b"/deferred"):
            return None
        known = self._known.get((request.method, request.path))
        if known is not None:
            self.requests.append(request)
        return known

    def handle(self, exchange: Exchange) -> None:
        request = exchange.request
        self.requests.append(request)
        if request.path == b"/echo":
            upload = EchoSink(exchange, UPLOAD_LIMIT)
            self.uploads.append(upload)
            exchange.accept(upload)
            return
        key = (request.method, request.path)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._make(request)
        if request.path == b"/deferred":
            exchange.work(lambda: self._work(known))
        else:
            exchange.respond(known)

    def _work(self, response: Response) -> Response:
        self.jobs += 1
        return response

    def refuse(self, status: int, request: Request | None) -> Response:
        refused = response(status, b"refused %d\n" % status)
        if request is not None and request.method == b"HEAD":
            return Response(status=status, fields=refused.fields)
        return refused

    def _make(self, request: Request) -> Response:
        made = self._of_path(request.path)
        if request.method == b"HEAD":
            return Response(status=made.status, fields=made.fields)
        return made

    def _of_path(self, path: bytes) -> Response:
        kind, _, number = path[1:].partition(b"/")
        size = int(number) if number.isdigit() else 0
        match kind:
            case b"":
                return response(200, b"hello")
            case b"memory":
                return response(200, pattern(size))
            case b"file":
                return self._body(_pieces(size), size)
            case b"slow":
                return self._body(_slow(size), size)
            case b"short":
                return self._body(_pieces(size - 1), size)
            case b"broken":
                return response(200, BrokenBody(size))
            case b"events":
                return self._body([b"data: 1\n\n", None, b"data: 2\n\n"], None)
            case b"silent":
                return response(200, SilentBody())
            case b"early":
                return response(405, b"not like this\n", early=True)
            case b"deferred":
                return response(200, b"worked out later")
            case b"fields":
                return Response(status=200, fields=((b"x-large", b"x" * size),))
            case _:
                return response(404, b"nothing here\n")

    def _body(self, pieces: list[bytes | None], length: int | None) -> Response:
        body = PiecesBody(pieces, length)
        self.bodies.append(body)
        return response(200, body)
