"""Caching which precompressed files a folder contains, to avoid looking for absent ones.

Contract: :meth:`CodedNames.of` returns the names in a folder with suffixes of precompressed files,
or says that it does not know them.  Its answer is as reliable as looking up each name: it is valid
for one version of the folder, and the caller has just seen the folder in that version.  A name that
appears or disappears makes a new version, and only settled folders are read, so no change can hide
within a tick of the clock.

Strategy: most files have no siblings, and three failing lookups cost more than the file itself.  A
folder is read once per version, in another thread, after a few files have been requested from it.

May be used by any thread: each step leaves the dictionary consistent and does not rely on earlier
steps.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from itertools import islice

from h2static.descriptors import close_descriptor
from h2static.site.files import FileVersion, Folder, version_of
from h2static.site.limits import DEFAULTS, SiteLimits
from h2static.site.negotiation import CODINGS

_SUFFIXES = tuple(os.fsdecode(suffix) for suffix in CODINGS.values())


class _Listed:
    """The knowledge about a folder in one version."""

    __slots__ = ("looks", "names", "version")

    def __init__(self, version: FileVersion) -> None:
        self.version = version
        #: How often it was requested; -1 if it has been or is being read.
        self.looks = 0
        #: The names; ``None`` if not known.
        self.names: frozenset[bytes] | None = None


class CodedNames:
    """The names of precompressed files in a site's folders."""

    def __init__(
        self, submit: Callable[[Callable[[], None]], object], limits: SiteLimits = DEFAULTS
    ) -> None:
        """``submit`` runs a blocking job elsewhere."""
        self._submit = submit
        self._limits = limits
        self._by_path: dict[bytes, _Listed] = {}

    def of(self, folder: Folder, settled_before: int) -> frozenset[bytes] | None:
        """The names of precompressed files in ``folder``; ``None`` if not known.

        ``settled_before``: see :class:`h2static.site.files.Dependencies`.
        """
        version = folder.version
        known = self._by_path.get(folder.path)
        if known is None or known.version != version:
            if len(self._by_path) >= self._limits.listed_folders:
                self._by_path.clear()
            known = self._by_path[folder.path] = _Listed(version)
        if known.names is None and known.looks >= 0 and version.changed < settled_before:
            known.looks += 1
            if known.looks > self._limits.looks_before_list:
                known.looks = -1
                self._submit(partial(self._read, folder.path, known))
        return known.names

    def release(self) -> None:
        """Clear the cache."""
        self._by_path.clear()

    def _read(self, path: bytes, known: _Listed) -> None:
        """Read the folder at ``path``.  Blocks."""
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            return
        try:
            # The same folder in the same version, whatever the path led through and whatever
            # happens in it while it is being read.
            if version_of(os.fstat(descriptor)) == known.version:
                names = self._names(descriptor)
                if version_of(os.fstat(descriptor)) == known.version:
                    known.names = names
        except OSError:
            return
        finally:
            close_descriptor(descriptor)

    def _names(self, descriptor: int) -> frozenset[bytes] | None:
        """The names in a folder; ``None`` if there are too many."""
        names: list[bytes] = []
        most = self._limits.listed_entries
        with os.scandir(descriptor) as entries:
            for number, entry in enumerate(islice(entries, most + 1)):
                if number == most or len(names) > self._limits.listed_siblings:
                    return None
                if entry.name.endswith(_SUFFIXES):
                    names.append(os.fsencode(entry.name))
        return frozenset(names)
