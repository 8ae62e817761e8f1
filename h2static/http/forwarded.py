"""Whom a trusted proxy speaks for: X-Forwarded-For, X-Forwarded-Proto, Forwarded (RFC 7239).

Contract: :func:`origin_of` says who has sent a request and by which scheme, as far as trusted
proxies tell.  Fields of anybody else are not looked at.

Strategy: each proxy adds the address that it was asked from at the right end, so the list is read
from there: the rightmost address that is no trusted proxy's is the client.  What stands to its left
was written by that client, who may write anything.  What cannot be read ends the walk, and the
proxy that passed it on stands for its client.

X-Forwarded-For counts where both kinds are there, because most proxies write it and pass a
Forwarded field of their client on.  A proxy that writes Forwarded has to remove X-Forwarded-For.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from h2static.http.addresses import IPAddress, parse_address, unmapped
from h2static.http.limits import FORWARDED_HOPS
from h2static.http.requests import Client, Request

#: RFC 7239 section 4, ``forwarded-pair`` and what ends it.  Values without quotation marks are
#: taken in a wider form than a token: many write addresses with ports so.
_PAIR: Final = re.compile(
    r'[ \t]*(?:([!#$%&\'*+.^_`|~0-9A-Za-z-]+)=("(?:[^"\\]|\\.)*"|[^ \t",;]*))?[ \t]*([;,]|$)',
    re.ASCII,
)
_QUOTED_PAIR: Final = re.compile(r"\\(.)")
#: An IPv4 address or an IPv6 address in brackets, with a port that may be left out.
_NODE: Final = re.compile(
    r"(?:([0-9.]+)|\[([0-9A-Fa-f]*:[0-9A-Fa-f:.]+)\])(?::[0-9]{1,5})?", re.ASCII
)
_SCHEMES: Final = ("http", "https")


class Origin(NamedTuple):
    """Where a request comes from."""

    #: The client's address as numbers; empty for a Unix domain socket.
    host: str
    #: ``http`` or ``https``, or what else the request names.
    scheme: str


class _Hop(NamedTuple):
    """What one proxy says of whom it was asked by."""

    #: ``None``: it does not say, or not in a form that can be read.
    address: IPAddress | None
    #: ``http`` or ``https``; empty: it does not say.
    scheme: str


def origin_of(client: Client, request: Request) -> Origin:
    """Who has sent ``request``, which came on a connection of ``client``."""
    proxies = client.proxies
    host, scheme = client.host, request.scheme.decode("latin-1")
    if proxies is None:
        return Origin(host, scheme)
    for number, hop in enumerate(_hops(request)):
        if hop.scheme:
            scheme = hop.scheme
        if hop.address is None or number >= FORWARDED_HOPS:
            break
        host = str(hop.address)
        if not proxies.include(hop.address):
            break
    return Origin(host, scheme)


def _hops(request: Request) -> Iterator[_Hop]:
    """What proxies say, the nearest one first."""
    addresses = _members(request, b"x-forwarded-for")
    schemes = [_scheme(text) for text in _members(request, b"x-forwarded-proto")]
    last = schemes[-1] if schemes else ""
    if not addresses:
        for hop in _hops_of_forwarded(request):
            yield _Hop(hop.address, hop.scheme or last)
        yield _Hop(None, last)
        return
    # One scheme for each address, or the last one for all: most proxies replace the field.
    paired = len(schemes) == len(addresses)
    for text in reversed(addresses):
        yield _Hop(_address(text), schemes.pop() if paired else last)


def _members(request: Request, name: bytes) -> list[str]:
    """The members of the list that all field lines ``name`` are together."""
    return [
        member
        for key, value in request.fields
        if key == name
        for part in value.decode("latin-1").split(",")
        if (member := part.strip(" \t"))
    ]


def _hops_of_forwarded(request: Request) -> Iterator[_Hop]:
    # Line by line from the last one on: a client's quotation mark that nothing closes must not
    # swallow what its proxy has added.
    for name, value in reversed(request.fields):
        if name != b"forwarded":
            continue
        hops = _elements(value.decode("latin-1"))
        if hops is None:
            yield _Hop(None, "")
            return
        yield from reversed(hops)


def _elements(value: str) -> list[_Hop] | None:
    """The elements of one Forwarded field line; ``None`` when it is malformed."""
    hops: list[_Hop] = []
    parameters: dict[str, str] = {}
    position = 0
    while True:
        match = _PAIR.match(value, position)
        if match is None:
            return None
        position = match.end()
        name, text, end = match.groups()
        if name:
            parameters[name.lower()] = _unquoted(text)
        if end != ";":
            if parameters:
                address = _address(parameters.get("for", ""))
                hops.append(_Hop(address, _scheme(parameters.get("proto", ""))))
            parameters = {}
        if not end:
            return hops


def _unquoted(text: str) -> str:
    return _QUOTED_PAIR.sub(r"\1", text[1:-1]) if text.startswith('"') else text


def _scheme(text: str) -> str:
    lower = text.lower()
    return lower if lower in _SCHEMES else ""


def _address(text: str) -> IPAddress | None:
    """The address that a node names (RFC 7239 section 6); ``None`` for ``unknown``, for names that
    hide it, and for everything else."""
    match = _NODE.fullmatch(text)
    try:
        return unmapped(parse_address(text if match is None else match[1] or match[2]))
    except ValueError:
        return None
