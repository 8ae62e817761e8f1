"""Clients and server that have no protocol in common (RFC 7301 section 3.2), with real processes.

The case of no ALPN at all stands in ``test_tls_connections.py``.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.test_client_hello import in_records
from tests.support.certificates import Certificate, make_certificate
from tests.support.polite_client import PoliteClient
from tests.support.processes import DEADLINE, RunningServer, running

#: RFC 8446 section 6: alert, its version, two octets, fatal, no_application_protocol.
ALERT = b"\x15\x03\x03\0\2\2\x78"
REQUEST = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("www")
    (folder / "index.html").write_bytes(b"<!doctype html><title>t</title>")
    return folder


@pytest.fixture(scope="module")
def server(certificate: Certificate, folder: Path) -> Iterator[RunningServer]:
    """One that speaks HTTP/2 and HTTP/1.1."""
    with running("-a", "127.0.0.1", "0", str(folder), *certificate.words) as server:
        yield server
        client = PoliteClient(server.port, "/", requests=3, tls=certificate.client_context("h2"))
        client.start()
        assert client.join().statuses == {"200"}


def connect(server: RunningServer) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", server.port), DEADLINE)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


class Conversation:
    """A TLS client whose octets a test sends as it likes."""

    def __init__(self, context: ssl.SSLContext, sock: socket.socket) -> None:
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="127.0.0.1")
        self.sock = sock
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.do_handshake()
        self.hello = self.outgoing.read()

    def shake_hands(self) -> None:
        """The rest of the handshake, once ``hello`` was sent."""
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                self.incoming.write(self.sock.recv(65536) or pytest.fail("the server has closed"))
            else:
                self.sock.sendall(self.outgoing.read())
                return

    def ask(self) -> bytes:
        """Everything that is answered to :data:`REQUEST`."""
        self.tls.write(REQUEST)
        answer = b""
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            self.sock.sendall(self.outgoing.read())
            while more := self.sock.recv(65536):
                self.incoming.write(more)
                with contextlib.suppress(ssl.SSLWantReadError):
                    while plain := self.tls.read(65536):
                        answer += plain
        return answer


@pytest.mark.parametrize("protocols", [("http/1.0",), ("spdy/3.1", "\x1b[31m", "dot")])
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_nothing_in_common_is_a_fatal_alert(
    server: RunningServer,
    certificate: Certificate,
    protocols: tuple[str, ...],
    version: ssl.TLSVersion,
) -> None:
    context = certificate.client_context(*protocols)
    context.maximum_version = version
    before = server.stderr().count("no protocol in common")
    with connect(server) as sock, pytest.raises(ssl.SSLError, match="no application protocol"):
        context.wrap_socket(sock, server_hostname="127.0.0.1")
    server.wait_for_stderr("no protocol in common (RFC 7301 section 3.2)", before + 1)
    assert "\x1b" not in server.stderr()


def test_http1_where_only_http2_is_spoken(certificate: Certificate, folder: Path) -> None:
    words = ("--http2-only", "-a", "127.0.0.1", "0", str(folder), *certificate.words)
    with running(*words) as server:
        context = certificate.client_context("http/1.1")
        with connect(server) as sock, pytest.raises(ssl.SSLError, match="no application protocol"):
            context.wrap_socket(sock, server_hostname="127.0.0.1")
        server.wait_for_stderr("client offers http/1.1")


@pytest.mark.parametrize(
    ("protocols", "chosen"),
    [((), None), (("http/1.1",), "http/1.1"), (("dot", "http/1.1"), "http/1.1")],
)
@pytest.mark.parametrize("step", [1, 100, 10_000])
@pytest.mark.parametrize("record", [16_384, 100])
def test_what_is_in_common_is_spoken_however_it_was_cut(
    server: RunningServer,
    certificate: Certificate,
    protocols: tuple[str, ...],
    chosen: str | None,
    step: int,
    record: int,
) -> None:
    with connect(server) as sock:
        client = Conversation(certificate.client_context(*protocols), sock)
        hello = in_records(client.hello, record)
        for start in range(0, len(hello), step):
            sock.sendall(hello[start : start + step])
        client.shake_hands()
        assert client.tls.selected_alpn_protocol() == chosen
        assert client.ask().startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize("step", [1, 100])
@pytest.mark.parametrize("record", [16_384, 100])
def test_the_alert_comes_however_the_hello_was_cut(
    server: RunningServer, certificate: Certificate, step: int, record: int
) -> None:
    with connect(server) as sock:
        client = Conversation(certificate.client_context("http/1.0"), sock)
        hello = in_records(client.hello, record)
        for start in range(0, len(hello), step):
            sock.sendall(hello[start : start + step])
        assert sock.recv(100) == ALERT
        assert sock.recv(100) == b""


def test_a_hello_that_cannot_be_read_is_never_answered(
    server: RunningServer, certificate: Certificate
) -> None:
    """In more records than anybody needs: OpenSSL puts them together, and ignores its ALPN."""
    with connect(server) as sock:
        client = Conversation(certificate.client_context("http/1.0"), sock)
        sock.sendall(in_records(client.hello, len(client.hello) // 30))
        client.shake_hands()
        assert client.tls.selected_alpn_protocol() is None
        assert client.ask() == b""
    server.wait_for_stderr("malformed ALPN extension from the client")


def test_h2_is_spoken_whatever_the_hello_looks_like(
    server: RunningServer, certificate: Certificate
) -> None:
    with connect(server) as sock:
        client = Conversation(certificate.client_context("h2"), sock)
        sock.sendall(in_records(client.hello, len(client.hello) // 30))
        client.shake_hands()
        assert client.tls.selected_alpn_protocol() == "h2"


def test_half_a_hello_costs_nothing_and_ends(
    server: RunningServer, certificate: Certificate
) -> None:
    """What is waited for is not looked at again and again; the end of it is told."""
    (worker,) = server.workers()
    with connect(server) as sock:
        hello = Conversation(certificate.client_context("http/1.0"), sock).hello
        sock.sendall(hello[:-1])
        before = _processor_time(worker)
        sock.settimeout(1.0)
        with pytest.raises(TimeoutError):
            sock.recv(1)
        assert _processor_time(worker) - before < 0.3
        sock.settimeout(DEADLINE)
        sock.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):
            # An alert of OpenSSL's, or nothing.
            assert sock.recv(100)[:1] in (b"", b"\x15")
    server.wait_for_stderr("TLS handshake failed")


def _processor_time(pid: int) -> float:
    """Seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100
