"""A server of a real folder, the clients that ask it, and what it holds.

Promise: a :class:`World` is made of the parts of the product, with their own defaults, and listens
on loopback: on cleartext, over TLS, and for a trusted proxy.  Its system calls fail as its
:attr:`World.faults` say.  :meth:`World.rest` says what it holds when it has nothing to do, so that
two of them can be compared.
"""

from __future__ import annotations

import contextlib
import gc
import os
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple, TypeAlias

import anyio

from h2static.assembly import make_entrances
from h2static.config import Config, LogFormat
from h2static.http.shared import Shared
from h2static.http2.limits import Limits
from h2static.logs.access import AccessLog
from h2static.logs.console import Console
from h2static.logs.errors import ErrorLog
from h2static.server.driver import Driver
from h2static.server.entrance import Engines
from h2static.server.limits import ServerLimits
from h2static.server.poller import WRITABLE
from h2static.server.pool import Pool
from h2static.site import Site, SiteConfig
from h2static.site.limits import SiteLimits
from tests.support.certificates import Certificate
from tests.support.faults import Faults, FaultyContext, FaultyListener, FaultyPoller
from tests.support.processes import DEADLINE, wait_until
from tests.support.wire_clients.http1 import Http1Client
from tests.support.wire_clients.http2 import Http2Client
from tests.support.wire_clients.shape import Reply

Protocol: TypeAlias = Literal["h2", "http/1.1"]
Way: TypeAlias = Literal["cleartext", "TLS", "proxied"]

#: Peers from here are balancers.
PROXY = "127.0.0.9"
SMALL = b"small " * 100
#: Larger than any buffer between server and client.
LARGE = bytes(range(256)) * 40_000
#: A small file is held in memory up to this size; an upload likewise.
LIMITS = SiteLimits(small_file=100_000, upload_in_memory=10_000, upload=1_000_000)


class Held(NamedTuple):
    """What a server at rest holds."""

    descriptors: int
    connections: int
    streams: int
    #: Responses, requests, paths and watches that the site remembers.
    remembered: tuple[int, int, int, int]


class Answer(NamedTuple):
    """What a client got; status 0: nothing."""

    status: int
    content: bytes
    #: Whether the message is complete.
    whole: bool


#: Nothing of a response, or not all of it: the client sees that.
ENDED = Answer(0, b"", whole=False)


class Visitor:
    """A client with one connection."""

    def __init__(self, world: World, protocol: Protocol = "h2", way: Way = "cleartext") -> None:
        self._client = Http2Client(Limits().upload_window) if protocol == "h2" else Http1Client()
        source = (PROXY if way == "proxied" else "127.0.0.1", 0)
        port = world.tls_port if way == "TLS" else world.port
        plain = socket.create_connection(("127.0.0.1", port), DEADLINE, source)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket: socket.socket = plain
        self._ended = False
        if way == "proxied":
            plain.sendall(b"PROXY TCP4 192.0.2.7 192.0.2.8 4711 80\r\n")
        elif way == "TLS":
            context = world.certificate.client_context(protocol)
            try:
                self.socket = context.wrap_socket(plain, server_hostname="127.0.0.1")
            except OSError:
                self._ended = True
                plain.close()

    def begin(self, path: str, method: str = "GET", content: bytes = b"") -> Reply:
        """Send a request; what comes of it is read by :meth:`finish`."""
        length = len(content) if content else None
        number = self._client.request(
            method.encode(), path.encode(), (), content=bool(content), length=length
        )
        if content:
            self._client.content(number, content)
            self._client.end(number, ())
        self._send()
        return self._client.replies[number]

    def finish(self, reply: Reply) -> Answer:
        """Read until the response is whole, or broken."""
        while not (reply.whole or reply.broken or self._ended):
            self._receive()
        if not reply.whole:
            return ENDED
        return Answer(reply.status, reply.content, whole=True)

    def ask(self, path: str, method: str = "GET", content: bytes = b"") -> Answer:
        """A request and what comes of it."""
        return self.finish(self.begin(path, method, content))

    def _send(self) -> None:
        octets = self._client.take_output()
        if octets and not self._ended:
            with contextlib.suppress(OSError):
                self.socket.sendall(octets)

    def _receive(self) -> None:
        try:
            data = self.socket.recv(1 << 17)
        except TimeoutError:
            raise AssertionError(f"nothing came for {DEADLINE} s") from None
        except OSError:
            data = b""
        if data:
            self._client.receive(data)
            self._send()
        else:
            self._ended = True
            self._client.closed()

    def wait_for_the_end(self) -> None:
        """Return when the server has closed."""
        while not self._ended:
            self._receive()

    def close(self) -> None:
        """Go."""
        self.socket.close()


