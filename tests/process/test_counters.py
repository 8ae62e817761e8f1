"""The supervisor's question to its workers for counters, on a clock that the test moves."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from h2static.process.control_channel import LineReader, Message
from h2static.process.counters import DEADLINE, Counters
from h2static.process.workers import Worker


class Asking:
    """A question to one worker, which answers when the test says so."""

    def __init__(self, ours: socket.socket, theirs: socket.socket) -> None:
        self.now = 1_000.0
        self.lines: list[str] = []
        self._timers: list[tuple[float, Callable[[], None]]] = []
        self._counters = Counters(self.lines.append, self._after)
        process: Any = SimpleNamespace(pid=4711)  # no process: nothing but its number is asked for
        self._worker = Worker(slot=0, process=process, line=ours, started=self.now)
        self._theirs = theirs
        self._reader = LineReader()

    def _after(self, delay: float, action: Callable[[], None]) -> None:
        self._timers.append((self.now + delay, action))

    def ask(self) -> None:
        self._counters.ask([self._worker])

    def asked(self) -> list[object]:
        """The numbers of the questions that the worker was asked since the last time."""
        messages = self._reader.read(self._theirs)
        assert all(one["type"] == Message.COUNTERS for one in messages)
        return [one["number"] for one in messages]

    def answer(self, counters: dict[str, int], number: object = None) -> None:
        """Answer question ``number``; ``None``: the one that was asked last."""
        if number is None:
            number = self.asked()[-1]
        self._counters.take(self._worker, number, counters)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        due = [one for one in self._timers if one[0] <= self.now]
        self._timers = [one for one in self._timers if one[0] > self.now]
        for _, action in due:
            action()

    def told(self) -> list[object]:
        """The worker's counters in each line."""
        return [json.loads(line)["workers"][0]["counters"] for line in self.lines]


@pytest.fixture
def asking() -> Iterator[Asking]:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    with ours, theirs:
        yield Asking(ours, theirs)


def test_an_answer_is_told_with_who_gave_it(asking: Asking) -> None:
    asking.ask()
    asking.answer({"requests": 1})
    (line,) = asking.lines
    (worker,) = json.loads(line)["workers"]
    assert worker == {"slot": 0, "pid": 4711, "state": "starting", "counters": {"requests": 1}}


def test_the_deadline_of_one_question_does_not_cut_the_next_one_short(asking: Asking) -> None:
    asking.ask()
    asking.answer({"requests": 1})
    asking.wait(0.9 * DEADLINE)
    asking.ask()
    asking.wait(0.2 * DEADLINE)
    assert asking.told() == [{"requests": 1}]
    asking.answer({"requests": 2})
    assert asking.told() == [{"requests": 1}, {"requests": 2}]


def test_a_worker_that_does_not_answer_shows_as_null(asking: Asking) -> None:
    asking.ask()
    asking.wait(0.9 * DEADLINE)
    # Asked again before that, which changes nothing.
    asking.ask()
    (number,) = asking.asked()
    asking.wait(0.2 * DEADLINE)
    assert asking.told() == [None]
    # Too late.
    asking.answer({"requests": 1}, number)
    asking.wait(10)
    assert asking.told() == [None]


def test_a_late_answer_is_not_taken_for_that_to_the_next_question(asking: Asking) -> None:
    asking.ask()
    (late,) = asking.asked()
    asking.wait(2 * DEADLINE)
    asking.ask()
    asking.answer({"requests": 1}, late)
    assert asking.told() == [None]
    asking.answer({"requests": 2})
    assert asking.told() == [None, {"requests": 2}]
