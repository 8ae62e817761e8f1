"""Fake applications and bodies for tests of the protocols."""

from __future__ import annotations

from collections.abc import Callable

from h2static.http.messages import Answer, BodyReader, Request, Response, Upload


def text_response(status: int, text: bytes, *, early: bool = False) -> Response:
    """A response with ``text`` as its body and the length of it."""
    fields = ((b"content-length", b"%d" % len(text)), (b"content-type", b"text/plain"))
    return Response(status=status, fields=fields, body=text, early=early)


class PiecesBody:
    """A body that comes in given pieces; ``None`` among them means that a read would block."""

    def __init__(self, pieces: list[bytes | None], length: int | None) -> None:
        self.pieces = pieces
        self.length = length
        self.readers: list[PiecesReader] = []

    def open(self) -> BodyReader:
        reader = PiecesReader(list(self.pieces))
        self.readers.append(reader)
        return reader


class PiecesReader:
    """One reading of a :class:`PiecesBody`."""

    def __init__(self, pieces: list[bytes | None]) -> None:
        self.pieces = pieces
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

    def close(self) -> None:
        self.closed = True


class EchoUpload:
    """Answers with what was sent; 413 above ``limit``."""

    def __init__(self, limit: int) -> None:
        self.data = b""
        self.limit = limit
        self.abandoned = False

    def receive(self, data: bytes) -> Response | None:
        self.data += data
        return text_response(413, b"too large") if len(self.data) > self.limit else None

    def complete(self) -> Response:
        return text_response(200, self.data)

    def abandon(self) -> None:
        self.abandoned = True


class TableApplication:
    """Answers by path; what is asked is kept in ``requests``."""

    def __init__(self, answers: dict[bytes, Callable[[Request], Answer]] | None = None) -> None:
        self.answers = answers or {}
        self.requests: list[Request] = []
        self.uploads: list[Upload] = []

    def answer(self, request: Request) -> Answer:
        self.requests.append(request)
        make = self.answers.get(request.path)
        if make is not None:
            answer = make(request)
            if isinstance(answer, Upload):
                self.uploads.append(answer)
            return answer
        return text_response(200, request.method + b" " + request.path)

    def refuse(self, status: int, request: Request | None) -> Response:
        return text_response(status, b"refused %d\n" % status)
