"""What a client's streams cannot do: they are no exchanges, though they are the same streams.

Contract: the base class of those who own a client's streams; whoever answers on one has made a
mistake, and gets :class:`~h2static.http2.errors.Misuse`.
"""

from __future__ import annotations

from h2static.http.bodies import Body, Sink
from h2static.http.exchange import Job
from h2static.http.fields import Fields
from h2static.http.messages import Request, Response
from h2static.http2.errors import Misuse
from h2static.http2.stream import Stream


class WithoutExchanges:
    """See the module."""

    __slots__ = ()

    def respond(self, stream: Stream, response: Response) -> None:
        """A client does not respond."""
        raise Misuse("a client's stream is not an exchange")

    def inform(self, stream: Stream, status: int, fields: Fields) -> None:
        """A client does not respond."""
        raise Misuse("a client's stream is not an exchange")

    def accept(self, stream: Stream, sink: Sink) -> None:
        """What comes has a receiver from the beginning."""
        raise Misuse("a client's stream is not an exchange")

    def resume(self, stream: Stream) -> None:
        """A call is resumed."""
        raise Misuse("a client's stream is not an exchange")

    def work(self, stream: Stream, job: Job) -> None:
        """A client does not respond."""
        raise Misuse("a client's stream is not an exchange")

    def abort(self, stream: Stream, reason: str) -> None:
        """A call is canceled."""
        raise Misuse("a client's stream is not an exchange")

    def tunnel(self, stream: Stream, sink: Sink, body: Body, fields: Fields) -> None:
        """The content of a request whose protocol was granted is the tunnel."""
        raise Misuse("a client's stream is not an exchange")

    def may_push(self, stream: Stream) -> bool:
        """A client cannot push (RFC 9113 section 8.4)."""
        return False

    def push(self, stream: Stream, request: Request) -> None:
        """As above."""
        raise Misuse("a client's stream is not an exchange")
