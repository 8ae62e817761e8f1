"""Indices while a block inserts and evicts (RFC 7541 sections 2.3.3 and 4.4), beside a plain list.

Strategy: indices move with every insertion, and those up to 126 take one octet; so tables are small
and large, and each step of a block may refer to any entry: one from before the block, one that the
block inserted, or the first that does not exist.
"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpacktools.codec import (
    FIRST_DYNAMIC_INDEX,
    STATIC_TABLE,
    BlockError,
    DecodeLimits,
    DynamicTable,
    Field,
    FieldLimitError,
    decode_block,
    encode_integer,
    entry_size,
)

MAXIMUMS = (0, 40, 150, 4096, 2**20)


class Model:
    """The two tables as one list, and a block for which it says what it means."""

    def __init__(self, table: DynamicTable) -> None:
        self.entries = list(table.entries)
        self.maximum = table.maximum
        self.block = bytearray()
        self.fields: list[Field] = []

    @property
    def last_index(self) -> int:
        return FIRST_DYNAMIC_INDEX - 1 + len(self.entries)

    def at(self, index: int) -> Field:
        if index < FIRST_DYNAMIC_INDEX:
            return STATIC_TABLE[index]
        return self.entries[index - FIRST_DYNAMIC_INDEX]

    def refer(self, index: int) -> None:
        self.block += encode_integer(index, 7, 0x80)
        self.fields.append(self.at(index))

    def literal(self, index: int, value: bytes, *, insert: bool) -> None:
        """With the name of ``index``, or a name of its own if that is 0."""
        name = self.at(index)[0] if index else b"own"
        self.block += encode_integer(index, 6, 0x40) if insert else encode_integer(index, 4, 0x00)
        for string in (value,) if index else (name, value):
            self.block += encode_integer(len(string), 7) + string
        self.fields.append((name, value))
        if insert:
            self.entries.insert(0, (name, value))
            while sum(map(entry_size, self.entries)) > self.maximum:
                self.entries.pop()


def table_of(count: int, maximum: int) -> DynamicTable:
    table = DynamicTable((), maximum)
    for number in range(count):
        table = table.inserted(b"n%d" % number, b"v" * (number % 7))
    return table


tables = st.builds(table_of, st.integers(0, 140), st.sampled_from(MAXIMUMS))
#: What a step does, where it points (a share of all indices, the newest at 0), and a value.
steps = st.tuples(
    st.sampled_from(["refer", "insert", "insert", "literal"]),
    st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1)),
    st.binary(max_size=30),
)


@given(tables, st.lists(steps, max_size=30), st.booleans())
def test_like_a_plain_list(
    table: DynamicTable, changes: list[tuple[str, float, bytes]], dynamic: bool
) -> None:
    model = Model(table)
    for kind, share, value in changes:
        lowest = FIRST_DYNAMIC_INDEX if dynamic else 1
        index = lowest + round(share * (model.last_index - lowest))
        if kind == "refer":
            if index <= model.last_index:
                model.refer(index)
        else:
            known = index if index <= model.last_index and share != 0 else 0
            model.literal(known, value, insert=kind == "insert")
    block = bytes(model.block)
    decoded = decode_block(block, table)
    assert decoded.fields == tuple(model.fields)
    assert decoded.table == DynamicTable(model.entries, table.maximum)
    assert decoded.table.size == sum(map(entry_size, model.entries))
    assert decoded.list_size == sum(map(entry_size, model.fields))
    beyond = model.last_index + 1
    for first, bits in ((0x80, 7), (0x40, 6), (0x00, 4), (0x10, 4)):
        with pytest.raises(BlockError, match=f"index {beyond} is beyond the tables") as raised:
            decode_block(block + encode_integer(beyond, bits, first) + b"\x01v", table)
        assert raised.value.offset == len(block)
    with pytest.raises(BlockError, match="index 0"):
        decode_block(block + b"\x80", table)


@pytest.mark.parametrize("count", [63, 64, 65, 66, 67, 130])
def test_every_index_at_the_end_of_one_octet(count: int) -> None:
    table = table_of(count, 2**20)
    for inserted in range(4):
        model = Model(table)
        for number in range(inserted):
            model.literal(0, b"%d" % number, insert=True)
        for index in range(1, model.last_index + 1):
            model.refer(index)
        decoded = decode_block(bytes(model.block), table)
        assert decoded.fields == tuple(model.fields)


@given(tables, st.lists(st.floats(0, 1), max_size=12), st.data())
def test_limits_count_every_field(
    table: DynamicTable, shares: list[float], data: st.DataObject
) -> None:
    model = Model(table)
    starts = []
    for share in shares:
        starts.append(len(model.block))
        model.refer(1 + round(share * (model.last_index - 1)))
    size = sum(map(entry_size, model.fields))
    limits = DecodeLimits(
        soft_fields=data.draw(st.integers(0, 13)),
        soft_list_size=data.draw(st.integers(0, size + 1)),
    )
    limits.hard_fields = limits.soft_fields + data.draw(st.integers(0, 6))
    limits.hard_list_size = limits.soft_list_size + data.draw(st.integers(0, size))
    block = bytes(model.block)
    kept = total = 0
    for number, field in enumerate(model.fields):
        total += entry_size(field)
        if total > limits.hard_list_size or number + 1 > limits.hard_fields:
            with pytest.raises(FieldLimitError) as raised:
                decode_block(block, table, limits=limits)
            assert raised.value.offset == starts[number]
            return
        if total <= limits.soft_list_size and number + 1 <= limits.soft_fields:
            kept += 1
    decoded = decode_block(block, table, limits=limits)
    assert decoded.fields == tuple(model.fields[:kept])
    assert decoded.truncated == (kept < len(model.fields))
    assert (decoded.field_count, decoded.list_size) == (len(model.fields), size)
