"""Patterns, cache rules and header rules."""

from __future__ import annotations

import fnmatch
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.site.netlify import parse_headers
from h2static.site.patterns import parse_pattern
from h2static.site.rules import (
    Rules,
    parse_cache_rule,
    parse_error_page,
    parse_header_rule,
    parse_site_file,
)


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("*.js", "/a.js", True),
        ("*.js", "/deep/down/a.js", True),
        ("*.js", "/a.json", False),
        ("a.js", "/b/a.js", True),
        ("a.js", "/b/ba.js", False),
        ("*", "/", True),
        ("*", "/a/b", True),
        ("/*", "/a/b", True),
        ("/", "/", True),
        ("/", "/a", False),
        ("/assets/*", "/assets/", True),
        ("/assets/*", "/assets/a/b.js", True),
        ("/assets/*", "/assets", False),
        ("/assets/*", "/other/assets/a", False),
        ("/*/b/*.css", "/a/b/c.css", True),
        ("/*/b/*.css", "/a/x/c.css", False),
        ("/a*a", "/a", False),
        ("/a*a", "/aa", True),
        ("/**/x", "/y/x", True),
        ("/a?", "/ab", False),
        ("/[a]", "/[a]", True),
    ],
)
def test_patterns(pattern: str, path: str, matches: bool) -> None:
    assert parse_pattern(pattern).matches(path.encode()) is matches


@given(
    pattern=st.text("ab*/", max_size=8).map(lambda text: "/" + text),
    path=st.text("ab/", max_size=12).map(lambda text: "/" + text),
)
def test_patterns_are_shell_patterns(pattern: str, path: str) -> None:
    expected = re.fullmatch(fnmatch.translate(pattern), path) is not None
    assert parse_pattern(pattern).matches(path.encode()) is expected


def test_no_pattern_takes_more_than_linear_time() -> None:
    started = time.process_time()
    parse_pattern("/" + "*a" * 50 + "*b").matches(b"/" + b"a" * 12000)
    assert time.process_time() - started < 1


@pytest.mark.parametrize("text", ["", "a/b", "*/b"])
def test_patterns_that_can_never_match_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="pattern"):
        parse_pattern(text)


def test_parsed_rules() -> None:
    cache = parse_cache_rule("/api/*=max-age=60, public")
    assert (cache.pattern.text, cache.value) == ("/api/*", b"max-age=60, public")
    header = parse_header_rule("*.html: X-Frame-Options : DENY ")
    assert (header.name, header.value) == (b"x-frame-options", b"DENY")
    assert header.pattern.matches(b"/a.html")
    page = parse_error_page("404=/errors/404.html")
    assert (page.status, page.file) == (404, "errors/404.html")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("*.js", "expected 'PATTERN=VALUE'"),
        ("=no-store", "the pattern is empty"),
        ("*.js=", "the value is empty"),
        ("*.js=a\nb", "control characters"),
    ],
)
def test_bad_cache_rules(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint) as caught:
        parse_cache_rule(text)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("*.js", "expected 'PATTERN:Name: value'"),
        ("*.js:x-a", "expected 'PATTERN:Name: value'"),
        ("*.js:x a: b", "is not a field name"),
        ("*.js:: b", "is not a field name"),
        ("*.js:x-a:", "the value is empty"),
        ("*.js:x-a: b\r\nc: d", "control characters"),
        ("*.js:content-length: 5", "'content-length' is set by the server"),
        ("*.js:Connection: close", "'connection' is set by the server"),
    ],
)
def test_bad_header_rules(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse_header_rule(text)


@pytest.mark.parametrize(
    "text", ["404", "200=a.html", "600=a", "404=", "404=../a", "x=a", "404=a//b", "404=a/", "٤04=a"]
)
def test_bad_error_pages(text: str) -> None:
    with pytest.raises(ValueError):
        parse_error_page(text)


def test_site_files() -> None:
    assert parse_site_file("/app/index.html") == "app/index.html"
    for text in ("", "/", "a/../b", "./a", "a\0"):
        with pytest.raises(ValueError, match="not a file in the root"):
            parse_site_file(text)


def test_later_rules_win_and_the_file_counts_like_the_path() -> None:
    rules = Rules(
        cache=[parse_cache_rule("*=max-age=1"), parse_cache_rule("*.html=max-age=2")],
        header=[
            parse_header_rule("/*:x-a: 1"),
            parse_header_rule("*.html:X-A: 2"),
            parse_header_rule("/index.html:x-b: 3"),
        ],
    )
    assert rules.fields(b"/", b"/index.html") == (
        (b"cache-control", b"max-age=2"),
        (b"x-a", b"2"),
        (b"x-b", b"3"),
    )
    assert rules.fields(b"/a.js", b"/a.js") == ((b"cache-control", b"max-age=1"), (b"x-a", b"1"))
    # No file: an error, a redirect, a list.
    assert rules.fields(b"/a.html") == ((b"x-a", b"2"),)


def test_options_overrule_the_headers_file() -> None:
    netlify, _ = parse_headers("/*\n  Cache-Control: a\n  X-A: a\n  X-B: a\n", "_headers")
    rules = Rules(
        cache=[parse_cache_rule("*.js=b")], header=[parse_header_rule("*:X-A: b")], netlify=netlify
    )
    fields = dict(rules.fields(b"/a.js", b"/a.js"))
    assert fields == {b"cache-control": b"b", b"x-a": b"b", b"x-b": b"a"}
    assert dict(rules.fields(b"/a.css", b"/a.css"))[b"cache-control"] == b"a"
    assert b"cache-control" not in dict(rules.fields(b"/a.js"))
