"""Choosing among files in several languages: ``page.html`` or ``page.de.html``.

Contract: :func:`translate` looks for variants of a file in other languages, and chooses one.  A
client that accepts none of them gets the first language rather than an error (RFC 9110 section
12.5.4 recommends this, because people read more languages than they configure).
"""

from __future__ import annotations

from typing import NamedTuple

from h2static.site.files import Dependencies
from h2static.site.languages import Languages
from h2static.site.lookup import FoundFile, Lookup


class Translation(NamedTuple):
    """A file in the chosen language."""

    file: FoundFile
    #: The language; ``None`` if unknown.
    language: bytes | None
    #: Whether there was a choice.
    chosen: bool


def translate(
    languages: Languages,
    accept_language: bytes | None,
    found: FoundFile,
    lookup: Lookup,
    dependencies: Dependencies,
) -> Translation:
    """The variant to send for ``found``."""
    folder, names, _ = found
    own = languages.of(names[-1])
    if own is not None:
        return Translation(found, own, chosen=False)
    there: dict[bytes, FoundFile] = {}
    for tag in languages.tags:
        name = languages.variant(names[-1], tag)
        if name is None:
            break
        try:
            there[tag] = lookup.beside(folder, (*names[:-1], name))
        except FileNotFoundError:
            continue
        except OSError:
            # Treat it as absent for now.
            dependencies.settled = False
    if not there:
        return Translation(found, None, chosen=False)
    there.setdefault(languages.tags[0], found)
    order = languages.order(accept_language)
    tag = next((one for one in order if one in there), languages.tags[0])
    return Translation(there[tag], tag, chosen=True)
