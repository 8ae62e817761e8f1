"""Explained records as text for people, in color on request.

Octets from the peer are escaped, so that no control character reaches the terminal.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, assert_never

from hpacktools.codec import Field, entry_size
from hpacktools.explanation_text import escape
from hpacktools.qpack.errors import QPACKError
from hpacktools.qpack.instructions import (
    Duplicate,
    EncoderInstruction,
    InsertCountIncrement,
    InsertWithLiteralName,
    InsertWithNameReference,
    SetCapacity,
)
from hpacktools.qpack.representations import (
    Indexed,
    IndexedPostBase,
    LiteralWithLiteralName,
    LiteralWithNameReference,
    LiteralWithPostBaseNameReference,
)
from hpacktools.terminal import printable

from .interop import ENCODER_STREAM, Parameters
from .session import (
    AnswerStep,
    BlockedStep,
    InstructionStep,
    Line,
    RecordSteps,
    SectionStep,
    Step,
    TableState,
)
from .words import KINDS

_DIM: Final = "2"
_BOLD: Final = "1"
_RED: Final = "1;31"
_YELLOW: Final = "33"
_BLUE: Final = "34"
_GREEN: Final = "32"
_CYAN: Final = "36"

#: Octets shown of one instruction; the rest of a long one is only counted.
_OCTETS_PER_LINE: Final = 16
_OCTETS_SHOWN: Final = 64
#: Characters shown of a value.
_TEXT_SHOWN: Final = 200
#: Column where the text about the octets begins.
_INDENT: Final = " " * 9


class Renderer:
    """Renders records; ``colour`` uses ANSI sequences."""

    def __init__(self, *, colour: bool) -> None:
        self._colour = colour

    def _paint(self, text: str, code: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self._colour and text else text

    def head(self, parameters: Parameters) -> str:
        """One line: the parameters the file was made for."""
        told = "acknowledges immediately" if parameters.acknowledges else "never acknowledges"
        return self._paint(
            f"capacity up to {parameters.capacity} octets, up to "
            f"{_count(parameters.blocked_streams, 'blocked stream')}, the decoder {told}\n",
            _DIM,
        )

    def render(self, steps: RecordSteps) -> str:
        """A record, with a last line feed."""
        return "\n".join(self._lines(steps)) + "\n"

    def _lines(self, steps: RecordSteps) -> Iterator[str]:
        stream_id = steps.record.stream_id
        where = "encoder stream" if stream_id == ENCODER_STREAM else f"stream {stream_id}"
        octets = _count(len(steps.record.payload), "octet")
        yield f"{self._paint(f'record {steps.number}: {where}', _BOLD)} {self._paint(octets, _DIM)}"
        for step in steps.steps:
            yield from self._step(step, stream_id)
        if steps.unfinished:
            rest = _count(steps.unfinished, "octet")
            yield _INDENT + self._paint(f"{rest} of an incomplete instruction", _DIM)
        for violation in steps.violations:
            yield _INDENT + self._paint(f"breaks a rule: {violation}", _RED)
        sections = [step.error for step in steps.steps if isinstance(step, SectionStep)]
        for error in steps.errors:
            if error not in sections:
                yield from self._error(error)

    def _step(self, step: Step, stream_id: int) -> Iterator[str]:
        match step:
            case InstructionStep():
                yield from self._instruction(step)
            case SectionStep():
                if step.stream_id != stream_id:
                    title = f"  stream {step.stream_id} is unblocked"
                    yield self._paint(title, _BOLD)
                yield from self._section(step)
            case BlockedStep():
                yield from self._octets(0, step.octets)
                yield _INDENT + self._paint(
                    f"blocked: it needs {_count(step.required_insert_count, 'insertion')}, "
                    f"{step.insert_count} have arrived",
                    _YELLOW,
                )
            case AnswerStep():
                what = KINDS[type(step.instruction)]
                if isinstance(step.instruction, InsertCountIncrement):
                    what += f" by {step.instruction.increment}"
                else:
                    what += f" for stream {step.instruction.stream_id}"
                yield f"  {self._paint('answer', _DIM)} {step.octets.hex(' ')}"
                yield _INDENT + self._paint(what, _CYAN)
            case _:
                assert_never(step)

    def _instruction(self, step: InstructionStep) -> Iterator[str]:
        yield from self._octets(step.offset, step.octets)
        if step.inserted is not None:
            yield _INDENT + self._field(step.inserted[1])
        yield _INDENT + self._paint(_instruction_words(step.instruction, step.refers_to), _GREEN)
        parts = []
        if step.inserted is not None:
            absolute, field = step.inserted
            parts.append(f"inserted as entry {absolute}, {entry_size(field)} octets")
        if step.evicted:
            gone = ", ".join(f"{absolute} ({_brief(field)})" for absolute, field in step.evicted)
            parts.append(f"evicted {gone}")
        parts.append(_table(step.table))
        yield _INDENT + self._paint("; ".join(parts), _DIM)

    def _section(self, step: SectionStep) -> Iterator[str]:
        end = 0
        if step.prefix is not None:
            end = step.prefix.octets
            yield from self._octets(0, step.octets[:end])
            yield _INDENT + self._paint(
                f"Required Insert Count {step.prefix.required_insert_count}, "
                f"Base {step.prefix.base}",
                _BLUE,
            )
        for line in step.lines:
            end = line.offset + len(line.octets)
            yield from self._octets(line.offset, line.octets)
            yield _INDENT + self._field(line.field)
            yield _INDENT + self._paint(_line_words(line), _CYAN)
        if step.error is not None:
            rest = step.octets[end : end + _OCTETS_PER_LINE]
            if rest:
                yield from self._octets(end, rest)
            yield from self._error(step.error)

    def _error(self, error: QPACKError) -> Iterator[str]:
        yield _INDENT + self._paint(f"error: {printable(error.reason)}", _RED)
        place = f"{error.code.name}, {error.section}, octet {error.offset}"
        yield _INDENT + self._paint(f"       {place}", _RED)

    def _octets(self, offset: int, octets: bytes) -> Iterator[str]:
        shown = octets[:_OCTETS_SHOWN]
        lines = [
            shown[start : start + _OCTETS_PER_LINE].hex(" ")
            for start in range(0, len(shown), _OCTETS_PER_LINE)
        ] or [""]
        if len(octets) > _OCTETS_SHOWN:
            lines.append(f"… {len(octets) - _OCTETS_SHOWN} more")
        yield f"  {self._paint(f'{offset:5d}', _DIM)}  {lines[0]}".rstrip()
        for line in lines[1:]:
            yield f"{_INDENT}{line}"

    def _field(self, field: Field) -> str:
        name, value = map(_shown, field)
        return f"{self._paint(name, _BOLD)}: {value}"


def _instruction_words(instruction: EncoderInstruction, refers_to: int | None) -> str:
    kind = KINDS[type(instruction)]
    match instruction:
        case SetCapacity():
            return f"{kind}: {instruction.capacity} octets"
        case InsertWithNameReference():
            table = "static" if instruction.static else "dynamic"
            entry = "" if refers_to is None else f" (entry {refers_to})"
            return (
                f"{kind}, index {instruction.index} of the {table} table{entry}, "
                f"value {_coding(instruction.huffman)}"
            )
        case InsertWithLiteralName():
            return (
                f"{kind}, name {_coding(instruction.name_huffman)}, "
                f"value {_coding(instruction.huffman)}"
            )
        case Duplicate():
            return f"{kind}, relative index {instruction.index} (entry {refers_to})"
        case _:
            assert_never(instruction)


def _line_words(line: Line) -> str:
    representation = line.representation
    parts = [KINDS[type(representation)]]
    if isinstance(representation, IndexedPostBase | LiteralWithPostBaseNameReference):
        parts.append(f"post-Base index {representation.index} (entry {line.absolute})")
    elif isinstance(representation, Indexed | LiteralWithNameReference):
        if representation.static:
            parts.append(f"index {representation.index} of the static table")
        else:
            parts.append(f"relative index {representation.index} (entry {line.absolute})")
    if isinstance(representation, LiteralWithLiteralName):
        parts.append(f"name {_coding(representation.name_huffman)}")
    if not isinstance(representation, Indexed | IndexedPostBase):
        parts.append(f"value {_coding(representation.huffman)}")
        if representation.never_indexed:
            parts.append("never indexed")
    return ", ".join(parts)


def _coding(huffman: bool) -> str:
    return "Huffman" if huffman else "plain"


def _table(table: TableState) -> str:
    entries = "1 entry" if table.entries == 1 else f"{table.entries} entries"
    return f"table: {entries}, {table.size} of {table.capacity} octets"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _shown(octets: bytes) -> str:
    if len(octets) <= _TEXT_SHOWN:
        return escape(octets)
    return f"{escape(octets[:_TEXT_SHOWN])}… ({len(octets)} octets)"


def _brief(field: Field) -> str:
    text = f"{escape(field[0])}: {escape(field[1][:40])}"
    return text + "…" if len(field[1]) > 40 else text
