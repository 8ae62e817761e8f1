"""The state of the files in the root, for detecting changes.

Contract: :class:`Tree` knows every regular file that is served, by size, time and, if it was read,
content.  :meth:`Tree.refresh` compares it with the current files and returns actual changes: a
touch or a rewrite with the same octets is not a change.  :attr:`Tree.version` identifies the state
of the tree: the same files have the same version in another process and after a restart.

Assumes: called from one thread at a time.  Blocking calls (stat, read) are what this module is for.

Strategy: the version is the exclusive or of one digest per file, so a change of one file costs one
digest.  A folder behind a link is looked at under one name only: where it is served under its own
name under that, elsewhere under the name of the first link.  Contents are digested in small slices
after the first scan (:meth:`Tree.learn`) or when a file changes for the first time; large ones
never, then size and time decide.
"""

from __future__ import annotations

import os
import stat
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b

from h2static.dev.ignore import IgnoreRules
from h2static.dev.limits import DEFAULT_LIMITS, DevLimits


class Kind(StrEnum):
    """What happened to a file."""

    ADDED = "added"
    MODIFIED = "modified"
    REMOVED = "removed"


@dataclass(slots=True, kw_only=True, frozen=True, order=True)
class Change:
    """One file that is not what it was."""

    #: Path below the root, with ``/`` between its parts and none before.
    path: str
    kind: Kind


@dataclass(slots=True, kw_only=True)
class _File:
    """What is known about a file."""

    size: int
    mtime_ns: int
    changed_ns: int
    #: Its share in the version; from size and time at the scan, kept when only the time changed.
    share: int
    #: Of the content; ``None``: not read yet, or too large.
    digest: bytes | None = None


