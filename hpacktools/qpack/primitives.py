"""Prefixed integers and string literals of QPACK (RFC 9204 section 4.1).

Contract: the functions read from octets that may continue, as those of a stream do.  If they end
too early, :class:`Incomplete` says how far they must reach at least; a string is decoded only once
it is complete.  Octets that are invalid whatever follows raise :class:`Undecodable`.  The caller,
who knows the stream, turns both into errors with a code.

The formats are HPACK's, and so are the integer encoder and the Huffman code.  Two things differ:
integers have up to 62 bits here, and a string may begin at any bit of an octet.
"""

from __future__ import annotations

from hpacktools.codec import BlockError, encode_integer
from hpacktools.codec import huffman as huffman_code

from .errors import Incomplete, Undecodable

#: Largest integer that is accepted.  RFC 9204 4.1.1: "QPACK implementations MUST be able to decode
#: integers up to and including 62 bits long."  Stream IDs have 62 bits, nothing has more.
MAX_INTEGER = 2**62 - 1
#: Maximum number of octets after the prefix: 9 x 7 bits hold every such integer.  Without this
#: limit a peer could send zeros forever.
MAX_CONTINUATION = 9


def decode_integer(octets: bytes, offset: int, prefix_bits: int) -> tuple[int, int]:
    """Decode the integer whose prefix is in the octet at ``offset`` (RFC 9204 section 4.1.1).

    Returns the value and the offset after it.  Raises :class:`Incomplete` or :class:`Undecodable`.
    """
    end = len(octets)
    if offset >= end:
        raise Incomplete(offset + 1)
    limit = (1 << prefix_bits) - 1
    value = octets[offset] & limit
    position = offset + 1
    if value < limit:
        return value, position
    for shift in range(0, 7 * MAX_CONTINUATION, 7):
        if position >= end:
            raise Incomplete(position + 1)
        octet = octets[position]
        value += (octet & 0x7F) << shift
        position += 1
        if value > MAX_INTEGER:
            break
        if octet < 0x80:
            return value, position
    # RFC 9204 7.4: "If an implementation encounters a value larger than it is able to decode, this
    # MUST be treated as a stream error of type QPACK_DECOMPRESSION_FAILED if on a request stream or
    # a connection error of the appropriate type if on the encoder or decoder stream."
    if value > MAX_INTEGER:
        reason = "an integer has more than 62 bits"
    else:
        reason = f"an integer has more than {MAX_CONTINUATION} octets after its prefix"
    raise Undecodable(reason, section="RFC 9204 section 7.4", offset=position - 1, limit=True)


class StringLiteral:
    """The position of a string literal that is not decoded yet: octets ``start`` to ``stop``."""

    __slots__ = ("huffman", "start", "stop")

    def __init__(self, huffman: bool, start: int, stop: int) -> None:
        self.huffman = huffman
        self.start = start
        self.stop = stop

    def decode(self, octets: bytes) -> bytes:
        """Decode the string.  Raises :class:`Undecodable` for invalid Huffman code."""
        coded = bytes(octets[self.start : self.stop])
        if not self.huffman:
            return coded
        try:
            return huffman_code.decode(coded, self.start)
        except BlockError as error:
            # RFC 9204 4.1.2: "the Huffman table from Appendix B of [RFC7541] is used without
            # modification"; its rules about padding and EOS are those of RFC 7541 5.2.
            raise Undecodable(error.reason, section=error.section, offset=error.offset) from None


def find_string(octets: bytes, offset: int, prefix_bits: int, longest: int) -> StringLiteral:
    """Find the ``prefix_bits``-bit prefix string literal at ``offset`` (RFC 9204 section 4.1.2).

    The first of the ``prefix_bits`` bits (2 to 8) is the Huffman flag.  Raises :class:`Incomplete`
    if the string is incomplete, and :class:`Undecodable` as soon as a length above ``longest``
    octets is read.
    """
    length, start = decode_integer(octets, offset, prefix_bits - 1)
    if length > longest:
        raise Undecodable(
            f"a string of {length} octets, more than the {longest} accepted here",
            section="RFC 9204 section 7.4",
            offset=offset,
            limit=True,
        )
    stop = start + length
    if stop > len(octets):
        raise Incomplete(stop)
    return StringLiteral(bool(octets[offset] & 1 << prefix_bits - 1), start, stop)


def encode_string(
    octets: bytes, prefix_bits: int = 8, first: int = 0, huffman: bool = True
) -> bytes:
    """Encode a ``prefix_bits``-bit prefix string literal (RFC 9204 section 4.1.2).

    ``first`` holds the bits above the prefix, already in their place.  With ``huffman`` the string
    is Huffman-coded if, and only if, that is shorter.
    """
    if huffman and huffman_code.encoded_length(octets) < len(octets):
        coded = huffman_code.encode(octets)
        return encode_integer(len(coded), prefix_bits - 1, first | 1 << prefix_bits - 1) + coded
    return encode_integer(len(octets), prefix_bits - 1, first) + octets
