"""The sockets of HTTP/3 at one address: one for each worker slot, and who gets which datagram.

Contract: as :class:`h2static.server.listeners.Listener`, at the address of a socket for
connections.  The supervisor keeps the sockets, so that their places stay what they are whatever
workers do.

Strategy: on Linux the sockets are one ``SO_REUSEPORT`` group.  The kernel would spread datagrams by
addresses, and a client whose address changes would lose its connection; so a classic BPF program
picks the socket by the connection id: its first octet is the place of the socket (modulo how many
there are, for the ids that clients choose at first).  Elsewhere there is one socket.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import sys
from dataclasses import dataclass
from typing import Final

_SPREADS: Final = sys.platform == "linux"
#: Of asm-generic/socket.h; Python does not name it.
_ATTACH_REUSEPORT_CBPF: Final = 51
#: struct sock_filter: code, jumps, value.  struct sock_fprog: how many, where.
_INSTRUCTION: Final = struct.Struct("HBBI")
_PROGRAM: Final = struct.Struct("HP")
# Of linux/bpf_common.h and linux/filter.h.
_LOAD_OCTET, _JUMP_IF_SET, _JUMP, _MODULO, _RETURN = 0x30, 0x45, 0x05, 0x94, 0x16
#: Where the connection id begins in a long header (behind flags, version and its length) and in a
#: short one (RFC 8999 sections 5.1 and 5.2).
_LONG, _SHORT = 6, 1


@dataclass(slots=True, kw_only=True)
class DatagramGroup:
    """The datagram sockets at one address."""

    sockets: list[socket.socket]
    #: How many of the sockets are for good, see :meth:`extend`.
    settled: int = 1

    def extend(self, slots: int) -> None:
        """Bind sockets until there is one for each of ``slots``.  Raises ``OSError``."""
        if not _SPREADS or len(self.sockets) >= slots:
            return
        while len(self.sockets) < slots:
            first = self.sockets[0]
            self.sockets.append(_bind(first.family, first.getsockname(), join=True))
        self._steer()

    def settle(self) -> None:
        """Every socket has a reader."""
        self.settled = len(self.sockets)

    def revert(self) -> None:
        """Close what :meth:`extend` opened."""
        if len(self.sockets) > self.settled:
            while len(self.sockets) > self.settled:
                self.sockets.pop().close()
            self._steer()

    def for_slot(self, slot: int, slots: int) -> list[socket.socket]:
        """The sockets that ``slot`` of ``slots`` reads."""
        return self.sockets if len(self.sockets) == 1 else self.sockets[slot::slots]

    def close(self) -> None:
        """Close the sockets."""
        while self.sockets:
            self.sockets.pop().close()

    def _steer(self) -> None:
        """Have the kernel pick sockets by connection id."""
        instructions = (
            (_LOAD_OCTET, 0, 0, 0),
            (_JUMP_IF_SET, 0, 2, 0x80),
            (_LOAD_OCTET, 0, 0, _LONG),
            (_JUMP, 0, 0, 1),
            (_LOAD_OCTET, 0, 0, _SHORT),
            (_MODULO, 0, 0, len(self.sockets)),
            (_RETURN, 0, 0, 0),
        )
        octets = b"".join(_INSTRUCTION.pack(*one) for one in instructions)
        program = ctypes.create_string_buffer(octets, len(octets))
        value = _PROGRAM.pack(len(instructions), ctypes.addressof(program))
        self.sockets[0].setsockopt(socket.SOL_SOCKET, _ATTACH_REUSEPORT_CBPF, value)


def open_group(beside: socket.socket, slots: int) -> DatagramGroup:
    """Sockets at the address of ``beside``, for ``slots`` workers.  Raises ``OSError``."""
    group = DatagramGroup(sockets=[_bind(beside.family, beside.getsockname(), join=False)])
    try:
        group.extend(slots)
    except BaseException:
        group.close()
        raise
    group.settle()
    return group


def _bind(family: int, address: tuple[object, ...], *, join: bool) -> socket.socket:
    """A bound socket; ``join``: as a member of an existing group of its port."""
    one = socket.socket(family, socket.SOCK_DGRAM)
    try:
        one.setblocking(False)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if join:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        one.bind(address)
        if _SPREADS and not join:
            # Afterward, so that the bind fails if another process has the port.
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    except BaseException:
        one.close()
        raise
    return one
