"""What can go wrong, by what it means for the client.

Contract: :class:`BadRequest` is answered with its status, and ends the connection.
:class:`BadResponse` comes before the first octet of a response, which is then replaced by 500.
:class:`Broken` comes after it: the connection is closed, so that the response never looks complete.
:class:`BadMessage` is a client's: a server has sent what it must not send.
"""

from __future__ import annotations

from typing import Final

#: Statuses that say that a limit of time or of length was crossed.
STATUSES_OF_LIMITS: Final = (408, 413, 414, 431)


class BadRequest(Exception):
    """A request that is refused with ``status``; ``reason`` is one line for the error log."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class BadMessage(Exception):
    """A response that a client cannot take; the text is one line."""


class BadResponse(Exception):
    """A response that must not be sent as the application gave it."""


class Broken(Exception):
    """A response whose rest cannot be sent."""
