"""Addresses of clients and proxies: one validated type for all of them.

Contract: an address that a peer or a proxy has named becomes an :data:`IPAddress` here or is
refused.  What logs and applications see is made from that, so no octet that somebody wrote in the
place of an address gets any further.  Pure: nothing is looked up.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Final, TypeAlias

IPAddress: TypeAlias = IPv4Address | IPv6Address

#: Stands for the peers of Unix domain sockets among the names of networks.
UNIX = "unix"
#: Addresses whose texts are known: clients come again, and reading one takes longer than all else
#: that a new connection needs here.
_REMEMBERED: Final = 1_024


@lru_cache(maxsize=_REMEMBERED)
def parse_address(text: str) -> IPAddress:
    """The address that ``text`` is the numbers of.

    A zone (RFC 4007 section 11) is refused: it names an interface of somebody else's machine, and
    :mod:`ipaddress` lets it hold any character.  Raises ``ValueError``.
    """
    if "%" in text:
        raise ValueError(f"{text!r} has a zone")
    return ipaddress.ip_address(text)


def unmapped(address: IPAddress) -> IPAddress:
    """``address``, as IPv4 where it is an IPv4 address in IPv6's form (RFC 4291 section 2.5.5.2).

    So a socket that accepts both families names the clients of IPv4.
    """
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


class TrustedProxies:
    """The peers that are believed about whom they speak for."""

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
        return any(address in network for network in self._networks)
