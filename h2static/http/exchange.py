"""The conversation between an engine and an application about one request.

Contract: an engine asks :meth:`Application.recall` first, a look-up without effects that may be
made any number of times.  What cannot be recalled is *handled*: :meth:`Application.handle` is
called exactly once for a request, with the stream itself as the :class:`Exchange`; it returns at
once and never raises.  From then on the application talks to the exchange, at once or later, until
a response was given or the client is gone.

Everything here happens in the loop's thread, nothing blocks, and nothing has an effect once the
peer is gone or the response is complete.  A method that is called outside of :meth:`handle` takes
effect in the connection's next turn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeAlias

from h2static.http.bodies import Body, Sink
from h2static.http.fields import Fields
from h2static.http.messages import Client, Request, Response


class Handover(NamedTuple):
    """What a job comes to where others are to answer: ``handle`` is called with the exchange, in
    the loop's thread, as an application's is."""

    handle: Callable[[Exchange], None]


#: What a job comes to.
Outcome: TypeAlias = Response | Handover
#: Work that may block; it is called once, in another thread.
Job: TypeAlias = Callable[[], Outcome]
#: One that always makes a response.
ResponseJob: TypeAlias = Callable[[], Response]


class Exchange(Protocol):
    """One request and its response: a stream of HTTP/2, an exchange of HTTP/1.1."""

    @property
    def request(self) -> Request:
        """What is asked."""

    @property
    def client(self) -> Client:
        """Who asks."""

    def respond(self, response: Response) -> None:
        """Give the final response; what comes after the first one has no effect.

        It is held until the request's content is whole, unless it is ``early`` or a sink has taken
        the content.
        """

    def inform(self, status: int, fields: Fields = ()) -> None:
        """Send an informational response (1xx), where the protocol version can carry it.

        100 is the engine's own: it follows from :meth:`accept`.
        """

    def accept(self, sink: Sink) -> None:
        """Have the request's content, of which none was lost yet; called in :meth:`handle`, or
        later if the response is not given before.

        A client that waits for 100 (Continue) gets it (RFC 9110 section 10.1.1).  A request without
        content ends the sink at once.
        """

    def resume(self) -> None:
        """The sink, which had enough, takes more."""

    def work(self, job: Job) -> None:
        """Have ``job`` done in a thread when it is this client's turn, and respond with what it
        returns, or hand over; 500 when it raises.  It is not begun for a client that has gone."""

    def abort(self, reason: str) -> None:
        """Give up: 500 when the response has not begun, otherwise the stream is reset or the
        connection closed, so that the response never looks complete.

        ``reason`` is one line for the error log; empty where the application has told it already.
        """

    @property
    def may_push(self) -> bool:
        """Whether :meth:`push` reaches the client at present (RFC 9113 section 8.4)."""

    def push(self, request: Request) -> None:
        """Promise the response to ``request``, which the application is then asked for as if the
        client had done it.

        Without effect unless :attr:`may_push`, and once the response is complete.
        """

    def tunnel(self, sink: Sink, body: Body, fields: Fields = ()) -> None:
        """Grant the protocol that the request asks for (:attr:`Request.protocol`); the stream
        carries it from now on.  To refuse it, :meth:`respond` instead.

        The engine says so as its version does, with ``fields``: 101 (RFC 9110 section 7.8) or 200
        (RFC 8441 section 5).  From then on what the client sends goes to ``sink``, and what
        ``body``, which has no length, gives goes to the client, each with a credit of its own.
        The end of the sink says that the client sends no more; ``body`` may go on.  The end of
        ``body`` ends the tunnel: ``sink`` is abandoned then, unless it has ended.  A client that
        takes nothing is given up in time, but nobody hurries a silent one: what is late there only
        the application knows.  No effect, but that ``sink`` is abandoned, where the request asks
        for no protocol.
        """

    def when_lost(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` once if the client goes before the response is complete.

        At once if that has happened already.
        """


class Application(Protocol):
    """What answers requests; see the module."""

    def recall(self, request: Request) -> Response | None:
        """A prepared response that is still right, by a look-up without effects."""

    def handle(self, exchange: Exchange) -> None:
        """Answer ``exchange``: exactly once for a request, returns at once, never raises."""

    def refuse(self, status: int, request: Request | None) -> Response:
        """The response for a request that the engine itself refuses (400, 431 …).

        Its body is octets.  ``request`` is ``None`` where not enough of it could be read.
        """
