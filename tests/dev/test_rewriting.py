"""Responses changed the same way each time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from h2static.dev.cors import CorsApplication
from h2static.dev.freshness import make_fresh, make_live, name_variants
from h2static.http.messages import Response
from h2static.http.rewriting import Rewriter
from h2static.site.octets import OctetBody
from tests.dev.support import FakeSite, html_response, request, text_response
from tests.support.exchange import ask

MARK = (b"x-mark", b"1")


def mark(response: Response) -> Response:
    return replace(response, fields=(*response.fields, MARK))


def marked(response: Response | None) -> bool:
    return response is not None and MARK in response.fields


def leave(response: Response) -> Response:
    return response


def test_the_same_response_gives_the_same_object() -> None:
    rewriter = Rewriter(mark)
    response = text_response(prepared=True)
    changed = rewriter.response(response)
    assert marked(changed)
    assert changed.prepared
    assert rewriter.response(response) is changed
    assert rewriter.recall(response) is changed


def test_recall_changes_and_remembers() -> None:
    rewriter = Rewriter(mark)
    response = text_response(prepared=True)
    changed = rewriter.recall(response)
    assert marked(changed)
    assert rewriter.recall(response) is changed
    assert rewriter.response(response) is changed
    assert rewriter.recall(None) is None


def test_what_needs_no_change_is_recalled_as_well() -> None:
    changes: list[Response] = []

    def counted(response: Response) -> Response:
        changes.append(response)
        return response

    rewriter = Rewriter(counted)
    response = text_response(prepared=True)
    assert [rewriter.recall(response) for _ in range(3)] == [response] * 3
    assert len(changes) == 1
    assert response.prepared


def test_the_memory_is_bounded() -> None:
    rewriter = Rewriter(mark, entries=2)
    for _ in range(10):
        assert marked(rewriter.response(text_response(prepared=True)))
        assert 0 < len(rewriter) <= 2


def test_the_memory_is_bounded_in_octets() -> None:
    rewriter = Rewriter(mark, octets=100)
    for _ in range(10):
        assert rewriter.response(text_response(200, b"x" * 30, prepared=True)).prepared
        assert 0 < rewriter.octets <= 100
    large = text_response(200, b"x" * 101, prepared=True)
    assert rewriter.recall(large) is None
    assert marked(rewriter.response(large))
    # Nobody may remember it: the next one is another object.
    assert not rewriter.response(large).prepared
    assert 0 < rewriter.octets <= 100


@pytest.mark.parametrize(
    ("body", "prepared"),
    [(b"x", False), (OctetBody(b"x", ((0, 1),)), True), (OctetBody(b"x", ((0, 1),)), False)],
)
def test_what_is_not_kept_is_not_prepared(body: bytes | OctetBody, prepared: bool) -> None:
    rewriter = Rewriter(mark)
    response = Response(status=200, fields=(), body=body, prepared=prepared)
    assert rewriter.recall(response) is None
    changed = rewriter.response(response)
    assert marked(changed)
    assert not changed.prepared
    assert response.prepared == prepared
    assert len(rewriter) == 0


def test_what_needs_no_change_stays_as_prepared_as_it_is() -> None:
    for prepared in (False, True):
        response = Response(
            status=200, fields=(), body=OctetBody(b"x", ((0, 1),)), prepared=prepared
        )
        assert Rewriter(leave).response(response) is response
        assert response.prepared == prepared


@pytest.mark.parametrize("change", [make_fresh, name_variants])
def test_everything_else_stays(change: Callable[[Response], Response]) -> None:
    response = replace(html_response(b"x", (b"cache-control", b"max-age=9")), early=True)
    changed = change(response)
    assert changed is not response
    assert (changed.body, changed.early) == (b"x", True)
    through_cors = ask(CorsApplication(FakeSite(response)), request())
    assert (through_cors.body, through_cors.early) == (b"x", True)


def test_repeated_fields_stay() -> None:
    lines = ((b"set-cookie", b"a=1"), (b"set-cookie", b"b=2"))
    changed = make_fresh(html_response(b"x", *lines, (b"vary", b"cookie")))
    assert [field for field in changed.fields if field[0] == b"set-cookie"] == list(lines)
    assert [value for name, value in changed.fields if name == b"vary"] == [
        b"cookie, accept, sec-fetch-dest, x-requested-with"
    ]


@pytest.mark.parametrize(
    ("etag", "version"),
    [
        (b'"abc-_1"', b"abc-_1"),
        (b'W/"abc"', b"abc"),
        # In any coding it is the same version of the file.
        (b'"abc-br"', b"abc"),
        (b'"abc-zstd0a1b2c"', b"abc"),
        (b'"abc-gzip0a1b2c"', b"abc"),
    ],
)
@pytest.mark.parametrize("change", [make_fresh, make_live])
def test_the_version_of_the_content_is_told(
    change: Callable[[Response], Response], etag: bytes, version: bytes
) -> None:
    response = text_response(200, b"x", (b"etag", etag))
    told = dict(change(response).fields)[b"server-timing"]
    assert told == b'h2static;desc="%b"' % version


@pytest.mark.parametrize("status", [200, 403, 500])
@pytest.mark.parametrize("change", [make_fresh, make_live])
def test_without_a_tag_no_version_is_told(
    change: Callable[[Response], Response], status: int
) -> None:
    assert b"server-timing" not in dict(change(text_response(status)).fields)


@pytest.mark.parametrize("status", [404, 410])
@pytest.mark.parametrize("change", [make_fresh, make_live])
def test_a_file_that_does_not_exist_has_a_version(
    change: Callable[[Response], Response], status: int
) -> None:
    told = dict(change(text_response(status)).fields)[b"server-timing"]
    assert told == b'h2static;desc="%d"' % status


def test_forgetting() -> None:
    rewriter = Rewriter(mark)
    response = text_response(prepared=True)
    first = rewriter.response(response)
    rewriter.forget()
    assert rewriter.octets == 0
    assert rewriter.response(response) is not first
