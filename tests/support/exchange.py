"""A fake exchange: what an application says to an engine, written down.

Promise: behaves as :class:`h2static.http.exchange.Exchange` says: the first response counts, a sink
gets the content that the test sends and has its credit withheld after ``False``, jobs are run when
the test says so, and nothing has an effect once the client is gone.  A tunnel is a response 200
whose body the test reads, and a sink that the test sends to.
"""

from __future__ import annotations

from collections.abc import Callable

from h2static.http.bodies import Body, Sink
from h2static.http.exchange import Application, Job, Outcome
from h2static.http.fields import Fields
from h2static.http.messages import Client, Request, Response

CLIENT = Client(host="192.0.2.1", port=40_000, version="HTTP/2.0")


class FakeExchange:
    """One request, and what an application did with it."""

    def __init__(self, request: Request, *, content: bool = False, client: Client = CLIENT) -> None:
        """``content``: the request has content, which the test sends with :meth:`send`."""
        self.request = request
        self.client = client
        self.content = content
        self.response: Response | None = None
        #: How often a response was given, with an effect or without.
        self.responded = 0
        self.informed: list[tuple[int, Fields]] = []
        self.sink: Sink | None = None
        self.jobs: list[Job] = []
        self.aborted: str | None = None
        #: Whether promises would reach the client, and what was promised.
        self.may_push = False
        self.pushed: list[Request] = []
        self.lost = False
        #: The protocol that the request asks for was granted.
        self.tunneled = False
        #: Whether the sink has had enough; octets that it was given meanwhile.
        self.waiting = False
        self.resumed = 0
        self._ended = not content
        self._callbacks: list[Callable[[], None]] = []

    # ------------------------------------------------------------------ for the application

    @property
    def over(self) -> bool:
        """Whether nothing has an effect any more."""
        return self.lost or self.response is not None or self.aborted is not None

    def respond(self, response: Response) -> None:
        self.responded += 1
        if not self.over:
            self.response = response

    def inform(self, status: int, fields: Fields = ()) -> None:
        assert 100 <= status < 200
        if not self.over:
            self.informed.append((status, fields))

    def accept(self, sink: Sink) -> None:
        assert self.sink is None
        if self.over:
            sink.abandon()
            return
        self.sink = sink
        if self._ended:
            sink.end(())

    def resume(self) -> None:
        self.waiting = False
        self.resumed += 1

    def work(self, job: Job) -> None:
        if not self.over:
            self.jobs.append(job)

    def abort(self, reason: str) -> None:
        if not self.lost:
            self.aborted = reason

    def tunnel(self, sink: Sink, body: Body, fields: Fields = ()) -> None:
        if self.over or self.sink is not None or not self.request.protocol:
            sink.abandon()
            return
        self.tunneled = self.content = True
        self._ended = False
        self.sink = sink
        self.response = Response(status=200, fields=fields, body=body, early=True)

    def push(self, request: Request) -> None:
        if self.may_push and not self.lost:
            self.pushed.append(request)

    def when_lost(self, callback: Callable[[], None]) -> None:
        if self.lost:
            callback()
        else:
            self._callbacks.append(callback)

    # ------------------------------------------------------------------ for the test

    def run_jobs(self) -> None:
        """Do what was left for a thread."""
        while self.jobs:
            self.take_outcome(self.jobs.pop(0)())

    def take_outcome(self, outcome: Outcome) -> None:
        """Take what a job has come to."""
        if isinstance(outcome, Response):
            self.respond(outcome)
        elif not self.lost:
            outcome.handle(self)

    def send(self, data: bytes) -> bool:
        """Some content comes; whether the sink wants more."""
        assert self.content
        assert not self._ended
        assert self.sink is not None
        if not self.sink.receive(data):
            self.waiting = True
        return not self.waiting

    def end(self, trailers: Fields = ()) -> None:
        """The content is whole."""
        assert not self._ended
        self._ended = True
        if self.sink is not None:
            self.sink.end(trailers)

    def lose(self) -> None:
        """The client goes."""
        self.lost = True
        self.jobs.clear()
        if self.sink is not None and not self._ended:
            self._ended = True
            self.sink.abandon()
        for callback in self._callbacks:
            callback()
        self._callbacks.clear()

    def answer(self) -> Response:
        """The response, once it is there."""
        assert self.response is not None, "no response"
        return self.response


def ask(application: Application, request: Request) -> Response:
    """The response to a request without content, as an engine would get it."""
    recalled = application.recall(request)
    if recalled is not None:
        return recalled
    exchange = FakeExchange(request)
    application.handle(exchange)
    exchange.run_jobs()
    return exchange.answer()


def read_all(body: bytes | Body) -> bytes:
    """The octets of a body, whose readings must not block."""
    if isinstance(body, bytes):
        return body
    reader = body.open()
    octets = b""
    try:
        while True:
            piece = reader.read(65_536)
            assert piece is not None, "the reading would block"
            if not piece:
                return octets
            octets += piece
    finally:
        reader.close()
