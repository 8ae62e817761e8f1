"""Servers of one folder that must not differ: one with its memories, one without.

Promise: both get the same octets at the same time, and whatever they send, count, note or keep of a
connection is compared after each delivery.  Files change between deliveries only.

Strategy: "without" is every memory that has a switch, and the bounds that make the others empty:
nothing is known of header sections, header blocks, strings, fields, authorities and responses.
What would be done in a thread is done at once: it is when it was done that the octets depend on
there, not what is remembered.
"""

from __future__ import annotations

import dataclasses
import os
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, Generic, TypeVar

from h2static.http.authority import Authorities
from h2static.http.exchange import Application, Exchange
from h2static.http.journal import Finished
from h2static.http.messages import Client, Request, Response
from h2static.http.shared import Shared
from h2static.http1.connection import ServerConnection as HTTP1Connection
from h2static.http1.memory import Memory
from h2static.http2.limits import Limits
from h2static.http2.service import Service, make_service
from h2static.http2.settings import LocalSettings
from h2static.site import Site, SiteConfig
from h2static.site.contents import content_tag
from h2static.site.limits import SiteLimits
from tests.support.transports import START, WALL_CLOCK, Feed, books, notes

#: What files may hold; what is edited goes from one to another and back.
CONTENTS: Final = (b"first", b"other", b"longer than the others\n" * 30, b"", b"x" * 20_000)
#: The names of the files, and what they hold at first.
FILES: Final = {"index.html": 0, "a.js": 2, "a.js.gz": 1, "empty.txt": 3, "large.txt": 4}
#: One query matters.
RULE: Final = "/ q=1 /a.js 302!\n"
TAGS: Final = tuple(map(content_tag, CONTENTS))
#: Where the application forgets that a response to HEAD has no content.
FORGETFUL: Final = b"/a.js?v=1"
#: Larger files are read while they are sent.
_SMALL_FILE: Final = 10_000
#: So that turns end now and then.
_LIMITS: Final = Limits(turn_output=12_000, output_mark=30_000)
#: Octets of output after which no more content is asked for.
_BUDGET: Final = 100_000


class Folder:
    """The files of both."""

    def __init__(self, root: Path) -> None:
        self.root = root
        #: Seconds since 1970: every file counts as settled.
        self._now = 0.0
        (root / "_redirects").write_text(RULE)
        for name in FILES:
            self.write(name, FILES[name])

    def write(self, name: str, content: int | None) -> None:
        """Have the file hold one of :data:`CONTENTS`; ``None``: it goes."""
        path = self.root / name
        if content is None:
            path.unlink(missing_ok=True)
            return
        # Another file each time, as editors do it: no look finds it half written.
        temporary = self.root / ".new"
        temporary.write_bytes(CONTENTS[content])
        # Times do not depend on when the test runs.
        os.utime(temporary, (1_700_000_000 + content, 1_700_000_000 + content))
        temporary.rename(path)
        self._now = path.stat().st_ctime + 10

    def clock(self) -> float:
        return self._now

    def site(self, *, memories: bool) -> Site:
        limits = SiteLimits(small_file=_SMALL_FILE, **({} if memories else {"key": 0}))
        return Site(
            SiteConfig(root=os.fspath(self.root), netlify=True),
            clock=self.clock,
            limits=limits,
            survey=False,
        )


class AtOnce:
    """A site without threads, which is asked for content even where none may be sent."""

    def __init__(self, site: Site) -> None:
        self.site = site

    def recall(self, request: Request) -> Response | None:
        if request.method == b"HEAD" and request.path == FORGETFUL:
            # RFC 9110 section 9.3.2 is the engine's matter as well.
            request = dataclasses.replace(request, method=b"GET")
        return self.site.recall(request)

    def handle(self, exchange: Exchange) -> None:
        request = exchange.request
        if request.method == b"HEAD" and request.path == FORGETFUL:
            request = dataclasses.replace(request, method=b"GET")
        found = self.site.look(request)
        exchange.respond(found if isinstance(found, Response) else found())

    def refuse(self, status: int, request: Request | None) -> Response:
        return self.site.refuse(status, request)


