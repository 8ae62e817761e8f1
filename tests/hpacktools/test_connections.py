"""Deflater and Inflater, what HDDeflater and HDInflater were; strategies."""

from __future__ import annotations

import doctest
from typing import Any, Final

import hpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

import hpacktools.deflate
import hpacktools.inflate
from hpacktools import Deflater, Inflater, explain
from hpacktools.codec import Field, HPACKError, Representation
from hpacktools.deflate import story_deflater
from hpacktools.stories import Case
from hpacktools.strategies import (
    REMEMBERED_FIELDS,
    REMEMBERED_NAMES,
    STRATEGIES,
    STRATEGY_NAMES,
    adaptive,
    nghttp2,
)

WITH = Representation.WITH_INDEXING
WITHOUT = Representation.WITHOUT_INDEXING
SINGLE = [*STRATEGIES, "naive"]

names = st.one_of(st.sampled_from([b":path", b"cookie", b"x-a", b"date"]), st.binary(max_size=9))
values = st.one_of(st.sampled_from([b"", b"/", b"x" * 90]), st.binary(max_size=30))
lists = st.lists(st.tuples(names, values), max_size=12)


@pytest.mark.parametrize("module", [hpacktools.deflate, hpacktools.inflate])
def test_examples(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]  # it is a module


@given(
    st.lists(st.tuples(lists, st.sampled_from([None, 0, 100, 4096])), max_size=5),
    st.sampled_from(SINGLE),
    st.booleans(),
    st.sampled_from([0, 64, 4096]),
)
def test_any_header_lists_round_trip(
    blocks: list[tuple[list[tuple[bytes, bytes]], int | None]],
    strategy: str,
    huffman: bool,
    table_size: int,
) -> None:
    deflater = Deflater(table_size, strategy=strategy, huffman=huffman)
    inflater = Inflater()
    independent = hpack.Decoder(max_header_list_size=2**30)
    for headers, size in blocks:
        if size is not None:
            deflater.change_table_size(size)
            inflater.change_table_size(size)
            independent.max_allowed_table_size = size
        sensitive = {position for position in range(len(headers)) if position % 3 == 0}
        block = deflater.deflate(headers, sensitive)
        assert inflater.inflate(block) == headers
        assert inflater.table == deflater.table
        assert inflater.never_indexed == deflater.never_indexed
        assert sensitive <= set(inflater.never_indexed)
        assert [tuple(field) for field in independent.decode(block, raw=True)] == headers


def test_errors_are_typed() -> None:
    inflater = Inflater()
    with pytest.raises(HPACKError):
        inflater.inflate(b"\x80")
    with pytest.raises(HPACKError, match="earlier block"):
        inflater.inflate(b"\x82")


def test_settings_of_the_inflater() -> None:
    inflater = Inflater()
    assert (inflater.allowed, inflater.required) == (4096, None)
    inflater.change_table_size(100)
    assert (inflater.allowed, inflater.required) == (100, 100)


@pytest.mark.parametrize("strategy", ["best", "x"])
def test_unknown_strategy(strategy: str) -> None:
    with pytest.raises(ValueError, match="cannot encode single"):
        Deflater(strategy=strategy)


@pytest.mark.parametrize(
    ("strategy", "wire"),
    [
        # :method GET is static; host has a static name; x has none.
        ("linear", "82 660161 40017801 79 be"),
        ("nghttp2", "82 660161 40017801 79 be"),
        ("default", "82 660161 40017801 79 be"),
        ("static", "82 0f170161 0001780179 0001780179"),
        ("naive", "0085b9495339e403474554 00839ce84f0161 0001780179 0001780179"),
    ],
)
def test_golden(strategy: str, wire: str) -> None:
    headers = [(b":method", b"GET"), (b"host", b"a"), (b"x", b"y"), (b"x", b"y")]
    block = Deflater(strategy=strategy).deflate(headers)
    assert block == bytes.fromhex(wire)
    assert Inflater().inflate(block) == headers


class TestNghttp2:
    choose = staticmethod(nghttp2())

    @pytest.mark.parametrize(
        ("name", "value", "representation"),
        [
            (b"x", b"y", WITH),
            (b":path", b"/", WITHOUT),
            (b"age", b"1", WITHOUT),
            (b"content-length", b"1", WITHOUT),
            (b"etag", b"1", WITHOUT),
            (b"if-modified-since", b"1", WITHOUT),
            (b"if-none-match", b"1", WITHOUT),
            (b"location", b"1", WITHOUT),
            (b"set-cookie", b"1", WITHOUT),
            (b"cookie", b"1" * 20, WITH),
            (b"x", b"y" * (3072 - 33), WITH),
            (b"x", b"y" * (3072 - 32), WITHOUT),
        ],
    )
    def test_policy(self, name: bytes, value: bytes, representation: Representation) -> None:
        assert self.choose(name, value, 4096, 0) is representation


