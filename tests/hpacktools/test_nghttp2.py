"""Beside nghttp2: its decoder reads what our encoder writes, and judges as ours does."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hpacktools
from hpacktools import load_story
from hpacktools.best import plan_cases
from hpacktools.codec import EMPTY_TABLE, HPACKError, decode_block
from tests.support.libnghttp2 import Deflater, Inflater, RefusedError, require_library
from tests.support.stories import (
    entries_of,
    fields_of,
    load,
    require_corpus,
    settings_before,
    vectors,
)

#: What nghttp2 accepts though it must be refused, as of 1.52: any number of size updates.
ACCEPTED = {"n16_three", "n16_hundred"}


@pytest.mark.parametrize(
    "path",
    [*vectors("rfc7541"), *vectors("unusual"), *vectors("malformed")],
    ids=lambda path: path.stem,
)
def test_vectors(path: Path) -> None:
    """An independent decoder confirms what the vectors expect."""
    inflater = Inflater()
    for case in load(path)["cases"]:
        for size in settings_before(case):
            inflater.change_table_size(size)
        block = bytes.fromhex(case["wire"])
        expected = case["expect"]
        if expected["result"] == "refuse" and path.stem not in ACCEPTED:
            with pytest.raises(RefusedError):
                inflater.inflate(block)
            return
        fields = inflater.inflate(block)
        if expected["result"] == "refuse":
            return
        assert tuple(field[:2] for field in fields) == fields_of(case)
        never = [position for position, field in enumerate(fields) if field[2]]
        assert never == case.get("sensitive", [])
        table = expected["header_table"]
        assert inflater.table() == (entries_of(table), table["max_size"])


opcodes = st.sampled_from([0x82, 0xBE, 0xBF, 0x40, 0x7E, 0x00, 0x10, 0x1F, 0x0F, 0x3F, 0x81])


@given(st.lists(st.one_of(opcodes, st.integers(0, 3), st.integers(0, 255)), max_size=40))
def test_agree_about_any_octets(octets: list[int]) -> None:
    block = bytes(octets)
    inflater = Inflater()
    try:
        theirs = inflater.inflate(block)
    except RefusedError:
        with pytest.raises(HPACKError):
            decode_block(block, EMPTY_TABLE)
        return
    try:
        ours = decode_block(block, EMPTY_TABLE)
    except HPACKError as raised:
        reason = raised.reason
    else:
        assert ours.fields == tuple(field[:2] for field in theirs)
        assert inflater.table() == (ours.table.entries, ours.table.maximum)
        return
    assert reason == "more than 2 dynamic table size updates"


@pytest.mark.parametrize("number", [0, 2, 20, 24, 29])
def test_reads_what_best_writes(number: int) -> None:
    story = load_story(require_corpus() / "raw-data" / f"story_{number:02}.json")
    deflater = hpacktools.Deflater()
    inflater = Inflater()
    for case, plan in zip(story.cases, plan_cases(story.cases), strict=True):
        assert case.fields is not None
        block = deflater.deflate_planned(case.fields, plan)
        assert tuple(field[:2] for field in inflater.inflate(block)) == case.fields
        assert inflater.table() == (deflater.table.entries, deflater.table.maximum)


def test_the_strategy_nghttp2_is_its_policy_to_the_octet() -> None:
    """Over every raw story of the corpus."""
    require_library()
    total = 0
    for path in sorted((require_corpus() / "raw-data").glob("*.json")):
        ours, theirs = hpacktools.Deflater(strategy="nghttp2"), Deflater()
        for case in load_story(path).cases:
            assert case.fields is not None
            block = ours.deflate(case.fields)
            assert block == theirs.deflate(case.fields), (path, case.number)
            total += len(block)
    assert total == 358_782


@pytest.mark.parametrize(
    ("limit", "sizes"), [(4096, [100]), (4096, [0]), (8192, [8192]), (4096, [100, 4096])]
)
def test_size_updates_are_those_of_nghttp2(limit: int, sizes: list[int]) -> None:
    ours, theirs = hpacktools.Deflater(limit, strategy="nghttp2"), Deflater(limit)
    for size in sizes:
        ours.change_table_size(size)
        theirs.change_table_size(size)
    fields = [(b":method", b"GET"), (b"x", b"y")]
    assert ours.deflate(fields) == theirs.deflate(fields)
