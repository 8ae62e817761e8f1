"""A client that sends octets made beforehand: what h2load cannot, as it repeats one request.

Promise: :func:`play` opens a connection for each visit, sends some reads, waits for all that
answers them, and sends the next ones.  It counts streams that ended and octets of content, and
raises :class:`WrongAnswer` where a server resets a stream, says GOAWAY before the end, or closes.

Strategy: as little as possible is done in here, for it costs what the server is measured beside:
frames are walked by their heads, and header blocks are not decoded.  Several visits are played at
once, in one thread: each sends, then each is read from.  So a server always has work, and neither
sleeps nor waits busily between two requests, which would count as work for them.  Run as a program
of its own, so that its CPU time is known:

    python -m benchmarks.replay SPECIFICATION     a file of JSON, see :class:`Specification`
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import resource
import socket
import ssl
import sys
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks import visits
from benchmarks.visits import Visit

#: Seconds that a server gets for any answer.
PATIENCE = 20.0
#: Octets of a read.
_READ = 262_144
_HEAD = 9
_DATA, _HEADERS, _RST_STREAM, _GOAWAY = 0, 1, 3, 7
_END_STREAM = 1
#: A window of this size is opened again when half of it is used.
_WINDOW = 0x7FFF_FFFF


class WrongAnswer(Exception):
    """A server did not answer as it should; the message says what it did."""


@dataclass(slots=True, kw_only=True)
class Specification:
    """What to play: a function of :mod:`benchmarks.visits` and what it takes."""

    port: int
    #: ``visitors``, ``page``, ``proxy``, ``query``, ``clients`` or ``single``.
    kind: str
    #: Requests of all visits together.
    requests: int
    #: Of ``single``: what is asked for; of the others: how many pages, or clients, there are.
    path: str = "/"
    different: int = 40
    #: Streams that end for each request: itself, and what is pushed with it.
    answers: int = 1
    #: Octets of content that all answers to a request have.
    octets: int
    #: Visits at once.
    clients: int = 8
    #: Requests at once on each of their connections.
    streams: int = 1
    tls: bool = False
    #: Whether TLS sessions of earlier visits are resumed.
    resume: bool = False

    def visits(self) -> list[Visit]:
        """The octets to send."""
        authority = f"127.0.0.1:{self.port}"
        scheme = "https" if self.tls else "http"
        count, different = self.requests, self.different
        match self.kind:
            case "visitors":
                made = visits.visitors(count, lambda number: f"/page/{number % different}.html")
            case "page":
                made = visits.visitors(count, lambda number: "/page/0.html")
            case "clients":
                made = visits.visitors(
                    count, lambda number: f"/page/{number}.html", different=different
                )
            case "proxy":
                made = visits.proxy(count)
            case "query":
                # As many connections as there are clients, and no query comes twice.
                parts = range(self.clients)
                made = [
                    visit
                    for part in parts
                    for visit in visits.repeated(
                        count // self.clients, _query_path(part, self.clients)
                    )
                ]
            case "single":
                one = visits.connection(
                    [visits.browser(self.path, agent="replay/1")],
                    authority=authority,
                    scheme=scheme,
                )
                made = [one] * count
            case _:
                raise ValueError(f"no such kind of visits: {self.kind}")
        return made


def _query_path(part: int, parts: int) -> Callable[[int], str]:
    """Paths with queries that no other part has."""
    return lambda number: f"/page/0.html?v={number * parts + part}"


@dataclass(slots=True, kw_only=True)
class Played:
    """What was seen."""

    requests: int
    seconds: float
    #: CPU time of the client, in seconds; what made the octets is not in it.
    cpu: float
    #: TLS handshakes that resumed a session.
    resumed: int


class _Player:
    """Plays visits, several at once."""

    def __init__(self, specification: Specification, made: Sequence[Visit]) -> None:
        self._specification = specification
        self._visits = iter(made)
        self._session: ssl.SSLSession | None = None
        self._context: ssl.SSLContext | None = None
        if specification.tls:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            self._context.check_hostname = False
            self._context.verify_mode = ssl.CERT_NONE
            self._context.set_alpn_protocols(["h2"])
        self.resumed = 0

    def run(self) -> None:
        """Play everything.  Raises :class:`WrongAnswer` and ``OSError``."""
        with contextlib.ExitStack() as stack:
            playing = [self._play() for _ in range(self._specification.clients)]
            for one in playing:
                stack.callback(one.close)
            while playing:
                # Each sends when it is asked for the first time, and reads when for the second.
                for _ in range(2):
                    playing = [one for one in playing if next(one, False)]

    def _play(self) -> Generator[bool, None, None]:
        """One client, visit by visit; yields after it has sent, and after it has read."""
        specification = self._specification
        at_once = specification.streams
        for visit in self._visits:
            opening, *requests = visit.reads
            with self._connect() as link:
                octets, opened = opening, _Answers(link)
                for first in range(0, len(requests), at_once):
                    asked = requests[first : first + at_once]
                    link.sendall(octets + b"".join(asked))
                    octets = b""
                    yield True
                    count = len(asked)
                    opened.await_end(count * specification.answers, count * specification.octets)
                    yield True
                if isinstance(link, ssl.SSLSocket) and specification.resume:
                    self._session = link.session

    def _connect(self) -> socket.socket:
        plain = socket.create_connection(("127.0.0.1", self._specification.port), PATIENCE)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._context is None:
            return plain
        link = self._context.wrap_socket(plain, session=self._session)
        self.resumed += bool(link.session_reused)
        return link


class _Answers:
    """What comes back on one connection."""

    __slots__ = ("_link", "_rest", "_used")

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._rest = b""
        #: Octets of the connection's window.
        self._used = 0

    def await_end(self, streams: int, octets: int) -> None:
        """Return when so many streams have ended with so many octets of content altogether."""
        content = 0
        while streams:
            data = self._link.recv(_READ)
            if not data:
                raise WrongAnswer("the connection was closed")
            data = self._rest + data
            at, end = 0, len(data)
            while at + _HEAD <= end:
                length = int.from_bytes(data[at : at + 3], "big")
                if at + _HEAD + length > end:
                    break
                kind = data[at + 3]
                if kind in (_RST_STREAM, _GOAWAY):
                    raise WrongAnswer(f"frame of type {kind}: {data[at : at + _HEAD + length]!r}")
                content += length if kind == _DATA else 0
                if kind in (_DATA, _HEADERS) and data[at + 4] & _END_STREAM:
                    streams -= 1
                at += _HEAD + length
            self._rest = data[at:]
        if content != octets:
            raise WrongAnswer(f"{content} octets of content, {octets} expected")
        self._used += content
        if self._used > _WINDOW // 2:
            update = b"\x00\x00\x04\x08\x00\x00\x00\x00\x00" + self._used.to_bytes(4, "big")
            self._link.sendall(update)
            self._used = 0


def play(specification: Specification) -> Played:
    """Play everything.  Raises :class:`WrongAnswer` and ``OSError``."""
    made = specification.visits()
    player = _Player(specification, made)
    before, started = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    player.run()
    seconds, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_SELF)
    return Played(
        requests=sum(visit.requests for visit in made),
        seconds=seconds,
        cpu=after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        resumed=player.resumed,
    )


def main(argv: Sequence[str]) -> int:
    """Play what a file says, and print what was seen as JSON; exit code 1 for a wrong answer."""
    specification = Specification(**json.loads(Path(argv[0]).read_text()))
    try:
        print(json.dumps(dataclasses.asdict(play(specification))))
    except (WrongAnswer, OSError) as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
