"""The cookie that tells what a client was pushed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.site.hints.cookie import (
    CAPACITY,
    COOKIE_NAME,
    MAX_COOKIE,
    SPACE,
    CookieDigest,
    read_digest,
)

NUMBERS = st.frozensets(st.integers(0, SPACE - 1), max_size=CAPACITY)
VERSIONS = st.lists(st.tuples(st.binary(), st.binary()), max_size=30)


@given(NUMBERS)
def test_a_digest_comes_back(numbers: frozenset[int]) -> None:
    digest = CookieDigest(numbers)
    value = digest.encode()
    assert len(value) <= MAX_COOKIE
    assert read_digest(b"a=b; " + COOKIE_NAME + b"=" + value + b"; c=d") == digest


@given(VERSIONS, VERSIONS)
def test_what_was_added_is_found(
    first: list[tuple[bytes, bytes]], second: list[tuple[bytes, bytes]]
) -> None:
    digest = CookieDigest().with_versions(first).with_versions(second)
    assert all(digest.has(path, etag) for path, etag in first + second)


def test_another_version_is_not_found() -> None:
    digest = CookieDigest().with_versions([(b"/a.css", b'"1"')])
    assert digest.has(b"/a.css", b'"1"')
    assert digest.has(b"/a.css", b'W/"1"')
    assert not digest.has(b"/a.css", b'"2"')
    assert not digest.has(b"/b.css", b'"1"')


def test_a_full_digest_is_wrong_as_rarely_as_it_says() -> None:
    digest = CookieDigest()
    versions = [(b"/%d" % number, b'"x"') for number in range(CAPACITY)]
    digest = digest.with_versions(versions)
    wrong = sum(digest.has(b"/%d" % number, b'"other"') for number in range(20_000))
    # 20 000 x 128 / 65 536 = 39 on average; the numbers are the same in every run.
    assert wrong < 80


def test_a_digest_that_is_too_full_begins_anew() -> None:
    many = [(b"/%d" % number, b'"x"') for number in range(CAPACITY)]
    digest = CookieDigest().with_versions(many).with_versions([(b"/new", b'"y"')])
    assert digest.has(b"/new", b'"y"')
    assert len(digest) < CAPACITY // 2
    assert len(
        CookieDigest().with_versions(many * 2 + [(b"/%d" % n, b"") for n in range(200)])
    ) <= (CAPACITY)


@pytest.mark.parametrize(
    "cookie", [None, b"", b"other=1", b"xh2static-push=AAAA", b"h2static-push"]
)
def test_no_digest(cookie: bytes | None) -> None:
    assert read_digest(cookie) is None


@pytest.mark.parametrize("value", [b"", b"!!!", b"A", b"\xff\xfe", b"_" * 600, b"_w" * 200])
def test_a_damaged_digest_is_empty(value: bytes) -> None:
    digest = read_digest(COOKIE_NAME + b"=" + value)
    assert digest is not None
    assert len(digest) == 0


@given(st.binary(max_size=2 * MAX_COOKIE))
def test_no_cookie_raises(cookie: bytes) -> None:
    for value in (cookie, COOKIE_NAME + b"=" + cookie):
        digest = read_digest(value)
        assert digest is None or len(digest) <= CAPACITY


def test_set_cookie() -> None:
    """RFC 6265 section 4.1: scripts and other sites have no use for it."""
    digest = CookieDigest().with_versions([(b"/a.css", b'"1"')])
    name, attributes = digest.set_cookie(secure=False).split(b"; ", 1)
    assert read_digest(name) == digest
    assert attributes == b"Path=/; Max-Age=2592000; HttpOnly; SameSite=Lax"
    assert digest.set_cookie(secure=True).endswith(b"; Secure")
