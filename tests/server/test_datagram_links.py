"""Links of HTTP/3 in process, over transports that do as a test says: what goes wrong with one
stays with it, and nothing grows while the system takes nothing."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import pytest

from h2static.config import Config
from h2static.logs.console import Console
from h2static.logs.errors import ErrorLog
from h2static.quic.connection_ids import ConnectionIds
from h2static.quic.packets import SMALLEST_INITIAL, Header
from h2static.quic.transport import Event, Path, Transport
from h2static.server.datagram_entrance import (
    DatagramEntrance,
    DatagramOpening,
    DatagramParts,
    DatagramWorker,
)
from h2static.server.datagram_link import DatagramEngine
from h2static.server.datagram_sockets import DatagramSocket
from h2static.server.datagrams import Datagrams
from h2static.server.limits import DEFAULT_LIMITS, ServerLimits
from h2static.server.poller import READABLE, WRITABLE, make_poller
from h2static.server.pool import Pool
from h2static.server.timers import NEVER, Timed, Timers
from h2static.site.refusals import Refusals
from tests.support.fake_quic import FakeQuic


class Bug(Exception):
    """What nobody has thought of."""


class Lines(ErrorLog):
    """Keeps what is reported."""

    text = ""

    def report(self, kind: str, peer: str, text: str, details: Sequence[str] = ()) -> None:
        self.text += f"{kind}: {text}\n"


class Handshaking(FakeQuic):
    """A connection whose handshake is complete when a test says so, and which fails where it
    says."""

    established = False

    def __init__(self, connection_id: bytes) -> None:
        super().__init__(client=False)
        self.connection_ids = (connection_id,)
        self.fails_in = ""
        self.due: float | None = None
        #: What was asked of it.
        self.calls: list[str] = []

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if name == self.fails_in:
            raise Bug(name)

    def receive_datagram(self, data: bytes, path: Path, now: float) -> None:
        self._call("receive_datagram")

    def next_event(self) -> Event | None:
        self._call("next_event")
        return super().next_event()

    def datagrams_to_send(self, now: float) -> list[tuple[bytes, Path]]:
        self._call("datagrams_to_send")
        return []

    def deadline(self) -> float | None:
        self._call("deadline")
        return self.due

    def handle_timer(self, now: float) -> None:
        self._call("handle_timer")
        self.due = None


@dataclass(slots=True, kw_only=True)
class Library:
    """Makes them, or fails."""

    versions = (1,)
    accepted: list[Handshaking] = field(default_factory=list)
    fails: bool = False

    def accept(
        self, header: Header, path: Path, ids: ConnectionIds, *, original: bytes | None = None
    ) -> Transport:
        if self.fails:
            raise Bug("accept")
        self.accepted.append(Handshaking(header.destination))
        return self.accepted[-1]

    def retry(self, header: Header, token: bytes, given: bytes) -> bytes:
        return b"retry" + bytes(95)

    def refuse_token(self, header: Header) -> bytes:
        raise AssertionError("there are no tokens here")


class NoEngines:
    """Cannot make any."""

    def make(self, opening: DatagramOpening) -> DatagramEngine:
        raise Bug("make")

    def new_batch(self) -> None:
        pass

    def release(self) -> None:
        pass


class Jammed(socket.socket):
    """Takes nothing while it is full."""

    full = False
    taken = 0

    def sendmsg(self, *args: object) -> int:
        if self.full:
            raise BlockingIOError(errno.EAGAIN, "full")
        self.taken += 1
        return 0


@dataclass(slots=True, kw_only=True)
class World:
    """What a driver has for HTTP/3, and its time."""

    datagrams: Datagrams
    library: Library
    server: Jammed
    log: Lines
    timers: Timers[Timed]
    client: socket.socket
    now: float = 100.0

    def begin(self, number: int) -> None:
        """A client's first packet has come, and is read."""
        name = b"chosen%02d" % number
        head = b"\xc0" + bytes((0, 0, 0, 1, len(name))) + name + b"\x00\x00"
        self.send(head + bytes(SMALLEST_INITIAL - len(head)))

    def send(self, data: bytes) -> None:
        self.client.sendto(data, self.server.getsockname())
        self.datagrams.now = self.now
        self.datagrams.read(self.server.fileno(), READABLE)

    def turn(self) -> None:
        """A round of turns."""
        self.datagrams.turns = len(self.datagrams.ready)
        if self.datagrams.turns:
            self.datagrams.take_turns(NEVER, lambda: self.now)

    def check(self) -> None:
        """What is due is done."""
        self.datagrams.now = self.now
        for one in self.timers.due(self.now):
            self.datagrams.check(one)  # type: ignore[arg-type]  # there are no others


