"""Pages in several languages: ``page.de.html`` next to ``page.html`` (RFC 9110 section 12.5.4).

Contract: :class:`Languages` knows the languages of a site's variants, and which of them a client
prefers.  A file without a language in its name is in the first one.  Nothing here accesses files.

Strategy: browsers' Accept-Language fields differ in many ways that do not matter to a site with
three languages.  So :meth:`Languages.preference` reduces the field to the site's languages in the
client's order, and only that is part of the cache key.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from h2static.site.limits import DEFAULTS, SiteLimits
from h2static.site.negotiation import parse_weights

#: RFC 4647 section 2.1: language-range; a tag has one or more subtags of up to eight characters.
_TAG: Final = re.compile(r"[A-Za-z]{1,8}(?:-[A-Za-z0-9]{1,8})*")
#: More than this must be a mistake, and each means one more name to look for next to a file.
MOST_LANGUAGES: Final = 32


def parse_languages(text: str) -> tuple[str, ...]:
    """Parse comma-separated tags.  Raises ``ValueError`` with a one-line message."""
    tags = tuple(tag.strip() for tag in text.split(","))
    for tag in tags:
        if not _TAG.fullmatch(tag):
            raise ValueError(f"'{tag}' is not a language tag such as en or pt-BR")
    if len({tag.lower() for tag in tags}) < len(tags):
        raise ValueError("a language is repeated")
    if len(tags) < 2:
        raise ValueError(
            f"'{text}' is a single language: list the language of files without a tag first,"
            " then the others"
        )
    if len(tags) > MOST_LANGUAGES:
        raise ValueError(f"{len(tags)} languages; the limit is {MOST_LANGUAGES}")
    return tags


class Languages:
    """The languages of a site; may be used by any thread."""

    __slots__ = ("_known", "_limits", "_lower", "tags")

    def __init__(self, tags: Sequence[str], limits: SiteLimits = DEFAULTS) -> None:
        """``tags``: as the owner writes them, including in file names; the first is that of files
        without a tag."""
        self.tags: Final = tuple([tag.encode("ascii") for tag in tags])
        self._lower = tuple([tag.lower() for tag in self.tags])
        self._limits = limits
        #: Cached preferences by field value.
        self._known: dict[bytes, bytes] = {}

    def preference(self, accept_language: bytes | None) -> bytes | None:
        """An equivalent Accept-Language value with only the site's languages; ``None`` if there is
        no field, or none of them is acceptable.
        """
        if accept_language is None:
            return None
        found = self._known.get(accept_language)
        if found is None:
            order = self.order(accept_language)
            refused = [tag + b";q=0" for tag in self.tags if tag not in order]
            found = b", ".join([*order, *refused]) if order else b""
            if len(self._known) >= self._limits.language_preferences:
                self._known.clear()
            self._known[accept_language] = found
        return found or None

    def order(self, accept_language: bytes | None) -> tuple[bytes, ...]:
        """The acceptable languages of the site, preferred ones first.

        Languages with equal weights are in the client's order, as browsers list what their
        users prefer.
        """
        if accept_language is None:
            return ()
        ranges = parse_weights(accept_language, self._limits)
        ranked = []
        for number, (tag, lower) in enumerate(zip(self.tags, self._lower, strict=True)):
            best = _match(lower, ranges)
            if best is not None and ranges[best]:
                # Of two languages matched by one range, the one that it names comes first.
                ranked.append((-ranges[best], list(ranges).index(best), best != lower, number, tag))
        return tuple([tag for *_, tag in sorted(ranked)])

    def of(self, name: bytes) -> bytes | None:
        """The language in the name of a file: ``de`` in ``page.de.html``."""
        parts = name.rsplit(b".", 2)
        return parts[1] if len(parts) == 3 and parts[0] and parts[1] in self.tags else None

    def variant(self, name: bytes, tag: bytes) -> bytes | None:
        """The name of the variant of ``name`` in the language ``tag``; ``None`` if it has none."""
        stem, dot, extension = name.rpartition(b".")
        return b"%b.%b.%b" % (stem, tag, extension) if stem and dot and extension else None


def _match(tag: bytes, ranges: dict[bytes, int]) -> bytes | None:
    """The client's range that determines the weight of ``tag``, all in lower case.

    The most specific one: the tag itself or a longer one (a client that wants ``de-AT`` accepts
    ``de``: RFC 4647 section 3.4), then a shorter one (``de`` also matches ``de-AT``: section
    3.3.1), then any.
    """
    if tag in ranges:
        return tag
    longer = [one for one in ranges if one.startswith(tag + b"-")]
    if longer:
        return max(longer, key=lambda one: ranges[one])
    while b"-" in tag:
        tag = tag.rpartition(b"-")[0]
        if tag in ranges:
            return tag
    return b"*" if b"*" in ranges else None
