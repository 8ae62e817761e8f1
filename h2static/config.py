"""A server's configuration.

Contract: a :class:`Config` is complete and consistent, and needs no further checks: every value was
checked at its source (command line, TOML file or embedding program), and combinations of values
were checked when the object was created.  It is immutable, can be pickled (workers receive it
through a pipe), and reads nothing: no environment, no file, no clock.

Strategy: plain values only.  File descriptors, keys and folders are opened by the process that uses
them.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import StrEnum

from h2static.asgi.config import AppConfig
from h2static.host_config import (
    HostConfig,
    ListenConfig,
    MountConfig,
    check_hosts,
    check_prefixes,
)
from h2static.proxy.config import ProxyConfig
from h2static.site.config import SiteConfig
from h2static.site.patterns import Pattern

#: The value of the field ``server``, and the name that ``--version`` prints.
SERVER_NAME = "h2static"

#: Octets of the encoder's dynamic table; larger tables slow down every look-up for little gain.
DEFAULT_ENCODER_HEADER_TABLE_SIZE = 4096
#: A peer may allow 4 GiB; the encoder never uses more than this.
MAX_ENCODER_HEADER_TABLE_SIZE = 64 * 1024
#: SETTINGS_HEADER_TABLE_SIZE is a 32-bit value (RFC 9113 section 6.5.1).
MAX_HEADER_TABLE_SIZE = 2**32 - 1
#: SETTINGS_MAX_CONCURRENT_STREAMS is a 32-bit value (RFC 9113 section 6.5.1).
MAX_CONCURRENT_STREAMS = 2**32 - 1
#: Windows are ``2**N - 1`` octets; RFC 9113 section 6.9.1 allows 31 bits, nghttpd 30.
MAX_WINDOW_BITS = 30
#: One octet holds the pad length (RFC 9113 section 6.1); with it, 256 octets can be added.
MAX_PADDING = 256
#: Milliseconds.  Editors and build tools write related files within some 10 ms.
DEFAULT_DEBOUNCE = 60
MAX_DEBOUNCE = 60_000
#: Where a development server listens: on this machine only.
LOOPBACK = ("127.0.0.1", "::1")
#: Listening addresses that a browser on this machine reaches as ``localhost``.
LOCALHOST = (*LOOPBACK, "0.0.0.0", "::")  # noqa: S104 -- compared, not bound
#: The default ports: in general, and in dev mode with TLS, where 8080 looks like cleartext.
DEFAULT_PORT = 8080
DEFAULT_SECURE_DEV_PORT = 8443
#: More workers than this are a typing error on any machine that serves a folder.
MAX_WORKERS = 256
#: Octets.  A worker needs about 50 MiB before it serves anything; a lower limit would replace it
#: over and over.
MIN_MEMORY = 96 * 1024 * 1024
MAX_MEMORY = 2**50
#: Seconds.  A server that takes more than a day to stop does not stop.
MAX_SECONDS = 86_400


#: Numeric attributes of a :class:`Config` with their minimum and maximum.
_RANGES = {
    "port": (0, 65535),
    "header_table_size": (0, MAX_HEADER_TABLE_SIZE),
    "encoder_header_table_size": (0, MAX_ENCODER_HEADER_TABLE_SIZE),
    "max_concurrent_streams": (1, MAX_CONCURRENT_STREAMS),
    "window_bits": (0, MAX_WINDOW_BITS),
    "connection_window_bits": (0, MAX_WINDOW_BITS),
    "padding": (0, MAX_PADDING),
    "workers": (1, MAX_WORKERS),
    "grace": (0, MAX_SECONDS),
    "drain_delay": (0, MAX_SECONDS),
    "max_memory": (MIN_MEMORY, MAX_MEMORY),
    "debounce": (0, MAX_DEBOUNCE),
}


def describe(error: OSError | ValueError) -> str:
    """A one-line description of ``error``, with the file it concerns."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    return str(error)


class AltSvc(StrEnum):
    """Whether responses advertise HTTP/3 (RFC 7838)."""

    #: If HTTP/3 is served, but not in dev mode, because browsers remember it for the port.
    AUTO = "auto"
    ON = "on"
    OFF = "off"
    #: Make clients forget an earlier advertisement.
    CLEAR = "clear"


class LogFormat(StrEnum):
    """The format of an access log line."""

    COMBINED = "combined"
    JSON = "json"
    #: For people: short, colored, without the parts that are the same on every line.
    BRIEF = "brief"
    #: Host name and port (Apache's ``%v:%p``), then as COMBINED.
    VHOST = "vhost"


class ProxyProtocol(StrEnum):
    """Whether connections from trusted proxies start with a PROXY header."""

    #: With or without one.
    ACCEPT = "accept"
    #: Close connections without one.
    REQUIRE = "require"
    #: Never; a PROXY header is treated as malformed HTTP.
    OFF = "off"


