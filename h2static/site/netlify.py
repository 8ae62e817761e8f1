"""The files ``_headers`` and ``_redirects`` in the root, as Netlify reads them.

Contract: :class:`NetlifyFiles` holds what the two files say, and reads them again when they
change; they are part of what every answer depends on.  Faults at the start raise ``ValueError``
with file and line.  Faults later are warnings, and what was read before stays in force.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from h2static.site.files import FileVersion, OpenFile, Trace, Walk
from h2static.site.pathpatterns import PathPattern, parse_path_pattern
from h2static.site.redirects import Redirect, parse_redirects
from h2static.site.rules import HeaderRule, parse_field_name, parse_field_value

HEADERS_FILE = b"_headers"
REDIRECTS_FILE = b"_redirects"
#: Neither is served or listed.
FILES = (HEADERS_FILE, REDIRECTS_FILE)
#: Netlify's files have a few hundred lines; every request is compared with all of them.
MAX_FILE = 1024 * 1024
#: What Netlify does and a field cannot.
_UNSUPPORTED = {b"basic-auth": "passwords are not supported"}


@dataclass(slots=True, frozen=True, kw_only=True)
class NetlifyRules:
    """What the two files say."""

    headers: tuple[HeaderRule, ...] = ()
    redirects: tuple[Redirect, ...] = ()
    #: Rules that were left out and files that could not be read, one line each.
    warnings: tuple[str, ...] = ()


def parse_headers(text: str, source: str) -> tuple[tuple[HeaderRule, ...], tuple[str, ...]]:
    """The rules of a ``_headers`` file, and warnings about those that were left out.

    Raises ``ValueError`` with ``source`` and line.
    """
    rules: list[HeaderRule] = []
    warnings: list[str] = []
    pattern: PathPattern | None = None
    for number, line in enumerate(text.splitlines(), 1):
        text_of_line = line.strip()
        if not text_of_line or text_of_line.startswith("#"):
            continue
        try:
            if not line[0].isspace():
                pattern = parse_path_pattern(text_of_line)
                continue
            if pattern is None:
                raise ValueError("a field without a path before it")
            name_text, colon, value_text = text_of_line.partition(":")
            if not colon:
                raise ValueError(f"{text_of_line!r} is not a field: expected 'Name: value'")
            name = parse_field_name(name_text, text_of_line)
            value = parse_field_value(value_text, text_of_line)
        except ValueError as error:
            raise ValueError(f"{source}:{number}: {error}") from None
        if name in _UNSUPPORTED:
            warnings.append(f"{source}:{number}: left out: {_UNSUPPORTED[name]}")
        else:
            rules.append(HeaderRule(pattern=pattern, name=name, value=value))
    return tuple(rules), tuple(warnings)


class NetlifyFiles:
    """The rules of the two files as they are now."""

    def __init__(self) -> None:
        #: What the files said, and the versions in which they said it; ``None``: to be read again.
        #: One value, because several threads may be here: what a slower one read of older files
        #: must not come to stand for the newer ones.
        self._known: tuple[NetlifyRules, tuple[FileVersion | None, ...] | None]
        self._known = (NetlifyRules(), None)

    @property
    def rules(self) -> NetlifyRules:
        """The rules as they were read last."""
        return self._known[0]

    def refresh(self, walk: Walk, trace: Trace, *, strict: bool = False) -> NetlifyRules:
        """Look at the files, and read them if they changed.

        Raises ``ValueError`` for faults when ``strict``, and ``OSError`` when a file is there and
        cannot be read.
        """
        files = [self._open(walk, name) for name in FILES]
        versions = tuple(None if file is None else file.version for file in files)
        settled = all(trace.is_settled(version) for version in versions)
        old, known = self._known
        if known == versions:
            return old
        try:
            rules = self._parse([None if file is None else _read(file) for file in files])
        except ValueError as error:
            if strict:
                raise
            rules = NetlifyRules(
                headers=old.headers, redirects=old.redirects, warnings=(str(error),)
            )
        # What has not settled is read again the next time.
        self._known = (rules, versions if settled else None)
        return rules

    def _open(self, walk: Walk, name: bytes) -> OpenFile | None:
        try:
            found = walk.step(walk.root(), name)
        except FileNotFoundError:
            return None
        return found if isinstance(found, OpenFile) else None

    def _parse(self, texts: list[str | None]) -> NetlifyRules:
        headers_text, redirects_text = texts
        headers, warnings = parse_headers(headers_text or "", HEADERS_FILE.decode())
        redirects, more = parse_redirects(redirects_text or "", REDIRECTS_FILE.decode())
        return NetlifyRules(headers=headers, redirects=redirects, warnings=warnings + more)


def _read(file: OpenFile) -> str:
    octets = os.pread(file.handle.descriptor, MAX_FILE + 1, 0)
    name = os.path.basename(file.path).decode()
    if len(octets) > MAX_FILE:
        raise ValueError(f"{name}: longer than {MAX_FILE} octets")
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{name}: not UTF-8") from None
