"""``h2static.server.memory_bound``: what happens above the bound, and when."""

from __future__ import annotations

from h2static.server.memory_bound import MemoryBound, resident_octets

REST = 60.0


class Worker:
    """A worker whose memory the test sets."""

    def __init__(self, *, replaceable: bool = True) -> None:
        self.octets = 0
        self.log: list[str] = []
        self.bound = MemoryBound(
            1_000,
            shrink=lambda: self.log.append("shrink"),
            replace=(lambda octets: self.log.append(f"replace {octets}")) if replaceable else None,
            rest_seconds=REST,
            resident=lambda: self.octets,
        )

    def checked(self, now: float, octets: int) -> list[str]:
        """What is done when so many octets are resident."""
        self.octets = octets
        self.log.clear()
        self.bound.check(now)
        return list(self.log)


def test_nothing_happens_up_to_the_bound() -> None:
    assert Worker().checked(5.0, 1_000) == []


def test_memories_shrink_above_it() -> None:
    worker = Worker()
    assert worker.checked(5.0, 1_001) == ["shrink"]
    assert worker.checked(6.0, 900) == []


def test_a_worker_that_is_still_above_it_is_replaced_once() -> None:
    worker = Worker()
    worker.checked(5.0, 1_001)
    assert worker.checked(6.0, 1_002) == ["replace 1002"]
    assert worker.checked(7.0, 1_003) == []
    # While the successor starts, memory is given back again.
    assert worker.checked(5.0 + REST, 1_003) == ["shrink"]
    assert worker.checked(6.0 + REST, 1_003) == []


def test_what_grows_again_later_shrinks_again() -> None:
    worker = Worker()
    worker.checked(5.0, 1_001)
    assert worker.checked(5.0 + REST, 1_001) == ["shrink"]


def test_where_nobody_can_take_over_memories_shrink() -> None:
    worker = Worker(replaceable=False)
    worker.checked(5.0, 1_001)
    assert worker.checked(6.0, 1_001) == []
    assert worker.checked(5.0 + REST, 1_001) == ["shrink"]


def test_what_is_resident() -> None:
    before = resident_octets()
    held = b"x" * 20_000_000
    assert before + 10_000_000 < resident_octets() < before + 40_000_000
    assert len(held) == 20_000_000
