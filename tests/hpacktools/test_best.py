"""The strategy best: its model counts what the encoder writes, its plans are good."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

import hpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hpacktools import Deflater, load_story
from hpacktools.best import plan_cases
from hpacktools.best_guess import first_guess
from hpacktools.best_search import Search
from hpacktools.best_windows import anneal_windows
from hpacktools.codec import Encoder, Field, Representation
from hpacktools.codec.table import STATIC_FIELDS
from hpacktools.stories import Case
from hpacktools.table_model import Course, State, build_model, follow
from tests.support.stories import require_corpus


def case(
    fields: list[Field], *, sensitive: frozenset[int] = frozenset(), sizes: tuple[int, ...] = ()
) -> Case:
    return Case(
        number=0,
        fields=tuple(fields),
        sensitive=sensitive,
        wire=None,
        table_sizes=sizes,
        document={},
    )


names = st.one_of(
    st.sampled_from([b":path", b"cookie", b"x-a", b"y" * 30, b":method"]), st.binary(max_size=3)
)
values = st.sampled_from([b"", b"/", b"GET", b"x" * 90, b"y" * 2000, b"z" * 40, b"1", b"2"])
cases = st.lists(
    st.builds(
        case,
        st.lists(st.tuples(names, values), max_size=14),
        sensitive=st.sets(st.integers(0, 3), max_size=1).map(frozenset),
        sizes=st.sampled_from([(), (), (), (100,), (4096,), (0, 300), (20_000,)]),
    ),
    max_size=12,
)


@given(cases, st.randoms(use_true_random=False), st.sampled_from([0, 200, 4096, 16_384]))
def test_model_counts_what_the_encoder_writes(
    story: list[Case], chance: object, limit: int
) -> None:
    model = build_model(story, limit=limit, huffman=True)
    choice = [free and chance.random() < 0.5 for free in model.free]  # type: ignore[attr-defined]  # Random
    cost, _ = follow(model, choice, State(), 0, Course.unknown(len(choice)))
    decisions = iter(choice)
    encoder = Encoder(limit)
    written = 0
    for each in story:
        for size in each.table_sizes:
            encoder.change_maximum(size)
        fields = []
        for position, field in enumerate(each.fields or ()):
            representation = Representation.NEVER_INDEXED
            if position in each.sensitive:
                next(decisions)
            elif field in STATIC_FIELDS or not next(decisions):
                representation = Representation.WITHOUT_INDEXING
            else:
                representation = Representation.WITH_INDEXING
            fields.append((*field, representation))
        written += len(encoder.encode(fields))
    assert model.fixed + cost == written


def test_model_counts_indices_of_every_length() -> None:
    fields = [(b"n%d" % (number % 150), b"%d" % number) for number in range(500)]
    story = [case(fields), case(fields[::-1]), case([(name, b"new") for name, _ in fields])]
    limit = 65_536
    model = build_model(
        [replace(each, table_sizes=(limit,)) for each in story], limit=limit, huffman=True
    )
    choice = [place < 500 or place % 2 == 0 for place in range(len(model.occurrences))]
    cost, _ = follow(model, choice, State(), 0, Course.unknown(len(choice)))
    encoder = Encoder(limit)
    encoder.change_maximum(limit)
    decisions = iter(choice)
    written = [
        encoder.encode(
            [
                (*field, [Representation.WITHOUT_INDEXING, Representation.WITH_INDEXING][insert])
                for field, insert in zip(each.fields or (), decisions, strict=False)
            ]
        )
        for each in story
    ]
    assert model.fixed + cost == sum(map(len, written))


def encode(story: list[Case], plans: list[list[Representation]]) -> list[bytes]:
    deflater = Deflater(strategy="linear")
    blocks = []
    for each, plan in zip(story, plans, strict=True):
        for size in each.table_sizes:
            deflater.change_table_size(size)
        assert each.fields is not None
        blocks.append(deflater.deflate_planned(each.fields, plan))
    return blocks


@settings(max_examples=25)
@given(cases, st.sampled_from([0, 2]))
def test_any_story_round_trips(story: list[Case], effort: int) -> None:
    decoder = hpack.Decoder(max_header_list_size=2**30)
    for each, block in zip(story, encode(story, plan_cases(story, effort=effort)), strict=True):
        for size in each.table_sizes:
            decoder.max_allowed_table_size = size
        assert tuple(tuple(field) for field in decoder.decode(block, raw=True)) == each.fields


def test_sensitive_fields_stay_so() -> None:
    field = (b"x-token", b"t" * 40)
    story = [case([field], sensitive=frozenset({0})) for _ in range(4)]
    assert plan_cases(story) == [[Representation.NEVER_INDEXED]] * 4


def test_what_never_comes_again_does_not_push_out_what_does() -> None:
    """Indexing everything, or what comes again soon, loses the long value; knowing the future
    keeps it."""
    keep = (b"x-keep", b"k" * 1500)
    story = [case([keep])]
    story += [case([(b"x-once", b"%04d" % number + b"o" * 1000)]) for number in range(4)]
    story += [case([keep])] * 2
    blocks = encode(story, plan_cases(story))
    assert [len(block) for block in blocks[-2:]] == [1, 1]


@pytest.mark.parametrize("number", [20, 24])
def test_better_than_every_other_strategy(number: int) -> None:
    story = load_story(require_corpus() / "raw-data" / f"story_{number}.json")
    best = sum(map(len, encode(story.cases, plan_cases(story.cases, effort=0))))
    for strategy in ("default", "nghttp2", "linear", "static"):
        deflater = Deflater(strategy=strategy)
        other = sum(len(deflater.deflate(each.fields or ())) for each in story.cases)
        assert best < other


def test_same_result_every_time() -> None:
    story = load_story(require_corpus() / "raw-data" / "story_24.json").cases
    assert plan_cases(story, effort=3) == plan_cases(story, effort=3)


@settings(max_examples=25, deadline=None)
@given(cases, st.sampled_from([200, 4096]))
def test_a_search_knows_the_cost_of_its_choices(story: list[Case], limit: int) -> None:
    """Also where courses join before the last change: what is behind had no part in the cost."""
    model = build_model(story, limit=limit, huffman=True)
    unknown = Course.unknown(len(model.occurrences))
    search = Search(model, first_guess(model, (0.0, 0.2), 2))
    stages: list[Callable[[], None]] = [
        lambda: search.walk([0.0, 2.0]),
        lambda: search.anneal(3.0, 2, 1),
        lambda: anneal_windows(search, 3),
    ]
    for stage in stages:
        stage()
        assert follow(model, search.choice, State(), 0, unknown)[0] == search.cost
        assert follow(model, search.best, State(), 0, unknown)[0] == search.best_cost
        assert search.best_cost <= search.cost


def test_more_effort_is_never_worse_than_what_it_began_with() -> None:
    """Fields of many sizes that come again at many distances."""
    chance = random.Random(1)
    fields = [(b"x-%d" % (number % 7), b"v" * chance.randrange(5, 300)) for number in range(60)]
    story = [case([chance.choice(fields) for _ in range(4)]) for _ in range(120)]
    sizes = [
        sum(map(len, encode(story, plan_cases(story, effort=effort)))) for effort in (0, 5, 14)
    ]
    assert sizes[2] < sizes[1] <= sizes[0]
