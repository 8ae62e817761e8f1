"""Whether another request may follow on the connection (RFC 9112 sections 9.3 and 9.6).

Contract: :class:`Persistence` knows the reasons against it, and says before a response begins, and
once it is complete, whether it is the last one.
"""

from __future__ import annotations

from h2static.http1.exchange import Exchange
from h2static.http1.input import Input
from h2static.http1.limits import Limits


class Persistence:
    """The reasons for ending one connection."""

    __slots__ = ("_input", "_limits", "draining", "ended", "told")

    def __init__(self, limits: Limits, received: Input) -> None:
        self._limits = limits
        self._input = received
        #: The server wants the connection to end.
        self.draining = False
        #: The peer sends no more.
        self.ended = False
        #: A response has announced that it is the last one, which is binding.
        self.told = False

    @property
    def in_doubt(self) -> bool:
        """Whether there is a reason to end the connection other than the request's own."""
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
        # RFC 9110 section 10.1.1: without 100, the client may or may not send the content.
        waits = exchange.head.expects_continue and not exchange.continued
        return waits or exchange.is_too_long(self._limits)
