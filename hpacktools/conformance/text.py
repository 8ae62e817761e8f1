"""A report as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hpacktools.terminal import printable

from .results import Report, Row

#: Failures that are listed; the JSON report has more.
LISTED: Final = 20

_HEADS: Final = ("", "stories", "blocks", "failures", "octets", "ratio")
_TITLES: Final = {
    "decode": "decoded",
    "encode": "encoded and decoded back",
    "accept": "to be accepted",
    "refuse": "to be refused",
}


def render(report: Report) -> str:
    """The table, the failures, the verdict.

    Names come from files and messages from commands: every line is escaped.
    """
    return "\n".join(map(printable, _lines(report))) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield from _table(report.rows())
    problems = report.problems()
    for outcome in problems:
        yield f"cannot be used: {outcome.story}: {outcome.problem}"
    for outcome in report.skipped():
        yield f"skipped: {outcome.story}: {outcome.skipped}"
    count = report.failure_count()
    if count:
        yield f"{count} failure{'' if count == 1 else 's'}:"
        listed = report.failures()[:LISTED]
        for failure in listed:
            case = "" if failure.case is None else f" case {failure.case}"
            yield f"  {failure.suite} {failure.story}{case}: {failure.message}"
            if failure.wire:
                shown = failure.wire[:120] + ("…" if len(failure.wire) > 120 else "")
                yield f"    wire {shown}"
        if more := count - sum(failure.cases for failure in listed):
            yield f"  and {more} more"
    yield verdict(report)


def verdict(report: Report) -> str:
    """One line: what passed, in numbers."""
    parts = []
    for suite, title in _TITLES.items():
        rows = [row for row in report.rows() if row.suite == suite]
        if not rows:
            continue
        if suite in ("accept", "refuse"):
            total = sum(row.stories for row in rows)
            failed = len(
                {
                    outcome.story
                    for outcome in report.outcomes
                    if outcome.suite == suite and outcome.failures
                }
            )
            parts.append(f"{total - failed} of {total} stories {title}")
        else:
            total = sum(row.blocks for row in rows)
            failed = sum(row.failures for row in rows)
            parts.append(f"{total - failed} of {total} blocks {title}")
    end = "passed" if report.exit_code() == 0 else "FAILED"
    return f"{'; '.join(parts) or 'nothing was run'}; {report.seconds:.1f} s: {end}"


def _table(rows: list[Row]) -> Iterator[str]:
    cells = [_HEADS]
    suites = []
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.4f}"
        cells.append(
            (
                row.name,
                str(row.stories),
                str(row.blocks),
                str(row.failures),
                str(row.output_length),
                ratio,
            )
        )
        suites.append(row.suite)
    widths = [max(len(line[column]) for line in cells) for column in range(len(_HEADS))]
    widths[0] = max(widths[0], *(len(title) for title in _TITLES.values()))
    last = ""
    for number, line in enumerate(cells):
        suite = suites[number - 1] if number else ""
        if number and suite != last:
            last = suite
            yield _TITLES[suite]
        text = "  ".join(
            cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)
        )
        indent = "  " if number else ""
        yield f"{indent}{line[0].ljust(widths[0] + 2 - len(indent))}  {text}".rstrip()
    yield ""
