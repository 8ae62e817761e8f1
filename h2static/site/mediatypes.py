"""Media types by file name.

Contract: :meth:`MediaTypes.of` returns the value of Content-Type for a name, with
``charset=utf-8`` for text.  The table is in this package, so that every machine gives the same
answer; ``/etc/mime.types`` is not read.  A file in that format adds to the table.
"""

from __future__ import annotations

import re

from h2static.http.grammar import TOKEN_OCTETS
from h2static.site.limits import DEFAULTS, SiteLimits
from h2static.site.plain_files import read_plain_file

#: RFC 2046 section 4.5.1: what is to be said of octets of which nothing is known.
DEFAULT_TYPE = b"application/octet-stream"

#: Types and the extensions that mean them, as in the registries and in what browsers expect:
#: ``text/javascript`` is RFC 9239, ``text/markdown`` RFC 7763.
_TABLE = """
text/html                       html htm shtml
text/css                        css
text/javascript                 js mjs cjs
text/plain                      txt text log conf ini c h py rs go toml sh diff patch asc
text/markdown                   md markdown
text/csv                        csv
text/tab-separated-values       tsv
text/calendar                   ics
text/vcard                      vcf vcard
text/vtt                        vtt
text/x-component                htc
application/yaml                yaml yml
text/x-typescript               ts tsx jsx
text/xml                        xsl xslt
application/json                json map
application/ld+json             jsonld
application/geo+json            geojson
application/manifest+json       webmanifest
application/schema+json         jsonschema
application/xml                 xml xsd
application/xhtml+xml           xhtml xht
application/rss+xml             rss
application/atom+xml            atom
application/wasm                wasm
application/pdf                 pdf
application/rtf                 rtf
application/epub+zip            epub
application/zip                 zip
application/gzip                gz tgz
application/zstd                zst
application/x-brotli            br
application/x-bzip2             bz2
application/x-xz                xz
application/x-7z-compressed     7z
application/x-tar               tar
application/vnd.rar             rar
application/java-archive        jar war
application/vnd.android.package-archive apk
application/x-apple-diskimage   dmg
application/x-iso9660-image     iso
application/vnd.debian.binary-package deb
application/x-rpm               rpm
application/x-x509-ca-cert      der crt
application/x-pem-file          pem
application/pgp-signature       sig
application/postscript          ps eps ai
application/sql                 sql
application/graphql             graphql gql
application/msword              doc
application/vnd.ms-excel        xls
application/vnd.ms-powerpoint   ppt
application/vnd.openxmlformats-officedocument.wordprocessingml.document docx
application/vnd.openxmlformats-officedocument.spreadsheetml.sheet       xlsx
application/vnd.openxmlformats-officedocument.presentationml.presentation pptx
application/vnd.oasis.opendocument.text         odt
application/vnd.oasis.opendocument.spreadsheet  ods
application/vnd.oasis.opendocument.presentation odp
application/vnd.google-earth.kml+xml kml
application/vnd.google-earth.kmz kmz
application/vnd.sqlite3         sqlite sqlite3 db
application/vnd.ms-fontobject   eot
application/vnd.apple.mpegurl   m3u8
application/dash+xml            mpd
application/octet-stream        bin exe dll so img pak dat
font/woff                       woff
font/woff2                      woff2
font/ttf                        ttf
font/otf                        otf
font/collection                 ttc
image/png                       png
image/apng                      apng
image/jpeg                      jpg jpeg jpe jfif
image/gif                       gif
image/webp                      webp
image/avif                      avif
image/heic                      heic
image/heif                      heif
image/jxl                       jxl
image/svg+xml                   svg
image/x-icon                    ico cur
image/bmp                       bmp
image/tiff                      tif tiff
model/gltf+json                 gltf
model/gltf-binary               glb
model/stl                       stl
model/obj                       obj
audio/mpeg                      mp3
audio/mp4                       m4a
audio/aac                       aac
audio/ogg                       oga ogg opus
audio/wav                       wav
audio/webm                      weba
audio/flac                      flac
audio/midi                      mid midi
video/mp4                       mp4 m4v
video/mpeg                      mpeg mpg
video/webm                      webm
video/ogg                       ogv
video/quicktime                 mov
video/x-msvideo                 avi
video/x-matroska                mkv
video/mp2t                      m2ts mts
video/3gpp                      3gp
"""

#: Whole names that say more than their end does.
_NAMES = {
    b"apple-app-site-association": b"application/json",
    b"readme": b"text/plain",
    b"license": b"text/plain",
    b"licence": b"text/plain",
    b"copying": b"text/plain",
    b"makefile": b"text/plain",
    b"dockerfile": b"text/plain",
}

_TYPE = re.compile(rb"[%b]+/[%b]+" % (TOKEN_OCTETS, TOKEN_OCTETS))


class MediaTypes:
    """A table of media types, perhaps with additions from a file."""

    def __init__(self, additions: dict[bytes, bytes] | None = None) -> None:
        """``additions`` maps extensions in lower case, without a dot, to types."""
        types = parse_mime_types(_TABLE, "the table of the package")
        types.update(additions or {})
        self._types = {extension: _with_charset(type_) for extension, type_ in types.items()}
        self._names = {name: _with_charset(type_) for name, type_ in _NAMES.items()}

    def of(self, name: bytes) -> bytes:
        """The Content-Type for a file called ``name``."""
        name = name.lower()
        stem, dot, extension = name.rpartition(b".")
        if dot and stem:
            return self._types.get(extension, DEFAULT_TYPE)
        return self._names.get(name, DEFAULT_TYPE)

    def knows(self, name: bytes) -> bool:
        """Whether ``name`` ends with an extension of the table."""
        return name.lower().rpartition(b".")[2] in self._types and b"." in name


def parse_mime_types(text: str, source: str) -> dict[bytes, bytes]:
    """Extensions and their types from text in the format of ``/etc/mime.types``.

    Raises ``ValueError`` with ``source`` and the line where something is not a media type.
    """
    types: dict[bytes, bytes] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if _TYPE.fullmatch(words[0].encode("utf-8", "replace")) is None:
            raise ValueError(f"{source}:{number}: {words[0]!r} is not a media type")
        for extension in words[1:]:
            types[extension.lower().removeprefix(".").encode()] = words[0].encode("ascii")
    return types


def read_mime_types(path: str, limits: SiteLimits = DEFAULTS) -> dict[bytes, bytes]:
    """:func:`parse_mime_types` of a file; raises ``OSError`` too."""
    octets = read_plain_file(path, limits.mime_types_file + 1)
    if len(octets) > limits.mime_types_file:
        raise ValueError(f"{path}: longer than {limits.mime_types_file} octets")
    return parse_mime_types(octets.decode("utf-8", "replace"), path)


def _with_charset(type_: bytes) -> bytes:
    return type_ + b"; charset=utf-8" if type_.startswith(b"text/") else type_
