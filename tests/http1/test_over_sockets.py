"""HTTP/1.1 on the same port as HTTP/2, with a real process: the same site, the same semantics."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.http1.test_smuggling import HIDDEN, SMUGGLING
from tests.support.certificates import Certificate, make_certificate
from tests.support.processes import RunningServer, running, wait_until

pytestmark = pytest.mark.slow

#: Seconds for any answer.
PATIENCE = 30
#: Fields that say how a message is carried, not what it means.
OF_THE_CONNECTION = {"connection", "transfer-encoding", "date"}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("www")
    (root / "index.html").write_text("<!doctype html><title>t</title>")
    (root / "index.html.gz").write_bytes(gzip.compress(b"<!doctype html><title>t</title>"))
    (root / "large.bin").write_bytes(bytes(range(256)) * 16384)
    (root / "sub").mkdir()
    # Until then its entity tag is weak, and another one from then on.
    settled = (root / "large.bin").stat().st_ctime + 2.1
    wait_until(lambda: time.time() > settled, "a file that has not just changed")
    return root


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[RunningServer]:
    words = ("--no-tls", "--echo-upload", "-a", "127.0.0.1", "0", str(root))
    with running(*words) as server:
        yield server


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("tls"))


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), PATIENCE)


def read_all(sock: socket.socket) -> bytes:
    octets = b""
    while more := sock.recv(65536):
        octets += more
    return octets


REQUESTS = [
    ("GET", "/", {}),
    ("HEAD", "/", {}),
    ("GET", "/", {"accept-encoding": "gzip"}),
    ("GET", "/large.bin", {}),
    ("HEAD", "/large.bin", {}),
    ("GET", "/large.bin", {"range": "bytes=100-199"}),
    ("GET", "/large.bin", {"range": "bytes=0-9,100-109"}),
    ("GET", "/large.bin", {"range": "bytes=99999999-"}),
    ("GET", "/", {"if-none-match": "*"}),
    ("GET", "/", {"if-match": '"other"'}),
    ("GET", "/sub", {}),
    ("GET", "/none", {}),
    ("GET", "/%2e%2e/etc/passwd", {}),
    ("DELETE", "/", {}),
    ("BREW", "/", {}),
    ("OPTIONS", "/", {}),
    ("POST", "/", {"content-type": "text/plain"}),
]


@pytest.mark.parametrize(("method", "path", "fields"), REQUESTS)
def test_the_same_as_on_http2(
    server: RunningServer, method: str, path: str, fields: dict[str, str]
) -> None:
    content = b"content" if method == "POST" else None
    answers = []
    for http2 in (False, True):
        with httpx.Client(http1=not http2, http2=http2, timeout=PATIENCE) as client:
            request = client.build_request(
                method, f"http://127.0.0.1:{server.port}{path}", headers=fields, content=content
            )
            response = client.send(request, stream=True)
            body = b"".join(response.iter_raw())
            response.close()
        kept = [
            (name, value)
            for name, value in response.headers.items()
            if name not in OF_THE_CONNECTION
        ]
        # RFC 9110 section 5.3: the order of different names means nothing.
        answers.append((response.status_code, sorted(kept), body))
        assert response.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
    assert answers[0] == answers[1]


def test_http_1_0_without_host(server: RunningServer) -> None:
    with connect(server.port) as sock:
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        answer = read_all(sock)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert answer.endswith(b"<title>t</title>")


def test_one_connection_for_many_requests(server: RunningServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    connection.connect()
    first = connection.sock
    for _ in range(50):
        connection.request("GET", "/")
        assert connection.getresponse().read().startswith(b"<!doctype")
        assert connection.sock is first
    connection.close()


def test_100_continue(server: RunningServer) -> None:
    with connect(server.port) as sock:
        head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n"
        sock.sendall(head + b"Connection: close\r\n\r\n")
        assert sock.recv(1000).startswith(b"HTTP/1.1 100 ")
        sock.sendall(b"hello")
        assert read_all(sock).endswith(b"hello")


@pytest.mark.parametrize("attempt", SMUGGLING)
def test_smuggling(server: RunningServer, attempt: bytes) -> None:
    with connect(server.port) as sock:
        sock.sendall(attempt + HIDDEN)
        answer = read_all(sock)
    assert answer.count(b"HTTP/1.1 ") == 1
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 "))


def test_a_pipelining_flood_from_one_who_does_not_read(server: RunningServer) -> None:
    before = memory_kib(server)
    octets = memoryview(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 500_000)
    with connect(server.port) as flood:
        flood.settimeout(0.5)
        sent = 0
        with contextlib.suppress(TimeoutError):
            while sent < len(octets):
                sent += flood.send(octets[sent : sent + 65536])
        # Nothing was read, so the server has stopped reading as well.
        assert sent < len(octets)
        response = httpx.get(f"http://127.0.0.1:{server.port}/", timeout=PATIENCE)
        assert response.status_code == 200
        assert memory_kib(server) - before < 8192
        # Whoever reads gets answers again.
        flood.settimeout(PATIENCE)
        answers = 0
        while answers < 20_000:
            answers += flood.recv(1 << 20).count(b"HTTP/1.1 200 ")


def memory_kib(server: RunningServer) -> int:
    (worker,) = server.counters()
    counters = worker["counters"]
    assert isinstance(counters, dict)
    return int(counters["memory_kib"])


def test_slow_heads_do_not_hold_anybody_up(server: RunningServer) -> None:
    """When they are cut off shows in test_sockets.py, with a limit that is worth waiting for."""
    slow = [connect(server.port) for _ in range(200)]
    try:
        for sock in slow:
            sock.sendall(b"GET / HTTP/1.1\r\nX: ")
        response = httpx.get(f"http://127.0.0.1:{server.port}/", timeout=PATIENCE)
        assert response.status_code == 200
        for sock in slow:
            sock.setblocking(False)
            with pytest.raises(BlockingIOError):
                sock.recv(1)
    finally:
        for sock in slow:
            sock.close()


def test_http_1_0_keep_alive(server: RunningServer) -> None:
    with connect(server.port) as sock:
        sock.sendall(b"HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n" * 2)
        sock.sendall(b"HEAD / HTTP/1.0\r\n\r\n")
        answer = read_all(sock)
    assert answer.count(b"HTTP/1.1 200 ") == 3
    assert answer.count(b"connection: keep-alive") == 2
    assert answer.endswith(b"connection: close\r\n\r\n")


def test_tls_on_the_cleartext_port(root: Path) -> None:
    words = ("--no-tls", "-a", "127.0.0.1", "0", str(root))
    with running(*words) as server:
        with connect(server.port) as sock:
            context = ssl.create_default_context()
            with pytest.raises(OSError):
                context.wrap_socket(sock, server_hostname="localhost").close()
        server.wait_for_stderr("TLS on a cleartext port")


@pytest.mark.parametrize("protocols", [(), ("http/1.1",)])
def test_over_tls(certificate: Certificate, root: Path, protocols: tuple[str, ...]) -> None:
    with running("-a", "127.0.0.1", "0", str(root), *certificate.words) as server:
        context = certificate.client_context(*protocols)
        with context.wrap_socket(connect(server.port), server_hostname="127.0.0.1") as tls:
            tls.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            answer = read_all(tls)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.endswith(b"<title>t</title>")


def test_http2_only(root: Path) -> None:
    words = ("--no-tls", "--http2-only", "-a", "127.0.0.1", "0", str(root))
    with running(*words) as server, connect(server.port) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        assert read_all(sock).startswith(b"HTTP/1.1 505 ")


def test_access_log_says_the_protocol(root: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    words = ("--no-tls", f"--access-log={log}", "-a", "127.0.0.1", "0", str(root))
    with running(*words) as server:
        httpx.get(f"http://127.0.0.1:{server.port}/", timeout=PATIENCE)
    assert '"GET / HTTP/1.1" 200 ' in log.read_text()
