"""An application around another one that changes responses.

Contract: a :class:`Wrapper` passes everything on to the application inside.  One that changes
responses overrides :meth:`Wrapper.handle` and gives the inner application a
:class:`WrappedExchange`, which changes each response on its way, also one that a thread works out.
What is prepared inside stays prepared outside only where the same object gives the same changed
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

#: Makes another response of one; called from any thread.
Change: TypeAlias = Callable[[Response], Response]


class Wrapper(Lifecycle):
    """Passes everything on; subclasses override what they change."""

    __slots__ = ("_inner", "_lifecycle")

    def __init__(self, inner: Application) -> None:
        self._inner = inner
        self._lifecycle = lifecycle_of(inner)

    def recall(self, request: Request) -> Response | None:
        """As the application inside; override it wherever :meth:`handle` changes responses."""
        return self._inner.recall(request)

    def handle(self, exchange: Exchange) -> None:
        """As the application inside."""
        self._inner.handle(exchange)

    def refuse(self, status: int, request: Request | None) -> Response:
        """As the application inside."""
        return self._inner.refuse(status, request)

    def start(self) -> None:
        """As the application inside."""
        self._lifecycle.start()

    def new_batch(self) -> None:
        """As the application inside."""
        self._lifecycle.new_batch()

    def release(self) -> None:
        """As the application inside."""
        self._lifecycle.release()

    def shrink(self) -> None:
        """As the application inside, after what :meth:`release` gives back here."""
        self.release()
        self._lifecycle.shrink()

    def drain(self) -> None:
        """As the application inside."""
        self._lifecycle.drain()

    def stop(self) -> None:
        """As the application inside."""
        self._lifecycle.stop()


class WrappedExchange:
    """An exchange whose responses are changed; see :class:`h2static.http.exchange.Exchange`."""

    __slots__ = ("_change", "_exchange", "request")

    def __init__(
        self, exchange: Exchange, change: Change, *, request: Request | None = None
    ) -> None:
        """``request``: what the application inside sees, where it is not what the client asked."""
        self._exchange = exchange
        self._change = change
        self.request = exchange.request if request is None else request

    @property
    def client(self) -> Client:
        """See :class:`h2static.http.exchange.Exchange`."""
        return self._exchange.client

    def respond(self, response: Response) -> None:
        """The changed response."""
        self._exchange.respond(self._change(response))

    def inform(self, status: int, fields: Fields = ()) -> None:
        """See :class:`h2static.http.exchange.Exchange`."""
        self._exchange.inform(status, fields)

    def accept(self, sink: Sink) -> None:
        """See :class:`h2static.http.exchange.Exchange`."""
        self._exchange.accept(sink)

    def resume(self) -> None:
        """See :class:`h2static.http.exchange.Exchange`."""
        self._exchange.resume()

    def work(self, job: Job) -> None:
        """The response of ``job``, changed in the same thread."""
        self._exchange.work(lambda: self._changed(job()))

    def _changed(self, outcome: Outcome) -> Outcome:
        if isinstance(outcome, Response):
            return self._change(outcome)
        handle = outcome.handle
        return Handover(
            lambda exchange: handle(WrappedExchange(exchange, self._change, request=self.request))
        )

    def abort(self, reason: str) -> None:
        """See :class:`h2static.http.exchange.Exchange`."""
        self._exchange.abort(reason)

    def tunnel(self, sink: Sink, body: Body, fields: Fields = ()) -> None:
        """See :class:`h2static.http.exchange.Exchange`; a tunnel is no response to change."""
        self._exchange.tunnel(sink, body, fields)

    @property
    def may_push(self) -> bool:
        """See :class:`h2static.http.exchange.Exchange`."""
        return self._exchange.may_push

    def push(self, request: Request) -> None:
        """See :class:`h2static.http.exchange.Exchange`."""
        self._exchange.push(request)

    def when_lost(self, callback: Callable[[], None]) -> None:
        """See :class:`h2static.http.exchange.Exchange`."""
        self._exchange.when_lost(callback)
