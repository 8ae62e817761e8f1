"""Cross-origin requests."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from h2static.dev.cors import CorsApplication
from h2static.dev.limits import DevLimits
from h2static.http.messages import Response
from h2static.site import Site, SiteConfig
from tests.dev.support import (
    NAVIGATION,
    Dev,
    FakeSite,
    bytes_of,
    fields_of,
    much_later,
    request,
    text_response,
)
from tests.support.exchange import FakeExchange, ask, read_all

STYLE = request(b"/a.css", repeats=True)
PREFLIGHT = request(
    b"/a.css", (b"access-control-request-method", b"GET"), method=b"OPTIONS", repeats=True
)


def allows(response: Response) -> bool:
    return (b"access-control-allow-origin", b"*") in response.fields


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "a.css").write_bytes(b"a{}")
    (tmp_path / "index.html").write_bytes(b"<p>")
    return tmp_path


def test_everybody_may_read(root: Path) -> None:
    site = Site(SiteConfig(root=str(root)), clock=much_later)
    application = CorsApplication(site)
    application.new_batch()
    assert application.recall(STYLE) is None
    first = ask(application, STYLE)
    assert allows(first)
    assert bytes_of(first) == b"a{}"
    assert first.prepared
    assert ask(application, STYLE) is application.recall(STYLE)
    assert application.recall(STYLE) is not site.recall(STYLE)


def test_fields_of_the_site_are_left_as_they_are() -> None:
    own = (b"access-control-allow-origin", b"https://one.test")
    application = CorsApplication(FakeSite(text_response(200, b"x", own)))
    assert fields_of(ask(application, STYLE))[own[0]] == own[1]


def test_a_preflight_request_is_answered() -> None:
    site = FakeSite(text_response(204, b"", prepared=True))
    application = CorsApplication(site)
    for _ in range(2):
        response = ask(application, PREFLIGHT)
        assert response.status == 204
        assert response.early
        assert response.body == b""
        assert b"GET" in fields_of(response)[b"access-control-allow-methods"]
        # An asterisk does not stand for it.
        assert fields_of(response)[b"access-control-allow-headers"] == b"*, authorization"
    # Other questions are for the site.
    plain = ask(application, request(b"/a.css", method=b"OPTIONS"))
    assert allows(plain)
    assert b"access-control-allow-methods" not in fields_of(plain)
    assert len(site.handled) == 3


def test_recall_changes_what_is_prepared_inside() -> None:
    site = FakeSite(text_response(prepared=True))
    application = CorsApplication(site)
    recalled = application.recall(STYLE)
    assert recalled is not None
    assert allows(recalled)
    assert recalled.prepared
    assert application.recall(STYLE) is recalled
    assert ask(application, STYLE) is recalled
    site.response = text_response()
    assert application.recall(STYLE) is None
    assert not ask(application, STYLE).prepared
    assert len(site.handled) == 1


def test_what_cannot_be_remembered_is_not_recalled() -> None:
    site = FakeSite(text_response(200, b"abc", prepared=True))
    application = CorsApplication(site, DevLimits(rewritten_octets=2))
    assert application.recall(STYLE) is None
    response = ask(application, STYLE)
    assert allows(response)
    assert not response.prepared


def test_responses_of_a_thread_are_changed() -> None:
    application = CorsApplication(FakeSite(text_response(), later=True))
    assert allows(ask(application, STYLE))


def test_responses_to_uploads_are_changed(root: Path) -> None:
    site = Site(SiteConfig(root=str(root), echo_upload=True), clock=time.time)
    exchange = FakeExchange(request(b"/x", method=b"POST"), content=True)
    CorsApplication(site).handle(exchange)
    assert exchange.send(b"abc")
    exchange.end()
    exchange.run_jobs()
    assert allows(exchange.answer())
    assert read_all(exchange.answer().body) == b"abc"


def test_refusals_are_changed() -> None:
    application = CorsApplication(FakeSite(text_response()))
    assert allows(application.refuse(431, None))
    assert allows(application.refuse(400, STYLE))
    assert not allows(application.refuse(400, request(b"/.h2static/events")))


def test_changed_responses_are_forgotten_with_those_of_the_site() -> None:
    site = FakeSite(text_response(prepared=True))
    application = CorsApplication(site)
    first = application.recall(STYLE)
    application.release()
    assert site.calls == ["release"]
    second = application.recall(STYLE)
    assert second is not None
    assert second is not first


# ---------------------------------------------------------------- around dev mode


def test_documents_with_the_client_are_open_and_the_client_is_not(root: Path) -> None:
    application = CorsApplication(Dev(root, clock=much_later).application)
    page = request(b"/", *NAVIGATION, repeats=True)
    for _ in range(2):
        application.new_batch()
        assert allows(ask(application, page))
        for path in (b"/.h2static/client.js", b"/.h2static/events"):
            response = ask(application, request(path))
            assert response.status == 200
            assert not [name for name, _ in response.fields if name.startswith(b"access-control")]
            assert fields_of(response)[b"cross-origin-resource-policy"] == b"same-origin"
            assert ask(application, replace(PREFLIGHT, path=path)).status == 405


def test_a_name_that_is_not_ours_stays_closed(root: Path) -> None:
    """The guard against DNS rebinding has the first word."""
    application = CorsApplication(Dev(root).application)
    for one in (STYLE, PREFLIGHT, request(b"/.h2static/events")):
        response = ask(application, replace(one, authority=b"evil.test"))
        assert response.status == 421
        assert not allows(response)


def test_an_etag_of_dev_mode_still_counts(root: Path) -> None:
    application = CorsApplication(Dev(root).application)
    page = ask(application, request(b"/", *NAVIGATION))
    etag = (b"if-none-match", fields_of(page)[b"etag"])
    unchanged = ask(application, request(b"/", *NAVIGATION, etag))
    assert unchanged.status == 304
    assert allows(unchanged)
