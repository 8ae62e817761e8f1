"""Fake applications and bodies for tests of the protocols."""

from __future__ import annotations

from collections.abc import Callable

from h2static.http.bodies import BodyReader
from h2static.http.exchange import Exchange
from h2static.http.fields import Fields
from h2static.http.messages import Request, Response


def text_response(status: int, text: bytes, *, early: bool = False) -> Response:
    """A response with ``text`` as its body and the length of it."""
    fields = ((b"content-length", b"%d" % len(text)), (b"content-type", b"text/plain"))
    return Response(status=status, fields=fields, body=text, early=early)


class PiecesBody:
    """A body that comes in given pieces; ``None`` among them means that a read would block."""

    def __init__(
        self, pieces: list[bytes | None], length: int | None, trailers: Fields = ()
    ) -> None:
        self.pieces = pieces
        self.length = length
        self.trailers = trailers
        self.readers: list[PiecesReader] = []

    def open(self) -> BodyReader:
        reader = PiecesReader(list(self.pieces), self.trailers)
        self.readers.append(reader)
        return reader


class PiecesReader:
    """One reading of a :class:`PiecesBody`."""

    reuses_buffer = True

    def __init__(self, pieces: list[bytes | None], trailers: Fields = ()) -> None:
        self.pieces = pieces
        self._trailers = trailers
        self.closed = False

    def read(self, size: int) -> bytes | None:
        if not self.pieces:
            return b""
        piece = self.pieces.pop(0)
        if piece is not None and len(piece) > size:
            self.pieces.insert(0, piece[size:])
            return piece[:size]
        return piece

    def wait(self, wake: Callable[[], None]) -> None:
        wake()

    def trailers(self) -> Fields:
        return self._trailers

    def close(self) -> None:
        self.closed = True


class EchoSink:
    """Answers with what was sent; 413 above ``limit``."""

    def __init__(self, exchange: Exchange, limit: int) -> None:
        self.exchange = exchange
        self.data = b""
        self.limit = limit
        self.ended = 0
        self.abandoned = 0

    def receive(self, data: bytes) -> bool:
        assert data
        assert not self.ended
        assert not self.abandoned
        self.data += data
        if len(self.data) > self.limit:
            self.exchange.respond(text_response(413, b"too large"))
        return True

    def end(self, trailers: Fields) -> None:
        self.ended += 1
        self.exchange.respond(text_response(200, self.data))

    def abandon(self) -> None:
        self.abandoned += 1


class TableApplication:
    """Answers by path; what is asked is kept in ``requests``."""

    def __init__(self, answers: dict[bytes, Callable[[Exchange], None]] | None = None) -> None:
        self.answers = answers or {}
        self.requests: list[Request] = []

    def recall(self, request: Request) -> Response | None:
        return None

    def handle(self, exchange: Exchange) -> None:
        request = exchange.request
        self.requests.append(request)
        answer = self.answers.get(request.path)
        if answer is not None:
            answer(exchange)
        else:
            exchange.respond(text_response(200, request.method + b" " + request.path))

    def refuse(self, status: int, request: Request | None) -> Response:
        return text_response(status, b"refused %d\n" % status)
