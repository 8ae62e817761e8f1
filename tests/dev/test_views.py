"""Bodies that are views of octets in memory."""

from __future__ import annotations

import gc
import weakref

import pytest

from h2static.dev.views import ViewBody
from tests.support.exchange import read_all


class Owner:
    """Whoever holds the octets."""


OCTETS = bytes(range(200))


def body(owner: object = None) -> ViewBody:
    whole = memoryview(OCTETS)
    return ViewBody(owner, [whole[0:10], memoryview(b"--"), whole[5:5], whole[100:200]])


def test_length_and_octets() -> None:
    assert body().length == 112
    assert read_all(body()) == OCTETS[:10] + b"--" + OCTETS[100:]
    assert read_all(ViewBody(None, [])) == b""


@pytest.mark.parametrize("size", [1, 3, 10, 1000])
def test_reading_in_steps(size: int) -> None:
    reader = body().open()
    octets = b""
    while piece := reader.read(size):
        assert 0 < len(piece) <= size
        octets += piece
    assert octets == read_all(body())
    assert reader.read(size) == b""
    assert reader.trailers() == ()


def test_nothing_is_copied() -> None:
    reader = body().open()
    piece = reader.read(7)
    assert isinstance(piece, memoryview)
    assert piece.obj is OCTETS
    assert not reader.reuses_buffer


def test_every_reading_starts_at_the_beginning() -> None:
    one = body()
    first, second = one.open(), one.open()
    assert first.read(5) == second.read(5) == OCTETS[:5]


def test_waiting_wakes_at_once() -> None:
    woken: list[bool] = []
    body().open().wait(lambda: woken.append(True))
    assert woken


def test_the_owner_lives_as_long_as_it_is_read() -> None:
    owner = Owner()
    alive = weakref.ref(owner)
    reader = body(owner).open()
    del owner
    gc.collect()
    assert alive() is not None
    reader.close()
    reader.close()
    assert alive() is None
    assert reader.read(10) == b""
