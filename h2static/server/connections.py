"""The connections of a worker: read, let the engine process, and write, one link at a time.

Contract: :class:`Connections` owns the links of a worker.  The loop calls it with a link that has
an event; it lets the link's engine act, sends the output, waits for the right events, sets the
link's deadline, and queues links with more work for another turn.  Errors affect only their own
link (:meth:`Connections.guarded`).
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable

from h2static.config import ProxyProtocol
from h2static.http.counters import Counters
from h2static.logs.console import Console
from h2static.logs.errors import ErrorLog
from h2static.server.background import Background, Result
from h2static.server.engine import Engine
from h2static.server.limits import DEFAULT_LIMITS, ServerLimits
from h2static.server.link import Closed, Link, Phase
from h2static.server.opening import Opener
from h2static.server.poller import READABLE, WRITABLE, Poller
from h2static.server.pool import Pool
from h2static.server.timers import NEVER, Timed, Timers

# Found once: Python 3.11 makes a call for each access to a member of an enumeration.
_PROXY, _HANDSHAKE, _SNIFF = Phase.PROXY, Phase.HANDSHAKE, Phase.SNIFF
_OPEN, _LINGER, _CLOSED = Phase.OPEN, Phase.LINGER, Phase.CLOSED


class Connections:
    """The links of one worker."""

    def __init__(
        self,
        poller: Poller,
        timers: Timers[Timed],
        error_log: ErrorLog,
        *,
        pool: Pool,
        console: Console,
        rouse: Callable[[], None],
        emptied: Callable[[], None],
        proxy_protocol: ProxyProtocol = ProxyProtocol.ACCEPT,
        limits: ServerLimits = DEFAULT_LIMITS,
    ) -> None:
        """``rouse`` is called when a link is queued, in case the loop sleeps; ``emptied`` when the
        last link is closed."""
        self._poller = poller
        self._timers = timers
        self._error_log = error_log
        self._console = console
        self._rouse = rouse
        self._emptied = emptied
        self._limits = limits
        self._opener = Opener(
            error_log,
            self.queue,
            proxy_required=proxy_protocol is ProxyProtocol.REQUIRE,
            limits=limits,
        )
        self._background = Background(pool, error_log, self._bring, jobs=limits.jobs)
        #: The time in monotonic seconds; set by the loop.
        self.now = 0.0
        #: Whether several connections had something to do in this round; set by the loop.
        self.crowded = False
        #: The links by descriptor.
        self.links: dict[int, Link] = {}
        #: Links waiting for a turn, in order.
        self.ready: deque[Link] = deque()
        #: Handshakes that may still be continued in this round.
        self.handshakes = limits.handshakes_a_round
        self.accepted = 0
        self._violations = 0
        #: Counters of finished engines, and counters of this object.
        self._totals = Counters()
        self._draining = False

    # ------------------------------------------------------------------ for the loop

    def admit(self, link: Link) -> None:
        """Take over the link of an accepted socket."""
        self.accepted += 1
        link.log = self._console.frame_log(self.accepted)
        self.links[link.descriptor] = link
        self.guarded(link, self._begin)

    def _begin(self, link: Link) -> None:
        self._poller.register(link.descriptor, READABLE)
        self._timers.set(link, self.now + self._limits.opening_seconds)

    def drain(self) -> None:
        """Have every connection finish what it has accepted, and close (RFC 9113 section 6.8)."""
        self._draining = True
        for link in list(self.links.values()):
            if link.engine is not None:
                link.engine.drain(self.now)
                self.guarded(link, self._write)
            elif link.phase is not _LINGER:
                # Its request may be in transit: the connection was accepted.
                last_word = self.now + self._limits.last_word_seconds
                self._timers.set(link, min(link.deadline, last_word))

    def close_all(self) -> None:
        """Close every connection now."""
        for link in list(self.links.values()):
            self._close(link)

    def counters(self) -> dict[str, int]:
        """Connections, streams, requests, resets, limit hits and violations, since the start."""
        totals = Counters()
        totals.add(self._totals)
        streams = 0
        for link in self.links.values():
            if link.engine is not None:
                streams += link.engine.open_streams
                totals.add(link.engine.counters)
        return {
            "requests": totals.requests,
            "resets": totals.resets,
            "limit_hits": totals.limit_hits,
            "violations": self._violations,
            "accepted": self.accepted,
            "connections": len(self.links),
            "streams": streams,
        }

    def queue(self, link: Link) -> None:
        """Give the link another turn, at the tail."""
        if not link.queued:
            link.queued = True
            self.ready.append(link)
            self._rouse()

    def guarded(self, link: Link, action: Callable[[Link], None]) -> None:
        """Run ``action``; errors affect only this link."""
        if link.phase is _CLOSED:
            return
        try:
            action(link)
        except Closed as closed:
            self._lose(link, closed)
        except Exception as error:  # a bug must not end the others' connections
            self._failed(link, error)

    def _failed(self, link: Link, error: Exception) -> None:
        self._error_log.report(
            "internal", link.peer, f"{type(error).__name__}: {error} (connection closed)"
        )
        self._close(link)

    def _lose(self, link: Link, closed: Closed) -> None:
        """Close a link whose connection ended by itself."""
        if closed.unusual:
            self._error_log.report("connection", link.peer, f"lost: {closed}")
        self._close(link)

    def _bring(self, link: Link, result: Result) -> None:
        """Deliver a thread's result to the link, which then has more to do."""

        def take_result(link: Link) -> None:
            if link.engine is not None:
                result(link.engine, self.now)
                self.queue(link)

        self.guarded(link, take_result)

    # ------------------------------------------------------------------ opening

    def _shake_hands(self, link: Link) -> None:
        if not self.handshakes:
            self.queue(link)
            return
        self.handshakes -= 1
        events, engine = self._opener.shake_hands(link, self.now)
        if engine is not None:
            self._start(link, engine, b"")
        elif events != link.events:
            self._watch(link, events)

    def _sniff(self, link: Link, data: bytes, *, last: bool) -> None:
        """Detect the protocol of a link; ``last``: now, because there is no time to wait longer."""
        now = link.opened_at if last else self.now
        rest, engine = self._opener.sniff(link, data, now, last=last)
        if engine is not None:
            self._start(link, engine, rest)

    def _start(self, link: Link, engine: Engine, data: bytes) -> None:
        """Open a link, whose protocol is known; ``data`` was already received."""
        link.move(Phase.OPEN, engine)
        if data:
            # Send SETTINGS first: a client that reads them together with the whole response may
            # never acknowledge them (nghttp does not).
            self._write_first(link, engine)
        if self._draining:
            # Before the input: an HTTP/1.1 response must say that it is the last.
            engine.drain(self.now)
        if data:
            engine.receive(data, self.now)
        self._write(link)

    def _write_first(self, link: Link, engine: Engine) -> None:
        """Send what an engine begins with; the turn that is about to begin sends the rest."""
        octets = engine.output_octets
        if octets:
            pieces = engine.pending()
            count = link.write(pieces, octets)
            if count:
                if self._console.dumps:
                    self._console.dump("send", link.peer, b"".join(pieces)[:count])
                engine.sent(count, self.now)

    # ------------------------------------------------------------------ reading

    def read(self, link: Link) -> bool:
        """Read input; returns whether to :meth:`take` it."""
        phase = link.phase
        if phase is _HANDSHAKE:
            self.queue(link)
            return False
        if phase is _PROXY:
            self.guarded(link, self._opener.read_proxy_header)
            return False
        try:
            data = link.read(self._limits.read_size)
        except Closed as closed:
            self._lose(link, closed)
            return False
        if data is None:
            if link.read_wants_write:
                self.guarded(link, self._wait_to_write)
            return False
        if not data and (link.eof or (phase is _SNIFF and not link.buffer)):
            # There was no request; or the end was read before, and this is a hang-up: no peer is
            # left to read anything.
            self._close(link)
            return False
        if phase is _LINGER:
            link.discarded += len(data)
            if not data or link.discarded > self._limits.linger_octets:
                self._close(link)
            return False
        if data and self._console.dumps:
            self._console.dump("recv", link.peer, data)
        link.arrived = data
        return True

    def take(self, link: Link) -> None:
        """Process what was read; handles errors like :meth:`guarded`, to save a call."""
        engine = link.engine
        if engine is None:
            self.guarded(link, self._take_first)
            return
        data, link.arrived = link.arrived, b""
        try:
            if data:
                if link.events == READABLE and not self._console.dumps:
                    octets = engine.answer_at_once(data, self.now)
                    if octets is not None:
                        self._send_at_once(link, engine, octets)
                        return
                engine.receive(data, self.now)
            else:
                link.eof = True
                engine.receive_eof(self.now)
            self._write(link)
        except Closed as closed:
            self._lose(link, closed)
        except Exception as error:  # a bug must not end the others' connections
            self._failed(link, error)

    def _take_first(self, link: Link) -> None:
        """Try to detect the protocol from the first octets."""
        data, link.arrived = link.arrived, b""
        if link.phase is _SNIFF:
            self._sniff(link, data, last=not data)
        engine = link.engine
        if not data and engine is not None:
            link.eof = True
            engine.receive_eof(self.now)
            self._write(link)

    def turn(self, link: Link) -> None:
        """Give a turn to a link that has more to do."""
        engine = link.engine
        if engine is not None:
            if engine.backlog:
                engine.take_turn(self.now)
            self._write(link)
        elif link.phase is _HANDSHAKE:
            self._shake_hands(link)

    # ------------------------------------------------------------------ writing

    def _write(self, link: Link) -> None:
        """Send output and content for one turn; then wait for the right events."""
        engine = link.engine
        assert engine is not None
        if link.events == READABLE and engine.at_rest and not link.eof and not self._console.dumps:
            # Nearly every turn: everything is sent at once, and all that is left is to wait.
            octets = engine.output_octets
            count = 0
            if octets:
                count = link.write(engine.pending(), octets, mapped=engine.mapped)
                if count:
                    engine.sent(count, self.now)
            if count == octets:
                link.waiting_since = 0.0
                if not self._timers.looks_by(link, self.now + engine.slack):
                    self._set_deadline(link, engine)
                return
        self._write_turn(link, engine)

    def _send_at_once(self, link: Link, engine: Engine, octets: bytes) -> None:
        """Send a response when there is nothing else to do."""
        length = len(octets)
        count = link.write([octets], length)
        if count != length:
            engine.not_sent(octets[count:])
            self._write_turn(link, engine)
            return
        link.waiting_since = 0.0
        if not self._timers.looks_by(link, self.now + engine.slack):
            self._set_deadline(link, engine)

    def _write_turn(self, link: Link, engine: Engine) -> None:
        """The general case of :meth:`_write`."""
        # If other links wait, no large response may delay them for long.
        budget = most = self._limits.turn_output
        if not (self.ready or self.crowded):
            most = self._limits.lone_turn_output
        left = written = 0
        blocked = False
        while True:
            more = engine.has_content
            if more:
                engine.pump(self.now, budget)
            octets = engine.output_octets
            if not octets:
                more = more and engine.has_content
                break
            pieces = engine.pending()
            count = link.write(pieces, octets, mapped=engine.mapped)
            if not count:
                blocked = True
                left = octets
                break
            if self._console.dumps:
                self._console.dump("send", link.peer, b"".join(pieces)[:count])
            engine.sent(count, self.now)
            written += count
            if count == octets and not more:
                # Sending may have made room for content.
                more = engine.has_content
                break
            if written >= most:
                left = octets - count
                more = engine.has_content
                break
        if engine.jobs or engine.blocked:
            self._background.take(link, engine)
        if engine.closing:
            self._closing(link, engine)
            if link.phase is not _OPEN:
                return
        if not blocked and (left or more or engine.backlog):
            self.queue(link)
        events = 0
        if link.read_wants_write or blocked:
            events |= WRITABLE
        if engine.wants_input and not link.eof and not link.read_wants_write:
            events |= READABLE
        if events != link.events:
            self._watch(link, events)
        if left:
            if not link.waiting_since:
                link.waiting_since = self.now
        else:
            link.waiting_since = 0.0
            # On busy connections, a new deadline per turn would cost more than one early check.
            if self._timers.looks_by(link, self.now + engine.slack):
                return
        self._set_deadline(link, engine)

    def _set_deadline(self, link: Link, engine: Engine) -> None:
        deadline = engine.deadline()
        if deadline is None:
            deadline = NEVER
        if link.waiting_since:
            deadline = min(deadline, self._stalled_at(link, engine))
        self._timers.set(link, deadline)

    def _stalled_at(self, link: Link, engine: Engine) -> float:
        """The time at which the peer will have stopped reading for too long."""
        return max(engine.write_progress, link.waiting_since) + self._limits.write_seconds

    def _closing(self, link: Link, engine: Engine) -> None:
        """The engine is done: report the peer's error, if any; close if everything is sent."""
        self._tell_problem(link, engine)
        if not engine.output_octets:
            self._finish(link, engine)

    def _tell_problem(self, link: Link, engine: Engine) -> None:
        """Report the peer's error once, if there is one."""
        if engine.problem is not None and not link.reported:
            link.reported = True
            self._violations += 1
            self._error_log.report("connection", link.peer, engine.problem)

    def _watch(self, link: Link, events: int) -> None:
        """Wait for these events."""
        self._poller.modify(link.descriptor, link.events, events)
        link.events = events

    def _wait_to_write(self, link: Link) -> None:
        """Resume reading when something can be written."""
        self._watch(link, WRITABLE)

    def _finish(self, link: Link, engine: Engine) -> None:
        """Everything is sent: close our side, then wait briefly for the peer's end."""
        self._retire(link, engine, Phase.LINGER)
        link.shut_down()
        if link.eof:
            self._close(link)
            return
        self._timers.set(link, self.now + self._limits.linger_seconds)
        if link.events != READABLE:
            self._watch(link, READABLE)

    def _retire(self, link: Link, engine: Engine, phase: Phase) -> None:
        """Leave the link's engine, but keep its counters."""
        engine.abandon()
        self._totals.add(engine.counters)
        link.move(phase)
        if link.log is not None:
            link.log.closed()

    def _close(self, link: Link) -> None:
        """Close a link now."""
        if link.phase is _CLOSED:
            return
        engine = link.engine
        if engine is None:
            link.move(Phase.CLOSED)
        else:
            # Even if no peer is left to answer.
            self._tell_problem(link, engine)
            self._retire(link, engine, Phase.CLOSED)
        self._timers.forget(link)
        with contextlib.suppress(OSError, KeyError, ValueError):
            self._poller.unregister(link.descriptor, link.events)
        self.links.pop(link.descriptor, None)
        with contextlib.suppress(OSError):
            link.socket.close()
        if not self.links:
            self._emptied()

    # ------------------------------------------------------------------ time

    def check(self, link: Link) -> None:
        """Act on a link's deadline, which has passed."""
        engine = link.engine
        if engine is not None:
            engine.check(self.now)
            self._write(link)
            if link.engine is None:
                return  # it is closed
            # Even if an engine asks again immediately, others get their turn.
            self._timers.set(link, max(link.deadline, self.now + self._limits.check_seconds))
            if link.waiting_since and self.now >= self._stalled_at(link, engine):
                self._totals.limit_hits += 1
                self._error_log.report("connection", link.peer, "peer stopped reading")
                self._close(link)
        elif link.phase is _LINGER:
            self._close(link)
        elif link.phase is _SNIFF and link.buffer:
            # Too little was received: the most likely protocol answers.
            self._sniff(link, b"", last=True)
        else:
            if not self._draining:
                self._totals.limit_hits += 1
                self._error_log.report("connection", link.peer, "no request before the timeout")
            self._close(link)
