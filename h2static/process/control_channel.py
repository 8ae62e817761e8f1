"""The line between supervisor and worker: a socket pair that carries messages as JSON lines.

Contract: a message is a JSON object with a ``type`` of :class:`Message`.  The end of the line says
that the other side is dead.  What a worker is to do comes first, as one pickled value behind its
length (the only thing that a supervisor sends and JSON cannot carry).

Assumes: both ends are the same program; nobody else can write to the socket.
"""

from __future__ import annotations

import json
import pickle
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from h2static.config import Config

_LENGTH_OCTETS = 4
#: Sockets that go with one octet; Linux takes 253 (SCM_MAX_FD).
_SOCKETS_AT_ONCE = 200
#: Octets of one read.
_READ_SIZE = 65536


class Message(StrEnum):
    """What can be said, and by whom."""

    # The worker says:
    #: It accepts connections; ``warnings`` are lines for the owner of the site.
    READY = "ready"
    #: The ``warnings`` are others now.
    WARNED = "warned"
    #: It cannot start; ``reason`` is one line, ``details`` are those below it; ``application``:
    #: because of an application; ``refused``: which does not want to start, so that trying again
    #: would not help.
    FAILED = "failed"
    #: Modules of applications have changed: it wants successors.
    CHANGED = "changed"
    #: It has more memory than it may, ``octets``: it wants a successor.
    TOO_LARGE = "too large"
    #: The answer to :attr:`COUNTERS`; ``counters`` is an object.
    COUNTED = "counted"
    #: It reads no datagrams of HTTP/3 any more: a successor may.
    LEFT = "left"

    # The supervisor says:
    #: Stop accepting after ``delay`` seconds, finish what was accepted within ``grace``, end.
    #: ``succeeded``: others do its work now, and read the sockets of HTTP/3.
    STOP = "stop"
    #: End now.
    FORCE = "force"
    #: Open the log files again.
    REOPEN = "reopen"
    #: The successors that were wanted could not start, for the ``reason``.
    NOT_SUCCEEDED = "not succeeded"
    #: Say how things are.
    COUNTERS = "counters"
    #: Predecessors have left the sockets of HTTP/3: read them.
    TAKE = "take"


@dataclass(slots=True, kw_only=True)
class DatagramAssignment:
    """What a worker is to know of the others for HTTP/3.

    Behind the listening sockets come its inbox, and the other ends of those of :attr:`predecessors`
    in their order.
    """

    #: See :class:`h2static.server.datagram_entrance.DatagramWorker`.
    key: bytes
    number: int
    predecessors: tuple[int, ...]
    begins: bool


@dataclass(slots=True, kw_only=True)
class Assignment:
    """What a worker is to do."""

    config: Config
    #: Which of the worker slots it fills, from 0.
    slot: int
    #: Of each socket, which of :attr:`Config.listening` it is of.
    places: tuple[int, ...] = ()
    #: ``None``: HTTP/3 is not served.
    datagrams: DatagramAssignment | None = None
    #: Why applications could not start: it serves that in their place, in dev mode.
    failure: str = ""


def send_assignment(
    line: socket.socket, assignment: Assignment, listeners: Sequence[socket.socket]
) -> None:
    """Send ``assignment`` and the listening sockets for it as the first things on ``line``.

    ``line`` has to be blocking.  Raises ``OSError`` when the other side is dead.
    """
    octets = pickle.dumps((assignment, len(listeners)))
    line.sendall(len(octets).to_bytes(_LENGTH_OCTETS, "big") + octets)
    for start in range(0, len(listeners), _SOCKETS_AT_ONCE):
        descriptors = [one.fileno() for one in listeners[start : start + _SOCKETS_AT_ONCE]]
        socket.send_fds(line, [b"s"], descriptors)


def receive_assignment(line: socket.socket) -> tuple[Assignment, list[socket.socket]]:
    """Receive what :func:`send_assignment` sent.  Raises ``EOFError`` when the sender is dead."""
    length = int.from_bytes(_receive_exactly(line, _LENGTH_OCTETS), "big")
    # Only the supervisor has the other end of the socket pair.
    assignment, count = pickle.loads(_receive_exactly(line, length))  # noqa: S301
    assert isinstance(assignment, Assignment)
    descriptors: list[int] = []
    while len(descriptors) < count:
        octets, more, _, _ = socket.recv_fds(line, 1, _SOCKETS_AT_ONCE)
        if not octets:
            raise EOFError
        descriptors.extend(more)
    return assignment, [socket.socket(fileno=descriptor) for descriptor in descriptors]


def _receive_exactly(line: socket.socket, count: int) -> bytes:
    octets = b""
    while len(octets) < count:
        more = line.recv(count - len(octets))
        if not more:
            raise EOFError
        octets += more
    return octets


def encode(message: Message, **values: object) -> bytes:
    """A message as a line."""
    return json.dumps({"type": message, **values}).encode("utf-8") + b"\n"


class LineReader:
    """Collects octets until they make messages."""

    def __init__(self) -> None:
        """Start with nothing."""
        self._octets = b""
        #: Whether the other side is gone.
        self.ended = False

    def read(self, line: socket.socket) -> list[dict[str, object]]:
        """The messages that can be had from ``line``, which must not block, without waiting."""
        while True:
            try:
                more = line.recv(_READ_SIZE)
            except BlockingIOError:
                break
            except ConnectionError:
                more = b""
            if not more:
                self.ended = True
                break
            self._octets += more
        *lines, self._octets = self._octets.split(b"\n")
        return [json.loads(one) for one in lines]
