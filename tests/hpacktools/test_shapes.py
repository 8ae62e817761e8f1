"""The recognizers agree with the schemas; the schemas agree with each other."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from hpacktools.jsonforms import ShapeError
from hpacktools.schemas import SCHEMA_NAMES, explain_case, problems, schema
from hpacktools.shapes import is_deflate_case, is_inflate_case, is_story_case
from hpacktools.stories import read_case, story_from_json
from tests.support.stories import load, require_corpus, vectors

RECOGNISERS = {
    "story": is_story_case,
    "deflate-input": is_deflate_case,
    "inflate-input": is_inflate_case,
}
TABLE = {"entries": [{"index": 62, "name": "a", "value": "b", "size": 34}], "size": 34}
GOOD: dict[str, Any] = {
    "seqno": 0,
    "seq": 1,
    "header_table_size": None,
    "header_table_sizes": [0, 4096],
    "headers": [{":method": "GET"}, {"x": ""}],
    "wire": "82aB",
    "sensitive": [0, "authorization"],
    "octets": {"1": {"name": "78", "value": "ff"}},
    "expect": {"result": "accept", "header_table": {**TABLE, "max_size": 4096}},
    "unknown": [],
}

#: Values that are right somewhere and wrong elsewhere.
anything = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([-1, 0, 1, 4096, 2**32 - 1, 2**32, 10**400, 4096.0, 0.5, -0.0, 1e300]),
    st.sampled_from(
        ["", "82", "8", "8g", "82 ", "8 2", "0x82:\n84", "0x", "\u0661\u0661", "é", "\ud800", "GET"]
    ),
    st.sampled_from(["accept", "refuse", "0", "01", "-1", "0\n"]),
    st.sampled_from([[], {}, [{}], [[]], [{"a": "b", "c": "d"}], [{"a": 1}], [{"a": "\udfff"}]]),
    st.sampled_from([[{"\ud800": "a"}], [4096], [None], [True], [-1], ["\udc00"], {"a": "b"}]),
    st.sampled_from([{"result": "refuse"}, {"result": "refuse", "section": "x", "offset": -1}]),
    st.sampled_from([{"0": {"name": "", "value": ""}}, {"00": {"name": "", "value": ""}}]),
    st.sampled_from([{"0": {"name": "", "value": "", "more": 1}}, {"x": {}}, TABLE]),
    st.text(max_size=3),
)


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A good case with some of it, at any depth, removed or replaced."""
    case = copy.deepcopy(GOOD)
    for key in draw(st.lists(st.sampled_from(sorted(case)), max_size=8, unique=True)):
        del case[key]
    for _ in range(draw(st.integers(0, 2))):
        place: Any = case
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                break
            key = draw(st.sampled_from(keys))
            if isinstance(place[key], dict | list) and draw(st.booleans()):
                place = place[key]
                continue
            place[key] = copy.deepcopy(draw(anything))
            break
    return draw(st.sampled_from([case, case, case, None, [], "x"]))


@given(mutated(), st.sampled_from(sorted(RECOGNISERS)))
def test_recognizers_agree_with_the_schemas(case: Any, name: str) -> None:
    found = problems(name, case, "case")
    assert RECOGNISERS[name](case) == (not found), found
    if found:
        error = explain_case(name, case, "$.cases[7]")
        assert error.path.startswith("$.cases[7]")
        assert error.reason


@given(mutated())
def test_stories_agree_with_the_schema(case: Any) -> None:
    document: Any = {"description": "x", "cases": [GOOD, case]}
    try:
        story_from_json(document, "x")
    except ShapeError as raised:
        error: ShapeError | None = raised
    else:
        error = None
    found = problems("story", document)
    # That a position lies beyond the list no schema can say.
    beyond = error is not None and "no such header" in error.reason
    assert (error is None or beyond) == (not found)


@pytest.mark.parametrize("name", RECOGNISERS)
def test_good_case(name: str) -> None:
    assert RECOGNISERS[name](GOOD)


@pytest.mark.parametrize("name", SCHEMA_NAMES)
def test_schema_is_valid_and_described(name: str) -> None:
    document = schema(name)
    Draft202012Validator.check_schema(document)
    assert document["title"]
    assert document["description"]
    examples = document["examples"]
    assert isinstance(examples, list)
    assert examples
    for example in examples:
        assert problems(name, example) == []


@pytest.mark.parametrize("name", SCHEMA_NAMES)
def test_definitions_have_examples_that_validate(name: str) -> None:
    definitions: Any = schema(name)["$defs"]
    for key, definition in definitions.items():
        assert definition["title"], key
        for example in definition["examples"]:
            assert problems(name, example, key) == []


