"""Datagrams that a worker forwards to its predecessors while they drain.

Contract: each worker has an inbox, a Unix datagram socket; its successor has the other end.
:meth:`Relay.pass_on` forwards a datagram with the path on which it arrived, or drops it if the
predecessor does not keep up, as a network would.  Neither end ever blocks.
"""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Mapping
from typing import Final

from h2static.quic.transport import Path

_READ_SIZE: Final = 70_000


class Relay:
    """The inbox of a worker, and those of its predecessors."""

    __slots__ = ("_inbox", "_predecessors", "descriptor", "watched")

    def __init__(self, inbox: socket.socket, predecessors: Mapping[int, socket.socket]) -> None:
        """``predecessors``: by the number that is in their connection ids."""
        inbox.setblocking(False)
        self._inbox = inbox
        self._predecessors = dict(predecessors)
        for one in self._predecessors.values():
            one.setblocking(False)
        self.descriptor = inbox.fileno()
        #: Whether a poller watches the inbox; its owner's.
        self.watched = False

    def pass_on(self, worker: int, place: int, data: bytes, path: Path) -> bool:
        """Give a datagram that came to the socket at ``place`` to ``worker``; false: it is gone."""
        one = self._predecessors.get(worker)
        if one is None:
            return False
        head = json.dumps((place, path.address, path.local.hex())).encode("ascii")
        try:
            one.send(len(head).to_bytes(2, "big") + head + data)
        except BlockingIOError:
            return True
        except OSError:
            self._predecessors.pop(worker).close()
            return False
        return True

    def read(self, most: int) -> list[tuple[int, bytes, Path]]:
        """What successors have passed on: place, datagram, path."""
        found: list[tuple[int, bytes, Path]] = []
        while len(found) < most:
            try:
                message = self._inbox.recv(_READ_SIZE)
            except OSError:
                break
            if not message:
                break
            end = 2 + int.from_bytes(message[:2], "big")
            place, address, local = json.loads(message[2:end])
            found.append((place, message[end:], Path(tuple(address), bytes.fromhex(local))))
        return found

    def close(self) -> None:
        """Give everything back."""
        for one in (self._inbox, *self._predecessors.values()):
            with contextlib.suppress(OSError):
                one.close()
