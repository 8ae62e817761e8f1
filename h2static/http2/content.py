"""Content from the peer: DATA frames to sinks, with credit (RFC 9113 sections 6.1 and 6.9).

Contract: :meth:`Content.data` passes each octet to the stream's sink and returns credit when the
octets have been taken.  The stream's credit is withheld while its sink is full, and while it is
undecided what happens to the content.  The connection's credit is not withheld, so an unread stream
blocks only itself, unless the worker holds too many such octets altogether.  Unwanted content is
discarded, up to a limit.

Assumes that ``ended`` handles complete messages, and ``excess`` too much unwanted content.
"""

from __future__ import annotations

from collections.abc import Callable

from h2static.http.bodies import Sink
from h2static.http2 import registry as r
from h2static.http2.budgets import Budgets
from h2static.http2.errors import ConnectionViolation, StreamViolation
from h2static.http2.frames import Data, WindowUpdate, unpack_header
from h2static.http2.registry import ErrorCode
from h2static.http2.sender import Sender
from h2static.http2.service import Endpoint
from h2static.http2.stream import Input, Stream
from h2static.http2.streams import Streams
from h2static.http2.windows import ReceiveWindow


class Content:
    """Receives the content of one connection's messages."""

    __slots__ = (
        "_budgets",
        "_ended",
        "_excess",
        "_held",
        "_limits",
        "_sender",
        "_streams",
        "_tiny",
        "_tunnel_window",
        "window",
    )

    def __init__(
        self,
        endpoint: Endpoint,
        streams: Streams,
        sender: Sender,
        budgets: Budgets,
        *,
        ended: Callable[[Stream], None],
        excess: Callable[[Stream], None],
    ) -> None:
        settings = endpoint.settings
        self._limits = endpoint.limits
        self._held = endpoint.shared.held
        self._streams = streams
        self._sender = sender
        self._budgets = budgets
        self._ended = ended
        self._excess = excess
        size = max(1, settings.connection_window_size)
        #: The connection's window begins with 65 535 octets (6.9.2): our preface announces a larger
        #: one, and for a smaller one the difference is never returned.
        self.window = ReceiveWindow(
            max(r.INITIAL_WINDOW_SIZE, settings.connection_window_size),
            settings.connection_window_size,
            debt=max(0, r.INITIAL_WINDOW_SIZE - size),
            most=settings.largest_connection_window,
        )
        initial = settings.initial_window_size is None and size == r.INITIAL_WINDOW_SIZE
        self._tunnel_window = endpoint.limits.tunnel_window if initial else 0
        # DATA with fewer octets is a glitch, unless our own window forces such frames.
        smallest = min(settings.stream_window_size, settings.connection_window_size)
        self._tiny = min(endpoint.limits.tiny_data, max(1, smallest // 2))

    # ------------------------------------------------------------------ frames

    def data(self, frame: Data) -> None:
        """Process DATA, wanted or not.  Raises a violation."""
        flow = len(frame.data) + frame.padding
        # "The entire DATA frame payload is included in flow control" (6.1), whatever becomes of it
        # (6.9).
        if not self.window.received(flow):
            raise ConnectionViolation(
                ErrorCode.FLOW_CONTROL_ERROR, "DATA beyond the connection's window"
            )
        stream = self._streams.open.get(frame.stream_id)
        withheld = (
            stream is not None and _is_held(stream) and self._held.octets + flow > self._held.limit
        )
        if not withheld:
            self._return_connection(flow)
        if len(frame.data) < self._tiny and not frame.flags & r.END_STREAM:
            self._judge_tiny(stream, len(frame.data))
        if stream is None:
            self._streams.absent(frame.stream_id, Input.RECEIVE_DATA)
            return
        if withheld:
            stream.withheld_connection += flow
        stream.advance(Input.RECEIVE_DATA)
        if not stream.window.received(flow):
            raise StreamViolation(
                stream.id, ErrorCode.FLOW_CONTROL_ERROR, "DATA beyond the stream's window"
            )
        stream.received += len(frame.data)
        # Malformed: "the value of a Content-Length header field does not equal the sum of the DATA
        # frame payload lengths" (8.1.1).
        if stream.content_length is not None and stream.received > stream.content_length:
            raise StreamViolation(
                stream.id, ErrorCode.PROTOCOL_ERROR, "more content than content-length"
            )
        self._take(stream, frame.data, flow, last=bool(frame.flags & r.END_STREAM))

    def run(self, data: bytes, position: int, most: int) -> int:
        """Process a run of DATA frames from ``position`` on that differ only in their octets;
        returns where the first other or incomplete frame begins.  ``most``: octets of the largest
        frame.

        A download consists of such frames.  :meth:`data` would do the same for each, in the same
        order, but here windows are counted once, after the last one.  The first frame of a stream
        is never part of a run, because it must still be checked whether it is allowed.
        """
        head, flags, stream_id = unpack_header(data, position)
        stream = self._streams.open.get(stream_id)
        if stream is None or not stream.received or stream.paused or stream.sink is None:
            return position
        left = min(self.window.left, stream.window.left)
        if stream.content_length is not None:
            left = min(left, stream.content_length - stream.received)
        sink, tiny, end, flow = stream.sink, self._tiny, len(data), 0
        found = stream_id
        while head & 0xFF == r.DATA and not flags and found == stream_id:
            size = head >> 8
            start = position + r.FRAME_HEADER_SIZE
            if size < tiny or size > most or size > left or start + size > end:
                break
            position = start + size
            left -= size
            flow += size
            if not sink.receive(data[start:position]):
                # From here on, including this frame, credit is withheld.
                stream.paused = True
                stream.withheld += size
                self._held.octets += size
                break
            if stream.gone or position + r.FRAME_HEADER_SIZE > end:
                break
            head, flags, found = unpack_header(data, position)
        if flow:
            self.window.received(flow)
            self._return_connection(flow)
            stream.window.received(flow)
            stream.received += flow
            if not stream.gone:
                self._return_stream(stream, flow - stream.withheld)
        return position

    def _judge_tiny(self, stream: Stream | None, octets: int) -> None:
        # A tunnel carries messages of any size, but an empty frame is useless (CVE-2019-9518).
        if stream is None or not stream.tunneled or not octets:
            self._budgets.glitch()

    def _take(self, stream: Stream, data: bytes, flow: int, *, last: bool) -> None:
        """Pass content to its sink, and return its credit when it has been taken."""
        if stream.sink is not None:
            if data and not stream.sink.receive(data):
                stream.paused = True
        elif _is_undecided(stream):
            if data:
                stream.early_content.append(data)
        elif stream.received > self._limits.discarded_content and not last:
            self._excess(stream)
            return
        if stream.gone:
            # The sink has given up: its content is no longer wanted.
            return
        if last:
            stream.advance(Input.RECEIVE_END_STREAM)
            self.end(stream)
        elif _is_held(stream):
            stream.withheld += flow
            self._held.octets += flow
        elif flow:
            self._return_stream(stream, flow)

    def end(self, stream: Stream) -> None:
        """The message is complete: END_STREAM arrived, with or without trailers."""
        if stream.content_length is not None and stream.received != stream.content_length:
            raise StreamViolation(
                stream.id, ErrorCode.PROTOCOL_ERROR, "less content than content-length"
            )
        stream.whole = True
        sink = stream.sink
        if sink is not None:
            stream.sink = None
            sink.end(stream.trailers)
        if not stream.gone:
            self._ended(stream)

    # ------------------------------------------------------------------ credit

    def accept(self, stream: Stream, sink: Sink) -> None:
        """Pass all content to ``sink``, from the first octet on."""
        pieces, stream.early_content = stream.early_content, []
        stream.sink = sink
        for piece in pieces:
            if not sink.receive(piece):
                stream.paused = True
            if stream.sink is not sink:
                # The application has given up in the meantime.
                return
        if stream.whole:
            stream.sink = None
            sink.end(stream.trailers)
        elif not stream.paused:
            self.resume(stream)

    def discard(self, stream: Stream) -> None:
        """The content is unwanted: discard what has arrived and what is still to come."""
        sink, stream.sink = stream.sink, None
        if sink is not None:
            sink.abandon()
        stream.early_content = []
        self.resume(stream)

    def resume(self, stream: Stream) -> None:
        """The sink takes content again: return the withheld credit."""
        stream.paused = False
        withheld, withheld_connection = stream.withheld, stream.withheld_connection
        self.give_back(stream)
        if withheld_connection:
            self._return_connection(withheld_connection)
        if withheld and not stream.whole:
            self._return_stream(stream, withheld)

    def give_back(self, stream: Stream) -> None:
        """Stop withholding credit for ``stream``."""
        self._held.octets -= stream.withheld
        stream.withheld = stream.withheld_connection = 0

    def closed(self, stream: Stream) -> None:
        """The stream is over: return the credit withheld from the connection's window for it."""
        withheld = stream.withheld_connection
        self.give_back(stream)
        if withheld:
            self._return_connection(withheld)

    def open_window(self, stream: Stream) -> None:
        """Open a window that began at 0, because the request was accepted."""
        size = stream.window.size
        self._sender.emit(WindowUpdate(stream_id=stream.id, increment=size))
        stream.window.widen(size)

    def widen(self, stream: Stream) -> None:
        """Widen the windows for ``stream``, which has become a tunnel."""
        size = self._tunnel_window
        for stream_id, window in ((0, self.window), (stream.id, stream.window)):
            increment = window.grow(size)
            if increment:
                self._sender.emit(WindowUpdate(stream_id=stream_id, increment=increment))

    def _return_connection(self, octets: int) -> None:
        increment = self.window.taken(octets)
        if increment:
            self._sender.emit(WindowUpdate(stream_id=0, increment=increment))

    def _return_stream(self, stream: Stream, octets: int) -> None:
        increment = stream.window.taken(octets)
        if increment:
            self._sender.emit(WindowUpdate(stream_id=stream.id, increment=increment))


def _is_undecided(stream: Stream) -> bool:
    """Whether it is undecided what happens to the stream's content."""
    return stream.sink is None and stream.response is None and stream.held_response is None


def _is_held(stream: Stream) -> bool:
    """Whether credit for the stream's content is withheld."""
    return stream.paused or _is_undecided(stream)
