"""Receiving on request streams: checking the order of frames, turning field sections into requests.

Contract: :meth:`Receiver.receive` processes the next octets of a request stream and returns their
credit.  It raises :class:`~h2static.http3.errors.ConnectionViolation` or
:class:`~h2static.http3.errors.StreamViolation`; the credit is returned in any case.

Strategy: a request that arrives as a whole, in known octets, takes one lookup.
"""

from __future__ import annotations

from h2static.http.errors import Malformed
from h2static.http.refusals import refusal_text
from h2static.http.requests import Request
from h2static.http.semantics import SENSITIVE, validate_request, validate_trailers
from h2static.http.turn import Turn
from h2static.http3 import registry as r
from h2static.http3.budgets import Budgets
from h2static.http3.errors import ConnectionViolation, StreamViolation
from h2static.http3.frames import Data, Headers, Piece, Unknown
from h2static.http3.integers import decode_integer
from h2static.http3.observer import Observer
from h2static.http3.registry import ErrorCode
from h2static.http3.reports import Reports
from h2static.http3.requests import Requests
from h2static.http3.sections import decode_section
from h2static.http3.service import Service
from h2static.http3.stream import Part, Stream, step
from h2static.http3.streams import Incoming, Streams
from h2static.quic.transport import StreamData, Transport
from hpacktools.qpack import DecodedSection


