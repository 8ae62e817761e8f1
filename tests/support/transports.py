"""Ways to bring octets to a server under test and to get its own back.

Promise: :class:`Mirror` feeds several :class:`ServerConnection` objects the same octets, each cut
differently, with memories and without, and fails unless all of them send the same octets.
:class:`Wire` does the same job for one server behind a socket; nothing waits longer than its
deadline.

Strategy: a :class:`Mirror` behaves as the driver does, with a clock that the test moves.  What is
cut differently is read before anything is sent, so that the number of open streams, which depends
on what the kernel has taken, is the same for all.
"""

from __future__ import annotations

import contextlib
import functools
import os
import random
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from h2static.http.exchange import Application
from h2static.http.fields import Field
from h2static.http.hints import Seen
from h2static.http.journal import Finished
from h2static.http.messages import Client
from h2static.http.shared import Shared
from h2static.http2.frames import Frame
from h2static.http2.limits import Limits
from h2static.http2.observer import Observer
from h2static.http2.registry import PREFACE
from h2static.http2.server import ServerConnection
from h2static.http2.service import Service, make_service
from h2static.http2.settings import LocalSettings
from h2static.http2.stream import Stream
from tests.support.processes import DEADLINE
from tests.support.small_site import SmallSite

#: Seconds since the epoch at the start of every test.
WALL_CLOCK = 1_795_248_000.0
#: Monotonic seconds at the start of every test.
START = 1_000.0
#: What a read of the driver takes.
_READ_SIZE = 65_536
#: ``make quick``: octets at either end of what is delivered at once that come one at a time.  What
#: is between them, mostly the inside of large frames, comes in one piece: it took a third of the
#: time, and seldom matters.
_EDGE = 64
_QUICK = bool(os.environ.get("H2STATIC_TEST_QUICK"))


class Transport(Protocol):
    """How a scripted peer reaches the server."""

    def deliver(self, octets: bytes) -> None:
        """Bring octets to the server."""

    def take(self) -> bytes:
        """Octets from the server; empty when none come any more."""

    def closed(self) -> bool:
        """Whether the server has ended the connection."""


def whole(octets: bytes) -> Iterator[bytes]:
    """In reads of the driver's size."""
    for start in range(0, len(octets), _READ_SIZE):
        yield octets[start : start + _READ_SIZE]


def singly(octets: bytes) -> Iterator[bytes]:
    """One octet at a time."""
    edge = _EDGE if _QUICK and len(octets) > 2 * _EDGE else len(octets)
    for start in range(edge):
        yield octets[start : start + 1]
    if edge < len(octets):
        yield octets[edge:-edge]
        for start in range(len(octets) - edge, len(octets)):
            yield octets[start : start + 1]


def randomly(octets: bytes) -> Iterator[bytes]:
    """In pieces of any size, the same in every run."""
    generator = random.Random(len(octets))
    start = 0
    while start < len(octets):
        size = generator.choice((1, 2, 3, 7, 8, 9, 10, 25, 100, 1000))
        yield octets[start : start + size]
        start += size


def framewise(octets: bytes) -> Iterator[bytes]:
    """One frame at a time, as a client sends them that waits for each response."""
    start = len(PREFACE) if octets.startswith(PREFACE) else 0
    if start:
        yield octets[:start]
    while start < len(octets):
        end = start + 9 + int.from_bytes(octets[start : start + 3], "big")
        yield octets[start:end]
        start = end


class Onlooker:
    """An observer: its presence alone changes the path that frames take."""

    def __init__(self) -> None:
        self.seen: list[object] = []

    def received(self, frame: Frame) -> None:
        self.seen.append(frame)

    def received_fields(
        self, stream_id: int, fields: Sequence[Field], never_indexed: Sequence[int]
    ) -> None:
        self.seen.append((stream_id, fields, never_indexed))

    def sent(self, frame: Frame, fields: Sequence[Field] = (), note: str = "") -> None:
        self.seen.append((frame, fields, note))

    def stream_closed(self, stream_id: int) -> None:
        self.seen.append(stream_id)

    def violation(self, reason: str, code: int, stream_id: int) -> None:
        self.seen.append((reason, code, stream_id))


