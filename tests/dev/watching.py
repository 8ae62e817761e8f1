"""A watcher at work, and what it tells."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from h2static.dev.file_systems import FileSystems
from h2static.dev.ignore import IgnoreRules
from h2static.dev.limits import DEFAULT_LIMITS, DevLimits
from h2static.dev.tree import Change, Tree
from h2static.dev.watcher import Watcher

#: Seconds that a notification may take on a busy machine.
PATIENCE = 30


class Recorder:
    """Takes what a watcher tells."""

    def __init__(self) -> None:
        self.changes: queue.Queue[list[Change]] = queue.Queue()
        self.problems: queue.Queue[str | None] = queue.Queue()
        self.notices: queue.Queue[str] = queue.Queue()
        self.turns = 0

    def turn(self, now: float) -> None:
        self.turns += 1

    def next_paths(self) -> list[str]:
        return [change.path for change in self.changes.get(timeout=PATIENCE)]


@contextmanager
def watching(
    root: Path,
    notices: object = None,
    *,
    follow_links: bool = False,
    ignore: IgnoreRules | None = None,
    always_compare: bool = False,
    file_systems: FileSystems | None = None,
    limits: DevLimits = DEFAULT_LIMITS,
) -> Iterator[Recorder]:
    """A watcher on ``root`` that has taken stock."""
    recorder = Recorder()
    ignore = IgnoreRules() if ignore is None else ignore
    watcher = Watcher(
        Tree(str(root), ignore, follow_links=follow_links),
        debounce=0.03,
        on_change=recorder.changes.put,
        on_problem=recorder.problems.put,
        on_notice=recorder.notices.put,
        on_turn=recorder.turn,
        always_compare=always_compare,
        file_systems=file_systems,
        notices=notices,  # type: ignore[arg-type]  # tests pass functions of the right shape
        limits=limits,
    )
    watcher.start()
    try:
        assert recorder.changes.get(timeout=PATIENCE) == []
        yield recorder
    finally:
        watcher.stop()


def settle(recorder: Recorder) -> None:
    """Wait until the watches are set: turns go on only then."""
    turns = recorder.turns
    deadline = time.monotonic() + PATIENCE
    while recorder.turns < turns + 3:
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)
