"""The files ``_headers`` and ``_redirects`` in the root, interpreted as Netlify does.

Contract: :class:`NetlifyFiles` holds the rules of the two files, and rereads them when they change;
every response depends on them.  Errors at startup raise ``ValueError`` with file and line.  Later
errors are warnings, and the previous rules stay in force.  An existing file that cannot be read is
also an error; a missing file means no rules.
"""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from h2static.site.errors import WouldBlockError
from h2static.site.files import Dependencies, FileVersion, Folder, OpenFile, Walk
from h2static.site.limits import DEFAULTS, SiteLimits
from h2static.site.pathpatterns import PathPattern, parse_path_pattern
from h2static.site.paths import Names
from h2static.site.plain_files import decode_text
from h2static.site.redirects import Redirects, parse_redirects
from h2static.site.rules import HeaderRule, make_header_rule

HEADERS_FILE = b"_headers"
REDIRECTS_FILE = b"_redirects"
#: The names of the two files, which are neither served nor listed.
FILES = (HEADERS_FILE, REDIRECTS_FILE)
#: Names that Netlify treats specially and that cannot be fields.
_UNSUPPORTED = {b"basic-auth": "passwords are not supported"}


@dataclass(slots=True, frozen=True, kw_only=True)
class NetlifyRules:
    """The rules of the two files."""

    headers: tuple[HeaderRule, ...] = ()
    redirects: Redirects = field(default_factory=Redirects)
    #: Rules left out and unreadable files, one line each.
    warnings: tuple[str, ...] = ()


def parse_headers(
    text: str, source: str, base: Names = ()
) -> tuple[tuple[HeaderRule, ...], tuple[str, ...]]:
    """Parse a ``_headers`` file; returns its rules, and warnings about those left out.

    ``base``: the names below which its folder is served.  Raises ``ValueError`` with ``source`` and
    line.
    """
    rules: list[HeaderRule] = []
    warnings: list[str] = []
    pattern: PathPattern | None = None
    for number, line in enumerate(text.split("\n"), 1):
        text_of_line = line.strip()
        if not text_of_line or text_of_line.startswith("#"):
            continue
        try:
            if not line[0].isspace():
                pattern = parse_path_pattern(text_of_line, base)
                continue
            if pattern is None:
                raise ValueError("a field without a path before it")
            name_text, colon, value_text = text_of_line.partition(":")
            if not colon:
                raise ValueError(f"{text_of_line!r} is not a field: expected 'Name: value'")
            rule = make_header_rule(pattern, name_text, value_text, text_of_line)
        except ValueError as error:
            raise ValueError(f"{source}:{number}: {error}") from None
        if rule.name in _UNSUPPORTED:
            warnings.append(f"{source}:{number}: ignored: {_UNSUPPORTED[rule.name]}")
        else:
            rules.append(rule)
    return tuple(rules), tuple(warnings)


class _Known(NamedTuple):
    """The result of the last read.

    A single value, because several threads may be here: a slower thread's result for older files
    must not be combined with newer versions.
    """

    rules: NetlifyRules
    #: The rules when the files last had no errors.
    texts: tuple[str, ...] | None
    #: The versions of the files at that time; ``None``: read them again.
    versions: tuple[FileVersion | None, ...] | None


class NetlifyFiles:
    """The current rules of the two files."""

    def __init__(self, limits: SiteLimits = DEFAULTS, base: Names = ()) -> None:
        """``base``: names in front of all paths, which the files do not include."""
        self._limits = limits
        self._base = base
        self._known = _Known(NetlifyRules(), None, None)

    @property
    def rules(self) -> NetlifyRules:
        """The rules as of the last read."""
        return self._known.rules

    def refresh(
        self, walk: Walk, dependencies: Dependencies, *, strict: bool = False, blocking: bool = True
    ) -> NetlifyRules:
        """Check the files, and read them if they changed.

        Raises ``ValueError`` for errors if ``strict``, ``OSError`` if there is no root, and
        :class:`~h2static.site.contents.WouldBlockError` for large files unless ``blocking``.
        """
        root = walk.root()
        old, texts, known = self._known
        versions: tuple[FileVersion | None, ...] | None = None
        try:
            files = [_open(walk, root, name) for name in FILES]
            versions = tuple(None if file is None else file.version for file in files)
            if known == versions:
                return old
            if not blocking and sum(one.size for one in versions if one is not None) > (
                self._limits.octets_at_once
            ):
                raise WouldBlockError
            now = tuple(map(self._read, files, FILES))
            # A recently changed file is read for each response until it has settled.
            rules = old if now == texts else self._parse(*now)
            texts = now
        except ValueError as error:
            texts = None
            if strict:
                raise
            warnings = (str(error),)
            # Other parts identify the rules by identity.
            rules = old if old.warnings == warnings else replace(old, warnings=warnings)
            if isinstance(error, _UnreadableError):
                # It may become readable without a change of any version.
                dependencies.settled = False
                versions = None
        if versions is not None and not all(map(dependencies.is_settled, versions)):
            # A file that has not settled is read again the next time.
            versions = None
        self._known = _Known(rules, texts, versions)
        return rules

    def _read(self, file: OpenFile | None, name: bytes) -> str:
        return _read(file, name, self._limits.netlify_file)

    def _parse(self, headers_text: str, redirects_text: str) -> NetlifyRules:
        headers, warnings = parse_headers(headers_text, HEADERS_FILE.decode(), self._base)
        redirects, more = parse_redirects(redirects_text, REDIRECTS_FILE.decode(), self._base)
        return NetlifyRules(
            headers=headers, redirects=Redirects(redirects), warnings=warnings + more
        )


class _UnreadableError(ValueError):
    """A file exists but cannot be read."""

    def __init__(self, name: bytes, error: OSError) -> None:
        super().__init__(f"{name.decode()}: {error.strerror}")


def _open(walk: Walk, root: Folder, name: bytes) -> OpenFile | None:
    """Open one of the files; ``None`` if it does not exist.

    Raises ``ValueError`` if it is not a file or cannot be opened.
    """
    found: OpenFile | Folder | None
    try:
        found = walk.step(root, name)
    except FileNotFoundError:
        found = None
    except OSError as error:
        raise _UnreadableError(name, error) from None
    if isinstance(found, Folder) or (found is None and _is_in_the_way(root, name)):
        raise ValueError(f"{name.decode()}: not a regular file in the site")
    return found


def _is_in_the_way(root: Folder, name: bytes) -> bool:
    """Whether the missing file exists as something else: a FIFO, a dangling link."""
    try:
        mode = os.lstat(name, dir_fd=root.descriptor).st_mode
    except OSError:
        return False
    # A regular file has appeared just now.
    return not stat.S_ISREG(mode)


def _read(file: OpenFile | None, name: bytes, limit: int) -> str:
    """The text of a file; empty if there is none.  Raises ``ValueError``."""
    if file is None:
        return ""
    try:
        octets = file.handle.read(limit + 1)
    except OSError as error:
        raise _UnreadableError(name, error) from None
    return decode_text(octets, name.decode(), limit)
