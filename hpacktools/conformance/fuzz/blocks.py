"""Random connections: legal blocks, unusual ones, and ones that break a rule.

Contract: the same seed gives the same connections, on every platform and with every version of
Python.  A connection ends with the first block that this project's decoder refuses, because no
table is defined after an error.  Blocks are stored in pieces, one for each representation, so that
cases can be minimized.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from hpacktools.codec import (
    FIRST_DYNAMIC_INDEX,
    DecodedBlock,
    Decoder,
    HPACKError,
    encode_integer,
)
from hpacktools.codec.huffman import encode as huffman_encode

#: Maximum number of blocks in one connection.
_BLOCKS: Final = 8
#: Values of SETTINGS_HEADER_TABLE_SIZE: edges of prefixes and tables (octets).
_SETTINGS: Final = (0, 1, 31, 32, 33, 64, 100, 256, 1000, 4096, 4097, 8192, 65536)
#: Lengths at the edges of integers (RFC 7541 section 5.1), and short ones, which are more frequent.
_LENGTHS: Final = (0, 1, 1, 2, 3, 3, 5, 8, 14, 15, 30, 31, 62, 63, 126, 127, 128, 129, 300)
_NAMES: Final = (b"a", b"b", b"x-a", b"cookie", b"accept", b":path", b"x-request-id")
#: Codes of 5 to 30 bits (RFC 7541 appendix B).
_LETTERS: Final = b"0aZ&~\x00\n\x7f\x80\xc3\xff /=;"
#: Values that overflow integers of 32 and 64 bits, as octets after a full prefix.
_OVERFLOWS: Final = (
    bytes.fromhex("8080808010"),
    bytes.fromhex("ffffffff0f"),
    bytes.fromhex("8180808010"),
    bytes.fromhex("80808080808080808002"),
    bytes.fromhex("ffffffffffffffffff01"),
)


@dataclass(slots=True, kw_only=True, frozen=True)
class Block:
    """A header block, and the settings that take effect before it."""

    sizes: tuple[int, ...]
    #: One for each representation, or for the octets that replace it.
    pieces: tuple[bytes, ...]

    @property
    def octets(self) -> bytes:
        """The whole block."""
        return b"".join(self.pieces)


#: The blocks of one connection.
Connection = tuple[Block, ...]


@dataclass(slots=True, kw_only=True)
class Read:
    """The result of this project's decoder for a connection."""

    #: The blocks that it accepts, decoded.
    accepted: list[DecodedBlock]
    #: The error in the block after them; ``None`` if it accepts all blocks.
    error: HPACKError | None = None


