"""``h2static.server.timers``: deadlines that move, and the task that sleeps until the earliest."""

from __future__ import annotations

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.server.timers import NEVER, Timed, Timers
from tests.support.processes import DEADLINE


class Clock:
    """Time that a test sets."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def timers() -> Timers[Timed]:
    return Timers(Clock())


def test_who_has_no_deadline_has_no_entry(timers: Timers[Timed]) -> None:
    timers.set(Timed(), NEVER)
    assert len(timers) == 0
    assert timers.earliest == NEVER
    assert timers.due(1e9) == []


def test_each_is_due_once(timers: Timers[Timed]) -> None:
    early, late = Timed(), Timed()
    timers.set(late, 20)
    timers.set(early, 10)
    assert timers.earliest == 10
    assert timers.due(9.999) == []
    assert timers.due(10) == [early]
    assert early.deadline == NEVER
    assert timers.due(19.999) == []
    assert timers.due(100) == [late]
    assert timers.due(1e9) == []


def test_a_deadline_moves_to_a_later_time(timers: Timers[Timed]) -> None:
    one = Timed()
    for deadline in (10, 11, 12, 13):
        timers.set(one, deadline)
    assert len(timers) == 1, "that changes a number and no more"
    assert timers.due(12) == []
    assert timers.earliest == 13
    assert timers.due(13) == [one]


def test_a_deadline_moves_to_an_earlier_time(timers: Timers[Timed]) -> None:
    one = Timed()
    timers.set(one, 180)
    timers.set(one, 10)
    assert timers.due(10) == [one]
    timers.set(one, 500)
    assert timers.due(499) == [], "the entry of before is worth nothing"
    assert timers.due(500) == [one]


def test_a_deadline_is_taken_away(timers: Timers[Timed]) -> None:
    one, other = Timed(), Timed()
    timers.set(one, 10)
    timers.set(one, NEVER)
    timers.set(other, 10)
    timers.forget(other)
    timers.forget(other)
    assert timers.due(1e9) == []


def test_a_look_that_is_planned_is_kept_to(timers: Timers[Timed]) -> None:
    """Whoever is looked at soon anyway need not say when."""
    one = Timed()
    assert not timers.looks_by(one, 1e9)
    timers.set(one, 10)
    timers.set(one, 180)
    assert not timers.looks_by(one, 9.9)
    assert timers.looks_by(one, 10)
    assert timers.due(10) == [one], "although its deadline had been moved"
    assert not timers.looks_by(one, 1e9)


def test_worthless_entries_do_not_pile_up(timers: Timers[Timed]) -> None:
    """A connection that is idle, then busy, then idle: its deadline goes to and fro."""
    owners = [Timed() for _ in range(50)]
    now = 0.0
    for _ in range(1_000):
        now += 0.25
        for one in owners:
            timers.set(one, now + 180)
            timers.set(one, now + 0.1)
        timers.due(now)
        assert len(timers) <= 2 * len(owners) + 64


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.one_of(st.just(NEVER), st.floats(0, 100)), st.floats(0, 30))
    )
)
def test_nobody_is_forgotten_or_early(steps: list[tuple[int, float, float]]) -> None:
    """Against a dictionary of deadlines."""
    timers: Timers[Timed] = Timers(Clock())
    owners = [Timed() for _ in range(5)]
    model: dict[Timed, float] = {}
    now = 0.0
    for number, after, passes in steps:
        timers.set(owners[number], now + after)
        model[owners[number]] = now + after
        now += passes
        due = timers.due(now)
        assert len(set(due)) == len(due)
        assert set(due) == {one for one, deadline in model.items() if deadline <= now}
        for one in due:
            model[one] = NEVER
        assert timers.earliest <= min(model.values(), default=NEVER)


def test_sleeping_ends_when_something_earlier_comes(timers: Timers[Timed]) -> None:
    async def run() -> None:
        timers.set(Timed(), 1000.0 + 10_000)
        awake = anyio.Event()

        async def sleep() -> None:
            await timers.sleep()
            awake.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(sleep)
            await anyio.wait_all_tasks_blocked()
            timers.set(Timed(), 1000.0 + 20_000)
            await anyio.wait_all_tasks_blocked()
            assert not awake.is_set(), "nothing is due earlier than before"
            timers.set(Timed(), 1000.0 + 5_000)
            with anyio.fail_after(DEADLINE):
                await awake.wait()

    anyio.run(run)


def test_sleeping_ends_with_the_deadline_and_by_waking(timers: Timers[Timed]) -> None:
    async def run() -> None:
        with anyio.fail_after(DEADLINE):
            timers.set(Timed(), 1000.0 + 0.001)
            await timers.sleep()
            timers.due(2000.0)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(timers.sleep)
                await anyio.wait_all_tasks_blocked()
                timers.wake()

    anyio.run(run)
