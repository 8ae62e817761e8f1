"""``h2static.http.scheduler`` against a model of RFC 9218 section 10."""

from __future__ import annotations

from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from h2static.http.scheduler import Scheduler


@dataclass(eq=False)
class Item:
    """What is scheduled."""

    id: int
    urgency: int = 3
    incremental: bool = False
    queued: bool = False


def test_nothing_to_do() -> None:
    scheduler: Scheduler[Item] = Scheduler()
    assert scheduler.next() is None
    assert scheduler.count == 0
    scheduler.remove(Item(1))


def test_the_same_item_twice_is_queued_once() -> None:
    scheduler: Scheduler[Item] = Scheduler()
    item = Item(1)
    scheduler.add(item)
    scheduler.add(item)
    assert scheduler.count == 1
    scheduler.remove(item)
    assert scheduler.next() is None


def test_sequential_items_by_identifier_however_they_came() -> None:
    scheduler: Scheduler[Item] = Scheduler()
    for number in (5, 1, 9, 3, 7):
        scheduler.add(Item(number))
    order = []
    while (item := scheduler.next()) is not None:
        order.append(item.id)
        scheduler.turn_taken(item)
        scheduler.remove(item)
    assert order == [1, 3, 5, 7, 9]


def _turns(scheduler: Scheduler[Item], count: int) -> list[int]:
    order = []
    for _ in range(count):
        item = scheduler.next()
        assert item is not None
        scheduler.turn_taken(item)
        order.append(item.id)
    return order


def test_incremental_items_share() -> None:
    scheduler: Scheduler[Item] = Scheduler()
    for number in (1, 3, 5):
        scheduler.add(Item(number, incremental=True))
    assert _turns(scheduler, 7) == [1, 3, 5, 1, 3, 5, 1]


def test_a_sequential_item_shares_with_the_incremental_ones() -> None:
    scheduler: Scheduler[Item] = Scheduler()
    scheduler.add(Item(1, incremental=True))
    scheduler.add(Item(3))
    scheduler.add(Item(5))
    turns = _turns(scheduler, 6)
    assert turns.count(1) == 3
    assert turns.count(3) == 3


class Model(RuleBasedStateMachine):
    """Any order of calls: the most urgent level is served, nothing is lost, nobody starves."""

    def __init__(self) -> None:
        super().__init__()
        self.scheduler: Scheduler[Item] = Scheduler()
        self.items = [Item(2 * number + 1) for number in range(8)]
        #: Turns that others of its level had since an item's last one.
        self.passed_over: dict[int, int] = {}

    @rule(number=st.integers(0, 7), urgency=st.integers(0, 7), incremental=st.booleans())
    def add(self, number: int, urgency: int, incremental: bool) -> None:
        item = self.items[number]
        if not item.queued:
            item.urgency, item.incremental = urgency, incremental
            self.passed_over[item.id] = 0
        self.scheduler.add(item)

    @rule(number=st.integers(0, 7))
    def remove(self, number: int) -> None:
        self.scheduler.remove(self.items[number])

    @rule(number=st.integers(0, 7), urgency=st.integers(0, 7), incremental=st.booleans())
    def reprioritize(self, number: int, urgency: int, incremental: bool) -> None:
        item = self.items[number]
        before = item.queued
        self.scheduler.reprioritize(item, urgency, incremental)
        self.passed_over[item.id] = 0
        assert item.queued == before
        assert (item.urgency, item.incremental) == (urgency, incremental)

    @precondition(lambda self: any(item.queued for item in self.items))
    @rule(finished=st.booleans())
    def turn(self, finished: bool) -> None:
        queued = [item for item in self.items if item.queued]
        item = self.scheduler.next()
        assert item is not None
        assert item.queued
        assert item.urgency == min(one.urgency for one in queued)
        level = [one for one in queued if one.urgency == item.urgency]
        if not item.incremental:
            assert item.id == min(one.id for one in level if not one.incremental)
        for one in level:
            self.passed_over[one.id] += 1
        self.passed_over[item.id] = 0
        for one in level:
            if one.incremental:
                assert self.passed_over[one.id] <= 2 * len(self.items)
        self.scheduler.turn_taken(item)
        if finished:
            self.scheduler.remove(item)

    @invariant()
    def counts(self) -> None:
        assert self.scheduler.count == sum(item.queued for item in self.items)
        assert (self.scheduler.next() is None) == (self.scheduler.count == 0)


TestModel = Model.TestCase
TestModel.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
