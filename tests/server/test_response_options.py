"""``--trailer``, ``--no-content-length`` and ``--early-response`` as a wrapper."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from h2static.http.bodies import Body, BodyReader
from h2static.http.exchange import Exchange
from h2static.http.fields import Fields
from h2static.http.messages import Request, Response
from h2static.server.response_options import ResponseOptions
from tests.support.exchange import FakeExchange, ask, read_all

TRAILERS: Fields = ((b"x-a", b"1"), (b"x-b", b"2"))


class OneResponse:
    """Gives the same response to everybody, at once or from a thread."""

    def __init__(self, response: Response, *, late: bool = False) -> None:
        self.response = response
        self.late = late

    def recall(self, request: Request) -> Response | None:
        return self.response if self.response.prepared else None

    def handle(self, exchange: Exchange) -> None:
        if self.late:
            exchange.work(lambda: self.response)
        else:
            exchange.respond(self.response)

    def refuse(self, status: int, request: Request | None) -> Response:
        return self.response


def request(method: bytes = b"GET") -> Request:
    return Request(method=method, scheme=b"http", authority=b"a", path=b"/", fields=())


def file(body: bytes | Body = b"content", *, prepared: bool = True) -> Response:
    fields = ((b"server", b"h2static"), (b"content-length", b"7"), (b"etag", b'"x"'))
    return Response(status=200, fields=fields, body=body, prepared=prepared)


class Pieces:
    """A body whose reader has trailers of its own."""

    length: int | None = 4

    def __init__(self) -> None:
        self.closed = 0

    def open(self) -> BodyReader:
        return _PiecesReader(self)


class _PiecesReader:
    reuses_buffer = True

    def __init__(self, body: Pieces) -> None:
        self.body = body
        self.left: list[bytes | None] = [b"12", None, b"34", b""]

    def read(self, size: int) -> bytes | None:
        return self.left.pop(0)

    def wait(self, wake: Callable[[], None]) -> None:
        wake()

    def trailers(self) -> Fields:
        return ((b"x-own", b"0"),)

    def close(self) -> None:
        self.body.closed += 1


def trailers_of(response: Response) -> Fields:
    assert not isinstance(response.body, bytes)
    reader = response.body.open()
    while reader.read(1000):
        pass
    return reader.trailers()


@pytest.mark.parametrize("late", [False, True])
def test_trailers(late: bool) -> None:
    options = ResponseOptions(OneResponse(file(prepared=False), late=late), trailers=TRAILERS)
    response = ask(options, request())
    assert response.fields[:2] == ((b"server", b"h2static"), (b"trailer", b"x-a, x-b"))
    assert not isinstance(response.body, bytes)
    assert response.body.length == 7
    assert read_all(response.body) == b"content"
    assert trailers_of(response) == TRAILERS
    assert not response.prepared


def test_an_empty_body_has_no_length_so_that_its_trailers_are_asked_for() -> None:
    response = ask(ResponseOptions(OneResponse(file(b"")), trailers=TRAILERS), request())
    assert not isinstance(response.body, bytes)
    assert response.body.length is None
    assert trailers_of(response) == TRAILERS


def test_a_head_has_the_field_and_no_trailers() -> None:
    """Also where GET was answered with the same response."""
    options = ResponseOptions(OneResponse(file(b"")), trailers=TRAILERS)
    ask(options, request())
    response = ask(options, request(b"HEAD"))
    assert (b"trailer", b"x-a, x-b") in response.fields
    assert response.body == b""


@pytest.mark.parametrize("status", [204, 304])
def test_a_status_without_content_has_no_trailers(status: int) -> None:
    bare = Response(status=status, fields=(), prepared=True)
    response = ask(ResponseOptions(OneResponse(bare), trailers=TRAILERS), request())
    assert (response.fields, response.body) == ((), b"")


def test_the_trailers_of_a_body_come_first() -> None:
    body = Pieces()
    response = ask(ResponseOptions(OneResponse(file(body)), trailers=TRAILERS), request())
    assert not isinstance(response.body, bytes)
    reader = response.body.open()
    assert reader.reuses_buffer
    assert [reader.read(10) for _ in range(4)] == [b"12", None, b"34", b""]
    assert reader.trailers() == ((b"x-own", b"0"), *TRAILERS)
    reader.close()
    assert body.closed == 1


def test_octets_can_be_read_many_times_and_in_parts() -> None:
    response = ask(ResponseOptions(OneResponse(file()), trailers=TRAILERS), request())
    assert not isinstance(response.body, bytes)
    first, second = response.body.open(), response.body.open()
    assert [bytes(first.read(4) or b"") for _ in range(3)] == [b"cont", b"ent", b""]
    assert bytes(second.read(100) or b"") == b"content"


def test_no_content_length() -> None:
    options = ResponseOptions(OneResponse(file()), no_content_length=True)
    response = ask(options, request())
    assert response.fields == ((b"server", b"h2static"), (b"etag", b'"x"'))
    assert response.body == b"content"
    missing = Response(status=404, fields=((b"content-length", b"0"),))
    assert ask(ResponseOptions(OneResponse(missing), no_content_length=True), request()).fields


def test_early() -> None:
    exchange = FakeExchange(request(b"POST"), content=True)
    ResponseOptions(OneResponse(file(prepared=False)), early=True).handle(exchange)
    assert exchange.answer().early


def test_what_is_prepared_stays_so() -> None:
    options = ResponseOptions(OneResponse(file()), no_content_length=True)
    one = options.recall(request())
    assert one is not None
    assert one.prepared
    assert options.recall(request()) is one
    options.release()
    assert options.recall(request()) is not one


def test_a_refusal_stays_as_it_is() -> None:
    refusal = Response(status=400, fields=((b"content-length", b"1"),), body=b"x")
    options = ResponseOptions(OneResponse(refusal), trailers=TRAILERS, no_content_length=True)
    assert options.refuse(400, None) is refusal
