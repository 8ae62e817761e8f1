"""Imports an application's modules so that every edit takes effect.

Contract: after :func:`watch_for_edits`, no module in a folder is imported from bytecode of an
earlier edit, unless another program wrote it.  The interpreter compares times in whole seconds, and
sizes: where a file is imported and edited again within a second, and stays as long as it was, it
takes the old bytecode for current.

Strategy: bytecode is written only for files that were not edited lately, so that every later edit
gives them another second.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from importlib.abc import PathEntryFinder
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

#: Seconds after an edit in which no bytecode is written: more than one, because both times are cut.
SETTLED: Final = 2.0
#: Whose modules are imported so.
_folders: Final = set[str]()


class SettledSourceLoader(SourceFileLoader):
    """Loads a module from its source; writes no bytecode for one that was edited just now."""

    def set_data(self, path: str, data: ReadableBuffer, *, _mode: int = 0o666) -> None:
        """Write ``data``, the bytecode, to ``path``, if another edit would outdate it."""
        try:
            edited = os.stat(self.path).st_mtime
        except OSError:
            return
        if time.time() - edited > SETTLED:
            super().set_data(path, data, _mode=_mode)


_find: Final[Callable[[str], PathEntryFinder]] = FileFinder.path_hook(
    (ExtensionFileLoader, EXTENSION_SUFFIXES),
    (SettledSourceLoader, SOURCE_SUFFIXES),
    (SourcelessFileLoader, BYTECODE_SUFFIXES),
)


def watch_for_edits(folder: str) -> None:
    """Have modules in ``folder``, an absolute path, and in packages below it imported so."""
    if folder in _folders:
        return
    _folders.add(folder)
    below = folder.rstrip(os.sep) + os.sep

    def find(path: str) -> PathEntryFinder:
        if path != folder and not path.startswith(below):
            raise ImportError
        return _find(path)

    sys.path_hooks.insert(0, find)
    for path in list(sys.path_importer_cache):
        if path == folder or path.startswith(below):
            del sys.path_importer_cache[path]
