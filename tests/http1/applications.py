"""Fake applications, sinks and bodies for tests of the HTTP/1.1 engine."""

from __future__ import annotations

from collections.abc import Callable

from h2static.http.bodies import BodyReader
from h2static.http.exchange import Exchange
from h2static.http.fields import Fields
from h2static.http.messages import Request, Response
from h2static.http.pipe import Pipe


def text_response(
    status: int, text: bytes, *, early: bool = False, prepared: bool = False
) -> Response:
    """A response with ``text`` as its body and the length of it."""
    fields = ((b"content-length", b"%d" % len(text)), (b"content-type", b"text/plain"))
    return Response(status=status, fields=fields, body=text, early=early, prepared=prepared)


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

    reuses_buffer = False

    def __init__(self, pieces: list[bytes | None], trailers: Fields) -> None:
        self.pieces = pieces
        self.closed = False
        self._trailers = trailers

    def read(self, size: int) -> bytes | None:
        assert not self.closed
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
        assert not self.closed
        assert not self.pieces
        return self._trailers

    def close(self) -> None:
        self.closed = True


class BufferBody:
    """Octets that are read into one buffer, which every read fills again."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.length: int | None = len(content)

    def open(self) -> BodyReader:
        return BufferReader(self.content)


class BufferReader:
    """One reading of a :class:`BufferBody`."""

    reuses_buffer = True

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._buffer = bytearray(1000)

    def read(self, size: int) -> memoryview:
        count = min(size, len(self._buffer), len(self._content))
        self._buffer[:] = bytes(len(self._buffer))
        self._buffer[:count] = self._content[:count]
        self._content = self._content[count:]
        return memoryview(self._buffer)[:count]

    def wait(self, wake: Callable[[], None]) -> None:
        wake()

    def trailers(self) -> Fields:
        return ()

    def close(self) -> None:
        """The buffer stays as it is until it is read again."""


class EchoSink:
    """Answers with what was sent; 413 above ``limit``."""

    def __init__(self, exchange: Exchange, limit: int) -> None:
        self.exchange = exchange
        self.data = b""
        self.trailers: Fields | None = None
        self.limit = limit
        self.ends = 0
        self.abandoned = 0
        exchange.accept(self)

    def receive(self, data: bytes) -> bool:
        assert data
        assert not self.ends
        assert not self.abandoned
        self.data += data
        if len(self.data) > self.limit:
            self.exchange.respond(text_response(413, b"too large"))
        return True

    def end(self, trailers: Fields) -> None:
        self.ends += 1
        self.trailers = trailers
        self.exchange.respond(text_response(200, self.data))

    def abandon(self) -> None:
        self.abandoned += 1


class SlowSink:
    """Takes one piece, and the next when it is told to go on."""

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.pieces: list[bytes] = []
        self.ends = 0
        self.abandoned = 0
        exchange.accept(self)

    @property
    def data(self) -> bytes:
        return b"".join(self.pieces)

    def receive(self, data: bytes) -> bool:
        self.pieces.append(data)
        return False

    def end(self, trailers: Fields) -> None:
        self.ends += 1
        self.exchange.respond(text_response(200, b"%d" % len(self.data)))

    def abandon(self) -> None:
        self.abandoned += 1


#: What an application does with a request.
Handler = Callable[[Exchange], None]


class TableApplication:
    """Answers by path; what it is asked is written down."""

    def __init__(self, handlers: dict[bytes, Handler] | None = None) -> None:
        self.handlers = handlers or {}
        #: What can be recalled, by path.
        self.prepared: dict[bytes, Response] = {}
        #: Requests that were handled, and those whose response was recalled.
        self.requests: list[Request] = []
        self.recalled: list[Request] = []
        self.exchanges: list[Exchange] = []
        self.sinks: list[EchoSink] = []
        self.refused: list[tuple[int, Request | None]] = []

    def recall(self, request: Request) -> Response | None:
        response = self.prepared.get(request.path)
        if response is not None:
            self.recalled.append(request)
        return response

    def handle(self, exchange: Exchange) -> None:
        request = exchange.request
        self.requests.append(request)
        self.exchanges.append(exchange)
        handler = self.handlers.get(request.path)
        if handler is not None:
            handler(exchange)
        else:
            exchange.respond(text_response(200, request.method + b" " + request.path))

    def refuse(self, status: int, request: Request | None) -> Response:
        self.refused.append((status, request))
        return text_response(status, b"refused %d\n" % status)


def later(exchange: Exchange) -> None:
    """A thread works out the response."""
    exchange.work(lambda: text_response(200, b"later"))


def responding(response: Response) -> Handler:
    """Always the same."""
    return lambda exchange: exchange.respond(response)


def echoing(limit: int = 1000) -> TableApplication:
    """An application that sends back what is sent to ``/echo``."""

    def echo(exchange: Exchange) -> None:
        application.sinks.append(EchoSink(exchange, limit))

    application = TableApplication({b"/echo": echo})
    return application


def piping(capacity: int = 65_536) -> TableApplication:
    """An application that sends back what is sent to ``/pipe`` while it still comes."""

    def pipe(exchange: Exchange) -> None:
        content = Pipe(
            capacity=capacity,
            on_room=exchange.resume,
            on_closed=lambda: exchange.abort("reader is gone"),
        )
        exchange.accept(content)
        exchange.respond(Response(status=200, fields=(), body=content))

    return TableApplication({b"/pipe": pipe})


def sending(body: PiecesBody | BufferBody, fields: Fields = ()) -> TableApplication:
    """An application that answers ``/body`` with ``body``."""
    return TableApplication({b"/body": responding(Response(status=200, fields=fields, body=body))})
