"""A decoder's side of a file of records, step by step.

Contract: :class:`Session` agrees with :class:`hpacktools.qpack.Decoder`, which it drives one
instruction at a time: the same sections, the same table, the same error.  It records every step for
explanations.  It also checks whether the encoder followed RFC 9204 sections 2.1.1 and 2.1.2, which
a decoder on a network cannot know.

Assumes, as the interop does, that the encoder gets acknowledgments as soon as a section is sent, or
never gets any.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TypeAlias

from hpacktools.codec import Field
from hpacktools.qpack.buffers import InstructionBuffer
from hpacktools.qpack.decoder import Decoder, Outcome
from hpacktools.qpack.errors import (
    DecompressionFailed,
    Incomplete,
    QPACKError,
    SectionLimitError,
    Undecodable,
)
from hpacktools.qpack.instructions import (
    DecoderInstruction,
    Duplicate,
    EncoderInstruction,
    InsertWithNameReference,
    parse_decoder_instruction,
    parse_encoder_instruction,
)
from hpacktools.qpack.limits import DecoderLimits
from hpacktools.qpack.representations import (
    LiteralWithLiteralName,
    LiteralWithNameReference,
    LiteralWithPostBaseNameReference,
    Representation,
    SectionPrefix,
    parse_prefix,
    parse_representation,
)
from hpacktools.qpack.sections import DecodedSection
from hpacktools.qpack.static_table import STATIC_TABLE

from .interop import ENCODER_STREAM, Parameters, Record

#: The tools' limits: a section may be as large as a record can be.
TOOL_LIMITS = DecoderLimits(list_size=2**62, section=2**32)


@dataclass(slots=True, kw_only=True)
class TableState:
    """The dynamic table at one moment."""

    entries: int
    size: int
    capacity: int
    insert_count: int


@dataclass(slots=True, kw_only=True)
class InstructionStep:
    """An encoder instruction and its effect; ``offset`` is its position in the encoder stream."""

    offset: int
    octets: bytes
    instruction: EncoderInstruction
    #: Absolute index and entry, if it inserted one.
    inserted: tuple[int, Field] | None
    #: Absolute index of the dynamic table entry it refers to, if any.
    refers_to: int | None
    #: Absolute indices and entries, oldest first.
    evicted: list[tuple[int, Field]]
    table: TableState


@dataclass(slots=True, kw_only=True)
class Line:
    """One field line representation in a field section."""

    offset: int
    octets: bytes
    representation: Representation
    #: Absolute index of the dynamic table entry it refers to, if any.
    absolute: int | None
    field: Field


@dataclass(slots=True, kw_only=True)
class SectionStep:
    """A field section that was decoded, or refused: then as far as it can be read."""

    stream_id: int
    octets: bytes
    prefix: SectionPrefix | None
    lines: list[Line]
    #: Whether it was blocked before.
    was_blocked: bool
    error: QPACKError | None


@dataclass(slots=True, kw_only=True)
class BlockedStep:
    """A field section that is waiting for insertions."""

    stream_id: int
    octets: bytes
    required_insert_count: int
    insert_count: int


@dataclass(slots=True, kw_only=True)
class AnswerStep:
    """A decoder instruction that the decoder sends at this point."""

    octets: bytes
    instruction: DecoderInstruction


Step: TypeAlias = InstructionStep | SectionStep | BlockedStep | AnswerStep


@dataclass(slots=True, kw_only=True)
class RecordSteps:
    """The steps that one record caused."""

    number: int
    record: Record
    steps: list[Step] = field(default_factory=list)
    decoded: list[DecodedSection] = field(default_factory=list)
    #: Rules that the encoder broke, each with its RFC section.
    violations: list[str] = field(default_factory=list)
    #: The error; the session is over unless it is a :class:`SectionLimitError`.
    errors: list[QPACKError] = field(default_factory=list)
    #: Octets of an instruction whose end has not arrived yet.
    unfinished: int = 0


class Session:
    """The decoder of one file of records."""

    def __init__(self, parameters: Parameters) -> None:
        self.parameters = parameters
        self.decoder = Decoder(
            max_table_capacity=parameters.capacity,
            blocked_streams=parameters.blocked_streams,
            limits=TOOL_LIMITS,
        )
        #: The acknowledgments sent, where the encoder gets them.
        self.answers = bytearray()
        self._number = 0
        self._buffer = InstructionBuffer()
        self._longest = TOOL_LIMITS.longest_encoder_string(parameters.capacity)
        #: Sections that the decoder has not decoded yet, by stream.
        self._waiting: dict[int, deque[bytes]] = {}
        #: Insertions that the encoder may consider acknowledged.
        self._known = 0
        #: Streams with a section that could block; permanent if nothing is acknowledged.
        self._risking: set[int] = set()

    @property
    def unfinished(self) -> int:
        """Octets of an instruction on the encoder stream whose end has not arrived."""
        return len(self._buffer)

    def table_state(self) -> TableState:
        """The table at this moment."""
        table = self.decoder.table
        return TableState(
            entries=len(table),
            size=table.size,
            capacity=table.capacity,
            insert_count=table.insert_count,
        )

    def feed(self, record: Record) -> RecordSteps:
        """Read a record.  Never raises, whatever the record contains.  Do not call it after an
        error that ends the connection."""
        self._number += 1
        steps = RecordSteps(number=self._number, record=record)
        try:
            if record.stream_id == ENCODER_STREAM:
                self._instructions(steps)
            else:
                self._section(steps)
        except QPACKError as error:
            steps.errors.append(error)
            if isinstance(error, DecompressionFailed):
                was_blocked = record.stream_id == ENCODER_STREAM
                steps.steps.append(
                    self._section_step(error.stream_id, error, was_blocked=was_blocked)
                )
        steps.unfinished = len(self._buffer)
        self._answer(steps, increment=record.stream_id != ENCODER_STREAM)
        return steps

    def _instructions(self, steps: RecordSteps) -> None:
        unread = self._buffer.feed(steps.record.payload)
        position = 0
        while position < len(unread):
            try:
                instruction, end = parse_encoder_instruction(unread, position, self._longest)
            except Incomplete as incomplete:
                self._buffer.read(position)
                self._buffer.wait_for(incomplete.needed - position)
                return
            except Undecodable:
                # The decoder reports what is wrong.
                end = len(unread)
                self.decoder.feed_encoder_stream(unread[position:end])
                raise AssertionError("the decoder has accepted it") from None
            self._instruction(
                steps, instruction, self._buffer.start + position, unread[position:end]
            )
            position = end
        self._buffer.read(position)

    def _instruction(
        self, steps: RecordSteps, instruction: EncoderInstruction, offset: int, octets: bytes
    ) -> None:
        table = self.decoder.table
        before = list(table)
        count = table.insert_count
        outcomes: list[Outcome] = []
        failure: DecompressionFailed | None = None
        try:
            outcomes = self.decoder.feed_encoder_stream(octets)
        except DecompressionFailed as error:
            # The instruction is valid; a section that it unblocks is not.
            failure = error
        evicted = [entry for entry in before if entry[0] < table.dropped]
        inserted = table.get(count)
        steps.steps.append(
            InstructionStep(
                offset=offset,
                octets=octets,
                instruction=instruction,
                inserted=None if inserted is None else (count, inserted),
                refers_to=_refers_to(instruction, count),
                evicted=evicted,
                table=self.table_state(),
            )
        )
        self._check_eviction(steps, evicted)
        self._outcomes(steps, outcomes, was_blocked=True)
        if failure is not None:
            raise failure

    def _section(self, steps: RecordSteps) -> None:
        stream_id = steps.record.stream_id
        octets = steps.record.payload
        table = self.decoder.table
        self._waiting.setdefault(stream_id, deque()).append(octets)
        try:
            required = parse_prefix(
                octets, table.insert_count, self.parameters.capacity
            ).required_insert_count
        except (Incomplete, Undecodable):
            required = 0
        outcomes = self.decoder.feed_section(stream_id, octets)
        self._check_blocking(steps, required)
        if not outcomes:
            steps.steps.append(
                BlockedStep(
                    stream_id=stream_id,
                    octets=octets,
                    required_insert_count=required,
                    insert_count=table.insert_count,
                )
            )
        self._outcomes(steps, outcomes, was_blocked=False)

    def _outcomes(
        self,
        steps: RecordSteps,
        outcomes: list[Outcome],
        *,
        was_blocked: bool,
    ) -> None:
        for outcome in outcomes:
            error = outcome if isinstance(outcome, SectionLimitError) else None
            steps.steps.append(
                self._section_step(outcome.stream_id, error, was_blocked=was_blocked)
            )
            if isinstance(outcome, SectionLimitError):
                steps.errors.append(outcome)
                self._waiting.pop(outcome.stream_id, None)
            else:
                steps.decoded.append(outcome)

    def _section_step(
        self, stream_id: int, error: QPACKError | None, *, was_blocked: bool
    ) -> SectionStep:
        """The first waiting section of a stream, read one representation at a time."""
        octets = self._waiting[stream_id].popleft()
        table = self.decoder.table
        prefix = None
        lines: list[Line] = []
        try:
            prefix = parse_prefix(octets, table.insert_count, self.parameters.capacity)
            position = prefix.octets
            while position < len(octets):
                start = position
                representation, position = parse_representation(octets, start)
                # An error past the start of a representation belongs to that representation.
                if error is not None and position > error.offset >= prefix.octets:
                    break
                resolved = self._resolve(representation, prefix)
                if resolved is None:
                    break
                absolute, entry = resolved
                lines.append(
                    Line(
                        offset=start,
                        octets=octets[start:position],
                        representation=representation,
                        absolute=absolute,
                        field=entry,
                    )
                )
        except (Incomplete, Undecodable):
            # ``error`` has the reason.
            assert error is not None
        return SectionStep(
            stream_id=stream_id,
            octets=octets,
            prefix=prefix,
            lines=lines,
            was_blocked=was_blocked,
            error=error,
        )

    def _resolve(
        self, representation: Representation, prefix: SectionPrefix
    ) -> tuple[int | None, Field] | None:
        if isinstance(representation, LiteralWithLiteralName):
            return None, (representation.name, representation.value)
        absolute = representation.absolute(prefix.base)
        entry: Field | None
        if absolute is not None:
            entry = self.decoder.table.get(absolute)
        elif representation.index < len(STATIC_TABLE):
            entry = STATIC_TABLE[representation.index]
        else:
            entry = None
        if entry is not None and isinstance(
            representation, LiteralWithNameReference | LiteralWithPostBaseNameReference
        ):
            entry = (entry[0], representation.value)
        return None if entry is None else (absolute, entry)

    def _answer(self, steps: RecordSteps, *, increment: bool) -> None:
        """Add what the decoder sends back, if anything."""
        octets = self.decoder.take_decoder_stream(increment=increment)
        if not self.parameters.acknowledges:
            return
        self.answers += octets
        position = 0
        while position < len(octets):
            instruction, end = parse_decoder_instruction(octets, position)
            steps.steps.append(AnswerStep(octets=octets[position:end], instruction=instruction))
            position = end

    # --- rules for the encoder

    def _check_eviction(self, steps: RecordSteps, evicted: list[tuple[int, Field]]) -> None:
        # RFC 9204 2.1.1: "If the dynamic table does not contain enough room for a new entry without
        # evicting other entries, and the entries that would be evicted are not evictable, the
        # encoder MUST NOT insert that entry into the dynamic table".
        steps.violations.extend(
            f"entry {absolute} is evicted before its insertion is acknowledged "
            "(RFC 9204 section 2.1.1)"
            for absolute, _ in evicted
            if absolute >= self._known
        )

    def _check_blocking(self, steps: RecordSteps, required: int) -> None:
        # RFC 9204 2.1.2: "An encoder MUST limit the number of streams that could become blocked to
        # the value of SETTINGS_QPACK_BLOCKED_STREAMS at all times."
        if required > self._known:
            self._risking.add(steps.record.stream_id)
            if len(self._risking) > self.parameters.blocked_streams:
                steps.violations.append(
                    f"{len(self._risking)} streams could become blocked, the limit is "
                    f"{self.parameters.blocked_streams} (RFC 9204 section 2.1.2)"
                )
        if self.parameters.acknowledges:
            self._known = max(self._known, required, self.decoder.table.insert_count)
            self._risking.clear()


def _refers_to(instruction: EncoderInstruction, insert_count: int) -> int | None:
    """Absolute index of the dynamic table entry that an instruction refers to, if any."""
    match instruction:
        case InsertWithNameReference(static=False, index=index) | Duplicate(index=index):
            return insert_count - 1 - index
    return None
