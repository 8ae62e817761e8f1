"""Names that carry a digest of their content, as build tools write them.

Contract: :func:`is_content_hashed` says whether a file of this name may be stored for ever.  A
wrong yes shows users an old file for a year, a wrong no costs one conditional request; so names
that a person may have written are not taken for hashes, and some hashes are missed.

What the tools write before the extensions:

- webpack: ``main.8e1f2a3b4c5d6e7f8a9b.js``, ``8e1f2a3b4c5d6e7f8a9b.png``: 8 to 64 hexadecimal
  digits; so do Parcel, Next.js, Hugo, Rails and Django (``app.0a1b2c3d4e5f.css``).
- esbuild: ``app-RDVPDRLU.js``: 8 characters of base 32 in upper case.
- vite and rollup: ``index-BmX3h2_a.js``, ``entry.BmX3h2_a.js``: 8 characters of base 64 for URLs.
"""

from __future__ import annotations

import re

_HEXADECIMAL = re.compile(rb"(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{8,64}")
#: The part of a name that is nothing but a digest must be long to be surely one.
_LONG_HEXADECIMAL = 16
#: A UUID is made by chance, not of the content.
_UUID = re.compile(rb"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_BASE32 = re.compile(rb"[A-Z2-7]{8}")
#: ``CHAPTER2``, ``DOCUMENT``: words that a person may have written.
_CAPITALS = re.compile(rb"[A-Z]+[0-9]*")
_VOWEL = re.compile(rb"[AEIOU]")
_BASE64 = re.compile(rb"(?=.*[a-z])(?=.*[A-Z])[A-Za-z0-9_-]{8}")
#: Words and numbers in a name: ``UserList`` and ``Chapter1`` have two, ``Level2Up`` has three.
_WORD = re.compile(rb"[A-Z]?[a-z]+|[A-Z]|[0-9]+")
#: Eight random characters of base 64 rarely have fewer.
_RANDOM_WORDS = 4
#: Characters of the hashes of vite, rollup and esbuild.
_SHORT = 8


def is_content_hashed(name: bytes) -> bool:
    """Whether ``name`` is that of a file whose content never changes."""
    *parts, extension = name.split(b".")
    if not parts or not extension or len(name) > 255:
        return False
    if len(parts[0]) >= _LONG_HEXADECIMAL and _HEXADECIMAL.fullmatch(parts[0]):
        return True
    if any(_HEXADECIMAL.fullmatch(part) or _is_short_hash(part) for part in parts[1:]):
        return True
    return any(
        _HEXADECIMAL.fullmatch(re.split(rb"[-_~]", part)[-1]) is not None
        or (part[-_SHORT - 1 : -_SHORT] == b"-" and _is_short_hash(part[-_SHORT:]))
        for part in parts
        if _UUID.search(part) is None and re.search(rb"[-_~]", part)
    )


def _is_short_hash(text: bytes) -> bool:
    """Whether ``text`` is a hash of eight characters and not a word."""
    if _BASE32.fullmatch(text):
        # A word of eight letters has two vowels or more.
        return not _CAPITALS.fullmatch(text) or (text.isalpha() and len(_VOWEL.findall(text)) < 2)
    return bool(_BASE64.fullmatch(text)) and len(_WORD.findall(text)) >= _RANDOM_WORDS
