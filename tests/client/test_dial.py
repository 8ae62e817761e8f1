"""From a URL to a connection: names, addresses, proxies, sockets, TLS; what fails on the way."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import anyio
import pytest

from h2static.client import (
    HTTP1,
    HTTP2,
    Client,
    ClientError,
    ConnectError,
    ConnectOptions,
    OptionError,
    Place,
    connect,
)
from tests.support.certificates import Certificate, encrypt, make_certificate
from tests.support.fake_server import Visitor, fake_server
from tests.support.processes import DEADLINE, RunningServer, running
from tests.support.servers import free_port
from tests.support.serving import Serving, serving

NOWHERE = Place(host="nowhere.invalid")


@pytest.fixture(scope="module")
def server() -> Iterator[Serving]:
    with serving() as server:
        yield server


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder = tmp_path_factory.mktemp("tls")
    certificate = make_certificate(folder)
    certificate.authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    return certificate


@pytest.fixture(scope="module")
def authority(certificate: Certificate) -> str:
    return str(certificate.key.parent / "ca.pem")


@pytest.fixture(scope="module")
def secure(
    certificate: Certificate, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("www")
    (folder / "index.html").write_text("hello")
    with running("-a", "127.0.0.1", "0", str(folder), *certificate.words) as server:
        yield server


def ask(
    url: str,
    options: ConnectOptions | None = None,
    action: Callable[[Client], Awaitable[None]] | None = None,
) -> str:
    """Ask for the root; the protocol that was spoken."""

    async def main() -> str:
        with anyio.fail_after(DEADLINE):
            async with connect(url, options) as client:
                response = await client.get("/")
                assert response.status == 200
                assert await response.read() in (b"hello", b"hello\n")
                if action is not None:
                    await action(client)
                return client.protocol

    return anyio.run(main)


# ---------------------------------------------------------------------- names and addresses


def test_resolve_takes_the_place_of_dns(server: Serving) -> None:
    options = ConnectOptions(resolve=((NOWHERE, ("127.0.0.1",)),))
    assert ask(f"http://nowhere.invalid:{server.port}/", options) == HTTP2


def test_resolve_is_for_its_port(server: Serving) -> None:
    place = Place(host="nowhere.invalid", port=1)
    options = ConnectOptions(resolve=((place, ("127.0.0.1",)),))
    with pytest.raises(ConnectError, match=r"nowhere\.invalid"):
        ask(f"http://nowhere.invalid:{server.port}/", options)


def test_the_second_address_is_tried_when_the_first_refuses(server: Serving) -> None:
    options = ConnectOptions(resolve=((NOWHERE, ("127.0.0.2", "127.0.0.1")),))
    assert ask(f"http://nowhere.invalid:{server.port}/", options) == HTTP2


def test_connect_to_another_place(server: Serving) -> None:
    options = ConnectOptions(
        connect_to=(
            (Place(host="other.invalid"), Place(port=1)),
            (Place(port=80), Place(host="127.0.0.1", port=server.port)),
        )
    )

    async def action(client: Client) -> None:
        # The name stays what was asked for.
        assert (await client.get("/")).request.authority == b"nowhere.invalid"

    assert ask("http://nowhere.invalid/", options, action) == HTTP2


def test_a_name_of_this_machine(server: Serving) -> None:
    assert ask(f"http://localhost:{server.port}/") == HTTP2


def test_a_unix_domain_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        with serving(listener=listener):
            assert ask("http://localhost/", ConnectOptions(unix_socket=path)) == HTTP2
    with pytest.raises(ConnectError, match="nothing: No such file"):
        ask("http://localhost/", ConnectOptions(unix_socket=str(tmp_path / "nothing")))


def test_nobody_listens() -> None:
    port = free_port()
    with pytest.raises(ConnectError, match=rf"127.0.0.1:{port}: Connection refused"):
        ask(f"http://127.0.0.1:{port}/")


def test_a_connection_that_takes_too_long() -> None:
    """The listener's row is full, so that the kernel does not answer."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        row = [socket.socket() for _ in range(8)]
        try:
            for one in row:
                one.setblocking(False)
                one.connect_ex(("127.0.0.1", port))
            with pytest.raises(ConnectError, match="no connection within"):
                ask(f"http://127.0.0.1:{port}/", ConnectOptions(connect_seconds=0.2))
        finally:
            for one in row:
                one.close()


@pytest.mark.parametrize(
    "url",
    ["example.org", "ftp://example.org/", "http://", "http:///x", "http://a:99999/", "http://a b/",
     "http://user@example.org/", "http://[::1/", "", "http://\udcff.org/"],
)  # fmt: skip
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(OptionError):
        ask(url)


# ---------------------------------------------------------------------- proxies


