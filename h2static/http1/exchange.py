"""One request on an HTTP/1.1 connection, and the application's calls for it.

Contract: :class:`Exchange` is the interface for applications
(:class:`h2static.http.exchange.Exchange`).  It records their calls and invokes ``act``;
applications may call at any time, and the connection carries the calls out at the end of its
current call, or in its next turn.  Nothing has an effect once the exchange is
:attr:`Exchange.over`.

Strategy: plain state with one owner for each part: this class records the application's calls,
:mod:`h2static.http1.connection` their consequences.  The end of a request's content and the framing
of a response are values (:class:`~h2static.http1.content.Content`,
:class:`~h2static.http1.framer.Framing`): a tunnel after 101 is content without an end
(:class:`~h2static.http1.content.Endless`) and a response that ends with its connection.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from h2static.http.bodies import Body, Sink
from h2static.http.exchange import Job
from h2static.http.fields import Fields
from h2static.http.messages import Client, Request, Response
from h2static.http1.content import Chunked, Content, Endless, KnownLength
from h2static.http1.head import CHUNKED, Head
from h2static.http1.limits import Limits

#: 100 follows from :meth:`Exchange.accept`; 101 would end HTTP on this connection.
_THE_ENGINES_OWN: Final = (100, 101)


class Exchange:
    """One request and its response, created by the connection."""

    __slots__ = (
        "_act", "aborted", "begun", "callbacks", "client", "content", "content_ended", "continued",
        "delivered", "discarded", "head", "informs", "jobs", "lost", "number", "over", "paused",
        "renewed", "request", "response", "resumed", "sink", "started", "tunneled",
    )  # fmt: skip

    def __init__(
        self,
        number: int,
        head: Head,
        client: Client,
        limits: Limits,
        now: float,
        act: Callable[[], None],
    ) -> None:
        """``act`` is called after each call of the application."""
        self.number = number
        self.head = head
        self.request: Request = head.request
        self.client = client
        self.started = now
        self._act = act

        # --- the application's calls
        #: The response, once it is known.
        self.response: Response | None = None
        #: Informational responses not sent yet.
        self.informs: list[tuple[int, Fields]] = []
        #: The sink of the content, until it has ended or is abandoned.
        self.sink: Sink | None = None
        #: Jobs that the connection has not picked up yet.
        self.jobs: list[Job] = []
        #: Why the application gave up.
        self.aborted: str | None = None
        self.callbacks: list[Callable[[], None]] = []
        #: How often the sink was resumed.
        self.resumed = 0
        #: The client gets a new period for its content, which was not wanted until now.
        self.renewed = False
        #: The application grants the protocol that the request asks for.
        self.tunneled = False

        # --- their consequences
        #: The parser of the request's content; ``None`` if it has none.
        self.content: Content | None = None
        if head.content_length == CHUNKED:
            self.content = Chunked(limits)
        elif head.content_length:
            self.content = KnownLength(head.content_length)
        #: The content is complete, and its sink has ended.
        self.content_ended = self.content is None
        #: Octets of unwanted content.
        self.discarded = 0
        #: The client got, or has shown that it does not need, 100 (Continue).
        self.continued = False
        #: The sink is full for now.
        self.paused = False
        #: The response's head is in the output.
        self.begun = False
        #: How hints were delivered, in words.
        self.delivered: tuple[str, ...] = ()
        #: The application's calls no longer have an effect.
        self.over = False
        #: It is over, and the client did not get the whole response.
        self.lost = False

    # ------------------------------------------------------------------ for the application

    def respond(self, response: Response) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.respond`."""
        if self.over or self.response is not None or self.aborted is not None:
            return
        self.response = response
        self._act()

    def inform(self, status: int, fields: Fields = ()) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.inform`; 101 has no effect, either."""
        assert 100 <= status < 200
        # RFC 9110 section 15.2: "a server MUST NOT send a 1xx response to an HTTP/1.0 client."
        if self.over or self.begun or self.response is not None or self.aborted is not None:
            return
        if self.head.old or status in _THE_ENGINES_OWN:
            return
        self.informs.append((status, fields))
        self._act()

    def accept(self, sink: Sink) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.accept`; once per request."""
        assert self.sink is None
        if self.over or self.response is not None or self.aborted is not None:
            sink.abandon()
            return
        if not self.content_left:
            sink.end(())
            return
        self.sink = sink
        self.renewed = True
        self._act()

    def resume(self) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.resume`."""
        if self.over:
            return
        self.resumed += 1
        if self.paused:
            self.paused = False
            self.renewed = True
            self._act()

    def work(self, job: Job) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.work`."""
        if self.over or self.response is not None or self.aborted is not None:
            return
        self.jobs.append(job)
        self._act()

    def abort(self, reason: str) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.abort`."""
        if self.over or self.aborted is not None:
            return
        self.aborted = reason
        self._act()

    def tunnel(self, sink: Sink, body: Body, fields: Fields = ()) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.tunnel`."""
        if (
            self.over
            or self.response is not None
            or self.aborted is not None
            or self.sink is not None
            or not self.request.protocol
        ):
            sink.abandon()
            return
        self.tunneled = True
        self.sink = sink
        self.response = Response(status=101, fields=fields, body=body, early=True)
        self._act()

    @property
    def may_push(self) -> bool:
        """Implement :attr:`h2static.http.exchange.Exchange.may_push`: HTTP/1.1 has no push."""
        return False

    def push(self, request: Request) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.push`."""

    def when_lost(self, callback: Callable[[], None]) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.when_lost`."""
        if self.lost:
            callback()
        elif not self.over:
            self.callbacks.append(callback)

    # ------------------------------------------------------------------ for the connection

    @property
    def content_left(self) -> bool:
        """Whether more content is expected."""
        return self.content is not None and not self.content.done

    @property
    def reads_content(self) -> bool:
        """Whether more content is expected and may be read: there is a sink, or it is unwanted."""
        return (
            self.content is not None
            and not self.content.done
            and not self.paused
            and (self.sink is not None or self.response is not None)
        )

    @property
    def watched(self) -> bool:
        """Whether an application that has the whole request, and has not responded, wants to know
        when the client is gone."""
        return bool(self.callbacks) and self.response is None and not self.content_left

    def is_too_long(self, limits: Limits) -> bool:
        """Whether the unwanted content exceeds the limit for discarding."""
        return max(self.head.content_length, self.discarded) > limits.discarded_content

    def give(self, data: bytes) -> None:
        """Pass content to the sink, or discard it."""
        self.continued = True
        sink = self.sink
        if sink is None:
            self.discarded += len(data)
            return
        resumed = self.resumed
        if not sink.receive(data) and self.resumed == resumed:
            self.paused = True

    def open_tunnel(self) -> None:
        """101 is in the output: from now on the client's octets belong to the tunnel."""
        self.content = Endless()
        self.content_ended = False

    def end_tunnel(self) -> None:
        """The client sends no more."""
        if isinstance(self.content, Endless):
            self.content.done = True

    def pass_on(self, data: bytes) -> bool:
        """Pass octets to the sink of a tunnel without copying; false if no tunnel takes them."""
        if self.tunneled and self.reads_content:
            self.give(data)
            return True
        return False

    def end_content(self) -> None:
        """The content is complete: end the sink."""
        assert self.content is not None
        sink, self.sink = self.sink, None
        self.paused = False
        self.content_ended = True
        if sink is not None:
            sink.end(self.content.trailers)

    def drop_sink(self) -> None:
        """Abandon the sink: the rest of the content will not arrive, or is not needed."""
        sink, self.sink = self.sink, None
        self.paused = False
        if sink is not None:
            sink.abandon()

    def finish(self, *, lost: bool) -> None:
        """End the exchange: calls have no more effect; ``lost``: the response is incomplete."""
        if self.over:
            return
        self.over = True
        self.lost = lost
        self.jobs.clear()
        self.informs.clear()
        callbacks, self.callbacks = self.callbacks, []
        self.drop_sink()
        if lost:
            for callback in callbacks:
                callback()
