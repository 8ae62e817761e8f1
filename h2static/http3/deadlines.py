"""Deadlines of a connection and of its streams (RFC 9114 section 10.5).

Contract: :class:`Deadlines` says what is late; it acts on nothing.  Progress is octets in a period,
not "something happened": a drip renews nothing.  In a tunnel nobody is late who says nothing, but
what is sent to a peer must be taken.
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
        #: What the peer had acknowledged of the last octets when that was last found to change.
        self._moved = -1
        self._heard_at = 0.0

    def is_gone(self, now: float) -> bool:
        """Whether a peer that is to be left acknowledges nothing of the last octets any more."""
        moved = self._transport.moved
        if moved != self._moved:
            self._moved, self._heard_at = moved, now
        return now - self._heard_at >= self._limits.farewell_seconds

    def declined(self, stream: Stream, now: float) -> bool:
        """Whether the response is complete, and what the client still sends is of no use."""
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
            # Once for each direction: a response begins, and it ends.
            stream.progress_sending = sending
            self._begin_period(stream, now, moved)
            return None
        period = limits.stall_seconds if sending else limits.content_seconds
        if now - stream.progress_time < period:
            return None
        progress = moved - stream.progress_octets
        if sending and stream.id not in self._sender.without_credit:
            # The peer lets this stream send: it is another's turn.
            progress = self._sender.content - stream.progress_content
        if progress >= limits.stall_octets:
            self._begin_period(stream, now, moved)
            return None
        reason = "response stalled by flow control" if sending else "request content stalled"
        return StreamViolation(stream.id, ErrorCode.H3_REQUEST_CANCELLED, reason)

    def _begin_period(self, stream: Stream, now: float, moved: int) -> None:
        """Progress of ``stream`` counts from here on; it has moved ``moved`` octets so far."""
        stream.progress_time = now
        stream.progress_octets = moved
        stream.progress_content = self._sender.content


def _waits_for_us(stream: Stream) -> bool:
    """Whether a stream waits for a disk, a thread, an application, or for events."""
    if stream.waiting or stream.working or stream.paused:
        return True
    if stream.request.protocol and stream.response is None:
        return True
    if stream.reader is not None:
        return stream.remaining is None
    return not stream.whole and bool(stream.early_content) and stream.sink is None
