"""Requests, and who makes them.

Contract: plain values; see :mod:`h2static.http.messages`, which gives them together with responses.
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

    What "valid" leaves to the application: whether ``path`` names something, whether the method is
    known.  An engine hands on no request of which :mod:`h2static.http.authority` has anything to
    say.
    """

    #: ``GET``, ``HEAD`` …, as sent; methods are case-sensitive.
    method: bytes
    #: ``http`` or ``https`` as the client wrote it.
    scheme: bytes
    #: ``:authority``, or the Host field where that is absent; empty when the client sent neither.
    authority: bytes
    #: ``:path``: origin form with the query, or ``*``.
    path: bytes
    #: The field section without pseudo-header fields.  Cookie crumbs (RFC 9113 section 8.2.3) stay
    #: apart: joined they could take thousands of times the octets that they came in.
    fields: Fields
    #: The same octets will give this very object again: it is worth remembering by identity.
    repeats: bool = False
    #: What the connection or stream is to become: ``:protocol`` of an extended CONNECT (RFC 8441),
    #: or the token of an accepted Upgrade (RFC 9110 section 7.8); empty for an ordinary request.
    protocol: bytes = b""
    #: The request itself says that it is of HTTP/1.0, whatever its connection could speak.
    old: bool = False
    #: The server itself makes it on the client's behalf, with a response that the client was given
    #: (RFC 9113 section 8.4).
    promised: bool = False

    def field(self, name: bytes) -> bytes | None:
        """The value of the field ``name`` (lower case), repeated lines joined by ``, ``.

        Cookie crumbs are joined by ``; `` (RFC 9113 section 8.2.3).  ``None`` when the field is
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
    """What a TLS connection has come to, for applications that want to know."""

    #: As RFC 8446 writes it: 0x0304 is TLS 1.3.
    version: int
    #: The number of the cipher suite (IANA); ``None``: unknown.
    cipher_suite: int | None
    #: PEM: our certificate; the client's, which was verified, and the name in it (RFC 4514).
    server_certificate: str | None = None
    client_certificates: tuple[str, ...] = ()
    client_name: str | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Client:
    """Who asks: what belongs to a connection and so cannot stand in a shared :class:`Request`."""

    #: The client's address without its port, as numbers; what the PROXY header of a trusted proxy
    #: says where there is one.  Empty for a Unix domain socket.
    host: str = ""
    port: int = 0
    #: As logs write it: ``HTTP/2.0``, ``HTTP/1.1``.
    version: str
    #: Whether the connection itself is a TLS connection.
    secure: bool = False
    #: The address of ours that the client reached.
    local: Address = ""
    #: Of a TLS connection, where an application wants to know.
    tls: Tls | None = None
    #: ``None``: the client speaks for itself.  Otherwise it is one of these trusted proxies, and
    #: what its requests say of others is believed (:mod:`h2static.http.forwarded`).
    proxies: TrustedProxies | None = None
