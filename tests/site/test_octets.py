"""Octets in memory: counted while they are held, and shared by all who send them."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.http.bodies import Body
from h2static.site.errors import SiteError
from h2static.site.limits import SiteLimits
from h2static.site.list_memory import ListMemory
from h2static.site.listing import Entry, Listing, listing_json, listing_page
from h2static.site.octets import OctetBody, OctetCount, Piece, piece_length

OCTETS = bytes(range(256)) * 4
PIECES = st.lists(
    st.one_of(
        st.binary(max_size=20),
        st.tuples(st.integers(0, 1024), st.integers(0, 1024)).map(lambda span: tuple(sorted(span))),
    ),
    max_size=6,
)


def expected(pieces: tuple[Piece, ...]) -> bytes:
    return b"".join(p if isinstance(p, bytes) else OCTETS[p[0] : p[1]] for p in pieces)


@given(pieces=PIECES, size=st.integers(1, 700))
def test_pieces_are_read_in_their_order(pieces: list[Piece], size: int) -> None:
    body: Body = OctetBody(OCTETS, tuple(pieces))
    assert body.length == sum(map(piece_length, pieces))
    readings = [(body.open(), list[bytes | memoryview]()) for _ in range(2)]
    for _ in range(sum(map(piece_length, pieces)) + 1):
        # In turn: a reading knows nothing of the others.
        for reader, parts in readings:
            part = reader.read(size)
            assert part is not None
            assert len(part) <= size
            parts.append(part)
    for reader, parts in readings:
        assert not parts[-1]
        # Pieces stayed as they were when later ones were read.
        assert b"".join(map(bytes, parts)) == expected(tuple(pieces))
        assert not reader.reuses_buffer
        assert reader.trailers() == ()


def test_readings_copy_nothing() -> None:
    reader = OctetBody(OCTETS, ((0, 1024),)).open()
    part = reader.read(1000)
    assert isinstance(part, memoryview)
    assert part.obj is OCTETS
    woken: list[bool] = []
    reader.wait(lambda: woken.append(True))
    assert woken
    reader.close()
    reader.close()
    assert reader.read(1) == b""
    assert part == OCTETS[:1000]


def test_bodies_are_compared_by_what_they_give() -> None:
    body = OctetBody(OCTETS, ((0, 5),))
    assert body.same_as(OctetBody(bytes(bytearray(OCTETS)), ((0, 5),)))
    assert not body.same_as(OctetBody(OCTETS, ((0, 6),)))
    assert not body.same_as(OctetBody(b"other octets", ((0, 5),)))


def test_octets_count_until_the_last_view_of_them_is_gone() -> None:
    count = OctetCount()
    octets = count.hold(b"x" * 1000)
    assert octets == b"x" * 1000
    assert count.held == 1000
    view = memoryview(octets)[:1]
    other = count.hold(b"y")
    del octets
    gc.collect()
    assert count.held == 1001
    count.settle()
    assert count.held == 1001
    view.release()
    assert count.held == 1
    del other
    assert count.held == 0


def test_octets_may_be_held_and_dropped_in_any_thread() -> None:
    count = OctetCount()

    def work(number: int) -> int:
        held = [count.hold(bytes(100)) for _ in range(200)]
        return len(held) + number

    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(work, range(40)):
            assert result >= 200
            count.settle()
    assert count.held == 0


def test_octets_may_be_dropped_by_the_collector_while_they_are_counted() -> None:
    """It comes when memory is needed: here at the first objects that counting makes."""
    threshold = gc.get_threshold()
    try:
        for objects in range(12):
            gc.disable()
            gc.collect()
            count = OctetCount()
            held = [count.hold(bytes(10)) for _ in range(50)]
            circle: list[object] = [count.hold(bytes(100))]
            circle.append(circle)
            del circle
            gc.set_threshold(gc.get_count()[0] + objects)
            gc.enable()
            assert count.held in {500, 600}
            gc.collect()
            assert count.held == 10 * len(held)
    finally:
        gc.enable()
        gc.set_threshold(*threshold)


def listing(*names: bytes, folder: bytes = b"a", size: int = 1) -> Listing:
    return Listing(names=(folder,), packed=[Entry(name, False, size, 0).pack() for name in names])


def test_equal_lists_are_made_once() -> None:
    memory = ListMemory(SiteLimits())
    made: list[Listing] = []

    def form(value: Listing) -> bytearray:
        made.append(value)
        return listing_json(value)

    first = memory.octets(listing(b"x", b"y"), form)
    assert memory.octets(listing(b"x", b"y"), form) is first
    assert len(made) == 1
    assert memory.octets(listing(b"x", b"y"), listing_page) != first
    # Whatever changes is seen.
    for other in (listing(b"x"), listing(b"x", b"y", size=2), listing(b"x", b"y", folder=b"b")):
        assert memory.octets(other, form) == listing_json(other) != first
    assert len(made) == 4


def fixed(length: int) -> Callable[[Listing], bytes]:
    return lambda _: bytes(length)


def test_what_many_ask_for_at_once_is_made_by_the_first() -> None:
    memory = ListMemory(SiteLimits(), threading.Lock())
    made: list[Listing] = []
    together = threading.Barrier(4)

    def form(value: Listing) -> bytearray:
        made.append(value)
        # Whoever does not take turns comes here meanwhile.
        sum(range(1_000_000))
        return listing_json(value)

    def ask(_: int) -> bytes:
        together.wait(10)
        return memory.octets(listing(b"x"), form)

    with ThreadPoolExecutor(4) as pool:
        assert len(set(map(id, pool.map(ask, range(4))))) == 1
    assert len(made) == 1


def test_lists_that_are_kept_are_bounded() -> None:
    memory = ListMemory(SiteLimits(kept_lists=250))
    form = fixed(100)
    # Each gives its octets back as soon as it is dropped, because nobody else has them.
    for name in (b"a", b"b", b"c", b"a", b"d"):
        memory.octets(listing(folder=name), form)
        assert memory.held <= 200
    memory.settle()
    kept = memory.octets(listing(folder=b"d"), form)
    memory.forget()
    assert memory.held == len(kept)


def test_lists_that_streams_hold_are_bounded() -> None:
    memory = ListMemory(SiteLimits(kept_lists=100, held_lists=350))
    form = fixed(100)
    held = [memory.octets(listing(folder=bytes([number])), form) for number in range(3)]
    with pytest.raises(SiteError) as refused:
        memory.octets(listing(folder=b"d"), form)
    assert refused.value.status == 503
    held.pop()
    held.pop()
    assert memory.octets(listing(folder=b"d"), form) == bytes(100)
