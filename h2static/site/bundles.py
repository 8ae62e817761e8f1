"""Recognizing files that a build tool wrote under names that change with their content.

Contract: :meth:`Bundles.lasts` says whether the file at a path may be stored forever; if its name
does not tell, :meth:`Bundles.is_named` decides.  The name must contain a hash
(:mod:`h2static.site.hashednames`), and the site's own pages and manifests, in the file's folder and
the folders above it, must confirm it:

- A script or style sheet is permanent if a page, a manifest or a script that these name contains
its
  hash, or if it is in the same folder as one that a page names (only scripts name chunks).  If
  pages name no scripts or style sheets at all, as with an application that generates its pages, the
  name alone decides.
- A font, picture or recording is permanent if its hash is named by a manifest, or by a script or
  style sheet that has a hash itself; or if a page names it and it is in the same folder as such a
  script.  The name alone never decides: ``scan-A4B5C6D7.png`` may be anything.
- If a name may contain either a hash or a word (``lazy4-e_OWJUAi.js``), the file is permanent if a
  page or such a script contains its full name, in a folder with hashed scripts.
- ``_next/static`` (Next.js) and ``_app/immutable`` (SvelteKit) contain nothing else, by contract.

The names in a page are cached as long as the page is unchanged.  A response does not depend on
them, and stays valid until it is dropped, which is soon: a file that is no longer named was named
once, and one that is not yet named is requested again until then.  Both errors are cheap.

Blocking: reads pages and scripts, once for each version of them, within the bounds of
:class:`~h2static.site.limits.SiteLimits`.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice, pairwise
from typing import TypeVar

from h2static.site.errors import WouldBlockError
from h2static.site.files import (
    Dependencies,
    FileVersion,
    Folder,
    OpenFile,
    Walk,
    entries_of,
    join,
    version_of,
)
from h2static.site.hashednames import Kind, content_hash, hash_alone, kind_of, may_have_hash
from h2static.site.limits import DEFAULTS, SiteLimits
from h2static.site.paths import Names

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

#: Folders that frameworks reserve for files whose content never changes.
_RESERVED = ((b"_next", b"static"), (b"_app", b"immutable"))
#: Manifests that tools write about their output: vite, Create React App, Django, Laravel, gulp,
#: Angular, Propshaft.
_MANIFESTS: tuple[Names, ...] = (
    (b".vite", b"manifest.json"),
    (b"manifest.json",),
    (b"asset-manifest.json",),
    (b"staticfiles.json",),
    (b"mix-manifest.json",),
    (b"rev-manifest.json",),
    (b"ngsw.json",),
    (b".manifest.json",),
)
#: The end of a file name; the text before it is scanned backward, so that a megabyte without a dot
#: costs one pass.
_END_OF_NAME = re.compile(
    rb"\.(?:m?js|cjs|css|wasm|map|woff2?|ttf|otf|eot|svg|png|jpe?g|gif|webp|avif|ico|cur|mp[34]"
    rb"|webm|ogg|wav|flac|aac|m4a|opus|glb|gltf)(?![A-Za-z0-9_])"
)
_NOT_IN_REFERENCE = re.compile(rb"[^A-Za-z0-9_~@%+./-]")
#: Maximum length of a reference: a folder or two and a name.
_REFERENCE = 300
#: References examined per file: bundles have thousands.
_REFERENCES = 16_384
#: webpack's runtime names chunks by a table: ``{787:"8fcdcd9b"}``.
_LONE_HASH = re.compile(rb"[\"'`]([0-9a-f]{8,128})[\"'`]")
#: Folders of a reference that may belong to the site's mount point, not to its files.
_MOUNT_DEPTH = 4


@dataclass(slots=True, kw_only=True, frozen=True)
class _Text:
    """The file names in one file."""

    #: Whether a script or style sheet is among them, and whether one of these has a hash.
    names_code: bool
    names_hashed_code: bool
    #: The scripts and style sheets that may have a hash, as written.
    code: tuple[bytes, ...]
    #: All hashes in names.
    hashes: frozenset[bytes]
    #: The names, without folders, of all files that may have a hash.
    names: frozenset[bytes]
    #: Words that would be a hash in a name.
    lone_hashes: frozenset[bytes]


@dataclass(slots=True, kw_only=True)
class _Witness:
    """The names in a page or manifest, and in the scripts that it names."""

    #: Whether it names a script or style sheet.
    names_code: bool
    #: The hashes that it names, and those named by output of a tool.
    hashes: frozenset[bytes] = frozenset()
    by_tools: set[bytes] = field(default_factory=set)
    #: The names of all files that may have a hash, from any source.
    names: set[bytes] = field(default_factory=set)
    #: The folders of named scripts and style sheets that have a hash.
    folders: set[Names] = field(default_factory=set)

    def proves(self, folder: Names, name: bytes, digest: bytes | None, kind: Kind) -> bool:
        """Whether this proves that a tool wrote the file ``name`` in ``folder``."""
        beside = folder in self.folders
        if digest is None:
            return beside and name in self.names
        if digest in self.by_tools:
            return True
        if kind is Kind.ASSET:
            return beside and digest in self.hashes
        return beside or digest in self.hashes


class Bundles:
    """Knowledge about a site's bundles; may be used by any thread."""

    def __init__(
        self,
        root: bytes,
        walk: Callable[[Dependencies], Walk],
        index: bytes,
        limits: SiteLimits = DEFAULTS,
    ) -> None:
        """``root``: an absolute path; ``walk``: see :meth:`h2static.site.setup.Setup.walk`;
        ``index``: the page of a folder."""
        self._root = root
        self._walk = walk
        pages: dict[Names, bool] = {(index,): False, (b"index.html",): False}
        #: Files to consult in each folder, and whether only tools write them.
        self._places = tuple((pages | dict.fromkeys(_MANIFESTS, True)).items())
        self._limits = limits
        self._witnesses: dict[tuple[bytes, FileVersion], _Witness] = {}
        self._texts: dict[FileVersion, _Text] = {}

    @staticmethod
    def lasts(names: Names) -> bool | None:
        """Whether the file at ``names`` will never change.

        ``None``: its names do not tell; :meth:`is_named` consults pages.
        """
        folder, name = names[:-1], names[-1]
        if kind_of(name) is None:
            return False
        if len(folder) > 1 and any(pair in _RESERVED for pair in pairwise(folder)):
            return True
        return None if may_have_hash(name) else False

    def is_named(self, names: Names, *, blocking: bool) -> bool:
        """Whether the file at ``names``, which may have a hash, will never change.

        Raises :class:`WouldBlockError` unless ``blocking``.
        """
        folder, name = names[:-1], names[-1]
        kind, digest = kind_of(name), content_hash(name)
        assert kind is not None
        names_code = False
        for witness in self._above(folder, blocking=blocking):
            if witness.proves(folder, name, digest, kind):
                return True
            names_code = names_code or witness.names_code
        return digest is not None and kind is Kind.CODE and not names_code

    def _above(self, folder: Names, *, blocking: bool) -> Iterator[_Witness]:
        """The pages and manifests in ``folder`` and above it."""
        for depth in range(len(folder), -1, -1):
            for place, by_tool in self._places:
                names = (*folder[:depth], *place)
                path = join(self._root, b"/".join(names))
                try:
                    version = version_of(os.stat(path))
                except OSError:
                    continue
                known = self._witnesses.get((path, version))
                if known is None:
                    if not blocking:
                        raise WouldBlockError
                    known = self._hear(names, len(place), by_tool=by_tool)
                    _keep(self._witnesses, (path, version), known, self._limits.bundle_pages)
                yield known

    def _hear(self, names: Names, length: int, *, by_tool: bool) -> _Witness:
        """Read the page or manifest at ``names``.

        The last ``length`` of them are its name in the folder that it describes.
        """
        with self._walk(Dependencies(0)) as walk:
            root = walk.root()
            folder = _step(walk, root, names[:-length])
            file = _step(walk, root, names)
            if not (isinstance(folder, Folder) and isinstance(file, OpenFile)):
                return _Witness(names_code=False)
            text = self._text(file)
            witness = _Witness(names_code=text.names_code, names=set(text.names))
            is_tool = self._follow(walk, folder, text.code, witness)
            # Otherwise no tool here writes hashes: a web app's manifest names icons, and a page may
            # name anything.
            if not (is_tool or text.names_hashed_code):
                return _Witness(names_code=text.names_code)
            witness.hashes = text.hashes
            if by_tool:
                witness.by_tools |= text.hashes
            for reference in text.code:
                witness.folders.update(_folders(names[:-length], reference))
        return witness

    def _follow(
        self, walk: Walk, folder: Folder, references: tuple[bytes, ...], witness: _Witness
    ) -> bool:
        """Collect the names in scripts and style sheets named in ``folder``, in those that they
        name, and so on.  Returns whether one of them names another with a hash."""
        seen: set[bytes] = set()
        named = deque((folder, reference) for reference in references)
        octets = 0
        is_tool = False
        while named and octets < self._limits.bundle_octets:
            place, reference = named.popleft()
            if reference in seen:
                continue
            if len(seen) >= self._limits.bundle_files:
                break
            seen.add(reference)
            file = _find(walk, place, reference)
            if file is None:
                continue
            octets += min(file.version.size, self._limits.bundle_file)
            text = self._text(file)
            witness.by_tools |= text.hashes | text.lone_hashes
            witness.names |= text.names
            more = [*text.code, *self._named_by_hash(file.folder, text.lone_hashes)]
            named.extend((file.folder, reference) for reference in more)
            is_tool = is_tool or text.names_hashed_code or len(more) > len(text.code)
        return is_tool

    def _named_by_hash(self, folder: Folder, hashes: frozenset[bytes]) -> Iterator[bytes]:
        """The scripts and style sheets in ``folder`` that a table of hashes refers to."""
        if not hashes:
            return
        try:
            with entries_of(folder) as entries:
                found = [
                    os.fsencode(entry.name)
                    for entry in islice(entries, self._limits.bundle_entries)
                ]
        except OSError:
            return
        for name in found:
            if kind_of(name) is Kind.CODE and content_hash(name) in hashes:
                yield name

    def _text(self, file: OpenFile) -> _Text:
        """The names in ``file``."""
        known = self._texts.get(file.version)
        if known is None:
            try:
                octets = os.pread(file.handle.descriptor, self._limits.bundle_file, 0)
            except OSError:
                octets = b""
            known = _parse(octets)
            _keep(self._texts, file.version, known, self._limits.bundle_pages)
        return known


