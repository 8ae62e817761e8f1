"""The ways in which a file can be sent: as it is, or as one of its precompressed siblings.

Contract: :class:`Variants` finds the siblings of a file, ``app.js.br`` beside ``app.js``, that may
stand for it, and those of a name that has no file itself: a lone ``page.html.gz`` answers for
``page.html``.  Siblings that may not are counted, so that their owner hears of them.

A sibling that is older than its original was made of an earlier one, unless the two were copied:
copying gives files the time of the copy, in any order.  So it may be older by
:data:`COPY_NANOSECONDS`.  Where a sibling in gzip is that little older, its last octets say whether
it holds what its original holds (RFC 1952 section 2.3.1: length and CRC-32); where it does not,
something was changed right after compressing, and no older sibling is used.
"""

from __future__ import annotations

import os
import stat
import zlib
from typing import Final

from h2static.site.coded_names import CodedNames
from h2static.site.files import Dependencies, Folder, OpenFile, Walk, join
from h2static.site.limits import DEFAULTS, SiteLimits
from h2static.site.negotiation import CODINGS, IDENTITY
from h2static.site.sources import FileSource

#: The files of one folder are copied within seconds, also by several programs at once and over a
#: network.  Somebody who edits a file after compressing it takes longer.
COPY_NANOSECONDS: Final = 10_000_000_000

_SUFFIXES = tuple(CODINGS.values())
#: What ends the names of files that are stored compressed; the last is Unity's, in whatever coding
#: the build was set to.
_STORED_SUFFIXES = (*_SUFFIXES, b".gzip", b".unityweb")
_GZIP = b"gzip"
#: RFC 1952: a file begins with these octets, and ends with CRC-32 and length, each four octets.
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_END = 8
_GZIP_SHORTEST = 18


def has_siblings(name: bytes) -> bool:
    """Whether files with other contents of the same may lie beside one called ``name``."""
    return not name.endswith(_SUFFIXES)


def inner_name(name: bytes) -> bytes:
    """What a file called ``name`` would be called if it were not stored compressed."""
    for suffix in _STORED_SUFFIXES:
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return name


class UnusedSiblings:
    """The siblings that are there and not used; may be used by any thread.

    Each step leaves the dictionary whole, and nobody relies on the one before.
    """

    def __init__(self, root: bytes, limits: SiteLimits = DEFAULTS) -> None:
        """``root``: an absolute path."""
        self._root = root
        self._limits = limits
        #: Why, by path: by how many nanoseconds they are older; ``None``: they hold something else.
        self._reasons: dict[bytes, int | None] = {}

    def note(self, path: bytes, older: int | None) -> None:
        """The sibling at ``path`` is not used."""
        if path in self._reasons or len(self._reasons) < self._limits.unused_siblings:
            self._reasons[path] = older

    def forget(self, path: bytes) -> None:
        """The sibling at ``path`` is used, or is there no more."""
        self._reasons.pop(path, None)

    def forget_absent(self, folder: Folder, name: bytes) -> None:
        """There is no sibling ``name`` in ``folder``."""
        if self._reasons:
            self.forget(join(folder.path, name))

    def lines(self) -> tuple[str, ...]:
        """How many there are and why, for their owner."""
        reasons = self._reasons.copy()
        older = {path: by for path, by in reasons.items() if by is not None}
        other = [path for path, by in reasons.items() if by is None]
        lines = []
        if older:
            path = max(older, key=lambda one: older[one])
            lines.append(
                f"{_count(len(older))} older than the original and therefore not sent, such as"
                f" {self._shown(path)}, by {_duration(older[path])}: compress again"
            )
        if other:
            lines.append(
                f"{_count(len(other))} made from different content than the original and"
                f" therefore not sent, such as {self._shown(other[0])}: compress again"
            )
        return tuple(lines)

    def survey(self) -> None:
        """Look for siblings that are too old, in as many files as the limits say.  Blocks."""
        left = self._limits.surveyed_files
        folders = [self._root]
        while folders and left > 0:
            try:
                with os.scandir(folders.pop()) as entries:
                    names: dict[bytes, os.DirEntry[bytes]] = {}
                    for entry in entries:
                        left -= 1
                        if left <= 0:
                            break
                        if entry.is_dir(follow_symlinks=False):
                            if not entry.name.startswith(b"."):
                                folders.append(entry.path)
                        else:
                            names[entry.name] = entry
                self._compare(names)
            except OSError:
                continue

    def _compare(self, entries: dict[bytes, os.DirEntry[bytes]]) -> None:
        for name, sibling in entries.items():
            original = entries.get(name.rpartition(b".")[0])
            if original is None or has_siblings(name) or not has_siblings(original.name):
                continue
            statuses = [one.stat(follow_symlinks=False) for one in (original, sibling)]
            if all(stat.S_ISREG(status.st_mode) for status in statuses):
                older = statuses[0].st_mtime_ns - statuses[1].st_mtime_ns
                if older > COPY_NANOSECONDS:
                    self.note(sibling.path, older)

    def _shown(self, path: bytes) -> str:
        return os.path.relpath(path, self._root).decode("utf-8", "replace")


