"""JSON in and out."""

from __future__ import annotations

import json
from typing import Any, ClassVar, SupportsIndex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpacktools.codec import DynamicTable
from hpacktools.jsonforms import (
    fields_from_json,
    fields_to_json,
    find_repeated,
    parse,
    parse_all,
    pretty,
    table_to_json,
)
from hpacktools.shapes import is_headers
from tests.support.stories import entries_of

octets = st.one_of(st.binary(max_size=8), st.text(max_size=5).map(str.encode))


@given(st.lists(st.tuples(octets, octets), max_size=6))
def test_any_fields_survive(fields: list[tuple[bytes, bytes]]) -> None:
    headers, binary = fields_to_json(fields)
    text = pretty({"headers": headers, "octets": binary})
    document: Any = parse(text.encode().decode())
    assert is_headers(document["headers"])
    assert list(fields_from_json(document["headers"], document["octets"], "$")) == fields


def test_form_of_fields_that_are_not_utf8() -> None:
    headers, binary = fields_to_json([(b"a", b"b"), (b"x", b"caf\xe9")])
    assert headers == [{"a": "b"}, {"x": "caf\N{REPLACEMENT CHARACTER}"}]
    assert binary == {"1": {"name": "78", "value": "636166e9"}}


def test_nul_is_kept() -> None:
    headers, binary = fields_to_json([(b"a\0b", b"\0")])
    assert headers == [{"a\0b": "\0"}]
    assert binary == {}
    assert json.loads(pretty(headers)) == headers


@given(st.lists(st.tuples(octets, octets), max_size=6))
def test_any_table_survives(entries: list[tuple[bytes, bytes]]) -> None:
    table = DynamicTable(entries)
    dump = table_to_json(table)
    assert entries_of(dump) == table.entries
    assert dump["size"] == table.size


def test_pretty_like_jansson() -> None:
    document: Any = {
        "seq": 0,
        "percentage": 34.666666666666671,
        "half": 50.0,
        "none": None,
        "yes": True,
        "headers": [{"a": 'é\n"'}],
        "empty": [],
        "object": {},
    }
    assert pretty(document) == (
        '{\n  "seq": 0,\n  "percentage": 34.666666666666671,\n  "half": 50.0,\n'
        '  "none": null,\n  "yes": true,\n  "headers": [\n    {\n'
        '      "a": "é\\n\\""\n    }\n  ],\n  "empty": [],\n  "object": {}\n}'
    )


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(json_values)
def test_pretty_is_json(value: Any) -> None:
    assert json.loads(pretty(value)) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "line 1 column 1"),
        ("{", "line 1 column 2"),
        ("\n {]", "line 2 column 3"),
        ("{}\n x", "extra data after the JSON document: line 2 column 2"),
        ("NaN", "NaN is not JSON"),
        ('{"a": Infinity}', "Infinity is not JSON"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_not_json(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse(text)


def test_lines_are_counted_from_the_first() -> None:
    for text in ("[1,\n}", "{}\n}"):
        with pytest.raises(ValueError, match=r"line 11 column 1$"):
            parse(text, first_line=10)


def test_a_member_that_comes_twice_is_found() -> None:
    document = parse('{"a": [0, {"b": 1, "c": {}, "c": 2, "b": 3}]}')
    error = find_repeated(document, "$")
    assert str(error) == "$.a[1]: has the member 'b' twice"
    assert find_repeated(parse('{"a": [{"b": 1}, 2]}'), "$") is None


def test_documents_in_a_row() -> None:
    assert parse_all(' {"a": 1}\n{} [2]\n ') == [{"a": 1}, {}, [2]]
    with pytest.raises(ValueError, match="Expecting value"):
        parse_all(" ")


class _Counted(str):
    """Counts the characters that are copied out of it, and of all others."""

    __slots__ = ()
    copied: ClassVar[int] = 0

    def __getitem__(self, key: SupportsIndex | slice) -> str:
        part = super().__getitem__(key)
        _Counted.copied += len(part)
        return part


def test_the_rest_is_not_copied_for_each_document() -> None:
    text = _Counted('{"a": 1}\n ' * 1000)
    assert len(parse_all(text)) == 1000
    assert parse(_Counted(" {}" + " " * 1000)) == {}
    assert _Counted.copied <= len(text)
