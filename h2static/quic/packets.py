"""Parsing datagrams without keys (RFC 8999), and responses without a connection.

Contract: :func:`read_header` examines the first packet of a datagram; nothing raises.
:func:`version_negotiation` and :func:`stateless_reset` create the two packets that need no key from
the library.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from h2static.quic.connection_ids import LENGTH

#: RFC 9000 section 14.1: "A client MUST expand the payload of all UDP datagrams carrying Initial
#: packets to at least the smallest allowed maximum datagram size of 1200 bytes".
SMALLEST_INITIAL: Final = 1_200
#: RFC 9000 section 7.2: "This Destination Connection ID MUST be at least 8 bytes in length": of a
#: client's first packet, and ours are not shorter.
_SHORTEST_FIRST_ID: Final = 8
#: RFC 9000 section 17.2: longer ids are of other versions.
_LONGEST_ID: Final = 20
#: RFC 9000 section 10.3: "An endpoint MUST NOT send a Stateless Reset that is three times or more
#: larger than the packet it receives"; shorter ones than this cannot be told from nonsense.
SMALLEST_RESET: Final = 21
_LARGEST_RESET: Final = 43
_VERSION_1: Final = 0x00000001
_VERSION_2: Final = 0x6B3343CF


@dataclass(slots=True, kw_only=True)
class Header:
    """The header of a packet, as far as it is not protected."""

    #: ``None``: a short header, of a connection that has its keys.
    version: int | None
    destination: bytes
    source: bytes = b""
    #: The packet begins a connection.
    initial: bool = False
    #: Of an Initial packet: what a Retry or an earlier connection gave the client.
    token: bytes = b""


def read_header(datagram: bytes) -> Header | None:
    """The header of the first packet; ``None``: it is none."""
    if not datagram:
        return None
    if not datagram[0] & 0x80:
        if len(datagram) < 1 + LENGTH:
            return None
        return Header(version=None, destination=datagram[1 : 1 + LENGTH])
    if len(datagram) < 7:
        return None
    version = int.from_bytes(datagram[1:5], "big")
    end = 6 + datagram[5]
    destination = datagram[6:end]
    if end >= len(datagram):
        return None
    start, end = end + 1, end + 1 + datagram[end]
    source = datagram[start:end]
    if end > len(datagram):
        return None
    # RFC 9369 section 3.2: version 2 has other numbers for its types.
    kinds = {_VERSION_1: 0b00, _VERSION_2: 0b01}
    initial = version in kinds and datagram[0] >> 4 & 0b11 == kinds[version]
    if not initial:
        return Header(version=version, destination=destination, source=source)
    if max(len(destination), len(source)) > _LONGEST_ID or end >= len(datagram):
        return None
    if len(destination) < _SHORTEST_FIRST_ID:
        return None
    size = 1 << (datagram[end] >> 6)
    length = int.from_bytes(datagram[end : end + size], "big") & ((1 << (8 * size - 2)) - 1)
    token = datagram[end + size : end + size + length]
    if len(token) < length:
        return None
    return Header(
        version=version, destination=destination, source=source, initial=True, token=token
    )


def version_negotiation(header: Header, versions: Sequence[int]) -> bytes:
    """The answer to a version that is not spoken here (RFC 9000 section 6.1)."""
    ids = (header.source, header.destination)
    return b"".join(
        (
            bytes((0x80 | os.urandom(1)[0],)),
            bytes(4),
            *(bytes((len(one),)) + one for one in ids),
            *(version.to_bytes(4, "big") for version in versions),
        )
    )


def stateless_reset(token: bytes, received: int) -> bytes | None:
    """The answer to a packet of ``received`` octets of a connection that is lost (section 10.3).

    ``None``: it is too short to be answered.
    """
    # "An endpoint that sends a Stateless Reset in response to a packet that is 43 bytes or shorter
    # SHOULD send a Stateless Reset that is one byte shorter than the packet it responds to".
    size = min(received - 1, _LARGEST_RESET)
    if size < SMALLEST_RESET:
        return None
    unpredictable = bytearray(os.urandom(size - len(token)))
    unpredictable[0] = unpredictable[0] & 0x3F | 0x40
    return bytes(unpredictable) + token
