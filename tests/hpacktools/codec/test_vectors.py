"""The stories in hpack-test-case/: RFC 7541 Appendix C, what must be refused, what is unusual."""

from __future__ import annotations

from pathlib import Path

import pytest

from hpacktools.codec import (
    BlockError,
    Decoder,
    DynamicTable,
    Encoder,
    HPACKError,
    Representation,
    decode_block,
    entry_size,
)
from tests.support.stories import Json, entries_of, fields_of, load, settings_before, vectors


def name_of(path: Path) -> str:
    return path.stem


def decode_story(path: Path) -> None:
    decoder = Decoder()
    for case in load(path)["cases"]:
        for size in settings_before(case):
            decoder.change_allowed(size)
        expected = case["expect"]
        before = decoder.table
        if expected["result"] == "refuse":
            with pytest.raises(BlockError) as raised:
                decoder.decode(bytes.fromhex(case["wire"]))
            assert (raised.value.section, raised.value.offset) == (
                expected["section"],
                expected["offset"],
            )
            assert decoder.table is before
            with pytest.raises(BlockError, match="earlier block"):
                decoder.decode(b"")
        else:
            decoded = decoder.decode(bytes.fromhex(case["wire"]))
            check(decoded.fields, decoded.never_indexed, decoder.table, case)
            assert decoded.field_count == len(decoded.fields)
            assert decoded.list_size == sum(map(entry_size, decoded.fields))
            assert not decoded.truncated


def check(
    fields: tuple[tuple[bytes, bytes], ...],
    never_indexed: tuple[int, ...],
    table: DynamicTable,
    case: Json,
) -> None:
    assert fields == fields_of(case)
    assert list(never_indexed) == case.get("sensitive", [])
    expected = case["expect"]["header_table"]
    assert table.entries == entries_of(expected)
    assert (table.size, table.maximum) == (expected["size"], expected["max_size"])


@pytest.mark.parametrize("path", vectors("rfc7541"), ids=name_of)
def test_appendix_c(path: Path) -> None:
    decode_story(path)


@pytest.mark.parametrize("path", vectors("malformed"), ids=name_of)
def test_must_be_refused(path: Path) -> None:
    assert load(path)["cases"][-1]["expect"]["result"] == "refuse"
    decode_story(path)


@pytest.mark.parametrize("path", vectors("unusual"), ids=name_of)
def test_legal_but_unusual(path: Path) -> None:
    decode_story(path)


#: Appendix C.6.2 Huffman-codes "307", which is no shorter; here the plain string is written.
PLAIN_307 = {"4883640effc1c0bf": "4803333037c1c0bf"}


@pytest.mark.parametrize("name", ["c2_1", "c2_4", "c3", "c4", "c5", "c6"])
def test_appendix_c_encoded(name: str) -> None:
    (path,) = (path for path in vectors("rfc7541") if path.stem == name)
    encoder = Encoder()
    for case in load(path)["cases"]:
        for size in settings_before(case):
            encoder.change_maximum(size)
        fields = [(*field, Representation.WITH_INDEXING) for field in fields_of(case)]
        wire = encoder.encode(fields, huffman=name in ("c4", "c6")).hex()
        assert wire == PLAIN_307.get(case["wire"], case["wire"])
        assert encoder.table.entries == entries_of(case["expect"]["header_table"])


@pytest.mark.parametrize(
    ("name", "representation"),
    [("c2_2", Representation.WITHOUT_INDEXING), ("c2_3", Representation.NEVER_INDEXED)],
)
def test_appendix_c_literals_encoded(name: str, representation: Representation) -> None:
    (path,) = (path for path in vectors("rfc7541") if path.stem == name)
    (case,) = load(path)["cases"]
    ((header, value),) = fields_of(case)
    encoder = Encoder()
    assert encoder.encode([(header, value, representation)], huffman=False).hex() == case["wire"]
    assert encoder.table.entries == ()


@pytest.mark.parametrize(
    "path", [*vectors("rfc7541"), *vectors("unusual")], ids=lambda path: path.stem
)
def test_every_beginning_of_a_block_decodes_or_is_refused(path: Path) -> None:
    """RFC 9113 4.3: a block cut by END_HEADERS must not be read beyond its end."""
    decoder = Decoder()
    for case in load(path)["cases"]:
        for size in settings_before(case):
            decoder.change_allowed(size)
        block = bytes.fromhex(case["wire"])
        fields = fields_of(case)
        for cut in range(min(len(block), 300)):
            try:
                decoded = decode_block(
                    block[:cut],
                    decoder.table,
                    allowed=decoder.allowed,
                    required=decoder.required,
                )
            except HPACKError as error:
                offset = error.offset
            else:
                offset = 0
                assert decoded.fields == fields[: len(decoded.fields)]
            assert offset <= cut
        decoder.decode(block)
