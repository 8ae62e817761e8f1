"""Signals that come before the supervisor listens to them.

Contract: from :class:`EarlySignals` on, no signal ends the process without its cleaning up.  A
request to stop raises ``KeyboardInterrupt`` wherever the start is, a wait for a slow file included;
from :meth:`EarlySignals.hold_all` on it waits, as the other signals do from the beginning, for the
supervisor, which unblocks them all once it listens.

Assumes: made once, by the main thread, as early as can be.  What comes while the interpreter itself
starts has the system's default action; nothing has been begun then.
"""

from __future__ import annotations

import signal
from types import FrameType

#: Requests to stop.
_STOPS = (signal.SIGINT, signal.SIGTERM)
#: What means something to a server that serves, and would end a process that does not listen.
_LATER = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


class EarlySignals:
    """Holds signals back, and remembers a request to stop."""

    def __init__(self) -> None:
        """Begin."""
        self._stop_wanted = False
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, _LATER)
        self._handlers = {number: signal.signal(number, self._stop) for number in _STOPS}

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stop_wanted = True
        raise KeyboardInterrupt

    def hold_all(self) -> None:
        """Let requests to stop wait, too: from now on there are things to be closed in order.

        Raises ``KeyboardInterrupt`` when there has been one.  It may have been lost: an exception
        in a callback of the interpreter (weak references, ``__del__``) goes nowhere.
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
        if self._stop_wanted:
            raise KeyboardInterrupt

    def release(self) -> None:
        """Everything is as it was before; but where a supervisor has listened, its handlers stay:
        nothing is to interrupt the end of the process."""
        for number, handler in self._handlers.items():
            if signal.getsignal(number) == self._stop:
                signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
