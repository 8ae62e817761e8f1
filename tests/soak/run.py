"""The plan of a soak, and its threads.

Two servers of one folder, on cleartext and over TLS, with two workers each.  The time is cut into
segments of equal length.  In the first one everything warms up; in the last two nobody kills or
reloads, so that those who live then show what they keep.  In those between, every few seconds a
worker is killed, the servers are reloaded, the logs are reopened.  After each segment the traffic
stops until nobody is connected, and what each process holds is written down: at rest, like is
compared with like.
"""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.soak import visitors
from tests.soak.ledger import Ledger
from tests.soak.nuisances import NUISANCES, disturb
from tests.soak.pages import AskMaker, Pages
from tests.soak.subjects import PATIENCE, WORKERS, Sample, Subject
from tests.soak.visitors import Errand, Target, Visit
from tests.support.certificates import make_certificate
from tests.support.processes import running

#: Seconds between looks at the processes.
SAMPLE_SECONDS: Final = 2.0
#: Seconds between two nuisances of one kind.
NUISANCE_PAUSE: Final = 0.5


@dataclass(slots=True, kw_only=True, frozen=True)
class Plan:
    """How long."""

    seconds: float
    segments: int = 6
    #: Segments without kills and reloads: at the start, at the end.
    calm_first: int = 1
    calm_last: int = 2
    #: Between two things that are done to the servers.
    trouble_seconds: float = 5.0
    #: Things that are done to the servers at least, whatever the time.
    deeds: int = 0
    #: Seconds between two visits of a client.
    pause_seconds: float = 0.02
    seed: int = 0

    def is_calm(self, segment: int) -> bool:
        """Whether the workers are left alone."""
        return segment < self.calm_first or segment >= self.segments - self.calm_last


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What was seen."""

    plan: Plan
    ledger: Ledger
    #: Of all the time.
    samples: list[Sample] = field(default_factory=list)
    #: At rest: after each segment.
    rests: list[list[Sample]] = field(default_factory=list)
    #: What was done to the servers, and when.
    events: list[tuple[float, str]] = field(default_factory=list)
    #: Beginnings and ends of the segments.
    spans: list[tuple[float, float]] = field(default_factory=list)
    edits: int = 0
    #: What ended a thread of the soak.
    failures: list[str] = field(default_factory=list)

    def counts(self) -> Counter[str]:
        """How often each thing was done to the servers."""
        return Counter(what for _, what in self.events)


@dataclass(slots=True, kw_only=True, frozen=True)
class Kind:
    """A kind of well-behaved traffic; one thread for each server that it asks."""

    name: str
    visit: Visit
    make: Callable[[Pages], AskMaker]
    requests: int
    concurrency: int = 1
    rate: int = 0


KINDS: Final = (
    Kind(
        name="pages, h2", visit=visitors.http2, make=lambda p: p.page, requests=150, concurrency=8
    ),
    Kind(name="pages, http/1.1", visit=visitors.http1, make=lambda p: p.page, requests=60),
    Kind(name="8 MiB, h2", visit=visitors.http2, make=lambda p: p.large, requests=3, concurrency=2),
    Kind(name="8 MiB, http/1.1", visit=visitors.http1, make=lambda p: p.large, requests=2),
    Kind(
        name="ranges, h2", visit=visitors.http2, make=lambda p: p.some, requests=20, concurrency=3
    ),
    Kind(name="ranges, http/1.1", visit=visitors.http1, make=lambda p: p.some, requests=20),
    Kind(name="edited page, h2", visit=visitors.http2, make=lambda p: p.edited, requests=30),
    Kind(name="edited page, http/1.1", visit=visitors.http1, make=lambda p: p.edited, requests=30),
    Kind(
        name="slow reader, h2",
        visit=visitors.http2,
        make=lambda p: p.middle,
        requests=1,
        rate=200_000,
    ),
    Kind(
        name="slow reader, http/1.1",
        visit=visitors.http1,
        make=lambda p: p.middle,
        requests=1,
        rate=200_000,
    ),
    Kind(
        name="upload, h2", visit=visitors.http2, make=lambda p: p.upload, requests=10, concurrency=2
    ),
    Kind(name="upload, http/1.1", visit=visitors.http1, make=lambda p: p.upload, requests=5),
)


class Soak:
    """One run of a plan."""

    def __init__(self, plan: Plan, pages: Pages, subjects: list[Subject], ledger: Ledger) -> None:
        self._plan = plan
        self._pages = pages
        self._subjects = subjects
        self._chance = random.Random(plan.seed)
        self._sampling = threading.Event()
        self.outcome = Outcome(plan=plan, ledger=ledger)

    def run(self) -> Outcome:
        """All segments."""
        sampler = threading.Thread(target=self._guarded, args=(self._sample,), daemon=True)
        sampler.start()
        try:
            for segment in range(self._plan.segments):
                self._segment(segment)
                if self.outcome.failures:
                    break
        finally:
            self._sampling.set()
            sampler.join(PATIENCE)
        self.outcome.edits = self._pages.edits
        return self.outcome

    def _segment(self, segment: int) -> None:
        stopping = threading.Event()
        threads = [
            threading.Thread(target=self._guarded, args=(job, stopping), daemon=True)
            for job in self._jobs()
        ]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        end = began + self._plan.seconds / self._plan.segments
        if not self._plan.is_calm(segment):
            self._guarded(self._trouble, end)
        while time.monotonic() < end and not self.outcome.failures:
            time.sleep(0.1)
        stopping.set()
        for thread in threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a client does not come to an end"
        self.outcome.spans.append((began, time.monotonic()))
        for subject in self._subjects:
            subject.wait_for_rest()
        self.outcome.rests.append([one for subject in self._subjects for one in subject.samples()])

    def _guarded(self, job: Callable[..., None], *arguments: object) -> None:
        """A thread that fails ends the soak."""
        try:
            job(*arguments)
        except Exception as error:
            self.outcome.failures.append(f"{error!r}")

    # ------------------------------------------------------------------ threads

    def _jobs(self) -> Iterator[Callable[[threading.Event], None]]:
        yield self._pages.edit_until
        for subject in self._subjects:
            for kind in KINDS:
                yield self._visitor(kind, subject)
            for what in NUISANCES:
                yield self._nuisance(what, subject.target)

    def _visitor(self, kind: Kind, subject: Subject) -> Callable[[threading.Event], None]:
        chance = random.Random(self._chance.random())
        name = f"{kind.name}, {subject.name}"

        def visit(stopping: threading.Event) -> None:
            while not stopping.wait(self._plan.pause_seconds):
                errand = Errand(
                    kind=name,
                    make=kind.make(self._pages),
                    left=kind.requests,
                    ledger=self.outcome.ledger,
                    chance=chance,
                    rate=kind.rate,
                    concurrency=kind.concurrency,
                )
                kind.visit(subject.target, errand)

        return visit

    def _nuisance(self, what: str, target: Target) -> Callable[[threading.Event], None]:
        chance = random.Random(self._chance.random())

        def be_one(stopping: threading.Event) -> None:
            while not stopping.wait(NUISANCE_PAUSE):
                disturb(what, target, chance)
                self.outcome.ledger.disturb(what)

        return be_one

    def _trouble(self, end: float) -> None:
        """Kill, reload and reopen in turns, one server after the other."""
        while True:
            number = len(self.outcome.events)
            left = end - time.monotonic()
            if self.outcome.failures or (left <= 0 and number >= self._plan.deeds):
                return
            time.sleep(min(self._plan.trouble_seconds, max(left, 0)))
            subject = self._subjects[number % len(self._subjects)]
            deeds = (
                ("worker killed", subject.kill_a_worker),
                ("reload", subject.reload),
                ("logs reopened", subject.rotate),
            )
            what, deed = deeds[number // len(self._subjects) % len(deeds)]
            self.outcome.events.append((time.monotonic(), what))
            deed()

    def _sample(self) -> None:
        while not self._sampling.wait(SAMPLE_SECONDS):
            for subject in self._subjects:
                self.outcome.samples += subject.samples()


def soak(plan: Plan, folder: Path) -> Outcome:
    """Run ``plan`` with servers that keep their files below ``folder``."""
    pages = Pages(folder / "www")
    certificate = make_certificate(folder)
    contexts = {protocol: certificate.client_context(protocol) for protocol in ("h2", "http/1.1")}
    ledger = Ledger()
    with contextlib.ExitStack() as stack:
        subjects = []
        for name, tail in (("cleartext", ()), ("TLS", certificate.words)):
            error_log, access_log = folder / f"{name}.errors", folder / f"{name}.access"
            words = (
                *(("--no-tls",) if not tail else ()),
                *("-a", "127.0.0.1", "-n", str(WORKERS), "--quiet"),
                *("--error-log", str(error_log), f"--access-log={access_log}"),
                *("0", str(pages.root), *tail),
            )
            server = stack.enter_context(running(*words))
            subjects.append(
                Subject(
                    name=name,
                    server=server,
                    target=Target(port=server.port, tls=contexts.__getitem__ if tail else None),
                    error_log=error_log,
                    access_log=access_log,
                    ledger=ledger,
                )
            )
        return Soak(plan, pages, subjects, ledger).run()
