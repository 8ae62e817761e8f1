"""Huffman-coded strings (RFC 7541 section 5.2 and Appendix B).

Contract: both directions are linear in the length of the string.  Decoding refuses what section
5.2 forbids; encoding pads with the first bits of EOS.

Strategy: the code is a binary tree.  A node is an integer: a leading 1 followed by the bits that
lead to it, so the root is 1.  The decoder keeps a cache for each inner node: octet -> (octets
decoded, node reached).  Caches fill on demand, because few of the 65 536 pairs ever occur and
computing all of them would slow down every start; a peer that provokes all of them costs 8 MiB.
The encoder writes codes as text of zeros and ones, which Python converts to an integer in linear
time because the base is two.
"""

from __future__ import annotations

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
#: Octet -> length of its code, as a translation table, so that summing takes one call.
_LENGTHS = bytes(REQUEST_CODES_LENGTH[:256])


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
    bits = "".join([_BITS[octet] for octet in octets])
    padding = -len(bits) & 7
    length = (len(bits) + padding) >> 3
    if not length:
        return b""
    return (int(bits, 2) << padding | (1 << padding) - 1).to_bytes(length, "big")


def decode(octets: bytes, offset: int = 0) -> bytes:
    """Decode a Huffman-coded string (RFC 7541 section 5.2).

    Raises :class:`BlockError`; ``offset``, for the error, is the string's position in its block.
    """
    node = _root
    decoded = bytearray()
    for octet in octets:
        symbols, node = node[octet]
        decoded += symbols
    if not node.accepting:
        raise _error(octets, offset)
    return bytes(decoded)


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
