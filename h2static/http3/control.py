"""The client's unidirectional streams: control, QPACK, and others (RFC 9114 section 6.2).

Contract: :meth:`Control.receive` processes their octets and returns the credit.  It raises
:class:`~h2static.http3.errors.ConnectionViolation`.  :meth:`Control.open` opens our own control
stream.  Our QPACK streams are not opened, because we would send nothing on them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, assert_never

from h2static.http.priority import parse_priority
from h2static.http3 import registry as r
from h2static.http3.budgets import Budgets
from h2static.http3.errors import ConnectionViolation
from h2static.http3.frames import (
    CancelPush,
    ControlFrame,
    FrameReader,
    GoAway,
    MaxPushId,
    Piece,
    PriorityUpdate,
    Settings,
    Unknown,
    parse_control,
    serialize,
)
from h2static.http3.integers import decode_integer, encode_integer
from h2static.http3.observer import Observer
from h2static.http3.registry import ErrorCode
from h2static.http3.sections import QpackStreams
from h2static.http3.service import Service
from h2static.quic.transport import StreamData, Transport

_CONTROL_FRAMES: Final = (
    *(r.SETTINGS, r.GOAWAY, r.MAX_PUSH_ID, r.CANCEL_PUSH),
    *(r.PRIORITY_UPDATE, r.PRIORITY_UPDATE_PUSH),
)
#: "If either control stream is closed at any point, this MUST be treated as a connection error of
#: type H3_CLOSED_CRITICAL_STREAM" (6.2.1); RFC 9204 section 4.2 says so of its streams.
_CRITICAL: Final = frozenset((r.CONTROL_STREAM, r.QPACK_ENCODER_STREAM, r.QPACK_DECODER_STREAM))
#: A stream of unknown type.
_IGNORED: Final = -1


class Control:
    """The unidirectional streams of one connection."""

    __slots__ = (
        "_budgets", "_goaway", "_kinds", "_largest_push", "_limits", "_observer", "_own",
        "_partial", "_prioritize", "_qpack", "_reader", "_settings", "_transport", "leaving",
        "received_settings",
    )  # fmt: skip

    def __init__(
        self,
        service: Service,
        transport: Transport,
        budgets: Budgets,
        observer: Observer | None,
        prioritize: Callable[[int, int, bool], None],
    ) -> None:
        """``prioritize`` gets the stream, its urgency, and whether it is incremental."""
        self._limits = service.limits
        self._settings = Settings(entries=service.settings)
        self._transport = transport
        self._budgets = budgets
        self._observer = observer
        self._prioritize = prioritize
        self._qpack = QpackStreams()
        self._reader = FrameReader(dict.fromkeys(_CONTROL_FRAMES, service.limits.control_frame))
        #: Stream -> its type, once it is known.
        self._kinds: dict[int, int] = {}
        #: Octets of incomplete stream types.
        self._partial: dict[int, bytes] = {}
        #: Our control stream.
        self._own = -1
        self._largest_push = -1
        self._goaway = r.MAXIMUM_INTEGER
        self.received_settings = False
        #: Whether the client has sent GOAWAY.
        self.leaving = False

    # ------------------------------------------------------------------ ours

    def open(self) -> None:
        """Open our control stream, with SETTINGS."""
        # "Each side MUST initiate a single control stream at the beginning of the connection and
        # send its SETTINGS frame as the first frame on this stream" (6.2.1).
        self._own = self._transport.open_unidirectional()
        self._transport.send(self._own, encode_integer(r.CONTROL_STREAM))
        self._emit(self._settings)

    def goaway(self, stream_id: int) -> None:
        """Send GOAWAY: requests on ``stream_id`` and later streams are not processed (5.2)."""
        if self._own >= 0:
            self._emit(GoAway(identifier=stream_id))

    def _emit(self, frame: Settings | GoAway) -> None:
        self._transport.send(self._own, serialize(frame))
        if self._observer is not None:
            self._observer.sent(self._own, frame)

    # ------------------------------------------------------------------ the client's

    def receive(self, event: StreamData) -> None:
        """Process the next octets of a unidirectional stream."""
        stream_id, data = event.stream_id, event.data
        self._transport.give_credit(None, len(data))
        self._transport.give_credit(stream_id, len(data))
        kind = self._kinds.get(stream_id)
        if kind is None:
            data = self._partial.pop(stream_id, b"") + data
            found = decode_integer(data, 0)
            if found is None:
                # "A receiver MUST tolerate unidirectional streams being closed or reset prior to
                # the reception of the unidirectional stream header" (6.2).
                if not event.ended:
                    self._partial[stream_id] = data
                return
            kind, data = found[0], data[found[1] :]
            kind = self._begin(stream_id, kind)
        if kind == r.CONTROL_STREAM:
            for piece in self._reader.feed(data):
                self._control(stream_id, piece)
        elif kind == r.QPACK_ENCODER_STREAM:
            self._qpack.receive_encoder_stream(data)
        elif kind == r.QPACK_DECODER_STREAM:
            self._qpack.receive_decoder_stream(data)
        if event.ended:
            self.ended(stream_id)

    def ended(self, stream_id: int) -> None:
        """The client ended or reset a stream."""
        kind = self._kinds.pop(stream_id, None)
        self._partial.pop(stream_id, None)
        if kind in _CRITICAL:
            raise ConnectionViolation(
                ErrorCode.H3_CLOSED_CRITICAL_STREAM, f"{r.STREAM_NAMES[kind]} stream closed"
            )

    def _begin(self, stream_id: int, kind: int) -> int:
        """Begin a stream whose type is now known."""
        if self._observer is not None:
            name = r.STREAM_NAMES.get(kind, f"unknown type 0x{kind:x}")
            self._observer.stream_opened(stream_id, name)
        # "Only servers can push; if a server receives a client-initiated push stream, this MUST be
        # treated as a connection error of type H3_STREAM_CREATION_ERROR" (6.2.2).
        if kind == r.PUSH_STREAM:
            raise ConnectionViolation(
                ErrorCode.H3_STREAM_CREATION_ERROR, "push stream from a client"
            )
        # "receipt of a second stream claiming to be a control stream MUST be treated as a
        # connection error of type H3_STREAM_CREATION_ERROR" (6.2.1); likewise RFC 9204 4.2.
        if kind in _CRITICAL and kind in self._kinds.values():
            raise ConnectionViolation(
                ErrorCode.H3_STREAM_CREATION_ERROR, f"a second {r.STREAM_NAMES[kind]} stream"
            )
        if kind not in _CRITICAL:
            # "Recipients of unknown stream types MUST either abort reading of the stream or discard
            # incoming data without further processing" (6.2.3).
            self._budgets.glitch()
            self._transport.stop(stream_id, ErrorCode.H3_STREAM_CREATION_ERROR)
            kind = _IGNORED
        self._kinds[stream_id] = kind
        return kind

    def _control(self, stream_id: int, piece: Piece) -> None:
        kind = piece.frame_type
        # "If the first frame of the control stream is any other frame type, this MUST be treated as
        # a connection error of type H3_MISSING_SETTINGS" (6.2.1).
        if not self.received_settings and kind != r.SETTINGS:
            raise ConnectionViolation(
                ErrorCode.H3_MISSING_SETTINGS, "the control stream does not start with SETTINGS"
            )
        if piece.too_long:
            raise ConnectionViolation(ErrorCode.H3_EXCESSIVE_LOAD, "control frame too long")
        if kind in (r.DATA, r.HEADERS, r.PUSH_PROMISE) or kind in r.FRAMES_OF_HTTP2:
            # 7.2.1, 7.2.2, 7.2.5, 7.2.8.
            name = r.FRAME_NAMES.get(kind, f"HTTP/2 frame 0x{kind:x}")
            raise ConnectionViolation(ErrorCode.H3_FRAME_UNEXPECTED, f"{name} on a control stream")
        if kind not in _CONTROL_FRAMES:
            self._budgets.glitch()
            if self._observer is not None:
                self._observer.received(stream_id, Unknown(frame_type=kind, length=piece.length))
            return
        frame = parse_control(kind, piece.data)
        if self._observer is not None:
            self._observer.received(stream_id, frame)
        self._handle(frame)

    def _handle(self, frame: ControlFrame) -> None:
        match frame:
            case Settings():
                self._on_settings(frame)
            case GoAway():
                # "Receiving a GOAWAY containing a larger identifier than previously received MUST
                # be treated as a connection error of type H3_ID_ERROR" (5.2).
                if frame.identifier > self._goaway:
                    raise ConnectionViolation(
                        ErrorCode.H3_ID_ERROR, "GOAWAY with a larger identifier than the last one"
                    )
                self._goaway = frame.identifier
                self.leaving = True
            case MaxPushId():
                # "receipt of a MAX_PUSH_ID frame that contains a smaller value than previously
                # received MUST be treated as a connection error of type H3_ID_ERROR" (7.2.7).
                if frame.identifier < self._largest_push:
                    raise ConnectionViolation(
                        ErrorCode.H3_ID_ERROR, "MAX_PUSH_ID is smaller than the last one"
                    )
                self._largest_push = frame.identifier
                self._budgets.glitch()
            case CancelPush():
                # "If a server receives a CANCEL_PUSH frame for a push ID that has not yet been
                # mentioned by a PUSH_PROMISE frame, this MUST be treated as a connection error of
                # type H3_ID_ERROR" (7.2.3): this server never pushes.
                raise ConnectionViolation(ErrorCode.H3_ID_ERROR, "CANCEL_PUSH without a promise")
            case PriorityUpdate():
                self._on_priority_update(frame)
            case _:
                assert_never(frame)

    def _on_settings(self, frame: Settings) -> None:
        # "If an endpoint receives a second SETTINGS frame on the control stream, the endpoint MUST
        # respond with a connection error of type H3_FRAME_UNEXPECTED" (7.2.4).
        if self.received_settings:
            raise ConnectionViolation(ErrorCode.H3_FRAME_UNEXPECTED, "a second SETTINGS frame")
        self.received_settings = True
        for key, value in frame.entries:
            # RFC 9297 section 2.1.1, RFC 8441 section 3.
            if key in (r.H3_DATAGRAM, r.ENABLE_CONNECT_PROTOCOL) and value > 1:
                raise ConnectionViolation(
                    ErrorCode.H3_SETTINGS_ERROR, f"{r.SETTING_NAMES[key]} is {value}"
                )

    def _on_priority_update(self, frame: PriorityUpdate) -> None:
        self._budgets.glitch()
        # RFC 9218 section 7.2: "The Prioritized Element ID … MUST be [a] request stream … If it is
        # not … this MUST be treated as a connection error of type H3_ID_ERROR"; a push that was
        # never promised likewise.
        if frame.frame_type == r.PRIORITY_UPDATE_PUSH or frame.identifier % 4:
            raise ConnectionViolation(
                ErrorCode.H3_ID_ERROR, "PRIORITY_UPDATE for a stream that is not a request"
            )
        self._prioritize(frame.identifier, *parse_priority(frame.value))
