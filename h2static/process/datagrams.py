"""HTTP/3 in the supervisor: which workers read the sockets, and how workers reach each other.

Contract: the workers of a server share a key; each has a number, which is part of its connection
IDs, and an inbox for its datagrams that a successor reads.  Two generations never read at the same
time: new workers start reading when the old ones have reported that they stopped, or are dead.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Collection, Iterable

from h2static.config import Config
from h2static.process.control_channel import DatagramAssignment, Message
from h2static.process.workers import Worker
from h2static.quic.connection_ids import KEY_LENGTH

#: A number is one octet.
_NUMBERS = 256


class DatagramNumbers:
    """What workers need to know about each other."""

    def __init__(self) -> None:
        """Draw the key."""
        self._key = os.urandom(KEY_LENGTH)
        self._last = -1

    @staticmethod
    def inboxes(everybody: Iterable[Worker]) -> list[socket.socket]:
        """Where datagrams for connections of these workers go."""
        return [one.inbox for one in everybody if one.inbox is not None]

    def assignment(
        self, config: Config, everybody: Collection[Worker], *, begins: bool
    ) -> DatagramAssignment | None:
        """The HTTP/3 assignment of a new worker of ``config``, besides :meth:`inboxes`.

        ``begins``: it reads at once.
        """
        if not config.serves_http3:
            return None
        taken = [one.number for one in everybody if one.inbox is not None]
        while True:
            self._last = (self._last + 1) % _NUMBERS
            if self._last not in taken or len(taken) >= _NUMBERS:
                break
        return DatagramAssignment(
            key=self._key, number=self._last, predecessors=tuple(taken), begins=begins
        )


def still_reads(retired: Iterable[Worker], slot: int) -> bool:
    """Whether a predecessor still reads the sockets of ``slot``."""
    return any(one.slot == slot and one.reads_datagrams for one in retired)


def take_over(retired: Iterable[Worker], current: Iterable[Worker]) -> None:
    """Let the current workers read, unless a retiring worker still does."""
    if not any(one.reads_datagrams for one in retired):
        for one in current:
            one.tell(Message.TAKE)
