"""``h2static.server.connections``: turns and deadlines, on a clock that the test moves."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from h2static.config import Config
from h2static.http.bodies import BodyReader
from h2static.http.fields import Fields
from h2static.http.messages import Response
from h2static.logs.console import Console
from h2static.logs.errors import ErrorLog
from h2static.server.connections import Connections
from h2static.server.entrance import HTTP1, HTTP2, Entrance
from h2static.server.limits import ServerLimits
from h2static.server.link import Link, Phase
from h2static.server.poller import READABLE, WRITABLE, Poller, make_poller
from h2static.server.pool import Pool
from h2static.server.timers import NEVER, Timed, Timers
from h2static.site.config import SiteConfig
from tests.support.applications import PiecesBody
from tests.support.engines import (
    LineEngine,
    LineEngines,
    LineExchange,
    PathApplication,
    text,
)
from tests.support.processes import wait_until

LIMITS = ServerLimits(turn_output=50_000, linger_octets=10)
LARGE = 2_000_000


class Loop:
    """What a driver does, step by step."""

    def __init__(self, folder: Path, limits: ServerLimits = LIMITS) -> None:
        self.path = folder / "log"
        self.log = ErrorLog(str(self.path))
        self.poller: Poller = make_poller()
        self.timers: Timers[Timed] = Timers(lambda: self.connections.now)
        self.pool = Pool(lambda reason: None)
        self.emptied = 0
        self.roused = 0
        self.connections = Connections(
            self.poller,
            self.timers,
            self.log,
            pool=self.pool,
            console=Console(Config(port=0, no_tls=True, site=SiteConfig(root=str(folder)))),
            rouse=self._rouse,
            emptied=self._empty,
            limits=limits,
        )
        self.connections.now = 1000.0
        self.application = PathApplication(
            {b"/large": lambda exchange: exchange.respond(text(bytes(LARGE)))}
        )
        self.engines = LineEngines(self.application)
        self._sockets: list[socket.socket] = []

    def _rouse(self) -> None:
        self.roused += 1

    def _empty(self) -> None:
        self.emptied += 1

    def connect(self, phase: Phase = Phase.SNIFF) -> tuple[Link, socket.socket]:
        """A client, and the link to it."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.settimeout(5)
        self._sockets += [ours, theirs]
        entrance = Entrance(socket=ours, engines=self.engines, application=self.application)
        link = Link(ours, entrance, self.connections.now)
        link.move(phase)
        self.connections.admit(link)
        return link, theirs

    def speak(self, line: bytes = b"/") -> tuple[Link, socket.socket, LineEngine]:
        """A client whose first line was answered."""
        link, client = self.connect()
        client.sendall(line + b"\n")
        self.go_on()
        return link, client, self.engines.made[-1][2]

    def go_on(self) -> None:
        """Have everything that can be done be done."""
        for _ in range(1_000):
            events = self.poller.poll(0, 100)
            if not events and not self.connections.ready:
                return
            self.connections.handshakes = 4
            for descriptor, event in events:
                link = self.connections.links[descriptor]
                if event & WRITABLE:
                    self.connections.queue(link)
                if event & READABLE and self.connections.read(link):
                    self.connections.guarded(link, self.connections.take)
            for _ in range(len(self.connections.ready)):
                link = self.connections.ready.popleft()
                link.queued = False
                self.connections.guarded(link, self.connections.turn)
        raise AssertionError("it never comes to rest")

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.connections.now += seconds
        for owner in self.timers.due(self.connections.now):
            assert isinstance(owner, Link)
            self.connections.guarded(owner, self.connections.check)

    def errors(self) -> list[str]:
        """What was logged, without the time."""
        return [line.partition("[")[2] for line in self.path.read_text().splitlines()]

    def close(self) -> None:
        self.connections.close_all()
        for one in self._sockets:
            one.close()
        self.pool.close()
        self.poller.close()
        self.log.close()


@pytest.fixture
def loop(tmp_path: Path) -> Iterator[Loop]:
    one = Loop(tmp_path)
    yield one
    one.close()


def at(link: Link) -> Phase:
    """Where a link stands by now."""
    return link.phase


def closed(client: socket.socket) -> bool:
    """Whether the server has closed."""
    client.setblocking(False)
    try:
        return client.recv(1) == b""
    except BlockingIOError:
        return False
    except ConnectionResetError:
        return True


