"""The access log: one line for each finished request.

Contract: :meth:`AccessLog.add` never blocks and never raises; a thread formats and writes.  If the
medium is slower than the requests, at most ``max_waiting`` lines wait; later ones are dropped and
counted (:meth:`AccessLog.take_left_out`).  Failed writes are counted as well
(:meth:`AccessLog.take_problems`).

Everything in a record is escaped when its line is formatted, even if it was checked before: no data
from a peer or a proxy can end a field, forge a line or control a terminal.

Assumes: one thread calls :meth:`AccessLog.add`; ``deque`` appends are atomic.
"""

from __future__ import annotations

import json
import select
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Final, TypeAlias, assert_never

from h2static.config import LogFormat
from h2static.http.dates import MONTHS
from h2static.http.forwarded import origin_of
from h2static.http.host_names import host_of as named_host
from h2static.http.journal import Finished
from h2static.http.messages import Request
from h2static.logs.brief import brief_line
from h2static.logs.escape import escape, escape_octets
from h2static.logs.files import LogFile

#: How logs call the host of a request.
HostOf: TypeAlias = Callable[[Request], str]

#: Requests that wait for the writer: a second of the fastest load, some tens of MiB.
MAX_WAITING: Final = 65_536
#: Seconds that a request waits at most before it is written: lines go out in batches.
_INTERVAL: Final = 0.5
#: The same for a person at a terminal.
_BRIEF_INTERVAL: Final = 0.1
#: Lines of one ``write``.
_BATCH: Final = 512
#: Stands for the address of clients on Unix domain sockets.
_UNIX: Final = "unix"


class AccessLog:
    """Writes records to a file or to standard output, from a thread of its own."""

    def __init__(
        self,
        path: str,
        form: LogFormat,
        *,
        color: bool = False,
        host_of: HostOf | None = None,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        """Open ``path`` for appending, ``-`` being standard output.  Raises ``OSError``.

        ``color`` is for :attr:`LogFormat.BRIEF` on a terminal.  ``host_of``: how the host of a
        request is called, where there are several; called in the log's thread.
        """
        self._max_waiting = max_waiting
        self._host_of = host_of
        self._color = color
        self._form = form
        self._log_file = LogFile(None if path == "-" else path, 1)
        self._waiting: deque[Finished] = deque()
        self._left_out = 0
        #: How many requests were not written, by reason; why the file could not be opened again.
        self._unwritten: Counter[str] = Counter()
        self._not_reopened = ""
        self._problems_lock = threading.Lock()
        self._reopen = False
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="access log", daemon=True)
        self._thread.start()

    def add(self, records: Sequence[Finished]) -> None:
        """Have ``records`` written soon."""
        room = max(0, self._max_waiting - len(self._waiting))
        self._waiting.extend(islice(records, room))
        self._left_out += max(0, len(records) - room)

    def take_left_out(self) -> int:
        """How many records were left out since the last call."""
        count, self._left_out = self._left_out, 0
        return count

    def take_problems(self) -> list[str]:
        """Problems since the last call, one line each."""
        with self._problems_lock:
            unwritten, self._unwritten = self._unwritten, Counter()
            not_reopened, self._not_reopened = self._not_reopened, ""
        problems = [
            f"{count} access-log lines could not be written: {reason}"
            for reason, count in unwritten.items()
        ]
        if not_reopened:
            problems.append(f"cannot reopen the access log: {not_reopened}")
        return problems

    def reopen(self) -> None:
        """Have the file opened again soon, after it was renamed, and before the next lines."""
        self._reopen = True

    def close(self, timeout: float = 5.0) -> None:
        """Write what waits, for at most ``timeout`` seconds, and end."""
        self._stopping.set()
        self._thread.join(timeout)
        if not self._thread.is_alive():
            self._log_file.close()

    def _run(self) -> None:
        interval = _BRIEF_INTERVAL if self._form is LogFormat.BRIEF else _INTERVAL
        while not self._stopping.wait(interval):
            self._drain()
        self._drain()

    def _drain(self) -> None:
        while True:
            # Even if nothing waits: the program that renamed the file may wait for the new one.
            self._open_again_if_asked()
            if not self._waiting:
                return
            count = min(_BATCH, len(self._waiting))
            # Finished requests carry monotonic time; the wall clock may have been set since.
            epoch = time.time() - time.monotonic()
            lines = [
                format_line(
                    self._waiting.popleft(),
                    epoch,
                    self._form,
                    color=self._color,
                    host_of=self._host_of,
                )
                for _ in range(count)
            ]
            self._write(lines)

    def _write(self, lines: list[str]) -> None:
        limit = select.PIPE_BUF if self._log_file.is_pipe else None
        left = len(lines)
        try:
            for count, octets in in_writes(lines, limit):
                self._log_file.write(octets)
                left -= count
        except OSError as error:
            # The medium is full, or the reader has disappeared; serving continues.
            with self._problems_lock:
                self._unwritten[error.strerror or str(error)] += left

    def _open_again_if_asked(self) -> None:
        if not self._reopen:
            return
        self._reopen = False
        try:
            self._log_file.reopen()
        except OSError as error:
            with self._problems_lock:
                self._not_reopened = error.strerror or str(error)


