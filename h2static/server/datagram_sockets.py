"""Reading and writing many datagrams with few system calls.

Contract: a :class:`DatagramSocket` never blocks.  :meth:`DatagramSocket.read` gives what is ready,
:meth:`DatagramSocket.write` sends what the system takes and keeps the rest in order.  A datagram
that cannot be sent at all is dropped, as networks do.

Strategy: where Linux has it, datagrams of one flow come joined (UDP_GRO) and go joined, cut by the
kernel or the network card (UDP_SEGMENT): one call in the place of dozens.  At a socket for every
address, replies leave from the address that the client has reached, which only the kernel can tell
(IP_PKTINFO).
"""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
import sys
from collections import deque
from typing import Final

from h2static.quic.transport import Path

_LINUX: Final = sys.platform == "linux"
# Of linux/udp.h, linux/in.h and linux/in6.h; Python 3.11 does not name them.
_UDP_SEGMENT: Final = 103
_UDP_GRO: Final = 104
_IP_PKTINFO: Final = 8
_IPV6_RECVPKTINFO: Final = 49
_IPV6_PKTINFO: Final = 50
#: struct in_pktinfo: interface, our address, the address of the header.
_PKTINFO: Final = struct.Struct("@i4s4s")
#: struct in6_pktinfo: our address, interface.
_PKTINFO6: Final = struct.Struct("@16sI")
_INT: Final = struct.Struct("@i")
_SIZE: Final = struct.Struct("@H")
#: The largest datagram, or as much of several joined ones.
_READ_SIZE: Final = 65_535
_ANCILLARY: Final = socket.CMSG_SPACE(_INT.size) + socket.CMSG_SPACE(_PKTINFO6.size)
#: What the kernel cuts in one call (UDP_MAX_SEGMENTS), and the longest that it takes.
_MOST_SEGMENTS: Final = 64
_LONGEST: Final = 65_000
#: What the system is asked to keep for us, in each direction; it may give less.
_BUFFER: Final = 2_097_152
#: How the system refuses to cut: on this path, where pieces are larger than what it takes now; or
#: for want of checksums in the network card.
_NOT_ON_THIS_PATH: Final = frozenset((errno.EINVAL, errno.EMSGSIZE))
_NEVER: Final = errno.EIO


class DatagramSocket:
    """A non-blocking datagram socket with batched reads and writes."""

    __slots__ = ("_ancillary", "_joins", "_waiting", "descriptor", "place", "socket")

    def __init__(self, one: socket.socket, place: int) -> None:
        """``place``: of the socket among those of its port."""
        self.socket = one
        self.descriptor = one.fileno()
        self.place = place
        #: Datagrams that the system did not accept.
        self._waiting: deque[tuple[list[bytes], Path]] = deque()
        self._joins = False
        self._ancillary = 0
        one.setblocking(False)
        for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
            with contextlib.suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, option, _BUFFER)
        if _LINUX:
            self._prepare(one)

    def _prepare(self, one: socket.socket) -> None:
        with contextlib.suppress(OSError):
            # Linux 4.18 and later.
            one.getsockopt(socket.IPPROTO_UDP, _UDP_SEGMENT)
            self._joins = True
        with contextlib.suppress(OSError):
            one.setsockopt(socket.IPPROTO_UDP, _UDP_GRO, 1)
            self._ancillary = _ANCILLARY
        if one.getsockname()[0] in ("0.0.0.0", "::"):  # noqa: S104 -- compared, not bound
            if one.family == socket.AF_INET6:
                one.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVPKTINFO, 1)
            else:
                one.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
            self._ancillary = _ANCILLARY

    # ------------------------------------------------------------------ reading

    def read(self, most: int) -> list[tuple[bytes, Path]]:
        """Received datagrams, about ``most`` at most."""
        found: list[tuple[bytes, Path]] = []
        receive, ancillary = self.socket.recvmsg, self._ancillary
        while len(found) < most:
            try:
                data, controls, _, address = receive(_READ_SIZE, ancillary)
            except (BlockingIOError, InterruptedError):
                break
            except OSError:
                # The error of an earlier datagram: there is no one to report it to.
                break
            size = 0
            local = b""
            for level, kind, value in controls:
                if level == socket.IPPROTO_UDP and kind == _UDP_GRO:
                    (size,) = _INT.unpack_from(value)
                elif level == socket.IPPROTO_IP and kind == _IP_PKTINFO:
                    local = _PKTINFO.pack(0, _PKTINFO.unpack_from(value)[1], bytes(4))
                elif level == socket.IPPROTO_IPV6 and kind == _IPV6_PKTINFO:
                    local = bytes(value[: _PKTINFO6.size])
            path = Path(address, local)
            if 0 < size < len(data):
                found += [(data[at : at + size], path) for at in range(0, len(data), size)]
            else:
                found.append((data, path))
        return found

    # ------------------------------------------------------------------ writing

    @property
    def blocked(self) -> bool:
        """Whether something waits for the system."""
        return bool(self._waiting)

    def write(self, datagrams: list[tuple[bytes, Path]]) -> None:
        """Send ``datagrams`` in their order."""
        start = 0
        while start < len(datagrams):
            stop = self._run(datagrams, start)
            self._waiting.append(([data for data, _ in datagrams[start:stop]], datagrams[start][1]))
            start = stop
        self.flush()

    def _run(self, datagrams: list[tuple[bytes, Path]], start: int) -> int:
        """Where those end that can leave together: one path, one length but for the last one."""
        first, path = datagrams[start]
        size = total = len(first)
        stop = start + 1
        if not self._joins:
            return stop
        while stop < len(datagrams) and stop - start < _MOST_SEGMENTS:
            data, other = datagrams[stop]
            total += len(data)
            if other != path or len(data) > size or total > _LONGEST:
                break
            stop += 1
            if len(data) < size:
                break
        return stop

    def flush(self) -> None:
        """Send waiting datagrams, as far as the system accepts them."""
        waiting = self._waiting
        while waiting:
            pieces, path = waiting[0]
            try:
                self._send(pieces, path)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if len(pieces) > 1 and (error.errno == _NEVER or error.errno in _NOT_ON_THIS_PATH):
                    # One client's path must not make everybody's slow.
                    self._joins = self._joins and error.errno != _NEVER
                    waiting.popleft()
                    waiting.extendleft(([piece], path) for piece in reversed(pieces))
                    continue
                # Unreachable, forbidden, too long: lost like any datagram.
            waiting.popleft()

    def _send(self, pieces: list[bytes], path: Path) -> None:
        controls: list[tuple[int, int, bytes]] = []
        if path.local:
            if len(path.local) == _PKTINFO6.size:
                controls.append((socket.IPPROTO_IPV6, _IPV6_PKTINFO, path.local))
            else:
                controls.append((socket.IPPROTO_IP, _IP_PKTINFO, path.local))
        if len(pieces) > 1:
            controls.append((socket.IPPROTO_UDP, _UDP_SEGMENT, _SIZE.pack(len(pieces[0]))))
        self.socket.sendmsg(pieces, controls, 0, path.address)

    def close(self) -> None:
        """Give the socket up."""
        with contextlib.suppress(OSError):
            self.socket.close()


def address_octets(path: Path) -> bytes:
    """The peer's address, for what must not be used from another one."""
    host, port = path.address[0].partition("%")[0], path.address[1]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.inet_pton(family, host) + port.to_bytes(2, "big")
