"""From an accepted socket to an engine: PROXY header, TLS, and protocol detection.

Contract: the :class:`Opener` advances a link step by step, without blocking, until its protocol is
known.  A client that cannot be served gets the reason in a form that it understands, and the error
log gets a line; there is never silence.  The caller decides when to take a step.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from h2static.http.messages import Address, Client
from h2static.logs.errors import ErrorLog
from h2static.server import proxy_protocol
from h2static.server.client_hello import (
    NO_APPLICATION_PROTOCOL,
    UNREADABLE,
    ClientHello,
    read_client_hello,
)
from h2static.server.engine import HTTP1_REFUSED, Engine, Refusal
from h2static.server.entrance import HTTP1, HTTP2, VERSIONS, Opening
from h2static.server.first_octets import Spoken, spoken
from h2static.server.limits import DEFAULT_LIMITS, ServerLimits
from h2static.server.link import Closed, Link, Phase, closed_by
from h2static.server.poller import READABLE, WRITABLE
from h2static.server.trusted_proxies import take_header

if TYPE_CHECKING:
    # A large module that only a frame log needs.
    from h2static.logs.frames import FrameLog

#: OpenSSL's reason where a client disconnects during the handshake; the context makes it tell that
#: in another way.
_CLOSED: Final = "UNEXPECTED_EOF_WHILE_READING"
#: What OpenSSL's reasons mean for an operator.
_HANDSHAKE_FAILURES: Final = {
    "HTTP_REQUEST": "cleartext HTTP on the TLS port",
    "WRONG_VERSION_NUMBER": "cleartext on the TLS port",
    "NO_SHARED_CIPHER": "the client offers no cipher suite that HTTP/2 allows",
    "UNSUPPORTED_PROTOCOL": "the client does not support TLS 1.2",
    "TLSV1_ALERT_UNKNOWN_CA": "the client does not trust the certificate",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "the client does not trust the certificate",
    "SSLV3_ALERT_BAD_CERTIFICATE": "the client does not trust the certificate",
    "PEER_DID_NOT_RETURN_A_CERTIFICATE": "the client sent no certificate",
    "CALLBACK_FAILED": "the server name that the client sent is not ASCII",
    "CERTIFICATE_VERIFY_FAILED": "the client's certificate is not trusted",
    _CLOSED: "the client closed the connection",
}


class Opener:
    """Finds out what clients speak; see the module."""

    def __init__(
        self,
        error_log: ErrorLog,
        notify: Callable[[Link], None],
        *,
        proxy_required: bool = False,
        limits: ServerLimits = DEFAULT_LIMITS,
    ) -> None:
        """``notify``: a link's engine has something to do (:class:`Engine`).  ``proxy_required``:
        connections of trusted proxies have to begin with a PROXY header."""
        self._error_log = error_log
        self._notify = notify
        self._proxy_required = proxy_required
        self._limits = limits

    def read_proxy_header(self, link: Link) -> None:
        """Octets have come that a trusted proxy's header may be among.  Raises :class:`Closed`."""
        try:
            if not take_header(link, self._limits.proxy_header, required=self._proxy_required):
                return
        except proxy_protocol.ProxyProtocolError as error:
            self._error_log.report("proxy", link.peer, str(error))
            raise Closed(str(error)) from error
        link.move(Phase.SNIFF if link.entrance.tls is None else Phase.HANDSHAKE)

    def shake_hands(self, link: Link, now: float) -> tuple[int, Engine | None]:
        """Go on with the TLS handshake; the events to wait for, and the engine once it is done.

        Raises :class:`Closed`.
        """
        if link.hello is None:
            link.hello = self._look_at_hello(link)
            if link.hello is None:
                return READABLE, None
            refusal = _refuse_protocols(link.hello, link.entrance.engines.protocols)
            if refusal is not None:
                return READABLE, refusal
        tls = link.tls or _begin_tls(link)
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            return READABLE, None
        except ssl.SSLWantWriteError:
            return READABLE | WRITABLE, None
        except OSError as error:
            reason = getattr(error, "reason", None) or str(error) or type(error).__name__
            if isinstance(error, ssl.SSLZeroReturnError):
                reason = _CLOSED
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
        if link.hello.protocols is None:
            # It may have offered others, which must not be accepted.
            return READABLE, Refusal(
                b"", "malformed ALPN extension from the client (RFC 7301 section 3.2)"
            )
        if HTTP1 in offered:
            return READABLE, self._engine(link, HTTP1, now)
        problem = "client did not offer h2 in ALPN (RFC 9113 section 3.2)"
        return READABLE, Refusal(HTTP1_REFUSED, problem)

    def _look_at_hello(self, link: Link) -> ClientHello | None:
        """The client's offer; ``None``: more octets are required.  Raises :class:`Closed`.

        Nothing is taken from the socket: OpenSSL reads it.
        """
        try:
            return self._peek_at_hello(link)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError as error:
            raise closed_by(error) from error

    def _peek_at_hello(self, link: Link) -> ClientHello | None:
        seen = link.socket.recv(self._limits.client_hello, socket.MSG_PEEK)
        found = read_client_hello(seen)
        if isinstance(found, int):
            # No more comes where there is the end, and where octets are not waited for.
            if len(seen) > link.hello_octets and found <= self._limits.client_hello:
                link.hello_octets = len(seen)
                # The socket would stay readable otherwise, as nothing is taken.
                link.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, found)
                return None
            found = UNREADABLE
        if link.hello_octets:
            link.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)
        return found

    def sniff(
        self, link: Link, data: bytes, now: float, *, last: bool = False
    ) -> tuple[bytes, Engine | None]:
        """Find out by the first octets what a client on cleartext speaks.

        Returns what is for the engine, once it is known, and the engine.  ``last``: no more is
        waited for.  SETTINGS wait for these octets, also where only HTTP/2 is spoken: a client of
        An HTTP/1.1 client does not understand the octets before the 505, and shows no text.
        """
        data, link.buffer = link.buffer + data, b""
        offered = link.entrance.engines.protocols
        found = spoken(data, self._limits.first_line)
        if found is Spoken.UNKNOWN_YET:
            if not last:
                link.buffer = data
                return b"", None
            found = Spoken.HTTP1 if HTTP1 in offered else Spoken.NOTHING
        if found is not Spoken.HTTP1 and HTTP2 in offered:
            # For what it understands: its preface, or GOAWAY for something else.
            return data, self._engine(link, HTTP2, now)
        if HTTP1 in offered:
            return data, self._engine(link, HTTP1, now)
        return b"", Refusal(HTTP1_REFUSED, "not HTTP/2: no connection preface")

    def _engine(self, link: Link, protocol: str, now: float) -> Engine:
        client = Client(
            host=link.host,
            port=link.port,
            version=VERSIONS[protocol],
            secure=link.tls is not None,
            local=_local_address(link.socket),
        )
        # A PROXY header may have named a client without an address.
        if link.proxies is not None and link.proxies.include(link.address):
            client.proxies = link.proxies
        opening = Opening(
            client=client,
            now=now,
            notify=lambda: self._notify(link),
            report=lambda text: self._error_log.report("stream", link.peer, text),
            proxied=link.proxies is not None,
            log=link.log,
        )
        return link.entrance.engines_for(link.tls).make(protocol, opening)


def _refuse_protocols(hello: ClientHello, ours: Sequence[str]) -> Refusal | None:
    """The end of a connection whose client speaks nothing of ``ours``."""
    protocols = hello.protocols
    if not protocols or any(name.decode("latin-1") in ours for name in protocols):
        return None
    # RFC 7301 section 3.2: "In the event that the server supports no protocols that the client
    # advertises, then the server SHALL respond with a fatal "no_application_protocol" alert."
    names = b", ".join(protocols).decode("ascii", "backslashreplace")
    return Refusal(
        NO_APPLICATION_PROTOCOL,
        f"no protocol in common (RFC 7301 section 3.2); client offers {names}",
    )


def _begin_tls(link: Link) -> ssl.SSLSocket:
    """Put TLS on the link.  Raises :class:`Closed`."""
    context = link.entrance.tls
    assert context is not None
    try:
        tls = context.wrap_socket(link.socket, server_side=True, do_handshake_on_connect=False)
    except OSError as error:
        raise closed_by(error) from error
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
