"""Host names: from an authority to its host, and from a host to what belongs to it.

Contract: :func:`host_of` gives one spelling for every way to write a host: lower case, no port, no
final dot, addresses as the standard library writes them.  :class:`HostNames` finds what belongs to
a host: first by its exact name, then by a wildcard, which stands for exactly one label.
Internationalized names are A-labels (RFC 5890), as on the wire.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from typing import Final, Generic, TypeVar

_T = TypeVar("_T")

_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME: Final = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*", re.ASCII)
#: Longest name (RFC 1035 section 2.3.4), without the octet of the root.
_LONGEST_NAME: Final = 253


def parse_host_name(text: str) -> str:
    """Normalize a host name as :func:`host_of` does, or a wildcard such as ``*.b.test``.

    Raises ``ValueError`` with a one-line message.
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
    """The host of a valid authority; empty if it has none."""
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
    """``text`` as a normalized IP address; ``None`` if it is not one."""
    if not (":" in text or text[-1:].isdigit()):
        return None
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def matches(pattern: str, host: str) -> bool:
    """Whether ``pattern``, a name or a one-label wildcard, matches ``host``."""
    if not pattern.startswith("*."):
        return pattern == host
    label, dot, rest = host.partition(".")
    return bool(label and dot) and rest == pattern[2:] and not is_address(host)


class HostNames(Generic[_T]):
    """A mapping from host names and wildcards to values."""

    __slots__ = ("_exact", "_wildcards")

    def __init__(self, names: Iterable[tuple[str, _T]]) -> None:
        """``names``: normalized by :func:`parse_host_name`, each once."""
        self._exact: dict[str, _T] = {}
        self._wildcards: dict[str, _T] = {}
        for name, what in names:
            if name.startswith("*."):
                self._wildcards[name[2:]] = what
            else:
                self._exact[name] = what

    @property
    def size(self) -> int:
        """The number of names."""
        return len(self._exact) + len(self._wildcards)

    def find(self, host: str) -> _T | None:
        """The value for ``host``, normalized by :func:`host_of`; ``None`` if there is none."""
        found = self._exact.get(host)
        if found is None and self._wildcards:
            label, _, rest = host.partition(".")
            if label and not is_address(host):
                found = self._wildcards.get(rest)
        return found
