"""Encoders under test: raw stories, and vectors designed to be hard to encode.

Contract: two decoders check an encoder's output.  This project's knows the rules for size updates
and says which one a block breaks; the ``hpack`` package makes sure that this project's encoder and
decoder do not share a mistake.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import hpack

from hpacktools.codec import Decoder, HPACKError
from hpacktools.deflate import story_deflater
from hpacktools.stories import Case, Story

from .comparing import difference
from .explaining import Before, fail_missing, fail_undone, measure, require
from .external import Commands
from .results import Outcome
from .task import Task

#: Table sizes set at one and two thirds of a story, in the run that changes sizes.
CHANGED_SIZES = (1365, 2730)


def encode_story(task: Task, story: Story, outcome: Outcome, commands: Commands) -> None:
    """Encode every header list, decode the result and compare."""
    if not require(story, outcome, wire=False, fields=True):
        return
    cases = list(_with_changes(story.cases)) if task.change_sizes else story.cases
    outcome.blocks = len(cases)
    if not task.command:
        _decode_back(outcome, cases, _blocks(task, cases))
        return
    answer = commands.encode(task.command, cases)
    if answer.skipped:
        outcome.skipped = answer.skipped
        return
    blocks = (bytes.fromhex(str(result["wire"])) for result in answer.cases)
    if _decode_back(outcome, cases, blocks):
        fail_missing(outcome, cases, answer)


def _decode_back(outcome: Outcome, cases: Sequence[Case], blocks: Iterable[bytes]) -> bool:
    """Decode blocks, of which there may be fewer than cases, and compare.

    Returns whether all of them could be decoded: after one that could not, the table is lost and
    all later cases have failed.
    """
    independent = hpack.Decoder(max_header_list_size=2**30)
    strict = Decoder()
    for position, (case, block) in enumerate(zip(cases, blocks, strict=False), 1):
        assert case.fields is not None
        measure(outcome, case.fields, block)
        for size in case.table_sizes:
            independent.max_allowed_table_size = size
            strict.change_allowed(size)
        before = Before(strict)
        try:
            # First our decoder, which says which rule is broken.
            decoded = strict.decode(block)
            theirs = [
                (bytes(name), bytes(value)) for name, value in _decode_raw(independent, block)
            ]
        except (hpack.HPACKError, HPACKError) as error:
            message = f"does not decode: {error}"
            before.explain_to(outcome.fail(message, case=case.number, wire=block.hex()))
            fail_undone(outcome, len(cases) - position)
            return False
        message = ""
        if theirs != list(case.fields):
            message = f"decodes to something else: {difference(theirs, case.fields)}"
        elif lost := sorted(case.sensitive - set(decoded.never_indexed)):
            # RFC 7541 6.2.3: "Intermediaries MUST use the same representation for encoding this
            # header field."
            message = f"the sensitive fields {lost} are not never-indexed literals"
        if message:
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
