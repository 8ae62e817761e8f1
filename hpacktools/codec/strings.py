"""String literals (RFC 7541 section 5.2)."""

from __future__ import annotations

from . import huffman as huffman_code
from .errors import BlockError
from .integers import continue_integer, encode_integer


def encode_string(octets: bytes, huffman: bool = True) -> bytes:
    """Encode a string literal with its length in front (RFC 7541 section 5.2).

    With ``huffman`` the string is Huffman-coded if, and only if, that is shorter.
    """
    length = len(octets)
    if huffman:
        coded_length = huffman_code.encoded_length(octets)
        if coded_length < length:
            if coded_length < 0x7F:
                return bytes((0x80 | coded_length,)) + huffman_code.encode(octets)
            return encode_integer(coded_length, 7, 0x80) + huffman_code.encode(octets)
    if length < 0x7F:
        return bytes((length,)) + octets
    return encode_integer(length, 7) + octets


def decode_string(block: bytes, offset: int) -> tuple[bytes, int]:
    """Decode the string literal at ``offset`` (RFC 7541 section 5.2).

    Returns the string and the offset after it.  Raises :class:`BlockError`.
    """
    if offset >= len(block):
        raise BlockError(
            "the block ends where a string must begin",
            section="RFC 7541 section 5.2",
            offset=offset,
        )
    octet = block[offset]
    start = offset + 1
    length = octet & 0x7F
    if length == 0x7F:
        length, start = continue_integer(block, start, length)
    stop = start + length
    if stop > len(block):
        raise BlockError(
            f"a string of {length} octets reaches beyond the end of the block",
            section="RFC 7541 section 5.2",
            offset=offset,
        )
    if octet >= 0x80:
        return huffman_code.decode(block[start:stop], start), stop
    return block[start:stop], stop
