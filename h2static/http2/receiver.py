"""What each frame from the client does (RFC 9113 sections 5, 6 and 8).

Contract: :func:`handle` carries out one parsed frame on a connection, or raises a violation whose
scope and code are the RFC's.  :func:`check_order` refuses what must not come now, by the frame's
header alone.

Strategy: a table from frame class to handler.  Requests and their content are in
:mod:`h2static.http2.requests`, streams that are not open in :mod:`h2static.http2.stream_ids`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from h2static.http.priority import parse_priority
from h2static.http2 import registry as r
from h2static.http2 import requests, shutdown
from h2static.http2.errors import ConnectionViolation
from h2static.http2.frames import (
    AltSvc,
    Continuation,
    Data,
    Frame,
    GoAway,
    Headers,
    Origin,
    Ping,
    Priority,
    PriorityUpdate,
    PushPromise,
    RstStream,
    Settings,
    Unknown,
    WindowUpdate,
)
from h2static.http2.registry import ErrorCode
from h2static.http2.settings import check_setting
from h2static.http2.stream import Input, State
from h2static.http2.stream_ids import absent, state_of_absent
from h2static.http2.violations import charge_glitch, charge_reset

if TYPE_CHECKING:
    from h2static.http2.connection import ServerConnection


def check_order(connection: ServerConnection, frame_type: int, flags: int, stream_id: int) -> None:
    """Refuse a frame that must not come now; its payload need not be there."""
    # "the server connection preface consists of a potentially empty SETTINGS frame that MUST be the
    # first frame"; likewise the client's (3.4).
    if not connection.settings_received and (frame_type != r.SETTINGS or flags & r.ACK):
        raise ConnectionViolation(ErrorCode.PROTOCOL_ERROR, "first frame is not SETTINGS")
    block = connection.block_headers
    if block is None:
        # "If a CONTINUATION frame is received … without being preceded by a HEADERS … frame, the
        # recipient MUST respond with a connection error of type PROTOCOL_ERROR" (6.10).
        if frame_type == r.CONTINUATION:
            raise ConnectionViolation(
                ErrorCode.PROTOCOL_ERROR, "CONTINUATION without an open header block"
            )
    # "A receiver MUST treat the receipt of any other type of frame or a frame on a different stream
    # as a connection error of type PROTOCOL_ERROR" (6.2).
    elif frame_type != r.CONTINUATION or stream_id != block.stream_id:
        raise ConnectionViolation(
            ErrorCode.PROTOCOL_ERROR, "header block interrupted by another frame"
        )


def handle(connection: ServerConnection, frame: Frame) -> None:
    """Carry out ``frame``."""
    if connection.observer is not None and not isinstance(frame, Headers | Continuation):
        # HEADERS are shown when their fields are known.
        connection.observer.received(frame)
    _HANDLERS[type(frame)](connection, frame)


# ---------------------------------------------------------------------- the other frames


def _priority(connection: ServerConnection, frame: Priority) -> None:
    # RFC 7540 section 5.3.1; see HEADERS.
    if frame.priority.dependency == frame.stream_id:
        raise ConnectionViolation(ErrorCode.PROTOCOL_ERROR, "PRIORITY: stream depends on itself")
    charge_glitch(connection)


def _rst_stream(connection: ServerConnection, frame: RstStream) -> None:
    stream = connection.streams.get(frame.stream_id)
    if stream is None:
        absent(connection, frame.stream_id, Input.RECEIVE_RST_STREAM)
    else:
        stream.advance(Input.RECEIVE_RST_STREAM)
        connection.forget(stream)
    charge_reset(connection)


def _settings(connection: ServerConnection, frame: Settings) -> None:
    if frame.flags & r.ACK:
        if connection.settings_acknowledged:
            charge_glitch(connection)
            return
        connection.settings_acknowledged = True
        size = connection.service.settings.header_table_size
        if size is not None:
            connection.decoder = connection.service.sections.acknowledged(connection.decoder, size)
        return
    if connection.settings_received:
        # Each entry may cost a walk over all streams.
        charge_glitch(connection, max(1, len(frame.entries)))
    connection.settings_received = True
    if len(frame.entries) > connection.limits.settings_entries:
        raise ConnectionViolation(ErrorCode.ENHANCE_YOUR_CALM, "SETTINGS: too many entries")
    # "The values in the SETTINGS frame MUST be processed in the order they appear … Once all values
    # have been processed, the recipient MUST immediately emit a SETTINGS frame with the ACK flag
    # set" (6.5.3).
    for identifier, value in frame.entries:
        check_setting(identifier, value)
        apply = _SETTINGS.get(identifier)
        if apply is not None:
            apply(connection, value)
    if connection.peer_no_rfc7540_priorities is None:
        connection.peer_no_rfc7540_priorities = 0
    connection.sender.emit(Settings(flags=r.ACK))


def _header_table_size(connection: ServerConnection, value: int) -> None:
    sender = connection.sender
    maximum = min(value, connection.service.settings.encoder_header_table_size)
    sender.refresh()
    sender.encoder = connection.service.blocks.resized(sender.encoder, maximum)


def _enable_push(connection: ServerConnection, value: int) -> None:
    connection.push_enabled = value == 1


def _max_concurrent_streams(connection: ServerConnection, value: int) -> None:
    connection.peer_max_streams = value


def _initial_window_size(connection: ServerConnection, value: int) -> None:
    sender = connection.sender
    change = value - sender.initial_window
    sender.initial_window = value
    # "When the value of SETTINGS_INITIAL_WINDOW_SIZE changes, a receiver MUST adjust the size of
    # all stream flow-control windows that it maintains" (6.9.2), which may make them negative.
    for stream in connection.streams.values():
        if stream.send_window + change > r.MAXIMUM_WINDOW_SIZE:
            raise ConnectionViolation(
                ErrorCode.FLOW_CONTROL_ERROR, "SETTINGS: a stream's window above 2^31-1"
            )
        stream.send_window += change
        sender.resume(stream)


def _ping(connection: ServerConnection, frame: Ping) -> None:
    if frame.flags & r.ACK:
        if frame.opaque == shutdown.SHUTDOWN_PING:
            shutdown.acknowledged(connection)
        else:
            charge_glitch(connection)
        return
    charge_glitch(connection)
    connection.sender.emit(Ping(flags=r.ACK, opaque=frame.opaque))


def _no_rfc7540_priorities(connection: ServerConnection, value: int) -> None:
    # "The sender MUST NOT change the SETTINGS_NO_RFC7540_PRIORITIES value after the first SETTINGS
    # frame. Receivers that detect a change MUST treat it as a connection error of type
    # PROTOCOL_ERROR" (RFC 9218 section 2.1).
    if connection.peer_no_rfc7540_priorities not in (None, value):
        raise ConnectionViolation(
            ErrorCode.PROTOCOL_ERROR, "SETTINGS: SETTINGS_NO_RFC7540_PRIORITIES changed"
        )
    connection.peer_no_rfc7540_priorities = value


def _goaway(connection: ServerConnection, frame: GoAway) -> None:
    if connection.peer_goaway:
        charge_glitch(connection)
    connection.peer_goaway = True


def _window_update(connection: ServerConnection, frame: WindowUpdate) -> None:
    # Two for each DATA frame that was sent, paid in advance; the rest ask for nothing.
    sender = connection.sender
    connection.update_credit -= 1
    if connection.update_credit < -connection.limits.window_updates_per_data * sender.data_frames:
        charge_glitch(connection)
    if frame.stream_id == 0:
        # "A receiver MUST treat the receipt of a WINDOW_UPDATE frame with a flow-control window
        # increment of 0 as a stream error of type PROTOCOL_ERROR; errors on the connection
        # flow-control window MUST be treated as a connection error" (6.9).
        if frame.increment == 0:
            raise ConnectionViolation(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE: increment of 0")
        sender.window_update(frame.increment)
        return
    stream = connection.streams.get(frame.stream_id)
    if stream is None:
        absent(connection, frame.stream_id, Input.RECEIVE_WINDOW_UPDATE)
        return
    stream.advance(Input.RECEIVE_WINDOW_UPDATE)
    if frame.increment == 0:
        # Raised to a connection error (5.4.1 allows it): see CVE-2025-8671.
        raise ConnectionViolation(
            ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE: increment of 0 on a stream"
        )
    sender.stream_window_update(stream, frame.increment)


def _push_promise(connection: ServerConnection, frame: PushPromise) -> None:
    # "A client cannot push.  Thus, servers MUST treat the receipt of a PUSH_PROMISE frame as a
    # connection error of type PROTOCOL_ERROR" (8.4).
    raise ConnectionViolation(ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE from a client")


def _priority_update(connection: ServerConnection, frame: PriorityUpdate) -> None:
    charge_glitch(connection)
    stream_id = frame.prioritized_stream_id
    stream = connection.streams.get(stream_id)
    if stream is not None:
        urgency, incremental = parse_priority(frame.value)
        connection.sender.scheduler.reprioritize(stream, urgency, incremental)
        return
    if state_of_absent(connection, stream_id) is State.CLOSED:
        return
    # RFC 9218 section 7.1: "If a server receives a PRIORITY_UPDATE with a Prioritized Stream ID …
    # in the 'idle' state [of a push stream], it MUST respond with a connection error of type
    # PROTOCOL_ERROR".
    if stream_id % 2 == 0:
        raise ConnectionViolation(
            ErrorCode.PROTOCOL_ERROR, "PRIORITY_UPDATE for a push stream that is idle"
        )
    if stream_id < connection.next_id:
        # Skipped: it will never be opened.
        return
    pending = connection.pending_priorities
    if stream_id in pending or len(pending) < connection.limits.pending_priorities:
        pending[stream_id] = parse_priority(frame.value)


def _ignored(connection: ServerConnection, frame: AltSvc | Origin | Unknown) -> None:
    # "Implementations MUST ignore unknown or unsupported values in all extensible protocol
    # elements. Implementations MUST discard frames that have unknown or unsupported types" (5.5).
    charge_glitch(connection)


# A handler takes the one class of frame it stands for: a table of functions cannot say that.
_HANDLERS: Final[dict[type[Frame], Callable[..., None]]] = {
    Data: requests.data,
    Headers: requests.headers,
    Priority: _priority,
    RstStream: _rst_stream,
    Settings: _settings,
    PushPromise: _push_promise,
    Ping: _ping,
    GoAway: _goaway,
    WindowUpdate: _window_update,
    Continuation: requests.continuation,
    AltSvc: _ignored,
    Origin: _ignored,
    PriorityUpdate: _priority_update,
    Unknown: _ignored,
}

_SETTINGS: Final[dict[int, Callable[[ServerConnection, int], None]]] = {
    r.SETTINGS_HEADER_TABLE_SIZE: _header_table_size,
    r.SETTINGS_ENABLE_PUSH: _enable_push,
    r.SETTINGS_MAX_CONCURRENT_STREAMS: _max_concurrent_streams,
    r.SETTINGS_INITIAL_WINDOW_SIZE: _initial_window_size,
    r.SETTINGS_NO_RFC7540_PRIORITIES: _no_rfc7540_priorities,
}
