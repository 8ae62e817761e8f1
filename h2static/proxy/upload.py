"""The content of a request on its way to an upstream.

Contract: an :class:`Upload` is the sink of the client's content and the body of the upstream's
request, with back-pressure from one to the other.  While little of it has been read, it can be
replayed for another upstream.  Content that the client cuts off fails its reader, so that it never
looks complete.  Once an upstream has responded without reading everything, the rest is discarded.

Assumes: everything happens in the loop's thread.
"""

from __future__ import annotations

from collections.abc import Callable

from h2static.http.bodies import BodyReader
from h2static.http.fields import Fields
from h2static.http.pipe import Pipe
from h2static.proxy.limits import ProxyLimits


class Upload:
    """Request content in transit; a :class:`~h2static.http.bodies.Sink` and a Body."""

    __slots__ = (
        "_kept", "_kept_size", "_limits", "_on_known", "_on_room", "_pipe", "_reader",
        "_received", "_trailers", "broken", "ended", "moved",
    )  # fmt: skip

    #: The engine knows the length that the client announced; trailers may follow.
    length = None

    def __init__(self, limits: ProxyLimits, on_room: Callable[[], None]) -> None:
        """``on_room`` is called when the client may go on."""
        self._limits = limits
        self._on_room = on_room
        #: The content so far, while it can be replayed; ``None``: it is too large.
        self._kept: list[bytes] | None = []
        self._kept_size = 0
        self._received = 0
        self._trailers: Fields = ()
        #: The content is complete.
        self.ended = False
        #: The rest will not arrive.
        self.broken = False
        #: How often something was read: the request moves on.
        self.moved = 0
        #: The body that the current upstream reads.
        self._pipe: Pipe | None = None
        self._reader: _Reader | None = None
        self._on_known: Callable[[], None] | None = None

    @property
    def empty(self) -> bool:
        """Whether the request has no content."""
        return self.ended and not self._received and not self._trailers

    @property
    def known(self) -> bool:
        """Whether it is known if there is any content."""
        return self.ended or self._received > 0 or self.broken

    @property
    def again(self) -> bool:
        """Whether what was read can be read again."""
        return self._kept is not None and not self.broken

    def when_known(self, callback: Callable[[], None]) -> None:
        """Have ``callback`` called once when :attr:`known`."""
        self._on_known = callback

    # ------------------------------------------------------------------ the client's end

    def receive(self, data: bytes) -> bool:
        """See :meth:`h2static.http.bodies.Sink.receive`."""
        self._received += len(data)
        pipe = self._pipe
        if self._kept is not None:
            self._kept_size += len(data)
            # Unread content must be kept in any case.
            if pipe is None or self._kept_size <= self._limits.replayed:
                self._kept.append(data)
            else:
                self._kept = None
        if pipe is None:
            room = self._received < self._limits.upload
        else:
            room = pipe.receive(data) or pipe.closed
        self._tell_known()
        return room

    def end(self, trailers: Fields) -> None:
        """See :meth:`h2static.http.bodies.Sink.end`."""
        self.ended = True
        self._trailers = trailers
        if self._pipe is not None:
            self._pipe.end(trailers)
        self._tell_known()

    def abandon(self) -> None:
        """See :meth:`h2static.http.bodies.Sink.abandon`."""
        self.broken = True
        self._kept = None
        if self._pipe is not None:
            self._pipe.abandon()
        self._tell_known()

    def _tell_known(self) -> None:
        callback, self._on_known = self._on_known, None
        if callback is not None:
            callback()

    # ------------------------------------------------------------------ the upstream's end

    def open(self) -> BodyReader:
        """A reading from the first octet on, which ends the one before.  Raises ``OSError``."""
        if self._kept is None:
            raise OSError("the request content cannot be replayed")
        self.detach()
        pipe = self._pipe = Pipe(capacity=self._limits.upload, on_room=self._on_room)
        reader = self._reader = _Reader(self, pipe)
        pipe.open()
        full = False
        for piece in self._kept:
            full = not pipe.receive(piece) or full
        if self._kept_size > self._limits.replayed:
            self._kept = None
        if self.ended:
            pipe.end(self._trailers)
        elif not full and self._received >= self._limits.upload:
            # It had to wait while nothing read the content.
            self._on_room()
        return reader

    def dropped(self) -> None:
        """The upstream wants no more: what the client still sends is thrown away."""
        self._on_room()

    def detach(self) -> None:
        """Detach the current reader."""
        pipe, self._pipe = self._pipe, None
        if pipe is not None:
            pipe.close()


class _Reader:
    """One reading; see :class:`h2static.http.bodies.BodyReader`."""

    __slots__ = ("_pipe", "_upload")

    reuses_buffer = False

    def __init__(self, upload: Upload, pipe: Pipe) -> None:
        self._upload = upload
        self._pipe = pipe

    def read(self, size: int) -> bytes | None:
        data = self._pipe.read(size)
        if data:
            self._upload.moved += 1
        return data

    def wait(self, wake: Callable[[], None]) -> None:
        self._pipe.wait(wake)

    def trailers(self) -> Fields:
        return self._pipe.trailers()

    def close(self) -> None:
        if not self._pipe.closed:
            self._pipe.close()
            if not self._upload.ended:
                self._upload.dropped()
