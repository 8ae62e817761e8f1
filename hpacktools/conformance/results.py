"""The results of a run: outcomes by story, rows by directory or strategy, the whole report."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from hpacktools.shapes import JSON, Object
from hpacktools.stories import LEVELS

#: The least binding level whose failures count by default: a decoder that ignores advice does not
#: break a rule.
COUNTED: Final = "limits"
#: Failures kept per story, with their explained blocks; further ones are only counted.
KEPT_FAILURES: Final = 10


@dataclass(slots=True, kw_only=True)
class Failure:
    """One thing that went wrong."""

    suite: str
    story: str
    message: str
    #: Number of the case; ``None`` if the whole story failed.
    case: int | None = None
    #: The header block in hexadecimal digits, if there is one.
    wire: str = ""
    #: The block explained, as JSON; empty if there is nothing to explain.
    explanation: Object = field(default_factory=dict)
    #: How many cases this failure covers.
    cases: int = 1
    #: How binding the broken rule is, one of :data:`hpacktools.stories.LEVELS`.
    level: str = "must"
    #: What the story requires of a codec beyond the RFC: ``128 fields``.
    needs: tuple[str, ...] = ()

    def to_json(self) -> Object:
        """The object for the JSON report (schema ``report``)."""
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
    """A block that a command refused correctly: the RFC demands or allows it."""

    story: str
    case: int
    reason: str
    #: ``error``, ``exit code`` or ``exception``: see :class:`~hpacktools.conformance.external.By`.
    by: str

    def to_json(self) -> Object:
        """The object for the JSON report (schema ``report``)."""
        return {"story": self.story, "case": self.case, "reason": self.reason, "by": self.by}


@dataclass(slots=True, kw_only=True)
class Outcome:
    """One story in one suite."""

    #: ``decode``, ``encode``, ``accept``, ``refuse`` or ``encoder``.
    suite: str
    #: The row it belongs to: a directory or a strategy.
    row: str
    story: str
    blocks: int = 0
    #: Octets of names and values, and of the blocks.
    input_length: int = 0
    output_length: int = 0
    failures: list[Failure] = field(default_factory=list)
    #: Number of failures beyond those kept.
    more_failures: int = 0
    #: Why the file could not be used, with the JSON path; empty if it could.
    problem: str = ""
    #: Why the story was not run; empty if it was.
    skipped: str = ""
    #: How binding the story is, and what it needs: see :class:`Failure`.
    level: str = "must"
    needs: tuple[str, ...] = ()
    #: Correct refusals.
    refusals: list[Refusal] = field(default_factory=list)

    @property
    def failure_count(self) -> int:
        """The number of failures, kept or not."""
        return sum(failure.cases for failure in self.failures) + self.more_failures

    def fail(
        self, message: str, *, case: int | None = None, wire: str = "", cases: int = 1
    ) -> Failure | None:
        """Record a failure of ``cases`` cases; returns ``None`` if too many are kept already."""
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
        """Octets of blocks per octet of names and values; ``None`` for vectors, which are not
        meant to be short."""
        if self.suite not in ("decode", "encode") or not self.input_length:
            return None
        return self.output_length / self.input_length

    def add(self, outcome: Outcome, *, counts: bool) -> None:
        """Add one story to the row; ``counts``: whether its failures count."""
        self.stories += 1
        self.blocks += outcome.blocks
        if counts:
            self.failures += outcome.failure_count
        else:
            self.noted += outcome.failure_count
        self.input_length += outcome.input_length
        self.output_length += outcome.output_length

    def to_json(self) -> Object:
        """The object for the JSON report (schema ``report``)."""
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
    """All results of a run."""

    version: str
    #: The commands under test, or ``hpacktools``.
    decoder: str
    encoder: str
    seconds: float
    outcomes: list[Outcome]
    #: The least binding level whose failures count.
    level: str = COUNTED

    def counts(self, outcome: Outcome) -> bool:
        """Whether a failure of this story makes the run fail."""
        return LEVELS.index(outcome.level) <= LEVELS.index(self.level)

    def rows(self) -> list[Row]:
        """The rows of the table, in order of first occurrence."""
        rows: dict[tuple[str, str], Row] = {}
        for outcome in self.outcomes:
            key = (outcome.suite, outcome.row)
            if key not in rows:
                rows[key] = Row(suite=outcome.suite, name=outcome.row)
            if not (outcome.problem or outcome.skipped):
                rows[key].add(outcome, counts=self.counts(outcome))
        return list(rows.values())

    def failures(self) -> list[Failure]:
        """The failures that count, as far as they were kept."""
        return self._failures(counted=True)

    def noted(self) -> list[Failure]:
        """The failures whose level does not count, as far as they were kept."""
        return self._failures(counted=False)

    def _failures(self, *, counted: bool) -> list[Failure]:
        return [
            failure
            for outcome in self.outcomes
            if self.counts(outcome) is counted
            for failure in outcome.failures
        ]

    def failure_count(self) -> int:
        """The number of failures that count."""
        return sum(row.failures for row in self.rows())

    def refusals(self) -> list[Refusal]:
        """The correct refusals, with their reasons."""
        return [refusal for outcome in self.outcomes for refusal in outcome.refusals]

    def problems(self) -> list[Outcome]:
        """Files that could not be used."""
        return [outcome for outcome in self.outcomes if outcome.problem]

    def skipped(self) -> list[Outcome]:
        """Stories that were not run."""
        return [outcome for outcome in self.outcomes if outcome.skipped]

    def exit_code(self) -> int:
        """0 no failure that counts, 1 a failure that counts, 2 a file could not be used."""
        if self.problems():
            return 2
        return 1 if self.failure_count() else 0

    def to_json(self) -> Object:
        """The report as JSON (schema ``report``)."""
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
