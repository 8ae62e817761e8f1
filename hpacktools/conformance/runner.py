"""Running tasks in several processes, with a progress bar."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, TextIO

from hpacktools.stories import LEVELS, load_story
from hpacktools.strategies import STRATEGY_NAMES

from .corpus import ENCODER, RAW, VECTOR_FOLDERS, CorpusError, stories_in
from .external import Commands
from .results import Outcome
from .suites import execute
from .task import Task
from .workers import Workers

#: Strategies also run without Huffman coding: all but the slow one.
_ALSO_PLAIN: Final = tuple(name for name in STRATEGY_NAMES if name != "best")
#: Maximum number of progress updates per second.
_REFRESH: Final = 10.0
#: Width of the bar in characters.
_WIDTH: Final = 30
#: Fixed cost of a task, and of one that starts a command, in octets of a story.
_TASK_WEIGHT: Final = 1_000
_COMMAND_WEIGHT: Final = 1_000_000
#: Cost of encoding a story relative to decoding it, in general and with the strategy best.
_ENCODE_WEIGHT: Final = 5
_BEST_WEIGHT: Final = 75


def corpus_tasks(
    corpus: Path, *, decoder: str = "", encoder: str = "", effort: int = 0
) -> list[Task]:
    """The tasks of ``run``: decode every encoded story, encode every raw one.

    With a command for only one side, only that side runs.
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
        tasks += [_encode_task(path, encoder, command=encoder) for path in raw]
        row = f"{encoder}, sizes changed"
        return tasks + [_encode_task(path, row, command=encoder, change_sizes=True) for path in raw]
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


def vector_tasks(
    vectors: Path, *, decoder: str = "", encoder: str = "", several_settings: bool = True
) -> list[Task]:
    """The tasks of ``negative``.  With a command for only one side, only that side runs.

    ``several_settings``: whether commands accept several settings before one block.
    """
    folders = []
    if decoder or not encoder:
        folders += [("vector", folder, decoder) for folder in VECTOR_FOLDERS]
    if encoder or not decoder:
        folders.append(("encoder", ENCODER, encoder))
    return [
        Task(
            kind=kind,
            row=folder,
            path=str(path),
            story=f"{folder}/{path.name}",
            command=command,
            several_settings=several_settings,
        )
        for kind, folder, command in folders
        for path in sorted((vectors / folder).glob("*.json"))
    ]


def select(tasks: Sequence[Task], patterns: Sequence[str]) -> list[Task]:
    """The tasks of ``negative`` that match one of ``patterns``: the beginning of a story's name
    (``n13``), its folder, or its level.

    Raises :class:`~hpacktools.conformance.corpus.CorpusError` for a pattern without a match.
    """
    chosen: set[int] = set()
    for pattern in patterns:
        found = {number for number, task in enumerate(tasks) if _is_meant(task, pattern)}
        if not found:
            raise CorpusError(f"--only {pattern}: no story with that name, folder or level")
        chosen |= found
    return [tasks[number] for number in sorted(chosen)]


def _is_meant(task: Task, pattern: str) -> bool:
    if pattern in LEVELS:
        try:
            return load_story(task.path).level == pattern
        except (OSError, ValueError):
            # Reported when the task runs.
            return False
    path = Path(task.path)
    return path.name.startswith(pattern) or pattern in (path.parent.name, task.story)


class Progress:
    """A progress bar on a terminal; nothing elsewhere."""

    def __init__(self, weights: Sequence[float], stream: TextIO | None = None) -> None:
        """``weights``: the relative duration of each task, in any unit."""
        self._stream = sys.stderr if stream is None else stream
        self._shown = self._stream.isatty()
        self._weights = weights
        self._total = sum(weights)
        self._done = 0.0
        self._stories = 0
        self._failures = 0
        self._next = 0.0
        self._show()

    def add(self, number: int, outcome: Outcome) -> None:
        """Note that the task ``number`` is done."""
        self._done += self._weights[number]
        self._stories += 1
        self._failures += len(outcome.failures) + bool(outcome.problem)
        self._show()

    def _show(self) -> None:
        now = time.monotonic()
        count = len(self._weights)
        if not self._shown or (now < self._next and self._stories < count):
            return
        self._next = now + 1 / _REFRESH
        # The running total may differ from the sum by rounding.
        part = 1.0 if self._stories == count else min(self._done / self._total, 1.0)
        full = int(_WIDTH * part)
        bar = "█" * full + "░" * (_WIDTH - full)
        failed = f", {self._failures} failed" if self._failures else ""
        self._stream.write(f"\r{bar} {part:4.0%} {self._stories}/{count} stories{failed}\x1b[K")
        self._stream.flush()

    def close(self) -> None:
        """Remove the bar."""
        if self._shown:
            self._stream.write("\r\x1b[K")
            self._stream.flush()


def run_tasks(tasks: Sequence[Task], *, jobs: int, co_process: bool = False) -> list[Outcome]:
    """Run all tasks in ``jobs`` processes; the outcomes are in task order.

    ``co_process``: each process starts a command once; it answers line by line.

    Raises :class:`~hpacktools.conformance.workers.WorkerError`.
    """
    weights = list(map(_weight, tasks))
    progress = Progress(weights)
    outcomes: dict[int, Outcome] = {}
    try:
        if jobs <= 1 or len(tasks) <= 1:
            with Commands(co_process=co_process) as commands:
                for number, task in enumerate(tasks):
                    outcomes[number] = execute(task, commands)
                    progress.add(number, outcomes[number])
        else:
            # Longest first, so that no long task is left over at the end.
            order = sorted(range(len(tasks)), key=lambda number: -weights[number])
            with Workers(min(jobs, len(tasks)), co_process=co_process) as workers:
                for number, outcome in workers.run(tasks, order):
                    outcomes[number] = outcome
                    progress.add(number, outcome)
    finally:
        progress.close()
    return [outcomes[number] for number in range(len(tasks))]


def _weight(task: Task) -> float:
    """Rough duration of a task, in octets of a decoded story."""
    try:
        size = Path(task.path).stat().st_size
    except OSError:
        size = 0
    if task.command:
        return _COMMAND_WEIGHT + size
    if task.kind not in ("encode", "encoder"):
        return _TASK_WEIGHT + size
    factor = _BEST_WEIGHT * (1 + 0.4 * task.effort) if task.strategy == "best" else _ENCODE_WEIGHT
    return _TASK_WEIGHT + factor * size
