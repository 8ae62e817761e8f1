"""The variants of a file: uncompressed, or one of its precompressed siblings.

Contract: :class:`Variants` finds the usable siblings of a file, such as ``app.js.br`` next to
``app.js``, and those of a name without a file: a lone ``page.html.gz`` answers for ``page.html``.
Unusable siblings are counted, so that their owner can be notified.

A sibling older than its original was made from an earlier version, unless the two were copied:
copying sets the times of the copies, in any order.  So a sibling may be older by
:data:`COPY_NANOSECONDS`.  If a gzip sibling is older by at most that, its last octets show whether
it has the content of its original (RFC 1952 section 2.3.1: length and CRC-32); if not, the original
was changed right after compressing, and no older sibling is used.
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

#: The files of one folder are copied within seconds, even by several programs at the same time and
#: over a network.  Editing a file after compressing it takes longer.
COPY_NANOSECONDS: Final = 10_000_000_000

_SUFFIXES = tuple(CODINGS.values())
#: Suffixes of files that are stored compressed; the last one is Unity's, with whatever coding the
#: build uses.
_STORED_SUFFIXES = (*_SUFFIXES, b".gzip", b".unityweb")
_GZIP = b"gzip"
#: RFC 1952: a file begins with these octets, and ends with CRC-32 and length, each four octets.
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_END = 8
_GZIP_SHORTEST = 18


def has_siblings(name: bytes) -> bool:
    """Whether a file called ``name`` may have precompressed siblings."""
    return not name.endswith(_SUFFIXES)


def inner_name(name: bytes) -> bytes:
    """The name that the compressed file ``name`` would have uncompressed."""
    for suffix in _STORED_SUFFIXES:
        if name.lower().endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return name


class UnusedSiblings:
    """Records existing siblings that are not used; may be used by any thread.

    Each step leaves the dictionary consistent and does not rely on earlier steps.
    """

    def __init__(self, root: bytes, limits: SiteLimits = DEFAULTS) -> None:
        """``root``: an absolute path."""
        self._root = root
        self._limits = limits
        #: Reasons by path: by how many nanoseconds it is older; ``None``: its content differs.
        self._reasons: dict[bytes, int | None] = {}

    def note(self, path: bytes, older: int | None) -> None:
        """Record that the sibling at ``path`` is not used."""
        if path in self._reasons or len(self._reasons) < self._limits.unused_siblings:
            self._reasons[path] = older

    def forget(self, path: bytes) -> None:
        """Remove the record of the sibling at ``path``, which is used or gone."""
        self._reasons.pop(path, None)

    def forget_absent(self, folder: Folder, name: bytes) -> None:
        """Remove the record of the sibling ``name`` in ``folder``, which does not exist."""
        if self._reasons:
            self.forget(join(folder.path, name))

    def lines(self) -> tuple[str, ...]:
        """Lines for the owner: how many siblings are not used, and why."""
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
        """Search for outdated siblings, up to the limit of files.  Blocks."""
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
    """Finds the siblings for one response."""

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
        """The variants of the file ``name`` in ``folder`` by content coding, including identity."""
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
        """The siblings of ``name``, which has no file itself, by content coding."""
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
        """Whether ``packed`` may have been made from ``original``, as far as it shows."""
        size = packed.version.size
        if size < _GZIP_SHORTEST or self._source.part(packed, 0, 2) != _GZIP_MAGIC:
            return True
        end = self._source.part(packed, size - _GZIP_END, _GZIP_END)
        if int.from_bytes(end[4:], "little") != original.version.size & 0xFFFF_FFFF:
            return False
        if original.version.size > self._limits.small_file:
            return True
        return int.from_bytes(end[:4], "little") == zlib.crc32(self._source.octets(original))
