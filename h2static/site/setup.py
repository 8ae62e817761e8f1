"""Everything a site needs for its responses, created once from its configuration.

Contract: a :class:`Setup` is complete: all files named in the configuration existed and had no
errors.  Of the files that change later, Netlify's files and push rules are reread.  Any thread may
use it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from h2static.http.fields import Field
from h2static.site.bodies import FileAccess
from h2static.site.bundles import Bundles
from h2static.site.coded_names import CodedNames
from h2static.site.config import EtagSource, SiteConfig
from h2static.site.contents import Contents
from h2static.site.errors import ChangedError, SiteError
from h2static.site.file_times import ModificationDates
from h2static.site.files import Dependencies, OpenFolders, Walk
from h2static.site.hints.delivery import Look
from h2static.site.hints.source import PushSource
from h2static.site.languages import Languages
from h2static.site.limits import SiteLimits
from h2static.site.list_memory import ANYHOW, Alone, ListMemory
from h2static.site.lookup import FoundFile, Lookup, LookupRules
from h2static.site.mediatypes import MediaTypes, read_mime_types
from h2static.site.names import public_names
from h2static.site.netlify import FILES as NETLIFY_FILES
from h2static.site.netlify import NetlifyFiles, NetlifyRules
from h2static.site.pages import ErrorPages
from h2static.site.paths import Names, Target, below, parse_target
from h2static.site.rules import Rules
from h2static.site.sources import Shared
from h2static.site.variants import UnusedSiblings

READ_METHODS = (b"GET", b"HEAD")
UPLOAD_METHODS = (b"POST", b"PUT")
if TYPE_CHECKING:
    from h2static.site.compression import Compression

#: The page that Netlify sends if there is no file.
NETLIFY_NOT_FOUND = (b"404.html",)


class Setup:
    """Everything a site needs for its responses; immutable except for files that it rereads."""

    def __init__(
        self,
        config: SiteConfig,
        root: bytes,
        contents: Contents,
        clock: Callable[[], float],
        access: FileAccess,
        look: Look,
        *,
        alone: Alone = ANYHOW,
        falls_through: bool = False,
        base: Names = (),
        neighbours: Sequence[Names] = (),
    ) -> None:
        """``root``: ``config.root`` as an absolute path.  ``look``: gives the response to a
        promised request.

        ``alone``: see :class:`~h2static.site.list_memory.ListMemory`.  ``falls_through``: as for
        :class:`~h2static.site.site.Site`.  ``base``: names in front of all paths.  ``neighbours``:
        paths below which other sites serve.

        Raises ``ValueError`` or ``OSError`` for errors in files that the configuration names.
        """
        self.config = config
        self.root = root
        self.clock = clock
        self.falls_through = falls_through
        self.base = base
        self._neighbours = neighbours
        limits = self.limits = access.limits
        self.shared = Shared(
            contents=contents,
            access=access,
            digest_all=config.etag is EtagSource.DIGEST,
            dates=ModificationDates(limits),
        )
        self.lists = ListMemory(limits, alone)
        additions = None
        if config.mime_types_file is not None:
            additions = read_mime_types(config.mime_types_file, access.limits)
        self.media_types = MediaTypes(additions)
        self.compression = _compression(config, limits, alone)
        if config.index in ("", ".", "..") or "/" in config.index or "\0" in config.index:
            raise ValueError(f"index: {config.index!r} is not a plain file name")
        self.public = public_names(config)
        self.lookup_rules = LookupRules(
            public=self.public,
            index=_octets(config.index),
            listing=config.listing,
            clean_urls=config.clean_urls or config.netlify,
        )
        self.error_pages = ErrorPages()
        self.error_files: dict[int, Names] = {404: NETLIFY_NOT_FOUND} if config.netlify else {}
        for page in config.error_page:
            self.error_files[page.status] = _site_names(page.file)
        self.spa = None if config.spa is None else _site_names(config.spa)
        self.netlify = NetlifyFiles(limits, base) if config.netlify else None
        self.unused_siblings = UnusedSiblings(root, limits)
        self.languages = Languages(config.languages, limits) if config.languages else None
        self.coded_names = CodedNames(access.submit, limits)
        self._open_folders = OpenFolders(limits)
        self.bundles = Bundles(root, self.walk, self.lookup_rules.index, limits)
        #: Files that matter whatever their names are, because options name them or the server reads
        #: them, and the folders on the path to them.
        self._named = {
            names[:count]
            for names in (
                *self.error_files.values(),
                self.spa or (),
                *((name,) for name in NETLIFY_FILES),
            )
            for count in range(1, len(names) + 1)
        }
        self.push_source = PushSource(config, self._has_file, look, limits)
        self._rules: tuple[NetlifyRules, Rules] | None = None
        with self.walk(Dependencies(clock())) as walk:
            if config.spa is not None:
                self._check_file(walk, config.spa, "spa")
            for page in config.error_page:
                self._check_file(walk, page.file, f"error-page {page.status}")
            if self.netlify is not None:
                self.netlify.refresh(walk, Dependencies(clock()), strict=not config.lenient)

    def _has_file(self, path: bytes) -> bool:
        """Whether an encoded path leads to something that is served; true for paths of other
        sites."""
        try:
            if self._is_elsewhere(path):
                return True
            target = self.target(path)
            with self.walk(Dependencies(self.clock())) as walk:
                lookup = Lookup(self.lookup_rules, walk)
                found = lookup.resolve(target.names, directory=target.directory)
        except (SiteError, OSError, ChangedError):
            return False
        return isinstance(found, FoundFile)

    def _is_elsewhere(self, path: bytes) -> bool:
        """Whether another site serves ``path``; raises as :func:`parse_target`."""
        if not self._neighbours:
            return False
        names = parse_target(path, self.limits, encoded_slash=self.config.encoded_slash).names
        serving = [one for one in (*self._neighbours, self.base) if names[: len(one)] == one]
        return not serving or max(serving, key=len) != self.base

    def target(self, path: bytes, *, dot_segments: bool = True) -> Target:
        """The target of a path in this site; raises as
        :func:`~h2static.site.paths.parse_target`."""
        target = parse_target(
            path,
            self.limits,
            encoded_slash=self.config.encoded_slash,
            dot_segments=dot_segments,
        )
        return below(target, self.base) if self.base else target

    def _check_file(self, walk: Walk, file: str, option: str) -> None:
        """Raise ``ValueError`` unless ``file``, named by ``option``, exists below the root; for a
        lenient site it may appear later."""
        names = _site_names(file)
        try:
            found = Lookup(self.lookup_rules, walk).owners_file(names)
        except OSError:
            pass
        else:
            if found.names == names:
                return
        if self.config.lenient:
            # A build in progress may create it.
            return
        raise ValueError(f"{option}: {file}: no such file in the root")

    def concerns(self, names: Names) -> bool:
        """Whether a change at ``names`` or below may affect any response."""
        return names in self._named or not self.public.hides_way(names)

    def walk(self, dependencies: Dependencies) -> Walk:
        """A new walk through the tree."""
        return Walk(
            self.root,
            dependencies,
            follow_symlinks=self.config.follow_symlinks,
            folders=self._open_folders,
            limits=self.limits,
        )

    def release(self) -> None:
        """Drop cached lists, and release folders; those in use come back."""
        self.lists.forget()
        self.coded_names.release()
        self._open_folders.release()

    def rules(self, netlify: NetlifyRules) -> Rules:
        """All rules, including those of the current ``_headers`` file."""
        known = self._rules
        if known is None or known[0] is not netlify:
            config = self.config
            rules = Rules(cache=config.cache, header=config.header, netlify=netlify.headers)
            known = self._rules = (netlify, rules)
        return known[1]

    def refresh_netlify(self) -> None:
        """Reread Netlify's files if they changed; without a root, their previous rules stay."""
        if self.netlify is None:
            return
        dependencies = Dependencies(self.clock())
        with contextlib.suppress(OSError), self.walk(dependencies) as walk:
            self.netlify.refresh(walk, dependencies)

    def warnings(self) -> tuple[str, ...]:
        """Warnings about the owner's files, one line each."""
        netlify = () if self.netlify is None else self.netlify.rules.warnings
        return (*netlify, *self.push_source.warnings)

    def notices(self) -> tuple[str, ...]:
        """Further notices for the owner, one line each."""
        return self.unused_siblings.lines()

    def allow(self) -> Field:
        """The methods that resources here support (RFC 9110 section 10.2.1)."""
        uploads = UPLOAD_METHODS if self.config.echo_upload else ()
        return (b"allow", b", ".join((*READ_METHODS, b"OPTIONS", *uploads)))


def _compression(config: SiteConfig, limits: SiteLimits, alone: Alone) -> Compression | None:
    if not config.compress:
        return None
    # Libraries needed only here.
    from h2static.site.compression import Compression, available_coders

    return Compression(available_coders(config.compress), limits, alone)


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _site_names(file: str) -> Names:
    """The names of a file below the root that an option names."""
    return tuple(_octets(file.removeprefix("/")).split(b"/"))
