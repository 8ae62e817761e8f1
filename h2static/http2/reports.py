"""Errors and crossed limits, told to those who keep logs.

Contract: :class:`Reports` counts limits that the peer has crossed and tells the connection's report
and observer; it changes nothing else.
"""

from __future__ import annotations

from h2static.http2.errors import ConnectionViolation, StreamRefusal, StreamViolation
from h2static.http2.observer import Observer, Report
from h2static.http2.registry import ErrorCode

#: What errors say when a bound was crossed, and nothing was malformed.
_CODES_OF_LIMITS = (ErrorCode.ENHANCE_YOUR_CALM, ErrorCode.REFUSED_STREAM, ErrorCode.CANCEL)


class Reports:
    """What one connection has to tell."""

    __slots__ = ("_observer", "limit_hits", "report")

    def __init__(self, observer: Observer | None, report: Report | None) -> None:
        self._observer = observer
        #: Is told each stream error; whoever keeps the log may set it.
        self.report = report
        #: Limits that the peer has crossed.
        self.limit_hits = 0

    def stream(self, violation: StreamViolation) -> None:
        """A stream error: RST_STREAM cannot carry a reason."""
        if self._observer is not None:
            self._observer.violation(violation.reason, violation.code, violation.stream_id)
        self._tell(violation)

    def connection(self, violation: ConnectionViolation) -> None:
        """A connection error, whose reason goes out with GOAWAY."""
        self.limit_hits += violation.code in _CODES_OF_LIMITS
        if self._observer is not None:
            self._observer.violation(violation.reason, violation.code, 0)

    def limit(self, stream_id: int, reason: str) -> None:
        """A limit was crossed where a response answers it and nothing ends."""
        self._tell(StreamViolation(stream_id, ErrorCode.ENHANCE_YOUR_CALM, reason))

    def refusal(self, stream_id: int, reason: str) -> None:
        """A request was refused without an error of the stream."""
        self._tell(StreamRefusal(stream_id, ErrorCode.NO_ERROR, reason))

    def error(self, stream_id: int, code: ErrorCode, reason: str) -> None:
        """An application has given up on a stream."""
        self._tell(StreamViolation(stream_id, code, reason))

    def _tell(self, violation: StreamViolation) -> None:
        self.limit_hits += violation.code in _CODES_OF_LIMITS
        if self.report is not None:
            self.report(violation)
