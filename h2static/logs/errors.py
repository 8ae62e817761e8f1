"""The error log: one line per error, and never a flood of them.

Contract: :meth:`ErrorLog.report` never raises and never lets a peer's octets control a terminal.
It may be called from any thread.  Lines of one kind are limited to a burst of :data:`BURST` and
:data:`RATE` per second; suppressed lines are counted and reported with the next line of that kind,
or by :meth:`ErrorLog.flush`.  Lines that could not be written are reported in the same way, with
the reason.

Assumes: a line is short enough for one ``write``; several processes append to one file.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from h2static.logs.escape import escape
from h2static.logs.files import LogFile

#: Lines of one kind in a burst: enough to see what happens, few enough to read.
BURST = 20
#: Lines of one kind in a second after that.
RATE = 5.0
#: Characters of a line: longer ones carry a peer's text, which is not worth more.
MAX_LENGTH = 1000


@dataclass(slots=True, kw_only=True)
class _Bucket:
    """The remaining budget of one kind of line."""

    tokens: float
    filled: float
    left_out: int = 0


class ErrorLog:
    """Writes errors to standard error or to a file that can be reopened."""

    def __init__(self, path: str | None = None, *, clock: Callable[[], float] = time.time) -> None:
        """Open ``path`` for appending; ``None`` is standard error.

        ``clock`` gives seconds since 1970.  Raises ``OSError``.
        """
        self._clock = clock
        self._log_file = LogFile(path, 2)
        self._buckets: dict[str, _Bucket] = {}
        #: Lines that could not be written, and why the last one could not.
        self._unwritten = 0
        self._failure = ""
        # A site reports from the threads that read files, too.
        self._lock = threading.RLock()

    def report(self, kind: str, peer: str, text: str, details: Sequence[str] = ()) -> None:
        """Write one line: time, kind, peer (empty: none) and text.

        ``details`` are written below it: a traceback.
        """
        with self._lock:
            now = self._clock()
            bucket = self._buckets.get(kind)
            if bucket is None:
                bucket = self._buckets[kind] = _Bucket(tokens=BURST, filled=now)
            bucket.tokens = min(float(BURST), bucket.tokens + max(0.0, now - bucket.filled) * RATE)
            bucket.filled = now
            if bucket.tokens < 1:
                bucket.left_out += 1
                return
            bucket.tokens -= 1
            if bucket.left_out:
                self._write_left_out(kind, bucket, now)
            self._write(now, kind, f"{peer}: {text}" if peer else text, details)

    def flush(self) -> None:
        """Report suppressed lines that were not reported yet, if writing works again."""
        with self._lock:
            now = self._clock()
            for kind, bucket in self._buckets.items():
                if bucket.left_out:
                    self._write_left_out(kind, bucket, now)
            self._tell_unwritten(now)

    def write_line(self, line: str) -> None:
        """Write ``line``, which no peer has a part in, as it is."""
        with self._lock:
            self._put(line.encode("utf-8") + b"\n")

    def reopen(self) -> None:
        """Open the file again after it was renamed.  When that fails, the old one is kept."""
        with self._lock:
            try:
                self._log_file.reopen()
            except OSError as error:
                self.report("log", "", f"cannot reopen {self._log_file.path}: {error.strerror}")

    def moved_to(self, path: str | None) -> ErrorLog:
        """The log at ``path``, which replaces this one.

        The result is this log if it is at ``path``, or if that cannot be opened, which it tells.
        """
        if path == self._log_file.path:
            return self
        try:
            log = ErrorLog(path, clock=self._clock)
        except OSError as error:
            self.report("log", "", f"cannot open the log {path}: {error.strerror}")
            return self
        self.close()
        return log

    def close(self) -> None:
        """Report suppressed lines and close the file."""
        with self._lock:
            self.flush()
            self._log_file.close()

    def _write_left_out(self, kind: str, bucket: _Bucket, now: float) -> None:
        self._write(now, kind, f"{bucket.left_out} similar messages suppressed")
        bucket.left_out = 0

    def _tell_unwritten(self, now: float) -> None:
        if self._unwritten:
            count, self._unwritten = self._unwritten, 0
            text = f"{count} lines could not be written: {self._failure}"
            if not self._put(_line(now, "log", text)):
                self._unwritten = count

    def _write(self, now: float, kind: str, text: str, details: Sequence[str] = ()) -> None:
        self._tell_unwritten(now)
        self._unwritten += not self._put(_line(now, kind, text, details))

    def _put(self, octets: bytes) -> bool:
        """Write a line and its details; whether they were written."""
        # A log that cannot be written must not end what it reports on.
        try:
            self._log_file.write(octets)
        except OSError as error:
            self._failure = error.strerror or str(error)
            return False
        return True


def _line(now: float, kind: str, text: str, details: Sequence[str] = ()) -> bytes:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))
    line = f"h2static: {stamp} [{kind}] {escape(text)[:MAX_LENGTH]}\n"
    # In one write, so that no lines of other processes come in between.
    line += "".join([f"    {escape(one)[:MAX_LENGTH]}\n" for one in details])
    return line.encode("utf-8", "backslashreplace")
