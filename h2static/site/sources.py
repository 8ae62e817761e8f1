"""The content of an opened file, with what tells its states apart.

Contract: :meth:`FileSource.content` gives a file's content, length and validators, all from its
descriptor.  Small files come from memory or are read whole; large ones are read while they are
sent.  A file whose entity tag is known is not read before its octets are wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakValueDictionary

from h2static.site.bodies import Piece, Submit
from h2static.site.conditional import Validators
from h2static.site.contents import (
    SMALL_FILE,
    Contents,
    FileContent,
    digest_content,
    read_content,
)
from h2static.site.files import Dependencies, FileHandle, FileVersion, OpenFile
from h2static.site.representation import Content, FileBodyContent, OctetContent


class ChangedError(Exception):
    """A file is no longer what it was a moment ago: start over."""


@dataclass(slots=True, kw_only=True)
class Shared:
    """What all answers of a site read from."""

    contents: Contents
    submit: Submit
    #: Whether the tags of large files are made of their content.
    digest_all: bool
    #: Open large files, shared by all responses and readers that use the same version.
    open_files: WeakValueDictionary[FileVersion, FileHandle]


class FileSource:
    """The reading for one answer."""

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
        if file.version.size > SMALL_FILE:
            return self._large(file, known)
        if known is None:
            known = self._read(file)
            # It may have changed while it was read: the version is that of the content.
            self._dependencies.note(file.path, known.version)
        self.used.append(known)
        validators = self._validators(known.etag, known.version)
        if known.octets is None:
            return _LazyContent(self, file, known.etag), file.version.size, validators
        return OctetContent(octets=known.octets), len(known.octets), validators

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
        handle = self._shared.open_files.setdefault(version, file.handle)
        content = FileBodyContent(handle=handle, version=version, submit=self._shared.submit)
        return content, version.size, self._validators(etag, version)

    def _validators(self, etag: bytes, version: FileVersion) -> Validators:
        # RFC 9110 section 8.8.2.1: "MUST NOT generate a Last-Modified date that is later than the
        # server's time of message origination".
        modified = min(version.modified // 1_000_000_000, int(self._now))
        return Validators(etag=etag, modified=modified)

    def _read(self, file: OpenFile) -> FileContent:
        settled_before = self._dependencies.settled_before
        return read_content(file.handle, file.version, settled_before, blocking=self._blocking)

    def load(self, file: OpenFile, etag: bytes) -> bytes:
        """The octets of a small file whose tag was known without them.

        Raises :class:`ChangedError` when they are others.
        """
        content = self._read(file)
        if content.etag != etag or content.octets is None:
            raise ChangedError
        self.used.append(content)
        return content.octets


class _LazyContent:
    """The content of a small file whose tag is known and whose octets are not in memory."""

    def __init__(self, source: FileSource, file: OpenFile, etag: bytes) -> None:
        self._source = source
        self._file = file
        self._etag = etag

    def body(self, pieces: Sequence[Piece]) -> bytes:
        """See :class:`h2static.site.representation.Content`."""
        return OctetContent(octets=self._source.load(self._file, self._etag)).body(pieces)
