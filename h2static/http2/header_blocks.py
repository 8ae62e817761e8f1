"""Header blocks as they arrive: HEADERS or PUSH_PROMISE, and CONTINUATION (RFC 9113 section 4.3).

Contract: :class:`HeaderBlocks` owns the open block and the state of the decoder.  Every block is
decoded, even those of streams that are refused, reset or ignored, because all share the dynamic
table.
"""

from __future__ import annotations

from typing import TypeAlias

from h2static.http.turn import Turn
from h2static.http2 import registry as r
from h2static.http2.decoding import DecoderState
from h2static.http2.errors import ConnectionViolation
from h2static.http2.frames import Continuation, Headers, PushPromise
from h2static.http2.observer import Observer
from h2static.http2.registry import ErrorCode
from h2static.http2.service import Endpoint
from hpacktools.codec import DecodedBlock, FieldLimitError, HPACKError

#: A frame that begins a header block.
Opening: TypeAlias = Headers | PushPromise


class OpenBlock:
    """A header block whose END_HEADERS has not arrived."""

    __slots__ = ("fragments", "frames", "octets", "opening", "started", "stream_id")

    def __init__(self, opening: Opening, now: float) -> None:
        self.opening = opening
        self.stream_id = opening.stream_id
        self.fragments = [opening.fragment]
        self.octets = len(opening.fragment)
        self.frames = 1
        self.started = now


class HeaderBlocks:
    """The header blocks of one connection."""

    __slots__ = ("_limits", "_observer", "_sections", "_turn", "open", "state")

    def __init__(self, endpoint: Endpoint, observer: Observer | None, turn: Turn) -> None:
        self._limits = endpoint.limits
        self._sections = endpoint.sections
        self._observer = observer
        self._turn = turn
        #: The incomplete block, if any.
        self.open: OpenBlock | None = None
        self.state: DecoderState = endpoint.sections.start(r.INITIAL_HEADER_TABLE_SIZE)

    def check_order(self, frame_type: int, stream_id: int) -> None:
        """Raise for a frame that is not allowed now, judging by its header alone."""
        block = self.open
        if block is None:
            # "If a CONTINUATION frame is received … without being preceded by a HEADERS … frame,
            # the recipient MUST respond with a connection error of type PROTOCOL_ERROR" (6.10).
            if frame_type == r.CONTINUATION:
                raise ConnectionViolation(
                    ErrorCode.PROTOCOL_ERROR, "CONTINUATION without an open header block"
                )
        # "A receiver MUST treat the receipt of any other type of frame or a frame on a different
        # stream as a connection error of type PROTOCOL_ERROR" (6.2).
        elif frame_type != r.CONTINUATION or stream_id != block.stream_id:
            raise ConnectionViolation(
                ErrorCode.PROTOCOL_ERROR, "header block interrupted by another frame"
            )

    def begin(self, opening: Opening) -> bytes | None:
        """Begin a block with ``opening``; returns it if it is already complete."""
        if opening.flags & r.END_HEADERS:
            return opening.fragment
        self.open = OpenBlock(opening, self._turn.now)
        return None

    def go_on(self, frame: Continuation) -> tuple[Opening, bytes] | None:
        """Continue the open block; returns its first frame and the whole block if it is
        complete."""
        block = self.open
        assert block is not None  # check_order
        block.frames += 1
        block.octets += len(frame.fragment)
        limits = self._limits
        if block.frames > limits.header_block_frames or block.octets > limits.header_block_size:
            raise ConnectionViolation(ErrorCode.ENHANCE_YOUR_CALM, "header block too large")
        block.fragments.append(frame.fragment)
        if self._observer is not None:
            self._observer.received(frame)
        if not frame.flags & r.END_HEADERS:
            return None
        self.open = None
        return block.opening, b"".join(block.fragments)

    def decode(self, opening: Opening, block: bytes) -> DecodedBlock:
        """Decode a complete block.  Raises :class:`ConnectionViolation`."""
        observer = self._observer
        try:
            decoded, self.state = self._sections.decode(self.state, block)
        except HPACKError as error:
            if observer is not None:
                observer.received(opening)
            if isinstance(error, FieldLimitError):
                raise ConnectionViolation(ErrorCode.ENHANCE_YOUR_CALM, str(error)) from error
            # "A decoding error in a field block MUST be treated as a connection error of type
            # COMPRESSION_ERROR" (4.3).
            raise ConnectionViolation(ErrorCode.COMPRESSION_ERROR, str(error)) from error
        if observer is not None:
            observer.received_fields(opening.stream_id, decoded.fields, decoded.never_indexed)
            observer.received(opening)
        return decoded

    def acknowledged(self, table_size: int) -> None:
        """The peer has acknowledged SETTINGS_HEADER_TABLE_SIZE ``table_size``."""
        self.state = self._sections.acknowledged(self.state, table_size)

    def restart(self, now: float) -> None:
        """Restart the open block's deadline at ``now``, because we were not reading."""
        if self.open is not None:
            self.open.started = now

    def move_to(self, state: DecoderState) -> None:
        """Set the decoder to ``state``, after a cached block."""
        self.state = state
