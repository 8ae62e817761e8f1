"""The sending half of a connection: header blocks, DATA frames, windows, priorities.

Contract: everything that a connection sends passes through here and enters :attr:`Sender.output`
as whole frames.  Content is pulled: it is read only when both windows and the output have room.
A header block is encoded when its frames enter the output, and is never dropped afterwards.

Strategy: DATA frames are 16 384 octets at most, a size that every peer accepts and that keeps
streams interleaved.  A response that fits goes out at once when nothing else is queued; everything
else passes the scheduler.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from h2static.http.messages import WITHOUT_CONTENT, BodyReader, Field, Response
from h2static.http2 import registry as r
from h2static.http2.encoding import Block, EncoderState
from h2static.http2.errors import ConnectionViolation, StreamViolation
from h2static.http2.frames import (
    Continuation,
    Data,
    Frame,
    Headers,
    RstStream,
    frame_head,
)
from h2static.http2.output import Output
from h2static.http2.registry import ErrorCode
from h2static.http2.scheduler import Scheduler
from h2static.http2.service import Observer, Service
from h2static.http2.stream import Input, State, Stream

#: Content octets of one DATA frame; the smallest SETTINGS_MAX_FRAME_SIZE that a peer can have.
DATA_SIZE: Final = r.MINIMUM_MAX_FRAME_SIZE
#: What one call reads from a file: long enough to be worth a system call.
READ_SIZE: Final = 262_144
#: What an incremental stream sends before it is the next one's turn (RFC 9218 section 10).
INCREMENTAL_QUANTUM: Final = 4 * DATA_SIZE
_FULL_DATA: Final = frame_head(DATA_SIZE, r.DATA, 0)


class Sender:
    """What one connection sends."""

    __slots__ = (
        "_forget",
        "blocked",
        "content",
        "data_frames",
        "encoder",
        "initial_window",
        "observer",
        "output",
        "scheduler",
        "service",
        "window",
    )

    def __init__(
        self, service: Service, observer: Observer | None, forget: Callable[[Stream], None]
    ) -> None:
        """``forget`` is called with each stream that closes because its response has ended."""
        self.service = service
        self.observer = observer
        self.output = Output()
        self.scheduler: Scheduler[Stream] = Scheduler()
        self.encoder: EncoderState = service.blocks.start()
        #: The connection's window (RFC 9113 section 6.9).
        self.window = r.INITIAL_WINDOW_SIZE
        #: The peer's SETTINGS_INITIAL_WINDOW_SIZE.
        self.initial_window = r.INITIAL_WINDOW_SIZE
        #: DATA frames sent, one at least for each response: what WINDOW_UPDATE frames are measured
        #: against.
        self.data_frames = 0
        #: Octets of content that entered the output from streams that took their turns.
        self.content = 0
        #: Readers that would block, for the owner to wait for.
        self.blocked: list[tuple[int, BodyReader]] = []
        self._forget = forget

    # --- frames

    def emit(self, frame: Frame) -> None:
        """Send a control frame."""
        self.output.append(frame.serialize())
        if self.observer is not None:
            self.observer.sent(frame)

    def refresh(self) -> None:
        """The second may have changed: header blocks are remembered by the second."""
        if self.encoder.second != self.service.blocks.second:
            self.encoder = self.service.blocks.current(self.encoder)

    def headers(
        self,
        stream_id: int,
        block: bytes,
        flags: int,
        fields: Sequence[Field] = (),
        note: str = "",
    ) -> None:
        """Send a header block in a HEADERS frame and as many CONTINUATION frames as it needs."""
        size = r.MINIMUM_MAX_FRAME_SIZE
        room = size - self.service.settings.padding
        first, rest = block[:room], block[room:]
        padding = self._padding(len(first))
        if padding:
            flags |= r.PADDED
        frame = Headers(
            stream_id=stream_id,
            flags=flags if rest else flags | r.END_HEADERS,
            fragment=first,
            padding=padding,
        )
        self.output.append(frame.serialize())
        if self.observer is not None:
            self.observer.sent(frame, fields, note)
        while rest:
            fragment, rest = rest[:size], rest[size:]
            self.emit(
                Continuation(
                    stream_id=stream_id, flags=0 if rest else r.END_HEADERS, fragment=fragment
                )
            )

    def _padding(self, length: int) -> int:
        """Octets of padding for a payload of ``length``, Pad Length included."""
        return max(0, min(self.service.settings.padding, r.MINIMUM_MAX_FRAME_SIZE - length))

    # --- responses

    def informational(self, stream: Stream, status: int, fields: tuple[Field, ...] = ()) -> None:
        """Send a 1xx response (RFC 9113 section 8.1)."""
        self.refresh()
        section = ((b":status", b"%d" % status), *fields)
        block, self.encoder = self.service.blocks.encode(self.encoder, section)
        self.headers(stream.id, block, 0, section)

    def respond(
        self,
        stream: Stream,
        response: Response,
        *,
        extra: tuple[Field, ...] = (),
        at_once: bool = True,
    ) -> None:
        """Send the final field section of ``response`` and let its body follow.

        ``extra``: fields in addition.  ``at_once=False``: the body takes its turn in any case.
        """
        self.refresh()
        block = self.service.blocks.block(self.encoder, response, extra)
        if block.state is not None:
            self.encoder = block.state
        stream.response = response
        body = response.body
        stream.advance(Input.SEND_HEADERS)
        if body == b"" or (not isinstance(body, bytes) and body.length == 0):
            self.data_frames += 1
            if self._has_trailers(stream, response):
                self._final_headers(stream, block, 0, extra)
                self._trailers(stream)
            else:
                self._final_headers(stream, block, r.END_STREAM, extra)
            self._end(stream)
            return
        self._final_headers(stream, block, 0, extra)
        if isinstance(body, bytes):
            stream.body = memoryview(body)
            stream.remaining = len(body)
            if (
                at_once
                and not self.scheduler.count
                and 0 <= block.ready <= min(stream.send_window, self.window)
                and len(self.output) < self.service.limits.turn_output
            ):
                # What the remembered path does: at once, as one frame.
                self._send_from_memory(stream, block.ready)
                return
        else:
            stream.reader = body.open()
            stream.remaining = body.length
        self.scheduler.add(stream)

    def _final_headers(
        self, stream: Stream, block: Block, flags: int, extra: tuple[Field, ...]
    ) -> None:
        fields: Sequence[Field] = ()
        note = ""
        if self.observer is not None and stream.response is not None:
            fields = self.service.blocks.fields(stream.response, extra)
            note = "First push response header" if stream.id % 2 == 0 else "First response header"
        self.headers(stream.id, block.block, flags, fields, note)

    def _end(self, stream: Stream) -> None:
        """The stream's last octet has entered the output."""
        self.scheduler.remove(stream)
        stream.advance(Input.SEND_END_STREAM)
        stream.remaining = 0
        if stream.reader is not None:
            stream.reader.close()
            stream.reader = None
        stream.body = None
        if stream.state is State.CLOSED:
            if stream.id % 2:
                # What we promise does not count against the client's streams.
                self.output.ends.append(self.output.octets)
            self._forget(stream)

    def reset(self, stream_id: int, code: ErrorCode) -> None:
        """Send RST_STREAM."""
        self.emit(RstStream(stream_id=stream_id, code=code))

    # --- content

    def pump(self, budget: int) -> None:
        """Move content into the output until about ``budget`` octets are waiting there.

        Raises :class:`StreamViolation` when a body fails; to be called again then.
        """
        while len(self.output) < budget:
            stream = self.scheduler.next()
            if stream is None:
                return
            if stream.send_window <= 0:
                # Back in by WINDOW_UPDATE or SETTINGS.
                self.scheduler.remove(stream)
                continue
            if self.window <= 0:
                return
            if stream.reader is not None and stream.entered_at == self.output.emptied:
                # What it returned last is still to be sent, and valid until it is read again.
                return
            quantum = INCREMENTAL_QUANTUM if stream.incremental else budget
            allowance = min(stream.send_window, self.window, quantum)
            self.scheduler.turn_taken(stream)
            if stream.body is not None:
                self._send_from_memory(stream, allowance)
            else:
                self._send_from_reader(stream, min(allowance, READ_SIZE))

    def _send_from_memory(self, stream: Stream, allowance: int) -> None:
        body, start = stream.body, stream.offset
        assert body is not None
        end = min(start + allowance, len(body))
        stream.offset = end
        self._data(stream, body[start:end], last=end == len(body))

    def _send_from_reader(self, stream: Stream, allowance: int) -> None:
        reader = stream.reader
        assert reader is not None
        remaining = stream.remaining
        if remaining is not None and remaining < allowance:
            allowance = remaining
        try:
            data = reader.read(allowance)
        except OSError as error:
            # The octets that Content-Length promised cannot be had: never a short body that looks
            # complete.
            raise StreamViolation(
                stream.id, ErrorCode.INTERNAL_ERROR, f"reading failed: {error}"
            ) from error
        if data is None:
            stream.waiting = True
            self.scheduler.remove(stream)
            self.blocked.append((stream.id, reader))
            return
        if not data:
            if remaining is not None:
                raise StreamViolation(
                    stream.id, ErrorCode.INTERNAL_ERROR, "file was truncated while it was sent"
                )
            self._data(stream, memoryview(b""), last=True)
            return
        self._data(stream, memoryview(data), last=remaining == len(data))

    def _data(self, stream: Stream, content: memoryview, *, last: bool) -> None:
        """Send content that the windows allow; ``last``: it ends the body."""
        length = len(content)
        if stream.remaining is not None:
            stream.remaining -= length
        stream.sent += length
        stream.entered_at = self.output.emptied
        self.content += length
        trailers = self.service.settings.trailers
        end = r.END_STREAM if last and not trailers else 0
        if self.observer is None and not self.service.settings.padding:
            self._data_pieces(stream, content, end)
        else:
            self._data_frames(stream, content, end)
        if not last:
            return
        if trailers:
            self._trailers(stream)
        self._end(stream)

    def _has_trailers(self, stream: Stream, response: Response) -> bool:
        """Whether trailers follow a response that has no octets of content."""
        return (
            bool(self.service.settings.trailers)
            and stream.request.method != b"HEAD"
            and response.status not in WITHOUT_CONTENT
        )

    def _trailers(self, stream: Stream) -> None:
        """Send the trailer section, which ends the stream (RFC 9113 section 8.1)."""
        trailers = self.service.settings.trailers
        self.refresh()
        block, self.encoder = self.service.blocks.encode(self.encoder, trailers)
        self.headers(stream.id, block, r.END_STREAM, trailers)

    def _data_pieces(self, stream: Stream, content: memoryview, end: int) -> None:
        output = self.output
        identifier = stream.id.to_bytes(4, "big")
        length = len(content)
        whole = length - 1 if end else length
        position = 0
        pieces = output.pieces
        while position + DATA_SIZE <= whole:
            pieces += (_FULL_DATA, identifier, content[position : position + DATA_SIZE])
            position += DATA_SIZE
        frames = position // DATA_SIZE
        if position < length or end:
            head = frame_head(length - position, r.DATA, end)
            pieces += (head, identifier, content[position:])
            frames += 1
        output.octets += length + r.FRAME_HEADER_SIZE * frames
        stream.send_window -= length
        self.window -= length
        self.data_frames += frames

    def _data_frames(self, stream: Stream, content: memoryview, end: int) -> None:
        """The same with padding or an observer; padding counts against windows (section 6.9)."""
        if not content and not end:
            # The end of a body whose length nobody knew: trailers end the stream.
            return
        position = 0
        while True:
            size = min(len(content) - position, DATA_SIZE)
            room = min(stream.send_window, self.window, DATA_SIZE) - size
            padding = min(self.service.settings.padding, room)
            # Keep the windows for content that is still to come with this call.
            padding = max(0, min(padding, self._spare_window(stream, len(content) - position)))
            flags = r.PADDED if padding else 0
            if end and position + size == len(content):
                flags |= end
            frame = Data(
                stream_id=stream.id,
                flags=flags,
                data=bytes(content[position : position + size]),
                padding=padding,
            )
            self.output.append(frame.serialize())
            if self.observer is not None:
                self.observer.sent(frame)
            stream.send_window -= size + padding
            self.window -= size + padding
            self.data_frames += 1
            position += size
            if position >= len(content):
                return

    def _spare_window(self, stream: Stream, needed: int) -> int:
        return min(stream.send_window, self.window) - needed

    # --- windows

    def window_update(self, increment: int) -> None:
        """The connection's window grows."""
        # "If a sender receives a WINDOW_UPDATE that causes a flow-control window to exceed this
        # maximum, it MUST terminate either the stream or the connection" (6.9.1).
        if self.window + increment > r.MAXIMUM_WINDOW_SIZE:
            raise ConnectionViolation(
                ErrorCode.FLOW_CONTROL_ERROR, "WINDOW_UPDATE: connection window above 2^31-1"
            )
        self.window += increment

    def stream_window_update(self, stream: Stream, increment: int) -> None:
        """A stream's window grows."""
        if stream.send_window + increment > r.MAXIMUM_WINDOW_SIZE:
            raise StreamViolation(
                stream.id, ErrorCode.FLOW_CONTROL_ERROR, "WINDOW_UPDATE: window above 2^31-1"
            )
        stream.send_window += increment
        self.resume(stream)

    def resume(self, stream: Stream) -> None:
        """Queue a stream that can send again."""
        if stream.send_window > 0 and not stream.waiting and self._has_content(stream):
            self.scheduler.add(stream)

    def _has_content(self, stream: Stream) -> bool:
        return stream.body is not None or stream.reader is not None
