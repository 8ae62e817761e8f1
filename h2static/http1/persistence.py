"""Whether another request may follow on the connection (RFC 9112 sections 9.3 and 9.6).

Contract: :class:`Persistence` knows what speaks against it, and says of a response, before it
begins and once it is complete, whether it is the last one.
"""

from __future__ import annotations

from h2static.http1.exchange import Exchange
from h2static.http1.input import Input
from h2static.http1.limits import Limits


class Persistence:
    """The end of one connection, as far as it is in sight."""

    __slots__ = ("_input", "_limits", "draining", "ended", "told")

    def __init__(self, limits: Limits, received: Input) -> None:
        self._limits = limits
        self._input = received
        #: The server wants the connection to end.
        self.draining = False
        #: The peer sends no more.
        self.ended = False
        #: A response has told that it is the last one, which binds.
        self.told = False

    @property
    def in_doubt(self) -> bool:
        """Whether there is any reason but the request's own to end the connection."""
        return self.draining or self.ended

    def is_last(self, exchange: Exchange) -> bool:
        """Whether this response is the connection's last one.

        RFC 9112 section 9.3: content that is not read to its end ends the connection; section 9.6:
        the last response carries ``close``.
        """
        if self.told or self.draining or not exchange.head.persistent:
            return True
        if self.ended and not self._input.octets:
            return True
        if not exchange.content_left or exchange.sink is not None:
            return False
        # RFC 9110 section 10.1.1: who was not told to go on may send the content or not.
        waits = exchange.head.expects_continue and not exchange.continued
        return waits or exchange.is_too_long(self._limits)
