"""Clients of a proxy, of both protocols, by one interface.

Promise: a :class:`Front` asks, and reads what comes back with code that is not the server's.
"""

from __future__ import annotations

import socket
import struct
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, field

from h2static.http.fields import Field
from h2static.http2 import registry as r
from h2static.http2.frames import Data, RstStream
from h2static.http2.registry import ErrorCode
from tests.support.peer import Peer, request_fields
from tests.support.processes import DEADLINE
from tests.support.transports import Wire

HOST = b"front.example"


@dataclass(slots=True, kw_only=True)
class Got:
    """What came back."""

    status: int = 0
    fields: list[Field] = field(default_factory=list)
    body: bytes = b""
    trailers: list[Field] = field(default_factory=list)
    informational: list[tuple[int, list[Field]]] = field(default_factory=list)
    #: It did not become whole.
    broken: bool = False

    def get(self, name: bytes) -> bytes | None:
        """The value of the one field ``name``."""
        values = [value for key, value in self.fields if key == name]
        assert len(values) <= 1, f"{name!r} is repeated"
        return values[0] if values else None


class _Front(ABC):
    """What clients of both protocols have."""

    def ask(
        self,
        path: bytes = b"/a",
        method: bytes = b"GET",
        fields: Iterable[Field] = (),
        body: bytes | None = None,
        *,
        declared: bool = True,
        trailers: Iterable[Field] = (),
    ) -> Got:
        """Ask, and read the response."""
        self.send(path, method, fields, body, declared=declared, trailers=trailers)
        return self.read(method)

    @abstractmethod
    def send(
        self,
        path: bytes = b"/a",
        method: bytes = b"GET",
        fields: Iterable[Field] = (),
        body: bytes | None = None,
        *,
        declared: bool = True,
        trailers: Iterable[Field] = (),
    ) -> None:
        """Ask; the length of ``body`` is said before it if ``declared``."""

    @abstractmethod
    def read(self, method: bytes = b"GET") -> Got:
        """A response."""


