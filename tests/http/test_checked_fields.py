"""Fields that were found valid: they are so wherever a regular field may stand, nowhere else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.http.errors import Malformed
from h2static.http.semantics import SENSITIVE, CheckedFields, validate_request

PSEUDO = (
    (b":method", b"GET"),
    (b":scheme", b"http"),
    (b":authority", b"localhost"),
    (b":path", b"/"),
)

names = st.sampled_from(
    [
        b"accept",
        b"te",
        b"host",
        b"priority",
        b"expect",
        b"content-length",
        b"Upper",
        b"connection",
        b"cookie",
        b":authority",
        b":path",
        b"x\x00",
    ]
)
values = st.sampled_from(
    [b"a", b"u=1", b"100-continue", b"0", b"7", b"trailers", b" a", b"a\n", b"", b"localhost", b"/"]
)
sections = st.lists(st.tuples(names, values), max_size=6)


def outcome(
    fields: tuple[tuple[bytes, bytes], ...], checked: CheckedFields | None
) -> tuple[object, ...]:
    try:
        head = validate_request(fields, end_stream=True, checked=checked)
    except Malformed as error:
        return (str(error),)
    request = head.request
    return (
        request.authority,
        request.path,
        request.fields,
        head.content_length,
        head.urgency,
        head.incremental,
        head.expects_continue,
    )


@given(st.lists(sections, min_size=2, max_size=5))
def test_a_memory_changes_no_verdict(messages: list[list[tuple[bytes, bytes]]]) -> None:
    checked = CheckedFields(most=5)
    for fields in messages:
        section = (*PSEUDO, *fields)
        assert outcome(section, checked) == outcome(section, None)


@pytest.mark.parametrize("pseudo", PSEUDO)
def test_a_pseudo_header_field_after_a_field_stays_malformed(pseudo: tuple[bytes, bytes]) -> None:
    checked = CheckedFields()
    for _ in range(2):
        validate_request(PSEUDO, end_stream=True, checked=checked)
    with pytest.raises(Malformed):
        validate_request((*PSEUDO, (b"accept", b"a"), pseudo), end_stream=True, checked=checked)


@pytest.mark.parametrize("name", sorted(SENSITIVE))
def test_secrets_are_not_remembered(name: bytes) -> None:
    checked = CheckedFields()
    validate_request((*PSEUDO, (name, b"hush")), end_stream=True, checked=checked)
    assert len(checked) == 0


def test_what_is_remembered_is_bounded() -> None:
    checked = CheckedFields(most=10, octets=20)
    for number in range(100):
        section = (*PSEUDO, (b"a", b"%d" % number), (b"b", b"x" * 20))
        validate_request(section, end_stream=True, checked=checked)
        assert len(checked) <= 10


def test_names_that_are_remembered_are_bounded() -> None:
    checked = CheckedFields(most_names=10, name_octets=20)
    for number in range(100):
        validate_request((*PSEUDO, (b"n%d" % number, b"1")), end_stream=True, checked=checked)
        assert len(checked.names) <= 10
    assert b"n99" in checked.names
    validate_request((*PSEUDO, (b"n" * 21, b"1")), end_stream=True, checked=checked)
    assert b"n" * 21 not in checked.names


#: With every octet that must not be in a value, anywhere in it.
octets = st.binary(max_size=4) | st.text("a \t\n\r\0\x7f", max_size=4).map(str.encode)
fields = st.lists(st.tuples(names, values | octets), max_size=5)


@given(fields, st.booleans())
def test_fields_are_valid_together_if_each_is(
    fields: list[tuple[bytes, bytes]], remembers: bool
) -> None:
    checked = CheckedFields() if remembers else None
    plain = [one for one in fields if one[0] != b"content-length"]
    alone = [len(outcome((*PSEUDO, field), None)) == 1 for field in plain]
    assert (len(outcome((*PSEUDO, *plain), checked)) == 1) is any(alone)
