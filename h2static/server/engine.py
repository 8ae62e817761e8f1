"""What the driver needs of a protocol connection, HTTP/2 or HTTP/1.1.

Contract: as :class:`h2static.http2.connection.ServerConnection` describes it; no I/O here.
"""

from __future__ import annotations

from typing import Protocol

from h2static.http.messages import BodyReader, Deferred, Response


class Engine(Protocol):
    """One connection's protocol, without I/O.  ``now`` is monotonic, in seconds."""

    #: Octets were received that wait for the connection's next turn.
    backlog: bool
    #: Close when nothing is left to send.
    closing: bool
    #: Answers to be worked out in a thread, by stream; each is taken out when a thread begins with
    #: it, and dropped here when nobody waits for it any more.
    deferred: list[tuple[int, Deferred]]

    @property
    def blocked(self) -> list[tuple[int, BodyReader]]:
        """Readings to be waited for, by stream; the driver empties the list."""

    @property
    def output_octets(self) -> int:
        """Octets that wait for the socket."""

    @property
    def wants_input(self) -> bool:
        """Whether to read from the socket."""

    @property
    def has_content(self) -> bool:
        """Whether ``pump`` would move something."""

    @property
    def open_streams(self) -> int:
        """Requests that are not finished."""

    @property
    def problem(self) -> str | None:
        """What the peer did wrong, once it did, for the error log."""

    def receive(self, data: bytes, now: float) -> None:
        """Process octets; never raises for any octets."""

    def receive_eof(self, now: float) -> None:
        """The peer has ended its side."""

    def pump(self, now: float, budget: int) -> None:
        """Move content into the output until about ``budget`` octets wait there."""

    def pending(self) -> list[bytes | memoryview]:
        """Pieces to send, in order."""

    def sent(self, count: int, now: float) -> None:
        """``count`` octets of ``pending`` were taken by the kernel."""

    def respond(self, stream_id: int, response: Response, now: float) -> None:
        """Bring a deferred response."""

    def unblock(self, stream_id: int, now: float) -> None:
        """A blocked reading can go on."""

    def check(self, now: float) -> None:
        """Act on deadlines."""

    def drain(self, now: float) -> None:
        """Finish what was accepted, then close."""

    def abandon(self) -> None:
        """The connection is lost."""


class Refusal:
    """A protocol that says one thing and closes: for clients that speak something else."""

    __slots__ = ("_pieces", "backlog", "blocked", "closing", "deferred", "problem")

    wants_input = False
    has_content = False
    open_streams = 0

    def __init__(self, reply: bytes, problem: str) -> None:
        self._pieces: list[bytes | memoryview] = [reply] if reply else []
        self.backlog = False
        self.closing = True
        self.deferred: list[tuple[int, Deferred]] = []
        self.blocked: list[tuple[int, BodyReader]] = []
        self.problem: str | None = problem

    @property
    def output_octets(self) -> int:
        return sum(len(piece) for piece in self._pieces)

    def receive(self, data: bytes, now: float) -> None:
        """Nothing that comes matters."""

    def receive_eof(self, now: float) -> None:
        """Nothing that comes matters."""

    def pump(self, now: float, budget: int) -> None:
        """There is no content."""

    def pending(self) -> list[bytes | memoryview]:
        return self._pieces

    def sent(self, count: int, now: float) -> None:
        rest = b"".join(self._pieces)[count:]
        self._pieces = [rest] if rest else []

    def respond(self, stream_id: int, response: Response, now: float) -> None:
        """Nothing is ever deferred."""

    def unblock(self, stream_id: int, now: float) -> None:
        """Nothing is ever blocked."""

    def check(self, now: float) -> None:
        """The linger deadline of the driver is enough."""

    def drain(self, now: float) -> None:
        """It is closing already."""

    def abandon(self) -> None:
        self._pieces = []


_HTTP1_TEXT = (
    b"This port speaks HTTP/2 only, and without an upgrade from HTTP/1.1 (RFC 9113 section 3.3).\n"
    b"Try: curl --http2-prior-knowledge, or nghttp.\n"
)

#: RFC 9110 section 15.6.6.
HTTP1_REFUSED = (
    b"HTTP/1.1 505 HTTP Version Not Supported\r\n"
    b"content-type: text/plain; charset=utf-8\r\n"
    b"content-length: %d\r\n"
    b"connection: close\r\n\r\n%s" % (len(_HTTP1_TEXT), _HTTP1_TEXT)
)
