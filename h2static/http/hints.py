"""Resources that a client will need after a response, and how an engine announces them.

Contract: an application attaches :class:`Hints` to a response.  The engine that sends the response
asks them for a :class:`Delivery`, passing what it knows about the client, and sends it:
PUSH_PROMISE (RFC 9113 section 8.4), 103 Early Hints (RFC 8297) and additional fields of the final
response.  The application decides, the engine writes the frames; neither depends on the other.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

from h2static.http.fields import Fields
from h2static.http.priority import DEFAULT_URGENCY
from h2static.http.requests import Request

#: Paths remembered for each connection.  A connection that has seen more gets no more pushes:
#: pushes are for the first pages.  Together the paths take about 16 KiB.
MAX_SEEN: Final = 256


class Seen:
    """What one connection need not get again: resources already pushed, refused or requested."""

    __slots__ = ("_hashes",)

    def __init__(self) -> None:
        # Hashes: a collision only suppresses one push.
        self._hashes: set[int] = set()

    @property
    def full(self) -> bool:
        """Whether nothing more can be remembered, and therefore nothing more pushed."""
        return len(self._hashes) >= MAX_SEEN

    def add(self, authority: bytes, path: bytes) -> None:
        """Remember that ``path`` was promised, refused by RST_STREAM, or requested."""
        if len(self._hashes) < MAX_SEEN:
            self._hashes.add(hash((authority, path)))

    def __eq__(self, other: object) -> bool:
        """Whether both have seen the same resources."""
        return isinstance(other, Seen) and self._hashes == other._hashes

    __hash__ = None  # type: ignore[assignment]  # it changes

    def has(self, authority: bytes, path: bytes) -> bool:
        """Whether ``path`` was remembered."""
        return hash((authority, path)) in self._hashes


class PushClient(NamedTuple):
    """What an engine knows about the client that gets a response."""

    #: Whether informational responses and pushes are possible.  RFC 8297 section 3: HTTP/1.1
    #: clients may mistake an informational response for the final one.
    multiplexed: bool
    #: What this client was promised or has requested; deliveries add to it.
    seen: Seen
    #: Whether SETTINGS_ENABLE_PUSH is on and the connection is not about to end.
    push_enabled: bool = False
    #: How many more streams may be promised.
    free_streams: int = 0
    #: RFC 9218 urgency of the response's stream.
    urgency: int = DEFAULT_URGENCY


class Promise(NamedTuple):
    """A request to make on the client's behalf; the engine handles it like any other."""

    request: Request
    #: RFC 9218 urgency of the promised stream.
    urgency: int


class Delivery(NamedTuple):
    """What to send besides a response."""

    #: Requests to promise before the response, in this order.
    promises: tuple[Promise, ...] = ()
    #: Fields of a 103 response before the final one; empty: none is sent.
    early: Fields = ()
    #: Fields to add to the final response.
    fields: Fields = ()

    def words(self) -> tuple[str, ...]:
        """The delivery in a few words, for a log."""
        words = []
        if self.promises:
            words.append(f"{len(self.promises)} {'push' if len(self.promises) == 1 else 'pushes'}")
        if self.early:
            words.append("103")
        elif any(name == b"link" for name, _ in self.fields):
            words.append("link")
        return tuple(words)


class Hints(Protocol):
    """The targets of a response, and the rules for delivering them."""

    def deliver(self, request: Request, status: int, client: PushClient) -> Delivery:
        """What to send with a response of ``status`` to ``request``.  Never raises."""
