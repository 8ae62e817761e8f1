"""An HTTP/2 connection without I/O, for both roles (RFC 9113).

Contract, for the driver:

1. Call ``receive(data, now)`` with octets as they arrive, and ``receive_eof(now)`` at their end.
   Neither raises for anything that a peer can send; an escaping exception is a bug.
2. After each of these, and whenever there is room, ``pump(now, budget)`` moves content into the
   output; then send ``pending()`` and report progress with ``sent(count, now)``.
3. While ``backlog`` is true there are received octets that were not processed because the
   connection's turn was over, or calls to exchanges outside of a turn: call ``take_turn(now)``
   after other connections have had their turn.  ``notify`` signals when the latter begins. While
   ``wants_input`` is false, do not read from the socket.
4. ``jobs`` and ``blocked`` list work for threads; ``finish_job`` and ``unblock`` take the results.
5. Call ``check(now)`` when ``deadline()`` has passed.  When ``closing`` is true and the output is
   empty, close; call ``abandon()`` when the connection is lost or over.

``now`` is in monotonic seconds.  A server's driver calls :meth:`Service.new_batch` before
connections process what it has read.

Strategy: a connection owns its parts, and each part owns the state that it changes; no part refers
to the connection.  One loop looks at each frame.  :mod:`h2static.http2.replay` answers known, plain
requests; every other frame becomes an object and goes to :mod:`h2static.http2.receiver`.  Both
paths give the same octets.  Errors are raised with a scope and become frames here, and nowhere
else.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from h2static.http.bodies import BodyReader
from h2static.http.counters import Counters
from h2static.http.turn import Turn
from h2static.http2 import registry as r
from h2static.http2.budgets import Budgets
from h2static.http2.deadlines import Deadlines
from h2static.http2.errors import ConnectionViolation, ProtocolViolation, StreamViolation
from h2static.http2.frames import GoAway, parse, unpack_header
from h2static.http2.header_blocks import HeaderBlocks
from h2static.http2.observer import Observer, Report
from h2static.http2.preface import has_preface, send_preface
from h2static.http2.receiver import Messages, Receiver
from h2static.http2.registry import ErrorCode
from h2static.http2.replay import BLOCK_SHIFT, WHOLE_REQUEST, Replay
from h2static.http2.reports import Reports
from h2static.http2.roles import Role
from h2static.http2.sender import Sender
from h2static.http2.service import Endpoint
from h2static.http2.settings import PeerSettings
from h2static.http2.shutdown import Shutdown
from h2static.http2.stream import State, Stream
from h2static.http2.streams import Streams

#: Work of one turn, a few milliseconds: frames on the plain path and header blocks to decode, which
#: count once more for each ``2**BLOCK_SHIFT`` octets.
_TURN_WORK = 100
#: Type and flags in the header of a single-frame request.
_WHOLE_HEADERS = tuple(bytes((r.HEADERS, flags)) for flags in WHOLE_REQUEST)


def nothing() -> None:
    """Default callback that does nothing."""


class Connection:
    """Base class of both roles: :class:`~h2static.http2.server.ServerConnection` and
    :class:`~h2static.http2.client.ClientConnection`."""

    __slots__ = (
        "_backlog", "_checked", "_deadlines", "_error", "_frame_started", "_last_receive",
        "_messages", "_receiver", "_replay", "_taken", "blocked", "blocks", "budgets", "buffer",
        "closing", "endpoint", "eof", "expects_preface", "limits", "observer", "peer", "reports",
        "role", "sender", "shutdown", "streams", "turn", "write_progress",
    )  # fmt: skip

    #: How late, in seconds, :meth:`check` may be called: no deadline needs more precision.
    slack: Final = 0.5

    def __init__(
        self,
        role: Role,
        endpoint: Endpoint,
        now: float,
        *,
        notify: Callable[[], None] = nothing,
        observer: Observer | None = None,
        report: Report | None = None,
    ) -> None:
        """``notify`` requests a turn; ``observer`` sees every frame; ``report`` is called for each
        stream error."""
        limits = endpoint.limits
        self.role = role
        self.endpoint = endpoint
        self.limits = limits
        self.observer = observer
        self.turn = Turn(now, notify)
        self.peer = PeerSettings()
        self.reports = Reports(observer, report)
        self.sender = Sender(endpoint, role, observer, self._sent_end)
        #: Readers that would block; the driver removes them and waits for them.
        self.blocked: list[tuple[int, BodyReader]] = self.sender.blocked
        self.budgets = Budgets(limits, self.turn, lambda: self.shutdown.begin())
        self.streams = Streams(
            role,
            limits,
            endpoint.settings.max_concurrent_streams,
            self.sender,
            self.budgets,
            observer,
            lambda stream: self._messages.over(stream),
        )
        self.blocks = HeaderBlocks(endpoint, observer, self.turn)
        self.shutdown = Shutdown(self.sender, self.streams, self.turn)
        self._deadlines = Deadlines(role, limits, self.peer, self.blocks, self.sender, now)
        #: Time of the last octets, of the beginning of the incomplete frame, and of the last check
        #: of deadlines.
        self._last_receive = self._frame_started = self._checked = now
        #: Time of the peer's last significant progress, and the octets it has taken since.
        self.write_progress = now
        self._taken = 0
        #: Received octets that have not been processed.
        self.buffer = b""
        self._backlog = False
        self.expects_preface = role is Role.SERVER
        #: Whether the peer has closed its direction of the transport.
        self.eof = False
        self.closing = False
        self._error: ProtocolViolation | None = None
        self._replay: Replay | None = None
        self._messages: Messages
        self._receiver: Receiver

    def _begin(self, messages: Messages, replay: Replay | None) -> None:
        """Begin with the role's handling of messages: send the preface."""
        self._messages = messages
        # An observer must see every frame.
        self._replay = replay if self.observer is None else None
        self._receiver = Receiver(
            self.role,
            self.endpoint,
            peer=self.peer,
            streams=self.streams,
            sender=self.sender,
            blocks=self.blocks,
            budgets=self.budgets,
            shutdown=self.shutdown,
            messages=messages,
            observer=self.observer,
        )
        send_preface(self.role, self.endpoint, self.sender)

    # ------------------------------------------------------------------ the driver's side

    @property
    def backlog(self) -> bool:
        """Whether :meth:`take_turn` has something to do."""
        return self._backlog or bool(self.turn.waiting)

    @property
    def output_octets(self) -> int:
        """Octets waiting for the socket."""
        output = self.sender.output
        return output.octets - output.sent

    @property
    def wants_input(self) -> bool:
        """Whether the driver should read: not while too much output waits, or after an error."""
        if self._backlog or self._error is not None:
            return False
        output = self.sender.output
        return output.octets - output.sent < self.limits.output_mark

    @property
    def has_content(self) -> bool:
        """Whether :meth:`pump` has something to do once there is room."""
        return self.sender.scheduler.count > 0 and self.sender.window > 0

    @property
    def open_streams(self) -> int:
        """Number of streams that are open, or whose last octets have not been sent."""
        return len(self.streams.open) + len(self.sender.output.ends)

    @property
    def problem(self) -> str | None:
        """The connection error caused by the peer, for the error log."""
        return None if self._error is None else self._error.text

    @property
    def counters(self) -> Counters:
        """The counts so far."""
        return Counters(
            requests=self.streams.requests,
            resets=self.budgets.resets,
            limit_hits=self.reports.limit_hits,
        )

    def pending(self) -> list[bytes | memoryview]:
        """The pieces to send next, in order."""
        return self.sender.output.pieces

    def sent(self, count: int, now: float) -> None:
        """Record that the kernel took ``count`` octets of :meth:`pending`."""
        output = self.sender.output
        output.advance(count)
        if not output.octets:
            self.write_progress = now
            return
        # A trickle does not count as progress: a client could read one octet per minute.
        self._taken += count
        if self._taken >= self.limits.stall_octets:
            self.write_progress = now
            self._taken = 0

    def receive(self, data: bytes, now: float) -> None:
        """Process octets from the peer; never raises for any octets."""
        turn = self.turn
        turn.now = now
        turn.work = _TURN_WORK
        if self._error is not None:
            # "after sending the GOAWAY frame for an error condition, the endpoint MUST close the
            # TCP connection" (5.4.1): nothing that comes after it means anything.
            return
        if data:
            self._last_receive = now
        if self.buffer:
            data = self.buffer + data
            self.buffer = b""
        else:
            self._frame_started = now
        self._backlog = False
        turn.active = True
        if self.sender.encoder.second != self.endpoint.blocks.second:
            self.sender.refresh()
        try:
            if turn.waiting:
                self._perform()
            position, tried = 0, -1
            if self.expects_preface:
                if not has_preface(data):
                    self.buffer = data
                    return
                self.expects_preface = False
                position = len(r.PREFACE)
            elif data[3:5] in _WHOLE_HEADERS and self._replay is not None:
                # Most reads from a client with repeating requests contain only known ones.
                position = tried = self._replay.run(data, 0)
            if position < len(data):
                self._frames(data, position, tried)
        except ConnectionViolation as violation:
            self._end_connection(violation)
        finally:
            turn.active = False
        self._after()

    def receive_eof(self, now: float) -> None:
        """The peer sends no more: give up everything that it can no longer allow or request."""
        self.turn.now = now
        self.eof = True
        if self._error is None:
            self._guarded(self._end_input)
        self._after()

    def _end_input(self) -> None:
        self._perform()
        for stream in list(self.streams.open.values()):
            if not stream.whole:
                self._messages.input_ended(stream)

    def take_turn(self, now: float) -> None:
        """Continue with the backlog."""
        self.receive(b"", now)

    def pump(self, now: float, budget: int) -> None:
        """Move content into the output until about ``budget`` octets wait there."""
        if self._error is None:
            self.turn.now = now
            # A failing body ends only its own stream.
            while self._guarded(lambda: self.sender.pump(budget)):
                pass
            self._after()

    def unblock(self, stream_id: int, now: float) -> None:
        """Continue sending from a reader that was in ``blocked``."""
        self.turn.now = now
        stream = self.streams.open.get(stream_id)
        if stream is not None:
            stream.waiting = False
            self.sender.resume(stream)

    def deadline(self) -> float | None:
        """The earliest time at which :meth:`check` may have something to do; ``None``: never.

        On an active connection, deadlines are checked every :attr:`Limits.check_seconds`.
        """
        if self._error is not None:
            return None
        if (
            self.streams.open
            or self.buffer
            or self.sender.output.octets
            or self.blocks.open is not None
            or self.shutdown.since is not None
            or not self.peer.acknowledged
        ):
            return self._checked + self.limits.check_seconds
        return self._last_receive + self.limits.idle_seconds

    def check(self, now: float) -> None:
        """Act on deadlines that have passed."""
        if self._error is None:
            self.turn.now = now
            self._guarded(lambda: self._check(now))
            self._checked = now
            self._after()

    def drain(self, now: float) -> None:
        """Begin the two-step shutdown: accepted streams finish (RFC 9113 section 6.8)."""
        if self._error is None:
            self.turn.now = now
            self.shutdown.begin()
            self._after()

    def abandon(self) -> None:
        """Release all resources of a connection that is lost or over."""
        self.streams.release()
        self.sender.output.clear()
        self.turn.give_up()
        self.closing = True

    # ------------------------------------------------------------------ the frame loop

    def _frames(self, data: bytes, position: int, tried: int) -> None:
        """The frame loop: process complete frames in ``data`` from ``position`` on, and keep the
        rest; ``tried`` is the position at which the fast path last gave up."""
        end = len(data)
        limits, turn_output = self.limits, self.limits.turn_output
        output, replay, turn = self.sender.output, self._replay, self.turn
        while True:
            start = position + r.FRAME_HEADER_SIZE
            if start > end:
                break
            length_type, flags, stream_id = unpack_header(data, position)
            whole = flags in WHOLE_REQUEST and length_type & 0xFF == r.HEADERS
            if whole and replay is not None and position != tried:
                tried = replay.run(data, position)
                if tried != position:
                    position = tried
                    continue
            # The plain path.  Refuse by the header, before the payload arrives.
            if length_type >> 8 > limits.max_frame_size:
                # "An endpoint MUST send an error code of FRAME_SIZE_ERROR if a frame exceeds the
                # size defined in SETTINGS_MAX_FRAME_SIZE" (4.2).
                raise ConnectionViolation(
                    ErrorCode.FRAME_SIZE_ERROR, "frame larger than SETTINGS_MAX_FRAME_SIZE"
                )
            frame_type = length_type & 0xFF
            stream_id &= r.MAXIMUM_STREAM_ID
            self._receiver.check_order(frame_type, flags, stream_id)
            stop = start + (length_type >> 8)
            if stop > end:
                break
            if turn.work <= 0 or output.octets - output.sent >= turn_output:
                self._backlog = True
                break
            turn.work -= 1
            if frame_type == r.HEADERS or frame_type == r.CONTINUATION:
                turn.work -= stop - start >> BLOCK_SHIFT
            position = stop
            self._plain(frame_type, flags, stream_id, data[start:stop])
        if position < end:
            self.buffer = data[position:]
            if position:
                self._frame_started = self.turn.now

    def _plain(self, frame_type: int, flags: int, stream_id: int, payload: bytes) -> None:
        try:
            frame = parse(frame_type, flags, stream_id, payload)
        except StreamViolation as violation:
            # "RST_STREAM frames MUST NOT be sent for a stream in the 'idle' state" (6.4); "An
            # endpoint MUST NOT send frames other than PRIORITY on a closed stream" (5.1).
            if stream_id not in self.streams.open:
                raise ConnectionViolation(violation.code, violation.reason) from violation
            self._end_stream(violation)
            return
        try:
            self._receiver.handle(frame)
        except StreamViolation as violation:
            self._end_stream(violation)

    def _perform(self) -> None:
        """Carry out calls to exchanges outside of a turn.  Raises ConnectionViolation."""
        waiting = self.turn.waiting
        while waiting:
            action = waiting.popleft()
            try:
                action()
            except StreamViolation as violation:
                self._end_stream(violation)

    # ------------------------------------------------------------------ violations become frames

    def _guarded(self, action: Callable[[], None]) -> bool:
        """Run ``action`` within a turn; violations that it raises become frames.

        Returns whether a stream was ended, in which case the rest of the action remains to be done.
        """
        self.turn.active = True
        try:
            try:
                action()
            except StreamViolation as violation:
                self._end_stream(violation)
                return True
        except ConnectionViolation as violation:
            self._end_connection(violation)
        finally:
            self.turn.active = False
        return False

    def _end_stream(self, violation: StreamViolation) -> None:
        """Send RST_STREAM, charged to the budget for resets, whichever side causes them.

        Raises :class:`ConnectionViolation` if the budget is spent.
        """
        self.reports.stream(violation)
        stream = self.streams.open.get(violation.stream_id)
        if stream is not None:
            self._messages.failed(stream, violation)
        self.streams.reset(violation.stream_id, violation.code)
        self.budgets.reset()

    def _end_connection(self, violation: ConnectionViolation) -> None:
        """Send GOAWAY, and nothing after it (section 5.4.1)."""
        self._error = violation
        self.reports.connection(violation)
        last = self.streams.last_processed
        self.streams.release()
        self.sender.blocked.clear()
        self.buffer = b""
        self._backlog = False
        self.turn.give_up()
        self.sender.emit(
            GoAway(last_stream_id=last, code=violation.code, debug=violation.reason.encode())
        )
        self.closing = True

    # ------------------------------------------------------------------ callbacks of parts

    def _sent_end(self, stream: Stream) -> None:
        """Handle the end of our message on ``stream``."""
        if stream.state is State.CLOSED:
            self.streams.close(stream)
        else:
            self._messages.sent(stream)

    # ------------------------------------------------------------------ deadlines and the end

    def _check(self, now: float) -> None:
        """Act on missed deadlines."""
        deadlines = self._deadlines
        deadlines.check_preface(now)
        if not self.wants_input:
            # The peer's octets may have arrived, but we are not reading.
            self._frame_started = now
            self.blocks.restart(now)
        elif not self.eof:
            # A peer that has closed its direction can send nothing more: answer its requests.
            buffer = b"" if self.expects_preface else self.buffer
            deadlines.check_input(buffer, now, since=self._frame_started)
        since = self.shutdown.since
        if since is not None and now - since > self.limits.shutdown_round_trip_seconds:
            self.shutdown.acknowledged()
        if (
            since is None
            and not self.streams.open
            and not self.output_octets
            and deadlines.idle(now, self._last_receive)
        ):
            self.shutdown.begin()
        # Checked before this adds its own frames.
        socket_is_slow = self.output_octets > 0
        for stream in list(self.streams.open.values()):
            reading = self.wants_input
            if deadlines.declined(stream, now):
                self.streams.reset(stream.id, ErrorCode.NO_ERROR)
            elif late := deadlines.stalled(stream, now, slow=socket_is_slow, reading=reading):
                self._end_stream(late)

    def _after(self) -> None:
        """Finish a step: a drained connection ends, unless its peer opens another stream before the
        output has been sent, as it may until GOAWAY arrives (6.8)."""
        if self._error is not None or not (self.eof or self.streams.refusing or self.peer.leaving):
            return
        done = not self.streams.open
        if not done and self.eof and not self.has_content:
            # No window will grow and no content arrive; responses in progress may still be sent.
            done = not any(self._messages.pending(one) for one in self.streams.open.values())
        self.closing = done and not self.backlog
