"""Connections from balancers: whom to believe, and taking the PROXY header off.

Contract: :func:`take_header` takes the header's octets from the socket and no others, because what
follows them may be TLS's, which reads from the socket itself.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Sequence
from typing import Final

from h2static.server import proxy_protocol
from h2static.server.link import Closed, Link

#: Octets looked at once: a whole header of either version.
_PEEK: Final = 8192


class TrustedProxies:
    """The peers whose connections begin with a PROXY header."""

    def __init__(self, names: Sequence[str]) -> None:
        """``names``: networks in CIDR form, and ``unix`` for peers of Unix domain sockets."""
        self._networks = [ipaddress.ip_network(name) for name in names if name != "unix"]
        self._unix = "unix" in names

    def include(self, host: str) -> bool:
        """Whether ``host``, as numbers or empty for a Unix domain socket, is one of them."""
        if not host:
            return self._unix
        if not self._networks:
            return False
        address = ipaddress.ip_address(host.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            # A socket that was handed over may accept both families (RFC 4291 section 2.5.5.2).
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)


def take_header(link: Link, limit: int) -> bool:
    """Take the header, or what has come of it; whether it is complete.

    A header that names a client names the link's peer.  ``limit``: as for
    :func:`~h2static.server.proxy_protocol.parse`.  Raises
    :class:`~h2static.server.proxy_protocol.ProxyProtocolError` for what is no header and
    :class:`~h2static.server.link.Closed` when the connection has ended.
    """
    try:
        seen = link.socket.recv(_PEEK, socket.MSG_PEEK)
    except (BlockingIOError, InterruptedError):
        return False
    except OSError as error:
        raise Closed(str(error)) from error
    if not seen:
        raise Closed("the connection ended before its PROXY header did")
    header = proxy_protocol.parse(link.buffer + seen, limit)
    # Of an incomplete header everything is taken: the socket would stay readable otherwise.
    rest = len(seen) if header is None else header.length - len(link.buffer)
    link.buffer += link.socket.recv(rest)
    if header is None:
        return False
    link.buffer = b""
    if header.client is not None:
        link.name_peer(*header.client)
    return True
