"""Requests as they arrive: header blocks, content, trailers (RFC 9113 sections 8.1 to 8.3).

Contract: :func:`headers`, :func:`continuation` and :func:`data` carry out their frames or raise a
violation.  A header block is always decoded, also for streams that are refused, reset or ignored:
the dynamic table is shared.  The site is asked when there is nothing more to wait for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from h2static.http.messages import Answer, Deferred, Request, Response
from h2static.http.priority import DEFAULT_INCREMENTAL, DEFAULT_URGENCY
from h2static.http.semantics import Malformed, RequestHead, validate_request, validate_trailers
from h2static.http2 import push
from h2static.http2 import registry as r
from h2static.http2.errors import ConnectionViolation, StreamViolation
from h2static.http2.frames import Continuation, Data, Headers, WindowUpdate
from h2static.http2.registry import ErrorCode
from h2static.http2.stream import Input, State, Stream, step
from h2static.http2.stream_ids import absent, state_of_absent
from h2static.http2.violations import charge_glitch, tell_limit
from hpacktools.codec import DecodedBlock, FieldLimitError, HPACKError

if TYPE_CHECKING:
    from h2static.http2.connection import ServerConnection


class OpenBlock:
    """A header block whose END_HEADERS has not come."""

    __slots__ = ("fragments", "frames", "headers", "octets", "started", "stream_id")

    def __init__(self, headers: Headers, now: float) -> None:
        self.headers = headers
        self.stream_id = headers.stream_id
        self.fragments = [headers.fragment]
        self.octets = len(headers.fragment)
        self.frames = 1
        self.started = now


def headers(connection: ServerConnection, frame: Headers) -> None:
    """HEADERS: a request, trailers, or the beginning of either (RFC 9113 section 6.2)."""
    priority = frame.priority
    # RFC 7540 section 5.3.1: "A stream cannot depend on itself"; treated as a connection error, so
    # that it cannot be used to have streams reset (CVE-2025-8671).
    if priority is not None and priority.dependency == frame.stream_id:
        raise ConnectionViolation(ErrorCode.PROTOCOL_ERROR, "HEADERS: stream depends on itself")
    if frame.flags & r.END_HEADERS:
        _block(connection, frame, frame.fragment)
    else:
        connection.block_headers = OpenBlock(frame, connection.now)


def continuation(connection: ServerConnection, frame: Continuation) -> None:
    """CONTINUATION of the header block that is open (RFC 9113 section 6.10)."""
    block = connection.block_headers
    assert block is not None  # check_order
    block.frames += 1
    block.octets += len(frame.fragment)
    limits = connection.limits
    if block.frames > limits.header_block_frames or block.octets > limits.header_block_size:
        raise ConnectionViolation(ErrorCode.ENHANCE_YOUR_CALM, "header block too large")
    block.fragments.append(frame.fragment)
    if connection.observer is not None:
        connection.observer.received(frame)
    if frame.flags & r.END_HEADERS:
        connection.block_headers = None
        _block(connection, block.headers, b"".join(block.fragments))


def _block(connection: ServerConnection, frame: Headers, block: bytes) -> None:
    """A whole header block has come."""
    stream_id = frame.stream_id
    end_stream = bool(frame.flags & r.END_STREAM)
    stream = connection.streams.get(stream_id)
    known = connection.decoder.known.get(block)
    if known is not None and stream is None and end_stream and connection.observer is None:
        if known.state is not None:
            connection.decoder = known.state
        if _admit(connection, stream_id):
            _open(connection, stream_id, known.head, end_stream=True)
        return
    before = connection.decoder
    decoded = _decode(connection, frame, block)
    if stream is not None:
        _trailers(connection, stream, decoded, end_stream=end_stream)
        return
    if not _admit(connection, stream_id):
        return
    if decoded.truncated:
        # RFC 6585 section 5: 431.  The dynamic table is right, the connection goes on.
        charge_glitch(connection, connection.limits.oversized_section_glitches)
        tell_limit(connection, stream_id, "more fields than allowed, or longer ones (431)")
        _refuse(connection, stream_id, 431, _unread(decoded), end_stream=end_stream)
        return
    try:
        head = validate_request(decoded.fields, end_stream=end_stream)
    except Malformed as malformed:
        connection.last_processed = stream_id
        # "Malformed requests or responses that are detected MUST be treated as a stream error of
        # type PROTOCOL_ERROR" (8.1.1).
        raise StreamViolation(stream_id, ErrorCode.PROTOCOL_ERROR, str(malformed)) from malformed
    scheme = head.request.scheme.lower()
    if scheme and scheme not in connection.service.settings.schemes:
        _refuse(connection, stream_id, 400, head.request, end_stream=end_stream)
        return
    if end_stream:
        connection.decoder = connection.service.sections.remember(
            before, block, decoded, head, connection.decoder
        )
    _open(connection, stream_id, head, end_stream=end_stream)


def _unread(decoded: DecodedBlock) -> Request:
    """What a 431 answers: only whether it is for HEAD, and so without content, matters."""
    method = next((value for name, value in decoded.fields if name == b":method"), b"GET")
    return Request(method=method, scheme=b"", authority=b"", path=b"/", fields=())


def _decode(connection: ServerConnection, frame: Headers, block: bytes) -> DecodedBlock:
    try:
        decoded, connection.decoder = connection.service.sections.decode(connection.decoder, block)
    except HPACKError as error:
        if connection.observer is not None:
            connection.observer.received(frame)
        if isinstance(error, FieldLimitError):
            raise ConnectionViolation(ErrorCode.ENHANCE_YOUR_CALM, str(error)) from error
        # "A decoding error in a field block MUST be treated as a connection error of type
        # COMPRESSION_ERROR" (4.3).
        raise ConnectionViolation(ErrorCode.COMPRESSION_ERROR, str(error)) from error
    if connection.observer is not None:
        connection.observer.received_fields(frame.stream_id, decoded.fields, decoded.never_indexed)
        connection.observer.received(frame)
    return decoded


def _admit(connection: ServerConnection, stream_id: int) -> bool:
    """Whether HEADERS on a stream that is not there open it (sections 5.1.1 and 5.1.2)."""
    # "An endpoint that receives an unexpected stream identifier MUST respond with a connection
    # error of type PROTOCOL_ERROR" (5.1.1).
    if stream_id % 2 == 0:
        raise ConnectionViolation(ErrorCode.PROTOCOL_ERROR, "HEADERS on an even stream id")
    if stream_id < connection.next_id:
        if stream_id in connection.reset_streams:
            charge_glitch(connection)
            return False
        if state_of_absent(connection, stream_id) is State.IDLE:
            raise ConnectionViolation(
                ErrorCode.PROTOCOL_ERROR, "HEADERS on a stream id in the past"
            )
        step(State.CLOSED, Input.RECEIVE_HEADERS, stream_id)
    if stream_id > connection.next_id:
        connection.idle_gaps.append((connection.next_id, stream_id - 2))
    connection.next_id = stream_id + 2
    if connection.pending_priorities:
        _forget_priorities(connection, stream_id)
    if connection.shutdown.refusing:
        # Not processed, as the final GOAWAY said; the client knows (6.8).
        charge_glitch(connection)
        return False
    occupied = len(connection.streams) + len(connection.sender.output.ends)
    # "An endpoint that receives a HEADERS frame that causes its advertised concurrent stream limit
    # to be exceeded MUST treat this as a stream error of type PROTOCOL_ERROR or REFUSED_STREAM"
    # (5.1.2).  The latter says that nothing was processed, so that the client may try again (8.7).
    if occupied - connection.promised >= connection.service.settings.max_concurrent_streams:
        raise StreamViolation(
            stream_id, ErrorCode.REFUSED_STREAM, "more than SETTINGS_MAX_CONCURRENT_STREAMS"
        )
    return True


def _forget_priorities(connection: ServerConnection, stream_id: int) -> None:
    """Identifiers below the one that was opened will never be (5.1.1): nor will PRIORITY_UPDATE."""
    pending = connection.pending_priorities
    for skipped in [one for one in pending if one < stream_id]:
        del pending[skipped]


def _new_stream(
    connection: ServerConnection, stream_id: int, head: RequestHead, *, end_stream: bool
) -> Stream:
    window = connection.service.settings.initial_window_size
    if window is None or not connection.settings_acknowledged:
        # "the receiver MUST be prepared to receive data that exceeds this window size, since the
        # sender might send data that exceeds the lower limit prior to processing the SETTINGS
        # frame" (6.9.3).
        window = max(r.INITIAL_WINDOW_SIZE, window or 0)
    stream = Stream(
        stream_id,
        State.IDLE,
        head,
        send_window=connection.sender.initial_window,
        receive_window=window,
        now=connection.now,
    )
    stream.advance(Input.RECEIVE_HEADERS)
    if end_stream:
        stream.advance(Input.RECEIVE_END_STREAM)
    update = connection.pending_priorities.pop(stream_id, None)
    if update is not None:
        # RFC 9218 section 7: a PRIORITY_UPDATE outweighs the field.
        stream.urgency, stream.incremental = update
    if not end_stream and connection.service.settings.initial_window_size == 0:
        # Nothing is to be sent before a request was accepted; this one is.
        _open_window(connection, stream)
    connection.streams[stream_id] = stream
    connection.last_processed = stream_id
    connection.requests += 1
    push.asked(connection, head.request)
    connection.update_credit += connection.limits.window_updates_per_data
    return stream


def _refuse(
    connection: ServerConnection,
    stream_id: int,
    status: int,
    request: Request,
    *,
    end_stream: bool,
) -> None:
    """Answer a request that does not get as far as the site."""
    head = RequestHead(
        request=request,
        content_length=None,
        urgency=DEFAULT_URGENCY,
        incremental=DEFAULT_INCREMENTAL,
        expects_continue=False,
    )
    stream = _new_stream(connection, stream_id, head, end_stream=end_stream)
    answered(connection, stream, connection.service.application.refuse(status, request))


def _open(
    connection: ServerConnection, stream_id: int, head: RequestHead, *, end_stream: bool
) -> None:
    """A request: ask for its answer, now or when its content is there."""
    stream = _new_stream(connection, stream_id, head, end_stream=end_stream)
    answer = _ask(connection, head.request)
    if end_stream or _at_once(connection, answer):
        answered(connection, stream, answer)
    elif head.expects_continue:
        # "A server that receives a 100-continue expectation … MUST send either a 100 … or a final
        # status code" (RFC 9110 section 10.1.1).
        connection.sender.informational(stream, 100)
    # Otherwise the request's content is read first and the site is asked again at its end: nothing
    # is held for a client that takes its time.


def _ask(connection: ServerConnection, request: Request) -> Answer:
    answers = connection.service.answers
    answer = answers.pop(request, None)
    if answer is None:
        answer = connection.service.application.answer(request)
    if isinstance(answer, Response):
        answers[request] = answer
    return answer


def _at_once(connection: ServerConnection, answer: Answer) -> bool:
    """Whether what the site says is carried out before the request's content is there."""
    if connection.service.settings.early_response:
        return True
    return answer.early if isinstance(answer, Response) else not isinstance(answer, Deferred)


