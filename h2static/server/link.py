"""One accepted socket: its TLS, its place in the poller, its protocol.

Contract: a :class:`Link` reads and writes its socket without blocking and says what it waits for.
It decides nothing: the driver does.

Strategy: cleartext output goes out with ``sendmsg`` when the pieces are large and joined when they
are small; TLS wants one buffer, and after a write that would block it must be offered the same
octets again.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from enum import IntEnum
from typing import Final

from h2static.logs.frames import FrameLog
from h2static.server.engine import Engine
from h2static.server.poller import READABLE

#: What one read takes: a turn's input.
READ_SIZE: Final = 65_536
#: Pieces of one ``sendmsg``: the system's limit is 1024 (more is EMSGSIZE).
_MOST_PIECES: Final = 1_024
#: Average octets of a piece from which copying them together costs more than naming them.
_LARGE_PIECE: Final = 1_024
#: Octets of one TLS write: full records, and little to copy again after a short write.
_TLS_CHUNK: Final = 131_072
#: The most content of a TLS record (RFC 8446 section 5.1).
_TLS_RECORD: Final = 16_384
#: Linux.
_CORK: Final[int | None] = getattr(socket, "TCP_CORK", None)


class Phase(IntEnum):
    """Where a link stands."""

    PROXY = 0
    HANDSHAKE = 1
    SNIFF = 2
    OPEN = 3
    LINGER = 4
    CLOSED = 5


class Closed(Exception):
    """The peer or the network has ended the connection."""


class Link:
    """An accepted socket."""

    __slots__ = (
        "buffer",
        "cleartext_from_proxy",
        "descriptor",
        "discarded",
        "eof",
        "events",
        "hexdump",
        "host",
        "log",
        "opened_at",
        "peer",
        "phase",
        "phase_since",
        "protocol",
        "queued",
        "read_wants_write",
        "reported",
        "socket",
        "tls",
        "tls_chunk",
        "tls_context",
    )

    def __init__(self, sock: socket.socket, tls_context: ssl.SSLContext | None, now: float) -> None:
        self.socket = sock
        self.descriptor = sock.fileno()
        #: The client's address with its port, and without it, for logs.
        self.peer = "unix"
        self.host = "unix"
        self.tls_context = tls_context
        self.tls: ssl.SSLSocket | None = None
        #: What TLS was offered and has not taken.
        self.tls_chunk = b""
        self.phase = Phase.SNIFF if tls_context is None else Phase.HANDSHAKE
        self.opened_at = self.phase_since = now
        #: Octets that came before the protocol was known.
        self.buffer = b""
        #: https on cleartext is right: a trusted proxy has taken off the TLS.
        self.cleartext_from_proxy = False
        self.protocol: Engine | None = None
        #: What the poller watches the descriptor for.
        self.events = READABLE
        #: Whether the link waits for a turn.
        self.queued = False
        #: TLS has to write before it can read on (a key update): readable means nothing now.
        self.read_wants_write = False
        self.eof = False
        self.discarded = 0
        self.log: FrameLog | None = None
        self.hexdump = False
        self.reported = False

    def name_peer(self, host: str, port: int) -> None:
        """The client is known by its address."""
        self.host = host
        self.peer = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def read(self) -> bytes | None:
        """What has arrived; empty at the end of input; ``None`` when nothing has.

        Raises :class:`Closed`.
        """
        self.read_wants_write = False
        try:
            if self.tls is None:
                return self.socket.recv(READ_SIZE)
            data = self.tls.recv(READ_SIZE)
            # Octets inside TLS are not seen by the poller.
            while data and len(data) < READ_SIZE and self.tls.pending():
                data += self.tls.recv(READ_SIZE - len(data))
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError):
            return None
        except ssl.SSLWantWriteError:
            self.read_wants_write = True
            return None
        except ssl.SSLZeroReturnError:
            return b""
        except OSError as error:
            raise Closed(str(error)) from error
        return data

    def write(self, pieces: list[bytes | memoryview], octets: int) -> int:
        """Hand over a prefix of ``pieces``, which are ``octets`` long; the octets taken.

        0 when the socket takes nothing now.  Raises :class:`Closed`.
        """
        try:
            if self.tls is not None:
                return self._write_tls(pieces)
            count = len(pieces)
            if count == 1:
                return self.socket.send(pieces[0])
            if octets < _LARGE_PIECE * count:
                return self.socket.send(b"".join(pieces))
            return self.socket.sendmsg(pieces if count <= _MOST_PIECES else pieces[:_MOST_PIECES])
        except (BlockingIOError, InterruptedError, ssl.SSLWantWriteError):
            return 0
        except ssl.SSLWantReadError:
            # TLS wants to read before it can write; the poller watches for that anyway.
            return 0
        except OSError as error:
            raise Closed(str(error)) from error

    def _write_tls(self, pieces: list[bytes | memoryview]) -> int:
        assert self.tls is not None
        chunk = self.tls_chunk
        if not chunk:
            size = count = 0
            while count < len(pieces) and size < _TLS_CHUNK:
                size += len(pieces[count])
                count += 1
            chunk = self.tls_chunk = b"".join(pieces[:count])
        if len(chunk) > _TLS_RECORD and _CORK is not None:
            # OpenSSL writes record by record: a segment of its own for each, and a reader who is
            # woken as often, costs a fifth of the throughput.
            self._cork(_CORK, on=True)
            try:
                taken = self.tls.send(chunk)
            finally:
                self._cork(_CORK, on=False)
        else:
            taken = self.tls.send(chunk)
        # After a short write the rest is offered anew with what came since.
        self.tls_chunk = b""
        return taken

    def _cork(self, option: int, *, on: bool) -> None:
        """Have the kernel wait for full segments, or send what is left."""
        # A Unix domain socket knows no segments.
        with contextlib.suppress(OSError):
            self.socket.setsockopt(socket.IPPROTO_TCP, option, on)

    def shut_down(self) -> None:
        """Say that nothing more will be sent: close_notify, then the end of the stream."""
        try:
            if self.tls is not None:
                tls, self.tls = self.tls, None
                # It is sent; the peer's own is not waited for.
                with contextlib.suppress(OSError, ValueError):
                    tls.unwrap()
                tls.shutdown(socket.SHUT_WR)
            else:
                self.socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise Closed(str(error)) from error
