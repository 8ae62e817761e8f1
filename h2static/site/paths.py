"""Request paths: from the octets of ``:path`` to names of files.

Contract: :func:`parse_target` decodes a path exactly once and returns names that are safe to look
up one by one: none is empty, ``.``, ``..`` or contains NUL.  For any other path it raises
``SiteError`` with the response status.  Nothing here accesses a file system, and names stay octets:
no encoding is assumed, and Unicode is not normalized.  :mod:`h2static.site.names` decides which
names are public.

Paths that are equivalent by RFC 3986 lead to the same file: percent-encoded octets are decoded
(section 6.2.2.2), then dot segments are removed (section 6.2.2.3), because some clients (apt) leave
that to the server.  A path above the root is invalid.  ``//`` is not equivalent to ``/``, and is
redirected.

Strategy: first split, then decode.  So an encoded slash stays part of a name, which no file can
have, unless the owner says that it separates names.  Dot segments are removed from the text of a
path, so links do not affect that.  Only what is necessary is done name by name, because a path may
have thousands.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import quote_from_bytes, unquote_to_bytes

from h2static.http.grammar import TARGET_OCTETS
from h2static.http.paths import remove_dot_segments
from h2static.site.errors import SiteError
from h2static.site.limits import DEFAULTS, SiteLimits
from h2static.site.patterns import Pattern

#: Decoded names from the root to a file or folder.
Names: TypeAlias = tuple[bytes, ...]

#: For use with ``search``.
_FORBIDDEN = re.compile(rb"[^%b]" % TARGET_OCTETS)
#: A percent sign that does not begin an encoded octet.
_BAD_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ENCODED_SLASH = re.compile(rb"%2[Ff]")
#: Octets that :func:`encode_path` does not encode: RFC 3986 ``pchar`` without the percent sign.
_SAFE = "!$&'()*+,;=:@-._~"


@dataclass(slots=True, kw_only=True)
class Target:
    """The target of a path."""

    #: The decoded names; empty for the root itself.
    names: Names
    #: Whether the path ends with a slash.
    directory: bool
    #: False if the path had empty names (``//``) and should be written differently.
    canonical: bool
    #: The query after ``?``, as sent; ``None`` without ``?``.
    query: bytes | None
    #: Names in front of :attr:`names`, if a site is served below a path.
    base: Names = ()

    @property
    def path(self) -> bytes:
        """The decoded path with a leading ``/``, for the patterns of rules."""
        return join_path(self.base + self.names, directory=self.directory)


def parse_target(
    path: bytes,
    limits: SiteLimits = DEFAULTS,
    *,
    encoded_slash: Sequence[Pattern] = (),
    dot_segments: bool = True,
) -> Target:
    """Decode ``:path`` in origin form.

    ``encoded_slash``: paths in which ``%2F`` separates names like a slash; dot segments between
    such slashes are not removed, because a client could not have removed them.

    ``dot_segments``: whether the path may contain any.

    Raises ``SiteError``: 400 for an invalid path (RFC 9113 section 8.3.1, RFC 3986), 404 for dot
    segments that lead above the root or are not allowed, 414 for a path that is too long.
    """
    if len(path) > limits.path:
        raise SiteError(414, refusal=f"path longer than {limits.path} octets")
    path, question_mark, query = path.partition(b"?")
    if (
        path[:1] != b"/"
        or _FORBIDDEN.search(path) is not None
        or (b"%" in path and _BAD_PERCENT.search(path) is not None)
        or is_no_query(query)
    ):
        raise SiteError(400, refusal="malformed path")
    query_or_none = query if question_mark else None
    target = _split(path, query_or_none)
    if _has_dot_segments(target.names):
        if not dot_segments:
            raise SiteError(404)
        path, climbs = remove_dot_segments(path)
        if climbs:
            # This cannot mean the root.
            raise SiteError(404)
        target = _split(path, query_or_none)
    if (
        encoded_slash
        and _ENCODED_SLASH.search(path) is not None
        and any(pattern.matches(target.path) for pattern in encoded_slash)
    ):
        target = _split(_ENCODED_SLASH.sub(b"/", path), query_or_none)
        if _has_dot_segments(target.names):
            raise SiteError(404)
    return target


def below(target: Target, base: Names) -> Target:
    """``target`` as seen by a site that is served below ``base``.

    Raises ``SiteError`` (404) if it is not below it.
    """
    count = len(base)
    if target.names[:count] != base:
        raise SiteError(404)
    names = target.names[count:]
    return Target(
        names=names,
        directory=target.directory or not names,
        # The root is written with a final slash.
        canonical=target.canonical and (bool(names) or target.directory),
        query=target.query,
        base=base,
    )


def _has_dot_segments(names: Names) -> bool:
    return b"." in names or b".." in names


def _split(path: bytes, query: bytes | None) -> Target:
    written = path[1:].split(b"/")
    directory = not written[-1]
    if directory:
        written.pop()
    if b"%" in path:
        if b"%00" in path:
            raise SiteError(400, refusal="NUL in the path")
        names = tuple(unquote_to_bytes(name) if b"%" in name else name for name in written if name)
    else:
        names = tuple(filter(None, written))
    return Target(
        names=names,
        directory=directory or not names,
        canonical=len(names) == len(written),
        query=query,
    )


def is_no_query(octets: bytes) -> bool:
    """Whether ``octets`` cannot be the query of a path."""
    return _FORBIDDEN.search(octets) is not None


def join_path(names: Names, *, directory: bool) -> bytes:
    """The decoded path of ``names``."""
    return b"/" + b"/".join(names) + (b"/" if directory and names else b"")


def split_path(path: bytes) -> Names:
    """The names of a decoded path; every slash counts as a separator."""
    return tuple(filter(None, path.split(b"/")))


def encode_path(names: Names, *, directory: bool) -> bytes:
    """The path of ``names`` in URI form: ASCII, with a leading ``/``, never ``//``."""
    encoded = tuple(quote_from_bytes(name, safe=_SAFE).encode("ascii") for name in names)
    return join_path(encoded, directory=directory)


def encode_name(name: bytes) -> str:
    """``name`` as a relative reference that is safe in any context: only unreserved characters.

    A colon could end a scheme (RFC 3986 section 4.2); quotation marks, apostrophes and ampersands
    would be entities in HTML, which many programs that read lists do not decode.
    """
    return quote_from_bytes(name, safe="")
