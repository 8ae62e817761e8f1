"""RFC 7541 section 5.1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpacktools.codec import BlockError, decode_integer, encode_integer
from hpacktools.codec.integers import MAX_INTEGER


@pytest.mark.parametrize(
    ("value", "prefix_bits", "wire"),
    [
        (10, 5, "0a"),  # C.1.1
        (1337, 5, "1f9a0a"),  # C.1.2
        (42, 8, "2a"),  # C.1.3
        (30, 5, "1e"),
        (31, 5, "1f00"),
        (127, 7, "7f00"),
        (128, 7, "7f01"),
        (14, 4, "0e"),
        (15, 4, "0f00"),
        (62, 6, "3e"),
        (63, 6, "3f00"),
        (16383, 7, "7f807f"),
        (16384, 7, "7f817f"),
        (127 + 16384, 7, "7f808001"),
        (MAX_INTEGER, 5, "1fe0ffffff0f"),
    ],
)
def test_golden(value: int, prefix_bits: int, wire: str) -> None:
    octets = bytes.fromhex(wire)
    assert encode_integer(value, prefix_bits) == octets
    assert decode_integer(octets, 0, prefix_bits) == (value, len(octets))


@pytest.mark.parametrize("wire", ["1f8000", "1f8080808000"])
def test_redundant_zeros(wire: str) -> None:
    assert decode_integer(bytes.fromhex(wire), 0, 5) == (31, len(wire) // 2)


@pytest.mark.parametrize(
    ("wire", "offset", "reason"),
    [
        ("", 0, "must begin"),
        ("1f", 1, "inside an integer"),
        ("1f80", 2, "inside an integer"),
        ("1fe1ffffff0f", 5, "larger than 4294967295"),
        ("1fffffffffffffffffff01", 5, "larger than"),
        ("1f808080808000", 5, "more than 5 octets"),
    ],
)
def test_refused(wire: str, offset: int, reason: str) -> None:
    with pytest.raises(BlockError, match=reason) as raised:
        decode_integer(bytes.fromhex(wire), 0, 5)
    assert raised.value.offset == offset
    assert raised.value.section == "RFC 7541 section 5.1"


@given(st.integers(0, MAX_INTEGER), st.integers(1, 8), st.binary(max_size=3), st.binary(max_size=3))
def test_round_trip(value: int, prefix_bits: int, before: bytes, after: bytes) -> None:
    first = 0xFF & ~((1 << prefix_bits) - 1)
    wire = encode_integer(value, prefix_bits, first)
    assert wire[0] & first == first
    offset = len(before)
    assert decode_integer(before + wire + after, offset, prefix_bits) == (
        value,
        offset + len(wire),
    )
