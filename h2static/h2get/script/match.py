"""What came, held against what is expected.

Contract: :func:`matches` says whether a frame is what a pattern describes; :func:`contradicts`
whether it shows that nothing like it will come.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from h2static.h2get.script.model import Compare, FramePattern, Received
from h2static.http2 import registry as r


def matches(pattern: FramePattern, frame: Received) -> bool:
    """Whether ``frame`` is what ``pattern`` describes."""
    if pattern.type != frame.type:
        return False
    if pattern.type is None:
        return True
    if frame.problem:
        # Malformed frames match no pattern.
        return False
    if pattern.flags & ~frame.flags or pattern.without_flags & frame.flags:
        return False
    if not all(compared(pattern, key, frame) for key in pattern.compare):
        return False
    if not pattern.fields:
        return True
    return frame.fields is not None and _fields_match(pattern, frame.fields)


def compared(pattern: FramePattern, key: str, frame: Received) -> bool:
    """Whether ``frame`` satisfies ``pattern`` for ``key``; a pattern may leave it open."""
    comparisons = pattern.compare.get(key, ())
    values = {
        "stream": frame.stream,
        "length": frame.length,
        "flags": frame.flags,
        "number": frame.number,
        "payload": frame.payload,
        **frame.values,
    }
    return not comparisons or (
        key in values and all(_holds(one, values[key]) for one in comparisons)
    )


def _fields_match(pattern: FramePattern, fields: Sequence[tuple[bytes, bytes]]) -> bool:
    for wanted in pattern.fields:
        found = [value for name, value in fields if name == wanted.name]
        if wanted.value is None:
            if found:
                return False
        elif isinstance(wanted.value, re.Pattern):
            if not any(wanted.value.fullmatch(value) for value in found):
                return False
        elif wanted.value not in found:
            return False
    return True


def _holds(comparison: Compare, value: object) -> bool:
    operator, wanted = comparison
    if operator == "=":
        return any(_equal(one, value) for one in wanted)
    if operator == "!=":
        return not any(_equal(one, value) for one in wanted)
    if not isinstance(value, int):
        return False
    (limit,) = wanted[:1]
    assert isinstance(limit, int)
    if operator == "<=":
        return value <= limit
    if operator == ">=":
        return value >= limit
    return value < limit if operator == "<" else value > limit


def _equal(wanted: object, value: object) -> bool:
    if isinstance(wanted, re.Pattern):
        return isinstance(value, bytes) and wanted.search(value) is not None
    return wanted == value


def contradicts(patterns: Sequence[FramePattern], frame: Received) -> bool:
    """Whether ``frame``, which matches none of ``patterns``, shows that what they describe will not
    come: the connection or the stream has ended, or the stream's next frame is another one."""
    if frame.type is None or frame.problem:
        return True
    if any(pattern.first and pattern.type == frame.type for pattern in patterns):
        return True
    if frame.type == r.GOAWAY:
        return frame.values.get("code") != r.ErrorCode.NO_ERROR
    streams = {stream for pattern in patterns for stream in pattern.streams}
    if frame.type == r.RST_STREAM:
        return frame.stream in streams
    if frame.type != r.HEADERS:
        # DATA, credit, SETTINGS and the like may arrive in between.
        return False
    return any(
        frame.stream in pattern.streams and pattern.type in (r.HEADERS, r.RST_STREAM)
        for pattern in patterns
    ) and not _is_informational(frame)


def _is_informational(frame: Received) -> bool:
    """Whether it is an informational (1xx) response, which precedes the final one."""
    status = dict(frame.fields or ()).get(b":status", b"")
    return status.startswith(b"1")
