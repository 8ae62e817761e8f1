"""Descriptors that somebody beside the connections watches."""

from __future__ import annotations

import socket

from h2static.server.descriptors import Descriptors
from h2static.server.poller import READABLE, WRITABLE, make_poller


def test_who_watches_is_told() -> None:
    poller = make_poller()
    descriptors = Descriptors(poller)
    ours, theirs = socket.socketpair()
    told: list[int] = []
    with ours, theirs:
        descriptor = ours.fileno()
        descriptors.watch(descriptor, READABLE, told.append)
        theirs.send(b"x")
        ((found, event),) = poller.poll(1, 8)
        assert descriptors.notice(found, event)
        descriptors.tell_next()
        assert told == [READABLE]
        descriptors.watch(descriptor, WRITABLE, told.append)
        assert poller.poll(1, 8) == [(descriptor, WRITABLE)]
        # What is forgotten within the round is not told.
        assert descriptors.notice(descriptor, WRITABLE)
        descriptors.forget(descriptor)
        descriptors.forget(descriptor)
        descriptors.tell_next()
        assert told == [READABLE]
        assert poller.poll(0, 8) == []
        assert not descriptors.notice(descriptor, READABLE)
    poller.close()


def test_after_the_end_nothing_matters() -> None:
    poller = make_poller()
    descriptors = Descriptors(poller)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        descriptors.watch(ours.fileno(), READABLE, lambda event: None)
        poller.close()
        descriptors.forget(ours.fileno())


def test_after_the_loop_nothing_is_watched() -> None:
    """A connection to an upstream may be made in the round in which the loop ends."""
    poller = make_poller()
    descriptors = Descriptors(poller)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        descriptors.close()
        poller.close()
        descriptors.watch(ours.fileno(), READABLE, lambda event: None)
        assert not descriptors.notice(ours.fileno(), READABLE)
        descriptors.forget(ours.fileno())