class Generator:
    """Generates connections from a seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311  # must be reproducible

    def connections(self) -> Iterator[tuple[Connection, Read]]:
        """An endless series of connections, each with the result of this project's decoder."""
        while True:
            yield self._connection()

    def _connection(self) -> tuple[Connection, Read]:
        decoder = Decoder()
        ours = Read(accepted=[])
        with_settings = self._random.random() < 0.4
        wild = self._random.random()
        blocks = []
        for _ in range(self._random.randint(1, _BLOCKS)):
            sizes: tuple[int, ...] = ()
            if with_settings and self._random.random() < 0.35:
                count = self._random.choice((1, 1, 2, 2, 3))
                sizes = tuple(self._random.choice(_SETTINGS) for _ in range(count))
            for size in sizes:
                decoder.change_allowed(size)
            block = Block(sizes=sizes, pieces=tuple(self._pieces(decoder)))
            if self._random.random() < 0.12 * wild:
                block = self._damaged(block)
            blocks.append(block)
            try:
                ours.accepted.append(decoder.decode(block.octets))
            except HPACKError as error:
                ours.error = error
                break
        return tuple(blocks), ours

    def _pieces(self, decoder: Decoder) -> Iterator[bytes]:
        """The pieces of a block that is legal in most cases."""
        yield from self._updates(decoder)
        # Count insertions as if all fit: a reference to an evicted entry is one more kind of error.
        last = FIRST_DYNAMIC_INDEX - 1 + len(decoder.table.entries)
        for _ in range(self._random.choice((0, 1, 1, 2, 3, 5, 8))):
            chance = self._random.random()
            if chance < 0.4:
                yield self._integer(self._index(last), 7, 0x80)
            elif chance < 0.75:
                yield self._literal(0x40, 6, last)
                last += 1
            elif chance < 0.87:
                yield self._literal(0x00, 4, last)
            elif chance < 0.985:
                yield self._literal(0x10, 4, last)
            else:
                yield self._update(decoder)

    def _updates(self, decoder: Decoder) -> Iterator[bytes]:
        """The size updates that the settings require, and sometimes others."""
        if decoder.required is not None and self._random.random() < 0.9:
            yield self._integer(decoder.required, 5, 0x20)
            if decoder.allowed != decoder.required and self._random.random() < 0.7:
                yield self._integer(decoder.allowed, 5, 0x20)
            return
        if self._random.random() < 0.12:
            for _ in range(self._random.choice((1, 1, 1, 2, 2, 3))):
                yield self._update(decoder)

    def _update(self, decoder: Decoder) -> bytes:
        allowed = decoder.allowed
        size = self._random.choice((0, allowed, allowed // 2, min(allowed, 34), min(allowed, 100)))
        if self._random.random() < 0.05:
            size = allowed + 1
        return self._integer(size, 5, 0x20)

    def _index(self, last: int) -> int:
        chance = self._random.random()
        if chance < 0.01:
            return self._random.choice((0, last + 1, last + 2, 2**32 - 1))
        if chance < 0.6 and last >= FIRST_DYNAMIC_INDEX:
            return self._random.randint(FIRST_DYNAMIC_INDEX, last)
        return self._random.randint(1, FIRST_DYNAMIC_INDEX - 1)

    def _literal(self, first: int, prefix: int, last: int) -> bytes:
        if self._random.random() < 0.5:
            piece = self._integer(self._index(last), prefix, first)
        else:
            name = self._random.choice(_NAMES)
            if self._random.random() < 0.2:
                name = self._text()
            piece = bytes((first,)) + self._string(name)
        return piece + self._string(self._text())

    def _integer(self, value: int, prefix: int, first: int) -> bytes:
        chance = self._random.random()
        if chance < 0.004:
            return bytes((first | (1 << prefix) - 1,)) + self._random.choice(_OVERFLOWS)
        octets = encode_integer(value, prefix, first)
        if chance < 0.02 and len(octets) > 1:
            # Redundant zero octets: legal, but implementations may limit their number.
            zeros = self._random.choice((1, 2, 3, 5, 10))
            octets = octets[:-1] + bytes((octets[-1] | 0x80,)) + b"\x80" * (zeros - 1) + b"\x00"
        return octets

    def _string(self, octets: bytes) -> bytes:
        if self._random.random() < 0.5:
            return self._integer(len(octets), 7, 0x00) + octets
        coded = huffman_encode(octets)
        chance = self._random.random()
        if chance < 0.006:
            # Padding of more than 7 bits, EOS, wrong padding, a truncated code.
            coded += self._random.choice((b"\xff", b"\xff\xff\xff\xff", b"\xfe", b"\x00"))
        elif chance < 0.012 and coded:
            coded = coded[:-1] + bytes((coded[-1] & self._random.choice((0xFE, 0xF0, 0x00)),))
        return self._integer(len(coded), 7, 0x80) + coded

    def _text(self) -> bytes:
        length = self._random.choice(_LENGTHS)
        if self._random.random() < 0.006:
            length = self._random.choice((1000, 4061, 4062, 4063, 4064, 4065))
        if self._random.random() < 0.7:
            return bytes((self._random.choice(_LETTERS),)) * length
        return bytes(self._random.choices(_LETTERS, k=length))

    def _damaged(self, block: Block) -> Block:
        """The block with some octets changed, removed or inserted."""
        octets = bytearray(block.octets)
        for _ in range(self._random.choice((1, 1, 2))):
            place = self._random.randrange(len(octets) + 1)
            what = self._random.random()
            if what < 0.35 and place < len(octets):
                octets[place] ^= 1 << self._random.randrange(8)
            elif what < 0.6:
                del octets[place:]
            elif what < 0.8:
                del octets[place : place + self._random.randint(1, 4)]
            else:
                octets[place:place] = self._random.randbytes(self._random.randint(1, 4))
        return replace(block, pieces=(bytes(octets),))


def read(connection: Connection) -> Read:
    """Decode a connection up to the first refused block."""
    decoder = Decoder()
    found = Read(accepted=[])
    for block in connection:
        for size in block.sizes:
            decoder.change_allowed(size)
        try:
            found.accepted.append(decoder.decode(block.octets))
        except HPACKError as error:
            found.error = error
            break
    return found
