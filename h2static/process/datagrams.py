"""HTTP/3 as the supervisor sees it: who reads the sockets, and how workers know each other.

Contract: workers of a server share a key; each has a number that is in its connection ids, and an
inbox for datagrams that a successor reads and that are for it.  At no time two generations read:
new workers begin when the old ones have said that they have left the sockets, or are dead.
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
    """What workers are told of each other."""

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
        """What a new worker of ``config`` is told beside :meth:`inboxes`, if HTTP/3 is served.

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
    """Whether somebody reads the sockets of ``slot`` who is to be succeeded there."""
    return any(one.slot == slot and one.reads_datagrams for one in retired)


def take_over(retired: Iterable[Worker], current: Iterable[Worker]) -> None:
    """Have those who are there read, unless somebody who is to end still does."""
    if not any(one.reads_datagrams for one in retired):
        for one in current:
            one.tell(Message.TAKE)
