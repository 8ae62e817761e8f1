"""RFC 7541 sections 2.3 and 4: the tables."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpacktools.codec import EMPTY_TABLE, STATIC_TABLE, DynamicTable, entry_size
from hpacktools.codec.table import STATIC_FIELDS, STATIC_NAMES

AB = (b"a", b"b")
CD = (b"c", b"d")


def test_static_table() -> None:
    assert len(STATIC_TABLE) == 62
    assert STATIC_TABLE[1] == (b":authority", b"")
    assert STATIC_TABLE[16] == (b"accept-encoding", b"gzip, deflate")
    assert STATIC_TABLE[61] == (b"www-authenticate", b"")
    assert len(STATIC_FIELDS) == 61
    assert STATIC_NAMES[b":status"] == 8
    assert b"" not in STATIC_NAMES


def test_insertion_gives_another_table() -> None:
    one = EMPTY_TABLE.inserted(*AB)
    two = one.inserted(*CD)
    assert EMPTY_TABLE.entries == ()
    assert one.entries == (AB,)
    assert two.entries == (CD, AB)
    assert (two.size, two.maximum) == (68, 4096)


def test_entry_too_large_empties_the_table() -> None:
    table = DynamicTable([AB], 40)
    assert table.inserted(b"name", b"value").entries == ()
    assert table.inserted(b"name", b"valu").entries == ((b"name", b"valu"),)


def test_resize_evicts_the_oldest() -> None:
    table = DynamicTable([CD, AB])
    assert table.resized(4096) is table
    assert table.resized(68).entries == (CD, AB)
    assert table.resized(67).entries == (CD,)
    assert table.resized(0).entries == ()
    assert table.resized(0).resized(4096) == EMPTY_TABLE


def test_equal_by_content() -> None:
    table = EMPTY_TABLE.inserted(*AB)
    same = DynamicTable([AB])
    assert table == same
    assert hash(table) == hash(same)
    assert table != table.resized(100)
    assert table != EMPTY_TABLE.inserted(*CD)
    assert table != (AB,)
    assert repr(same) == "DynamicTable(((b'a', b'b'),), 4096)"


def test_entries_must_fit() -> None:
    with pytest.raises(ValueError, match="34 octets do not fit into 33"):
        DynamicTable([AB], 33)


names = st.sampled_from([b"a", b"bb", b"ccc"])
values = st.sampled_from([b"", b"1", b"22", b"x" * 40, b"y" * 200])
steps = st.lists(st.one_of(st.tuples(names, values), st.integers(0, 300)), max_size=60)


@given(steps)
def test_like_a_simple_model(changes: list[tuple[bytes, bytes] | int]) -> None:
    table = EMPTY_TABLE.resized(200)
    model: list[tuple[bytes, bytes]] = []
    maximum = 200
    for change in changes:
        if isinstance(change, int):
            maximum = change
            table = table.resized(change)
        else:
            table = table.inserted(*change)
            model.insert(0, change)
        while sum(map(entry_size, model)) > maximum:
            model.pop()
        assert table == DynamicTable(model, maximum)
        assert table.size == sum(map(entry_size, model))
