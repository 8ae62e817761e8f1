"""Server push: PUSH_PROMISE and the promised streams (RFC 9113 section 8.4).

Contract: :meth:`Push.delivery` asks a response's hints what to deliver with it, and
:meth:`Push.promise` reserves the promised streams: "the server SHOULD send PUSH_PROMISE
frames prior to sending any frames that reference the promised responses" (section 8.4.1).  Pushed
responses have no pushes of their own.
"""

from __future__ import annotations

from h2static.http.hints import Delivery, Promise, PushClient, Seen
from h2static.http.messages import Request, Response
from h2static.http.turn import Turn
from h2static.http2.limits import Limits
from h2static.http2.sender import Sender
from h2static.http2.settings import PeerSettings
from h2static.http2.shutdown import Shutdown
from h2static.http2.stream import Input, Stream
from h2static.http2.streams import Streams
from h2static.http2.windows import ReceiveWindow

_NOTHING = Delivery()
#: The client sends no content on a promised stream, so this window never changes.
_NO_WINDOW = ReceiveWindow(0, 0)


class Push:
    """The pushes of one connection."""

    __slots__ = ("_limits", "_peer", "_sender", "_shutdown", "_streams", "_turn", "seen")

    def __init__(
        self,
        limits: Limits,
        peer: PeerSettings,
        sender: Sender,
        streams: Streams,
        shutdown: Shutdown,
        turn: Turn,
        *,
        hints: bool,
    ) -> None:
        """``hints``: whether responses may have hints, so that requests must be remembered."""
        self._limits = limits
        self._peer = peer
        self._sender = sender
        self._streams = streams
        self._shutdown = shutdown
        self._turn = turn
        #: What the client was promised or has requested.
        self.seen = Seen() if hints else None

    def asked(self, request: Request) -> None:
        """Note a request: what the client requests itself need not be pushed."""
        if self.seen is not None:
            self.seen.add(request.authority, request.path)

    @property
    def _enabled(self) -> bool:
        peer = self._peer
        return (
            peer.push_enabled
            and not peer.leaving
            and self._shutdown.since is None
            and self._streams.has_own_ids
        )

    @property
    def _free_streams(self) -> int:
        """How many more streams may be promised."""
        limit = self._peer.max_concurrent_streams
        if limit is None:
            limit = self._limits.promised_streams
        return min(limit, self._limits.promised_streams) - self._streams.own

    def possible(self, parent: Stream) -> bool:
        """Whether a promise on ``parent`` can reach the client; not on pushed responses."""
        return (
            self._peer.push_enabled
            and parent.id % 2 == 1
            and self._enabled
            and self._free_streams > 0
        )

    def delivery(self, stream: Stream, response: Response) -> Delivery:
        """What to deliver with ``response``, according to its hints."""
        if self.seen is None or response.hints is None or stream.id % 2 == 0:
            return _NOTHING
        client = PushClient(
            multiplexed=True,
            seen=self.seen,
            push_enabled=self._enabled,
            free_streams=self._free_streams,
            urgency=stream.urgency,
        )
        delivery = response.hints.deliver(stream.request, response.status, client)
        stream.delivered = delivery.words()
        return delivery

    def promise(self, parent: Stream, promise: Promise) -> Stream:
        """Send PUSH_PROMISE on ``parent`` and reserve its stream (RFC 9113 section 6.6)."""
        request = promise.request
        request.promised = True
        stream = Stream(
            self._streams.next_own(),
            request,
            parent.owner,
            send_window=self._sender.initial_window,
            window=_NO_WINDOW,
            now=self._turn.now,
            urgency=promise.urgency,
        )
        stream.advance(Input.SEND_PUSH_PROMISE)
        # The client sends nothing on a promised stream.
        stream.whole = True
        self._streams.add_own(stream)
        self._sender.promise(parent, stream.id, request)
        return stream
