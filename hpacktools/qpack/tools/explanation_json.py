"""Explained records as JSON, for programs."""

from __future__ import annotations

from typing import assert_never

from hpacktools.jsonforms import field_to_json
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
    Representation,
)
from hpacktools.shapes import JSON, Object

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


def parameters_to_json(parameters: Parameters) -> Object:
    """The parameters, under the names of the settings."""
    return {
        "max_table_capacity": parameters.capacity,
        "blocked_streams": parameters.blocked_streams,
        "acknowledges": parameters.acknowledges,
    }


def record_to_json(steps: RecordSteps) -> Object:
    """A record with its steps, one after another."""
    stream_id = steps.record.stream_id
    result: Object = {
        "record": steps.number,
        "stream": "encoder" if stream_id == ENCODER_STREAM else stream_id,
        "octets": steps.record.payload.hex(),
        "steps": [_step(step) for step in steps.steps],
    }
    if steps.unfinished:
        result["unfinished"] = steps.unfinished
    if steps.violations:
        result["violations"] = list(steps.violations)
    if steps.errors:
        result["errors"] = [error_to_json(error) for error in steps.errors]
    return result


def error_to_json(error: QPACKError) -> Object:
    """An error with its code, its section and its octet."""
    return {
        "code": error.code.name,
        "message": error.reason,
        "section": error.section,
        "offset": error.offset,
    }


def table_to_json(table: TableState) -> Object:
    """The size of a table."""
    return {
        "entries": table.entries,
        "size": table.size,
        "capacity": table.capacity,
        "insert_count": table.insert_count,
    }


def _step(step: Step) -> Object:
    match step:
        case InstructionStep():
            return _instruction(step)
        case SectionStep():
            return _section(step)
        case BlockedStep():
            return {
                "step": "blocked",
                "stream": step.stream_id,
                "required_insert_count": step.required_insert_count,
                "insert_count": step.insert_count,
            }
        case AnswerStep():
            answer: Object = {
                "step": "decoder instruction",
                "octets": step.octets.hex(),
                "kind": KINDS[type(step.instruction)],
            }
            if isinstance(step.instruction, InsertCountIncrement):
                answer["increment"] = step.instruction.increment
            else:
                answer["stream"] = step.instruction.stream_id
            return answer
        case _:
            assert_never(step)


def _instruction(step: InstructionStep) -> Object:
    result: Object = {
        "step": "encoder instruction",
        "offset": step.offset,
        "octets": step.octets.hex(),
        "kind": KINDS[type(step.instruction)],
    }
    result |= _wire_members(step.instruction)
    if step.refers_to is not None:
        result["absolute"] = step.refers_to
    if step.inserted is not None:
        absolute, field = step.inserted
        result["inserted"] = {"absolute": absolute} | field_to_json(field)
    if step.evicted:
        evicted: list[JSON] = [
            {"absolute": absolute} | field_to_json(field) for absolute, field in step.evicted
        ]
        result["evicted"] = evicted
    result["table"] = table_to_json(step.table)
    return result


def _wire_members(instruction: EncoderInstruction) -> Object:
    match instruction:
        case SetCapacity():
            return {"capacity": instruction.capacity}
        case InsertWithNameReference():
            return {
                "from": "static" if instruction.static else "dynamic",
                "index": instruction.index,
                "value_huffman": instruction.huffman,
            }
        case InsertWithLiteralName():
            return {
                "name_huffman": instruction.name_huffman,
                "value_huffman": instruction.huffman,
            }
        case Duplicate():
            return {"from": "dynamic", "index": instruction.index}
        case _:
            assert_never(instruction)


def _section(step: SectionStep) -> Object:
    result: Object = {"step": "field section", "stream": step.stream_id}
    if step.was_blocked:
        result["was_blocked"] = True
    if step.prefix is not None:
        result["prefix"] = {
            "octets": step.octets[: step.prefix.octets].hex(),
            "required_insert_count": step.prefix.required_insert_count,
            "base": step.prefix.base,
        }
    result["lines"] = [_line(line) for line in step.lines]
    if step.error is not None:
        result["error"] = error_to_json(step.error)
    return result


def _line(line: Line) -> Object:
    result: Object = {
        "offset": line.offset,
        "octets": line.octets.hex(),
        "kind": KINDS[type(line.representation)],
    }
    result |= _reference(line.representation)
    if line.absolute is not None:
        result["absolute"] = line.absolute
    return result | field_to_json(line.field)


def _reference(line: Representation) -> Object:
    result: Object = {}
    if not isinstance(line, LiteralWithLiteralName):
        result["from"] = "dynamic" if line.absolute(0) is not None else "static"
        result["index"] = line.index
    if not isinstance(line, Indexed | IndexedPostBase):
        result["never_indexed"] = line.never_indexed
        if isinstance(line, LiteralWithLiteralName):
            result["name_huffman"] = line.name_huffman
        result["value_huffman"] = line.huffman
    return result
