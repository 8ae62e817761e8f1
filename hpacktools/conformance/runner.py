"""Running tasks, spread over processes, with progress."""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final, TextIO

from hpacktools.strategies import STRATEGY_NAMES

from .corpus import RAW, VECTOR_FOLDERS, stories_in
from .results import Outcome
from .suites import Task, execute

#: Strategies whose plain form (without Huffman coding) is run too: all but the slow one.
_ALSO_PLAIN: Final = tuple(name for name in STRATEGY_NAMES if name != "best")
#: Rounds of progress shown in a second at most.
_REFRESH: Final = 10.0


def corpus_tasks(
    corpus: Path, *, decoder: str = "", encoder: str = "", effort: int = 0
) -> list[Task]:
    """The tasks of ``run``: decode every encoded story, encode every raw one.

    With a command for one side only that side is run.
    """
    tasks = []
    raw = []
    for path in stories_in(corpus):
        if path.parent.name == RAW:
            raw.append(path)
        elif decoder or not encoder:
            tasks.append(
                Task(
                    kind="decode",
                    row=path.parent.name,
                    path=str(path),
                    story=f"{path.parent.name}/{path.name}",
                    command=decoder,
                )
            )
    if encoder:
        return tasks + [_encode_task(path, encoder, command=encoder) for path in raw]
    if decoder:
        return tasks
    for strategy in STRATEGY_NAMES:
        tasks += [_encode_task(path, strategy, strategy=strategy, effort=effort) for path in raw]
    for strategy in _ALSO_PLAIN:
        row = f"{strategy}, plain"
        tasks += [_encode_task(path, row, strategy=strategy, huffman=False) for path in raw]
    tasks += [_encode_task(path, "default, sizes changed", change_sizes=True) for path in raw]
    return tasks


def _encode_task(
    path: Path,
    row: str,
    *,
    command: str = "",
    strategy: str = "default",
    huffman: bool = True,
    effort: int = 0,
    change_sizes: bool = False,
) -> Task:
    return Task(
        kind="encode",
        row=row,
        path=str(path),
        story=f"{path.parent.name}/{path.name}",
        command=command,
        strategy=strategy,
        huffman=huffman,
        effort=effort,
        change_sizes=change_sizes,
    )


def vector_tasks(vectors: Path, *, decoder: str = "") -> list[Task]:
    """The tasks of ``negative``."""
    return [
        Task(
            kind="vector",
            row=folder,
            path=str(path),
            story=f"{folder}/{path.name}",
            command=decoder,
        )
        for folder in VECTOR_FOLDERS
        for path in sorted((vectors / folder).glob("*.json"))
    ]


class Progress:
    """A bar on a terminal; elsewhere nothing."""

    def __init__(self, total: int, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._shown = self._stream.isatty()
        self._total = total
        self._done = 0
        self._failures = 0
        self._next = 0.0

    def add(self, outcome: Outcome) -> None:
        """One more story is done."""
        self._done += 1
        self._failures += len(outcome.failures) + bool(outcome.problem)
        now = time.monotonic()
        if self._shown and (now >= self._next or self._done == self._total):
            self._next = now + 1 / _REFRESH
            width = 30
            full = width * self._done // max(self._total, 1)
            bar = "█" * full + "░" * (width - full)
            failed = f", {self._failures} failed" if self._failures else ""
            self._stream.write(f"\r{bar} {self._done}/{self._total} stories{failed}\x1b[K")
            self._stream.flush()

    def close(self) -> None:
        """Remove the bar."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def run_tasks(tasks: Sequence[Task], *, jobs: int) -> list[Outcome]:
    """Run all tasks in ``jobs`` processes; the outcomes are in the order of the tasks."""
    progress = Progress(len(tasks))
    try:
        if jobs <= 1 or len(tasks) <= 1:
            return list(_watched(map(execute, tasks), progress))
        return _run_in_processes(tasks, jobs, progress)
    finally:
        progress.close()


def _watched(outcomes: Iterable[Outcome], progress: Progress) -> Iterable[Outcome]:
    for outcome in outcomes:
        progress.add(outcome)
        yield outcome


def _run_in_processes(tasks: Sequence[Task], jobs: int, progress: Progress) -> list[Outcome]:
    """The longest first, so that none is left over at the end."""
    # Spawned: the same on every platform, and nothing of this process is inherited.
    context = multiprocessing.get_context("spawn")
    order = sorted(range(len(tasks)), key=lambda number: -_weight(tasks[number]))
    outcomes: list[Outcome | None] = [None] * len(tasks)
    with ProcessPoolExecutor(jobs, mp_context=context) as pool:
        futures = {number: pool.submit(execute, tasks[number]) for number in order}
        for number, future in futures.items():
            outcomes[number] = future.result()
            progress.add(outcomes[number])  # type: ignore[arg-type]  # set in the line above
    return [outcome for outcome in outcomes if outcome is not None]


def _weight(task: Task) -> float:
    """How long a task takes, roughly."""
    try:
        size = Path(task.path).stat().st_size
    except OSError:
        return 0
    return size * (100.0 if task.strategy == "best" else 1.0)
