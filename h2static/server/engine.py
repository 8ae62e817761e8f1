"""The server driver's interface to a protocol engine, HTTP/2 or HTTP/1.1.

Contract: that of :mod:`h2static.http.engine`, plus what only servers need.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

from h2static.http.bodies import BodyReader
from h2static.http.counters import Counters
from h2static.http.engine import AnswersLater
from h2static.http.engine import Engine as ProtocolEngine
from h2static.http.exchange import Job, Outcome


class Worked(Protocol):
    """The part of an engine's interface that concerns threads."""

    @property
    def blocked(self) -> list[tuple[int, BodyReader]]:
        """Readers to wait for, by stream; the driver empties the list."""

    @property
    def jobs(self) -> deque[tuple[int, Job]]:
        """Work for threads, by stream; a job is removed when a thread starts it, and dropped by the
        engine when its result is no longer needed."""

    def finish_job(self, stream_id: int, outcome: Outcome | None, now: float) -> None:
        """Take a job's outcome, ``None`` if it failed; the stream may already be closed."""

    def unblock(self, stream_id: int, now: float) -> None:
        """Continue a reader of ``blocked``; the stream may already be closed."""


class Engine(ProtocolEngine, Worked, Protocol):
    """One connection of a server.

    An engine gets ``notify`` when it is created, and calls it when an exchange is used outside of
    the driver's calls: the driver then gives the connection a turn (:meth:`take_turn`).  The driver
    calls :meth:`deadline` after every turn, unless it will call ``check`` within :attr:`slack`
    anyway.
    """

    @property
    def counters(self) -> Counters:
        """The connection's counters."""

    @property
    def slack(self) -> float:
        """How late, in seconds, ``check`` may be called: 0 if every millisecond counts."""

    @property
    def write_progress(self) -> float:
        """When the peer last made real progress in reading."""

    @property
    def output_octets(self) -> int:
        """Octets that wait for the socket."""

    @property
    def at_rest(self) -> bool:
        """Whether, once the output is sent, there is nothing to do except wait for input.

        That is: no content, no backlog, no job, no blocked reader, the connection is not ending,
        and ``wants_input`` is true.  May be ``False`` even then, but never ``True`` otherwise.
        """

    @property
    def open_streams(self) -> int:
        """Number of unfinished requests."""

    @property
    def mapped(self) -> bool:
        """Whether pieces of :meth:`pending` are mappings of files, which only the kernel may read;
        see :class:`h2static.http.bodies.MappedReader`."""

    def answer_at_once(self, data: bytes, now: float) -> bytes | None:
        """The response to ``data``, if that is one complete request whose response is ready.

        Send it at once, and pass what the socket does not take to :meth:`not_sent`.  ``None``:
        nothing was done; pass ``data`` to :meth:`receive`.  An engine may always return ``None``.
        """

    def not_sent(self, rest: bytes) -> None:
        """Queue the rest of the result of :meth:`answer_at_once` for sending."""

    def drain(self, now: float) -> None:
        """Finish what was accepted, then close."""


class Refusal(AnswersLater):
    """An engine that sends one message and closes: for clients with another protocol."""

    __slots__ = (
        "_pieces",
        "backlog",
        "blocked",
        "closing",
        "counters",
        "jobs",
        "problem",
        "write_progress",
    )

    wants_input = False
    has_content = False
    open_streams = 0
    slack = 0.0
    at_rest = False

    def __init__(self, reply: bytes, problem: str) -> None:
        self._pieces: list[bytes | memoryview] = [reply] if reply else []
        self.backlog = False
        self.closing = True
        self.counters = Counters()
        self.jobs: deque[tuple[int, Job]] = deque()
        self.blocked: list[tuple[int, BodyReader]] = []
        self.problem: str | None = problem
        self.write_progress = 0.0

    @property
    def output_octets(self) -> int:
        return sum(len(piece) for piece in self._pieces)

    def receive(self, data: bytes, now: float) -> None:
        """Ignore the input."""

    def receive_eof(self, now: float) -> None:
        """Ignore the end of input."""

    def take_turn(self, now: float) -> None:
        """There is never a backlog."""

    def pump(self, now: float, budget: int) -> None:
        """There is no content."""

    def pending(self) -> list[bytes | memoryview]:
        return self._pieces

    def sent(self, count: int, now: float) -> None:
        rest = b"".join(self._pieces)[count:]
        self._pieces = [rest] if rest else []

    def finish_job(self, stream_id: int, outcome: Outcome | None, now: float) -> None:
        """There are no jobs."""

    def unblock(self, stream_id: int, now: float) -> None:
        """Nothing is ever blocked."""

    def deadline(self) -> float | None:
        """``None``: the driver's linger deadline is enough."""
        return None

    def check(self, now: float) -> None:
        """There are no deadlines."""

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