class HTTP1Feed:
    """A connection of HTTP/1.1, and its driver."""

    def __init__(
        self, application: Application, shared: Shared, memory: Memory, *, secure: bool = False
    ) -> None:
        version = "HTTP/1.1"
        client = Client(host="192.0.2.7", port=50_000, version=version, secure=secure)
        self.now = START
        self.shared = shared
        self.connection = HTTP1Connection(application, client, shared, START, memory=memory)
        self.output = bytearray()
        #: Whether the kernel takes octets from the server.
        self.taking = True
        #: Octets that the server does not want to read now.
        self.waiting: deque[bytes] = deque()

    @property
    def journal(self) -> list[Finished]:
        """What was noted."""
        return self.shared.journal or []

    def deliver(self, octets: bytes) -> None:
        """As the driver: read while the connection wants input, then send."""
        self.waiting.append(octets)
        self.settle()

    def settle(self) -> None:
        """Read, and send, until nothing moves."""
        connection = self.connection
        moved = True
        while moved:
            moved = False
            self.shared.date.tick(WALL_CLOCK + self.now - START)
            if connection.backlog:
                connection.take_turn(self.now)
                moved = True
            while self.waiting and connection.wants_input:
                connection.receive(self.waiting.popleft(), self.now)
                moved = True
            if connection.has_content and connection.output_octets < _BUDGET:
                connection.pump(self.now, _BUDGET)
                moved = True
            blocked, connection.blocked = connection.blocked, []
            for number, reader in blocked:
                reader.wait(partial(connection.unblock, number, self.now))
            if self.taking and connection.output_octets:
                self.output += b"".join(connection.pending())
                connection.sent(connection.output_octets, self.now)
                moved = True

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.connection.check(self.now)
        self.settle()


F = TypeVar("F", Feed, HTTP1Feed)


class Twins(Generic[F]):
    """Connections of both servers: the one with memories first."""

    def __init__(self, folder: Folder) -> None:
        self.sites = [folder.site(memories=memories) for memories in (True, False)]
        self.feeds: list[F] = []
        #: Only the first server gets what comes.
        self.alone = False
        self.connect()

    def make(self) -> list[F]:
        """New connections."""
        raise NotImplementedError

    def connect(self) -> None:
        """New connections, of the servers as they have become."""
        self.feeds = self.make()
        self._each(lambda feed: feed.settle())

    @property
    def closing(self) -> bool:
        return self.feeds[0].connection.closing

    def deliver(self, octets: bytes) -> None:
        """One read."""
        for site in self.sites:
            site.new_batch()
        self._each(lambda feed: feed.deliver(octets))

    def take(self, taking: bool) -> None:
        """Whether the kernel takes octets from now on."""
        for feed in self.feeds:
            feed.taking = taking
        self._each(lambda feed: feed.settle())

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self._each(lambda feed: feed.wait(seconds))

    def drain(self) -> None:
        """The servers are told to stop."""
        self._each(_drain)

    def end_input(self) -> None:
        """The client sends no more."""
        self._each(_end_input)

    def _each(self, action: Callable[[F], None]) -> None:
        fast, plain = self.feeds
        action(fast)
        if self.alone:
            return
        action(plain)
        assert fast.output == plain.output
        assert _state(fast) == _state(plain)
        assert notes(fast.journal) == notes(plain.journal)


def _drain(feed: Feed | HTTP1Feed) -> None:
    feed.connection.drain(feed.now)
    feed.settle()


def _end_input(feed: Feed | HTTP1Feed) -> None:
    feed.connection.receive_eof(feed.now)
    feed.settle()


class HTTP2Twins(Twins[Feed]):
    """Connections of HTTP/2."""

    def __init__(self, folder: Folder, settings: LocalSettings) -> None:
        self._settings = settings
        self._services: list[Service] = []
        super().__init__(folder)

    def make(self) -> list[Feed]:
        if not self._services:
            self._services = [
                self._service(site, memories=memories)
                for site, memories in zip(self.sites, (True, False), strict=True)
            ]
        return [Feed(service) for service in self._services]

    def _service(self, site: Site, *, memories: bool) -> Service:
        shared = Shared()
        shared.date.tick(WALL_CLOCK)
        service = make_service(AtOnce(site), self._settings, _LIMITS, shared, memories=memories)
        if not memories:
            service.authorities = Authorities(octets=-1)
        return service


class HTTP1Twins(Twins[HTTP1Feed]):
    """Connections of HTTP/1.1."""

    def __init__(self, folder: Folder) -> None:
        self._shared = [Shared(), Shared()]
        self.memories = [
            Memory(self._shared[0]),
            Memory(self._shared[1], section_octets=0, response_octets=0),
        ]
        super().__init__(folder)

    def make(self) -> list[HTTP1Feed]:
        for shared in self._shared:
            shared.journal = []
            shared.date.tick(WALL_CLOCK)
        return [
            HTTP1Feed(AtOnce(site), shared, memory)
            for site, shared, memory in zip(self.sites, self._shared, self.memories, strict=True)
        ]


def _state(feed: Feed | HTTP1Feed) -> dict[str, object]:
    """What the driver sees of a connection besides its octets."""
    connection = feed.connection
    if isinstance(feed, Feed):
        kept = feed.connection.buffer
    else:
        kept = bytes(feed.connection._input.octets)
    return {
        **({"books": books(feed.connection)} if isinstance(feed, Feed) else {}),
        "closing": connection.closing,
        "problem": connection.problem,
        "wants input": connection.wants_input,
        "has content": connection.has_content,
        "at rest": connection.at_rest,
        "output": connection.output_octets,
        "open": connection.open_streams,
        "counters": connection.counters,
        "deadline": connection.deadline(),
        "progress": connection.write_progress,
        "kept": kept,
        "waiting": list(feed.waiting),
    }
