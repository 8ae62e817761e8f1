"""One connection to an upstream: a socket and an engine, driven by the worker's loop.

Contract: a :class:`Link` reads, lets its engine process, and writes, whenever its descriptor is
ready or :meth:`Link.flush_soon` was called.  It never raises and never waits.  ``turned`` is called
after each step in which something was received, ``over`` once, when the connection ends.

Assumes: callers that use the engine call :meth:`Link.flush_soon` afterward; everything happens in
the loop's thread.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, Protocol, TypeAlias

from h2static.client.wire import Wire
from h2static.http1.client import ClientConnection as Http1Connection
from h2static.http2.client import ClientConnection as Http2Connection
from h2static.proxy.limits import ProxyLimits
from h2static.proxy.raw import RawConnection

#: Events of a descriptor; see :mod:`h2static.server.poller`.
READABLE: Final = 1
WRITABLE: Final = 2

#: A connection without I/O, of any kind.
Engine: TypeAlias = Http1Connection | Http2Connection | RawConnection


class Descriptors(Protocol):
    """Watches descriptors, as :class:`h2static.server.descriptors.Descriptors` does."""

    def watch(self, descriptor: int, events: int, react: Callable[[int], None]) -> None:
        """Have ``react`` called when ``descriptor`` is ready for any of ``events``."""

    def forget(self, descriptor: int) -> None:
        """Watch it no longer."""


class Loop(Protocol):
    """The required interface of the serving loop."""

    @property
    def descriptors(self) -> Descriptors:
        """Watches descriptors."""

    def post(self, action: Callable[[], None]) -> None:
        """Do ``action`` soon, in the loop's thread."""

    def now(self) -> float:
        """Monotonic seconds."""

    def report(self, text: str) -> None:
        """Write to the error log."""


