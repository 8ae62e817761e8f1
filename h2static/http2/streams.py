"""The streams of a connection: open ones, and the state of all others.

Contract: :class:`Streams` knows which identifiers were used, which streams are open, which we have
reset, and which were promised (RFC 9113 section 5.1.1).  An open stream is in :attr:`Streams.open`;
:meth:`Streams.state_of_absent` derives the state of every other identifier from a few numbers.
Streams are removed by :meth:`Streams.close`, which releases their resources.

Assumes that everything sent on a stream goes through the sender.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from h2static.http2 import registry as r
from h2static.http2.budgets import Budgets
from h2static.http2.errors import ConnectionViolation, StreamViolation
from h2static.http2.limits import Limits
from h2static.http2.observer import Observer
from h2static.http2.registry import ErrorCode
from h2static.http2.roles import Role
from h2static.http2.sender import Sender
from h2static.http2.stream import Input, State, Stream, ignore, step


class Streams:
    """The streams of one connection."""

    __slots__ = (
        "_budgets", "_idle_gaps", "_limits", "_maximum", "_observer", "_over",
        "_own_parity", "_reset", "_reset_forgotten", "_role", "_sender", "last_processed",
        "next_own_id", "next_peer_id", "open", "own", "pending_priorities", "refusing", "requests",
    )  # fmt: skip

    def __init__(
        self,
        role: Role,
        limits: Limits,
        maximum: int,
        sender: Sender,
        budgets: Budgets,
        observer: Observer | None,
        over: Callable[[Stream], None],
    ) -> None:
        """``maximum``: streams that the peer may have open; ``over`` is called with each stream
        that has ended, before it is released."""
        self._role = role
        self._own_parity = role.own_parity
        self._limits = limits
        self._maximum = maximum
        self._sender = sender
        self._budgets = budgets
        self._observer = observer
        self._over = over
        self.open: dict[int, Stream] = {}
        #: The next stream that the peer may open, and the next one that we may open or promise.
        self.next_peer_id = role.first_peer_id
        self.next_own_id = role.first_own_id
        #: Number of open streams that are our own.
        self.own = 0
        #: The peer's last stream that was or will be processed (section 6.8).
        self.last_processed = 0
        #: Whether our final GOAWAY was sent: new streams of the peer are ignored.
        self.refusing = False
        #: Number of the peer's streams that were processed.
        self.requests = 0
        #: Ranges of skipped stream IDs of the peer: (first, last).
        self._idle_gaps: deque[tuple[int, int]] = deque(maxlen=limits.idle_gaps)
        #: Streams that we reset, in order; their late frames are ignored.
        self._reset: dict[int, None] = {}
        #: The highest of those that are no longer remembered.
        self._reset_forgotten = 0
        #: PRIORITY_UPDATE for streams that are not open yet: urgency, incremental.
        self.pending_priorities: dict[int, tuple[int, bool]] = {}

    # ------------------------------------------------------------------ streams that begin

    def admit(self, stream_id: int) -> bool:
        """Whether HEADERS open a stream that is not open (sections 5.1.1 and 5.1.2).

        False: the frame is ignored.  Raises a violation.
        """
        # "An endpoint that receives an unexpected stream identifier MUST respond with a connection
        # error of type PROTOCOL_ERROR" (5.1.1).
        if stream_id % 2 == self._own_parity:
            parity = "an even" if self._role is Role.SERVER else "an idle"
            raise ConnectionViolation(ErrorCode.PROTOCOL_ERROR, f"HEADERS on {parity} stream id")
        if stream_id < self.next_peer_id:
            if self._was_reset(stream_id):
                self._budgets.glitch()
                return False
            if self.state_of_absent(stream_id) is State.IDLE:
                raise ConnectionViolation(
                    ErrorCode.PROTOCOL_ERROR, "HEADERS on a stream id lower than the last one"
                )
            step(State.CLOSED, Input.RECEIVE_HEADERS, stream_id)
        self._use(stream_id)
        if self.refusing:
            # Not processed, as announced in the final GOAWAY (6.8).
            self._budgets.glitch()
            return False
        occupied = len(self.open) + len(self._sender.output.ends)
        # "An endpoint that receives a HEADERS frame that causes its advertised concurrent stream
        # limit to be exceeded MUST treat this as a stream error of type PROTOCOL_ERROR or
        # REFUSED_STREAM" (5.1.2).  The latter says that nothing was processed, so that the client
        # may retry (8.7).
        if occupied - self.own >= self._maximum:
            raise StreamViolation(
                stream_id, ErrorCode.REFUSED_STREAM, "more than SETTINGS_MAX_CONCURRENT_STREAMS"
            )
        return True

    def admit_promise(self, stream_id: int) -> None:
        """Reserve a stream promised by the peer (section 6.6).  Raises a violation."""
        # "The promised stream identifier MUST be a valid choice for the next stream sent by the
        # sender"; "A receiver MUST treat the receipt of a PUSH_PROMISE that promises an illegal
        # stream identifier as a connection error of type PROTOCOL_ERROR" (6.6).
        if stream_id % 2 == self._own_parity or stream_id < self.next_peer_id:
            raise ConnectionViolation(
                ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE for a stream that is not idle"
            )
        self._use(stream_id)

    def absent_promise(self, parent_id: int) -> None:
        """Process PUSH_PROMISE on a stream that is not open: legal if we have reset it (6.6)."""
        if not self._was_reset(parent_id):
            raise ConnectionViolation(
                ErrorCode.PROTOCOL_ERROR, "PUSH_PROMISE on a stream that is not open"
            )
        self._budgets.glitch()

    def _use(self, stream_id: int) -> None:
        """The peer uses ``stream_id``, so all unused lower ones are closed (section 5.1.1)."""
        if stream_id > self.next_peer_id:
            self._idle_gaps.append((self.next_peer_id, stream_id - 2))
        self.next_peer_id = stream_id + 2
        pending = self.pending_priorities
        if not pending:
            return
        for skipped in [one for one in pending if one < stream_id]:
            del pending[skipped]

    def add(self, stream: Stream) -> None:
        """Add an open stream of the peer, which will be processed."""
        if self.pending_priorities:
            update = self.pending_priorities.pop(stream.id, None)
            if update is not None:
                # RFC 9218 section 7: a PRIORITY_UPDATE takes precedence over the field.
                stream.urgency, stream.incremental = update
        self.open[stream.id] = stream
        self.last_processed = stream.id
        self.requests += 1

    def processed(self, stream_id: int) -> None:
        """Note that ``stream_id`` was processed, not merely ignored."""
        self.last_processed = stream_id

    @property
    def has_own_ids(self) -> bool:
        """Whether another stream of our own may be opened (section 5.1.1: 31 bits)."""
        return self.next_own_id < r.MAXIMUM_STREAM_ID

    def next_own(self) -> int:
        """Take the next identifier for a stream of our own."""
        stream_id = self.next_own_id
        self.next_own_id += 2
        return stream_id

    def add_own(self, stream: Stream) -> None:
        """Add a stream of our own, open or reserved."""
        self.own += 1
        self.open[stream.id] = stream

    def refuse(self) -> None:
        """Our final GOAWAY is being sent: ignore streams that the peer opens from now on."""
        self.refusing = True

    def replayed(self, next_peer_id: int, count: int) -> None:
        """The fast path has answered ``count`` requests up to this identifier."""
        self.next_peer_id = next_peer_id
        self.last_processed = next_peer_id - 2
        self.requests += count

    def used(self, stream_id: int) -> None:
        """The peer is about to open its next stream, ``stream_id``, which is allowed."""
        self.next_peer_id = stream_id + 2

    def answered(self, stream_id: int) -> None:
        """An admitted request needs no stream, because its response was sent immediately."""
        self.last_processed = stream_id
        self.requests += 1

    # ------------------------------------------------------------------ streams that are not open

    def absent(self, stream_id: int, event: Input) -> None:
        """Process a frame for a stream that is not open: no effect if it is legal.

        Raises the error in the state table for an idle or closed stream.
        """
        if self._was_reset(stream_id):
            # "An endpoint that sends a RST_STREAM frame … MUST ignore frames that it receives on
            # closed streams after it has sent a RST_STREAM frame" (5.4.2); each costs us something.
            self._budgets.glitch()
        elif self.refusing and stream_id > self.last_processed and self._is_of_peer(stream_id):
            # Our final GOAWAY said that the stream will not be processed (6.8).
            return
        else:
            # Frames that the table allows on a closed stream have no effect: WINDOW_UPDATE and
            # RST_STREAM cross with the end of every response, and each has its own budget.
            step(self.state_of_absent(stream_id), event, stream_id)

    def state_of_absent(self, stream_id: int) -> State:
        """The state, idle or closed, of a stream ID without a stream (section 5.1.1)."""
        if not self._is_of_peer(stream_id):
            return State.CLOSED if stream_id < self.next_own_id else State.IDLE
        if stream_id >= self.next_peer_id:
            return State.IDLE
        for first, last in self._idle_gaps:
            # A client that skips identifiers leaves streams that were never open; a frame on one is
            # a PROTOCOL_ERROR, on a closed one it is STREAM_CLOSED.
            if first <= stream_id <= last:
                return State.IDLE
        return State.CLOSED

    def _was_reset(self, stream_id: int) -> bool:
        """Whether we may have reset the stream: frames that were in transit are discarded."""
        if stream_id in self._reset:
            return True
        # For forgotten identifiers this is unknown: rather ignore a possible error than
        # end a connection for frames that were sent before RST_STREAM arrived (section 5.1).
        return (
            stream_id <= self._reset_forgotten and self.state_of_absent(stream_id) is State.CLOSED
        )

    def is_own(self, stream_id: int) -> bool:
        """Whether this end opens streams with such an identifier."""
        return stream_id % 2 == self._own_parity

    def _is_of_peer(self, stream_id: int) -> bool:
        return stream_id % 2 != self._own_parity

    # ------------------------------------------------------------------ priorities

    def prioritize(self, stream_id: int, urgency: int, incremental: bool) -> None:
        """Process PRIORITY_UPDATE (RFC 9218 section 7.1).  Raises a violation."""
        stream = self.open.get(stream_id)
        if stream is not None:
            self._sender.scheduler.reprioritize(stream, urgency, incremental)
            return
        if self.state_of_absent(stream_id) is State.CLOSED:
            return
        # RFC 9218 section 7.1: "If a server receives a PRIORITY_UPDATE with a Prioritized Stream ID
        # … in the 'idle' state [of a push stream], it MUST respond with a connection error of type
        # PROTOCOL_ERROR".
        if not self._is_of_peer(stream_id):
            raise ConnectionViolation(
                ErrorCode.PROTOCOL_ERROR, "PRIORITY_UPDATE for an idle push stream"
            )
        if stream_id < self.next_peer_id:
            # Skipped: it will never be opened.
            return
        pending = self.pending_priorities
        if stream_id in pending or len(pending) < self._limits.pending_priorities:
            pending[stream_id] = (urgency, incremental)

    # ------------------------------------------------------------------ streams that end

    def reset(self, stream_id: int, code: ErrorCode) -> None:
        """Send RST_STREAM and drop the stream; its late frames will be ignored."""
        self._sender.reset(stream_id, code)
        remembered = self._reset
        remembered[stream_id] = None
        if len(remembered) > self._limits.reset_streams_remembered:
            oldest = next(iter(remembered))
            del remembered[oldest]
            self._reset_forgotten = max(self._reset_forgotten, oldest)
        stream = self.open.get(stream_id)
        if stream is not None:
            self.close(stream)

    def close(self, stream: Stream) -> None:
        """Remove a closed stream, and release its resources."""
        if stream.queued:
            self._sender.scheduler.remove(stream)
        self._over(stream)
        if self.open.pop(stream.id, None) is not None and stream.id % 2 == self._own_parity:
            self.own -= 1
        stream.release()
        if self._observer is not None:
            self._observer.stream_closed(stream.id)

    def release(self) -> None:
        """End all streams without sending a frame."""
        streams, self.open = list(self.open.values()), {}
        self.own = 0
        for stream in streams:
            self._over(stream)
            stream.release()

    def retire(self) -> None:
        """The connection is over: drop the callback."""
        self._over = ignore

    def books(self) -> dict[str, float]:
        """The numbers about streams that are not open, for comparison in tests."""
        return {
            "pending priorities": len(self.pending_priorities),
            "reset streams": len(self._reset),
        }
