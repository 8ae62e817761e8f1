"""The contents of the matrix before formatting: groups, cells, sums."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hpacktools.conformance.results import Outcome
from hpacktools.stories import LEVELS, load_story

#: Suites of ``negative``, with the purpose of their stories.
SUITES: Final = {
    "accept": "to be accepted",
    "refuse": "to be refused",
    "encoder": "to be encoded",
}
#: How an outcome reports a crash; see :mod:`hpacktools.conformance.external`.
_CRASHES: Final = ("crashed: ", "killed by ", "ended with exit code ", "no answer within ")


@dataclass(slots=True, kw_only=True)
class Codec:
    """The results of one codec."""

    name: str
    version: str
    language: str
    #: Outcomes of ``negative``.
    vectors: list[Outcome] = field(default_factory=list)
    #: Outcomes of ``run``; empty without a corpus.
    corpus: list[Outcome] = field(default_factory=list)
    seconds: float = 0.0


@dataclass(slots=True, kw_only=True, frozen=True)
class Cell:
    """A codec's results in some stories."""

    run: int
    failed: int
    #: Number of failed stories in which the codec crashed.
    crashed: int
    skipped: int

    def text(self) -> str:
        """``67/67``, with the number of crashes."""
        if not self.run:
            return "-"
        text = f"{self.run - self.failed}/{self.run}"
        return f"{text} ({self.crashed} crashed)" if self.crashed else text

    def brief(self) -> str:
        """A dot if all passed, otherwise the number of failures, with a dagger for crashes."""
        if not self.run:
            return "-"
        return f"{self.failed}{'†' if self.crashed else ''}" if self.failed else "·"


def cell(outcomes: Iterable[Outcome], chosen: Callable[[Outcome], bool]) -> Cell:
    """The results of the chosen stories."""
    those = [each for each in outcomes if chosen(each)]
    run = [each for each in those if not each.skipped]
    failed = [each for each in run if each.failures]
    crashed = [each for each in failed if each.failures[0].message.startswith(_CRASHES)]
    return Cell(
        run=len(run), failed=len(failed), crashed=len(crashed), skipped=len(those) - len(run)
    )


def group_of(outcome: Outcome) -> str:
    """``n13`` for ``malformed/n13_….json``, ``rfc`` for the examples of RFC 7541."""
    name = outcome.story.rpartition("/")[2]
    found = re.match(r"[a-z]\d\d", name)
    return found[0] if found else "rfc"


def groups(codecs: Sequence[Codec], suite: str) -> list[str]:
    """The groups of stories in a suite, in order."""
    names = {group_of(each) for codec in codecs for each in codec.vectors if each.suite == suite}
    return sorted(names)


def levels(codecs: Sequence[Codec], suite: str) -> list[str]:
    """The levels that occur in a suite."""
    found = {each.level for codec in codecs for each in codec.vectors if each.suite == suite}
    return [level for level in LEVELS if level in found]


def meaning(folder: Path, group: str) -> str:
    """The description of a group: that of its first story."""
    for path in sorted(folder.glob(f"*/{group}_*.json")):
        return load_story(path).description.partition(": ")[2]
    return ""


def corpus_cells(codec: Codec) -> tuple[str, str, str, str]:
    """Blocks decoded, blocks encoded, their ratio, blocks encoded with settings changed."""
    if not codec.corpus:
        return ("-", "-", "-", "-")
    decoded = [each for each in codec.corpus if each.suite == "decode"]
    encoded = [each for each in codec.corpus if each.suite == "encode"]
    plain = [each for each in encoded if not each.row.endswith("sizes changed")]
    changed = [each for each in encoded if each.row.endswith("sizes changed")]
    length = sum(each.input_length for each in plain)
    ratio = f"{sum(each.output_length for each in plain) / length:.4f}" if length else "-"
    if any(each.failures for each in plain):
        # The ratio of blocks that decode to something else.
        ratio = f"({ratio})"
    return (_blocks(decoded), _blocks(plain), ratio, _blocks(changed))


def _blocks(outcomes: Sequence[Outcome]) -> str:
    total = sum(each.blocks for each in outcomes if not each.skipped)
    failed = sum(each.failure_count for each in outcomes)
    return f"{total - failed}/{total}" if total else "-"
