"""From a listening socket to a protocol: accepting, PROXY header, TLS, and who speaks what.

Contract: the :class:`Acceptor` takes each accepted socket as far as its protocol is known, without
blocking, and hands it to the driver.  A client that cannot be served is told why in a way that it
understands, and the error log has a line; never silence.  When descriptors or memory run out,
accepting pauses and goes on.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import ssl
import sys
from collections.abc import Callable
from typing import Final, Protocol

from h2static.config import Config
from h2static.http.messages import Application
from h2static.http2 import registry as r
from h2static.http2.connection import ServerConnection
from h2static.http2.errors import StreamViolation
from h2static.http2.service import Answered, Service
from h2static.logs.access import AccessLog
from h2static.logs.errors import ErrorLog
from h2static.logs.frames import FrameLog, escape
from h2static.server import proxy_protocol
from h2static.server.engine import HTTP1_REFUSED, Engine, Refusal
from h2static.server.link import Closed, Link, Phase
from h2static.server.poller import READABLE, WRITABLE, Poller
from h2static.server.pusher import SitePusher
from h2static.server.services import Services
from h2static.server.trusted_proxies import TrustedProxies, take_header

#: Handshakes of one round: each costs about a millisecond.
_HANDSHAKES_A_ROUND: Final = 4
#: Connections accepted from one listener in one round.
_ACCEPTS_A_ROUND: Final = 64
#: Accepting pauses so long when descriptors or memory run out.
_ACCEPT_PAUSE_SECONDS: Final = 0.2
_OUT_OF_RESOURCES: Final = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))
#: First octet of a TLS record with a handshake message (RFC 8446 section 5.1).
_TLS_HANDSHAKE: Final = b"\x16"
#: What OpenSSL's reasons mean for whoever runs the server.
_HANDSHAKE_FAILURES: Final = {
    "HTTP_REQUEST": "cleartext HTTP on the TLS port",
    "WRONG_VERSION_NUMBER": "cleartext on the TLS port",
    "NO_SHARED_CIPHER": "the client has no cipher suite that HTTP/2 allows",
    "UNSUPPORTED_PROTOCOL": "the client has no TLS 1.2",
    "TLSV1_ALERT_UNKNOWN_CA": "the client does not trust the certificate",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "the client does not trust the certificate",
    "SSLV3_ALERT_BAD_CERTIFICATE": "the client does not trust the certificate",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "the client has no certificate",
    "CERTIFICATE_VERIFY_FAILED": "the client's certificate is not trusted",
    "UNEXPECTED_EOF_WHILE_READING": "the client went away",
}


class Host(Protocol):
    """What the acceptor asks of the driver."""

    def admit(self, link: Link) -> None:
        """A socket was accepted."""

    def start(self, link: Link, protocol: Engine, data: bytes) -> None:
        """It is known what a link speaks, and ``data`` has come already."""

    def queue(self, link: Link) -> None:
        """The link needs another turn."""

    def watch(self, link: Link, events: int) -> None:
        """Wait for these events."""

    def guarded(self, link: Link, action: Callable[[Link], None]) -> None:
        """Run ``action``; whatever happens stays with the link."""


class Acceptor:
    """Opens connections for a driver."""

    def __init__(
        self,
        host: Host,
        poller: Poller,
        config: Config,
        application: Application,
        services: Services,
        *,
        error_log: ErrorLog,
        access_log: AccessLog | None,
        clock: Callable[[], float],
    ) -> None:
        """``clock`` gives the time of the present round, monotonic, in seconds."""
        self._host = host
        self._poller = poller
        self._http2_only = config.http2_only
        self._application = application
        self._services = services
        self._error_log = error_log
        self._access_log = access_log
        self._clock = clock
        self._trusted = TrustedProxies(config.trusted_proxies)
        self._listeners: dict[int, tuple[socket.socket, ssl.SSLContext | None]] = {}
        #: Listeners that pause, and until when.
        self._paused: dict[int, float] = {}
        self._handshakes = 0

    # ------------------------------------------------------------------ listeners

    def add_listener(self, sock: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Accept from ``sock``."""
        sock.setblocking(False)
        self._listeners[sock.fileno()] = (sock, tls)
        self._poller.register(sock.fileno(), READABLE)

    def stop(self) -> None:
        """Give the listeners up; the supervisor still holds them."""
        for descriptor, (sock, _) in self._listeners.items():
            if descriptor not in self._paused:
                self._poller.unregister(descriptor, READABLE)
            sock.close()
        self._listeners.clear()
        self._paused.clear()

    def listens_at(self, descriptor: int) -> bool:
        """Whether ``descriptor`` is a listener."""
        return descriptor in self._listeners

    @property
    def pauses(self) -> bool:
        """Whether a listener pauses."""
        return bool(self._paused)

    def resume(self) -> None:
        """Go on accepting where the pause is over."""
        for descriptor, until in list(self._paused.items()):
            if until <= self._clock():
                del self._paused[descriptor]
                self._poller.register(descriptor, READABLE)

    def new_round(self) -> None:
        """A round of the driver begins: a few handshakes may be done."""
        self._handshakes = 0

    def accept(self, descriptor: int) -> None:
        """Accept what waits at a listener."""
        listener = self._listeners.get(descriptor)
        if listener is None:
            return
        sock, tls_context = listener
        for _ in range(_ACCEPTS_A_ROUND):
            try:
                accepted, address = sock.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _OUT_OF_RESOURCES:
                    # A level-triggered poller would spin: look again in a moment.
                    self._poller.unregister(descriptor, READABLE)
                    self._paused[descriptor] = self._clock() + _ACCEPT_PAUSE_SECONDS
                    self._error_log.report("accept", "", f"accepting pauses: {error.strerror}")
                    return
                continue  # the connection was gone before it was accepted
            self.open(accepted, address, tls_context)

    # ------------------------------------------------------------------ from socket to protocol

    def open(
        self,
        sock: socket.socket,
        address: tuple[str, int] | str,
        tls_context: ssl.SSLContext | None,
    ) -> None:
        """Begin with an accepted socket."""
        sock.setblocking(False)
        link = Link(sock, tls_context, self._clock())
        host = ""
        if isinstance(address, tuple):
            host, port = address[:2]
            link.name_peer(host, port)
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._trusted.include(host):
            link.phase = Phase.PROXY
        self._host.admit(link)
        if link.phase is Phase.HANDSHAKE:
            self._host.guarded(link, self._begin_tls)

    def read_proxy_header(self, link: Link) -> None:
        """Octets have come that a trusted proxy's header is among."""
        try:
            if not take_header(link):
                return
        except proxy_protocol.ProxyProtocolError as error:
            self._error_log.report("proxy", link.peer, str(error))
            raise Closed(str(error)) from error
        if link.tls_context is None:
            link.cleartext_from_proxy = True
            link.phase = Phase.SNIFF
        else:
            link.phase = Phase.HANDSHAKE
            self._begin_tls(link)

    def _begin_tls(self, link: Link) -> None:
        assert link.tls_context is not None
        try:
            link.tls = link.tls_context.wrap_socket(
                link.socket, server_side=True, do_handshake_on_connect=False
            )
        except OSError as error:
            raise Closed(str(error)) from error
        link.socket = link.tls

    def handshake(self, link: Link) -> None:
        """Go on with the TLS handshake."""
        tls = link.tls
        assert tls is not None
        if self._handshakes >= _HANDSHAKES_A_ROUND:
            self._host.queue(link)
            return
        self._handshakes += 1
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            if link.events != READABLE:
                self._host.watch(link, READABLE)
            return
        except ssl.SSLWantWriteError:
            if link.events != READABLE | WRITABLE:
                self._host.watch(link, READABLE | WRITABLE)
            return
        except OSError as error:
            reason = getattr(error, "reason", None) or str(error) or type(error).__name__
            meaning = _HANDSHAKE_FAILURES.get(reason)
            words = f"{reason} ({meaning})" if meaning else reason
            self._error_log.report("tls", link.peer, f"TLS handshake failed: {words}")
            raise Closed(str(error)) from error
        chosen = tls.selected_alpn_protocol()
        if link.log is not None:
            _show_handshake(link.log, tls, chosen)
        if chosen == "h2":
            self._host.start(link, self._http2(link, self._services.secure), b"")
            return
        if not self._http2_only:
            self._host.start(link, self._http1(link, secure=True), b"")
            return
        if chosen is None:
            problem = "client did not offer h2 by ALPN (RFC 9113 section 3.2)"
        else:
            problem = f"client chose {chosen} by ALPN"
        self._host.start(link, Refusal(HTTP1_REFUSED, problem), b"")

    def sniff(self, link: Link, data: bytes) -> None:
        """Find out by the first octets what a client on cleartext speaks.

        SETTINGS wait for them, also where only HTTP/2 is spoken: a client of HTTP/1.1 takes what
        comes before the 505 for nonsense and shows nobody the text.
        """
        if data[:3] != r.PREFACE[: len(data[:3])]:
            if data[:1] == _TLS_HANDSHAKE:
                self._host.start(link, Refusal(b"", "TLS on a cleartext port"), b"")
            elif not self._http2_only:
                link.buffer = b""
                self._host.start(link, self._http1(link, secure=False), data)
            else:
                refusal = Refusal(HTTP1_REFUSED, "not HTTP/2: no connection preface")
                self._host.start(link, refusal, b"")
        elif len(data) < 3:
            # "P", "PR": POST and PUT begin like this as well.
            link.buffer = data
        else:
            link.buffer = b""
            service = (
                self._services.proxied if link.cleartext_from_proxy else self._services.cleartext
            )
            self._host.start(link, self._http2(link, service), data)

    def _http2(self, link: Link, service: Service) -> Engine:
        """An HTTP/2 connection."""

        def report(violation: StreamViolation) -> None:
            self._error_log.report("stream", link.peer, violation.text)

        return ServerConnection(service, self._clock(), link.log, report)

    def _http1(self, link: Link, *, secure: bool) -> Engine:
        """An HTTP/1.1 connection."""
        # Clients that speak HTTP/2 do not need it in memory.
        from h2static.http1.connection import ServerConnection as Http1Connection
        from h2static.http1.exchange import Finished

        def note(finished: Finished) -> None:
            if self._access_log is not None:
                answered = Answered(
                    *finished[:5],
                    pushed=False,
                    aborted=finished.aborted,
                    delivered=("link",) if finished.linked else (),
                )
                self._access_log.add(link.host, "HTTP/1.1", (answered,))
            if link.log is not None:
                request, status = finished.request, finished.response.status
                what = f"{escape(request.method)} {escape(request.path)}"
                link.log.line(f"HTTP/1.1 {what}: {status}")

        pusher = self._services.cleartext.pusher
        return Http1Connection(
            self._application,
            secure=secure,
            now=self._clock(),
            date=lambda: self._services.cleartext.blocks.date,
            note=note,
            add_fields=pusher.link_fields if isinstance(pusher, SitePusher) else None,
        )


def _show_handshake(log: FrameLog, tls: ssl.SSLSocket, chosen: str | None) -> None:
    """What nghttpd shows of a handshake, on the streams where it does."""
    reused = "SSL/TLS session reused\n" if tls.session_reused else ""
    with contextlib.suppress(OSError):
        os.write(sys.stderr.fileno(), f"SSL/TLS handshake completed\n{reused}".encode("ascii"))
    log.plain(f"The negotiated protocol: {chosen or 'none'}")
