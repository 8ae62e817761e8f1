"""Responses that are changed: what stays prepared, and within which bounds."""

from __future__ import annotations

from dataclasses import replace

from h2static.http.messages import Response
from h2static.http.rewriting import Rewriter


def loud(response: Response) -> Response:
    assert isinstance(response.body, bytes)
    return replace(response, body=response.body.upper())


def prepared(body: bytes = b"x") -> Response:
    return Response(status=200, fields=(), body=body, prepared=True)


def test_the_same_prepared_response_gives_the_same_object() -> None:
    rewriter = Rewriter(loud)
    one, two = prepared(), prepared()
    changed = rewriter.response(one)
    assert (changed.body, changed.prepared) == (b"X", True)
    assert rewriter.response(one) is changed
    assert rewriter.recall(one) is changed
    assert rewriter.recall(two) is not changed
    assert (len(rewriter), rewriter.octets) == (2, 2)


def test_what_comes_once_is_changed_and_not_remembered() -> None:
    rewriter = Rewriter(loud)
    one = Response(status=200, fields=(), body=b"x")
    assert rewriter.response(one).body == b"X"
    assert not rewriter.response(one).prepared
    assert rewriter.recall(one) is None
    assert rewriter.recall(None) is None
    assert len(rewriter) == 0


class Endless:
    length = None

    def open(self) -> None:
        raise AssertionError("nobody reads")


def test_what_keeps_a_file_open_is_not_held() -> None:
    rewriter = Rewriter(lambda response: replace(response, status=203))
    one = Response(status=200, fields=(), body=Endless(), prepared=True)  # type: ignore[arg-type]  # not read
    changed = rewriter.response(one)
    assert (changed.status, changed.prepared) == (203, False)
    assert rewriter.recall(one) is None


def test_what_is_not_changed_stays_as_it_is() -> None:
    rewriter = Rewriter(lambda response: response)
    one, once = prepared(), Response(status=200, fields=())
    assert rewriter.response(one) is one
    assert one.prepared
    assert rewriter.response(once) is once
    assert not once.prepared


def test_bounds() -> None:
    rewriter = Rewriter(loud, entries=3, octets=10)
    large = prepared(b"x" * 11)
    assert not rewriter.response(large).prepared
    assert len(rewriter) == 0
    for _ in range(10):
        rewriter.response(prepared(b"xx"))
        assert len(rewriter) <= 3
    for _ in range(10):
        rewriter.response(prepared(b"x" * 6))
        assert rewriter.octets <= 10
    rewriter.forget()
    assert (len(rewriter), rewriter.octets) == (0, 0)
