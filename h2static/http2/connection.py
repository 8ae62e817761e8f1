"""A server's HTTP/2 connection without I/O (RFC 9113).

Contract, for the driver:

1. ``receive(data, now)`` takes octets as they come; ``receive_eof(now)`` when there are no more.
   Neither raises for anything that a peer can send; what escapes is a bug.
2. After each of these, and whenever there is room, ``pump(now, budget)`` moves content into the
   output; then send what ``output`` holds and say so with ``sent(count, now)``.
3. While ``backlog`` is true there are octets that were received but not processed, because the
   connection's turn was over: call ``receive(b"", now)`` again when others have had theirs.
   While ``wants_input`` is false do not read from the socket.
4. ``deferred`` and ``blocked`` name work for a thread; ``respond`` and ``unblock`` bring it back.
5. Call ``check(now)`` about twice a second: deadlines.  When ``closing`` is true and the output is
   empty, close; ``abandon()`` when the connection is lost.

``now`` is monotonic, in seconds.  The driver calls :meth:`Service.new_batch` before it lets
connections process what it has read.

Strategy: one loop looks at each frame.  A remembered request with nothing special about it is
answered there in a few dictionary look-ups; every other frame becomes an object and goes to its
handler in :mod:`h2static.http2.receiver`.  Both paths give the same octets.  Errors are raised by
scope and become frames in one place, :mod:`h2static.http2.violations`.
"""

from __future__ import annotations

from collections import deque

from h2static.http.messages import BodyReader, Deferred, Response
from h2static.http2 import deadlines, requests, shutdown
from h2static.http2 import receiver as incoming
from h2static.http2 import registry as r
from h2static.http2.decoding import DecoderState
from h2static.http2.errors import ConnectionViolation, Misuse, ProtocolViolation, StreamViolation
from h2static.http2.frames import AltSvc, GoAway, Settings, WindowUpdate, parse, unpack_header
from h2static.http2.limits import Budget
from h2static.http2.push import Memory, asked
from h2static.http2.registry import ErrorCode
from h2static.http2.sender import Sender
from h2static.http2.service import Answered, Observer, Report, Service
from h2static.http2.settings import announced
from h2static.http2.shutdown import Shutdown
from h2static.http2.stream import Stream
from h2static.http2.violations import end_connection, end_stream, guarded

#: What takes the plain path in one turn, some milliseconds: frames, and a header block once more
#: for each ``2**_BLOCK_SHIFT`` octets; one octet of it may be a whole field to decode and check.
_TURN_WORK = 100
_BLOCK_SHIFT = 4
#: The remembered path compares identifiers with their reserved bit: not near the last ones.
_LAST_REMEMBERED_ID = 2**30
#: Flags of a request whose only frame this is.
_WHOLE_REQUEST = r.END_STREAM | r.END_HEADERS


