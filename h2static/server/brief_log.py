"""Request log lines for a person who watches a terminal.

Contract: one line for a request: time, method, path, status, size, duration where there is
one to tell, and the protocol where it is not HTTP/2; pushed responses say so, and those with
hints how these were delivered.  Control characters never reach the terminal.  Requests of the live
reload client are left out: they are not the person's.
"""

from __future__ import annotations

import time

from h2static.http2.service import Answered

#: What live reload asks for by itself.
_OWN_PREFIX = b"/.h2static/"
_RESET = "\x1b[0m"
_DIM = "\x1b[2m"
#: Colours by the first digit of the status.
_COLOURS = {2: "\x1b[32m", 3: "\x1b[36m", 4: "\x1b[33m", 5: "\x1b[31m"}
#: Milliseconds that are worth telling.  The clock is read once for all that a wake-up brings, so
#: what was answered at once took none by it.
_SHORTEST = 0.05
_UNITS = ("B", "kB", "MB", "GB")


def brief_line(answered: Answered, protocol: str, epoch: float, *, color: bool) -> str:
    """A line with its end, or nothing; ``epoch`` added to monotonic time gives seconds since
    1970."""
    request = answered.request
    if request.path.startswith(_OWN_PREFIX):
        return ""
    clock = time.strftime("%H:%M:%S", time.localtime(answered.finished + epoch))
    status = answered.response.status
    notes = [] if protocol.startswith("HTTP/2") else [protocol]
    if answered.pushed:
        notes.append("pushed")
    notes += answered.delivered
    if answered.aborted:
        notes.append("aborted")
    size = _size(answered.octets) if answered.octets else "-"
    spent = (answered.finished - answered.started) * 1000
    if spent >= _SHORTEST:
        notes.insert(0, f"{spent:.1f} ms")
    path, method = _printable(request.path), _printable(request.method)
    if not color:
        words = [clock, f"{method:<4}", str(status), path, size, *notes]
        return "  ".join(words) + "\n"
    tint = _COLOURS.get(status // 100, "")
    tail = "  ".join([size, *notes])
    return (
        f"{_DIM}{clock}{_RESET}  {method:<4}  {tint}{status}{_RESET}  {path}"
        f"  {_DIM}{tail}{_RESET}\n"
    )


def _size(octets: int) -> str:
    """``octets`` in two or three digits."""
    amount = float(octets)
    for unit in _UNITS:
        if amount < 1000 or unit == _UNITS[-1]:
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if amount >= 10 or unit == "B" else f"{amount:.1f} {unit}"


def _printable(octets: bytes) -> str:
    text = octets.decode("utf-8", "backslashreplace")
    return "".join(one if one.isprintable() else f"\\x{ord(one):02x}" for one in text)
