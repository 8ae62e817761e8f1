"""The pipe: a sink at one end, a body at the other."""

from __future__ import annotations

import sys
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.http.pipe import Pipe


class Ends:
    """A pipe and what its callbacks were called for."""

    def __init__(self, *, capacity: int = 10, length: int | None = None) -> None:
        self.room = 0
        self.closed = 0
        self.woken = 0
        self.pipe = Pipe(
            capacity=capacity, length=length, on_room=self._on_room, on_closed=self._on_closed
        )

    def _on_room(self) -> None:
        self.room += 1

    def _on_closed(self) -> None:
        self.closed += 1

    def wake(self) -> None:
        self.woken += 1


def test_what_is_received_is_read_in_order() -> None:
    pipe = Pipe()
    reader = pipe.open()
    assert pipe.receive(b"one ")
    assert pipe.receive(b"two")
    pipe.end(((b"x-trailer", b"1"),))
    assert [reader.read(100), reader.read(100)] == [b"one two", b""]
    assert reader.trailers() == ((b"x-trailer", b"1"),)


def test_small_pieces_are_read_as_one_and_large_ones_as_they_came() -> None:
    pipe = Pipe()
    reader = pipe.open()
    large = bytes(10_000)
    for piece in (b"ab", b"cd", b"ef", large, b"gh", b"ij"):
        pipe.receive(piece)
    assert reader.read(5) == b"abcd"
    assert reader.read(100_000) == b"ef"
    assert reader.read(100_000) is large
    assert reader.read(100_000) == b"ghij"
    assert pipe.held == 0


def test_a_read_gives_at_most_what_was_asked_for() -> None:
    pipe = Pipe()
    reader = pipe.open()
    pipe.receive(b"abcdefgh")
    assert [reader.read(3), reader.read(3), reader.read(3)] == [b"abc", b"def", b"gh"]
    assert reader.read(3) is None


def test_what_was_read_stays_as_it_is() -> None:
    pipe = Pipe()
    assert not pipe.open().reuses_buffer
    pipe.receive(b"abcdef")
    first = pipe.read(3)
    pipe.read(3)
    assert first == b"abc"


@pytest.mark.slow
def test_many_tiny_pieces_take_about_the_memory_of_their_octets() -> None:
    """A client that takes nothing can have an application answer with very many."""
    pipe = Pipe(capacity=262_144)
    pieces = [b"%c%c" % (number & 0xFF, number >> 8 & 0xFF) for number in range(131_072)]
    tracemalloc.start()
    try:
        taken = [pipe.receive(bytes(bytearray(piece))) for piece in pieces]
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert taken == [True] * 131_071 + [False]
    assert held < 3 * pipe.held + sys.getsizeof(taken)
    content = bytearray()
    while piece := pipe.read(1_000):
        content += piece
    assert content == b"".join(pieces)


def test_the_length_is_what_the_writer_says() -> None:
    assert Pipe().length is None
    assert Pipe(length=7).length == 7


def test_the_writer_waits_at_the_capacity_and_goes_on_at_half_of_it() -> None:
    ends = Ends(capacity=10)
    assert ends.pipe.receive(b"123456789")
    assert not ends.pipe.receive(b"0")
    assert not ends.pipe.receive(b"more that was on its way")
    ends.pipe.open()
    while ends.pipe.held > 5:
        assert ends.room == 0
        ends.pipe.read(1)
    assert ends.room == 1
    while ends.pipe.held:
        ends.pipe.read(1)
    assert ends.room == 1


def test_a_writer_that_was_not_told_to_wait_is_not_called() -> None:
    ends = Ends(capacity=10)
    ends.pipe.open()
    ends.pipe.receive(b"123456789")
    ends.pipe.read(9)
    assert ends.room == 0


def test_the_writer_is_told_each_time_anew() -> None:
    ends = Ends(capacity=10)
    ends.pipe.open()
    for times in range(1, 4):
        assert not ends.pipe.receive(b"1234567890")
        ends.pipe.read(10)
        assert ends.room == times


