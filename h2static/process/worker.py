"""A worker process: one server on the sockets that the supervisor passed to it.

Contract: the process carries out its :class:`~h2static.process.control_channel.Assignment` until
the supervisor stops it or dies.  Signals from a terminal or a service manager are ignored: the
supervisor handles them for all workers.

Assumes: started by :mod:`h2static.process.supervisor`, with the number of its line's
descriptor as last argument.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import anyio
from anyio.abc import TaskGroup

from h2static.assembly import assemble
from h2static.config import describe
from h2static.errors import ApplicationError, ApplicationFailed, StartError
from h2static.logs.errors import BURST, MAX_LENGTH
from h2static.process.control_channel import (
    Assignment,
    LineReader,
    Message,
    encode,
    receive_assignment,
)
from h2static.process.launching import SUPERVISORS_SIGNALS
from h2static.server.descriptor_limit import raise_descriptor_limit
from h2static.server.listeners import begin_listening
from h2static.server.server import Server

if TYPE_CHECKING:
    # Only for HTTP/3.
    from h2static.server.datagram_entrance import DatagramWorker

#: Seconds that streams have to finish if the supervisor died.
_ORPHAN_GRACE = 5.0


def main() -> None:
    """Run the worker process."""
    for number in SUPERVISORS_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SUPERVISORS_SIGNALS)
    sys.unraisablehook = _tell_unraisable
    raise_descriptor_limit()
    line = socket.socket(fileno=int(sys.argv[-1]))
    try:
        assignment, sockets = receive_assignment(line)
    except (EOFError, ConnectionError):
        return
    config, stand_in = assignment.config, None
    datagrams: DatagramWorker | None = None
    if assignment.datagrams is not None:
        from h2static.server.datagram_entrance import DatagramWorker

        count = len(assignment.places)
        inbox, *others = sockets[count:]
        del sockets[count:]
        own = assignment.datagrams
        datagrams = DatagramWorker(
            key=own.key,
            number=own.number,
            slot=assignment.slot,
            slots=config.workers,
            inbox=inbox,
            predecessors=dict(zip(own.predecessors, others, strict=True)),
            begins=own.begins,
        )
    if assignment.failure:
        from h2static.dev.stand_in import StandIn, without_applications

        config, stand_in = without_applications(config), StandIn(assignment.failure)
    try:
        server = assemble(
            config,
            sockets,
            places=assignment.places,
            datagrams=datagrams,
            several=assignment.config.workers > 1,
            first=assignment.slot == 0,
            warn=lambda warnings: _tell(line, Message.WARNED, warnings=_brief(warnings)),
            stand_in=stand_in,
            restart=lambda: _tell(line, Message.CHANGED),
            replace=lambda octets: _tell(line, Message.TOO_LARGE, octets=octets),
        )
    except (StartError, OSError) as error:
        _tell_failure(line, error)
        sys.exit(1)
    line.setblocking(False)
    options = {"use_uvloop": True} if assignment.config.has_apps and _has_uvloop() else None

    def not_succeeded(reason: str) -> None:
        server.tell_not_restarted(reason)
        if stand_in is not None:
            stand_in.text = reason

    failure = anyio.run(
        _serve, server, sockets, assignment, line, not_succeeded, backend_options=options
    )
    if failure is not None:
        line.setblocking(True)
        _tell_failure(line, failure)
    # The remaining threads are in blocking reads whose results no longer matter.
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    os._exit(0 if failure is None else 1)


def _tell_unraisable(unraisable: sys.UnraisableHookArgs) -> None:
    """Write unraisable exceptions to standard error, except for a server name (SNI) that is not
    ASCII: Python cannot pass it on, and would write a traceback with the client's octets.  The
    handshake fails, which the error log reports."""
    if not (
        isinstance(unraisable.exc_value, UnicodeDecodeError)
        and isinstance(unraisable.object, bytes)
    ):
        sys.__unraisablehook__(unraisable)


def _tell(line: socket.socket, message: Message, **values: object) -> None:
    """Send ``message`` to the supervisor; its death is noticed by the end of the channel."""
    with contextlib.suppress(OSError):
        line.send(encode(message, **values))


def _tell_failure(line: socket.socket, error: Exception) -> None:
    """Report why this worker cannot start."""
    _tell(
        line,
        Message.FAILED,
        reason=describe(error) if isinstance(error, OSError) else str(error),
        details=error.details if isinstance(error, ApplicationError) else (),
        application=isinstance(error, ApplicationError),
        refused=isinstance(error, ApplicationFailed),
    )


def _has_uvloop() -> bool:
    """Whether uvloop is installed for applications."""
    return importlib.util.find_spec("uvloop") is not None


def _brief(warnings: Sequence[str]) -> list[str]:
    """As many of ``warnings`` as the log would write, so that they always fit in a message."""
    return [one[:MAX_LENGTH] for one in warnings[:BURST]]


async def _serve(
    server: Server,
    sockets: Sequence[socket.socket],
    assignment: Assignment,
    line: socket.socket,
    not_succeeded: Callable[[str], None],
) -> Exception | None:
    """Serve until stopped; returns the error that prevented serving, if any."""
    async with anyio.create_task_group() as tasks:
        listeners = () if assignment.config.http3_only else sockets
        running = _Running(server, listeners, line, tasks)
        tasks.start_soon(running.run)
        reader = LineReader()
        stopping = False
        while not reader.ended:
            await anyio.wait_readable(line)
            for message in reader.read(line):
                match message["type"]:
                    case Message.STOP if not stopping:
                        stopping = True
                        if message["succeeded"]:
                            running.leave()
                            _tell(line, Message.LEFT)
                        tasks.start_soon(running.stop, message)
                    case Message.ACCEPT:
                        running.may_accept.set()
                    case Message.FORCE:
                        server.force()
                        tasks.cancel_scope.cancel()
                    case Message.TAKE:
                        server.take_datagrams()
                    case Message.REOPEN:
                        server.reopen_logs()
                    case Message.NOT_SUCCEEDED:
                        not_succeeded(str(message["reason"]))
                    case Message.COUNTERS:
                        number = message["number"]
                        _tell(line, Message.COUNTED, number=number, counters=server.counters())
        server.error_log.report("process", "", "the supervisor died; this worker exits")
        await server.stop(delay=0, grace=min(_ORPHAN_GRACE, assignment.config.grace))
        tasks.cancel_scope.cancel()
    return running.failure


class _Running:
    """The server of a worker while it starts, serves and stops."""

    def __init__(
        self,
        server: Server,
        sockets: Sequence[socket.socket],
        line: socket.socket,
        tasks: TaskGroup,
    ) -> None:
        """``tasks``: all tasks of the worker."""
        self._server = server
        #: The sockets that clients connect to.
        self._listeners = [one for one in sockets if one.type == socket.SOCK_STREAM]
        self._line = line
        self._tasks = tasks
        self.failure: Exception | None = None
        #: Set when the supervisor lets this worker accept connections.
        self.may_accept = anyio.Event()
        self._accepting = False
        self._serving = False

    async def run(self) -> None:
        """Start, which may take long with applications, and serve in a task of its own."""
        try:
            await self._server.start_up()
            try:
                _tell(self._line, Message.PREPARED)
                await self.may_accept.wait()
                self._accepting = True
                for one in self._listeners:
                    # Only for new slots: no client should wait for a worker that could not start.
                    begin_listening(one)
                await self._tasks.start(self._server.run)
            except BaseException:
                await self._server.end_applications()
                raise
        except (StartError, OSError, RuntimeError) as error:
            self.failure = error
            self._tasks.cancel_scope.cancel()
            return
        self._serving = True
        _tell(self._line, Message.READY, warnings=_brief(self._server.warnings))

    def leave(self) -> None:
        """Leave the sockets to a successor."""
        self._server.leave_datagrams()
        if self._accepting:
            self._server.stop_accepting()

    async def stop(self, message: dict[str, object]) -> None:
        """Stop in the way that ``message`` requests."""
        delay, grace = message["delay"], message["grace"]
        assert isinstance(delay, int | float)
        assert isinstance(grace, int | float)
        if self._serving:
            await self._server.stop(delay=delay, grace=grace)
        self._tasks.cancel_scope.cancel()
