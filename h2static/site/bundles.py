"""Which files a build tool wrote under names that change with their content.

Contract: :meth:`Bundles.lasts` says whether the file at a path may be stored for ever, and where
its names do not tell, :meth:`Bundles.is_named` does.  The name must carry a hash
(:mod:`h2static.site.hashednames`), and the site's own pages and manifests are asked, those in the
file's folder and in the folders above it:

- A script or style sheet lasts when its hash is named by a page, by a manifest or by a script that
  these name, or when it lies beside one that a page names (chunks are named by scripts only).
  Where pages name no scripts or style sheets at all, as with an application that writes its pages
  itself, the name alone decides.
- A font, picture or recording lasts when a manifest names its hash, or a script or style sheet that
  has a hash itself; or when a page names it and it lies beside such a script.  The name alone never
  decides: ``scan-A4B5C6D7.png`` may be anything.
- Where the look of a name leaves open whether a hash or a word stands in it
  (``lazy4-e_OWJUAi.js``), the file lasts when a page or such a script names it whole, in a folder
  where scripts with a hash lie.
- ``_next/static`` (Next.js) and ``_app/immutable`` (SvelteKit) hold nothing else, by contract.

What a page says is remembered as long as the page is the same.  A response does not depend on it,
and holds until it is forgotten, which is soon: who is no longer named was named once, and who is
not yet named is asked for again until then.  Both are on the cheap side.

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
#: What tools write about the files that they wrote: vite, Create React App, Django, Laravel, gulp,
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
#: Where a name of a file ends; what stands before it is looked at backwards, so that a megabyte
#: without a dot costs one pass.
_END_OF_NAME = re.compile(
    rb"\.(?:m?js|cjs|css|wasm|map|woff2?|ttf|otf|eot|svg|png|jpe?g|gif|webp|avif|ico|cur|mp[34]"
    rb"|webm|ogg|wav|flac|aac|m4a|opus|glb|gltf)(?![A-Za-z0-9_])"
)
_NOT_IN_REFERENCE = re.compile(rb"[^A-Za-z0-9_~@%+./-]")
#: A reference is at most this long: a folder or two and a name.
_REFERENCE = 300
#: References of one file that are looked at: bundles have thousands.
_REFERENCES = 16_384
#: webpack's runtime names chunks by a table: ``{787:"8fcdcd9b"}``.
_LONE_HASH = re.compile(rb"[\"'`]([0-9a-f]{8,128})[\"'`]")
#: Folders of a reference that may belong to where the site is mounted, not to its files.
_MOUNT_DEPTH = 4


@dataclass(slots=True, kw_only=True, frozen=True)
class _Text:
    """What one file names."""

    #: Whether there is a script or style sheet among it, and whether one of them has a hash.
    names_code: bool
    names_hashed_code: bool
    #: The scripts and style sheets that may have a hash, as they are written.
    code: tuple[bytes, ...]
    #: The hashes of everything that has one.
    hashes: frozenset[bytes]
    #: The names, without folders, of everything that may have one.
    names: frozenset[bytes]
    #: What stands alone and would be a hash in a name.
    lone_hashes: frozenset[bytes]


@dataclass(slots=True, kw_only=True)
class _Witness:
    """What a page or manifest says, with the scripts that it names."""

    #: Whether it names a script or style sheet.
    names_code: bool
    #: The hashes that it names, and those that are named by what a tool wrote.
    hashes: frozenset[bytes] = frozenset()
    by_tools: set[bytes] = field(default_factory=set)
    #: The names of everything that may have a hash, whoever names it.
    names: set[bytes] = field(default_factory=set)
    #: The folders of named scripts and style sheets that have a hash.
    folders: set[Names] = field(default_factory=set)

    def proves(self, folder: Names, name: bytes, digest: bytes | None, kind: Kind) -> bool:
        """Whether a tool wrote the file ``name`` in ``folder``."""
        beside = folder in self.folders
        if digest is None:
            return beside and name in self.names
        if digest in self.by_tools:
            return True
        if kind is Kind.ASSET:
            return beside and digest in self.hashes
        return beside or digest in self.hashes


class Bundles:
    """What is known of a site's bundles; may be used by any thread."""

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
        #: Where to ask in each folder, and whether tools alone write there.
        self._places = tuple((pages | dict.fromkeys(_MANIFESTS, True)).items())
        self._limits = limits
        self._witnesses: dict[tuple[bytes, FileVersion], _Witness] = {}
        self._texts: dict[FileVersion, _Text] = {}

    @staticmethod
    def lasts(names: Names) -> bool | None:
        """Whether the file at ``names`` will never have another content.

        ``None``: its names do not tell; :meth:`is_named` asks pages.
        """
        folder, name = names[:-1], names[-1]
        if kind_of(name) is None:
            return False
        if len(folder) > 1 and any(pair in _RESERVED for pair in pairwise(folder)):
            return True
        return None if may_have_hash(name) else False

    def is_named(self, names: Names, *, blocking: bool) -> bool:
        """Whether the file at ``names``, which may have a hash, will never have another content.

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
        """What the page or manifest at ``names`` says.

        The last ``length`` of them are its name in the folder that it speaks of.
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
            # Otherwise nobody here writes hashes: a web app's manifest names icons, and a page may
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
        """Note what the scripts and style sheets name that are named in ``folder``, and those that
        they name, and so on.  Returns whether one names another with a hash."""
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
        """The scripts and style sheets in ``folder`` that a table of hashes stands for."""
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
        """What ``file`` names."""
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
    """Remember ``value``; a memory that is full begins anew."""
    if len(memory) >= most:
        memory.clear()
    memory[key] = value


def _step(walk: Walk, folder: Folder, names: Names) -> Folder | OpenFile | None:
    """What is at ``names`` below ``folder``, if anything."""
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
    """The folders that ``reference`` in a page of ``page_folder`` may mean.

    What an absolute one begins with may be a host and the path under which the site is mounted; one
    folder at least stays.
    """
    folder = _parts(reference)[:-1]
    yield (*page_folder, *folder)
    if reference.startswith(b"/"):
        for start in range(max(1, min(len(folder), _MOUNT_DEPTH))):
            yield folder[start:]
            yield (*page_folder, *folder[start:])


def _find(walk: Walk, folder: Folder, reference: bytes) -> OpenFile | None:
    """The file that ``reference`` in a file of ``folder`` names."""
    names = _parts(reference)
    for start in range(min(len(names), _MOUNT_DEPTH)):
        for place in (folder, walk.root()):
            found = _step(walk, place, names[start:])
            if isinstance(found, OpenFile):
                return found
    return None


def _parse(text: bytes) -> _Text:
    """What ``text`` names."""
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
    """What looks like the URL or name of a file in ``text``, without its host."""
    for match in islice(_END_OF_NAME.finditer(text), _REFERENCES):
        before = text[max(0, match.start() - _REFERENCE) : match.end()]
        yield _NOT_IN_REFERENCE.split(before)[-1]
