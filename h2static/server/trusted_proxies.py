"""Connections from trusted proxies: reading the PROXY header.

Contract: :func:`take_header` reads exactly the header's octets from the socket, because TLS may
follow, which reads from the socket itself.  The caller decides whose header to accept, because it
can claim any address.
"""

from __future__ import annotations

import socket
from typing import Final

from h2static.server import proxy_protocol
from h2static.server.link import Closed, Link, closed_by

#: Octets looked at once: a whole header of either version.
_PEEK: Final = 8192


def take_header(link: Link, limit: int, *, required: bool) -> bool:
    """Read the header, or the part that has arrived; returns whether its length is known.

    A header that names a client names the link's peer.  Where none is ``required`` and the
    connection begins with something else, that is left in the socket, but for the octets in the
    link's buffer, with which a header might have begun.  ``limit``: as for
    :func:`~h2static.server.proxy_protocol.parse`.

    Raises :class:`~h2static.server.proxy_protocol.ProxyProtocolError` for what is no header and
    :class:`~h2static.server.link.Closed` when the connection has ended.
    """
    try:
        seen = link.socket.recv(_PEEK, socket.MSG_PEEK)
    except (BlockingIOError, InterruptedError):
        return False
    except OSError as error:
        raise closed_by(error) from error
    if not seen:
        raise Closed("the connection ended before its PROXY header did")
    try:
        header = proxy_protocol.parse(link.buffer + seen, limit)
    except proxy_protocol.NoHeader:
        if required or (link.buffer and link.entrance.tls is not None):
            raise
        return True
    # Of an incomplete header everything is read, because the socket would stay readable otherwise.
    rest = len(seen) if header is None else header.length - len(link.buffer)
    try:
        taken = link.socket.recv(rest)
    except (BlockingIOError, InterruptedError):
        return False
    except OSError as error:
        raise closed_by(error) from error
    link.buffer += taken
    if header is None or len(taken) < rest:
        return False
    link.buffer = b""
    if header.client is not None:
        link.name_peer(*header.client)
    return True
