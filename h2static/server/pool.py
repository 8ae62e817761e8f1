"""Threads for blocking work: cold files and their digests, listings of large folders.

Contract: :meth:`Pool.submit` runs a function in one of a few threads; its exceptions are reported
and never lost.  :meth:`Pool.post` passes a function to the loop's thread from any thread and wakes
the loop; :meth:`Pool.run_posted` runs posted functions.  Only this class crosses threads.

Strategy: the loop's poller watches :attr:`Pool.wakeup`, so that a finished read is noticed as fast
as an octet from the network.  One octet wakes the loop, however much is posted before it looks;
posts from its own thread need none.  One thread exists from the start: if the system provides no
more, it does all the work.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from h2static.server.limits import DEFAULT_LIMITS

#: Tries at waking the loop: what fails for want of memory works a moment later.
_WAKE_ATTEMPTS: Final = 3


class Pool:
    """A few threads, and the way back from them."""

    def __init__(
        self, report: Callable[[str], None], threads: int = DEFAULT_LIMITS.threads
    ) -> None:
        """``report`` gets the errors of submitted functions, in the loop's thread.

        Raises ``OSError`` or ``RuntimeError`` where the system gives no sockets or no thread.
        """
        self._posted: deque[Callable[[], None]] = deque()
        self._report = report
        self._signal, self.wakeup = socket.socketpair()
        self._signal.setblocking(False)
        self.wakeup.setblocking(False)
        #: An octet is on its way.
        self._signaled = False
        #: The loop's thread, and how it is told that it posted something itself.
        self._thread: int | None = None
        self._posted_here: Callable[[], None] = self.wake
        self._closed = False
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="disk")
        self._executor.submit(_nothing)

    @property
    def posted(self) -> int:
        """Functions that wait for :meth:`run_posted`."""
        return len(self._posted)

    def adopt_thread(self, posted_here: Callable[[], None]) -> None:
        """The loop runs in the calling thread; ``posted_here`` is called when that thread posts."""
        self._thread = threading.get_ident()
        self._posted_here = posted_here

    def submit(self, work: Callable[[], None]) -> None:
        """Run ``work`` in a thread, soon."""
        try:
            self._executor.submit(self._run, work)
        except RuntimeError as error:
            if self._closed:
                return  # its result is not needed any longer
            # No thread could be added; the work is in the queue of those that there are.
            text = f"{error}: waiting for the existing threads"
            self.post(lambda: self._report(text))

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # whatever it is, it must be reported
            text = f"{type(error).__name__}: {error}"
            self.post(lambda: self._report(text))

    def post(self, action: Callable[[], None]) -> None:
        """Have ``action`` run in the loop's thread; callable from any thread."""
        self._posted.append(action)
        if threading.get_ident() == self._thread:
            self._posted_here()
        elif not self._signaled:
            self._signaled = True
            self.wake()

    def wake(self) -> None:
        """Have :attr:`wakeup` be readable; callable from any thread."""
        for _ in range(_WAKE_ATTEMPTS):
            try:
                self._signal.send(b"\0")
            except BlockingIOError:
                return  # the buffer is full: a wake-up is on its way
            except OSError:
                # Closed, and there is no loop to wake; or the kernel had no memory for the octet.
                continue
            return
        self._signaled = False

    def heed_wakeup(self) -> None:
        """:attr:`wakeup` is readable: :meth:`run_posted` is to be called next."""
        # If reading fails, it stays readable.
        with contextlib.suppress(OSError):
            while len(self.wakeup.recv(4096)) == 4096:
                pass
        # Last: an octet that is sent from here on is still there to be read.
        self._signaled = False

    def run_posted(self) -> None:
        """Run what was posted by now; in the loop's thread."""
        # Functions that these post wait for the next round.
        for _ in range(len(self._posted)):
            self._posted.popleft()()

    def close(self) -> None:
        """Close without waiting: running work ends by itself."""
        self._closed = True
        self._executor.shutdown(wait=False, cancel_futures=True)
        for one in (self._signal, self.wakeup):
            with contextlib.suppress(OSError):
                one.close()


def _nothing() -> None:
    """Work for the first thread."""
