"""Bodies that are read from a file while they are sent.

Contract: a :class:`FileBody` consists of pieces of one open file and octets in between (the part
headers of a multipart body).  Its readers never block: they read from the page cache, and have the
rest fetched by the given ``submit``.  They return the file's content as of the time when the
response was prepared, or fail: a truncated file ends early, one rewritten in place raises
``OSError``.  A file that grew, like a log, is sent up to its old length.  So is one of which only
the change time differs: its mode or links changed, or it was rewritten and its date restored.  Both
count as rewritten unless samples (the file's first octets and the last ones sent) are still in
place.

:meth:`FileReader.read` may return a view of the reader's own buffer, as
:attr:`FileReader.reuses_buffer` says; it is valid until the next ``read``.  Reusing a buffer is a
fifth faster than filling a new one.  Because peers decide how many readers there are, the octets of
kept buffers are limited; further readers use new ones.

Strategy: ``preadv`` with ``RWF_NOWAIT`` if the system has it.  Once a whole file has been read from
the page cache, it is mapped for callers that accept mappings: the kernel then copies from the cache
straight to the socket, without a buffer of ours in between.  If the file is rewritten in place
meanwhile, such a piece may carry new octets, but the end of the response is never sent.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from h2static.http.fields import Fields
from h2static.site.files import FileHandle, FileVersion
from h2static.site.limits import DEFAULTS, SiteLimits
from h2static.site.octets import Piece, piece_length

#: Runs a job in another thread, or possibly immediately.
Submit: TypeAlias = Callable[[Callable[[], None]], None]

#: Maximum size of one read: a socket takes less at a time, and each reader holds this much.
READ_SIZE = 256 * 1024

#: Octets at the end of a file that are always read, once it is known that the file is unchanged: a
#: DATA frame of the usual size.
LEAST_READ = 16 * 1024
#: Fewer octets are not worth a mapping.
LEAST_MAPPED = 64 * 1024

#: Octets of a sample: enough to tell rewritten content from unchanged content.
SAMPLE_SIZE = 512


@dataclass(slots=True, kw_only=True)
class FileAccess:
    """Shared by all readers of a site's files."""

    #: Runs jobs that would block.
    submit: Submit
    limits: SiteLimits = DEFAULTS
    #: Octets of the buffers that readers currently keep.
    kept: int = 0
    #: Pages of this thread that had to be fetched from a disk, when that was last looked at.
    faults: int = -1


# Absent on macOS, where every read goes through ``submit``.
_NO_WAIT: int | None = getattr(os, "RWF_NOWAIT", None)
#: Errors meaning that the medium would block, or that the file system cannot know.
_WOULD_BLOCK = (errno.EAGAIN, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS)


def major_faults() -> int:
    """Pages that were fetched from a disk for this thread, or this process, since it began."""
    return resource.getrusage(getattr(resource, "RUSAGE_THREAD", resource.RUSAGE_SELF)).ru_majflt


def read_without_waiting(
    descriptor: int, buffer: bytearray | memoryview, offset: int
) -> int | None:
    """Read into ``buffer`` what is available immediately; ``None`` if nothing is.

    Returns the number of octets, 0 at the end of the file.  Raises ``OSError``.
    """
    if _NO_WAIT is None:
        return None
    try:
        return os.preadv(descriptor, [buffer], offset, _NO_WAIT)
    except OSError as error:
        if error.errno in _WOULD_BLOCK:
            return None
        raise


def take_sample(handle: FileHandle, version: FileVersion) -> bytes:
    """The first octets of the file in state ``version``, to recognize it later if it grows.

    Empty if they are not available immediately, or if the file has changed since.
    """
    sample = bytearray(SAMPLE_SIZE)
    try:
        count = read_without_waiting(handle.descriptor, sample, 0)
        return bytes(sample[:count]) if count is not None and handle.version() == version else b""
    except OSError:
        return b""


def _wait_for_writers(descriptor: int) -> None:
    """Wait until no write to the file is in progress.

    Seeking for data takes the lock held by a write on ext4, btrfs, tmpfs and overlays of them;
    on others it returns immediately.
    """
    with contextlib.suppress(OSError):
        os.lseek(descriptor, 0, getattr(os, "SEEK_DATA", os.SEEK_SET))