def test_a_writer_may_go_on_at_once() -> None:
    """``on_room`` is called within ``read``: what it writes comes after what is being read."""
    more = [b"second", b"third"]

    def on_room() -> None:
        if more:
            pipe.receive(more.pop(0))

    pipe = Pipe(capacity=1, on_room=on_room)
    pipe.open()
    assert not pipe.receive(b"first")
    assert [pipe.read(100) for _ in range(4)] == [b"first", b"second", b"third", None]


def test_a_blocked_reader_is_woken_once() -> None:
    ends = Ends()
    reader = ends.pipe.open()
    assert reader.read(10) is None
    reader.wait(ends.wake)
    assert ends.woken == 0
    ends.pipe.receive(b"a")
    ends.pipe.receive(b"b")
    ends.pipe.end()
    assert ends.woken == 1


@pytest.mark.parametrize("event", ["receive", "end", "abandon"])
@pytest.mark.parametrize("before", [False, True])
def test_whatever_a_reader_waits_for_wakes_it(event: str, before: bool) -> None:
    ends = Ends()
    reader = ends.pipe.open()
    happenings: dict[str, Callable[[], object]] = {
        "receive": lambda: ends.pipe.receive(b"a"),
        "end": ends.pipe.end,
        "abandon": ends.pipe.abandon,
    }
    happen = happenings[event]
    if before:
        happen()
    reader.wait(ends.wake)
    if not before:
        assert ends.woken == 0
        happen()
    assert ends.woken == 1


def test_nothing_received_wakes_nobody() -> None:
    ends = Ends()
    ends.pipe.open().wait(ends.wake)
    assert ends.pipe.receive(b"")
    assert ends.woken == 0


def test_an_abandoned_pipe_fails_its_reader_for_good() -> None:
    pipe = Pipe()
    reader = pipe.open()
    pipe.receive(b"some")
    pipe.abandon()
    for _ in range(2):
        with pytest.raises(OSError, match="was cut off"):
            reader.read(10)
    assert pipe.held == 0


def test_abandon_has_no_effect_after_the_end() -> None:
    pipe = Pipe()
    reader = pipe.open()
    pipe.receive(b"all")
    pipe.end()
    pipe.abandon()
    assert [reader.read(10), reader.read(10)] == [b"all", b""]


def test_an_end_has_no_effect_after_abandon() -> None:
    pipe = Pipe()
    reader = pipe.open()
    pipe.abandon()
    pipe.end(((b"x", b"1"),))
    with pytest.raises(OSError, match="was cut off"):
        reader.read(10)


def test_a_reader_that_closes_early_is_told_once() -> None:
    ends = Ends()
    reader = ends.pipe.open()
    ends.pipe.receive(b"abc")
    reader.close()
    reader.close()
    assert ends.closed == 1
    assert ends.pipe.closed
    assert ends.pipe.held == 0
    assert not ends.pipe.receive(b"more")
    assert ends.pipe.held == 0
    ends.pipe.end()
    ends.pipe.abandon()
    assert ends.closed == 1


def test_a_reader_that_closes_before_the_end_is_known_is_told() -> None:
    ends = Ends()
    reader = ends.pipe.open()
    ends.pipe.receive(b"abc")
    reader.read(3)
    reader.close()
    assert ends.closed == 1


def test_a_reader_that_has_read_everything_is_not_told() -> None:
    ends = Ends()
    reader = ends.pipe.open()
    ends.pipe.receive(b"abc")
    ends.pipe.end()
    reader.read(3)
    reader.close()
    assert ends.closed == 0


def test_a_reader_that_was_closed_is_not_woken() -> None:
    ends = Ends()
    reader = ends.pipe.open()
    reader.wait(ends.wake)
    reader.close()
    ends.pipe.receive(b"late")
    ends.pipe.end()
    assert ends.woken == 0


def test_a_pipe_is_read_once() -> None:
    pipe = Pipe()
    pipe.open()
    with pytest.raises(AssertionError, match="once"):
        pipe.open()