# ---------------------------------------------------------------------- opening


@pytest.mark.parametrize("phase", [Phase.SNIFF, Phase.PROXY, Phase.HANDSHAKE])
def test_who_says_nothing_is_not_waited_for(loop: Loop, phase: Phase) -> None:
    link, client = loop.connect(phase)
    loop.wait(9.99)
    assert link.phase is phase
    loop.wait(0.02)
    assert at(link) is Phase.CLOSED
    assert closed(client)
    assert loop.errors() == ["connection] unix: no request before the timeout"]
    assert loop.connections.counters()["limit_hits"] == 1
    assert loop.emptied == 1


def test_some_octets_do_not_give_more_time(loop: Loop) -> None:
    link, client = loop.connect()
    loop.wait(9)
    client.sendall(b"P")
    loop.go_on()
    assert at(link) is Phase.SNIFF
    loop.wait(1.5)
    # Who understands it most likely may answer, and knows that the time is over.
    ((protocol, made, _),) = loop.engines.made
    assert (protocol, made.now) == (HTTP1, 1000.0)


def test_a_last_word_is_waited_for_when_the_server_drains(loop: Loop) -> None:
    link, _ = loop.connect()
    late, _ = loop.connect()
    loop.wait(0.1)
    loop.connections.drain()
    loop.wait(0.99)
    assert at(link) is Phase.SNIFF
    loop.wait(0.02)
    assert (at(link), at(late)) == (Phase.CLOSED, Phase.CLOSED)
    assert loop.errors() == []
    assert loop.connections.counters()["limit_hits"] == 0


def test_draining_gives_nobody_more_time(loop: Loop) -> None:
    link, _ = loop.connect()
    loop.wait(9.5)
    loop.connections.drain()
    loop.wait(0.51)
    assert at(link) is Phase.CLOSED


def test_who_comes_while_the_server_drains_is_drained_first(loop: Loop) -> None:
    link, client = loop.connect()
    loop.connections.drain()
    client.sendall(b"/last\n")
    loop.go_on()
    assert loop.engines.made[0][2].drained
    assert client.recv(100) == b"200 /last\n"
    assert at(link) is Phase.LINGER


def test_a_client_that_goes_before_it_says_what_it_speaks(loop: Loop) -> None:
    link, client = loop.connect()
    client.close()
    loop.go_on()
    assert at(link) is Phase.CLOSED
    assert loop.errors() == []


# ---------------------------------------------------------------------- an engine's deadlines


def test_an_idle_connection_has_no_timer(loop: Loop) -> None:
    link, client, engine = loop.speak()
    assert client.recv(100) == b"200 /\n"
    assert engine.deadline() is None
    assert link.deadline == NEVER
    loop.wait(1e6)
    assert at(link) is Phase.OPEN


def test_a_deadline_of_an_engine_is_kept_to(loop: Loop) -> None:
    _, client, engine = loop.speak(b"wait 0.003")
    loop.wait(0.002)
    client.setblocking(False)
    with pytest.raises(BlockingIOError):
        client.recv(100)
    loop.wait(0.0011)
    assert client.recv(100) == b"checked\n"
    assert engine.due is None


def test_a_deadline_that_an_exchange_brings_counts_from_its_turn_on(loop: Loop) -> None:
    link, _, engine = loop.speak()
    engine.due = loop.connections.now + 3
    loop.connections.queue(link)
    loop.go_on()
    assert link.deadline == loop.connections.now + 3


def test_an_engine_with_slack_is_asked_when_it_is_looked_at(loop: Loop) -> None:
    """And what begins meanwhile is not forgotten, though the deadline of before was far away."""
    link, client, engine = loop.speak()
    engine.slack = 0.5
    now = loop.connections.now
    engine.due = now + 0.4
    loop.connections.queue(link)
    loop.go_on()
    assert link.deadline == now + 0.4
    # Idle again: a later deadline, then an earlier one, which it is not asked for.
    engine.due = now + 180
    client.sendall(b"/a\n")
    loop.go_on()
    loop.wait(0.3)
    engine.due = now + 5
    client.sendall(b"/b\n")
    loop.go_on()
    loop.wait(0.11)
    assert link.deadline == now + 5


