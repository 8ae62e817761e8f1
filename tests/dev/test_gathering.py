"""What is told together, and when: saves at once, builds when they have come to rest."""

from __future__ import annotations

import pytest

from h2static.dev.gathering import Gathering
from h2static.dev.limits import DevLimits
from h2static.dev.tree import Change, Kind

DEBOUNCE = 0.06
TURN = 0.02
#: When a build has come to rest: five debounce times.
REST = 0.3


def close(seconds: float) -> object:
    """That many seconds, or a turn later."""
    return pytest.approx(seconds + TURN / 2, abs=TURN / 2 + 0.001)


class Clocked:
    """A gathering and what it tells, each with its time."""

    def __init__(self, gone: set[str] | None = None, limits: DevLimits | None = None) -> None:
        self.gone = set() if gone is None else gone
        self.gathering = Gathering(
            DEBOUNCE, lambda path: path in self.gone, limits or DevLimits(same_build_seconds=1)
        )
        self.now = 100.0
        self.told: list[tuple[float, frozenset[str]]] = []

    def run(self, seconds: float, *paths: str, each_turn: bool = False) -> None:
        """``paths`` are touched now, or in each turn of the time."""
        self.gathering.add(set(paths), self.now)
        for _ in range(round(seconds / TURN)):
            self.now += TURN
            if each_turn:
                self.gathering.add(set(paths), self.now)
            if self.gathering.is_due(self.now):
                self.told.append((round(self.now - 100, 2), self.gathering.take(self.now)))


def test_a_save_is_told_after_the_debounce_time() -> None:
    clocked = Clocked()
    clocked.run(1, "a.css")
    assert clocked.told == [(close(DEBOUNCE), frozenset({"a.css"}))]


def test_a_save_of_some_files_is_one() -> None:
    clocked = Clocked()
    clocked.run(0.04, "a.css")
    clocked.run(1, "b.css", "c.css")
    assert clocked.told == [(close(0.1), frozenset({"a.css", "b.css", "c.css"}))]


@pytest.mark.parametrize("pause", [0.02, 0.1, 0.24])
def test_a_build_of_many_files_is_told_once(pause: float) -> None:
    clocked = Clocked()
    for number in range(0, 300, 10):
        clocked.run(pause, *[f"{number + one}.html" for one in range(10)])
    assert clocked.told == []
    # So many have to rest for twice as long.
    clocked.run(REST)
    assert clocked.told == []
    clocked.run(REST)
    (told,) = clocked.told
    assert len(told[1]) == 300


def test_files_that_are_gone_are_waited_for() -> None:
    """A build empties the folder, works for a while, and writes anew."""
    clocked = Clocked(gone={"index.html"})
    clocked.run(0.2, "index.html", "a.js")
    clocked.gone.clear()
    clocked.run(0.02, "b.js")
    clocked.run(1, "index.html")
    assert [paths for _, paths in clocked.told] == [frozenset({"index.html", "a.js", "b.js"})]


def test_a_file_that_is_gone_for_good_is_told() -> None:
    clocked = Clocked(gone={"a.css"})
    clocked.run(1, "a.css")
    assert clocked.told == [(close(REST), frozenset({"a.css"}))]


def test_one_file_after_the_other_is_a_build() -> None:
    """Files slower than the debounce time are told twice at most: the first, and the rest."""
    clocked = Clocked()
    for number in range(100):
        clocked.run(0.1, f"{number}.html")
    clocked.run(REST)
    assert [len(paths) for _, paths in clocked.told] == [1, 99]


def test_the_same_file_saved_again_is_no_build() -> None:
    clocked = Clocked()
    for _ in range(3):
        clocked.run(0.2, "a.css")
    assert [at for at, _ in clocked.told] == [close(0.06), close(0.26), close(0.46)]


def test_another_file_much_later_is_no_build() -> None:
    clocked = Clocked()
    clocked.run(1.5, "a.css")
    clocked.run(1, "b.css")
    assert [at for at, _ in clocked.told] == [close(0.06), close(1.56)]


def test_a_build_that_never_rests_is_told_all_the_same() -> None:
    clocked = Clocked(limits=DevLimits(burst_seconds=2))
    for number in range(150):
        clocked.run(0.02, *[f"{number}-{one}" for one in range(10)])
    assert [at for at, _ in clocked.told] == [close(2.0)]


def test_files_that_are_written_without_end_do_not_hold_back_a_build() -> None:
    clocked = Clocked()
    clocked.run(5, *[f"{one}.log" for one in range(20)], each_turn=True)
    # Twenty debounce times after the last file that was new.
    assert clocked.told[0][0] == close(20 * DEBOUNCE)


def test_changes_that_were_found_already_are_merged() -> None:
    clocked = Clocked()
    for kinds in (
        {"a": Kind.REMOVED, "b": Kind.ADDED, "c": Kind.ADDED, "d": Kind.MODIFIED},
        {"a": Kind.ADDED, "b": Kind.REMOVED, "c": Kind.MODIFIED, "d": Kind.REMOVED},
    ):
        changes = [Change(path=path, kind=kind) for path, kind in kinds.items()]
        clocked.gathering.hold(changes, clocked.now)
    assert clocked.gathering.changes() == [
        Change(path="a", kind=Kind.MODIFIED),
        Change(path="c", kind=Kind.ADDED),
        Change(path="d", kind=Kind.REMOVED),
    ]
    assert clocked.gathering.changes() == []