class Receiver:
    """The receiving half of one connection's request streams."""

    __slots__ = (
        "_budgets", "_observer", "_reports", "_requests", "_service", "_streams", "_transport",
        "_turn",
    )  # fmt: skip

    def __init__(
        self,
        service: Service,
        transport: Transport,
        turn: Turn,
        *,
        streams: Streams,
        requests: Requests,
        budgets: Budgets,
        reports: Reports,
        observer: Observer | None,
    ) -> None:
        self._service = service
        self._transport = transport
        self._turn = turn
        self._streams = streams
        self._requests = requests
        self._budgets = budgets
        self._reports = reports
        self._observer = observer

    def receive(self, event: StreamData) -> None:
        """Process the next octets of a request stream, and return their credit."""
        stream_id, data = event.stream_id, event.data
        incoming = self._streams.incoming.get(stream_id)
        if incoming is None:
            if event.ended and self._observer is None and self._known(stream_id, data):
                self._transport.give_credit(None, len(data))
                return
            incoming = Incoming(self._streams.frame_limits, self._turn.now)
            self._streams.incoming[stream_id] = incoming
        content = 0
        try:
            if not incoming.dropped:
                pieces = incoming.reader.feed(data)
                content = sum(len(one.data) for one in pieces if one.frame_type == r.DATA)
                self._take_all(stream_id, incoming, pieces, event)
        finally:
            stream = self._streams.open.get(stream_id)
            self._requests.content.credit(stream, stream_id, len(data), content)
            if event.ended:
                self._streams.incoming.pop(stream_id, None)

    def _take_all(
        self, stream_id: int, incoming: Incoming, pieces: list[Piece], event: StreamData
    ) -> None:
        last = len(pieces) - 1
        for position, piece in enumerate(pieces):
            whole = event.ended and position == last and not incoming.reader.partial
            self._take(stream_id, incoming, piece, whole=whole)
            if incoming.dropped:
                return
        if event.ended:
            self._end(stream_id, incoming)

    def _known(self, stream_id: int, data: bytes) -> bool:
        """Answer a whole request in known octets; returns false if it must be parsed."""
        if data[:1] != b"\x01":
            return False
        length = decode_integer(data, 1)
        if length is None or length[1] + length[0] != len(data):
            return False
        head = self._service.sections.known.get(data[length[1] :])
        if head is None:
            return False
        if not self._streams.admit(stream_id):
            return True
        self._requests.open(stream_id, head, whole=True)
        return True

    # ------------------------------------------------------------------ frames

    def _take(self, stream_id: int, incoming: Incoming, piece: Piece, *, whole: bool) -> None:
        """Process a frame, or some octets of DATA; ``whole``: nothing follows."""
        if piece.frame_type == r.DATA:
            self._data(stream_id, incoming, piece)
            return
        before = incoming.part
        incoming.part = step(before, piece.frame_type, stream_id)
        if piece.frame_type != r.HEADERS:
            if self._observer is not None:
                self._observer.received(
                    stream_id, Unknown(frame_type=piece.frame_type, length=piece.length)
                )
            self._budgets.glitch()
            return
        if before is Part.NOTHING:
            self._head(stream_id, incoming, piece, whole=whole)
        else:
            self._trailers(stream_id, piece)

    def _data(self, stream_id: int, incoming: Incoming, piece: Piece) -> None:
        stream = self._streams.open.get(stream_id)
        if piece.first:
            incoming.part = step(incoming.part, r.DATA, stream_id)
            self._requests.content.judge(stream, piece.length)
            if self._observer is not None:
                self._observer.received(stream_id, Data(length=piece.length))
        elif stream is not None:
            self._requests.content.data(stream, piece.data)

    def _head(self, stream_id: int, incoming: Incoming, piece: Piece, *, whole: bool) -> None:
        """Process the field section of a request."""
        decoded = None if piece.too_long else decode_section(piece.data, self._service.limits)
        if self._observer is not None and decoded is not None:
            self._observer.received(stream_id, Headers(section=piece.data), decoded.fields)
        if not self._streams.admit(stream_id):
            return
        limits = self._service.limits
        if decoded is None or decoded.truncated or len(decoded.fields) > limits.soft_fields:
            # RFC 6585 section 5: 431.
            self._budgets.glitch(limits.oversized_section_glitches)
            self._reports.limit(stream_id, "header section too large (431)")
            self._requests.refuse(stream_id, 431, _unread(decoded), whole=False)
            return
        try:
            head = validate_request(
                decoded.fields,
                end_stream=whole,
                connect_protocol=self._service.connect_protocol,
                checked=None if decoded.never_indexed else self._service.sections.checked,
            )
        except Malformed as malformed:
            # "Malformed requests or responses that are detected MUST be treated as a stream error
            # of type H3_MESSAGE_ERROR" (4.1.2).
            raise StreamViolation(
                stream_id, ErrorCode.H3_MESSAGE_ERROR, str(malformed)
            ) from malformed
        if head.request.method == b"CONNECT":
            incoming.part = Part.TUNNEL
        refusal = self._service.misdirected(head.request)
        if refusal is not None:
            status, reason = refusal
            text = refusal_text(self._requests.client, head.request, status, reason)
            self._reports.refusal(stream_id, text)
            self._requests.refuse(stream_id, status, head.request, whole=whole)
            return
        if whole and not _has_secrets(decoded):
            self._service.sections.remember(piece.data, head)
        self._requests.open(stream_id, head, whole=whole)

    def _trailers(self, stream_id: int, piece: Piece) -> None:
        stream = self._streams.open.get(stream_id)
        decoded = None if piece.too_long else decode_section(piece.data, self._service.limits)
        if decoded is None or decoded.truncated:
            self._budgets.glitch(self._service.limits.oversized_section_glitches)
            raise StreamViolation(stream_id, ErrorCode.H3_EXCESSIVE_LOAD, "trailers too large")
        if self._observer is not None:
            self._observer.received(stream_id, Headers(section=piece.data), decoded.fields)
        try:
            validate_trailers(decoded.fields)
        except Malformed as malformed:
            raise StreamViolation(
                stream_id, ErrorCode.H3_MESSAGE_ERROR, str(malformed)
            ) from malformed
        if stream is not None:
            stream.trailers = decoded.fields

    def _end(self, stream_id: int, incoming: Incoming) -> None:
        """The client's side of the stream has ended."""
        # "When a stream terminates cleanly, if the last frame on the stream was truncated, this
        # MUST be treated as a connection error of type H3_FRAME_ERROR" (7.1).
        if incoming.reader.partial:
            raise ConnectionViolation(
                ErrorCode.H3_FRAME_ERROR, f"stream {stream_id} ends inside a frame"
            )
        if incoming.part is Part.NOTHING:
            # "If a client-initiated stream terminates without enough of the HTTP message to provide
            # a complete response, the server SHOULD abort its response stream with the error code
            # H3_REQUEST_INCOMPLETE" (4.1).
            raise StreamViolation(
                stream_id, ErrorCode.H3_REQUEST_INCOMPLETE, "stream ended without a request"
            )
        stream: Stream | None = self._streams.open.get(stream_id)
        if stream is not None and not stream.whole:
            self._requests.content.end(stream)


def _has_secrets(decoded: DecodedSection) -> bool:
    """Whether the section has secrets that others could learn from how fast it is parsed."""
    return bool(decoded.never_indexed) or any(name in SENSITIVE for name, _ in decoded.fields)


def _unread(decoded: DecodedSection | None) -> Request:
    """The request for a 431; only whether it is HEAD, and so without content, matters."""
    fields = () if decoded is None else decoded.fields
    method = next((value for name, value in fields if name == b":method"), b"GET")
    return Request(method=method, scheme=b"", authority=b"", path=b"/", fields=())
