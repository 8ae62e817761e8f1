"""A fake protocol: one line is a request, so that the server can be tested without HTTP.

Promise: :class:`LineEngine` is an :class:`h2static.server.engine.Engine`.  A client sends lines;
each is a stream with the number of the line, from 1 on.  ``/path`` is a request, whose response is
its status, a space, its body and a line end.  ``cancel N`` takes a request back, ``wait N`` has the
engine ask for a deadline in N seconds, which is answered by ``checked``, ``fail`` raises, ``quit``
ends the connection.  :class:`LineEngines` is an :class:`h2static.server.entrance.Engines` that
makes them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from h2static.http.bodies import Body, BodyReader, Sink
from h2static.http.counters import Counters
from h2static.http.engine import AnswersLater
from h2static.http.exchange import Application, Job, Outcome
from h2static.http.fields import Fields
from h2static.http.journal import Finished
from h2static.http.messages import Client, Request, Response
from h2static.http.shared import Shared
from h2static.server.entrance import HTTP1, HTTP2, Opening


class Failure(Exception):
    """What no engine is expected to raise."""


class LineExchange:
    """One request of a :class:`LineEngine`."""

    def __init__(self, engine: LineEngine, stream_id: int, request: Request) -> None:
        self.engine = engine
        self.stream_id = stream_id
        self.request = request
        self.client = engine.client
        self._lost: list[Callable[[], None]] = []

    def respond(self, response: Response) -> None:
        self.engine.act(lambda: self.engine.respond(self.stream_id, response))

    def inform(self, status: int, fields: Fields = ()) -> None:
        raise AssertionError("nothing is informed of here")

    def accept(self, sink: Sink) -> None:
        sink.end(())

    def resume(self) -> None:
        """Nothing was held back."""

    def work(self, job: Job) -> None:
        self.engine.jobs.append((self.stream_id, job))

    def abort(self, reason: str) -> None:
        raise AssertionError(reason)

    def tunnel(self, sink: Sink, body: Body, fields: Fields = ()) -> None:
        sink.abandon()

    @property
    def may_push(self) -> bool:
        return False

    def push(self, request: Request) -> None:
        raise AssertionError("nothing is pushed here")

    def when_lost(self, callback: Callable[[], None]) -> None:
        self._lost.append(callback)

    def lose(self) -> None:
        for callback in self._lost:
            callback()


class LineEngine(AnswersLater):
    """See the module."""

    open_streams: int = 0
    slack: float = 0.0

    def __init__(
        self,
        application: Application,
        client: Client,
        now: float,
        *,
        shared: Shared | None = None,
        notify: Callable[[], None] = lambda: None,
    ) -> None:
        self.client = client
        self.backlog = False
        self.closing = False
        self.counters = Counters()
        self.jobs: deque[tuple[int, Job]] = deque()
        self.blocked: list[tuple[int, BodyReader]] = []
        self.problem: str | None = None
        self.write_progress = now
        self.wants_input = True
        self.output = b""
        #: Whether content is read only when nothing waits for the socket, as HTTP/1.1 does.
        self.reads_when_empty = False
        #: Lines processed in one turn.
        self.lines_a_turn = 100
        self.abandoned = False
        self.drained = False
        self.due: float | None = None
        self._application = application
        self._shared = shared if shared is not None else Shared()
        self._notify = notify
        self._input = b""
        self._lines = 0
        self._inside = False
        self._actions: list[Callable[[], None]] = []
        self._exchanges: dict[int, tuple[LineExchange, float]] = {}
        #: Readings that can go on, and those that wait.
        self._readers: dict[int, BodyReader] = {}
        self._waiting: dict[int, BodyReader] = {}
        self._now = now

    # ------------------------------------------------------------------ the driver's side

    @property
    def output_octets(self) -> int:
        return len(self.output)

    #: Every turn of it takes the long way.
    at_rest = False

    @property
    def has_content(self) -> bool:
        return bool(self._readers) and not (self.reads_when_empty and self.output)

    def receive(self, data: bytes, now: float) -> None:
        self._input += data
        self.take_turn(now)

    def receive_eof(self, now: float) -> None:
        self.closing = True

    def take_turn(self, now: float) -> None:
        self._now = now
        self._inside = True
        for action in self._actions:
            action()
        self._actions.clear()
        for _ in range(self.lines_a_turn):
            line, end, rest = self._input.partition(b"\n")
            if not end:
                break
            self._input = rest
            self._lines += 1
            self._process(line, self._lines)
        self._inside = False
        self.backlog = b"\n" in self._input

    def pump(self, now: float, budget: int) -> None:
        for stream_id, reader in list(self._readers.items()):
            while len(self.output) < budget:
                piece = reader.read(budget)
                if piece is None:
                    self.blocked.append((stream_id, reader))
                    self._waiting[stream_id] = self._readers.pop(stream_id)
                    break
                if not piece:
                    reader.close()
                    del self._readers[stream_id]
                    self.output += b"\n"
                    break
                self.output += piece

    def pending(self) -> list[bytes | memoryview]:
        return [self.output] if self.output else []

    def sent(self, count: int, now: float) -> None:
        self.output = self.output[count:]
        self.write_progress = now

    def finish_job(self, stream_id: int, outcome: Outcome | None, now: float) -> None:
        self._now = now
        if outcome is None:
            outcome = self._application.refuse(500, None)
        assert isinstance(outcome, Response)
        self.respond(stream_id, outcome)

    def unblock(self, stream_id: int, now: float) -> None:
        self._readers[stream_id] = self._waiting.pop(stream_id)

    def deadline(self) -> float | None:
        return self.due

    def check(self, now: float) -> None:
        if self.due is not None and now >= self.due:
            self.due = None
            self.output += b"checked\n"

    def drain(self, now: float) -> None:
        self.drained = True
        self.closing = not self._exchanges

    def abandon(self) -> None:
        self.abandoned = True
        self.jobs.clear()
        self.output = b""
        for exchange, _ in self._exchanges.values():
            exchange.lose()

    # ------------------------------------------------------------------ the exchange's side

    def act(self, action: Callable[[], None]) -> None:
        """Do ``action`` now in a call of the driver, else in the next turn."""
        if self._inside:
            action()
            return
        self._actions.append(action)
        self.backlog = True
        self._notify()

    def respond(self, stream_id: int, response: Response) -> None:
        known = self._exchanges.pop(stream_id, None)
        if known is None:
            return
        exchange, started = known
        self.open_streams -= 1
        self.output += b"%d " % response.status
        body = response.body
        if isinstance(body, bytes):
            self.output += body + b"\n"
        else:
            self._readers[stream_id] = body.open()
        if self._shared.journal is not None:
            self._shared.journal.append(
                Finished(
                    client=self.client,
                    request=exchange.request,
                    response=response,
                    octets=len(body) if isinstance(body, bytes) else 0,
                    started=started,
                    finished=self._now,
                    pushed=False,
                    aborted=False,
                )
            )
        if self.drained:
            self.closing = not self._exchanges

    def _process(self, line: bytes, stream_id: int) -> None:
        word, _, rest = line.partition(b" ")
        if word == b"quit":
            self.closing = True
        elif word == b"fail":
            raise Failure("as the client asked")
        elif word == b"wait":
            self.due = self._now + float(rest)
        elif word == b"cancel":
            number = int(rest)
            if self._exchanges.pop(number, None) is not None:
                self.open_streams -= 1
            self.jobs = deque(one for one in self.jobs if one[0] != number)
            self.counters.resets += 1
        else:
            self.counters.requests += 1
            request = Request(
                method=b"GET", scheme=b"http", authority=b"test.example", path=line, fields=()
            )
            exchange = LineExchange(self, stream_id, request)
            self._exchanges[stream_id] = exchange, self._now
            self.open_streams += 1
            recalled = self._application.recall(request)
            if recalled is None:
                self._application.handle(exchange)
            else:
                self.respond(stream_id, recalled)


class LineEngines:
    """Makes :class:`LineEngine` for every client; all made are in :attr:`made`."""

    def __init__(
        self,
        application: Application,
        shared: Shared | None = None,
        *,
        protocols: tuple[str, ...] = (HTTP2, HTTP1),
    ) -> None:
        self.protocols = protocols
        self.made: list[tuple[str, Opening, LineEngine]] = []
        self.batches = 0
        #: Of the engines that are made from here on.
        self.lines_a_turn = 100
        self._application = application
        self._shared = shared

    def make(self, protocol: str, opening: Opening) -> LineEngine:
        engine = LineEngine(
            self._application,
            opening.client,
            opening.now,
            shared=self._shared,
            notify=opening.notify,
        )
        engine.lines_a_turn = self.lines_a_turn
        self.made.append((protocol, opening, engine))
        return engine

    def new_batch(self) -> None:
        self.batches += 1

    def release(self) -> None:
        """Nothing is remembered."""


class PathApplication:
    """Responds with the path, or as the function says that a test gave for it."""

    def __init__(self, paths: dict[bytes, Callable[[LineExchange], None]] | None = None) -> None:
        self.paths = paths or {}

    def recall(self, request: Request) -> Response | None:
        return None

    def handle(self, exchange: object) -> None:
        assert isinstance(exchange, LineExchange)
        act = self.paths.get(exchange.request.path)
        if act is not None:
            act(exchange)
        else:
            exchange.respond(text(exchange.request.path))

    def refuse(self, status: int, request: Request | None) -> Response:
        return text(b"refused", status)


def text(body: bytes, status: int = 200) -> Response:
    """A response without fields."""
    return Response(status=status, fields=(), body=body)
