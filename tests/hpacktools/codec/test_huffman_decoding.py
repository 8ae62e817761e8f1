"""RFC 7541 section 5.2: decoding by zlib and by steps, beside a decoder that goes bit by bit.

Strategy: strings are longer and shorter than those that zlib decodes, so that every case is there
in both ways and in the transition between them.
"""

from __future__ import annotations

import random
import tracemalloc

import pytest
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.huffman_table import decode_huffman
from hypothesis import given
from hypothesis import strategies as st

from hpacktools.codec import BlockError, huffman

EOS = 256
SYMBOLS = {
    f"{code:0{length}b}": symbol
    for symbol, (code, length) in enumerate(zip(REQUEST_CODES, REQUEST_CODES_LENGTH, strict=True))
}
CODES = {symbol: code for code, symbol in SYMBOLS.items()}
#: Octets whose codes have 15 bits at most, and more.
COMMON = bytes(octet for octet in range(256) if len(CODES[octet]) <= 15)
RARE = bytes(octet for octet in range(256) if len(CODES[octet]) > 15)
#: A string of each padding from 0 to 7 bits, in each way: "0" has five bits, "~" has thirteen.
PLAIN = [b"0" * count for count in range(1, 9)] + [b"~0" + b"0" * count for count in range(30, 38)]


def bits_of(octets: bytes) -> str:
    return "".join([CODES[octet] for octet in octets])


def packed(bits: str) -> bytes:
    """Bits as octets; their number is a multiple of eight."""
    assert len(bits) % 8 == 0
    return int(bits, 2).to_bytes(len(bits) // 8, "big") if bits else b""


def expected(octets: bytes) -> bytes | tuple[str, int]:
    """What a string decodes to, or the reason and the octet of its error."""
    decoded = bytearray()
    code = ""
    for position, octet in enumerate(octets):
        for bit in f"{octet:08b}":
            code += bit
            symbol = SYMBOLS.get(code)
            if symbol == EOS:
                return "contains EOS", position
            if symbol is not None:
                decoded.append(symbol)
                code = ""
    if "0" in code:
        return "not the beginning of EOS", len(octets) - 1
    if len(code) > 7:
        return "longer than 7 bits", len(octets) - 1
    return bytes(decoded)


def check(octets: bytes) -> None:
    meant = expected(octets)
    if isinstance(meant, bytes):
        assert huffman.decode(octets, 7) == meant
        return
    reason, position = meant
    with pytest.raises(BlockError, match=reason) as raised:
        huffman.decode(octets, 7)
    assert raised.value.section == "RFC 7541 section 5.2"
    assert raised.value.offset == 7 + position


@given(st.binary(max_size=80))
def test_any_octets(octets: bytes) -> None:
    check(octets)


common = st.lists(st.sampled_from(COMMON), max_size=80).map(bytes)
strings = st.one_of(common, st.binary(max_size=60))


@given(strings)
def test_like_the_hpack_package(octets: bytes) -> None:
    coded = huffman.encode(octets)
    assert huffman.decode(coded) == decode_huffman(coded) == octets


@given(strings, st.data())
def test_damaged_strings(octets: bytes, data: st.DataObject) -> None:
    coded = bytearray(huffman.encode(octets))
    if coded:
        for _ in range(data.draw(st.integers(1, 3))):
            # Near the end, where padding is, as often as elsewhere.
            last = len(coded) - 1
            position = data.draw(
                st.one_of(st.integers(0, last), st.integers(max(0, last - 3), last))
            )
            coded[position] ^= data.draw(st.integers(1, 255))
    check(bytes(coded))
    check(bytes(coded[: data.draw(st.integers(0, len(coded)))]))


@pytest.mark.parametrize("octets", PLAIN)
def test_every_padding(octets: bytes) -> None:
    bits = bits_of(octets)
    room = -len(bits) % 8
    for padding in range(1 << room):
        check(packed(bits + (f"{padding:0{room}b}" if room else "")))
    for longer in range(1, 6):
        check(packed(bits + "1" * (room + 8 * longer)))
        check(packed(bits + "1" * (room + 8 * longer - 1) + "0"))
        check(packed(bits + "1" * room + "0" + "1" * (8 * longer - 1)))


@pytest.mark.parametrize("octets", PLAIN)
@pytest.mark.parametrize("symbol", [*RARE[:3], RARE[-1], EOS])
def test_long_codes_and_eos_at_every_position(octets: bytes, symbol: int) -> None:
    for position in range(len(octets) + 1):
        bits = bits_of(octets[:position]) + CODES[symbol] + bits_of(octets[position:])
        check(packed(bits + "1" * (-len(bits) % 8)))


@pytest.mark.parametrize("octets", PLAIN)
def test_cut_anywhere(octets: bytes) -> None:
    coded = huffman.encode(octets + b"{~\\")
    for length in range(len(coded)):
        check(coded[:length])


@pytest.mark.parametrize("octet", range(256))
def test_every_symbol_in_a_long_string(octet: int) -> None:
    octets = b"session=" + bytes((octet,)) + b"; theme=dark"
    assert huffman.decode(huffman.encode(octets)) == octets


def test_a_long_string_of_many_chunks() -> None:
    octets = COMMON * 5000
    assert huffman.decode(huffman.encode(octets)) == octets


def test_strings_leave_nothing_behind() -> None:
    """Cookies that never come again cost no memory."""
    generator = random.Random(7541)
    tokens = [generator.randbytes(24).hex().encode() for _ in range(2000)]
    coded = [huffman.encode(b"session=" + token) for token in tokens]
    for one in coded[:10]:
        huffman.decode(one)
    tracemalloc.start()
    try:
        for one in coded:
            huffman.decode(one)
        grown, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown < 16_384
