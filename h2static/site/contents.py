"""The content of small files, in memory.

Contract: :class:`Contents` remembers content and entity tag by file version, within a bound of
octets.  What it returns was read from the descriptor that its version comes from; the length is
always the length of what was read.  An entry is trusted only when its file had settled when it
was read (:data:`h2static.site.files.SETTLING_NANOSECONDS`); of others the octets are used again
when a new reading gives the same.

Which files are small depends on their size only, so that every machine gives a file the same
entity tag.

Bounds: the octets that somebody holds, be it this cache, a response or a stream that sends one,
are at most those of the cache and ``SiteLimits.passing_octets``; each thread that reads may be one
file above.

Strategy: :meth:`Contents.find`, :meth:`Contents.hold` and :func:`read_content` only read;
:meth:`Contents.remember` writes and is called by one thread.  Reading may thus happen in any thread
without a lock.
"""

from __future__ import annotations

import os
from base64 import urlsafe_b64encode
from collections import OrderedDict
from dataclasses import dataclass, replace
from hashlib import blake2b

from h2static.site.bodies import read_without_waiting
from h2static.site.errors import WouldBlockError
from h2static.site.files import FileHandle, FileVersion
from h2static.site.limits import DEFAULTS, SiteLimits
from h2static.site.octets import OctetCount

#: 96 bits: two contents with one tag do not happen by chance.
DIGEST_SIZE = 12
#: Octets digested at a time.
_CHUNK = 256 * 1024


@dataclass(slots=True, kw_only=True)
class FileContent:
    """What a file held in one version."""

    version: FileVersion
    #: Strong entity tag, quotes included (RFC 9110 section 8.8.3).
    etag: bytes
    #: ``None`` when it was only digested, or was dropped to make room.
    octets: bytes | None
    #: Whether the version surely stands for this content.
    settled: bool


def entity_tag(digest: bytes) -> bytes:
    """A strong entity tag from a digest."""
    return b'"' + urlsafe_b64encode(digest) + b'"'


def content_tag(octets: bytes) -> bytes:
    """The strong entity tag of a content."""
    return entity_tag(blake2b(octets, digest_size=DIGEST_SIZE).digest())


class Contents:
    """The contents of files by version; the least recently used make room."""

    def __init__(self, limit: int, limits: SiteLimits = DEFAULTS) -> None:
        """``limit``: octets of content to keep in memory."""
        self._limit = limit
        self._limits = limits
        self._kept = 0
        self._count = OctetCount()
        self._by_file: OrderedDict[tuple[int, int], FileContent] = OrderedDict()

    @property
    def kept(self) -> int:
        """Octets of content that are kept here."""
        return self._kept

    @property
    def held(self) -> int:
        """Octets of content that were read and that anybody holds, here or elsewhere."""
        return self._count.held

    def has_room(self, size: int) -> bool:
        """Whether ``size`` octets more may be held."""
        return self._count.held + size <= self._limit + self._limits.passing_octets

    def find(self, version: FileVersion) -> FileContent | None:
        """What is known of a file in ``version``."""
        content = self._by_file.get((version.device, version.inode))
        if content is not None and content.settled and content.version == version:
            return content
        return None

    def hold(self, content: FileContent) -> FileContent:
        """``content``, just read, with octets that count: those of before where they are the same.

        Without octets where there is no room for them.
        """
        octets = content.octets
        assert octets is not None
        version = content.version
        known = self._by_file.get((version.device, version.inode))
        if known is not None and known.octets is not None and known.etag == content.etag:
            octets = known.octets
        else:
            octets = self._count.hold(octets) if self.has_room(len(octets)) else None
        return FileContent(
            version=version, etag=content.etag, octets=octets, settled=content.settled
        )

    def remember(self, content: FileContent) -> bool:
        """Keep ``content``, or note that it was used.

        Returns whether octets were dropped to make room.
        """
        self._count.settle()
        if not content.settled and content.octets is None:
            return False
        key = (content.version.device, content.version.inode)
        before = self._by_file.pop(key, None)
        if before is not None and before.octets is not None:
            self._kept -= len(before.octets)
        self._by_file[key] = content
        if content.octets is not None:
            self._kept += len(content.octets)
        if len(self._by_file) > self._limits.digests:
            _, oldest = self._by_file.popitem(last=False)
            self._kept -= len(oldest.octets or b"")
        if self._kept <= self._limit:
            return False
        self._make_room()
        return True

    def forget(self) -> None:
        """Forget everything; octets live on while somebody sends them."""
        self._by_file.clear()
        self._kept = 0

    def _make_room(self) -> None:
        """Drop the octets of the least recently used; their tags stay.

        More than the newest needs: whoever holds the octets elsewhere forgets them all, and should
        not have to do so for every file.
        """
        target = self._limit - self._limit // 8
        for key, content in self._by_file.items():
            if content.octets is None:
                continue
            self._kept -= len(content.octets)
            # A new object: another thread may be using the old one.
            self._by_file[key] = replace(content, octets=None)
            if self._kept <= target:
                break


def read_content(
    handle: FileHandle,
    version: FileVersion,
    settled_before: int,
    *,
    blocking: bool,
    limits: SiteLimits = DEFAULTS,
) -> FileContent:
    """Read a small file and digest it.

    ``settled_before``: a file that changed later (ctime in nanoseconds) may change again unseen.
    Raises :class:`WouldBlockError` unless ``blocking``, and ``OSError``.
    """
    for _ in range(limits.read_attempts):
        octets = _read(handle, version.size, blocking=blocking)
        after = handle.version()
        unchanged = after == version and len(octets) == version.size
        if unchanged:
            break
        version = after
    return FileContent(
        version=version,
        etag=content_tag(octets),
        octets=octets,
        settled=unchanged and version.changed < settled_before,
    )


def _read(handle: FileHandle, size: int, *, blocking: bool) -> bytes:
    """Up to ``size`` octets from the start of a file."""
    if blocking:
        return handle.read(size)
    buffer = bytearray(size)
    view = memoryview(buffer)
    offset = 0
    while offset < size:
        count = read_without_waiting(handle.descriptor, view[offset:], offset)
        if count is None:
            raise WouldBlockError
        if count == 0:
            break
        offset += count
    return bytes(view[:offset])


def digest_content(
    handle: FileHandle, version: FileVersion, settled_before: int, *, blocking: bool
) -> FileContent:
    """Digest a file of any size without holding it.

    Raises :class:`WouldBlockError` unless ``blocking``, and ``OSError``.
    """
    if not blocking:
        raise WouldBlockError
    digest = blake2b(digest_size=DIGEST_SIZE)
    offset = 0
    while offset < version.size:
        chunk = os.pread(handle.descriptor, min(_CHUNK, version.size - offset), offset)
        if not chunk:
            break
        digest.update(chunk)
        offset += len(chunk)
    return FileContent(
        version=version,
        etag=entity_tag(digest.digest()),
        octets=None,
        settled=handle.version() == version and version.changed < settled_before,
    )
