"""The request streams of one connection: which are open, and how they end.

Contract: :class:`Streams` has an :class:`Incoming` for each stream on which the client may still
send, and a :class:`~h2static.http3.stream.Stream` for each unfinished request.  The transport
limits their number; it counts a stream until its last octet is acknowledged.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from h2static.http.counters import Counters
from h2static.http3 import registry as r
from h2static.http3.frames import FrameReader
from h2static.http3.limits import Limits
from h2static.http3.observer import Observer
from h2static.http3.registry import ErrorCode
from h2static.http3.stream import Part, Stream
from h2static.quic.transport import Transport

#: Stream type in the two lowest bits of an identifier (RFC 9000 section 2.1).
CLIENT_BIDIRECTIONAL: Final = 0x00
CLIENT_UNIDIRECTIONAL: Final = 0x02


class Incoming:
    """The client's direction of one request stream."""

    __slots__ = ("dropped", "part", "reader", "started")

    def __init__(self, limits: dict[int, int], now: float) -> None:
        self.reader = FrameReader(limits)
        self.part = Part.NOTHING
        self.started = now
        #: Whether further octets are discarded.
        self.dropped = False


class Streams:
    """The request streams of one connection."""

    __slots__ = (
        "_counters", "_observer", "_over", "_transport", "frame_limits", "incoming",
        "last_processed", "open", "refusing",
    )  # fmt: skip

    def __init__(
        self,
        transport: Transport,
        limits: Limits,
        counters: Counters,
        observer: Observer | None,
        over: Callable[[Stream], None],
    ) -> None:
        """``over`` is called with each stream that has ended."""
        self._transport = transport
        self._counters = counters
        self._observer = observer
        self._over = over
        self.frame_limits = {r.HEADERS: limits.header_block_size}
        self.open: dict[int, Stream] = {}
        self.incoming: dict[int, Incoming] = {}
        #: The largest stream whose request was considered; -4: none.
        self.last_processed = -4
        #: Whether requests on later streams are rejected: the final GOAWAY was sent.
        self.refusing = False

    def admit(self, stream_id: int) -> bool:
        """Whether to process a request on ``stream_id``; otherwise it is rejected."""
        # "Requests or pushes with the indicated identifier or greater are rejected" (5.2).
        if self.refusing and stream_id > self.last_processed:
            self.drop(stream_id, ErrorCode.H3_REQUEST_REJECTED)
            self._transport.reset(stream_id, ErrorCode.H3_REQUEST_REJECTED)
            return False
        self._counters.requests += 1
        self.last_processed = max(self.last_processed, stream_id)
        return True

    def add(self, stream: Stream) -> None:
        """Add a request whose field section has arrived."""
        self.open[stream.id] = stream

    def drop(self, stream_id: int, code: ErrorCode) -> None:
        """Discard everything that the client still sends on a stream."""
        incoming = self.incoming.get(stream_id)
        if incoming is not None and not incoming.dropped:
            incoming.dropped = True
            self._transport.stop(stream_id, code)

    def close(self, stream: Stream) -> None:
        """Close a stream: both messages are complete, or no longer needed."""
        if self.open.pop(stream.id, None) is None:
            return
        stream.release()
        self._over(stream)
        if self._observer is not None:
            self._observer.stream_closed(stream.id)

    def reset(self, stream_id: int, code: ErrorCode) -> None:
        """Reset a stream in both directions."""
        stream = self.open.get(stream_id)
        # "an HTTP/3 stream error … abruptly terminates reading and sending" (8).
        self._transport.reset(stream_id, code)
        self.drop(stream_id, code)
        if self._observer is not None:
            self._observer.reset("send", stream_id, code)
        if stream is not None:
            self.close(stream)

    def release(self) -> None:
        """The connection is over: release all streams."""
        for stream in list(self.open.values()):
            self.close(stream)
        self.incoming.clear()
