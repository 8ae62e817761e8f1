"""Files that are read at once, from their first octet to their last.

Contract: what a response's body gives is read or digested by the calling thread, which may block.
A file that cannot be read to its end is an ``OSError``.

Strategy: not by the body's reader: that has cold octets read by a thread of the pool, which the
calling thread is one of, and all of them could wait for each other.  The whole is the file from its
beginning; one that is rewritten meanwhile is a change, for which the page reloads.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from hashlib import blake2b

from h2static.http.bodies import Body
from h2static.site.bodies import FileBody

#: Octets of a file that are digested at a time.
_CHUNK = 256 * 1024


def digest_of(octets: bytes) -> bytes:
    """The digest by which equal contents are found."""
    return blake2b(octets, digest_size=32).digest()


def digest_whole(body: Body) -> bytes:
    """:func:`digest_of` of what :func:`read_whole` gives, without holding it."""
    digest = blake2b(digest_size=32)
    for piece in _read(body, _CHUNK):
        digest.update(piece)
    return digest.digest()


def read_whole(body: bytes | Body) -> bytes:
    """All of a body: of octets, or of a file."""
    if isinstance(body, bytes):
        return body
    # In one read, if the system can, so that there is one copy.
    return b"".join(_read(body, None))


def _read(body: Body, size: int | None) -> Iterator[bytes]:
    """The file in pieces of ``size`` octets at most."""
    assert isinstance(body, FileBody)
    assert body.length is not None
    offset = 0
    while offset < body.length:
        left = body.length - offset
        wanted = left if size is None else min(size, left)
        piece = os.pread(body.handle.descriptor, wanted, offset)
        if not piece:
            raise OSError("the file changed while it was being read")
        offset += len(piece)
        yield piece
