"""Connections that begin with a PROXY header, with real processes."""

from __future__ import annotations

import contextlib
import json
import socket
from pathlib import Path

import pytest

from h2static.server.trusted_proxies import TrustedProxies
from tests.support.certificates import make_certificate
from tests.support.polite_client import PoliteClient
from tests.support.processes import DEADLINE, RunningServer, running, wait_until

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0"
V1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n"
V2 = (
    b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"
    + bytes([192, 0, 2, 7, 198, 51, 100, 1])
    + b"\xdc\x04\x01\xbb"
)


@pytest.mark.parametrize(
    ("names", "host", "trusted"),
    [
        ((), "127.0.0.1", False),
        ((), "", False),
        (("127.0.0.0/8",), "127.0.0.1", True),
        (("127.0.0.0/8",), "::1", False),
        (("127.0.0.0/8",), "", False),
        (("10.0.0.0/8", "::1/128"), "::1", True),
        (("fe80::/10",), "fe80::1%eth0", True),
        # As a socket for both families names a client that came by IPv4.
        (("127.0.0.0/8",), "::ffff:127.0.0.1", True),
        (("127.0.0.0/8",), "::ffff:192.0.2.1", False),
        (("unix",), "", True),
        (("unix",), "127.0.0.1", False),
    ],
)
def test_whom_to_believe(names: tuple[str, ...], host: str, trusted: bool) -> None:
    assert TrustedProxies(names).include(host) == trusted


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "www"
    folder.mkdir()
    (folder / "index.html").write_text("t")
    return folder


def request(scheme: bytes) -> bytes:
    """A request without a compressed field."""
    fields = ((b":method", b"GET"), (b":scheme", scheme), (b":path", b"/"), (b":authority", b"a"))
    block = b"".join(
        b"\x10" + bytes([len(name)]) + name + bytes([len(value)]) + value for name, value in fields
    )
    return len(block).to_bytes(3, "big") + b"\1\5\0\0\0\1" + block


def status_of(sock: socket.socket) -> int:
    """The first octet of the header block of the first response; 0x88 is 200 (RFC 7541 A)."""
    octets = b""
    while True:
        while len(octets) < 9 or len(octets) < 9 + int.from_bytes(octets[:3], "big"):
            more = sock.recv(65536)
            assert more, "the server has closed"
            octets += more
        if octets[3] == 1:
            return next(octet for octet in octets[9:] if octet & 0xE0 != 0x20)
        if octets[3] == 3:
            return 0
        octets = octets[9 + int.from_bytes(octets[:3], "big") :]


def peers(log: Path) -> list[str]:
    return [json.loads(line)["peer"] for line in log.read_text().splitlines()]


def proxied(site: Path, log: Path, *words: str) -> tuple[str, ...]:
    logging = (f"--access-log={log}", "--log-format", "json")
    return ("-a", "127.0.0.1", "--trusted-proxy", "127.0.0.0/8", *logging, *words, "0", str(site))


@pytest.mark.parametrize("header", [V1, V2])
@pytest.mark.parametrize("step", [1, 7, 10_000])
def test_the_client_is_the_one_that_the_header_names(
    site: Path, tmp_path: Path, header: bytes, step: int
) -> None:
    log = tmp_path / "log"
    octets = header + PREFACE + request(b"https")
    with running("--no-tls", *proxied(site, log)) as server:
        with connect(server) as sock:
            for start in range(0, len(octets), step):
                sock.sendall(octets[start : start + step])
            # The balancer has taken off the TLS: https is right.
            assert status_of(sock) == 0x88
        wait_until(lambda: log.read_text() != "", "a line")
        assert peers(log) == ["192.0.2.7"]


def connect(server: RunningServer) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", server.port), DEADLINE)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def test_https_on_cleartext_is_wrong_without_a_proxy(site: Path) -> None:
    with running("--no-tls", "-a", "127.0.0.1", "0", str(site)) as server, connect(server) as sock:
        sock.sendall(PREFACE + request(b"https"))
        assert status_of(sock) != 0x88


def test_tls_behind_the_header(site: Path, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    log = tmp_path / "log"
    context = certificate.client_context("h2")
    with running(*proxied(site, log), *certificate.words) as server:
        with connect(server) as sock:
            sock.sendall(V2)
            with context.wrap_socket(sock, server_hostname="127.0.0.1") as tls:
                tls.sendall(PREFACE + request(b"https"))
                assert status_of(tls) == 0x88
        wait_until(lambda: log.read_text() != "", "a line")
        assert peers(log) == ["192.0.2.7"]


def test_a_connection_without_the_header_is_refused(site: Path, tmp_path: Path) -> None:
    with running("--no-tls", *proxied(site, tmp_path / "log")) as server:
        with connect(server) as sock:
            sock.sendall(PREFACE)
            with contextlib.suppress(ConnectionResetError):
                assert sock.recv(1) == b""
        server.wait_for_stderr("no PROXY protocol header from a trusted proxy")


def test_a_header_from_a_stranger_is_no_header(site: Path, tmp_path: Path) -> None:
    words = ("-a", "127.0.0.1", "--trusted-proxy", "192.0.2.0/24", "--http2-only")
    with running("--no-tls", *words, "0", str(site)) as server:
        with connect(server) as sock:
            sock.sendall(V1 + PREFACE)
            assert sock.recv(12) == b"HTTP/1.1 505"
        client = PoliteClient(server.port, "/", requests=1)
        client.start()
        assert client.join().statuses == {"200"}


def test_a_balancer_over_a_unix_domain_socket(site: Path, tmp_path: Path) -> None:
    path, log = tmp_path / "s", tmp_path / "log"
    words = ("-a", f"unix:{path}", "--trusted-proxy", "unix", f"--access-log={log}")
    with running("--no-tls", *words, "--log-format", "json", "0", str(site)):
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(DEADLINE)
            sock.connect(str(path))
            sock.sendall(V1 + PREFACE + request(b"https"))
            assert status_of(sock) == 0x88
        wait_until(lambda: log.read_text() != "", "a line")
        assert peers(log) == ["192.0.2.7"]
