"""Deadlines of a connection and of its streams (RFC 9113 sections 6.5.3, 9.1 and 10.5).

Contract: :func:`check` acts on every deadline that has passed; it is called about twice a second.
Progress is octets in a period, not "something happened": a drip renews nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from h2static.http2 import registry as r
from h2static.http2 import shutdown, violations
from h2static.http2.errors import ConnectionViolation, StreamViolation
from h2static.http2.registry import ErrorCode
from h2static.http2.stream import State, Stream

if TYPE_CHECKING:
    from h2static.http2.connection import ServerConnection

#: Where a frame header holds the type.
_TYPE_OFFSET = 3


def check(connection: ServerConnection, now: float) -> None:
    """Raise or send what the deadlines that have passed demand."""
    limits = connection.limits
    age = now - connection.opened_at
    if not connection.settings_received and age > limits.preface_seconds:
        raise ConnectionViolation(ErrorCode.PROTOCOL_ERROR, "no connection preface in time")
    # A peer that has ended its side can send nothing more: what it asked for is still answered.
    if not connection.eof:
        _check_input(connection, now)
    since = connection.shutdown.since
    if since is not None and now - since > limits.shutdown_round_trip_seconds:
        shutdown.acknowledged(connection)
    if (
        since is None
        and not connection.streams
        and not connection.output_octets
        and now - connection.last_receive > limits.idle_seconds
    ):
        shutdown.begin(connection)
    # Seen before this adds frames of its own.
    socket_is_slow = connection.output_octets > 0
    for stream in list(connection.streams.values()):
        if stream.state is State.HALF_CLOSED_LOCAL and stream.received > limits.discarded_content:
            # The response was not whole yet when the content became too much (8.1).
            connection.reset(stream.id, ErrorCode.NO_ERROR)
            continue
        violation = _stalled(connection, stream, now, socket_is_slow=socket_is_slow)
        if violation is not None:
            violations.end_stream(connection, violation)


def _check_input(connection: ServerConnection, now: float) -> None:
    """Raise if the peer owes something for too long."""
    limits = connection.limits
    block = connection.block_headers
    if not connection.wants_input:
        # What is owed may have come, but we do not read.
        connection.frame_started = now
        if block is not None:
            block.started = now
        return
    # "If the sender of a SETTINGS frame does not receive an acknowledgment within a reasonable
    # amount of time, it MAY issue a connection error of type SETTINGS_TIMEOUT" (6.5.3).
    if (
        not connection.settings_acknowledged
        and now - connection.opened_at > limits.settings_ack_seconds
    ):
        raise ConnectionViolation(ErrorCode.SETTINGS_TIMEOUT, "SETTINGS not acknowledged in time")
    if block is not None and now - block.started > limits.header_block_seconds:
        raise ConnectionViolation(ErrorCode.ENHANCE_YOUR_CALM, "header block not complete in time")
    buffer = connection.buffer
    if buffer and not connection.expects_preface:
        is_data = len(buffer) > _TYPE_OFFSET and buffer[_TYPE_OFFSET] == r.DATA
        period = limits.content_seconds if is_data else limits.header_block_seconds
        if now - connection.frame_started > period:
            raise ConnectionViolation(ErrorCode.ENHANCE_YOUR_CALM, "frame not complete in time")


def _stalled(
    connection: ServerConnection, stream: Stream, now: float, *, socket_is_slow: bool
) -> StreamViolation | None:
    """Whether a stream that waits for its peer has made too little progress."""
    limits = connection.limits
    if stream.waiting or (stream.remaining is None and stream.reader is not None):
        # It waits for us (a disk, a thread) or for events that nobody can hurry.
        stream.progress_time = now
        return None
    sending = stream.response is not None and stream.remaining != 0
    receiving = stream.state in (State.OPEN, State.HALF_CLOSED_LOCAL)
    if not sending and not receiving:
        return None
    # While a response waits only its octets count: content that keeps coming must not hold it.
    moved = stream.sent if sending else stream.received
    if sending:
        # Its octets wait for the socket, or those of others whose turn it is.  A window may be
        # exhausted long before what it allowed has left; if the socket takes nothing, the driver
        # ends the connection.
        held = socket_is_slow and (
            stream.send_window > 0 or stream.entered_at == connection.sender.output.emptied
        )
    else:
        # Content that has come may wait because we do not read.
        held = not connection.wants_input
    if held or sending != stream.progress_sending:
        # The latter once for each direction: a response begins, and it ends.
        stream.progress_sending = sending
        _begin_period(connection, stream, now, moved)
        return None
    period = limits.stall_seconds if sending else limits.content_seconds
    if now - stream.progress_time < period:
        return None
    progress = moved - stream.progress_octets
    if sending and stream.send_window > 0:
        # The peer lets this stream send: it is another's turn, or the connection's window is held,
        # and only in the first case content goes out.
        progress = connection.sender.content - stream.progress_content
    if progress >= limits.stall_octets:
        _begin_period(connection, stream, now, moved)
        return None
    reason = "response stalled by flow control" if sending else "request content stalled"
    return StreamViolation(stream.id, ErrorCode.CANCEL, reason)


def _begin_period(connection: ServerConnection, stream: Stream, now: float, moved: int) -> None:
    """Progress of ``stream`` counts from here on; it has moved ``moved`` octets so far."""
    stream.progress_time = now
    stream.progress_octets = moved
    stream.progress_content = connection.sender.content
