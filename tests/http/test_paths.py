"""RFC 3986: what is the same path."""

from __future__ import annotations

import posixpath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.http.paths import remove_dot_segments

SEGMENTS = st.sampled_from(["a", "b", ".", "..", "...", "%2e", ".%2E", "%2e%2e", "%2f", ""])
PATHS = st.lists(SEGMENTS, min_size=1, max_size=8).map(lambda names: "/" + "/".join(names))


@pytest.mark.parametrize(
    ("path", "expected", "climbs"),
    [
        (b"/a/b/c/./../../g", b"/a/g", False),
        (b"/mid/content=5/../6", b"/mid/6", False),
        (b"/a/%2e/%2E%2e/b", b"/b", False),
        (b"/a/.", b"/a/", False),
        (b"/a/..", b"/", False),
        (b"/..", b"/", True),
        (b"/../a", b"/a", True),
        (b"/a/../../b/../c", b"/c", True),
        (b"/a//../b", b"/a/b", False),
        (b"/.well-known/%2fa", b"/.well-known/%2fa", False),
        (b"*", b"*", False),
        (b"", b"", False),
    ],
)
def test_dot_segments_are_removed(path: bytes, expected: bytes, *, climbs: bool) -> None:
    """Examples of section 5.2.4, and what it leaves to its reader."""
    assert remove_dot_segments(path) == (expected, climbs)


@given(PATHS)
def test_what_is_left_has_none(path: str) -> None:
    once, _ = remove_dot_segments(path.encode())
    assert remove_dot_segments(once) == (once, False)
    segments = once.decode().lower().replace("%2e", ".").split("/")
    assert not {".", ".."} & set(segments)


@given(PATHS.filter(lambda path: "//" not in path))
def test_another_implementation_agrees(path: str) -> None:
    resolved = posixpath.normpath(path.lower().replace("%2e", ".")).removeprefix("/")
    ours, _ = remove_dot_segments(path.lower().replace("%2e", ".").encode())
    assert ours.decode().strip("/") == resolved.strip("/")
