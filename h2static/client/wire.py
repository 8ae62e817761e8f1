"""One connected socket, with or without TLS, read and written without blocking.

Contract: :meth:`Wire.read` and :meth:`Wire.write` never wait; :meth:`Wire.readable` and
:meth:`Wire.writable` do.  Both raise ``OSError`` when the connection has failed.

Strategy: the socket itself and not a stream of the event loop: octets go from the kernel to the
engine without being copied in between, on every backend of anyio.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import Final

import anyio

#: Pieces of one ``sendmsg``: the system's limit is 1024 (more is EMSGSIZE).
_MOST_PIECES: Final = 1_024
#: Average octets of a piece from which copying them together costs more than naming them.
_LARGE_PIECE: Final = 1_024
#: Octets of one TLS write: full records, and little to copy again after a short write.
_TLS_CHUNK: Final = 131_072


class Wire:
    """A connected socket, with TLS if the URL requires it."""

    def __init__(self, sock: socket.socket) -> None:
        """``sock`` is connected and does not block."""
        self._socket: socket.socket | ssl.SSLSocket = sock
        peer = sock.getpeername()
        #: Address and port of the other end, or the path of its socket.
        self.address: tuple[str, int] | str = peer[:2] if isinstance(peer, tuple) else str(peer)
        self._tls: ssl.SSLSocket | None = None
        #: Octets that TLS did not accept, and that must be passed again.
        self._chunk = b""
        #: TLS has to write before it can read on, and the reverse.
        self._read_wants_write = self._write_wants_read = False
        #: The other end has gone without close_notify: what has no other end may not be whole (RFC
        #: 8446 section 6.1).
        self.is_truncated = False

    @property
    def tls(self) -> ssl.SSLSocket | None:
        """The TLS connection, once the handshake is done."""
        return self._tls

    async def start_tls(self, context: ssl.SSLContext, server_name: str) -> None:
        """Do the handshake.  Raises ``OSError``."""
        assert isinstance(self._socket, socket.socket)
        tls = context.wrap_socket(
            self._socket,
            server_hostname=server_name,
            do_handshake_on_connect=False,
            suppress_ragged_eofs=False,
        )
        self._socket = tls
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                await anyio.wait_readable(tls)
            except ssl.SSLWantWriteError:
                await anyio.wait_writable(tls)
            else:
                break
        self._tls = tls

    def read(self, size: int) -> bytes | None:
        """At most ``size`` octets that have arrived; empty at the end of input.

        ``None`` when nothing has arrived.  Raises ``OSError``.
        """
        self._read_wants_write = False
        try:
            if self._tls is None:
                return self._socket.recv(size)
            return self._read_tls(self._tls, size)
        except (BlockingIOError, InterruptedError, ssl.SSLWantReadError):
            return None
        except ssl.SSLWantWriteError:
            self._read_wants_write = True
            return None
        except ssl.SSLZeroReturnError:
            return b""
        except ssl.SSLEOFError:
            # Not every server sends close_notify; truncation is detected above.
            self.is_truncated = True
            return b""

    @staticmethod
    def _read_tls(tls: ssl.SSLSocket, size: int) -> bytes:
        data = tls.recv(size)
        if not data or len(data) == size:
            return data
        # OpenSSL returns one record at a time.
        pieces = [data]
        left = size - len(data)
        try:
            while left and data:
                data = tls.recv(left)
                pieces.append(data)
                left -= len(data)
        except OSError:
            # Including that nothing more is there: it is met again by the next call.
            pass
        return b"".join(pieces)

    def write(self, pieces: list[bytes | memoryview]) -> int:
        """Write a prefix of ``pieces``; returns the octets written, 0 if the socket is full.

        Raises ``OSError``.
        """
        self._write_wants_read = False
        try:
            if isinstance(self._socket, ssl.SSLSocket):
                return self._write_tls(self._socket, pieces)
            if len(pieces) == 1:
                return self._socket.send(pieces[0])
            some = pieces[:_MOST_PIECES]
            if sum(map(len, some)) < _LARGE_PIECE * len(some):
                return self._socket.send(b"".join(some))
            return self._socket.sendmsg(some)
        except (BlockingIOError, InterruptedError, ssl.SSLWantWriteError):
            return 0
        except ssl.SSLWantReadError:
            self._write_wants_read = True
            return 0

    def _write_tls(self, tls: ssl.SSLSocket, pieces: list[bytes | memoryview]) -> int:
        if not self._chunk:
            size = count = 0
            while count < len(pieces) and size < _TLS_CHUNK:
                size += len(pieces[count])
                count += 1
            self._chunk = b"".join(pieces[:count])
        taken = tls.send(self._chunk)
        self._chunk = b""
        return taken

    @property
    def descriptor(self) -> int:
        """The socket's descriptor, for waiting by other means."""
        return self._socket.fileno()

    @property
    def has_pending(self) -> bool:
        """Whether octets can be read that the socket no longer reports."""
        return self._tls is not None and self._tls.pending() > 0

    @property
    def read_wants_write(self) -> bool:
        """Whether reading can go on only when something can be written."""
        return self._read_wants_write

    @property
    def write_wants_read(self) -> bool:
        """Whether writing can continue only after reading."""
        return self._write_wants_read

    def is_silent(self) -> bool:
        """Whether nothing has arrived, the end of input included.  Raises ``OSError``."""
        if self._tls is not None:
            # Received octets go to OpenSSL, which may hold some already.
            return not self._tls.pending()
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return True
        return False

    async def readable(self) -> None:
        """Wait until reading may succeed."""
        if self._read_wants_write:
            await anyio.wait_writable(self._socket)
        else:
            await anyio.wait_readable(self._socket)

    async def writable(self) -> None:
        """Wait until writing may succeed."""
        if self._write_wants_read:
            # The reader waits for that too and must not be disturbed: it is not long.
            await anyio.sleep(0.01)
        else:
            await anyio.wait_writable(self._socket)

    def end_output(self) -> None:
        """Say that nothing more will be sent."""
        with contextlib.suppress(OSError, ValueError):
            if self._tls is not None:
                with contextlib.suppress(OSError, ValueError):
                    self._tls.unwrap()
            self._socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """End the connection: close_notify, the end of the stream, and the socket."""
        anyio.notify_closing(self._socket)
        self.shut()

    def shut(self) -> None:
        """Like :meth:`close`, if no task waits in :meth:`readable` or :meth:`writable`."""
        self.end_output()
        self._socket.close()
