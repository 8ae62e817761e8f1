"""An application around another one that changes responses.

Contract: a :class:`Wrapper` passes everything on to the inner application.  A wrapper that changes
responses overrides :meth:`Wrapper.handle` and gives the inner application a
:class:`WrappedExchange`, which changes each response on its way out, including those computed in a
thread.  A prepared response stays prepared only if the same object always gives the same changed
object; see :meth:`Wrapper.recall`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from h2static.http.bodies import Body, Sink
from h2static.http.exchange import Application, Exchange, Handover, Job, Outcome
from h2static.http.fields import Fields
from h2static.http.lifecycle import Lifecycle, lifecycle_of
from h2static.http.messages import Client, Request, Response

#: Converts a response into another one; called from any thread.
Change: TypeAlias = Callable[[Response], Response]


class Wrapper(Lifecycle):
    """Passes everything on; subclasses override what they change."""

    __slots__ = ("_inner", "_lifecycle")

    def __init__(self, inner: Application) -> None:
        self._inner = inner
        self._lifecycle = lifecycle_of(inner)

    def recall(self, request: Request) -> Response | None:
        """Call the inner application; override this if :meth:`handle` changes responses."""
        return self._inner.recall(request)

    def handle(self, exchange: Exchange) -> None:
        """Call the same method of the inner application."""
        self._inner.handle(exchange)

    def refuse(self, status: int, request: Request | None) -> Response:
        """Call the same method of the inner application."""
        return self._inner.refuse(status, request)

    def start(self) -> None:
        """Call the same method of the inner application."""
        self._lifecycle.start()

    def new_batch(self) -> None:
        """Call the same method of the inner application."""
        self._lifecycle.new_batch()

    def release(self) -> None:
        """Call the same method of the inner application."""
        self._lifecycle.release()

    def shrink(self) -> None:
        """Call :meth:`release`, then the same method of the inner application."""
        self.release()
        self._lifecycle.shrink()

    def drain(self) -> None:
        """Call the same method of the inner application."""
        self._lifecycle.drain()

    def stop(self) -> None:
        """Call the same method of the inner application."""
        self._lifecycle.stop()


class WrappedExchange:
    """An :class:`h2static.http.exchange.Exchange` that changes the responses."""

    __slots__ = ("_change", "_exchange", "request")

    def __init__(
        self, exchange: Exchange, change: Change, *, request: Request | None = None
    ) -> None:
        """``request``: the request that the inner application sees, if it is not the client's."""
        self._exchange = exchange
        self._change = change
        self.request = exchange.request if request is None else request

    @property
    def client(self) -> Client:
        """Implement :meth:`h2static.http.exchange.Exchange.client`."""
        return self._exchange.client

    def respond(self, response: Response) -> None:
        """Send the changed response."""
        self._exchange.respond(self._change(response))

    def inform(self, status: int, fields: Fields = ()) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.inform`."""
        self._exchange.inform(status, fields)

    def accept(self, sink: Sink) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.accept`."""
        self._exchange.accept(sink)

    def resume(self) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.resume`."""
        self._exchange.resume()

    def work(self, job: Job) -> None:
        """Run ``job``, and change its response in the same thread."""
        self._exchange.work(lambda: self._changed(job()))

    def _changed(self, outcome: Outcome) -> Outcome:
        if isinstance(outcome, Response):
            return self._change(outcome)
        handle = outcome.handle
        return Handover(
            lambda exchange: handle(WrappedExchange(exchange, self._change, request=self.request))
        )

    def abort(self, reason: str) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.abort`."""
        self._exchange.abort(reason)

    def tunnel(self, sink: Sink, body: Body, fields: Fields = ()) -> None:
        """Open the tunnel unchanged: there is no response to change."""
        self._exchange.tunnel(sink, body, fields)

    @property
    def may_push(self) -> bool:
        """Implement :meth:`h2static.http.exchange.Exchange.may_push`."""
        return self._exchange.may_push

    def push(self, request: Request) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.push`."""
        self._exchange.push(request)

    def when_lost(self, callback: Callable[[], None]) -> None:
        """Implement :meth:`h2static.http.exchange.Exchange.when_lost`."""
        self._exchange.when_lost(callback)