def answered(connection: ServerConnection, stream: Stream, answer: Answer) -> None:
    """Carry out what the site says about a request."""
    if isinstance(answer, Response):
        push.respond(connection, stream, answer)
    elif isinstance(answer, Deferred):
        stream.waiting = True
        connection.deferred.append((stream.id, answer))
    else:
        stream.upload = answer
        if stream.state is State.HALF_CLOSED_REMOTE:
            # An upload without content.
            _content_end(connection, stream)
        elif stream.head.expects_continue:
            connection.sender.informational(stream, 100)


def _trailers(
    connection: ServerConnection, stream: Stream, decoded: DecodedBlock, *, end_stream: bool
) -> None:
    stream.advance(Input.RECEIVE_HEADERS)
    # "a HEADERS frame … without the END_STREAM flag set after receiving the HEADERS frame that
    # opens a request … MUST [be treated] as malformed" (8.1).
    if not end_stream:
        raise StreamViolation(stream.id, ErrorCode.PROTOCOL_ERROR, "trailers without END_STREAM")
    if decoded.truncated:
        charge_glitch(connection, connection.limits.oversized_section_glitches)
        raise StreamViolation(stream.id, ErrorCode.PROTOCOL_ERROR, "trailers too large")
    try:
        validate_trailers(decoded.fields)
    except Malformed as malformed:
        raise StreamViolation(stream.id, ErrorCode.PROTOCOL_ERROR, str(malformed)) from malformed
    stream.advance(Input.RECEIVE_END_STREAM)
    _content_end(connection, stream)


