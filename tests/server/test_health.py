"""The health check."""

from __future__ import annotations

import pytest

from h2static.http.exchange import Exchange
from h2static.http.lifecycle import Lifecycle
from h2static.http.messages import Request, Response
from h2static.server.health import HealthApplication
from tests.support.exchange import FakeExchange, ask


class Inner(Lifecycle):
    """An application that writes down what it was asked."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.response = Response(status=404, fields=())
        self.recalled: Response | None = None

    def recall(self, request: Request) -> Response | None:
        self.calls.append("recall")
        return self.recalled

    def handle(self, exchange: Exchange) -> None:
        self.calls.append("handle")
        exchange.respond(self.response)

    def refuse(self, status: int, request: Request | None) -> Response:
        return Response(status=status, fields=())

    def start(self) -> None:
        self.calls.append("start")

    def new_batch(self) -> None:
        self.calls.append("new_batch")

    def release(self) -> None:
        self.calls.append("release")

    def drain(self) -> None:
        self.calls.append("drain")

    def stop(self) -> None:
        self.calls.append("stop")


def request(method: bytes, path: bytes) -> Request:
    return Request(method=method, scheme=b"http", authority=b"a", path=path, fields=())


def handled(application: HealthApplication, method: bytes, path: bytes) -> Response:
    """The response of an engine that recalls nothing."""
    exchange = FakeExchange(request(method, path))
    application.handle(exchange)
    return exchange.answer()


@pytest.mark.parametrize(
    ("method", "path", "ours"),
    [
        (b"GET", b"/up", True),
        (b"HEAD", b"/up", True),
        (b"GET", b"/up?x=1", True),
        (b"POST", b"/up", False),
        (b"GET", b"/up/", False),
        (b"GET", b"/upper", False),
        (b"GET", b"/", False),
        (b"OPTIONS", b"*", False),
    ],
)
def test_what_is_answered(method: bytes, path: bytes, ours: bool) -> None:
    inner = Inner()
    application = HealthApplication(inner, "/up")
    response = handled(application, method, path)
    assert (response is not inner.response) == ours
    recalled = application.recall(request(method, path))
    assert recalled is (response if ours else None)
    if ours:
        assert response.status == 200
        assert (b"cache-control", b"no-store") in response.fields
        # The same object for every request: engines may remember it.
        assert response.prepared
        assert ask(application, request(method, path)) is response
        assert inner.calls == []
        application.draining = True
        assert handled(application, method, path).status == 503
        assert ask(application, request(method, path)).status == 503


def test_what_the_other_application_recalls() -> None:
    inner = Inner()
    inner.recalled = inner.response
    assert HealthApplication(inner, "/up").recall(request(b"GET", b"/")) is inner.response
    assert inner.calls == ["recall"]


def test_other_methods_are_for_the_other_application() -> None:
    inner = Inner()
    inner.recalled = inner.response
    application = HealthApplication(inner, "/up")
    assert application.recall(request(b"POST", b"/up")) is None
    assert handled(application, b"POST", b"/up") is inner.response
    assert inner.calls == ["handle"]


def test_draining_is_told_by_the_lifecycle_at_the_latest() -> None:
    inner = Inner()
    application = HealthApplication(inner, "/up")
    application.drain()
    assert application.draining
    assert inner.calls == ["drain"]
    assert ask(application, request(b"GET", b"/up")).body == b"draining\n"


def test_fields_tell_the_length_and_head_has_no_body() -> None:
    application = HealthApplication(Inner(), "/up")
    get = ask(application, request(b"GET", b"/up"))
    head = ask(application, request(b"HEAD", b"/up"))
    assert get.body == b"ok\n"
    assert head.body == b""
    assert get.fields == head.fields
    assert (b"content-length", b"3") in get.fields


def test_the_rest_is_passed_on() -> None:
    inner = Inner()
    application = HealthApplication(inner, "/up")
    application.start()
    application.new_batch()
    application.release()
    application.stop()
    assert inner.calls == ["start", "new_batch", "release", "stop"]
    assert application.refuse(431, None).status == 431
