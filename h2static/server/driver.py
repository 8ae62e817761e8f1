"""The driver: all connections of a worker, one loop.

Contract: :meth:`Driver.run` serves the entrances until :meth:`Driver.close_all`; no connection ends
because of another, or waits for another's large response.  Everything happens in the thread that
runs it, except the work of the pool's threads.  Other tasks of its event loop get their turn after
``slice_seconds`` of work at the latest, plus one turn of a connection.

Strategy: drain before waiting, fairly.  A round takes the ready events, reads everything, starts a
batch (so that every response is younger than its request), lets each connection process and send,
and queues connections with more work for another turn.  Only when nothing is ready does the loop
wait, once for all connections, by awaiting the poller.  In a process that has nothing else to do,
it first waits a moment in the poller itself, which is ten times cheaper than going through the
event loop; that blocks other tasks, so it is only for loops without other busy tasks.

Work without a descriptor event (deadlines, and turns requested in this thread) is done by a second
task while the first one awaits the poller; in an asyncio loop, such turns are taken in a callback,
like those with a descriptor event: a callback costs a third less than waking the task.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import functools
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

import anyio
import anyio.lowlevel

from h2static.config import ProxyProtocol
from h2static.http.lifecycle import lifecycle_of
from h2static.http.shared import Shared
from h2static.logs.console import Console
from h2static.logs.errors import ErrorLog
from h2static.server.acceptor import Acceptor
from h2static.server.busy_wait import BusyWait
from h2static.server.connections import Connections
from h2static.server.datagram_link import DatagramLink
from h2static.server.descriptors import Descriptors
from h2static.server.entrance import Entrance
from h2static.server.limits import DEFAULT_LIMITS, ServerLimits
from h2static.server.link import Link, Phase
from h2static.server.poller import READABLE, WRITABLE, Poller, make_poller
from h2static.server.pool import Pool
from h2static.server.timers import Timed, Timers

if TYPE_CHECKING:
    # Large modules that not every server needs.
    from h2static.logs.access import AccessLog
    from h2static.server.datagram_entrance import DatagramEngines, DatagramParts
    from h2static.server.datagrams import Datagrams

#: Seconds of waiting in the poller after activity, before the event loop is asked.
SPIN_SECONDS: Final = 0.001

# Found once: Python 3.11 makes a call for each access to a member of an enumeration.
_HANDSHAKE: Final = Phase.HANDSHAKE


def running_asyncio_loop() -> asyncio.AbstractEventLoop | None:
    """The event loop that runs this task; ``None`` if it is not an asyncio loop."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


