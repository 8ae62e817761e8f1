"""Addresses of clients and proxies: one validated type for all of them.

Contract: an address given by a peer or a proxy becomes an :data:`IPAddress` here or is refused.
Logs and applications see only text made from that type, so arbitrary octets in place of an address
get no further.  Pure: there are no name lookups.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Final, NamedTuple, TypeAlias

IPAddress: TypeAlias = IPv4Address | IPv6Address

#: Represents the peers of Unix domain sockets in a list of networks.
UNIX = "unix"
#: Number of cached address texts: clients return, and parsing an address takes longer than
#: everything else that a new connection needs here.
_REMEMBERED: Final = 1_024


@lru_cache(maxsize=_REMEMBERED)
def parse_address(text: str) -> IPAddress:
    """Parse ``text``, a numeric IP address.

    A zone (RFC 4007 section 11) is refused: it names an interface of another machine, and
    :mod:`ipaddress` allows any character in it.  Raises ``ValueError``.
    """
    if "%" in text:
        raise ValueError(f"{text!r} has a zone")
    return ipaddress.ip_address(text)


def unmapped(address: IPAddress) -> IPAddress:
    """``address``, with an IPv4-mapped IPv6 address converted to IPv4 (RFC 4291 section 2.5.5.2).

    A socket that accepts both families reports IPv4 clients in the mapped form.
    """
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


class Peer(NamedTuple):
    """The other end of a connection."""

    address: IPAddress
    #: The address as text.
    text: str
    #: Whether it is on this machine.
    is_loopback: bool


@lru_cache(maxsize=_REMEMBERED)
def peer_of(text: str) -> Peer:
    """The peer whose address the system gives as ``text``.

    The zone of an address is left out: it names the interface of ours that the client came through.
    """
    address = unmapped(parse_address(text.partition("%")[0]))
    return Peer(address, str(address), address.is_loopback)


class TrustedProxies:
    """The peers whose statements about their clients are believed."""

    __slots__ = ("_networks", "_unix")

    def __init__(self, names: Sequence[str] = ()) -> None:
        """``names``: networks in CIDR form, and :data:`UNIX` for peers of Unix domain sockets.

        Raises ``ValueError``.
        """
        self._networks = [ipaddress.ip_network(name) for name in names if name != UNIX]
        self._unix = UNIX in names

    def include(self, address: IPAddress | None) -> bool:
        """Whether ``address`` is one of them; ``None`` is the peer of a Unix domain socket."""
        if address is None:
            return self._unix
        return bool(self._networks) and any(address in network for network in self._networks)