class Front1(_Front):
    """HTTP/1.1."""

    name = "h1"
    version = b"1.1"

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), DEADLINE)
        self._buffer = b""

    def send(
        self,
        path: bytes = b"/a",
        method: bytes = b"GET",
        fields: Iterable[Field] = (),
        body: bytes | None = None,
        *,
        declared: bool = True,
        trailers: Iterable[Field] = (),
    ) -> None:
        """Ask; ``body`` as one chunk unless ``declared``."""
        lines = [b"%b %b HTTP/1.1" % (method, path), b"host: " + HOST]
        lines += [b"%b: %b" % one for one in fields]
        octets = body or b""
        if body is not None and declared:
            lines.append(b"content-length: %d" % len(body))
        elif body is not None:
            lines.append(b"transfer-encoding: chunked")
            end = b"".join(b"%b: %b\r\n" % one for one in trailers)
            octets = (
                (b"%x\r\n%b\r\n" % (len(body), body) if body else b"") + b"0\r\n" + end + b"\r\n"
            )
        self.socket.sendall(b"\r\n".join([*lines, b"", b""]) + octets)

    def begin_upload(self, path: bytes = b"/a") -> None:
        """The head of a request with content."""
        self.send(path, b"POST", [(b"transfer-encoding", b"chunked")])

    def upload(self, octets: bytes, *, last: bool = False) -> None:
        """A piece of its content."""
        chunk = b"%x\r\n%b\r\n" % (len(octets), octets) if octets else b""
        self.socket.sendall(chunk + (b"0\r\n\r\n" if last else b""))

    def cancel(self) -> None:
        """Go away; who only ends its side may still wait for a response."""
        linger = struct.pack("ii", 1, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close()

    def _line(self) -> bytes:
        while b"\n" not in self._buffer:
            octets = self.socket.recv(65_536)
            if not octets:
                raise EOFError
            self._buffer += octets
        line, _, self._buffer = self._buffer.partition(b"\n")
        assert line.endswith(b"\r"), line
        return line[:-1]

    def _exactly(self, count: int) -> bytes:
        while len(self._buffer) < count:
            octets = self.socket.recv(65_536)
            if not octets:
                raise EOFError
            self._buffer += octets
        found, self._buffer = self._buffer[:count], self._buffer[count:]
        return found

    def _fields(self) -> list[Field]:
        found = []
        while line := self._line():
            name, _, value = line.partition(b": ")
            found.append((name, value))
        return found

    def read(self, method: bytes = b"GET") -> Got:
        """A response."""
        got = Got()
        try:
            self._read(got, method)
        except (EOFError, ConnectionError):
            got.broken = True
        return got

    def _read(self, got: Got, method: bytes) -> None:
        while True:
            line = self._line()
            assert line.startswith(b"HTTP/1.1 "), line
            status, fields = int(line[9:12]), self._fields()
            if status >= 200:
                break
            got.informational.append((status, fields))
        got.status, got.fields = status, fields
        if method == b"HEAD" or status in (204, 304):
            return
        if got.get(b"transfer-encoding") == b"chunked":
            assert got.get(b"content-length") is None
            while size := int(self._line(), 16):
                got.body += self._exactly(size)
                assert self._exactly(2) == b"\r\n"
            got.trailers = self._fields()
        else:
            size = int(got.get(b"content-length") or b"x")
            try:
                got.body = self._exactly(size)
            except EOFError:
                got.body = self._buffer
                raise

    def read_some(self) -> bytes:
        """Octets that have come."""
        octets, self._buffer = self._buffer, b""
        return octets or self.socket.recv(65_536)

    def push_back(self, octets: bytes) -> None:
        """These are still to be read."""
        self._buffer = octets + self._buffer

    def close(self) -> None:
        """Let go."""
        self.socket.close()


class Front2(_Front):
    """HTTP/2."""

    name = "h2"
    version = b"2.0"

    def __init__(self, port: int) -> None:
        self.wire = Wire(port, seconds=DEADLINE)
        self.peer = Peer(self.wire)
        self.peer.exact = False
        self._next = 1
        self._uploading = 0

    def send(
        self,
        path: bytes = b"/a",
        method: bytes = b"GET",
        fields: Iterable[Field] = (),
        body: bytes | None = None,
        *,
        declared: bool = True,
        trailers: Iterable[Field] = (),
    ) -> None:
        """Ask; without content-length unless ``declared``."""
        stream, self._next = self._next, self._next + 2
        extra = list(fields)
        if body is not None and declared:
            extra.append((b"content-length", b"%d" % len(body)))
        section = request_fields(path, method, *extra, authority=HOST)
        peer = self.peer
        peer.send(peer.headers(stream, section, end_stream=body is None))
        if body is None:
            return
        end = list(trailers)
        for start in range(0, len(body) or 1, 16_384):
            piece = body[start : start + 16_384]
            last = start + 16_384 >= len(body) and not end
            peer.send(Data(stream_id=stream, data=piece, flags=r.END_STREAM if last else 0))
        if end:
            peer.send(peer.headers(stream, end, end_stream=True))

    def begin_upload(self, path: bytes = b"/a") -> None:
        """The head of a request with content."""
        self._uploading, self._next = self._next, self._next + 2
        section = request_fields(path, b"POST", authority=HOST)
        self.peer.send(self.peer.headers(self._uploading, section, end_stream=False))

    def upload(self, octets: bytes, *, last: bool = False) -> None:
        """A piece of its content."""
        self.peer.data(self._uploading, octets, end_stream=last)

    def cancel(self) -> None:
        """Reset the last request."""
        self.peer.send(RstStream(stream_id=self._next - 2, code=ErrorCode.CANCEL))

    def read(self, method: bytes = b"GET") -> Got:
        """The response to the last request."""
        reply = self.peer.reply(self._next - 2)
        got = Got(
            status=reply.status,
            fields=[one for one in reply.fields if not one[0].startswith(b":")],
            body=reply.body,
            trailers=list(reply.trailers or ()),
            informational=[(status, []) for status in reply.informational],
            broken=reply.reset is not None,
        )
        if reply.reset is not None:
            # What broke off never looks complete.
            assert not reply.ended
        return got

    def read_some(self) -> bytes:
        """Content of the last request that has come, once some has."""
        reply = self.peer.streams[self._next - 2].reply
        seen = len(reply.content)
        while len(reply.content) == seen:
            self.peer.pull()
        return bytes(reply.content[seen:])

    def close(self) -> None:
        """Let go."""
        self.wire.close()


Front = Front1 | Front2
FRONTS: tuple[type[Front1] | type[Front2], ...] = (Front1, Front2)
