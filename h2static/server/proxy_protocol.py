"""The PROXY protocol, versions 1 and 2: the address of the client behind a load balancer.

Contract: :func:`parse` examines the first octets of a connection and returns a header, or ``None``
if more octets are required, or raises :class:`ProxyProtocolError`.  Pure: no I/O, no clock.

Assumes: the peer is trusted, because the header can claim any address; connections from other peers
are never parsed.  The specification is HAProxy's "The PROXY protocol" (2020).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from h2static.http.addresses import IPAddress, parse_address
from h2static.server.limits import DEFAULT_LIMITS

#: Section 2.1: "the maximum line lengths the receiver must support including the CRLF": 107.
MAX_V1_LENGTH = 107

_V2_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_V2_FIXED = 16
_LOCAL = 0x20
_PROXY = 0x21
_TCP_OVER_IPV4 = 0x11
_TCP_OVER_IPV6 = 0x21


class ProxyProtocolError(Exception):
    """The connection does not begin with a valid PROXY header; the text is one line."""


class NoHeader(ProxyProtocolError):
    """The connection begins with something else than a PROXY header."""


@dataclass(slots=True, kw_only=True, frozen=True)
class ProxyHeader:
    """A PROXY header."""

    #: Address and port of the client; ``None`` when the balancer speaks for itself (health checks).
    client: tuple[IPAddress, int] | None
    #: Octets of the header; what follows them belongs to the connection.
    length: int


def parse(octets: bytes, limit: int = DEFAULT_LIMITS.proxy_header) -> ProxyHeader | None:
    """The header at the start of ``octets``; ``None`` when it is not complete.

    ``limit``: octets after the fixed part of version 2.  Raises :class:`ProxyProtocolError`, and
    :class:`NoHeader` as soon as it is clear that there is none.
    """
    if octets[:12] == _V2_SIGNATURE[: len(octets)]:
        return _parse_v2(octets, limit) if len(octets) >= _V2_FIXED else None
    if octets[:6] == b"PROXY "[: len(octets)]:
        return _parse_v1(octets)
    raise NoHeader("no PROXY protocol header from a trusted proxy")


def _parse_v1(octets: bytes) -> ProxyHeader | None:
    end = octets.find(b"\r\n", 0, MAX_V1_LENGTH)
    if end < 0:
        if len(octets) >= MAX_V1_LENGTH:
            raise ProxyProtocolError(f"PROXY line longer than {MAX_V1_LENGTH} octets")
        return None
    words = octets[:end].split(b" ")
    if words[1] == b"UNKNOWN":
        return ProxyHeader(client=None, length=end + 2)
    versions = {b"TCP4": 4, b"TCP6": 6}
    if len(words) != 6 or words[1] not in versions:
        raise ProxyProtocolError("malformed PROXY line")
    try:
        texts = [word.decode("ascii") for word in words[2:]]
        hosts = [parse_address(text) for text in texts[:2]]
    except ValueError:
        raise ProxyProtocolError("malformed address in PROXY line") from None
    if any(host.version != versions[words[1]] for host in hosts):
        raise ProxyProtocolError("address of another family in PROXY line")
    if not all(_is_port(text) for text in texts[2:]):
        raise ProxyProtocolError("malformed port in PROXY line")
    return ProxyHeader(client=(hosts[0], int(texts[2])), length=end + 2)


def _is_port(text: str) -> bool:
    return text.isdigit() and len(text) <= 5 and int(text) <= 65535


def _parse_v2(octets: bytes, limit: int) -> ProxyHeader | None:
    command, family = octets[12], octets[13]
    length = int.from_bytes(octets[14:16], "big")
    if command not in (_LOCAL, _PROXY):
        raise ProxyProtocolError(f"unknown PROXY version or command 0x{command:02x}")
    if length > limit:
        raise ProxyProtocolError(f"PROXY header longer than {limit} octets")
    end = _V2_FIXED + length
    if len(octets) < end:
        return None
    addresses = octets[_V2_FIXED:end]
    client = None
    if command == _PROXY:
        if family == _TCP_OVER_IPV4:
            client = _client(addresses, IPv4Address, 4)
        elif family == _TCP_OVER_IPV6:
            client = _client(addresses, IPv6Address, 16)
    return ProxyHeader(client=client, length=end)


def _client(
    addresses: bytes, kind: Callable[[bytes], IPAddress], size: int
) -> tuple[IPAddress, int]:
    """Source address and port: source, destination, source port, destination port."""
    if len(addresses) < 2 * size + 4:
        raise ProxyProtocolError("PROXY header too short for its address family")
    return kind(addresses[:size]), int.from_bytes(addresses[2 * size : 2 * size + 2], "big")
