"""Differences between decoders' verdicts on a connection, and their kinds.

Contract: a difference has a key that stays the same while a case is minimized, and a level
(:data:`hpacktools.stories.LEVELS`), which separates broken rules from behavior that no rule
requires or that an implementation may limit.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from hpacktools.codec import Decoder, HPACKError, encode_integer
from hpacktools.codec.integers import decode_integer
from hpacktools.conformance.comparing import same_fields, same_sensitive
from hpacktools.conformance.external import Answer
from hpacktools.explanation import Kind, Step, explain
from hpacktools.stories import Case

from .blocks import Connection, Read


class Verdict(StrEnum):
    """How a decoder differs from this project's."""

    ACCEPTS = "accepts"
    REFUSES = "refuses"
    READS = "reads something else"
    NEVER_INDEXED = "differs in what is never indexed"
    CRASHES = "crashes"


#: Beginning of a reason of this project's decoder -> the level of the rule.
_LEVELS: Final = (
    ("more than 2 dynamic table size updates", "advice"),
    ("a dynamic table size update after a field", "advice"),
    ("no dynamic table size update", "settings"),
    ("the first dynamic table size update", "settings"),
    # RFC 7541 5.1: "Different limits can be set for each of the different uses of integers".
    ("an integer has more than", "limits"),
)
#: Representation -> bits of the prefix of its first integer.
_PREFIXES: Final = {
    Kind.INDEXED: 7,
    Kind.WITH_INDEXING: 6,
    Kind.WITHOUT_INDEXING: 4,
    Kind.NEVER_INDEXED: 4,
    Kind.SIZE_UPDATE: 5,
}


@dataclass(slots=True, kw_only=True, frozen=True)
class Difference:
    """A difference between a decoder and this project's."""

    verdict: Verdict
    #: The reason for the refusal, from the decoder that refuses, without numbers.
    reason: str
    level: str
    #: The first block with different verdicts.
    block: int
    #: The full description of the difference, such as the reason for a refusal.
    detail: str

    @property
    def key(self) -> tuple[str, str, str]:
        """The properties that differences of one kind share."""
        return (self.verdict.value, self.level, self.reason)


def cases_of(connection: Connection) -> list[Case]:
    """Convert a connection to cases for a command."""
    return [
        Case(
            number=number,
            fields=None,
            sensitive=frozenset(),
            wire=block.octets,
            table_sizes=block.sizes,
            document={},
        )
        for number, block in enumerate(connection)
    ]


def crash(message: str, connection: Connection) -> Difference:
    """The difference for a command that crashed or gave no valid answer."""
    return Difference(
        verdict=Verdict.CRASHES,
        reason=without_numbers(message),
        level="must",
        block=len(connection) - 1,
        detail=message,
    )


def compare(connection: Connection, ours: Read, answer: Answer) -> Difference | None:
    """The first difference between our result and an answer; ``None`` if they agree."""
    for number, (decoded, result) in enumerate(zip(ours.accepted, answer.cases, strict=False)):
        for verdict, detail in (
            (Verdict.READS, same_fields(result, decoded.fields)),
            (Verdict.NEVER_INDEXED, same_sensitive(result, frozenset(decoded.never_indexed))),
        ):
            if detail:
                return Difference(
                    verdict=verdict, reason="", level="must", block=number, detail=detail
                )
    theirs = len(answer.cases)
    if theirs < len(ours.accepted):
        return Difference(
            verdict=Verdict.REFUSES,
            reason=without_numbers(answer.refusal),
            level=_level_of_refusal(connection, theirs),
            block=theirs,
            detail=answer.refusal,
        )
    if theirs > len(ours.accepted):
        assert ours.error is not None
        return Difference(
            verdict=Verdict.ACCEPTS,
            reason=f"{without_numbers(ours.error.reason)} ({ours.error.section})",
            level=_level_of_acceptance(ours.error),
            block=len(ours.accepted),
            detail=str(ours.error),
        )
    return None


def without_numbers(text: str) -> str:
    """``text`` without quotations and numbers, so that it is the same for other octets."""
    text = re.sub(r"b?'[^']*'|b?\"[^\"]*\"", "…", text.splitlines()[0] if text else "")
    return re.sub(r"\b(?:0x[0-9a-fA-F]+|\d+)\b", "N", text)[:160]


def _level_of_acceptance(error: HPACKError) -> str:
    for beginning, level in _LEVELS:
        if error.reason.startswith(beginning):
            return level
    return "must"


def _level_of_refusal(connection: Connection, number: int) -> str:
    """``limits`` if the decoder may have refused an unnecessarily long integer, else ``must``."""
    decoder = Decoder()
    for block in connection[: number + 1]:
        for size in block.sizes:
            decoder.change_allowed(size)
        if block is connection[number]:
            break
        decoder.decode(block.octets)
    steps = explain(
        connection[number].octets,
        decoder.table,
        allowed=decoder.allowed,
        required=decoder.required,
    ).steps
    return "limits" if any(map(_has_redundant_octets, steps)) else "must"


def _has_redundant_octets(step: Step) -> bool:
    octets = step.octets
    place = 0
    prefixes: Sequence[int] = [_PREFIXES[step.kind]]
    if step.kind not in (Kind.INDEXED, Kind.SIZE_UPDATE):
        # The index of the name, or 0 and a string; the value.
        prefixes = [*prefixes, 7] if step.index is not None else [*prefixes, 7, 7]
    for number, prefix in enumerate(prefixes):
        value, end = decode_integer(octets, place, prefix)
        if end - place != len(encode_integer(value, prefix)):
            return True
        place = end + (value if number else 0)
    return False
