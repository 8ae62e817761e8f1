"""The datagrams of a worker: the connection of each, and those without a connection.

Contract: :class:`Datagrams` owns the links of HTTP/3 and the sockets that they share.  The loop
calls :meth:`Datagrams.read` for all sockets before anything is answered, and then gives links their
turns (:meth:`Datagrams.turn`).  Errors affect only their own link.

Strategy: all datagrams that are ready are read in one batch, and each connection that got some has
one turn for all of them, at whose end its datagrams leave together.  What pacing holds back for
less than such a turn takes gets another turn, and no timer.  Connections are found by the ids that
they have issued; what is for none is :mod:`h2static.server.admission`'s.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from h2static.http.addresses import parse_address, unmapped
from h2static.http.messages import Client
from h2static.logs.console import Console
from h2static.logs.errors import ErrorLog
from h2static.quic.connection_ids import ConnectionIds
from h2static.quic.packets import Header, read_header
from h2static.quic.transport import Path, Terminated
from h2static.server.admission import Admission, Admitted
from h2static.server.background import Background, Result
from h2static.server.datagram_entrance import (
    DatagramEngines,
    DatagramEntrance,
    DatagramOpening,
    DatagramParts,
)
from h2static.server.datagram_link import DatagramLink
from h2static.server.datagram_table import LinkTable
from h2static.server.limits import DEFAULT_LIMITS, ServerLimits
from h2static.server.poller import READABLE, WRITABLE, Poller
from h2static.server.pool import Pool
from h2static.server.timers import NEVER, Timed, Timers

_NO_ERROR: Final = 0x0100  # H3_NO_ERROR (RFC 9114 section 8.1)


class Datagrams:
    """The links of HTTP/3; see the module."""

    def __init__(
        self,
        parts: DatagramParts,
        poller: Poller,
        timers: Timers[Timed],
        error_log: ErrorLog,
        *,
        pool: Pool,
        console: Console,
        rouse: Callable[[], None],
        emptied: Callable[[], None],
        clock: Callable[[], float],
        limits: ServerLimits = DEFAULT_LIMITS,
    ) -> None:
        """``clock``: of the tokens, which other workers read too.  The rest as for
        :class:`~h2static.server.connections.Connections`."""
        self._poller = poller
        self._timers = timers
        self._error_log = error_log
        self._console = console
        self._rouse = rouse
        self._emptied = emptied
        self._limits = limits
        worker = parts.worker
        self._relay = worker.relay()
        self._admission = Admission(worker, self._relay, limits, clock, self._tell_of_retry)
        self._entrances = {one.socket.descriptor: one for one in parts.entrances}
        self._ids = {
            one.socket.descriptor: ConnectionIds(
                worker.key, place=one.socket.place, worker=worker.number
            )
            for one in parts.entrances
        }
        self._background: Background[DatagramLink] = Background(
            pool, error_log, self._bring, jobs=limits.datagram_jobs
        )
        self.now = 0.0
        self._table = LinkTable()
        #: Those who get a turn, in this order.
        self.ready: deque[DatagramLink] = deque()
        #: How many of these have one in the present round; its owner's.
        self.turns = 0
        self._reading = False
        self._draining = False

    # ------------------------------------------------------------------ for the loop

    @property
    def engines(self) -> list[DatagramEngines]:
        """Each once."""
        return list(dict.fromkeys(one.engines for one in self._entrances.values()))

    @property
    def open(self) -> int:
        """Connections that are served, or about to be."""
        return self._table.serving

    def begin(self) -> None:
        """Read what comes from now on."""
        if not self._reading and not self._draining:
            self._reading = True
            for descriptor in self._entrances:
                self._poller.register(descriptor, READABLE)
        self._watch_relay()

    def _watch_relay(self) -> None:
        relay = self._relay
        if relay is not None and not relay.watched:
            relay.watched = True
            self._poller.register(relay.descriptor, READABLE)

    def stop_reading(self) -> None:
        """Leave the sockets to a successor, who passes on what is for links of ours."""
        if self._reading:
            self._reading = False
            for descriptor, entrance in self._entrances.items():
                self._poller.modify(
                    descriptor, self._events(entrance, reading=True), self._events(entrance)
                )

    def _events(self, entrance: DatagramEntrance, *, reading: bool | None = None) -> int:
        reads = self._reading if reading is None else reading
        return (READABLE if reads else 0) | (WRITABLE if entrance.socket.blocked else 0)

    def owns(self, descriptor: int) -> bool:
        """Whether ``descriptor`` is one of the sockets here."""
        relay = self._relay
        return descriptor in self._entrances or (
            relay is not None and descriptor == relay.descriptor
        )

    def read(self, descriptor: int, event: int) -> None:
        """Read what has come to a socket; nothing is answered yet."""
        entrance = self._entrances.get(descriptor)
        if entrance is None:
            self._read_relay()
            return
        if event & WRITABLE:
            self._flush(entrance)
        if event & READABLE and self._reading:
            most = self._limits.datagrams_a_round
            for data, path in entrance.socket.read(most):
                try:
                    self._receive(entrance, data, path)
                except Exception as error:  # a bug must not end the others' connections
                    text = f"{type(error).__name__}: {error} (datagram dropped)"
                    self._error_log.report("internal", str(path.address[0]), text)

    def _read_relay(self) -> None:
        """A successor passes on what has come for links of ours."""
        assert self._relay is not None
        for place, data, path in self._relay.read(self._limits.datagrams_a_round):
            header = read_header(data)
            link = None if header is None else self._table.find(header.destination)
            if link is not None and link.socket.place == place:
                self._take(link, data, path)

    # ------------------------------------------------------------------ a datagram

    def _receive(self, entrance: DatagramEntrance, data: bytes, path: Path) -> None:
        if self._console.dumps:
            self._console.dump("recv", str(path.address), data)
        header = read_header(data)
        if header is None:
            return
        link = self._table.find(header.destination)
        if link is not None:
            self._take(link, data, path)
            return
        ids = self._ids[entrance.socket.descriptor]
        verdict = self._admission.judge(
            entrance, ids, header, data, path, now=self.now, opening=len(self._table.opening)
        )
        if isinstance(verdict, Admitted):
            self._open(entrance, header, data, path, verdict.original)
        elif verdict is not None and not entrance.socket.blocked:
            # Otherwise it is lost, like any datagram: such responses are not kept.
            self._send(entrance, [(verdict, path)])

    def _take(self, link: DatagramLink, data: bytes, path: Path) -> None:
        def take(link: DatagramLink) -> None:
            link.transport.receive_datagram(data, path, self.now)
            self.queue(link)

        self._guarded(link, take)

    def _guarded(self, link: DatagramLink, action: Callable[[DatagramLink], None]) -> None:
        """Run ``action``: whatever happens to one connection stays with it."""
        if link not in self._table.every:
            return
        try:
            action(link)
        except Exception as error:  # a bug must not end the others' connections
            text = f"{type(error).__name__}: {error} (connection closed)"
            self._error_log.report("internal", link.peer, text)
            self._close(link)

    # ------------------------------------------------------------------ connections begin

    def _open(
        self,
        entrance: DatagramEntrance,
        header: Header,
        data: bytes,
        path: Path,
        original: bytes | None,
    ) -> None:
        """A client gets a connection, if there is room."""
        limits, table = self._limits, self._table
        if self._draining:
            # What is not answered will be asked again: by then there may be a successor.
            return
        if len(table.every) >= limits.datagram_connections:
            table.totals.limit_hits += 1
            return
        if len(table.opening) >= limits.opening_connections:
            # Who has begun first and is not done is gone, or never was there.
            table.totals.limit_hits += 1
            self._close(next(iter(table.opening)))
        ids = self._ids[entrance.socket.descriptor]
        transport = entrance.library.accept(header, path, ids, original=original)
        link = DatagramLink(transport, entrance.socket, self.now)
        table.accepted += 1
        link.log = self._console.http3_frame_log(table.accepted)
        table.add(link)
        self._timers.set(link, self.now + limits.opening_seconds)
        self._take(link, data, path)

    def _tell_of_retry(self) -> None:
        self._table.totals.limit_hits += 1
        self._error_log.report(
            "connection", "", "many HTTP/3 handshakes at once: validating addresses with Retry"
        )

    def _establish(self, link: DatagramLink) -> None:
        """The handshake is complete."""
        address = link.transport.path.address
        entrance = self._entrances[link.socket.descriptor]
        client = Client(
            host=str(unmapped(parse_address(address[0].partition("%")[0]))),
            port=address[1],
            version="HTTP/3.0",
            secure=True,
            local=link.socket.socket.getsockname()[:2],
        )
        link.engine = entrance.engines.make(
            DatagramOpening(
                client=client,
                transport=link.transport,
                now=self.now,
                notify=lambda: self.queue(link),
                report=lambda text: self._error_log.report("stream", link.peer, text),
                log=link.log,
            )
        )
        self._table.opened(link)
        if self._draining:
            link.engine.receive(self.now)
            link.engine.drain(self.now)

    # ------------------------------------------------------------------ turns

    def queue(self, link: DatagramLink) -> None:
        """Give the link a turn, at the tail."""
        if not link.queued:
            link.queued = True
            self.ready.append(link)
            self._rouse()

    def take_turns(self, end: float, clock: Callable[[], float]) -> float:
        """Give links the turns of this round, until ``end``; the time that it is then."""
        while True:
            self.turns -= 1
            link = self.ready.popleft()
            link.queued = False
            self._guarded(link, self._turn)
            self.now = now = clock()
            self._guarded(link, self._set_deadline)
            if now >= end or not self.turns:
                return now

    def _turn(self, link: DatagramLink) -> None:
        transport = link.transport
        if link.engine is None and not link.over:
            self._go_on_opening(link)
        engine = link.engine
        if engine is not None and not engine.closing:
            engine.receive(self.now)
        entrance, more = self._entrances[link.socket.descriptor], False
        if not entrance.socket.blocked:
            more = self._speak(link, entrance)
        elif engine is not None:
            more = engine.has_content
        if transport.ids_changed:
            self._table.note_ids(link)
        if engine is not None:
            if engine.jobs or engine.blocked:
                self._background.take(link, engine)
            if engine.closing:
                self._finish(link)
        if transport.terminated:
            self._close(link)
            return
        more = more or (engine is not None and engine.backlog)
        if more and not entrance.socket.blocked:
            self.queue(link)

    def _go_on_opening(self, link: DatagramLink) -> None:
        """The handshake may be complete, or have failed."""
        if link.transport.established:
            self._establish(link)
            return
        while (event := link.transport.next_event()) is not None:
            if isinstance(event, Terminated):
                if event.reason:
                    reason = f"QUIC handshake failed: {event.reason}"
                    self._error_log.report("tls", link.peer, reason)
                self._finish(link)

    def _speak(self, link: DatagramLink, entrance: DatagramEntrance) -> bool:
        """Send what there is, content included, for one turn; whether there is more."""
        engine, transport = link.engine, link.transport
        budget = self._limits.datagram_turn_output
        if engine is not None and engine.has_content:
            engine.pump(self.now, budget)
        datagrams = transport.datagrams_to_send(self.now)
        if datagrams:
            if self._console.dumps:
                for data, path in datagrams:
                    self._console.dump("send", str(path.address), data)
            self._send(entrance, datagrams)
        return engine is not None and engine.has_content

    def _send(self, entrance: DatagramEntrance, datagrams: list[tuple[bytes, Path]]) -> None:
        one = entrance.socket
        before = self._events(entrance)
        one.write(datagrams)
        after = self._events(entrance)
        if before != after:
            self._poller.modify(one.descriptor, before, after)

    def _flush(self, entrance: DatagramEntrance) -> None:
        """The system takes datagrams again."""
        before = self._events(entrance)
        entrance.socket.flush()
        after = self._events(entrance)
        if before != after:
            self._poller.modify(entrance.socket.descriptor, before, after)
        if not entrance.socket.blocked:
            for link in self._table.every:
                if link.socket is entrance.socket:
                    self.queue(link)

    def _set_deadline(self, link: DatagramLink) -> None:
        """What is due by now gets another turn at once."""
        when = link.transport.deadline() or NEVER
        if link.engine is None:
            if not link.over:
                when = min(when, link.opened_at + self._limits.opening_seconds)
        elif not link.engine.closing:
            engines = link.engine.deadline()
            if engines is not None:
                when = min(when, engines)
        if link.socket.blocked:  # what is due would be due again at once
            when = max(when, self.now + self._limits.check_seconds)
        if when > self.now:
            self._timers.set(link, when)
        else:
            self._check(link)

    def check(self, link: DatagramLink) -> None:
        """The deadline of a link has passed."""
        self._guarded(link, self._check)

    def _check(self, link: DatagramLink) -> None:
        transport, engine = link.transport, link.engine
        deadline = transport.deadline()
        if deadline is not None and deadline <= self.now:
            transport.handle_timer(self.now)
        if engine is None:
            if not link.over and self.now - link.opened_at >= self._limits.opening_seconds:
                self._table.totals.limit_hits += 1
                self._close(link)
                return
        elif not engine.closing:
            engines = engine.deadline()
            if engines is not None and engines <= self.now:
                engine.check(self.now)
        self.queue(link)

    # ------------------------------------------------------------------ results of threads

    def _bring(self, link: DatagramLink, result: Result) -> None:
        """A thread's work has come back to the link."""

        def take(link: DatagramLink) -> None:
            if link.engine is not None:
                result(link.engine, self.now)
                self.queue(link)

        self._guarded(link, take)

    # ------------------------------------------------------------------ the end

    def stop_accepting(self) -> None:
        """Accept no more connections; existing ones continue."""
        self._draining = True

    def drain(self) -> None:
        """Have every connection finish what it has accepted, and close (RFC 9114 section 5.2)."""
        self._draining = True
        for link in list(self._table.every):
            self._guarded(link, self._drain)

    def _drain(self, link: DatagramLink) -> None:
        if link.engine is not None:
            link.engine.drain(self.now)
        elif not link.over:
            last_word = self.now + self._limits.last_word_seconds
            link.opened_at = min(link.opened_at, last_word - self._limits.opening_seconds)
        self.queue(link)

    def close_all(self) -> None:
        """Close every connection now."""
        for link in list(self._table.every):
            self._guarded(link, self._say_goodbye)
            self._close(link)

    def _say_goodbye(self, link: DatagramLink) -> None:
        if not link.over and link.engine is not None and not link.socket.blocked:
            link.transport.close(_NO_ERROR, "")
            link.socket.write(link.transport.datagrams_to_send(self.now))

    def close_sockets(self) -> None:
        """Release everything; nothing is read or sent after that."""
        for entrance in self._entrances.values():
            entrance.socket.close()
        if self._relay is not None:
            self._relay.close()

    def _finish(self, link: DatagramLink) -> None:
        """The link is done: keep its counters, and accept late packets."""
        if link.over:
            return
        table, engine = self._table, link.engine
        if engine is not None:
            if engine.problem is not None:
                table.violations += 1
                self._error_log.report("connection", link.peer, engine.problem)
            if link.log is not None:
                link.log.closed()
            try:
                engine.abandon()
            except Exception as error:  # a bug must not keep the link
                text = f"{type(error).__name__}: {error} (while closing a connection)"
                self._error_log.report("internal", link.peer, text)
        table.finish(link)
        if not table.serving:
            self._emptied()

    def _close(self, link: DatagramLink) -> None:
        """Forget the link."""
        if link in self._table.every:
            self._finish(link)
            self._table.remove(link)
            self._timers.forget(link)

    def counters(self) -> dict[str, int]:
        """As those of :class:`~h2static.server.connections.Connections`."""
        return self._table.counters()