def test_definitions_are_the_same_in_every_schema() -> None:
    seen: dict[str, Any] = {}
    for name in SCHEMA_NAMES:
        definitions: Any = schema(name)["$defs"]
        for key, definition in definitions.items():
            if key != "case":
                assert seen.setdefault(key, definition) == definition


@pytest.mark.parametrize("folder", ["rfc7541", "malformed", "unusual"])
def test_vectors_are_stories(folder: str) -> None:
    for path in vectors(folder):
        assert problems("story", load(path)) == []


def test_quirks_of_the_corpus_are_legal() -> None:
    corpus = require_corpus()
    for folder in sorted(path for path in corpus.iterdir() if path.is_dir()):
        document = load(min(folder.glob("story_*.json")))
        assert problems("story", document) == []
        assert all(map(is_story_case, document["cases"]))


@pytest.mark.parametrize(
    ("case", "path", "reason"),
    [
        ({}, "$.cases[3]", "'headers' is missing"),
        ([], "$.cases[3]", "[] is not of type object"),
        ({"headers": {}}, "$.cases[3].headers", "{} is not of type array"),
        ({"headers": [{}]}, "$.cases[3].headers[0]", "exactly one member, not 0"),
        (
            {"headers": [{"a": "b"}, {"a": "b", "c": "d"}]},
            "$.cases[3].headers[1]",
            "exactly one member, not 2",
        ),
        ({"headers": [{"a": 1}]}, "$.cases[3].headers[0].a", "1 is not of type string"),
        ({"headers": [], "sensitive": [0]}, "$.cases[3].sensitive[0]", "no such header"),
        (
            {"headers": [], "octets": {"0": {"name": "", "value": ""}}},
            "$.cases[3].octets.0",
            "no such header",
        ),
        (
            {"headers": [], "header_table_size": 2**32},
            "$.cases[3].header_table_size",
            "greater than the maximum",
        ),
        (
            {"headers": [], "header_table_size": "x"},
            "$.cases[3].header_table_size",
            '"x" is not of type integer or null',
        ),
        (
            {"headers": [], "sensitive": [None]},
            "$.cases[3].sensitive[0]",
            "null is not of type integer or string",
        ),
    ],
)
def test_reasons(case: Any, path: str, reason: str) -> None:
    with pytest.raises(ShapeError) as raised:
        read_case(case, 3, "deflate-input")
    assert raised.value.path == path
    assert reason in raised.value.reason


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        ({}, "$.cases[0]: 'headers' is missing, and 'wire' is missing"),
        (
            {"wire": "", "expect": {"result": "x", "section": "y"}},
            '$.cases[0].expect: "x" is not "accept", and "x" is not "refuse"',
        ),
        ({"wire": "", "expect": 5}, "$.cases[0].expect: 5 is not of type object"),
    ],
)
def test_reasons_of_stories(case: Any, reason: str) -> None:
    assert str(explain_case("story", case, "$.cases[0]")) == reason


@pytest.mark.parametrize(
    "wire", ["8", "zz", "8 2", "82\n8", "0x", "0x8", "82,84", "x82", "82\x00", "é"]
)
def test_bad_hex(wire: str) -> None:
    with pytest.raises(ShapeError, match="must be an even number of hexadecimal digits") as raised:
        read_case({"wire": wire}, 0, "inflate-input")
    assert raised.value.path == "$.cases[0].wire"


@pytest.mark.parametrize(
    "wire",
    ["8284Be", "82 84 be", " 82\r\n84\tBE\n", "82:84:be", "0x82 0x84 0XBE", "0x8284be", "::8284be"],
)
def test_octets_of_a_block_as_dumps_show_them(wire: str) -> None:
    case = read_case({"wire": wire}, 0, "inflate-input")
    assert case.wire == b"\x82\x84\xbe"
    assert str(case.document["wire"]).lower() == "8284be"


def test_a_long_wire_takes_linear_time() -> None:
    """Whether it is right or not: no part of it can be read in two ways."""
    right = "0x82 : " * 50_000
    assert is_inflate_case({"wire": right})
    assert not is_inflate_case({"wire": right + "z"})


@pytest.mark.parametrize("size", [4096.0, 1e3, 0.5])
def test_a_size_is_written_in_digits(size: float) -> None:
    with pytest.raises(ShapeError, match="is not of type integer") as raised:
        read_case({"headers": [], "header_table_sizes": [size]}, 0, "deflate-input")
    assert raised.value.path == "$.cases[0].header_table_sizes[0]"
