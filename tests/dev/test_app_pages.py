"""The client in pages of applications, in one piece or as they come."""

from __future__ import annotations

import pytest

from h2static.dev.app_pages import with_client
from h2static.dev.broker import State
from h2static.dev.injection import CLIENT_PATH
from h2static.dev.policy import Origin
from h2static.http.bodies import BodyReader
from h2static.http.fields import Field
from h2static.http.messages import Response
from h2static.http.pipe import Pipe

HTML = (b"content-type", b"text/html; charset=utf-8")
PAGE = b"<!doctype html><html><head><title>t</title></head><body>" + b"x" * 5_000 + b"</body>"
STATE = State(version="v", server=1, moment=2)
ORIGIN = Origin(scheme="http", authority="localhost:8080")


def changed(response: Response, state: State | None = STATE) -> Response:
    return with_client(response, ORIGIN, "nonce", state)


def page(*fields: Field, body: bytes | Pipe = PAGE, status: int = 200) -> Response:
    return Response(status=status, fields=fields or (HTML,), body=body)


def read(reader: BodyReader, size: int) -> bytes:
    found = b""
    while piece := reader.read(size):
        assert len(piece) <= size
        found += bytes(piece)
    return found


def test_a_page_in_one_piece() -> None:
    response = changed(page(HTML, (b"content-length", b"%d" % len(PAGE)), (b"x-own", b"1")))
    assert isinstance(response.body, bytes)
    assert response.body.count(CLIENT_PATH.encode()) == 1
    assert response.body.startswith(b"<!doctype html><html><head><script ")
    head = dict(response.fields)
    assert head[b"content-length"] == b"%d" % len(response.body)
    assert head[b"server-timing"] == b'h2static;desc="v 1 2"'
    assert head[b"x-own"] == b"1"
    assert not response.prepared


@pytest.mark.parametrize("size", [1, 7, 1_024, 65_536])
@pytest.mark.parametrize("pieces", [1, 3, 50, len(PAGE)])
def test_a_page_as_it_comes(pieces: int, size: int) -> None:
    whole = changed(page()).body
    pipe = Pipe(capacity=1_000_000)
    step = -(-len(PAGE) // pieces)
    for start in range(0, len(PAGE), step):
        pipe.receive(PAGE[start : start + step])
    pipe.end()
    response = changed(page(HTML, (b"content-length", b"%d" % len(PAGE)), body=pipe))
    assert b"content-length" not in dict(response.fields)
    assert not isinstance(response.body, bytes)
    assert response.body.length is None
    reader = response.body.open()
    assert read(reader, size) == whole
    reader.close()
    assert pipe.closed


def test_nothing_is_held_back_for_long() -> None:
    """What an application has sent is shown, also where that is less than a beginning."""
    pipe = Pipe()
    response = changed(page(body=pipe))
    assert not isinstance(response.body, bytes)
    reader = response.body.open()
    assert reader.read(1_000) is None
    woken: list[bool] = []
    reader.wait(lambda: woken.append(True))
    pipe.receive(b"<!doctype html><p>first")
    assert woken
    first = reader.read(1_000)
    assert first is not None
    assert bytes(first).startswith(b"<!doctype html><script ")
    assert bytes(first).endswith(b"<p>first")
    assert reader.read(1_000) is None
    pipe.receive(b"<p>second")
    pipe.end(((b"x-trailer", b"1"),))
    assert read(reader, 1_000) == b"<p>second"
    assert reader.trailers() == ((b"x-trailer", b"1"),)


def test_policies_let_it_in() -> None:
    policy = (b"content-security-policy", b"script-src 'none'; connect-src 'none'")
    response = changed(page(HTML, policy))
    extended = dict(response.fields)[b"content-security-policy"]
    assert b"/.h2static/" in extended or b"nonce-" in extended


@pytest.mark.parametrize(
    "response",
    [
        page((b"content-type", b"application/json")),
        page((b"x", b"y")),
        page(HTML, (b"content-encoding", b"br")),
        page(status=206),
        page(status=304, body=b""),
        page(HTML, (b"content-security-policy", b"sandbox")),
    ],
    ids=["json", "no type", "compressed", "part", "not modified", "sandbox"],
)
def test_what_stays_as_it_is(response: Response) -> None:
    assert changed(response) is response


def test_the_response_to_head_says_what_it_may() -> None:
    response = changed(page(HTML, (b"content-length", b"100"), body=b""), None)
    assert response.body == b""
    assert dict(response.fields)[b"content-length"] == b"100"
