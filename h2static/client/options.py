"""Options of a client: how to connect, TLS and protocols.

Contract: values; :mod:`h2static.client.dial` and :mod:`h2static.client.tls` act on them.  Times are
seconds, sizes octets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from h2static.http1.limits import Limits as Limits1
from h2static.http2.limits import Limits as Limits2
from h2static.http2.settings import LocalSettings

#: ALPN names of the protocols (RFC 7301, RFC 9113 section 3.1).
HTTP2: Final = "h2"
HTTP1: Final = "http/1.1"

#: Octets that a client's windows grow to.  A stream's window suits a 1 Gbit/s link with 64 ms
#: round-trip time, the connection's is twice that.
LARGEST_STREAM_WINDOW: Final = 8 * 1024 * 1024
LARGEST_CONNECTION_WINDOW: Final = 16 * 1024 * 1024


def default_settings(*, enable_push: bool = False) -> LocalSettings:
    """The default HTTP/2 settings of a client: windows grow with what is read."""
    return LocalSettings(
        enable_push=enable_push,
        largest_stream_window=LARGEST_STREAM_WINDOW,
        largest_connection_window=LARGEST_CONNECTION_WINDOW,
    )


@dataclass(slots=True, kw_only=True, frozen=True)
class Place:
    """A host and a port; ``None`` matches any, or keeps the original."""

    host: str | None = None
    port: int | None = None


@dataclass(slots=True, kw_only=True, frozen=True)
class ResponseLimits:
    """Limits on what a server may send along with a response, because each item costs memory."""

    #: Informational responses; a handful is usual, and 102 (Processing) may come every few seconds.
    informational: int = 1_000
    #: Pushed responses; pages have some dozens.  Promises above the limit are refused.
    promises: int = 256


@dataclass(slots=True, kw_only=True, frozen=True)
class ConnectOptions:
    """How to connect to a server."""

    #: Protocols to offer in ALPN, the preferred one first; without TLS, the first one is used.
    protocols: tuple[str, ...] = (HTTP2, HTTP1)
    #: Upgrade a cleartext HTTP/1.1 connection to HTTP/2 (RFC 7540 section 3.2).
    upgrade: bool = False

    # --- where to connect
    #: Addresses to use for a host and port instead of those from DNS.
    resolve: tuple[tuple[Place, tuple[str, ...]], ...] = ()
    #: Connect to the second place instead of the first; the names in the request stay the same.
    connect_to: tuple[tuple[Place, Place], ...] = ()
    #: Connect to this Unix domain socket instead of the URL's host.
    unix_socket: str | None = None
    #: URL of an HTTP proxy to connect through with CONNECT.
    proxy: str | None = None
    #: Time limit from name resolution to the end of the TLS handshake.
    connect_seconds: float | None = 30.0

    # --- TLS
    #: Whether the certificate must be trusted and cover the host.
    verify: bool = True
    #: PEM file with the CA certificates to trust instead of the system's.
    ca_file: str | None = None
    #: PEM files with a client certificate and its key, which may be in the same file.
    cert_file: str | None = None
    key_file: str | None = None
    #: The name to send in SNI and to verify; ``None``: the host of the URL.
    server_name: str | None = None
    #: File for TLS secrets in the format that Wireshark reads (``SSLKEYLOGFILE``).
    key_log_file: str | None = None

    # --- the protocols
    settings: LocalSettings = field(default_factory=default_settings)
    limits: Limits2 = field(default_factory=Limits2)
    limits1: Limits1 = field(default_factory=Limits1)
    response_limits: ResponseLimits = ResponseLimits()