def tunnel(visitor: Visitor, port: int) -> None:
    """Carry octets between the client and ``port``, until either ends."""
    with socket.create_connection(("127.0.0.1", port)) as upstream:

        def up() -> None:
            while octets := visitor.socket.recv(65_536):
                upstream.sendall(octets)
            upstream.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=up, daemon=True)
        thread.start()
        while octets := upstream.recv(65_536):
            visitor.send(octets)
        with contextlib.suppress(OSError):
            visitor.socket.shutdown(socket.SHUT_WR)
        thread.join(DEADLINE)


def test_a_proxy_makes_a_tunnel(server: Serving) -> None:
    requests = []

    def proxy(visitor: Visitor) -> None:
        requests.append(visitor.read_until(b"\r\n\r\n"))
        visitor.send(b"HTTP/1.1 200 Connection established\r\nvia: x\r\n\r\n")
        tunnel(visitor, server.port)

    with fake_server(proxy) as place:
        options = ConnectOptions(proxy=f"http://me:s%65cret@127.0.0.1:{place.port}")
        assert ask("http://nowhere.invalid:8080/", options) == HTTP2
    expected = (
        b"CONNECT nowhere.invalid:8080 HTTP/1.1\r\nhost: nowhere.invalid:8080\r\n"
        b"proxy-authorization: Basic bWU6c2VjcmV0\r\n\r\n"
    )
    assert requests == [expected]


def test_tls_through_a_proxy(secure: RunningServer, authority: str) -> None:
    def proxy(visitor: Visitor) -> None:
        visitor.read_until(b"\r\n\r\n")
        visitor.send(b"HTTP/1.0 200 OK\r\n\r\n")
        tunnel(visitor, secure.port)

    with fake_server(proxy) as place:
        options = ConnectOptions(proxy=f"127.0.0.1:{place.port}", ca_file=authority)
        assert ask(f"https://localhost:{secure.port}/", options) == HTTP2


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n", "with 407"),
        (b"SSH-2.0\r\n\r\n", "status line"),
        (b"HTTP/1.1 200 OK\r\n", "did not answer CONNECT"),
        (b"", "did not answer CONNECT"),
        (b"x" * 70_000, "did not answer CONNECT"),
    ],
)
def test_a_proxy_that_makes_none(answer: bytes, complaint: str) -> None:
    def proxy(visitor: Visitor) -> None:
        visitor.read_until(b"\r\n\r\n")
        visitor.send(answer)

    with (
        fake_server(proxy) as place,
        pytest.raises(ConnectError, match=complaint),
    ):
        ask("http://localhost/", ConnectOptions(proxy=f"http://127.0.0.1:{place.port}"))


def test_a_proxy_that_is_not_spoken() -> None:
    with pytest.raises(OptionError, match="only http:// proxies"):
        ask("http://localhost/", ConnectOptions(proxy="socks5://localhost"))


# ---------------------------------------------------------------------- TLS


def test_alpn_chooses(secure: RunningServer, authority: str) -> None:
    url = f"https://localhost:{secure.port}/"

    async def action(client: Client) -> None:
        assert client.tls is not None
        assert client.tls.selected_alpn_protocol() == client.protocol
        assert client.tls.version() == "TLSv1.3"

    assert ask(url, ConnectOptions(ca_file=authority), action) == HTTP2
    assert ask(url, ConnectOptions(ca_file=authority, protocols=(HTTP1,)), action) == HTTP1


def test_certificates_are_verified(secure: RunningServer, authority: str) -> None:
    url = f"https://localhost:{secure.port}/"
    with pytest.raises(ConnectError, match="the certificate is not trusted: unable to get local"):
        ask(url)
    assert ask(url, ConnectOptions(verify=False)) == HTTP2
    other = f"https://other.invalid:{secure.port}/"
    where = ((Place(), Place(host="127.0.0.1")),)
    with pytest.raises(ConnectError, match=r"not trusted: .*other\.invalid"):
        ask(other, ConnectOptions(ca_file=authority, connect_to=where))
    named = ConnectOptions(ca_file=authority, connect_to=where, server_name="localhost")
    assert ask(other, named) == HTTP2


