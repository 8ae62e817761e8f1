"""The grammar of HTTP, octet by octet."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.http import grammar

#: RFC 9110 section 5.6.2: tchar.
TCHAR = frozenset((string.digits + string.ascii_letters + "!#$%&'*+-.^_`|~").encode())
UPPER = frozenset(string.ascii_uppercase.encode())
#: RFC 9110 section 5.5: field-vchar.
VISIBLE = frozenset([*range(0x21, 0x7F), *range(0x80, 0x100)])
BLANK = frozenset(b" \t")
#: RFC 3986 section 3.2.2: what a reg-name may have beside percent-encoding.
REG_NAME = frozenset((string.digits + string.ascii_letters + "-._~!$&'()*+,;=").encode())


def test_tokens() -> None:
    for octet in range(256):
        octets = bytes([octet])
        expected = octet in TCHAR, octet in TCHAR - UPPER
        for example in (octets, b"a" + octets + b"b"):
            found = grammar.TOKEN.fullmatch(example), grammar.LOWER_CASE_NAME.fullmatch(example)
            assert tuple(map(bool, found)) == expected, example


def test_field_values() -> None:
    for octet in range(256):
        octets = bytes([octet])
        visible, inside = octet in VISIBLE, octet in VISIBLE | BLANK
        for example in (octets, octets + b"b", b"a" + octets):
            assert bool(grammar.FIELD_VALUE.fullmatch(example)) == visible, example
        example = b"a" + octets + b"b"
        assert bool(grammar.FIELD_VALUE.fullmatch(example)) == inside, example
        assert bool(grammar.BAD_IN_VALUE.search(example)) != inside, example


def test_authorities() -> None:
    for octet in range(256):
        octets = bytes([octet])
        # "a:b" is a host and what is no port.
        assert grammar.is_authority(b"a" + octets + b"b") == (octet in REG_NAME), octets
        assert grammar.is_authority(b"a:" + octets) == octets.isdigit(), octets


def test_schemes_and_lengths() -> None:
    for octet in range(256):
        octets = bytes([octet])
        assert bool(grammar.SCHEME.fullmatch(octets)) == octets.isalpha(), octets
        follows = octets.isalnum() or octets in (b"+", b"-", b".")
        assert bool(grammar.SCHEME.fullmatch(b"a" + octets)) == follows, octets
        assert bool(grammar.CONTENT_LENGTH.fullmatch(b"1" + octets)) == octets.isdigit(), octets


def test_nothing_is_empty() -> None:
    assert grammar.TOKEN.fullmatch(b"") is None
    assert grammar.LOWER_CASE_NAME.fullmatch(b"") is None
    assert grammar.FIELD_VALUE.fullmatch(b"") is None
    assert grammar.CONTENT_LENGTH.fullmatch(b"") is None
    assert not grammar.is_authority(b"")


def test_a_line_end_is_not_overlooked() -> None:
    """As ``$`` would."""
    assert grammar.TOKEN.fullmatch(b"a\n") is None
    assert grammar.FIELD_VALUE.fullmatch(b"a\n") is None
    assert grammar.CONTENT_LENGTH.fullmatch(b"1\n") is None
    assert not grammar.is_authority(b"a\n")
    assert not grammar.is_authority(b"a:80\n")


def test_a_content_length_fits_into_64_bits() -> None:
    assert grammar.CONTENT_LENGTH.fullmatch(b"9" * 19)
    assert 10**19 - 1 < 2**64
    assert grammar.CONTENT_LENGTH.fullmatch(b"9" * 20) is None


@pytest.mark.parametrize(
    "authority",
    [
        b"example.test",
        b"example.test:8080",
        b"example.test:",
        b"localhost:65535",
        b"127.0.0.1:1",
        b"[::1]",
        b"[::1]:443",
        b"[2001:db8::192.0.2.1]",
        b"[v1.fe80::a]",
        b"%C3%A9.test",
        b"a_b",
    ],
)
def test_what_is_an_authority(authority: bytes) -> None:
    assert grammar.is_authority(authority)


@pytest.mark.parametrize(
    "authority",
    [
        b":80",
        b"a:65536",
        b"a:123456",
        b"a:80:80",
        b"user@a",
        b"user:secret@a",
        b"a/",
        b"a?b",
        b"a#b",
        b"a b",
        b"%",
        b"%G0",
        b"%0",
        b"[::1",
        b"::1",
        b"[::1]a",
        b"[]",
        b"[g::1]",
        "é.test".encode(),
        b"a" * 1_025,
    ],
)
def test_what_is_no_authority(authority: bytes) -> None:
    assert not grammar.is_authority(authority)


@given(st.binary(max_size=2_000))
def test_any_octets_are_an_authority_or_none(octets: bytes) -> None:
    if grammar.is_authority(octets):
        assert octets.isascii()
        assert len(octets) <= grammar.MAX_AUTHORITY
        assert not set(octets) & set(b"@/?#\\ \r\n\t\0")


@pytest.mark.parametrize(
    "octets", [b"a" * 65_536 + b"\n", b"a " * 32_768, b"a" * 65_536 + b" ", b"%41" * 300 + b"%"]
)
def test_long_input_takes_no_longer_than_it_is(octets: bytes) -> None:
    """A pattern that tries all ways to split these would take years."""
    assert grammar.FIELD_VALUE.fullmatch(octets) is None or octets.endswith(b"%")
    assert grammar.TOKEN.fullmatch(octets) is None or octets.endswith(b"%")
    assert not grammar.AUTHORITY.fullmatch(octets)
