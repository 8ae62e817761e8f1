"""One request on an HTTP/1.1 connection, and what the application has said about it.

Contract: :class:`Exchange` is what applications talk to (:class:`h2static.http.exchange.Exchange`).
It writes down what they say and calls ``act``, which they may cause at any time: the connection
does it at the end of the call that it is in, or in its next turn.  Nothing has an effect once the
exchange is :attr:`Exchange.over`.

Strategy: plain state with one owner for each part: what the application says is written here, what
becomes of it by :mod:`h2static.http1.connection`.  How the content of a request ends and how a
response is framed are values (:class:`~h2static.http1.content.Content`,
:class:`~h2static.http1.framer.Framing`): a tunnel after 101 is a content without an end
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
    """See the module; made by the connection."""

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
        """``act`` is called when the application has said something."""
        self.number = number
        self.head = head
        self.request: Request = head.request
        self.client = client
        self.started = now
        self._act = act

        # --- what the application says
        #: The response, from the moment that it is known.
        self.response: Response | None = None
        #: Informational responses that were not sent yet.
        self.informs: list[tuple[int, Fields]] = []
        #: Where the content goes, until it has ended or is abandoned.
        self.sink: Sink | None = None
        #: Jobs that the connection was not told of yet.
        self.jobs: list[Job] = []
        #: Why the application gave up.
        self.aborted: str | None = None
        self.callbacks: list[Callable[[], None]] = []
        #: How often the sink was said to take more.
        self.resumed = 0
        #: The client has a new period for its content: until now nobody waited for it.
        self.renewed = False
        #: The application grants the protocol that the request asks for.
        self.tunneled = False

        # --- what has become of it
        #: The content of the request; ``None`` when it has none.
        self.content: Content | None = None
        if head.content_length == CHUNKED:
            self.content = Chunked(limits)
        elif head.content_length:
            self.content = KnownLength(head.content_length)
        #: The content is whole, and its sink was told.
        self.content_ended = self.content is None
        #: Octets of content that nobody wanted.
        self.discarded = 0
        #: The client was told, or has shown, that it need not wait for 100 (Continue).
        self.continued = False
        #: The sink has had enough for now.
        self.paused = False
        #: The response's head is in the output.
        self.begun = False
        #: How hints were delivered, in words.
        self.delivered: tuple[str, ...] = ()
        #: Nothing that the application says has an effect any more.
        self.over = False
        #: It is over, and the client did not get the whole response.
        self.lost = False

    # ------------------------------------------------------------------ for the application

    def respond(self, response: Response) -> None:
        """See :class:`h2static.http.exchange.Exchange`."""
        if self.over or self.response is not None or self.aborted is not None:
            return
        self.response = response
        self._act()

    def inform(self, status: int, fields: Fields = ()) -> None:
        """See :class:`h2static.http.exchange.Exchange`; 101 has no effect either."""
        assert 100 <= status < 200
        # RFC 9110 section 15.2: "a server MUST NOT send a 1xx response to an HTTP/1.0 client."
        if self.over or self.begun or self.response is not None or self.aborted is not None:
            return
        if self.head.old or status in _THE_ENGINES_OWN:
            return
        self.informs.append((status, fields))
        self._act()

    def accept(self, sink: Sink) -> None:
        """See :class:`h2static.http.exchange.Exchange`; once for a request."""
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
        """See :class:`h2static.http.exchange.Exchange`."""
        if self.over:
            return
        self.resumed += 1
        if self.paused:
            self.paused = False
            self.renewed = True
            self._act()

    def work(self, job: Job) -> None:
        """See :class:`h2static.http.exchange.Exchange`."""
        if self.over or self.response is not None or self.aborted is not None:
            return
        self.jobs.append(job)
        self._act()

    def abort(self, reason: str) -> None:
        """See :class:`h2static.http.exchange.Exchange`."""
        if self.over or self.aborted is not None:
            return
        self.aborted = reason
        self._act()

    def tunnel(self, sink: Sink, body: Body, fields: Fields = ()) -> None:
        """See :class:`h2static.http.exchange.Exchange`."""
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
        """See :class:`h2static.http.exchange.Exchange`: HTTP/1.1 has no promises."""
        return False

    def push(self, request: Request) -> None:
        """See :class:`h2static.http.exchange.Exchange`."""

    def when_lost(self, callback: Callable[[], None]) -> None:
        """See :class:`h2static.http.exchange.Exchange`."""
        if self.lost:
            callback()
        elif not self.over:
            self.callbacks.append(callback)

    # ------------------------------------------------------------------ for the connection

    @property
    def content_left(self) -> bool:
        """Whether content is to come."""
        return self.content is not None and not self.content.done

    @property
    def reads_content(self) -> bool:
        """Whether content is to come, and somebody takes it or has said that nobody will."""
        return (
            self.content is not None
            and not self.content.done
            and not self.paused
            and (self.sink is not None or self.response is not None)
        )

    def is_too_long(self, limits: Limits) -> bool:
        """Whether the content is longer than what is read for nobody."""
        return max(self.head.content_length, self.discarded) > limits.discarded_content

    def give(self, data: bytes) -> None:
        """Hand content to the sink, or throw it away."""
        self.continued = True
        sink = self.sink
        if sink is None:
            self.discarded += len(data)
            return
        resumed = self.resumed
        if not sink.receive(data) and self.resumed == resumed:
            self.paused = True

    def open_tunnel(self) -> None:
        """101 is in the output: what the client sends from now on is the tunnel's."""
        self.content = Endless()
        self.content_ended = False

    def end_tunnel(self) -> None:
        """The client sends no more."""
        if isinstance(self.content, Endless):
            self.content.done = True

    def pass_on(self, data: bytes) -> bool:
        """Hand what came to the sink of a tunnel, without a copy; false: it is not for one now."""
        if self.tunneled and self.reads_content:
            self.give(data)
            return True
        return False

    def end_content(self) -> None:
        """The content is whole."""
        assert self.content is not None
        sink, self.sink = self.sink, None
        self.paused = False
        self.content_ended = True
        if sink is not None:
            sink.end(self.content.trailers)

    def drop_sink(self) -> None:
        """The rest of the content will not come, or not be of use."""
        sink, self.sink = self.sink, None
        self.paused = False
        if sink is not None:
            sink.abandon()

    def finish(self, *, lost: bool) -> None:
        """Nothing has an effect from now on; ``lost``: the response did not become complete."""
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
