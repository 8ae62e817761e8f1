"""Accepting when the system refuses: what pauses, what does not, and that it goes on.

Strategy: a listening socket that fails as it is told to, a poller that remembers what it watches
and a clock that a test sets.
"""

from __future__ import annotations

import errno
import os
import socket
from pathlib import Path
from typing import cast

import pytest

from h2static.logs.errors import ErrorLog
from h2static.server.acceptor import Acceptor
from h2static.server.entrance import Entrance
from h2static.server.limits import ServerLimits
from h2static.server.link import Link, Phase
from h2static.server.poller import READABLE
from h2static.server.timers import NEVER
from tests.support.engines import LineEngines, PathApplication

DESCRIPTOR = 99


class FakeListener:
    """Raises the errors that wait in it, then has nobody left to accept."""

    def __init__(self, *errors: int) -> None:
        self.errors = list(errors)
        self.asked = 0

    def fileno(self) -> int:
        return DESCRIPTOR

    def setblocking(self, flag: bool) -> None:
        assert not flag

    def accept(self) -> tuple[socket.socket, str]:
        self.asked += 1
        if not self.errors:
            raise BlockingIOError
        number = self.errors.pop(0)
        if number:
            raise OSError(number, os.strerror(number))
        ours, theirs = socket.socketpair()
        theirs.close()
        return ours, ""

    def close(self) -> None:
        self.errors = []


class FakePoller:
    """What is watched, by descriptor."""

    def __init__(self) -> None:
        self.watched: dict[int, int] = {}

    def register(self, descriptor: int, events: int) -> None:
        assert descriptor not in self.watched
        self.watched[descriptor] = events

    def modify(self, descriptor: int, before: int, events: int) -> None:
        raise AssertionError("nothing is modified")

    def unregister(self, descriptor: int, events: int) -> None:
        assert self.watched.pop(descriptor) == events

    def poll(self, seconds: float, most: int) -> list[tuple[int, int]]:
        raise AssertionError("nobody polls")

    def fileno(self) -> int:
        raise AssertionError("nobody waits")

    def close(self) -> None:
        raise AssertionError("it is the driver's")


class Accepting:
    """An acceptor with one listener."""

    def __init__(self, folder: Path, *errors: int) -> None:
        self.now = 1000.0
        self.poller = FakePoller()
        self.listener = FakeListener(*errors)
        self.path = folder / "log"
        self.log = ErrorLog(str(self.path))
        self.acceptor = Acceptor(
            self.poller, self.log, limits=ServerLimits(accept_pause_seconds=0.2)
        )
        self.links: list[Link] = []
        application = PathApplication()
        self.acceptor.add_entrance(
            Entrance(
                socket=cast("socket.socket", self.listener),
                engines=LineEngines(application),
                application=application,
            )
        )

    def accept(self) -> None:
        accepted = self.acceptor.accept(DESCRIPTOR, self.now)
        for link in accepted:
            assert link.phase is Phase.SNIFF
            link.socket.close()
        self.links += accepted

    def resume(self) -> None:
        self.acceptor.resume(self.now)

    def pauses(self) -> bool:
        return self.acceptor.paused_until != NEVER

    def lines(self) -> list[str]:
        """What was logged, without the time."""
        return [line.partition("[")[2] for line in self.path.read_text().splitlines()]


OUT_OF_RESOURCES = [errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM]


@pytest.mark.parametrize("number", OUT_OF_RESOURCES, ids=lambda one: errno.errorcode[one])
def test_accepting_pauses_and_goes_on(tmp_path: Path, number: int) -> None:
    one = Accepting(tmp_path, 0, number, 0, 0)
    one.accept()
    assert (len(one.links), one.listener.asked) == (1, 2)
    assert one.pauses()
    assert one.acceptor.paused_until == 1000.2
    assert one.poller.watched == {}, "a level-triggered poller would spin"
    assert one.lines() == [f"accept] pausing accept: {os.strerror(number)}"]
    one.now += 0.1
    one.resume()
    assert one.poller.watched == {}, "too early"
    one.now += 0.2
    one.resume()
    assert one.poller.watched == {DESCRIPTOR: READABLE}
    assert not one.pauses()
    one.accept()
    assert len(one.links) == 3


@pytest.mark.parametrize("number", OUT_OF_RESOURCES, ids=lambda one: errno.errorcode[one])
def test_a_pause_that_was_too_short_is_followed_by_another(tmp_path: Path, number: int) -> None:
    one = Accepting(tmp_path, number, number)
    for _ in range(2):
        one.accept()
        assert one.pauses()
        one.now += 1
        one.resume()
    one.accept()
    assert not one.pauses()
    assert len(one.lines()) == 2


def test_stopping_while_accepting_pauses(tmp_path: Path) -> None:
    one = Accepting(tmp_path, errno.ENFILE)
    one.accept()
    one.acceptor.stop()
    one.now += 1
    one.resume()
    assert one.poller.watched == {}
    assert not one.acceptor.listens_at(DESCRIPTOR)


#: Errors of the network that accept(2) passes on: they are of that one connection.
PASSED_ON = [errno.ECONNABORTED, errno.EPROTO, errno.EPERM, errno.ENETUNREACH, errno.EHOSTUNREACH]


@pytest.mark.parametrize("number", PASSED_ON, ids=lambda one: errno.errorcode[one])
def test_a_connection_that_is_gone_keeps_no_other_waiting(tmp_path: Path, number: int) -> None:
    one = Accepting(tmp_path, number, 0, number, 0)
    one.accept()
    assert len(one.links) == 2
    assert not one.pauses()
    assert one.lines() == []


def test_one_listener_does_not_keep_the_others_waiting(tmp_path: Path) -> None:
    one = Accepting(tmp_path, *[0] * 100)
    one.accept()
    assert len(one.links) == 64
    one.accept()
    assert len(one.links) == 100
