"""The server's end of an HTTP/1.1 connection, without I/O (RFC 9112).

Contract: :class:`ServerConnection` is an engine (``server/engine.py``).  ``receive`` never raises
for anything that a peer can send; an invalid request gets a response with ``connection: close``.
Requests are answered in order, one at a time (RFC 9112 section 9.3.2); each is recalled, or else
handled exactly once.  ``pump`` pulls from bodies; while a sink is full, content stays with the
client.  Everything is called from one thread.

Strategy: one exchange at a time.  It records the application's calls; ``_settle`` carries them out
at the end of the current call, or in the connection's next turn.  A known request with a prepared
response needs no exchange: it takes one lookup for each.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

from h2static.http.bodies import BodyReader
from h2static.http.counters import Counters
from h2static.http.engine import AnswersLater
from h2static.http.exchange import Application, Job, Outcome
from h2static.http.journal import Finished
from h2static.http.messages import Client, Response
from h2static.http.shared import Shared
from h2static.http1.errors import STATUSES_OF_LIMITS, BadRequest, BadResponse, Broken
from h2static.http1.exchange import Exchange
from h2static.http1.head import Head
from h2static.http1.input import Input
from h2static.http1.limits import Limits
from h2static.http1.memory import Memory
from h2static.http1.output import Output
from h2static.http1.persistence import Persistence
from h2static.http1.progress import Progress, Wait, wait_of
from h2static.http1.responder import Responder
from h2static.http1.sender import READ_SIZE, Sender


class ServerConnection(AnswersLater):
    """The protocol of one connection; implements :class:`h2static.server.engine.Engine`."""

    __slots__ = (
        "_acted", "_application", "_chunk_lines_left", "_client", "_exchange", "_input", "_inside",
        "_limits", "_notify", "_now", "_number", "_output", "_persistence", "_progress", "_report",
        "_responder", "_sender", "_taken", "backlog", "blocked", "closing", "counters", "jobs",
        "problem", "write_progress",
    )  # fmt: skip

    #: No deadline here is exact to less than half a second.
    slack: Final = 0.5

    def __init__(
        self,
        application: Application,
        client: Client,
        shared: Shared,
        now: float,
        *,
        limits: Limits | None = None,
        memory: Memory | None = None,
        protocols: frozenset[bytes] = frozenset(),
        proxied: bool = False,
        notify: Callable[[], None] = lambda: None,
        observer: Callable[[Finished], None] | None = None,
        report: Callable[[str], None] | None = None,
    ) -> None:
        """``memory``: the cache shared by the connections of a worker.  ``protocols``: those the
        application can tunnel, in lower case.  ``proxied``: the client is a trusted proxy.
        ``observer`` is called for every finished response, ``report`` with the reason when one is
        given up (otherwise :attr:`problem` has it).
        """
        self._application = application
        self._client = client
        self._limits = limits if limits is not None else Limits()
        self._notify = notify
        self._report = report
        memory = memory if memory is not None else Memory(shared)
        self._input = Input(
            self._limits, memory, secure=client.secure, proxied=proxied, protocols=protocols
        )
        self._persistence = Persistence(self._limits, self._input)
        self._output = Output()
        self._sender = Sender(self._output)
        self._responder = Responder(
            application, client, shared, memory, self._sender, self._persistence, observer
        )
        self._progress = Progress(self._limits, now)
        self._exchange: Exchange | None = None
        self._number = 0
        self._chunk_lines_left = 0
        self._now = now
        #: A call is in progress: the application's calls take effect at its end.
        self._inside = False
        #: The application has made calls that have not taken effect yet.
        self._acted = False
        self.backlog = False
        self.closing = False
        self.problem: str | None = None
        self.counters = Counters()
        self.jobs: deque[tuple[int, Job]] = deque()
        self.blocked: list[tuple[int, BodyReader]] = []
        self.write_progress = now
        #: Octets that the peer has taken since then.
        self._taken = 0

    # ------------------------------------------------------------------ what the driver asks

    @property
    def wants_input(self) -> bool:
        """Whether to read from the socket: not while enough waits in either direction."""
        ended = self.closing or self._persistence.ended or self.backlog
        if ended or self._output.octets >= self._limits.output_mark:
            return False
        exchange = self._exchange
        if exchange is None or exchange.reads_content:
            return True
        # While a sink is full, the client's octets stay in the kernel's buffers.
        return not exchange.paused and len(self._input.octets) < self._limits.pipelined

    @property
    def has_content(self) -> bool:
        """Whether :meth:`pump` would move something."""
        return self._sender.can_move

    @property
    def at_rest(self) -> bool:
        """Whether, once the output is sent, the only thing left is to wait for input."""
        return self._exchange is None and self.wants_input

    @property
    def output_octets(self) -> int:
        """Octets waiting for the socket."""
        return self._output.octets

    @property
    def open_streams(self) -> int:
        """Number of unfinished requests."""
        return int(self._exchange is not None)

    def pending(self) -> list[bytes | memoryview]:
        """The pieces to send, in order."""
        return self._output.pieces

    def sent(self, count: int, now: float) -> None:
        """The kernel has taken ``count`` octets of :meth:`pending`."""
        self._now = now
        self._output.advance(count)
        # A trickle does not count as progress: a client could read one octet a minute.
        self._taken += count
        if not self._output.octets or self._taken >= self._limits.stall_octets:
            self.write_progress = now
            self._taken = 0
        self._progress.count(count, now)

    # ------------------------------------------------------------------ input

    def receive(self, data: bytes, now: float) -> None:
        """Process octets from the peer, received at time ``now`` (monotonic seconds)."""
        if self.closing:
            return
        exchange = self._exchange
        if exchange is None and not self.backlog:
            self.take_turn(now, self._input.add(data))
            return
        if self._acted or self._input.octets or exchange is None or not exchange.pass_on(data):
            self._input.octets += data
        self.take_turn(now)

    def receive_eof(self, now: float) -> None:
        """The peer sends no more: answer complete requests, finish the current response."""
        self._persistence.ended = True
        self.take_turn(now)

    def take_turn(self, now: float, known: Head | None = None) -> None:
        """Begin a ``known`` request, if any, and continue with the backlog."""
        self._now = now
        self._inside = True
        try:
            if known is not None:
                self._begin(known, now)
                if self._exchange is None:
                    return
            self._advance(now)
        finally:
            self._inside = False

    def _act(self) -> None:
        """The application has called the current exchange."""
        self._acted = True
        if not self._inside and not self.backlog:
            self.backlog = True
            self._notify()

    def _advance(self, now: float) -> None:
        """Do everything that the input and the application allow, one request after another."""
        started = self._number
        self._chunk_lines_left = self._limits.chunk_lines_per_turn
        self.backlog = False
        while not self.closing and not self.backlog:
            exchange = self._exchange
            if exchange is None:
                if (
                    self._output.octets >= self._limits.output_mark
                    or self._number - started >= self._limits.requests_per_turn
                ):
                    self.backlog = bool(self._input.octets)
                    break
                head = self._next_head(now)
                if head is None:
                    break
                self._begin(head, now)
            elif self._acted:
                self._settle(exchange, now)
            elif exchange.reads_content:
                if not self._read_content(exchange, now):
                    break
            elif exchange.content_left:
                break
            elif not exchange.content_ended:
                exchange.end_content()
                self._acted = True
            elif exchange.begun and self._sender.complete:
                self.closing = self._persistence.is_last(exchange)
                self._end_exchange()
                self._progress.restart(now)
            else:
                break
        if self._persistence.ended and not self.backlog:
            self._end_input()
        if self._persistence.draining:
            self._progress.hurry(now)
            if self._exchange is None and not (self.backlog or self._progress.awaits_head):
                self.closing = True

    def _end_input(self) -> None:
        """The input has ended, and everything in it has been processed."""
        exchange = self._exchange
        if exchange is None and not self._input.octets:
            self.closing = True
        elif exchange is not None and exchange.tunneled:
            return  # its application was notified, and may make calls
        elif exchange is None or exchange.reads_content:
            self._break("connection closed before the request was complete")
        elif self._sender.blocked and self._sender.endless:
            # Half-closed clients get the rest of a finite response; an event stream has no end, and
            # nothing else would show that the client is gone.
            self._break(None)

    def _next_head(self, now: float) -> Head | None:
        """The next request's header section; ``None`` if it is incomplete or refused."""
        self._input.skip_empty_lines()
        octets = self._input.octets
        if not octets:
            return None
        self._progress.begin_head(now)
        try:
            return self._input.next_head()
        except BadRequest as error:
            self._refuse(error, head_request=octets.startswith(b"HEAD "))
            return None

    def _begin(self, head: Head, now: float) -> None:
        """Begin a request: recall its response, or have the application handle it."""
        self._progress.end_head(now)
        self.counters.requests += 1
        self._number += 1
        response = self._application.recall(head.request)
        if (
            response is not None
            and response.prepared
            and head.plain
            and not self._persistence.in_doubt
            and self._responder.send_prepared(head.request, response, now)
        ):
            return
        exchange = Exchange(self._number, head, self._client, self._limits, now, self._act)
        self._exchange = exchange
        if response is not None:
            exchange.respond(response)
        else:
            self._application.handle(exchange)

    def _read_content(self, exchange: Exchange, now: float) -> bool:
        """Pass received content to its sink; returns false if more must arrive first."""
        content, octets = exchange.content, self._input.octets
        assert content is not None
        before, lines = len(octets), content.lines
        if exchange.tunneled and self._persistence.ended and not octets:
            exchange.end_tunnel()
            return True
        try:
            data = content.take(octets, self._chunk_lines_left)
        except BadRequest as error:
            self._refuse(error)
            return False
        self._chunk_lines_left -= content.lines - lines
        if self._chunk_lines_left <= 0 and octets:
            self.backlog = True
        taken = before - len(octets)
        if not exchange.tunneled:
            self._progress.count(taken, now)
        if data:
            exchange.give(data)
            if exchange.sink is None and exchange.is_too_long(self._limits):
                self._acted = True
        return taken > 0

    # ------------------------------------------------------------------ what the application says

    def finish_job(self, stream_id: int, outcome: Outcome | None, now: float) -> None:
        """Deliver the outcome of a job, 500 if it failed; the exchange may already be over."""
        exchange = self._exchange
        if exchange is None or exchange.number != stream_id:
            return
        self._inside = True
        if outcome is None:
            outcome = self._application.refuse(500, exchange.request)
        if isinstance(outcome, Response):
            exchange.respond(outcome)
        else:
            outcome.handle(exchange)
        self.take_turn(now)

    def _settle(self, exchange: Exchange, now: float) -> None:
        """Carry out the application's calls."""
        self._acted = False
        if exchange.renewed:
            exchange.renewed = False
            self._progress.restart(now)
        if exchange.aborted is not None and not exchange.begun:
            self._tell(exchange.aborted)
            self._respond(exchange, None, now)
        elif exchange.aborted is not None and not self._sender.complete:
            self._tell(exchange.aborted)
            self._break(self.problem)
        elif exchange.begun:
            self._end_response(exchange)
        else:
            self._go_on(exchange, now)

    def _go_on(self, exchange: Exchange, now: float) -> None:
        """Do everything that precedes the response, then begin it if it is due."""
        self.jobs += [(exchange.number, job) for job in exchange.jobs]
        exchange.jobs.clear()
        if not self._output.octets:
            self._progress.restart(now)
        for status, fields in exchange.informs:
            self._responder.inform(exchange, status, fields)
        exchange.informs.clear()
        if exchange.sink is not None and not exchange.continued:
            exchange.continued = True
            # RFC 9110 section 10.1.1: a 100 may be omitted once content has arrived.
            if exchange.head.expects_continue and not self._input.octets:
                self._responder.inform(exchange, 100)
        response = exchange.response
        if (
            exchange.aborted is None
            and response is not None
            and (
                response.early
                or exchange.sink is not None
                or not exchange.content_left
                # The client is waiting for a response, or would send more than will be read.
                or self._persistence.is_last(exchange)
            )
        ):
            self._respond(exchange, response, now)

    def _respond(self, exchange: Exchange, response: Response | None, now: float) -> None:
        """Begin a response; 500 in place of ``None`` or of one that cannot be sent."""
        self.jobs.clear()
        try:
            reason = self._responder.respond(exchange, response)
        except BadResponse as error:
            self._break(f"refusal of {exchange.request.path!r}: {error}")
            return
        if reason is not None:
            self._tell(reason)
        self._progress.restart(now)
        self._end_response(exchange)

    def _end_response(self, exchange: Exchange) -> None:
        """If the response is complete but the request is not: read on, or end the connection.

        RFC 9112 section 9.3: "A server MUST read the entire request message body or close the
        connection after sending its response".
        """
        if not self._sender.complete or not exchange.content_left:
            return
        exchange.drop_sink()
        if self._persistence.is_last(exchange):
            self._end_exchange()
            self.closing = True

    def _refuse(self, error: BadRequest, *, head_request: bool = False) -> None:
        """Answer an invalid request, and end the connection."""
        self.counters.limit_hits += error.status in STATUSES_OF_LIMITS
        self._persistence.draining = True
        self._break(self._responder.decline(self._exchange, error, head_request=head_request))

    # ------------------------------------------------------------------ output

    def pump(self, now: float, budget: int) -> None:
        """Move content into the output until about ``budget`` octets wait there."""
        self._now = now
        self._inside = True
        sender, output = self._sender, self._output
        try:
            while output.octets < budget and sender.can_move and not self.closing:
                exchange = self._exchange
                assert exchange is not None
                sender.move(min(budget - output.octets, READ_SIZE))
                if sender.blocked and sender.reader is not None:
                    self.blocked.append((exchange.number, sender.reader))
                self._end_response(exchange)
                if sender.complete or self._acted or (sender.blocked and self._persistence.ended):
                    self._advance(now)
        except Broken as error:
            self._break(str(error))
        finally:
            self._inside = False

    def unblock(self, stream_id: int, now: float) -> None:
        """The body that was in :attr:`blocked` can be read again."""
        self._now = now
        if self._exchange is not None and self._exchange.number == stream_id:
            self._sender.blocked = False
            self._progress.restart(now)

    # ------------------------------------------------------------------ time

    def _waits_for(self) -> Wait:
        sending, ended = self._output.octets > 0 or self._sender.can_move, self._persistence.ended
        return wait_of(self._exchange, acted=self._acted, sending=sending, ended=ended)

    def deadline(self) -> float | None:
        """The time at which the connection's current wait ends."""
        return None if self.closing else self._progress.deadline(self._waits_for())

    def check(self, now: float) -> None:
        """End the wait that took too long, if :meth:`deadline` has passed."""
        self._now = now
        if (deadline := self.deadline()) is None or now < deadline:
            return
        wait = self._waits_for()
        self._inside = True
        if wait is Wait.REQUEST and not self._input.octets:
            self.closing = True
        elif wait is Wait.SOCKET:
            self.counters.limit_hits += 1
            self._break("response not read before the timeout")
        elif wait is Wait.DEPARTED:
            self._break(None)
        else:
            # RFC 9110 section 15.5.9: the server did not receive a complete request in time.
            self._refuse(BadRequest(408, "request not complete before the timeout"))
        self._inside = False

    # ------------------------------------------------------------------ the end

    def drain(self, now: float) -> None:
        """Finish the request that is being answered, then close.

        One more waiting request is answered: its ``close`` says that the others were not (RFC 9112
        section 9.6).  So is the first request of a connection, and one that has begun to arrive.
        """
        self._persistence.draining = True
        self.take_turn(now)

    def abandon(self) -> None:
        """The connection is lost: release all resources."""
        self._inside = True
        self._break(self.problem)
        self._output.clear()
        self._inside = False

    def _tell(self, reason: str) -> None:
        """Report a response that was given up through no fault of the client; "" was reported."""
        if self._report is None:
            self.problem = reason
        elif reason:
            self._report(reason)

    def _break(self, reason: str | None) -> None:
        """End the connection after the current output: the client sees an incomplete response."""
        self.problem = reason
        self._end_exchange()
        self._input.octets.clear()
        self.closing = True

    def _end_exchange(self) -> None:
        """The exchange is over: record it, and release its resources."""
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            return
        self.blocked.clear()
        self.jobs.clear()
        self._responder.end(exchange, self._now)
        self._acted = False
