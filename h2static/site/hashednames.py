"""Names that contain a digest of the file's content, as written by build tools.

Contract: :func:`content_hash` finds the part of a name that may be a digest of the file's content.
It uses only the name; :mod:`h2static.site.bundles`, which also checks which files refer to it,
decides whether the file may be stored forever.  A wrong yes shows users an old file for a year, a
wrong no costs one conditional request.  So names that a person or a database may have chosen are
not taken for hashes, and some hashes are missed.

A digest follows a name and a separator, before the extensions, in a file of a kind that build tools
write (:func:`kind_of`):

- webpack: ``main.8e1f2a3b4c5d6e7f8a9b.js``: hexadecimal digits; so do Parcel, Angular, Next.js,
  Hugo, Rails and Django (``app.0a1b2c3d4e5f.css``).
- esbuild: ``app-RDVPDRLU.js``: 8 characters of base 32 in upper case.
- vite and rollup: ``index-BmX3h2_a.js``, ``entry.BmX3h2_a.js``: 8 characters of base 64 for URLs.

A name that is only a digest (``0bc83cb571cd1c50ba6f3e8a78ef1346.png``) is just as often an
identifier.  So are 24 hexadecimal digits (MongoDB), 13 (PHP) and the digits of a UUID.  Data files
(JSON, documents, archives) were named by a program that keeps them up to date.

Strategy: a hash is a word with more runs of letters, digits and capitals than names have.  Names of
scripts and style sheets rarely use all capitals, so there unpronounceable capitals also count as a
hash.  Measured with 2000 files of vite 8, rollup 4 and esbuild 0.28: 73 % of base 64, 87 % of base
32 in scripts and 55 % elsewhere are found (91 % of 8 and all of 20 hexadecimal digits).  Of 184 000
file names on a developer's machine, none was wrongly taken for base 32 or base 64; of 14 000
identifiers with capitals and eight characters, which are hardly ever file names, 1 % would be taken
for base 64.
"""

from __future__ import annotations

import re
from enum import Enum, auto

