"""A QPACK encoder (RFC 9204 section 2.1): fields and decoder stream in, sections and encoder stream
out.

Contract: does no I/O.  A section is written in one pass; its insertions are collected until
:meth:`Encoder.take_encoder_stream`, and may be sent before or after the section.  Whatever the peer
acknowledges, and when, no entry is evicted that the decoder may still need, and no more streams can
block than the peer allows.

Strategy: the caller decides for each field whether it may enter the table, as with
:class:`hpacktools.codec.Encoder`; the encoder inserts it if there is room.  A stream that must not
block refers only to acknowledged entries; its insertions benefit later sections.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import assert_never

from hpacktools.codec import Field
from hpacktools.codec import Representation as Wish

from .buffers import InstructionBuffer
from .encoder_table import EncoderTable
from .errors import DecoderStreamError, Incomplete, Undecodable
from .instructions import (
    DecoderInstruction,
    Duplicate,
    EncoderInstruction,
    InsertCountIncrement,
    InsertWithLiteralName,
    InsertWithNameReference,
    SectionAcknowledgment,
    SetCapacity,
    StreamCancellation,
    parse_decoder_instruction,
)
from .representations import (
    Indexed,
    IndexedPostBase,
    LiteralWithLiteralName,
    LiteralWithNameReference,
    LiteralWithPostBaseNameReference,
    Representation,
    encode_prefix,
)
from .static_table import STATIC_FIELDS, STATIC_NAMES
from .table import DynamicTable

#: Default for the largest table that an encoder uses, in octets: as large as HPACK's.
DEFAULT_LIMIT = 4096
#: Settings are variable-length integers of QUIC (RFC 9114 section 7.2.4).
_MAX_SETTING = 2**62 - 1


class _Outstanding:
    """A section with dynamic references that is neither acknowledged nor canceled."""

    __slots__ = ("references", "required_insert_count")

    def __init__(self) -> None:
        self.references: set[int] = set()
        self.required_insert_count = 0


class Encoder:
    """Encodes the field sections of one direction of a connection."""

    __slots__ = (
        "_blocked_streams",
        "_buffer",
        "_entries",
        "_output",
        "_outstanding",
        "_sent_insert_count",
        "failure",
        "huffman",
        "limit",
        "max_table_capacity",
    )

    def __init__(self, *, limit: int = DEFAULT_LIMIT, huffman: bool = True) -> None:
        """``limit``: the largest table in octets that this encoder uses, whatever the peer allows.

        ``huffman``: Huffman-code strings if that is shorter.  Until :meth:`apply_settings` only the
        static table is used.  Raises ``ValueError`` for an invalid capacity.
        """
        self.limit = _checked(limit)
        self.huffman = huffman
        #: The peer's SETTINGS_QPACK_MAX_TABLE_CAPACITY.  RFC 9204 3.2.3: "the maximum table
        #: capacity is 0 until the encoder processes a SETTINGS frame with a non-zero value".
        self.max_table_capacity = 0
        #: The error that ended encoding, if any.
        self.failure: DecoderStreamError | None = None
        self._blocked_streams = 0
        self._entries = EncoderTable()
        #: Stream -> its outstanding sections, in the order in which they were written.
        self._outstanding: dict[int, deque[_Outstanding]] = {}
        self._buffer = InstructionBuffer()
        self._output = bytearray()
        #: Insertions in the octets already taken for sending.
        self._sent_insert_count = 0

    @property
    def table(self) -> DynamicTable:
        """The dynamic table.  Must not be changed."""
        return self._entries.table

    @property
    def known_received_count(self) -> int:
        """Insertions that the decoder has acknowledged (RFC 9204 section 2.1.4)."""
        return self._entries.known_received_count

    def references(self, absolute: int) -> int:
        """How many outstanding sections refer to the entry with the absolute index ``absolute``."""
        return self._entries.references(absolute)

    def apply_settings(self, *, max_table_capacity: int, blocked_streams: int) -> None:
        """Apply the peer's settings (RFC 9204 section 5), received or remembered for 0-RTT.

        Sets the capacity to what they and the limit allow.  Raises ``ValueError`` for invalid
        settings, and :class:`~hpacktools.qpack.errors.DecoderStreamError` for a maximum that
        differs from the remembered one.
        """
        self._check_failure()
        _checked(max_table_capacity)
        # RFC 9204 3.2.3: "If it specifies any other value, or omits
        # SETTINGS_QPACK_MAX_TABLE_CAPACITY from SETTINGS, the encoder must treat this as a
        # connection error of type QPACK_DECODER_STREAM_ERROR."
        if self.max_table_capacity and max_table_capacity != self.max_table_capacity:
            raise self._failed(
                f"the maximum table capacity {self.max_table_capacity} became {max_table_capacity}",
                "RFC 9204 section 3.2.3",
                self._buffer.start,
            )
        first = not self.max_table_capacity
        self._blocked_streams = _checked(blocked_streams)
        self.max_table_capacity = max_table_capacity
        capacity = min(self.limit, max_table_capacity)
        if first and capacity:
            self.set_capacity(capacity)

    def set_capacity(self, capacity: int) -> None:
        """Change the capacity of the dynamic table to ``capacity`` octets (RFC 9204 section 4.3.1).

        Raises ``ValueError`` for a capacity that the peer does not allow, or that would evict an
        entry that cannot be evicted now.
        """
        self._check_failure()
        # RFC 9204 3.2.3: "The encoder MUST NOT set a dynamic table capacity that exceeds this
        # maximum".
        if not 0 <= capacity <= self.max_table_capacity:
            raise ValueError(
                f"a capacity must be from 0 to {self.max_table_capacity}, not {capacity}"
            )
        if not self._entries.can_set_capacity(capacity):
            raise ValueError(f"a capacity of {capacity} would evict an entry that is in use")
        # 3.2.3: "When the maximum table capacity is zero, the encoder [...] MUST NOT send any
        # encoder instructions on the encoder stream."
        if self.max_table_capacity:
            self._entries.set_capacity(capacity)
            self._write(SetCapacity(capacity=capacity))

    def insert(self, name: bytes, value: bytes) -> int | None:
        """Insert an entry that no section refers to yet; returns its absolute index.

        Returns ``None`` and does nothing if that would evict an entry that cannot be evicted, or if
        the new entry is too large.
        """
        self._check_failure()
        field = (name, value)
        if not self._entries.can_insert(field):
            return None
        static = STATIC_NAMES.get(name)
        dynamic = None if static is not None else self._entries.find_name(name)
        if static is not None:
            self._write(
                InsertWithNameReference(
                    static=True, index=static, value=value, huffman=self.huffman
                )
            )
        elif dynamic is not None:
            # The entry may be evicted by this very insertion: RFC 9204 3.2.2 allows that.
            self._write(
                InsertWithNameReference(
                    static=False, index=self._relative(dynamic), value=value, huffman=self.huffman
                )
            )
        else:
            self._write(
                InsertWithLiteralName(
                    name=name, value=value, name_huffman=self.huffman, huffman=self.huffman
                )
            )
        return self._entries.insert(field)

    def duplicate(self, absolute: int) -> int | None:
        """Insert the entry with the absolute index ``absolute`` again (RFC 9204 section 4.3.4).

        Returns the absolute index of the duplicate, or ``None`` as :meth:`insert` does.  Raises
        ``ValueError`` if there is no such entry.
        """
        self._check_failure()
        field = self.table.get(absolute)
        if field is None:
            raise ValueError(f"there is no entry with the absolute index {absolute}")
        if not self._entries.can_insert(field):
            return None
        self._write(Duplicate(index=self._relative(absolute)))
        return self._entries.insert(field)

    def encode(self, stream_id: int, fields: Iterable[tuple[bytes, bytes, Wish]]) -> bytes:
        """Encode a field section for ``stream_id``.

        Each field is a name, a value and a representation: ``WITH_INDEXING`` may enter the dynamic
        table, ``WITHOUT_INDEXING`` may only be found there, ``NEVER_INDEXED`` is written as a
        literal with the N bit.
        """
        self._check_failure()
        # RFC 9204 4.5.1.2: "A single-pass encoder determines the Base before encoding a field
        # section."
        base = self.table.insert_count
        section = _Outstanding()
        may_block = self._may_block(stream_id)
        # RFC 9204 2.1: "An encoder MUST emit field representations in the order they appear in the
        # input field section."
        lines = b"".join(
            [
                self._line((name, value), wish, section, base, may_block).encode()
                for name, value, wish in list(fields)
            ]
        )
        if section.references:
            self._outstanding.setdefault(stream_id, deque()).append(section)
        return encode_prefix(section.required_insert_count, base, self.max_table_capacity) + lines

    def feed_decoder_stream(self, octets: bytes) -> None:
        """Read octets of the decoder stream, in pieces of any size.

        Raises :class:`~hpacktools.qpack.errors.DecoderStreamError`.
        """
        self._check_failure()
        unread = self._buffer.feed(octets)
        start = self._buffer.start
        position = 0
        while position < len(unread):
            try:
                instruction, end = parse_decoder_instruction(unread, position)
            except Incomplete as incomplete:
                self._buffer.read(position)
                self._buffer.wait_for(incomplete.needed - position)
                return
            except Undecodable as wrong:
                raise self._failed(wrong.reason, wrong.section, start + wrong.offset) from None
            self._acknowledged(instruction, start + position)
            position = end
        self._buffer.read(position)

    def take_encoder_stream(self) -> bytes:
        """The octets to send on the encoder stream, collected since the last call."""
        octets = bytes(self._output)
        self._output.clear()
        self._sent_insert_count = self.table.insert_count
        return octets

    def _check_failure(self) -> None:
        if self.failure is not None:
            raise self.failure.with_traceback(None)

    def _failed(self, reason: str, section: str, offset: int) -> DecoderStreamError:
        self.failure = DecoderStreamError(reason, section=section, offset=offset)
        return self.failure

    def _write(self, instruction: EncoderInstruction) -> None:
        self._output += instruction.encode()

    def _relative(self, absolute: int) -> int:
        """An index in encoder instructions: 0 is the newest entry (RFC 9204 section 3.2.5)."""
        return self.table.insert_count - 1 - absolute

    # --- field lines

    def _may_block(self, stream_id: int) -> bool:
        """Whether a section on ``stream_id`` may refer to unacknowledged insertions.

        RFC 9204 2.1.2: "An encoder MUST limit the number of streams that could become blocked to
        the value of SETTINGS_QPACK_BLOCKED_STREAMS at all times."
        """
        known = self.known_received_count
        others = 0
        for other, sections in self._outstanding.items():
            if any(section.required_insert_count > known for section in sections):
                if other == stream_id:
                    return True
                others += 1
        return others < self._blocked_streams

    def _line(
        self, field: Field, wish: Wish, section: _Outstanding, base: int, may_block: bool
    ) -> Representation:
        """The representation of one field, after the insertion that goes with it, if any."""
        # Look before inserting: the section might not be allowed to refer to a new entry.
        named = None if field[0] in STATIC_NAMES else self._entries.find_name(field[0])
        if wish is not Wish.NEVER_INDEXED:
            static = STATIC_FIELDS.get(field)
            if static is not None:
                return Indexed(static=True, index=static)
            found = self._found(field, wish, may_block)
            if found is not None:
                self._refer(found, section)
                if found < base:
                    return Indexed(static=False, index=base - 1 - found)
                return IndexedPostBase(index=found - base)
        if named is not None and self._may_name(named, may_block):
            self._refer(named, section)
        else:
            named = None
        return self._literal(field, wish is Wish.NEVER_INDEXED, named, base)

    def _found(self, field: Field, wish: Wish, may_block: bool) -> int | None:
        """Absolute index of an entry equal to ``field`` that the section may refer to."""
        entries = self._entries
        absolute = entries.find(field)
        may_insert = wish is Wish.WITH_INDEXING
        if absolute is None:
            inserted = self.insert(*field) if may_insert else None
            return inserted if may_block else None
        known = absolute < entries.known_received_count
        if absolute < entries.draining and known and may_insert:
            # RFC 9204 2.1.1.1: "Rather than reference such an entry, the encoder can emit a
            # Duplicate instruction (Section 4.3.4) and reference the duplicate instead."
            duplicate = self.duplicate(absolute)
            if duplicate is not None and may_block:
                return duplicate
            if entries.table.get(absolute) is None or duplicate is None:
                return None
        return absolute if known or may_block else None

    def _literal(
        self, field: Field, never_indexed: bool, named: int | None, base: int
    ) -> Representation:
        """A literal, with the name of a static entry or of the dynamic entry ``named``."""
        name, value = field
        huffman = self.huffman
        static = STATIC_NAMES.get(name)
        if static is not None:
            return LiteralWithNameReference(
                never_indexed=never_indexed,
                static=True,
                index=static,
                value=value,
                huffman=huffman,
            )
        if named is None:
            return LiteralWithLiteralName(
                never_indexed=never_indexed,
                name=name,
                value=value,
                name_huffman=huffman,
                huffman=huffman,
            )
        if named < base:
            return LiteralWithNameReference(
                never_indexed=never_indexed,
                static=False,
                index=base - 1 - named,
                value=value,
                huffman=huffman,
            )
        return LiteralWithPostBaseNameReference(
            never_indexed=never_indexed, index=named - base, value=value, huffman=huffman
        )

    def _may_name(self, absolute: int, may_block: bool) -> bool:
        """Whether a literal may take its name from the entry: never from a draining one, nor from
        one that was just evicted, which is also below the draining index."""
        if absolute < self.known_received_count:
            return absolute >= self._entries.draining
        return may_block

    def _refer(self, absolute: int, section: _Outstanding) -> None:
        # Each section counts once, however often it refers to an entry.
        if absolute not in section.references:
            section.references.add(absolute)
            self._entries.refer(absolute)
            section.required_insert_count = max(section.required_insert_count, absolute + 1)

    # --- the decoder stream

    def _acknowledged(self, instruction: DecoderInstruction, offset: int) -> None:
        """Carry out a decoder instruction (RFC 9204 section 4.4)."""
        match instruction:
            case SectionAcknowledgment(stream_id=stream_id):
                sections = self._outstanding.get(stream_id)
                # RFC 9204 4.4.1: "If an encoder receives a Section Acknowledgment instruction
                # referring to a stream on which every encoded field section with a non-zero
                # Required Insert Count has already been acknowledged, this MUST be treated as a
                # connection error of type QPACK_DECODER_STREAM_ERROR."
                if not sections:
                    raise self._failed(
                        f"stream {stream_id} has no section left to acknowledge",
                        "RFC 9204 section 4.4.1",
                        offset,
                    )
                section = sections.popleft()
                if not sections:
                    del self._outstanding[stream_id]
                self._release(section)
                self._entries.known_received_count = max(
                    self.known_received_count, section.required_insert_count
                )
            case StreamCancellation(stream_id=stream_id):
                for section in self._outstanding.pop(stream_id, ()):
                    self._release(section)
            case InsertCountIncrement(increment=increment):
                count = self.known_received_count + increment
                # RFC 9204 4.4.3: "An encoder that receives an Increment field equal to zero, or one
                # that increases the Known Received Count beyond what the encoder has sent, MUST
                # treat this as a connection error of type QPACK_DECODER_STREAM_ERROR."
                if increment == 0 or count > self._sent_insert_count:
                    raise self._failed(
                        f"an increment of {increment} after {self.known_received_count} of "
                        f"{self._sent_insert_count} insertions",
                        "RFC 9204 section 4.4.3",
                        offset,
                    )
                self._entries.known_received_count = count
            case _:
                assert_never(instruction)

    def _release(self, section: _Outstanding) -> None:
        for absolute in section.references:
            self._entries.release(absolute)


def _checked(number: int) -> int:
    """``number`` if it is a value of a setting.  Raises ``ValueError``."""
    if not 0 <= number <= _MAX_SETTING:
        raise ValueError(f"a setting must be from 0 to {_MAX_SETTING}, not {number}")
    return number