def _count(number: int) -> str:
    return "1 precompressed file is" if number == 1 else f"{number} precompressed files are"


def _duration(nanoseconds: int) -> str:
    seconds = nanoseconds / 1e9
    for unit, size in (("days", 86_400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} seconds"


class Variants:
    """The finding of siblings for one response."""

    def __init__(
        self,
        walk: Walk,
        dependencies: Dependencies,
        source: FileSource,
        unused: UnusedSiblings,
        coded_names: CodedNames,
        limits: SiteLimits = DEFAULTS,
    ) -> None:
        self._walk = walk
        self._dependencies = dependencies
        self._source = source
        self._unused = unused
        self._coded_names = coded_names
        self._limits = limits

    def of(self, folder: Folder, name: bytes, original: OpenFile) -> dict[bytes, OpenFile]:
        """The file ``name`` in ``folder`` by content coding: identity and what counts besides."""
        variants = {IDENTITY: original}
        if not has_siblings(name):
            return variants
        doubtful: dict[bytes, OpenFile] = {}
        for coding, sibling in self.alone(folder, name).items():
            older = original.version.modified - sibling.version.modified
            if older <= 0:
                variants[coding] = sibling
                self._unused.forget(sibling.path)
            elif older <= COPY_NANOSECONDS:
                doubtful[coding] = sibling
            else:
                self._unused.note(sibling.path, older)
        if doubtful:
            packed = doubtful.get(_GZIP)
            if packed is None or self._may_be_made_of(packed, original):
                variants |= doubtful
                for sibling in doubtful.values():
                    self._unused.forget(sibling.path)
            else:
                for sibling in doubtful.values():
                    self._unused.note(sibling.path, None)
        return variants

    def alone(self, folder: Folder, name: bytes) -> dict[bytes, OpenFile]:
        """What lies beside ``name``, by content coding."""
        siblings: dict[bytes, OpenFile] = {}
        if not has_siblings(name):
            return siblings
        there = self._coded_names.of(folder, self._dependencies.settled_before)
        for coding, suffix in CODINGS.items():
            if there is not None and name + suffix not in there:
                self._unused.forget_absent(folder, name + suffix)
                continue
            try:
                sibling = self._walk.step(folder, name + suffix)
            except FileNotFoundError:
                self._unused.forget_absent(folder, name + suffix)
                continue
            except OSError:
                self._dependencies.settled = False
                continue
            if isinstance(sibling, OpenFile):
                siblings[coding] = sibling
        return siblings

    def _may_be_made_of(self, packed: OpenFile, original: OpenFile) -> bool:
        """Whether nothing in ``packed`` says that it holds something else than ``original``."""
        size = packed.version.size
        if size < _GZIP_SHORTEST or self._source.part(packed, 0, 2) != _GZIP_MAGIC:
            return True
        end = self._source.part(packed, size - _GZIP_END, _GZIP_END)
        if int.from_bytes(end[4:], "little") != original.version.size & 0xFFFF_FFFF:
            return False
        if original.version.size > self._limits.small_file:
            return True
        return int.from_bytes(end[:4], "little") == zlib.crc32(self._source.octets(original))
