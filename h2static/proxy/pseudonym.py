"""The name of this server in Via (RFC 9110 section 7.6.3).

Contract: :func:`pseudonym_of` returns the same name for all processes that serve the same
addresses, now and after a reload, and a different one for every other server, so that a request
that loops is recognized, and one forwarded by another server of this kind is not mistaken for one.
"""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Sequence


def pseudonym_of(sockets: Sequence[socket.socket]) -> str:
    """The name of the server that listens on ``sockets``."""
    places = sorted({str(one.getsockname()) for one in sockets})
    text = "\n".join([socket.gethostname(), *places])
    # Other servers need not learn the machine and its listening addresses.
    return f"h2static-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
