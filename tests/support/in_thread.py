"""What tests ask of a server whose loop runs in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from h2static.server.pool import Pool
from tests.support.processes import DEADLINE, wait_until


class InThread:
    """A server with an error log, and a pool that its loop listens to."""

    __slots__ = ()

    log: Path
    pool: Pool

    def errors(self) -> str:
        """What is in the error log."""
        return self.log.read_text()

    def wait_for_error(self, text: str) -> None:
        """Wait until the error log has ``text``."""
        wait_until(lambda: text in self.errors(), f"{text!r} in the error log")

    def in_thread(self, action: Callable[[], None]) -> None:
        """Have the loop's thread do something; returns when it is done."""
        done = threading.Event()

        def run() -> None:
            action()
            done.set()

        self.pool.post(run)
        assert done.wait(DEADLINE)
