"""Files that are read completely in one go.

Contract: the calling thread, which may block, reads or digests a response's body.  A file that
cannot be read to its end raises ``OSError``.

Strategy: the body's reader is not used: it reads cold octets in a thread of the pool, of which the
calling thread is one, so that all of them could wait for each other.  The file is read from its
beginning; if it is rewritten meanwhile, that is a change that reloads the page.
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
