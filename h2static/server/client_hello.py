"""The protocols that a TLS client offers in its first message.

Contract: :func:`read_client_hello` examines the first octets of a connection and returns what its
ClientHello offers in ALPN, or how many octets are required to find out.  Pure: no I/O, no clock.

Python's ``ssl`` ignores ALPN from a client that offers only unsupported protocols; such a client
must get a fatal alert (RFC 7301 section 3.2), so the offer is read here.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

#: RFC 8446 section 5.1: content type, version, length.
_RECORD_HEADER: Final = 5
_HANDSHAKE: Final = 22
#: RFC 8446 section 4: message type, length.
_MESSAGE_HEADER: Final = 4
_CLIENT_HELLO: Final = 1
#: RFC 8446 section 4.1.2: legacy_version and random.
_VERSION_AND_RANDOM: Final = 34
#: RFC 7301 section 3.1.
_ALPN: Final = 16
_NUMBER: Final = struct.Struct(">H")
#: Type and length (RFC 8446 section 4.2).
_EXTENSION: Final = struct.Struct(">HH")
#: Records that are put together: clients send one, and some cut it for a firewall's sake.
_RECORDS: Final = 16
#: RFC 8446 section 6: an alert record; level fatal, no_application_protocol (RFC 7301 section 3.2).
NO_APPLICATION_PROTOCOL: Final = bytes((21, 3, 3, 0, 2, 2, 120))


@dataclass(slots=True, kw_only=True, frozen=True)
class ClientHello:
    """A client's offer."""

    #: Protocols by their names in ALPN, as they were sent; empty: no ALPN.  ``None``: what came
    #: cannot be read here, which does not mean that OpenSSL cannot.
    protocols: tuple[bytes, ...] | None


#: Stands for a malformed or unusual ClientHello.
UNREADABLE: Final = ClientHello(protocols=None)


def read_client_hello(octets: bytes) -> ClientHello | int:
    """The offer in the ClientHello at the start of ``octets``.

    A number: this many octets of the connection are required, more than were given.
    """
    message = b""
    position = 0
    # RFC 8446 section 5.1: a message may be cut into several records.
    for _ in range(_RECORDS):
        start = position + _RECORD_HEADER
        if octets[position : position + 1] not in (b"", bytes((_HANDSHAKE,))):
            return UNREADABLE
        if len(octets) < start:
            return start
        position = start + int.from_bytes(octets[start - 2 : start], "big")
        if len(octets) < position:
            return position
        message += octets[start:position]
        if message[:1] not in (b"", bytes((_CLIENT_HELLO,))):
            return UNREADABLE
        if len(message) >= _MESSAGE_HEADER:
            end = _MESSAGE_HEADER + int.from_bytes(message[1:_MESSAGE_HEADER], "big")
            if len(message) >= end:
                return ClientHello(protocols=_protocols(message[_MESSAGE_HEADER:end]))
    return UNREADABLE


def _protocols(body: bytes) -> tuple[bytes, ...] | None:
    """The protocols that a ClientHello's ``body`` names; ``None`` where it is malformed."""
    try:
        # Session identifier, cipher suites, compression methods (RFC 8446 section 4.1.2).
        position = _VERSION_AND_RANDOM
        position += 1 + body[position]
        position += 2 + _NUMBER.unpack_from(body, position)[0]
        position += 1 + body[position]
        if position == len(body):
            return ()
        end = position + 2 + _NUMBER.unpack_from(body, position)[0]
        if end > len(body):
            return None
        position += 2
        while position < end:
            kind, size = _EXTENSION.unpack_from(body, position)
            start, position = position + 4, position + 4 + size
            if position > end:
                return None
            if kind == _ALPN:
                return _names(body[start:position])
    except (IndexError, struct.error):
        return None
    return ()


def _names(extension: bytes) -> tuple[bytes, ...] | None:
    """The protocols in ALPN; raises what :func:`_protocols` catches."""
    end = 2 + _NUMBER.unpack_from(extension)[0]
    if end > len(extension):
        return None
    found, position = [], 2
    while position < end:
        start, position = position + 1, position + 1 + extension[position]
        if position > end:
            return None
        found.append(extension[start:position])
    return tuple(found)