def http1_only(visitor: Visitor) -> None:
    if visitor.socket.recv(65_536):
        visitor.send(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")
    visitor.wait_for_end()


@pytest.mark.parametrize("protocols", [[], ["http/1.1"]])
def test_http1_is_the_fallback(
    certificate: Certificate, authority: str, protocols: list[str]
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.cert, certificate.key)
    if protocols:
        context.set_alpn_protocols(protocols)
    with fake_server(http1_only, context=context) as place:
        url = f"https://localhost:{place.port}/"
        assert ask(url, ConnectOptions(ca_file=authority)) == HTTP1
        if not protocols:
            with pytest.raises(ConnectError, match="does not offer HTTP/2"):
                ask(url, ConnectOptions(ca_file=authority, protocols=(HTTP2,)))


def test_a_port_without_tls(server: Serving) -> None:
    with pytest.raises(ConnectError, match=r"does not speak TLS|closed the connection"):
        ask(f"https://localhost:{server.port}/", ConnectOptions(verify=False))


def test_a_handshake_that_breaks_off() -> None:
    with (
        fake_server(lambda visitor: visitor.socket.close()) as place,
        pytest.raises(ConnectError, match="closed the connection during the handshake"),
    ):
        ask(f"https://localhost:{place.port}/")


def test_a_handshake_that_takes_too_long() -> None:
    with (
        fake_server(lambda visitor: visitor.wait_for_end()) as place,
        pytest.raises(ConnectError, match=r"no connection within 0\.2 s"),
    ):
        ask(f"https://localhost:{place.port}/", ConnectOptions(connect_seconds=0.2))


def test_a_client_certificate(certificate: Certificate, authority: str, tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("hello")
    words = ("-a", "127.0.0.1", "-V", "--client-ca", authority)
    mine = make_certificate(tmp_path, "client")
    issued = certificate.authority.issue_cert("me@example.org")
    both = tmp_path / "both.pem"
    issued.private_key_and_cert_chain_pem.write_to_path(str(both))
    with running(*words, "0", str(tmp_path), *certificate.words) as server:
        url = f"https://localhost:{server.port}/"
        assert ask(url, ConnectOptions(ca_file=authority, cert_file=str(both))) == HTTP2
        with pytest.raises(ClientError):
            ask(url, ConnectOptions(ca_file=authority))
        with pytest.raises(ClientError):
            ask(url, ConnectOptions(
                ca_file=authority, cert_file=str(mine.cert), key_file=str(mine.key)
            ))  # fmt: skip


def test_files_that_are_no_good(certificate: Certificate, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()
    locked = encrypt(certificate.key, tmp_path / "locked.key", "secret")
    for options, complaint in (
        (ConnectOptions(ca_file=str(tmp_path / "none")), "none: No such file"),
        (ConnectOptions(ca_file=str(empty)), "empty.pem: not usable"),
        (ConnectOptions(cert_file=str(empty)), "empty.pem: not usable"),
        (ConnectOptions(cert_file=str(certificate.cert), key_file=str(locked)), "encrypted"),
        (ConnectOptions(key_log_file=str(tmp_path)), "directory"),
    ):
        with pytest.raises(OptionError, match=complaint):
            ask("https://localhost:1/", options)


def test_secrets_for_those_who_look(secure: RunningServer, authority: str, tmp_path: Path) -> None:
    log = tmp_path / "keys"
    options = ConnectOptions(ca_file=authority, key_log_file=str(log))
    ask(f"https://localhost:{secure.port}/", options)
    assert "CLIENT_TRAFFIC_SECRET_0" in log.read_text()


# ---------------------------------------------------------------------- Upgrade


@pytest.mark.parametrize("content", [b"", b"some"])
def test_a_server_that_upgrades(content: bytes) -> None:
    """RFC 7540 section 3.2: the response to the first request comes on stream 1."""

    def serve(visitor: Visitor) -> None:
        head = visitor.read_until(b"\r\n\r\n")
        assert head.startswith(b"GET / HTTP/1.1" if not content else b"OPTIONS * HTTP/1.1")
        assert b"\r\nconnection: Upgrade, HTTP2-Settings\r\n" in head
        assert b"\r\nupgrade: h2c\r\n" in head
        visitor.send(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                     b"Upgrade: h2c\r\n\r\n")  # fmt: skip
        visitor.greet()
        visitor.send(visitor.head(1, (b":status", b"200"), end=True))
        stream_id, fields = visitor.request()
        assert stream_id == 3
        assert dict(fields)[b":method"] == (b"POST" if content else b"GET")
        visitor.send(visitor.head(3, (b":status", b"204"), end=True))
        visitor.read_to_end()

    async def main(url: str) -> None:
        with anyio.fail_after(DEADLINE):
            async with connect(url, ConnectOptions(upgrade=True)) as client:
                if content:
                    assert (await client.post("/", content)).status == 204
                else:
                    first, second = client.send("GET", "/"), client.send("GET", "/2")
                    await first.started()
                    assert first.status == 200
                    assert [one.status for one in first.informational] == [101]
                    await second.started()
                    assert second.status == 204
                assert client.protocol == HTTP2

    with fake_server(serve) as server:
        anyio.run(main, server.url)


def test_a_server_that_does_not_upgrade(server: Serving) -> None:
    assert ask(f"http://127.0.0.1:{server.port}/", ConnectOptions(upgrade=True)) == HTTP1
