"""The client behind a trusted proxy: X-Forwarded-For, X-Forwarded-Proto, Forwarded (RFC 7239).

Contract: :func:`origin_of` says who sent a request and with which scheme, as far as trusted proxies
report it.  Fields from any other peer are ignored.

Strategy: each proxy appends the address of its own client at the right end, so the list is read
from there: the rightmost address that is not a trusted proxy's is the client.  Everything to its
left was written by that client and cannot be trusted.  An unreadable element ends the walk, and the
proxy that passed it on counts as the client.

X-Forwarded-For takes precedence if both kinds are present, because most proxies write it and pass
on a Forwarded field from their client.  A proxy that writes Forwarded must remove X-Forwarded-For.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from h2static.http.addresses import IPAddress, parse_address, unmapped
from h2static.http.limits import FORWARDED_HOPS
from h2static.http.requests import Client, Request

#: RFC 7239 section 4: ``forwarded-pair`` and its delimiter.  Unquoted values may be more than a
#: token, because many proxies write addresses with ports that way.
_PAIR: Final = re.compile(
    r'[ \t]*(?:([!#$%&\'*+.^_`|~0-9A-Za-z-]+)=("(?:[^"\\]|\\.)*"|[^ \t",;]*))?[ \t]*([;,]|$)',
    re.ASCII,
)
_QUOTED_PAIR: Final = re.compile(r"\\(.)")
#: An IPv4 address or an IPv6 address in brackets, with an optional port.
_NODE: Final = re.compile(
    r"(?:([0-9.]+)|\[([0-9A-Fa-f]*:[0-9A-Fa-f:.]+)\])(?::[0-9]{1,5})?", re.ASCII
)
_SCHEMES: Final = ("http", "https")


class Origin(NamedTuple):
    """The origin of a request."""

    #: The client's address as numbers; empty for a Unix domain socket.
    host: str
    #: ``http`` or ``https``, or another scheme named by the request.
    scheme: str


class _Hop(NamedTuple):
    """What one proxy says about its client."""

    #: ``None`` if it does not say, or is unreadable.
    address: IPAddress | None
    #: ``http`` or ``https``; empty if it does not say.
    scheme: str


def origin_of(client: Client, request: Request) -> Origin:
    """The sender of ``request``, which arrived on a connection of ``client``."""
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
    """The statements of the proxies, nearest first."""
    addresses = _members(request, b"x-forwarded-for")
    schemes = [_scheme(text) for text in _members(request, b"x-forwarded-proto")]
    last = schemes[-1] if schemes else ""
    if not addresses:
        for hop in _hops_of_forwarded(request):
            yield _Hop(hop.address, hop.scheme or last)
        yield _Hop(None, last)
        return
    # One scheme per address, or the last one for all: most proxies replace the field.
    paired = len(schemes) == len(addresses)
    for text in reversed(addresses):
        yield _Hop(_address(text), schemes.pop() if paired else last)


def _members(request: Request, name: bytes) -> list[str]:
    """The members of the list formed by all field lines ``name``."""
    return [
        member
        for key, value in request.fields
        if key == name
        for part in value.decode("latin-1").split(",")
        if (member := part.strip(" \t"))
    ]


def _hops_of_forwarded(request: Request) -> Iterator[_Hop]:
    # Line by line, last one first: an unclosed quotation mark from a client must not swallow what
    # its proxy added.
    for name, value in reversed(request.fields):
        if name != b"forwarded":
            continue
        hops = _elements(value.decode("latin-1"))
        if hops is None:
            yield _Hop(None, "")
            return
        yield from reversed(hops)


def _elements(value: str) -> list[_Hop] | None:
    """The elements of one Forwarded field line; ``None`` if it is malformed."""
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
    """The address of a node (RFC 7239 section 6); ``None`` for ``unknown``, for obfuscated names,
    and for anything else."""
    match = _NODE.fullmatch(text)
    try:
        return unmapped(parse_address(text if match is None else match[1] or match[2]))
    except ValueError:
        return None
