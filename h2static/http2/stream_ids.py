"""Streams that are not there: idle, closed, reset by us, or ignored (RFC 9113 section 5.1.1).

Contract: an open stream is in ``connection.streams``; these functions say what every other stream
identifier stands for, from the few numbers that a connection keeps of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from h2static.http2.stream import Input, State, step
from h2static.http2.violations import charge_glitch

if TYPE_CHECKING:
    from h2static.http2.connection import ServerConnection


def absent(connection: ServerConnection, stream_id: int, event: Input) -> None:
    """A frame for a stream that is not there has no effect, where it is legal.

    Raises what the state table says of an idle or a closed stream.
    """
    if stream_id in connection.reset_streams:
        # "An endpoint that sends a RST_STREAM frame … MUST ignore frames that it receives on closed
        # streams after it has sent a RST_STREAM frame" (5.4.2); each costs us something.
        charge_glitch(connection)
    elif connection.shutdown.refusing and stream_id > connection.last_processed:
        # Our final GOAWAY said that the stream will not be processed (6.8).
        return
    else:
        # What the table allows on a closed stream has no effect: WINDOW_UPDATE and RST_STREAM cross
        # with the end of every response, and each has a budget of its own.
        step(state_of_absent(connection, stream_id), event, stream_id)


def state_of_absent(connection: ServerConnection, stream_id: int) -> State:
    """Idle or closed, for a stream id without a stream (section 5.1.1)."""
    if stream_id % 2 == 0:
        return State.CLOSED if stream_id < connection.next_promised_id else State.IDLE
    if stream_id >= connection.next_id:
        return State.IDLE
    for first, last in connection.idle_gaps:
        # A client that skips identifiers leaves streams that were never open; a frame on one is a
        # PROTOCOL_ERROR, on a closed one it is STREAM_CLOSED.
        if first <= stream_id <= last:
            return State.IDLE
    return State.CLOSED