def test_an_engine_that_wants_to_be_asked_at_once_waits_a_moment(loop: Loop) -> None:
    link, _, engine = loop.speak()
    engine.check = lambda now: None  # type: ignore[method-assign]  # it never has enough
    engine.due = loop.connections.now - 1
    loop.connections.queue(link)
    loop.go_on()
    loop.wait(0)
    assert link.deadline > loop.connections.now


# ---------------------------------------------------------------------- a socket that takes nothing


def test_a_peer_that_takes_nothing(loop: Loop) -> None:
    link, client, engine = loop.speak(b"/large")
    assert link.events & WRITABLE
    assert not loop.connections.ready, "nothing can be done until it takes something"
    before = engine.output_octets
    loop.wait(59.9)
    assert at(link) is Phase.OPEN
    assert engine.output_octets == before
    loop.wait(0.2)
    assert at(link) is Phase.CLOSED
    assert engine.abandoned
    assert loop.errors() == ["connection] unix: peer stopped reading"]
    assert loop.connections.counters()["limit_hits"] == 1
    client.close()


def test_a_slow_reader_is_waited_for(loop: Loop) -> None:
    """Some octets now and then are progress for a socket."""
    _, client, _ = loop.speak(b"/large")
    received = 0
    while received < LARGE + 5:
        received += len(client.recv(100_000))
        loop.wait(50)
        loop.go_on()
    assert received == LARGE + 5
    assert loop.errors() == []


def test_content_goes_on_when_sending_has_made_room(loop: Loop) -> None:
    """An engine may have nothing to read for as long as its output waits."""
    pieces: list[bytes | None] = [bytes(100_000)] * 40
    body = PiecesBody(pieces, None)
    loop.application.paths[b"/pieces"] = lambda exchange: exchange.respond(
        Response(status=200, fields=(), body=body)
    )
    link, client = loop.connect()
    client.sendall(b"/\n")
    loop.go_on()
    engine = loop.engines.made[-1][2]
    engine.reads_when_empty = True
    received = len(client.recv(1_000))
    client.sendall(b"/pieces\n")
    while received < 4_000_000:
        loop.go_on()
        # No time passes: nothing but what was sent may give the link another turn.
        received += len(client.recv(1_000_000))
    assert link.engine is engine


def test_what_was_taken_before_is_no_excuse(loop: Loop) -> None:
    """A connection that was quick for hours, and then takes nothing."""
    link, client, _ = loop.speak()
    loop.wait(10_000)
    client.sendall(b"/large\n")
    loop.go_on()
    loop.wait(59.9)
    assert at(link) is Phase.OPEN
    loop.wait(0.2)
    assert at(link) is Phase.CLOSED


class Thousands:
    """A body of so many pieces of 1000 octets, and a reading of it."""

    length = None
    reuses_buffer = False

    def __init__(self, pieces: int) -> None:
        self.left = pieces

    def open(self) -> BodyReader:
        return self

    def read(self, size: int) -> bytes:
        if not self.left:
            return b""
        self.left -= 1
        return bytes(1_000)

    def wait(self, wake: Callable[[], None]) -> None:
        raise AssertionError("nothing is waited for")

    def trailers(self) -> Fields:
        return ()

    def close(self) -> None:
        """Nothing is held."""


@pytest.mark.parametrize("crowded", [False, True])
def test_a_turn_ends_and_others_have_theirs(tmp_path: Path, crowded: bool) -> None:
    few, many = (3_000, 50_000) if crowded else (1_000, 3_000)
    loop = Loop(tmp_path, ServerLimits(turn_output=few, lone_turn_output=many))
    loop.connections.crowded = crowded
    body = Thousands(10)
    response = Response(status=200, fields=(), body=body)
    loop.application.paths[b"/long"] = lambda exchange: exchange.respond(response)
    link, client = loop.connect()
    client.sendall(b"/long\n")
    assert loop.connections.read(link)
    loop.connections.guarded(link, loop.connections.take)
    assert list(loop.connections.ready) == [link]
    assert 3_000 <= len(client.recv(100_000)) <= 4_000
    loop.go_on()
    assert body.left == 0
    loop.close()


# ---------------------------------------------------------------------- the end


