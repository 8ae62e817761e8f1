"""Netlify's ``_redirects``: parsing and matching."""

from __future__ import annotations

import pytest

from h2static.site.pathpatterns import parse_path_pattern
from h2static.site.redirects import find_redirect, parse_redirects


@pytest.mark.parametrize(
    ("pattern", "path", "captured"),
    [
        ("/home", "/home", {}),
        ("/home", "/home/", {}),
        ("/home/", "/home", {}),
        ("/home", "/home/x", None),
        ("/", "/", {}),
        ("/", "/x", None),
        ("/*", "/", {"splat": b""}),
        ("/*", "/a/b", {"splat": b"a/b"}),
        ("/news/*", "/news", {"splat": b""}),
        ("/news/*", "/news/", {"splat": b""}),
        ("/news/*", "/newsletter", None),
        ("/news/:year/:slug", "/news/2004/x", {"year": b"2004", "slug": b"x"}),
        ("/news/:year/:slug", "/news/2004", None),
        ("/news/:year/*", "/news/2004/a/b", {"year": b"2004", "splat": b"a/b"}),
        ("/a%20b", "/a b", {}),
    ],
)
def test_path_patterns(pattern: str, path: str, captured: dict[str, bytes] | None) -> None:
    compiled = parse_path_pattern(pattern)
    assert compiled.capture(path.encode()) == captured
    assert compiled.matches(path.encode()) is (captured is not None)


@pytest.mark.parametrize(
    ("line", "path", "query", "target"),
    [
        ("/home /", "/home", None, "/"),
        ("/home / 302", "/home", b"a=b", "/?a=b"),
        ("/home /x?own=1", "/home", b"a=b", "/x?own=1"),
        ("/home /x#here", "/home", b"a=b", "/x?a=b#here"),
        ("/a/* /b/:splat", "/a/x/y", None, "/b/x/y"),
        ("/a/* /b/:splat", "/a/ä b", None, "/b/%C3%A4%20b"),
        ("/:x/:y /:y/:x", "/1/2", None, "/2/1"),
        ("/:x /y-:x.html", "/a?b", None, "/y-a%3Fb.html"),
        ("/go/* https://example.com:8080/:splat", "/go/p", None, "https://example.com:8080/p"),
        # A splat can name no other host.
        ("/go/* /:splat", "/go//evil.example", None, "/evil.example"),
        ("/store id=:id /blog/:id", "/store", b"id=x%2Fy", "/blog/x%2Fy"),
        ("/store id=5 sort=:s /five/:s", "/store", b"sort=up&id=5&more", "/five/up"),
        ("/store id=5 /five", "/store", b"id=6", None),
        ("/store id=5 /five", "/store", None, None),
        ("/store id=5 /five", "/store", b"&".join([b"id=5"] * 200), None),
        ("/ü /x", "/ü", None, "/x"),
        ("/x /ü", "/x", None, "/%C3%BC"),
        ("/x /y # the reason", "/x", None, "/y"),
        ("/x /y", "/z", None, None),
    ],
)
def test_targets(line: str, path: str, query: bytes | None, target: str | None) -> None:
    redirects, warnings = parse_redirects(line, "_redirects")
    assert warnings == ()
    match = find_redirect(redirects, path.encode(), query)
    assert (None if match is None else match.target.decode()) == target


@pytest.mark.parametrize(
    ("line", "status", "force"),
    [
        ("/a /b", 301, False),
        ("/a /b 302", 302, False),
        ("/a /b 307!", 307, True),
        ("/a /b 200", 200, False),
        ("/a /b 200!", 200, True),
        ("/a /b 404", 404, False),
        ("/a /b 410", 410, False),
    ],
)
def test_statuses(line: str, status: int, force: bool) -> None:
    ((redirect,), _) = parse_redirects(line, "_redirects")
    assert (redirect.status, redirect.force) == (status, force)


def test_the_first_match_counts() -> None:
    redirects, _ = parse_redirects("# comment\n\n/a /first\n/* /second\n/b /third\n", "_redirects")
    for path, target in ((b"/a", b"/first"), (b"/b", b"/second")):
        match = find_redirect(redirects, path, None)
        assert match is not None
        assert match.target == target


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("/ /de 302 Language=de", "the condition 'Language=de' cannot be tested here"),
        ("/ /us Country=us", "the condition 'Country=us' cannot be tested here"),
        ("https://old.example/* https://new.example/:splat 301!", "rules for another domain"),
        ("/api/* https://api.example/:splat 200", "this server is no proxy"),
    ],
)
def test_what_cannot_be_followed_is_left_out(line: str, reason: str) -> None:
    redirects, warnings = parse_redirects(f"\n{line}\n/x /y\n", "_redirects")
    assert len(redirects) == 1
    assert warnings == (f"_redirects:2: left out: {reason}",)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("/a", "the target is missing"),
        ("/a b", "neither a parameter"),
        ("a /b", "is not a path"),
        ("/a /b 299", "is not a status"),
        ("/a /b 301!!", "is not a status"),
        ("/a /b abc", "is not a status"),
        ("/a /b 301 what", "is not a condition"),
        ("/a/:x /b/:y", "':y' in the target is not captured"),
        ("/a /b/:splat", "':splat' in the target is not captured"),
        ("/a/*/b /c", "stands for the end of a path only"),
        ("/a/*.html /c", "stands for the end of a path only"),
        ("/*/:x /c", "placeholder after"),
        ("/:x/:x /c", "placeholder twice"),
    ],
)
def test_faults_are_named_with_their_line(line: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=rf"^_redirects:3: .*{complaint}") as caught:
        parse_redirects(f"/ok /fine\n\n{line}", "_redirects")
    assert "\n" not in str(caught.value)
