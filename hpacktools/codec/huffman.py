"""Huffman-coded strings (RFC 7541 section 5.2 and Appendix B).

Contract: both directions are linear in the length of the string.  Decoding refuses what section
5.2 forbids; encoding pads with the first bits of EOS.  No string leaves anything behind but steps
of single octets, at most 8 MiB of them, whatever peers send.

Strategy: zlib decodes all but the shortest strings: it does in C what would be a loop over the
octets here.  The code is canonical, like those of DEFLATE (RFC 1951 section 3.2.2), so a block that
states the lengths of the codes makes zlib decode it.  DEFLATE has no codes of more than 15 bits;
but the longer ones here, EOS among them, all begin with fifteen ones, and in the block these are
its end.  They are also appended to every string.  Where the block ends shows whether all of the
string was decoded and its padding is right.  Each string gets its own copy of a decompressor that
has read no more than the head of the block.

Short strings, those with longer codes and those with errors walk through the tree of the code
instead.  A node is an integer: a leading 1 followed by the bits that lead to it, so the root is 1.
Each inner node keeps a cache: octet -> (octets decoded, node reached).  Caches fill on demand,
because few of the 65 536 pairs ever occur and computing all of them would slow down every start.

The encoder writes codes as text of zeros and ones, which Python converts to an integer in linear
time because the base is two.
"""

from __future__ import annotations

import zlib
from typing import Final

from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH

from .errors import BlockError

_EOS = 256
_ROOT = 1
#: Node -> the symbol whose code ends there.
_SYMBOLS = {
    1 << length | code: symbol
    for symbol, (code, length) in enumerate(zip(REQUEST_CODES, REQUEST_CODES_LENGTH, strict=True))
}
#: Octet -> its code as text.
_BITS = tuple(f"{REQUEST_CODES[octet]:0{REQUEST_CODES_LENGTH[octet]}b}" for octet in range(256))
#: Number of bits in the last octet -> those that fill it.
_PADDINGS = ("", *("1" * (8 - used) for used in range(1, 8)))
#: Octet -> length of its code, as a translation table, so that summing takes one call.
_LENGTHS = bytes(REQUEST_CODES_LENGTH[:256])
#: Longest code of DEFLATE, in bits (RFC 1951 section 3.2.7).
_LONGEST: Final = 15


def _reversed_octets() -> bytes:
    """Octet -> its bits in the order in which DEFLATE reads them, least significant first."""
    octets = [0]
    for bit in range(8):
        octets += [octet | 0x80 >> bit for octet in octets]
    return bytes(octets)


_REVERSED: Final = _reversed_octets()
#: What is appended to a string for zlib: fifteen ones, which end the block.  If wrong padding makes
#: a code with the first of them, the rest is too short: hence the zero.
_END: Final = b"\xff\xfe".translate(_REVERSED)
#: Shortest string that zlib decodes, in octets: shorter ones take less time step by step.
_SHORTEST: Final = 12


def _block_head() -> bytes:
    """The head of a DEFLATE block whose literals have the codes of Appendix B, in whole octets."""
    # RFC 1951 3.2.6: three empty blocks with fixed codes, ten bits each, fill the last octet.
    bits = ["010", "0000000"] * 3
    # RFC 1951 3.2.7: the last block, with codes of its own: 257 lengths of literals, one of
    # distances, and 19 of the code in which these are written.  There each length from 0 to 15 gets
    # four bits; of the order of the 19, what repeats lengths (16 to 18) comes first.
    bits += ["101", "00000", "00000", "1111", "000" * 3, "001" * 16]
    lengths = [length if length <= _LONGEST else 0 for length in REQUEST_CODES_LENGTH[:256]]
    bits += [f"{length:04b}" for length in (*lengths, _LONGEST, 0)]
    text = "".join(bits)
    return int(text[::-1], 2).to_bytes(len(text) >> 3, "little")


