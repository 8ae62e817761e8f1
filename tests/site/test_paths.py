"""Request paths: RFC 3986, RFC 9113 section 8.3.1, and every way of writing dots."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.site.errors import SiteError
from h2static.site.limits import DEFAULTS
from h2static.site.paths import encode_path, parse_target


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


@pytest.mark.parametrize(
    "path",
    [
        b"/..",
        b"/../etc/passwd",
        b"/a/../b",
        b"/.",
        b"/./a",
        b"/%2e%2e/a",
        b"/%2E%2e/a",
        b"/.%2e/a",
        b"/%2e./a",
        b"/..%2fa",
        b"/..%2Fa",
        b"/%2e%2e%2fa",
        b"/..%5ca",
        b"/..\\a",
        b"/a\\b",
        b"/a%5Cb",
        b"/a%2fb",
        b"/%2f",
        b"/%2fetc/passwd",
        b"/..;/a",
        b"/.git/config",
        b"/.env",
        b"/a/.htaccess",
        b"/%2egit",
        b"/.well-known/../x",
        b"/.well-known/.x",
        b"/.well-knownx",
    ],
)
def test_what_is_never_served(path: bytes) -> None:
    with pytest.raises(SiteError) as caught:
        parse_target(path)
    assert caught.value.status == 404


def test_a_path_that_is_too_long() -> None:
    with pytest.raises(SiteError) as caught:
        parse_target(b"/" + b"a" * DEFAULTS.path)
    assert caught.value.status == 414


NAMES = st.binary(min_size=1, max_size=20).filter(
    lambda name: not set(name) & set(b"\x00/\\") and not name.startswith(b".")
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
    try:
        target = parse_target(b"/" + path)
    except SiteError:
        return
    for name in target.names:
        assert name
        assert name not in (b".", b"..")
        assert not set(name) & set(b"\x00/\\")
