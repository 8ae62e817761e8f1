"""The conversation of a client about one request; the mirror image of an exchange.

Contract: whoever makes a request gives a :class:`ResponseReceiver`, which hears of everything that
comes back, in order: informational responses, the final response, its content, its end; or that it
has failed, after which nothing more comes.

Assumes: everything happens in the loop's thread.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from h2static.http.fields import Fields
from h2static.http.requests import Request
from h2static.http.semantics import ResponseHead


class Failure(NamedTuple):
    """Why there is no whole response."""

    #: One line for people.
    reason: str
    #: The error code of RST_STREAM or GOAWAY, if one of them was the reason (RFC 9113 section 7).
    code: int | None = None
    #: The peer has not processed the request: it may be sent again on another connection, whatever
    #: its method (RFC 9113 section 8.7).
    may_retry: bool = False


class Call(Protocol):
    """A request under way, for whoever receives its response."""

    def resume(self) -> None:
        """The receiver, which had enough, takes more."""

    def cancel(self) -> None:
        """The response is not wanted any more; the receiver hears nothing more."""


class ResponseReceiver(Protocol):
    """Hears what comes back for a request."""

    def inform(self, head: ResponseHead) -> None:
        """An informational response (1xx)."""

    def respond(self, head: ResponseHead) -> None:
        """The final response; its content follows, if it has any."""

    def receive(self, data: bytes) -> bool:
        """The next octets of content; as :meth:`h2static.http.bodies.Sink.receive`."""

    def end(self, trailers: Fields) -> None:
        """The response is whole."""

    def fail(self, failure: Failure) -> None:
        """There will be no whole response."""

    def promise(self, request: Request, stream_id: int, call: Call) -> ResponseReceiver | None:
        """The server promises a response to ``request`` on a stream of its own, which ``call`` is.

        ``None``: it is not wanted.
        """
