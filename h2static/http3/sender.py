"""The sending half of a connection: field sections, content, priorities.

Contract: every octet of request streams passes through here.  Content is pulled: it is read only
when the transport has room for it, on the connection and on the stream.  The order of streams
follows RFC 9218 section 10.

Strategy: a response that fits is sent immediately if nothing else is queued; everything else passes
through the scheduler.  A stream without credit leaves the scheduler and is checked again whenever
something arrives from the peer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from h2static.http.bodies import Body, BodyReader
from h2static.http.fields import Fields
from h2static.http.messages import Response
from h2static.http.scheduler import Scheduler
from h2static.http3 import registry as r
from h2static.http3.errors import StreamViolation
from h2static.http3.frames import Data, Headers, frame_head, serialize
from h2static.http3.observer import Observer
from h2static.http3.registry import ErrorCode
from h2static.http3.sections import encode_section
from h2static.http3.service import Service
from h2static.http3.stream import Stream
from h2static.quic.transport import Transport

#: Size of one read: large enough to be worth a system call.
READ_SIZE: Final = 65_536
#: What an incremental stream sends before the next one's turn (RFC 9218 section 10).
INCREMENTAL_QUANTUM: Final = 16_384
#: Length of the header of a DATA frame.
_DATA_HEAD: Final = 9


class Sender:
    """The sending half of one connection's request streams."""

    __slots__ = (
        "_ended", "_observer", "_responses", "_transport", "blocked", "content", "scheduler",
        "without_credit",
    )  # fmt: skip

    def __init__(
        self,
        transport: Transport,
        service: Service,
        observer: Observer | None,
        ended: Callable[[Stream], None],
    ) -> None:
        """``ended`` is called with each stream on which our message has ended."""
        self._transport = transport
        self._responses = service.responses
        self._observer = observer
        self._ended = ended
        self.scheduler: Scheduler[Stream] = Scheduler()
        #: Streams waiting for credit from the peer.
        self.without_credit: dict[int, Stream] = {}
        #: Octets of content passed to the transport.
        self.content = 0
        #: Readers that would block; the owner waits for them.
        self.blocked: list[tuple[int, BodyReader]] = []

    # ------------------------------------------------------------------ field sections

    def _headers(
        self, stream: Stream, fields: Fields, *, end: bool = False, note: str = ""
    ) -> None:
        frame = Headers(section=encode_section(fields))
        self._transport.send(stream.id, serialize(frame), end=end)
        if self._observer is not None:
            self._observer.sent(stream.id, frame, fields, note)

    def informational(self, stream: Stream, status: int, fields: Fields = ()) -> None:
        """Send a 1xx response (RFC 9114 section 4.1)."""
        self._headers(stream, ((b":status", b"%d" % status), *fields))

    def respond(self, stream: Stream, response: Response, *, extra: Fields = ()) -> None:
        """Send the final field section of ``response``, followed by its body.

        Raises ``OSError``, without having sent anything, if the body cannot be opened.
        """
        empty = _is_empty(response.body)
        if not empty:
            self._open_body(stream, response.body)
        stream.response = response
        if self._observer is not None or extra:
            fields = self._responses.fields(response, extra)
            self._headers(stream, fields, end=empty, note="First response header")
        else:
            ready = self._responses.ready(response)
            if ready.length >= 0 and not self._takes_at_once(stream, ready.length):
                # Cached octets include the content.
                self._headers(stream, self._responses.fields(response), end=empty)
            else:
                self._transport.send(stream.id, ready.octets, end=ready.length >= 0)
                if ready.length > 0:
                    self._count(stream, ready.length)
                    stream.remaining = 0
                    self._end(stream)
                    return
        if empty:
            self._end(stream)
        else:
            self.scheduler.add(stream)

    def _takes_at_once(self, stream: Stream, octets: int) -> bool:
        """Whether this much content can go to the transport now, ahead of other streams."""
        transport = self._transport
        return not octets or (
            not self.scheduler.count
            and octets <= transport.room
            and octets <= transport.stream_room(stream.id)
        )

    def send_prepared(self, stream_id: int, response: Response) -> int:
        """Send a prepared response as a whole; returns its octets of content, or -1 if that is not
        possible."""
        ready = self._responses.ready(response)
        length = ready.length
        transport = self._transport
        if length < 0 or (
            length
            and (
                self.scheduler.count
                or length > transport.room
                or length > transport.stream_room(stream_id)
            )
        ):
            return -1
        transport.send(stream_id, ready.octets, end=True)
        self.content += length
        return length

    def _open_body(self, stream: Stream, body: bytes | Body) -> None:
        if isinstance(body, bytes):
            stream.body = memoryview(body)
            stream.remaining = len(body)
        else:
            stream.reader = body.open()
            stream.remaining = body.length

    def _end(self, stream: Stream) -> None:
        """The stream's last octet was passed to the transport."""
        self.forget(stream)
        stream.remaining = 0
        stream.close_reader()
        self._ended(stream)

    def forget(self, stream: Stream) -> None:
        """Drop ``stream``: nothing more is sent on it."""
        self.scheduler.remove(stream)
        self.without_credit.pop(stream.id, None)

    # ------------------------------------------------------------------ content

    @property
    def can_move(self) -> bool:
        """Whether :meth:`pump` would move something."""
        return self.scheduler.count > 0 and self._transport.room > 0

    def pump(self, budget: int) -> None:
        """Pass content to the transport, at most about ``budget`` octets.

        Raises :class:`~h2static.http3.errors.StreamViolation` if a body fails; call it again
        after that.
        """
        transport, scheduler = self._transport, self.scheduler
        before = self.content
        while self.content - before < budget:
            room = transport.room
            if room <= 0:
                return
            stream = scheduler.next()
            if stream is None:
                return
            credit = transport.stream_room(stream.id)
            if credit <= 0:
                scheduler.remove(stream)
                self.without_credit[stream.id] = stream
                continue
            quantum = INCREMENTAL_QUANTUM if stream.incremental else READ_SIZE
            allowance = max(1, min(room, credit, quantum) - _DATA_HEAD)
            scheduler.turn_taken(stream)
            if stream.body is not None:
                end = min(stream.offset + allowance, len(stream.body))
                piece = stream.body[stream.offset : end]
                stream.offset = end
                self._data(stream, piece, last=end == len(stream.body))
            else:
                self._send_from_reader(stream, allowance)

    def _send_from_reader(self, stream: Stream, allowance: int) -> None:
        reader = stream.reader
        assert reader is not None
        remaining = stream.remaining
        if remaining is not None and remaining < allowance:
            allowance = remaining
        try:
            data = reader.read(allowance)
        except OSError as error:
            # The octets promised by Content-Length are unavailable: never send a short body that
            # looks complete.
            raise _broken(stream, f"reading failed: {error}") from error
        if data is None:
            stream.waiting = True
            self.scheduler.remove(stream)
            self.blocked.append((stream.id, reader))
            return
        if not data:
            if remaining is not None:
                raise _broken(stream, "file was truncated while it was being sent")
            self._finish(stream, reader)
            return
        if len(data) > allowance:
            raise _broken(stream, "a body returned more than requested")
        last = remaining == len(data)
        trailers = reader.trailers() if last else ()
        self._data(stream, data, last=last and not trailers)
        if trailers:
            self._trailers(stream, trailers)

    def _finish(self, stream: Stream, reader: BodyReader) -> None:
        """End a body of unknown length."""
        trailers = reader.trailers()
        if trailers:
            self._trailers(stream, trailers)
        else:
            self._transport.send(stream.id, b"", end=True)
            self._end(stream)

    def _trailers(self, stream: Stream, trailers: Fields) -> None:
        self._headers(stream, trailers, end=True)
        self._end(stream)

    def _data(self, stream: Stream, content: bytes | memoryview, *, last: bool) -> None:
        length = len(content)
        self._transport.send(stream.id, frame_head(r.DATA, length))
        self._transport.send(stream.id, content, end=last)
        if self._observer is not None:
            self._observer.sent(stream.id, Data(length=length))
        self._count(stream, length)
        if stream.remaining is not None:
            stream.remaining -= length
        if last:
            self._end(stream)

    def _count(self, stream: Stream, length: int) -> None:
        stream.sent += length
        self.content += length

    def resume(self, stream: Stream) -> None:
        """Queue a stream that can send again."""
        if not stream.waiting and (stream.body is not None or stream.reader is not None):
            self.without_credit.pop(stream.id, None)
            self.scheduler.add(stream)

    def look_for_credit(self) -> None:
        """Check for new credit for streams that wait for it."""
        room = self._transport.stream_room
        for stream in [one for one in self.without_credit.values() if room(one.id) > 0]:
            self.resume(stream)


def _broken(stream: Stream, reason: str) -> StreamViolation:
    return StreamViolation(stream.id, ErrorCode.H3_INTERNAL_ERROR, reason)


def _is_empty(body: bytes | Body) -> bool:
    """Whether there is no content after the field section."""
    return body == b"" if isinstance(body, bytes) else body.length == 0
