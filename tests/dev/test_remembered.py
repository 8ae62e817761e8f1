"""A memory within bounds."""

from __future__ import annotations

from h2static.dev.remembered import Remembered


def test_bounds() -> None:
    memory = Remembered[int, str](entries=3, octets=100)
    for number in range(3):
        memory.keep(number, "x", 10)
    assert (len(memory), memory.octets, memory.get(0)) == (3, 30, "x")
    memory.keep(3, "y", 10)
    assert (len(memory), memory.octets, memory.get(0)) == (1, 10, None)
    memory.keep(4, "z", 91)
    assert (len(memory), memory.octets, memory.get(3)) == (1, 91, None)


def test_what_is_too_large_drives_nothing_out() -> None:
    memory = Remembered[int, str](entries=3, octets=100)
    memory.keep(1, "x", 10)
    assert memory.keep(2, "y", 101) == "y"
    assert (memory.get(1), memory.get(2)) == ("x", None)


def test_the_first_one_wins() -> None:
    memory = Remembered[int, str](entries=3, octets=100)
    memory.keep(1, "x", 10)
    assert memory.keep(1, "y", 10) == "x"
    assert memory.octets == 10


def test_room_is_known_beforehand() -> None:
    memory = Remembered[int, str](entries=3, octets=100)
    assert memory.has_room_for(100)
    assert not memory.has_room_for(101)
