"""Files whose changes are ignored: files that are not served, version control, packages, editors'
temporary files.

Contract: :class:`IgnoreRules` decides whether to ignore changes to a name in the root; ignored
folders are not even watched, which keeps the watcher below the system's limits when
``node_modules`` holds a hundred thousand files.  Only the site decides what is served.

Strategy: shell patterns; those without a slash match each component, those with one the complete
path; all of them are combined into two regular expressions.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from fnmatch import translate
from functools import lru_cache

#: Folders that hold what is not served or what tools write all the time.
IGNORED_FOLDERS = (
    ".git",
    ".hg",
    ".svn",
    ".jj",
    ".bzr",
    "CVS",
    "node_modules",
    "bower_components",
    "__pycache__",
    ".idea",
    ".vscode",
    ".vs",
    ".cache",
    ".parcel-cache",
    ".venv",
    ".tox",
    ".nox",
    ".mypy_cache",
    ".ruff_cache",
    ".pytest_cache",
    ".sass-cache",
    ".direnv",
    ".Trash*",
)
#: Files that editors and tools write next to a file before renaming them, or as locks.
IGNORED_FILES = (
    "*~",
    ".#*",
    "#*#",
    "*.sw[a-p]",
    "*.swx",
    "4913",
    "*.tmp",
    "*.temp",
    "*.bak",
    "*.part",
    "*.crdownload",
    "*.kate-swp",
    "*___jb_tmp___",
    "*___jb_old___",
    ".goutputstream-*",
    ".fuse_hidden*",
    ".nfs[0-9a-f]*",
    ".DS_Store",
    "._*",
    "Thumbs.db",
    "desktop.ini",
)


class IgnoreRules:
    """The names that do not count."""

    def __init__(
        self,
        extra: tuple[str, ...] = (),
        *,
        concerns: Callable[[tuple[bytes, ...]], bool] = lambda names: True,
    ) -> None:
        """``extra``: the user's patterns; a trailing slash is allowed and means nothing more.

        ``concerns``: see :meth:`h2static.dev.source.WatchedSite.concerns`.
        """
        self._concerns = concerns
        patterns = [pattern.strip("/") for pattern in (*IGNORED_FOLDERS, *IGNORED_FILES, *extra)]
        names = [pattern for pattern in patterns if pattern and "/" not in pattern]
        paths = [pattern for pattern in patterns if "/" in pattern]
        self._name = re.compile("|".join(map(translate, names)))
        self._path = re.compile("|".join(map(translate, paths))) if paths else None

    def hides(self, path: str) -> bool:
        """Whether nothing is served under ``path``, relative to the root, and nothing made of it;
        links may lead there all the same."""
        return not self._concerns(_names(path))

    def ignores(self, path: str) -> bool:
        """Whether ``path``, relative to the root, or a folder above it is ignored."""
        if self.hides(path):
            return True
        parts = path.split("/")
        if any(self._name.match(part) for part in parts):
            return True
        if self._path is None:
            return False
        return any(
            self._path.match("/".join(parts[: count + 1])) is not None
            for count in range(len(parts))
        )

    def ignores_entry(self, folder: str, name: str) -> bool:
        """The same for one entry of a folder that is itself not ignored (``""``: the root)."""
        if self._name.match(name) is not None:
            return True
        if not self._concerns((*_names(folder), os.fsencode(name))):
            return True
        if self._path is None:
            return False
        return self._path.match(f"{folder}/{name}" if folder else name) is not None


@lru_cache(maxsize=8)
def _names(path: str) -> tuple[bytes, ...]:
    """The names on the way to ``path``; entries of one folder are asked about in a row."""
    return tuple(os.fsencode(path).split(b"/")) if path else ()
