"""Integers with a prefix (RFC 7541 section 5.1).

Contract: encoding gives the shortest form.  Decoding accepts any form, even with redundant zero
octets, up to two limits: a value of 2^32 - 1 and five octets after the prefix.  Every quantity in
HPACK (indices, string lengths, table sizes) fits in 32 bits, and the largest needs five octets;
without the second limit a peer could send zeros forever.
"""

from __future__ import annotations

from .errors import BlockError

#: Largest accepted value: SETTINGS_HEADER_TABLE_SIZE has 32 bits, and nothing needs more.
MAX_INTEGER = 2**32 - 1
#: Maximum number of octets after the prefix: 5 x 7 bits hold every 32-bit value.
MAX_CONTINUATION = 5


def encode_integer(value: int, prefix_bits: int, first: int = 0) -> bytes:
    """Encode ``value`` (not negative) with a prefix of ``prefix_bits`` (1 to 8) bits.

    ``first`` holds the bits above the prefix, already in their place (RFC 7541 section 5.1).
    """
    limit = (1 << prefix_bits) - 1
    if value < limit:
        return bytes((first | value,))
    octets = bytearray((first | limit,))
    value -= limit
    while value >= 0x80:
        octets.append(value & 0x7F | 0x80)
        value >>= 7
    octets.append(value)
    return bytes(octets)


def decode_integer(octets: bytes, offset: int, prefix_bits: int) -> tuple[int, int]:
    """Decode the integer whose prefix is in the octet at ``offset`` (RFC 7541 section 5.1).

    Returns the value and the offset after it.  Raises :class:`BlockError` if the octets end too
    early or the integer is above one of the limits of this module.
    """
    if offset >= len(octets):
        raise BlockError(
            "the block ends where an integer must begin",
            section="RFC 7541 section 5.1",
            offset=offset,
        )
    limit = (1 << prefix_bits) - 1
    value = octets[offset] & limit
    if value < limit:
        return value, offset + 1
    return continue_integer(octets, offset + 1, limit)


def continue_integer(octets: bytes, offset: int, value: int) -> tuple[int, int]:
    """Decode the octets after a prefix of all ones, whose value is ``value``.

    Returns and raises as :func:`decode_integer`.
    """
    end = len(octets)
    shift = 0
    for position in range(offset, offset + MAX_CONTINUATION):
        if position >= end:
            raise BlockError(
                "the block ends inside an integer", section="RFC 7541 section 5.1", offset=end
            )
        octet = octets[position]
        value += (octet & 0x7F) << shift
        # RFC 7541 5.1: "Integer encodings that exceed implementation limits -- in value or octet
        # length -- MUST be treated as decoding errors."
        if value > MAX_INTEGER:
            raise BlockError(
                f"an integer is larger than {MAX_INTEGER}",
                section="RFC 7541 section 5.1",
                offset=position,
            )
        if octet < 0x80:
            return value, position + 1
        shift += 7
    raise BlockError(
        f"an integer has more than {MAX_CONTINUATION} octets after its prefix",
        section="RFC 7541 section 5.1",
        offset=offset + MAX_CONTINUATION - 1,
    )
