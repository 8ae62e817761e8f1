"""Deadlines and the graceful end of a connection (RFC 9113 sections 6.5.3, 6.8 and 9.1).

Contract: :func:`begin` starts the two-step shutdown: GOAWAY with the highest stream id and a PING;
once the PING is answered, or after a second, GOAWAY with the last stream id that was processed.
Streams up to it finish; later ones are ignored.  :func:`check` acts on every deadline of a
connection; it is called about twice a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from h2static.http2 import registry as r
from h2static.http2.errors import ConnectionViolation, StreamViolation
from h2static.http2.frames import Ping
from h2static.http2.registry import ErrorCode
from h2static.http2.stream import State, Stream

if TYPE_CHECKING:
    from h2static.http2.connection import ServerConnection

#: The PING between the two GOAWAY frames.
SHUTDOWN_PING: Final = b"h2static"


@dataclass(slots=True, kw_only=True)
class Shutdown:
    """How far the end has come."""

    #: When the first GOAWAY was sent; ``None`` before.
    since: float | None = None
    #: The second GOAWAY was sent: new streams are ignored.
    refusing: bool = False


def begin(connection: ServerConnection) -> None:
    """Ask the peer to leave; has an effect once."""
    if connection.shutdown.since is not None:
        return
    connection.shutdown.since = connection.now
    connection.goaway(r.MAXIMUM_STREAM_ID, ErrorCode.NO_ERROR)
    connection.sender.emit(Ping(opaque=SHUTDOWN_PING))


def acknowledged(connection: ServerConnection) -> None:
    """A round trip has passed: no stream is on its way that does not know of the shutdown."""
    if connection.shutdown.since is None or connection.shutdown.refusing:
        return
    connection.shutdown.refusing = True
    connection.goaway(connection.last_processed, ErrorCode.NO_ERROR)


def maybe_close(connection: ServerConnection) -> None:
    """Close once the last accepted stream is done, or can never be."""
    if connection.error is not None or connection.backlog:
        return
    if not connection.streams:
        connection.closing = True
    elif connection.eof and not connection.has_content:
        # No window will grow any more, no content arrive; what a thread works on may still go out.
        connection.closing = not any(stream.waiting for stream in connection.streams.values())


def check(connection: ServerConnection, now: float) -> None:
    """Raise or send what the deadlines that have passed demand."""
    limits = connection.limits
    age = now - connection.opened_at
    if not connection.settings_received and age > limits.preface_seconds:
        raise ConnectionViolation(ErrorCode.PROTOCOL_ERROR, "no connection preface in time")
    # A peer that has ended its side can send nothing more: what it asked for is still answered.
    if not connection.eof:
        _check_answers(connection, now)
    since = connection.shutdown.since
    if since is not None and now - since > limits.shutdown_round_trip_seconds:
        acknowledged(connection)
    if (
        since is None
        and not connection.streams
        and not connection.output_octets
        and now - connection.last_receive > limits.idle_seconds
    ):
        begin(connection)
    for stream in list(connection.streams.values()):
        if stream.state is State.HALF_CLOSED_LOCAL and stream.received > limits.discarded_content:
            # The response was not whole yet when the content became too much (8.1).
            connection.reset(stream.id, ErrorCode.NO_ERROR)
            continue
        violation = _stalled(connection, stream, now)
        if violation is not None:
            connection.reset(stream.id, violation.code)
            connection.charge_reset()


def _check_answers(connection: ServerConnection, now: float) -> None:
    """Raise if the peer owes something for too long."""
    limits = connection.limits
    age = now - connection.opened_at
    # "If the sender of a SETTINGS frame does not receive an acknowledgment within a reasonable
    # amount of time, it MAY issue a connection error of type SETTINGS_TIMEOUT" (6.5.3).
    if not connection.settings_acknowledged and age > limits.settings_ack_seconds:
        raise ConnectionViolation(ErrorCode.SETTINGS_TIMEOUT, "SETTINGS not acknowledged in time")
    block = connection.block_headers
    if block is not None and now - block.started > limits.header_block_seconds:
        raise ConnectionViolation(ErrorCode.ENHANCE_YOUR_CALM, "header block not complete in time")


def _stalled(connection: ServerConnection, stream: Stream, now: float) -> StreamViolation | None:
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
    moved = stream.sent if sending else stream.received
    period = limits.stall_seconds if sending else limits.content_seconds
    if now - stream.progress_time < period:
        return None
    if moved - stream.progress_octets >= limits.stall_octets:
        stream.progress_time = now
        stream.progress_octets = moved
        return None
    reason = "response stalled by flow control" if sending else "request content stalled"
    return StreamViolation(stream.id, ErrorCode.CANCEL, reason)
