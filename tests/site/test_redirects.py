"""Netlify's ``_redirects``: parsing and matching."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.site.pathpatterns import parse_path_pattern
from h2static.site.paths import Names, split_path
from h2static.site.redirects import Match, Redirects, parse_redirects


@pytest.mark.parametrize(
    ("pattern", "path", "captured"),
    [
        ("/home", "/home", {}),
        ("/home", "/home/", {}),
        ("/home/", "/home", {}),
        ("/home", "/home/x", None),
        ("/", "/", {}),
        ("/", "/x", None),
        ("/*", "/", {"splat": ""}),
        ("/*", "/a/b", {"splat": "a/b"}),
        ("/news/*", "/news", {"splat": ""}),
        ("/news/*", "/news/", {"splat": ""}),
        ("/news/*", "/newsletter", None),
        ("/news/:year/:slug", "/news/2004/x", {"year": "2004", "slug": "x"}),
        ("/news/:year/:slug", "/news/2004", None),
        ("/news/:year/*", "/news/2004/a/b", {"year": "2004", "splat": "a/b"}),
        ("/a%20b", "/a b", {}),
        ("/:x/*", "/a b/%/c", {"x": "a%20b", "splat": "%25/c"}),
    ],
)
def test_path_patterns(pattern: str, path: str, captured: dict[str, str] | None) -> None:
    assert parse_path_pattern(pattern).capture(split_path(path.encode())) == captured


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
    match = Redirects(redirects).find(split_path(path.encode()), query)
    assert (None if match is None else match.target.decode()) == target


def test_a_slash_in_a_name_stays_in_it() -> None:
    redirects, _ = parse_redirects("/a/:x /one/:x\n/b/* /two/:splat\n", "_redirects")
    rules = Redirects(redirects)

    def target(*names: bytes) -> bytes | None:
        match = rules.find(names, None)
        return None if match is None else match.target

    assert target(b"a", b"docs/readme") == b"/one/docs%2Freadme"
    assert target(b"b", b"x/y", b"C:\\z") == b"/two/x%2Fy/C%3A%5Cz"
    assert target(b"a/b") is None


PATTERNS = st.lists(st.sampled_from(["a", "b", ":x", ":y", "c"]), max_size=3, unique=True)
ORIGINS = st.builds(
    lambda names, star: "/" + "/".join([*names, *(["*"] if star else [])]), PATTERNS, st.booleans()
)


@given(
    origins=st.lists(ORIGINS, max_size=8),
    names=st.lists(st.sampled_from([b"a", b"b", b"c", b"d"]), max_size=4).map(tuple),
)
def test_the_index_finds_what_looking_at_each_rule_does(origins: list[str], names: Names) -> None:
    lines = "".join(f"{origin} /{number}\n" for number, origin in enumerate(origins))
    redirects, _ = parse_redirects(lines, "_redirects")
    matching = [one for one in redirects if one.pattern.capture(names) is not None]
    found = Redirects(redirects).find(names, None)
    assert (found.redirect if found else None) is (matching[0] if matching else None)


def test_many_rules_cost_little() -> None:
    lines = [f"/old/{number} /new/{number}\n" for number in range(5000)]
    lines += [f"/from-{number}/* /to/:splat\n" for number in range(5000)]
    rules = Redirects(parse_redirects("".join(lines), "_redirects")[0])
    assert rules.most == 2
    found: list[Match | None] = []
    started = time.process_time()
    for number in range(1000):
        found.append(rules.find((b"from-%d" % number, b"x"), None))
        found.append(rules.find((b"nowhere", b"%d" % number), None))
    assert time.process_time() - started < 0.2
    assert [match is not None for match in found] == [True, False] * 1000


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
        match = Redirects(redirects).find(split_path(path), None)
        assert match is not None
        assert match.target == target


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("/ /de 302 Language=de", "the condition 'Language=de' is not supported"),
        ("/ /us Country=us", "the condition 'Country=us' is not supported"),
        ("https://old.example/* https://new.example/:splat 301!", "rules for another domain"),
        ("/api/* https://api.example/:splat 200", "proxying is not supported here"),
    ],
)
def test_what_cannot_be_followed_is_left_out(line: str, reason: str) -> None:
    redirects, warnings = parse_redirects(f"\n{line}\n/x /y\n", "_redirects")
    assert len(redirects) == 1
    assert warnings == (f"_redirects:2: ignored: {reason}",)


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
        ("/a/*/b /c", "allowed only at the end of a path"),
        ("/a/*.html /c", "allowed only at the end of a path"),
        ("/*/:x /c", "placeholder after"),
        ("/:x/:x /c", "repeats a placeholder"),
    ],
)
def test_faults_are_named_with_their_line(line: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=rf"^_redirects:3: .*{complaint}") as caught:
        parse_redirects(f"/ok /fine\n\n{line}", "_redirects")
    assert "\n" not in str(caught.value)
