"""String literals (RFC 7541 section 5.2)."""

from __future__ import annotations

from . import huffman as huffman_code
from .errors import BlockError
from .integers import continue_integer, encode_integer

#: Length of a Huffman-coded string -> the octet that says it.
_CODED_LENGTHS = tuple(bytes((0x80 | length,)) for length in range(0x7F))


class StringMemory:
    """A cache of decoded Huffman strings, for servers with many similar clients.

    Keeps at most ``most`` strings of at most 126 coded octets, half a MiB or less; when it is full,
    it starts over empty.  ``secret``: names of fields whose values must not be cached (RFC 7541
    section 7.1).
    """

    __slots__ = ("_known", "_most", "secret")

    def __init__(self, secret: frozenset[bytes] = frozenset(), *, most: int = 2048) -> None:
        self.secret = secret
        self._most = most
        self._known: dict[bytes, bytes] = {}

    def __len__(self) -> int:
        """The number of strings in the cache."""
        return len(self._known)

    def decode(self, block: bytes, offset: int) -> tuple[bytes, int]:
        """Decode like :func:`decode_string`, using the cache for Huffman-coded strings."""
        end = len(block)
        length = block[offset] if offset < end else 0
        start = offset + 1
        stop = start + length - 0x80
        if length < 0x80 or length == 0xFF or stop > end:
            return decode_string(block, offset)
        coded = block[start:stop]
        known = self._known.get(coded)
        if known is not None:
            return known, stop
        string = huffman_code.decode(coded, start)
        if len(self._known) >= self._most:
            self._known.clear()
        self._known[coded] = string
        return string, stop


def encode_string(octets: bytes, huffman: bool = True) -> bytes:
    """Encode a string literal with its length in front (RFC 7541 section 5.2).

    With ``huffman`` the string is Huffman-coded if, and only if, that is shorter.
    """
    length = len(octets)
    if huffman:
        # Most strings become shorter, so counting before would be work for nothing.
        coded = huffman_code.encode(octets)
        coded_length = len(coded)
        if coded_length < length:
            if coded_length < 0x7F:
                return _CODED_LENGTHS[coded_length] + coded
            return encode_integer(coded_length, 7, 0x80) + coded
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
