"""Refusing exchange calls on a client's streams, which are not exchanges.

Contract: the base class for owners of a client's streams; answering on one is a mistake and raises
:class:`~h2static.http2.errors.Misuse`.
"""

from __future__ import annotations

from h2static.http.bodies import Body, Sink
from h2static.http.exchange import Job
from h2static.http.fields import Fields
from h2static.http.messages import Request, Response
from h2static.http2.errors import Misuse
from h2static.http2.stream import Stream


class WithoutExchanges:
    """An owner of streams that refuses all exchange calls."""

    __slots__ = ()

    def respond(self, stream: Stream, response: Response) -> None:
        """Raise :class:`Misuse`: a client does not respond."""
        raise Misuse("a client's stream is not an exchange")

    def inform(self, stream: Stream, status: int, fields: Fields) -> None:
        """Raise :class:`Misuse`: a client does not respond."""
        raise Misuse("a client's stream is not an exchange")

    def accept(self, stream: Stream, sink: Sink) -> None:
        """Raise :class:`Misuse`: a response has a receiver from the beginning."""
        raise Misuse("a client's stream is not an exchange")

    def resume(self, stream: Stream) -> None:
        """Raise :class:`Misuse`: resume the call instead."""
        raise Misuse("a client's stream is not an exchange")

    def work(self, stream: Stream, job: Job) -> None:
        """Raise :class:`Misuse`: a client does not respond."""
        raise Misuse("a client's stream is not an exchange")

    def abort(self, stream: Stream, reason: str) -> None:
        """Raise :class:`Misuse`: cancel the call instead."""
        raise Misuse("a client's stream is not an exchange")

    def tunnel(self, stream: Stream, sink: Sink, body: Body, fields: Fields) -> None:
        """Raise :class:`Misuse`: a granted request's content is the tunnel."""
        raise Misuse("a client's stream is not an exchange")

    def may_push(self, stream: Stream) -> bool:
        """A client cannot push (RFC 9113 section 8.4)."""
        return False

    def push(self, stream: Stream, request: Request) -> None:
        """Raise :class:`Misuse`: a client cannot push (RFC 9113 section 8.4)."""
        raise Misuse("a client's stream is not an exchange")
