"""Well-behaved clients: what they ask for is answered, asked again where that is right, or lost.

Promise: a visit makes one connection after the other until it has asked as often as it should, and
writes what became of each request into the ledger.  Asked again is what RFC 9113 section 8.7 and
RFC 9110 section 9.2.2 allow: what a GOAWAY leaves out, and what a connection that was used before
ends without a word about.
"""

from __future__ import annotations

import contextlib
import http.client
import random
import socket
import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from h2static import h2
from tests.soak.ledger import Ledger, Line
from tests.soak.pages import Ask, AskMaker

#: Seconds without an octet after which an answer is lost.
PATIENCE: Final = 45.0
_PIECE: Final = 65_536
#: Octets that a slow reader takes at once.
_SIP: Final = 16_384


@dataclass(slots=True, kw_only=True, frozen=True)
class Target:
    """A server as clients see it; ``tls`` offers a protocol by ALPN."""

    port: int
    tls: Callable[[str], ssl.SSLContext] | None

    def connect(self, protocol: str, *, small: bool) -> tuple[socket.socket, int]:
        """A connection and its port; ``small``: with little room for what comes."""
        plain = socket.socket()
        try:
            plain.settimeout(PATIENCE)
            if small:
                plain.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SIP)
            plain.connect(("127.0.0.1", self.port))
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            plain.close()
            raise
        return plain, plain.getsockname()[1]

    def wrap(self, plain: socket.socket, protocol: str) -> socket.socket:
        """The same over TLS, where the server speaks it."""
        if self.tls is None:
            return plain
        return self.tls(protocol).wrap_socket(plain, server_hostname="127.0.0.1")


@dataclass(slots=True, kw_only=True)
class Errand:
    """Requests that are still to be made."""

    kind: str
    make: AskMaker
    left: int
    ledger: Ledger
    chance: random.Random
    #: Octets a second that are read; 0: as fast as they come.
    rate: int = 0
    concurrency: int = 1

    def next(self) -> Ask | None:
        """The next request."""
        if not self.left:
            return None
        self.left -= 1
        return self.make(self.chance)

    def put_back(self, count: int = 1) -> None:
        """Requests that were not processed."""
        self.left += count
        self.ledger.ask_again(self.kind, count)

    def line(self, target: Target, client: int, opened: float) -> Line:
        """A connection that was made for it."""
        return Line(kind=self.kind, server=target.port, client=client, opened=opened)

    def pause(self, octets: int) -> None:
        """As long as a slow reader takes for ``octets``."""
        if self.rate:
            time.sleep(octets / self.rate)


class Visit(Protocol):
    """Does an errand."""

    def __call__(self, target: Target, errand: Errand) -> None: ...


def _connected(target: Target, errand: Errand, protocol: str) -> tuple[socket.socket, Line] | None:
    """A connection; a server that takes none loses a request."""
    opened = time.monotonic()
    line = errand.line(target, 0, opened)
    try:
        plain, port = target.connect(protocol, small=errand.rate > 0)
        line = errand.line(target, port, opened)
        return target.wrap(plain, protocol), line
    except OSError as error:
        errand.left -= 1
        errand.ledger.lose(line, 1, f"connect: {error!r}")
        return None


# ---------------------------------------------------------------------- HTTP/2


@dataclass(slots=True, kw_only=True)
class _Pending:
    ask: Ask
    status: int = 0
    parts: list[bytes] = field(default_factory=list)


def http2(target: Target, errand: Errand) -> None:
    """See :class:`Visit`."""
    while errand.left > 0:
        made = _connected(target, errand, "h2")
        if made is not None:
            with made[0]:
                _Http2Line(target, errand, *made).run()