@contextlib.contextmanager
def worlds(**limits: float) -> Iterator[World]:
    log = Lines()
    one = Jammed(socket.AF_INET, socket.SOCK_DGRAM)
    one.bind(("127.0.0.1", 0))
    pool = Pool(lambda text: None, 1)
    poller = make_poller()
    timers: Timers[Timed] = Timers(lambda: made.now)
    library = Library()
    entrance = DatagramEntrance(
        socket=DatagramSocket(one, 0),
        library=library,
        engines=NoEngines(),
        application=Refusals(),
    )
    of_server: ServerLimits = replace(DEFAULT_LIMITS, **limits)  # type: ignore[arg-type]
    datagrams = Datagrams(
        DatagramParts(entrances=[entrance], worker=DatagramWorker()),
        poller,
        timers,
        log,
        pool=pool,
        console=Console(Config(port=0, no_tls=True)),
        rouse=lambda: None,
        emptied=lambda: None,
        clock=lambda: made.now,
        limits=of_server,
    )
    with one, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.bind(("127.0.0.1", 0))
        made = World(
            datagrams=datagrams,
            library=library,
            server=one,
            log=log,
            timers=timers,
            client=client,
        )
        datagrams.begin()
        yield made
        pool.close()
        poller.close()


@pytest.fixture
def world() -> Iterator[World]:
    with worlds() as made:
        yield made


# ---------------------------------------------------------------------- what goes wrong


@pytest.mark.parametrize(
    "place", ["receive_datagram", "next_event", "datagrams_to_send", "deadline", "handle_timer"]
)
def test_what_goes_wrong_stays_with_the_link(world: World, place: str) -> None:
    for number in range(2):
        world.begin(number)
    world.turn()
    bad, good = world.library.accepted
    bad.fails_in = place
    for one in (bad, good):
        one.calls.clear()
        one.due = world.now + 0.001
    for number in range(2):
        world.begin(number)
    world.turn()
    world.now += 0.002
    world.check()
    world.turn()
    assert f"Bug: {place} (connection closed)" in world.log.text
    assert world.log.text.count("Bug") == 1
    assert place in good.calls
    assert world.datagrams.counters()["connections"] == 1


def test_a_library_that_fails_for_a_first_packet(world: World) -> None:
    world.library.fails = True
    world.begin(0)
    assert "Bug: accept (datagram dropped)" in world.log.text
    world.library.fails = False
    world.begin(1)
    assert len(world.library.accepted) == 1


def test_a_handshake_that_fails_half_way_is_counted_once() -> None:
    """No engine can be made: the place of the handshake is free again, and that of no other."""
    with worlds(opening_connections=1) as world:
        for number in range(3):
            world.begin(number)
            world.library.accepted[-1].established = True
            world.turn()
        assert world.log.text.count("Bug: make") == 3
        assert world.datagrams.open == 0
        for number in range(3, 6):
            world.begin(number)
        assert world.datagrams.open == 1


# ---------------------------------------------------------------------- bounds


def test_the_oldest_handshake_makes_room() -> None:
    """Who holds a place and says nothing keeps nobody out."""
    with worlds(opening_connections=3, unvalidated_connections=10) as world:
        for number in range(5):
            world.begin(number)
        assert world.datagrams.open == 3
        assert world.datagrams.counters()["limit_hits"] == 2
        for one in world.library.accepted:
            one.calls.clear()
        for number in range(2, 5):
            world.begin(number)
        heard = [bool(one.calls) for one in world.library.accepted]
        assert heard == [False, False, True, True, True]


def test_answers_to_anybody_are_not_kept_while_the_system_takes_nothing() -> None:
    with worlds(unvalidated_connections=0) as world:
        world.server.full = True
        for number in range(50):
            world.begin(number)
            world.send(b"\x40" + bytes(99))
        world.server.full = False
        world.datagrams.read(world.server.fileno(), WRITABLE)
        assert world.server.taken == 1, "the one that was given when the socket still seemed free"
        world.begin(50)
        assert world.server.taken == 2


def test_a_socket_that_takes_nothing_is_not_asked_again_at_once() -> None:
    with worlds(unvalidated_connections=1) as world:
        world.begin(0)
        world.turn()
        world.server.full = True
        world.begin(1)  # is answered with a Retry, which blocks the socket
        (link,) = world.library.accepted
        link.due = world.now
        world.begin(0)
        world.turn()
        assert not world.datagrams.ready
        assert world.timers.earliest >= world.now + DEFAULT_LIMITS.check_seconds
        assert link.calls.count("handle_timer") == 0


# ---------------------------------------------------------------------- turns


def test_what_is_due_at_the_end_of_a_turn_gets_another_one(world: World) -> None:
    """Pacing waits for less than a turn takes: no timer is set for it."""
    world.begin(0)
    world.turn()
    (link,) = world.library.accepted
    link.calls.clear()
    link.due = world.now
    world.begin(0)
    world.turn()
    assert "handle_timer" in link.calls
    assert len(world.datagrams.ready) == 1
    world.turn()
    assert not world.datagrams.ready, "once"
