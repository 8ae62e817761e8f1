"""Requests as they arrive, and the applications' responses (RFC 9114 section 4).

Contract: :meth:`Requests.receive` processes the octets of a request stream.  Each request is
recalled or handled, exactly once, when its field section is complete.  :class:`Requests` is the
:class:`~h2static.http3.stream.StreamOwner` of all streams: it carries out the applications' calls
to exchanges, immediately within a turn, otherwise in the next one.

A response that arrives before the request's content is complete is held until then, unless it is
early, a sink takes the content, or the client waits for permission to send it.
"""

from __future__ import annotations

from collections import deque

from h2static.http.bodies import Body, Sink
from h2static.http.exchange import Job, Outcome
from h2static.http.fields import Fields
from h2static.http.hints import Delivery, PushClient, Seen
from h2static.http.journal import Finished
from h2static.http.messages import Client, Request, Response
from h2static.http.refusals import refusal_text
from h2static.http.semantics import RequestHead
from h2static.http.serving import fitting
from h2static.http.turn import Turn
from h2static.http3.budgets import Budgets
from h2static.http3.content import Content
from h2static.http3.errors import StreamViolation
from h2static.http3.registry import ErrorCode
from h2static.http3.reports import Reports
from h2static.http3.sender import Sender
from h2static.http3.service import Service
from h2static.http3.stream import Stream
from h2static.http3.streams import Streams
from h2static.quic.transport import Transport

_NOTHING = Delivery()


