"""Timing statistics (``-s``), as a table like nghttp's.

Contract: times are relative to the moment when the connection was established.
"""

from __future__ import annotations

from collections.abc import Iterable

from h2static.h2get.fetch import Finished
from h2static.logs.escape import escape

_HEAD = """\
***** Statistics *****

Times are relative to the end of connecting; rows are in the order in which responses completed.
'*' marks pushed responses. Size is the size of the content as received.

 id  responseEnd requestStart  process code size request path
"""


def table(finished: Iterable[Finished]) -> str:
    """The table of ``finished``, whose responses are over."""
    rows = sorted(finished, key=lambda one: one.response.times.end or 0.0)
    lines = [_HEAD]
    for one in rows:
        times = one.response.times
        connected = one.client.connected_at
        start, end = times.asked - connected, (times.end or times.asked) - connected
        status = one.response.status if one.response.has_started else 0
        mark = "*" if one.response.pushed else " "
        lines.append(
            f"{one.response.stream_id or 0:>3} {_time('+', end):>12} {mark}{_time('+', start):>11}"
            f" {_time('', end - start):>8} {status:>4} {_size(one.response.received):>4}"
            f" {escape(one.response.request.path.decode('latin-1'))}\n"
        )
    return "".join(lines)


def _time(sign: str, seconds: float) -> str:
    if seconds >= 1:
        return f"{sign}{seconds:.2f}s"
    if seconds >= 0.001:
        return f"{sign}{seconds * 1e3:.2f}ms"
    return f"{sign}{max(0.0, seconds) * 1e6:.0f}us"


def _size(octets: int) -> str:
    for unit in ("", "K", "M"):
        if octets < 1024:
            return f"{octets}{unit}"
        octets //= 1024
    return f"{octets}G"
