"""``h2static.http.semantics``: pure validation.  The cases of section 8 run through connections."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.http.errors import Malformed
from h2static.http.messages import Field
from h2static.http.semantics import validate_request, validate_response, validate_trailers
from tests.support.peer import request_fields

_TOKEN = frozenset(b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz")
_FORBIDDEN = frozenset([*range(9), *range(10, 32), 127])


def head(*extra: Field, method: bytes = b"POST", end_stream: bool = False) -> object:
    """What a request with ``extra`` fields is."""
    return validate_request(tuple(request_fields(b"/", method, *extra)), end_stream=end_stream)


@pytest.mark.parametrize("octet", range(256))
def test_every_octet_in_a_name(octet: int) -> None:
    """RFC 9110 section 5.6.2, without upper case (RFC 9113 section 8.2.1)."""
    fields = tuple(request_fields(b"/", b"GET", (b"a" + bytes((octet,)), b"v")))
    if octet in _TOKEN:
        validate_request(fields, end_stream=True)
        validate_trailers(fields[-1:])
    else:
        with pytest.raises(Malformed):
            validate_request(fields, end_stream=True)
        with pytest.raises(Malformed):
            validate_trailers(fields[-1:])


@pytest.mark.parametrize("octet", range(256))
def test_every_octet_in_a_value(octet: int) -> None:
    fields = tuple(request_fields(b"/", b"GET", (b"x-a", b"a" + bytes((octet,)) + b"b")))
    if octet in _FORBIDDEN:
        with pytest.raises(Malformed):
            validate_request(fields, end_stream=True)
    else:
        validate_request(fields, end_stream=True)


@pytest.mark.parametrize("octet", sorted(_FORBIDDEN | {0x20, 0x09}))
@pytest.mark.parametrize("place", ["before", "inside", "after"])
def test_octets_that_are_in_no_pseudo_header_field(octet: int, place: str) -> None:
    """RFC 9113 section 8.2.1 is about all values; white space may be inside an authority here."""
    tunnel = (
        (b":method", b"CONNECT"),
        (b":protocol", b"websocket"),
        (b":scheme", b"https"),
        (b":authority", b"example.org"),
        (b":path", b"/chat"),
    )
    validate_request(tunnel, end_stream=False, connect_protocol=True)
    for position, (name, value) in enumerate(tunnel):
        if place == "inside" and name == b":authority" and octet in b" \t":
            continue
        cut = {"before": 0, "inside": len(value) // 2, "after": len(value)}[place]
        fields = list(tunnel)
        fields[position] = (name, value[:cut] + bytes((octet,)) + value[cut:])
        with pytest.raises(Malformed):
            validate_request(tuple(fields), end_stream=False, connect_protocol=True)
    status = b"200"
    cut = {"before": 0, "inside": 1, "after": 3}[place]
    with pytest.raises(Malformed):
        validate_response(((b":status", status[:cut] + bytes((octet,)) + status[cut:]),))


def test_what_a_request_says() -> None:
    fields = (
        (b":path", b"/a?b"),
        (b":method", b"POST"),
        (b":authority", b"test.example:8080"),
        (b":scheme", b"https"),
        (b"content-length", b"007"),
        (b"priority", b"u=1, i"),
        (b"cookie", b"a=1"),
        (b"expect", b"100-Continue"),
        (b"cookie", b"b=2"),
        (b"host", b"other"),
    )
    found = validate_request(fields, end_stream=False)
    request = found.request
    assert (request.method, request.scheme) == (b"POST", b"https")
    assert (request.authority, request.path) == (b"test.example:8080", b"/a?b")
    assert (found.content_length, found.urgency, found.incremental) == (7, 1, True)
    assert found.expects_continue
    assert request.field(b"cookie") == b"a=1; b=2"
    assert request.field(b"host") == b"other"
    assert request.field(b"accept") is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [([], None), ([b"0"], 0), ([b"5", b"5"], 5), ([b"9" * 19], 10**19 - 1)],
    ids=str,
)
def test_content_length(values: list[bytes], expected: int | None) -> None:
    fields = [(b"content-length", value) for value in values]
    found = validate_request(tuple(request_fields(b"/", b"POST", *fields)), end_stream=False)
    assert found.content_length == expected


@pytest.mark.parametrize(
    "values",
    [[b"5", b"6"], [b"5", b"05"], [b"+5"], [b"5,5"], [b"9" * 20], [b""], [b"0x5"], [b"\xb2"]],
    ids=str,
)
def test_content_length_that_is_none(values: list[bytes]) -> None:
    with pytest.raises(Malformed, match="content-length"):
        head(*[(b"content-length", value) for value in values])


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ((b"x-a", b"\x1b[31m"), "'x-a': control character in the value"),
        ((b"x-\xe4", b"v"), "'x-\\xe4': not a field name"),
        ((b"upgrade", b"h2c"), "'upgrade': connection-specific"),
    ],
)
def test_reasons_are_for_people(field: tuple[bytes, bytes], reason: str) -> None:
    with pytest.raises(Malformed) as caught:
        head(field)
    assert str(caught.value) == reason


def test_validity_depends_on_what_follows() -> None:
    """RFC 9113 section 8.1.1: which is why memories keep them apart."""
    head((b"content-length", b"5"), end_stream=False)
    with pytest.raises(Malformed, match="content-length"):
        head((b"content-length", b"5"), end_stream=True)
    head((b"content-length", b"0"), end_stream=True)


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"OPTIONS", b"PROPFIND", b"x!#", b"get"])
def test_any_token_is_a_method(method: bytes) -> None:
    head(method=method)


@given(
    st.lists(
        st.tuples(
            st.one_of(
                st.sampled_from([b":method", b":path", b":scheme", b":authority", b"te", b"host"]),
                st.binary(max_size=6),
            ),
            st.one_of(st.sampled_from([b"GET", b"/", b"http", b"x", b"5"]), st.binary(max_size=6)),
        ),
        max_size=7,
    ),
    st.booleans(),
)
def test_any_fields_are_a_request_or_malformed(fields: list[Field], end_stream: bool) -> None:
    """Nothing else is raised, and a valid request has what a site relies on."""
    try:
        found = validate_request(tuple(fields), end_stream=end_stream)
    except Malformed:
        return
    request = found.request
    assert request.method
    assert request.method == b"CONNECT" or request.path[:1] in (b"/", b"*")
    assert request.method == b"CONNECT" or request.scheme
    for octets in (request.path, request.authority, *[value for _, value in request.fields]):
        assert not _FORBIDDEN & set(octets)
    assert not any(name.startswith(b":") for name, _ in request.fields)


def test_priority_lines_are_one_list() -> None:
    fields = request_fields(b"/", b"GET", (b"priority", b"u=1"), (b"priority", b"i"))
    parsed = validate_request(tuple(fields), end_stream=True)
    assert (parsed.urgency, parsed.incremental) == (1, True)
