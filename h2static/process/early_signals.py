"""Signals that arrive before the supervisor handles them.

Contract: once :class:`EarlySignals` exists, no signal ends the process without cleanup.  A request
to stop raises :class:`Stop`, a ``KeyboardInterrupt``, wherever the start is, even while it waits
for a slow file; after :meth:`EarlySignals.hold_all` it stays blocked, as the other signals do from
the beginning, until the supervisor handles signals and unblocks them.

Assumes: created once, by the main thread, as early as possible.  A signal during the start of the
interpreter itself has the system's default action; nothing needs cleanup then.
"""

from __future__ import annotations

import signal
from types import FrameType

#: Requests to stop.
_STOPS = (signal.SIGINT, signal.SIGTERM)
#: Signals with a meaning for a running server, which would end a process that ignores them.
_LATER = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


class Stop(KeyboardInterrupt):
    """A request to stop.

    A kind of its own, because the interpreter remembers a plain ``KeyboardInterrupt`` that ends
    code from a string, such as what makes the methods of a data class: even if the exception is
    handled, the process then ends by SIGINT, whatever status it wants to return.
    """


class EarlySignals:
    """Holds signals back, and remembers a request to stop."""

    def __init__(self) -> None:
        """Block the signals, and handle requests to stop."""
        self._stop_wanted = False
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, _LATER)
        self._handlers = {number: signal.signal(number, self._stop) for number in _STOPS}

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self._stop_wanted = True
        raise Stop

    def hold_all(self) -> None:
        """Block requests to stop as well: from now on, resources must be closed in order.

        Raises :class:`Stop` if there was one.  An earlier one may have been lost: the interpreter
        discards exceptions in callbacks (weak references, ``__del__``).
        """
        signal.pthread_sigmask(signal.SIG_BLOCK, _STOPS)
        if self._stop_wanted:
            raise Stop

    def release(self) -> None:
        """Restore the previous state, unless a supervisor has installed handlers: these stay, so
        that nothing interrupts the end of the process."""
        for number, handler in self._handlers.items():
            if signal.getsignal(number) == self._stop:
                signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)