class _Http2Line:
    """One connection."""

    def __init__(self, target: Target, errand: Errand, sock: socket.socket, line: Line) -> None:
        self._errand = errand
        self._socket = sock
        self._line = line
        self._scheme = b"http" if target.tls is None else b"https"
        self._authority = b"127.0.0.1:%d" % target.port
        self._connection = h2.Connection(h2.CLIENT)
        self._open: dict[int, _Pending] = {}
        self._asked = False
        self._reason = "the connection ended"

    def run(self) -> None:
        """Ask until there is nothing more to ask, or the connection ends."""
        try:
            while self._go_on():
                data = self._socket.recv(_SIP if self._errand.rate else _PIECE)
                events = self._connection.receive(data) if data else self._connection.receive_eof()
                for event in events:
                    self._take(event)
                if not data:
                    break
                self._errand.pause(len(data))
        except OSError as error:
            self._reason = f"{error!r}"
            for event in self._connection.receive_eof():
                self._take(event)
        if self._open:
            self._errand.ledger.lose(self._line, len(self._open), self._reason)

    def _go_on(self) -> bool:
        """Send what there is to send; whether anything is expected."""
        connection, errand = self._connection, self._errand
        while connection.room_for_requests and len(self._open) < errand.concurrency:
            ask = errand.next()
            if ask is None:
                break
            request = h2.Request(
                method=ask.method.encode(),
                scheme=self._scheme,
                authority=self._authority,
                path=ask.path.encode(),
                fields=ask.fields,
            )
            self._open[connection.request(request, ask.body)] = _Pending(ask=ask)
            self._asked = True
        while octets := connection.octets_to_send():
            # Who cannot send may still have answers to read.
            with contextlib.suppress(ConnectionError):
                self._socket.sendall(octets)
        return bool(self._open) or (errand.left > 0 and not self._is_left)

    @property
    def _is_left(self) -> bool:
        """Whether the server takes no more requests here."""
        return self._connection.closed or (self._asked and not self._connection.room_for_requests)

    def _take(self, event: h2.Event) -> None:
        match event:
            case h2.ResponseReceived():
                self._open[event.stream_id].status = event.status
            case h2.DataReceived():
                self._open[event.stream_id].parts.append(event.data)
                self._connection.acknowledge(event.stream_id)
            case h2.MessageEnded():
                pending = self._open.pop(event.stream_id)
                problem = pending.ask.check(pending.status, b"".join(pending.parts))
                self._errand.ledger.answer(self._errand.kind, problem)
            case h2.StreamEnded(may_retry=True) if event.stream_id in self._open:
                del self._open[event.stream_id]
                self._errand.put_back()
            case h2.StreamEnded() if event.stream_id in self._open:
                del self._open[event.stream_id]
                self._errand.ledger.lose(self._line, 1, event.reason)
            case h2.ConnectionEnded(problem=str(problem)):
                self._reason = problem
            case _:
                pass


# ---------------------------------------------------------------------- HTTP/1.1


def http1(target: Target, errand: Errand) -> None:
    """See :class:`Visit`."""
    while errand.left > 0:
        made = _connected(target, errand, "http/1.1")
        if made is None:
            continue
        sock, line = made
        connection = http.client.HTTPConnection("127.0.0.1", target.port)
        connection.sock = sock
        connection.auto_open = 0
        try:
            _http1_line(connection, errand, line)
        finally:
            connection.close()
            sock.close()


def _http1_line(connection: http.client.HTTPConnection, errand: Errand, line: Line) -> None:
    """Ask on one connection until it ends or there is nothing more to ask."""
    used = False
    while connection.sock is not None and (ask := errand.next()) is not None:
        response = None
        try:
            # Who does not want the content may answer and close while it is sent.
            with contextlib.suppress(ConnectionError):
                fields = {name.decode(): value.decode() for name, value in ask.fields}
                connection.request(ask.method, ask.path, ask.body or None, fields)
            response = connection.getresponse()
            octets = _read(response, errand)
        except (OSError, http.client.HTTPException) as error:
            if used and response is None:
                errand.put_back()
            else:
                errand.ledger.lose(line, 1, f"{error!r}")
            return
        errand.ledger.answer(errand.kind, ask.check(response.status, octets))
        used = True


def _read(response: http.client.HTTPResponse, errand: Errand) -> bytes:
    if not errand.rate:
        return response.read()
    parts: list[bytes] = []
    # "read" with a size says nothing of an end that comes too early.
    left = int(response.headers["content-length"])
    while left:
        part = response.read(min(_SIP, left))
        if not part:
            raise http.client.IncompleteRead(b"".join(parts), left)
        parts.append(part)
        left -= len(part)
        errand.pause(len(part))
    return b"".join(parts)
