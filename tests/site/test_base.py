"""Sites below a path: what is asked for, what is told, and what rules are compared with."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote

import pytest

from h2static.http.messages import Request, Response
from h2static.router import Router
from h2static.site import Site
from h2static.site.config import HintSource, SiteConfig
from h2static.site.hints.delivery import PushHints
from h2static.site.hints.rules import parse_push_option
from h2static.site.rules import parse_cache_rule, parse_error_page, parse_header_rule
from tests.support.exchange import ask, read_all


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text("<!doctype html><link rel=stylesheet href=a.css>docs")
    (tmp_path / "a.css").write_text("a{}")
    (tmp_path / "404.html").write_text("none of the docs")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "ü.txt").write_text("u")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "twice.txt").write_text("twice")
    return tmp_path


def make(root: Path, base: str = "/docs", **values: object) -> Site:
    config = SiteConfig(root=str(root), **values)  # type: ignore[arg-type]  # by name
    return Site(config, clock=lambda: 1e9, base=base)


def get(site: Site | Router, path: bytes, *fields: tuple[bytes, bytes]) -> Response:
    request = Request(
        method=b"GET", scheme=b"https", authority=b"x", path=path, fields=tuple(fields)
    )
    return ask(site, request)


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        (b"/docs/a.css", 200, b"a{}"),
        (b"/docs/a.css?x", 200, b"a{}"),
        (b"/d%6Fcs/a.css", 200, b"a{}"),
        (b"/docs/sub/../a.css", 200, b"a{}"),
        (b"/docs/docs/twice.txt", 200, b"twice"),
        (b"/docs/sub/%C3%BC.txt", 200, b"u"),
        (b"/a.css", 404, None),
        (b"/docsa.css", 404, None),
        (b"/docs/../a.css", 404, None),
        (b"/docs/..%2Fa.css", 404, None),
        (b"/docs/../../etc/passwd", 404, None),
        (b"/", 404, None),
    ],
)
def test_what_is_below(root: Path, path: bytes, status: int, body: bytes | None) -> None:
    response = get(make(root), path)
    assert response.status == status
    if body is not None:
        assert read_all(response.body) == body


@pytest.mark.parametrize(
    ("path", "location"),
    [
        (b"/docs", b"/docs/"),
        (b"/docs?x=1", b"/docs/?x=1"),
        (b"/docs/sub", b"/docs/sub/"),
        (b"/docs//a.css", b"/docs/a.css"),
        (b"/d%6Fcs", b"/docs/"),
    ],
)
def test_other_spellings_lead_below_it(root: Path, path: bytes, location: bytes) -> None:
    response = get(make(root, listing=True), path)
    assert response.status == 301
    assert dict(response.fields)[b"location"] == location


def test_rules_are_compared_with_the_paths_of_requests(root: Path) -> None:
    site = make(
        root,
        cache=(parse_cache_rule("/docs/*.css=max-age=7"), parse_cache_rule("/a.css=max-age=8")),
        header=(parse_header_rule("/docs/sub/*:X-Rule: yes"),),
        error_page=(parse_error_page("404=404.html"),),
    )
    assert dict(get(site, b"/docs/a.css").fields)[b"cache-control"] == b"max-age=7"
    assert dict(get(site, b"/docs/sub/%C3%BC.txt").fields)[b"x-rule"] == b"yes"
    response = get(site, b"/docs/none")
    assert (response.status, read_all(response.body)) == (404, b"none of the docs")


def test_a_single_page_application_below_it(root: Path) -> None:
    site = make(root, spa="index.html")
    response = get(site, b"/docs/some/route", (b"accept", b"text/html"))
    assert response.status == 200
    assert b"docs" in read_all(response.body)


def test_lists_have_the_whole_path(root: Path) -> None:
    site = make(root, listing=True)
    page = read_all(get(site, b"/docs/sub/").body).decode()
    assert '<a href="/.">/</a><a href="/docs/">docs</a><span>/</span>sub' in page
    answer = get(site, b"/docs/sub/", (b"accept", b"application/json"))
    assert json.loads(read_all(answer.body))["path"] == "/docs/sub/"


def test_hints_read_from_a_page_have_the_whole_path(root: Path) -> None:
    hints = get(make(root, hints=HintSource.AUTO), b"/docs/").hints
    assert isinstance(hints, PushHints)
    assert [entry[1].url for entry in hints.entries] == ["/docs/a.css"]


@pytest.mark.parametrize(
    ("path", "status", "told"),
    [
        # The folder's own files say what they say where it is served alone.
        (b"/docs/old", 301, b"/docs/sub/"),
        (b"/docs/old?x=1", 301, b"/docs/sub/?x=1"),
        (b"/docs/posts/1/2", 302, b"/docs/blog/1/2"),
        (b"/docs/home", 301, b"/docs/"),
        (b"/docs/away", 301, b"https://a.test/x"),
        (b"/docs/any/thing", 200, b"a{}"),
        (b"/docs/docs/old", 404, b"none of the docs"),
        (b"/docs/none", 404, b"none of the docs"),
    ],
)
@pytest.mark.parametrize("base", ["/docs", "/d:name/a*b", "/dö cs"])
def test_redirects_of_the_folder_itself(
    root: Path, base: str, path: bytes, status: int, told: bytes
) -> None:
    (root / "_redirects").write_text(
        "/old /sub/\n/posts/* /blog/:splat 302\n/home /\n"
        "/away https://a.test/x\n/any/* /a.css 200\n"
    )
    encoded = quote(base).encode()
    path = path.replace(b"/docs", encoded, 1)
    response = get(make(root, base, netlify=True), path)
    assert response.status == status
    if status in (301, 302):
        assert dict(response.fields)[b"location"] == told.replace(b"/docs", encoded, 1)
    else:
        assert read_all(response.body) == told


@pytest.mark.parametrize("base", ["/docs", "/d:name/a*b", "/dö cs"])
def test_fields_of_the_folder_itself(root: Path, base: str) -> None:
    (root / "_headers").write_text(
        "/*\n  X-All: yes\n/a.css\n  X-One: yes\n/sub/:file\n  X-File: yes\n"
        "/docs/*\n  X-Docs: yes\n/\n  X-Root: yes\n"
    )
    site = make(root, base, netlify=True)
    encoded = quote(base).encode()

    def names(path: bytes) -> set[bytes]:
        return {name for name, _ in get(site, encoded + path).fields if name.startswith(b"x-")}

    always = {b"x-all", b"x-content-type-options"}
    assert names(b"/a.css") == always | {b"x-one"}
    assert names(b"/sub/%C3%BC.txt") == always | {b"x-file"}
    assert names(b"/docs/twice.txt") == always | {b"x-docs"}
    assert names(b"/") == always | {b"x-root"}
    assert get(site, encoded + b"/_headers").status == 404


def test_push_rules_have_the_whole_path(root: Path) -> None:
    site = make(root, push=(parse_push_option("/docs/=/docs/a.css"),))
    hints = get(site, b"/docs/").hints
    assert isinstance(hints, PushHints)
    assert [entry[1].url for entry in hints.entries] == ["/docs/a.css"]
    assert site.warnings == ()
    (warning,) = make(root, push=(parse_push_option("/docs/=/a.css"),)).warnings
    assert "/a.css" in warning


def test_two_levels_and_the_longest_prefix(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    inner = tmp_path_factory.mktemp("inner")
    (inner / "x.txt").write_text("inner")
    sites = {"/docs": make(root), "/docs/api/v1": make(inner, "/docs/api/v1")}
    router = Router(sites, make(root, ""))
    assert read_all(get(router, b"/docs/api/v1/x.txt").body) == b"inner"
    assert get(router, b"/docs/api/x.txt").status == 404
    assert read_all(get(router, b"/docs/a.css").body) == b"a{}"
    assert read_all(get(router, b"/a.css").body) == b"a{}"
    # The path without dot segments decides, however they are written.
    for path in (b"/docs/api/v1/../../a.css", b"/docs/api/v1/%2e%2E/%2e./a.css"):
        assert read_all(get(router, path).body) == b"a{}"
    assert read_all(get(router, b"/docs/../docs/api/./v1/x.txt").body) == b"inner"
    assert get(router, b"/docs/../../a.css").status == 404


def test_a_base_in_other_letters(root: Path) -> None:
    response = get(make(root, "/dö cs"), b"/d%C3%B6%20cs")
    assert dict(response.fields)[b"location"] == b"/d%C3%B6%20cs/"
    assert read_all(get(make(root, "/dö cs"), b"/d%c3%b6%20cs/a.css").body) == b"a{}"


def test_the_nearest_error_page_is_looked_for_below_the_base(root: Path) -> None:
    (root / "sub" / "404.html").write_text("none of the sub")
    # The folder is called as the base is.
    (root / "docs" / "404.html").write_text("none of the inner docs")
    site = make(root, error_page=(parse_error_page("404=404.html"),))
    for path, text in (
        (b"/docs/none", b"none of the docs"),
        (b"/docs/sub/none", b"none of the sub"),
        (b"/docs/sub/none/deeper", b"none of the sub"),
        (b"/docs/docs/none", b"none of the inner docs"),
        (b"/elsewhere/sub/none", b"none of the docs"),
    ):
        response = get(site, path)
        assert (response.status, read_all(response.body)) == (404, text)
