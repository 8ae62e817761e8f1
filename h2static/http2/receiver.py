"""Carries out the peer's frames (RFC 9113 sections 5, 6 and 8).

Contract: :meth:`Receiver.handle` carries out one parsed frame, or raises a violation with the scope
and code that the RFC requires.  :meth:`Receiver.check_order` rejects a frame that must not arrive
now, by its header alone.

Strategy: a table from frame class to method.  The parts of messages go to :class:`Messages`, which
a server (:mod:`h2static.http2.requests`) implements differently from a client
(:mod:`h2static.http2.responses`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from h2static.http.priority import parse_priority
from h2static.http2 import registry as r
from h2static.http2.budgets import Budgets
from h2static.http2.content import Content
from h2static.http2.errors import ConnectionViolation, StreamViolation
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
from h2static.http2.header_blocks import HeaderBlocks
from h2static.http2.observer import Observer
from h2static.http2.registry import ErrorCode
from h2static.http2.roles import Role
from h2static.http2.sender import Sender
from h2static.http2.service import Endpoint
from h2static.http2.settings import PeerSettings
from h2static.http2.shutdown import SHUTDOWN_PING, Shutdown
from h2static.http2.stream import Input, Stream
from h2static.http2.streams import Streams


class Messages(Protocol):
    """How this endpoint's role handles messages."""

    @property
    def content(self) -> Content:
        """The receiver of DATA frames."""

    def headers(self, frame: Headers, block: bytes) -> None:
        """Process a complete header block."""

    def promise(self, frame: PushPromise, block: bytes) -> None:
        """Process the complete header block of a promised request."""

    def reset(self, stream: Stream, code: int) -> None:
        """Process RST_STREAM for an open stream, which the caller then closes."""

    def goaway(self, frame: GoAway) -> None:
        """Process GOAWAY."""

    def settings_changed(self) -> None:
        """SETTINGS were applied: more streams may be allowed."""

    def failed(self, stream: Stream, violation: StreamViolation) -> None:
        """The stream is about to be reset because of an error of the peer."""

    def sent(self, stream: Stream) -> None:
        """Our message on ``stream`` is complete; the peer's is not."""

    def over(self, stream: Stream) -> None:
        """The stream is over; the caller then releases it."""

    def input_ended(self, stream: Stream) -> None:
        """The peer sends nothing more, and its message on ``stream`` is incomplete."""

    def pending(self, stream: Stream) -> bool:
        """Whether the stream may still make progress although the peer sends nothing more."""


