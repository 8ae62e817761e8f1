"""Requests and clients.

Contract: plain values; :mod:`h2static.http.messages` exports them together with responses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from h2static.http.addresses import TrustedProxies
from h2static.http.fields import Fields

#: Where a socket is bound or connected: host and port, or the path of a Unix domain socket.
Address: TypeAlias = tuple[str, int] | str


@dataclass(slots=True, kw_only=True, eq=False)
class Request:
    """A request whose field section is valid (RFC 9113 sections 8.2 and 8.3.1).

    The application checks the rest: whether ``path`` names something, and whether the method is
    known.  An engine never passes on a request whose authority :mod:`h2static.http.authority`
    rejects.
    """

    #: ``GET``, ``HEAD`` …, as sent; methods are case-sensitive.
    method: bytes
    #: ``http`` or ``https``, as sent by the client.
    scheme: bytes
    #: ``:authority``, or the Host field if that is absent; empty if the client sent neither.
    authority: bytes
    #: ``:path``: origin form with the query, or ``*``.
    path: bytes
    #: The field section without pseudo-header fields.  Cookie crumbs (RFC 9113 section 8.2.3) are
    #: not joined: the result could be thousands of times as long as the input.
    fields: Fields
    #: The same octets will give this object again, so it is worth caching by identity.
    repeats: bool = False
    #: The requested protocol: ``:protocol`` of an extended CONNECT (RFC 8441), or the token of an
    #: accepted Upgrade (RFC 9110 section 7.8); empty for an ordinary request.
    protocol: bytes = b""
    #: The request itself is HTTP/1.0, whatever its connection supports.
    old: bool = False
    #: The server itself made the request on the client's behalf, along with another response (RFC
    #: 9113 section 8.4).
    promised: bool = False

    def field(self, name: bytes) -> bytes | None:
        """The value of the field ``name`` (lower case), with repeated lines joined by ``, ``.

        Cookie crumbs are joined by ``; `` (RFC 9113 section 8.2.3).  ``None`` if the field is
        absent (RFC 9110 section 5.3).
        """
        values = [value for key, value in self.fields if key == name]
        if not values:
            return None
        if len(values) == 1:
            return values[0]
        return (b"; " if name == b"cookie" else b", ").join(values)


@dataclass(slots=True, kw_only=True, eq=False)
class Tls:
    """Properties of a TLS connection, for applications."""

    #: The version as in RFC 8446: 0x0304 is TLS 1.3.
    version: int
    #: The number of the cipher suite (IANA); ``None`` if unknown.
    cipher_suite: int | None
    #: Our certificate and the verified client certificate in PEM, and the latter's name (RFC 4514).
    server_certificate: str | None = None
    client_certificates: tuple[str, ...] = ()
    client_name: str | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Client:
    """The client: data of a connection, which a shared :class:`Request` cannot contain."""

    #: The client's numeric address without port; taken from a trusted proxy's PROXY header if there
    #: is one.  Empty for a Unix domain socket.
    host: str = ""
    port: int = 0
    #: The protocol version as in logs: ``HTTP/2.0``, ``HTTP/1.1``.
    version: str
    #: Whether the connection itself uses TLS.
    secure: bool = False
    #: Our address that the client connected to.
    local: Address = ""
    #: Details of the TLS connection, if an application needs them.
    tls: Tls | None = None
    #: ``None`` for an ordinary client.  Otherwise the client is one of these trusted proxies, and
    #: its requests' statements about their origin are believed (:mod:`h2static.http.forwarded`).
    proxies: TrustedProxies | None = None
