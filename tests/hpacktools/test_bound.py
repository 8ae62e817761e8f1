"""The lower bound: no encoder is below it, and it is what was worked out by hand."""

from __future__ import annotations

import builtins
import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpacktools import Deflater
from hpacktools.bound import NoSolverError, lower_bound
from hpacktools.cli import conformance_main, inflate_main
from hpacktools.codec import Field, Representation
from hpacktools.codec.table import STATIC_FIELDS
from hpacktools.deflate import story_deflater
from hpacktools.stories import Case
from hpacktools.strategies import STRATEGY_NAMES
from tests.hpacktools.cli.running import run
from tests.hpacktools.test_best import case, cases
from tests.support.stories import REPOSITORY, require_corpus


@pytest.fixture(autouse=True)
def _needs_scipy() -> None:
    pytest.importorskip("scipy", reason="scipy is missing: pip install --group benchmark")


def written(story: list[Case], limit: int, strategy: str, lookahead: int = 0) -> int:
    deflater = story_deflater(
        story, limit, strategy=strategy, huffman=True, effort=0, lookahead=lookahead
    )
    total = 0
    for each in story:
        for size in each.table_sizes:
            deflater.change_table_size(size)
        total += len(deflater.deflate(each.fields or (), each.sensitive))
    return total


@settings(max_examples=40)
@given(cases, st.sampled_from([0, 200, 4096, 16_384]))
def test_nothing_is_below_it(story: list[Case], limit: int) -> None:
    for each in story:
        each.sensitive &= frozenset(range(len(each.fields or ())))
    bound = lower_bound(story, limit=limit)
    for strategy in STRATEGY_NAMES:
        if strategy != "nghttp2":  # Which indexes some of what the others never do.
            assert bound <= written(story, limit, strategy)
    assert bound <= written(story, limit, "default", lookahead=3)


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([b"a", b"host"]), st.sampled_from([b"x" * 40, b"y" * 50, b"1"])),
        min_size=1,
        max_size=7,
    ),
    st.sampled_from([90, 150]),
)
def test_not_even_the_best_of_all_choices(fields: list[Field], limit: int) -> None:
    story = [
        case([field], sizes=(limit,) if not number else ()) for number, field in enumerate(fields)
    ]
    bound = lower_bound(story, limit=limit)
    best = min(
        _octets(story, limit, plan)
        for plan in itertools.product(
            (Representation.WITH_INDEXING, Representation.WITHOUT_INDEXING), repeat=len(fields)
        )
    )
    assert bound <= best


def _octets(story: list[Case], limit: int, plan: tuple[Representation, ...]) -> int:
    deflater = Deflater(limit, strategy="linear")
    total = 0
    for each, representation in zip(story, plan, strict=True):
        for size in each.table_sizes:
            deflater.change_table_size(size)
        assert each.fields is not None
        total += len(deflater.deflate_planned(each.fields, [representation]))
    return total


def test_by_hand() -> None:
    """Two fields of 60 octets each in a table of 100: one of them stays at a time."""
    one, two = (b"x-one", b"1" * 23), (b"x-two", b"2" * 23)
    story = [case([one]), case([two]), case([one]), case([two])]
    # "1" and "2" take 5 bits each: 15 octets; a name takes 4 octets.
    literal, short = 1 + 1 + 4 + 1 + 15, 1 + 1 + 15
    assert lower_bound(story, limit=4096) == 2 * literal + 2
    # Half of each could stay, in fractions; an entry can not.
    assert lower_bound(story, limit=100) < 2 * literal + short + 1
    assert lower_bound(story, limit=59) == 2 * literal + 2 * short


def test_static_fields_and_credentials_have_no_choice() -> None:
    assert all(field in STATIC_FIELDS for field in [(b":method", b"GET")])
    story = [case([(b":method", b"GET"), (b"authorization", b"abc")])] * 3
    assert lower_bound(story) == written(story, 4096, "static")


def test_without_fields() -> None:
    assert lower_bound([]) == 0
    assert lower_bound([case([])]) == 0


def test_a_cut_between_two_uses() -> None:
    field = (b"x", b"y" * 60)
    kept = [case([field]), case([field])]
    cut = [case([field]), case([field], sizes=(0, 4096))]
    assert lower_bound(cut) > lower_bound(kept)


class TestCommand:
    def test_own_recordings(self) -> None:
        """The table of docs/hpack.md, of this project's own stories."""
        result = run(
            conformance_main, "bound", str(REPOSITORY / "hpack-test-case"), "--jobs", "1", "--json"
        )
        assert (result.code, result.err) == (0, "")
        table = json.loads(result.out)
        octets = {row["name"]: row["octets"] for row in table["rows"]}
        assert table["octets"] == 38_971
        assert octets["lower bound"] == 6_237
        # It fills half of the table whatever comes, which costs nothing here.
        assert octets["default"] == octets["linear"] == 6_259
        assert min(octets.values()) == octets["lower bound"]

    def test_text(self, tmp_path: Path) -> None:
        raw = tmp_path / "raw-data"
        raw.mkdir()
        for number in (0, 1):
            text = '{"cases": [{"headers": [{"a": "b"}]}, {"headers": [{"a": "b"}]}]}'
            (raw / f"story_0{number}.json").write_text(text)
        result = run(conformance_main, "bound", str(tmp_path), "--jobs", "2")
        assert result.code == 0
        lines = result.out.splitlines()
        assert lines[0] == "8 octets of names and values"
        assert lines[1] == "lower bound                     12  1.5000"
        assert lines[2] == "best, effort 5                  12  1.5000    +0.0%"

    def test_a_story_that_is_not_raw(self, tmp_path: Path) -> None:
        raw = tmp_path / "raw-data"
        raw.mkdir()
        (raw / "story_00.json").write_text('{"cases": [{"wire": "82"}]}')
        result = run(conformance_main, "bound", str(tmp_path))
        assert (result.code, result.out) == (2, "")
        assert "story_00.json: a case has no headers" in result.err

    def test_without_a_solver(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real = builtins.__import__

        def refuse(name: str, *arguments: Any, **more: Any) -> Any:
            if name.startswith("scipy"):
                raise ImportError(name)
            return real(name, *arguments, **more)

        monkeypatch.setattr(builtins, "__import__", refuse)
        with pytest.raises(NoSolverError, match="needs scipy: pip install scipy"):
            lower_bound([case([(b"a", b"b")])] * 2)
        folder = str(REPOSITORY / "hpack-test-case")
        result = run(conformance_main, "bound", folder, "--jobs", "1")
        assert (result.code, result.out) == (2, "")
        assert "needs scipy" in result.err
        cases = '{"cases": [{"wire": "4001610162"}, {"wire": "be"}]}'
        page = run(inflate_main, "--explain", "--html", stdin=cases)
        assert page.code == 0
        assert "The lower bound is shown where scipy is installed" in page.out


@pytest.mark.slow
def test_ratios_of_the_corpus() -> None:
    """What docs/hpack.md says of the corpus; the slow strategy has a test of its own."""
    from hpacktools.stories import load_story

    bound = before = default = ahead = 0
    for path in sorted((require_corpus() / "raw-data").glob("*.json")):
        story = load_story(path)
        before += story.octets
        bound += lower_bound(story.cases)
        default += written(story.cases, 4096, "default")
        ahead += written(story.cases, 4096, "default", lookahead=16)
    assert before == 1_162_372
    assert bound == pytest.approx(269_865, abs=5)  # Rounding of 32 solutions.
    assert default == 341_538
    assert ahead / before < 0.2715
