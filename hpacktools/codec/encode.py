"""Encoding header blocks (RFC 7541 section 6).

Contract: :func:`encode_block` is a pure function of its arguments and writes the shortest form of
the requested representations: shortest integers, Huffman coding only if it is shorter, the static
table before the dynamic one.  The caller decides for each field whether it enters the table.

Cost: finding a field in a table takes one or two dictionary lookups, however large the table.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence

from .integers import encode_integer
from .strings import encode_string
from .table import (
    FIRST_DYNAMIC_INDEX,
    STATIC_FIELDS,
    STATIC_NAMES,
    DynamicTable,
    FindingBuilder,
)


class Representation(enum.IntEnum):
    """How to write a field (RFC 7541 section 6).

    A field that is in a table is written as an index in any case, unless it must never be indexed:
    such a field stays a literal.
    """

    #: A literal that enters the dynamic table (section 6.2.1).
    WITH_INDEXING = 0
    #: A literal that does not (section 6.2.2).
    WITHOUT_INDEXING = 1
    #: A literal that no intermediary may put into a table either (section 6.2.3).
    NEVER_INDEXED = 2


#: First octet and prefix of a literal, by representation.
_PATTERNS = ((0x40, 6), (0x00, 4), (0x10, 4))
#: Index in the static table -> first octets of a literal with that name, by representation.
_STATIC_NAME_OCTETS = tuple(
    tuple(encode_integer(index, bits, first) for index in range(FIRST_DYNAMIC_INDEX))
    for first, bits in _PATTERNS
)
_WITH_INDEXING = int(Representation.WITH_INDEXING)
_NEVER_INDEXED = int(Representation.NEVER_INDEXED)


def needed_size_updates(current: int, smallest: int, final: int) -> tuple[int, ...]:
    """The size updates with which the next block must begin (RFC 7541 section 4.2).

    In octets: ``current`` is the table's maximum, ``final`` its new limit, and ``smallest`` the
    smallest limit since the last block, these two included.
    """
    if smallest < current and smallest < final:
        return (smallest, final)
    return (final,) if final != current else ()


def encode_block(
    fields: Iterable[tuple[bytes, bytes, Representation]],
    table: DynamicTable,
    *,
    size_updates: Sequence[int] = (),
    huffman: bool = True,
) -> tuple[bytes, DynamicTable]:
    """Encode a field section against ``table``; returns the block and the table after it.

    ``size_updates`` are written first and applied: at most two, the smallest and the final maximum
    size in octets (RFC 7541 section 4.2).  The table is the same object as before if nothing
    changed.  Raises ``ValueError`` for more than two size updates.
    """
    block = bytearray()
    if size_updates:
        if len(size_updates) > 2:
            raise ValueError("at most two size updates (RFC 7541 section 4.2)")
        for maximum in size_updates:
            block += encode_integer(maximum, 5, 0x20)
            table = table.resized(maximum)
    lookup = table.lookup()
    builder: FindingBuilder | None = None
    newest = FIRST_DYNAMIC_INDEX - 1 + lookup.inserted

    for name, value, representation in fields:
        if representation != _NEVER_INDEXED:
            field = (name, value)
            index = STATIC_FIELDS.get(field)
            if index is None:
                number = lookup.fields.get(field)
                if number is not None:
                    index = newest - number
            if index is not None:
                if index < 0x7F:
                    block.append(0x80 | index)
                else:
                    block += encode_integer(index, 7, 0x80)
                continue
        index = STATIC_NAMES.get(name)
        if index is not None:
            block += _STATIC_NAME_OCTETS[representation][index]
        else:
            first, prefix_bits = _PATTERNS[representation]
            number = lookup.names.get(name)
            if number is not None:
                block += encode_integer(newest - number, prefix_bits, first)
            else:
                block.append(first)
                block += encode_string(name, huffman)
        block += encode_string(value, huffman)
        if representation == _WITH_INDEXING:
            if builder is None:
                builder = FindingBuilder(table)
                lookup = builder.lookup
            builder.insert((name, value))
            newest = FIRST_DYNAMIC_INDEX - 1 + lookup.inserted
    return bytes(block), table if builder is None else builder.frozen()
