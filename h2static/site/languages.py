"""Pages in several languages: ``page.de.html`` beside ``page.html``, by Accept-Language.

Contract: :func:`preferred` says in which order a client wants languages (RFC 9110 section 12.5.4,
RFC 4647), :func:`sibling_name` what the file with a page in a language is called.  The first
language of a site is that of the pages without a language in their names; who wants none of the
others gets these, as RFC 9110 section 12.5.4 lets a server do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from h2static.site.files import OpenFile
from h2static.site.limits import DEFAULTS, SiteLimits
from h2static.site.lookup import FoundFile, Lookup, Siblings
from h2static.site.negotiation import parse_weights

#: A language tag, as far as its form goes (RFC 5646 section 2.1).
_TAG = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8})*")
#: Each is looked for beside each page; the largest sites have some dozens.
MAX_LANGUAGES: Final = 64


def parse_languages(text: str) -> tuple[str, ...]:
    """``en,de,pt-BR``.  Raises ``ValueError`` with one line."""
    languages = tuple([one.strip() for one in text.split(",")])
    for one in languages:
        if not _TAG.fullmatch(one):
            raise ValueError(f"'{one}' is no language tag, such as de or pt-BR")
    if len({one.lower() for one in languages}) < len(languages):
        raise ValueError(f"{text}: a language is there twice")
    if len(languages) > MAX_LANGUAGES:
        raise ValueError(f"more than {MAX_LANGUAGES} languages")
    return languages


def sibling_name(name: bytes, language: str) -> bytes:
    """The file with the page ``name`` in ``language``."""
    stem, dot, extension = name.rpartition(b".")
    return b"%b.%b%b%b" % (stem, language.encode("ascii"), dot, extension)


class InLanguage(NamedTuple):
    """A page in the language that a client likes best."""

    #: ``None``: there is no choice.
    language: bytes | None
    name: bytes
    file: OpenFile | Siblings


def in_language(
    found: FoundFile,
    languages: Sequence[str],
    accept_language: bytes | None,
    lookup: Lookup,
    limits: SiteLimits = DEFAULTS,
) -> InLanguage:
    """``found`` in the one of ``languages`` that the client likes best, of those that are there."""
    name = found.names[-1]
    stored = {one: sibling_name(name, one) for one in languages}
    files = {one: lookup.beside(found.folder, stored[one]) for one in languages}
    if not any(files.values()):
        return InLanguage(None, name, found.file)
    default = languages[0]
    for one in preferred(accept_language, languages, limits):
        own = files[one]
        if own is not None:
            return InLanguage(one.encode("ascii"), stored[one], own)
        if one == default:
            break
    return InLanguage(default.encode("ascii"), name, found.file)


def preferred(
    accept_language: bytes | None, languages: Sequence[str], limits: SiteLimits = DEFAULTS
) -> list[str]:
    """Those of ``languages`` that a client wants, the one that it wants most first.

    A range stands for what begins with it, as "de" for "de-AT" (RFC 4647 section 3.3.1), and for
    what it begins with, as "de-AT" for "de" (section 3.4).  Between equals the order of the field
    decides.
    """
    if accept_language is None:
        return list(languages[:1])
    weights = {
        name.decode("ascii"): weight
        for name, weight in parse_weights(accept_language, limits).items()
    }
    places = {name: place for place, name in enumerate(weights)}
    wanted: list[tuple[int, int, str]] = []
    for language in languages:
        tag = language.lower()
        ranges = [one for one in weights if _fits(one, tag)] or ["*"]
        exact = max(ranges, key=len)
        # "de;q=0" says what is not wanted, whatever else there is.
        weight = max(weights.get(one, 0) for one in ranges) if weights.get(exact, 0) else 0
        if weight:
            best = min(places[one] for one in ranges if weights[one] == weight)
            wanted.append((-weight, best, language))
    return [language for *_, language in sorted(wanted, key=lambda one: one[:2])]


def _fits(written: str, tag: str) -> bool:
    return f"{tag}-".startswith(f"{written}-") or written.startswith(f"{tag}-")
