"""The suites, as functions that run one story in any process.

Contract: :func:`execute` never raises, whatever a story or a command does; the outcome reports it.
An outcome counts all cases of the story as blocks, done or not; in the suites ``decode``,
``encode`` and ``encoder`` each case not done is a failure, so that blocks minus failures is the
number that passed.
"""

from __future__ import annotations

from typing import Final

from hpacktools.codec import Decoder, HPACKError
from hpacktools.jsonforms import ShapeError
from hpacktools.stories import Story, UnusableError, load_story

from .command import CommandError
from .comparing import difference, same_fields
from .encoding import encode_story
from .explaining import Before, fail_missing, fail_of_command, fail_undone, measure, require
from .external import Commands
from .results import Outcome
from .task import Task
from .vectors import run_vector, suite_of

#: Kind of task -> suite.
_SUITES: Final = {"decode": "decode", "encode": "encode", "vector": "accept", "encoder": "encoder"}
#: Reason for skipping a story when a command reads only the last of several settings.
_SEVERAL: Final = (
    "several settings before one block; needs a command that reads header_table_sizes "
    "(--several-settings, --co-process)"
)


def execute(task: Task, commands: Commands) -> Outcome:
    """Run one task and return its outcome."""
    outcome = Outcome(suite=_SUITES[task.kind], row=task.row, story=task.story)
    try:
        story = load_story(task.path)
    except OSError as error:
        outcome.problem = error.strerror or str(error)
    except (UnusableError, ShapeError) as error:
        outcome.problem = str(error)
    else:
        outcome.level, outcome.needs = story.level, story.needs
        if not story.cases:
            outcome.skipped = "the story has no cases"
        else:
            _execute(task, story, outcome, commands)
    return outcome


def _execute(task: Task, story: Story, outcome: Outcome, commands: Commands) -> None:
    run = {
        "decode": _decode,
        "encode": encode_story,
        "vector": run_vector,
        "encoder": encode_story,
    }[task.kind]
    several = any(len(case.table_sizes) > 1 for case in story.cases)
    if several and task.command and not task.several_settings:
        if task.kind == "vector":
            outcome.suite = suite_of(story)
        outcome.skipped = _SEVERAL
        return
    try:
        run(task, story, outcome, commands)
    except CommandError as error:
        outcome.fail(str(error))
        if task.kind != "vector":
            fail_undone(outcome, outcome.blocks - 1)


def _decode(task: Task, story: Story, outcome: Outcome, commands: Commands) -> None:
    """Decode every block and compare the header list."""
    if not require(story, outcome, wire=True, fields=True):
        return
    outcome.blocks = len(story.cases)
    if task.command:
        _decode_by_command(task, story, outcome, commands)
        return
    decoder = Decoder()
    for position, case in enumerate(story.cases, 1):
        for size in case.table_sizes:
            decoder.change_allowed(size)
        assert case.wire is not None
        assert case.fields is not None
        measure(outcome, case.fields, case.wire)
        before = Before(decoder)
        try:
            decoded = decoder.decode(case.wire)
        except HPACKError as error:
            before.explain_to(outcome.fail(str(error), case=case.number, wire=case.wire.hex()))
            fail_undone(outcome, len(story.cases) - position)
            return
        if decoded.fields != case.fields:
            message = difference(decoded.fields, case.fields)
            before.explain_to(outcome.fail(message, case=case.number, wire=case.wire.hex()))


def _decode_by_command(task: Task, story: Story, outcome: Outcome, commands: Commands) -> None:
    for case in story.cases:
        measure(outcome, case.fields or (), case.wire or b"")
    answer = commands.decode(task.command, story.cases)
    if answer.skipped:
        outcome.skipped = answer.skipped
        return
    # The answer lacks the case that it refused and those after it.
    for case, result in zip(story.cases, answer.cases, strict=False):
        if message := same_fields(result, case.fields or ()):
            fail_of_command(outcome, story.cases, case, message)
    fail_missing(outcome, story.cases, answer)