def test_the_end_is_waited_for(loop: Loop) -> None:
    link, client, engine = loop.speak(b"quit")
    assert at(link) is Phase.LINGER
    assert engine.abandoned
    assert link.engine is None
    assert client.recv(100) == b"", "the end of what we send"
    client.sendall(b"12345")
    loop.go_on()
    assert at(link) is Phase.LINGER
    client.close()
    loop.go_on()
    assert at(link) is Phase.CLOSED


def test_the_end_is_not_waited_for_for_long(loop: Loop) -> None:
    link, _, _ = loop.speak(b"quit")
    loop.wait(0.9)
    assert at(link) is Phase.LINGER
    loop.wait(0.2)
    assert at(link) is Phase.CLOSED
    assert loop.errors() == []


def test_what_comes_after_the_end_is_discarded_within_bounds(loop: Loop) -> None:
    link, client, _ = loop.speak(b"quit")
    client.sendall(b"x" * 10)
    loop.go_on()
    assert at(link) is Phase.LINGER
    client.sendall(b"x")
    loop.go_on()
    assert at(link) is Phase.CLOSED


def test_what_the_peer_did_wrong_is_reported_once(loop: Loop) -> None:
    link, client = loop.connect()
    loop.engines.protocols = (HTTP2,)
    client.sendall(b"GET / HTTP/1.1\r\n")
    loop.go_on()
    assert at(link) is Phase.LINGER
    assert loop.errors() == ["connection] unix: not HTTP/2: no connection preface"]
    assert loop.connections.counters()["violations"] == 1


def test_a_bug_ends_one_connection(loop: Loop) -> None:
    _, other, _ = loop.speak()
    link, _, _ = loop.speak(b"fail")
    assert at(link) is Phase.CLOSED
    assert loop.errors() == ["internal] unix: Failure: as the client asked (connection closed)"]
    other.sendall(b"/still\n")
    loop.go_on()
    assert other.recv(100) == b"200 /\n200 /still\n"


def test_a_hang_up(loop: Loop) -> None:
    link, client, engine = loop.speak()
    client.close()
    loop.go_on()
    assert at(link) is Phase.CLOSED
    assert engine.abandoned


# ---------------------------------------------------------------------- turns


def test_an_exchange_that_is_used_later_gets_a_turn(loop: Loop) -> None:
    waiting: list[LineExchange] = []
    loop.application.paths[b"/later"] = waiting.append
    _, client, _ = loop.speak(b"/later")
    roused = loop.roused
    waiting[0].respond(text(b"at last"))
    assert loop.roused == roused + 1, "the loop may sleep"
    client.setblocking(False)
    with pytest.raises(BlockingIOError):
        client.recv(1)
    loop.go_on()
    assert client.recv(100) == b"200 at last\n"


def test_an_exchange_that_is_used_when_its_client_is_gone(loop: Loop) -> None:
    waiting: list[LineExchange] = []
    loop.application.paths[b"/later"] = waiting.append
    link, client, _ = loop.speak(b"/later")
    client.close()
    loop.go_on()
    assert at(link) is Phase.CLOSED
    waiting[0].respond(text(b"at last"))
    loop.go_on()


def test_a_backlog_is_worked_off_in_turns(loop: Loop) -> None:
    link, client, engine = loop.speak()
    engine.lines_a_turn = 2
    client.sendall(b"/a\n" * 5)
    assert loop.connections.read(link)
    loop.connections.guarded(link, loop.connections.take)
    assert client.recv(100) == b"200 /\n200 /a\n200 /a\n"
    assert list(loop.connections.ready) == [link]
    loop.go_on()
    assert client.recv(100) == b"200 /a\n" * 3


def test_a_job_comes_back_to_its_client(loop: Loop) -> None:
    loop.application.paths[b"/work"] = lambda exchange: exchange.work(lambda: text(b"done"))
    _, client, _ = loop.speak(b"/work")
    wait_until(lambda: loop.pool.posted == 1, "the job")
    loop.pool.run_posted()
    loop.go_on()
    assert client.recv(100) == b"200 done\n"


def test_counters_of_those_who_are_gone_are_kept(loop: Loop) -> None:
    loop.speak(b"/a\n/b\ncancel 1")
    _, client, _ = loop.speak(b"/c")
    client.close()
    loop.go_on()
    counters = loop.connections.counters()
    assert counters == {
        "requests": 3,
        "resets": 1,
        "limit_hits": 0,
        "violations": 0,
        "accepted": 2,
        "connections": 1,
        "streams": 0,
    }
