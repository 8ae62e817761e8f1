"""Errors by their scope (RFC 9113 section 5.4).

Contract: code that checks what a peer sent raises :class:`ConnectionViolation` or
:class:`StreamViolation`; only :mod:`h2static.http2.connection` turns them into GOAWAY or
RST_STREAM. Neither ever leaves ``receive``.  :class:`Misuse` is an error on our side: a caller
broke the contract of this package.
"""

from __future__ import annotations

from h2static.http2.registry import ErrorCode


class ProtocolViolation(Exception):
    """An error of the peer: an error code, and a reason for people."""

    def __init__(self, code: ErrorCode, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason

    @property
    def text(self) -> str:
        """Code and reason, for a log."""
        return f"{self.code.name}: {self.reason}"


class ConnectionViolation(ProtocolViolation):
    """A connection error (RFC 9113 section 5.4.1), which results in GOAWAY."""


class StreamViolation(ProtocolViolation):
    """A stream error (RFC 9113 section 5.4.2): results in RST_STREAM, charged to a budget."""

    def __init__(self, stream_id: int, code: ErrorCode, reason: str) -> None:
        super().__init__(code, reason)
        self.stream_id = stream_id

    @property
    def text(self) -> str:
        """Stream, code and reason, for a log."""
        return f"stream {self.stream_id}: {super().text}"


class StreamRefusal(StreamViolation):
    """A request that was refused without a stream error; it is reported, never raised."""

    @property
    def text(self) -> str:
        """Stream and reason (with the response's status), for a log."""
        return f"stream {self.stream_id}: {self.reason}"


class Misuse(Exception):
    """The caller broke the contract of ``h2static.http2``; a bug on our side."""
