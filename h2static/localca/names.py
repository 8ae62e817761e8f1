"""The host names of this machine."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence

#: Addresses to listen at that stand for every interface.
ANY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104 -- compared with, not listened at
#: Addresses for documentation (RFC 5737, RFC 3849): where the rest of the world is.
_ELSEWHERE = ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1"))


def lan_addresses(listening: Sequence[str]) -> list[str]:
    """This machine's addresses in its network, if it listens at every interface.

    ``listening``: the addresses to listen at; none means every interface.  What the routing table
    says is enough; nothing is sent.
    """
    found = []
    for family, address in _ELSEWHERE:
        every = ANY_ADDRESS[0] if family == socket.AF_INET else ANY_ADDRESS[1]
        if listening and every not in [one.strip("[]") for one in listening]:
            continue
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            # A datagram socket that is connected only looks for its route.
            probe.connect((address, 9))
            own = probe.getsockname()[0]
            found.append(f"[{own}]" if family == socket.AF_INET6 else own)
    return [one for one in found if one not in ("127.0.0.1", "[::1]")]


def machine_names() -> list[str]:
    """The names under which this machine is reached, without asking the network."""
    name = socket.gethostname().rstrip(".").lower()
    short = name.partition(".")[0]
    if short in ("", "localhost"):
        return []
    return sorted({name, short, f"{short}.local"})
