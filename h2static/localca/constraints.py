"""The names and addresses that the local CA may sign for: those that cannot be public.

Contract: :func:`make_constraints` returns the name constraints (RFC 5280 section 4.2.1.10) of a CA;
no host on the public internet has a name or an address within them, now or later.
:func:`permits` says whether a certificate may contain a name; :func:`are_local` whether the
constraints of an existing CA are no wider than that.

Assumes: names are host names or addresses without brackets.

Strategy: a name constraint takes in every name below the one it says, so that a machine's bare name
would take in a top-level domain of the same name.  Those consist of letters (RFC 1123 section 2.1,
"the highest-level component label will be alphabetic") or begin with ``xn--``; a bare name with a
digit or a hyphen therefore never becomes one.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from typing import TypeAlias

from cryptography import x509

_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
#: What a general name of the kind ``iPAddress`` holds: a network in constraints.
_Value: TypeAlias = _Network | ipaddress.IPv4Address | ipaddress.IPv6Address

#: Every name that ends so belongs to this machine or its local network: RFC 6761, RFC 6762,
#: RFC 8375, what ICANN has reserved (``internal``) and what home routers use (``lan``).
LOCAL_NAMES = ("localhost", "local", "test", "internal", "lan", "home.arpa")
#: Loopback, private, link-local and unique local addresses (RFC 1122, RFC 1918, RFC 3927; RFC 4291,
#: RFC 4193).
LOCAL_NETWORKS: tuple[_Network, ...] = (
    ipaddress.IPv4Network("127.0.0.0/8"),
    ipaddress.IPv4Network("10.0.0.0/8"),
    ipaddress.IPv4Network("172.16.0.0/12"),
    ipaddress.IPv4Network("192.168.0.0/16"),
    ipaddress.IPv4Network("169.254.0.0/16"),
    ipaddress.IPv6Network("::1/128"),
    ipaddress.IPv6Network("fe80::/10"),
    ipaddress.IPv6Network("fc00::/7"),
)
#: A last label that is no top-level domain and no part of an address.
_NO_TOP_LEVEL_DOMAIN = re.compile(r"(?!xn--)(?=.*[a-z])(?=.*[0-9-])[a-z0-9-]+")


def make_constraints(names: Sequence[str]) -> x509.NameConstraints:
    """The constraints of an authority for a machine that has ``names``, in lower case.

    Those that a host on the internet could have as well are omitted.
    """
    own = [name for name in names if _is_local(name) and not _is_below(name, LOCAL_NAMES)]
    subtrees: list[x509.GeneralName] = [x509.DNSName(name) for name in (*LOCAL_NAMES, *own)]
    subtrees += [x509.IPAddress(network) for network in LOCAL_NETWORKS]
    return x509.NameConstraints(permitted_subtrees=subtrees, excluded_subtrees=None)


def are_local(constraints: x509.NameConstraints) -> bool:
    """Whether ``constraints`` permit nothing but names and addresses of a local network."""
    subtrees = constraints.permitted_subtrees or []
    kinds = {type(subtree) for subtree in subtrees}
    return kinds == {x509.DNSName, x509.IPAddress} and all(
        _is_local(subtree.value)
        if isinstance(subtree, x509.DNSName)
        else any(_is_within(subtree.value, network) for network in LOCAL_NETWORKS)
        for subtree in subtrees
    )


def permits(constraints: x509.NameConstraints, name: str) -> bool:
    """Whether ``name``, a host name in lower case or an address, is within ``constraints``."""
    subtrees = constraints.permitted_subtrees or []
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        suffixes = [one.value for one in subtrees if isinstance(one, x509.DNSName)]
        return _is_below(name, suffixes)
    # By its number: an address may have a zone (RFC 4007), a network has none.
    alone: _Network = (
        ipaddress.IPv4Network(int(address))
        if isinstance(address, ipaddress.IPv4Address)
        else ipaddress.IPv6Network(int(address))
    )
    return any(_is_within(alone, one.value) for one in subtrees if isinstance(one, x509.IPAddress))


def _is_local(name: str) -> bool:
    """Whether ``name`` and every name below it are out of the reach of public DNS."""
    last = name.rpartition(".")[2]
    return _is_below(name, LOCAL_NAMES) or _NO_TOP_LEVEL_DOMAIN.fullmatch(last) is not None


def _is_below(name: str, suffixes: Sequence[str]) -> bool:
    return any(f".{name}".endswith(f".{suffix}") for suffix in suffixes)


def _is_within(inner: _Value, outer: _Value) -> bool:
    """Whether both are networks of the same version, one in the other."""
    if isinstance(inner, ipaddress.IPv4Network) and isinstance(outer, ipaddress.IPv4Network):
        return inner.subnet_of(outer)
    if isinstance(inner, ipaddress.IPv6Network) and isinstance(outer, ipaddress.IPv6Network):
        return inner.subnet_of(outer)
    return False
