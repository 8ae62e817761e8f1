"""Explaining a header block, representation by representation.

Contract: :func:`explain` agrees with :func:`hpacktools.codec.decode_block` about every block: the
same fields, the same table, the same error.  It takes more time and memory.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from .codec import (
    DEFAULT_TABLE_SIZE,
    EMPTY_TABLE,
    FIRST_DYNAMIC_INDEX,
    STATIC_TABLE,
    DynamicTable,
    Field,
    HPACKError,
    decode_block,
    decode_integer,
    decode_string,
)
from .inflate import error_to_json
from .jsonforms import field_to_json, size_to_json
from .shapes import JSON, Object
from .unknown import known_entries


class Kind(enum.StrEnum):
    """The representations of RFC 7541 section 6."""

    INDEXED = "indexed field"
    WITH_INDEXING = "literal with indexing"
    WITHOUT_INDEXING = "literal without indexing"
    NEVER_INDEXED = "literal never indexed"
    SIZE_UPDATE = "size update"


@dataclass(slots=True, kw_only=True)
class Step:
    """One representation of a block."""

    kind: Kind
    #: Its offset in the block, and its octets.
    offset: int
    octets: bytes
    #: The index of the field or of the name; ``None`` for a literal name and for a size update.
    index: int | None = None
    #: The field; ``None`` for a size update.
    field: Field | None = None
    #: Whether the string is Huffman-coded; ``None`` if it is not in the block.
    name_huffman: bool | None = None
    value_huffman: bool | None = None
    #: The new maximum, in octets, of a size update.
    maximum: int | None = None
    #: Whether this representation inserted the field into the table.
    inserted: bool = False
    #: The entries evicted, oldest first, as far as they are known.
    evicted: tuple[Field, ...] = ()
    #: The table after this representation.
    table: DynamicTable


@dataclass(slots=True, kw_only=True)
class Explanation:
    """A block with its representations, up to the first error, if any."""

    block: bytes
    steps: list[Step]
    error: HPACKError | None
    #: The table after the last representation.
    table: DynamicTable


_LITERALS = (
    # Lowest first octet, kind, bits of the prefix.
    (0x40, Kind.WITH_INDEXING, 6),
    (0x20, Kind.SIZE_UPDATE, 5),
    (0x10, Kind.NEVER_INDEXED, 4),
    (0x00, Kind.WITHOUT_INDEXING, 4),
)


def explain(
    block: bytes,
    table: DynamicTable = EMPTY_TABLE,
    *,
    allowed: int = DEFAULT_TABLE_SIZE,
    required: int | None = None,
) -> Explanation:
    """Explain ``block`` (RFC 7541 sections 3.2 and 6).  Never raises, whatever the octets.

    ``allowed`` and ``required`` are as for :func:`hpacktools.codec.decode_block`.  Raises
    ``TypeError`` if ``block`` is not ``bytes``.
    """
    if not isinstance(block, bytes):
        raise TypeError(f"a block must be bytes, not {type(block).__name__}")
    error = None
    end = len(block)
    try:
        decode_block(block, table, allowed=allowed, required=required)
    except HPACKError as raised:
        error = raised
        end = raised.offset
    steps: list[Step] = []
    position = 0
    while position < end:
        try:
            step, table = _step(block, position, table)
        except HPACKError:
            # The representation with the error; ``error`` has the reason.
            break
        position += len(step.octets)
        # An error past the start of a representation belongs to that representation.
        if error is not None and position > error.offset:
            break
        steps.append(step)
    if steps:
        table = steps[-1].table
    return Explanation(block=block, steps=steps, error=error, table=table)


def _step(block: bytes, offset: int, table: DynamicTable) -> tuple[Step, DynamicTable]:
    """The representation at ``offset`` and the table after it."""
    octet = block[offset]
    if octet >= 0x80:
        index, end = decode_integer(block, offset, 7)
        field = _entry(index, table)
        step = Step(
            kind=Kind.INDEXED,
            offset=offset,
            octets=block[offset:end],
            index=index,
            field=field,
            table=table,
        )
        return step, table
    kind, prefix = next((kind, bits) for first, kind, bits in _LITERALS if octet >= first)
    number, end = decode_integer(block, offset, prefix)
    if kind is Kind.SIZE_UPDATE:
        after = table.resized(number)
        step = Step(
            kind=kind,
            offset=offset,
            octets=block[offset:end],
            maximum=number,
            evicted=known_entries(table)[len(after.entries) :][::-1],
            table=after,
        )
        return step, after
    name_huffman = None
    if number:
        name = _entry(number, table)[0]
    else:
        name_huffman = end < len(block) and block[end] >= 0x80
        name, end = decode_string(block, end)
    value_huffman = end < len(block) and block[end] >= 0x80
    value, end = decode_string(block, end)
    step = Step(
        kind=kind,
        offset=offset,
        octets=block[offset:end],
        index=number or None,
        field=(name, value),
        name_huffman=name_huffman,
        value_huffman=value_huffman,
        table=table,
    )
    if kind is Kind.WITH_INDEXING:
        after = table.inserted(name, value)
        step.inserted = bool(after.entries)
        kept = len(after.entries) - step.inserted
        step.evicted = known_entries(table)[kept:][::-1]
        step.table = after
        return step, after
    return step, table


def _entry(index: int, table: DynamicTable) -> Field:
    if index < FIRST_DYNAMIC_INDEX:
        return STATIC_TABLE[index]
    position = index - FIRST_DYNAMIC_INDEX
    if position < len(table.entries):
        return table.entries[position]
    raise HPACKError("index beyond the tables", section="RFC 7541 section 2.3.3", offset=0)


def step_to_json(step: Step) -> Object:
    """A representation as ``hpack-inflate --explain --json`` writes it."""
    result: Object = {
        "offset": step.offset,
        "octets": step.octets.hex(),
        "kind": step.kind.value,
    }
    if step.index is not None:
        result["index"] = step.index
        result["from"] = "static" if step.index < FIRST_DYNAMIC_INDEX else "dynamic"
    if step.field is not None:
        result |= field_to_json(step.field)
    if step.name_huffman is not None:
        result["name_huffman"] = step.name_huffman
    if step.value_huffman is not None:
        result["value_huffman"] = step.value_huffman
    if step.maximum is not None:
        result["maximum"] = step.maximum
    if step.kind is Kind.WITH_INDEXING:
        result["inserted"] = step.inserted
    if step.evicted:
        evicted: list[JSON] = [field_to_json(field) for field in step.evicted]
        result["evicted"] = evicted
    result["table"] = {"entries": len(known_entries(step.table))} | size_to_json(step.table)
    return result


def explanation_to_json(explanation: Explanation) -> Object:
    """The JSON members ``representations`` and, if there is an error, ``error``."""
    steps: list[JSON] = [step_to_json(step) for step in explanation.steps]
    result: Object = {"representations": steps}
    if explanation.error is not None:
        result["error"] = error_to_json(explanation.error)
    return result
