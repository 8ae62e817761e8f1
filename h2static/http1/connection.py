"""An HTTP/1.1 connection, server's side, without I/O (RFC 9112).

Contract: :meth:`ServerConnection.receive` never raises for anything that a peer can send; whatever
is wrong with a request becomes a response with ``connection: close``, and then :attr:`closing`.
Requests are answered in the order in which they came, one at a time (RFC 9112 section 9.3.2).
A connection produces no more than it was asked for: bodies are pulled by :meth:`pump`.  The driver
uses it as it uses :class:`h2static.http2.connection.ServerConnection`, method by method.

Assumes: the application never raises for a request; the driver calls from one task only.

Strategy: one :class:`Exchange` at a time.  Octets wait in ``_input`` until they are known to be
well-formed (``head``, ``content``); ``framer`` makes octets of responses, ``progress`` says until
when the peer has to do something.  Informational responses: 100 only, when an upload waits for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

from h2static.http.messages import (
    Answer,
    Application,
    Body,
    BodyReader,
    Deferred,
    Field,
    Request,
    Response,
    Upload,
)
from h2static.http1.content import Chunked
from h2static.http1.exchange import Exchange, Finished
from h2static.http1.framer import Framer
from h2static.http1.head import STATUSES_OF_LIMITS, BadRequest
from h2static.http1.input import Input
from h2static.http1.limits import Limits
from h2static.http1.output import Output
from h2static.http1.progress import Progress

#: What one read of a body asks for; a body is never read ahead further than the output budget.
_READ_SIZE = 65_536


class ServerConnection:
    """The protocol of one connection."""

    def __init__(
        self,
        application: Application,
        *,
        secure: bool,
        now: float,
        date: Callable[[], bytes],
        limits: Limits | None = None,
        note: Callable[[Finished], None] | None = None,
        add_fields: Callable[[Request, Response], tuple[Field, ...]] | None = None,
    ) -> None:
        """``date`` gives the value of the Date field (RFC 9110 section 6.6.1).

        ``note`` is called with every response that is over.  ``add_fields`` is asked what a
        response with hints gets in addition.
        """
        self._application = application
        self._date = date
        self._note = note
        self._add_fields = add_fields
        self._limits = limits if limits is not None else Limits()
        self._input = Input(self._limits, secure=secure)
        self._output = Output()
        self._framer = Framer(self._output, self._limits)
        self._progress = Progress(self._limits, now)
        self._exchange: Exchange | None = None
        self._number = 0
        self._draining = False
        self._ended = False
        #: Requests were received that wait for the connection's next turn.
        self.backlog = False
        #: The connection is to be closed once the output is flushed.
        self.closing = False
        #: Why the connection ends early, for the error log; ``None`` when it ends as it should.
        self.problem: str | None = None
        #: Limits that the peer has crossed.
        self.limit_hits = 0
        #: When :meth:`check` has something to do, monotonic seconds; ``None``: never.
        self.deadline: float | None = now + self._limits.header_seconds
        #: Answers that are to be run in a thread, with the number to respond to.
        self.deferred: list[tuple[int, Deferred]] = []
        #: Bodies that would block, with the number to unblock.
        self.blocked: list[tuple[int, BodyReader]] = []
        self._body_blocked = False
        self._chunk_lines_left = 0
        #: When the peer was last seen to take octets in earnest, and how many it took since.
        self.write_progress = now
        self._taken = 0
        self._now = now

    # ------------------------------------------------------------------ what the driver asks

    @property
    def wants_input(self) -> bool:
        """Whether to read from the socket: no when enough waits, in either direction."""
        if self.closing or self._ended or self.backlog:
            return False
        if self._output.octets >= self._limits.output_mark:
            return False
        exchange = self._exchange
        if exchange is None or (exchange.content_left and not exchange.waiting):
            return True
        return len(self._input.octets) < self._limits.pipelined

    @property
    def has_content(self) -> bool:
        """Whether :meth:`pump` would move something."""
        exchange = self._exchange
        return exchange is not None and exchange.reader is not None and not self._body_blocked

    @property
    def output_octets(self) -> int:
        """Octets that wait for the socket."""
        return self._output.octets

    @property
    def open_streams(self) -> int:
        """Requests that are not finished: one at most."""
        return 0 if self._exchange is None else 1

    @property
    def requests(self) -> int:
        """Requests that were answered so far."""
        return self._number

    def pending(self) -> list[bytes | memoryview]:
        """The pieces to send, in order."""
        return self._output.pieces

    def sent(self, count: int, now: float) -> None:
        """The kernel has taken ``count`` octets of :meth:`pending`."""
        self._now = now
        self._output.advance(count)
        # A drip is no progress: somebody may read one octet a minute.
        self._taken += count
        if not self._output.octets or self._taken >= self._limits.stall_octets:
            self.write_progress = now
            self._taken = 0
        self._progress.count(count, now)
        self._set_deadline()

    # ------------------------------------------------------------------ input

    def receive(self, data: bytes, now: float) -> None:
        """Take octets that the peer sent at time ``now`` (seconds, monotonic)."""
        if self.closing:
            return
        self._input.octets += data
        self._advance(now)

    def receive_eof(self, now: float) -> None:
        """The peer sends no more: answer what is complete, finish what is being answered."""
        self._ended = True
        self._advance(now)

    def _advance(self, now: float) -> None:
        """Do everything that the input allows, one request after the other."""
        self._now = now
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
                if not self._begin(now):
                    break
            elif exchange.content_left and not exchange.waiting:
                if not self._read_content(exchange, now):
                    break
            elif exchange.sent and not exchange.content_left:
                self._finish(now)
            else:
                break
        if self._ended and not self.backlog:
            self._end_input()
        if self._draining:
            self._progress.hurry(now)
            if self._exchange is None and not (self.backlog or self._progress.awaits_head):
                self.closing = True
        self._set_deadline()

    def _end_input(self) -> None:
        """No more will come than was used."""
        exchange = self._exchange
        if exchange is None:
            self.closing = True
        elif exchange.content_left and not exchange.waiting:
            self._break("connection closed before the request was complete")
        elif exchange.reader is not None and not exchange.length_known:
            # Half-closed clients get the rest of what has an end; events have none, and nothing
            # else would tell that nobody listens any more.
            self._end_exchange()
            self.closing = True

    def _begin(self, now: float) -> bool:
        """Start the exchange of the next request; false when its header section is incomplete."""
        self._input.skip_empty_lines()
        octets = self._input.octets
        if not octets:
            return False
        self._progress.begin_head(now)
        try:
            found = self._input.next_head()
        except BadRequest as error:
            self._refuse(error, now, head_request=octets.startswith(b"HEAD "))
            return False
        if found is None:
            return False
        head, section = found
        self._progress.end_head(now)
        self._number += 1
        self._exchange = exchange = Exchange(self._number, head, self._limits, now)
        self._framer.begin(section, content=exchange.content_left)
        self._take_answer(exchange, self._application.answer(head.request), now)
        return True

    def _read_content(self, exchange: Exchange, now: float) -> bool:
        """Hand the content that came to whoever wants it; false when more must come first."""
        content, octets = exchange.content, self._input.octets
        assert content is not None
        before, lines = len(octets), content.lines
        try:
            data = content.take(octets, self._chunk_lines_left)
        except BadRequest as error:
            exchange.drop_upload()
            self._refuse(error, now, head_request=exchange.head.request.method == b"HEAD")
            return False
        self._chunk_lines_left -= content.lines - lines
        taken = before - len(octets)
        if self._chunk_lines_left <= 0 and octets:
            self.backlog = True
        if not taken:
            return False
        self._progress.count(taken, now)
        chunked = isinstance(content, Chunked)
        if data:
            if not chunked:
                self._framer.take_content(data)
            self._take_content(exchange, data, now)
        if content.done and not self.closing:
            self._framer.end_content(chunked=chunked)
            self._complete_content(exchange, now)
        return True

    def _take_content(self, exchange: Exchange, data: bytes, now: float) -> None:
        """Some octets of content."""
        if exchange.upload is not None:
            response = exchange.upload.receive(data)
            if response is not None:
                exchange.drop_upload()
                self._respond(exchange, response, now)
            return
        exchange.discarded += len(data)
        if exchange.is_too_long(self._limits):
            self._stop_content(exchange, now)

    def _stop_content(self, exchange: Exchange, now: float) -> None:
        """Nobody wants so much content: respond, and end the connection instead of reading on.

        RFC 9112 section 9.3: "A server MUST read the entire request message body or close the
        connection after sending its response".
        """
        if exchange.responded:
            if exchange.sent:
                self.closing = True
            return
        if exchange.response is not None:
            self._respond(exchange, exchange.response, now)

    def _complete_content(self, exchange: Exchange, now: float) -> None:
        """The content is whole."""
        if exchange.upload is not None:
            upload, exchange.upload = exchange.upload, None
            self._respond(exchange, upload.complete(), now)
        elif exchange.response is not None and not exchange.responded:
            self._respond(exchange, exchange.response, now)

    # ------------------------------------------------------------------ answers

    def respond(self, stream_id: int, response: Response, now: float) -> None:
        """Give the response of a :class:`Deferred`; ignored when nobody waits for it."""
        exchange = self._exchange
        if exchange is None or exchange.number != stream_id or not exchange.waiting:
            return
        exchange.waiting = False
        self._take_answer(exchange, response, now)
        self._advance(now)

    def _take_answer(self, exchange: Exchange, answer: Answer, now: float) -> None:
        """What the application made of the request."""
        if isinstance(answer, Response):
            exchange.response = answer
            # Nobody wants the content: 100 is not sent (RFC 9110 section 10.1.1).
            if answer.early or not exchange.content_left or self._must_close(exchange):
                self._respond(exchange, answer, now)
        elif isinstance(answer, Upload):
            exchange.upload = answer
            if not exchange.content_left:
                self._complete_content(exchange, now)
            elif exchange.head.expects_continue and not self._input.octets:
                # RFC 9110 section 10.1.1: a 100 may be left out once content came.
                self._framer.inform(100)
        elif isinstance(answer, Deferred):
            exchange.waiting = True
            self.deferred.append((exchange.number, answer))
        else:
            assert_never(answer)

    def _respond(self, exchange: Exchange, response: Response, now: float) -> None:
        """Put a response's header section into the output, and its body if it is held in memory."""
        exchange.responded = True
        exchange.response = response
        request = exchange.head.request
        added: tuple[Field, ...] = ()
        if response.hints is not None and self._add_fields is not None:
            added = self._add_fields(request, response)
            exchange.linked = bool(added)
        self._framer.head(response, added, self._date(), last=self._must_close(exchange))
        self._progress.restart(now)
        # RFC 9110 section 9.3.2: "the server MUST NOT send content in the response" to HEAD.
        body = response.body if request.method != b"HEAD" else b""
        if isinstance(body, bytes):
            if body and self._framer.data(body):
                exchange.octets = len(body)
            self._end_response(exchange)
        else:
            self._open_body(exchange, body)

    def _must_close(self, exchange: Exchange) -> bool:
        """Whether this response is the connection's last one.

        RFC 9112 section 9.3: content that is not read to its end ends the connection; section 9.6:
        the last response carries ``close``.
        """
        if self._draining or (self._ended and not self._input.octets):
            return True
        return exchange.content_left and (
            exchange.head.expects_continue or exchange.is_too_long(self._limits)
        )

    def _open_body(self, exchange: Exchange, body: Body) -> None:
        try:
            exchange.reader = body.open()
        except OSError as error:
            self._break(f"body cannot be read: {error}")
            return
        exchange.length_known = body.length is not None
        self._body_blocked = False

    def _end_response(self, exchange: Exchange) -> None:
        """The whole response is in the output, if it is as long as it said."""
        if not self._framer.end():
            # The file was truncated.  RFC 9112 section 8: the client sees an incomplete message.
            self._break("body ended before its content-length")
            return
        exchange.sent = True
        if exchange.content_left and self._must_close(exchange):
            self.closing = True

    def _finish(self, now: float) -> None:
        """Both messages are complete: next request, or the end."""
        self._end_exchange()
        self._progress.restart(now)
        if not self._framer.next_exchange() or self._draining:
            self.closing = True

    def _refuse(self, error: BadRequest, now: float, *, head_request: bool) -> None:
        """Answer a request that cannot be understood, and end the connection."""
        self.problem = str(error)
        self.limit_hits += error.status in STATUSES_OF_LIMITS
        exchange = self._exchange
        if exchange is not None and exchange.responded:
            self._break(self.problem)
            return
        response = self._application.refuse(error.status, None)
        self._framer.head(response, (), self._date(), last=True)
        if isinstance(response.body, bytes) and not head_request:
            self._output.add(response.body)
        if exchange is not None:
            exchange.responded, exchange.response, exchange.sent = True, response, True
        self._end_exchange()
        self._input.octets.clear()
        self.closing = True

    # ------------------------------------------------------------------ output

    def pump(self, now: float, budget: int) -> None:
        """Move content into the output until about ``budget`` octets wait there."""
        self._now = now
        while self._output.octets < budget and not self.closing and self.has_content:
            exchange = self._exchange
            assert exchange is not None
            self._move(exchange, min(budget - self._output.octets, _READ_SIZE))
            if exchange.sent:
                self._advance(now)
        self._set_deadline()

    def _move(self, exchange: Exchange, size: int) -> None:
        """One read of the body."""
        reader = exchange.reader
        assert reader is not None
        try:
            piece = reader.read(size)
        except OSError as error:
            self._break(f"body cannot be read: {error}")
            return
        if piece is None:
            self._body_blocked = True
            self.blocked.append((exchange.number, reader))
            return
        if not piece:
            self._close_reader(exchange)
            self._end_response(exchange)
            return
        # A reader may use its buffer again at the next read, the output is sent later.
        data = piece if isinstance(piece, bytes) else bytes(piece)
        if not self._framer.data(data):
            self._break("body is longer than its content-length")
            return
        exchange.octets += len(data)

    def unblock(self, stream_id: int, now: float) -> None:
        """The body that was in :attr:`blocked` can be read again."""
        self._now = now
        exchange = self._exchange
        if exchange is not None and exchange.number == stream_id:
            self._body_blocked = False
            self._progress.restart(now)
            self._set_deadline()

    # ------------------------------------------------------------------ time

    def _set_deadline(self) -> None:
        """Decide what the connection waits for, and until when."""
        if self.closing:
            self.deadline = None
            return
        self.deadline = self._progress.deadline(
            self._exchange, output=bool(self._output.octets), blocked=self._body_blocked
        )

    def check(self, now: float) -> None:
        """End what took too long, if :attr:`deadline` has passed."""
        self._now = now
        if self.deadline is None or now < self.deadline:
            return
        exchange = self._exchange
        if exchange is None and not self._output.octets and not self._input.octets:
            self.closing = True
        elif not self._output.octets if exchange is None else exchange.content_left:
            # RFC 9110 section 15.5.9: the server did not receive a complete request in time.
            if exchange is not None:
                exchange.drop_upload()
            self._refuse(BadRequest(408, "request not complete in time"), now, head_request=False)
        else:
            self.limit_hits += 1
            self._break("response not read in time")
        self._set_deadline()

    # ------------------------------------------------------------------ the end

    def drain(self, now: float) -> None:
        """Finish the request that is being answered, then close; bodies without an end, end.

        Of requests that wait for their turn one more is answered: it gets the ``close`` that tells
        of the others that they were not processed (RFC 9112 section 9.6).  So does the first of a
        connection, and one that has begun to come.
        """
        self._draining = True
        exchange = self._exchange
        if exchange is not None and exchange.reader is not None and not exchange.length_known:
            self._close_reader(exchange)
            self._end_response(exchange)
        self._advance(now)

    def abandon(self) -> None:
        """The connection is lost: give back everything."""
        self._end_exchange()
        self._input.octets.clear()
        self._output.clear()
        self.blocked.clear()
        self.closing = True
        self.deadline = None

    def _break(self, reason: str) -> None:
        """End the connection with the message incomplete: the client must be able to see it."""
        self.problem = reason
        self._end_exchange()
        self._input.octets.clear()
        self.closing = True

    def _end_exchange(self) -> None:
        """The exchange is over: note it, and give back what it holds."""
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            return
        self._close_reader(exchange)
        exchange.drop_upload()
        # Nobody works for an exchange that is over.
        self.deferred.clear()
        if self._note is not None and exchange.responded:
            self._note(exchange.finished(self._now))

    def _close_reader(self, exchange: Exchange) -> None:
        if exchange.close_reader():
            self._body_blocked = False
            self.blocked.clear()
