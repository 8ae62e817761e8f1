"""Errors, by their consequence for the client.

Contract: :class:`BadRequest` is answered with its status, and ends the connection.
:class:`BadResponse` is raised before the first octet of a response, which is then replaced by 500.
:class:`Broken` is raised after it: the connection is closed, so that the response never looks
complete.  :class:`BadMessage` is raised on the client side: a server sent something invalid.
"""

from __future__ import annotations

from typing import Final

#: Statuses for exceeding a limit of time or length.
STATUSES_OF_LIMITS: Final = (408, 413, 414, 431)


class BadRequest(Exception):
    """A request to refuse with ``status``; ``reason`` is one line for the error log."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


class BadMessage(Exception):
    """A response that a client cannot accept; the message is one line."""


class BadResponse(Exception):
    """A response that must not be sent as the application gave it."""


class Broken(Exception):
    """A response that has begun but cannot be completed."""
