"""Opening files below a root, and recording their state.

Contract: :class:`Walk` opens regular files and folders by name, one name at a time, and never
leaves the root: not by ``..``, not by a symbolic link, and not if folders are swapped for links in
between.  All data about a file come from its descriptor.  FIFOs, devices and sockets are not
opened. Everything checked is recorded in a :class:`Dependencies`.

Strategy: each name is opened relative to the descriptor of its folder with ``O_NOFOLLOW``, so only
this module follows links: it reads them and walks their target, name by name, from the folder they
are in.  A target above the root is followed if it leads back into the root.

Folders stay open between walks (:class:`OpenFolders`): if a name still refers to the folder that is
open, it need not be opened again.  The state of a folder is checked each time.

Blocking: opening and ``stat`` may wait for a disk; they happen in the caller's thread.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import stat
from collections.abc import Iterator
from types import TracebackType
from typing import NamedTuple

from h2static.descriptors import close_descriptor
from h2static.site.limits import DEFAULTS, SiteLimits

#: A file that changed less than this before it was looked at may change again without any visible
#: dependencies: the clocks of file systems tick in steps of up to two seconds (FAT).
SETTLING_NANOSECONDS = 2_000_000_000

# Absent on macOS, where a folder must be readable to be traversed.
_PATH_ONLY: int = getattr(os, "O_PATH", 0)
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | _PATH_ONLY
_FILE = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
#: Types of files that names may have.
_SERVED = frozenset((stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK))
#: Errors of ``open`` if a name is no longer what ``stat`` reported.
_CHANGED_KIND = (errno.ELOOP, errno.ENOTDIR, errno.EINVAL, errno.ENXIO)


class FileVersion(NamedTuple):
    """One state of one file; two equal versions have the same content and attributes.

    This is as reliable as the change time; see :mod:`h2static.site.file_times`.
    """

    device: int
    inode: int
    size: int
    #: mtime in nanoseconds.
    modified: int
    #: ctime in nanoseconds.  Unlike mtime, it cannot be set back.
    changed: int


def version_of(status: os.stat_result) -> FileVersion:
    """The version in the result of a ``stat`` call."""
    return FileVersion(
        status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
    )


class Dependencies:
    """The files and folders that a response depends on, as they were when checked."""

    __slots__ = ("settled", "settled_before", "versions")

    def __init__(self, now: float) -> None:
        #: ctime, in nanoseconds, before which a file has settled.
        self.settled_before = int(now * 1e9) - SETTLING_NANOSECONDS
        #: Versions by absolute path; ``None`` for an absent file.
        self.versions: dict[bytes, FileVersion | None] = {}
        #: Whether checking :attr:`versions` again will show every change.
        self.settled = True

    def note(self, path: bytes, version: FileVersion | None) -> None:
        """Record that ``path`` was seen in state ``version``."""
        if self.versions.setdefault(path, version) != version or not self.is_settled(version):
            self.settled = False

    def is_settled(self, version: FileVersion | None) -> bool:
        """Whether any later change certainly makes a new version."""
        return version is None or version.changed < self.settled_before


class FileHandle:
    """An open descriptor, shared by responses and readers; closed with the last reference."""

    __slots__ = ("__weakref__", "_mapping", "cached", "descriptor")

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        #: Whether the whole file was in the page cache when it was last looked at.
        self.cached = False
        self._mapping: mmap.mmap | None = None

    def version(self) -> FileVersion:
        """The file's current state."""
        return version_of(os.fstat(self.descriptor))

    def mapping(self) -> mmap.mmap:
        """The file in memory, as long as it was at the first call.

        Only the kernel may look at it: a file that is truncated has no octets there any more.
        Raises ``OSError`` or ``ValueError``.
        """
        if self._mapping is None:
            self._mapping = mmap.mmap(self.descriptor, 0, access=mmap.ACCESS_READ)
        return self._mapping

    def read(self, size: int, start: int = 0) -> bytes:
        """Up to ``size`` octets from ``start`` on, less only at the file's end; may wait for a
        disk.

        Raises ``OSError``.
        """
        chunks: list[bytes] = []
        offset, end = start, start + size
        while offset < end and (chunk := os.pread(self.descriptor, end - offset, offset)):
            chunks.append(chunk)
            offset += len(chunk)
        return b"".join(chunks)

    def __del__(self) -> None:
        close_descriptor(self.descriptor)


class OpenFile(NamedTuple):
    """A regular file below the root."""

    handle: FileHandle
    version: FileVersion
    #: Its path with links resolved.
    path: bytes
    #: The folder that contains it; valid until the walk ends.
    folder: Folder