class Receiver:
    """Carries out the frames of one connection."""

    __slots__ = (
        "_blocks", "_budgets", "_endpoint", "_messages", "_observer", "_peer", "_role", "_sender",
        "_shutdown", "_streams",
    )  # fmt: skip

    def __init__(
        self,
        role: Role,
        endpoint: Endpoint,
        *,
        peer: PeerSettings,
        streams: Streams,
        sender: Sender,
        blocks: HeaderBlocks,
        budgets: Budgets,
        shutdown: Shutdown,
        messages: Messages,
        observer: Observer | None,
    ) -> None:
        self._role = role
        self._endpoint = endpoint
        self._peer = peer
        self._streams = streams
        self._sender = sender
        self._blocks = blocks
        self._budgets = budgets
        self._shutdown = shutdown
        self._messages = messages
        self._observer = observer

    def check_order(self, frame_type: int, flags: int, stream_id: int) -> None:
        """Reject a frame that must not arrive now; its payload may still be missing."""
        # "the server connection preface consists of a potentially empty SETTINGS frame that MUST be
        # the first frame"; likewise the client's (3.4).
        if not self._peer.received and (frame_type != r.SETTINGS or flags & r.ACK):
            raise ConnectionViolation(ErrorCode.PROTOCOL_ERROR, "first frame is not SETTINGS")
        self._blocks.check_order(frame_type, stream_id)

    def handle(self, frame: Frame) -> None:
        """Carry out ``frame``."""
        if self._observer is not None and not isinstance(
            frame, Headers | PushPromise | Continuation
        ):
            # Header blocks are reported once their fields are known.
            self._observer.received(frame)
        _HANDLERS[type(frame)](self, frame)

    def _data(self, frame: Data) -> None:
        self._messages.content.data(frame)

    # ------------------------------------------------------------------ header blocks

    def _headers(self, frame: Headers) -> None:
        """Carry out HEADERS: a message, trailers, or the beginning of either (section 6.2)."""
        priority = frame.priority
        # RFC 7540 section 5.3.1: "A stream cannot depend on itself"; treated as a connection error,
        # so that it cannot be used to have streams reset (CVE-2025-8671).
        if priority is not None and priority.dependency == frame.stream_id:
            raise ConnectionViolation(ErrorCode.PROTOCOL_ERROR, "HEADERS: stream depends on itself")
        block = self._blocks.begin(frame)
        if block is not None:
            self._messages.headers(frame, block)

    def _push_promise(self, frame: PushPromise) -> None:
        if self._role is Role.SERVER:
            if self._observer is not None:
                self._observer.received(frame)
            # Refuse it before its block costs anything.
            self._messages.promise(frame, b"")
            return
        block = self._blocks.begin(frame)
        if block is not None:
            self._messages.promise(frame, block)

    def _continuation(self, frame: Continuation) -> None:
        """Carry out CONTINUATION of the open header block (section 6.10)."""
        whole = self._blocks.go_on(frame)
        if whole is None:
            return
        opening, block = whole
        if isinstance(opening, Headers):
            self._messages.headers(opening, block)
        else:
            self._messages.promise(opening, block)

    # ------------------------------------------------------------------ streams

    def _priority(self, frame: Priority) -> None:
        # RFC 7540 section 5.3.1; see HEADERS.
        if frame.priority.dependency == frame.stream_id:
            raise ConnectionViolation(
                ErrorCode.PROTOCOL_ERROR, "PRIORITY: stream depends on itself"
            )
        self._budgets.glitch()

    def _rst_stream(self, frame: RstStream) -> None:
        stream = self._streams.open.get(frame.stream_id)
        if stream is None:
            self._streams.absent(frame.stream_id, Input.RECEIVE_RST_STREAM)
        else:
            stream.advance(Input.RECEIVE_RST_STREAM)
            self._messages.reset(stream, frame.code)
            self._streams.close(stream)
        self._budgets.reset()

    def _priority_update(self, frame: PriorityUpdate) -> None:
        self._budgets.glitch()
        # RFC 9218 section 7.1: "A client … that receives a PRIORITY_UPDATE frame MUST treat this as
        # a connection error of type PROTOCOL_ERROR."
        if self._role is Role.CLIENT:
            raise ConnectionViolation(ErrorCode.PROTOCOL_ERROR, "PRIORITY_UPDATE from a server")
        self._streams.prioritize(frame.prioritized_stream_id, *parse_priority(frame.value))

    # ------------------------------------------------------------------ the connection

    def _settings(self, frame: Settings) -> None:
        peer = self._peer
        if frame.flags & r.ACK:
            if peer.acknowledged:
                self._budgets.glitch()
                return
            peer.acknowledge()
            settings = self._endpoint.settings
            for size in (settings.passing_header_table_size, settings.header_table_size):
                if size is not None:
                    self._blocks.acknowledged(size)
            return
        if peer.received:
            # Each entry may cost a walk over all streams.
            self._budgets.glitch(max(1, len(frame.entries)))
        if len(frame.entries) > self._endpoint.limits.settings_entries:
            raise ConnectionViolation(ErrorCode.ENHANCE_YOUR_CALM, "SETTINGS: too many entries")
        # "The values in the SETTINGS frame MUST be processed in the order they appear … Once all
        # values have been processed, the recipient MUST immediately emit a SETTINGS frame with the
        # ACK flag set" (6.5.3).
        for identifier, value in frame.entries:
            peer.apply(identifier, value, self._role)
            if identifier == r.SETTINGS_HEADER_TABLE_SIZE:
                self._sender.resize_table(value)
            elif identifier == r.SETTINGS_INITIAL_WINDOW_SIZE:
                self._sender.change_initial_window(value, self._streams.open.values())
        peer.first_received()
        self._sender.acknowledge_settings()
        self._messages.settings_changed()

    def _ping(self, frame: Ping) -> None:
        if frame.flags & r.ACK:
            if frame.opaque == SHUTDOWN_PING:
                self._shutdown.acknowledged()
            else:
                self._budgets.glitch()
            return
        self._budgets.glitch()
        self._sender.emit(Ping(flags=r.ACK, opaque=frame.opaque))

    def _goaway(self, frame: GoAway) -> None:
        if self._peer.leaving:
            self._budgets.glitch()
        self._peer.leave()
        self._messages.goaway(frame)

    def _window_update(self, frame: WindowUpdate) -> None:
        sender = self._sender
        self._budgets.window_update(self._streams.requests, sender.data_frames)
        if frame.stream_id == 0:
            # "A receiver MUST treat the receipt of a WINDOW_UPDATE frame with a flow-control window
            # increment of 0 as a stream error of type PROTOCOL_ERROR; errors on the connection
            # flow-control window MUST be treated as a connection error" (6.9).
            if frame.increment == 0:
                raise ConnectionViolation(ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE: increment of 0")
            sender.window_update(frame.increment)
            return
        stream = self._streams.open.get(frame.stream_id)
        if stream is None:
            self._streams.absent(frame.stream_id, Input.RECEIVE_WINDOW_UPDATE)
            return
        stream.advance(Input.RECEIVE_WINDOW_UPDATE)
        if frame.increment == 0:
            # Raised to a connection error (5.4.1 allows it): see CVE-2025-8671.
            raise ConnectionViolation(
                ErrorCode.PROTOCOL_ERROR, "WINDOW_UPDATE: increment of 0 on a stream"
            )
        sender.stream_window_update(stream, frame.increment)

    def _ignored(self, frame: AltSvc | Origin | Unknown) -> None:
        # "Implementations MUST ignore unknown or unsupported values in all extensible protocol
        # elements. Implementations MUST discard frames that have unknown or unsupported types"
        # (5.5).
        self._budgets.glitch()


#: Each takes only its own class of frame, which this type cannot express.
_HANDLERS: Final[dict[type[Frame], Callable[..., None]]] = {
    Data: Receiver._data,
    Headers: Receiver._headers,
    Priority: Receiver._priority,
    RstStream: Receiver._rst_stream,
    Settings: Receiver._settings,
    PushPromise: Receiver._push_promise,
    Ping: Receiver._ping,
    GoAway: Receiver._goaway,
    WindowUpdate: Receiver._window_update,
    Continuation: Receiver._continuation,
    AltSvc: Receiver._ignored,
    Origin: Receiver._ignored,
    PriorityUpdate: Receiver._priority_update,
    Unknown: Receiver._ignored,
}
