"""A short soak, and what judges a long one."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.soak.ledger import Ledger, Line
from tests.soak.report import MIB, faults, plot, table
from tests.soak.run import Outcome, Plan, soak
from tests.soak.subjects import Sample, is_possible


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(not is_possible(), reason="looks into /proc")
def test_a_short_soak_loses_nothing(tmp_path: Path) -> None:
    """Each server has a worker killed, is reloaded, and opens its logs again."""
    plan = Plan(seconds=4, segments=3, calm_last=1, trouble_seconds=0.1, deeds=6, pause_seconds=0.5)
    outcome = soak(plan, tmp_path)
    # In so short a time memory says nothing.
    assert faults(outcome, memory=False) == [], table(outcome)
    assert len(outcome.ledger.kills) >= 2
    assert outcome.ledger.nuisances
    assert set(outcome.counts()) == {"worker killed", "reload", "logs reopened"}


# ---------------------------------------------------------------------- what judges it


def line(client: int, opened: float = 0.0) -> Line:
    return Line(kind="pages", server=80, client=client, opened=opened)


def test_a_kill_excuses_the_clients_that_the_worker_had() -> None:
    ledger = Ledger()
    ledger.lose(line(1), 1, "before")
    ledger.kill(80, frozenset({1, 2}))
    ledger.kill(443, frozenset({3}))
    ledger.lose(line(2), 4, "had it")
    ledger.lose(line(3), 1, "of another server")
    # The same port, used again.
    ledger.lose(line(2, opened=ledger.kills[0].when + 1), 1, "later")
    assert ledger.broken() == {"pages": 4}
    assert ledger.lost() == {"pages": 3}
    assert [text.rpartition(": ")[2] for text in ledger.lost_words()] == [
        "before",
        "of another server",
        "later",
    ]


def rest(supervisor: tuple[int, float], *workers: tuple[int, int, float]) -> list[Sample]:
    """Descriptors and MiB of the supervisor; process id, descriptors and MiB of workers."""
    rows = [("supervisor", 1, *supervisor), *(("worker", *worker) for worker in workers)]
    return [
        Sample(
            server="cleartext",
            role=role,
            pid=pid,
            when=float(number),
            descriptors=descriptors,
            memory=int(mib * MIB),
        )
        for number, (role, pid, descriptors, mib) in enumerate(rows)
    ]


def outcome(*rests: list[Sample]) -> Outcome:
    """What was seen at rest; one page was asked for."""
    ledger = Ledger()
    ledger.answer("pages", None)
    return Outcome(
        plan=Plan(seconds=9, segments=len(rests)),
        ledger=ledger,
        rests=list(rests),
        samples=[sample for one in rests for sample in one],
        spans=[(0.0, 9.0)],
        events=[(1.0, "reload")],
    )


FLAT = rest((10, 20.0), (2, 14, 30.0), (3, 15, 31.0))


@pytest.mark.parametrize(
    ("last", "found"),
    [
        (FLAT, []),
        # New workers are compared with the old ones.
        (rest((10, 20.5), (4, 16, 32.0)), []),
        (rest((11, 20.0)), ["supervisor 1, cleartext: 11 descriptors after 10"]),
        (rest((10, 30.0)), ["supervisor 1, cleartext: 30.0 MiB after 20.0"]),
        (rest((10, 20.0), (4, 14, 50.0)), ["worker 4, cleartext: 50.0 MiB after 31.0"]),
        (rest((10, 20.0), (4, 40, 31.0)), ["worker 4, cleartext: 40 descriptors after 15"]),
    ],
)
def test_what_is_not_flat_is_found(last: list[Sample], found: list[str]) -> None:
    assert sorted(set(faults(outcome(FLAT, last)))) == found
    assert [one for one in faults(outcome(FLAT, last), memory=False) if "MiB" in one] == []


def test_a_worker_that_grew_since_the_rest_before_is_found() -> None:
    """Although it is not larger than others were."""
    first = rest((10, 20.0), (2, 14, 60.0))
    earlier, last = rest((10, 20.0), (3, 14, 30.0)), rest((10, 20.0), (3, 14, 45.0))
    assert faults(outcome(first, earlier, last)) == ["worker 3, cleartext: 45.0 MiB after 30.0"]


def test_what_is_lost_wrong_or_never_answered_is_found() -> None:
    one = outcome(FLAT, FLAT)
    one.ledger.lose(line(1), 2, "the connection ended")
    one.ledger.answer("pages", "status 500")
    one.ledger.ask_again("ranges")
    lost, wrong, none = faults(one)
    assert lost.startswith("lost: pages: 2 after ")
    assert wrong == "wrong: pages: status 500"
    assert none == "no answer: ranges"
    one.rests.pop()
    assert faults(one)[-1] == "it did not come to its end"


def test_the_table_and_the_plot_have_everything() -> None:
    one = outcome(FLAT, rest((10, 20.0), (4, 16, 32.0)))
    one.ledger.disturb("floods")
    rows = [tuple(row.split()) for row in table(one).splitlines()]
    assert ("pages", "1", "0", "0", "0", "0") in rows
    assert ("floods", "1") in rows
    assert ("reload", "1") in rows
    assert ("worker", "4,", "cleartext", "-", "16,", "32.0") in rows
    image = ET.fromstring(plot(one))
    lines = [part for part in image.iter() if part.tag.endswith("polyline")]
    # Four processes, and two charts.
    assert len(lines) == 8