class Folder(NamedTuple):
    """A folder reached by a walk; valid until the walk ends."""

    descriptor: int
    #: Its path with links resolved, except those in the path of the root.
    path: bytes
    #: ``None`` for the root.
    parent: Folder | None
    version: FileVersion


class OpenFolders:
    """Folders kept open for later walks; may be used by any thread.

    A folder is identified by its path and is the same as long as the path leads to the same inode,
    whose number is not reused while it is open.  Each step leaves the dictionary consistent and
    does not rely on earlier steps.
    """

    __slots__ = ("_by_path", "_most")

    def __init__(self, limits: SiteLimits = DEFAULTS) -> None:
        self._most = limits.open_folders
        self._by_path: dict[bytes, tuple[FileVersion, FileHandle]] = {}

    def find(self, path: bytes, status: os.stat_result) -> tuple[FileVersion, FileHandle] | None:
        """The open folder with ``status`` at ``path`` and its version, if there is one."""
        known = self._by_path.get(path)
        if known is None:
            return None
        version, handle = known
        if version.inode != status.st_ino or version.device != status.st_dev:
            return None
        # The same object for the same version, because comparing it is cheap.
        if (
            version.changed != status.st_ctime_ns
            or version.modified != status.st_mtime_ns
            or version.size != status.st_size
        ):
            return self.keep(path, version_of(status), handle)
        return known

    def keep(
        self, path: bytes, version: FileVersion, handle: FileHandle
    ) -> tuple[FileVersion, FileHandle]:
        """Keep the folder at ``path`` open, replacing an earlier one or the oldest."""
        kept = self._by_path[path] = version, handle
        if len(self._by_path) > self._most:
            with contextlib.suppress(StopIteration, RuntimeError):
                self._by_path.pop(next(iter(self._by_path)), None)
        return kept

    def release(self) -> None:
        """Release all folders; walks keep theirs open until they end."""
        self._by_path.clear()