@dataclass(slots=True, kw_only=True)
class World:
    """See the module; :func:`running_world` makes one."""

    faults: Faults
    root: Path
    certificate: Certificate
    site: Site
    shared: Shared
    engines: Engines
    driver: Driver
    pool: Pool
    error_log: ErrorLog
    access_log: AccessLog | None
    errors_path: Path
    port: int
    tls_port: int
    thread: threading.Thread
    visitors: list[Visitor]
    #: What ended the driver, if anything did.
    failure: list[BaseException]

    def visit(self, protocol: Protocol = "h2", way: Way = "cleartext") -> Visitor:
        """A new client."""
        visitor = Visitor(self, protocol, way)
        self.visitors.append(visitor)
        return visitor

    def errors(self) -> str:
        """The error log."""
        return self.errors_path.read_text(errors="replace")

    def in_thread(self, action: object) -> None:
        """Have the driver's thread call ``action``; returns when it is done."""
        assert callable(action)
        done = threading.Event()

        def run() -> None:
            action()
            done.set()

        self.pool.post(run)
        assert done.wait(DEADLINE), "the driver is busy or gone"

    def settle(self) -> None:
        """Return when everything that clients have sent was read and answered."""
        for _ in range(3):
            self.in_thread(lambda: None)

    def counters(self) -> dict[str, int]:
        """The driver's."""
        found: dict[str, int] = {}
        self.in_thread(lambda: found.update(self.driver.counters()))
        return found

    def _begin_another_second(self) -> None:
        """Header blocks are remembered for a second, with the responses that they are of."""
        self.shared.date.tick(time.time() + 2)
        self.engines.release()

    def _holds_no_content(self) -> bool:
        """Whether no file of the site is open, and no octets are held but those of the cache."""
        self.in_thread(self.driver.release)
        for name in os.listdir("/proc/self/fd"):
            with contextlib.suppress(FileNotFoundError):
                if os.readlink(f"/proc/self/fd/{name}").startswith(f"{self.root}/"):
                    return False
        memory = self.site.memory
        return memory.held_octets == memory.kept_octets

    def wait_for_rest(self, connections: int = 0) -> None:
        """Return when no more than ``connections`` are open."""
        wait_until(
            lambda: self.counters()["connections"] <= connections, "the connections to be gone"
        )

    def wait_for_a_full_socket(self) -> None:
        """Return when the server waits for one of its two clients to read, or has lost it."""
        waiting: list[bool] = []

        def look() -> None:
            links = self.driver.links
            waiting[:] = [len(links) < 2 or any(link.events & WRITABLE for link in links)]

        def waits() -> bool:
            self.in_thread(look)
            return waiting == [True]

        wait_until(waits, "the server to wait for a client")

    def rest(self) -> Held:
        """What is held once nobody asks for anything: clients go, memories are released."""
        for visitor in self.visitors:
            visitor.close()
        self.visitors.clear()
        self.wait_for_rest()
        self.in_thread(self.site.forget)
        gc.collect()
        self.in_thread(self._begin_another_second)
        wait_until(self._holds_no_content, "every response to be forgotten")
        counters = self.counters()
        return Held(
            descriptors=len(os.listdir("/dev/fd")),
            connections=counters["connections"],
            streams=counters["streams"],
            remembered=self.site.memory[:4],
        )

    def is_well(self) -> None:
        """New clients of all kinds are served."""
        ways: tuple[tuple[Protocol, Way], ...] = (("h2", "cleartext"), ("http/1.1", "TLS"))
        for protocol, way in ways:
            visitor = self.visit(protocol, way)
            assert visitor.ask("/small.txt") == Answer(200, SMALL, whole=True)
            visitor.close()


