"""How a client connects and speaks.

Contract: values; :mod:`h2static.client.dial` and :mod:`h2static.client.tls` act on them.  Times are
seconds, sizes octets.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from h2static.http1.limits import Limits as Limits1
from h2static.http2.limits import Limits as Limits2
from h2static.http2.settings import LocalSettings

#: The names that ALPN has for protocols (RFC 7301, RFC 9113 section 3.1).
HTTP2: Final = "h2"
HTTP1: Final = "http/1.1"

#: What the windows of a client grow to.  A stream's is what a 1 Gbit/s link needs at 64 ms, the
#: connection's twice that.
LARGEST_STREAM_WINDOW: Final = 8 * 1024 * 1024
LARGEST_CONNECTION_WINDOW: Final = 16 * 1024 * 1024


def default_settings(*, enable_push: bool = False) -> LocalSettings:
    """How a client speaks HTTP/2 unless it is told otherwise: windows grow with what is taken."""
    return LocalSettings(
        enable_push=enable_push,
        largest_stream_window=LARGEST_STREAM_WINDOW,
        largest_connection_window=LARGEST_CONNECTION_WINDOW,
    )


@dataclass(slots=True, kw_only=True, frozen=True)
class Place:
    """A host and a port; ``None`` stands for any, or for what it was."""

    host: str | None = None
    port: int | None = None


@dataclass(slots=True, kw_only=True, frozen=True)
class ResponseLimits:
    """What a server may send beside a response before that is given up: each costs memory."""

    #: Responses 1xx; a handful is usual, and 102 (Processing) may come every few seconds.
    informational: int = 1_000
    #: Promises; pages have some dozen.  What is promised beyond is refused.
    promises: int = 256


@dataclass(slots=True, kw_only=True, frozen=True)
class ConnectOptions:
    """See the module."""

    #: What to offer by ALPN, most wanted first; without TLS the first one is spoken.
    protocols: tuple[str, ...] = (HTTP2, HTTP1)
    #: Ask a cleartext server by HTTP/1.1 to change to HTTP/2 (RFC 7540 section 3.2).
    upgrade: bool = False

    # --- where to connect
    #: Addresses to use for a place in place of what DNS says.
    resolve: tuple[tuple[Place, tuple[str, ...]], ...] = ()
    #: Connect to the second place where the first one is asked for; names stay as they are.
    connect_to: tuple[tuple[Place, Place], ...] = ()
    #: Connect to this Unix domain socket, whatever the URL says.
    unix_socket: str | None = None
    #: URL of an HTTP proxy that is asked by CONNECT.
    proxy: str | None = None
    #: For everything from the look-up of the name to the end of the TLS handshake.
    connect_seconds: float | None = 30.0

    # --- TLS
    #: Whether the certificate must be trusted and be for the host that was asked for.
    verify: bool = True
    #: Authorities to trust in place of the system's: a PEM file.
    ca_file: str | None = None
    #: A client certificate and its key: PEM files; the key may be in the same file.
    cert_file: str | None = None
    key_file: str | None = None
    #: The name to send by SNI and to verify; ``None``: the host of the URL.
    server_name: str | None = None
    #: Where to write TLS secrets in the form that Wireshark reads (``SSLKEYLOGFILE``).
    key_log_file: str | None = None

    # --- the protocols
    settings: LocalSettings = field(default_factory=default_settings)
    limits: Limits2 = field(default_factory=Limits2)
    limits1: Limits1 = field(default_factory=Limits1)
    response_limits: ResponseLimits = ResponseLimits()
