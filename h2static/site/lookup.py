"""From names to what is served for them: a file, a folder without an index, or another address.

Contract: :meth:`Lookup.resolve` says what a request for these names gets; :meth:`Lookup.file` what
a rule that names them gets.  Hidden names (:mod:`h2static.site.names`) are absent.  Absence and
whatever else the system says is raised as ``OSError``.

Where addresses are written without ``.html``, the file decides about the slash: ``about.html`` is
at ``/about``, ``about/index.html`` at ``/about/``, and who asks for the other one is sent there.
Where a folder lies beside a page of its name, ``/about`` is the page and ``/about/`` the folder.
A file called ``about`` goes before the page, and the page before a lone ``about.gz``.
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

#: Siblings by coding of a file that is not there itself.
Siblings: TypeAlias = dict[bytes, OpenFile]
#: Finds them for a name in a folder; empty where there are none.
FindSiblings: TypeAlias = Callable[[Folder, bytes], Siblings]


class FoundFile(NamedTuple):
    """A file that is served."""

    #: What it is in.
    folder: Folder
    #: From the root to the file.
    names: Names
    file: OpenFile | Siblings


class Elsewhere(NamedTuple):
    """What was asked for has an address with, or without, a slash at its end."""

    directory: bool


#: What a request leads to; a :class:`Folder` is one without an index, to be listed.
Found: TypeAlias = FoundFile | Elsewhere | Folder


@dataclass(slots=True, frozen=True, kw_only=True)
class LookupRules:
    """How names are looked up in a site."""

    public: PublicNames
    #: The file that is served for a folder.
    index: bytes
    #: Whether a folder without index is listed.
    listing: bool
    #: Whether ``/about`` is ``about.html``.
    clean_urls: bool


def no_siblings(folder: Folder, name: bytes) -> Siblings:
    """What only a sibling could answer for is absent."""
    return {}


class Lookup:
    """Looks for names on one walk."""

    def __init__(
        self, rules: LookupRules, walk: Walk, siblings: FindSiblings = no_siblings
    ) -> None:
        """``siblings``: may answer for a name that has no file itself."""
        self._rules = rules
        self._walk = walk
        self._siblings = siblings

    def resolve(self, names: Names, *, directory: bool) -> Found:
        """What a request for ``names`` gets; ``directory``: its path ends with a slash."""
        try:
            folder, place = self._find(names)
        except OSError as error:
            page = self._page(names) if is_lasting(error) else None
            if page is None:
                raise
            return Elsewhere(directory=False) if directory else page
        if not isinstance(place, Folder):
            # ``about.gz`` may be anything; a page that is there is what is meant.
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
        """The file that a rule means by ``names``, with or without a slash at its end."""
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
        """The file ``name`` in the innermost of ``folders`` that there is and that has it, or in
        the root.

        Folders are gone into as far as they exist, once: how long a path is costs nothing.
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
        """What ``names`` lead to, and the folder that the last of them is in.

        Whoever calls it knows that each is one name and no dot segment.
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
        """The page that is called like ``names`` but for its suffix."""
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
