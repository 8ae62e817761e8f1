"""Media types by file name.

Contract: :meth:`MediaTypes.of` returns the Content-Type for a name, with ``charset=utf-8`` for
text. The table is in this package, so that every machine gives the same result; ``/etc/mime.types``
is not read.  A file in that format can extend the table.

Two extensions are ambiguous: ``.ts`` and ``.mts`` are TypeScript or a transport stream, as in HLS.
The beginning of the file decides, unless the owner's table has the extension.  It also matters for
documents: a browser trusts the field more than the document's own ``<meta charset>``, so a document
that declares another charset is sent without one.
"""

from __future__ import annotations

import re

from h2static.http.grammar import TOKEN_OCTETS
from h2static.site.limits import DEFAULTS, SiteLimits
from h2static.site.media_type_table import TABLE
from h2static.site.plain_files import read_text_file

#: RFC 2046 section 4.5.1: the type of unknown octets.
DEFAULT_TYPE = b"application/octet-stream"

#: Full names that determine the type better than their extension.
_NAMES = {
    b"apple-app-site-association": b"application/json",
    b"readme": b"text/plain",
    b"license": b"text/plain",
    b"licence": b"text/plain",
    b"copying": b"text/plain",
    b"makefile": b"text/plain",
    b"dockerfile": b"text/plain",
}

#: A transport stream (ISO/IEC 13818-1) consists of packets of 188 octets that begin with 0x47;
#: cameras put a four-octet timestamp before each.
_TRANSPORT_STREAM = b"video/mp2t"
_SYNC = 0x47
_PACKETS = ((188, 0), (192, 4))
#: Packets to check: text has the octet in three of these places one time in a million.
_LOOKED_AT = 3
#: Octets of a file that :meth:`MediaTypes.of` needs: as many as browsers search for the charset
#: (HTML, "prescan a byte stream"), which is more than those packets.
BEGINNING = 1024
_DOCUMENTS = frozenset((b"html", b"htm", b"shtml"))
_META_CHARSET = re.compile(
    rb"<meta(?=[\s/])[^>]*?[\s;\"']charset\s*=\s*[\"']?\s*([a-z0-9_:.\-]+)", re.IGNORECASE
)
_UTF_8 = (b"utf-8", b"utf8", b"unicode-1-1-utf-8", b"x-unicode20utf8")
_TWO_MEANINGS = frozenset((b"ts", b"mts"))

_TYPE = re.compile(rb"[%b]+/[%b]+" % (TOKEN_OCTETS, TOKEN_OCTETS))


class MediaTypes:
    """A table of media types, optionally extended from a file."""

    def __init__(self, additions: dict[bytes, bytes] | None = None) -> None:
        """``additions`` maps extensions in lower case, without a dot, to types."""
        types = parse_mime_types(TABLE, "the table of the package")
        types.update(additions or {})
        self._two_meanings = _TWO_MEANINGS - (additions or {}).keys()
        self._types = {extension: _with_charset(type_) for extension, type_ in types.items()}
        self._names = {name: _with_charset(type_) for name, type_ in _NAMES.items()}

    def depends_on_content(self, name: bytes) -> bool:
        """Whether :meth:`of` needs the beginning of a file called ``name``."""
        extension = name.lower().rpartition(b".")[2]
        return extension in self._two_meanings or extension in _DOCUMENTS

    def of(self, name: bytes, beginning: bytes = b"") -> bytes:
        """The Content-Type for a file called ``name``.

        ``beginning``: its first :data:`BEGINNING` octets, or all of them, if the type
        depends on them and they are known.
        """
        name = name.lower()
        stem, dot, extension = name.rpartition(b".")
        if beginning and extension in self._two_meanings and _is_transport_stream(beginning):
            return _TRANSPORT_STREAM
        if beginning and extension in _DOCUMENTS and _has_other_charset(beginning):
            return self._types.get(extension, DEFAULT_TYPE).partition(b";")[0]
        if dot and stem:
            return self._types.get(extension, DEFAULT_TYPE)
        return self._names.get(name, DEFAULT_TYPE)

    def knows(self, name: bytes) -> bool:
        """Whether ``name`` has an extension in the table."""
        return name.lower().rpartition(b".")[2] in self._types and b"." in name


def parse_mime_types(text: str, source: str) -> dict[bytes, bytes]:
    """Parse extensions and their types from text in the format of ``/etc/mime.types``.

    Raises ``ValueError`` with ``source`` and the line of an invalid media type.
    """
    types: dict[bytes, bytes] = {}
    for number, line in enumerate(text.split("\n"), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if _TYPE.fullmatch(words[0].encode("utf-8", "replace")) is None:
            raise ValueError(f"{source}:{number}: {words[0]!r} is not a media type")
        # RFC 9110 section 8.3.1: types are compared without regard to case.
        media_type = words[0].lower().encode("ascii")
        for extension in words[1:]:
            types[extension.lower().removeprefix(".").encode()] = media_type
    return types


def read_mime_types(path: str, limits: SiteLimits = DEFAULTS) -> dict[bytes, bytes]:
    """Apply :func:`parse_mime_types` to a file; also raises ``OSError``."""
    return parse_mime_types(read_text_file(path, limits.mime_types_file), path)


def _is_transport_stream(beginning: bytes) -> bool:
    for length, start in _PACKETS:
        packets = min(len(beginning) // length, _LOOKED_AT)
        whole = packets == _LOOKED_AT or len(beginning) == packets * length
        if packets and whole:
            places = range(start, packets * length, length)
            if all(beginning[place] == _SYNC for place in places):
                return True
    return False


def _has_other_charset(beginning: bytes) -> bool:
    """Whether a document declares a charset other than UTF-8."""
    found = _META_CHARSET.search(beginning)
    return found is not None and found[1].lower() not in _UTF_8


def _with_charset(type_: bytes) -> bytes:
    return type_ + b"; charset=utf-8" if type_.startswith(b"text/") else type_
