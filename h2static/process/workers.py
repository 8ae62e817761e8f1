"""Worker processes as the supervisor sees them.

Contract: :func:`start_worker` returns at once; what becomes of the worker is told through its line
and by its exit status.  A worker is a fresh interpreter, not a fork: it holds nothing of the
supervisor but the sockets it needs, which it gets through its line.
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
    """Where in its life a worker is."""

    #: It has not said that it accepts connections.
    STARTING = auto()
    SERVING = auto()
    #: It was told to end.
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
    #: For HTTP/3: its number, and where successors put datagrams that are for it.
    number: int = -1
    inbox: socket.socket | None = None
    #: Whether it may still read datagrams.
    reads_datagrams: bool = False
    #: Why it could not start, in its own words.
    failure: str = ""
    details: tuple[str, ...] = ()
    #: An application is to blame; and trying again would not help.
    blames_application: bool = False
    refused: bool = False

    def tell(self, message: Message, **values: object) -> None:
        """Send ``message``; a worker that cannot take it is dead or as good as dead."""
        with contextlib.suppress(OSError):
            self.line.send(encode(message, **values))

    def stop(self, *, delay: float, grace: float, succeeded: bool = False) -> None:
        """Have it finish what it has accepted and end; ``succeeded``: others do its work now."""
        if self.state is not WorkerState.STOPPING:
            self.state = WorkerState.STOPPING
            self.tell(Message.STOP, delay=delay, grace=grace, succeeded=succeeded)

    def close_inbox(self) -> None:
        """It is dead: nothing is for it any more."""
        self.reads_datagrams = False
        if self.inbox is not None:
            self.inbox.close()
            self.inbox = None

    def note_failure(self, message: Mapping[str, object]) -> None:
        """Take what it says in :attr:`Message.FAILED`."""
        details = message["details"]
        assert isinstance(details, list)
        self.failure = str(message["reason"])
        self.details = tuple(map(str, details))
        self.blames_application = bool(message["application"])
        self.refused = bool(message["refused"])

    def error(self, otherwise: str) -> StartError:
        """Why it could not start; ``otherwise``: what to say where it has not said so."""
        if self.refused:
            return ApplicationFailed(self.failure, self.details)
        if self.blames_application:
            return ApplicationError(self.failure, self.details)
        return StartError(self.failure or otherwise)

    def how_it_ended(self) -> str:
        """Its end in words; it must have ended."""
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

    ``places``: of each socket, which of :attr:`Config.listening` it is of.
    ``launched``: a process that waits for an assignment.  ``failure``: what it is to tell in the
    place of applications.  ``datagrams``, ``predecessors``: for HTTP/3, with the inboxes of those
    who came before.  Raises ``OSError`` when the system has no room for another one.
    """
    if launched is None:
        launched = launch(silent=config.daemon)
    ours: socket.socket | None = None
    more: list[socket.socket] = []
    if datagrams is not None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        more = [theirs, *predecessors]
    # A process that is dead already takes nothing; its end is noticed as any other.
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
