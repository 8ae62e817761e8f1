"""The suites: one story each, as functions that run in any process.

Contract: :func:`execute` never raises for what a story or a command does; it tells in the outcome.
The blocks of an outcome are all cases of the story, done or not; in the suites ``decode`` and
``encode`` each case that was not done is a failure, so that blocks without failures are those that
passed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import hpack

from hpacktools.codec import Decoder, Field, HPACKError
from hpacktools.deflate import story_deflater
from hpacktools.explanation import explain, explanation_to_json
from hpacktools.jsonforms import ShapeError, table_to_json
from hpacktools.shapes import Object
from hpacktools.stories import Case, Story, UnusableError, load_story

from . import external
from .command import CommandError
from .results import Failure, Outcome

#: The sizes that the size-changing run of an encoder is given, at one and two thirds of a story.
CHANGED_SIZES = (1365, 2730)


@dataclass(slots=True, kw_only=True, frozen=True)
class Task:
    """One story to run in one suite."""

    #: ``decode``, ``encode`` or ``vector``.
    kind: str
    row: str
    path: str
    #: The name of the story in reports.
    story: str
    #: The command in the place of our codec; empty for ours.
    command: str = ""
    strategy: str = "default"
    huffman: bool = True
    #: Annealing walks of the strategy ``best``.
    effort: int = 0
    #: Change SETTINGS_HEADER_TABLE_SIZE within the story.
    change_sizes: bool = False


def execute(task: Task) -> Outcome:
    """Run one task."""
    suite = {"decode": "decode", "encode": "encode", "vector": "accept"}[task.kind]
    outcome = Outcome(suite=suite, row=task.row, story=task.story)
    try:
        story = load_story(task.path)
    except OSError as error:
        outcome.problem = error.strerror or str(error)
    except (UnusableError, ShapeError) as error:
        outcome.problem = str(error)
    else:
        if not story.cases:
            outcome.skipped = "it has no cases"
            return outcome
        run = {"decode": _decode, "encode": _encode, "vector": _vector}[task.kind]
        try:
            run(task, story, outcome)
        except CommandError as error:
            outcome.fail(f"{task.command}: {error}")
            if task.kind != "vector":
                _fail_undone(outcome, outcome.blocks - 1)
    return outcome


def _require(story: Story, outcome: Outcome, *, wire: bool, fields: bool) -> bool:
    """Whether every case has what a suite needs; says where not."""
    for position, case in enumerate(story.cases):
        if wire and case.wire is None:
            outcome.problem = f"$.cases[{position}]: 'wire' is missing"
            return False
        if fields and case.fields is None:
            outcome.problem = f"$.cases[{position}]: 'headers' is missing"
            return False
    return True


def _fail_undone(outcome: Outcome, count: int) -> None:
    """Count ``count`` cases, which a failure kept from being run, as failures themselves."""
    if count <= 0:
        return
    were = "case was" if count == 1 else "cases were"
    outcome.fail(f"{count} more {were} not {outcome.suite}d", cases=count)


def _measure(outcome: Outcome, fields: Sequence[Field], block: bytes) -> None:
    """Add the lengths of a case, in octets, to what ratios are made of."""
    outcome.input_length += sum(len(name) + len(value) for name, value in fields)
    outcome.output_length += len(block)


# --- decode: the encoded stories of the corpus


def _decode(task: Task, story: Story, outcome: Outcome) -> None:
    """Decode every block and compare the header list."""
    if not _require(story, outcome, wire=True, fields=True):
        return
    outcome.blocks = len(story.cases)
    if task.command:
        _decode_by_command(task, story, outcome)
        return
    decoder = Decoder()
    for position, case in enumerate(story.cases, 1):
        for size in case.table_sizes:
            decoder.change_allowed(size)
        assert case.wire is not None
        assert case.fields is not None
        _measure(outcome, case.fields, case.wire)
        before = _Before(decoder)
        try:
            decoded = decoder.decode(case.wire)
        except HPACKError as error:
            before.explain_to(outcome.fail(str(error), case=case.number, wire=case.wire.hex()))
            _fail_undone(outcome, len(story.cases) - position)
            return
        if decoded.fields != case.fields:
            message = _difference(decoded.fields, case.fields)
            before.explain_to(outcome.fail(message, case=case.number, wire=case.wire.hex()))


def _decode_by_command(task: Task, story: Story, outcome: Outcome) -> None:
    for case in story.cases:
        _measure(outcome, case.fields or (), case.wire or b"")
    answer = external.decode(task.command, story.cases)
    # What it refused and what it did not come to is missing in the answer.
    for case, result in zip(story.cases, answer.cases, strict=False):
        difference = external.same_fields(result, case.fields or ())
        if difference:
            _fail_of_command(outcome, story.cases, case, difference)
    _fail_missing(task, outcome, story.cases, answer)


def _fail_missing(
    task: Task, outcome: Outcome, cases: Sequence[Case], answer: external.Answer
) -> None:
    """Count the case that a command refused, if it did, and those behind it as failures."""
    missing = len(cases) - len(answer.cases)
    # Where all cases were written but the exit code speaks of a refusal, it may be that of a case
    # that has failed already.
    if answer.refusal and (missing or not outcome.failures):
        _fail_refusal(task, outcome, cases, answer)
        _fail_undone(outcome, missing - 1)


def _fail_refusal(
    task: Task, outcome: Outcome, cases: Sequence[Case], answer: external.Answer
) -> None:
    """Note that a command refused what it must not refuse."""
    message = f"{task.command}: refused: {answer.refusal}"
    if answer.refused is None:
        outcome.fail(message)
    elif task.kind == "encode":
        outcome.fail(message, case=cases[answer.refused].number)
    else:
        _fail_of_command(outcome, cases, cases[answer.refused], message)


def _fail_of_command(outcome: Outcome, cases: Sequence[Case], case: Case, message: str) -> None:
    """Note what a command did with ``case``, with the block explained by our decoder."""
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
            # Behind a block that must be refused nothing can be explained.
            return
    _Before(decoder).explain_to(failure)


class _Before:
    """What a block is explained with: the decoder as it was before."""

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


def _difference(found: Sequence[Field], expected: Sequence[Field]) -> str:
    for position, (one, other) in enumerate(zip(found, expected, strict=False)):
        if one != other:
            return f"field {position} is {one!r}, not {other!r}"
    return f"{len(found)} fields, not {len(expected)}"


# --- encode: the raw stories of the corpus


def _encode(task: Task, story: Story, outcome: Outcome) -> None:
    """Encode every header list and decode it back with the ``hpack`` package."""
    if not _require(story, outcome, wire=False, fields=True):
        return
    cases = list(_with_changes(story.cases)) if task.change_sizes else story.cases
    outcome.blocks = len(cases)
    if not task.command:
        _decode_back(outcome, cases, _blocks(task, cases))
        return
    answer = external.encode(task.command, cases)
    blocks = (bytes.fromhex(str(result["wire"])) for result in answer.cases)
    if _decode_back(outcome, cases, blocks):
        _fail_missing(task, outcome, cases, answer)


def _decode_back(outcome: Outcome, cases: Sequence[Case], blocks: Iterable[bytes]) -> bool:
    """Decode blocks, which may end before the cases do, and compare.

    Returns whether all of them could be decoded: behind one that could not there is no table, and
    all cases from there on have failed.
    """
    independent = hpack.Decoder(max_header_list_size=2**30)
    strict = Decoder()
    for position, (case, block) in enumerate(zip(cases, blocks, strict=False), 1):
        assert case.fields is not None
        _measure(outcome, case.fields, block)
        for size in case.table_sizes:
            independent.max_allowed_table_size = size
            strict.change_allowed(size)
        before = _Before(strict)
        try:
            theirs = [
                (bytes(name), bytes(value)) for name, value in _decode_raw(independent, block)
            ]
            # The rules of size updates are those that our decoder knows and theirs does not.
            strict.decode(block)
        except (hpack.HPACKError, HPACKError) as error:
            message = f"does not decode: {error}"
            before.explain_to(outcome.fail(message, case=case.number, wire=block.hex()))
            _fail_undone(outcome, len(cases) - position)
            return False
        if theirs != list(case.fields):
            message = f"decodes to something else: {_difference(theirs, case.fields)}"
            before.explain_to(outcome.fail(message, case=case.number, wire=block.hex()))
    return True


def _decode_raw(decoder: hpack.Decoder, block: bytes) -> Iterator[tuple[bytes, bytes]]:
    for name, value in decoder.decode(block, raw=True):
        assert isinstance(name, bytes)
        assert isinstance(value, bytes)
        yield name, value


def _blocks(task: Task, cases: Sequence[Case]) -> Iterator[bytes]:
    deflater = story_deflater(
        cases, strategy=task.strategy, huffman=task.huffman, effort=task.effort
    )
    for case in cases:
        for size in case.table_sizes:
            deflater.change_table_size(size)
        assert case.fields is not None
        yield deflater.deflate(case.fields, case.sensitive)


def _with_changes(cases: Sequence[Case]) -> Iterator[Case]:
    """The cases with changes of SETTINGS_HEADER_TABLE_SIZE at one and two thirds."""
    places = {len(cases) * number // 3: size for number, size in enumerate(CHANGED_SIZES, start=1)}
    for position, case in enumerate(cases):
        size = places.get(position)
        yield Case(
            number=case.number,
            fields=case.fields,
            sensitive=case.sensitive,
            wire=None,
            table_sizes=() if size is None else (size,),
            document=case.document,
        )


# --- vectors: what must be accepted, and what must be refused


def _vector(task: Task, story: Story, outcome: Outcome) -> None:
    """Run a story whose cases say what is expected."""
    if any(_expected(case).get("result") == "refuse" for case in story.cases):
        outcome.suite = "refuse"
    for position, case in enumerate(story.cases):
        expected = _expected(case)
        if not expected:
            outcome.problem = f"$.cases[{position}]: 'expect' is missing"
            return
        if expected["result"] == "accept" and case.fields is None:
            outcome.problem = f"$.cases[{position}]: 'headers' is missing"
            return
    if not _require(story, outcome, wire=True, fields=False):
        return
    outcome.blocks = len(story.cases)
    if not task.command:
        _vector_by_ours(story, outcome)
    elif any(len(case.table_sizes) > 1 for case in story.cases):
        outcome.skipped = "a command cannot be told of several settings before one block"
    else:
        _vector_by_command(task, story, outcome)


def _expected(case: Case) -> Object:
    expected = case.document.get("expect")
    return expected if isinstance(expected, dict) else {}


def _vector_by_ours(story: Story, outcome: Outcome) -> None:
    decoder = Decoder()
    for case in story.cases:
        for size in case.table_sizes:
            decoder.change_allowed(size)
        assert case.wire is not None
        _measure(outcome, case.fields or (), case.wire)
        expected = _expected(case)
        before = _Before(decoder)
        message = ""
        try:
            decoded = decoder.decode(case.wire)
        except HPACKError as error:
            if expected["result"] == "accept":
                message = f"refused: {error}"
            elif error.section != expected["section"]:
                message = f"refused by {error.section}, not {expected['section']}"
            elif expected.get("offset", error.offset) != error.offset:
                message = f"refused at octet {error.offset}, not {expected['offset']}"
        else:
            if expected["result"] == "refuse":
                message = f"accepted, against {expected['section']}"
            elif decoded.fields != case.fields:
                message = _difference(decoded.fields, case.fields or ())
            elif frozenset(decoded.never_indexed) != case.sensitive:
                message = f"never indexed are {list(decoded.never_indexed)}"
            elif expected.get("header_table") not in (None, table_to_json(decoded.table)):
                message = f"the table is {table_to_json(decoded.table)}"
        if message:
            before.explain_to(outcome.fail(message, case=case.number, wire=case.wire.hex()))
        if decoder.failure is not None:
            return


def _vector_by_command(task: Task, story: Story, outcome: Outcome) -> None:
    """What must be accepted is run by itself first, so that a refusal is known to be the right
    one."""
    accepted = [case for case in story.cases if _expected(case)["result"] == "accept"]
    for case in story.cases:
        _measure(outcome, case.fields or (), case.wire or b"")
    if accepted:
        answer = external.decode(task.command, accepted)
        if answer.refusal:
            _fail_refusal(task, outcome, accepted, answer)
            return
        for case, result in zip(accepted, answer.cases, strict=True):
            message = external.same_fields(result, case.fields or ())
            table = _expected(case).get("header_table")
            if not message and isinstance(table, dict):
                message = external.same_table(result, table)
            if message:
                _fail_of_command(outcome, accepted, case, message)
    if len(accepted) == len(story.cases):
        return
    if external.decode(task.command, story.cases).refusal:
        return
    case = story.cases[-1]
    section = _expected(case)["section"]
    _fail_of_command(outcome, story.cases, case, f"accepted, against {section}")
