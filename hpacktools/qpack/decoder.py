"""A QPACK decoder (RFC 9204 section 2.2): encoder stream and field sections in, decoder stream out.

Contract: does no I/O.  The octets of the encoder stream and of each field section may arrive in
pieces of any size, and in any order between the streams.  Sections of one stream are decoded in
order; a section whose entries have not arrived yet is held, within the limits, and is returned by
the call that brings them.  Octets for the decoder stream are collected until
:meth:`Decoder.take_decoder_stream`.

Assumes that the encoder stream's octets are given in order, without the stream type, and that the
caller ends a section where its HEADERS frame ends.

Errors: a :class:`~hpacktools.qpack.errors.QPACKConnectionError` ends the decoder; every later call
raises it again.  A :class:`~hpacktools.qpack.errors.SectionLimitError` ends one stream, and is
returned in place of its section, because the same call may return other sections.  The decoder has
then already canceled that stream and must not get more of it.
"""

from __future__ import annotations

from collections import deque
from typing import TypeAlias, assert_never

from hpacktools.codec import ENTRY_OVERHEAD, Field, entry_size

from .buffers import InstructionBuffer
from .errors import (
    DecompressionFailed,
    EncoderStreamError,
    Incomplete,
    QPACKConnectionError,
    SectionLimitError,
    Undecodable,
)
from .instructions import (
    Duplicate,
    EncoderInstruction,
    InsertCountIncrement,
    InsertWithLiteralName,
    InsertWithNameReference,
    SectionAcknowledgment,
    SetCapacity,
    StreamCancellation,
    parse_encoder_instruction,
)
from .limits import DecoderLimits
from .representations import (
    Indexed,
    IndexedPostBase,
    LiteralWithLiteralName,
    LiteralWithNameReference,
    LiteralWithPostBaseNameReference,
    Representation,
    SectionPrefix,
    parse_prefix,
    parse_representation,
)
from .sections import DecodedSection, PendingSection
from .static_table import STATIC_TABLE
from .table import DynamicTable

#: The result for a section.
Outcome: TypeAlias = DecodedSection | SectionLimitError


