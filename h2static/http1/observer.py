"""Those who look at what a client and a server say to each other in HTTP/1.1."""

from __future__ import annotations

from typing import Protocol


class HeadObserver(Protocol):
    """Looks at every header section, as octets."""

    def sent_head(self, section: bytes) -> None:
        """A request's."""

    def received_head(self, section: bytes) -> None:
        """A response's."""
