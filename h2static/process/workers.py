"""Worker processes as the supervisor sees them.

Contract: :func:`start_worker` returns immediately; the channel and the exit status show what
becomes of the worker.  A worker is a fresh interpreter, not a fork: it holds nothing of the
supervisor's except the sockets it needs, which it receives through its channel.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from h2static.config import Config
from h2static.errors import ApplicationError, ApplicationFailed, StartError
from h2static.process.control_channel import (
    Assignment,
    DatagramAssignment,
    LineReader,
    Message,
    encode,
    send_assignment,
)
from h2static.process.launching import Launched, launch


class WorkerState(Enum):
    """The phases in the life of a worker."""

    #: It loads what it serves, and accepts no connections.
    STARTING = auto()
    #: It has started, and waits until it is told to accept connections.
    PREPARED = auto()
    SERVING = auto()
    #: It was asked to exit.
    STOPPING = auto()


@dataclass(slots=True, kw_only=True, eq=False)
class Worker:
    """A worker process."""

    slot: int
    process: subprocess.Popen[bytes]
    line: socket.socket
    #: Seconds on the monotonic clock.
    started: float
    state: WorkerState = WorkerState.STARTING
    reader: LineReader = field(default_factory=LineReader)
    #: Whether it may accept connections: it was told to begin, and has not said that it left.
    accepts: bool = False
    #: For HTTP/3: its number, and the inbox for its datagrams that successors read.
    number: int = -1
    inbox: socket.socket | None = None
    #: Whether it may still read datagrams.
    reads_datagrams: bool = False
    #: Why it could not start, as it reported.
    failure: str = ""
    details: tuple[str, ...] = ()
    #: The cause is an application; and retrying would not help.
    blames_application: bool = False
    refused: bool = False

    def tell(self, message: Message, **values: object) -> None:
        """Send ``message``; a worker that cannot receive it is dead, or as good as dead."""
        with contextlib.suppress(OSError):
            self.line.send(encode(message, **values))

    def let_accept(self) -> None:
        """Have it begin to accept connections, if it waits for that."""
        if self.state is WorkerState.PREPARED and not self.accepts:
            self.accepts = True
            self.tell(Message.ACCEPT)

    def stop(self, *, delay: float, grace: float, succeeded: bool = False) -> None:
        """Let it finish accepted requests and exit; ``succeeded``: successors have taken over."""
        if self.state is not WorkerState.STOPPING:
            self.state = WorkerState.STOPPING
            self.tell(Message.STOP, delay=delay, grace=grace, succeeded=succeeded)

    def close_inbox(self) -> None:
        """Close the inbox of a dead worker."""
        self.reads_datagrams = False
        if self.inbox is not None:
            self.inbox.close()
            self.inbox = None

    def note_failure(self, message: Mapping[str, object]) -> None:
        """Record a :attr:`Message.FAILED`."""
        details = message["details"]
        assert isinstance(details, list)
        self.failure = str(message["reason"])
        self.details = tuple(map(str, details))
        self.blames_application = bool(message["application"])
        self.refused = bool(message["refused"])

    def error(self, otherwise: str) -> StartError:
        """Why it could not start; ``otherwise``: the text if it did not report that."""
        if self.refused:
            return ApplicationFailed(self.failure, self.details)
        if self.blames_application:
            return ApplicationError(self.failure, self.details)
        return StartError(self.failure or otherwise)

    def how_it_ended(self) -> str:
        """How it exited, in words; it must have exited."""
        status = self.process.returncode
        if self.failure:
            return self.failure
        return f"signal {-status}" if status < 0 else f"exit status {status}"


def start_worker(
    config: Config,
    *,
    slot: int,
    sockets: Sequence[socket.socket],
    places: tuple[int, ...],
    now: float,
    launched: Launched | None = None,
    failure: str = "",
    datagrams: DatagramAssignment | None = None,
    predecessors: Sequence[socket.socket] = (),
) -> Worker:
    """Start a worker for ``slot`` that accepts from ``sockets``.

    ``places``: the index in :attr:`Config.listening` of each socket.
    ``launched``: a process that waits for an assignment.  ``failure``: the error to show instead of
    serving applications.  ``datagrams``, ``predecessors``: for HTTP/3, with the inboxes of the
    predecessors.  Raises ``OSError`` if the system cannot start another process.
    """
    if launched is None:
        launched = launch(silent=config.daemon)
    ours: socket.socket | None = None
    more: list[socket.socket] = []
    if datagrams is not None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        more = [theirs, *predecessors]
    # A dead process receives nothing; its exit is noticed like any other.
    with contextlib.suppress(OSError):
        assignment = Assignment(
            config=config, slot=slot, places=places, failure=failure, datagrams=datagrams
        )
        send_assignment(launched.line, assignment, [*sockets, *more])
    for one in more[:1]:
        one.close()
    launched.line.setblocking(False)
    return Worker(
        slot=slot,
        process=launched.process,
        line=launched.line,
        started=now,
        number=-1 if datagrams is None else datagrams.number,
        inbox=ours,
        reads_datagrams=datagrams is not None,
    )
