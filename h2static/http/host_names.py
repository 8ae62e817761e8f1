"""Names of hosts: from an authority to the host that it names, and from a host to whose it is.

Contract: :func:`host_of` gives one spelling for all that a client may write for a host: lower case,
no port, no dot at the end, addresses as the standard library writes them.  :class:`HostNames` finds
what belongs to a host: its own name first, then a wildcard, which stands for exactly one label.
Names in other scripts are written in A-labels (RFC 5890), as they are on the wire.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Final, Generic, TypeVar

_T = TypeVar("_T")

_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*", re.ASCII)
#: RFC 1035 section 2.3.4, without the root's octet.
_LONGEST_NAME: Final = 253


def parse_host_name(text: str) -> str:
    """``text`` as :func:`host_of` gives hosts, or a wildcard such as ``*.b.test``.

    Raises ``ValueError`` with one line.
    """
    name = text.lower().removesuffix(".")
    bracketed = name.startswith("[") and name.endswith("]")
    address = _address(name[1:-1] if bracketed else name)
    if bracketed and (address is None or ":" not in address):
        raise ValueError(f"{text!r}: brackets are for IPv6 addresses")
    if address is not None:
        return address
    if not name.isascii():
        try:
            written = name.encode("idna").decode("ascii")
        except UnicodeError:
            written = "xn--..."
        raise ValueError(f"{text!r}: write it as A-labels: {written}")
    if ":" in name:
        raise ValueError(f"{text!r} is not a host name: it has a port")
    if len(name) > _LONGEST_NAME or _NAME.fullmatch(name) is None:
        raise ValueError(f"{text!r} is not a host name such as a.test or *.a.test")
    if name.startswith("*.") and "." not in name[2:]:
        raise ValueError(f"{text!r}: a wildcard must be the whole first label, as in *.a.test")
    return name


def host_of(authority: bytes) -> str:
    """The host that a valid authority names; empty where it names none."""
    host = authority.decode("latin-1").lower()
    if host.startswith("["):
        host = host.partition("]")[0][1:]
    else:
        host = host.partition(":")[0]
    return _address(host) or host.removesuffix(".")


def is_address(host: str) -> bool:
    """Whether ``host`` is an IP address."""
    return _address(host) is not None


def _address(text: str) -> str | None:
    """``text`` as the one spelling of an IP address; ``None``: it is none."""
    if not (":" in text or text[-1:].isdigit()):
        return None
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def matches(pattern: str, host: str) -> bool:
    """Whether ``pattern``, a name or a wildcard of one label, stands for ``host``."""
    if not pattern.startswith("*."):
        return pattern == host
    label, dot, rest = host.partition(".")
    return bool(label and dot) and rest == pattern[2:] and not is_address(host)


class HostNames(Generic[_T]):
    """What belongs to which host."""

    __slots__ = ("_exact", "_wildcards")

    def __init__(self, names: Iterable[tuple[str, _T]]) -> None:
        """``names``: as :func:`parse_host_name` gives them, each once."""
        self._exact: dict[str, _T] = {}
        self._wildcards: dict[str, _T] = {}
        for name, what in names:
            if name.startswith("*."):
                self._wildcards[name[2:]] = what
            else:
                self._exact[name] = what

    @property
    def size(self) -> int:
        """How many names there are."""
        return len(self._exact) + len(self._wildcards)

    def find(self, host: str) -> _T | None:
        """What belongs to ``host``, as :func:`host_of` gives it; ``None``: nothing does."""
        found = self._exact.get(host)
        if found is None and self._wildcards:
            label, _, rest = host.partition(".")
            if label and not is_address(host):
                found = self._wildcards.get(rest)
        return found
