"""Deadlines of a connection and of its streams (RFC 9114 section 10.5).

Contract: :class:`Deadlines` says what is late; it takes no action.  Progress means octets in a
period, not just activity: a trickle does not extend a deadline.  Silence in a tunnel is not a
delay, but the peer must take what is sent to it.
"""

from __future__ import annotations

from h2static.http3.errors import StreamViolation
from h2static.http3.limits import Limits
from h2static.http3.registry import ErrorCode
from h2static.http3.sender import Sender
from h2static.http3.stream import Stream
from h2static.quic.transport import Transport


class Deadlines:
    """The deadlines of one connection."""

    __slots__ = ("_heard_at", "_limits", "_moved", "_sender", "_transport")

    def __init__(self, limits: Limits, sender: Sender, transport: Transport) -> None:
        self._limits = limits
        self._sender = sender
        self._transport = transport
        #: How much of the last octets the peer had acknowledged at the last change.
        self._moved = -1
        self._heard_at = 0.0

    def is_gone(self, now: float) -> bool:
        """Whether the peer of a closing connection has stopped acknowledging the last octets."""
        moved = self._transport.moved
        if moved != self._moved:
            self._moved, self._heard_at = moved, now
        return now - self._heard_at >= self._limits.farewell_seconds

    def declined(self, stream: Stream, now: float) -> bool:
        """Whether the response is complete, so that further content is useless."""
        if not stream.complete or stream.whole or stream.sink is not None:
            return False
        if stream.tunneled:
            return now - stream.progress_time > self._limits.tunnel_linger_seconds
        return stream.received > self._limits.discarded_content

    def stalled(self, stream: Stream, now: float) -> StreamViolation | None:
        """Whether a stream that waits for its peer has made too little progress."""
        limits = self._limits
        if stream.waiting if stream.tunneled else _waits_for_us(stream):
            stream.progress_time = now
            return None
        sending = stream.reader is not None or stream.body is not None
        if not sending and stream.whole:
            return None
        moved = stream.sent if sending else stream.received
        if sending != stream.progress_sending:
            # Once for each direction: when the response begins, and when it ends.
            stream.progress_sending = sending
            self._begin_period(stream, now, moved)
            return None
        period = limits.stall_seconds if sending else limits.content_seconds
        if now - stream.progress_time < period:
            return None
        progress = moved - stream.progress_octets
        if sending and stream.id not in self._sender.without_credit:
            # The peer allows this stream to send, but it is another stream's turn.
            progress = self._sender.content - stream.progress_content
        if progress >= limits.stall_octets:
            self._begin_period(stream, now, moved)
            return None
        reason = "response stalled by flow control" if sending else "request content stalled"
        return StreamViolation(stream.id, ErrorCode.H3_REQUEST_CANCELLED, reason)

    def _begin_period(self, stream: Stream, now: float, moved: int) -> None:
        """Begin a new period of ``stream``, which has moved ``moved`` octets so far."""
        stream.progress_time = now
        stream.progress_octets = moved
        stream.progress_content = self._sender.content


def _waits_for_us(stream: Stream) -> bool:
    """Whether a stream waits for a disk, a thread, an application, or events."""
    if stream.waiting or stream.working or stream.paused:
        return True
    if stream.request.protocol and stream.response is None:
        return True
    if stream.reader is not None:
        return stream.remaining is None
    return not stream.whole and bool(stream.early_content) and stream.sink is None
