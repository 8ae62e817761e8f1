"""A client's side of one request: the mirror image of an exchange.

Contract: the maker of a request provides a :class:`ResponseReceiver`, which gets everything that
comes back, in order: informational responses, the final response, its content, its end; or a
failure, after which nothing more comes.

Assumes: everything happens in the loop's thread.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from h2static.http.fields import Fields
from h2static.http.requests import Request
from h2static.http.semantics import ResponseHead


class Failure(NamedTuple):
    """The reason why there is no complete response."""

    #: One line for people.
    reason: str
    #: The error code of RST_STREAM or GOAWAY, if one of them was the reason (RFC 9113 section 7).
    code: int | None = None
    #: The peer has not processed the request: it may be retried on another connection, whatever its
    #: method (RFC 9113 section 8.7).
    may_retry: bool = False


class Call(Protocol):
    """A request in progress, as the receiver of its response sees it."""

    def resume(self) -> None:
        """The receiver, which was full, takes more."""

    def cancel(self) -> None:
        """The response is no longer wanted; the receiver gets no more calls."""


class ResponseReceiver(Protocol):
    """Gets everything that comes back for a request."""

    def inform(self, head: ResponseHead) -> None:
        """An informational response (1xx)."""

    def respond(self, head: ResponseHead) -> None:
        """The final response; its content follows, if it has any."""

    def receive(self, data: bytes) -> bool:
        """The next octets of content; returns as :meth:`h2static.http.bodies.Sink.receive`."""

    def end(self, trailers: Fields) -> None:
        """The response is complete."""

    def fail(self, failure: Failure) -> None:
        """The response will not become complete."""

    def promise(self, request: Request, stream_id: int, call: Call) -> ResponseReceiver | None:
        """The server pushes a response to ``request`` on its own stream, represented by ``call``.

        Return a receiver for it, or ``None`` to refuse it.
        """
