"""Request log lines for a person at a terminal.

Contract: one line per request: time, method, status, path, size, duration and protocol; pushed
responses are marked, and responses with hints show how these were delivered.  Values are aligned in
columns if the path fits in 80 columns.  Control characters never reach the terminal.  Requests of
the live-reload client are omitted, and so are failed requests that browsers send on their own.
"""

from __future__ import annotations

import time

from h2static.http.journal import Finished
from h2static.logs.escape import escape, escape_utf8

#: Requests of the live-reload client.
_OWN_PREFIX = b"/.h2static/"
#: What browsers ask every site for, and most have not: an icon, and what developer tools look for.
_UNASKED = (
    b"/favicon.ico",
    b"/apple-touch-icon.png",
    b"/apple-touch-icon-precomposed.png",
    b"/.well-known/appspecific/com.chrome.devtools.json",
)
#: With a path of this many characters and "2 pushes" after it, a line has 80.
_PATH_WIDTH = 22
_RESET = "\x1b[0m"
_DIM = "\x1b[2m"
#: Colors by the first digit of the status.
_COLORS = {2: "\x1b[32m", 3: "\x1b[36m", 4: "\x1b[33m", 5: "\x1b[31m"}
_SIZES = ("B", "kB", "MB", "GB")
_DURATIONS = ("ms", "s")
#: Milliseconds.  The clock is read once for all that a wake-up brings: what was finished at once
#: took none by it.
_SHORTEST = 0.1


def brief_line(finished: Finished, epoch: float, *, color: bool, host: str | None = None) -> str:
    """A line with its end, or nothing; ``epoch`` added to monotonic time gives seconds since 1970.

    ``host``: where there are several, which one was asked.
    """
    request = finished.request
    if request.path.startswith(_OWN_PREFIX):
        return ""
    if finished.response.status == 404 and request.path in _UNASKED:
        return ""
    clock = time.strftime("%H:%M:%S", time.localtime(finished.finished + epoch))
    status = finished.response.status
    method, path = escape_utf8(request.method), escape_utf8(request.path)
    if host is not None:
        path = escape(host) + path
    size = _amount(finished.octets, _SIZES) if finished.octets else "-"
    notes = ["pushed"] if finished.pushed else []
    notes += map(escape, finished.delivered)
    if finished.response.source:
        notes.append(f"→ {escape(finished.response.source)}")
    if finished.aborted:
        notes.append("aborted")
    version = escape(finished.client.version.removesuffix(".0"))
    columns = f"{size:>6}  {_duration(finished):>7}  {version:<8}"
    tail = "  ".join([columns, *notes]).rstrip()
    dim, tint, reset = (_DIM, _COLORS.get(status // 100, ""), _RESET) if color else ("", "", "")
    return (
        f"{dim}{clock}{reset}  {method:<4}  {tint}{status}{reset}  {path:<{_PATH_WIDTH}}"
        f"  {dim}{tail}{reset}\n"
    )


def _duration(finished: Finished) -> str:
    """How long it took, in two or three digits."""
    spent = (finished.finished - finished.started) * 1000
    return _amount(spent, _DURATIONS) if spent >= _SHORTEST else f"<{_SHORTEST} ms"


def _amount(amount: float, units: tuple[str, ...]) -> str:
    """``amount`` in two or three digits, with the unit that makes it so."""
    whole = isinstance(amount, int)
    for unit in units:
        # What would be rounded up to four digits takes the next unit.
        if amount < 999.5 or unit == units[-1]:
            break
        amount, whole = amount / 1000, False
    return f"{amount:.0f} {unit}" if whole or amount >= 9.95 else f"{amount:.1f} {unit}"