def test_a_large_piece_is_copied_once_however_small_the_reads() -> None:
    """Not its rest at every read."""
    copied = 0

    class Counted(bytes):
        def __getitem__(self, index: object) -> Counted:  # type: ignore[override]
            nonlocal copied
            part = Counted(super().__getitem__(index))  # type: ignore[call-overload]
            copied += len(part)
            return part

    pipe = Pipe()
    reader = pipe.open()
    pipe.receive(Counted(bytes(10_000)))
    octets = 0
    while pipe.held:
        piece = reader.read(100)
        assert piece
        octets += len(piece)
    assert octets == 10_000
    assert copied <= 10_000


_EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("receive"), st.integers(0, 30)),
        st.tuples(st.just("read"), st.integers(1, 30)),
        st.tuples(st.just("wait"), st.just(0)),
        st.tuples(st.just("end"), st.just(0)),
        st.tuples(st.just("abandon"), st.just(0)),
        st.tuples(st.just("close"), st.just(0)),
    ),
    max_size=40,
)


class Model:
    """What a pipe should do, said in another way: one string of octets and a few marks."""

    def __init__(self, capacity: int) -> None:
        self.ends = Ends(capacity=capacity)
        self.reader = self.ends.pipe.open()
        self.capacity = capacity
        self.written = self.read_octets = b""
        self.ended = self.failed = self.closed = self.told_to_wait = self.waits = False
        self.room = self.woken = self.told = 0

    @property
    def held(self) -> int:
        return 0 if self.closed or self.failed else len(self.written) - len(self.read_octets)

    def receive(self, size: int) -> None:
        if self.ended:
            return  # no writer writes after its end
        start = len(self.written)
        data = bytes((start + i) % 256 for i in range(size))
        more = self.ends.pipe.receive(data)
        if self.closed:
            assert not more
            return
        self.written += data
        if data:
            self._wake()
        assert more == (self.held < self.capacity)
        self.told_to_wait = self.told_to_wait or not more

    def read(self, size: int) -> None:
        if self.closed:
            return  # nobody reads after close
        if self.failed:
            with pytest.raises(OSError, match="was cut off"):
                self.reader.read(size)
            return
        piece = self.reader.read(size)
        if self.held == 0:
            assert piece == (b"" if self.ended else None)
            return
        assert piece
        assert len(piece) <= size
        self.read_octets += piece
        assert self.written.startswith(self.read_octets)
        if self.told_to_wait and self.held * 2 <= self.capacity:
            self.told_to_wait = False
            self.room += 1

    def wait(self, _: int) -> None:
        if self.closed or self.waits:
            return
        self.waits = True
        self.reader.wait(self.ends.wake)
        if self.held or self.ended:
            self._wake()

    def end(self, _: int) -> None:
        if not self.ended:
            self.ends.pipe.end(((b"x-trailer", b"1"),))
            self.ended = True
            self._wake()
            assert self.reader.trailers() == ((b"x-trailer", b"1"),)

    def abandon(self, _: int) -> None:
        self.ends.pipe.abandon()
        if not self.ended:
            self.ended = self.failed = True
            self._wake()

    def close(self, _: int) -> None:
        self.reader.close()
        if not self.closed:
            whole = self.ended and not self.failed and self.held == 0
            self.told += not whole
            self.closed, self.waits = True, False

    def _wake(self) -> None:
        if self.waits:
            self.waits = False
            self.woken += 1

    def check(self) -> None:
        ends = self.ends
        assert (ends.room, ends.closed, ends.woken) == (self.room, self.told, self.woken)
        assert ends.pipe.held == self.held
        assert ends.pipe.closed == self.closed


@given(_EVENTS, st.integers(1, 40))
def test_any_order_of_both_ends(events: list[tuple[str, int]], capacity: int) -> None:
    model = Model(capacity)
    for name, number in events:
        getattr(model, name)(number)
        model.check()
