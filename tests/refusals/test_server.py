"""Every refusal before a protocol speaks, and every end of a connection by the driver."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from h2static.config import Config, ProxyProtocol
from h2static.http.exchange import Exchange
from h2static.server.limits import ServerLimits
from h2static.site.config import SiteConfig
from tests.refusals.applications import TroubledSite
from tests.refusals.reasons import reasons_in, unseen
from tests.server.test_alpn import Conversation
from tests.server.test_client_hello import in_records
from tests.support.certificates import Certificate, make_certificate
from tests.support.engines import Failure
from tests.support.processes import DEADLINE, RunningServer, running
from tests.support.serving import serving

V2 = b"\r\n\r\n\0\r\nQUIT\n"
GET = b"GET %b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"


@dataclass(slots=True, kw_only=True, frozen=True)
class Case:
    """What a client on cleartext sends, and the reason that the log has."""

    octets: bytes
    reason: str
    kind: str = "connection"
    #: What comes before the end begins so.
    answer: bytes = b""
    limits: ServerLimits = field(default_factory=ServerLimits)
    http2_only: bool = False
    proxy: ProxyProtocol | None = None
    reads: bool = True

    def config(self, site: SiteConfig) -> Config:
        """Of the server."""
        proxies = () if self.proxy is None else ("127.0.0.0/8",)
        return Config(
            port=0,
            no_tls=True,
            site=site,
            http2_only=self.http2_only,
            trusted_proxies=proxies,
            proxy_protocol=self.proxy or ProxyProtocol.ACCEPT,
        )


def proxy(octets: bytes, reason: str, mode: ProxyProtocol = ProxyProtocol.ACCEPT) -> Case:
    """A header that is wrong."""
    return Case(octets=octets, reason=reason, kind="proxy", proxy=mode)


CASES: dict[str, Case] = {
    # --- what is spoken
    "HTTP/1.1 where HTTP/2 is spoken": Case(
        octets=GET % b"/",
        reason="not HTTP/2: no connection preface",
        answer=b"HTTP/1.1 505 ",
        http2_only=True,
    ),
    "TLS": Case(
        octets=b"\x16\x03\x01\0\5",
        reason="PROTOCOL_ERROR: not an HTTP/2 connection preface: TLS on a cleartext port",
        answer=b"\0\0\x12\4",
    ),
    "garbage": Case(
        octets=b"\xff\xfe\n",
        reason="PROTOCOL_ERROR: not an HTTP/2 connection preface",
        answer=b"\0\0\x12\4",
    ),
    # --- time
    "nothing": Case(
        octets=b"", reason="no request before the timeout", limits=ServerLimits(opening_seconds=0.3)
    ),
    "nobody reads": Case(
        octets=GET % b"/memory/20000000",
        reason="peer stopped reading",
        limits=ServerLimits(write_seconds=0.3),
        reads=False,
    ),
    # --- a bug
    "a bug": Case(
        octets=GET % b"/bug",
        reason="Failure: what an application must not do (connection closed)",
        kind="internal",
    ),
    # --- PROXY headers
    "no header": proxy(
        GET % b"/", "no PROXY protocol header from a trusted proxy", ProxyProtocol.REQUIRE
    ),
    "few words": proxy(b"PROXY TCP4 192.0.2.7\r\n", "malformed PROXY line"),
    "no end": proxy(b"PROXY TCP4 " + b"1" * 200, "PROXY line longer than 107 octets"),
    "a zone": proxy(b"PROXY TCP6 fe80::1%\n ::1 1 2\r\n", "malformed address in PROXY line"),
    "a family": proxy(b"PROXY TCP4 ::1 ::1 1 2\r\n", "address of another family in PROXY line"),
    "a port": proxy(b"PROXY TCP4 1.2.3.4 1.2.3.4 x 2\r\n", "malformed port in PROXY line"),
    "a version": proxy(V2 + b"\x11\x11\0\0", "unknown PROXY version or command 0x11"),
    "a length": proxy(V2 + b"\x21\x11\xff\xff", "PROXY header longer than 4096 octets"),
    "too short": proxy(V2 + b"\x21\x11\0\0", "PROXY header too short for its address family"),
}


class BuggySite(TroubledSite):
    """Raises where it must not."""

    def handle(self, exchange: Exchange) -> None:
        if exchange.request.path == b"/bug":
            raise Failure("what an application must not do")
        super().handle(exchange)


@pytest.mark.parametrize("name", CASES)
def test_it_has_its_line(name: str) -> None:
    case = CASES[name]
    with (
        serving(BuggySite(), server_limits=case.limits, config=case.config) as server,
        socket.create_connection(("127.0.0.1", server.port), DEADLINE) as sock,
    ):
        peer = "{}:{}".format(*sock.getsockname())
        sock.sendall(case.octets)
        answer = b""
        with contextlib.suppress(ConnectionError):
            while case.reads and (more := sock.recv(65536)):
                answer += more
        server.wait_for_error(f" [{case.kind}] {peer}: {case.reason}")
        assert answer[: len(case.answer)] == case.answer
        assert case.answer or not case.reads or not answer
        assert server.errors().count("\n") == 1


# ---------------------------------------------------------------------- TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def server(
    certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    root = str(tmp_path_factory.mktemp("www"))
    words = ("--http2-only", "-a", "127.0.0.1", "0", root, *certificate.words)
    with running(*words) as server:
        yield server


def cleartext(sock: socket.socket, certificate: Certificate) -> None:
    sock.sendall(GET % b"/")


def without_alpn(sock: socket.socket, certificate: Certificate) -> None:
    certificate.client_context().wrap_socket(sock, server_hostname="127.0.0.1").close()


def another_protocol(sock: socket.socket, certificate: Certificate) -> None:
    context = certificate.client_context("http/1.1")
    with pytest.raises(ssl.SSLError):
        context.wrap_socket(sock, server_hostname="127.0.0.1")


def many_records(sock: socket.socket, certificate: Certificate) -> None:
    client = Conversation(certificate.client_context("http/1.1"), sock)
    sock.sendall(in_records(client.hello, len(client.hello) // 30))
    client.shake_hands()
    assert client.ask() == b""


def a_broken_record(sock: socket.socket, certificate: Certificate) -> None:
    with certificate.client_context("h2").wrap_socket(sock, server_hostname="127.0.0.1") as tls:
        os.write(tls.fileno(), b"\x17\x03\x03\0\x20" + bytes(32))
        with contextlib.suppress(OSError):
            while tls.recv(65536):
                pass


TLS: dict[str, Callable[[socket.socket, Certificate], None]] = {
    "lost: TLS: ": a_broken_record,
    "TLS handshake failed: HTTP_REQUEST (cleartext HTTP on the TLS port)": cleartext,
    "client did not offer h2 in ALPN (RFC 9113 section 3.2)": without_alpn,
    "no protocol in common (RFC 7301 section 3.2); client offers http/1.1": another_protocol,
    "malformed ALPN extension from the client (RFC 7301 section 3.2)": many_records,
}


@pytest.mark.parametrize("reason", TLS)
def test_it_has_its_line_on_tls(
    server: RunningServer, certificate: Certificate, reason: str
) -> None:
    with socket.create_connection(("127.0.0.1", server.port), DEADLINE) as sock:
        peer = "{}:{}".format(*sock.getsockname())
        TLS[reason](sock, certificate)
        server.wait_for_stderr(f"] {peer}: {reason}")


def test_every_reason_in_the_sources_is_among_them() -> None:
    """A new one belongs into a table.  Pauses in accepting have tests of their own."""
    modules = [
        f"h2static/server/{name}.py" for name in ("connections", "opening", "proxy_protocol")
    ]
    reasons = reasons_in(modules)
    assert len(reasons) > 15
    texts = [*TLS, *[f"127.0.0.1:1: {case.reason}" for case in CASES.values()]]
    assert unseen(reasons, "\n".join(texts)) == []
