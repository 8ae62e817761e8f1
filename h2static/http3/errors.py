"""Errors by their scope (RFC 9114 section 8).

Contract: code that checks what a peer sent raises :class:`ConnectionViolation` or
:class:`StreamViolation`; :mod:`h2static.http3.connection` alone turns them into CONNECTION_CLOSE,
or into RESET_STREAM and STOP_SENDING.  Neither ever leaves the engine.
"""

from __future__ import annotations

from h2static.http3.registry import ErrorCode


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
    """A connection error: it ends the connection."""


class StreamViolation(ProtocolViolation):
    """A stream error: it ends the stream and is charged to a budget."""

    def __init__(self, stream_id: int, code: ErrorCode, reason: str) -> None:
        super().__init__(code, reason)
        self.stream_id = stream_id

    @property
    def text(self) -> str:
        """Stream, code and reason, for a log."""
        return f"stream {self.stream_id}: {super().text}"
