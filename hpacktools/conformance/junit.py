"""A report as JUnit XML, for continuous integration: one suite per row, one case per story."""

from __future__ import annotations

import re
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from .results import Outcome, Report

#: Characters that XML 1.0 does not allow, not even escaped.
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(report: Report) -> str:
    """The XML document."""
    rows: dict[tuple[str, str], list[Outcome]] = {}
    counted = report.counts
    for outcome in report.outcomes:
        rows.setdefault((outcome.suite, outcome.row), []).append(outcome)
    lines = ['<?xml version="1.0" encoding="utf-8"?>', "<testsuites>"]
    for (suite, name), outcomes in rows.items():
        failed = sum(1 for outcome in outcomes if outcome.failures and counted(outcome))
        errors = sum(1 for outcome in outcomes if outcome.problem)
        skipped = sum(
            1
            for outcome in outcomes
            if outcome.skipped or (outcome.failures and not counted(outcome))
        )
        lines.append(
            f'  <testsuite name={_attribute(f"{suite} {name}")} tests="{len(outcomes)}"'
            f' failures="{failed}" errors="{errors}" skipped="{skipped}">'
        )
        for outcome in outcomes:
            lines += _case(outcome, counts=counted(outcome))
        lines.append("  </testsuite>")
    lines.append("</testsuites>")
    return "\n".join(lines) + "\n"


def _case(outcome: Outcome, *, counts: bool) -> list[str]:
    head = (
        f"    <testcase classname={_attribute(f'hpack.{outcome.suite}.{outcome.row}')}"
        f" name={_attribute(outcome.story)}"
    )
    if outcome.problem:
        return [f"{head}>", f"      <error message={_attribute(outcome.problem)}/>", _END]
    if outcome.skipped:
        return [f"{head}>", f"      <skipped message={_attribute(outcome.skipped)}/>", _END]
    if not outcome.failures:
        if not outcome.refusals:
            return [f"{head}/>"]
        return [f"{head}>", *_refusals(outcome), _END]
    first = outcome.failures[0]
    if not counts:
        # JUnit has no failures that do not count.
        message = f"not counted, level {outcome.level}: {first.message}"
        return [f"{head}>", f"      <skipped message={_attribute(message)}/>", _END]
    lines = [f"{head}>", f"      <failure message={_attribute(first.message)}>"]
    for failure in outcome.failures:
        case = "" if failure.case is None else f"case {failure.case}: "
        lines.append(escape(_clean(f"{case}{failure.message}")))
        if failure.wire:
            lines.append(f"wire {failure.wire}")
    if outcome.more_failures:
        lines.append(f"and {outcome.more_failures} more")
    return [*lines, "      </failure>", _END]


def _refusals(outcome: Outcome) -> list[str]:
    """The reasons given for the correct refusals in a story."""
    lines = [
        _clean(f"case {refusal.case} refused by {refusal.by}: {refusal.reason}")
        for refusal in outcome.refusals
    ]
    return ["      <system-out>", *map(escape, lines), "      </system-out>"]


_END: Final = "    </testcase>"


def _clean(text: str) -> str:
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)


def _attribute(text: str) -> str:
    return quoteattr(_clean(text))
