"""A command that is started once and answers line by line.

Contract: :meth:`CoProcess.exchange` writes lines and returns the requested number of lines.  It
reads and writes at the same time, so it never deadlocks with the command.  It ends in time, with
the answers or with :class:`~hpacktools.conformance.command.CommandError`; after an error the
process is gone.  :meth:`CoProcess.close` leaves nothing running in the command's session.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

from .command import (
    OUTPUT_LIMIT,
    TIMEOUT,
    CommandError,
    SilentError,
    close_streams,
    kill_process,
    killer,
    start_process,
    uninterrupted,
    write_some,
)

#: Time a command has to exit after its input ended, in seconds.
_GRACE: Final = 0.5
#: Octets read at once.
_CHUNK: Final = 2**16
#: Octets of the latest error output kept for messages.
_KEPT: Final = 2**14


class CoProcess:
    """A running command."""

    def __init__(self, words: Sequence[str], mask: set[signal.Signals]) -> None:
        """Start the command ``words`` with the signal mask ``mask``.

        The caller blocks the ending signals (:func:`uninterrupted`, which yields the mask) until it
        has recorded the object.  Raises ``OSError`` and ``ValueError``.
        """
        self._process = start_process(words, mask)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._stdin = self._process.stdin
        self._stdout = self._process.stdout
        self._stderr = self._process.stderr
        for stream in (self._stdin, self._stderr):
            os.set_blocking(stream.fileno(), False)
        self._rest = b""
        self._errors = deque[int](maxlen=_KEPT)
        self._open = True

    @property
    def running(self) -> bool:
        """Whether another exchange is possible."""
        return self._open

    def exchange(self, octets: bytes, count: int, *, timeout: float = TIMEOUT) -> list[bytes]:
        """Write ``octets`` and read ``count`` lines, returned without their line ends.

        ``timeout`` in seconds.  Raises :class:`CommandError`.
        """
        try:
            return self._exchange(memoryview(octets), count, time.monotonic() + timeout)
        except TimeoutError:
            self.close(at_once=True)
            raise SilentError(f"no answer within {timeout:.0f} s") from None
        except BaseException:
            self.close(at_once=True)
            raise

    def _exchange(self, rest: memoryview, count: int, deadline: float) -> list[bytes]:
        self._check_idle(deadline)
        lines: list[bytes] = []
        received = 0
        with selectors.DefaultSelector() as selector:
            if rest:
                selector.register(self._stdin, selectors.EVENT_WRITE)
            selector.register(self._stdout, selectors.EVENT_READ)
            selector.register(self._stderr, selectors.EVENT_READ)
            while rest or len(lines) < count:
                left = deadline - time.monotonic()
                ready = selector.select(left) if left > 0 else []
                if not ready:
                    raise TimeoutError
                for key, _ in ready:
                    if key.fileobj is self._stdin:
                        rest = rest[write_some(self._stdin, rest) :]
                        if not rest:
                            selector.unregister(self._stdin)
                        continue
                    chunk = os.read(key.fd, _CHUNK)
                    if key.fileobj is self._stderr:
                        self._errors.extend(chunk)
                        if not chunk:
                            selector.unregister(self._stderr)
                        continue
                    if not chunk:
                        raise CommandError(self._ended(deadline))
                    received += len(chunk)
                    if received > OUTPUT_LIMIT:
                        raise CommandError(f"more than {OUTPUT_LIMIT // 2**20} MiB of output")
                    *whole, self._rest = (self._rest + chunk).split(b"\n")
                    lines += whole
        if len(lines) > count or self._rest:
            raise CommandError(f"more than the {count} requested lines of output")
        return lines

    def _check_idle(self, deadline: float) -> None:
        """Raise for unrequested output, which would be taken for the next answer."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdout, selectors.EVENT_READ)
            if selector.select(0):
                if os.read(self._stdout.fileno(), _CHUNK):
                    raise CommandError("it wrote more lines than requested")
                raise CommandError(self._ended(deadline))

    def _ended(self, deadline: float) -> str:
        """A sentence that says how the command, which closed its output, ended."""
        try:
            code = self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            return "closed its output but kept running"
        with suppress(BlockingIOError):
            while chunk := os.read(self._stderr.fileno(), _CHUNK):
                self._errors.extend(chunk)
        complaint = bytes(self._errors).decode("utf-8", "replace").strip().splitlines()
        how = f"killed by {by}" if (by := killer(code)) else f"ended with exit code {code}"
        said = f": {complaint[-1]}" if complaint else ""
        return f"{how} before its answer{said}"

    def close(self, *, at_once: bool = False) -> None:
        """End the command: close its input, and kill it if it does not exit by itself."""
        if not self._open:
            return
        with uninterrupted():
            self._open = False
            with suppress(BrokenPipeError):
                self._stdin.close()
            if not at_once:
                self._drain()
            if self._process.returncode is None:
                # Even if it has ended: its child processes may still be running.
                kill_process(self._process)
            close_streams(self._process)

    def _drain(self) -> None:
        """Wait a moment for the command to exit, which closes its output."""
        deadline = time.monotonic() + _GRACE
        with selectors.DefaultSelector() as selector:
            selector.register(self._stdout, selectors.EVENT_READ)
            while (left := deadline - time.monotonic()) > 0 and selector.select(left):
                if not os.read(self._stdout.fileno(), _CHUNK):
                    return