def _keep(memory: dict[_Key, _Value], key: _Key, value: _Value, most: int) -> None:
    """Cache ``value``; a full cache is cleared first."""
    if len(memory) >= most:
        memory.clear()
    memory[key] = value


def _step(walk: Walk, folder: Folder, names: Names) -> Folder | OpenFile | None:
    """The file or folder at ``names`` below ``folder``, if any."""
    place: Folder | OpenFile = folder
    try:
        for name in names:
            if isinstance(place, OpenFile):
                return None
            place = walk.step(place, name)
    except OSError:
        return None
    return place


def _parts(reference: bytes) -> Names:
    return tuple(name for name in reference.split(b"/") if name not in (b"", b".", b".."))


def _folders(page_folder: Names, reference: bytes) -> Iterator[Names]:
    """The folders that ``reference`` in a page in ``page_folder`` may refer to.

    An absolute reference may begin with a host and the site's mount path; at least one
    folder remains.
    """
    folder = _parts(reference)[:-1]
    yield (*page_folder, *folder)
    if reference.startswith(b"/"):
        for start in range(max(1, min(len(folder), _MOUNT_DEPTH))):
            yield folder[start:]
            yield (*page_folder, *folder[start:])


def _find(walk: Walk, folder: Folder, reference: bytes) -> OpenFile | None:
    """The file that ``reference`` in a file in ``folder`` refers to."""
    names = _parts(reference)
    for start in range(min(len(names), _MOUNT_DEPTH)):
        for place in (folder, walk.root()):
            found = _step(walk, place, names[start:])
            if isinstance(found, OpenFile):
                return found
    return None


def _parse(text: bytes) -> _Text:
    """The file names in ``text``."""
    names_code = names_hashed_code = False
    code: dict[bytes, None] = {}
    hashes = set[bytes]()
    names = set[bytes]()
    for reference in _references(text):
        name = reference.rpartition(b"/")[2]
        is_code = kind_of(name) is Kind.CODE
        names_code = names_code or is_code
        if not may_have_hash(name):
            continue
        names.add(name)
        digest = content_hash(name)
        if digest is not None:
            hashes.add(digest)
            names_hashed_code = names_hashed_code or is_code
        if is_code:
            code[reference] = None
    return _Text(
        names_code=names_code,
        names_hashed_code=names_hashed_code,
        code=tuple(code),
        hashes=frozenset(hashes),
        names=frozenset(names),
        lone_hashes=frozenset(filter(hash_alone, _LONE_HASH.findall(text))),
    )


def _references(text: bytes) -> Iterable[bytes]:
    """Everything in ``text`` that looks like a file's URL or name, without its host."""
    for match in islice(_END_OF_NAME.finditer(text), _REFERENCES):
        before = text[max(0, match.start() - _REFERENCE) : match.end()]
        yield _NOT_IN_REFERENCE.split(before)[-1]
