"""Deadlines of a connection and of its streams (RFC 9113 sections 6.5.3, 9.1 and 10.5).

Contract: :class:`Deadlines` says what is late; it takes no action.  Progress means octets in a
period, not just activity: a trickle does not extend a deadline.

A tunnel (section 8.5, RFC 8441) has its own deadlines: silence is not a delay, but the peer must
take what is sent to it, even while we read nothing from it.
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

#: Offset of the type in a frame header.
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
        """Raise :class:`ConnectionViolation` if something the peer owes is overdue.

        ``buffer``: octets of an incomplete frame, received since ``since``.
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
        """Raise :class:`ConnectionViolation` if the peer's preface is overdue (3.4)."""
        if not self._peer.received and now - self._opened_at > self._limits.preface_seconds:
            raise ConnectionViolation(
                ErrorCode.PROTOCOL_ERROR, "no connection preface before the timeout"
            )

    def idle(self, now: float, last_receive: float) -> bool:
        """Whether a connection without streams has been idle for too long."""
        return now - last_receive > self._limits.idle_seconds

    # ------------------------------------------------------------------ streams

    def declined(self, stream: Stream, now: float) -> bool:
        """Whether the response is complete and further octets from the client are useless (8.1):
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

        ``slow``: octets are waiting for the socket; ``reading``: we are reading from it.
        """
        limits = self._limits
        if stream.waiting if stream.tunneled else _waits_for_us(stream):
            # It waits for us (a disk, a thread, an application) or for events, which have no
            # deadline.
            stream.progress_time = now
            return None
        sending = stream.reader is not None or stream.body is not None
        # Makers of requests decide how long to wait for a response.
        receiving = self._role is Role.SERVER and stream.state in (
            State.OPEN,
            State.HALF_CLOSED_LOCAL,
        )
        if not sending and not receiving:
            return None
        # While a response waits, only its own octets count; incoming content must not keep it
        # alive.
        moved = stream.sent if sending else stream.received
        if sending:
            # Its octets, or those of other streams, wait for the socket.  A window may be
            # exhausted long before the octets it allowed are sent; if the socket takes nothing, the
            # driver ends the connection.
            held = slow and (
                stream.send_window > 0 or stream.entered_at == self._sender.output.emptied
            )
        else:
            # Content that has arrived may be waiting because we are not reading.
            held = not reading
        if held or sending != stream.progress_sending:
            # The latter once for each direction: when a response begins, and when it ends.
            stream.progress_sending = sending
            self._begin_period(stream, now, moved)
            return None
        period = limits.stall_seconds if sending else limits.content_seconds
        if now - stream.progress_time < period:
            return None
        progress = moved - stream.progress_octets
        if sending and stream.send_window > 0:
            # The peer allows this stream to send: it is another's turn, or the connection's window
            # is exhausted; only in the first case is content being sent.
            progress = self._sender.content - stream.progress_content
        if progress >= limits.stall_octets:
            self._begin_period(stream, now, moved)
            return None
        reason = "response stalled by flow control" if sending else "request content stalled"
        return StreamViolation(stream.id, ErrorCode.CANCEL, reason)

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
        # The client has nothing to send before it is answered.
        return True
    if stream.reader is not None:
        return stream.remaining is None
    # The application has not decided yet what happens to the content.
    return not stream.whole and bool(stream.early_content) and stream.sink is None