def _decompressor() -> zlib._Decompress:
    """A decompressor that has read the head of the block."""
    # Nothing refers to what was decoded before, so a small window will do.
    made = zlib.decompressobj(-9)
    made.decompress(_block_head())
    return made


_begin: Final = _decompressor().copy


class _Node(dict[int, tuple[bytes, "_Node"]]):
    """An inner node of the tree: octet -> the octets it decodes to and the node it leads to."""

    __slots__ = ("accepting", "path")

    def __init__(self, path: int) -> None:
        super().__init__()
        self.path = path
        # RFC 7541 5.2: "A padding strictly longer than 7 bits MUST be treated as a decoding
        # error. A padding not corresponding to the most significant bits of the code for the EOS
        # symbol MUST be treated as a decoding error."
        self.accepting = path < 256 and path & (path + 1) == 0

    def __missing__(self, octet: int) -> tuple[bytes, _Node]:
        symbols = bytearray()
        path = self.path
        for shift in range(7, -1, -1):
            path = path << 1 | octet >> shift & 1
            symbol = _SYMBOLS.get(path)
            if symbol is None:
                continue
            # RFC 7541 5.2: "A Huffman-encoded string literal containing the EOS symbol MUST be
            # treated as a decoding error."
            if symbol == _EOS:
                self[octet] = end = (b"", _DEAD)
                return end
            symbols.append(symbol)
            path = _ROOT
        node = _nodes.get(path)
        if node is None:
            node = _nodes[path] = _Node(path)
        self[octet] = step = (bytes(symbols), node)
        return step


class _Dead(_Node):
    """The node that EOS leads to: no octet leads out of it."""

    __slots__ = ()

    def __missing__(self, octet: int) -> tuple[bytes, _Node]:
        return b"", self


_DEAD: _Node = _Dead(0)
_DEAD.accepting = False
_nodes: dict[int, _Node] = {_ROOT: _Node(_ROOT)}
_root = _nodes[_ROOT]


def encoded_length(octets: bytes) -> int:
    """The length of ``octets`` in Huffman code, in octets."""
    return (sum(octets.translate(_LENGTHS)) + 7) >> 3


def encode(octets: bytes) -> bytes:
    """Huffman-code ``octets`` (RFC 7541 section 5.2)."""
    if not octets:
        return b""
    bits = "".join([_BITS[octet] for octet in octets])
    length = len(bits)
    return int(bits + _PADDINGS[length & 7], 2).to_bytes((length + 7) >> 3, "big")


def decode(octets: bytes, offset: int = 0) -> bytes:
    """Decode a Huffman-coded string (RFC 7541 section 5.2).

    Raises :class:`BlockError`; ``offset``, for the error, is the string's position in its block.
    """
    if len(octets) >= _SHORTEST:
        block = _begin()
        decoded = block.decompress(octets.translate(_REVERSED) + _END)
        if block.eof:
            # With up to six bits of padding the block ends in the last of the two octets appended,
            # with seven or more in the first, and with a code of more than 15 bits before them.
            left = len(block.unused_data)
            if not left or (left == 1 and encoded_length(decoded) == len(octets)):
                return decoded
    node = _root
    steps: list[bytes] = []
    for octet in octets:
        symbols, node = node[octet]
        steps.append(symbols)
    if not node.accepting:
        raise _error(octets, offset)
    return b"".join(steps)


def _error(octets: bytes, offset: int) -> BlockError:
    """The error for a string that did not decode: what is wrong, and where."""
    node = _root
    for position, octet in enumerate(octets):
        node = node[octet][1]
        if node is _DEAD:
            return BlockError(
                "a Huffman-coded string contains EOS",
                section="RFC 7541 section 5.2",
                offset=offset + position,
            )
    if node.path & (node.path + 1) == 0:
        reason = "the padding of a Huffman-coded string is longer than 7 bits"
    else:
        reason = "the padding of a Huffman-coded string is not the beginning of EOS"
    return BlockError(reason, section="RFC 7541 section 5.2", offset=offset + len(octets) - 1)
