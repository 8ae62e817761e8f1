"""Strings that are remembered: nothing decodes to anything else for it, and no secret is kept.

Strategy: blocks of an encoder that is not ours, whole, cut short and damaged, are decoded with a
memory that is warm and without one.
"""

from __future__ import annotations

import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpacktools.codec import EMPTY_TABLE, HPACKError, StringMemory, decode_block

SECRET = frozenset((b"cookie", b"authorization"))

names = st.sampled_from([b"user-agent", b"accept", b"x-a", b"cookie", b"authorization"])
values = st.one_of(st.sampled_from([b"gzip, deflate, br", b"a" * 200, b""]), st.binary(max_size=40))
sections = st.lists(st.tuples(names, values), max_size=8)


def outcome(block: bytes, strings: StringMemory | None) -> tuple[object, ...]:
    try:
        decoded = decode_block(block, EMPTY_TABLE, strings=strings)
    except HPACKError as error:
        return type(error), str(error)
    return decoded.fields, decoded.never_indexed, decoded.table


@given(sections, st.data())
def test_a_memory_changes_nothing(fields: list[tuple[bytes, bytes]], data: st.DataObject) -> None:
    strings = StringMemory(SECRET, most=4)
    block = bytes(hpack.Encoder().encode(fields))
    for _ in range(2):
        assert outcome(block, strings) == outcome(block, None)
    cut = block[: data.draw(st.integers(0, len(block)))]
    assert outcome(cut, strings) == outcome(cut, None)
    damaged = bytearray(block)
    if damaged:
        damaged[data.draw(st.integers(0, len(block) - 1))] ^= data.draw(st.integers(1, 255))
    assert outcome(bytes(damaged), strings) == outcome(bytes(damaged), None)


@pytest.mark.parametrize("name", sorted(SECRET))
def test_values_of_secret_fields_are_not_remembered(name: bytes) -> None:
    strings = StringMemory(SECRET)
    decode_block(
        bytes(hpack.Encoder().encode([(name, b"hush hush hush")])), EMPTY_TABLE, strings=strings
    )
    assert len(strings) == 0


def test_never_indexed_values_are_not_remembered() -> None:
    strings = StringMemory()
    field = hpack.NeverIndexedHeaderTuple(b"accept", b"hush hush hush")
    block = bytes(hpack.Encoder().encode([field]))
    assert block[0] & 0xF0 == 0x10
    decode_block(block, EMPTY_TABLE, strings=strings)
    assert len(strings) == 0


def test_the_number_of_strings_is_bounded() -> None:
    strings = StringMemory(most=10)
    for number in range(100):
        block = bytes(hpack.Encoder().encode([(b"accept", b"value %d" % number)]))
        assert (
            decode_block(block, EMPTY_TABLE, strings=strings).fields[0][1] == b"value %d" % number
        )
        assert len(strings) <= 10


def test_long_strings_are_not_remembered() -> None:
    strings = StringMemory()
    block = bytes(hpack.Encoder().encode([(b"accept", b"a" * 1000)]))
    assert decode_block(block, EMPTY_TABLE, strings=strings).fields == ((b"accept", b"a" * 1000),)
    assert len(strings) == 0
