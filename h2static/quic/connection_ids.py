"""Connection ids of a worker (RFC 9000 section 5.1), which say where datagrams belong.

Contract: an id has :data:`LENGTH` octets.  The first one is the place of the socket among those of
its port, by which the kernel hands datagrams out; the second one is the number of the worker that
issued it, by which a successor knows whose it is; four are random, and the last two are a mark that
follows from the others and a key that all workers of a server share: clients choose an id of their
own for their first packets, which is not to be taken for one of ours.  The token of a stateless
reset follows from the id and that key, too, so that a successor can reset what its predecessor has
left (section 10.3.2).
"""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import Final

LENGTH: Final = 8
#: Of the keys that workers share.
KEY_LENGTH: Final = 32
_TOKEN_LENGTH: Final = 16
_MARK_LENGTH: Final = 2


def reset_token(key: bytes, connection_id: bytes) -> bytes:
    """The token of a stateless reset for ``connection_id``."""
    return hmac.digest(key, b"stateless reset" + connection_id, hashlib.sha256)[:_TOKEN_LENGTH]


class ConnectionIds:
    """Makes the ids of connections at one socket."""

    __slots__ = ("_key", "_start")

    def __init__(self, key: bytes, *, place: int = 0, worker: int = 0) -> None:
        """``key``: shared by all workers; ``place``, ``worker``: see the module, 0 to 255."""
        self._key = key
        self._start = bytes((place, worker))

    def make(self) -> bytes:
        """Another id."""
        start = self._start + os.urandom(LENGTH - _MARK_LENGTH - len(self._start))
        return start + _mark(self._key, start)

    def token(self, connection_id: bytes) -> bytes:
        """See :func:`reset_token`."""
        return reset_token(self._key, connection_id)


def worker_of(key: bytes, connection_id: bytes) -> int:
    """Which worker has issued an id, if it was one of those that share ``key``; otherwise -1."""
    start = connection_id[:-_MARK_LENGTH]
    if len(connection_id) != LENGTH or connection_id != start + _mark(key, start):
        return -1
    return connection_id[1]


def _mark(key: bytes, start: bytes) -> bytes:
    return hmac.digest(key, b"connection id" + start, hashlib.sha256)[:_MARK_LENGTH]
