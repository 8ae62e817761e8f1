"""Responses changed the same way each time, whenever they come."""

from __future__ import annotations

import weakref
from collections.abc import Callable

import pytest

from h2static.dev import application, cors, rewriting
from h2static.dev.rewriting import Rewriter, RewrittenUpload
from h2static.http.messages import Deferred, Response
from tests.support.applications import EchoUpload, PiecesBody, text_response


def mark(response: Response) -> Response:
    return Response(
        status=response.status, fields=(*response.fields, (b"x-mark", b"1")), body=response.body
    )


def marked(response: object) -> bool:
    return isinstance(response, Response) and (b"x-mark", b"1") in response.fields


class Later:
    """An answer that is worked out elsewhere."""

    def __init__(self, answer: Response) -> None:
        self.answer = answer

    def run(self) -> Response:
        return self.answer


def test_the_same_response_gives_the_same_object() -> None:
    rewriter = Rewriter(mark)
    response = text_response(200, b"x")
    assert marked(rewriter.answer(response))
    assert rewriter.answer(response) is rewriter.answer(response)


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewriting, "MAX_REMEMBERED", 2)
    rewriter = Rewriter(mark)
    for _ in range(10):
        assert marked(rewriter.answer(text_response(200, b"x")))
    assert len(rewriter._changed) <= 2


def test_the_memory_is_bounded_in_octets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rewriting, "MAX_REMEMBERED_OCTETS", 100)
    rewriter = Rewriter(mark)
    for _ in range(10):
        assert marked(rewriter.answer(text_response(200, b"x" * 30)))
    assert 0 < rewriter._changed.octets <= 100
    assert marked(rewriter.answer(text_response(200, b"x" * 101)))
    assert 0 < rewriter._changed.octets <= 100


@pytest.mark.parametrize("body", [b"x", PiecesBody([b"x"], 1)])
def test_what_is_given_once_is_not_kept(body: bytes | PiecesBody) -> None:
    rewriter = Rewriter(mark)
    response = Response(status=200, fields=(), body=body, once=isinstance(body, bytes))
    changed = rewriter.response(response)
    assert changed.once
    assert len(rewriter._changed) == 0


@pytest.mark.parametrize("change", [cors._allow, application._make_fresh])
def test_everything_else_stays(change: Callable[[Response], Response]) -> None:
    fields = ((b"cache-control", b"max-age=9"),)
    response = Response(status=200, fields=fields, body=b"x", once=True, early=True)
    changed = change(response)
    assert changed is not response
    assert (changed.body, changed.once, changed.early) == (b"x", True, True)


def test_forgetting() -> None:
    rewriter = Rewriter(mark)
    rewriter.response(text_response(200, b"x"))
    rewriter.forget()
    assert rewriter._changed.octets == 0


def test_open_files_are_not_kept() -> None:
    rewriter = Rewriter(mark)
    response = Response(status=200, fields=(), body=PiecesBody([b"x"], 1))
    assert marked(rewriter.answer(response))
    held = weakref.ref(response.body)
    del response
    assert held() is None


def test_uploads() -> None:
    upload = EchoUpload(3)
    rewritten = Rewriter(mark).answer(upload)
    assert isinstance(rewritten, RewrittenUpload)
    assert rewritten.receive(b"ab") is None
    assert marked(rewritten.complete())
    assert marked(rewritten.receive(b"cd"))
    rewritten.abandon()
    assert upload.abandoned


def test_deferred_answers() -> None:
    rewriter = Rewriter(mark)
    later = rewriter.answer(Later(text_response(200, b"x")))
    assert isinstance(later, Deferred)
    assert marked(later.run())
