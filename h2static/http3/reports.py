"""Reporting errors and exceeded limits for logs.

Contract: :class:`Reports` counts the limits that the peer exceeded and calls the connection's
report and observer; it changes nothing else.
"""

from __future__ import annotations

from h2static.http.counters import Counters
from h2static.http3.errors import ConnectionViolation, StreamViolation
from h2static.http3.observer import Observer, Report
from h2static.http3.registry import ErrorCode

#: Error codes for an exceeded limit, when nothing was malformed.
_CODES_OF_LIMITS = (ErrorCode.H3_EXCESSIVE_LOAD, ErrorCode.H3_REQUEST_CANCELLED)


class Reports:
    """The reports of one connection."""

    __slots__ = ("_counters", "_observer", "_report")

    def __init__(
        self, observer: Observer | None, report: Report | None, counters: Counters
    ) -> None:
        self._observer = observer
        self._report = report
        self._counters = counters

    def stream(self, violation: StreamViolation) -> None:
        """Report a stream error, because RESET_STREAM cannot carry a reason."""
        self._counters.limit_hits += violation.code in _CODES_OF_LIMITS
        if self._observer is not None:
            self._observer.violation(violation.reason, violation.code, violation.stream_id)
        self._tell(violation.text)

    def connection(self, violation: ConnectionViolation) -> None:
        """Report a connection error, whose reason is also sent in CONNECTION_CLOSE."""
        self._counters.limit_hits += violation.code in _CODES_OF_LIMITS
        if self._observer is not None:
            self._observer.violation(violation.reason, violation.code, None)

    def limit(self, stream_id: int, reason: str) -> None:
        """Report an exceeded limit that is answered with a response and ends nothing."""
        self._counters.limit_hits += 1
        self._tell(f"stream {stream_id}: {reason}")

    def refusal(self, stream_id: int, reason: str) -> None:
        """Report a refused request without a stream error."""
        self._tell(f"stream {stream_id}: {reason}")

    def error(self, stream_id: int, code: ErrorCode, reason: str) -> None:
        """Report that an application gave up on a stream."""
        self._tell(f"stream {stream_id}: {code.name}: {reason}")

    def _tell(self, text: str) -> None:
        if self._report is not None:
            self._report(text)
