"""Launch the interpreter of a worker, possibly before its task is known.

Contract: :func:`launch` returns immediately; the worker loads its modules and then waits for an
:class:`~h2static.process.control_channel.Assignment` on its channel.  If the channel is closed
before that, the worker exits silently.

Imports nothing from the package, so that the command can launch its first worker before loading
anything itself; the two then load in parallel.  Assumes that the standard descriptors are open, and
so are the worker's.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

#: What a worker runs.  With ``-P`` the current folder is not searched for modules: it may be the
#: very folder that is served.  The package's own place comes last, for a checkout that is not
#: installed.
_PROGRAM = (
    "import sys; sys.path.append(sys.argv[1]); from h2static.process.worker import main; main()"
)
#: Variables for a worker in addition to our own environment, which has precedence.  The C library
#: gives each thread a heap of its own, and no thread reuses what another has freed: with six
#: threads for reading and listing, a worker took 5 MiB more than it needed.
_ENVIRONMENT = {"MALLOC_ARENA_MAX": "1"}

#: Signals for the supervisor only, although terminals and service managers send them to every
#: process.
SUPERVISORS_SIGNALS = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGUSR1,
    signal.SIGUSR2,
)


@dataclass(slots=True, kw_only=True, eq=False)
class Launched:
    """A worker process that is waiting for its assignment."""

    process: subprocess.Popen[bytes]
    line: socket.socket

    def discard(self) -> None:
        """Stop the process, which is not needed after all."""
        self.line.close()
        self.process.kill()
        self.process.wait()


def launch(*, silent: bool = False) -> Launched:
    """Start the interpreter of a worker.

    ``silent``: discard its output.  Raises ``OSError`` if the system cannot start another process.
    """
    ours, theirs = socket.socketpair()
    output = subprocess.DEVNULL if silent else None
    try:
        place = str(Path(__file__).parents[2])
        command = [sys.executable, "-P", "-c", _PROGRAM, place, str(theirs.fileno())]
        # The child begins with them blocked, and nothing can end it before it ignores them; what
        # comes for us meanwhile waits.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, SUPERVISORS_SIGNALS)
        try:
            process = subprocess.Popen(  # noqa: S603 -- our own interpreter and program
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**_ENVIRONMENT, **os.environ},
                pass_fds=[theirs.fileno()],
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
    except BaseException:
        ours.close()
        raise
    finally:
        theirs.close()
    return Launched(process=process, line=ours)
