"""What a row of the matrix is, and how it is played.

Promise: :func:`play` plays a row with one of its outcomes, and fails unless the client got what the
row says, other clients were served, nothing is held that was not held before, and the error log
says why, or nothing where nobody needs to know.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import pytest

from tests.faults.world import ENDED, SMALL, Answer, Protocol, Visitor, Way, World
from tests.support.faults import Outcome, Place

#: What a client does; it is given a connection that was there before anything failed.
Story: TypeAlias = Callable[[World, Visitor], Answer]


def place(text: str) -> Place:
    """A place, written as places are shown: ``server/link:Link.read:recv``."""
    module, function, call = text.split(":")
    return Place(module, function, call)


@dataclass(slots=True, kw_only=True)
class Row:
    """One place in one story."""

    place: Place
    outcomes: Sequence[Outcome]
    story: Story
    #: What the client must get, or how that is told.
    answer: Answer | Callable[[Answer], bool]
    #: A part of the new line in the error log; empty: there must be none.
    log: str = ""
    #: Of the connection that is given to the story.
    client: tuple[Protocol, Way] = ("h2", "cleartext")
    #: Faults that lead to the place, with the calls that pass before they happen.
    before: Sequence[tuple[Place, Outcome, int]] = ()
    #: Calls that pass at the place itself.
    passes: int = 0
    #: Tells rows of one place apart.
    name: str = ""


def cases(rows: Sequence[Row]) -> list[object]:
    """Parameters for a test: each row with each of its outcomes."""
    return [
        pytest.param(row, outcome, id=f"{row.place}-{row.name or 'plain'}-{outcome}")
        for row in rows
        for outcome in row.outcomes
    ]


def play(world: World, row: Row, outcome: Outcome) -> None:
    """See the module."""
    # Once without a fault: what is remembered for good is there before anything is counted.
    row.story(world, world.visit(*row.client))
    for _ in range(3):
        world.is_well()
    before = world.rest()
    bystander = world.visit()
    assert bystander.ask("/small.txt") == Answer(200, SMALL, whole=True)
    client = world.visit(*row.client)
    assert client.ask("/folder/0.txt").whole
    world.settle()
    said = len(world.errors())
    with contextlib.ExitStack() as stack:
        for earlier_place, earlier_outcome, passes in row.before:
            stack.enter_context(world.faults.at(earlier_place, earlier_outcome, passes=passes))
        stack.enter_context(world.faults.at(row.place, outcome, passes=row.passes))
        answer = row.story(world, client)
        if row.answer == ENDED:
            world.wait_for_rest(2)
    right = row.answer(answer) if callable(row.answer) else answer == row.answer
    assert right, f"{answer.status}, whole: {answer.whole}"
    assert bystander.ask("/small.txt") == Answer(200, SMALL, whole=True)
    world.is_well()
    after = world.rest()
    # What was given up for good may be missing.
    descriptors = min(after.descriptors, before.descriptors)
    assert after == before._replace(descriptors=descriptors), f"{after} instead of {before}"
    news = world.errors()[said:]
    assert row.log in news if row.log else not news, news or "nothing in the log"