def in_writes(lines: Sequence[str], limit: int | None) -> Iterator[tuple[int, bytes]]:
    """Group ``lines`` into writes, with the number of lines in each: octets of other processes must
    not end up inside a line.

    Appending to a file is atomic; writing to a pipe is up to ``limit`` octets (POSIX).
    """
    encoded = [line.encode("utf-8", "backslashreplace") for line in lines]
    if limit is None:
        yield len(encoded), b"".join(encoded)
        return
    count, together = 0, b""
    for line in encoded:
        if together and len(together) + len(line) > limit:
            yield count, together
            count, together = 0, b""
        count += 1
        together += line
    yield count, together


def format_line(
    finished: Finished,
    epoch: float,
    form: LogFormat,
    *,
    color: bool = False,
    host_of: HostOf | None = None,
) -> str:
    """A line with its end; ``epoch`` added to monotonic time gives seconds since 1970."""
    host = None if host_of is None else host_of(finished.request)
    if form is LogFormat.COMBINED:
        return _combined(finished, epoch)
    if form is LogFormat.VHOST:
        return _virtual_host(finished, host) + _combined(finished, epoch)
    if form is LogFormat.JSON:
        return _json(finished, epoch, host)
    if form is LogFormat.BRIEF:
        return brief_line(finished, epoch, color=color, host=host)
    assert_never(form)


def _combined(finished: Finished, epoch: float) -> str:
    """The line that Apache and nginx call "combined"."""
    request, client = finished.request, finished.client
    moment = time.gmtime(finished.finished + epoch)
    stamp = (
        f"{moment.tm_mday:02d}/{MONTHS[moment.tm_mon - 1]}/{moment.tm_year}"
        f":{moment.tm_hour:02d}:{moment.tm_min:02d}:{moment.tm_sec:02d} +0000"
    )
    host = _word(origin_of(client, request).host or _UNIX)
    line = f"{_quoted(request.method)} {_quoted(request.path)} {_word(client.version)}"
    referer = _quoted(request.field(b"referer") or b"-")
    agent = _quoted(request.field(b"user-agent") or b"-")
    status, octets = finished.response.status, finished.octets
    return f'{host} - - [{stamp}] "{line}" {status} {octets} "{referer}" "{agent}"\n'


def _virtual_host(finished: Finished, host: str | None) -> str:
    """Apache's ``%v:%p``, and a space."""
    local = finished.client.local
    port = local[1] if isinstance(local, tuple) else _UNIX
    return f"{_word(host or named_host(finished.request.authority) or '-')}:{port} "


def _word(text: str) -> str:
    """``text`` as it can stand between spaces or in quotation marks."""
    return escape(text).replace(" ", "\\x20").replace('"', "\\x22")


def _quoted(octets: bytes) -> str:
    """``octets`` as they can stand between quotation marks."""
    if octets.isalnum():
        return octets.decode("ascii")
    return escape_octets(octets).replace('"', "\\x22")


def _json(finished: Finished, epoch: float, host: str | None) -> str:
    request, client = finished.request, finished.client
    origin = origin_of(client, request)
    entry: dict[str, object] = {
        "time": round(finished.finished + epoch, 3),
        "peer": origin.host or _UNIX,
        "protocol": client.version,
        "method": _text(request.method),
        "scheme": origin.scheme,
        "authority": _text(request.authority),
        "path": _text(request.path),
        "status": finished.response.status,
        "octets": finished.octets,
        "duration": round(finished.finished - finished.started, 6),
        "pushed": finished.pushed,
        "aborted": finished.aborted,
    }
    if host is not None:
        entry["host"] = host
    if finished.response.source:
        entry["upstream"] = finished.response.source
    for name in (b"referer", b"user-agent"):
        value = request.field(name)
        if value is not None:
            entry[name.decode("ascii")] = _text(value)
    return json.dumps(entry, separators=(",", ":")) + "\n"


def _text(octets: bytes) -> str:
    return octets.decode("utf-8", "backslashreplace")
