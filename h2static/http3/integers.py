"""Variable-length integers (RFC 9000 section 16)."""

from __future__ import annotations

from h2static.http3.registry import MAXIMUM_INTEGER


def encode_integer(value: int) -> bytes:
    """Encode ``value`` in the shortest form.  Raises ``ValueError`` beyond 62 bits."""
    if value < 0x40:
        return value.to_bytes(1, "big")
    if value < 0x4000:
        return (value | 0x4000).to_bytes(2, "big")
    if value < 0x4000_0000:
        return (value | 0x8000_0000).to_bytes(4, "big")
    if value <= MAXIMUM_INTEGER:
        return (value | 0xC000_0000_0000_0000).to_bytes(8, "big")
    raise ValueError(f"{value} does not fit in 62 bits")


def decode_integer(octets: bytes | bytearray, position: int) -> tuple[int, int] | None:
    """The integer at ``position``, and the position after it; ``None`` if it is incomplete."""
    if position >= len(octets):
        return None
    first = octets[position]
    if first < 0x40:
        return first, position + 1
    size = 1 << (first >> 6)
    end = position + size
    if end > len(octets):
        return None
    return int.from_bytes(octets[position:end], "big") & ((1 << (8 * size - 2)) - 1), end
