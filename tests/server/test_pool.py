"""``h2static.server.pool``: what crosses threads, and what that costs."""

from __future__ import annotations

import select
import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from h2static.server.pool import Pool
from tests.support.processes import DEADLINE, wait_until


@pytest.fixture
def reports() -> list[str]:
    return []


@pytest.fixture
def pool(reports: list[str]) -> Iterator[Pool]:
    pool = Pool(reports.append)
    yield pool
    pool.close()


def wakes(pool: Pool) -> bool:
    """Whether the loop's poller would report the pool."""
    return bool(select.select([pool.wakeup], [], [], 0)[0])


def in_thread(pool: Pool, *actions: Callable[[], None]) -> None:
    """Have another thread post ``actions``."""

    def post() -> None:
        for action in actions:
            pool.post(action)

    thread = threading.Thread(target=post)
    thread.start()
    thread.join(DEADLINE)


def nothing() -> None:
    """Only that it runs."""


def test_what_is_posted_runs_in_the_loop_in_order(pool: Pool) -> None:
    ran: list[int] = []
    in_thread(pool, *(partial(ran.append, number) for number in range(5)))
    assert pool.posted == 5
    assert ran == []
    assert wakes(pool)
    pool.heed_wakeup()
    pool.run_posted()
    assert ran == [0, 1, 2, 3, 4]
    assert pool.posted == 0
    assert not wakes(pool)


def test_one_octet_wakes_the_loop(pool: Pool) -> None:
    in_thread(pool, *[nothing] * 1_000)
    assert len(pool.wakeup.recv(4096)) == 1


def test_what_is_posted_after_the_loop_has_looked_wakes_it_again(pool: Pool) -> None:
    for _ in range(3):
        in_thread(pool, nothing)
        assert wakes(pool)
        pool.heed_wakeup()
        pool.run_posted()
        assert not wakes(pool)


def test_no_wakeup_is_lost(pool: Pool) -> None:
    """Threads post while the loop looks, over and over."""
    count = 2_000
    ran: list[int] = []

    def post() -> None:
        for _ in range(count):
            pool.post(lambda: ran.append(1))

    threads = [threading.Thread(target=post) for _ in range(3)]
    for thread in threads:
        thread.start()
    while len(ran) < 3 * count:
        assert select.select([pool.wakeup], [], [], DEADLINE)[0], "something waits, nobody wakes"
        pool.heed_wakeup()
        pool.run_posted()
    for thread in threads:
        thread.join(DEADLINE)


def test_the_loop_s_own_thread_needs_no_octet(pool: Pool) -> None:
    told: list[None] = []
    pool.adopt_thread(lambda: told.append(None))
    pool.post(lambda: None)
    assert told == [None]
    assert not wakes(pool)
    in_thread(pool, nothing)
    assert told == [None]
    assert wakes(pool)
    pool.heed_wakeup()
    pool.run_posted()
    assert pool.posted == 0


def test_what_is_posted_by_what_was_posted_waits_for_the_next_round(pool: Pool) -> None:
    """So that no chain of them holds up the connections."""
    ran: list[int] = []

    def again() -> None:
        ran.append(1)
        pool.post(again)

    pool.post(again)
    pool.run_posted()
    assert ran == [1]
    assert pool.posted == 1


def test_what_goes_wrong_in_a_thread_is_reported(pool: Pool, reports: list[str]) -> None:
    def fail() -> None:
        raise LookupError("nothing there")

    pool.submit(fail)
    wait_until(lambda: pool.posted == 1, "the report")
    pool.run_posted()
    assert reports == ["LookupError: nothing there"]