class ServerConnection:
    """The server's side of one connection."""

    __slots__ = (
        "backlog", "block_headers", "buffer", "closing", "credit", "decoder", "deferred", "eof",
        "error", "expects_preface", "frame_started", "glitches", "idle_gaps", "last_processed",
        "last_receive", "limit_hits", "limits", "next_id", "next_promised_id", "now", "observer",
        "opened_at", "peer_goaway", "peer_max_streams", "peer_no_rfc7540_priorities",
        "pending_priorities", "promised", "push_enabled", "push_memory", "receive_window", "report",
        "requests", "reset_count", "reset_streams", "resets", "sender", "service",
        "settings_acknowledged", "settings_received", "shutdown", "streams", "taken",
        "update_credit", "write_progress",
    )  # fmt: skip

    def __init__(
        self,
        service: Service,
        now: float,
        observer: Observer | None = None,
        report: Report | None = None,
    ) -> None:
        """``observer`` sees every frame; ``report`` is told each stream error."""
        limits = service.limits
        self.service = service
        self.limits = limits
        self.observer = observer
        self.report = report
        self.sender = Sender(service, observer, self.forget)
        self.now = now
        self.opened_at = self.last_receive = now
        #: When the peer was last seen to take octets in earnest, and how many it took since.
        self.write_progress = now
        self.taken = 0
        # --- what came and was not processed
        self.buffer = b""
        #: When the frame at the head of ``buffer`` began to arrive.
        self.frame_started = now
        self.backlog = False
        self.expects_preface = True
        # --- a header block that is not complete (RFC 9113 section 4.3)
        self.block_headers: requests.OpenBlock | None = None
        self.decoder: DecoderState = service.sections.start(r.INITIAL_HEADER_TABLE_SIZE)
        # --- streams
        self.streams: dict[int, Stream] = {}
        self.next_id = 1
        self.last_processed = 0
        #: The next stream that we may promise, and how many promised ones are open.
        self.next_promised_id = 2
        self.promised = 0
        self.push_memory: Memory | None = None
        #: Ranges of client stream ids that were skipped: (first, last).
        self.idle_gaps: deque[tuple[int, int]] = deque(maxlen=limits.idle_gaps)
        #: Streams that we reset, in order; their late frames are ignored.
        self.reset_streams: dict[int, None] = {}
        self.pending_priorities: dict[int, tuple[int, bool]] = {}
        self.requests = 0
        #: RST_STREAM frames of the peer and streams that we reset for an error; limits crossed.
        self.reset_count = self.limit_hits = 0
        # --- settings
        self.settings_received = False
        self.settings_acknowledged = False
        self.push_enabled = True
        self.peer_max_streams: int | None = None
        #: ``None`` before the first SETTINGS frame; it cannot change after it.
        self.peer_no_rfc7540_priorities: int | None = None
        # --- windows for what the peer sends
        self.receive_window = r.INITIAL_WINDOW_SIZE
        #: Octets that came and whose credit was not returned.  A connection's window cannot begin
        #: below 65 535 octets (6.9.2): what a smaller one has less is never returned.
        window = max(1, service.settings.connection_window_size)
        self.credit = min(0, window - r.INITIAL_WINDOW_SIZE)
        # --- budgets
        self.resets = Budget(limits.resets_burst, limits.resets_rate, now)
        self.glitches = Budget(limits.glitches_burst, limits.glitches_rate, now)
        self.update_credit = limits.window_updates_free
        # --- the end
        self.shutdown = Shutdown()
        self.peer_goaway = False
        #: The peer has ended its side of the transport.
        self.eof = False
        self.closing = False
        self.error: ProtocolViolation | None = None
        # --- work for threads
        self.deferred: list[tuple[int, Deferred]] = []
        self._send_preface()

    # ------------------------------------------------------------------ the driver's side

    @property
    def output_octets(self) -> int:
        """Octets that wait for the socket."""
        output = self.sender.output
        return output.octets - output.sent

    @property
    def wants_input(self) -> bool:
        """Whether the driver should read: not while too much output waits, nor after an error."""
        if self.backlog or self.error is not None:
            return False
        output = self.sender.output
        return output.octets - output.sent < self.limits.output_mark

    @property
    def has_content(self) -> bool:
        """Whether ``pump`` has something to do once there is room."""
        sender = self.sender
        return sender.scheduler.count > 0 and sender.window > 0

    @property
    def open_streams(self) -> int:
        """Streams that are not closed, or whose last octets have not left."""
        return len(self.streams) + len(self.sender.output.ends)

    @property
    def problem(self) -> str | None:
        """The connection error that the peer has caused, for the error log."""
        return None if self.error is None else self.error.text

    @property
    def blocked(self) -> list[tuple[int, BodyReader]]:
        """Readings that would block; the driver takes them out and waits for them."""
        return self.sender.blocked

    def pending(self) -> list[bytes | memoryview]:
        """The pieces to send next, in order."""
        return self.sender.output.pieces

    def sent(self, count: int, now: float) -> None:
        """The kernel has taken ``count`` octets of ``pending``."""
        output = self.sender.output
        output.advance(count)
        if not output.octets:
            self.write_progress = now
            return
        # A drip is no progress: somebody may read one octet a minute.
        self.taken += count
        if self.taken >= self.limits.stall_octets:
            self.write_progress = now
            self.taken = 0

    def receive(self, data: bytes, now: float) -> None:
        """Process octets from the peer; never raises for any octets."""
        self.now = now
        if self.error is not None:
            # "after sending the GOAWAY frame for an error condition, the endpoint MUST close the
            # TCP connection" (5.4.1): nothing that comes after it means anything.
            return
        if data:
            self.last_receive = now
        if self.buffer:
            data = self.buffer + data
            self.buffer = b""
        else:
            self.frame_started = now
        self.backlog = False
        self.sender.refresh()
        position = 0
        try:
            if self.expects_preface:
                if not self._preface(data):
                    return
                position = len(r.PREFACE)
            self._frames(data, position)
        except ConnectionViolation as violation:
            end_connection(self, violation)
        self._after()

    def receive_eof(self, now: float) -> None:
        """The peer will send no more: what it can no longer allow or ask for is given up."""
        self.now = now
        self.eof = True
        self._after()

    def pump(self, now: float, budget: int) -> None:
        """Move content into the output until about ``budget`` octets wait there."""
        self.now = now
        if self.error is not None:
            return
        try:
            while True:
                try:
                    self.sender.pump(budget)
                except StreamViolation as violation:
                    end_stream(self, violation)
                    continue
                break
        except ConnectionViolation as violation:
            end_connection(self, violation)
        self._after()

    def respond(self, stream_id: int, response: Response, now: float) -> None:
        """Bring the response that a thread has worked out; the stream may be gone."""
        self.now = now
        stream = self.streams.get(stream_id)
        if stream is None or self.error is not None:
            return
        stream.waiting = False
        guarded(self, lambda: requests.answered(self, stream, response))
        self._after()

    def unblock(self, stream_id: int, now: float) -> None:
        """A reading of ``blocked`` can go on."""
        self.now = now
        stream = self.streams.get(stream_id)
        if stream is not None:
            stream.waiting = False
            self.sender.resume(stream)

    def check(self, now: float) -> None:
        """Act on deadlines that have passed."""
        self.now = now
        if self.error is None:
            guarded(self, lambda: deadlines.check(self, now))
            self._after()

    def drain(self, now: float) -> None:
        """Begin the two-step shutdown: accepted streams finish (RFC 9113 section 6.8)."""
        self.now = now
        if self.error is None:
            shutdown.begin(self)
            self._after()

    def alternative(self, origin: bytes, value: bytes) -> None:
        """Send ALTSVC on stream 0: ``origin`` may also be had as ``value`` says (RFC 7838)."""
        # "An ALTSVC frame on stream 0 with empty … Origin information is invalid and MUST be
        # ignored" (RFC 7838 section 4).
        if not origin:
            raise Misuse("ALTSVC on stream 0 needs an origin")
        if self.error is None:
            self.sender.emit(AltSvc(origin=origin, value=value))

    def abandon(self) -> None:
        """The connection is lost or over: give back everything."""
        self.release_streams()
        self.deferred.clear()
        self.sender.output.clear()
        self.closing = True

    # ------------------------------------------------------------------ the frame loop

    def _preface(self, data: bytes) -> bool:
        """Whether the client's preface is complete; otherwise keep what there is of it."""
        expected = r.PREFACE[: len(data)]
        # "Clients and servers MUST treat an invalid connection preface as a connection error of
        # type PROTOCOL_ERROR" (3.4).
        if not data.startswith(expected):
            raise ConnectionViolation(ErrorCode.PROTOCOL_ERROR, "not an HTTP/2 connection preface")
        if len(data) < len(r.PREFACE):
            self.buffer = data
            return False
        self.expects_preface = False
        return True

    def _frames(self, data: bytes, position: int) -> None:
        """The frame loop: process whole frames of ``data`` from ``position``, keep the rest."""
        # One function, although it is long: calls cost more than the look-ups that are between.
        end = len(data)
        sender = self.sender
        output = sender.output
        limits = self.limits
        journal = self.service.journal
        pusher = self.service.pusher
        answers = self.service.answers
        application = self.service.application
        memory = self.service.blocks
        turn_output = limits.turn_output
        work = _TURN_WORK
        while True:
            # What the remembered path needs, read anew after every frame on the plain path.
            remembers = (
                self.observer is None
                and self.settings_received
                and self.block_headers is None
                and self.next_id < _LAST_REMEMBERED_ID
                and not self.pending_priorities
                and not sender.scheduler.count
                and not self.shutdown.refusing
            )
            decoder = self.decoder
            known_blocks = decoder.known
            encoder = sender.encoder
            encoded_blocks = encoder.blocks
            next_id = self.next_id if remembers else -1
            first_id = next_id
            room = (
                self.service.settings.max_concurrent_streams - len(self.streams) - len(output.ends)
            )
            window = sender.window
            stream_window = sender.initial_window
            octets = output.octets
            most = turn_output + output.sent
            pieces = output.pieces
            ends = output.ends
            while True:
                start = position + 9
                if start > end:
                    break
                length_type, flags, stream_id = unpack_header(data, position)
                stop = start + (length_type >> 8)
                # A remembered request: HEADERS that begins and ends the next stream, a block that
                # is known in this state, an answer that fits into every bound.
                if stream_id != next_id or flags != _WHOLE_REQUEST or length_type & 0xFF != 1:
                    break
                known = known_blocks.get(data[start:stop])
                if known is None or stop > end or room <= 0 or octets >= most:
                    break
                request = known.request
                answer = answers.get(request)
                if answer is None:
                    answer = answers[request] = application.answer(request)
                block = encoded_blocks.get(answer)
                if block is None:
                    if not isinstance(answer, Response):
                        break
                    block = memory.block(encoder, answer)
                length = block.ready
                if length < 0 or length > window or length > stream_window:
                    break
                identifier = data[position + 5 : start]
                if length:
                    pieces += (block.head, identifier, block.tail, identifier, block.body)
                    window -= length
                else:
                    pieces += (block.head, identifier, block.tail)
                octets += block.size
                ends.append(octets)
                room -= 1
                next_id += 2
                position = stop
                if known.state is not None:
                    decoder = known.state
                    known_blocks = decoder.known
                if block.state is not None:
                    encoder = block.state
                    encoded_blocks = encoder.blocks
                if pusher is not None:
                    asked(self, request)
                if journal is not None:
                    journal.append(
                        Answered(request, block.response, length, self.now, self.now, False, False)
                    )
            if next_id != first_id:
                self._remembered(next_id, next_id - first_id >> 1, window, octets)
                self.decoder = decoder
                sender.encoder = encoder
            if start > end:
                break
            # The plain path.  Refuse by the header: before the payload is there.
            if length_type >> 8 > limits.max_frame_size:
                # "An endpoint MUST send an error code of FRAME_SIZE_ERROR if a frame exceeds the
                # size defined in SETTINGS_MAX_FRAME_SIZE" (4.2).
                raise ConnectionViolation(
                    ErrorCode.FRAME_SIZE_ERROR, "frame larger than SETTINGS_MAX_FRAME_SIZE"
                )
            frame_type = length_type & 0xFF
            incoming.check_order(self, frame_type, flags, stream_id & r.MAXIMUM_STREAM_ID)
            if stop > end:
                break
            if work <= 0 or len(output) >= turn_output:
                self.backlog = True
                break
            work -= 1
            if frame_type == r.HEADERS or frame_type == r.CONTINUATION:
                work -= stop - start >> _BLOCK_SHIFT
            position = stop
            self._plain(frame_type, flags, stream_id & r.MAXIMUM_STREAM_ID, data[start:stop])
        if position < end:
            self.buffer = data[position:]
            if position:
                self.frame_started = self.now

    def _remembered(self, next_id: int, count: int, window: int, octets: int) -> None:
        """Book ``count`` requests that the frame loop has answered."""
        self.next_id = next_id
        self.last_processed = next_id - 2
        self.requests += count
        sender = self.sender
        sender.window = window
        sender.output.octets = octets
        sender.data_frames += count
        self.update_credit += self.limits.window_updates_per_data * count

    def _plain(self, frame_type: int, flags: int, stream_id: int, payload: bytes) -> None:
        try:
            frame = parse(frame_type, flags, stream_id, payload)
        except StreamViolation as violation:
            # "RST_STREAM frames MUST NOT be sent for a stream in the 'idle' state" (6.4); "An
            # endpoint MUST NOT send frames other than PRIORITY on a closed stream" (5.1).
            if stream_id not in self.streams:
                raise ConnectionViolation(violation.code, violation.reason) from violation
            end_stream(self, violation)
            return
        try:
            incoming.handle(self, frame)
        except StreamViolation as violation:
            end_stream(self, violation)

    # ------------------------------------------------------------------ for the handlers

    def goaway(self, last_stream_id: int, code: ErrorCode, debug: bytes = b"") -> None:
        """Send GOAWAY (RFC 9113 section 6.8)."""
        self.sender.emit(GoAway(last_stream_id=last_stream_id, code=code, debug=debug))

    def reset(self, stream_id: int, code: ErrorCode) -> None:
        """Send RST_STREAM and forget the stream, whose late frames will be ignored."""
        self.sender.reset(stream_id, code)
        remembered = self.reset_streams
        remembered[stream_id] = None
        if len(remembered) > self.limits.reset_streams_remembered:
            del remembered[next(iter(remembered))]
        stream = self.streams.get(stream_id)
        if stream is not None:
            self.forget(stream)

    def forget(self, stream: Stream) -> None:
        """The stream is closed."""
        self.sender.scheduler.remove(stream)
        if stream.waiting and self.deferred:
            # Nobody works for a stream that is gone.
            self.deferred = [one for one in self.deferred if one[0] != stream.id]
        self._note(stream)
        stream.release()
        if self.streams.pop(stream.id, None) is not None and stream.id % 2 == 0:
            self.promised -= 1
        if self.observer is not None:
            self.observer.stream_closed(stream.id)

    def release_streams(self) -> None:
        """All streams end here, without a frame."""
        for stream in self.streams.values():
            self._note(stream)
            stream.release()
        self.streams.clear()

    # ------------------------------------------------------------------ internal

    def _send_preface(self) -> None:
        """Our connection preface: SETTINGS, and the window the peer gets (RFC 9113 section 3.4)."""
        settings = self.service.settings
        self.sender.emit(Settings(entries=announced(settings, self.limits)))
        increment = settings.connection_window_size - r.INITIAL_WINDOW_SIZE
        if increment > 0:
            self.sender.emit(WindowUpdate(stream_id=0, increment=increment))
            self.receive_window += increment

    def _note(self, stream: Stream) -> None:
        """The stream is over, and with it its response if that is not whole."""
        journal = self.service.journal
        if journal is not None and stream.response is not None:
            journal.append(
                Answered(
                    stream.request,
                    stream.response,
                    stream.sent,
                    stream.opened_at,
                    self.now,
                    stream.id % 2 == 0,
                    stream.remaining != 0,
                    stream.delivered,
                )
            )

    def _after(self) -> None:
        """What follows every step: a connection that was drained ends."""
        if self.eof or self.shutdown.refusing or self.peer_goaway:
            shutdown.maybe_close(self)
