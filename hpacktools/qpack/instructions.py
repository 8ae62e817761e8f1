"""The instructions of the encoder stream and the decoder stream (RFC 9204 sections 4.3 and 4.4).

Contract: one class for each instruction, with exactly the values on the wire; the owner of the
table checks the indices.  :func:`parse_encoder_instruction` and :func:`parse_decoder_instruction`
read one instruction from octets that may continue; they raise
:class:`~hpacktools.qpack.errors.Incomplete` if it is incomplete and
:class:`~hpacktools.qpack.errors.Undecodable` if it is invalid whatever follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from hpacktools.codec import encode_integer

from .primitives import decode_integer, encode_string, find_string


@dataclass(slots=True, kw_only=True, frozen=True)
class SetCapacity:
    """Set Dynamic Table Capacity (RFC 9204 section 4.3.1); ``capacity`` in octets."""

    capacity: int

    def encode(self) -> bytes:
        """The instruction in wire format."""
        return encode_integer(self.capacity, 5, 0x20)


@dataclass(slots=True, kw_only=True, frozen=True)
class InsertWithNameReference:
    """Insert with Name Reference (RFC 9204 section 4.3.2).

    ``index``: in the static table if ``static``, otherwise relative to the newest entry.
    ``huffman``: whether the value is Huffman-coded on the wire; for :meth:`encode`, whether it may
    be if that is shorter.
    """

    static: bool
    index: int
    value: bytes
    huffman: bool = True

    def encode(self) -> bytes:
        """The instruction in wire format."""
        first = 0xC0 if self.static else 0x80
        return encode_integer(self.index, 6, first) + encode_string(
            self.value, huffman=self.huffman
        )


@dataclass(slots=True, kw_only=True, frozen=True)
class InsertWithLiteralName:
    """Insert with Literal Name (RFC 9204 section 4.3.3).

    ``name_huffman`` and ``huffman``: see :class:`InsertWithNameReference`, for name and value.
    """

    name: bytes
    value: bytes
    name_huffman: bool = True
    huffman: bool = True

    def encode(self) -> bytes:
        """The instruction in wire format."""
        name = encode_string(self.name, 6, 0x40, huffman=self.name_huffman)
        return name + encode_string(self.value, huffman=self.huffman)


@dataclass(slots=True, kw_only=True, frozen=True)
class Duplicate:
    """Duplicate (RFC 9204 section 4.3.4); ``index`` is relative to the newest entry."""

    index: int

    def encode(self) -> bytes:
        """The instruction in wire format."""
        return encode_integer(self.index, 5)


EncoderInstruction: TypeAlias = (
    SetCapacity | InsertWithNameReference | InsertWithLiteralName | Duplicate
)


@dataclass(slots=True, kw_only=True, frozen=True)
class SectionAcknowledgment:
    """Section Acknowledgment (RFC 9204 section 4.4.1)."""

    stream_id: int

    def encode(self) -> bytes:
        """The instruction in wire format."""
        return encode_integer(self.stream_id, 7, 0x80)


@dataclass(slots=True, kw_only=True, frozen=True)
class StreamCancellation:
    """Stream Cancellation (RFC 9204 section 4.4.2)."""

    stream_id: int

    def encode(self) -> bytes:
        """The instruction in wire format."""
        return encode_integer(self.stream_id, 6, 0x40)


@dataclass(slots=True, kw_only=True, frozen=True)
class InsertCountIncrement:
    """Insert Count Increment (RFC 9204 section 4.4.3)."""

    increment: int

    def encode(self) -> bytes:
        """The instruction in wire format."""
        return encode_integer(self.increment, 6)


DecoderInstruction: TypeAlias = SectionAcknowledgment | StreamCancellation | InsertCountIncrement


def parse_encoder_instruction(
    octets: bytes, offset: int, longest: int
) -> tuple[EncoderInstruction, int]:
    """The encoder instruction at ``offset``, and the offset after it (RFC 9204 section 4.3).

    ``longest``: maximum length of a string on the wire, in octets.
    """
    octet = octets[offset]
    if octet >= 0x80:
        index, end = decode_integer(octets, offset, 6)
        value = find_string(octets, end, 8, longest)
        return (
            InsertWithNameReference(
                static=bool(octet & 0x40),
                index=index,
                value=value.decode(octets),
                huffman=value.huffman,
            ),
            value.stop,
        )
    if octet >= 0x40:
        name = find_string(octets, offset, 6, longest)
        value = find_string(octets, name.stop, 8, longest)
        return (
            InsertWithLiteralName(
                name=name.decode(octets),
                value=value.decode(octets),
                name_huffman=name.huffman,
                huffman=value.huffman,
            ),
            value.stop,
        )
    number, end = decode_integer(octets, offset, 5)
    if octet >= 0x20:
        return SetCapacity(capacity=number), end
    return Duplicate(index=number), end


def parse_decoder_instruction(octets: bytes, offset: int) -> tuple[DecoderInstruction, int]:
    """The decoder instruction at ``offset``, and the offset after it (RFC 9204 section 4.4)."""
    octet = octets[offset]
    if octet >= 0x80:
        stream_id, end = decode_integer(octets, offset, 7)
        return SectionAcknowledgment(stream_id=stream_id), end
    if octet >= 0x40:
        stream_id, end = decode_integer(octets, offset, 6)
        return StreamCancellation(stream_id=stream_id), end
    increment, end = decode_integer(octets, offset, 6)
    return InsertCountIncrement(increment=increment), end
