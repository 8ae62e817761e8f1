"""The conversation between an engine and an application about one request.

Contract: an engine first calls :meth:`Application.recall`, a lookup without side effects that may
happen any number of times.  A request that cannot be recalled is *handled*:
:meth:`Application.handle` is called exactly once per request, with the stream itself as the
:class:`Exchange`; it returns immediately and never raises.  From then on the application calls
methods of the exchange, immediately or later, until there is a response or the client is gone.

Everything here happens in the loop's thread, nothing blocks, and nothing has an effect once the
peer is gone or the response is complete.  A method called outside of :meth:`handle` takes effect in
the connection's next turn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeAlias

from h2static.http.bodies import Body, Sink
from h2static.http.fields import Fields
from h2static.http.messages import Client, Request, Response


class Handover(NamedTuple):
    """The result of a job that leaves the answer to another handler: ``handle`` is called with the
    exchange, in the loop's thread, like an application's."""

    handle: Callable[[Exchange], None]


#: The result of a job.
Outcome: TypeAlias = Response | Handover
#: Work that may block; called once, in another thread.
Job: TypeAlias = Callable[[], Outcome]
#: A job that always returns a response.
ResponseJob: TypeAlias = Callable[[], Response]


class Exchange(Protocol):
    """One request and its response: an HTTP/2 or HTTP/3 stream, or an HTTP/1.1 exchange."""

    @property
    def request(self) -> Request:
        """The request."""

    @property
    def client(self) -> Client:
        """The client that made the request."""

    def respond(self, response: Response) -> None:
        """Send the final response; only the first call has an effect.

        The response is held until the request's content is complete, unless it is ``early`` or a
        sink took the content.
        """

    def inform(self, status: int, fields: Fields = ()) -> None:
        """Send an informational response (1xx), if the protocol version supports it.

        The engine itself sends 100, as a result of :meth:`accept`.
        """

    def accept(self, sink: Sink) -> None:
        """Receive the request's content, all of it, in ``sink``; call this in :meth:`handle`, or
        later as long as there is no response.

        A client that waits for 100 (Continue) gets it (RFC 9110 section 10.1.1).  For a request
        without content the sink ends immediately.
        """

    def resume(self) -> None:
        """The sink, which was full, takes more."""

    def work(self, job: Job) -> None:
        """Run ``job`` in a thread when it is this client's turn, and respond with its result, or
        hand over; 500 if it raises.  The job is not started if the client has gone."""

    def abort(self, reason: str) -> None:
        """Give up: 500 if the response has not begun, otherwise the stream is reset or the
        connection closed, so that the response never looks complete.

        ``reason`` is one line for the error log; empty if the application has already logged it.
        """

    @property
    def may_push(self) -> bool:
        """Whether :meth:`push` can currently reach the client (RFC 9113 section 8.4)."""

    def push(self, request: Request) -> None:
        """Push the response to ``request``, which the application then handles as if the client had
        made it.

        No effect unless :attr:`may_push`, or once the response is complete.
        """

    def tunnel(self, sink: Sink, body: Body, fields: Fields = ()) -> None:
        """Grant the protocol that the request asks for (:attr:`Request.protocol`); the stream
        carries it from now on.  To refuse it, call :meth:`respond` instead.

        The engine sends the response of its version, with ``fields``: 101 (RFC 9110 section 7.8) or
        200 (RFC 8441 section 5).  From then on, octets from the client go to ``sink``, and the
        content of ``body``, which has no length, goes to the client, each with its own credit.
        When the client sends no more, the sink ends; ``body`` may continue.  When ``body`` ends,
        the tunnel ends, and ``sink`` is abandoned unless it has ended.  A client that does not read
        is dropped after a timeout, but a silent one is not: only the application knows what is late
        there.  If the request does not ask for a protocol, the only effect is that ``sink`` is
        abandoned.
        """

    def when_lost(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` once if the client disconnects before the response is complete.

        Immediately if that has already happened.  A client that has ended its side of the
        connection counts as disconnected if there is no response within a second of its request;
        without a callback it would still get one.
        """


class Application(Protocol):
    """Answers requests; the module describes the protocol of calls."""

    def recall(self, request: Request) -> Response | None:
        """A prepared response that is still valid, found by a lookup without side effects."""

    def handle(self, exchange: Exchange) -> None:
        """Answer ``exchange``: called exactly once per request, returns immediately, never
        raises."""

    def refuse(self, status: int, request: Request | None) -> Response:
        """The response for a request that the engine itself refuses (400, 431 …).

        Its body must be octets.  ``request`` is ``None`` if not enough of it could be read.
        """
