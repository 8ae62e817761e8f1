"""Paths: what the router has compared is what an upstream is asked for."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.proxy.paths import front_path, rest_below, upstream_path

SEGMENTS = st.sampled_from(
    [
        b"",
        b"a",
        b"%61",
        b"b",
        b".",
        b"..",
        b"%2e%2E",
        b"%2F",
        b"a%2Fb",
        b"\\",
        b"\xff",
        b"a;b",
        b"A",
    ]
)
#: What may stand in a request line, and nothing that anybody takes for something else.
VALID = re.compile(rb"/[\x21-\x22\x24-\x5b\x5d-\x7e]*")


@given(st.lists(SEGMENTS, max_size=6), st.sampled_from(["", "/a", "/a/b"]))
def test_what_is_asked_is_valid_and_below(segments: list[bytes], prefix: str) -> None:
    path = b"/" + b"/".join(segments)
    asked = upstream_path(path + b"?q=%2F..", prefix, "/base", ())
    if asked is None:
        return
    assert VALID.fullmatch(asked)
    plain, _, query = asked.partition(b"?")
    assert query == b"q=%2F.."
    assert plain == b"/base" or plain.startswith(b"/base/")
    # No reading of it leads out again.
    assert not {b".", b".."} & set(map(unquote_to_bytes, plain.split(b"/")))


@given(st.lists(SEGMENTS, max_size=6), st.sampled_from(["/a", "/a/b"]))
def test_the_prefix_stays_unless_it_is_replaced(segments: list[bytes], prefix: str) -> None:
    path = b"/" + b"/".join(segments)
    asked = upstream_path(path, prefix, None, ())
    if asked is not None:
        assert unquote_to_bytes(asked).startswith(prefix.encode())


@pytest.mark.parametrize(
    ("path", "prefix", "rest"),
    [
        (b"/a/b", "/a", b"/b"),
        (b"/a", "/a", b""),
        (b"/a/", "/a", b"/"),
        (b"/ab", "/a", None),
        (b"/%61/b", "/a", b"/b"),
        (b"/a%2Fb", "/a/b", None),
        (b"/%C3%BC/x", "/ü", b"/x"),
        (b"/x", "", b"/x"),
    ],
)
def test_what_is_below(path: bytes, prefix: str, rest: bytes | None) -> None:
    assert rest_below(path, prefix) == rest


@pytest.mark.parametrize(
    ("path", "base", "seen"),
    [
        (b"/base/x", "/base", b"/a/x"),
        (b"/base", "/base", b"/a"),
        (b"/based", "/base", b"/based"),
        (b"/x", "", b"/a/x"),
        (b"/x", None, b"/x"),
    ],
)
def test_the_way_back(path: bytes, base: str | None, seen: bytes) -> None:
    assert front_path(path, "/a", base) == seen
