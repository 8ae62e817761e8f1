"""What the peer did wrong: it becomes a frame here, and is charged (RFC 9113 section 5.4).

Contract: whoever finds an error raises it by its scope (:mod:`h2static.http2.errors`); the
connection brings it to :func:`end_stream` or :func:`end_connection`.  What a peer may do, but not
without end, is charged with :func:`charge_reset` and :func:`charge_glitch`, which raise when a
budget is spent and ask the peer to leave before that.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from h2static.http2 import shutdown
from h2static.http2.errors import ConnectionViolation, StreamViolation
from h2static.http2.limits import EXHAUSTED, LOW
from h2static.http2.registry import ErrorCode

if TYPE_CHECKING:
    from h2static.http2.connection import ServerConnection

#: What errors say when a bound was crossed, and nothing was malformed.
_CODES_OF_LIMITS = (ErrorCode.ENHANCE_YOUR_CALM, ErrorCode.REFUSED_STREAM, ErrorCode.CANCEL)


def guarded(connection: ServerConnection, action: Callable[[], None]) -> None:
    """Run ``action``; what it raises becomes a frame."""
    try:
        try:
            action()
        except StreamViolation as violation:
            end_stream(connection, violation)
    except ConnectionViolation as violation:
        end_connection(connection, violation)


def end_stream(connection: ServerConnection, violation: StreamViolation) -> None:
    """RST_STREAM, charged to the budget that rapid resets have, whoever causes them.

    RST_STREAM cannot carry a reason: whoever looks, and the error log, is told.  Raises
    :class:`ConnectionViolation` when the budget is spent.
    """
    if connection.observer is not None:
        connection.observer.violation(violation.reason, violation.code, violation.stream_id)
    _report(connection, violation)
    connection.reset(violation.stream_id, violation.code)
    charge_reset(connection)


def end_connection(connection: ServerConnection, violation: ConnectionViolation) -> None:
    """GOAWAY, and nothing after it."""
    connection.error = violation
    connection.limit_hits += violation.code in _CODES_OF_LIMITS
    if connection.observer is not None:
        connection.observer.violation(violation.reason, violation.code, 0)
    connection.release_streams()
    connection.deferred.clear()
    connection.sender.blocked.clear()
    connection.buffer = b""
    connection.backlog = False
    connection.goaway(connection.last_processed, violation.code, violation.reason.encode())
    connection.closing = True


def tell_limit(connection: ServerConnection, stream_id: int, reason: str) -> None:
    """Count and report a limit that was crossed, where a response answers it and nothing ends."""
    _report(connection, StreamViolation(stream_id, ErrorCode.ENHANCE_YOUR_CALM, reason))


def _report(connection: ServerConnection, violation: StreamViolation) -> None:
    connection.limit_hits += violation.code in _CODES_OF_LIMITS
    if connection.report is not None:
        connection.report(violation)


def charge_reset(connection: ServerConnection) -> None:
    """Count RST_STREAM of the peer, or for an error of its (CVE-2023-44487, CVE-2025-8671)."""
    connection.reset_count += 1
    _judge(connection, connection.resets.spend(1, connection.now), "too many streams reset")


def charge_glitch(connection: ServerConnection, amount: int = 1) -> None:
    """Count a frame that asked for nothing."""
    verdict = connection.glitches.spend(amount, connection.now)
    _judge(connection, verdict, "too many frames without use")


def _judge(connection: ServerConnection, verdict: int, reason: str) -> None:
    if verdict == EXHAUSTED:
        raise ConnectionViolation(ErrorCode.ENHANCE_YOUR_CALM, reason)
    if verdict == LOW:
        shutdown.begin(connection)
