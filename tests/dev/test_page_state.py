"""What the client asks the server about its page, and what becomes of service workers."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest

from h2static.dev.application import DevApplication, DevOptions
from h2static.dev.broker import Broker
from h2static.http.messages import Response
from tests.dev.support import PAGE, Dev, FakeSite, bytes_of, request, state, text_response
from tests.dev.support import fields_of as fields
from tests.support.exchange import ask

SAME_ORIGIN = (b"sec-fetch-site", b"same-origin")


@pytest.fixture
def dev(tmp_path: Path) -> Dev:
    (tmp_path / "index.html").write_bytes(PAGE)
    (tmp_path / "a b?.html").write_bytes(PAGE)
    (tmp_path / "note.txt").write_text("text")
    return Dev(tmp_path)


def look(dev: Dev, page: str, *more: tuple[bytes, bytes], method: bytes = b"GET") -> Response:
    path = b"/.h2static/events?page=" + quote(page, safe="").encode()
    return dev.ask(path, SAME_ORIGIN, *more, method=method)


def told(response: Response) -> dict[str, object]:
    assert response.status == 200
    value = json.loads(bytes_of(response))
    assert isinstance(value, dict)
    return value


def tag_of(page: Response) -> str:
    """The word for the content with which a page is labelled."""
    value = fields(page)[b"server-timing"].decode()
    return value.removesuffix('"').rpartition(" ")[2]


def test_a_page_is_labelled_with_what_the_client_is_told_of_it(dev: Dev, tmp_path: Path) -> None:
    dev.broker.set_state(state("0123"), [])
    before = told(look(dev, "/"))
    assert before == {"status": 200, "tag": tag_of(dev.visit(b"/")), "list": False}
    (tmp_path / "index.html").write_bytes(PAGE.replace(b">y<", b">z<"))
    after = told(look(dev, "/?query"))
    assert after["tag"] == tag_of(dev.visit(b"/")) != before["tag"]


def test_names_are_asked_for_as_the_browser_writes_them(dev: Dev) -> None:
    assert told(look(dev, "/a%20b%3F.html"))["status"] == 200
    assert told(look(dev, "/a b.html"))["status"] == 404


def test_a_page_that_is_missing_has_no_tag(dev: Dev) -> None:
    dev.broker.set_state(state("0123"), [])
    assert told(look(dev, "/none.html"))["status"] == 404
    assert tag_of(dev.visit(b"/none.html")) == ""


def test_a_list_of_files_is_told_as_such(dev: Dev, tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    assert told(look(dev, "/sub/"))["list"] is True
    (tmp_path / "sub" / "index.html").write_bytes(PAGE)
    assert told(look(dev, "/sub/?x"))["list"] is False
    assert told(look(dev, "/sub/%00/"))["list"] is False


@pytest.mark.parametrize("page", ["/../", "/sub/../../", "/%2e%2e/", "/sub%2f..%2f..%2f"])
def test_nothing_is_told_of_folders_outside(dev: Dev, tmp_path: Path, page: str) -> None:
    (tmp_path / "sub").mkdir()
    assert told(look(dev, page))["list"] is False


def test_head_has_no_content(dev: Dev) -> None:
    response = look(dev, "/", method=b"HEAD")
    assert (response.status, response.body) == (200, b"")


def test_what_follows_the_page_does_not_count(dev: Dev) -> None:
    """The client asks each time under another address."""
    dev.broker.set_state(state("0123"), [])
    page = b"/.h2static/events?page=%2F"
    plain, extended = (told(dev.ask(page + more, SAME_ORIGIN)) for more in (b"", b"&0.5"))
    assert plain == extended


@pytest.mark.parametrize("page", ["", "index.html", "/.h2static/events", "/" + "a" * 9000])
def test_what_is_no_page_is_refused(dev: Dev, page: str) -> None:
    assert look(dev, page).status == 400


def test_other_sites_are_told_nothing(dev: Dev) -> None:
    path = b"/.h2static/events?page=%2F"
    assert dev.ask(path, (b"sec-fetch-site", b"cross-site")).status == 403


# ---------------------------------------------------------------- service workers

WORKER = (b"service-worker", b"script")


def around(site: FakeSite, seen: list[bytes], *, removed: bool) -> DevApplication:
    options = DevOptions(folders=(), no_service_workers=removed)
    return DevApplication(
        site, Broker(now=0.0), options, clock=lambda: 0.0, note_worker=seen.append
    )


def test_a_service_worker_is_noticed_and_served() -> None:
    seen: list[bytes] = []
    application = around(FakeSite(text_response(text=b"worker")), seen, removed=False)
    assert bytes_of(ask(application, request(b"/sw.js?v=1", WORKER))) == b"worker"
    assert bytes_of(ask(application, request(b"/other.js"))) == b"worker"
    assert seen == [b"/sw.js"]


def test_a_service_worker_is_replaced_by_one_that_removes_itself() -> None:
    site = FakeSite(text_response(text=b"worker", prepared=True))
    application = around(site, [], removed=True)
    one = request(b"/sw.js", WORKER, repeats=True)
    for _ in range(2):
        assert application.recall(one) is None
        response = ask(application, one)
        assert b"registration.unregister()" in bytes_of(response)
        assert fields(response)[b"service-worker-allowed"] == b"/"
        assert fields(response)[b"cache-control"] == b"no-store"
    assert site.handled == []
    head = ask(application, request(b"/sw.js", WORKER, method=b"HEAD"))
    assert head.body == b""
    # A page that reads the script itself gets the site's.
    assert bytes_of(ask(application, request(b"/sw.js"))) == b"worker"
