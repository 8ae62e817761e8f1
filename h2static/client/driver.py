"""Connects an engine with a wire: reads, processes, writes and waits for octets.

Contract: :meth:`Driver.run` serves one connection until it is over, and leaves its wire closed and
its engine abandoned, however it ends.  Callers that use the engine outside of its calls (a request,
a resumed response) must call :meth:`Driver.flush`.

Assumes: everything happens in one event loop.  Engines are those of :mod:`h2static.http2.client`
and :mod:`h2static.http1.client`; they never raise.

Strategy: one task reads and processes; what that makes to send goes out at once.  A second task
runs only while the socket takes nothing, a third one looks at deadlines.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Final, Protocol

import anyio
from anyio.lowlevel import checkpoint

from h2static.client.wire import Wire
from h2static.http.bodies import Body
from h2static.http.engine import Engine as ProtocolEngine
from h2static.http.messages import Request
from h2static.http.outgoing import Call, ResponseReceiver

#: Octets to read per call: about sixteen frames of the usual size.
_READ_SIZE: Final = 262_144
#: Octets that wait for the socket at most, before content waits for it.
_BUDGET: Final = 262_144
#: Seconds between checks of a connection's deadlines.
_CHECK_SECONDS: Final = 0.5


class Engine(ProtocolEngine, Protocol):
    """A client's connection without I/O, of either version."""

    @property
    def missing(self) -> int:
        """Octets that complete a partial frame; 0: any number will do."""

    def request(
        self, request: Request, receiver: ResponseReceiver, body: bytes | Body = b""
    ) -> Call:
        """Send a request as soon as there is room for it."""

    def close(self, now: float) -> None:
        """Send GOAWAY if possible, and end."""

    def lose(self, reason: str) -> None:
        """The transport has failed."""


def _nothing(*_: object) -> None:
    """The observer that does nothing."""


class Driver:
    """Drives the engine and the wire of one connection."""

    def __init__(
        self,
        wire: Wire,
        engine: Engine,
        *,
        received: Callable[[bytes], None] = _nothing,
        turned: Callable[[], None] = _nothing,
    ) -> None:
        """``received`` sees all octets that arrive, decrypted; ``turned`` is called after what has
        arrived was processed."""
        self._wire = wire
        self.engine = engine
        self._received = received
        self._turned = turned
        #: A step is in progress, and will send its output at its end.
        self._active = False
        #: Octets that the previous engine left.
        self._rest: Callable[[], bytes] | None = None
        #: The socket is full; set when there is something to wait for again.
        self._stuck = anyio.Event()
        #: Set when reading may go on after the engine did not want input.
        self._eager = anyio.Event()
        #: The connection is over.
        self.over = anyio.Event()
        self._tasks: anyio.abc.TaskGroup | None = None

    # ------------------------------------------------------------------ the connection's life

    async def run(self) -> None:
        """Serve the connection until it is over.  Never raises for what the server does."""
        try:
            async with anyio.create_task_group() as tasks:
                self._tasks = tasks
                tasks.start_soon(self._write_when_possible)
                tasks.start_soon(self._look_at_deadlines)
                self.flush()
                await self._read()
                tasks.cancel_scope.cancel()
        finally:
            self._tasks = None
            self.engine.abandon()
            self._turned()
            self._wire.close()
            self.over.set()

    def close(self) -> None:
        """Say goodbye; :meth:`run` ends once that has left."""
        self.engine.close(time.monotonic())
        self.flush()
        self._eager.set()

    def replace(self, engine: Engine, rest: Callable[[], bytes]) -> None:
        """Switch to another protocol; ``rest`` returns its octets that were already received."""
        self.engine = engine
        self._rest = rest

    def _end(self) -> None:
        """There is nothing more to read or to write."""
        if self._tasks is not None:
            self._tasks.cancel_scope.cancel()

    async def _read(self) -> None:
        """Read and process until the connection is over."""
        while not self._is_over():
            if not self.engine.wants_input:
                # Either too much waits to be sent, or a receiver has had enough.
                self._eager = anyio.Event()
                await self._eager.wait()
                continue
            missing = self.engine.missing
            try:
                # What is left of a frame is read by itself: put together with all that follows it,
                # everything would have to be copied.
                data = self._wire.read(missing or _READ_SIZE)
            except OSError as error:
                self.engine.lose(f"the connection was lost: {error.strerror or error}")
                return
            if data is None:
                await self._wire.readable()
                continue
            self._process(data)
            if not data:
                await self._end_of_input()
                return
            if not missing:
                # The readers of what was received get their turn.
                await checkpoint()

    async def _end_of_input(self) -> None:
        """The server has closed its side: send the remaining output, if possible."""
        while not self._is_over():
            if not self.engine.pending():
                # It waits for something that cannot arrive.
                self.engine.lose("the server closed the connection")
                return
            self._eager = anyio.Event()
            await self._eager.wait()

    def _is_over(self) -> bool:
        return self.engine.closing and not self.engine.pending()

    def _process(self, data: bytes) -> None:
        """Pass octets to the engine (none: the end of input), and send its output."""
        engine, now = self.engine, time.monotonic()
        self._active = True
        try:
            if data:
                self._received(data)
                engine.receive(data, now)
            else:
                engine.receive_eof(now)
            if self._rest is not None:
                rest, self._rest = self._rest(), None
                self.engine.receive(rest, now)
            self._take_turns()
        finally:
            self._active = False
        self._turned()
        self.flush()

    def _take_turns(self) -> None:
        while self.engine.backlog:
            self.engine.take_turn(time.monotonic())

    # ------------------------------------------------------------------ sending

    def resume(self) -> None:
        """A receiver accepts more."""
        self.flush()
        self._eager.set()

    def flush(self) -> None:
        """Send output, as far as the socket accepts it.

        No effect within a step, which does it at its end.
        """
        if self._active or self.over.is_set():
            return
        self._active = True
        try:
            self._take_turns()
            self._send()
        except OSError as error:
            self.engine.lose(f"the connection was lost: {error.strerror or error}")
            self._end()
        finally:
            self._active = False
        self._wait_for_readers()
        if self.engine.closing and not self.engine.pending():
            self._end()

    def _send(self) -> None:
        engine, now = self.engine, time.monotonic()
        while True:
            engine.pump(now, _BUDGET)
            pieces = engine.pending()
            if not pieces:
                return
            taken = self._wire.write(pieces)
            if not taken:
                self._stuck.set()
                return
            engine.sent(taken, now)

    def _wait_for_readers(self) -> None:
        """Content that is not there yet is waited for."""
        blocked = self.engine.blocked
        while blocked:
            stream_id, reader = blocked.pop()
            reader.wait(partial(self._unblock, stream_id))

    def _unblock(self, stream_id: int) -> None:
        self.engine.unblock(stream_id, time.monotonic())
        self.flush()

    async def _write_when_possible(self) -> None:
        while True:
            await self._stuck.wait()
            self._stuck = anyio.Event()
            await self._wire.writable()
            self.flush()
            self._eager.set()

    async def _look_at_deadlines(self) -> None:
        while True:
            await anyio.sleep(_CHECK_SECONDS)
            now, deadline = time.monotonic(), self.engine.deadline()
            if deadline is not None and deadline <= now:
                self.engine.check(now)
                self.flush()