class TestDefault:
    def test_what_came_before_is_indexed(self) -> None:
        choose = adaptive()
        for number in range(20):
            choose(b"etag", b"%d" % number, 4096, 4096)
        assert choose(b"etag", b"new", 4096, 4096) is WITHOUT
        assert choose(b"etag", b"new", 4096, 4096) is WITH

    def test_a_name_is_trusted_at_first_and_again_when_its_values_return(self) -> None:
        choose = adaptive()
        assert choose(b"x", b"1", 4096, 4096) is WITH
        for number in range(20):
            choose(b"x", b"%d" % number, 4096, 4096)
        for _ in range(20):
            choose(b"x", b"same", 4096, 4096)
        assert choose(b"x", b"other", 4096, 4096) is WITH

    def test_whatever_comes_is_indexed_while_it_fills_half_the_table_at_most(self) -> None:
        choose = adaptive()
        for number in range(20):
            choose(b"etag", b"%d" % number, 4096, 4096)
        size = 32 + len(b"etag") + len(b"new-1")
        assert choose(b"etag", b"new-1", 4096, 2048 - size) is WITH
        assert choose(b"etag", b"new-2", 4096, 2048 - size + 1) is WITHOUT

    def test_large_entries(self) -> None:
        assert adaptive()(b"x", b"y" * 50, 100, 0) is WITHOUT

    def test_memory_is_bounded(self) -> None:
        choose = adaptive()
        for number in range(5 * (REMEMBERED_FIELDS + REMEMBERED_NAMES)):
            choose(b"%d" % number, b"", 4096, 0)
        seen, shares = (cell.cell_contents for cell in choose.__closure__ or ())
        assert (len(seen), len(shares)) == (REMEMBERED_FIELDS, REMEMBERED_NAMES)


class TestSizeThatStrategiesSee:
    """The table's size while a block is decided, as the strategy is told."""

    def sizes(self, deflater: Deflater, fields: list[Field]) -> list[int]:
        told = []

        def choose(name: bytes, value: bytes, maximum: int, size: int) -> Representation:
            told.append(size)
            return WITH if name != b"not" else WITHOUT

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(deflater, "_choose", choose)
            deflater.deflate(fields)
        return told

    def test_grows_by_what_is_inserted(self) -> None:
        deflater = Deflater()
        fields = [(b"a", b"b"), (b"a", b"b"), (b"not", b""), (b":method", b"GET"), (b"c", b"d")]
        assert self.sizes(deflater, fields) == [0, 34, 34, 34, 34]
        assert deflater.table.size == 68
        assert self.sizes(deflater, fields) == [68] * 5

    def test_after_an_overflow_the_table_counts_as_full(self) -> None:
        deflater = Deflater()
        deflater.change_table_size(100)
        fields = [(b"%d" % number, b"") for number in range(5)]
        assert self.sizes(deflater, fields) == [0, 33, 66, 99, 100]
        assert self.sizes(deflater, [(b"x", b"")]) == [99]

    def test_pending_size_updates_come_first(self) -> None:
        deflater = Deflater()
        self.sizes(deflater, [(b"a", b""), (b"b", b"")])
        deflater.change_table_size(40)
        assert self.sizes(deflater, [(b"b", b"")]) == [33]


class TestCredentials:
    """RFC 7541 7.1.3: those that nobody listed, with every strategy."""

    FIELDS: Final = (
        (b":method", b"GET"),
        (b"authorization", b"Bearer abcdefghijklm"),
        (b"proxy-authorization", b"Basic abc"),
        (b"cookie", b"1" * 19),
        (b"cookie", b"1" * 20),
        (b"Authorization", b"from HTTP/1 text"),
    )

    @pytest.mark.parametrize("strategy", STRATEGY_NAMES)
    def test_are_never_indexed(self, strategy: str) -> None:
        expected = [1, 3] if strategy == "nghttp2" else [1, 2, 3, 5]
        case = Case(
            number=0,
            fields=self.FIELDS,
            sensitive=frozenset({0}),
            wire=None,
            table_sizes=(),
            document={},
        )
        deflater = story_deflater([case, case], strategy=strategy)
        inflater = Inflater()
        for _ in range(2):
            block = deflater.deflate(self.FIELDS, {0})
            assert inflater.inflate(block) == list(self.FIELDS)
            assert inflater.never_indexed == deflater.never_indexed == (0, *expected)
        secrets = {self.FIELDS[position] for position in (0, *expected)}
        assert secrets.isdisjoint(inflater.table.entries)


@pytest.mark.parametrize("size", [-1, 2**32])
def test_what_is_no_table_size_is_refused_at_once(size: int) -> None:
    for use in (Deflater().change_table_size, Inflater().change_table_size, Deflater):
        with pytest.raises(ValueError, match="a table size must be from 0 to 4294967295 octets"):
            use(size)


def test_text_is_no_octets() -> None:
    deflater = Deflater(strategy="linear")
    fields: Any = [(b"a", b"b"), ("x-token", "secret")]
    with pytest.raises(TypeError, match="field 1: name and value must be bytes"):
        deflater.deflate(fields)
    assert deflater.table.entries == ()
    text: Any = "82"
    with pytest.raises(TypeError):
        Inflater().inflate(text)
    with pytest.raises(TypeError, match="a block must be bytes, not str"):
        explain(text)


@pytest.mark.parametrize("sensitive", [{1}, {-1}, {0, 5}, {b"a"}])
def test_a_sensitive_field_that_is_not_there(sensitive: Any) -> None:
    """It would go into the table without a word."""
    with pytest.raises(ValueError, match="sensitive positions "):
        Deflater().deflate([(b"a", b"b")], sensitive)


def test_a_block_in_a_buffer() -> None:
    """What is done to the buffer afterwards does not matter."""
    buffer = bytearray.fromhex("4001610162")
    inflater = Inflater()
    inflater.inflate(buffer)
    buffer[:] = bytes(len(buffer))
    assert inflater.table.entries == ((b"a", b"b"),)
    assert inflater.inflate(memoryview(b"\xbe")) == [(b"a", b"b")]