class Feed:
    """One connection under test, and its driver."""

    def __init__(
        self,
        service: Service,
        cut: Callable[[bytes], Iterator[bytes]] = whole,
        observer: Observer | None = None,
        *,
        at_once: bool = False,
    ) -> None:
        """``at_once``: single requests are answered as the driver has them answered, and the kernel
        takes half of each response."""
        self.at_once = at_once
        self.service = service
        self.cut = cut
        self.now = START
        if service.shared.journal is None:
            service.shared.journal = []
        self._journal = service.shared.journal
        #: Of this connection alone: what is noted is told apart by it.
        self.client = Client(host="192.0.2.7", port=50_000, version="HTTP/2.0")
        self.connection = ServerConnection(service, self.client, START, observer=observer)
        self.output = bytearray()
        #: Whether the kernel takes octets from the server.
        self.taking = True
        #: Octets that the server does not want to read now.
        self.waiting: deque[bytes] = deque()
        #: Streams whose readings would have blocked, and can go on.
        self._woken: list[int] = []

    @property
    def journal(self) -> list[Finished]:
        """What was noted of this connection."""
        return [one for one in self._journal if one.client is self.client]

    def deliver(self, octets: bytes) -> None:
        """As the driver: read while the connection wants input, then send."""
        self.waiting += self.cut(octets)
        self._read()
        self.settle()

    def _read(self) -> bool:
        connection = self.connection
        progress = False
        self._new_batch()
        while True:
            if connection.backlog:
                before = len(connection.buffer)
                connection.take_turn(self.now)
                if len(connection.buffer) == before:
                    return progress
            elif self.waiting and connection.wants_input:
                self._receive(self.waiting.popleft())
            else:
                return progress
            progress = True

    def _receive(self, octets: bytes) -> None:
        connection = self.connection
        if self.at_once and self.taking:
            response = connection.answer_at_once(octets, self.now)
            if response is not None:
                half = len(response) // 2
                self.output += response[:half]
                connection.not_sent(response[half:])
                return
        connection.receive(octets, self.now)

    def _new_batch(self) -> None:
        self.service.shared.date.tick(WALL_CLOCK + self.now - START)
        self.service.new_batch()

    def settle(self) -> None:
        """Send, and read on, until nothing moves."""
        connection = self.connection
        budget = self.service.limits.turn_output
        while True:
            if connection.has_content:
                connection.pump(self.now, budget)
            while connection.jobs:
                stream_id, job = connection.jobs.popleft()
                connection.finish_job(stream_id, job(), self.now)
            blocked = connection.blocked[:]
            connection.blocked.clear()
            for stream_id, reader in blocked:
                reader.wait(functools.partial(self._wake, stream_id))
            woken, self._woken = self._woken, []
            for stream_id in woken:
                connection.unblock(stream_id, self.now)
            moved = bool(woken)
            if self.taking and connection.output_octets > 0:
                octets = b"".join(connection.pending())
                assert len(octets) == connection.output_octets
                self.output += octets
                connection.sent(len(octets), self.now)
                moved = True
            if not self._read() and not moved:
                return

    def _wake(self, stream_id: int) -> None:
        self._woken.append(stream_id)

    def wait(self, seconds: float) -> None:
        """Let time pass; deadlines are looked at twice a second."""
        end = self.now + seconds
        while self.now < end:
            self.now = min(end, self.now + 0.5)
            self._new_batch()
            self.connection.check(self.now)
            self.settle()


class Mirror:
    """Several connections that must answer alike; the first one is ``connection``."""

    def __init__(
        self,
        *,
        application: Callable[[], Application] = SmallSite,
        settings: LocalSettings | None = None,
        limits: Limits | None = None,
        hints: bool = False,
        alone: bool = False,
        beside: Mirror | None = None,
    ) -> None:
        """``alone``: one connection only, for scenarios that are large; ``beside``: new connections
        of the services of another mirror, with what they remember."""
        settings = settings or LocalSettings()
        limits = limits or Limits()

        def service(*, memories: bool) -> Service:
            shared = Shared()
            shared.date.tick(WALL_CLOCK)
            return make_service(
                application(), settings, limits, shared, hints=hints, memories=memories
            )

        first = service(memories=True)
        self.application = first.application
        self.feeds = {"whole": Feed(first)}
        if not alone:
            shared = service(memories=True)
            plain = service(memories=False)
            self.feeds |= {
                "octet by octet": Feed(shared, singly),
                "randomly cut": Feed(shared, randomly),
                "as seen before": Feed(shared),
                "frame by frame": Feed(shared, framewise, at_once=True),
                "without memories": Feed(plain),
                "without memories, octet by octet": Feed(plain, singly),
                "observed": Feed(service(memories=True), whole, Onlooker()),
            }
        if beside is not None:
            for name, feed in beside.feeds.items():
                observer = Onlooker() if name == "observed" else None
                self.feeds[name] = Feed(feed.service, feed.cut, observer, at_once=feed.at_once)
            self.application = beside.application
        self.connection = self.feeds["whole"].connection
        self._taken = 0
        for feed in self.feeds.values():
            feed.settle()

    def closed(self) -> bool:
        return self.connection.closing and not self.connection.output_octets

    @property
    def now(self) -> float:
        """Monotonic seconds."""
        return self.feeds["whole"].now

    def deliver(self, octets: bytes) -> None:
        for feed in self.feeds.values():
            feed.deliver(octets)
        self._compare()

    def end_input(self) -> None:
        """The peer sends no more."""
        for feed in self.feeds.values():
            feed.connection.receive_eof(feed.now)
            feed.settle()
        self._compare()

    def drain(self) -> None:
        """The server is told to stop."""
        for feed in self.feeds.values():
            feed.connection.drain(feed.now)
            feed.settle()
        self._compare()

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        for feed in self.feeds.values():
            feed.wait(seconds)
        self._compare()

    def stop_taking(self) -> None:
        """The peer reads no more: the kernel takes nothing."""
        for feed in self.feeds.values():
            feed.taking = False

    def go_on_taking(self) -> None:
        """The peer reads again."""
        for feed in self.feeds.values():
            feed.taking = True
            feed.settle()
        self._compare()

    def take(self) -> bytes:
        octets = bytes(self.feeds["whole"].output[self._taken :])
        self._taken += len(octets)
        return octets

    def _compare(self) -> None:
        first = self.feeds["whole"]
        for name, feed in self.feeds.items():
            if feed is first:
                continue
            assert feed.output == first.output, f"{name}: other octets than whole"
            assert feed.connection.closing == first.connection.closing, name
            assert sorted(feed.connection.streams.open) == sorted(first.connection.streams.open), (
                name
            )
            assert feed.connection.problem == first.connection.problem, name
            assert books(feed.connection) == books(first.connection), f"{name}: other books"
            assert _seen(feed.connection) == _seen(first.connection), f"{name}: other push memory"
            assert notes(feed.journal) == notes(first.journal), f"{name}: another journal"


