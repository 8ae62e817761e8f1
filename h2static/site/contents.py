"""The content of small files, in memory.

Contract: :class:`Contents` caches content and entity tag by file version, within a limit of octets.
Content was read from the descriptor that its version comes from; the length is always the length of
what was read.  An entry is trusted only if its file had settled when it was read
(:data:`h2static.site.files.SETTLING_NANOSECONDS`); the octets of others are reused if reading again
gives the same.

Which files are small depends only on their size, so that every machine gives a file the same
entity tag.

Limits: the octets held by this cache, responses and streams are at most those of the cache plus
``SiteLimits.passing_octets``; each reading thread may exceed that by one file.

Strategy: :meth:`Contents.find`, :meth:`Contents.hold` and :func:`read_content` only read;
:meth:`Contents.remember` writes and is called by one thread.  So reading can happen in any thread
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

#: 96 bits: two contents never get the same tag by chance.
DIGEST_SIZE = 12
#: Octets digested at a time.
_CHUNK = 256 * 1024


@dataclass(slots=True, kw_only=True)
class FileContent:
    """The content of a file in one version."""

    version: FileVersion
    #: Strong entity tag, quotes included (RFC 9110 section 8.8.3).
    etag: bytes
    #: The octets; ``None`` if they were only digested, or were dropped to make room.
    octets: bytes | None
    #: Whether the version certainly identifies this content.
    settled: bool


def entity_tag(digest: bytes) -> bytes:
    """A strong entity tag made from a digest."""
    return b'"' + urlsafe_b64encode(digest) + b'"'


def content_tag(octets: bytes) -> bytes:
    """The strong entity tag of some content."""
    return entity_tag(blake2b(octets, digest_size=DIGEST_SIZE).digest())


class Contents:
    """The contents of files by version; the least recently used are evicted."""

    def __init__(self, limit: int, limits: SiteLimits = DEFAULTS) -> None:
        """``limit``: octets of content to keep in memory."""
        self._limit = limit
        self._limits = limits
        self._kept = 0
        self._count = OctetCount()
        self._by_file: OrderedDict[tuple[int, int], FileContent] = OrderedDict()

    @property
    def kept(self) -> int:
        """Octets of content in this cache."""
        return self._kept

    @property
    def held(self) -> int:
        """Octets of content that are held here or elsewhere."""
        return self._count.held

    def has_room(self, size: int) -> bool:
        """Whether ``size`` more octets may be held."""
        return self._count.held + size <= self._limit + self._limits.passing_octets

    def find(self, version: FileVersion) -> FileContent | None:
        """The cached content of a file in ``version``, if any."""
        content = self._by_file.get((version.device, version.inode))
        if content is not None and content.settled and content.version == version:
            return content
        return None

    def hold(self, content: FileContent) -> FileContent:
        """``content``, just read, with octets that are counted; equal earlier octets are reused.

        Without octets if there is no room for them.
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

    def remember(self, content: FileContent) -> set[int]:
        """Cache ``content``, or note that it was used.

        Returns the identities of octets that were dropped to make room.
        """
        self._count.settle()
        if not content.settled and content.octets is None:
            return set()
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
        return self._make_room() if self._kept > self._limit else set()

    def forget(self) -> None:
        """Clear the cache; octets stay alive while they are being sent."""
        self._by_file.clear()
        self._kept = 0

    def _make_room(self) -> set[int]:
        """Drop the octets of the least recently used contents; their tags stay.

        Drops more than the newest content needs: other holders look for these octets among all of
        theirs, and should not have to do so for every file.
        """
        dropped: set[int] = set()
        target = self._limit - self._limit // 8
        for key, content in self._by_file.items():
            if content.octets is None:
                continue
            self._kept -= len(content.octets)
            dropped.add(id(content.octets))
            # A new object, because another thread may be using the old one.
            self._by_file[key] = replace(content, octets=None)
            if self._kept <= target:
                break
        return dropped


def read_content(
    handle: FileHandle,
    version: FileVersion,
    settled_before: int,
    *,
    blocking: bool,
    limits: SiteLimits = DEFAULTS,
) -> FileContent:
    """Read a small file and digest it.

    ``settled_before``: a file changed after this (ctime in nanoseconds) may change again unnoticed.
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
    """Digest a file of any size without keeping its content.

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
