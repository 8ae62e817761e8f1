"""Which requests a development server accepts.

Contract: :func:`host_allowed` decides by its host name whether a request was meant for this server:
another site that points its own name at a loopback address (DNS rebinding) must get nothing.
:func:`same_origin` decides whether a request came from a page of this server: no other page may
read events or the client.

Assumes nothing about ``authority``: a malformed authority matches no name.
"""

from __future__ import annotations

import ipaddress
from fnmatch import fnmatchcase

from h2static.http.grammar import AUTHORITY, is_authority
from h2static.http.messages import Request

#: Names that resolve to this machine only (RFC 6761 section 6.3).
_LOCAL_NAMES = ("localhost", "*.localhost")


def host_of(authority: bytes) -> str | None:
    """The host of ``host[:port]`` in lower case, without a final dot.

    ``None`` when ``authority`` is anything else: "localhost:1@evil.test" begins with a name of this
    machine and is none.  Brackets stay: what is in them is an address and no name.
    """
    match = AUTHORITY.fullmatch(authority) if is_authority(authority) else None
    if match is None:
        return None
    host = match["host"].decode("ascii").lower()
    return host.removesuffix(".")


def host_allowed(authority: bytes, allowed: tuple[str, ...]) -> bool:
    """Whether the server answers to this name.

    Addresses are always right: rebinding needs a name.  ``allowed`` are names or patterns like
    ``*.example.test``, beyond ``localhost`` and names under it.  Without an authority (HTTP/1.0) no
    browser is at work.
    """
    if not authority:
        return True
    host = host_of(authority)
    if host is None:
        return False
    try:
        ipaddress.ip_address(host.removeprefix("[").removesuffix("]"))
    except ValueError:
        return any(fnmatchcase(host, name.lower()) for name in (*_LOCAL_NAMES, *allowed))
    return True


def same_origin(request: Request) -> bool:
    """Whether a page of this very origin made ``request``, or a person by hand.

    Sec-Fetch-Site tells it (Fetch Metadata); where a browser sends none, an Origin field that names
    another origin tells the contrary.
    """
    site = request.field(b"sec-fetch-site")
    if site is not None:
        return site in (b"same-origin", b"none")
    origin = request.field(b"origin")
    return origin is None or origin.lower() == request.scheme + b"://" + request.authority.lower()
