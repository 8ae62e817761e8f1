"""What the times of a file prove, and what they do not.

Contract: a modification time can be set to anything, and reproducible builds do so: Nix, Bazel,
Jib, OSTree and buildpacks write one constant (0, 1, 1980-01-01) into every file;
``SOURCE_DATE_EPOCH``, ``tar --mtime`` and ``rsync -t`` write a given time.  A change time (ctime)
is set by the kernel: every change of content, size or name updates it, and it cannot be set back.
So

- :func:`changes_show` says whether equal versions of a file certainly have equal content;
- :func:`date_is_strong` says whether the date of a file identifies its content (RFC 9110 section
  8.8.2.2);
- :meth:`ModificationDates.of` gives the date for Last-Modified, or ``None`` if the time is
  meaningless: a client without another validator would otherwise never see a change.

A time is meaningless if it is older than the web, or exactly midnight (UTC) to the nanosecond; or
if it was set, has no fraction of a second, and is the same all over the tree: that of a folder on
the path to the file, or of most files next to it.  A wrong "meaningless" only costs a client a
date, and it still has an entity tag.

Assumption: the clock of the file system does not go back.  File systems without change times
(squashfs, erofs, ISO 9660, FAT) report the modification time instead.
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
#: 1990-01-01: no web page is older.  npm writes 1985, yarn 1984, zip and Gradle 1980.
_WEB: Final = 631_152_000 * SECOND
#: Time between a file's last octet and the last operation on it, such as renaming it into place or
#: setting its mode.
_FINISHING: Final = SECOND


def is_meaningless(time: int) -> bool:
    """Whether ``time``, in nanoseconds since 1970, is not a real time of writing."""
    return time < _WEB or time % _DAY == 0


def was_set(version: FileVersion) -> bool:
    """Whether the modification time was set explicitly, as when copying with dates."""
    return not 0 <= version.changed - version.modified <= _FINISHING


def changes_show(version: FileVersion) -> bool:
    """Whether every change of the content makes a new version, that is, it has a change time."""
    in_its_place = version.changed == version.modified and version.changed % SECOND == 0
    return not (in_its_place or is_meaningless(version.changed))


def date_is_strong(version: FileVersion) -> bool:
    """Whether the second in which the file was modified identifies its content.

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
        #: By the version of a folder: the time that most of its files share, if any.
        self._common: dict[FileVersion, int | None] = {}

    def of(self, file: OpenFile, *, blocking: bool) -> int | None:
        """The modification time in nanoseconds since 1970; ``None`` if it is meaningless.

        Raises :class:`WouldBlockError` unless ``blocking``.
        """
        version = file.version
        time = version.modified
        if is_meaningless(time):
            return None
        # Files written within one tick of the clock also share a time; but tools that set
        # times use whole seconds.
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
    """The modification time shared by half of the files in ``folder``, and at least two.

    Checks at most ``most`` entries.  Raises ``OSError``.
    """
    with entries_of(folder) as entries:
        found = [entry.stat(follow_symlinks=False) for entry in islice(entries, most)]
    times = Counter(status.st_mtime_ns for status in found if stat.S_ISREG(status.st_mode))
    for time, count in times.most_common(1):
        if count >= 2 and 2 * count >= times.total():
            return time
    return None
