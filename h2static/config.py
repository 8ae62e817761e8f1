"""The decided configuration of a server.

Contract: a :class:`Config` is complete and consistent.  Whoever holds one needs no further checks:
every value was checked where it came from (command line, TOML file or the embedding program), and
what several values say together was checked when the object was made.  It is immutable, can be
pickled (workers get it through a pipe) and reads nothing: no environment, no file, no clock.

Strategy: plain values only.  What needs a file descriptor, a key or a folder is opened by the
process that uses it.
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

#: What ``server`` says and what ``--version`` prints before the version.
SERVER_NAME = "h2static"

#: The encoder's dynamic table; larger tables make every look-up slower for little gain.
DEFAULT_ENCODER_HEADER_TABLE_SIZE = 4096
#: A peer may allow 4 GiB; the encoder never uses more than this, whatever anybody asks for.
MAX_ENCODER_HEADER_TABLE_SIZE = 64 * 1024
#: SETTINGS_HEADER_TABLE_SIZE is a 32-bit value (RFC 9113 section 6.5.1).
MAX_HEADER_TABLE_SIZE = 2**32 - 1
#: SETTINGS_MAX_CONCURRENT_STREAMS is a 32-bit value (RFC 9113 section 6.5.1).
MAX_CONCURRENT_STREAMS = 2**32 - 1
#: Windows are given as ``2**N - 1``; RFC 9113 section 6.9.1 ends at 31 bits, nghttpd at 30.
MAX_WINDOW_BITS = 30
#: One octet holds the pad length (RFC 9113 section 6.1); with it, 256 octets can be added.
MAX_PADDING = 256
#: Editors and build tools write what belongs together within some 10 ms.
DEFAULT_DEBOUNCE = 60
MAX_DEBOUNCE = 60_000
#: Where a server for development listens: nobody else's business.
LOOPBACK = ("127.0.0.1", "::1")
#: Addresses to listen at that a browser on this machine reaches as ``localhost``.
LOCALHOST = (*LOOPBACK, "0.0.0.0", "::")  # noqa: S104 -- compared, not bound
#: Where to listen when nobody says so, and in dev mode with TLS, where 8080 looks like cleartext.
DEFAULT_PORT = 8080
DEFAULT_SECURE_DEV_PORT = 8443
#: More workers than this are a typing mistake on any machine that serves a folder.
MAX_WORKERS = 256
#: A worker takes about 50 MiB before it has served anything; less would replace it again and again.
MIN_MEMORY = 96 * 1024 * 1024
MAX_MEMORY = 2**50
#: A server that takes more than a day to stop does not stop.
MAX_SECONDS = 86_400


#: Attributes of a :class:`Config` with the least and the largest value.
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
    """What is wrong, and with which file, in one line."""
    if isinstance(error, OSError) and error.filename is not None:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    return str(error)


class AltSvc(StrEnum):
    """Whether responses tell clients where HTTP/3 is (RFC 7838)."""

    #: Where HTTP/3 is served, but not in dev mode: browsers remember it for this port.
    AUTO = "auto"
    ON = "on"
    OFF = "off"
    #: Have clients forget what they were told.
    CLEAR = "clear"


class LogFormat(StrEnum):
    """The form of an access log line."""

    COMBINED = "combined"
    JSON = "json"
    #: For people: short, coloured, without what is the same on every line.
    BRIEF = "brief"
    #: The name of the host and the port (``%v:%p`` of Apache), then as COMBINED.
    VHOST = "vhost"


class ProxyProtocol(StrEnum):
    """Whether connections of trusted proxies begin with a PROXY header."""

    #: With or without.
    ACCEPT = "accept"
    #: A connection without one is closed.
    REQUIRE = "require"
    #: Never: what looks like one is no HTTP.
    OFF = "off"


@dataclass(slots=True, kw_only=True, frozen=True)
class Config:
    """Everything that was decided before a server starts.

    Raises ``ValueError`` with one clear line when values contradict each other.
    """

    #: Where to listen: TCP port, 0 to have a free one picked (the same for all addresses).
    port: int
    #: Whether somebody asked for that port; in dev mode another one does as well, if nobody did.
    port_given: bool = True
    #: Addresses to bind, ``unix:/path`` for a Unix domain socket; empty: every interface of IPv4
    #: and of IPv6.
    addresses: tuple[str, ...] = ()
    #: Which folder to serve, and how; without a root none is, and applications are all there is.
    site: SiteConfig = field(default_factory=lambda: SiteConfig(root=""))
    #: Applications; one of them may have no prefix.
    apps: tuple[AppConfig, ...] = ()
    #: What is passed on to upstreams; one of them and of the applications may have no prefix.
    proxies: tuple[ProxyConfig, ...] = ()
    #: Folders below paths.
    mounts: tuple[MountConfig, ...] = ()
    #: Hosts beside the site above, which has no name and is the default.
    hosts: tuple[HostConfig, ...] = ()
    #: Where to listen, if that is more than :attr:`port` and :attr:`addresses` can say, which are
    #: those of the first one then.
    listens: tuple[ListenConfig, ...] = ()

    # TLS
    #: Cleartext HTTP/2 with prior knowledge (RFC 9113 section 3.3).
    no_tls: bool = False
    #: PEM files; both ``None`` or both set.
    key_file: str | None = None
    cert_file: str | None = None
    #: File whose first line is the password of an encrypted private key.
    key_password_file: str | None = None
    #: Use secrets that others on the machine can read or change.
    insecure_key: bool = False
    #: Use a new certificate as soon as its files have changed; those that hosts name are always
    #: watched.
    watch_certificate: bool = True
    #: Demand a client certificate that :attr:`client_ca` vouches for.
    verify_client: bool = False
    client_ca: str | None = None
    #: One key exchange group by its OpenSSL name; ``None``: OpenSSL's own choice.
    groups: str | None = None
    dh_param_file: str | None = None

    # Protocol
    #: Refuse HTTP/1.1, as nghttpd does; or everything but HTTP/1.1, or everything but HTTP/3.
    http2_only: bool = False
    http1_only: bool = False
    http3_only: bool = False
    #: HTTP/3 beside the others, at the same port numbers.
    http3: bool = False
    alt_svc: AltSvc = AltSvc.AUTO
    #: Our SETTINGS_HEADER_TABLE_SIZE in octets; ``None``: not sent (4096).
    header_table_size: int | None = None
    #: Upper bound of the encoder's dynamic table in octets; the peer may allow less.
    encoder_header_table_size: int = DEFAULT_ENCODER_HEADER_TABLE_SIZE
    #: Our SETTINGS_MAX_CONCURRENT_STREAMS.
    max_concurrent_streams: int = 100
    #: SETTINGS_INITIAL_WINDOW_SIZE is ``2**window_bits - 1``; ``None``: not sent (65535).
    window_bits: int | None = None
    #: The connection's window is ``2**connection_window_bits - 1``; ``None``: 65535.
    connection_window_bits: int | None = None
    #: At most so many octets of padding, pad length included, for HEADERS, DATA and PUSH_PROMISE.
    padding: int = 0
    #: Answer at the request's field section instead of at END_STREAM.
    early_response: bool = False
    #: Trailer fields after every response that may have content; names in lower case.
    trailers: tuple[tuple[bytes, bytes], ...] = ()
    #: Leave ``content-length`` out of responses with a file.
    no_content_length: bool = False

    #: Who may come, as ``USER:HASH``; empty: everybody.
    auth: tuple[str, ...] = ()

    # Output
    #: Frame log on standard output.
    verbose: bool = False
    #: ``None``: when standard output is a terminal and ``NO_COLOR`` is not set.
    color: bool | None = None
    #: Dump the octets of both directions on standard output.
    hexdump: bool = False
    #: No banner.
    quiet: bool = False
    #: ``None``: no access log; ``-``: standard output.
    access_log: str | None = None
    log_format: LogFormat = LogFormat.COMBINED
    #: ``None``: standard error.
    error_log: str | None = None
    #: A descriptor that gets one JSON line once the sockets accept.
    ready_fd: int | None = None
    #: The configuration file that was found in the working folder, for the banner.
    found_file: str | None = None

    # Development
    #: Everything that is of use while editing: live reload, fresh answers, listing, friendly pages.
    dev: bool = False
    #: Reload pages when files change.
    live_reload: bool = False
    #: Open a browser unless a page is connected already.
    open: bool = False
    #: Patterns of files whose changes do not count.
    ignore: tuple[str, ...] = ()
    #: Find changes by looking instead of relying on notifications of the system.
    poll: bool = False
    #: Milliseconds without a change after which a change is told.
    debounce: int = DEFAULT_DEBOUNCE
    #: Names that are answered to in dev mode, besides those of this machine.
    allow_host: tuple[str, ...] = ()
    #: Give browsers a service worker that removes itself, in the place of every other.
    no_service_workers: bool = False
    #: Commands that run beside the server.
    run: tuple[str, ...] = ()
    #: The file that says what is wrong with them.
    run_report: str | None = None
    #: More folders in which a change reloads pages.
    watch: tuple[str, ...] = ()
    #: Seconds by which requests are held back, octets a second of responses, and failures (status,
    #: and how often of 1), by pattern.
    delay: tuple[tuple[Pattern, float], ...] = ()
    rate: tuple[tuple[Pattern, int], ...] = ()
    fail: tuple[tuple[Pattern, tuple[int, float]], ...] = ()
    #: Patterns of paths that files answer for an API, and their folder; empty: the one served.
    mock: tuple[tuple[Pattern, str], ...] = ()
    #: The certificate of this machine's authority, for devices that are to trust it.
    authority_file: str | None = None
    #: Let pages of other origins read what is served.
    cors: bool = False

    # Processes
    #: Worker processes.
    workers: int = 1
    daemon: bool = False
    pid_file: str | None = None
    #: Seconds that accepted streams get to finish after a request to stop.
    grace: float = 30.0
    #: Seconds between the health check turning 503 and the first GOAWAY.
    drain_delay: float = 0.0
    #: Octets of resident memory above which a worker gives back what it remembers, and is replaced
    #: when that does not help; ``None``: no bound.
    max_memory: int | None = None
    #: Path that answers 200 while serving and 503 while draining; ``None``: no such path.
    health: str | None = None
    #: Networks, and ``unix``, whose connections are those of proxies that are believed about whom
    #: they speak for.
    trusted_proxies: tuple[str, ...] = ()
    proxy_protocol: ProxyProtocol = ProxyProtocol.ACCEPT

    def __post_init__(self) -> None:
        """Check the numbers, and what the values say together."""
        for name, (minimum, maximum) in _RANGES.items():
            value = getattr(self, name)
            if value is not None and not minimum <= value <= maximum:
                raise ValueError(f"{name}: {value} is not from {minimum} to {maximum}")
        check_prefixes(self.apps, self.mounts, self.proxies)
        check_hosts(self.hosts, self.listens, has_main=self.has_main)
        if (self.key_file is None) != (self.cert_file is None):
            raise ValueError("a private key and a certificate belong together")
        if self.verify_client and self.client_ca is None:
            raise ValueError("--verify-client needs --client-ca FILE to verify against")
        self._check_protocols()
        picked = any(one.port == 0 and not one.addresses for one in self.listening)
        if self.daemon and self.ready_fd is None and picked:
            raise ValueError("--daemon with port 0 needs --ready-fd to tell which port was picked")

    def _check_protocols(self) -> None:
        only = [name for name in ("http1_only", "http2_only", "http3_only") if getattr(self, name)]
        if len(only) > 1:
            first, second = (name.replace("_", "-") for name in only[:2])
            raise ValueError(f"--{first} does not go together with --{second}")
        if self.http3 and (self.http1_only or self.http2_only):
            raise ValueError(f"--http3 does not go together with --{only[0].replace('_', '-')}")
        if not self.serves_http3:
            return
        if all(one.no_tls for one in self.listening):
            raise ValueError("HTTP/3 is always encrypted: --http3 needs TLS")
        if any(one.verify_client for one in self.listening):
            raise ValueError("--verify-client is not there for HTTP/3")

    @property
    def serves_http3(self) -> bool:
        """Whether HTTP/3 is served."""
        return self.http3 or self.http3_only

    @property
    def tells_of_http3(self) -> bool:
        """Whether responses say where HTTP/3 is."""
        if self.alt_svc is AltSvc.AUTO:
            return self.serves_http3 and not self.dev
        return self.alt_svc is AltSvc.ON

    @property
    def protocols(self) -> tuple[str, ...]:
        """What is spoken over TCP, by names of ALPN; the preferred one first."""
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
        """How each folder of each host is served."""
        places: tuple[Config | HostConfig, ...] = (self, *self.hosts)
        return tuple([one.site for place in places for one in (place, *place.mounts)])

    @property
    def has_main(self) -> bool:
        """Whether there is a site without a name."""
        return self.folder or bool(self.apps or self.mounts or self.proxies)

    @property
    def listening(self) -> tuple[ListenConfig, ...]:
        """Where to listen, and how; at least one."""
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
        """``http`` or ``https``: what a client writes in front of the authority."""
        return self.listening[0].scheme