#: Lengths that tools write: MD4, MD5, SHA-1, SHA-2 and xxHash, whole or truncated.
_HEXADECIMAL = re.compile(
    rb"[0-9a-f]{8}|[0-9a-f]{10}|[0-9a-f]{12}|[0-9a-f]{16}|[0-9a-f]{20}|[0-9a-f]{32}"
    rb"|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{96}|[0-9a-f]{128}"
)
#: A UUID is random, not a digest.  Without hyphens (RFC 9562: version 4 or 7, variant 8 to b), one
#: in 32 MD5 digests looks like one.
_UUID = re.compile(rb"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_BARE_UUID = re.compile(rb"[0-9a-f]{12}[47][0-9a-f]{3}[89ab][0-9a-f]{15}")
#: Runs of letters and of digits: ``face2024``, ``20240115b`` and ``CHAPTER2`` have two.
_RUN = re.compile(rb"[A-Za-z]+|[0-9]+")
_DIGEST_RUNS = 3
_BASE32 = re.compile(rb"[A-Z2-7]{8}")
#: ``P4EDITOR`` and ``MAN3PAGE`` have three runs, and vowels like words.
_VOWEL = re.compile(rb"[AEIOU]")
_BASE64 = re.compile(rb"(?!0x)(?=.*[a-z])(?=.*[A-Z])[A-Za-z0-9_-]{8}")
_BASE64_OR_32 = re.compile(rb"(?=.*[A-Za-z])[A-Za-z0-9_-]{8}")
#: A digit, or a capital that is not the first letter.
_UNLIKE_WORDS = re.compile(rb"[0-9]|.[A-Z]")
#: Words, abbreviations and numbers in a name: ``UserList`` and ``FreeRTOS`` have two, ``MIPS32r2``
#: has four, like most random strings.
_WORD = re.compile(rb"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_RANDOM_WORDS = 4
#: Characters of the hashes of vite, rollup and esbuild.
_SHORT = 8
_SEPARATOR = re.compile(rb"[-_~]")
#: No file system has longer names.
_LONGEST = 255


class Kind(Enum):
    """The kind of a build tool's output file."""

    #: Written by tools; includes ``.js.map``.
    CODE = auto()
    #: Written by tools and by people.
    ASSET = auto()


_KINDS = {
    **dict.fromkeys((b"js", b"mjs", b"cjs", b"css", b"map", b"wasm"), Kind.CODE),
    **dict.fromkeys((b"woff2", b"woff", b"ttf", b"otf", b"eot"), Kind.ASSET),
    **dict.fromkeys((b"svg", b"png", b"jpg", b"jpeg", b"gif", b"webp", b"avif"), Kind.ASSET),
    **dict.fromkeys((b"ico", b"cur", b"mp4", b"webm", b"ogg", b"mp3", b"wav"), Kind.ASSET),
    **dict.fromkeys((b"flac", b"aac", b"m4a", b"opus", b"glb", b"gltf"), Kind.ASSET),
}


def kind_of(name: bytes) -> Kind | None:
    """The kind of build output that ``name`` may be; ``None`` if it is data."""
    stem, _, extension = name.rpartition(b".")
    return _KINDS.get(extension) if stem else None


def content_hash(name: bytes) -> bytes | None:
    """The part of ``name`` that is a digest of the content, as far as a name can tell."""
    kind = kind_of(name)
    if kind is None or len(name) > _LONGEST:
        return None
    first, *parts, _ = name.split(b".")
    code = kind is Kind.CODE
    if first:
        for part in parts:
            if _is_hexadecimal(part) or _is_short_hash(part, code=code):
                return part
    for part in (first, *parts):
        if _UUID.search(part) is not None:
            continue
        *names, last = _SEPARATOR.split(part)
        if any(names) and _is_hexadecimal(last):
            return last
        last = part[-_SHORT:]
        is_last = len(part) > _SHORT + 1 and part[-_SHORT - 1 : -_SHORT] == b"-"
        if is_last and _is_short_hash(last, code=code):
            return last
    return None


def may_have_hash(name: bytes) -> bool:
    """Whether ``name`` contains something that may be a hash, or a word with capitals.

    Weak evidence by itself, but enough for a file named by a build tool's own script.
    """
    if kind_of(name) is None or len(name) > _LONGEST:
        return False
    if name.rfind(b".") < _SHORT:
        # Most names end here: nothing before the extension is as long as a hash.
        return False
    return content_hash(name) is not None or any(map(_is_loose, name.split(b".")[:-1]))


def _is_loose(part: bytes) -> bool:
    """Whether ``part`` ends with eight characters of base 64 that are not a common word."""
    last = part[-_SHORT:]
    if part != last and not (len(part) > _SHORT + 1 and part[-_SHORT - 1 : -_SHORT] == b"-"):
        return False
    return bool(_BASE64_OR_32.fullmatch(last)) and bool(_UNLIKE_WORDS.search(last))


def hash_alone(text: bytes) -> bool:
    """Whether ``text`` could be the digest in the name of a script or style sheet."""
    return _is_hexadecimal(text) or _is_short_hash(text, code=True)


def _is_hexadecimal(text: bytes) -> bool:
    """Whether ``text`` is a hexadecimal digest, and not a number, a word or a UUID."""
    return (
        bool(_HEXADECIMAL.fullmatch(text))
        and len(_RUN.findall(text)) >= _DIGEST_RUNS
        and _BARE_UUID.fullmatch(text) is None
    )


def _is_short_hash(text: bytes, *, code: bool) -> bool:
    """Whether ``text`` is a hash of eight characters, and not a number or words."""
    if _BASE32.fullmatch(text):
        runs = len(_RUN.findall(text))
        unpronounceable = len(_VOWEL.findall(text)) < 2 and not text.isdigit()
        if code:
            return runs >= _DIGEST_RUNS or unpronounceable
        return runs > _DIGEST_RUNS or (runs == _DIGEST_RUNS and unpronounceable)
    # A hyphen separates words more often than it is part of a hash: ``5S-24bit``.
    enough = _RANDOM_WORDS + 1 if b"-" in text else _RANDOM_WORDS
    return bool(_BASE64.fullmatch(text)) and len(_WORD.findall(text)) >= enough
