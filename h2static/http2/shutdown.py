"""The graceful end of a connection (RFC 9113 section 6.8).

Contract: :meth:`Shutdown.begin` starts the two-step shutdown: GOAWAY with the highest stream id and
a PING; once the PING is answered, or after a second, GOAWAY with the last stream id that was
processed (:meth:`Shutdown.acknowledged`).  Streams up to it finish; later ones are ignored.
"""

from __future__ import annotations

from typing import Final

from h2static.http.turn import Turn
from h2static.http2 import registry as r
from h2static.http2.frames import GoAway, Ping
from h2static.http2.registry import ErrorCode
from h2static.http2.sender import Sender
from h2static.http2.streams import Streams

#: The PING between the two GOAWAY frames.
SHUTDOWN_PING: Final = b"h2static"


class Shutdown:
    """The progress of a graceful shutdown."""

    __slots__ = ("_sender", "_streams", "_turn", "since")

    def __init__(self, sender: Sender, streams: Streams, turn: Turn) -> None:
        self._sender = sender
        self._streams = streams
        self._turn = turn
        #: Time at which the first GOAWAY was sent; ``None`` before.
        self.since: float | None = None

    def begin(self) -> None:
        """Ask the peer to leave; only the first call has an effect."""
        if self.since is not None:
            return
        self.since = self._turn.now
        self._sender.emit(GoAway(last_stream_id=r.MAXIMUM_STREAM_ID, code=ErrorCode.NO_ERROR))
        self._sender.emit(Ping(opaque=SHUTDOWN_PING))

    def acknowledged(self) -> None:
        """A round trip has passed: any stream still in transit was opened despite the shutdown."""
        streams = self._streams
        if self.since is None or streams.refusing:
            return
        streams.refuse()
        self._sender.emit(GoAway(last_stream_id=streams.last_processed, code=ErrorCode.NO_ERROR))