class Driver:
    """Serves the connections of one worker."""

    def __init__(
        self,
        entrances: Sequence[Entrance],
        shared: Shared,
        error_log: ErrorLog,
        *,
        pool: Pool,
        console: Console,
        access_log: AccessLog | None = None,
        trusted_proxies: Sequence[str] = (),
        proxy_protocol: ProxyProtocol = ProxyProtocol.ACCEPT,
        spin: float = SPIN_SECONDS,
        busy_wait: bool = False,
        limits: ServerLimits = DEFAULT_LIMITS,
        poller: Poller | None = None,
        datagrams: DatagramParts | None = None,
    ) -> None:
        """``access_log`` gets the entries of the journal of ``shared``.

        ``trusted_proxies``, ``proxy_protocol``: see :class:`~h2static.server.acceptor.Acceptor`.
        ``spin``: seconds to wait in the poller after activity; 0 if other tasks of the event
        loop matter.  ``busy_wait``: whether it may do so without sleeping, because it has its own
        processor.  ``poller``: by default the best of this system.  ``datagrams``: for HTTP/3.
        """
        self._shared = shared
        self._access_log = access_log
        self._limits = limits
        self._spin = spin
        self._pool = pool
        self._console = console
        self._poller = make_poller() if poller is None else poller
        self._poller.register(pool.wakeup.fileno(), READABLE)
        self._events = BusyWait(
            self._poller, limits.events_a_round, limits.busy_wait_seconds if busy_wait else 0
        )
        #: Descriptors that applications watch with the same poller.
        self.descriptors = Descriptors(self._poller)
        self._timers: Timers[Timed] = Timers(time.monotonic)
        self._connections = Connections(
            self._poller,
            self._timers,
            error_log,
            pool=pool,
            console=console,
            rouse=self._rouse,
            emptied=self._tell_emptied,
            proxy_protocol=proxy_protocol,
            limits=limits,
        )
        self._acceptor = Acceptor(
            self._poller,
            error_log,
            trusted_proxies=trusted_proxies,
            proxy_protocol=proxy_protocol,
            limits=limits,
        )
        for one in entrances:
            self._acceptor.add_entrance(one)
        self._datagrams: Datagrams | None = None
        if datagrams is not None:
            from h2static.server.datagrams import Datagrams

            self._datagrams = Datagrams(
                datagrams,
                self._poller,
                self._timers,
                error_log,
                pool=pool,
                console=console,
                rouse=self._rouse,
                emptied=self._tell_emptied,
                clock=time.time,
                limits=limits,
            )
            if datagrams.worker.begins:
                self._datagrams.begin()
        # HTTP/3 serves the applications that the other entrances' applications wrap.
        every = entrances or (() if datagrams is None else datagrams.entrances)
        #: Called when a batch begins: each application once, then each maker of engines.
        self._batches: tuple[Callable[[], None], ...] = _distinct(
            [lifecycle_of(one.application).new_batch for one in every]
            + [one.engines.new_batch for one in entrances]
            + [one.new_batch for one in self._datagram_engines]
        )
        self._releases = _distinct(
            [one.engines.release for one in entrances]
            + [one.release for one in self._datagram_engines]
        )
        # The rest of the round: input, turns, listeners with waiting connections.
        self._arrived: deque[Link] = deque()
        self._turns = 0
        self._accepting: list[int] = []
        #: Whether the first task awaits the poller.
        self._asleep = False
        #: Schedules service without waking that task, while it awaits the poller in asyncio.
        self._serve_soon: Callable[[], object] | None = None
        self._stopped = False
        self._emptied: anyio.Event | None = None

    # ------------------------------------------------------------------ for the owner

    @property
    def connections(self) -> int:
        """Number of open connections."""
        datagrams = self._datagrams
        return len(self._connections.links) + (0 if datagrams is None else datagrams.open)

    @property
    def _datagram_engines(self) -> list[DatagramEngines]:
        return [] if self._datagrams is None else self._datagrams.engines

    @property
    def links(self) -> tuple[Link, ...]:
        """The open links, in the order in which they were accepted."""
        return tuple(self._connections.links.values())

    def stop_accepting(self) -> None:
        """Close the listeners; the supervisor still holds them."""
        self._acceptor.stop()
        if self._datagrams is not None:
            self._datagrams.stop_accepting()

    def take_datagrams(self) -> None:
        """Start reading the HTTP/3 sockets, which no predecessor reads now."""
        if self._datagrams is not None:
            self._datagrams.begin()

    def leave_datagrams(self) -> None:
        """Leave the HTTP/3 sockets to a successor, which forwards datagrams for connections
        here."""
        if self._datagrams is not None:
            self._datagrams.stop_reading()

    def drain(self, now: float) -> None:
        """Have every connection finish what it has accepted, and close (RFC 9113 section 6.8)."""
        self._connections.now = now
        self._connections.drain()
        if self._datagrams is not None:
            self._datagrams.now = now
            self._datagrams.drain()

    def release(self) -> None:
        """Make engines drop cached responses of past seconds.

        They do so by themselves at the next request; until then, a deleted file uses disk space.
        """
        self._shared.date.tick(time.time())
        for release in self._releases:
            release()

    def close_all(self) -> None:
        """Close every connection now and end :meth:`run`."""
        self._connections.close_all()
        if self._datagrams is not None:
            self._datagrams.close_all()
        self._stopped = True
        self._pool.wake()

    async def wait_until_empty(self) -> None:
        """Return when no connection is open."""
        while self.connections:
            self._emptied = anyio.Event()
            await self._emptied.wait()

    def _tell_emptied(self) -> None:
        if self._emptied is not None:
            self._emptied.set()

    def counters(self) -> dict[str, int]:
        """Connections, streams, requests, resets, limit hits and violations, since the start."""
        counters = self._connections.counters()
        if self._datagrams is not None:
            for name, value in self._datagrams.counters().items():
                counters[name] += value
        return counters

    # ------------------------------------------------------------------ the loop

    async def run(self) -> None:
        """Serve until :meth:`close_all`."""
        self._pool.adopt_thread(self._rouse)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._attend)
                await self._loop()
                tasks.cancel_scope.cancel()
        finally:
            self._connections.close_all()
            self._write_logs()
            self.stop_accepting()
            if self._datagrams is not None:
                self._datagrams.close_all()
                self._datagrams.close_sockets()
            self._pool.close()
            self.descriptors.close()
            with contextlib.suppress(OSError):
                self._poller.close()

    async def _loop(self) -> None:
        """Serve; wait for the poller when there is nothing to do."""
        end = self._new_slice()
        while not self._stopped:
            if not self._go_on(end, self._spin):
                self._write_logs()
                self._asleep = True
                try:
                    await self._wait()
                finally:
                    self._asleep = False
            elif self._connections.now >= end:
                self._write_logs()
                await anyio.lowlevel.checkpoint()
            else:
                continue
            end = self._new_slice()

    async def _wait(self) -> None:
        """Return when the poller has an event."""
        loop = running_asyncio_loop()
        if loop is None:
            await anyio.wait_readable(self._poller.fileno())
            return
        # Other tasks of this loop may take long turns: serve input in this very callback, not one
        # turn later, when this task would resume.  Resuming it costs more than a response, too.
        overdue = loop.create_future()
        loop.add_reader(self._poller.fileno(), self._serve_at_once, overdue)
        serve = functools.partial(self._serve_at_once, overdue)
        # Work for an application's task does not run in the context of that task.
        context = contextvars.copy_context()
        self._serve_soon = functools.partial(loop.call_soon, serve, context=context)
        try:
            await overdue
        finally:
            self._serve_soon = None
            loop.remove_reader(self._poller.fileno())

    def _serve_at_once(self, overdue: asyncio.Future[None]) -> None:
        """Work for a slice; ``overdue`` is resolved if that was not enough, or at the end."""
        if overdue.done():
            return
        end = self._new_slice()
        self._asleep = False
        try:
            while self._connections.now < end:
                if self._stopped or not self._go_on(end, self._spin):
                    break
        except Exception as error:  # it belongs to :meth:`run`, not to the event loop
            overdue.set_exception(error)
            return
        if self._stopped or self._connections.now >= end:
            overdue.set_result(None)
        else:
            self._write_logs()
            self._asleep = True

    async def _attend(self) -> None:
        """Do work without a descriptor event."""
        while True:
            await self._timers.sleep()
            end = self._new_slice()
            self._check_deadlines()
            # The wake-up of :meth:`close_all` is left to the first task.
            while self._asleep and not self._stopped and self._go_on(end, 0):
                await anyio.lowlevel.checkpoint()
                end = self._new_slice()
            self._write_logs()

    def _new_slice(self) -> float:
        """Start a slice of work; returns the time at which other tasks get their turn."""
        self._connections.now = now = time.monotonic()
        return now + self._limits.slice_seconds

    def _check_deadlines(self) -> None:
        connections = self._connections
        self._shared.date.tick(time.time())
        for owner in self._timers.due(connections.now):
            if isinstance(owner, Link):
                connections.guarded(owner, connections.check)
            elif isinstance(owner, DatagramLink):
                assert self._datagrams is not None
                self._datagrams.now = connections.now
                self._datagrams.check(owner)
            else:
                self._acceptor.resume(connections.now)
                self._timers.set(self._acceptor, self._acceptor.paused_until)

    def _rouse(self) -> None:
        """Wake the loop for work without a descriptor event."""
        if not self._asleep:
            return
        if self._serve_soon is None:
            self._timers.wake()
        else:
            self._asleep = False
            self._serve_soon()

    @property
    def _datagrams_wait(self) -> bool:
        """Whether HTTP/3 links wait for a turn."""
        return self._datagrams is not None and bool(self._datagrams.ready)

    @property
    def _datagram_turns(self) -> int:
        """Number of HTTP/3 links that still get a turn in this round."""
        return 0 if self._datagrams is None else self._datagrams.turns

    def _go_on(self, end: float, spin: float) -> bool:
        """Do a round, or the rest of one that was cut off; return whether there was work.

        ``end``: the time at which to stop; ``spin``: seconds to wait in the poller.
        """
        if not (
            self._arrived
            or self._turns
            or self._accepting
            or self._datagram_turns
            or self.descriptors.noticed
        ):
            waits = self._connections.ready or self._pool.posted or self._datagrams_wait
            events = self._events.wait(0 if waits else spin)
            if not events and not waits:
                return False
            self._begin_round(events)
        self._work(end)
        return True

    def _begin_round(self, events: Sequence[tuple[int, int]]) -> None:
        """Read all input, and begin a batch."""
        connections = self._connections
        connections.now = time.monotonic()
        connections.handshakes = self._limits.handshakes_a_round
        connections.crowded = len(events) > 1
        links, read, arrived = connections.links, connections.read, self._arrived
        datagrams = self._datagrams
        if datagrams is not None:
            datagrams.now = connections.now
        for descriptor, event in events:
            link = links.get(descriptor)
            if link is None:
                if self._acceptor.listens_at(descriptor):
                    self._accepting.append(descriptor)
                elif datagrams is not None and datagrams.owns(descriptor):
                    datagrams.read(descriptor, event)
                elif not self.descriptors.notice(descriptor, event):
                    self._pool.heed_wakeup()
                continue
            if event & WRITABLE:
                connections.queue(link)
            if (event & READABLE or link.read_wants_write) and read(link):
                arrived.append(link)
        connections.now = time.monotonic()
        self._shared.date.tick(time.time())
        if not self._only_opens():
            for begin in self._batches:
                begin()
        self._pool.run_posted()
        self._turns = len(connections.ready)
        if datagrams is not None:
            datagrams.turns = len(datagrams.ready)

    def _only_opens(self) -> bool:
        """Whether this round has nothing to answer, only connections to accept and handshakes:
        what the last batch has seen is still younger than every request."""
        return not (
            self._arrived
            or self.descriptors.noticed
            or self._pool.posted
            or self._datagrams is not None
        ) and all(link.phase is _HANDSHAKE for link in self._connections.ready)

    def _work(self, end: float) -> None:
        """Process input, then give links with more work a turn, until ``end``."""
        connections, arrived, clock = self._connections, self._arrived, time.monotonic
        take = connections.take
        while arrived:
            take(arrived.popleft())
            connections.now = now = clock()
            if now >= end:
                return
        noticed = self.descriptors.noticed
        while noticed:
            self.descriptors.tell_next()
            connections.now = now = clock()
            if now >= end:
                return
        while self._turns:
            self._turns -= 1
            link = connections.ready.popleft()
            link.queued = False
            connections.guarded(link, connections.turn)
            connections.now = now = clock()
            if now >= end:
                return
        if self._datagrams is not None and self._datagrams.turns:
            connections.now = now = self._datagrams.take_turns(end, clock)
            if now >= end:
                return
        while self._accepting:
            for link in self._acceptor.accept(self._accepting.pop(), connections.now):
                connections.admit(link)
            if self._acceptor.deadline != self._acceptor.paused_until:
                self._timers.set(self._acceptor, self._acceptor.paused_until)

    # ------------------------------------------------------------------ logs

    def _write_logs(self) -> None:
        """Pass new entries of the journal to the access log."""
        journal = self._shared.journal
        if journal:
            if self._access_log is not None:
                self._access_log.add(journal)
            journal.clear()
        self._console.flush()


def _distinct(actions: Sequence[Callable[[], None]]) -> tuple[Callable[[], None], ...]:
    """``actions`` in order, without duplicates; methods of one object are equal."""
    return tuple(dict.fromkeys(actions))
