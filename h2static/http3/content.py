"""Content from clients: DATA frames to sinks, with credit (RFC 9114 section 4.1).

Contract: :meth:`Content.data` passes each octet to the stream's sink, and :meth:`Content.credit`
returns credit for received octets.  The stream's credit is withheld while its sink is full, and
while it is undecided what happens to the content.  The connection's credit is not withheld, so an
unread stream blocks only itself, unless the worker holds too many such octets altogether.  Unwanted
content is discarded, up to a limit.

Assumes that ``ended`` handles complete messages, and ``excess`` too much unwanted content.
"""

from __future__ import annotations

from collections.abc import Callable

from h2static.http.bodies import Sink
from h2static.http3.budgets import Budgets
from h2static.http3.errors import StreamViolation
from h2static.http3.registry import ErrorCode
from h2static.http3.service import Service
from h2static.http3.stream import Stream
from h2static.quic.transport import Transport


class Content:
    """Receives the content of one connection's requests."""

    __slots__ = (
        "_budgets", "_ended", "_excess", "_held", "_limits", "_transport", "_window",
    )  # fmt: skip

    def __init__(
        self,
        service: Service,
        transport: Transport,
        budgets: Budgets,
        *,
        ended: Callable[[Stream], None],
        excess: Callable[[Stream], None],
    ) -> None:
        self._limits = service.limits
        self._held = service.shared.held
        self._transport = transport
        self._budgets = budgets
        self._ended = ended
        self._excess = excess
        #: The connection's current window.
        self._window = service.limits.connection_window

    # ------------------------------------------------------------------ receiving

    def data(self, stream: Stream, data: bytes) -> None:
        """Process some content.  Raises :class:`~h2static.http3.errors.StreamViolation`."""
        stream.received += len(data)
        # "A request or response that is defined as having content … is malformed if the value of
        # the Content-Length header field does not equal the sum of the DATA frame lengths" (4.1.2).
        if stream.content_length is not None and stream.received > stream.content_length:
            raise StreamViolation(
                stream.id, ErrorCode.H3_MESSAGE_ERROR, "more content than content-length"
            )
        if stream.sink is not None:
            if not stream.sink.receive(data):
                stream.paused = True
        elif _is_undecided(stream):
            stream.early_content.append(data)
        elif stream.received > self._limits.discarded_content:
            self._excess(stream)

    def end(self, stream: Stream) -> None:
        """The message is complete, with or without trailers."""
        if stream.content_length is not None and stream.received != stream.content_length:
            raise StreamViolation(
                stream.id, ErrorCode.H3_MESSAGE_ERROR, "less content than content-length"
            )
        stream.whole = True
        sink, stream.sink = stream.sink, None
        if sink is not None:
            sink.end(stream.trailers)
        if not stream.gone:
            self._ended(stream)

    def judge(self, stream: Stream | None, octets: int) -> None:
        """A DATA frame of ``octets`` has begun: charge it if it is tiny."""
        # A tunnel carries messages of any size, but an empty frame is useless.
        if octets < self._limits.tiny_data and (
            stream is None or not octets or not (stream.tunneled or stream.request.protocol)
        ):
            self._budgets.glitch()

    # ------------------------------------------------------------------ credit

    def credit(self, stream: Stream | None, stream_id: int, octets: int, content: int) -> None:
        """Return credit for ``octets`` of a stream, of which ``content`` are content without
        returned credit; ``stream`` is the current state of the request, if there is one."""
        held = 0
        if stream is not None and not stream.gone and not stream.whole and _is_held(stream):
            held = content
            stream.withheld += held
            self._held.octets += held
        if held and self._held.octets > self._held.limit and stream is not None:
            stream.withheld_connection += held
            self._transport.give_credit(None, octets - held)
        else:
            self._return_connection(octets, taken=0 if held else content)
        if stream is not None and not stream.whole and not held and content:
            self._return_stream(stream, content)
            octets -= content
        self._transport.give_credit(stream_id, octets - held)

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
        self._give_back(stream)
        if withheld_connection:
            self._return_connection(withheld_connection, taken=withheld_connection)
        if withheld and not stream.whole:
            self._return_stream(stream, withheld)

    def closed(self, stream: Stream) -> None:
        """The stream is over: return the credit withheld from the connection for it."""
        withheld = stream.withheld_connection
        self._give_back(stream)
        if withheld:
            self._transport.give_credit(None, withheld)

    def _give_back(self, stream: Stream) -> None:
        self._held.octets -= stream.withheld
        stream.withheld = stream.withheld_connection = 0

    def _return_connection(self, octets: int, *, taken: int) -> None:
        """Return credit of the connection; ``taken``: octets that a sink took."""
        grown = min(taken, max(0, self._limits.upload_window - self._window))
        self._window += grown
        self._transport.give_credit(None, octets + grown)

    def _return_stream(self, stream: Stream, octets: int) -> None:
        grown = min(octets, max(0, self._limits.upload_window - stream.window))
        stream.window += grown
        self._transport.give_credit(stream.id, octets + grown)


def _is_undecided(stream: Stream) -> bool:
    """Whether it is undecided what happens to the stream's content."""
    return stream.sink is None and stream.response is None and stream.held_response is None


def _is_held(stream: Stream) -> bool:
    """Whether credit for the stream's content is withheld."""
    return stream.paused or _is_undecided(stream)
