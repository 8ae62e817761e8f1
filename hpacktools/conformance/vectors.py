"""Vectors: stories whose cases say what a decoder must accept and what it must refuse.

Contract: a block that must be refused fails if it is accepted; one that must be accepted fails if
it is refused or decoded differently.  Where a decoder may do either (``may_refuse``,
``may_accept``), both pass, and an accepted block is still compared.
"""

from __future__ import annotations

from hpacktools.codec import Decoder, HPACKError
from hpacktools.jsonforms import table_to_json
from hpacktools.shapes import Object
from hpacktools.stories import Case, Story

from .comparing import difference, same_fields, same_sensitive, same_table
from .explaining import Before, fail_of_command, fail_refusal, measure, require
from .external import Answer, By, Commands
from .results import Outcome, Refusal
from .task import Task


def suite_of(story: Story) -> str:
    """``refuse`` for a story with a block that must be refused, else ``accept``."""
    refused = any(expected(case).get("result") == "refuse" for case in story.cases)
    return "refuse" if refused else "accept"


def expected(case: Case) -> Object:
    """The member ``expect`` of a case; empty if there is none."""
    found = case.document.get("expect")
    return found if isinstance(found, dict) else {}


def run_vector(task: Task, story: Story, outcome: Outcome, commands: Commands) -> None:
    """Run a story whose cases state the expected result.

    Raises :class:`~hpacktools.conformance.command.CommandError`.
    """
    outcome.suite = suite_of(story)
    for position, case in enumerate(story.cases):
        what = expected(case)
        if not what:
            outcome.problem = f"$.cases[{position}]: 'expect' is missing"
            return
        if (what["result"] == "accept" or _may(case)) and case.fields is None:
            outcome.problem = f"$.cases[{position}]: 'headers' is missing"
            return
    if not require(story, outcome, wire=True, fields=False):
        return
    outcome.blocks = len(story.cases)
    for case in story.cases:
        measure(outcome, case.fields or (), case.wire or b"")
    if task.command:
        _by_command(task, story, outcome, commands)
    else:
        _by_ours(story, outcome)


def _may(case: Case) -> bool:
    """Whether the opposite of the expected result is also correct."""
    what = expected(case)
    return what.get("may_accept") is True or what.get("may_refuse") is True


def _by_ours(story: Story, outcome: Outcome) -> None:
    decoder = Decoder()
    for case in story.cases:
        for size in case.table_sizes:
            decoder.change_allowed(size)
        assert case.wire is not None
        what = expected(case)
        before = Before(decoder)
        message = ""
        try:
            decoded = decoder.decode(case.wire)
        except HPACKError as error:
            if what["result"] == "accept":
                message = f"refused: {error}"
            elif error.section != what["section"]:
                message = f"refused by {error.section}, not {what['section']}"
            elif what.get("offset", error.offset) != error.offset:
                message = f"refused at octet {error.offset}, not {what['offset']}"
        else:
            if what["result"] == "refuse":
                message = f"accepted, contrary to {what['section']}"
            elif decoded.fields != case.fields:
                message = difference(decoded.fields, case.fields or ())
            elif frozenset(decoded.never_indexed) != case.sensitive:
                message = f"never-indexed fields are {list(decoded.never_indexed)}"
            elif what.get("header_table") not in (None, table_to_json(decoded.table)):
                message = f"the table is {table_to_json(decoded.table)}"
        if message:
            before.explain_to(outcome.fail(message, case=case.number, wire=case.wire.hex()))
        if decoder.failure is not None:
            return


def _by_command(task: Task, story: Story, outcome: Outcome, commands: Commands) -> None:
    """A command that runs once per story need not say which block it refused.  So the cases before
    a block that must be refused run on their own first, which shows that a refusal is the right
    one."""
    certain = [case for case in story.cases if expected(case)["result"] == "accept"]
    last = len(certain) < len(story.cases)
    if certain:
        answer = commands.decode(task.command, certain)
        if not _check(outcome, certain, answer):
            return
    if last:
        _check(outcome, story.cases, commands.decode(task.command, story.cases))


def _check(outcome: Outcome, cases: list[Case], answer: Answer) -> bool:
    """Compare an answer; returns whether the table is known and everything was accepted."""
    if answer.skipped:
        outcome.skipped = answer.skipped
        return False
    for case, result in zip(cases, answer.cases, strict=False):
        what = expected(case)
        if what["result"] == "refuse" and not _may(case):
            if not answer.refusal:
                fail_of_command(outcome, cases, case, f"accepted, contrary to {what['section']}")
            continue
        message = same_fields(result, case.fields or ())
        message = message or same_sensitive(result, case.sensitive)
        table = what.get("header_table")
        if not message and isinstance(table, dict):
            message = same_table(result, table)
        if message:
            fail_of_command(outcome, cases, case, message)
    if not answer.refusal:
        return True
    if answer.by is By.ERROR and answer.refused is not None:
        case = cases[answer.refused]
    else:
        # An exit code does not say which: assume a block that may be refused, if there is one.
        case = next((each for each in reversed(cases) if _is_refusable(each)), cases[-1])
    if _is_refusable(case):
        outcome.refusals.append(
            Refusal(story=outcome.story, case=case.number, reason=answer.refusal, by=str(answer.by))
        )
    else:
        fail_refusal(outcome, cases, answer)
    return False


def _is_refusable(case: Case) -> bool:
    what = expected(case)
    return what["result"] == "refuse" or what.get("may_refuse") is True
