"""From an accepted socket to an engine: PROXY header, TLS, and who speaks what.

Contract: the :class:`Opener` takes a link, step by step and without blocking, as far as its
protocol is known.  A client that cannot be served is told why in a way that it understands, and the
error log has a line; never silence.  Whoever calls it decides when a step is made.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from h2static.http.messages import Address, Client
from h2static.logs.errors import ErrorLog
from h2static.server import proxy_protocol
from h2static.server.engine import HTTP1_REFUSED, Engine, Refusal
from h2static.server.entrance import HTTP1, HTTP2, VERSIONS, Opening
from h2static.server.limits import DEFAULT_LIMITS, ServerLimits
from h2static.server.link import Closed, Link, Phase
from h2static.server.poller import READABLE, WRITABLE
from h2static.server.trusted_proxies import take_header

if TYPE_CHECKING:
    # Large, and needed only where somebody looks.
    from h2static.logs.frames import FrameLog

#: The first octets of a client that speaks HTTP/2 (RFC 9113 section 3.4); no method begins so.
_PREFACE: Final = b"PRI"
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


class Opener:
    """Finds out what clients speak; see the module."""

    def __init__(
        self,
        error_log: ErrorLog,
        notify: Callable[[Link], None],
        *,
        limits: ServerLimits = DEFAULT_LIMITS,
    ) -> None:
        """``notify``: a link's engine has something to do (:class:`Engine`)."""
        self._error_log = error_log
        self._notify = notify
        self._limits = limits

    def read_proxy_header(self, link: Link) -> None:
        """Octets have come that a trusted proxy's header is among.  Raises :class:`Closed`."""
        try:
            if not take_header(link, self._limits.proxy_header):
                return
        except proxy_protocol.ProxyProtocolError as error:
            self._error_log.report("proxy", link.peer, str(error))
            raise Closed(str(error)) from error
        link.proxied = True
        link.move(Phase.SNIFF if link.entrance.tls is None else Phase.HANDSHAKE)

    def shake_hands(self, link: Link, now: float) -> tuple[int, Engine | None]:
        """Go on with the TLS handshake; the events to wait for, and the engine once it is done.

        Raises :class:`Closed`.
        """
        tls = link.tls or _begin_tls(link)
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            return READABLE, None
        except ssl.SSLWantWriteError:
            return READABLE | WRITABLE, None
        except OSError as error:
            reason = getattr(error, "reason", None) or str(error) or type(error).__name__
            meaning = _HANDSHAKE_FAILURES.get(reason)
            words = f"{reason} ({meaning})" if meaning else reason
            self._error_log.report("tls", link.peer, f"TLS handshake failed: {words}")
            raise Closed(str(error)) from error
        chosen = tls.selected_alpn_protocol()
        if link.log is not None:
            _show_handshake(link.log, tls, chosen)
        offered = link.entrance.engines.protocols
        if chosen in offered:
            return READABLE, self._engine(link, chosen, now)
        if HTTP1 in offered:
            return READABLE, self._engine(link, HTTP1, now)
        if chosen is None:
            problem = "client did not offer h2 by ALPN (RFC 9113 section 3.2)"
        else:
            problem = f"client chose {chosen} by ALPN"
        return READABLE, Refusal(HTTP1_REFUSED, problem)

    def sniff(self, link: Link, data: bytes, now: float) -> tuple[bytes, Engine | None]:
        """Find out by the first octets what a client on cleartext speaks.

        Returns what is for the engine, once it is known, and the engine.  SETTINGS wait for these
        octets, also where only HTTP/2 is spoken: a client of HTTP/1.1 takes what comes before the
        505 for nonsense and shows nobody the text.
        """
        data, link.buffer = link.buffer + data, b""
        offered = link.entrance.engines.protocols
        if data[:3] == _PREFACE[: len(data)] and HTTP2 in offered:
            if len(data) < len(_PREFACE):
                # "P", "PR": POST and PUT begin like this as well.
                link.buffer = data
                return b"", None
            return data, self._engine(link, HTTP2, now)
        if data[:1] == _TLS_HANDSHAKE:
            return b"", Refusal(b"", "TLS on a cleartext port")
        if HTTP1 in offered:
            return data, self._engine(link, HTTP1, now)
        return b"", Refusal(HTTP1_REFUSED, "not HTTP/2: no connection preface")

    def _engine(self, link: Link, protocol: str, now: float) -> Engine:
        secure = link.tls is not None
        client = Client(
            host=link.host,
            port=link.port,
            version=VERSIONS[protocol],
            secure=secure,
            local=_local_address(link.socket),
        )
        opening = Opening(
            client=client,
            now=now,
            notify=lambda: self._notify(link),
            report=lambda text: self._error_log.report("stream", link.peer, text),
            proxied=link.proxied and not secure,
            log=link.log,
        )
        return link.entrance.engines.make(protocol, opening)


def _begin_tls(link: Link) -> ssl.SSLSocket:
    """Put TLS on the link.  Raises :class:`Closed`."""
    context = link.entrance.tls
    assert context is not None
    try:
        tls = context.wrap_socket(link.socket, server_side=True, do_handshake_on_connect=False)
    except OSError as error:
        raise Closed(str(error)) from error
    link.socket = link.tls = tls
    return tls


def _local_address(sock: socket.socket) -> Address:
    """Which address of ours the client reached."""
    try:
        name = sock.getsockname()
    except OSError:
        return ""
    if isinstance(name, tuple):
        return name[0], name[1]
    return os.fsdecode(name)


def _show_handshake(log: FrameLog, tls: ssl.SSLSocket, chosen: str | None) -> None:
    """What nghttpd shows of a handshake, on the streams where it does."""
    reused = "SSL/TLS session reused\n" if tls.session_reused else ""
    with contextlib.suppress(OSError):
        os.write(sys.stderr.fileno(), f"SSL/TLS handshake completed\n{reused}".encode("ascii"))
    log.plain(f"The negotiated protocol: {chosen or 'none'}")