@dataclass(slots=True, kw_only=True, frozen=True)
class Config:
    """All settings of a server.

    Raises ``ValueError`` with a one-line message if values contradict each other.
    """

    #: TCP port to listen on; 0 picks a free one (the same for all addresses).
    port: int
    #: Whether the user chose that port; if not, dev mode may use the next free one instead.
    port_given: bool = True
    #: Addresses to bind, ``unix:/path`` for a Unix domain socket; empty: all IPv4 and IPv6
    #: interfaces.
    addresses: tuple[str, ...] = ()
    #: The folder to serve, and how; without a root, no folder is served.
    site: SiteConfig = field(default_factory=lambda: SiteConfig(root=""))
    #: Applications; one of them may have no prefix.
    apps: tuple[AppConfig, ...] = ()
    #: Forwarding to upstreams; only one of the proxies and applications may have no prefix.
    proxies: tuple[ProxyConfig, ...] = ()
    #: Folders served under path prefixes.
    mounts: tuple[MountConfig, ...] = ()
    #: Named hosts, in addition to the site above, which has no name and is the default.
    hosts: tuple[HostConfig, ...] = ()
    #: Where to listen, if :attr:`port` and :attr:`addresses` cannot express it; they are then those
    #: of the first entry.
    listens: tuple[ListenConfig, ...] = ()

    # TLS
    #: Cleartext HTTP/2 with prior knowledge (RFC 9113 section 3.3).
    no_tls: bool = False
    #: PEM files; both set, or both ``None``.
    key_file: str | None = None
    cert_file: str | None = None
    #: File whose first line is the password of an encrypted private key.
    key_password_file: str | None = None
    #: Accept key files that other users on the machine can read or change.
    insecure_key: bool = False
    #: Reload the certificate when its files change; certificates of named hosts are always watched.
    watch_certificate: bool = True
    #: Require a client certificate signed by a CA in :attr:`client_ca`.
    verify_client: bool = False
    client_ca: str | None = None
    #: One key exchange group by its OpenSSL name; ``None``: OpenSSL's own choice.
    groups: str | None = None
    dh_param_file: str | None = None

    # Protocol
    #: Serve HTTP/2 only, as nghttpd does; or HTTP/1.1 only; or HTTP/3 only.
    http2_only: bool = False
    http1_only: bool = False
    http3_only: bool = False
    #: Serve HTTP/3 in addition to the others, on the same port numbers.
    http3: bool = False
    alt_svc: AltSvc = AltSvc.AUTO
    #: Our SETTINGS_HEADER_TABLE_SIZE in octets; ``None``: not sent (4096).
    header_table_size: int | None = None
    #: Maximum size of the encoder's dynamic table in octets; the peer may set a lower limit.
    encoder_header_table_size: int = DEFAULT_ENCODER_HEADER_TABLE_SIZE
    #: Our SETTINGS_MAX_CONCURRENT_STREAMS.
    max_concurrent_streams: int = 100
    #: SETTINGS_INITIAL_WINDOW_SIZE is ``2**window_bits - 1``; ``None``: not sent (65535).
    window_bits: int | None = None
    #: The connection's window is ``2**connection_window_bits - 1``; ``None``: 65535.
    connection_window_bits: int | None = None
    #: Maximum octets of padding, including Pad Length, in HEADERS, DATA and PUSH_PROMISE.
    padding: int = 0
    #: Respond when the header section has arrived instead of at END_STREAM.
    early_response: bool = False
    #: Trailer fields for every response that may have content; names in lower case.
    trailers: tuple[tuple[bytes, bytes], ...] = ()
    #: Omit ``content-length`` from responses that carry a file.
    no_content_length: bool = False

    #: Users that may access the server, as ``USER:HASH``; empty: no authentication.
    auth: tuple[str, ...] = ()

    # Output
    #: Frame log on standard output.
    verbose: bool = False
    #: ``None``: color if standard output is a terminal and ``NO_COLOR`` is not set.
    color: bool | None = None
    #: Dump the octets in both directions on standard output.
    hexdump: bool = False
    #: No banner.
    quiet: bool = False
    #: ``None``: no access log; ``-``: standard output.
    access_log: str | None = None
    log_format: LogFormat = LogFormat.COMBINED
    #: ``None``: standard error.
    error_log: str | None = None
    #: A file descriptor that receives one JSON line once the sockets accept connections.
    ready_fd: int | None = None
    #: The configuration file found in the working folder, for the banner.
    found_file: str | None = None

    # Development
    #: Development mode: live reload, no caching, folder listings, helpful error pages.
    dev: bool = False
    #: Reload pages when files change.
    live_reload: bool = False
    #: Open a browser unless a page is already connected.
    open: bool = False
    #: Patterns of files whose changes are ignored.
    ignore: tuple[str, ...] = ()
    #: Poll for changes instead of relying on the system's file notifications.
    poll: bool = False
    #: Milliseconds without another change after which changes are reported.
    debounce: int = DEFAULT_DEBOUNCE
    #: Host names that dev mode answers to, in addition to those of this machine.
    allow_host: tuple[str, ...] = ()
    #: Replace every service worker with one that removes itself.
    no_service_workers: bool = False
    #: Commands to run alongside the server.
    run: tuple[str, ...] = ()
    #: The file in which their problems are reported.
    run_report: str | None = None
    #: More folders in which a change reloads pages.
    watch: tuple[str, ...] = ()
    #: By pattern: delay of requests in seconds, rate of responses in octets per second, and
    #: failures (status and probability).
    delay: tuple[tuple[Pattern, float], ...] = ()
    rate: tuple[tuple[Pattern, int], ...] = ()
    fail: tuple[tuple[Pattern, tuple[int, float]], ...] = ()
    #: Path patterns of a mock API, with the folder of its JSON files; empty: the served folder.
    mock: tuple[tuple[Pattern, str], ...] = ()
    #: The certificate of the local CA, offered to devices that should trust it.
    authority_file: str | None = None
    #: Let pages from other origins read the files.
    cors: bool = False

    # Processes
    #: Worker processes.
    workers: int = 1
    daemon: bool = False
    pid_file: str | None = None
    #: Seconds that accepted streams have to finish after a request to stop.
    grace: float = 30.0
    #: Seconds between the health check turning 503 and the first GOAWAY.
    drain_delay: float = 0.0
    #: Octets of resident memory above which a worker empties its caches, and is replaced if that
    #: does not help; ``None``: no limit.
    max_memory: int | None = None
    #: Path that answers 200 while serving and 503 while draining; ``None``: no such path.
    health: str | None = None
    #: Networks, and ``unix``, of the proxies that are trusted to report client addresses.
    trusted_proxies: tuple[str, ...] = ()
    proxy_protocol: ProxyProtocol = ProxyProtocol.ACCEPT

    def __post_init__(self) -> None:
        """Check ranges, and combinations of values."""
        for name, (minimum, maximum) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not minimum <= value <= maximum:
                raise ValueError(f"{name}: {value} is not between {minimum} and {maximum}")
        check_prefixes(self.apps, self.mounts, self.proxies)
        check_hosts(self.hosts, self.listens, has_main=self.has_main)
        if (self.key_file is None) != (self.cert_file is None):
            raise ValueError(
                "a private key requires a certificate, and a certificate requires a private key"
            )
        if self.verify_client and self.client_ca is None:
            raise ValueError("--verify-client requires --client-ca FILE")
        self._check_protocols()
        picked = any(one.port == 0 and not one.addresses for one in self.listening)
        if self.daemon and self.ready_fd is None and picked:
            raise ValueError(
                "--daemon with port 0 requires --ready-fd, which reports the chosen port"
            )

    def _check_protocols(self) -> None:
        only = [name for name in ("http1_only", "http2_only", "http3_only") if getattr(self, name)]
        if len(only) > 1:
            first, second = (name.replace("_", "-") for name in only[:2])
            raise ValueError(f"--{first} cannot be combined with --{second}")
        if self.http3 and (self.http1_only or self.http2_only):
            raise ValueError(f"--http3 cannot be combined with --{only[0].replace('_', '-')}")
        if not self.serves_http3:
            return
        if all(one.no_tls for one in self.listening):
            raise ValueError("HTTP/3 is always encrypted: --http3 requires TLS")
        if any(one.verify_client for one in self.listening):
            raise ValueError("--verify-client does not work with HTTP/3")

    @property
    def serves_http3(self) -> bool:
        """Whether HTTP/3 is served."""
        return self.http3 or self.http3_only

    @property
    def tells_of_http3(self) -> bool:
        """Whether responses advertise HTTP/3."""
        if self.alt_svc is AltSvc.AUTO:
            return self.serves_http3 and not self.dev
        return self.alt_svc is AltSvc.ON

    @property
    def protocols(self) -> tuple[str, ...]:
        """The protocols served over TCP, as ALPN names; the preferred one first."""
        if self.http1_only:
            return ("http/1.1",)
        return ("h2",) if self.http2_only else ("h2", "http/1.1")

    @property
    def folder(self) -> bool:
        """Whether a folder is served."""
        return bool(self.site.root)

    @property
    def has_apps(self) -> bool:
        """Whether any host has applications."""
        return bool(self.apps) or any(one.apps for one in self.hosts)

    @property
    def sites(self) -> tuple[SiteConfig, ...]:
        """The settings of each served folder of each host."""
        places: tuple[Config | HostConfig, ...] = (self, *self.hosts)
        return tuple([one.site for place in places for one in (place, *place.mounts)])

    @property
    def has_main(self) -> bool:
        """Whether there is a site without a host name."""
        return self.folder or bool(self.apps or self.mounts or self.proxies)

    @property
    def listening(self) -> tuple[ListenConfig, ...]:
        """Where and how to listen; at least one entry."""
        return self.listens or (
            ListenConfig(
                port=self.port,
                addresses=self.addresses,
                no_tls=self.no_tls,
                verify_client=self.verify_client,
                client_ca=self.client_ca,
                groups=self.groups,
                dh_param_file=self.dh_param_file,
            ),
        )

    @property
    def root(self) -> str:
        """The folder to serve."""
        return self.site.root

    @property
    def scheme(self) -> str:
        """``http`` or ``https``: the scheme of the server's URLs."""
        return self.listening[0].scheme
