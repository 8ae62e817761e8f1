"""TLS as clients meet it: right reaction, one log line, no descriptor left."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.certificates import Certificate, make_certificate
from tests.support.polite_client import PoliteClient
from tests.support.processes import DEADLINE, RunningServer, running, wait_until
from tests.support.tools import require_tool

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
SETTINGS, GOAWAY = 4, 7


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("www")
    (folder / "index.html").write_bytes(b"<!doctype html><title>t</title>")
    (folder / "large").write_bytes(bytes(4 * 1024 * 1024))
    return folder


@pytest.fixture(scope="module")
def server(certificate: Certificate, folder: Path) -> Iterator[RunningServer]:
    words = ("--http2-only", "-a", "127.0.0.1", "0", str(folder), *certificate.words)
    with running(*words) as server:
        yield server


@pytest.fixture
def watched(server: RunningServer, certificate: Certificate) -> Iterator[RunningServer]:
    """The server; it must serve and have no more sockets afterwards than before."""
    (worker,) = server.workers()
    serves(server, certificate)
    wait_until(lambda: descriptors(worker) <= LEVEL.setdefault(worker, descriptors(worker)), "rest")
    yield server
    serves(server, certificate)
    assert server.workers() == [worker], "the worker died"
    wait_until(lambda: descriptors(worker) <= LEVEL[worker], "every descriptor is closed")


#: Open sockets of a worker without connections, by process id.
LEVEL: dict[int, int] = {}


def descriptors(pid: int) -> int:
    """Open sockets; a site keeps some files open on purpose."""
    count = 0
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            count += os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:")
    return count


def serves(server: RunningServer, certificate: Certificate) -> None:
    client = PoliteClient(server.port, "/", requests=3, tls=certificate.client_context("h2"))
    client.start()
    tally = client.join()
    assert (tally.answered, tally.statuses, tally.problems) == (3, {"200"}, [])


@contextlib.contextmanager
def logged(server: RunningServer, text: str) -> Iterator[None]:
    """What the block does makes the server write one line, which says ``text``."""
    before = len(server.stderr().splitlines())
    yield
    wait_until(lambda: len(server.stderr().splitlines()) > before, "a line in the log")
    lines = server.stderr().splitlines()[before:]
    assert len(lines) == 1
    assert text in lines[0]


def connect(server: RunningServer) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), DEADLINE)


def read_all(sock: socket.socket) -> bytes:
    octets = b""
    with contextlib.suppress(ssl.SSLEOFError, ConnectionResetError):
        while more := sock.recv(65536):
            octets += more
    return octets


def test_a_client_without_alpn_gets_a_text(
    watched: RunningServer, certificate: Certificate
) -> None:
    context = certificate.client_context()
    with (
        logged(watched, "did not offer h2 in ALPN"),
        connect(watched) as sock,
        context.wrap_socket(sock, server_hostname="127.0.0.1") as tls,
    ):
        assert tls.selected_alpn_protocol() is None
        tls.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        assert read_all(tls).startswith(b"HTTP/1.1 505 ")


def test_tls_1_1_is_refused(watched: RunningServer, certificate: Certificate) -> None:
    context = certificate.client_context("h2")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.maximum_version = context.minimum_version = ssl.TLSVersion.TLSv1_1
    context.set_ciphers("ALL:@SECLEVEL=0")
    refused(watched, context, "TLS handshake failed: UNSUPPORTED_PROTOCOL")


def test_a_prohibited_cipher_suite_is_refused(
    watched: RunningServer, certificate: Certificate
) -> None:
    context = certificate.client_context("h2")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES128-SHA256")
    refused(watched, context, "TLS handshake failed: NO_SHARED_CIPHER")


def refused(server: RunningServer, context: ssl.SSLContext, text: str) -> None:
    with logged(server, text), connect(server) as sock, pytest.raises(ssl.SSLError):
        context.wrap_socket(sock, server_hostname="127.0.0.1")


@pytest.mark.parametrize("count", [1, 3])
def test_renegotiation_is_declined(watched: RunningServer, count: int) -> None:
    """ "A deployment of HTTP/2 over TLS 1.2 MUST disable renegotiation" (RFC 9113 9.2.1)."""
    openssl = require_tool("openssl", package="openssl")
    address = f"127.0.0.1:{watched.port}"
    words = (openssl, "s_client", "-msg", "-tls1_2", "-alpn", "h2", "-connect", address)
    for _ in range(count):
        with subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        ) as client:
            assert client.stdin is not None
            assert client.stdout is not None
            said = b""
            # Our SETTINGS have come: the connection is in use.
            while b"\x04\0\0\0\0\0" not in said:
                more = os.read(client.stdout.fileno(), 65_536)
                assert more, said
                said += more
            # What this program takes for the wish to negotiate again.
            client.stdin.write(b"R\n")
            client.stdin.flush()
            rest = client.stdout.read()
        assert b"no_renegotiation" in rest
        assert b"ServerHello" not in rest


def test_a_half_closed_connection_is_answered_and_closed(
    watched: RunningServer, certificate: Certificate
) -> None:
    context = certificate.client_context("h2")
    client = PoliteClient(watched.port, "/", tls=context)
    with connect(watched) as sock, context.wrap_socket(sock, server_hostname="127.0.0.1") as tls:
        request = client.first_request()
        tls.sendall(PREFACE + request)
        # The end of what we send, below TLS: as a process that exits does it.
        tls.shutdown(socket.SHUT_WR)
        # What was asked before it may be answered; the connection ends in any case.
        with contextlib.suppress(OSError):
            read_all(tls)


def test_an_end_without_close_notify_is_answered_with_one(
    watched: RunningServer, certificate: Certificate
) -> None:
    """RFC 8446 section 6.1: a party sends close_notify before it closes; not an alert of error,
    because hardly any client sends its own."""
    context = certificate.client_context("h2")
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with connect(watched) as sock:
        with pytest.raises(ssl.SSLWantReadError):
            tls.do_handshake()
        while True:
            sock.sendall(outgoing.read())
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.do_handshake()
                break
            incoming.write(sock.recv(65536))
        tls.write(PREFACE)
        sock.sendall(outgoing.read())
        sock.shutdown(socket.SHUT_WR)
        incoming.write(read_all(sock))
    # Ends with close_notify; any other alert raises, and so does nothing at all.
    while tls.read(65536):
        pass


def test_a_client_that_leaves_during_the_handshake_is_told_of(
    watched: RunningServer, certificate: Certificate
) -> None:
    hello = client_hello(certificate.client_context("h2"))
    with logged(watched, "(the client closed the connection)"), connect(watched) as sock:
        sock.sendall(hello)
        assert sock.recv(1)
        sock.shutdown(socket.SHUT_WR)
        read_all(sock)


def test_a_handshake_octet_by_octet(watched: RunningServer, certificate: Certificate) -> None:
    context = certificate.client_context("h2")
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="127.0.0.1")
    with connect(watched) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            try:
                tls.do_handshake()
            except ssl.SSLWantReadError:
                for octet in outgoing.read():
                    sock.sendall(bytes([octet]))
                incoming.write(sock.recv(65536))
                continue
            break
        tls.write(PREFACE)
        for octet in outgoing.read():
            sock.sendall(bytes([octet]))
        assert b"".join(first_frame(tls, incoming, sock))[3] == SETTINGS


def first_frame(
    tls: ssl.SSLObject, incoming: ssl.MemoryBIO, sock: socket.socket
) -> Iterator[bytes]:
    while True:
        try:
            yield tls.read(9)
        except ssl.SSLWantReadError:
            incoming.write(sock.recv(65536))
            continue
        return


def test_cleartext_on_the_tls_port(watched: RunningServer) -> None:
    with logged(watched, "TLS handshake failed"), connect(watched) as sock:
        sock.sendall(PREFACE)
        assert GOAWAY not in read_all(sock)[3:4]
    with logged(watched, "(cleartext HTTP on the TLS port)"), connect(watched) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\n\r\n")
        read_all(sock)


def test_tls_on_the_cleartext_port(folder: Path, certificate: Certificate) -> None:
    with running("--no-tls", "-a", "127.0.0.1", "0", str(folder)) as cleartext:
        refused(cleartext, certificate.client_context("h2"), "TLS on a cleartext port")


def test_a_thousand_abrupt_ends(watched: RunningServer, certificate: Certificate) -> None:
    context = certificate.client_context("h2")
    hello = client_hello(context)
    for number in range(1000):
        sock = connect(watched)
        # RST instead of FIN.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.sendall(hello[: number % len(hello)])
        sock.close()


def client_hello(context: ssl.SSLContext) -> bytes:
    outgoing = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="127.0.0.1")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def test_a_slow_reader_keeps_nobody_waiting(
    watched: RunningServer, certificate: Certificate
) -> None:
    context = certificate.client_context("h2")
    client = PoliteClient(watched.port, "/large", tls=context)
    with contextlib.ExitStack() as stack:
        for _ in range(5):
            sock = stack.enter_context(connect(watched))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            tls = stack.enter_context(context.wrap_socket(sock, server_hostname="127.0.0.1"))
            wide = b"\0\0\6\4\0\0\0\0\0" + struct.pack(">HI", 4, 2**31 - 1)
            wider = b"\0\0\4\x08\0\0\0\0\0" + struct.pack(">I", 2**31 - 1 - 65535)
            request = client.first_request()
            tls.sendall(PREFACE[:24] + wide + wider + request)
            assert tls.recv(9)
        serves(watched, certificate)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("workers", [1, 2])
def test_a_session_is_resumed_on_any_worker_or_on_none(
    folder: Path, certificate: Certificate, version: ssl.TLSVersion, workers: int
) -> None:
    words = ("-a", "127.0.0.1", "-n", str(workers), "0", str(folder), *certificate.words)
    context = certificate.client_context("h2")
    context.maximum_version = version
    with running(*words) as server:
        session = None
        reused = []
        for _ in range(10):
            with (
                connect(server) as sock,
                context.wrap_socket(sock, server_hostname="127.0.0.1", session=session) as tls,
            ):
                tls.sendall(PREFACE)
                assert tls.recv(9)[3] == SETTINGS
                reused.append(tls.session_reused)
                session = tls.session
        assert not reused[0]
        if workers == 1:
            assert all(reused[1:])
        elif version is ssl.TLSVersion.TLSv1_3:
            # No tickets.  (TLS 1.2 without tickets has session ids; a worker that does not know
            # one makes a full handshake, as the one that did the first would have to remember.)
            assert not any(reused)


def shows(server: RunningServer, certificate: Certificate) -> bool:
    """Whether the server has ``certificate``."""
    context = certificate.client_context("h2")
    with connect(server) as sock:
        try:
            context.wrap_socket(sock, server_hostname="127.0.0.1").close()
        except ssl.SSLCertVerificationError:
            return False
    return True


def test_the_certificate_is_changed_under_load(
    tmp_path: Path, folder: Path, certificate: Certificate
) -> None:
    first = make_certificate(tmp_path)
    words = ("-a", "127.0.0.1", "0", str(folder), *first.words)
    with running(*words) as server, contextlib.ExitStack() as stack:
        trusting_both = first.client_context("h2")
        clients = [PoliteClient(server.port, "/", tls=trusting_both) for _ in range(2)]
        stack.callback(lambda: [client.stop() for client in clients])
        for client in clients:
            client.start()
        wait_until(lambda: all(client.tally.answered > 10 for client in clients), "answers")
        second = make_certificate(tmp_path, "new")
        second.authority.configure_trust(trusting_both)
        os.replace(second.cert, first.cert)
        # A moment in which key and certificate do not belong together: the old pair goes on.
        server.signal(signal.SIGHUP)
        server.wait_for_stderr("does not match the certificate")
        os.replace(second.key, first.key)
        server.signal(signal.SIGHUP)
        server.wait_for_stderr("[reload] reloaded")
        # An old worker may take a connection while it is being told to stop.
        wait_until(lambda: shows(server, second), "the new certificate")
        wait_until(lambda: all(c.tally.connections > 1 for c in clients), "a second connection")
        for client in clients:
            tally = client.stop()
            assert (tally.lost, tally.refused, tally.problems) == (0, 0, [])