# ---------------------------------------------------------------------- content


def data(connection: ServerConnection, frame: Data) -> None:
    """DATA: content of a request, wanted or not (RFC 9113 section 6.1)."""
    flow = len(frame.data) + frame.padding
    # "The entire DATA frame payload is included in flow control" (6.1), whatever becomes of it
    # (6.9).
    connection.receive_window -= flow
    if connection.receive_window < 0:
        raise ConnectionViolation(
            ErrorCode.FLOW_CONTROL_ERROR, "DATA beyond the connection's window"
        )
    _return_credit(connection, flow)
    if len(frame.data) < _tiny(connection) and not frame.flags & r.END_STREAM:
        charge_glitch(connection)
    stream = connection.streams.get(frame.stream_id)
    if stream is None:
        absent(connection, frame.stream_id, Input.RECEIVE_DATA)
        return
    stream.advance(Input.RECEIVE_DATA)
    stream.receive_window -= flow
    if stream.receive_window < 0:
        raise StreamViolation(
            stream.id, ErrorCode.FLOW_CONTROL_ERROR, "DATA beyond the stream's window"
        )
    stream.received += len(frame.data)
    # Malformed: "the value of a Content-Length header field does not equal the sum of the DATA
    # frame payload lengths" (8.1.1).
    if stream.content_length is not None and stream.received > stream.content_length:
        raise StreamViolation(stream.id, ErrorCode.PROTOCOL_ERROR, "more than content-length")
    if stream.upload is not None:
        response = stream.upload.receive(frame.data)
        if response is not None:
            stream.upload.abandon()
            stream.upload = None
            connection.sender.respond(stream, response)
    elif stream.received > connection.limits.discarded_content and not frame.flags & r.END_STREAM:
        _enough(connection, stream)
        return
    if frame.flags & r.END_STREAM:
        stream.advance(Input.RECEIVE_END_STREAM)
        _content_end(connection, stream)
    elif flow:
        stream.credit += flow
        if stream.credit * 2 >= _stream_window(connection):
            connection.sender.emit(WindowUpdate(stream_id=stream.id, increment=stream.credit))
            stream.receive_window += stream.credit
            stream.credit = 0


