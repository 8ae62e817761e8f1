"""Request paths: from the octets of ``:path`` to names of files.

Contract: :func:`parse_target` decodes a path exactly once and returns names that are safe to look
up one by one: none is empty, ``.``, ``..`` or has NUL in it.  For any other path it raises
``SiteError`` with the status to answer.  Nothing here touches a file system, and names stay octets:
no encoding is assumed, no Unicode is normalized.  Which of the names are public is for
:mod:`h2static.site.names` to say.

Paths that are equivalent by RFC 3986 name the same: percent-encoded octets are decoded (section
6.2.2.2), then dot segments are removed (section 6.2.2.3), as some clients (apt) leave that to the
server.  A path that climbs above the root is none.  ``//`` is no equivalent of ``/``, and gets
another address.

Strategy: split first, decode then.  An encoded slash therefore stays part of a name, which no file
can have, unless the owner says that it separates names.  Dot segments are removed from the text of
a path, so what a link leads to has no say in it.  What is looked at name by name is what needs to
be: a path may be made of thousands.
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

#: To be searched for.
_FORBIDDEN = re.compile(rb"[^%b]" % TARGET_OCTETS)
#: A percent sign that begins no encoded octet.
_BAD_PERCENT = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ENCODED_SLASH = re.compile(rb"%2[Ff]")
#: What :func:`encode_path` leaves as it is: RFC 3986 ``pchar`` without the percent sign.
_SAFE = "!$&'()*+,;=:@-._~"


@dataclass(slots=True, kw_only=True)
class Target:
    """What a path names."""

    #: Decoded; empty for the root itself.
    names: Names
    #: Whether the path ends with a slash.
    directory: bool
    #: False when the path had empty names in it (``//``) and should be written differently.
    canonical: bool
    #: What follows ``?``, as sent; ``None`` without ``?``.
    query: bytes | None
    #: Names in front of :attr:`names`, where a site is served below a path.
    base: Names = ()

    @property
    def path(self) -> bytes:
        """The decoded path, ``/`` first: what the patterns of rules are compared with."""
        return join_path(self.base + self.names, directory=self.directory)


def parse_target(
    path: bytes,
    limits: SiteLimits = DEFAULTS,
    *,
    encoded_slash: Sequence[Pattern] = (),
    dot_segments: bool = True,
) -> Target:
    """Decode ``:path`` in origin form.

    ``encoded_slash``: paths in which ``%2F`` separates names as a slash does; a dot segment between
    such slashes is none, since a client could not have removed it.

    ``dot_segments``: whether the path may have any.

    Raises ``SiteError``: 400 for what is no path (RFC 9113 section 8.3.1, RFC 3986), 404 for dot
    segments that lead above the root or may not be there, 414 for paths that are too long.
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
            # Nobody means the root by that.
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
    """``target`` as a site that is served below ``base`` sees it.

    Raises ``SiteError`` (404) for what is not below it.
    """
    count = len(base)
    if target.names[:count] != base:
        raise SiteError(404)
    names = target.names[count:]
    return Target(
        names=names,
        directory=target.directory or not names,
        # The root is written with a slash at its end.
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
    """Whether ``octets`` cannot stand behind the ``?`` of a path."""
    return _FORBIDDEN.search(octets) is not None


def join_path(names: Names, *, directory: bool) -> bytes:
    """The decoded path of ``names``."""
    return b"/" + b"/".join(names) + (b"/" if directory and names else b"")


def split_path(path: bytes) -> Names:
    """The names of a decoded path; a slash in a name is taken for one between names."""
    return tuple(filter(None, path.split(b"/")))


def encode_path(names: Names, *, directory: bool) -> bytes:
    """The path of ``names`` as it is written in a URI: ASCII, ``/`` first, never ``//``."""
    encoded = tuple(quote_from_bytes(name, safe=_SAFE).encode("ascii") for name in names)
    return join_path(encoded, directory=directory)


def encode_name(name: bytes) -> str:
    """``name`` as a relative reference that needs nothing around it: only unreserved characters.

    A colon could be the end of a scheme (RFC 3986 section 4.2); a quotation mark, an apostrophe and
    an ampersand would be entities in HTML, which many programs that read lists do not know.
    """
    return quote_from_bytes(name, safe="")