class Link:
    """See the module."""

    __slots__ = (
        "_active", "_asked", "_descriptor", "_ended", "_events", "_limits", "_loop", "_more",
        "_over", "_stuck", "_turned", "_wire", "closed", "engine", "idle_since", "octets",
        "protocol", "requests", "under_way",
    )  # fmt: skip

    def __init__(
        self,
        wire: Wire,
        engine: Engine,
        protocol: str,
        loop: Loop,
        limits: ProxyLimits,
        *,
        turned: Callable[[Link], None],
        over: Callable[[Link], None],
    ) -> None:
        """``protocol``: ``h2`` or ``http/1.1``."""
        self._wire = wire
        self.engine = engine
        self.protocol = protocol
        self._loop = loop
        self._limits = limits
        self._turned = turned
        self._over = over
        self._descriptor = wire.descriptor
        self._events = 0
        #: A step is in progress, and will send its output at its end.
        self._active = False
        #: A step was requested.
        self._asked = False
        #: The socket is full.
        self._stuck = False
        #: Our side of the connection is closed.
        self._ended = False
        #: There may be more input that the socket does not report.
        self._more = False
        self.closed = False
        #: Octets written to the socket.
        self.octets = 0
        #: Requests that were sent here, and those with an incomplete response.
        self.requests = 0
        self.under_way = 0
        #: When the last response was complete.
        self.idle_since = loop.now()
        self._watch()

    # ------------------------------------------------------------------ for those who ask

    def flush_soon(self) -> None:
        """The engine was used: send its output."""
        if not self._active:
            self._ask()

    def _ask(self) -> None:
        if not (self._asked or self.closed):
            self._asked = True
            self._loop.post(self._flush)

    def replace(self, engine: Engine) -> None:
        """Another protocol is spoken from here on."""
        self.engine = engine

    def close(self) -> None:
        """Nothing more is wanted."""
        if not self.closed:
            self.engine.close(self._loop.now())
            self.flush_soon()

    def is_silent(self) -> bool:
        """Whether the upstream has neither sent anything nor closed, as far as is known."""
        try:
            return self._wire.is_silent()
        except OSError:
            return False

    # ------------------------------------------------------------------ steps

    def react(self, event: int) -> None:
        """The descriptor is ready for ``event``."""
        if not self._events:
            # It is broken, and nothing reads it: the next read will notice.
            self._loop.descriptors.forget(self._descriptor)
            self._events = 0
            return
        self._guarded(self._react, event)

    def _flush(self) -> None:
        self._asked = False
        self._guarded(self._react, 0)

    def check(self, now: float) -> None:
        """Act on deadlines that have passed."""
        if self.closed:
            return
        engine = self.engine
        if isinstance(engine, RawConnection):
            if engine.ended_at is not None and (
                now - engine.ended_at > self._limits.half_closed_seconds
            ):
                engine.lose("the upstream does not close its side of the connection")
                self.flush_soon()
            return
        deadline = engine.deadline()
        if deadline is not None and deadline <= now:
            engine.check(now)
            self.flush_soon()

    def _guarded(self, step: Callable[[int], None], event: int) -> None:
        """A mistake of ours ends this connection only."""
        if self.closed or self._active:
            return
        self._active = True
        try:
            step(event)
        except OSError as error:
            self.engine.lose(f"the connection was lost: {error.strerror or error}")
            self._end()
        except Exception as error:  # whatever it is, it must be reported
            self._loop.report(f"upstream {self.protocol}: {type(error).__name__}: {error}")
            self.engine.lose("internal error in the proxy")
            self._end()
        finally:
            self._active = False

    def _react(self, event: int) -> None:
        now = self._loop.now()
        wire = self._wire
        came = False
        more, self._more = self._more, False
        if event & READABLE or (event and wire.read_wants_write) or more or wire.has_pending:
            came = self._read(now)
        elif self.engine.backlog:
            came = True
        self._take_turns(now)
        if came:
            self._turned(self)
        self._send(now)
        engine = self.engine
        if engine.closing and not engine.pending():
            self._end()
            return
        if isinstance(engine, RawConnection) and engine.is_half_closed and not self._ended:
            # Only once: TLS would misinterpret a second time.
            self._ended = True
            wire.end_output()
        self._wait_for_readers(engine)
        self._watch()

    def _read(self, now: float) -> bool:
        """Read and process; whether there was anything."""
        wire, size = self._wire, self._limits.read
        came = False
        for _ in range(self._limits.reads):
            engine = self.engine
            if not engine.wants_input:
                self._more = wire.tls is not None
                break
            data = wire.read(size)
            if data is None:
                break
            came = True
            if data:
                engine.receive(data, now)
                if isinstance(engine, Http1Connection) and engine.switched:
                    # The rest belongs to another protocol.
                    self._turned(self)
            elif wire.is_truncated and not isinstance(engine, RawConnection):
                # TLS announces the end of a connection: without that, content that ends with it is
                # truncated.  Protocols after an Upgrade have an end of their own.
                engine.lose("the upstream ended TLS without close_notify")
            else:
                engine.receive_eof(now)
                break
            if len(data) < size and wire.tls is None:
                break
        else:
            # OpenSSL may hold more octets that the socket does not report.
            self._more = wire.tls is not None
            if self._more:
                self._ask()
        return came

    def _take_turns(self, now: float) -> None:
        engine = self.engine
        while engine.backlog:
            engine.take_turn(now)

    def _send(self, now: float) -> None:
        engine, wire, budget = self.engine, self._wire, self._limits.output
        self._stuck = False
        while True:
            engine.pump(now, budget)
            pieces = engine.pending()
            if not pieces:
                return
            taken = wire.write(pieces)
            if not taken:
                self._stuck = True
                return
            self.octets += taken
            engine.sent(taken, now)

    def _wait_for_readers(self, engine: Engine) -> None:
        """Content that is not there yet is waited for."""
        blocked = engine.blocked
        while blocked:
            stream_id, reader = blocked.pop()
            reader.wait(partial(self._unblock, engine, stream_id))

    def _unblock(self, engine: Engine, stream_id: int) -> None:
        if engine is self.engine and not self.closed:
            engine.unblock(stream_id, self._loop.now())
            # Also within the step that has just waited for it.
            self._ask()

    def _watch(self) -> None:
        wire = self._wire
        events = 0
        if wire.read_wants_write or (self._stuck and not wire.write_wants_read):
            events |= WRITABLE
        if self.engine.wants_input or wire.write_wants_read:
            events |= READABLE
        if events != self._events:
            self._events = events
            self._loop.descriptors.watch(self._descriptor, events, self.react)

    def end(self) -> None:
        """Send GOAWAY or close_notify as far as the socket accepts it, and end."""
        if not self.closed:
            self.engine.close(self._loop.now())
            self._guarded(self._react, 0)
            self._end()

    def _end(self) -> None:
        if self.closed:
            return
        self.closed = True
        self._loop.descriptors.forget(self._descriptor)
        self.engine.abandon()
        self._turned(self)
        self._wire.shut()
        self._over(self)
