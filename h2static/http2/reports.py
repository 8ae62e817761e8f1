"""Reporting errors and exceeded limits for logs.

Contract: :class:`Reports` counts the limits that the peer exceeded and calls the connection's
report and observer; it changes nothing else.
"""

from __future__ import annotations

from h2static.http2.errors import ConnectionViolation, StreamRefusal, StreamViolation
from h2static.http2.observer import Observer, Report
from h2static.http2.registry import ErrorCode

#: Error codes for an exceeded limit, when nothing was malformed.
_CODES_OF_LIMITS = (ErrorCode.ENHANCE_YOUR_CALM, ErrorCode.REFUSED_STREAM, ErrorCode.CANCEL)


class Reports:
    """The reports of one connection."""

    __slots__ = ("_observer", "limit_hits", "report")

    def __init__(self, observer: Observer | None, report: Report | None) -> None:
        self._observer = observer
        #: Called for each stream error; may be set from outside.
        self.report = report
        #: Number of limits that the peer exceeded.
        self.limit_hits = 0

    def stream(self, violation: StreamViolation) -> None:
        """Report a stream error, because RST_STREAM cannot carry a reason."""
        if self._observer is not None:
            self._observer.violation(violation.reason, violation.code, violation.stream_id)
        self._tell(violation)

    def connection(self, violation: ConnectionViolation) -> None:
        """Report a connection error, whose reason is also sent in GOAWAY."""
        self.limit_hits += violation.code in _CODES_OF_LIMITS
        if self._observer is not None:
            self._observer.violation(violation.reason, violation.code, 0)

    def limit(self, stream_id: int, reason: str) -> None:
        """Report an exceeded limit that is answered with a response and ends nothing."""
        self._tell(StreamViolation(stream_id, ErrorCode.ENHANCE_YOUR_CALM, reason))

    def refusal(self, stream_id: int, reason: str) -> None:
        """Report a refused request without a stream error."""
        self._tell(StreamRefusal(stream_id, ErrorCode.NO_ERROR, reason))

    def error(self, stream_id: int, code: ErrorCode, reason: str) -> None:
        """Report that an application gave up on a stream."""
        self._tell(StreamViolation(stream_id, code, reason))

    def _tell(self, violation: StreamViolation) -> None:
        self.limit_hits += violation.code in _CODES_OF_LIMITS
        if self.report is not None:
            self.report(violation)
