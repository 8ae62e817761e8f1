"""Requests that differ only in their paths (RFC 9113 section 8.3.1): nothing else may slip by."""

from __future__ import annotations

from dataclasses import astuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.http.errors import Malformed
from h2static.http.fields import Field
from h2static.http.semantics import RequestHead, SimilarRequests, validate_request

FIELDS: tuple[Field, ...] = (
    (b":method", b"GET"),
    (b":scheme", b"https"),
    (b":path", b"/"),
    (b":authority", b"test.example"),
    (b"user-agent", b"a browser"),
    (b"priority", b"u=1, i"),
    (b"cookie", b"id=1"),
)


def _remembering(*fields: Field) -> tuple[SimilarRequests, RequestHead]:
    similar = SimilarRequests()
    head = validate_request(fields, end_stream=False)
    similar.remember(fields, head)
    return similar, head


def _values(head: RequestHead) -> tuple[object, ...]:
    return astuple(head)


def test_another_path() -> None:
    similar, first = _remembering(*FIELDS)
    asked = tuple((name, b"/other" if name == b":path" else value) for name, value in FIELDS)
    head = similar.head(asked, end_stream=True)
    assert head is not None
    assert head.request is not first.request
    assert head.request.path == b"/other"
    assert head.request.fields is first.request.fields
    assert _values(head) == _values(validate_request(asked, end_stream=True))
    assert (head.urgency, head.incremental) == (1, True)


def test_before_anything_is_remembered() -> None:
    assert SimilarRequests().head(FIELDS, end_stream=True) is None


@pytest.mark.parametrize(
    "path",
    [b"", b"other", b"*", b"/a b", b"/#", b"/\n"],
)
def test_a_path_that_needs_a_closer_look(path: bytes) -> None:
    similar, _ = _remembering(*FIELDS)
    asked = tuple((name, path if name == b":path" else value) for name, value in FIELDS)
    assert similar.head(asked, end_stream=True) is None


@pytest.mark.parametrize("position", range(len(FIELDS)))
def test_any_other_difference(position: int) -> None:
    similar, _ = _remembering(*FIELDS)
    name, value = FIELDS[position]
    for field in ((name + b"x", value), (b"x", value), (name, value + b" ")):
        asked = (*FIELDS[:position], field, *FIELDS[position + 1 :])
        assert similar.head(asked, end_stream=True) is None
    assert similar.head(FIELDS[:position] + FIELDS[position + 1 :], end_stream=True) is None
    assert similar.head((*FIELDS[:position], *FIELDS), end_stream=True) is None or not position


def test_content_that_does_not_follow() -> None:
    """A length without content is malformed (section 8.1.1)."""
    asked = (*FIELDS, (b"content-length", b"3"))
    similar, _ = _remembering(*asked)
    head = similar.head(asked, end_stream=False)
    assert head is not None
    assert head.content_length == 3
    assert similar.head(asked, end_stream=True) is None


def test_a_tunnel_has_no_path() -> None:
    asked = ((b":method", b"CONNECT"), (b":authority", b"test.example:443"))
    similar, _ = _remembering(*asked)
    assert similar.head(asked, end_stream=False) is None


_fields = st.lists(
    st.sampled_from(
        [
            *FIELDS,
            (b":path", b"/a"),
            (b":path", b"*"),
            (b":path", b""),
            (b":method", b"OPTIONS"),
            (b":authority", b""),
            (b"host", b"test.example"),
            (b"content-length", b"0"),
            (b"content-length", b"7"),
            (b"X", b""),
        ]
    ),
    max_size=3,
)


@given(position=st.integers(0, 8), other=_fields, count=st.integers(0, 3), end_stream=st.booleans())
def test_what_is_similar_is_what_validation_says(
    position: int, other: list[Field], count: int, end_stream: bool
) -> None:
    similar, _ = _remembering(*FIELDS)
    asked = (*FIELDS[:position], *other, *FIELDS[position + count :])
    head = similar.head(asked, end_stream=end_stream)
    if head is None:
        return
    try:
        expected = validate_request(asked, end_stream=end_stream)
    except Malformed as problem:  # pragma: no cover
        raise AssertionError(f"accepted, but {problem}") from problem
    assert _values(head) == _values(expected)
