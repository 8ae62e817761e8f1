"""A server that is written by hand: it sends what the test wants, legal or not.

Promise: :func:`fake_server` listens on 127.0.0.1 at a free port; each connection is given to the
test's function, in a thread.  A :class:`Visitor` reads the client's frames and sends any octets.
Nothing waits longer than :data:`~tests.support.processes.DEADLINE`; an error of the function fails
the test.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import hpack

from h2static.http.fields import Field
from h2static.http2 import registry as r
from h2static.http2.frames import Frame, Headers, Settings, parse, unpack_header
from tests.support.processes import DEADLINE

F = TypeVar("F", bound=Frame)


class Visitor:
    """A client that has connected."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.encoder = hpack.Encoder()
        self.decoder = hpack.Decoder()
        self.frames: list[Frame] = []
        self._buffer = b""

    # --- octets

    def send(self, *what: Frame | bytes) -> None:
        """Send frames or octets; that the client has gone does not matter."""
        octets = b"".join(one if isinstance(one, bytes) else one.serialize() for one in what)
        with contextlib.suppress(OSError):
            self.socket.sendall(octets)

    def read_until(self, end: bytes) -> bytes:
        """Octets up to ``end``."""
        while end not in self._buffer:
            octets = self.socket.recv(65536)
            self._take(octets)
        found, separator, self._buffer = self._buffer.partition(end)
        return found + separator

    def _take(self, octets: bytes) -> None:
        """Keep ``octets``; raises ``EOFError``, with what had come, where there are none."""
        if not octets:
            raise EOFError(repr(self._buffer) if self._buffer else "")
        self._buffer += octets

    def read_exactly(self, count: int) -> bytes:
        """So many octets."""
        while len(self._buffer) < count:
            octets = self.socket.recv(65536)
            self._take(octets)
        found, self._buffer = self._buffer[:count], self._buffer[count:]
        return found

    def wait_for_end(self) -> None:
        """Wait until the client has gone, whatever it sends."""
        with contextlib.suppress(OSError):
            while self.socket.recv(65_536):
                pass

    # --- HTTP/2

    def greet(self, *settings: tuple[int, int]) -> None:
        """Take the preface, exchange SETTINGS."""
        assert self.read_exactly(len(r.PREFACE)) == r.PREFACE
        self.send(Settings(entries=settings), Settings(flags=r.ACK))

    def read_frame(self) -> Frame | None:
        """The next frame; ``None`` once the client has gone."""
        while True:
            if len(self._buffer) >= r.FRAME_HEADER_SIZE:
                length_type, flags, stream_id = unpack_header(self._buffer, 0)
                end = r.FRAME_HEADER_SIZE + (length_type >> 8)
                if len(self._buffer) >= end:
                    payload = self._buffer[r.FRAME_HEADER_SIZE : end]
                    self._buffer = self._buffer[end:]
                    frame = parse(length_type & 0xFF, flags, stream_id, payload)
                    self.frames.append(frame)
                    return frame
            try:
                octets = self.socket.recv(65536)
            except ConnectionError:
                return None
            if not octets:
                return None
            self._buffer += octets

    def expect(self, kind: type[F]) -> F:
        """The next frame of a kind; others are passed over."""
        while True:
            frame = self.read_frame()
            assert frame is not None, f"the client has gone; it sent {self.frames}"
            if isinstance(frame, kind):
                return frame

    def request(self) -> tuple[int, list[Field]]:
        """The next request's stream and fields."""
        frame = self.expect(Headers)
        fields = self.decoder.decode(frame.fragment, raw=True)
        return frame.stream_id, [(bytes(name), bytes(value)) for name, value in fields]

    def read_to_end(self) -> list[Frame]:
        """All frames that still come."""
        before = len(self.frames)
        while self.read_frame() is not None:
            pass
        return self.frames[before:]

    def head(
        self, stream_id: int, *fields: Field, end: bool = False, flags: int = r.END_HEADERS
    ) -> Headers:
        """A HEADERS frame; not sent yet."""
        block = self.encoder.encode([(name, value) for name, value in fields])
        return Headers(
            stream_id=stream_id, flags=flags | (r.END_STREAM if end else 0), fragment=block
        )


@dataclass(slots=True, kw_only=True)
class FakeServer:
    """A server that listens."""

    port: int
    visitors: list[Visitor] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Its root, without TLS."""
        return f"http://127.0.0.1:{self.port}/"


@contextlib.contextmanager
def fake_server(
    serve: Callable[[Visitor], None], *, context: ssl.SSLContext | None = None
) -> Iterator[FakeServer]:
    """Give each connection to ``serve``; with TLS where there is a ``context``."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = FakeServer(port=listener.getsockname()[1])
    threads: list[threading.Thread] = []

    def visit(sock: socket.socket) -> None:
        sock.settimeout(DEADLINE)
        try:
            with sock:
                if context is not None:
                    sock = context.wrap_socket(sock, server_side=True)
                with sock:
                    visitor = Visitor(sock)
                    server.visitors.append(visitor)
                    serve(visitor)
        except ssl.SSLError:
            # The client did not like the certificate.
            return
        except BaseException as error:
            server.errors.append(error)

    # The last connection is our own.  It ends the accepting, behind those that still wait for it.
    farewell = socket.socket()
    farewell.bind(("127.0.0.1", 0))
    last = farewell.getsockname()

    def accept() -> None:
        while True:
            sock, name = listener.accept()
            if name == last:
                sock.close()
                return
            thread = threading.Thread(target=visit, args=(sock,), daemon=True)
            threads.append(thread)
            thread.start()

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        yield server
    finally:
        with farewell:
            farewell.connect(("127.0.0.1", server.port))
            acceptor.join(DEADLINE)
        listener.close()
        for thread in threads:
            thread.join(DEADLINE)
            assert not thread.is_alive(), "a visitor is still there"
    if server.errors:
        raise server.errors[0]
