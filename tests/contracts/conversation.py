"""A connection in memory: an engine, its client, and a driver between them with a clock to set.

Promise: :meth:`Conversation.settle` does what the driver of a server does, in the same order, until
nothing moves any more: it reads only while the engine wants input, pumps up to its budget, waits
for bodies that would block, and closes when the engine says so.  Threads' jobs are run when a test
says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from h2static.http.exchange import Application, Outcome
from h2static.http.fields import Field, Fields
from h2static.http.journal import Journal
from h2static.http.messages import Client
from h2static.http.shared import Shared
from tests.contracts.dialects import Dialect
from tests.support.wire_clients.shape import Reply

#: Octets of output after which the driver asks for no more: less than servers have, to be quick.
BUDGET: Final = 65_536
#: What one read of a socket gives.
READ_SIZE: Final = 65_536
#: Turns in which nothing is seen to move, after which the conversation has come to rest.
_IDLE_TURNS: Final = 40


class Conversation:
    """See the module."""

    def __init__(
        self,
        dialect: Dialect,
        application: Application,
        *,
        shared: Shared | None = None,
        read_size: int = READ_SIZE,
        write_size: int | None = None,
    ) -> None:
        """``read_size``: octets of one read; ``write_size``: what the socket takes at once."""
        self.dialect = dialect
        self.journal: Journal = []
        self.shared = Shared() if shared is None else shared
        if self.shared.journal is None:
            self.shared.journal = self.journal
        self.shared.date.tick(784_111_777)
        self.peer = Client(host="192.0.2.7", port=40_007, version=dialect.version)
        self.now = 1_000.0
        #: Calls of ``notify`` that were not answered with a turn yet, and all of them.
        self.notified = 0
        served = dialect.serve(application, self.peer, self.shared, self.now, notify=self._notify)
        self.engine = served.engine
        self._new_batch = served.new_batch
        self.client = dialect.connect()
        self.closed = False
        #: Whether the client's socket takes octets.
        self.taking = True
        self._read_size = read_size
        self._write_size = write_size
        self._unread = bytearray()
        #: Streams whose blocked readings can go on.
        self._woken: list[int] = []

    def _notify(self) -> None:
        self.notified += 1

    # ------------------------------------------------------------------ the client

    def request(
        self,
        path: bytes = b"/",
        *,
        method: bytes = b"GET",
        fields: tuple[Field, ...] = (),
        content: bytes | None = None,
        unfinished: bool = False,
        trailers: Fields = (),
        length: int | None = None,
    ) -> int:
        """Send a request, with ``content`` if there is any; its number.

        ``unfinished``: more content will follow; ``length``: what content-length says, absent
        without it.
        """
        has_content = content is not None or unfinished
        number = self.client.request(method, path, fields, content=has_content, length=length)
        if content:
            self.client.content(number, content)
        if has_content and not unfinished:
            self.client.end(number, trailers)
        return number

    def tunnel(
        self, path: bytes = b"/", *, protocol: bytes = b"websocket", fields: Fields = ()
    ) -> int:
        """Ask for another protocol; the number of the request."""
        return self.client.ask_for(protocol, path, fields)

    def end_tunnel(self, number: int) -> None:
        """The client sends no more through a tunnel; all of the connection where that is one."""
        if self.dialect.multiplexed:
            self.client.end(number, ())
            self.settle()
        else:
            self.end_input()

    def send(self, number: int, data: bytes) -> None:
        """More content of a request."""
        self.client.content(number, data)

    def end(self, number: int, trailers: Fields = ()) -> None:
        """Its content is whole."""
        self.client.end(number, trailers)

    def reply(self, number: int) -> Reply:
        """What has come for a request so far."""
        return self.client.replies[number]

    def whole_reply(self, number: int, status: int = 200) -> Reply:
        """What has come for a request, which is complete."""
        reply = self.reply(number)
        assert reply.whole, f"request {number}: {reply}"
        assert reply.status == status, f"request {number}: {reply}"
        return reply

    @property
    def untaken(self) -> int:
        """Octets of the client that the server has not let come."""
        return self.client.held_back + len(self._unread)

    # ------------------------------------------------------------------ the driver

    def settle(self) -> None:
        """Go on until nothing moves."""
        idle = 0
        while not self.closed:
            before = self._state()
            moved = self._read()
            if self.engine.backlog:
                self.take_turn()
            if self.engine.has_content:
                self.engine.pump(self.now, BUDGET)
            moved += self._write()
            moved += self._wait_for_bodies()
            if self.engine.closing and not self.engine.output_octets:
                self.close()
                return
            if moved or self._state() != before:
                idle = 0
                continue
            idle += 1
            if not self.engine.backlog or idle > _IDLE_TURNS:
                return

    def take_turn(self) -> None:
        """Give the engine its turn."""
        self._new_batch()
        self.engine.take_turn(self.now)

    def _state(self) -> tuple[object, ...]:
        engine = self.engine
        return engine.backlog, engine.has_content, engine.output_octets, len(engine.jobs)

    def _read(self) -> int:
        self._unread += self.client.take_output()
        if not self._unread or not self.engine.wants_input:
            return 0
        data = bytes(self._unread[: self._read_size])
        del self._unread[: self._read_size]
        self._new_batch()
        self.engine.receive(data, self.now)
        return len(data)

    def _write(self) -> int:
        engine = self.engine
        if not self.taking or not engine.output_octets:
            return 0
        octets = b"".join(engine.pending())
        assert len(octets) == engine.output_octets
        if self._write_size is not None:
            octets = octets[: self._write_size]
        engine.sent(len(octets), self.now)
        self.client.receive(octets)
        return len(octets)

    def _wait_for_bodies(self) -> int:
        blocked, self.engine.blocked[:] = list(self.engine.blocked), []
        for stream_id, reader in blocked:
            reader.wait(self._waker(stream_id))
        woken, self._woken = self._woken, []
        for stream_id in woken:
            self.engine.unblock(stream_id, self.now)
        return len(woken)

    def _waker(self, stream_id: int) -> Callable[[], None]:
        return lambda: self._woken.append(stream_id)

    def run_job(self) -> None:
        """Do the next job, as a thread would, and bring its response back."""
        stream_id, job = self.engine.jobs.popleft()
        outcome: Outcome | None
        try:
            outcome = job()
        except Exception:
            outcome = None
        self.engine.finish_job(stream_id, outcome, self.now)
        self.settle()

    def step(self, seconds: float) -> None:
        """Time passes; the driver looks at the deadline."""
        self.now += seconds
        deadline = self.engine.deadline()
        if not self.closed and deadline is not None and deadline <= self.now:
            self.engine.check(self.now)
        self.settle()

    def drain(self) -> None:
        """The server is about to stop."""
        self.engine.drain(self.now)
        self.settle()

    # ------------------------------------------------------------------ the end

    def end_input(self) -> None:
        """The client has closed its side, after what it had sent."""
        self.settle()
        if not self.closed:
            self.engine.receive_eof(self.now)
            self.settle()

    def lose(self, number: int | None = None) -> None:
        """The client of a request goes: it is cancelled where that is possible, else all is lost.

        Without ``number`` the connection is lost.
        """
        if number is None or not self.client.cancel(number):
            self.close()
        else:
            self.settle()

    def close(self) -> None:
        """The connection is over."""
        if not self.closed:
            self.closed = True
            self.engine.abandon()
            self.client.closed()
