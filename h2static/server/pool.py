"""Threads for what blocks: cold files and their digests.

Contract: :meth:`Pool.submit` runs a function in one of a few threads; what it raises is reported
and never lost.  :meth:`Pool.post` hands a function to the loop's thread from any thread and wakes
the loop; :meth:`Pool.run_posted` runs what was posted.  Nothing but this class crosses threads.

Strategy: the loop's poller watches :attr:`Pool.wakeup`, so that a finished read is noticed as fast
as an octet from the network.
"""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

#: Reads that wait for a disk at once; a disk has little use for more, and each is a thread.
THREADS = 8
#: Answers worked out at once (:mod:`h2static.server.background`): the threads that are left are for
#: readings, so that downloads go on however many lists of files somebody asks for.
ANSWERS = THREADS - 2


class Pool:
    """A few threads, and the way back from them."""

    def __init__(self, report: Callable[[str], None], threads: int = THREADS) -> None:
        """``report`` is told, in the loop's thread, what went wrong in a submitted function."""
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="disk")
        self._posted: deque[Callable[[], None]] = deque()
        self._report = report
        self._signal, self.wakeup = socket.socketpair()
        self._signal.setblocking(False)
        self.wakeup.setblocking(False)

    def submit(self, work: Callable[[], None]) -> None:
        """Run ``work`` in a thread, soon."""
        self._executor.submit(self._run, work)

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:  # whatever it is, it must be told
            text = f"{type(error).__name__}: {error}"
            self.post(lambda: self._report(text))

    def post(self, action: Callable[[], None]) -> None:
        """Have ``action`` run in the loop's thread; callable from any thread."""
        self._posted.append(action)
        # The buffer is full: a wake-up is on its way; or closed: nobody is left to wake.
        with contextlib.suppress(OSError):
            self._signal.send(b"\0")

    def run_posted(self) -> None:
        """Run what was posted; in the loop's thread."""
        with contextlib.suppress(BlockingIOError):
            while len(self.wakeup.recv(4096)) == 4096:
                pass
        while self._posted:
            self._posted.popleft()()

    def close(self) -> None:
        """Wait for nobody: what runs ends by itself."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        self._signal.close()
        self.wakeup.close()
