"""Looking ahead: what is known to come is planned for."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpacktools import Deflater, Inflater
from hpacktools.cli import deflate_main
from hpacktools.codec import Field
from hpacktools.deflate import story_deflater
from hpacktools.lookahead import REMEMBERED_FIELDS, REMEMBERED_NAMES, LookAhead
from tests.hpacktools.cli.running import run
from tests.hpacktools.test_best import case

names = st.sampled_from([b":path", b":method", b"cookie", b"x-a", b"etag", b"authorization"])
values = st.sampled_from([b"", b"/", b"GET", b"x" * 90, b"1", b"2", b"z" * 1500])
sections = st.lists(st.lists(st.tuples(names, values), max_size=8), max_size=10)
ONCE = [(b"etag", b"%04d" % number + b"o" * 40) for number in range(200)]


@settings(max_examples=60)
@given(sections, st.integers(0, 4), st.sampled_from([0, 100, 4096, 20_000]))
def test_any_sections_round_trip(story: list[list[Field]], count: int, limit: int) -> None:
    deflater = Deflater(limit, lookahead=True)
    inflater = Inflater()
    for number, fields in enumerate(story):
        if number == 3:
            deflater.change_table_size(60)
            inflater.change_table_size(60)
        block = deflater.deflate(fields, (), story[number + 1 : number + 1 + count])
        assert inflater.inflate(block) == fields
        assert inflater.never_indexed == deflater.never_indexed
        assert inflater.table == deflater.table


def test_only_what_comes_again_goes_into_a_full_table() -> None:
    keep = (b"etag", b"k" * 400)
    deflater = Deflater(lookahead=True)
    for number, field in enumerate(ONCE[:100]):
        deflater.deflate([field], (), [[each] for each in ONCE[number + 1 : number + 9]])
    assert 2 * deflater.table.size <= deflater.table.maximum
    deflater.deflate([keep], (), [[ONCE[100]], [keep]])
    # Without a look ahead the name is not trusted any more.
    assert keep in deflater.table.entries


def test_what_comes_again_too_late_is_not_kept() -> None:
    """Each field comes again, but only when so much was inserted that it is gone."""
    fields = [(b"x", b"%03d" % number + b"y" * 300) for number in range(40)]
    story = [case([field]) for field in fields * 6]

    def octets(lookahead: int) -> int:
        deflater = story_deflater(story, lookahead=lookahead)
        return sum(len(deflater.deflate(each.fields or ())) for each in story)

    assert octets(100) < 0.9 * octets(0)


def test_better_in_a_burst_than_one_by_one() -> None:
    """Sixteen responses that wait in a queue."""
    burst: list[list[Field]] = [
        [(b"etag", b"%d" % (number // 2) + b"e" * 60), (b"x", b"%d" % number + b"u" * 60)]
        for number in range(16)
    ]
    filled = [[(b"etag", b"%d" % number + b"f" * 90)] for number in range(60)]
    sizes = []
    for lookahead in (False, True):
        deflater = Deflater(lookahead=lookahead)
        for fields in filled:
            deflater.deflate(fields)
        sizes.append(
            sum(
                len(deflater.deflate(fields, (), burst[number + 1 :] if lookahead else ()))
                for number, fields in enumerate(burst)
            )
        )
    assert sizes[1] < 0.8 * sizes[0]


def test_memory_is_bounded() -> None:
    plan = LookAhead()
    table = Deflater().table
    for number in range(3 * (REMEMBERED_FIELDS + REMEMBERED_NAMES)):
        plan.plan([(b"%d" % number, b"")], (), table, ())
    assert (len(plan._seen), len(plan._shares)) == (REMEMBERED_FIELDS, REMEMBERED_NAMES)
    assert plan._octets == sum(plan._inserted)


@pytest.mark.parametrize("strategy", ["best", "linear", "naive"])
def test_other_strategies_do_not_look_ahead(strategy: str) -> None:
    with pytest.raises(ValueError, match="does not support lookahead"):
        story_deflater([], strategy=strategy, lookahead=1)


def test_the_class_does_not_either() -> None:
    with pytest.raises(ValueError, match="does not support lookahead"):
        Deflater(strategy="linear", lookahead=True)


def test_option() -> None:
    repeated = [{"headers": [{"etag": f"{number:03}" + "y" * 300}]} for number in range(40)] * 6
    text = json.dumps({"cases": repeated})
    plain = run(deflate_main, stdin=text)
    ahead = run(deflate_main, "--lookahead", "100", stdin=text)
    assert ahead.code == plain.code == 0
    total = [sum(each["output_length"] for each in result.cases) for result in (plain, ahead)]
    assert total[1] < 0.9 * total[0]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--lookahead", "x"],
        ["--lookahead", "1", "--jsonl"],
        ["--lookahead", "1", "--strategy=best"],
    ],
)
def test_wrong_options(arguments: list[str]) -> None:
    result = run(deflate_main, *arguments, stdin='{"cases": []}')
    assert (result.code, result.out) == (2, "")
    assert "--lookahead" in result.err
