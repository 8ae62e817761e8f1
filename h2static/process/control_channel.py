"""The channel between supervisor and worker: a socket pair that carries messages as JSON lines.

Contract: a message is a JSON object with a ``type`` of :class:`Message`.  End of file means that
the other side is dead.  A worker's assignment comes first, as one pickled value after its length
(the only thing that a supervisor sends and JSON cannot carry).

Assumes: both ends are the same program, and no other process can write to the socket.
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
#: Sockets passed with one octet; Linux allows 253 (SCM_MAX_FD).
_SOCKETS_AT_ONCE = 200
#: Octets of one read.
_READ_SIZE = 65536


class Message(StrEnum):
    """The types of messages, and who sends them."""

    # From the worker:
    #: It has started, and waits for :attr:`ACCEPT`.
    PREPARED = "prepared"
    #: It accepts connections; ``warnings`` are lines for the site's owner.
    READY = "ready"
    #: The ``warnings`` have changed.
    WARNED = "warned"
    #: It cannot start; ``reason`` is one line, ``details`` are further lines; ``application``: the
    #: cause is an application; ``refused``: it refuses to start, so retrying would not help.
    FAILED = "failed"
    #: Modules of applications have changed: replace the workers.
    CHANGED = "changed"
    #: It exceeds its memory limit, with ``octets``: replace it.
    TOO_LARGE = "too large"
    #: The answer to :attr:`COUNTERS` with the same ``number``; ``counters`` is an object.
    COUNTED = "counted"
    #: It no longer accepts connections, nor reads HTTP/3 datagrams: a successor may.
    LEFT = "left"

    # From the supervisor:
    #: Begin to accept connections.
    ACCEPT = "accept"
    #: Stop accepting after ``delay`` seconds, finish accepted requests within ``grace``, and exit.
    #: ``succeeded``: successors have taken over, and read the HTTP/3 sockets.
    STOP = "stop"
    #: Exit now.
    FORCE = "force"
    #: Reopen the log files.
    REOPEN = "reopen"
    #: The requested successors could not start, for the ``reason``.
    NOT_SUCCEEDED = "not succeeded"
    #: Report counters; ``number``: of the question.
    COUNTERS = "counters"
    #: Predecessors no longer read the HTTP/3 sockets: read them.
    TAKE = "take"


@dataclass(slots=True, kw_only=True)
class DatagramAssignment:
    """What a worker needs to know about the others for HTTP/3.

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
    """A worker's task."""

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
        """Create an empty buffer."""
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
