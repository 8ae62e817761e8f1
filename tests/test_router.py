"""Which application a path belongs to."""

from __future__ import annotations

import pytest

from h2static.http.exchange import Exchange
from h2static.http.lifecycle import Lifecycle
from h2static.http.messages import Request, Response
from h2static.router import Router, parse_prefix
from tests.support.exchange import FakeExchange


class Named(Lifecycle):
    """Answers with its name, and counts what it is told."""

    def __init__(self, name: str) -> None:
        self.response = Response(status=200, fields=(), body=name.encode(), prepared=True)
        self.told: list[str] = []

    def recall(self, request: Request) -> Response | None:
        return self.response

    def handle(self, exchange: Exchange) -> None:
        exchange.respond(self.response)

    def refuse(self, status: int, request: Request | None) -> Response:
        return Response(status=status, fields=(), body=self.response.body)

    def start(self) -> None:
        self.told.append("start")

    def stop(self) -> None:
        self.told.append("stop")


def request_for(path: bytes) -> Request:
    return Request(method=b"GET", scheme=b"http", authority=b"x", path=path, fields=())


def make_router(*prefixes: str) -> Router:
    return Router({prefix: Named(prefix) for prefix in prefixes}, Named("rest"))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (b"/", "rest"),
        (b"/api", "/api"),
        (b"/api/", "/api"),
        (b"/api?x=/other", "/api"),
        (b"/api/v2x", "/api"),
        (b"/api/v2", "/api/v2"),
        (b"/api/v2/users?id=1", "/api/v2"),
        (b"/apix", "rest"),
        (b"/ap", "rest"),
        (b"/API", "rest"),
        (b"/%61pi/v2/users", "/api/v2"),
        (b"/api%2Fv2/users", "/api/v2"),
        (b"/x?/api", "rest"),
        (b"/x/../api/v2/users", "/api/v2"),
        (b"/./%61pi/%2e%2E/api", "/api"),
        (b"/../api", "/api"),
        (b"/api/../secret", "rest"),
        (b"/api/..", "rest"),
        (b"/api/..%2fsecret", "/api"),
        (b"/api?x=/../y", "/api"),
        (b"/%C3%A9t%C3%A9/1", "/été"),
        (b"*", "rest"),
        (b"", "rest"),
    ],
)
def test_the_longest_prefix_decides(path: bytes, name: str) -> None:
    router = make_router("/api", "/api/v2", "/été")
    exchange = FakeExchange(request_for(path))
    router.handle(exchange)
    assert exchange.response is not None
    assert exchange.response.body == name.encode()
    recalled = router.recall(request_for(path))
    assert recalled is exchange.response
    assert router.refuse(400, request_for(path)).body == name.encode()


def test_what_is_no_request_is_the_defaults() -> None:
    assert make_router("/api").refuse(400, None).body == b"rest"


@pytest.mark.parametrize("path", [b"/my%20docs", b"/my%20docs/x?y", b"/%6dy%20docs/x"])
def test_a_prefix_in_percent_encoding_is_found(path: bytes) -> None:
    mine, rest = Named("mine"), Named("rest")
    assert Router({parse_prefix("/my%20docs"): mine}, rest).choose(path) is mine


def test_each_application_is_told_once() -> None:
    twice, rest = Named("twice"), Named("rest")
    router = Router({"/a": twice, "/b": twice}, rest)
    router.start()
    router.stop()
    assert twice.told == rest.told == ["start", "stop"]


@pytest.mark.parametrize(
    ("text", "prefix"),
    [
        ("/api", "/api"),
        ("/api/", "/api"),
        ("/", ""),
        ("/a/b", "/a/b"),
        # As in a URL.
        ("/my%20docs", "/my docs"),
        ("/d%C3%B6", "/dö"),
        ("/dö", "/dö"),
        ("/100%25/%2520", "/100%/%20"),
    ],
)
def test_prefixes(text: str, prefix: str) -> None:
    assert parse_prefix(text) == prefix


@pytest.mark.parametrize(
    "text",
    [
        "", "api", "//", "/a//b", "/a b", "/a?b", "/a#b", "/a\0", "/a//", "/.", "/../a",
        # What no decoded path could begin with, or mean something else.
        "/a%2Fb", "/a%", "/a%2", "/a%zz", "/a%00", "/%2e%2E/a", "/a%FF", "/a%3Fb", "/a%0A",
    ],
)  # fmt: skip
def test_what_is_no_prefix(text: str) -> None:
    with pytest.raises(ValueError, match="is not a path prefix like /api"):
        parse_prefix(text)
