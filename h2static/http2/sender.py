"""The sending half of a connection: header blocks, DATA frames, windows, priorities.

Contract: everything that a connection sends passes through here and enters :attr:`Sender.output`
as whole frames.  Content is pulled: it is read only when both windows and the output have room.
A header block is encoded when its frames enter the output, and is never dropped afterward.

Strategy: DATA frames are 16 384 octets at most, a size that every peer accepts and that keeps
streams interleaved.  A response that fits is sent at once if nothing else is queued; everything
else goes through the scheduler.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from h2static.http.bodies import Body, BodyReader, MappedReader
from h2static.http.fields import Field, Fields
from h2static.http.messages import Request, Response
from h2static.http.scheduler import Scheduler
from h2static.http2 import registry as r
from h2static.http2.data_frames import DATA_SIZE, data_frames
from h2static.http2.encoding import Block, EncoderState, promise_section
from h2static.http2.errors import ConnectionViolation, StreamViolation
from h2static.http2.frames import Frame, RstStream, Settings, frame, frame_head
from h2static.http2.observer import Observer
from h2static.http2.output import Output
from h2static.http2.reading import read_content
from h2static.http2.registry import ErrorCode
from h2static.http2.roles import Role
from h2static.http2.section_frames import headers_frames, promise_frames
from h2static.http2.service import Endpoint
from h2static.http2.stream import Input, State, Stream, ignore

#: Octets that an incremental stream sends before the next one's turn (RFC 9218 section 10).
INCREMENTAL_QUANTUM: Final = 4 * DATA_SIZE
_FULL_DATA: Final = frame_head(DATA_SIZE, r.DATA, 0)
_SETTINGS_ACK: Final = Settings(flags=r.ACK).serialize()


class Sender:
    """Sends the frames of one connection."""

    __slots__ = (
        "_blocks", "_ended", "_is_plain", "_limits", "_maps", "_own_parity", "_padding_size",
        "blocked", "content", "data_frames", "encoder", "initial_window", "observer", "output",
        "scheduler", "window",
    )  # fmt: skip

    def __init__(
        self,
        endpoint: Endpoint,
        role: Role,
        observer: Observer | None,
        ended: Callable[[Stream], None],
    ) -> None:
        """``ended`` is called with each stream on which our message is complete."""
        self._limits = endpoint.limits
        self._blocks = endpoint.blocks
        self._padding_size = endpoint.settings.padding
        #: Whether frames need neither padding nor be shown to an observer.
        self._is_plain = observer is None and not self._padding_size
        self._maps = endpoint.maps and self._is_plain
        self._own_parity = role.own_parity
        self._ended = ended
        self.observer = observer
        self.output = Output()
        self.scheduler: Scheduler[Stream] = Scheduler()
        self.encoder: EncoderState = self._blocks.start()
        #: The connection's window (RFC 9113 section 6.9).
        self.window = r.INITIAL_WINDOW_SIZE
        #: The peer's SETTINGS_INITIAL_WINDOW_SIZE.
        self.initial_window = r.INITIAL_WINDOW_SIZE
        #: DATA frames sent, at least one counted per response: the measure for how many
        #: WINDOW_UPDATE frames the peer may send.
        self.data_frames = 0
        #: Octets of content that entered the output, without those of the fast path.
        self.content = 0
        #: Readers that would block, by stream; the owner waits for them.
        self.blocked: list[tuple[int, BodyReader]] = []

    def retire(self) -> None:
        """The connection is over: drop the callback."""
        self._ended = ignore

    # --- frames

    def emit(self, one: Frame) -> None:
        """Send a control frame."""
        self.output.append(one.serialize())
        if self.observer is not None:
            self.observer.sent(one)

    def acknowledge_settings(self) -> None:
        """Send SETTINGS with the ACK flag (RFC 9113 section 6.5.3)."""
        if self.observer is None:
            self.output.append(_SETTINGS_ACK)
        else:
            self.emit(Settings(flags=r.ACK))

    def refresh(self) -> None:
        """Follow the clock: header blocks are cached for one second each."""
        if self.encoder.second != self._blocks.second:
            self.encoder = self._blocks.current(self.encoder)

    def resize_table(self, maximum: int) -> None:
        """Use a dynamic table of at most ``maximum`` octets (SETTINGS_HEADER_TABLE_SIZE)."""
        self.refresh()
        self.encoder = self._blocks.resized(self.encoder, min(maximum, self._blocks.maximum))

    def encode(self, fields: Fields) -> bytes:
        """Encode a header block, which must enter the output now."""
        self.refresh()
        block, self.encoder = self._blocks.encode(self.encoder, fields)
        return block

    def headers(
        self,
        stream_id: int,
        block: bytes,
        flags: int,
        fields: Sequence[Field] = (),
        note: str = "",
    ) -> None:
        """Send a header block in a HEADERS frame and as many CONTINUATION frames as it needs."""
        if self._is_plain and len(block) <= r.MINIMUM_MAX_FRAME_SIZE:
            self.output.append(frame(r.HEADERS, flags | r.END_HEADERS, stream_id, block))
        else:
            frames = headers_frames(stream_id, block, flags, self._padding_size)
            self._emit_section(frames, fields, note)

    def promise(self, parent: Stream, promised_id: int, request: Request) -> None:
        """Send PUSH_PROMISE for ``promised_id`` on ``parent`` (RFC 9113 section 6.6)."""
        self.refresh()
        block, self.encoder = self._blocks.promise(self.encoder, request)
        if self._is_plain and len(block) <= r.MINIMUM_MAX_FRAME_SIZE - 4:
            payload = promised_id.to_bytes(4, "big") + block
            self.output.append(frame(r.PUSH_PROMISE, r.END_HEADERS, parent.id, payload))
        else:
            frames = promise_frames(parent.id, promised_id, block, self._padding_size)
            self._emit_section(frames, promise_section(request), "")

    def _emit_section(self, frames: Sequence[Frame], fields: Sequence[Field], note: str) -> None:
        """Send the frames of one header block; the observer sees its ``fields`` with the first."""
        first, *others = frames
        self.output.append(first.serialize())
        if self.observer is not None:
            self.observer.sent(first, fields, note)
        for one in others:
            self.emit(one)

    # --- messages

    def informational(self, stream: Stream, status: int, fields: Fields = ()) -> None:
        """Send a 1xx response (RFC 9113 section 8.1)."""
        section = ((b":status", b"%d" % status), *fields)
        self.headers(stream.id, self.encode(section), 0, section)

    def request(self, stream: Stream, fields: Fields, body: bytes | Body) -> None:
        """Send a request's field section, pseudo-header fields included; its body follows."""
        empty = _is_empty(body)
        if not empty:
            self._open_body(stream, body)
        block = self.encode(fields)
        stream.advance(Input.SEND_HEADERS)
        self.headers(stream.id, block, r.END_STREAM if empty else 0, fields)
        if empty:
            self._end(stream)
            return
        self.scheduler.add(stream)

    def respond(
        self, stream: Stream, response: Response, *, extra: Fields = (), at_once: bool = True
    ) -> None:
        """Send the final field section of ``response``, followed by its body.

        ``extra``: additional fields.  ``at_once=False``: the body always waits for its turn.
        Raises ``OSError`` if the body cannot be opened; nothing was sent then.
        """
        if (
            at_once
            and not extra
            and response.prepared
            and stream.state is State.HALF_CLOSED_REMOTE
            and self._respond_ready(stream, response)
        ):
            return
        empty = _is_empty(response.body)
        if not empty:
            self._open_body(stream, response.body)
        self.refresh()
        block = self._blocks.block(self.encoder, response, extra)
        if block.state is not None:
            self.encoder = block.state
        stream.response = response
        stream.advance(Input.SEND_HEADERS)
        if empty:
            self.data_frames += 1
            self._final_headers(stream, block, r.END_STREAM, extra)
            self._end(stream)
            return
        # The fast path checks this too: output from before the response.
        has_room = len(self.output) < self._limits.turn_output
        self._final_headers(stream, block, 0, extra)
        if (
            at_once
            and stream.body is not None
            and not self.scheduler.count
            and 0 <= block.ready <= min(stream.send_window, self.window)
            and has_room
        ):
            # Like the fast path: at once, as one frame.
            self._send_from_memory(stream, block.ready)
            return
        self.scheduler.add(stream)

    def respond_later(self, stream: Stream, response: Response) -> bool:
        """Send the field section of a prepared response on a promised stream, and have its content
        wait for its turn, if nothing about it is special.

        Does in one step what :meth:`respond` does in several.  Returns whether it was done.
        """
        if not (response.prepared and self._is_plain):
            return False
        self.refresh()
        encoder = self.encoder
        block = encoder.blocks.get(response) or self._blocks.block(encoder, response)
        if block.ready <= 0:
            return False
        if block.state is not None:
            self.encoder = block.state
        output = self.output
        output.pieces += (block.head, stream.id.to_bytes(4, "big"), block.block)
        output.octets += r.FRAME_HEADER_SIZE + len(block.block)
        stream.response = response
        stream.advance(Input.SEND_HEADERS)
        stream.body = memoryview(block.body)
        stream.remaining = block.ready
        self.scheduler.add(stream)
        return True

    def _respond_ready(self, stream: Stream, response: Response) -> bool:
        """Send a response to a complete request as cached frames, if nothing about it is special.

        Does in one step what the general path does in several.  Returns whether it was sent.
        """
        length = self.send_ready(stream.id, response, stream.send_window)
        if length < 0:
            return False
        stream.response = response
        stream.send_window -= length
        stream.sent = length
        self.content += length
        stream.entered_at = self.output.emptied
        stream.state = State.CLOSED
        stream.remaining = 0
        self._ended(stream)
        return True

    def send_ready(self, stream_id: int, response: Response, stream_window: int) -> int:
        """Send a complete prepared response at once, as one HEADERS and one DATA frame.

        Returns its octets of content, or -1 if nothing was done: the response is not ready as
        frames, other output comes first, a window is too small, or an observer must see each frame.
        """
        output = self.output
        if (
            self.observer is not None
            or self.scheduler.count
            or output.octets - output.sent >= self._limits.turn_output
        ):
            return -1
        self.refresh()
        encoder = self.encoder
        block = encoder.blocks.get(response) or self._blocks.block(encoder, response)
        length = block.ready
        if length < 0 or length > stream_window or length > self.window:
            return -1
        identifier = stream_id.to_bytes(4, "big")
        if length:
            output.pieces += (block.head, identifier, block.tail, identifier, block.body)
        else:
            output.pieces += (block.head, identifier, block.tail)
        octets = output.octets + block.size
        output.ends.append(octets)
        self.replayed(1, block.state or encoder, self.window - length, octets)
        return length

    def _open_body(self, stream: Stream, body: bytes | Body) -> None:
        if isinstance(body, bytes):
            stream.body = memoryview(body)
            stream.remaining = len(body)
        else:
            stream.reader = reader = body.open()
            stream.remaining = body.length
            if self._maps and isinstance(reader, MappedReader):
                stream.mapper = reader

    def _final_headers(self, stream: Stream, block: Block, flags: int, extra: Fields) -> None:
        fields: Sequence[Field] = ()
        note = ""
        if self.observer is not None and stream.response is not None:
            fields = self._blocks.fields(stream.response, extra)
            note = "First push response header" if stream.id % 2 == 0 else "First response header"
        self.headers(stream.id, block.block, flags, fields, note)

    def _end(self, stream: Stream) -> None:
        """End our side of a stream whose last octet has entered the output."""
        self.scheduler.remove(stream)
        stream.advance(Input.SEND_END_STREAM)
        stream.remaining = 0
        if stream.reader is not None:
            stream.reader.close()
            stream.reader = stream.mapper = None
        stream.body = None
        if stream.state is State.CLOSED and stream.id % 2 != self._own_parity:
            # Streams that we open or promise do not count against the peer's limit.
            self.output.ends.append(self.output.octets)
        self._ended(stream)

    def reset(self, stream_id: int, code: ErrorCode) -> None:
        """Send RST_STREAM."""
        self.emit(RstStream(stream_id=stream_id, code=code))

    # --- content

    def pump(self, budget: int) -> None:
        """Move content into the output until about ``budget`` octets are waiting there.

        Raises :class:`StreamViolation` if a body fails; call it again then.
        """
        while len(self.output) < budget:
            stream = self.scheduler.next()
            if stream is None:
                return
            if stream.send_window <= 0:
                # WINDOW_UPDATE or SETTINGS will queue it again.
                self.scheduler.remove(stream)
                continue
            if self.window <= 0:
                return
            if (
                stream.reader is not None
                and stream.reader.reuses_buffer
                and stream.entered_at == self.output.emptied
            ):
                # Its last result has not been sent yet and is valid only until the next read.
                return
            quantum = INCREMENTAL_QUANTUM if stream.incremental else budget
            allowance = min(stream.send_window, self.window, quantum)
            self.scheduler.turn_taken(stream)
            if stream.body is not None:
                self._send_from_memory(stream, allowance)
            else:
                self._send_from_reader(stream, allowance)

    def _send_from_memory(self, stream: Stream, allowance: int) -> None:
        body, start = stream.body, stream.offset
        assert body is not None
        length = len(body)
        if start or length > DATA_SIZE or length > allowance or not self._is_plain:
            end = min(start + allowance, length)
            stream.offset = end
            self._data(stream, body[start:end], last=end == length)
            return
        # All of it is one frame, as most pushed files are.
        output = self.output
        identifier = stream.id.to_bytes(4, "big")
        output.pieces += (frame_head(length, r.DATA, r.END_STREAM), identifier, body)
        output.octets += r.FRAME_HEADER_SIZE + length
        self.window -= length
        self.content += length
        self.data_frames += 1
        stream.send_window -= length
        stream.offset = stream.sent = length
        stream.entered_at = output.emptied
        self._end(stream)

    def _send_from_reader(self, stream: Stream, allowance: int) -> None:
        data, mapped = read_content(stream, allowance)
        if data is None:
            assert stream.reader is not None
            stream.waiting = True
            self.scheduler.remove(stream)
            self.blocked.append((stream.id, stream.reader))
            return
        if mapped:
            self.output.mapped = True
        self._data(stream, memoryview(data), last=not data or stream.remaining == len(data))

    def _data(self, stream: Stream, content: memoryview, *, last: bool) -> None:
        """Send content that fits into the windows; ``last``: it ends the body."""
        length = len(content)
        if stream.remaining is not None:
            stream.remaining -= length
        stream.sent += length
        stream.entered_at = self.output.emptied
        self.content += length
        trailers: Fields = ()
        if last and stream.reader is not None:
            trailers = stream.reader.trailers()
        end = r.END_STREAM if last and not trailers else 0
        if self._is_plain:
            self._data_pieces(stream, content, end)
        else:
            self._data_frames(stream, content, end)
        if not last:
            return
        if trailers:
            # The trailer section ends the stream (RFC 9113 section 8.1).
            self.headers(stream.id, self.encode(trailers), r.END_STREAM, trailers)
        self._end(stream)

    def _data_pieces(self, stream: Stream, content: memoryview, end: int) -> None:
        output = self.output
        identifier = stream.id.to_bytes(4, "big")
        length = len(content)
        # Full frames; a frame with END_STREAM, which may be empty, is added below.
        frames = (length - 1 if end and length else length) // DATA_SIZE
        position = frames * DATA_SIZE
        pieces = output.pieces
        if frames:
            full: list[bytes | memoryview] = [_FULL_DATA + identifier] * (2 * frames)
            full[1::2] = [
                content[start : start + DATA_SIZE] for start in range(0, position, DATA_SIZE)
            ]
            pieces += full
        if position < length or end:
            head = frame_head(length - position, r.DATA, end)
            pieces += (head, identifier, content[position:])
            frames += 1
        output.octets += length + r.FRAME_HEADER_SIZE * frames
        stream.send_window -= length
        self.window -= length
        self.data_frames += frames

    def _data_frames(self, stream: Stream, content: memoryview, end: int) -> None:
        """Like :meth:`_data_pieces`, with padding or an observer."""
        window = min(stream.send_window, self.window)
        for one in data_frames(stream.id, content, end, window, self._padding_size):
            self.emit(one)
            size = len(one.data) + one.padding
            stream.send_window -= size
            self.window -= size
            self.data_frames += 1

    # --- windows

    def window_update(self, increment: int) -> None:
        """Enlarge the connection's window.  Raises :class:`ConnectionViolation`."""
        # "If a sender receives a WINDOW_UPDATE that causes a flow-control window to exceed this
        # maximum, it MUST terminate either the stream or the connection" (6.9.1).
        if self.window + increment > r.MAXIMUM_WINDOW_SIZE:
            raise ConnectionViolation(
                ErrorCode.FLOW_CONTROL_ERROR, "WINDOW_UPDATE: connection window above 2^31-1"
            )
        self.window += increment

    def stream_window_update(self, stream: Stream, increment: int) -> None:
        """Enlarge a stream's window.  Raises :class:`StreamViolation`."""
        if stream.send_window + increment > r.MAXIMUM_WINDOW_SIZE:
            raise StreamViolation(
                stream.id, ErrorCode.FLOW_CONTROL_ERROR, "WINDOW_UPDATE: window above 2^31-1"
            )
        stream.send_window += increment
        self.resume(stream)

    def change_initial_window(self, value: int, streams: Iterable[Stream]) -> None:
        """Apply the peer's SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113 section 6.9.2)."""
        change = value - self.initial_window
        self.initial_window = value
        # "When the value of SETTINGS_INITIAL_WINDOW_SIZE changes, a receiver MUST adjust the size
        # of all stream flow-control windows that it maintains" (6.9.2), which may make them
        # negative.
        for stream in streams:
            if stream.send_window + change > r.MAXIMUM_WINDOW_SIZE:
                raise ConnectionViolation(
                    ErrorCode.FLOW_CONTROL_ERROR, "SETTINGS: a stream's window above 2^31-1"
                )
            stream.send_window += change
            self.resume(stream)

    def replayed(self, count: int, encoder: EncoderState, window: int, octets: int) -> None:
        """Record ``count`` responses sent by the fast path; see :mod:`h2static.http2.replay`."""
        self.encoder = encoder
        self.window = window
        self.output.octets = octets
        self.data_frames += count

    def resume(self, stream: Stream) -> None:
        """Queue a stream that can send again."""
        has_content = stream.body is not None or stream.reader is not None
        if stream.send_window > 0 and not stream.waiting and has_content:
            self.scheduler.add(stream)


def _is_empty(body: bytes | Body) -> bool:
    """Whether nothing follows the field section."""
    return body == b"" if isinstance(body, bytes) else body.length == 0
