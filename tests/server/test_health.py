"""The health check."""

from __future__ import annotations

import pytest

from h2static.http.messages import Answer, Request, Response
from h2static.server.health import HealthApplication


class Inner:
    """An application that says that it was asked."""

    def __init__(self) -> None:
        self.batches = 0
        self.kept = True
        self.response = Response(status=404, fields=())

    def answer(self, request: Request) -> Answer:
        return self.response

    def refuse(self, status: int, request: Request | None) -> Response:
        return Response(status=status, fields=())

    def new_batch(self) -> None:
        self.batches += 1

    def release(self) -> None:
        self.kept = False


def ask(application: HealthApplication, method: bytes, path: bytes) -> Response:
    request = Request(method=method, scheme=b"http", authority=b"a", path=path, fields=())
    answer = application.answer(request)
    assert isinstance(answer, Response)
    return answer


@pytest.mark.parametrize(
    ("method", "path", "ours"),
    [
        (b"GET", b"/up", True),
        (b"HEAD", b"/up", True),
        (b"GET", b"/up?x=1", True),
        (b"POST", b"/up", False),
        (b"GET", b"/up/", False),
        (b"GET", b"/", False),
    ],
)
def test_what_is_answered(method: bytes, path: bytes, ours: bool) -> None:
    inner = Inner()
    application = HealthApplication(inner, "/up")
    response = ask(application, method, path)
    assert (response is not inner.response) == ours
    if ours:
        assert response.status == 200
        assert (b"cache-control", b"no-store") in response.fields
        application.draining = True
        assert ask(application, method, path).status == 503


def test_fields_tell_the_length_and_head_has_no_body() -> None:
    application = HealthApplication(Inner(), "/up")
    get, head = ask(application, b"GET", b"/up"), ask(application, b"HEAD", b"/up")
    assert get.body == b"ok\n"
    assert head.body == b""
    assert get.fields == head.fields
    assert (b"content-length", b"3") in get.fields


def test_the_rest_is_passed_on() -> None:
    inner = Inner()
    application = HealthApplication(inner, "/up")
    application.new_batch()
    assert inner.batches == 1
    application.release()
    assert not inner.kept
    assert application.refuse(431, None).status == 431