class Decoder:
    """Decodes the field sections of one direction of a connection."""

    __slots__ = (
        "_blocked",
        "_buffer",
        "_least_needed",
        "_longest_string",
        "_output",
        "_streams",
        "blocked_streams",
        "exact_insert_count",
        "failure",
        "known_received_count",
        "limits",
        "max_table_capacity",
        "table",
    )

    def __init__(
        self,
        *,
        max_table_capacity: int = 0,
        blocked_streams: int = 0,
        limits: DecoderLimits | None = None,
        exact_insert_count: bool = True,
    ) -> None:
        """``max_table_capacity`` (octets) and ``blocked_streams``: the values of
        SETTINGS_QPACK_MAX_TABLE_CAPACITY and SETTINGS_QPACK_BLOCKED_STREAMS that were sent (RFC
        9204 section 5).  ``exact_insert_count``: refuse a Required Insert Count larger than the
        section needs, which section 2.2.1 permits.

        Raises ``ValueError`` for negative numbers.
        """
        if max_table_capacity < 0 or blocked_streams < 0:
            raise ValueError("settings must not be negative")
        self.max_table_capacity = max_table_capacity
        self.blocked_streams = blocked_streams
        self.limits = DecoderLimits() if limits is None else limits
        self.exact_insert_count = exact_insert_count
        self.table = DynamicTable()
        #: The Known Received Count: insertions acknowledged to the encoder (RFC 9204 section
        #: 2.1.4).
        self.known_received_count = 0
        #: The error that ended decoding, if any.
        self.failure: QPACKConnectionError | None = None
        self._longest_string = self.limits.longest_encoder_string(max_table_capacity)
        self._buffer = InstructionBuffer()
        self._streams: dict[int, deque[PendingSection]] = {}
        #: Streams whose first section is blocked -> the Insert Count it waits for.
        self._blocked: dict[int, int] = {}
        #: A lower bound of these counts; exact unless a stream was canceled.
        self._least_needed = 0
        self._output = bytearray()

    @property
    def blocked(self) -> dict[int, int]:
        """The blocked streams, each with the Insert Count that it waits for."""
        return dict(self._blocked)

    def feed_encoder_stream(self, octets: bytes) -> list[Outcome]:
        """Read octets of the encoder stream; returns the results for sections that this unblocks.

        They are in order of the insertions they waited for.  Raises
        :class:`~hpacktools.qpack.errors.EncoderStreamError`, or
        :class:`~hpacktools.qpack.errors.DecompressionFailed` for an unblocked section; sections
        that the same octets unblocked earlier are then lost with the connection.
        """
        self._check_failure()
        unread = self._buffer.feed(octets)
        start = self._buffer.start
        position = 0
        outcomes: list[Outcome] = []
        try:
            while position < len(unread):
                try:
                    instruction, end = parse_encoder_instruction(
                        unread, position, self._longest_string
                    )
                except Incomplete as incomplete:
                    self._buffer.read(position)
                    self._buffer.wait_for(incomplete.needed - position)
                    return outcomes
                except Undecodable as wrong:
                    raise EncoderStreamError(
                        wrong.reason, section=wrong.section, offset=start + wrong.offset
                    ) from None
                self._apply(instruction, start + position)
                position = end
                # Now, not at the end: the result must not depend on the size of the pieces.
                if self._blocked and self.table.insert_count >= self._least_needed:
                    outcomes += self._unblocked()
        except QPACKConnectionError as failure:
            self.failure = failure
            raise
        self._buffer.read(position)
        return outcomes

    def feed_section(self, stream_id: int, octets: bytes, *, last: bool = True) -> list[Outcome]:
        """Read octets of a field section on ``stream_id``; ``last``: whether it ends with them.

        Returns the section's result once it is complete and not blocked, and an empty list until
        then.  Raises :class:`~hpacktools.qpack.errors.DecompressionFailed`.
        """
        self._check_failure()
        sections = self._streams.setdefault(stream_id, deque())
        if not sections or sections[-1].complete:
            sections.append(PendingSection())
        section = sections[-1]
        section.pieces.append(octets)
        section.length += len(octets)
        section.complete = last
        if section.length > self.limits.section:
            limit = self.limits.section
            too_long = Undecodable(
                f"a field section of more than {limit} octets",
                section="RFC 9204 section 7.4",
                offset=limit,
                limit=True,
            )
            return [self._lost(stream_id, too_long)]
        return self._advance(stream_id)

    def cancel_stream(self, stream_id: int) -> None:
        """Stop reading ``stream_id`` before its sections end: drop its state and notify the
        encoder.

        RFC 9204 2.2.2.2: "When an endpoint receives a stream reset before the end of a stream or
        before all encoded field sections are processed on that stream, or when it abandons reading
        of a stream, it generates a Stream Cancellation instruction".
        """
        self._check_failure()
        self._streams.pop(stream_id, None)
        self._blocked.pop(stream_id, None)
        # 2.2.2.2: "A decoder with a maximum dynamic table capacity (Section 3.2.3) equal to zero
        # MAY omit sending Stream Cancellations".
        if self.max_table_capacity:
            self._output += StreamCancellation(stream_id=stream_id).encode()

    def take_decoder_stream(self, *, increment: bool = True) -> bytes:
        """The octets to send on the decoder stream, collected since the last call.

        ``increment``: acknowledge insertions that no Section Acknowledgment covers with one Insert
        Count Increment at the end (RFC 9204 section 2.2.2.3).
        """
        missing = self.table.insert_count - self.known_received_count
        if increment and missing > 0 and self.failure is None:
            self._output += InsertCountIncrement(increment=missing).encode()
            self.known_received_count = self.table.insert_count
        octets = bytes(self._output)
        self._output.clear()
        return octets

    def _check_failure(self) -> None:
        if self.failure is not None:
            raise self.failure.with_traceback(None)

    # --- the encoder stream

    def _apply(self, instruction: EncoderInstruction, offset: int) -> None:
        """Carry out an encoder instruction (RFC 9204 section 4.3)."""
        match instruction:
            case SetCapacity(capacity=capacity):
                # RFC 9204 4.3.1: "The decoder MUST treat a new dynamic table capacity value that
                # exceeds this limit as a connection error of type QPACK_ENCODER_STREAM_ERROR."
                if capacity > self.max_table_capacity:
                    raise EncoderStreamError(
                        f"a capacity of {capacity}, above the maximum of {self.max_table_capacity}",
                        section="RFC 9204 section 4.3.1",
                        offset=offset,
                    )
                self.table.set_capacity(capacity)
            case InsertWithNameReference(static=static, index=index, value=value):
                name = (self._static(index, offset) if static else self._newest(index, offset))[0]
                self._insert((name, value), offset)
            case InsertWithLiteralName(name=name, value=value):
                self._insert((name, value), offset)
            case Duplicate(index=index):
                self._insert(self._newest(index, offset), offset)
            case _:
                assert_never(instruction)

    def _static(self, index: int, offset: int) -> Field:
        # RFC 9204 3.1: "If this index is received on the encoder stream, this MUST be treated as a
        # connection error of type QPACK_ENCODER_STREAM_ERROR."
        if index >= len(STATIC_TABLE):
            raise EncoderStreamError(
                f"index {index} is beyond the static table, which ends at {len(STATIC_TABLE) - 1}",
                section="RFC 9204 section 3.1",
                offset=offset,
            )
        return STATIC_TABLE[index]

    def _newest(self, index: int, offset: int) -> Field:
        """The entry with an index relative to the newest one (RFC 9204 section 3.2.5)."""
        absolute = self.table.insert_count - 1 - index
        field = self.table.get(absolute)
        # RFC 9204 2.2.3: "If the decoder encounters a reference in an encoder instruction to a
        # dynamic table entry that has already been evicted, it MUST treat this as a connection
        # error of type QPACK_ENCODER_STREAM_ERROR."
        if field is None:
            was = "was evicted" if absolute >= 0 else "was never inserted"
            raise EncoderStreamError(
                f"relative index {index} after {self.table.insert_count} insertions "
                f"is an entry that {was}",
                section="RFC 9204 section 2.2.3",
                offset=offset,
            )
        return field

    def _insert(self, field: Field, offset: int) -> None:
        # RFC 9204 3.2.2: "It is an error if the encoder attempts to add an entry that is larger
        # than the dynamic table capacity; the decoder MUST treat this as a connection error of type
        # QPACK_ENCODER_STREAM_ERROR."
        if entry_size(field) > self.table.capacity:
            raise EncoderStreamError(
                f"an entry of {entry_size(field)} octets, more than the capacity of "
                f"{self.table.capacity}",
                section="RFC 9204 section 3.2.2",
                offset=offset,
            )
        self.table.insert(field)

    # --- field sections

    def _unblocked(self) -> list[Outcome]:
        """Decode the sections whose insertions have arrived."""
        count = self.table.insert_count
        ready = sorted(
            (needed, position, stream_id)
            for position, (stream_id, needed) in enumerate(self._blocked.items())
            if needed <= count
        )
        outcomes = []
        for _, _, stream_id in ready:
            del self._blocked[stream_id]
            outcomes += self._advance(stream_id)
        self._least_needed = min(self._blocked.values(), default=0)
        return outcomes

    def _lost(self, stream_id: int, wrong: Undecodable) -> SectionLimitError:
        """End a stream on which a section exceeds a limit."""
        self.cancel_stream(stream_id)
        return SectionLimitError(
            wrong.reason, section=wrong.section, offset=wrong.offset, stream_id=stream_id
        )

    def _advance(self, stream_id: int) -> list[Outcome]:
        """Decode the sections of a stream up to the first that is blocked or incomplete."""
        sections = self._streams[stream_id]
        outcomes: list[Outcome] = []
        try:
            while sections:
                decoded = self._next(stream_id, sections[0])
                if decoded is None:
                    return outcomes
                outcomes.append(decoded)
                sections.popleft()
        except Undecodable as wrong:
            if wrong.limit:
                return [*outcomes, self._lost(stream_id, wrong)]
            self.failure = DecompressionFailed(
                wrong.reason, section=wrong.section, offset=wrong.offset, stream_id=stream_id
            )
            raise self.failure from None
        del self._streams[stream_id]
        return outcomes

    def _next(self, stream_id: int, section: PendingSection) -> DecodedSection | None:
        """Decode the first section of a stream; ``None`` if it has to wait."""
        if section.prefix is None and not self._read_prefix(section):
            return None
        assert section.prefix is not None
        if section.prefix.required_insert_count > self.table.insert_count:
            self._block(stream_id, section.prefix.required_insert_count)
            return None
        if not section.complete:
            return None
        return self._decode(stream_id, section.joined(), section.prefix)

    def _read_prefix(self, section: PendingSection) -> bool:
        """Read the prefix of a section; returns whether it is complete."""
        try:
            section.prefix = parse_prefix(
                section.joined(), self.table.insert_count, self.max_table_capacity
            )
        except Incomplete as incomplete:
            if section.complete:
                raise _cut("the prefix of a field section", incomplete, section.length) from None
            return False
        return True

    def _block(self, stream_id: int, needed: int) -> None:
        if stream_id not in self._blocked:
            # RFC 9204 2.1.2: "If a decoder encounters more blocked streams than it promised to
            # support, it MUST treat this as a connection error of type QPACK_DECOMPRESSION_FAILED."
            if len(self._blocked) >= self.blocked_streams:
                raise Undecodable(
                    f"insertion {needed} has not arrived, and {self.blocked_streams} blocked "
                    f"stream{'' if self.blocked_streams == 1 else 's'} are allowed",
                    section="RFC 9204 section 2.1.2",
                    offset=0,
                )
            self._blocked[stream_id] = needed
            self._least_needed = min(self._blocked.values())

    def _decode(self, stream_id: int, octets: bytes, prefix: SectionPrefix) -> DecodedSection:
        """Decode a complete section whose insertions have arrived (RFC 9204 section 4.5)."""
        position = prefix.octets
        fields: list[Field] = []
        never_indexed: list[int] = []
        list_size = 0
        highest = -1
        truncated = False
        while position < len(octets):
            start = position
            try:
                line, position = parse_representation(octets, start)
            except Incomplete as incomplete:
                raise _cut("a representation", incomplete, len(octets)) from None
            field, absolute = self._resolve(line, prefix, start)
            highest = max(highest, absolute)
            list_size += len(field[0]) + len(field[1]) + ENTRY_OVERHEAD
            if list_size > self.limits.list_size:
                truncated = True
            elif not truncated:
                if not isinstance(line, Indexed | IndexedPostBase) and line.never_indexed:
                    never_indexed.append(len(fields))
                fields.append(field)
        self._check_insert_count(prefix, highest)
        if prefix.required_insert_count:
            # RFC 9204 4.4.1: "After processing an encoded field section whose declared Required
            # Insert Count is not zero, the decoder emits a Section Acknowledgment instruction."
            self._output += SectionAcknowledgment(stream_id=stream_id).encode()
            self.known_received_count = max(self.known_received_count, prefix.required_insert_count)
        return DecodedSection(
            stream_id=stream_id,
            fields=tuple(fields),
            never_indexed=tuple(never_indexed),
            truncated=truncated,
            list_size=list_size,
            required_insert_count=prefix.required_insert_count,
            base=prefix.base,
        )

    def _resolve(
        self, line: Representation, prefix: SectionPrefix, offset: int
    ) -> tuple[Field, int]:
        """The field that ``line`` represents, and the absolute index that it refers to, or -1."""
        if isinstance(line, LiteralWithLiteralName):
            return (line.name, line.value), -1
        absolute = line.absolute(prefix.base)
        if absolute is None:
            entry = _static_line(line.index, offset)
            absolute = -1
        else:
            entry = self._dynamic_line(absolute, prefix.required_insert_count, offset)
        if isinstance(line, LiteralWithNameReference | LiteralWithPostBaseNameReference):
            return (entry[0], line.value), absolute
        return entry, absolute

    def _dynamic_line(self, absolute: int, required_insert_count: int, offset: int) -> Field:
        # RFC 9204 2.2.3: "If the decoder encounters a reference in a field line representation to a
        # dynamic table entry that has already been evicted or that has an absolute index greater
        # than or equal to the declared Required Insert Count (Section 4.5.1), it MUST treat this as
        # a connection error of type QPACK_DECOMPRESSION_FAILED."
        if absolute >= required_insert_count:
            reason = f"not below the Required Insert Count {required_insert_count}"
        elif absolute < 0:
            reason = "an entry that was never inserted"
        else:
            entry = self.table.get(absolute)
            if entry is not None:
                return entry
            reason = "an entry that was evicted"
        raise Undecodable(
            f"absolute index {absolute} is {reason}",
            section="RFC 9204 section 2.2.3",
            offset=offset,
        )

    def _check_insert_count(self, prefix: SectionPrefix, highest: int) -> None:
        # RFC 9204 2.2.1: "If it encounters a Required Insert Count larger than expected, it MAY
        # treat this as a connection error of type QPACK_DECOMPRESSION_FAILED."
        if self.exact_insert_count and prefix.required_insert_count > highest + 1:
            raise Undecodable(
                f"the Required Insert Count is {prefix.required_insert_count}, "
                f"but the section needs only {highest + 1}",
                section="RFC 9204 section 2.2.1",
                offset=0,
            )


def _static_line(index: int, offset: int) -> Field:
    # RFC 9204 3.1: "When the decoder encounters an invalid static table index in a field line
    # representation, it MUST treat this as a connection error of type QPACK_DECOMPRESSION_FAILED."
    if index >= len(STATIC_TABLE):
        raise Undecodable(
            f"index {index} is beyond the static table, which ends at {len(STATIC_TABLE) - 1}",
            section="RFC 9204 section 3.1",
            offset=offset,
        )
    return STATIC_TABLE[index]


def _cut(what: str, incomplete: Incomplete, length: int) -> Undecodable:
    # RFC 9204 6: QPACK_DECOMPRESSION_FAILED: "The decoder failed to interpret an encoded field
    # section and is not able to continue decoding that field section."
    return Undecodable(
        f"the section ends inside {what}", section="RFC 9204 section 4.5", offset=length
    )
