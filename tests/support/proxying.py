"""Proxies and backends in threads of the test's own process.

Promise: :func:`proxying` serves upstreams below prefixes on 127.0.0.1, by HTTP/2 and HTTP/1.1 in
cleartext.  A :class:`Backend` writes down every octet that it gets and reads requests with a parser
of its own, stricter than any server's: what it cannot read fails the test.  All of it has ended
when the block ends.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from h2static.assembly import make_entrances
from h2static.config import Config
from h2static.documents import put_together
from h2static.http.fields import Field
from h2static.http.shared import Shared
from h2static.http2 import registry as r
from h2static.http2.frames import Data, Headers, RstStream, WindowUpdate
from h2static.logs.access import AccessLog
from h2static.logs.console import Console
from h2static.logs.errors import ErrorLog
from h2static.proxy.application import ProxyApplication
from h2static.proxy.config import ProxyConfig, parse_target
from h2static.proxy.limits import DEFAULT_LIMITS, ProxyLimits
from h2static.server.driver import SPIN_SECONDS, Driver
from h2static.server.limits import DEFAULT_LIMITS as SERVER_LIMITS
from h2static.server.pool import Pool
from h2static.site.config import SiteConfig
from h2static.site.refusals import Refusals
from h2static.websocket.handshake import PROTOCOL
from tests.support.fake_server import FakeServer, Visitor, fake_server
from tests.support.in_thread import InThread
from tests.support.processes import DEADLINE, wait_until

#: What :func:`proxying` calls itself in Via.
PSEUDONYM = "test-proxy"


def to(prefix: str, *targets: str, **options: object) -> ProxyConfig:
    """What ``prefix`` is passed on to."""
    return ProxyConfig(
        prefix=prefix,
        targets=tuple(map(parse_target, targets)),
        **options,  # type: ignore[arg-type]  # as a test says
    )


@dataclass(slots=True, kw_only=True)
class Proxying(InThread):
    """A proxy that runs."""

    port: int
    log: Path
    pool: Pool
    driver: Driver
    proxies: tuple[ProxyApplication, ...]

    def links(self) -> list[tuple[str, int]]:
        """Protocol and requests under way of each connection to an upstream."""
        found: list[tuple[str, int]] = []

        def look() -> None:
            for proxy in self.proxies:
                for upstream in proxy.upstreams:
                    found.extend((one.protocol, one.under_way) for one in upstream.links)

        self.in_thread(look)
        return sorted(found)


@contextlib.contextmanager
def proxying(
    *configs: ProxyConfig,
    limits: ProxyLimits = DEFAULT_LIMITS,
    dev: bool = False,
    trusted: Sequence[str] = (),
    access_log: AccessLog | None = None,
    spin: float = SPIN_SECONDS,
) -> Iterator[Proxying]:
    """Serve ``configs``; ``trusted``: proxies that are believed."""
    made = Config(port=0, no_tls=True, site=SiteConfig(root="."), trusted_proxies=tuple(trusted))
    shared = Shared(journal=None if access_log is None else [])
    refusals = Refusals()
    with tempfile.NamedTemporaryFile(prefix="errors") as log:
        error_log = ErrorLog(log.name)
        proxies = {
            one.prefix: ProxyApplication(
                one,
                refuse=refusals.refuse,
                report=lambda text: error_log.report("upstream", "", text),
                dev=dev,
                limits=limits,
            )
            for one in configs
        }
        listener = socket.create_server(("127.0.0.1", 0))
        application, _ = put_together(None, {}, proxies)
        entrances = make_entrances(
            made, [listener], application, shared, protocols=frozenset((PROTOCOL,))
        )
        pool = Pool(lambda text: error_log.report("internal", "", text), 1)
        driver = Driver(
            entrances,
            shared,
            error_log,
            pool=pool,
            console=Console(made),
            access_log=access_log,
            trusted_proxies=made.trusted_proxies,
            spin=spin,
            limits=SERVER_LIMITS,
        )

        async def main() -> None:
            async with anyio.create_task_group() as tasks:
                for one in proxies.values():
                    one.attach(driver.descriptors, pool.post, PSEUDONYM, shared)
                    tasks.start_soon(one.run)
                await driver.run()
                tasks.cancel_scope.cancel()

        port = listener.getsockname()[1]
        thread = threading.Thread(target=lambda: anyio.run(main), daemon=True)
        thread.start()
        one = Proxying(
            port=port,
            log=Path(log.name),
            pool=pool,
            driver=driver,
            proxies=tuple(proxies.values()),
        )
        try:
            yield one
        finally:
            pool.post(driver.close_all)
            thread.join(DEADLINE)
            assert not thread.is_alive()
            text = one.errors()
            error_log.close()
        # A mistake of ours has the name of an exception.
        assert "Error" not in text, text


# ---------------------------------------------------------------------- backends


@dataclass(slots=True, kw_only=True)
class Asked:
    """A request that a backend has got."""

    method: bytes
    path: bytes
    #: Host, or ``:authority``.
    authority: bytes
    #: Without that.
    fields: list[Field]
    body: bytes = b""
    trailers: list[Field] = field(default_factory=list)
    #: ``:scheme`` and ``:protocol`` of HTTP/2.
    scheme: bytes = b""
    protocol: bytes = b""
    #: The request did not become whole.
    broken: bool = False

    def get(self, name: bytes) -> bytes | None:
        """The value of the one field ``name``."""
        values = [value for key, value in self.fields if key == name]
        assert len(values) <= 1, f"{name!r} is repeated: {values}"
        return values[0] if values else None


_REQUEST_LINE = re.compile(
    rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+) (/[\x21-\x22\x24-\x5b\x5d-\x7e]*|\*)"
    rb" HTTP/1\.1\r\n"
)
_FIELD_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9a-z]+): ([\t\x20-\x7e\x80-\xff]*)\r\n")
_CHUNK_LINE = re.compile(rb"([0-9a-f]{1,8})\r\n")


class Request1:
    """Reads one request of HTTP/1.1 from a visitor, and nothing that is not one."""

    def __init__(self, visitor: Visitor) -> None:
        self._visitor = visitor

    def head(self) -> Asked | None:
        """The head; ``None``: the connection has ended before one began."""
        try:
            line = self._visitor.read_until(b"\n")
        except EOFError as error:
            if str(error):
                raise
            return None
        match = _REQUEST_LINE.fullmatch(line)
        assert match is not None, f"not a request line: {line!r}"
        fields = self.fields()
        hosts = [value for name, value in fields if name == b"host"]
        assert len(hosts) == 1, f"not one Host: {fields}"
        others = [one for one in fields if one[0] != b"host"]
        return Asked(method=match[1], path=match[2], authority=hosts[0], fields=others)

    def fields(self) -> list[Field]:
        """A field section up to its empty line."""
        found = []
        while (line := self._visitor.read_until(b"\n")) != b"\r\n":
            match = _FIELD_LINE.fullmatch(line)
            assert match is not None, f"not a field line: {line!r}"
            found.append((match[1], match[2]))
        return found

    def body(self, asked: Asked) -> None:
        """The content, by the one framing that there is."""
        lengths = [value for name, value in asked.fields if name == b"content-length"]
        codings = [value for name, value in asked.fields if name == b"transfer-encoding"]
        assert len(lengths) + len(codings) <= 1, f"two ways to find the end: {asked.fields}"
        try:
            if lengths:
                asked.body = self._visitor.read_exactly(int(lengths[0]))
            elif codings:
                assert codings == [b"chunked"]
                self._chunks(asked)
        except (EOFError, ConnectionError):
            asked.broken = True

    def _chunks(self, asked: Asked) -> None:
        while True:
            match = _CHUNK_LINE.fullmatch(self._visitor.read_until(b"\n"))
            assert match is not None
            size = int(match[1], 16)
            if not size:
                asked.trailers = self.fields()
                return
            asked.body += self._visitor.read_exactly(size)
            assert self._visitor.read_exactly(2) == b"\r\n"


@dataclass(slots=True, kw_only=True)
class Backend:
    """A server behind the proxy."""

    #: ``http`` or ``h2c``.
    scheme: str
    server: FakeServer
    #: What was asked, in order; those that did not become whole as well.
    asked: list[Asked]
    #: Connections that were accepted.
    connections: list[Visitor]

    @property
    def target(self) -> str:
        """As a target."""
        return f"{self.scheme}://127.0.0.1:{self.server.port}"

    @property
    def whole(self) -> list[Asked]:
        """What was asked and became whole."""
        return [one for one in self.asked if not one.broken]

    def one(self) -> Asked:
        """The only request."""
        wait_until(lambda: bool(self.asked), "a request")
        assert len(self.asked) == 1, self.asked
        return self.asked[0]


#: Answers a request on its connection; false: the connection is to be closed.
Answer1 = Callable[[Visitor, Asked], bool | None]
#: Answers a request on its stream.
Answer2 = Callable[[Visitor, Asked, int], None]

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: text/plain\r\n\r\nok"


def say_ok(visitor: Visitor, asked: Asked) -> bool:
    """``ok``, without content to HEAD."""
    octets = OK if asked.method != b"HEAD" else OK.removesuffix(b"ok")
    visitor.send(octets)
    return True


def say_octets(octets: bytes, *, last: bool = True) -> Answer1:
    """These octets, and the end of the connection if it is the ``last`` response."""

    def answer(visitor: Visitor, asked: Asked) -> bool:
        visitor.send(octets)
        return not last

    return answer


def say_dripping(octets: bytes, *, last: bool = True) -> Answer1:
    """The same octets one by one."""

    def answer(visitor: Visitor, asked: Asked) -> bool:
        visitor.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for one in octets:
            visitor.send(bytes((one,)))
        return not last

    return answer


@contextlib.contextmanager
def backend1(
    answer: Answer1 = say_ok, *, context: ssl.SSLContext | None = None, body_first: bool = True
) -> Iterator[Backend]:
    """A backend of HTTP/1.1; ``body_first``: it reads content before it answers."""
    asked: list[Asked] = []
    connections: list[Visitor] = []

    def serve(visitor: Visitor) -> None:
        connections.append(visitor)
        reader = Request1(visitor)
        with contextlib.suppress(ConnectionError):
            while (one := reader.head()) is not None:
                if body_first:
                    reader.body(one)
                asked.append(one)
                if one.broken or not answer(visitor, one):
                    return

    with fake_server(serve, context=context) as server:
        yield Backend(
            scheme="http" if context is None else "https",
            server=server,
            asked=asked,
            connections=connections,
        )


def say_ok2(visitor: Visitor, asked: Asked, stream_id: int) -> None:
    """``ok`` on a stream."""
    head = asked.method == b"HEAD"
    fields = ((b":status", b"200"), (b"content-length", b"2"), (b"content-type", b"text/plain"))
    visitor.send(visitor.head(stream_id, *fields, end=head))
    if not head:
        visitor.send(Data(stream_id=stream_id, flags=r.END_STREAM, data=b"ok"))


@contextlib.contextmanager
def backend2(
    answer: Answer2 = say_ok2,
    *,
    settings: Sequence[tuple[int, int]] = (),
    context: ssl.SSLContext | None = None,
    early: bool = False,
    credit: bool = True,
) -> Iterator[Backend]:
    """A backend of HTTP/2; ``early``: it answers before it has the content; ``credit``: it gives
    credit for that."""
    asked: list[Asked] = []
    connections: list[Visitor] = []

    def serve(visitor: Visitor) -> None:
        connections.append(visitor)
        visitor.greet(*settings)
        streams: dict[int, Asked] = {}

        def take(stream_id: int, one: Asked, *, end: bool) -> None:
            if end or (early and stream_id not in answered):
                if end:
                    asked.append(one)
                if stream_id not in answered:
                    answered.add(stream_id)
                    answer(visitor, one, stream_id)

        answered: set[int] = set()
        while (frame := visitor.read_frame()) is not None:
            end = bool(frame.flags & r.END_STREAM)
            if isinstance(frame, Headers):
                decoded = visitor.decoder.decode(frame.fragment, raw=True)
                fields = [(bytes(name), bytes(value)) for name, value in decoded]
                known = streams.get(frame.stream_id)
                if known is not None:
                    known.trailers = fields
                    take(frame.stream_id, known, end=end)
                    continue
                pseudo = {name: value for name, value in fields if name.startswith(b":")}
                one = streams[frame.stream_id] = Asked(
                    method=pseudo.pop(b":method"),
                    path=pseudo.pop(b":path", b""),
                    authority=pseudo.pop(b":authority", b""),
                    scheme=pseudo.pop(b":scheme", b""),
                    protocol=pseudo.pop(b":protocol", b""),
                    fields=[one for one in fields if not one[0].startswith(b":")],
                )
                assert not pseudo, pseudo
                if one.protocol:
                    asked.append(one)
                    answered.add(frame.stream_id)
                    answer(visitor, one, frame.stream_id)
                else:
                    take(frame.stream_id, one, end=end)
            elif isinstance(frame, Data):
                known = streams[frame.stream_id]
                known.body += frame.data
                if frame.data and credit:
                    size = len(frame.data)
                    visitor.send(
                        WindowUpdate(stream_id=0, increment=size),
                        WindowUpdate(stream_id=frame.stream_id, increment=size),
                    )
                take(frame.stream_id, known, end=end)
            elif isinstance(frame, RstStream) and frame.stream_id in streams:
                known = streams[frame.stream_id]
                if known not in asked:
                    known.broken = True
                    asked.append(known)

    with fake_server(serve, context=context) as server:
        yield Backend(
            scheme="h2c" if context is None else "https",
            server=server,
            asked=asked,
            connections=connections,
        )
