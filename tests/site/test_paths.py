"""Request paths: RFC 3986, RFC 9113 section 8.3.1, and every way of writing dots."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.site.errors import SiteError
from h2static.site.limits import DEFAULTS
from h2static.site.names import PublicNames
from h2static.site.paths import encode_path, parse_target
from h2static.site.patterns import parse_pattern


@pytest.mark.parametrize(
    ("path", "names", "directory", "query"),
    [
        (b"/", (), True, None),
        (b"/a", (b"a",), False, None),
        (b"/a/", (b"a",), True, None),
        (b"/a/b.html?x=/../y", (b"a", b"b.html"), False, b"x=/../y"),
        (b"/?", (), True, b""),
        (b"/%61", (b"a",), False, None),
        # Decoded once: what comes out of %25 is a percent sign.
        (b"/%252e%252e", (b"%2e%2e",), False, None),
        (b"/%c0%ae", (b"\xc0\xae",), False, None),
        (b"/\xc3\xa4", (b"\xc3\xa4",), False, None),
        (b"/a;b=c,d", (b"a;b=c,d",), False, None),
        (b"/a%0a", (b"a\n",), False, None),
        (b"/.well-known/x", (b".well-known", b"x"), False, None),
        (b"/a+b", (b"a+b",), False, None),
        (b"/" + b"a" * (DEFAULTS.path - 1), (b"a" * (DEFAULTS.path - 1),), False, None),
    ],
)
def test_names(path: bytes, names: tuple[bytes, ...], directory: bool, query: bytes | None) -> None:
    target = parse_target(path)
    assert target.names == tuple(names)
    assert (target.directory, target.query, target.canonical) == (directory, query, True)


@pytest.mark.parametrize(
    ("path", "canonical"),
    [(b"//", b"/"), (b"//a", b"/a"), (b"/a//b/", b"/a/b/"), (b"///a//", b"/a/")],
)
def test_empty_names_are_not_canonical(path: bytes, canonical: bytes) -> None:
    target = parse_target(path)
    assert not target.canonical
    assert encode_path(target.names, directory=target.directory) == canonical


@pytest.mark.parametrize(
    "path",
    [
        b"",
        b"*",
        b"a",
        b"http://localhost/",
        b"/a b",
        b"/a\x00",
        b"/a%00",
        b"/%00/../x",
        b"/a%",
        b"/a%2",
        b"/a%zz",
        b"/a#b",
        b"/a?b#c",
        b"/a?b c",
        b"/a?b\x7f",
        b"/\x7f",
        b"/\t",
    ],
)
def test_what_is_no_path(path: bytes) -> None:
    with pytest.raises(SiteError) as caught:
        parse_target(path)
    assert caught.value.status == 400


#: Paths with dot segments, and what they are equivalent to (RFC 3986 sections 5.2.4 and 6.2.2).
EQUIVALENT = [
    (b"/.", b"/"),
    (b"/./", b"/"),
    (b"/./a", b"/a"),
    (b"/a/.", b"/a/"),
    (b"/a/./b", b"/a/b"),
    (b"/a/..", b"/"),
    (b"/a/../b", b"/b"),
    (b"/a/b/..", b"/a/"),
    (b"/a/b/../", b"/a/"),
    (b"/a/b/c/./../../g", b"/a/g"),
    (b"/mid/content=5/../6", b"/mid/6"),
    (b"/%2e/a", b"/a"),
    (b"/a/%2e%2E/b", b"/b"),
    (b"/a/.%2e/b", b"/b"),
    (b"/a/%2e./%62", b"/b"),
    (b"/.git/../a", b"/a"),
    (b"/.well-known/../x", b"/x"),
    (b"/a%2Fb/../c", b"/c"),
    (b"/./a?x=/../y", b"/a?x=/../y"),
    # No dot segments: names that only begin like them.
    (b"/a/...", b"/a/..."),
    (b"/a/..b/.c", b"/a/..b/.c"),
    # An empty name is one, too, until it is removed.
    (b"/a//../b", b"/a/b"),
    (b"//../b", b"/b"),
    # Decoded once.
    (b"/a/%252e%252e/b", b"/a/%252e%252e/b"),
]


@pytest.mark.parametrize(("path", "equivalent"), EQUIVALENT)
def test_dot_segments_are_removed(path: bytes, equivalent: bytes) -> None:
    target = parse_target(path)
    assert target == parse_target(equivalent)
    assert target.canonical


@pytest.mark.parametrize(
    ("path", "canonical"),
    [
        (b"/a/..//evil.example/", b"/evil.example/"),
        (b"/.//a", b"/a"),
        (b"/a//./b", b"/a/b"),
        (b"/a///../b", b"/a/b"),
    ],
)
def test_slashes_beside_dot_segments(path: bytes, canonical: bytes) -> None:
    """They are in the way of an equivalent path as they are in the way of others."""
    target = parse_target(path)
    assert not target.canonical
    assert encode_path(target.names, directory=target.directory) == canonical


@pytest.mark.parametrize(
    "path",
    [
        b"/..",
        b"/../etc/passwd",
        b"/a/../..",
        b"/a/../../a",
        b"/./../a",
        b"/%2e%2e/a",
        b"/%2E%2e/a",
        b"/.%2e/a",
        b"/%2e./a",
        b"/a/%2e%2e/%2e%2e/etc/passwd",
        b"/a//../../../b",
    ],
)
def test_no_path_leads_above_the_root(path: bytes) -> None:
    with pytest.raises(SiteError) as caught:
        parse_target(path)
    assert caught.value.status == 404


@pytest.mark.parametrize("path", [b"/./a", b"/a/..", b"/a/%2e%2e/b"])
def test_dot_segments_where_there_may_be_none(path: bytes) -> None:
    with pytest.raises(SiteError) as caught:
        parse_target(path, dot_segments=False)
    assert caught.value.status == 404


#: Paths that name nothing public, with their names.
HIDDEN = [
    (b"/..%2fa", (b"../a",)),
    (b"/%2e%2e%2fa", (b"../a",)),
    (b"/..%5ca", (b"..\\a",)),
    (b"/..\\a", (b"..\\a",)),
    (b"/a%2fb", (b"a/b",)),
    (b"/%2f", (b"/",)),
    (b"/%2fetc/passwd", (b"/etc", b"passwd")),
    (b"/a/b%2F.%2Fc", (b"a", b"b/./c")),
    (b"/..;/a", (b"..;", b"a")),
    (b"/.git/config", (b".git", b"config")),
    (b"/.env", (b".env",)),
    (b"/a/.htaccess", (b"a", b".htaccess")),
    (b"/%2egit", (b".git",)),
    (b"/.well-known/.x", (b".well-known", b".x")),
    (b"/.well-knownx", (b".well-knownx",)),
]


@pytest.mark.parametrize(("path", "names"), HIDDEN)
def test_what_is_never_served(path: bytes, names: tuple[bytes, ...]) -> None:
    assert parse_target(path).names == names
    assert PublicNames().hides_way(names)


def test_encoded_slashes_separate_names_where_a_pattern_says_so() -> None:
    patterns = (parse_pattern("/@*"), parse_pattern("/npm/*"))

    def names(path: bytes) -> tuple[bytes, ...]:
        return parse_target(path, encoded_slash=patterns).names

    assert names(b"/@scope%2Fname") == (b"@scope", b"name")
    assert names(b"/%40scope%2fname") == (b"@scope", b"name")
    assert names(b"/npm/@scope%2Fname/-/name-1.tgz") == (
        *(b"npm", b"@scope", b"name", b"-", b"name-1.tgz"),
    )
    assert names(b"/other/@scope%2Fname") == (b"other", b"@scope/name")
    # Decoded once: this is a percent sign.
    assert names(b"/@scope%252Fname") == (b"@scope%2Fname",)
    target = parse_target(b"/@scope%2F?q=%2F", encoded_slash=patterns)
    assert (target.names, target.directory, target.query) == ((b"@scope",), True, b"q=%2F")
    assert not parse_target(b"/@a%2F%2Fb", encoded_slash=patterns).canonical
    assert names(b"/other/../@scope%2Fname") == (b"@scope", b"name")
    assert names(b"/@scope%2Fname/../x") == (b"x",)
    for path in (b"/@a%2F..%2F..%2Fetc", b"/@a%2F%2e%2E%2Fb", b"/@a%2F.", b"/@a/..%2Fb"):
        with pytest.raises(SiteError) as caught:
            parse_target(path, encoded_slash=patterns)
        assert caught.value.status == 404


def test_a_path_that_is_too_long() -> None:
    with pytest.raises(SiteError) as caught:
        parse_target(b"/" + b"a" * DEFAULTS.path)
    assert caught.value.status == 414


NAMES = st.binary(min_size=1, max_size=20).filter(
    lambda name: not set(name) & set(b"\x00") and name not in (b".", b"..")
)


@given(names=st.lists(NAMES, max_size=5), directory=st.booleans())
def test_every_name_survives_a_round_trip(names: list[bytes], directory: bool) -> None:
    path = encode_path(tuple(names), directory=directory)
    assert path.isascii()
    assert not path.startswith(b"//")
    target = parse_target(path)
    assert target.names == tuple(names)
    assert target.directory == (directory or not names)
    assert target.canonical


@given(path=st.binary(max_size=60))
def test_no_octets_give_an_unsafe_name(path: bytes) -> None:
    public = PublicNames(dot_names=(parse_pattern("*"),))
    for patterns in ((), (parse_pattern("*"),)):
        try:
            names = parse_target(b"/" + path, encoded_slash=patterns).names
        except SiteError:
            continue
        assert not {b"", b".", b".."} & set(names)
        assert not any(b"\0" in name for name in names)
        if not public.hides_way(names):
            assert not any(b"/" in name for name in names)


def test_a_path_of_many_names_takes_little_time() -> None:
    """A client may ask for it again in few octets (RFC 7541 section 6.1)."""
    path = b"/a" * 2000

    def look() -> None:
        assert not PublicNames().hides_way(parse_target(path).names)

    assert seconds(look) < 0.001


def test_a_path_of_many_dot_segments_takes_little_time() -> None:
    path = b"/a/.." * 1300
    assert seconds(lambda: parse_target(path)) < 0.01


def seconds(action: Callable[[], object]) -> float:
    """Processor time of the fastest of some runs."""

    def run() -> float:
        started = time.process_time()
        action()
        return time.process_time() - started

    return min(run() for _ in range(20))
