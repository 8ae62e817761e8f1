"""The suites: one story each, as functions that run in any process.

Contract: :func:`execute` never raises for what a story or a command does; it tells in the outcome.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import hpack

from hpacktools.codec import Decoder, Field, HPACKError, Representation
from hpacktools.deflate import Deflater
from hpacktools.explanation import explain, explanation_to_json
from hpacktools.jsonforms import ShapeError, table_to_json
from hpacktools.stories import Case, Story, UnusableError, load_story

from . import external
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
        run = {"decode": _decode, "encode": _encode, "vector": _vector}[task.kind]
        try:
            run(task, story, outcome)
        except external.CommandError as error:
            outcome.fail(f"{task.command}: {error}")
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


def _measure(outcome: Outcome, fields: Sequence[Field], block: bytes) -> None:
    outcome.blocks += 1
    outcome.input_length += sum(len(name) + len(value) for name, value in fields)
    outcome.output_length += len(block)


# --- decode: the encoded stories of the corpus


def _decode(task: Task, story: Story, outcome: Outcome) -> None:
    """Decode every block and compare the header list."""
    if not _require(story, outcome, wire=True, fields=True):
        return
    if task.command:
        _decode_by_command(task, story, outcome)
        return
    decoder = Decoder()
    for case in story.cases:
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
            outcome.blocks = len(story.cases)
            left = len(story.cases) - 1 - story.cases.index(case)
            if left:
                outcome.fail(f"{left} later cases were not decoded", case=case.number)
                # Each of them counts.
                outcome.more_failures += left - 1
            return
        if decoded.fields != case.fields:
            message = _difference(decoded.fields, case.fields)
            before.explain_to(outcome.fail(message, case=case.number, wire=case.wire.hex()))


def _decode_by_command(task: Task, story: Story, outcome: Outcome) -> None:
    for case in story.cases:
        _measure(outcome, case.fields or (), case.wire or b"")
    results = external.decode(task.command, story.cases)
    for case, result in zip(story.cases, results, strict=True):
        difference = external.same_fields(result, case.fields or ())
        if difference:
            _fail_of_command(outcome, story.cases, case, difference)


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
    if task.command:
        blocks = external.encode(task.command, cases)
    else:
        blocks = list(_blocks(task, cases))
    independent = hpack.Decoder(max_header_list_size=2**30)
    strict = Decoder()
    for case, block in zip(cases, blocks, strict=True):
        assert case.fields is not None
        _measure(outcome, case.fields, block)
        for size in case.table_sizes:
            independent.max_allowed_table_size = size
            strict.change_allowed(size)
        before = _Before(strict)
        message = ""
        try:
            theirs = [
                (bytes(name), bytes(value)) for name, value in _decode_raw(independent, block)
            ]
            # The rules of size updates are those that our decoder knows and theirs does not.
            strict.decode(block)
        except (hpack.HPACKError, HPACKError) as error:
            message = f"does not decode: {error}"
        else:
            if theirs != list(case.fields):
                message = f"decodes to something else: {_difference(theirs, case.fields)}"
        if message:
            before.explain_to(outcome.fail(message, case=case.number, wire=block.hex()))
            return


def _decode_raw(decoder: hpack.Decoder, block: bytes) -> Iterator[tuple[bytes, bytes]]:
    for name, value in decoder.decode(block, raw=True):
        assert isinstance(name, bytes)
        assert isinstance(value, bytes)
        yield name, value


def _blocks(task: Task, cases: Sequence[Case]) -> Iterator[bytes]:
    plans: Sequence[Sequence[Representation]] | None = None
    strategy = task.strategy
    if strategy == "best":
        from hpacktools.best import plan_cases

        plans = plan_cases(cases, huffman=task.huffman, effort=task.effort)
        strategy = "linear"
    deflater = Deflater(strategy=strategy, huffman=task.huffman)
    for position, case in enumerate(cases):
        for size in case.table_sizes:
            deflater.change_table_size(size)
        assert case.fields is not None
        if plans is None:
            yield deflater.deflate(case.fields, case.sensitive)
        else:
            yield deflater.deflate_planned(case.fields, plans[position])


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
    if not task.command:
        _vector_by_ours(story, outcome)
    elif any(len(case.table_sizes) > 1 for case in story.cases):
        outcome.skipped = "a command cannot be told of several settings before one block"
    else:
        _vector_by_command(task, story, outcome)


def _expected(case: Case) -> dict[str, object]:
    expected = case.document.get("expect")
    return dict(expected) if isinstance(expected, dict) else {}


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
        results = external.decode(task.command, accepted)
        for case, result in zip(accepted, results, strict=True):
            message = external.same_fields(result, case.fields or ())
            table = _expected(case).get("header_table")
            if not message and table and result.get("header_table", table) != table:
                message = f"the table is {result['header_table']}"
            if message:
                _fail_of_command(outcome, accepted, case, message)
    if len(accepted) == len(story.cases):
        return
    try:
        external.decode(task.command, story.cases)
    except external.Refused:
        return
    case = story.cases[-1]
    section = _expected(case)["section"]
    _fail_of_command(outcome, story.cases, case, f"accepted, against {section}")