class Tree:
    """The files below a root."""

    def __init__(
        self,
        root: str,
        ignore: IgnoreRules,
        *,
        follow_links: bool = False,
        counts: Callable[[str], bool] = lambda path: True,
        limits: DevLimits = DEFAULT_LIMITS,
    ) -> None:
        """``follow_links``: what links outside the root lead to is served as well.  ``counts``:
        which files are looked at, by their paths."""
        self._counts = counts
        #: The path as given: the target of a link may be swapped.
        self.root = os.path.abspath(root)
        self._ignore = ignore
        self._limits = limits
        self._follow_links = follow_links
        self._files: dict[str, _File] = {}
        self._version = 0
        self._unlearned: deque[str] = deque()
        self._learned = 0
        #: Folders below the root, ``""`` for the root itself.
        self.folders: set[str] = set()
        #: Pairs of a folder and another name of it.
        self._aliases: list[tuple[str, str]] = []
        #: Folders that are outside the root, or not served there under their own names, with the
        #: name of the link that leads to them.
        self._outside: dict[str, str] = {}
        #: Files that links lead to, with the names of these links.
        self._linked_files: dict[str, set[str]] = {}
        #: Folders that could not be read.
        self.unreadable: set[str] = set()

    @property
    def version(self) -> str:
        """The state of the tree in 16 hexadecimal digits."""
        return f"{self._version:016x}"

    def __len__(self) -> int:
        return len(self._files)

    def scan(self) -> None:
        """Take stock for the first time."""
        self.refresh([""])
        self._unlearned = deque(self._files)

    def refresh(self, touched: Iterable[str]) -> list[Change]:
        """Rescan these paths in the root (``""``: everything) and return what changed."""
        changes: list[Change] = []
        paths = set(touched)
        if len(paths) > self._limits.touched:
            paths = {""}
        if self._has_links() and any(map(self._may_lead_elsewhere, paths)):
            # Links lead through what is not looked at itself; Kubernetes swaps such a link.
            paths = {""}
        for path in sorted(paths):
            if path and self._ignore.ignores(path):
                continue
            self._refresh_one(path, changes)
        for change in list(changes):
            changes.extend(self._under_other_names(change))
        return sorted(set(changes))

    def _has_links(self) -> bool:
        return bool(self._linked_files or self._aliases or self._outside)

    def _may_lead_elsewhere(self, path: str) -> bool:
        """Whether ``path`` is overlooked, and may be on the way that a link leads."""
        return (
            path != ""
            and self._ignore.ignores(path)
            and (os.path.islink(self._absolute(path)) or not os.path.isfile(self._absolute(path)))
        )

    def learn(self) -> bool:
        """Digest some more contents; false when there is nothing left to do."""
        octets = 0
        for _ in range(self._limits.learned_files_per_turn):
            if not self._unlearned or octets >= self._limits.learned_per_turn:
                break
            path = self._unlearned.popleft()
            file = self._files.get(path)
            if file is None or file.digest is not None:
                continue
            if self._learned + file.size > self._limits.learned:
                self._unlearned.clear()
                break
            file.digest = self._read_digest(path, file.size, file.mtime_ns)
            self._learned += file.size
            octets += file.size
        return bool(self._unlearned)

    # ------------------------------------------------------------------ one path

    def _refresh_one(self, path: str, changes: list[Change]) -> None:
        try:
            status = os.stat(self._absolute(path))
        except OSError:
            self._remove(path, changes)
            return
        if path and not self._is_reached(os.path.realpath(self._absolute(path))):
            # It may have been something else before it became a link.
            self._remove(path, changes)
        elif stat.S_ISDIR(status.st_mode):
            self._refresh_folder(path, changes)
        elif stat.S_ISREG(status.st_mode):
            self._refresh_file(path, status, changes)

    def _refresh_file(self, path: str, status: os.stat_result, changes: list[Change]) -> None:
        if not self._counts(path):
            return
        known = self._files.get(path)
        if known is None:
            share = _share(path, status)
            self._files[path] = _File(
                size=status.st_size,
                mtime_ns=status.st_mtime_ns,
                changed_ns=status.st_ctime_ns,
                share=share,
            )
            self._version ^= share
            changes.append(Change(path=path, kind=Kind.ADDED))
            return
        dated_alike = known.size == status.st_size and known.mtime_ns == status.st_mtime_ns
        if dated_alike and known.changed_ns == status.st_ctime_ns:
            return
        digest = self._read_digest(path, status.st_size, status.st_mtime_ns)
        same = digest is not None and digest == known.digest
        if dated_alike and (digest is None or known.digest is None):
            # More often another mode or name than another content with the date put back.
            same = True
        known.size, known.mtime_ns, known.digest = status.st_size, status.st_mtime_ns, digest
        known.changed_ns = status.st_ctime_ns
        if same:
            return
        self._version ^= known.share
        known.share = _share(path, status)
        self._version ^= known.share
        changes.append(Change(path=path, kind=Kind.MODIFIED))

    def _refresh_folder(self, path: str, changes: list[Change]) -> None:
        """Look at everything below a folder."""
        if not path:
            # Found again, as far as they are still there.
            self._linked_files.clear()
        seen: set[str] = set()
        pending = [path]
        visited: set[str] = set()
        while pending:
            folder = pending.pop()
            if folder in visited:
                continue
            visited.add(folder)
            try:
                with os.scandir(self._absolute(folder)) as entries:
                    for entry in entries:
                        self._refresh_entry(folder, entry, seen, pending, changes)
            except OSError:
                self.unreadable.add(folder)
                continue
            self.unreadable.discard(folder)
            self.folders.add(folder)
        below = path + "/" if path else ""
        gone = [name for name in self._files if name.startswith(below) and name not in seen]
        for name in gone:
            self._remove_file(name, changes)
        self.folders -= {
            name
            for name in self.folders
            if name.startswith(below) and name not in visited and name != path
        }

    def _refresh_entry(
        self,
        folder: str,
        entry: os.DirEntry[str],
        seen: set[str],
        pending: list[str],
        changes: list[Change],
    ) -> None:
        if self._ignore.ignores_entry(folder, entry.name):
            return
        path = f"{folder}/{entry.name}" if folder else entry.name
        try:
            if entry.is_dir(follow_symlinks=False):
                pending.append(path)
                return
            status = entry.stat()
        except OSError:
            return
        if stat.S_ISREG(status.st_mode):
            if entry.is_symlink() and not self._note_linked_file(path):
                return
            seen.add(path)
            self._refresh_file(path, status, changes)
        elif stat.S_ISDIR(status.st_mode) and self._note_linked_folder(path):
            pending.append(path)

    def _remove(self, path: str, changes: list[Change]) -> None:
        """The file no longer exists."""
        self._remove_file(path, changes)
        below = path + "/" if path else ""
        if path in self.folders:
            for name in [name for name in self._files if name.startswith(below)]:
                self._remove_file(name, changes)
            self.folders -= {
                name for name in self.folders if name == path or name.startswith(below)
            }

    def _remove_file(self, path: str, changes: list[Change]) -> None:
        known = self._files.pop(path, None)
        if known is not None:
            self._version ^= known.share
            changes.append(Change(path=path, kind=Kind.REMOVED))

    # ------------------------------------------------------------------ helpers

    def _absolute(self, path: str) -> str:
        return f"{self.root}/{path}" if path else self.root

    def root_identity(self) -> tuple[int, int] | None:
        """Which folder the root is at the moment; ``None``: none."""
        try:
            status = os.stat(self.root)
        except OSError:
            return None
        return status.st_dev, status.st_ino

    def relative(self, absolute: str) -> str | None:
        """The path below the root; ``None`` when it is not below it."""
        # macOS reports real paths, whatever path is watched.
        places = [(self.root, ""), (os.path.realpath(self.root), "")]
        for place, name in (*self._outside.items(), *places):
            if absolute == place:
                return name
            below = place.rstrip("/") + "/"
            if absolute.startswith(below):
                rest = absolute[len(below) :]
                return f"{name}/{rest}" if name else rest
        return None

    def is_gone(self, path: str) -> bool:
        """Whether there was a file or folder of this path below the root that is not there now."""
        known = path in self._files or path in self.folders
        return known and not os.path.lexists(self._absolute(path))

    def is_another_folder(self, path: str) -> bool:
        """Whether a folder of this path, which was touched, is new or another one than before."""
        return path != "" and not self._ignore.ignores(path) and os.path.isdir(self._absolute(path))

    def names(self, absolute: str) -> set[str]:
        """All paths below the root that change with what is at ``absolute``."""
        path = self.relative(absolute)
        found = set() if path is None else {path}
        if self._linked_files:
            real = absolute if path is None else os.path.join(os.path.realpath(self.root), path)
            found |= self._linked_files.get(real, set())
        return found

    def paths_at(self, place: str) -> set[str]:
        """What to look at below the root when anything may have happened in the folder ``place``,
        which is one of :meth:`places`."""
        path = self.relative(place)
        found = set() if path is None or path not in self.folders else {path}
        if self._linked_files:
            real = os.path.realpath(place)
            for file, names in self._linked_files.items():
                if os.path.dirname(file) == real:
                    found |= names
        return found

    def places(self) -> frozenset[str]:
        """The folders in which something may happen that changes the tree."""
        own = {self._absolute(folder) for folder in self.folders}
        if not self._linked_files:
            return frozenset(own)
        known = {os.path.realpath(self.root), *self._outside}
        known |= {os.path.join(os.path.realpath(self.root), folder) for folder in self.folders}
        return frozenset(own | ({os.path.dirname(one) for one in self._linked_files} - known))

    def _is_reached(self, target: str) -> bool:
        """Whether what a link leads to is served."""
        root = os.path.realpath(self.root).rstrip("/") + "/"
        return self._follow_links or target.startswith(root)

    def _note_linked_file(self, path: str) -> bool:
        """A symbolic link to a file: what changes there changes under this name.

        Returns whether it is served.
        """
        target = os.path.realpath(self._absolute(path))
        if not self._is_reached(target):
            return False
        if len(self._linked_files) < self._limits.links:
            self._linked_files.setdefault(target, set()).add(path)
        return True

    def _note_linked_folder(self, path: str) -> bool:
        """A symbolic link to a folder: whether to look at what is there under this name."""
        root = os.path.realpath(self.root).rstrip("/") + "/"
        target = os.path.realpath(self._absolute(path))
        # A folder that the root is in would hold everything again.
        if not self._is_reached(target) or root.startswith(target.rstrip("/") + "/"):
            return False
        if len(self._aliases) + len(self._outside) >= self._limits.links:
            return False
        if target.startswith(root) and not self._ignore.hides(target[len(root) :]):
            first = target[len(root) :]
        else:
            first = self._outside.setdefault(target, path)
            if first != path and os.path.realpath(self._absolute(first)) != target:
                # That link is gone, or leads elsewhere.
                self._outside[target] = first = path
                self._aliases = [one for one in self._aliases if one[1] != path]
        if first == path:
            return True
        alias = (first, path)
        if alias not in self._aliases:
            self._aliases.append(alias)
        return False

    def _under_other_names(self, change: Change) -> list[Change]:
        return [
            Change(path=name + change.path[len(target) :], kind=change.kind)
            for target, name in self._aliases
            if change.path.startswith(target + "/")
        ]

    def _read_digest(self, path: str, size: int, mtime_ns: int) -> bytes | None:
        """A digest of the content that the file has in this state.

        ``None`` when it cannot be had or is too dear, and when the file has changed by now: what
        has not been told must not be taken for known.
        """
        if size > self._limits.digested_file:
            return None
        try:
            with open(self._absolute(path), "rb") as file:
                content = file.read(self._limits.digested_file + 1)
                status = os.fstat(file.fileno())
        except OSError:
            return None
        if (status.st_size, status.st_mtime_ns) != (size, mtime_ns):
            return None
        return blake2b(content, digest_size=16).digest()


def _share(path: str, status: os.stat_result) -> int:
    """A file's share in the version."""
    text = f"{path}\0{status.st_size}\0{status.st_mtime_ns}\0{status.st_ctime_ns}"
    octets = text.encode("utf-8", "surrogateescape")
    return int.from_bytes(blake2b(octets, digest_size=8).digest())
