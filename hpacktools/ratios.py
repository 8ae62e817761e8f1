"""Compression of raw stories: every strategy compared with the lower bound.

Contract: :func:`measure` gives the octets of one story for each row of the table; :func:`render`
shows the sums as text, :func:`to_json` as JSON.  Ratios are octets of header blocks per octet of
names and values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from .bound import lower_bound
from .deflate import Deflater, story_deflater
from .shapes import JSON, Object
from .stories import Case, UnusableError, load_story
from .strategies import STRATEGIES

#: The row with the lower bound.
BOUND: Final = "lower bound"
#: Number of blocks known ahead, in the lookahead rows.
_LOOKAHEADS: Final = (64, 16, 8, 4)


@dataclass(slots=True, kw_only=True)
class Measured:
    """The octets of one story, or of several together."""

    #: Of names and values.
    before: int
    #: Row -> octets of header blocks; the bound first.
    after: dict[str, int]


def measure(path: Path, *, table_size: int, effort: int) -> Measured:
    """Measure a raw story with tables of ``table_size`` octets and ``best`` with ``effort`` walks.

    Raises ``OSError``, :class:`~hpacktools.stories.UnusableError` and ``ShapeError`` if ``path`` is
    not a raw story, and :class:`~hpacktools.bound.NoSolverError`.
    """
    story = load_story(path)
    cases = story.cases
    if any(case.fields is None for case in cases):
        raise UnusableError(f"{path.name}: a case has no headers")
    if cases and not cases[0].table_sizes:
        cases[0].table_sizes = (table_size,)

    def octets(strategy: str, *, effort: int = 0, lookahead: int = 0) -> int:
        deflater = story_deflater(
            cases, table_size, strategy=strategy, effort=effort, lookahead=lookahead
        )
        return sum(map(len, _blocks(deflater, cases)))

    after = {BOUND: lower_bound(cases, limit=table_size)}
    after[f"best, effort {effort}"] = octets("best", effort=effort)
    for count in _LOOKAHEADS:
        after[f"default, {count} blocks ahead"] = octets("default", lookahead=count)
    for strategy in (*STRATEGIES, "naive"):
        after[strategy] = octets(strategy)
    return Measured(before=story.octets, after=after)


def _blocks(deflater: Deflater, cases: Sequence[Case]) -> Iterator[bytes]:
    for case in cases:
        for size in case.table_sizes:
            deflater.change_table_size(size)
        yield deflater.deflate(case.fields or (), case.sensitive)


def measure_all(paths: Sequence[Path], *, table_size: int, effort: int, jobs: int) -> Measured:
    """The sums over the raw stories ``paths``, in ``jobs`` processes; raises as :func:`measure`."""
    run = partial(measure, table_size=table_size, effort=effort)
    if jobs <= 1 or len(paths) <= 1:
        stories = list(map(run, paths))
    else:
        # Longest first, so that no long story is left over at the end.
        paths = sorted(paths, key=lambda path: -path.stat().st_size)
        with ProcessPoolExecutor(jobs) as pool:
            stories = list(pool.map(run, paths))
    before = sum(story.before for story in stories)
    after = {row: sum(story.after[row] for story in stories) for row in stories[0].after}
    return Measured(before=before, after=after)


def to_json(measured: Measured) -> Object:
    """The table as JSON."""
    rows: list[JSON] = [
        {"name": row, "octets": octets, "ratio": octets / measured.before}
        for row, octets in measured.after.items()
    ]
    return {"octets": measured.before, "rows": rows}


def render(measured: Measured) -> str:
    """The table as text."""
    bound = measured.after[BOUND]
    lines = [f"{measured.before} octets of names and values"]
    for row, octets in measured.after.items():
        above = "" if row == BOUND or not bound else f"  {octets / bound - 1:+7.1%}"
        ratio = octets / measured.before if measured.before else 0.0
        lines.append(f"{row:<24} {octets:>9}  {ratio:.4f}{above}")
    return "\n".join(lines) + "\n"
