"""Connections of trusted proxies, with and without a PROXY header, with real processes."""

from __future__ import annotations

import contextlib
import json
import socket
from pathlib import Path

import pytest

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
    """RFC 9110 section 7.4: 421, and a line in the log."""
    with running("--no-tls", "-a", "127.0.0.1", "0", str(site)) as server:
        with connect(server) as sock:
            sock.sendall(PREFACE + request(b"https"))
            assert status_of(sock) != 0x88
        server.wait_for_stderr(
            "stream 1: 421: :scheme https on a connection for http, not from a trusted proxy: GET /"
        )


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


def http1(server: RunningServer, octets: bytes) -> bytes:
    """Everything that the server answers to ``octets``."""
    with connect(server) as sock:
        sock.sendall(octets)
        answer = b""
        while more := sock.recv(65536):
            answer += more
    return answer


FORWARDED = (
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Forwarded-Proto: https\r\n"
    b"X-Forwarded-For: 198.51.100.9, 192.0.2.8\r\n\r\n"
)


def test_trust_is_by_address_whether_or_not_a_header_comes(site: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with running("--no-tls", *proxied(site, log)) as server:
        with connect(server) as sock:
            sock.sendall(PREFACE + request(b"https"))
            assert status_of(sock) == 0x88
        assert http1(server, FORWARDED).startswith(b"HTTP/1.1 200")
        # Whom the header names is no proxy: nobody believes what that client writes.
        assert http1(server, V1 + FORWARDED).startswith(b"HTTP/1.1 200")
        assert http1(server, FORWARDED.replace(b" / ", b" https://a/ ")).startswith(b"HTTP/1.1 200")
        assert http1(server, FORWARDED.replace(b" / ", b" ftp://a/ ")).startswith(b"HTTP/1.1 421")
        wait_until(lambda: log.read_text().count("\n") == 4, "four lines")
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        assert [(line["peer"], line["scheme"]) for line in lines] == [
            ("127.0.0.1", "https"),
            ("192.0.2.8", "https"),
            ("192.0.2.7", "http"),
            ("192.0.2.8", "https"),
        ]


def test_a_connection_without_the_header_is_refused(site: Path, tmp_path: Path) -> None:
    words = proxied(site, tmp_path / "log", "--proxy-protocol", "require")
    with running("--no-tls", *words) as server:
        with connect(server) as sock:
            sock.sendall(PREFACE)
            with contextlib.suppress(ConnectionResetError):
                assert sock.recv(1) == b""
        server.wait_for_stderr("no PROXY protocol header from a trusted proxy")
        with connect(server) as sock:
            sock.sendall(V1 + PREFACE + request(b"https"))
            assert status_of(sock) == 0x88


def test_a_header_that_nobody_takes_is_no_http(site: Path, tmp_path: Path) -> None:
    words = proxied(site, tmp_path / "log", "--proxy-protocol", "off")
    with running("--no-tls", *words) as server:
        with connect(server) as sock:
            sock.sendall(V1 + PREFACE)
            assert sock.recv(9)[3] == 4, "SETTINGS, and GOAWAY after it"
        server.wait_for_stderr("PROTOCOL_ERROR: not an HTTP/2 connection preface")
        assert http1(server, FORWARDED).startswith(b"HTTP/1.1 200")


def test_what_a_stranger_says_of_others_does_not_count(site: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    words = ("-a", "127.0.0.1", "--trusted-proxy", "192.0.2.0/24", f"--access-log={log}")
    with running("--no-tls", *words, "0", str(site)) as server:
        assert http1(server, FORWARDED).startswith(b"HTTP/1.1 200")
        wait_until(lambda: log.read_text() != "", "a line")
        assert log.read_text().startswith("127.0.0.1 - - [")


def test_a_zone_forges_no_line(site: Path, tmp_path: Path) -> None:
    """A zone may hold any character, for all that :mod:`ipaddress` says."""
    log = tmp_path / "log"
    zone = b"fe80::1%\x1b[31m\n198.51.100.1"
    with running("--no-tls", *proxied(site, log)) as server:
        with connect(server) as sock:
            sock.sendall(b"PROXY TCP6 %b ::1 1 2\r\n" % zone + FORWARDED)
            with contextlib.suppress(ConnectionResetError):
                assert sock.recv(1) == b""
        server.wait_for_stderr("malformed address in PROXY line")
        of_zone = FORWARDED.replace(b"192.0.2.8", b"fe80::1%x - - forged")
        assert http1(server, of_zone).startswith(b"HTTP/1.1 200")
        wait_until(lambda: log.read_text() != "", "a line")
        assert peers(log) == ["127.0.0.1"]
        assert "\x1b" not in server.stderr()


def test_a_header_from_a_stranger_is_no_header(site: Path, tmp_path: Path) -> None:
    words = ("-a", "127.0.0.1", "--trusted-proxy", "192.0.2.0/24", "--http2-only")
    with running("--no-tls", *words, "0", str(site)) as server:
        with connect(server) as sock:
            sock.sendall(V1 + PREFACE)
            # SETTINGS, and GOAWAY after it.
            assert sock.recv(9)[3] == 4
        server.wait_for_stderr("PROTOCOL_ERROR: not an HTTP/2 connection preface")
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
