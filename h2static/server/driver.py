"""The driver: all connections of a worker, one loop.

Contract: :meth:`Driver.run` serves the listeners until :meth:`Driver.close_all`; it ends no
connection because of another, and lets nobody wait for somebody else's large answer.  Everything
happens in the thread that runs it, but for what the pool's threads do.

Strategy: drain before waiting, fairly.  A round takes what is ready, reads it all, begins a batch
(so that every answer is younger than its request), has each connection process and send, and gives
those with more to do another turn at the tail.  Only when nothing is ready does the loop wait, once
for everybody, by awaiting the poller; just after activity it first waits a moment in the poller
itself, which is ten times cheaper than going through the event loop.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from typing import Final

import anyio
import anyio.lowlevel

from h2static.config import Config
from h2static.http.messages import Application
from h2static.http2.limits import Limits
from h2static.http2.push import Pusher
from h2static.logs.access import AccessLog
from h2static.logs.console import Console
from h2static.logs.errors import ErrorLog
from h2static.server.acceptor import Acceptor
from h2static.server.background import Background
from h2static.server.engine import Engine
from h2static.server.link import Closed, Link, Phase
from h2static.server.poller import READABLE, WRITABLE, make_poller
from h2static.server.pool import Pool
from h2static.server.services import make_services

#: Seconds of waiting in the poller after activity, before the event loop is asked.
SPIN_SECONDS: Final = 0.001
#: Seconds of work after which other tasks of the event loop get their turn.
_YIELD_SECONDS: Final = 0.005
#: Seconds between two looks at deadlines.
_SWEEP_SECONDS: Final = 0.5
#: Seconds for a TLS handshake, for a PROXY header, and until it is known what a client speaks.
_OPENING_SECONDS: Final = 10.0
#: Seconds that a connection which has not said anything yet gets for it when the server drains.
_LAST_WORD_SECONDS: Final = 1.0
#: What a closing connection reads and discards, so that its last octets arrive: octets, seconds.
_LINGER_OCTETS: Final = 65_536
_LINGER_SECONDS: Final = 1.0
#: A write that moves nothing for so long ends the connection (CVE-2019-9517).
_WRITE_SECONDS: Final = 60.0
#: Seconds between two looks while accepting pauses.
_PAUSED_SWEEP_SECONDS: Final = 0.1


class Driver:
    """Serves connections; see the module."""

    def __init__(
        self,
        config: Config,
        application: Application,
        error_log: ErrorLog,
        *,
        pool: Pool | None = None,
        access_log: AccessLog | None = None,
        pusher: Pusher | None = None,
        spin: float = SPIN_SECONDS,
        limits: Limits | None = None,
    ) -> None:
        """``spin``: seconds to wait in the poller after activity; 0 where other tasks matter."""
        self._config = config
        self._new_batch: Callable[[], None] = getattr(application, "new_batch", lambda: None)
        self._error_log = error_log
        self._access_log = access_log
        self._limits = limits or Limits()
        self._spin = spin
        self._pool = pool or Pool(lambda text: error_log.report("internal", "", text))
        self._services = make_services(
            config,
            application,
            self._limits,
            pusher=pusher,
            journal=access_log is not None,
        )
        self._console = Console(config)
        self._now = time.monotonic()
        self._poller = make_poller()
        self._links: dict[int, Link] = {}
        self._ready: deque[Link] = deque()
        self._accepted = 0
        self._totals = {"requests": 0, "resets": 0, "limit_hits": 0, "violations": 0}
        self._draining = False
        self._stopped = False
        self._poller.register(self._pool.wakeup.fileno(), READABLE)
        self._acceptor = Acceptor(
            self,
            self._poller,
            config,
            application,
            self._services,
            error_log=error_log,
            access_log=access_log,
            clock=lambda: self._now,
        )
        self._background = Background(
            self._pool,
            application,
            error_log,
            clock=lambda: self._now,
            guarded=self.guarded,
            ready=self._resume,
        )

    # ------------------------------------------------------------------ for the owner

    @property
    def connections(self) -> int:
        """Connections that are open."""
        return len(self._links)

    def add_listener(self, sock: socket.socket, *, tls: ssl.SSLContext | None) -> None:
        """Accept from a listening socket, which is the driver's from now on."""
        self._acceptor.add_listener(sock, tls)

    def stop_accepting(self) -> None:
        """Give the listeners up; the supervisor still holds them."""
        self._acceptor.stop()

    def drain(self, now: float) -> None:
        """Have every connection finish what it has accepted, and close (RFC 9113 section 6.8)."""
        self._draining = True
        self._now = now
        for link in list(self._links.values()):
            if link.protocol is not None:
                link.protocol.drain(now)
                self.guarded(link, self._write)
            else:
                # What it was going to ask may be on its way: it was accepted.
                link.opened_at = min(link.opened_at, now - _OPENING_SECONDS + _LAST_WORD_SECONDS)
        self._wake()

    def close_all(self) -> None:
        """Close every connection now and end :meth:`run`."""
        for link in list(self._links.values()):
            self._close(link)
        self._stopped = True
        self._wake()

    def counters(self) -> dict[str, int]:
        """Connections, streams, requests, resets, limit hits and violations, since the start."""
        totals = dict(self._totals)
        totals["accepted"] = self._accepted
        totals["connections"] = len(self._links)
        totals["streams"] = 0
        for link in self._links.values():
            if link.protocol is not None:
                totals["streams"] += link.protocol.open_streams
                totals["requests"] += getattr(link.protocol, "requests", 0)
                totals["resets"] += getattr(link.protocol, "reset_count", 0)
                totals["limit_hits"] += getattr(link.protocol, "limit_hits", 0)
        return totals

    def _wake(self) -> None:
        self._pool.post(lambda: None)

    # ------------------------------------------------------------------ the loop

    async def run(self) -> None:
        """Serve until :meth:`close_all`."""
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._sweeper)
                await self._loop()
                tasks.cancel_scope.cancel()
        finally:
            for link in list(self._links.values()):
                self._close(link)
            self.stop_accepting()
            self._pool.close()
            self._poller.close()

    async def _loop(self) -> None:
        poller = self._poller
        yielded = time.monotonic()
        while not self._stopped:
            events = poller.poll(0 if self._ready else self._spin)
            if not events and not self._ready:
                self._console.flush()
                await anyio.wait_readable(poller.fileno())
                yielded = time.monotonic()
                continue
            self._round(events)
            if self._now - yielded > _YIELD_SECONDS:
                self._console.flush()
                await anyio.lowlevel.checkpoint()
                yielded = time.monotonic()

    def _round(self, events: list[tuple[int, int]]) -> None:
        """Read everything, then answer everything."""
        self._acceptor.new_round()
        self._now = time.monotonic()
        arrived: list[tuple[Link, bytes]] = []
        accepting: list[int] = []
        for descriptor, event in events:
            link = self._links.get(descriptor)
            if link is None:
                if self._acceptor.listens_at(descriptor):
                    accepting.append(descriptor)
                else:
                    self._pool.run_posted()
                continue
            if event & WRITABLE:
                self.queue(link)
            if event & READABLE or link.read_wants_write:
                data = self._read(link)
                if data is not None:
                    arrived.append((link, data))
        self._now = time.monotonic()
        self._new_batch()
        self._services.cleartext.new_batch(time.time())  # and all that share with it
        turns = len(self._ready)
        for link, data in arrived:
            self._process(link, data)
        for _ in range(turns):
            link = self._ready.popleft()
            link.queued = False
            if link.phase is Phase.HANDSHAKE:
                self.guarded(link, self._acceptor.handshake)
            elif link.phase is Phase.OPEN:
                self.guarded(link, self._turn)
        for descriptor in accepting:
            self._acceptor.accept(descriptor)

    def queue(self, link: Link) -> None:
        """Give the link another turn, at the tail."""
        if not link.queued:
            link.queued = True
            self._ready.append(link)

    def _resume(self, link: Link) -> None:
        """A thread's work has come back to the link: it has more to do."""
        if self._access_log is not None:
            # Before another link takes what was noted for its own.
            self._log_requests(link)
        self.queue(link)

    def guarded(self, link: Link, action: Callable[[Link], None]) -> None:
        """Run ``action``: whatever happens to one connection stays with it."""
        if link.phase is Phase.CLOSED:
            return
        try:
            action(link)
        except Closed:
            self._close(link)
        except Exception as error:  # a bug must not end the others' connections
            self._error_log.report(
                "internal", link.peer, f"{type(error).__name__}: {error} (connection closed)"
            )
            self._close(link)

    # ------------------------------------------------------------------ reading

    def _read(self, link: Link) -> bytes | None:
        """What a link has to process; ``None`` for nothing."""
        if link.phase is Phase.HANDSHAKE:
            self.queue(link)
            return None
        if link.phase is Phase.PROXY:
            self.guarded(link, self._acceptor.read_proxy_header)
            return None
        try:
            data = link.read()
        except Closed:
            self._close(link)
            return None
        if data is None:
            if link.read_wants_write:
                self.watch(link, WRITABLE)
            return None
        if not data and link.eof:
            # The end was read before: this is a hang-up, and nobody is left to take anything.
            self._close(link)
            return None
        if link.phase is Phase.LINGER:
            link.discarded += len(data)
            if not data or link.discarded > _LINGER_OCTETS:
                self._close(link)
            return None
        if link.hexdump and data:
            self._console.dump("recv", link.peer, data)
        return data

    def _process(self, link: Link, data: bytes) -> None:
        try:
            if link.phase is Phase.OPEN:
                protocol = link.protocol
                assert protocol is not None
                if data:
                    protocol.receive(data, self._now)
                else:
                    link.eof = True
                    protocol.receive_eof(self._now)
                self._write(link)
            elif not data:
                self._close(link)
            elif link.phase is Phase.SNIFF:
                self._acceptor.sniff(link, link.buffer + data)
        except Closed:
            self._close(link)
        except Exception as error:  # a bug must not end the others' connections
            self._error_log.report(
                "internal", link.peer, f"{type(error).__name__}: {error} (connection closed)"
            )
            self._close(link)

    def _turn(self, link: Link) -> None:
        """Another turn for a link that has more to do."""
        protocol = link.protocol
        assert protocol is not None
        if protocol.backlog:
            protocol.receive(b"", self._now)
        self._write(link)

    # ------------------------------------------------------------------ writing

    def _write(self, link: Link) -> None:
        """Send what there is, content included, for one turn; then wait for the right things."""
        protocol = link.protocol
        assert protocol is not None
        budget = self._limits.turn_output
        written = 0
        blocked = False
        while True:
            more = protocol.has_content
            if more:
                protocol.pump(self._now, budget)
            octets = protocol.output_octets
            if not octets:
                break
            pieces = protocol.pending()
            count = link.write(pieces, octets)
            if link.hexdump and count:
                self._console.dump("send", link.peer, b"".join(pieces)[:count])
            if not count:
                blocked = True
                break
            protocol.sent(count, self._now)
            written += count
            if count == octets and not more:
                break
            if written >= budget:
                break
        if protocol.deferred or protocol.blocked:
            self._background.take(link, protocol)
        if self._access_log is not None:
            self._log_requests(link)
        if protocol.closing:
            self._closing(link, protocol)
            if link.protocol is None:
                return
        if not blocked and (protocol.backlog or protocol.has_content or protocol.output_octets):
            self.queue(link)
        events = 0
        if link.read_wants_write or blocked:
            events |= WRITABLE
        if protocol.wants_input and not link.eof and not link.read_wants_write:
            events |= READABLE
        if events != link.events:
            self.watch(link, events)

    def _closing(self, link: Link, protocol: Engine) -> None:
        """The protocol is done: tell why if it was the peer's fault, close if all is sent."""
        if protocol.problem is not None and not link.reported:
            link.reported = True
            self._totals["violations"] += 1
            self._error_log.report("connection", link.peer, protocol.problem)
        if not protocol.output_octets:
            self._finish(link)

    def watch(self, link: Link, events: int) -> None:
        """Wait for these events."""
        self._poller.modify(link.descriptor, link.events, events)
        link.events = events

    def _finish(self, link: Link) -> None:
        """Everything is sent: say so, then wait a little for the peer's end."""
        assert link.protocol is not None
        link.protocol.abandon()
        if self._access_log is not None:
            self._log_requests(link)
        self._retire(link)
        link.shut_down()
        if link.eof:
            self._close(link)
            return
        link.phase = Phase.LINGER
        link.phase_since = self._now
        if link.events != READABLE:
            self.watch(link, READABLE)

    def _retire(self, link: Link) -> None:
        """The link's protocol is over: keep its numbers."""
        protocol = link.protocol
        if protocol is None:
            return
        self._totals["requests"] += getattr(protocol, "requests", 0)
        self._totals["resets"] += getattr(protocol, "reset_count", 0)
        self._totals["limit_hits"] += getattr(protocol, "limit_hits", 0)
        link.protocol = None
        if link.log is not None:
            link.log.closed()

    def _close(self, link: Link) -> None:
        """Close now."""
        if link.phase is Phase.CLOSED:
            return
        link.phase = Phase.CLOSED
        if link.protocol is not None:
            link.protocol.abandon()
            if self._access_log is not None:
                self._log_requests(link)
            self._retire(link)
        with contextlib.suppress(OSError, KeyError, ValueError):
            self._poller.unregister(link.descriptor, link.events)
        self._links.pop(link.descriptor, None)
        with contextlib.suppress(OSError):
            link.socket.close()

    # ------------------------------------------------------------------ for the acceptor

    def admit(self, link: Link) -> None:
        """A socket was accepted."""
        self._accepted += 1
        link.hexdump = self._config.hexdump
        link.log = self._console.frame_log(self._accepted)
        self._links[link.descriptor] = link
        self._poller.register(link.descriptor, READABLE)

    def start(self, link: Link, protocol: Engine, data: bytes) -> None:
        """It is known what a link speaks, and ``data`` has come already."""
        link.protocol = protocol
        link.phase = Phase.OPEN
        if data:
            # SETTINGS go ahead: a client that reads them together with the whole answer may never
            # acknowledge them (nghttp does not).
            self._write(link)
        if self._draining:
            # First: an answer of HTTP/1.1 has to say that it is the last.
            protocol.drain(self._now)
        if data:
            protocol.receive(data, self._now)
        self._write(link)

    # ------------------------------------------------------------------ time

    async def _sweeper(self) -> None:
        """Look at deadlines, now and then."""
        while True:
            await anyio.sleep(
                _SWEEP_SECONDS if not self._acceptor.pauses else _PAUSED_SWEEP_SECONDS
            )
            self._now = time.monotonic()
            self._services.cleartext.blocks.tick(time.time())
            for link in list(self._links.values()):
                self.guarded(link, self._check)
            self._acceptor.resume()
            self._console.flush()
            if self._ready:
                # The loop may be waiting for the poller, which knows nothing of these.
                self._wake()

    def _check(self, link: Link) -> None:
        protocol = link.protocol
        if protocol is not None:
            if not protocol.output_octets:
                link.phase_since = self._now
            protocol.check(self._now)
            if protocol.output_octets or protocol.closing:
                self._write(link)
            if protocol.output_octets and self._write_stalled(link, protocol):
                self._totals["limit_hits"] += 1
                self._error_log.report("connection", link.peer, "the peer takes no octets")
                self._close(link)
        elif link.phase is Phase.LINGER:
            if self._now - link.phase_since > _LINGER_SECONDS:
                self._close(link)
        elif self._now - link.opened_at > _OPENING_SECONDS:
            if not self._draining:
                self._totals["limit_hits"] += 1
                self._error_log.report("connection", link.peer, "nothing was asked in time")
            self._close(link)

    def _write_stalled(self, link: Link, protocol: Engine) -> bool:
        progress = max(getattr(protocol, "write_progress", 0.0), link.opened_at)
        return self._now - max(progress, link.phase_since) > _WRITE_SECONDS

    # ------------------------------------------------------------------ logs

    def _log_requests(self, link: Link) -> None:
        assert self._access_log is not None
        journal = self._services.cleartext.journal
        if journal:
            self._access_log.add(link.host, "HTTP/2.0", journal)
            journal.clear()