def _is_nameless(handle: FileHandle) -> bool:
    """Whether its name now belongs to another file, which also changes this one's change time."""
    return os.fstat(handle.descriptor).st_nlink == 0


class FileBody:
    """A body that consists of pieces of one file."""

    __slots__ = ("_access", "_pieces", "_sample", "_version", "handle", "length")

    def __init__(
        self,
        handle: FileHandle,
        version: FileVersion,
        pieces: tuple[Piece, ...],
        access: FileAccess,
        sample: bytes = b"",
    ) -> None:
        """``version``: the file's state in the response; ``sample``: its first octets then."""
        #: The file, open as long as this body exists.
        self.handle = handle
        self._version = version
        self._pieces = pieces
        self._access = access
        self._sample = sample
        self.length: int | None = sum(map(piece_length, pieces))

    def open(self) -> FileReader:
        """Start reading."""
        return FileReader(self.handle, self._version, self._pieces, self._access, self._sample)

    def same_as(self, other: FileBody) -> bool:
        """Whether ``other`` has the same octets of the same state of the same file."""
        return self._version == other._version and self._pieces == other._pieces


class FileReader:
    """Reads a :class:`FileBody` once; a :class:`h2static.http.bodies.BodyReader`."""

    __slots__ = (
        "_access",
        "_buffer",
        "_error",
        "_fetched",
        "_first",
        "_handle",
        "_last",
        "_looks",
        "_offset",
        "_pieces",
        "_position",
        "_version",
        "_waited",
        "_wanted",
        "reuses_buffer",
    )

    def __init__(
        self,
        handle: FileHandle,
        version: FileVersion,
        pieces: tuple[Piece, ...],
        access: FileAccess,
        sample: bytes,
    ) -> None:
        self._handle: FileHandle | None = handle
        self._version = version
        self._pieces = pieces
        self._access = access
        #: Index of the current piece, and how many of its octets have been returned.
        self._position = 0
        self._offset = 0
        self._buffer: memoryview | None = None
        #: Octets read by another thread, for the current position in the file.
        self._fetched: bytes | None = None
        self._error: OSError | None = None
        self._wanted = READ_SIZE
        #: Whether anything had to be waited for.
        self._waited = False
        #: Number of consecutive checks that found a different time but the same size.
        self._looks = 0
        #: Samples with their positions in the file: octets from before or from the first read, and
        #: the last ones returned.
        self._first = (0, sample)
        self._last = (0, sample)
        #: Whether the last result is valid only until the next ``read``.
        self.reuses_buffer = False

    def read(self, size: int) -> bytes | memoryview | None:
        """Implement :meth:`h2static.http.bodies.BodyReader.read`."""
        self.reuses_buffer = False
        handle = self._handle
        if handle is None or size <= 0:
            return b""
        if self._error is not None:
            raise self._error
        while self._position < len(self._pieces):
            piece = self._pieces[self._position]
            left = piece_length(piece) - self._offset
            if left:
                break
            self._position += 1
            self._offset = 0
        else:
            return b""
        wanted = min(size, left, READ_SIZE)
        data: bytes | memoryview | None
        if isinstance(piece, bytes):
            data = memoryview(piece)[self._offset : self._offset + wanted]
        else:
            self._wanted = wanted
            data = self._read_file(handle, piece[0] + self._offset, wanted)
            if data is None:
                return None
        self._offset += len(data)
        if self._offset == self._version.size and not self._waited and len(self._pieces) == 1:
            handle.cached = True
        return data

    def read_mapped(self, size: int) -> memoryview | None:
        """Implement :meth:`h2static.http.bodies.MappedReader.read_mapped`."""
        handle = self._handle
        if handle is None or not handle.cached or self._fetched is not None or not self._first[1]:
            return None
        if self._position >= len(self._pieces):
            return None
        piece = self._pieces[self._position]
        if isinstance(piece, bytes):
            return None
        size = min(size, piece_length(piece) - self._offset - LEAST_READ)
        if size < LEAST_MAPPED:
            return None
        offset = piece[0] + self._offset
        try:
            mapping = handle.mapping()
            if handle.version() != self._version or len(mapping) < offset + size:
                return None
            sample = self._sample_of(handle, offset, size)
        except (OSError, ValueError):
            handle.cached = False
            return None
        if sample is None:
            handle.cached = False
            return None
        self._last = (offset + size - SAMPLE_SIZE, sample)
        self._offset += size
        self.reuses_buffer = False
        return memoryview(mapping)[offset : offset + size]

    def _sample_of(self, handle: FileHandle, offset: int, size: int) -> bytes | None:
        """The last octets of ``size`` octets from ``offset`` on; ``None`` if any seem not to be in
        the page cache: a missing page would block the whole process.  Raises ``OSError``."""
        access, faults = self._access, major_faults()
        fetched, access.faults = faults > access.faults >= 0, faults
        first, last = bytearray(1), bytearray(SAMPLE_SIZE)
        if (
            fetched
            or not read_without_waiting(handle.descriptor, first, offset)
            or read_without_waiting(handle.descriptor, last, offset + size - SAMPLE_SIZE)
            != SAMPLE_SIZE
        ):
            return None
        return bytes(last)

    def _read_file(self, handle: FileHandle, offset: int, wanted: int) -> bytes | memoryview | None:
        """Up to ``wanted`` octets of the file; ``None`` if they are not available yet."""
        fetched = self._fetched
        data: bytes | memoryview
        if fetched is not None:
            self._fetched = fetched[wanted:] or None
            data = fetched[:wanted]
        else:
            view = self._room(wanted)
            count = read_without_waiting(handle.descriptor, view, offset)
            if count is None:
                return None
            data = view[:count]
            self.reuses_buffer = self._buffer is not None
        # After reading: the time of a file changes before its octets do.
        version = handle.version()
        known = self._version
        if version != known:
            dated = version.modified != known.modified
            if dated and version.size == known.size and self._looks < self._access.limits.looks:
                self._looks += 1
                self._fetched = None
                return None
            same = not dated and version.size == known.size
            if not (same and _is_nameless(handle)) and not (
                (same or version.size > known.size) and self._samples_stay(handle)
            ):
                raise OSError(errno.ESTALE, "the file was rewritten while it was being sent")
            self._version = version
            self._looks = 0
        if not self._first[1]:
            self._first = (offset, bytes(data[:SAMPLE_SIZE]))
        start = max(len(data) - SAMPLE_SIZE, 0)
        self._last = (offset + start, bytes(data[start:]))
        return data

    def _samples_stay(self, handle: FileHandle) -> bool:
        """Whether the returned octets are still in the file, as far as that shows without waiting.

        Without a sample the current octets cannot be trusted.
        """
        if not self._first[1]:
            return False
        for offset, sample in (self._first, self._last):
            now = bytearray(len(sample))
            count = read_without_waiting(handle.descriptor, now, offset)
            if count is not None and now[:count] != sample:
                return False
        return True

    def _room(self, size: int) -> memoryview:
        """A buffer for ``size`` octets, kept for the next read if the limit allows."""
        if self._buffer is not None and len(self._buffer) >= size:
            return self._buffer[:size]
        self._drop_buffer()
        view = memoryview(bytearray(size))
        access = self._access
        if access.kept + size <= access.limits.kept_buffers:
            access.kept += size
            self._buffer = view
        return view

    def _drop_buffer(self) -> None:
        if self._buffer is not None:
            self._access.kept -= len(self._buffer)
            self._buffer = None

    def wait(self, wake: Callable[[], None]) -> None:
        """Implement :meth:`h2static.http.bodies.BodyReader.wait`."""
        self._waited = True
        handle, piece = self._handle, self._pieces[self._position]
        if handle is None or isinstance(piece, bytes):
            wake()
            return
        offset, wanted, grows = piece[0] + self._offset, self._wanted, self._looks > 0

        def fetch() -> None:
            if self._handle is None:
                return  # the reader was closed
            if grows:
                _wait_for_writers(handle.descriptor)
            try:
                self._fetched = os.pread(handle.descriptor, wanted, offset)
            except OSError as error:
                self._error = error
            wake()

        self._access.submit(fetch)

    def trailers(self) -> Fields:
        """No trailers: files have none."""
        return ()

    def close(self) -> None:
        """Release the file.  A read in progress keeps it open until it ends."""
        self._handle = None
        self._drop_buffer()
        self._fetched = None

    def __del__(self) -> None:
        self._drop_buffer()
