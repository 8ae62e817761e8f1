"""A server's HTTP/3 connection without I/O (RFC 9114).

Contract, for the driver:

1. Give the transport its datagrams, then call :meth:`ServerConnection.receive`, which processes the
   resulting events; it never raises for anything that a peer can send.
2. After that, and whenever there may be new room, :meth:`ServerConnection.pump` passes content to
   the transport; then send the transport's datagrams.
3. While :attr:`ServerConnection.backlog` is true, exchanges were called outside of a turn: call
   :meth:`ServerConnection.take_turn`.  ``notify`` signals when that begins.
4. ``jobs`` and ``blocked`` list work for threads; ``finish_job`` and ``unblock`` return the
results.
5. Call ``check`` when ``deadline()`` has passed.  Once ``closing`` is true there is nothing more to
   process; call ``abandon()`` when the connection is lost or over.

``now`` is in monotonic seconds.  The driver calls
:meth:`~h2static.http3.service.Service.new_batch` before connections process what it has read.

Strategy: a connection owns its parts, and each part owns the state that it changes; no part refers
to the connection.  Errors are raised with a scope and become frames here, and nowhere else.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import assert_never

from h2static.http.bodies import BodyReader
from h2static.http.counters import Counters
from h2static.http.exchange import Job, Outcome
from h2static.http.messages import Client
from h2static.http.turn import Turn
from h2static.http3 import registry as r
from h2static.http3.budgets import Budgets
from h2static.http3.control import Control
from h2static.http3.deadlines import Deadlines
from h2static.http3.errors import ConnectionViolation, StreamViolation
from h2static.http3.observer import Observer, Report
from h2static.http3.receiver import Receiver
from h2static.http3.registry import ErrorCode
from h2static.http3.reports import Reports
from h2static.http3.requests import Requests
from h2static.http3.sender import Sender
from h2static.http3.service import Service
from h2static.http3.stream import Stream
from h2static.http3.streams import CLIENT_BIDIRECTIONAL, CLIENT_UNIDIRECTIONAL, Streams
from h2static.quic.transport import (
    Event,
    HandshakeCompleted,
    PingAcknowledged,
    SendingStopped,
    StreamData,
    StreamReset,
    Terminated,
    Transport,
)


def nothing() -> None:
    """Default callback that does nothing."""


class ServerConnection:
    """The server's end of an HTTP/3 connection, without I/O."""

    __slots__ = (
        "_budgets", "_checked", "_control", "_deadlines", "_established", "_last_request",
        "_limits", "_moved", "_observer", "_opened_at", "_receiver", "_reports", "_requests",
        "_sender", "_shutdown_since", "_streams", "_turn", "blocked", "client", "closing",
        "counters", "jobs", "problem", "transport", "write_progress",
    )  # fmt: skip

    def __init__(
        self,
        service: Service,
        client: Client,
        transport: Transport,
        now: float,
        *,
        notify: Callable[[], None] = nothing,
        observer: Observer | None = None,
        report: Report | None = None,
    ) -> None:
        """``notify`` requests a turn; ``observer`` sees every frame; ``report`` is called for each
        stream error."""
        limits = service.limits
        self.transport = transport
        self.client = client
        self._limits = limits
        self._observer = observer
        self._turn = Turn(now, notify)
        self.counters = Counters()
        self._reports = Reports(observer, report, self.counters)
        self._budgets = Budgets(limits, self._turn, self.counters, self._begin_shutdown)
        self._sender = Sender(transport, service, observer, self._sent_end)
        self._streams = Streams(transport, limits, self.counters, observer, self._over)
        self._requests = Requests(
            service,
            client,
            self._turn,
            transport,
            streams=self._streams,
            sender=self._sender,
            budgets=self._budgets,
            reports=self._reports,
        )
        self._receiver = Receiver(
            service,
            transport,
            self._turn,
            streams=self._streams,
            requests=self._requests,
            budgets=self._budgets,
            reports=self._reports,
            observer=observer,
        )
        self._control = Control(
            service, transport, self._budgets, observer, self._requests.prioritize
        )
        self._deadlines = Deadlines(limits, self._sender, transport)
        self._opened_at = self._checked = self._last_request = now
        self._established = False
        #: Time at which the first GOAWAY was sent.
        self._shutdown_since: float | None = None
        #: Readers that would block; the driver removes them and waits for them.
        self.blocked: list[tuple[int, BodyReader]] = self._sender.blocked
        #: Jobs for threads, by stream; the driver removes one when a thread starts it.
        self.jobs: deque[tuple[int, Job]] = self._requests.jobs
        self.closing = False
        #: What the peer did wrong, if anything.
        self.problem: str | None = None
        #: Time of the peer's last significant progress, and the octets it had taken by then.
        self.write_progress = now
        self._moved = 0

    # ------------------------------------------------------------------ what the driver asks

    @property
    def established(self) -> bool:
        """Whether the handshake is complete."""
        return self._established

    @property
    def backlog(self) -> bool:
        """Whether :meth:`take_turn` has something to do."""
        return bool(self._turn.waiting)

    @property
    def has_content(self) -> bool:
        """Whether :meth:`pump` would move something."""
        return self._sender.can_move

    @property
    def open_streams(self) -> int:
        """Number of unfinished requests."""
        return len(self._streams.open)

    def deadline(self) -> float | None:
        """The earliest time at which :meth:`check` may have something to do; ``None``: never."""
        if self.closing:
            return None
        if self._streams.open or self._streams.incoming or self._shutdown_since is not None:
            return self._checked + self._limits.check_seconds
        if not (self._established and self._control.received_settings):
            return self._opened_at + self._limits.preface_seconds
        return self._last_request + self._limits.idle_seconds

    # ------------------------------------------------------------------ input

    def receive(self, now: float) -> None:
        """Process the transport's events; never raises for anything that a peer can send."""
        self._turn.now = now
        self._guarded(self._perform)
        while not self.closing:
            event = self.transport.next_event()
            if event is None:
                break
            self._guarded_event(event)
        if not self.closing and self._sender.without_credit:
            self._sender.look_for_credit()
        self._note_progress(now)
        self._after()

    def take_turn(self, now: float) -> None:
        """Continue with the backlog."""
        self.receive(now)

    def _handle(self, event: Event) -> None:
        match event:
            case StreamData():
                self._on_data(event)
            case StreamReset():
                self._on_reset(event)
            case SendingStopped():
                self._on_stopped(event)
            case HandshakeCompleted():
                self._established = True
                self._control.open()
            case PingAcknowledged():
                self._finish_shutdown()
            case Terminated():
                self._on_terminated(event)
            case _:
                assert_never(event)

    def _on_data(self, event: StreamData) -> None:
        kind = event.stream_id & 0x03
        if kind == CLIENT_BIDIRECTIONAL:
            self._last_request = self._turn.now
            self._receiver.receive(event)
        elif kind == CLIENT_UNIDIRECTIONAL:
            self._control.receive(event)

    def _on_reset(self, event: StreamReset) -> None:
        """Process RESET_STREAM."""
        if self._observer is not None:
            self._observer.reset("recv", event.stream_id, event.code)
        kind = event.stream_id & 0x03
        if kind == CLIENT_UNIDIRECTIONAL:
            self._control.ended(event.stream_id)
            return
        incoming = self._streams.incoming.pop(event.stream_id, None)
        if incoming is None or incoming.dropped:
            return
        if event.stream_id in self._streams.open:
            self._requests.cancelled(event.stream_id)
        else:
            self.transport.reset(event.stream_id, ErrorCode.H3_REQUEST_CANCELLED)
        self._budgets.reset()

    def _on_stopped(self, event: SendingStopped) -> None:
        """Process STOP_SENDING; the transport has already reset our side."""
        if self._observer is not None:
            self._observer.reset("stop", event.stream_id, event.code)
        # "the sender MUST NOT close, and the receiver MUST NOT request that the sender close, the
        # control stream" (6.2.1).
        if event.stream_id & 0x03 != CLIENT_BIDIRECTIONAL:
            raise ConnectionViolation(
                ErrorCode.H3_CLOSED_CRITICAL_STREAM, "STOP_SENDING for the control stream"
            )
        self._requests.stopped(event.stream_id)
        self._budgets.reset()

    def _on_terminated(self, event: Terminated) -> None:
        if event.closed_here and event.code not in (0, ErrorCode.H3_NO_ERROR):
            self.problem = event.reason
        self._give_up()

    def _perform(self) -> None:
        """Carry out calls to exchanges outside of a turn.  Raises ConnectionViolation."""
        waiting = self._turn.waiting
        while waiting:
            action = waiting.popleft()
            try:
                action()
            except StreamViolation as violation:
                self._end_stream(violation)

    # ------------------------------------------------------------------ output

    def pump(self, now: float, budget: int) -> None:
        """Pass content to the transport, at most about ``budget`` octets."""
        if not self.closing:
            self._turn.now = now
            # A failing body ends only its own stream.
            while self._guarded(lambda: self._sender.pump(budget)):
                pass
            self._after()

    def unblock(self, stream_id: int, now: float) -> None:
        """A reader in ``blocked`` can continue; its stream may be gone."""
        self._turn.now = now
        stream = self._streams.open.get(stream_id)
        if stream is not None:
            stream.waiting = False
            self._sender.resume(stream)

    def finish_job(self, stream_id: int, outcome: Outcome | None, now: float) -> None:
        """Deliver a job's outcome (``None`` if it failed); the stream may be gone."""
        if not self.closing:
            self._turn.now = now
            self._guarded(lambda: self._requests.finish_job(stream_id, outcome))
            self._after()

    def _sent_end(self, stream: Stream) -> None:
        self._requests.sent(stream)

    def _over(self, stream: Stream) -> None:
        self._requests.over(stream)

    def _note_progress(self, now: float) -> None:
        """Note the peer's progress.  A trickle does not count: it could read one octet a minute."""
        transport = self.transport
        moved = transport.moved
        if not transport.waits_for_peer or moved - self._moved >= self._limits.stall_octets:
            self.write_progress = now
            self._moved = moved

    # ------------------------------------------------------------------ violations become frames

    def _guarded(self, action: Callable[[], None]) -> bool:
        """Run ``action`` within a turn; violations that it raises become frames.

        Returns whether a stream was ended, in which case the rest of the action remains to be done.
        """
        self._turn.active = True
        try:
            try:
                action()
            except StreamViolation as violation:
                self._end_stream(violation)
                return True
        except ConnectionViolation as violation:
            self._end_connection(violation)
        finally:
            self._turn.active = False
        return False

    def _guarded_event(self, event: Event) -> None:
        self._guarded(lambda: self._handle(event))

    def _end_stream(self, violation: StreamViolation) -> None:
        """Send RESET_STREAM and STOP_SENDING, charged to the budget for resets.

        Raises :class:`ConnectionViolation` if the budget is spent.
        """
        self._reports.stream(violation)
        self._streams.reset(violation.stream_id, violation.code)
        self._budgets.reset()

    def _end_connection(self, violation: ConnectionViolation) -> None:
        """Send CONNECTION_CLOSE, and nothing after it (RFC 9114 section 8)."""
        self._reports.connection(violation)
        self.problem = violation.text
        self.transport.close(violation.code, violation.reason)
        self._give_up()

    # ------------------------------------------------------------------ time and the end

    def check(self, now: float) -> None:
        """Act on deadlines that have passed."""
        if not self.closing:
            self._turn.now = now
            self._guarded(lambda: self._check(now))
            self._checked = now
            self._after()

    def _check(self, now: float) -> None:
        limits = self._limits
        self._note_progress(now)
        ready = self._established and self._control.received_settings
        if not ready and now - self._opened_at >= limits.preface_seconds:
            raise ConnectionViolation(
                ErrorCode.H3_MISSING_SETTINGS, "no SETTINGS before the timeout"
            )
        since = self._shutdown_since
        if since is not None and now - since > limits.shutdown_round_trip_seconds:
            self._finish_shutdown()
        for stream_id, incoming in list(self._streams.incoming.items()):
            late = now - incoming.started > limits.header_block_seconds
            if late and stream_id not in self._streams.open and not incoming.dropped:
                self._end_stream(
                    StreamViolation(
                        stream_id,
                        ErrorCode.H3_EXCESSIVE_LOAD,
                        "field section not complete before the timeout",
                    )
                )
        for stream in list(self._streams.open.values()):
            if self._deadlines.declined(stream, now):
                self._requests.decline(stream)
            elif late_stream := self._deadlines.stalled(stream, now):
                self._end_stream(late_stream)
        if self._streams.refusing and not self._streams.open and self._deadlines.is_gone(now):
            self.transport.close(ErrorCode.H3_NO_ERROR, "")
            self._give_up()
            return
        idle = not self._streams.open and now - self._last_request >= limits.idle_seconds
        if idle and since is None:
            self._begin_shutdown()

    def drain(self, now: float) -> None:
        """Begin the two-step shutdown: accepted requests finish (RFC 9114 section 5.2)."""
        if not self.closing:
            self._turn.now = now
            self._begin_shutdown()
            self._after()

    def _begin_shutdown(self) -> None:
        """Ask the client to leave; only the first call has an effect."""
        if self._shutdown_since is None:
            self._shutdown_since = self._turn.now
            # "An endpoint that is attempting to gracefully shut down a connection can send a GOAWAY
            # frame with a value set to the maximum possible value (2^62-4 for servers …)" (5.2).
            self._control.goaway(r.MAXIMUM_REQUEST_STREAM)
            self.transport.ping()

    def _finish_shutdown(self) -> None:
        """A round trip has passed: any request still in transit was sent despite the shutdown."""
        if self._shutdown_since is not None and not self._streams.refusing:
            self._streams.refusing = True
            self._control.goaway(self._streams.last_processed + 4)

    def _after(self) -> None:
        """Close a drained connection after its last request."""
        if self.closing or self._streams.open or self.backlog:
            return
        if self._streams.refusing and not self.transport.waits_for_peer:
            self.transport.close(ErrorCode.H3_NO_ERROR, "")
            self._give_up()

    def _give_up(self) -> None:
        """Stop processing."""
        self.closing = True
        self._streams.release()
        self._sender.blocked.clear()
        self._turn.give_up()

    def abandon(self) -> None:
        """The connection is lost or over: release all resources."""
        self._give_up()