def _stream_window(connection: ServerConnection) -> int:
    """Octets that a stream's window has at its widest."""
    # An initial window of 0 is opened to the usual size, see _open_window.
    return connection.service.settings.initial_window_size or r.INITIAL_WINDOW_SIZE


def _open_window(connection: ServerConnection, stream: Stream) -> None:
    size = _stream_window(connection)
    connection.sender.emit(WindowUpdate(stream_id=stream.id, increment=size))
    stream.receive_window += size


def _tiny(connection: ServerConnection) -> int:
    """DATA below this many octets is a glitch, unless our own window asks for such frames."""
    size = min(_stream_window(connection), connection.service.settings.connection_window_size)
    return min(connection.limits.tiny_data, max(1, size // 2))


def _return_credit(connection: ServerConnection, octets: int) -> None:
    """Content is taken at once, so the connection's window is returned at once, in halves."""
    connection.credit += octets
    size = connection.service.settings.connection_window_size
    if connection.credit > 0 and connection.credit * 2 >= size:
        connection.sender.emit(WindowUpdate(stream_id=0, increment=connection.credit))
        connection.receive_window += connection.credit
        connection.credit = 0


def _enough(connection: ServerConnection, stream: Stream) -> None:
    """More content than anybody wants: the response goes out and the rest is declined.

    An answer that a thread works out is waited for; no more content can come than the window of
    the stream has left.
    """
    if stream.response is None and not stream.waiting:
        request = stream.request
        connection.sender.respond(stream, connection.service.application.refuse(413, request))
    if stream.state is State.HALF_CLOSED_LOCAL:
        # "A server MAY request that the client abort transmission of a request without error by
        # sending a RST_STREAM with an error code of NO_ERROR after sending a complete response"
        # (8.1).
        connection.reset(stream.id, ErrorCode.NO_ERROR)


def _content_end(connection: ServerConnection, stream: Stream) -> None:
    """The request is whole; the state table has moved already."""
    if stream.content_length is not None and stream.received != stream.content_length:
        raise StreamViolation(stream.id, ErrorCode.PROTOCOL_ERROR, "less than content-length")
    if stream.state is State.CLOSED:
        output = connection.sender.output
        if len(output):
            # The end of its response may be among what was not sent.
            output.ends.append(output.octets)
        connection.forget(stream)
    elif stream.upload is not None:
        upload, stream.upload = stream.upload, None
        connection.sender.respond(stream, upload.complete())
    elif stream.response is None and not stream.waiting:
        answered(connection, stream, _ask(connection, stream.request))
