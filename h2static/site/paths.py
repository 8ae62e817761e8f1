"""Request paths: from the octets of ``:path`` to names of files.

Contract: :func:`parse_target` decodes a path exactly once and returns names that are safe to look
up one by one: none is empty, ``.``, ``..`` or hidden, none contains ``/``, ``\\`` or NUL.  For any
other path it raises ``SiteError`` with the status to answer.  Nothing here touches a file system,
and names stay octets: no encoding is assumed, no Unicode is normalised.

Strategy: split first, decode then.  An encoded slash therefore stays part of a name, which no file
can have.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import quote_from_bytes, unquote_to_bytes

from h2static.site.errors import SiteError
from h2static.site.limits import DEFAULTS, SiteLimits

#: A folder of well-known resources (RFC 8615), the one dotted name that is public.
WELL_KNOWN = b".well-known"

#: RFC 3986 section 3.3 leaves out spaces, control characters and the fragment's ``#``.  Octets
#: from 0x80 are let through: curl and others send file names as they are.
_PATH = re.compile(rb"/(?:[^\x00-\x20\x7f#%]|%[0-9A-Fa-f]{2})*")
_NOT_IN_QUERY = re.compile(rb"[\x00-\x20\x7f#]")
#: What :func:`encode_path` leaves as it is: RFC 3986 ``pchar`` without the percent sign.
_SAFE = "!$&'()*+,;=:@-._~"


@dataclass(slots=True, kw_only=True)
class Target:
    """What a path names."""

    #: Decoded names from the root on; empty for the root itself.
    names: tuple[bytes, ...]
    #: Whether the path ends with a slash.
    directory: bool
    #: False when the path had empty names in it (``//``) and should be written differently.
    canonical: bool
    #: What follows ``?``, as sent; ``None`` without ``?``.
    query: bytes | None

    @property
    def path(self) -> bytes:
        """The decoded path, ``/`` first: what the patterns of rules are compared with."""
        return join_path(self.names, directory=self.directory)


def parse_target(path: bytes, limits: SiteLimits = DEFAULTS) -> Target:
    """Decode ``:path`` in origin form.

    Raises ``SiteError``: 400 for what is no path (RFC 9113 section 8.3.1, RFC 3986), 404 for
    names that are never served, 414 for paths that are too long.
    """
    if len(path) > limits.path:
        raise SiteError(414, refusal=f"path longer than {limits.path} octets")
    path, question_mark, query = path.partition(b"?")
    if _PATH.fullmatch(path) is None or is_no_query(query):
        raise SiteError(400, refusal="malformed path")
    written = path[1:].split(b"/")
    directory = not written[-1]
    if directory:
        written.pop()
    names = tuple(unquote_to_bytes(name) if b"%" in name else name for name in written if name)
    for name in names:
        _check_name(name)
    return Target(
        names=names,
        directory=directory or not names,
        canonical=len(names) == len(written),
        query=query if question_mark else None,
    )


def is_no_query(octets: bytes) -> bool:
    """Whether ``octets`` cannot stand behind the ``?`` of a path."""
    return _NOT_IN_QUERY.search(octets) is not None


def _check_name(name: bytes) -> None:
    """Raise ``SiteError`` unless ``name`` is one that may be looked up."""
    if b"\0" in name:
        raise SiteError(400, refusal="NUL in the path")
    if b"/" in name or b"\\" in name or is_hidden(name):
        raise SiteError(404)


def is_hidden(name: bytes) -> bool:
    """Whether a file of this name is neither served nor listed; true of ``.`` and ``..`` too."""
    return name.startswith(b".") and name != WELL_KNOWN


def join_path(names: tuple[bytes, ...], *, directory: bool) -> bytes:
    """The decoded path of ``names``."""
    return b"/" + b"/".join(names) + (b"/" if directory and names else b"")


def encode_path(names: tuple[bytes, ...], *, directory: bool) -> bytes:
    """The path of ``names`` as it is written in a URI: ASCII, ``/`` first, never ``//``."""
    encoded = tuple(quote_from_bytes(name, safe=_SAFE).encode("ascii") for name in names)
    return join_path(encoded, directory=directory)
