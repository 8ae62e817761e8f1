"""The content of an opened file, with what tells its states apart.

Contract: :meth:`FileSource.content` gives a file's content, length and validators, all from its
descriptor.  Small files come from memory or are read whole; large ones are read while they are
sent.  A file whose entity tag is known is not read before its octets are wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from h2static.http.bodies import Body
from h2static.site.bodies import FileAccess
from h2static.site.conditional import Validators
from h2static.site.contents import Contents, FileContent, digest_content, read_content
from h2static.site.files import Dependencies, FileHandle, FileVersion, OpenFile
from h2static.site.octets import Piece
from h2static.site.representation import Content, FileBodyContent, OctetContent


class ChangedError(Exception):
    """A file is no longer what it was a moment ago: start over."""


@dataclass(slots=True, kw_only=True)
class Shared:
    """What all responses of a site read from."""

    contents: Contents
    access: FileAccess
    #: Whether the tags of large files are made of their content.
    digest_all: bool
    #: Open files that are read while they are sent, shared by all responses and readings of the
    #: same version.
    open_files: WeakValueDictionary[FileVersion, FileHandle] = field(
        default_factory=WeakValueDictionary
    )


class FileSource:
    """The reading for one response."""

    def __init__(
        self, shared: Shared, dependencies: Dependencies, now: float, *, blocking: bool
    ) -> None:
        """Without ``blocking``, what would wait for a disk raises ``WouldBlockError``."""
        self._shared = shared
        self._dependencies = dependencies
        self._now = now
        self._blocking = blocking
        #: Contents that were read or used.
        self.used: list[FileContent] = []

    def content(self, file: OpenFile) -> tuple[Content, int, Validators]:
        """Content, its length and its validators."""
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
            # There was no room.  It may change without a visible change of its version.
            content, etag = self.from_file(file), b"W/" + etag
        return content, length, self._validators(etag, known.version)

    def octets(self, file: OpenFile) -> bytes:
        """The octets of a small file; nothing is kept for this."""
        known = self._shared.contents.find(file.version)
        if known is None or known.octets is None:
            known = self._read_octets(file)
        assert known.octets is not None
        return known.octets

    def from_file(self, file: OpenFile) -> FileBodyContent:
        """The content of ``file``, read while it is sent."""
        handle = self._shared.open_files.setdefault(file.version, file.handle)
        return FileBodyContent(handle=handle, version=file.version, access=self._shared.access)

    def _large(self, file: OpenFile, known: FileContent | None) -> tuple[Content, int, Validators]:
        version = file.version
        if self._shared.digest_all:
            if known is None:
                known = digest_content(
                    file.handle, version, self._dependencies.settled_before, blocking=self._blocking
                )
            self.used.append(known)
            etag = known.etag
        else:
            etag = b'"%x-%x"' % (version.size, version.modified)
            if not self._dependencies.is_settled(version):
                # RFC 9110 section 8.8.1: a validator that may stay the same when the content
                # changes is weak.
                etag = b"W/" + etag
        return self.from_file(file), version.size, self._validators(etag, version)

    def _validators(self, etag: bytes, version: FileVersion) -> Validators:
        # RFC 9110 section 8.8.2.1: "MUST NOT generate a Last-Modified date that is later than the
        # server's time of message origination".
        modified = min(version.modified // 1_000_000_000, int(self._now))
        return Validators(etag=etag, modified=modified)

    def _read(self, file: OpenFile) -> FileContent:
        """The content as it is now, with octets if there is room."""
        return self._shared.contents.hold(self._read_octets(file))

    def _read_octets(self, file: OpenFile) -> FileContent:
        content = read_content(
            file.handle,
            file.version,
            self._dependencies.settled_before,
            blocking=self._blocking,
            limits=self._shared.access.limits,
        )
        # It may have changed while it was read: the version is that of the content.
        self._dependencies.note(file.path, content.version)
        return content

    def load(self, file: OpenFile, etag: bytes) -> bytes | None:
        """The octets of a small file whose tag was known without them, if there is room.

        Raises :class:`ChangedError` when they are others.
        """
        if not self._shared.contents.has_room(file.version.size):
            return None
        content = self._read(file)
        if content.etag != etag:
            raise ChangedError
        self.used.append(content)
        return content.octets


class _UnreadContent:
    """The content of a small file whose tag is known and whose octets are not in memory."""

    def __init__(self, source: FileSource, file: OpenFile, etag: bytes) -> None:
        self._source = source
        self._file = file
        self._etag = etag

    def body(self, pieces: Sequence[Piece]) -> bytes | Body:
        """See :class:`h2static.site.representation.Content`."""
        if list(pieces) == [(0, self._file.version.size)]:
            octets = self._source.load(self._file, self._etag)
            if octets is not None:
                return octets
        # A part, or there is no room.
        return self._source.from_file(self._file).body(pieces)