class Walk:
    """A walk through the tree; a context manager that releases the folders at its end."""

    def __init__(
        self,
        root: bytes,
        dependencies: Dependencies,
        *,
        follow_symlinks: bool,
        folders: OpenFolders | None = None,
        limits: SiteLimits = DEFAULTS,
    ) -> None:
        """``root`` is an absolute path; its own links are always followed.

        ``follow_symlinks`` lets links lead out of the root.  ``folders``: those of earlier walks
        with the same root and the same ``follow_symlinks``.
        """
        self._root_path = root
        self._dependencies = dependencies
        self._no_follow = 0 if follow_symlinks else os.O_NOFOLLOW
        self._open_folders = OpenFolders(limits) if folders is None else folders
        self._limits = limits
        self._links = 0
        self._handles: list[FileHandle] = []
        self._root: Folder | None = None

    def __enter__(self) -> Walk:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._handles.clear()

    def root(self) -> Folder:
        """The root in its current state.  Raises ``OSError``."""
        if self._root is None:
            path = self._root_path
            try:
                self._root = self._again(path, None, os.stat(path)) or self._enter(
                    os.open(path, _FOLDER), path, None
                )
            except OSError:
                self._dependencies.note(path, None)
                raise
        return self._root

    def step(self, folder: Folder, name: bytes) -> Folder | OpenFile:
        """Open ``name`` in ``folder``.

        Raises ``FileNotFoundError`` for absent names, for links out of the root and for anything
        that is neither a regular file nor a folder; other ``OSError`` as the system reports them.
        """
        path = join(folder.path, name)
        for _ in range(self._limits.step_attempts):
            found = self._look(folder, name, path)
            kind = stat.S_IFMT(found.st_mode)
            if kind not in _SERVED:
                break
            if kind == stat.S_IFDIR:
                again = self._again(path, folder, found)
                if again is not None:
                    return again
            try:
                if kind == stat.S_IFLNK:
                    target = os.readlink(name, dir_fd=folder.descriptor)
                else:
                    flags = _FOLDER if kind == stat.S_IFDIR else _FILE
                    descriptor = os.open(name, flags | self._no_follow, dir_fd=folder.descriptor)
            except OSError as error:
                if error.errno in _CHANGED_KIND:
                    continue
                raise
            if kind == stat.S_IFLNK:
                return self._pursue(folder, target)
            if kind == stat.S_IFDIR:
                return self._enter(descriptor, path, folder)
            handle = FileHandle(descriptor)
            status = os.fstat(descriptor)
            if stat.S_ISREG(status.st_mode):
                version = version_of(status)
                self._dependencies.note(path, version)
                return OpenFile(handle, version, path, folder)
        self._dependencies.settled = False
        raise FileNotFoundError(errno.ENOENT, "not a regular file")

    def peek(self, folder: Folder, name: bytes) -> FileVersion | None:
        """The version of a servable file; ``None`` for a servable folder.

        Opens only folders that links lead through.  Raises ``OSError`` like :meth:`step`.
        """
        status = os.stat(name, dir_fd=folder.descriptor, follow_symlinks=not self._no_follow)
        if stat.S_ISREG(status.st_mode):
            return version_of(status)
        if stat.S_ISLNK(status.st_mode):
            # A separate walk, so that its folders are closed and its links are counted
            # individually.
            with Walk(
                self._root_path,
                self._dependencies,
                follow_symlinks=not self._no_follow,
                folders=self._open_folders,
                limits=self._limits,
            ) as walk:
                found = walk.step(folder, name)
                return None if isinstance(found, Folder) else found.version
        if not stat.S_ISDIR(status.st_mode):
            raise FileNotFoundError(errno.ENOENT, "neither a file nor a folder")
        return None

    def _look(self, folder: Folder, name: bytes, path: bytes) -> os.stat_result:
        """The status of ``name``; its absence is covered by the version of its folder."""
        follow = not self._no_follow
        try:
            return os.stat(name, dir_fd=folder.descriptor, follow_symlinks=follow)
        except FileNotFoundError:
            if follow:
                # A dangling link: its target may appear without a change to this folder.
                self._dependencies.note(path, None)
            raise

    def _enter(self, descriptor: int, path: bytes, parent: Folder | None) -> Folder:
        """Enter a folder that was just opened."""
        handle = FileHandle(descriptor)
        version = version_of(os.fstat(descriptor))
        self._open_folders.keep(path, version, handle)
        return self._in(handle, path, parent, version)

    def _again(self, path: bytes, parent: Folder | None, status: os.stat_result) -> Folder | None:
        """Enter the folder with ``status``, if it is open."""
        known = self._open_folders.find(path, status)
        return None if known is None else self._in(known[1], path, parent, known[0])

    def _in(
        self, handle: FileHandle, path: bytes, parent: Folder | None, version: FileVersion
    ) -> Folder:
        self._handles.append(handle)
        # Checked before any name in it: any change from now on makes a new version.
        self._dependencies.note(path, version)
        return Folder(handle.descriptor, path, parent, version)

    def _pursue(self, folder: Folder, target: bytes) -> Folder | OpenFile:
        """Follow a link in ``folder`` to ``target``."""
        self._links += 1
        if self._links > self._limits.links:
            self._dependencies.settled = False
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
        if target.startswith(b"/"):
            return self._reenter(target)
        place: Folder | OpenFile = folder
        names = target.split(b"/")
        for position, name in enumerate(names):
            if name in (b"", b"."):
                continue
            if isinstance(place, OpenFile):
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
            if name != b"..":
                place = self.step(place, name)
            elif place.parent is None:
                return self._reenter(join(place.path, b"/".join(names[position:])))
            else:
                place = place.parent
        return place

    def _reenter(self, path: bytes) -> Folder | OpenFile:
        """Follow a link to an absolute ``path``, if that lies below the root."""
        below = join(self._root_path, b"")
        if path.startswith(below) and b".." not in path.split(b"/"):
            return self._pursue(self.root(), path[len(below) :])
        # The part of the path outside the root may change unnoticed.
        self._dependencies.settled = False
        # The result is only a guess of names, which are walked like any others.
        real, root = os.path.realpath(path), os.path.realpath(self._root_path)
        if real != root and not real.startswith(join(root, b"")):
            raise FileNotFoundError(errno.ENOENT, "a symbolic link leaves the root")
        return self._pursue(self.root(), real[len(root) :].lstrip(b"/"))


@contextlib.contextmanager
def entries_of(folder: Folder) -> Iterator[Iterator[os.DirEntry[str]]]:
    """The entries of ``folder``, whose names are text as ``os.fsdecode`` makes it.

    Raises ``OSError``.
    """
    descriptor = os.open(
        b".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=folder.descriptor
    )
    try:
        with os.scandir(descriptor) as entries:
            yield entries
    finally:
        close_descriptor(descriptor)


def join(folder: bytes, name: bytes) -> bytes:
    """The path of ``name`` in ``folder``."""
    return folder + name if folder.endswith(b"/") else folder + b"/" + name
