"""What the times of a file prove, and what they do not.

Contract: a modification time can be set to anything, and tools that build reproducibly do so: Nix,
Bazel, Jib, OSTree and buildpacks write one constant (0, 1, 1980-01-01) into every file,
``SOURCE_DATE_EPOCH``, ``tar --mtime`` and ``rsync -t`` what they are told.  A change time (ctime)
is the kernel's own: every change of content, size or name sets it, and nobody can set it back.  So

- :func:`changes_show` says whether equal versions of a file surely have equal content;
- :func:`date_is_strong` says whether the date of a file names its content (RFC 9110 section
  8.8.2.2);
- :meth:`ModificationDates.of` gives the date for Last-Modified, or ``None`` where the time says
  nothing: a client that knows nothing else would be told for ever that nothing has changed.

A time says nothing when it is from before the web, or midnight of a day (UTC) to the nanosecond, or
when it was set, has no fraction of a second, and is the same all over the tree: that of a folder on
the way to the file, or of most files beside it.  A wrong "says nothing" costs a client a date that
has an entity tag as well.

Assumption: the clock of the file system does not go back.  File systems without change times
(squashfs, erofs, ISO 9660, FAT) show the modification time in their place.
"""

from __future__ import annotations

import stat
from collections import Counter
from itertools import islice
from typing import Final

from h2static.site.errors import WouldBlockError
from h2static.site.files import FileVersion, Folder, OpenFile, entries_of
from h2static.site.limits import DEFAULTS, SiteLimits

SECOND: Final = 1_000_000_000
_DAY: Final = 86_400 * SECOND
#: 1990-01-01: no page of the web is older.  npm writes 1985, yarn 1984, zip and Gradle 1980.
_WEB: Final = 631_152_000 * SECOND
#: Between a file's last octet and the end of what is done to it after that: renaming it into its
#: place, setting its mode.
_FINISHING: Final = SECOND


def is_meaningless(time: int) -> bool:
    """Whether ``time``, in nanoseconds since 1970, is one that nobody measured."""
    return time < _WEB or time % _DAY == 0


def was_set(version: FileVersion) -> bool:
    """Whether somebody set the modification time, as copying with dates does."""
    return not 0 <= version.changed - version.modified <= _FINISHING


def changes_show(version: FileVersion) -> bool:
    """Whether every change of the content makes another version: whether it has a change time."""
    in_its_place = version.changed == version.modified and version.changed % SECOND == 0
    return not (in_its_place or is_meaningless(version.changed))


def date_is_strong(version: FileVersion) -> bool:
    """Whether the second in which the file was modified names its content.

    RFC 9110 section 8.8.2.2: a date is strong if the server "reliably knows that the associated
    representation did not change twice during the second covered by the presented validator".  The
    kernel wrote the time when it wrote the file, so what the file held when that second was over is
    what it holds.
    """
    return changes_show(version) and version.changed // SECOND == version.modified // SECOND


class ModificationDates:
    """The dates of a site's files; may be used by any thread."""

    def __init__(self, limits: SiteLimits = DEFAULTS) -> None:
        self._limits = limits
        #: By the version of a folder: the time that most of its files have in common, if any.
        self._common: dict[FileVersion, int | None] = {}

    def of(self, file: OpenFile, *, blocking: bool) -> int | None:
        """The modification time in nanoseconds since 1970; ``None`` where it says nothing.

        Raises :class:`WouldBlockError` unless ``blocking``.
        """
        version = file.version
        time = version.modified
        if is_meaningless(time):
            return None
        # Files that were written within one tick of the clock have one time as well; what sets
        # times counts in seconds.
        if time % SECOND == 0 and was_set(version):
            folder: Folder | None = file.folder
            while folder is not None:
                if folder.version.modified == time:
                    return None
                folder = folder.parent
            if self._common_time(file.folder, blocking=blocking) == time:
                return None
        return time

    def _common_time(self, folder: Folder, *, blocking: bool) -> int | None:
        try:
            return self._common[folder.version]
        except KeyError:
            pass
        if not blocking:
            raise WouldBlockError
        try:
            common = _common_time(folder, self._limits.dated_files)
        except OSError:
            return None
        if len(self._common) >= self._limits.dated_folders:
            self._common.clear()
        self._common[folder.version] = common
        return common


def _common_time(folder: Folder, most: int) -> int | None:
    """The modification time that half of the files in ``folder`` have, and at least two.

    Looks at ``most`` entries.  Raises ``OSError``.
    """
    with entries_of(folder) as entries:
        found = [entry.stat(follow_symlinks=False) for entry in islice(entries, most)]
    times = Counter(status.st_mtime_ns for status in found if stat.S_ISREG(status.st_mode))
    for time, count in times.most_common(1):
        if count >= 2 and 2 * count >= times.total():
            return time
    return None
