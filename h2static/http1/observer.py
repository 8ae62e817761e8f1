"""Observers of the header sections that a client and a server exchange in HTTP/1.1."""

from __future__ import annotations

from typing import Protocol


class HeadObserver(Protocol):
    """Gets every header section, as octets."""

    def sent_head(self, section: bytes) -> None:
        """A request's header section was sent."""

    def received_head(self, section: bytes) -> None:
        """A response's header section was received."""
