"""Decoding from the middle of a connection: what is not known is said to be unknown."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpacktools import Deflater, Inflater
from hpacktools.cli import inflate_main
from hpacktools.codec import Field, HPACKError
from hpacktools.schemas import problems
from hpacktools.unknown import UNKNOWN, known_entries, known_maximum
from tests.hpacktools.cli.running import run

names = st.sampled_from([b":path", b"x-a", b"x-b", b"y" * 30])
values = st.sampled_from([b"", b"/", b"x" * 90, b"1", b"2", b"3", b"z" * 1500])
lists = st.lists(st.tuples(names, values), max_size=8)


def agrees(found: Field, sent: Field) -> bool:
    return all(part is UNKNOWN or part == whole for part, whole in zip(found, sent, strict=True))


@given(
    st.lists(lists, max_size=8),
    st.integers(0, 8),
    st.sampled_from([0, 100, 4096, 65_536]),
    st.sampled_from(["linear", "default"]),
)
def test_what_is_known_is_right(
    sections: list[list[Field]], missed: int, size: int, strategy: str
) -> None:
    """Whatever the table was, and whatever settings change behind the beginning."""
    deflater = Deflater(65_536, strategy=strategy)
    inflater = Inflater(from_the_middle=True)
    for number, fields in enumerate(sections):
        if number in (missed - 1, missed + 2):
            deflater.change_table_size(size)
        block = deflater.deflate(fields)
        if number < missed:
            continue
        found = inflater.inflate(block)
        assert len(found) == len(fields)
        assert all(map(agrees, found, fields))
        known = known_entries(inflater.table)
        assert all(map(agrees, known, deflater.table.entries))


@given(st.lists(lists, max_size=6))
def test_from_the_beginning_nothing_is_unknown(sections: list[list[Field]]) -> None:
    deflater = Deflater()
    inflater = Inflater(from_the_middle=True)
    for fields in sections:
        assert inflater.inflate(deflater.deflate(fields)) == fields
    assert not any(UNKNOWN is part for field in known_entries(inflater.table) for part in field)


def test_a_size_update_to_0_ends_all_doubt() -> None:
    inflater = Inflater(from_the_middle=True)
    assert known_maximum(inflater.table) is None
    inflater.inflate(bytes.fromhex("20 3f e1 1f"))
    assert known_maximum(inflater.table) == 4096
    with pytest.raises(HPACKError, match="index 62 is beyond the tables"):
        inflater.inflate(b"\xbe")


def test_what_is_wrong_whatever_came_before_stays_so() -> None:
    with pytest.raises(HPACKError, match="index 0"):
        Inflater(from_the_middle=True).inflate(b"\x80")


def test_settings_change_nothing() -> None:
    inflater = Inflater(from_the_middle=True)
    inflater.change_table_size(0)
    assert inflater.inflate(b"\x82") == [(b":method", b"GET")]


BLOCKS = "82 be\n\nc0 40 01 61 01 62\n\n7f 00 01 63\n\nbe bf c0\n"


def test_as_json() -> None:
    result = run(inflate_main, "--from", "hex", "--from-the-middle", "-d", stdin=BLOCKS)
    assert (result.code, result.err) == (0, "")
    assert problems("inflate-output", json.loads(result.out)) == []
    first, second, third, fourth = result.cases
    assert first["headers"] == [{":method": "GET"}, {"?": "?"}]
    assert first["unknown"] == {"1": ["name", "value"]}
    assert first["header_table"] == {"entries": [], "size": 0}
    assert second["headers"] == [{"?": "?"}, {"a": "b"}]
    assert third["headers"] == [{"?": "c"}]
    assert third["unknown"] == {"0": ["name"]}
    assert third["header_table"]["entries"][0] == {
        "index": 62,
        "name": "?",
        "value": "c",
        "size": 33,
        "unknown": ["name"],
    }
    assert fourth["headers"] == [{"?": "c"}, {"a": "b"}, {"?": "?"}]
    assert fourth["unknown"] == {"0": ["name"], "2": ["name", "value"]}


def test_explained() -> None:
    result = run(inflate_main, "--from", "hex", "--from-the-middle", "--explain", stdin=BLOCKS)
    assert result.code == 0
    assert (
        "(unknown): (unknown)\n         indexed field, index 62 of the dynamic table" in result.out
    )
    assert "inserted at 62, at least 33 octets; table 67 known octets" in result.out
    assert result.out.endswith("table: 2 entries, 67 known octets, maximum unknown\n")


def test_explained_as_json() -> None:
    result = run(
        inflate_main, "--from", "hex", "--from-the-middle", "--explain", "--json", stdin=BLOCKS
    )
    assert result.code == 0
    assert problems("inflate-output", json.loads(result.out)) == []
    (step,) = result.cases[2]["representations"]
    assert step["unknown"] == ["name"]
    assert step["table"] == {"entries": 2, "size": 67}


def test_json_cases_too() -> None:
    cases = json.dumps({"cases": [{"wire": "be", "header_table_size": 0}]})
    assert run(inflate_main, stdin=cases).code == 1
    assert run(inflate_main, "--from-the-middle", stdin=cases).code == 0
