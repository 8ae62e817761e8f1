"""Deadlines of a connection and of its streams (RFC 9113 sections 6.5.3, 9.1 and 10.5).

Contract: :class:`Deadlines` says what is late; it acts on nothing.
Progress is octets in a period, not "something happened": a drip renews nothing.

A tunnel (section 8.5, RFC 8441) has deadlines of its own: nobody is late who says nothing, but what
is sent to a peer must be taken, also while we take nothing of it.
"""

from __future__ import annotations

from h2static.http2 import registry as r
from h2static.http2.errors import ConnectionViolation, StreamViolation
from h2static.http2.header_blocks import HeaderBlocks
from h2static.http2.limits import Limits
from h2static.http2.registry import ErrorCode
from h2static.http2.roles import Role
from h2static.http2.sender import Sender
from h2static.http2.settings import PeerSettings
from h2static.http2.stream import State, Stream

#: Where a frame header holds the type.
_TYPE_OFFSET = 3


class Deadlines:
    """The deadlines of one connection."""

    __slots__ = (
        "_blocks",
        "_limits",
        "_opened_at",
        "_peer",
        "_role",
        "_sender",
    )

    def __init__(
        self,
        role: Role,
        limits: Limits,
        peer: PeerSettings,
        blocks: HeaderBlocks,
        sender: Sender,
        now: float,
    ) -> None:
        self._role = role
        self._limits = limits
        self._peer = peer
        self._blocks = blocks
        self._sender = sender
        self._opened_at = now

    def check_input(self, buffer: bytes, now: float, *, since: float) -> None:
        """Raise :class:`ConnectionViolation` for what the peer owes for too long.

        ``buffer``: what came since ``since`` and is not a whole frame.
        """
        limits = self._limits
        block = self._blocks.open
        # "If the sender of a SETTINGS frame does not receive an acknowledgment within a reasonable
        # amount of time, it MAY issue a connection error of type SETTINGS_TIMEOUT" (6.5.3).
        if not self._peer.acknowledged and now - self._opened_at > limits.settings_ack_seconds:
            raise ConnectionViolation(
                ErrorCode.SETTINGS_TIMEOUT, "SETTINGS not acknowledged before the timeout"
            )
        if block is not None and now - block.started > limits.header_block_seconds:
            raise ConnectionViolation(
                ErrorCode.ENHANCE_YOUR_CALM, "header block not complete before the timeout"
            )
        if buffer:
            is_data = len(buffer) > _TYPE_OFFSET and buffer[_TYPE_OFFSET] == r.DATA
            period = limits.content_seconds if is_data else limits.header_block_seconds
            if now - since > period:
                raise ConnectionViolation(
                    ErrorCode.ENHANCE_YOUR_CALM, "frame not complete before the timeout"
                )

    def check_preface(self, now: float) -> None:
        """Raise :class:`ConnectionViolation` if the peer's preface should have come (3.4)."""
        if not self._peer.received and now - self._opened_at > self._limits.preface_seconds:
            raise ConnectionViolation(
                ErrorCode.PROTOCOL_ERROR, "no connection preface before the timeout"
            )

    def idle(self, now: float, last_receive: float) -> bool:
        """Whether a connection without streams has been idle for too long."""
        return now - last_receive > self._limits.idle_seconds

    # ------------------------------------------------------------------ streams

    def declined(self, stream: Stream, now: float) -> bool:
        """Whether the response became whole, and what the client still sends is of no use (8.1):
        too much content, or anything through a tunnel that has ended."""
        if stream.state is not State.HALF_CLOSED_LOCAL or stream.sink is not None:
            return False
        if stream.tunneled:
            return now - stream.progress_time > self._limits.tunnel_linger_seconds
        return stream.received > self._limits.discarded_content

    def stalled(
        self, stream: Stream, now: float, *, slow: bool, reading: bool
    ) -> StreamViolation | None:
        """Whether a stream that waits for its peer has made too little progress.

        ``slow``: octets wait for the socket; ``reading``: we read what comes.
        """
        limits = self._limits
        if stream.waiting if stream.tunneled else _waits_for_us(stream):
            # It waits for us (a disk, a thread, an application) or for events that nobody can
            # hurry.
            stream.progress_time = now
            return None
        sending = stream.reader is not None or stream.body is not None
        # How long a client waits for a response is for those who asked to say.
        receiving = self._role is Role.SERVER and stream.state in (
            State.OPEN,
            State.HALF_CLOSED_LOCAL,
        )
        if not sending and not receiving:
            return None
        # While a response waits only its octets count: content that keeps coming must not hold it.
        moved = stream.sent if sending else stream.received
        if sending:
            # Its octets wait for the socket, or those of others whose turn it is.  A window may be
            # exhausted long before what it allowed has left; if the socket takes nothing, the
            # driver ends the connection.
            held = slow and (
                stream.send_window > 0 or stream.entered_at == self._sender.output.emptied
            )
        else:
            # Content that has come may wait because we do not read.
            held = not reading
        if held or sending != stream.progress_sending:
            # The latter once for each direction: a response begins, and it ends.
            stream.progress_sending = sending
            self._begin_period(stream, now, moved)
            return None
        period = limits.stall_seconds if sending else limits.content_seconds
        if now - stream.progress_time < period:
            return None
        progress = moved - stream.progress_octets
        if sending and stream.send_window > 0:
            # The peer lets this stream send: it is another's turn, or the connection's window is
            # held, and only in the first case content goes out.
            progress = self._sender.content - stream.progress_content
        if progress >= limits.stall_octets:
            self._begin_period(stream, now, moved)
            return None
        reason = "response stalled by flow control" if sending else "request content stalled"
        return StreamViolation(stream.id, ErrorCode.CANCEL, reason)

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
        # It has nothing to send before it is answered.
        return True
    if stream.reader is not None:
        return stream.remaining is None
    # An application has not said yet what is to become of the content.
    return not stream.whole and bool(stream.early_content) and stream.sink is None