def books(connection: ServerConnection) -> dict[str, object]:
    """What a connection counts: a difference now would be other octets later."""
    decoder, encoder = connection.blocks.state, connection.sender.encoder
    return {
        "window": connection.sender.window,
        "receive window": connection.requests.content.window.left,
        "next stream": connection.streams.next_peer_id,
        "last stream": connection.streams.last_processed,
        "requests": connection.streams.requests,
        "own streams": connection.streams.own,
        "DATA frames": connection.sender.data_frames,
        "resets": connection.counters.resets,
        "limit hits": connection.counters.limit_hits,
        "decoder": (decoder.table, decoder.allowed, decoder.required, decoder.private),
        "encoder": (encoder.table, encoder.pending),
        "queued": connection.sender.scheduler.count,
        "streams": [_stream(stream) for stream in connection.streams.open.values()],
        **connection.streams.books(),
        **dict(
            zip(
                ("reset tokens", "glitch tokens", "updates"),
                connection.budgets.left(),
                strict=True,
            )
        ),
    }


def _stream(stream: Stream) -> tuple[object, ...]:
    """What an open stream is like."""
    return (
        stream.id, stream.state, stream.send_window, stream.window.left, stream.window.credit,
        stream.sent, stream.remaining, stream.received, stream.urgency, stream.incremental,
        stream.whole, stream.waiting, stream.queued,
    )  # fmt: skip


def _seen(connection: ServerConnection) -> Seen | None:
    """What the connection remembers of what its client needs no more."""
    return connection.push.seen


def notes(journal: list[Finished]) -> list[tuple[object, ...]]:
    """What was noted, without the objects that differ from service to service."""
    return [
        (
            one.request.method, one.request.path, one.request.fields, one.response.status,
            one.response.fields, one.octets, one.started, one.finished, one.pushed, one.aborted,
            one.delivered,
        )
        for one in journal
    ]  # fmt: skip


class Wire:
    """A TCP connection to a server."""

    def __init__(self, port: int, *, seconds: float = DEADLINE) -> None:
        """``seconds``: for anything that is waited for."""
        self.seconds = seconds
        self.socket = socket.create_connection(("127.0.0.1", port), seconds)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._ended = False

    def closed(self) -> bool:
        """Waits for the end of the connection, and fails on any octet before it."""
        if not self._ended:
            octets = self.take()
            assert not octets, f"octets instead of the end: {octets!r}"
        return self._ended

    def deliver(self, octets: bytes) -> None:
        # Where the server has had enough, what it said before is still to be read.
        with contextlib.suppress(ConnectionError):
            self.socket.sendall(octets)

    def take(self) -> bytes:
        if self._ended:
            return b""
        self.socket.settimeout(self.seconds)
        try:
            octets = self.socket.recv(1 << 18)
        except ConnectionResetError:
            octets = b""
        except TimeoutError:
            raise AssertionError(f"nothing came for {self.seconds} s") from None
        self._ended = not octets
        return octets

    def pause(self, seconds: float) -> bytes:
        """Octets that come within ``seconds``."""
        end = time.monotonic() + seconds
        octets = b""
        while not self._ended:
            left = end - time.monotonic()
            if left <= 0:
                break
            self.socket.settimeout(left)
            try:
                more = self.socket.recv(1 << 18)
            except TimeoutError:
                break
            except ConnectionResetError:
                more = b""
            self._ended = not more
            octets += more
        return octets

    def close(self) -> None:
        """Let go."""
        self.socket.close()
