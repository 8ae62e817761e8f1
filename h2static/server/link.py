"""One accepted socket: its TLS, its place in the poller, its engine.

Contract: a :class:`Link` reads and writes its socket without blocking and reports what it waits
for.  It decides nothing; the driver does.  Its state is a :class:`Phase`, which changes according
to :data:`TRANSITIONS`; it has an engine only in :attr:`Phase.OPEN`.

Strategy: large pieces of cleartext output are sent with ``sendmsg``, small ones are joined; TLS
requires one buffer, and after a write that would block, the same octets must be passed again.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import ssl
from enum import IntEnum
from mmap import mmap
from typing import TYPE_CHECKING, Final

from h2static.http.addresses import UNIX, IPAddress, Peer, TrustedProxies, unmapped
from h2static.server.client_hello import ClientHello
from h2static.server.engine import Engine
from h2static.server.entrance import Entrance
from h2static.server.poller import READABLE
from h2static.server.timers import Timed

if TYPE_CHECKING:
    # A large module that only a frame log needs.
    from h2static.logs.frames import FrameLog

#: Pieces of one ``sendmsg``: the system's limit is 1024 (more is EMSGSIZE).
_MOST_PIECES: Final = 1_024
#: Average octets per piece from which joining pieces costs more than passing each of them.
_LARGE_PIECE: Final = 1_024
#: Octets of one TLS write: full records, and not too much to copy again after a short write.
_TLS_CHUNK: Final = 262_144
#: Maximum content of a TLS record (RFC 8446 section 5.1).
_TLS_RECORD: Final = 16_384
#: Linux only.
_CORK: Final[int | None] = getattr(socket, "TCP_CORK", None)


class Phase(IntEnum):
    """The phases of a link."""

    #: Accepted; nothing else has happened yet.
    ACCEPTED = 0
    #: Waits for the header of a trusted proxy.
    PROXY = 1
    #: The TLS handshake is in progress.
    HANDSHAKE = 2
    #: Waits for the first octets, which show the protocol.
    SNIFF = 3
    #: An engine speaks the protocol.
    OPEN = 4
    #: Everything is sent; waits for the client to close.
    LINGER = 5
    CLOSED = 6


#: Allowed transitions; any phase except the last may also end in :attr:`Phase.CLOSED`.
TRANSITIONS: Final[dict[Phase, frozenset[Phase]]] = {
    Phase.ACCEPTED: frozenset((Phase.PROXY, Phase.HANDSHAKE, Phase.SNIFF, Phase.CLOSED)),
    Phase.PROXY: frozenset((Phase.HANDSHAKE, Phase.SNIFF, Phase.CLOSED)),
    Phase.HANDSHAKE: frozenset((Phase.OPEN, Phase.CLOSED)),
    Phase.SNIFF: frozenset((Phase.OPEN, Phase.CLOSED)),
    Phase.OPEN: frozenset((Phase.LINGER, Phase.CLOSED)),
    Phase.LINGER: frozenset((Phase.CLOSED,)),
    Phase.CLOSED: frozenset(),
}


#: The same as bits, by position: enumerations hash slowly.
_ALLOWED: Final = [sum(1 << phase for phase in TRANSITIONS[before]) for before in Phase]


#: Ordinary errors by which peers and networks end connections.
_USUAL: Final = frozenset(
    (
        *(errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN, errno.ECONNABORTED, errno.ETIMEDOUT),
        *(errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN),
    )
)


class Closed(Exception):
    """The connection is closed; ``unusual``: for a reason to be reported in the error log."""

    def __init__(self, reason: str, *, unusual: bool = False) -> None:
        super().__init__(reason)
        self.unusual = unusual


def closed_by(error: OSError) -> Closed:
    """The :class:`Closed` that describes a connection closed by ``error``."""
    if isinstance(error, ssl.SSLError):
        # Hardly any client sends close_notify before it disconnects.
        unusual = not isinstance(error, ssl.SSLEOFError)
        reason = getattr(error, "reason", None) or str(error)
        return Closed(f"TLS: {reason}", unusual=unusual)
    return Closed(error.strerror or str(error), unusual=error.errno not in _USUAL)


def _without_file(piece: bytes | memoryview) -> bytes | memoryview:
    """``piece``, or the same number of zeros if it is a mapping of a file."""
    is_mapping = isinstance(piece, memoryview) and isinstance(piece.obj, mmap)
    return bytes(len(piece)) if is_mapping else piece


class Link(Timed):
    """An accepted socket."""

    __slots__ = (
        "address",
        "arrived",
        "buffer",
        "descriptor",
        "discarded",
        "engine",
        "entrance",
        "eof",
        "events",
        "hello",
        "hello_octets",
        "host",
        "log",
        "opened_at",
        "peer",
        "phase",
        "port",
        "proxies",
        "queued",
        "read_wants_write",
        "reported",
        "socket",
        "tls",
        "tls_chunk",
        "waiting_since",
    )

    def __init__(self, sock: socket.socket, entrance: Entrance, now: float) -> None:
        super().__init__()
        self.socket = sock
        self.descriptor = sock.fileno()
        self.entrance = entrance
        #: The client's address, ``None`` for a Unix domain socket; the address as text, empty for
        #: a Unix domain socket; and both address and port as text, for logs.
        self.address: IPAddress | None = None
        self.host = ""
        self.port = 0
        self.peer = UNIX
        #: The trusted proxies, if the socket's peer is one of them.
        self.proxies: TrustedProxies | None = None
        #: The TLS client's offer, once it is known; and the number of octets that had arrived when
        #: it was last looked for.
        self.hello: ClientHello | None = None
        self.hello_octets = 0
        self.tls: ssl.SSLSocket | None = None
        #: Octets that TLS did not accept yet.
        self.tls_chunk = b""
        self.phase = Phase.ACCEPTED
        self.engine: Engine | None = None
        self.opened_at = now
        #: Time since which output has waited for the socket; 0: no output waits.
        self.waiting_since = 0.0
        #: Octets read and not yet processed.
        self.arrived = b""
        #: Octets that arrived before the protocol was known.
        self.buffer = b""
        #: The events that the poller watches.
        self.events = READABLE
        #: Whether the link is queued for a turn.
        self.queued = False
        #: TLS must write before it can read more (a key update): being readable means nothing now.
        self.read_wants_write = False
        self.eof = False
        self.discarded = 0
        self.log: FrameLog | None = None
        #: Whether the error log knows what the peer did wrong.
        self.reported = False

    def move(self, phase: Phase, engine: Engine | None = None) -> None:
        """Enter ``phase``; :attr:`Phase.OPEN` requires the ``engine`` of the connection."""
        assert _ALLOWED[self.phase] >> phase & 1, f"{self.phase.name} to {phase.name}"
        assert (engine is not None) == (phase is Phase.OPEN)
        self.phase = phase
        self.engine = engine

    def name_peer(self, address: IPAddress, port: int) -> None:
        """Set the client's address and port."""
        address = unmapped(address)
        self.set_peer(Peer(address, str(address), address.is_loopback), port)

    def set_peer(self, peer: Peer, port: int) -> None:
        """Set the client's address, which is not an IPv4-mapped one, and port."""
        self.address, self.host, _ = peer
        host = self.host
        self.port = port
        self.peer = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def read(self, size: int) -> bytes | None:
        """At most ``size`` octets that have arrived; empty at the end of input.

        ``None`` if nothing has arrived.  Raises :class:`Closed`.
        """
        self.read_wants_write = False
        try:
            if self.tls is None:
                return self.socket.recv(size)
            data = self.tls.recv(size)
            # The poller does not see octets inside TLS; reading them never waits.
            while data and len(data) < size and self.tls.pending():
                data += self.tls.recv(size - len(data))
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError):
            return None
        except ssl.SSLWantWriteError:
            self.read_wants_write = True
            return None
        except ssl.SSLZeroReturnError:
            return b""
        except OSError as error:
            raise closed_by(error) from error
        return data

    def write(self, pieces: list[bytes | memoryview], octets: int, *, mapped: bool = False) -> int:
        """Write the first part of ``pieces``, which total ``octets``; returns the octets written.

        ``mapped``: some may be mappings of files, see :class:`h2static.http.bodies.MappedReader`.
        If a file has lost mapped octets, zeros replace the mappings: their frames have begun, and
        their stream will be reset.

        Returns 0 if the socket takes nothing now.  Raises :class:`Closed`.
        """
        try:
            if self.tls is not None:
                return self._write_tls(pieces)
            count = len(pieces)
            if count == 1:
                return self.socket.send(pieces[0])
            if octets < _LARGE_PIECE * count and not mapped:
                return self.socket.send(b"".join(pieces))
            return self.socket.sendmsg(pieces if count <= _MOST_PIECES else pieces[:_MOST_PIECES])
        except (BlockingIOError, InterruptedError, ssl.SSLWantWriteError):
            return 0
        except ssl.SSLWantReadError:
            # TLS wants to read before it can write; the poller watches for that anyway.
            return 0
        except OSError as error:
            if mapped and error.errno == errno.EFAULT:
                pieces[:] = [_without_file(piece) for piece in pieces]
                return 0
            raise closed_by(error) from error

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
            # OpenSSL writes each record separately: a segment and a wake-up of the reader for each
            # record would cost a fifth of the throughput.
            self._cork(_CORK, on=True)
            try:
                taken = self.tls.send(chunk)
            finally:
                self._cork(_CORK, on=False)
        else:
            taken = self.tls.send(chunk)
        # After a partial write, the rest is passed again, with newer octets.
        self.tls_chunk = b""
        return taken

    def _cork(self, option: int, *, on: bool) -> None:
        """Make the kernel wait for full segments, or send the rest."""
        # A Unix domain socket has no segments.
        with contextlib.suppress(OSError):
            self.socket.setsockopt(socket.IPPROTO_TCP, option, on)

    def shut_down(self) -> None:
        """Announce that nothing more will be sent: close_notify, then the end of the stream.

        After the peer's end, closing the socket announces ours.  Raises :class:`Closed`.
        """
        try:
            if self.tls is not None:
                tls, self.tls = self.tls, None
                # This sends close_notify, but does not wait for the peer's.
                with contextlib.suppress(OSError, ValueError):
                    tls.unwrap()
            if not self.eof:
                self.socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise closed_by(error) from error