class Requests:
    """The requests of one connection."""

    __slots__ = (
        "_priorities", "_reports", "_seen", "_sender", "_service", "_streams", "_turn", "client",
        "content", "jobs",
    )  # fmt: skip

    def __init__(
        self,
        service: Service,
        client: Client,
        turn: Turn,
        transport: Transport,
        *,
        streams: Streams,
        sender: Sender,
        budgets: Budgets,
        reports: Reports,
    ) -> None:
        self._service = service
        #: The client of the connection.
        self.client = client
        self._turn = turn
        self._streams = streams
        self._sender = sender
        self._reports = reports
        self._seen = Seen() if service.hints else None
        #: PRIORITY_UPDATE frames for streams that have not begun yet.
        self._priorities: dict[int, tuple[int, bool]] = {}
        self.content = Content(
            service, transport, budgets, ended=self._content_ended, excess=self._excess
        )
        #: Jobs for threads, by stream.
        self.jobs: deque[tuple[int, Job]] = deque()

    # ------------------------------------------------------------------ requests that begin

    def answer_prepared(self, stream_id: int, request: Request, response: Response) -> bool:
        """Answer a complete request with a prepared response, without creating a stream; returns
        false if that is not possible."""
        if not response.prepared or response.hints is not None or self._seen is not None:
            return False
        fits = fitting(request, response)
        if fits is not response:
            return False
        length = self._sender.send_prepared(stream_id, response)
        if length < 0:
            return False
        journal = self._service.shared.journal
        if journal is not None:
            now = self._turn.now
            journal.append(Finished(self.client, request, response, length, now, now, False, False))
        return True

    def open(self, stream_id: int, head: RequestHead, *, whole: bool) -> None:
        """Begin an admitted request: recall its response, or have the application handle it."""
        response = self._service.recall(head.request)
        if (
            response is not None
            and whole
            and self.answer_prepared(stream_id, head.request, response)
        ):
            self._priorities.pop(stream_id, None)
            return
        stream = self._new_stream(stream_id, head, whole=whole)
        if response is None:
            self._service.application.handle(stream)
            return
        response = fitting(head.request, response)
        self._service.recalled[head.request] = response
        self._respond(stream, response)

    def refuse(self, stream_id: int, status: int, request: Request, *, whole: bool) -> None:
        """Answer a request that does not reach the application."""
        stream = self._new_stream(stream_id, RequestHead(request=request), whole=whole)
        self._respond(stream, self._service.application.refuse(status, request), at_once=True)

    def _new_stream(self, stream_id: int, head: RequestHead, *, whole: bool) -> Stream:
        window = self._service.limits.stream_window
        stream = Stream(stream_id, head, self, window=window, now=self._turn.now)
        stream.whole = whole
        updated = self._priorities.pop(stream_id, None)
        if updated is not None:
            # RFC 9218 section 7: a PRIORITY_UPDATE frame takes precedence over the field.
            stream.urgency, stream.incremental = updated
        self._streams.add(stream)
        if self._seen is not None:
            self._seen.add(head.request.authority, head.request.path)
        return stream

    def prioritize(self, stream_id: int, urgency: int, incremental: bool) -> None:
        """Set the priority of a stream, which may be open, over, or still to come."""
        stream = self._streams.open.get(stream_id)
        if stream is not None:
            self._sender.scheduler.reprioritize(stream, urgency, incremental)
        elif (
            stream_id > self._streams.last_processed
            and len(self._priorities) < self._service.limits.pending_priorities
        ):
            self._priorities[stream_id] = urgency, incremental

    # ------------------------------------------------------------------ what applications ask

    def respond(self, stream: Stream, response: Response) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.respond`."""
        if not self._turn.active:
            self._turn.defer(lambda: self.respond(stream, response))
        elif not (stream.gone or stream.response or stream.held_response):
            self._drop_job(stream)
            self._respond(stream, response)

    def inform(self, stream: Stream, status: int, fields: Fields) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.inform`."""
        if not self._turn.active:
            self._turn.defer(lambda: self.inform(stream, status, fields))
        elif not stream.gone and stream.response is None:
            self._sender.informational(stream, status, fields)

    def accept(self, stream: Stream, sink: Sink) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.accept`."""
        if stream.gone:
            sink.abandon()
        elif not self._turn.active:
            self._turn.defer(lambda: self.accept(stream, sink))
        elif stream.response or stream.held_response or stream.sink is not None:
            sink.abandon()
        else:
            # "A server that receives a 100-continue expectation … MUST send either a 100 … or a
            # final status code"; it "MAY omit sending a 100 … response if it has already received
            # some or all of the content" (RFC 9110 section 10.1.1).
            if stream.expects_continue and not stream.received and not stream.whole:
                self._sender.informational(stream, 100)
            self.content.accept(stream, sink)

    def resume(self, stream: Stream) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.resume`."""
        if not self._turn.active:
            self._turn.defer(lambda: self.resume(stream))
        elif not stream.gone and stream.paused:
            self.content.resume(stream)

    def work(self, stream: Stream, job: Job) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.work`."""
        if not self._turn.active:
            self._turn.defer(lambda: self.work(stream, job))
        elif not (stream.gone or stream.working or stream.response or stream.held_response):
            stream.working = True
            self.jobs.append((stream.id, job))

    def abort(self, stream: Stream, reason: str) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.abort`."""
        if not self._turn.active:
            self._turn.defer(lambda: self.abort(stream, reason))
        elif not stream.gone and not stream.complete:
            if reason:
                self._reports.error(stream.id, ErrorCode.H3_INTERNAL_ERROR, reason)
            self._drop_job(stream)
            if stream.response is None:
                stream.held_response = None
                refusal = self._service.application.refuse(500, stream.request)
                self._respond(stream, refusal, at_once=True)
            else:
                self._streams.reset(stream.id, ErrorCode.H3_INTERNAL_ERROR)

    def tunnel(self, stream: Stream, sink: Sink, body: Body, fields: Fields) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.tunnel`."""
        if stream.gone:
            sink.abandon()
        elif not self._turn.active:
            self._turn.defer(lambda: self.tunnel(stream, sink, body, fields))
        elif not stream.request.protocol or stream.response or stream.held_response or stream.sink:
            sink.abandon()
        else:
            self._drop_job(stream)
            # RFC 9220 section 3, RFC 8441 section 5: a 2xx status code, where HTTP/1.1 has 101.
            grant = Response(status=200, fields=fields, body=body, early=True)
            self._send(stream, grant)
            if stream.response is grant:
                stream.tunneled = True
                self.content.accept(stream, sink)
            else:
                sink.abandon()
                self.content.discard(stream)

    def finish_job(self, stream_id: int, outcome: Outcome | None) -> None:
        """Deliver a job's outcome (``None`` if it failed); the stream may be gone."""
        stream = self._streams.open.get(stream_id)
        if stream is None or not stream.working:
            return
        stream.working = False
        if outcome is None:
            outcome = self._service.application.refuse(500, stream.request)
        if isinstance(outcome, Response):
            self._respond(stream, outcome)
        else:
            outcome.handle(stream)

    def over(self, stream: Stream) -> None:
        """The stream is over: drop its job, and complete its record."""
        self._drop_job(stream)
        self._sender.forget(stream)
        if stream.withheld_connection or stream.withheld:
            self.content.closed(stream)
        journal = self._service.shared.journal
        if journal is not None and stream.response is not None:
            journal.append(
                Finished(
                    self.client,
                    stream.request,
                    stream.response,
                    stream.sent,
                    stream.opened_at,
                    self._turn.now,
                    pushed=False,
                    aborted=not stream.complete,
                    delivered=stream.delivered,
                )
            )

    def _drop_job(self, stream: Stream) -> None:
        """Drop the stream's job: its result is no longer needed."""
        if stream.working:
            stream.working = False
            left = [one for one in self.jobs if one[0] != stream.id]
            self.jobs.clear()
            self.jobs.extend(left)

    def sent(self, stream: Stream) -> None:
        """The response has ended."""
        if stream.whole:
            self._streams.close(stream)
        elif stream.sink is not None:
            # The response is complete; content that still arrives is discarded.
            self.content.discard(stream)

    # ------------------------------------------------------------------ responses

    def _respond(self, stream: Stream, response: Response, *, at_once: bool = False) -> None:
        """Send the final response, now or when the request's content is complete."""
        if response.refusal is not None:
            text = refusal_text(self.client, stream.request, response.status, response.refusal)
            self._reports.refusal(stream.id, text)
        response = fitting(stream.request, response)
        if stream.request.method == b"CONNECT":
            # Such a request has no content: the client's octets follow the response.
            at_once = True
            if response.status < 300:
                # RFC 9110 section 9.3.6, RFC 9220 section 3: it would mean that the tunnel exists.
                self._reports.error(
                    stream.id, ErrorCode.H3_INTERNAL_ERROR, f"{response.status} without a tunnel"
                )
                response = self._service.application.refuse(501, stream.request)
        if (
            at_once
            or stream.whole
            or response.early
            or stream.sink is not None
            or (stream.expects_continue and not stream.received)
        ):
            self._send(stream, response)
        else:
            stream.held_response = response
        if not stream.whole and stream.sink is None and not stream.gone:
            self.content.discard(stream)

    def _send(self, stream: Stream, response: Response) -> None:
        """Send ``response`` with the delivery of its hints."""
        stream.held_response = None
        delivery = self._delivery(stream, response)
        if delivery.early:
            self._sender.informational(stream, 103, delivery.early)
        try:
            self._sender.respond(stream, response, extra=delivery.fields)
        except OSError as error:
            # The body cannot be opened; nothing of the response has been sent.
            self._reports.error(
                stream.id, ErrorCode.H3_INTERNAL_ERROR, f"cannot read body: {error}"
            )
            refusal = self._service.application.refuse(500, stream.request)
            self._sender.respond(stream, fitting(stream.request, refusal))

    def _delivery(self, stream: Stream, response: Response) -> Delivery:
        if self._seen is None or response.hints is None:
            return _NOTHING
        client = PushClient(multiplexed=True, seen=self._seen, urgency=stream.urgency)
        delivery = response.hints.deliver(stream.request, response.status, client)
        stream.delivered = delivery.words()
        return delivery

    def _content_ended(self, stream: Stream) -> None:
        """The request's content is complete: send a held response."""
        if stream.complete:
            self._streams.close(stream)
        elif stream.held_response is not None:
            self._send(stream, stream.held_response)

    def _excess(self, stream: Stream) -> None:
        """Too much unwanted content: send the response and decline the rest."""
        if stream.held_response is not None:
            # The request never became complete, so its response does not apply.
            refusal = self._service.application.refuse(413, stream.request)
            self._reports.limit(stream.id, "content too large (413)")
            self._send(stream, refusal)
        self.decline(stream)

    def decline(self, stream: Stream) -> None:
        """Decline further content after the response is complete."""
        # "the server MAY abort reading the request stream, send a complete response, and cleanly
        # close the sending part of the stream.  The error code H3_NO_ERROR SHOULD be used when
        # requesting that the client stop sending" (4.1).
        self._streams.drop(stream.id, ErrorCode.H3_NO_ERROR)
        stream.whole = True
        if stream.complete:
            self._streams.close(stream)

    def cancelled(self, stream_id: int) -> None:
        """The client canceled its request."""
        stream = self._streams.open.get(stream_id)
        if stream is not None and not stream.whole:
            # "When a server receives a request that was cancelled … it SHOULD abort its response
            # with H3_REQUEST_CANCELLED" (4.1.1).
            self._streams.reset(stream_id, ErrorCode.H3_REQUEST_CANCELLED)

    def stopped(self, stream_id: int) -> None:
        """The client stopped reading the response; the transport has reset the stream."""
        stream = self._streams.open.get(stream_id)
        if stream is not None:
            self._streams.drop(stream_id, ErrorCode.H3_REQUEST_CANCELLED)
            self._streams.close(stream)

    def violated(self, violation: StreamViolation) -> None:
        """Process a stream error."""
        self._streams.reset(violation.stream_id, violation.code)
