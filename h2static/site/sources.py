"""The content of an opened file, with its validators.

Contract: :meth:`FileSource.content` gives a file's content, length and entity tag, all from its
descriptor; :meth:`FileSource.validators` adds its dates.  Small files come from memory or are read
whole; large ones are read while they are sent.  A file with a known entity tag is not read before
its octets are needed.

The tag of a small file is a digest of its content, so it is the same on every machine.  That of a
large one is based on its size, inode and times, including the change time, which cannot be set: it
is the same for every worker and after a restart, but differs between machines.  Without a change
time, it is a digest of the content.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from weakref import WeakValueDictionary

from h2static.http.bodies import Body
from h2static.site.bodies import FileAccess, read_without_waiting
from h2static.site.conditional import Validators
from h2static.site.contents import (
    DIGEST_SIZE,
    Contents,
    FileContent,
    digest_content,
    entity_tag,
    read_content,
)
from h2static.site.errors import ChangedError, WouldBlockError
from h2static.site.file_times import SECOND, ModificationDates, changes_show, date_is_strong
from h2static.site.files import Dependencies, FileHandle, FileVersion, OpenFile
from h2static.site.octets import Piece
from h2static.site.representation import Content, FileBodyContent, OctetContent

#: RFC 9110 section 8.8.3: a weak entity tag begins with this.
_WEAK = b"W/"


@dataclass(slots=True, kw_only=True)
class Shared:
    """The sources shared by all responses of a site."""

    contents: Contents
    access: FileAccess
    #: Whether the tags of large files are digests of their content.
    digest_all: bool
    dates: ModificationDates
    #: Open files that are read while they are sent, shared by all responses and readers of the
    #: same version.
    open_files: WeakValueDictionary[FileVersion, FileHandle] = field(
        default_factory=WeakValueDictionary
    )


@dataclass(slots=True, kw_only=True)
class FoundContent:
    """The content of a file, which is read when it is needed."""

    content: Content
    length: int
    etag: bytes
    #: The file in the state that has this content.
    file: OpenFile


class FileSource:
    """Reads the files for one response."""

    def __init__(
        self, shared: Shared, dependencies: Dependencies, now: float, *, blocking: bool
    ) -> None:
        """Without ``blocking``, waiting for a disk raises ``WouldBlockError`` instead."""
        self._shared = shared
        self._dependencies = dependencies
        self._now = now
        self._blocking = blocking
        #: Contents that were read or used.
        self.used: list[FileContent] = []

    def content(self, file: OpenFile) -> FoundContent:
        """The content of ``file``."""
        known = self._shared.contents.find(file.version)
        if file.version.size > self._shared.access.limits.small_file:
            return self._large(file, known)
        if known is None:
            known = self._read(file)
            if known.version is not file.version:
                file = file._replace(version=known.version)
        self.used.append(known)
        etag, length = known.etag, known.version.size
        content: Content
        if known.octets is not None:
            length = len(known.octets)
            content = OctetContent(octets=known.octets, limits=self._shared.access.limits)
        elif known.settled:
            content = _UnreadContent(self, file, etag)
        else:
            # There was no room.  The file may change without a visible change of its version.
            content, etag = self.from_file(file), _WEAK + etag
        return FoundContent(content=content, length=length, etag=etag, file=file)

    def validators(self, found: FoundContent) -> Validators:
        """The validators of the state of ``found``."""
        version = found.file.version
        time = self._shared.dates.of(found.file, blocking=self._blocking)
        # RFC 9110 section 8.8.2.1: "MUST NOT generate a Last-Modified date that is later than the
        # server's time of message origination".
        return Validators(
            etag=found.etag,
            modified=None if time is None else min(time // SECOND, int(self._now)),
            changed=version.changed // SECOND,
            strong_date=date_is_strong(version),
        )

    def octets(self, file: OpenFile) -> bytes:
        """The octets of a small file, without caching."""
        known = self._shared.contents.find(file.version)
        if known is None or known.octets is None:
            known = self._read_octets(file)
        assert known.octets is not None
        return known.octets

    def whole(self, found: FoundContent) -> bytes:
        """The octets of ``found``, whatever their number, without caching.  Blocks.

        Raises :class:`ChangedError` if they have changed by now.
        """
        if isinstance(found.content, OctetContent):
            return found.content.octets
        file = found.file
        content = read_content(
            file.handle,
            file.version,
            self._dependencies.settled_before,
            blocking=True,
            limits=self._shared.access.limits,
        )
        if content.version != file.version:
            raise ChangedError
        assert content.octets is not None
        return content.octets

    def part(self, file: OpenFile, start: int, size: int) -> bytes:
        """Up to ``size`` octets of ``file`` from ``start`` on; for small sizes, without caching."""
        if self._blocking:
            return file.handle.read(size, start)
        buffer = bytearray(size)
        count = read_without_waiting(file.handle.descriptor, buffer, start)
        if count is None or count < min(size, file.version.size - start):
            raise WouldBlockError
        return bytes(buffer[:count])

    def from_file(self, file: OpenFile) -> FileBodyContent:
        """The content of ``file``, read while it is sent."""
        handle = self._shared.open_files.setdefault(file.version, file.handle)
        return FileBodyContent(handle=handle, version=file.version, access=self._shared.access)

    def _large(self, file: OpenFile, known: FileContent | None) -> FoundContent:
        version = file.version
        settled = self._dependencies.is_settled(version)
        if self._shared.digest_all or not changes_show(version):
            if known is None:
                known = digest_content(
                    file.handle, version, self._dependencies.settled_before, blocking=self._blocking
                )
            self.used.append(known)
            # The octets are read again for sending.
            etag = known.etag if known.settled else _WEAK + known.etag
        else:
            etag = _version_tag(version, settled=settled)
        return FoundContent(content=self.from_file(file), length=version.size, etag=etag, file=file)

    def _read(self, file: OpenFile) -> FileContent:
        """The current content, with octets if there is room."""
        return self._shared.contents.hold(self._read_octets(file))

    def _read_octets(self, file: OpenFile) -> FileContent:
        content = read_content(
            file.handle,
            file.version,
            self._dependencies.settled_before,
            blocking=self._blocking,
            limits=self._shared.access.limits,
        )
        # It may have changed while being read: use the version of the content.
        self._dependencies.note(file.path, content.version)
        return content

    def load(self, file: OpenFile, etag: bytes) -> bytes | None:
        """The octets of a small file whose tag was known without them, if there is room.

        Raises :class:`ChangedError` if they have changed.
        """
        if not self._shared.contents.has_room(file.version.size):
            return None
        content = self._read(file)
        if content.etag != etag:
            raise ChangedError
        self.used.append(content)
        return content.octets


def _version_tag(version: FileVersion, *, settled: bool) -> bytes:
    """The entity tag of a file in ``version``; equal tags mean equal content.

    RFC 9110 section 8.8.1: a validator that may stay the same when the content changes is weak.  It
    never equals that of the settled version, not even weakly: otherwise a change within one tick of
    the clock would be "not modified" forever.
    """
    # Without the device, whose number may differ after a restart.
    text = b"%x %x %x %x" % (version.size, version.modified, version.changed, version.inode)
    if settled:
        return entity_tag(blake2b(text, digest_size=DIGEST_SIZE).digest())
    return _WEAK + entity_tag(blake2b(text + b" young", digest_size=DIGEST_SIZE).digest())


class _UnreadContent:
    """The content of a small file with a known tag, whose octets are not in memory."""

    def __init__(self, source: FileSource, file: OpenFile, etag: bytes) -> None:
        self._source = source
        self._file = file
        self._etag = etag

    def body(self, pieces: Sequence[Piece]) -> bytes | Body:
        """Implement :meth:`h2static.site.representation.Content.body`."""
        if list(pieces) == [(0, self._file.version.size)]:
            octets = self._source.load(self._file, self._etag)
            if octets is not None:
                return octets
        # A part, or there is no room.
        return self._source.from_file(self._file).body(pieces)
