"""What a run found: outcomes by story, rows by directory or strategy, the whole report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from hpacktools.shapes import JSON, Object
from hpacktools.stories import LEVELS

#: The least binding level whose failures count if nobody says otherwise: what a decoder does
#: against advice breaks no rule.
COUNTED: Final = "limits"
#: Failures of one story that are kept with their explained blocks; the others are counted.
KEPT_FAILURES: Final = 10


@dataclass(slots=True, kw_only=True)
class Failure:
    """One thing that went wrong."""

    suite: str
    story: str
    message: str
    #: Number of the case; ``None`` where the whole story failed.
    case: int | None = None
    #: The header block in hexadecimal digits, where there is one.
    wire: str = ""
    #: The block explained, as JSON; empty where there is nothing to explain.
    explanation: Object = field(default_factory=dict)
    #: How many cases have failed by this.
    cases: int = 1
    #: How binding the rule is that was broken, one of :data:`hpacktools.stories.LEVELS`.
    level: str = "must"
    #: What the story asks of a codec beside the RFC: ``128 fields``.
    needs: tuple[str, ...] = ()

    def to_json(self) -> Object:
        """As in a report."""
        result: Object = {"suite": self.suite, "story": self.story}
        if self.case is not None:
            result["case"] = self.case
        result["message"] = self.message
        if self.level != LEVELS[0]:
            result["level"] = self.level
        if self.needs:
            result["needs"] = list[JSON](self.needs)
        if self.wire:
            result["wire"] = self.wire
        if self.explanation:
            result["explanation"] = self.explanation
        return result


@dataclass(slots=True, kw_only=True, frozen=True)
class Refusal:
    """A block that a command refused, as it must or may."""

    story: str
    case: int
    reason: str
    #: ``error``, ``exit code`` or ``exception``: see :class:`~hpacktools.conformance.external.By`.
    by: str

    def to_json(self) -> Object:
        """As in a report."""
        return {"story": self.story, "case": self.case, "reason": self.reason, "by": self.by}


@dataclass(slots=True, kw_only=True)
class Outcome:
    """One story in one suite."""

    #: ``decode``, ``encode``, ``accept``, ``refuse`` or ``encoder``.
    suite: str
    #: The row that it belongs to: a directory or a strategy.
    row: str
    story: str
    blocks: int = 0
    #: Octets of names and values, and of the blocks.
    input_length: int = 0
    output_length: int = 0
    failures: list[Failure] = field(default_factory=list)
    #: Failures beyond those kept.
    more_failures: int = 0
    #: Why the file could not be used, with the JSON path; empty where it could.
    problem: str = ""
    #: Why the story was not run; empty where it was.
    skipped: str = ""
    #: How binding the story is, and what it needs: see :class:`Failure`.
    level: str = "must"
    needs: tuple[str, ...] = ()
    #: What was refused rightly.
    refusals: list[Refusal] = field(default_factory=list)

    @property
    def failure_count(self) -> int:
        """All failures, kept or not."""
        return sum(failure.cases for failure in self.failures) + self.more_failures

    def fail(
        self, message: str, *, case: int | None = None, wire: str = "", cases: int = 1
    ) -> Failure | None:
        """Note a failure, of ``cases`` cases; ``None`` when there are too many to keep."""
        if len(self.failures) >= KEPT_FAILURES:
            self.more_failures += cases
            return None
        failure = Failure(
            suite=self.suite,
            story=self.story,
            message=message,
            case=case,
            wire=wire,
            cases=cases,
            level=self.level,
            needs=self.needs,
        )
        self.failures.append(failure)
        return failure


@dataclass(slots=True, kw_only=True)
class Row:
    """The outcomes of one directory or strategy."""

    suite: str
    name: str
    stories: int = 0
    blocks: int = 0
    failures: int = 0
    #: Failures at a level that does not count.
    noted: int = 0
    input_length: int = 0
    output_length: int = 0

    @property
    def ratio(self) -> float | None:
        """Octets of blocks for an octet of names and values; ``None`` for vectors, which are not
        made to be short."""
        if self.suite not in ("decode", "encode") or not self.input_length:
            return None
        return self.output_length / self.input_length

    def add(self, outcome: Outcome, *, counts: bool) -> None:
        """Count one more story; ``counts``: whether its failures do."""
        self.stories += 1
        self.blocks += outcome.blocks
        if counts:
            self.failures += outcome.failure_count
        else:
            self.noted += outcome.failure_count
        self.input_length += outcome.input_length
        self.output_length += outcome.output_length

    def to_json(self) -> Object:
        """As in a report."""
        return {
            "suite": self.suite,
            "name": self.name,
            "stories": self.stories,
            "blocks": self.blocks,
            "failures": self.failures,
            "noted": self.noted,
            "input_length": self.input_length,
            "output_length": self.output_length,
            "ratio": self.ratio,
        }


@dataclass(slots=True, kw_only=True)
class Report:
    """Everything that a run found."""

    version: str
    #: The commands under test, or ``hpacktools``.
    decoder: str
    encoder: str
    seconds: float
    outcomes: list[Outcome]
    #: The least binding level whose failures count.
    level: str = COUNTED

    def counts(self, outcome: Outcome) -> bool:
        """Whether failures of a story make the run fail."""
        return LEVELS.index(outcome.level) <= LEVELS.index(self.level)

    def rows(self) -> list[Row]:
        """The table, in the order in which rows first occur."""
        rows: dict[tuple[str, str], Row] = {}
        for outcome in self.outcomes:
            key = (outcome.suite, outcome.row)
            if key not in rows:
                rows[key] = Row(suite=outcome.suite, name=outcome.row)
            if not (outcome.problem or outcome.skipped):
                rows[key].add(outcome, counts=self.counts(outcome))
        return list(rows.values())

    def failures(self) -> list[Failure]:
        """All failures that count and were kept."""
        return self._failures(counted=True)

    def noted(self) -> list[Failure]:
        """All failures that do not count, for their level, and were kept."""
        return self._failures(counted=False)

    def _failures(self, *, counted: bool) -> list[Failure]:
        return [
            failure
            for outcome in self.outcomes
            if self.counts(outcome) is counted
            for failure in outcome.failures
        ]

    def failure_count(self) -> int:
        """How many failures there were that count."""
        return sum(row.failures for row in self.rows())

    def refusals(self) -> list[Refusal]:
        """What was refused rightly, and why."""
        return [refusal for outcome in self.outcomes for refusal in outcome.refusals]

    def problems(self) -> list[Outcome]:
        """Files that could not be used."""
        return [outcome for outcome in self.outcomes if outcome.problem]

    def skipped(self) -> list[Outcome]:
        """Stories that were not run."""
        return [outcome for outcome in self.outcomes if outcome.skipped]

    def exit_code(self) -> int:
        """0 all passed that counts, 1 something failed, 2 a file could not be used."""
        if self.problems():
            return 2
        return 1 if self.failure_count() else 0

    def to_json(self) -> Object:
        """The report by the schema ``report``."""
        return {
            "version": self.version,
            "decoder": self.decoder,
            "encoder": self.encoder,
            "seconds": round(self.seconds, 3),
            "level": self.level,
            "passed": self.exit_code() == 0,
            "rows": _list(row.to_json() for row in self.rows()),
            "failures": _list(failure.to_json() for failure in self.failures()),
            "noted": _list(failure.to_json() for failure in self.noted()),
            "refusals": _list(refusal.to_json() for refusal in self.refusals()),
            "problems": _list(
                {"file": outcome.story, "message": outcome.problem} for outcome in self.problems()
            ),
            "skipped": _list(
                {"story": outcome.story, "reason": outcome.skipped} for outcome in self.skipped()
            ),
        }


def _list(items: Iterable[Object]) -> list[JSON]:
    return list(items)
