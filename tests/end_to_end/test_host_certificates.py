"""Certificates of hosts while they are in use: renewals, and strange names in handshakes."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest

from h2static.assembly import make_applications
from h2static.config import Config
from h2static.host_config import HostConfig
from h2static.http2 import frames as f
from h2static.http2 import registry as r
from h2static.server.key_pairs import KeyPair
from h2static.server.pool import Pool
from h2static.server.tls import make_context
from h2static.site.config import SiteConfig
from h2static.virtual_hosts import VirtualHosts
from tests.support.host_certificates import Authority, make_authority
from tests.support.processes import DEADLINE, RunningServer, running, wait_until
from tests.support.servers import free_port

FILE = """
port = 0
address = ["127.0.0.1"]
[[host]]
names = ["a.test"]
htdocs = "a"
key = "a.key"
cert = "a.pem"
[[host]]
names = ["c.test"]
htdocs = "c"
key = "c.key"
cert = "c.pem"
[[listen]]
port = {port}
"""


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    for name in ("a", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "same.txt").write_text(name * 5)
    made = make_authority(tmp_path)
    made.issue("a", "a.test")
    made.issue("c", "c.test", "a.test")
    return made


@pytest.fixture
def server(tmp_path: Path, authority: Authority) -> Iterator[RunningServer]:
    (tmp_path / "hosts.toml").write_text(FILE.format(port=free_port()))
    with running("--config", "hosts.toml", folder=tmp_path) as server:
        yield server


def connect(context: ssl.SSLContext, port: int, name: str) -> ssl.SSLSocket:
    plain = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
    return context.wrap_socket(plain, server_hostname=name)


def ask(context: ssl.SSLContext, port: int, name: str, host: str) -> bytes:
    """The status and the end of what comes for ``host`` where the handshake said ``name``."""
    with connect(context, port, name) as tls:
        return ask_on(tls, host)


def ask_on(tls: ssl.SSLSocket, host: str) -> bytes:
    tls.sendall(f"GET /same.txt HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
    octets = b""
    while more := tls.recv(65536):
        octets += more
    return octets[9:12] + octets[-5:]


def origins(authority: Authority, port: int, name: str) -> tuple[bytes, ...]:
    with connect(authority.client_context("h2"), port, name) as tls:
        tls.sendall(r.PREFACE + f.Settings().serialize())
        octets = b""
        while True:
            octets += tls.recv(65536)
            while len(octets) >= 9 and len(octets) >= (end := 9 + int.from_bytes(octets[:3])):
                frame = f.parse(octets[3], octets[4], 0, octets[9:end])
                if isinstance(frame, f.Origin):
                    return tuple(one.rpartition(b":")[0] for one in frame.origins)
                octets = octets[end:]


def test_a_renewed_certificate_is_good_for_the_names_that_it_has(
    server: RunningServer, authority: Authority
) -> None:
    """RFC 8336, RFC 9113 section 9.1.1: not for those of the one before it; and there is one line
    about it, at however many ports it is shown."""
    ports = [int(url.rstrip("/").rpartition(":")[2]) for url in server.urls]
    plain = authority.client_context()
    both = (b"https://a.test", b"https://c.test")
    for port in ports:
        assert ask(plain, port, "c.test", "a.test") == b"200aaaaa"
        assert origins(authority, port, "c.test") == both
    authority.issue("c", "c.test")
    server.wait_for_stderr("now using the new certificate")
    for port in ports:
        assert ask(plain, port, "c.test", "a.test")[:3] == b"421"
        assert ask(plain, port, "c.test", "c.test") == b"200ccccc"
        assert origins(authority, port, "c.test") == both[1:]
    authority.issue("c", "c.test", "a.test")
    server.wait_for_stderr("now using the new certificate", count=2)
    for port in ports:
        assert ask(plain, port, "c.test", "a.test") == b"200aaaaa"
        assert origins(authority, port, "c.test") == both
    authority.issue("c", "other.test")
    server.wait_for_stderr("c.pem does not cover c.test")
    authority.issue("c", "c.test")
    server.wait_for_stderr("now using the new certificate", count=3)
    lines = [line for line in server.stderr().splitlines() if "[certificate]" in line]
    assert len(lines) == 4


def client_hello(name: bytes) -> bytes:
    """What OpenSSL sends, with ``name`` in it as it stands."""
    context = ssl.create_default_context()
    outgoing = ssl.MemoryBIO()
    stand_in = "x" * len(name)
    tls = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=stand_in)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    octets = outgoing.read()
    assert octets.count(stand_in.encode()) == 1
    return octets.replace(stand_in.encode(), name)


@pytest.mark.parametrize(
    "name",
    ["bücher.test".encode(), b"\xff\xfe\x1b[31m.test"],
)
def test_a_name_that_is_not_ascii_is_one_line_in_the_error_log(
    server: RunningServer, authority: Authority, name: bytes
) -> None:
    """RFC 6066 section 3: names are A-labels.  What the client sends reaches no terminal."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE) as plain:
        plain.sendall(client_hello(name))
        # A fatal alert.
        assert plain.recv(100)[:1] == b"\x15"
    server.wait_for_stderr("the server name that the client sent is not ASCII")
    assert "Traceback" not in server.stderr()
    assert "Exception" not in server.stderr()
    assert len([line for line in server.stderr().splitlines() if "[tls]" in line]) == 1
    # The others live on.
    assert ask(authority.client_context(), server.port, "c.test", "c.test") == b"200ccccc"


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_resumed_session_reaches_what_its_handshake_was_for(
    server: RunningServer, authority: Authority, version: ssl.TLSVersion
) -> None:
    """A session of a.test, whose certificate is for nothing else, resumed with another name: in TLS
    1.2 it stays one of a.test; in TLS 1.3 (RFC 8446 section 4.6.1) each handshake says its own."""
    context = authority.client_context()
    context.minimum_version = context.maximum_version = version
    with connect(context, server.port, "a.test") as tls:
        assert ask_on(tls, "a.test") == b"200aaaaa"
        session = tls.session
    plain = socket.create_connection(("127.0.0.1", server.port), timeout=DEADLINE)
    context.check_hostname = False
    with context.wrap_socket(plain, server_hostname="c.test", session=session) as resumed:
        assert resumed.session_reused
        status = ask_on(resumed, "c.test")[:3]
    assert status == (b"421" if version is ssl.TLSVersion.TLSv1_2 else b"200")


