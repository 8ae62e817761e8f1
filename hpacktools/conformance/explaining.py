"""Shared by the suites: measuring cases, and explaining the blocks of failures."""

from __future__ import annotations

from collections.abc import Sequence

from hpacktools.codec import Decoder, Field, HPACKError
from hpacktools.explanation import explain, explanation_to_json
from hpacktools.stories import Case, Story

from .external import Answer
from .results import Failure, Outcome


def require(story: Story, outcome: Outcome, *, wire: bool, fields: bool) -> bool:
    """Whether every case has the members a suite needs; notes the first that does not."""
    for position, case in enumerate(story.cases):
        if wire and case.wire is None:
            outcome.problem = f"$.cases[{position}]: 'wire' is missing"
            return False
        if fields and case.fields is None:
            outcome.problem = f"$.cases[{position}]: 'headers' is missing"
            return False
    return True


def measure(outcome: Outcome, fields: Sequence[Field], block: bytes) -> None:
    """Add the lengths of a case, in octets, to the totals for ratios."""
    outcome.input_length += sum(len(name) + len(value) for name, value in fields)
    outcome.output_length += len(block)


class Before:
    """The decoder's state before a block, needed to explain the block."""

    def __init__(self, decoder: Decoder) -> None:
        self.table = decoder.table
        self.allowed = decoder.allowed
        self.required = decoder.required

    def explain_to(self, failure: Failure | None) -> None:
        """Add the explained block to a failure."""
        if failure is not None:
            failure.explanation = explanation_to_json(
                explain(
                    bytes.fromhex(failure.wire),
                    self.table,
                    allowed=self.allowed,
                    required=self.required,
                )
            )


def fail_of_command(outcome: Outcome, cases: Sequence[Case], case: Case, message: str) -> None:
    """Record a failure of a command in ``case``, with the block explained by our decoder."""
    assert case.wire is not None
    failure = outcome.fail(message, case=case.number, wire=case.wire.hex())
    if failure is None:
        return
    decoder = Decoder()
    for each in cases:
        for size in each.table_sizes:
            decoder.change_allowed(size)
        if each is case:
            break
        assert each.wire is not None
        try:
            decoder.decode(each.wire)
        except HPACKError:
            # Nothing can be explained after a block that must be refused.
            return
    Before(decoder).explain_to(failure)


def fail_undone(outcome: Outcome, count: int) -> None:
    """Count ``count`` cases that a failure prevented from running as failures themselves."""
    if count <= 0:
        return
    were = "case was" if count == 1 else "cases were"
    done = "decoded" if outcome.suite == "decode" else "encoded"
    outcome.fail(f"{count} more {were} not {done}", cases=count)


def fail_missing(outcome: Outcome, cases: Sequence[Case], answer: Answer) -> None:
    """Count the case that a command refused, if any, and all later ones as failures."""
    missing = len(cases) - len(answer.cases)
    # If all cases were written but the exit code reports a refusal, it may be that of a case that
    # has failed already.
    if answer.refusal and (missing or not outcome.failures):
        fail_refusal(outcome, cases, answer)
        fail_undone(outcome, missing - 1)


def fail_refusal(outcome: Outcome, cases: Sequence[Case], answer: Answer) -> None:
    """Record that a command refused a block it must accept."""
    message = f"refused: {answer.refusal}"
    if answer.refused is None:
        outcome.fail(message)
    elif cases[answer.refused].wire is None:
        outcome.fail(message, case=cases[answer.refused].number)
    else:
        fail_of_command(outcome, cases, cases[answer.refused], message)
