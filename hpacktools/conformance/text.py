"""A report as text."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hpacktools.stories import LEVELS
from hpacktools.terminal import printable

from .results import Failure, Refusal, Report, Row

#: Failures and reasons for refusals that are listed; the JSON report has more.
LISTED: Final = 20
#: Stories named where several share a failure or reason.
_NAMED: Final = 3

_HEADS: Final = ("", "stories", "blocks", "failures", "octets", "ratio")
_TITLES: Final = {
    "decode": "decoded",
    "encode": "encoded and decoded back",
    "accept": "accepted as required",
    "refuse": "refused as required",
    "encoder": "encoded as required",
}


def render(report: Report) -> str:
    """The table, the failures, the verdict.

    Names come from files and messages from commands: every line is escaped.
    """
    return "\n".join(map(printable, _lines(report))) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield from _table(report.rows())
    for outcome in report.problems():
        yield f"unusable: {outcome.story}: {outcome.problem}"
    yield from _skipped(report)
    yield from _refusals(report.refusals())
    noted = report.noted()
    if noted:
        count = sum(row.noted for row in report.rows())
        yield f"{_failures(count)} beyond --level {report.level}, not counted:"
        yield from _listed(noted, count)
    count = report.failure_count()
    if count:
        yield f"{_failures(count)}:"
        yield from _listed(report.failures(), count)
    yield verdict(report)


def _failures(count: int) -> str:
    return f"{count} failure{'' if count == 1 else 's'}"


def _skipped(report: Report) -> Iterator[str]:
    """Each reason once, with the stories skipped for it."""
    stories: dict[str, list[str]] = {}
    for outcome in report.skipped():
        stories.setdefault(outcome.skipped, []).append(outcome.story)
    for reason, names in stories.items():
        yield f"skipped: {', '.join(names)}: {reason}"


def _refusals(refusals: list[Refusal]) -> Iterator[str]:
    """The reasons a command gave for correct refusals.  A reason unrelated to the block points to a
    bug that merely looks like a refusal."""
    if not refusals:
        return
    reasons: dict[tuple[str, str], list[str]] = {}
    for refusal in refusals:
        reasons.setdefault((refusal.by, refusal.reason), []).append(refusal.story)
    # Possible bugs first.
    order = sorted(reasons.items(), key=lambda item: (_BY.index(item[0][0]), -len(item[1])))
    yield f"{len(refusals)} blocks refused for these reasons:"
    for (by, reason), stories in order[:LISTED]:
        how = "" if by == "error" else f", by {by}"
        yield f"  {len(stories)} ({_named(stories)}{how}): {_cut(reason)}"
    if len(order) > LISTED:
        yield f"  and {len(order) - LISTED} more reasons"
    if uncaught := sum(refusal.by == "exception" for refusal in refusals):
        yield (
            f"  {uncaught} of them by an uncaught exception: "
            "check that it is about the block and not a bug in the program"
        )


_BY: Final = ("exception", "exit code", "error")


def _named(stories: list[str]) -> str:
    more = f", and {len(stories) - _NAMED} more" if len(stories) > _NAMED else ""
    return ", ".join(stories[:_NAMED]) + more


def _cut(text: str) -> str:
    return text[:200] + ("…" if len(text) > 200 else "")


def _listed(failures: list[Failure], count: int) -> Iterator[str]:
    """The failures, which cover ``count`` cases; a failure that several stories share only once."""
    groups: dict[tuple[str, str], list[Failure]] = {}
    for failure in failures:
        # The message of a case is about its own block.
        place = failure.suite if failure.case is None else f"{failure.story} {failure.case}"
        groups.setdefault((place, failure.message), []).append(failure)
    shown = list(groups.values())[:LISTED]
    for group in shown:
        first = group[0]
        stories = list(dict.fromkeys(failure.story for failure in group))
        case = "" if first.case is None else f" case {first.case}"
        level = "" if first.level == LEVELS[0] else f" [{first.level}]"
        times = f" ({len(stories)} stories)" if len(stories) > 1 else ""
        yield f"  {first.suite} {_named(stories)}{case}{level}{times}: {first.message}"
        if first.needs:
            yield f"    the story needs {', '.join(first.needs)}"
        if first.wire:
            yield f"    wire {first.wire[:120]}{'…' if len(first.wire) > 120 else ''}"
    if more := count - sum(failure.cases for group in shown for failure in group):
        yield f"  and {more} more"


def verdict(report: Report) -> str:
    """One line: how much passed, in numbers."""
    parts = []
    for suite, title in _TITLES.items():
        rows = [row for row in report.rows() if row.suite == suite]
        if not rows:
            continue
        if suite in ("accept", "refuse", "encoder"):
            total = sum(row.stories for row in rows)
            bad = [each for each in report.outcomes if each.suite == suite and each.failures]
            noted = sum(not report.counts(outcome) for outcome in bad)
            aside = f" ({noted} of the others not counted)" if noted else ""
            parts.append(f"{total - len(bad)} of {total} stories {title}{aside}")
        else:
            total = sum(row.blocks for row in rows)
            failed = sum(row.failures for row in rows)
            parts.append(f"{total - failed} of {total} blocks {title}")
    end = "passed" if report.exit_code() == 0 else "FAILED"
    return f"{'; '.join(parts) or 'nothing ran'}; {report.seconds:.1f} s: {end}"


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
