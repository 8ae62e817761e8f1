"""A worker process: one server on the sockets that the supervisor handed over.

Contract: the process does what its :class:`~h2static.process.control_channel.Assignment` says
until the supervisor says otherwise or dies.  Signals of a terminal or of a service manager are
ignored: they go to the supervisor, which knows what they mean for all.

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
from collections.abc import Sequence

import anyio

from h2static.assembly import assemble
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

#: Seconds that streams get to finish when the supervisor died without a word.
_ORPHAN_GRACE = 5.0


def main() -> None:
    """Run the worker process."""
    for number in SUPERVISORS_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, SUPERVISORS_SIGNALS)
    raise_descriptor_limit()
    line = socket.socket(fileno=int(sys.argv[-1]))
    try:
        assignment, sockets = receive_assignment(line)
    except (EOFError, ConnectionError):
        return
    try:
        server = assemble(
            assignment.config,
            sockets,
            several=assignment.config.workers > 1,
            first=assignment.slot == 0,
            warn=lambda warnings: _tell(line, Message.WARNED, warnings=_brief(warnings)),
        )
    except (StartError, OSError) as error:
        _tell_failure(line, error)
        sys.exit(1)
    line.setblocking(False)
    options = {"use_uvloop": True} if assignment.config.apps and _has_uvloop() else None
    failure = anyio.run(_serve, server, sockets, assignment, line, backend_options=options)
    if failure is not None:
        line.setblocking(True)
        _tell_failure(line, failure)
        sys.exit(1)
    # What is left are threads in blocking reads; nothing they could still do matters.
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    os._exit(0)


def _tell(line: socket.socket, message: Message, **values: object) -> None:
    """Say ``message`` to the supervisor; that it is dead is told by the end of the line."""
    with contextlib.suppress(OSError):
        line.send(encode(message, **values))


def _tell_failure(line: socket.socket, error: StartError | OSError) -> None:
    """Tell the supervisor why there is nothing to serve."""
    details = error.details if isinstance(error, ApplicationError) else ()
    _tell(
        line,
        Message.FAILED,
        reason=str(error),
        details=details,
        refused=isinstance(error, ApplicationFailed),
    )


def _has_uvloop() -> bool:
    """Whether applications can have uvloop."""
    return importlib.util.find_spec("uvloop") is not None


def _brief(warnings: Sequence[str]) -> list[str]:
    """As many of ``warnings`` as the log would write, so that they always fit into the line."""
    return [one[:MAX_LENGTH] for one in warnings[:BURST]]


async def _serve(
    server: Server, sockets: Sequence[socket.socket], assignment: Assignment, line: socket.socket
) -> StartError | None:
    """Serve until told to stop; what kept the applications from starting, if anything did."""
    running = _Running(server, sockets, line)
    async with anyio.create_task_group() as tasks:
        running.scope = tasks.cancel_scope
        tasks.start_soon(running.run)
        reader = LineReader()
        stopping = False
        while not reader.ended:
            await anyio.wait_readable(line)
            for message in reader.read(line):
                match message["type"]:
                    case Message.STOP if not stopping:
                        stopping = True
                        tasks.start_soon(running.stop, message)
                    case Message.FORCE:
                        server.force()
                        tasks.cancel_scope.cancel()
                    case Message.REOPEN:
                        server.reopen_logs()
                    case Message.COUNTERS:
                        _tell(line, Message.COUNTED, counters=server.counters())
        server.error_log.report("process", "", "the supervisor died; this worker ends")
        await server.stop(delay=0, grace=min(_ORPHAN_GRACE, assignment.config.grace))
        tasks.cancel_scope.cancel()
    return running.failure


class _Running:
    """The server of a worker while it starts, serves and stops."""

    def __init__(
        self, server: Server, sockets: Sequence[socket.socket], line: socket.socket
    ) -> None:
        self._server = server
        self._sockets = sockets
        self._line = line
        #: Ends everything that the worker does.
        self.scope = anyio.CancelScope()
        self.failure: StartError | None = None
        self._serving = False

    async def run(self) -> None:
        """Start and serve."""
        try:
            await self._server.start_up()
        except StartError as error:
            self.failure = error
            self.scope.cancel()
            return
        self._serving = True
        for one in self._sockets:
            # Those of new slots: nobody is to wait for a worker that could not start.
            begin_listening(one)
        _tell(self._line, Message.READY, warnings=_brief(self._server.warnings))
        await self._server.run()

    async def stop(self, message: dict[str, object]) -> None:
        """Stop as ``message`` says."""
        delay, grace = message["delay"], message["grace"]
        assert isinstance(delay, int | float)
        assert isinstance(grace, int | float)
        if self._serving:
            await self._server.stop(delay=delay, grace=grace)
        self.scope.cancel()
