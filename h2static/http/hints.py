"""What a client will want after a response, and in which way an engine tells it.

Contract: an application attaches :class:`Hints` to a response; the engine that sends the response
asks them, with what it knows of the client, for a :class:`Delivery`, and sends that: PUSH_PROMISE
(RFC 9113 section 8.4), 103 Early Hints (RFC 8297) and additional fields of the final response.  The
decision is the application's, the frames are the engine's; neither knows the other.
"""

from __future__ import annotations

from typing import Final, NamedTuple, Protocol

from h2static.http.fields import Fields
from h2static.http.priority import DEFAULT_URGENCY
from h2static.http.requests import Request

#: Paths that are remembered for each connection.  One that has seen more gets no pushes any more:
#: pushes serve the first pages.  Together they take about 16 KiB.
MAX_SEEN: Final = 256


class Seen:
    """What one connection need not be sent again: promised, refused or asked for already."""

    __slots__ = ("_hashes",)

    def __init__(self) -> None:
        # Hashes: a collision costs one push that is not made.
        self._hashes: set[int] = set()

    @property
    def full(self) -> bool:
        """Whether nothing more can be remembered, and so nothing more be pushed."""
        return len(self._hashes) >= MAX_SEEN

    def add(self, authority: bytes, path: bytes) -> None:
        """Remember that ``path`` was promised, refused by RST_STREAM, or requested."""
        if len(self._hashes) < MAX_SEEN:
            self._hashes.add(hash((authority, path)))

    def __eq__(self, other: object) -> bool:
        """Whether both have seen the same."""
        return isinstance(other, Seen) and self._hashes == other._hashes

    __hash__ = None  # type: ignore[assignment]  # it changes

    def has(self, authority: bytes, path: bytes) -> bool:
        """Whether ``path`` was remembered."""
        return hash((authority, path)) in self._hashes


class PushClient(NamedTuple):
    """What an engine knows of the client that a response goes to."""

    #: Whether informational responses and pushes exist here.  RFC 8297 section 3: clients of
    #: HTTP/1.1 may take an informational response for the final one.
    multiplexed: bool
    #: What this client was promised or has asked for; deliveries add to it.
    seen: Seen
    #: SETTINGS_ENABLE_PUSH, and the connection is not about to end.
    push_enabled: bool = False
    #: How many streams may still be promised.
    free_streams: int = 0
    #: RFC 9218 urgency of the stream that the response goes out on.
    urgency: int = DEFAULT_URGENCY


class Promise(NamedTuple):
    """A request to be made on the client's behalf; the engine has it handled like any other."""

    request: Request
    #: RFC 9218 urgency of the promised stream.
    urgency: int


class Delivery(NamedTuple):
    """What to send besides a response."""

    #: To be promised before the response, in this order.
    promises: tuple[Promise, ...] = ()
    #: Fields of an informational response 103 before the response; empty: none is sent.
    early: Fields = ()
    #: Fields that the final response gets in addition.
    fields: Fields = ()

    def words(self) -> tuple[str, ...]:
        """What it comes to in a few words, for a log."""
        words = []
        if self.promises:
            words.append(f"{len(self.promises)} {'push' if len(self.promises) == 1 else 'pushes'}")
        if self.early:
            words.append("103")
        elif any(name == b"link" for name, _ in self.fields):
            words.append("link")
        return tuple(words)


class Hints(Protocol):
    """The targets of a response, and the rules by which they are delivered."""

    def deliver(self, request: Request, status: int, client: PushClient) -> Delivery:
        """What to send with a response of ``status`` to ``request``.  Never raises."""
