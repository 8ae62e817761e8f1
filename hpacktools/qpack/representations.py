"""The prefix of a field section and the representations in it (RFC 9204 section 4.5).

Contract: one class for each representation, with exactly the values on the wire.  The indices of a
class are those that its RFC section defines: in the static table, relative to the Base, or
post-Base; :meth:`absolute` converts them to an absolute index.  Parsing raises
:class:`~hpacktools.qpack.errors.Incomplete` and :class:`~hpacktools.qpack.errors.Undecodable`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from hpacktools.codec import encode_integer

from .errors import Undecodable
from .primitives import MAX_INTEGER, decode_integer, encode_string, find_string
from .table import max_entries


@dataclass(slots=True, kw_only=True, frozen=True)
class Indexed:
    """Indexed Field Line (RFC 9204 section 4.5.2)."""

    static: bool
    index: int

    def absolute(self, base: int) -> int | None:
        """Absolute index in the dynamic table; ``None`` for the static table."""
        return None if self.static else base - 1 - self.index

    def encode(self) -> bytes:
        """The representation in wire format."""
        return encode_integer(self.index, 6, 0xC0 if self.static else 0x80)


@dataclass(slots=True, kw_only=True, frozen=True)
class IndexedPostBase:
    """Indexed Field Line with Post-Base Index (RFC 9204 section 4.5.3)."""

    index: int

    def absolute(self, base: int) -> int:
        """Absolute index in the dynamic table."""
        return base + self.index

    def encode(self) -> bytes:
        """The representation in wire format."""
        return encode_integer(self.index, 4, 0x10)


@dataclass(slots=True, kw_only=True, frozen=True)
class LiteralWithNameReference:
    """Literal Field Line with Name Reference (RFC 9204 section 4.5.4).

    ``huffman``: whether the value is Huffman-coded on the wire; for :meth:`encode`, whether it may
    be if that is shorter.
    """

    never_indexed: bool
    static: bool
    index: int
    value: bytes
    huffman: bool = True

    def absolute(self, base: int) -> int | None:
        """Absolute index in the dynamic table; ``None`` for the static table."""
        return None if self.static else base - 1 - self.index

    def encode(self) -> bytes:
        """The representation in wire format."""
        first = 0x40 | self.never_indexed << 5 | self.static << 4
        return encode_integer(self.index, 4, first) + encode_string(
            self.value, huffman=self.huffman
        )


@dataclass(slots=True, kw_only=True, frozen=True)
class LiteralWithPostBaseNameReference:
    """Literal Field Line with Post-Base Name Reference (RFC 9204 section 4.5.5)."""

    never_indexed: bool
    index: int
    value: bytes
    huffman: bool = True

    def absolute(self, base: int) -> int:
        """Absolute index in the dynamic table."""
        return base + self.index

    def encode(self) -> bytes:
        """The representation in wire format."""
        first = self.never_indexed << 3
        return encode_integer(self.index, 3, first) + encode_string(
            self.value, huffman=self.huffman
        )


@dataclass(slots=True, kw_only=True, frozen=True)
class LiteralWithLiteralName:
    """Literal Field Line with Literal Name (RFC 9204 section 4.5.6)."""

    never_indexed: bool
    name: bytes
    value: bytes
    name_huffman: bool = True
    huffman: bool = True

    def encode(self) -> bytes:
        """The representation in wire format."""
        first = 0x20 | self.never_indexed << 4
        name = encode_string(self.name, 4, first, huffman=self.name_huffman)
        return name + encode_string(self.value, huffman=self.huffman)


Representation: TypeAlias = (
    Indexed
    | IndexedPostBase
    | LiteralWithNameReference
    | LiteralWithPostBaseNameReference
    | LiteralWithLiteralName
)


def parse_representation(octets: bytes, offset: int) -> tuple[Representation, int]:
    """The representation at ``offset``, and the offset after it (RFC 9204 section 4.5)."""
    octet = octets[offset]
    if octet >= 0x80:
        index, end = decode_integer(octets, offset, 6)
        return Indexed(static=bool(octet & 0x40), index=index), end
    # A string too long for the section ends it early, however long it is: not a limit of ours.
    longest = MAX_INTEGER
    if octet >= 0x40:
        index, end = decode_integer(octets, offset, 4)
        value = find_string(octets, end, 8, longest)
        return (
            LiteralWithNameReference(
                never_indexed=bool(octet & 0x20),
                static=bool(octet & 0x10),
                index=index,
                value=value.decode(octets),
                huffman=value.huffman,
            ),
            value.stop,
        )
    if octet >= 0x20:
        name = find_string(octets, offset, 4, longest)
        value = find_string(octets, name.stop, 8, longest)
        return (
            LiteralWithLiteralName(
                never_indexed=bool(octet & 0x10),
                name=name.decode(octets),
                value=value.decode(octets),
                name_huffman=name.huffman,
                huffman=value.huffman,
            ),
            value.stop,
        )
    if octet >= 0x10:
        index, end = decode_integer(octets, offset, 4)
        return IndexedPostBase(index=index), end
    index, end = decode_integer(octets, offset, 3)
    value = find_string(octets, end, 8, longest)
    return (
        LiteralWithPostBaseNameReference(
            never_indexed=bool(octet & 0x08),
            index=index,
            value=value.decode(octets),
            huffman=value.huffman,
        ),
        value.stop,
    )


@dataclass(slots=True, kw_only=True, frozen=True)
class SectionPrefix:
    """The encoded field section prefix (RFC 9204 section 4.5.1), decoded.

    ``octets``: its length on the wire, in octets.
    """

    required_insert_count: int
    base: int
    octets: int


def encode_prefix(required_insert_count: int, base: int, max_table_capacity: int) -> bytes:
    """Encode the prefix of a field section (RFC 9204 section 4.5.1).

    ``max_table_capacity``: the decoder's SETTINGS_QPACK_MAX_TABLE_CAPACITY, in octets, not the
    capacity that the encoder has set.
    """
    if required_insert_count == 0:
        # 4.5.1.2: "setting Delta Base to zero is one of the most efficient encodings."
        return b"\0\0"
    encoded = required_insert_count % (2 * max_entries(max_table_capacity)) + 1
    if base >= required_insert_count:
        delta = encode_integer(base - required_insert_count, 7)
    else:
        delta = encode_integer(required_insert_count - base - 1, 7, 0x80)
    return encode_integer(encoded, 8) + delta


def parse_prefix(octets: bytes, insert_count: int, max_table_capacity: int) -> SectionPrefix:
    """Decode the prefix of a field section (RFC 9204 section 4.5.1).

    ``insert_count``: the decoder table's current count, from which the wrapped Required Insert
    Count is reconstructed.
    """
    encoded, position = decode_integer(octets, 0, 8)
    sign_offset = position
    delta_base, position = decode_integer(octets, position, 7)
    required = _required_insert_count(encoded, insert_count, max_table_capacity)
    if octets[sign_offset] & 0x80:
        # RFC 9204 4.5.1.2: "An endpoint MUST treat a field block with a Sign bit of 1 as invalid if
        # the value of Required Insert Count is less than or equal to the value of Delta Base."
        if required <= delta_base:
            raise Undecodable(
                f"the Base is negative: Required Insert Count {required}, Delta Base {delta_base}",
                section="RFC 9204 section 4.5.1.2",
                offset=sign_offset,
            )
        base = required - delta_base - 1
    else:
        base = required + delta_base
    return SectionPrefix(required_insert_count=required, base=base, octets=position)


def _required_insert_count(encoded: int, insert_count: int, max_table_capacity: int) -> int:
    """The algorithm of RFC 9204 section 4.5.1.1."""
    if encoded == 0:
        return 0
    entries = max_entries(max_table_capacity)
    full_range = 2 * entries
    # RFC 9204 4.5.1.1: "If the decoder encounters a value of EncodedInsertCount that could not have
    # been produced by a conformant encoder, it MUST treat this as a connection error of type
    # QPACK_DECOMPRESSION_FAILED."
    if encoded > full_range:
        raise Undecodable(
            f"the encoded Required Insert Count is {encoded}, more than {full_range}",
            section="RFC 9204 section 4.5.1.1",
            offset=0,
        )
    max_value = insert_count + entries
    required = max_value // full_range * full_range + encoded - 1
    if required > max_value:
        if required <= full_range:
            raise _impossible(encoded, insert_count)
        required -= full_range
    if required == 0:
        raise _impossible(encoded, insert_count)
    return required


def _impossible(encoded: int, insert_count: int) -> Undecodable:
    return Undecodable(
        f"the encoded Required Insert Count {encoded} is impossible after {insert_count} "
        f"insertion{'' if insert_count == 1 else 's'}",
        section="RFC 9204 section 4.5.1.1",
        offset=0,
    )
