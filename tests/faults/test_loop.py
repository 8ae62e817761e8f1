"""The loop, its threads and its end: the poller, waking up, more threads, closing everything."""

from __future__ import annotations

import contextlib
import gc
import os
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from h2static.server import memory_bound
from h2static.server.memory_bound import resident_octets
from tests.faults.outcomes import (
    ABSENT,
    AGAIN,
    CLOSED_WITH_ERROR,
    IO_ERROR,
    MANY_FILES,
    NO_BUFFERS,
    NO_MEMORY,
    RESET,
)
from tests.faults.rows import Row, cases, place, play
from tests.faults.stories import ask
from tests.faults.world import ENDED, SMALL, Answer, World, running_world
from tests.support.certificates import Certificate
from tests.support.faults import Faults, FaultySocket, Outcome, Place, late_raising
from tests.support.processes import DEADLINE

POLL = place("server/busy_wait:BusyWait.wait:poll")
WAKE = place("server/pool:Pool.wake:send")
HEED = place("server/pool:Pool.heed_wakeup:recv")
SUBMIT = place("server/pool:Pool.submit:submit")
CLOSE_POLLER = place("server/driver:Driver.run:close")
CLOSE_POOL = place("server/pool:Pool.close:close")
FORGET_LISTENER = place("server/acceptor:Acceptor.stop:unregister")
CLOSE_LISTENER = place("server/acceptor:Acceptor.stop:close")
MEMORY = place("server/memory_bound:resident_octets:open")

READ_MEMORY = place("server/memory_bound:resident_octets:read")

#: Those that have no row below.
PLACES = {POLL, CLOSE_POLLER, CLOSE_POOL, FORGET_LISTENER, CLOSE_LISTENER, MEMORY, READ_MEMORY}

#: It is in the queue, and there is nobody new to do it.
NO_THREAD = late_raising(lambda: RuntimeError("can't start new thread"), "no thread")

LIST = ask("/folder/")


@contextlib.contextmanager
def faulty_world(faults: Faults, folder: Path, certificate: Certificate) -> Iterator[World]:
    """One whose pool's sockets and threads fail as well."""
    make_pair = socket.socketpair

    def faulty_pair() -> tuple[FaultySocket, ...]:
        return tuple(FaultySocket.of(one, faults) for one in make_pair())

    with pytest.MonkeyPatch.context() as patch:
        faults.catch(patch, ThreadPoolExecutor, "submit")
        patch.setattr(socket, "socketpair", faulty_pair)
        with running_world(faults, folder, certificate) as one:
            yield one


@pytest.fixture
def world(faults: Faults, tmp_path: Path, certificate: Certificate) -> Iterator[World]:
    with faulty_world(faults, tmp_path, certificate) as one:
        yield one


def is_listed(answer: Answer) -> bool:
    """Whether it is the list of the folder, which a thread makes."""
    return answer.status == 200 and b"2.txt" in answer.content


ROWS = [
    Row(
        place=SUBMIT,
        outcomes=(NO_THREAD,),
        story=LIST,
        answer=is_listed,
        log="[internal] can't start new thread: waiting for the existing threads",
    ),
    Row(place=HEED, outcomes=(IO_ERROR, RESET, AGAIN), story=LIST, answer=is_listed),
    Row(place=WAKE, outcomes=(NO_BUFFERS, NO_MEMORY, AGAIN), story=LIST, answer=is_listed),
]


@pytest.mark.parametrize(("row", "outcome"), cases(ROWS))
def test_a_fault(world: World, row: Row, outcome: Outcome) -> None:
    play(world, row, outcome)


def test_without_its_poller_a_worker_ends_and_leaves_nothing(world: World) -> None:
    """The supervisor replaces it; what has gone wrong is in the exception."""
    client = world.visit()
    reply = client.begin("/large.bin")
    with world.faults.at(POLL, NO_MEMORY):
        assert client.finish(reply) == ENDED
        world.thread.join(DEADLINE)
    assert not world.thread.is_alive()
    (failure,) = world.failure
    assert isinstance(failure, ExceptionGroup)
    (error,) = failure.exceptions
    assert isinstance(error, OSError)
    assert world.driver.connections == 0
    with pytest.raises(ConnectionRefusedError):
        world.visit()


def given_back(world: World) -> int:
    """Descriptors that a server gives back when it ends while somebody is there."""
    assert world.visit().ask("/small.txt") == Answer(200, SMALL, whole=True)
    gc.collect()
    before = len(os.listdir("/dev/fd"))
    world.pool.post(world.driver.close_all)
    world.thread.join(DEADLINE)
    assert not world.thread.is_alive()
    assert not world.failure
    return before - len(os.listdir("/dev/fd"))


@pytest.mark.parametrize(
    ("where", "outcome"),
    [
        (CLOSE_POLLER, CLOSED_WITH_ERROR),
        (CLOSE_POOL, CLOSED_WITH_ERROR),
        (FORGET_LISTENER, ABSENT),
        (CLOSE_LISTENER, CLOSED_WITH_ERROR),
    ],
    ids=str,
)
def test_at_the_end_everything_is_closed(
    faults: Faults, tmp_path: Path, certificate: Certificate, where: Place, outcome: Outcome
) -> None:
    """What fails to be closed keeps nothing else open."""
    (tmp_path / "one").mkdir()
    with faulty_world(faults, tmp_path / "one", certificate) as world:
        expected = given_back(world)
    (tmp_path / "other").mkdir()
    with (
        faulty_world(faults, tmp_path / "other", certificate) as world,
        faults.at(where, outcome),
    ):
        assert given_back(world) == expected


@pytest.mark.parametrize(
    ("where", "outcome"),
    [(MEMORY, MANY_FILES), (MEMORY, ABSENT), (READ_MEMORY, IO_ERROR)],
    ids=str,
)
def test_memory_is_told_without_proc(
    faults: Faults, monkeypatch: pytest.MonkeyPatch, where: Place, outcome: Outcome
) -> None:
    faults.catch_files(monkeypatch, memory_bound, "open")
    with faults.at(where, outcome):
        assert resident_octets() > 1_000_000
