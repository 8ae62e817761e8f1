"""Explained blocks."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpacktools import explain
from hpacktools.codec import EMPTY_TABLE, DynamicTable, HPACKError, decode_block
from hpacktools.explanation import Kind, explanation_to_json
from hpacktools.explanation_text import Renderer, escape
from tests.support.stories import load, settings_before, vectors

AB = (b"a", b"b")


def agrees(block: bytes, table: DynamicTable, allowed: int, required: int | None) -> None:
    explanation = explain(block, table, allowed=allowed, required=required)
    try:
        decoded = decode_block(block, table, allowed=allowed, required=required)
    except HPACKError as error:
        assert explanation.error is not None
        assert str(explanation.error) == str(error)  # noqa: PT017  # both are checked
        return
    assert explanation.error is None
    assert explanation.table == decoded.table
    fields = [step.field for step in explanation.steps if step.field is not None]
    assert tuple(fields) == decoded.fields
    assert b"".join(step.octets for step in explanation.steps) == block


@given(st.binary(max_size=60), st.sampled_from([None, 0, 100]))
def test_agrees_with_the_decoder(block: bytes, required: int | None) -> None:
    agrees(block, EMPTY_TABLE.inserted(*AB).inserted(b"x" * 9, b"y"), 4096, required)


@pytest.mark.parametrize(
    "path",
    [*vectors("rfc7541"), *vectors("malformed"), *vectors("unusual")],
    ids=lambda path: path.stem,
)
def test_agrees_about_the_vectors(path: Path) -> None:
    from hpacktools import Inflater

    inflater = Inflater()
    for case in load(path)["cases"]:
        for size in settings_before(case):
            inflater.change_table_size(size)
        block = bytes.fromhex(case["wire"])
        agrees(block, inflater.table, inflater.allowed, inflater.required)
        if case["expect"]["result"] == "accept":
            inflater.inflate(block)


def test_kinds() -> None:
    table = EMPTY_TABLE.inserted(*AB)
    block = bytes.fromhex("3f45 82 be 40016301 64 0f2f8163 1008 70617373776f7264 83dd7acf")
    steps = explain(block, table).steps
    assert [step.kind for step in steps] == [
        Kind.SIZE_UPDATE,
        Kind.INDEXED,
        Kind.INDEXED,
        Kind.WITH_INDEXING,
        Kind.WITHOUT_INDEXING,
        Kind.NEVER_INDEXED,
    ]
    assert [step.index for step in steps] == [None, 2, 62, None, 62, None]
    assert [step.offset for step in steps] == [0, 2, 3, 4, 9, 13]
    assert steps[0].maximum == 100
    assert steps[3].inserted
    assert (steps[4].name_huffman, steps[4].value_huffman) == (None, True)
    assert steps[5].name_huffman is False


def test_evictions_are_named_oldest_first() -> None:
    table = DynamicTable([(b"new", b""), (b"old", b"")], 70)
    (step,) = explain(b"\x40\x01c" + b"\x20" + b"v" * 32, table).steps
    assert step.evicted == ((b"old", b""), (b"new", b""))
    assert step.inserted
    (step,) = explain(b"\x20", table).steps
    assert step.evicted == ((b"old", b""), (b"new", b""))
    (step,) = explain(b"\x40\x01c\x30" + b"v" * 48, table).steps
    assert not step.inserted
    assert step.table.entries == ()


def test_json() -> None:
    table = DynamicTable([AB], 34)
    document = explanation_to_json(explain(bytes.fromhex("be400163816380"), table))
    assert document == {
        "representations": [
            {
                "offset": 0,
                "octets": "be",
                "kind": "indexed field",
                "index": 62,
                "from": "dynamic",
                "name": "a",
                "value": "b",
                "table": {"entries": 1, "size": 34, "max_size": 34},
            },
            {
                "offset": 1,
                "octets": "4001638163",
                "kind": "literal with indexing",
                "name": "c",
                "value": "/",
                "name_huffman": False,
                "value_huffman": True,
                "inserted": True,
                "evicted": [{"name": "a", "value": "b"}],
                "table": {"entries": 1, "size": 34, "max_size": 34},
            },
        ],
        "error": {
            "message": "an indexed field with index 0",
            "section": "RFC 7541 section 6.1",
            "offset": 6,
        },
    }


GOLDEN = """\
case 3 19 octets
      0  20
         size update: the table holds at most 0 octets
         evicted a: b; table 0 of 0 octets
      1  3f 45
         size update: the table holds at most 100 octets
      3  40 01 63 02 0a 1b
         c: \\x0a\\x1b
         literal with indexing, name plain, value plain
         inserted at 62, 35 octets; table 35 of 100 octets
      9  10 01 78 81 1f
         x: a
         literal never indexed, name plain, value Huffman
     14  be
         c: \\x0a\\x1b
         indexed field, index 62 of the dynamic table
     15  04 03 2f 61
         error: a string of 3 octets reaches beyond the end of the block
                RFC 7541 section 5.2, octet 16
         table: 1 entry, 35 of 100 octets
"""


def test_text() -> None:
    block = bytes.fromhex("203f45 400163020a1b 100178811f be 04032f61")
    explanation = explain(block, EMPTY_TABLE.inserted(*AB))
    text = Renderer(colour=False).render("case 3", explanation)
    assert text == GOLDEN
    coloured = Renderer(colour=True).render("case 3", explanation)
    assert "\x1b[1;31m" in coloured
    assert coloured.count("\x1b[0m") > 10


def test_long_representations_are_cut() -> None:
    text = Renderer(colour=False).render(
        "x", explain(b"\x00\x01a\x7f\xe9\x06" + b"v" * 1000, EMPTY_TABLE)
    )
    assert "… 942 more" in text
    assert "… (1000 octets)" in text


def test_no_control_characters_reach_the_terminal() -> None:
    assert escape(bytes(range(256))).isprintable()
    assert escape(b"a\\b\x00") == "a\\x5cb\\x00"
