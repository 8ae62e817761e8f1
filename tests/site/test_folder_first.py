"""A folder in front of an application: who answers what."""

from __future__ import annotations

from pathlib import Path

import pytest

from h2static.http.exchange import Exchange
from h2static.http.messages import Request, Response
from h2static.site import Site, SiteConfig
from h2static.site.folder_first import FolderFirst
from h2static.site.limits import SiteLimits
from h2static.site.rules import ErrorPage
from tests.site.harness import Clock, request, write
from tests.support.exchange import FakeExchange, ask

APPLICATION = Response(status=200, fields=(), body=b"the application")


class Recording:
    """An application that answers everything."""

    def __init__(self) -> None:
        self.handled: list[Request] = []

    def recall(self, request: Request) -> Response | None:
        return None

    def handle(self, exchange: Exchange) -> None:
        self.handled.append(exchange.request)
        exchange.respond(APPLICATION)

    def refuse(self, status: int, request: Request | None) -> Response:
        raise AssertionError("the folder refuses")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path, "index.html", "<title>home</title>")
    write(tmp_path, "file.txt", "a file")
    write(tmp_path, "with/index.html", "<title>with</title>")
    write(tmp_path, "without/file.txt", "a file")
    write(tmp_path, ".env", "SECRET=1")
    write(tmp_path, "404.html", "<title>nothing</title>")
    return tmp_path


def make(root: Path, limits: SiteLimits | None = None, **options: object) -> FolderFirst:
    config = SiteConfig(root=str(root), **options)  # type: ignore[arg-type]  # a test's choice
    site = Site(config, clock=Clock(), limits=limits, falls_through=True)
    return FolderFirst(site, Recording())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("GET", "/file.txt", 200),
        ("GET", "/file.txt?x=1", 200),
        ("GET", "/with/", 200),
        ("GET", "/with", 301),
        ("GET", "//with", 301),
        ("POST", "/file.txt", 405),
        ("DELETE", "/with/", 405),
        ("OPTIONS", "/file.txt", 204),
        ("OPTIONS", "*", 204),
        ("GET", "/a\\b%00", 400),
        ("GET", "/%zz", 400),
        ("POST", "/%zz", 400),
        ("GET", "/" + "x/" * 50_000, 414),
        ("GET", "/nothing", None),
        ("GET", "/nothing/", None),
        ("GET", "//nothing", None),
        ("GET", "/file.txt/", None),
        ("GET", "/file.txt/x", None),
        ("GET", "/without", None),
        ("GET", "/without/", None),
        ("GET", "/.env", None),
        ("GET", "/../file.txt", None),
        ("POST", "/nothing", None),
        ("PUT", "/without/", None),
        ("DELETE", "/nothing", None),
        ("OPTIONS", "/nothing", None),
        ("BREW", "/nothing", None),
    ],
)
def test_who_answers(root: Path, method: str, path: str, status: int | None) -> None:
    """``None``: the application."""
    both = make(root, error_page=(ErrorPage(status=404, file="404.html"),))
    for _ in range(3):
        response = ask(both, request(path, method))
        assert (response is APPLICATION) == (status is None)
        assert status is None or response.status == status


def test_a_folder_that_is_listed_is_there(root: Path) -> None:
    assert ask(make(root, listing=True), request("/without")).status == 301
    assert ask(make(root, listing=True), request("/without/")).status == 200


def test_pages_of_a_single_page_application_come_first(root: Path) -> None:
    both = make(root, spa="index.html")
    page = {"accept": "text/html", "sec_fetch_dest": "document"}
    assert ask(both, request("/route", **page)).status == 200
    assert ask(both, request("/route", **page)) is not APPLICATION
    assert ask(both, request("/data", accept="application/json")) is APPLICATION
    # What is sent somewhere is not for a page.
    assert ask(both, request("/route", "POST", **page)) is APPLICATION


def test_rules_of_the_folder_come_first(root: Path) -> None:
    write(root, "_redirects", "/old /file.txt 302\n")
    both = make(root, netlify=True)
    assert ask(both, request("/old")).status == 302
    assert ask(both, request("/_redirects")) is APPLICATION


def test_an_echo_is_the_folders_where_the_folder_has_the_file(root: Path) -> None:
    both = make(root, echo_upload=True)
    exchange = FakeExchange(request("/file.txt", "POST"), content=True)
    both.handle(exchange)
    exchange.send(b"echo")
    exchange.end()
    exchange.run_jobs()
    assert exchange.response is not None
    assert exchange.response is not APPLICATION
    assert ask(both, request("/nothing", "POST")) is APPLICATION


def test_a_tunnel_is_the_applications(root: Path) -> None:
    asked = request("/file.txt")
    asked.protocol = b"websocket"
    assert ask(make(root), asked) is APPLICATION


def test_a_file_that_comes_and_goes(root: Path) -> None:
    both = make(root)
    asked = request("/new.txt")
    asked.repeats = True
    assert ask(both, asked) is APPLICATION
    path = write(root, "new.txt", "new")
    both.new_batch()
    assert ask(both, asked).status == 200
    path.unlink()
    both.new_batch()
    assert both.recall(asked) is None
    assert ask(both, asked) is APPLICATION


@pytest.mark.parametrize("path", ["/nothing", "/file.txt"])
def test_who_answers_may_be_worked_out_in_a_thread(root: Path, path: str) -> None:
    """Where many rules have to be looked at, that is no work for the loop."""
    write(root, "_headers", "/*\n  X-A: b\n")
    both = make(root, SiteLimits(rules_at_once=0), netlify=True)
    exchange = FakeExchange(request(path))
    both.handle(exchange)
    assert exchange.responded == 0
    exchange.run_jobs()
    assert exchange.responded == 1
    assert (exchange.response is APPLICATION) == (path == "/nothing")


def test_what_was_found_in_a_thread_is_not_looked_up_again(root: Path) -> None:
    write(root, "_headers", "/*\n  X-A: b\n")
    both = make(root, SiteLimits(rules_at_once=0), netlify=True)
    exchange = FakeExchange(request("/file.txt"))
    both.handle(exchange)
    (job,) = exchange.jobs
    outcome = job()
    (root / "file.txt").unlink()
    assert isinstance(outcome, Response)
    assert outcome.status == 200


def test_refusals_are_the_folders(root: Path) -> None:
    assert make(root).refuse(431, None).status == 431