def test_what_is_not_watched_is_the_pair_outside_of_tables_alone(
    tmp_path: Path, authority: Authority
) -> None:
    """A certificate that was made on this machine may be made anew by another server."""
    a, c = (
        KeyPair(key_file=str(tmp_path / f"{name}.key"), cert_file=str(tmp_path / f"{name}.pem"))
        for name in ("a", "c")
    )
    config = Config(
        port=0,
        key_file=a.key_file,
        cert_file=a.cert_file,
        watch_certificate=False,
        hosts=(
            HostConfig(names=("a.test",), site=SiteConfig(root=str(tmp_path))),
            HostConfig(
                names=("c.test",),
                site=SiteConfig(root=str(tmp_path)),
                key_file=c.key_file,
                cert_file=c.cert_file,
            ),
        ),
    )
    pool = Pool(lambda text: None, 1)
    told: list[str] = []
    try:
        hosts = VirtualHosts(
            config,
            lambda own, label, first: make_applications(own, pool, page=None, tells=False),
            lambda own: make_context(own, tickets=False),
        )
        look = hosts.renew(pool, lambda: None, told.append)
        authority.issue("a", "a.test")
        authority.issue("c", "c.test")

        def is_told() -> bool:
            look()
            pool.run_posted()
            return bool(told)

        wait_until(is_told, "the new certificate")
        for _ in range(3):
            is_told()
    finally:
        pool.close()
    assert told == [f"now using the new certificate: {c.cert_file}"]
