"""``h2static.server.busy_wait``: not to sleep pays only while events come soon."""

from __future__ import annotations

import pytest

from h2static.server import busy_wait
from h2static.server.busy_wait import BusyWait

BUSY = 0.000_05


class Clock:
    """Time passes with each look, and while the poller sleeps."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        self.now += 0.000_001
        return self.now


class Events:
    """A poller with events at times that the test chose."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.due = 0.0
        #: Calls that slept.
        self.sleeps = 0
        self.looks = 0

    def register(self, descriptor: int, events: int) -> None:
        raise NotImplementedError

    def modify(self, descriptor: int, before: int, events: int) -> None:
        raise NotImplementedError

    def unregister(self, descriptor: int, events: int) -> None:
        raise NotImplementedError

    def fileno(self) -> int:
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def poll(self, seconds: float, most: int) -> list[tuple[int, int]]:
        self.looks += 1
        if seconds:
            self.sleeps += 1
            self.clock.now = min(self.clock.now + seconds, max(self.due, self.clock.now))
        return [(7, 1)] if self.clock.now >= self.due else []


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    one = Clock()
    monkeypatch.setattr(busy_wait, "time", one)
    return one


def _wait(waiting: BusyWait, events: Events, after: float, seconds: float = 0.001) -> bool:
    """Wait once for what comes ``after`` some seconds; whether it came."""
    events.due = events.clock.now + after
    return bool(waiting.wait(seconds))


def test_prompt_events_are_waited_for_without_sleeping(clock: Clock) -> None:
    events = Events(clock)
    waiting = BusyWait(events, 8, BUSY)
    for _ in range(20):
        assert _wait(waiting, events, 0.000_02)
    assert events.sleeps == 4, "the first ones, by which it is known that they are prompt"


def test_pauses_cost_a_few_looks_and_no_more(clock: Clock) -> None:
    events = Events(clock)
    waiting = BusyWait(events, 8, BUSY)
    for _ in range(20):
        _wait(waiting, events, 0.000_02)
    looks = events.looks
    for _ in range(100):
        assert _wait(waiting, events, 0.000_5)
    # Four times in vain from the highest number, each with fifty looks at most.
    assert events.looks - looks <= 100 + 4 * 51
    assert not _wait(waiting, events, 10.0), "it gives up after the time that it was given"


def test_without_time_or_permission_it_is_the_poller_itself(clock: Clock) -> None:
    events = Events(clock)
    never = BusyWait(events, 8, 0)
    for _ in range(20):
        assert _wait(never, events, 0.000_02)
    assert events.sleeps == events.looks == 20
    assert not _wait(BusyWait(events, 8, BUSY), events, 1.0, seconds=0)
    assert events.sleeps == 20
