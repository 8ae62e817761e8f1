"""RFC 7541 section 5.2: string literals and the Huffman code."""

from __future__ import annotations

import time

import pytest
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hypothesis import given
from hypothesis import strategies as st

from hpacktools.codec import BlockError, decode_string, encode_string, huffman


@given(st.binary(max_size=200))
def test_huffman_round_trip(octets: bytes) -> None:
    coded = huffman.encode(octets)
    assert len(coded) == huffman.encoded_length(octets)
    assert huffman.decode(coded) == octets


@given(st.binary(max_size=200))
def test_huffman_like_the_hpack_package(octets: bytes) -> None:
    theirs = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH).encode(octets)
    assert huffman.encode(octets) == theirs


@given(st.binary(max_size=40))
def test_any_octets_decode_or_are_refused(octets: bytes) -> None:
    try:
        decoded = huffman.decode(octets, 7)
    except BlockError as raised:
        error = raised
    else:
        # The code is complete and padding is unique: what decodes is what would be encoded.
        assert huffman.encode(decoded) == octets
        return
    assert error.section == "RFC 7541 section 5.2"
    assert 7 <= error.offset < 7 + len(octets)


@pytest.mark.parametrize("octet", range(256))
def test_every_symbol(octet: int) -> None:
    octets = bytes((octet,))
    assert huffman.decode(huffman.encode(octets)) == octets
    assert huffman.decode(huffman.encode(b"a" + octets + b"~")) == b"a" + octets + b"~"


@pytest.mark.parametrize(
    ("octets", "wire"),
    [
        (b"", "00"),
        (b"www.example.com", "8cf1e3c2e5f23a6ba0ab90f4ff"),
        (b"~~~~~~~~", "087e7e7e7e7e7e7e7e"),
        # Huffman coding of the same length is not used.
        (b"&", "0126"),
        (b"0" * 203, "ff00" + "00" * 126 + "01"),
        (b"\x00" * 127, "7f00" + "00" * 127),
    ],
)
def test_shortest(octets: bytes, wire: str) -> None:
    assert encode_string(octets).hex() == wire
    assert decode_string(bytes.fromhex(wire), 0) == (octets, len(wire) // 2)


@pytest.mark.parametrize(
    ("wire", "offset"), [("ffffffff", 3), ("ffffffffffff", 3), ("1fffffffff00ff", 4)]
)
def test_eos_is_refused_where_it_ends(wire: str, offset: int) -> None:
    with pytest.raises(BlockError, match="contains EOS") as raised:
        huffman.decode(bytes.fromhex(wire), 0)
    assert raised.value.offset == offset


def test_plain_when_asked_for() -> None:
    assert encode_string(b"www", huffman=False) == b"\x03www"


def seconds_for(size: int) -> float:
    octets = b"long " * (size // 5)
    best = 1e9
    for _ in range(5):
        start = time.process_time()
        assert huffman.decode(huffman.encode(octets)) == octets
        best = min(best, time.process_time() - start)
    return best


def test_time_is_linear() -> None:
    """The ``hpack`` package takes 400 times as long for 20 times the length."""
    small, large = seconds_for(50_000), seconds_for(1_000_000)
    assert large < 100 * small
