"""What every client of the wire has in common: the shape of a reply, and how a client is used."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from h2static.http.fields import Field, Fields


@dataclass(slots=True, kw_only=True)
class Reply:
    """What has come for one request so far."""

    #: Informational responses in their order: status and fields.
    informational: list[tuple[int, Fields]] = field(default_factory=list)
    #: Of the final response; 0 while there is none.
    status: int = 0
    #: Without pseudo-header fields; names in lower case.
    fields: Fields = ()
    #: Content so far.
    received: bytearray = field(default_factory=bytearray)
    trailers: Fields = ()
    #: The message looks complete.
    whole: bool = False
    #: It never will: the stream was reset, or the connection was closed.
    broken: bool = False
    #: It grants the protocol that was asked for: what follows is the tunnel's.
    granted: bool = False

    @property
    def content(self) -> bytes:
        """The content that has come so far."""
        return bytes(self.received)

    def value(self, name: bytes) -> bytes | None:
        """The value of the one field ``name``; ``None`` when it is absent."""
        values = [value for key, value in self.fields if key == name]
        assert len(values) <= 1, f"{name!r} comes {len(values)} times"
        return values[0] if values else None


class WireClient(Protocol):
    """One connection as its client sees it; requests are numbered from 0 in their order."""

    #: By number of the request.
    replies: list[Reply]
    #: Whom requests are for.
    authority: bytes

    def take_output(self) -> bytes:
        """Octets for the server that may be sent now; they are taken out."""

    @property
    def held_back(self) -> int:
        """Octets of content that wait for credit."""

    def request(
        self,
        method: bytes,
        path: bytes,
        fields: tuple[Field, ...],
        *,
        content: bool,
        length: int | None,
    ) -> int:
        """Begin a request; its number.

        ``content``: content follows, in :meth:`content` and :meth:`end`; ``length``: how much,
        where the client says so.
        """

    def ask_for(self, protocol: bytes, path: bytes, fields: tuple[Field, ...]) -> int:
        """Ask for another protocol; the number of the request.

        What goes through the tunnel follows in :meth:`content`, and :meth:`end` where the protocol
        version has such an end.
        """

    def content(self, number: int, data: bytes) -> None:
        """Some content of a request."""

    def end(self, number: int, trailers: Fields) -> None:
        """The content is whole."""

    def malform(self, number: int) -> None:
        """Spoil the content of a request that said no ``length``: it can never be whole."""

    def cancel(self, number: int) -> bool:
        """Give one request up; false where the protocol cannot but for closing the connection."""

    def receive(self, data: bytes) -> None:
        """Octets of the server."""

    def closed(self) -> None:
        """The server has closed the connection."""

    def hold_credit(self) -> bool:
        """Give the server no more credit; false where the protocol has none."""

    def return_credit(self) -> None:
        """Give all credit that was held."""