def fill(root: Path) -> None:
    """What there is to ask for."""
    (root / "small.txt").write_bytes(SMALL)
    (root / "large.bin").write_bytes(LARGE)
    (root / "middle.bin").write_bytes(LARGE[:150_000])
    (root / "_headers").write_text("/small.txt\n  x-rule: yes\n")
    (root / "folder").mkdir()
    for number in range(3):
        (root / "folder" / f"{number}.txt").write_bytes(b"in a folder")
    (root / "link.txt").symlink_to("small.txt")
    # Old enough to have settled.
    past = time.time() - 1000
    for path in root.rglob("*"):
        os.utime(path, (past, past), follow_symlinks=False)


@contextlib.contextmanager
def running_world(
    faults: Faults,
    folder: Path,
    certificate: Certificate,
    *,
    verbose: bool = False,
    access_path: Path | None = None,
) -> Iterator[World]:
    """A server of ``folder / "www"``, a link to a folder that is filled.

    ``access_path``: of an access log.  What waits for it to be written keeps responses and files.
    """
    root = folder / "sites" / "www"
    root.mkdir(parents=True)
    fill(root)
    link = folder / "www"
    link.symlink_to("sites/www")
    site_config = SiteConfig(root=str(link), listing=True, echo_upload=True, netlify=True)
    config = Config(
        port=0, no_tls=True, site=site_config, trusted_proxies=(f"{PROXY}/32",), verbose=verbose
    )
    errors_path = folder / "errors"
    error_log = ErrorLog(str(errors_path))
    access_log = None if access_path is None else AccessLog(str(access_path), LogFormat.JSON)
    limits = ServerLimits(accept_pause_seconds=0.05, linger_seconds=0.3)
    pool = Pool(lambda text: error_log.report("internal", "", text), limits.threads)
    site = Site(
        site_config,
        # What was written just now has settled.
        clock=lambda: time.time() + 10,
        submit=pool.submit,
        limits=LIMITS,
    )
    shared = Shared(journal=None if access_log is None else [])
    listener, tls_listener = (FaultyListener.of(one, faults) for one in _listeners())
    context = FaultyContext.of(certificate.cert, certificate.key, faults)
    (entrance,) = make_entrances(config, [listener], site, shared)
    driver = Driver(
        [entrance, replace(entrance, socket=tls_listener, tls=context)],
        shared,
        error_log,
        pool=pool,
        console=Console(config),
        access_log=access_log,
        trusted_proxies=config.trusted_proxies,
        limits=limits,
        poller=FaultyPoller(faults),
    )
    failure: list[BaseException] = []

    def run() -> None:
        try:
            anyio.run(driver.run)
        except BaseException as error:  # the test looks at it
            failure.append(error)

    world = World(
        faults=faults,
        root=root,
        certificate=certificate,
        site=site,
        shared=shared,
        engines=entrance.engines,
        driver=driver,
        pool=pool,
        error_log=error_log,
        access_log=access_log,
        errors_path=errors_path,
        port=listener.getsockname()[1],
        tls_port=tls_listener.getsockname()[1],
        thread=threading.Thread(target=run, daemon=True),
        visitors=[],
        failure=failure,
    )
    world.thread.start()
    try:
        yield world
    finally:
        for visitor in world.visitors:
            visitor.close()
        pool.post(driver.close_all)
        world.thread.join(DEADLINE)
        assert not world.thread.is_alive(), "the driver goes on"
        if access_log is not None:
            access_log.close()
        error_log.close()


def _listeners() -> tuple[socket.socket, socket.socket]:
    return socket.create_server(("127.0.0.1", 0)), socket.create_server(("127.0.0.1", 0))
