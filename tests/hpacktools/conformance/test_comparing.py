"""What counts in the answer of a command: octets, and text only where it stands for octets."""

from __future__ import annotations

import pytest

from hpacktools.conformance.comparing import same_fields, same_sensitive, same_table
from hpacktools.shapes import JSON, Object

#: ``x-latin: caf\\xe9`` in Latin-1, which is not UTF-8, and a field that is.
FIELDS = ((b"x-latin", b"caf\xe9"), (b"a", b"b"))
OCTETS: Object = {"name": b"x-latin".hex(), "value": b"caf\xe9".hex()}


@pytest.mark.parametrize("text", [{}, {"x-latin": "caf"}, {"anything": "else"}])
def test_text_in_the_place_of_octets_is_not_compared(text: Object) -> None:
    for octets in (OCTETS, {key: str(value).upper() for key, value in OCTETS.items()}):
        result: Object = {"headers": [text, {"a": "b"}], "octets": {"0": dict(octets)}}
        assert same_fields(result, FIELDS) == ""
    # A command that writes text only cannot say it at all.
    assert same_fields({"headers": [text, {"a": "b"}]}, FIELDS) == ""


def test_octets_are_compared() -> None:
    wrong: Object = {"name": "61", "value": "62"}
    result: Object = {"headers": [{}, {"a": "b"}], "octets": {"0": wrong}}
    assert "the octets of field 0 are" in same_fields(result, FIELDS)
    # Octets may be told of fields that are UTF-8 too: they count in the place of the text.
    told: Object = {"0": {**OCTETS}, "1": {"name": "61", "value": "62"}}
    assert same_fields({"headers": [{}, {}], "octets": told}, FIELDS) == ""
    wrongs: list[JSON] = [{"name": "61", "value": "63"}, {"name": "61"}, "6162"]
    for bad in wrongs:
        result = {"headers": [{}, {"a": "b"}], "octets": {"0": OCTETS, "1": bad}}
        assert "the octets of field 1 are" in same_fields(result, FIELDS)


def test_a_command_that_knows_octets_and_leaves_them_out_takes_the_field_for_text() -> None:
    result: Object = {"headers": [{"x-latin": "caf\ufffd!"}, {"a": "b"}], "octets": {}}
    assert same_fields(result, FIELDS).startswith("field 0 is ")


def test_fields_as_pairs_of_digits() -> None:
    pairs: list[JSON] = [[name.hex(), value.hex()] for name, value in FIELDS]
    assert same_fields({"fields": [*pairs]}, FIELDS) == ""
    assert same_fields({"fields": [*pairs[:1]]}, FIELDS) == "1 fields, not 2"
    assert same_fields({"fields": [*pairs, *pairs]}, FIELDS) == "4 fields, not 2"
    assert "field 0 is (b'a', b'b')" in same_fields({"fields": [*reversed(pairs)]}, FIELDS)


def test_never_indexed_fields_need_not_be_told() -> None:
    assert same_sensitive({}, frozenset({1})) == ""
    assert same_sensitive({"sensitive": [1]}, frozenset({1})) == ""
    assert "never-indexed fields are [0]" in same_sensitive({"sensitive": [0]}, frozenset({1}))
    assert "never-indexed fields are {}" in same_sensitive({"sensitive": {}}, frozenset())


def test_the_text_of_table_entries_counts_like_that_of_fields() -> None:
    entry: Object = {
        "index": 62,
        "name": "x-latin",
        "value": "caf\ufffd",
        "value_hex": b"caf\xe9".hex(),
        "size": 43,
    }
    wanted: Object = {"entries": [entry], "size": 43, "max_size": 4096}

    def check(**members: str) -> str:
        found = {key: value for key, value in entry.items() if key not in ("value", "value_hex")}
        table: Object = {"entries": [{**found, **members}], "size": 43, "max_size": 4096}
        return same_table({"header_table": table}, wanted)

    assert check(value="caf", value_hex=b"caf\xe9".hex()) == ""
    assert check(value_hex=b"caf\xe9".hex(), name_hex=b"x-latin".hex()) == ""
    assert check(value="anything") == ""
    assert check(value="caf\ufffd", value_hex=b"cafe".hex()) != ""
    assert check(value_hex=b"caf\xe9".hex(), name_hex=b"x-other".hex()) != ""
    assert check(name="x-other") != ""
