"""Mapping names to a file, a folder without an index, or another address.

Contract: :meth:`Lookup.resolve` returns what a request for these names gets; :meth:`Lookup.file`
what a rule with these names gets.  Hidden names (:mod:`h2static.site.names`) are absent.  Absence
and other system errors are raised as ``OSError``.

With clean URLs, the file determines the slash: ``about.html`` is at ``/about``,
``about/index.html`` at ``/about/``, and requests for the other form are redirected.  If there is
both a folder and a page of the same name, ``/about`` is the page and ``/about/`` the folder.  A
file called ``about`` takes precedence over the page, and the page over a lone ``about.gz``.
"""

from __future__ import annotations

import errno
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from h2static.site.errors import is_lasting
from h2static.site.files import Folder, OpenFile, Walk
from h2static.site.names import PublicNames
from h2static.site.paths import Names

_PAGE_SUFFIX = b".html"

#: Siblings, by coding, of a file that does not exist itself.
Siblings: TypeAlias = dict[bytes, OpenFile]
#: Finds them for a name in a folder; empty if there are none.
FindSiblings: TypeAlias = Callable[[Folder, bytes], Siblings]


class FoundFile(NamedTuple):
    """A file to serve."""

    #: The folder that contains it.
    folder: Folder
    #: The names from the root to the file.
    names: Names
    file: OpenFile | Siblings


class Elsewhere(NamedTuple):
    """The requested file has its address with, or without, a final slash."""

    directory: bool


#: The result of a request; a :class:`Folder` has no index and is to be listed.
Found: TypeAlias = FoundFile | Elsewhere | Folder


@dataclass(slots=True, frozen=True, kw_only=True)
class LookupRules:
    """The rules for looking up names in a site."""

    public: PublicNames
    #: The file that is served for a folder.
    index: bytes
    #: Whether a folder without index is listed.
    listing: bool
    #: Whether ``/about`` is ``about.html``.
    clean_urls: bool


def no_siblings(folder: Folder, name: bytes) -> Siblings:
    """No siblings: a name without a file is absent."""
    return {}


class Lookup:
    """Looks up names in one walk."""

    def __init__(
        self, rules: LookupRules, walk: Walk, siblings: FindSiblings = no_siblings
    ) -> None:
        """``siblings``: finds files that may answer for a name without a file."""
        self._rules = rules
        self._walk = walk
        self._siblings = siblings

    def resolve(self, names: Names, *, directory: bool) -> Found:
        """Resolve a request for ``names``; ``directory``: its path ends with a slash."""
        try:
            folder, place = self._find(names)
        except OSError as error:
            page = self._page(names) if is_lasting(error) else None
            if page is None:
                raise
            return Elsewhere(directory=False) if directory else page
        if not isinstance(place, Folder):
            # ``about.gz`` may be anything; an existing page takes precedence.
            page = None if isinstance(place, OpenFile) else self._page(names)
            if page is not None:
                return Elsewhere(directory=False) if directory else page
            if directory:
                raise NotADirectoryError(errno.ENOTDIR, "a file, but the path ends with a slash")
            return FoundFile(folder, names, place)
        if not directory:
            return self._page(names) or Elsewhere(directory=True)
        try:
            return self._index(place, names)
        except FileNotFoundError:
            if self._rules.listing:
                return place
            if self._page(names) is None:
                raise
            return Elsewhere(directory=False)

    def file(self, names: Names) -> FoundFile:
        """The file that a rule refers to by ``names``, with or without a final slash."""
        found = self.resolve(names, directory=False)
        if isinstance(found, Elsewhere):
            found = self.resolve(names, directory=True)
        if not isinstance(found, FoundFile):
            raise FileNotFoundError(errno.ENOENT, "a folder without an index file")
        return found

    def owners_file(self, names: Names) -> FoundFile:
        """The file that an option names, hidden or not; for a folder, its index."""
        folder, place = self._follow(names)
        if isinstance(place, Folder):
            return self._index(place, names)
        return FoundFile(folder, names, place)

    def nearest_file(self, folders: Names, name: bytes) -> FoundFile:
        """The file ``name`` in the innermost existing folder of ``folders`` that has it, or in the
        root.

        Each folder is entered once, as far as they exist, so long paths cost nothing extra.
        """
        folder = self._walk.root()
        way: list[Folder] = [folder]
        for count, one in enumerate(folders):
            if self._rules.public.hides(folders[:count], one):
                break
            try:
                place = self._walk.step(folder, one)
            except OSError:
                break
            if isinstance(place, OpenFile):
                break
            folder = place
            way.append(folder)
        for count in range(len(way) - 1, -1, -1):
            try:
                found = self._step(way[count], name)
            except FileNotFoundError:
                continue
            if not isinstance(found, Folder):
                return FoundFile(way[count], (*folders[:count], name), found)
        raise FileNotFoundError(errno.ENOENT, "no such file in this folder or above")

    def beside(self, folder: Folder, names: Names) -> FoundFile:
        """The public file ``names``, which is in ``folder``."""
        if self._rules.public.hides(names[:-1], names[-1]):
            raise FileNotFoundError(errno.ENOENT, "a name that is not served")
        place = self._step(folder, names[-1])
        if isinstance(place, Folder):
            raise FileNotFoundError(errno.ENOENT, "the variant is a folder")
        return FoundFile(folder, names, place)

    def _find(self, names: Names) -> tuple[Folder, Folder | OpenFile | Siblings]:
        if self._rules.public.hides_way(names):
            raise FileNotFoundError(errno.ENOENT, "a name that is not served")
        return self._follow(names)

    def _follow(self, names: Names) -> tuple[Folder, Folder | OpenFile | Siblings]:
        """The file or folder at ``names``, and the folder that contains it.

        The caller guarantees that each is a single name and not a dot segment.
        """
        folder = self._walk.root()
        if not names:
            return folder, folder
        for name in names[:-1]:
            place = self._walk.step(folder, name)
            if isinstance(place, OpenFile):
                raise NotADirectoryError(errno.ENOTDIR, "a file, not a folder")
            folder = place
        return folder, self._step(folder, names[-1])

    def _step(self, folder: Folder, name: bytes) -> Folder | OpenFile | Siblings:
        try:
            return self._walk.step(folder, name)
        except FileNotFoundError:
            siblings = self._siblings(folder, name)
            if not siblings:
                raise
            return siblings

    def _index(self, folder: Folder, names: Names) -> FoundFile:
        index = self._rules.index
        found = self._step(folder, index)
        if isinstance(found, Folder):
            raise FileNotFoundError(errno.ENOENT, "the index is a folder")
        return FoundFile(folder, (*names, index), found)

    def _page(self, names: Names) -> FoundFile | None:
        """The page with the name ``names`` plus a suffix."""
        if not (self._rules.clean_urls and names):
            return None
        names = (*names[:-1], names[-1] + _PAGE_SUFFIX)
        try:
            folder, place = self._find(names)
        except OSError as error:
            if is_lasting(error):
                return None
            raise
        return None if isinstance(place, Folder) else FoundFile(folder, names, place)
