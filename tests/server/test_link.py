"""``h2static.server.link``: what is handed to the kernel."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from h2static.server import link as link_module
from h2static.server.link import Closed, Link
from tests.support.certificates import make_certificate
from tests.support.processes import DEADLINE

CORK: int | None = getattr(socket, "TCP_CORK", None)


@contextlib.contextmanager
def secured(folder: Path) -> Iterator[tuple[Link, ssl.SSLSocket]]:
    """A link over TLS whose handshake is done, and its client."""
    certificate = make_certificate(folder)
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_context.load_cert_chain(certificate.cert, certificate.key)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        plain = socket.create_connection(listener.getsockname()[:2], DEADLINE)
        accepted, _ = listener.accept()
    accepted.settimeout(DEADLINE)
    clients: list[ssl.SSLSocket] = []
    context = certificate.client_context()
    thread = threading.Thread(
        target=lambda: clients.append(context.wrap_socket(plain, server_hostname="127.0.0.1"))
    )
    thread.start()
    secure = server_context.wrap_socket(accepted, server_side=True)
    thread.join(DEADLINE)
    secure.setblocking(False)
    link = Link(secure, server_context, 0.0)
    link.tls = secure
    with secure, clients[0] as client:
        yield link, client


def corked(link: Link) -> bool:
    assert CORK is not None
    return link.socket.getsockopt(socket.IPPROTO_TCP, CORK) != 0


@pytest.mark.skipif(CORK is None, reason="the system has no TCP_CORK")
def test_large_writes_over_tls_fill_segments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, bool]] = []
    send = ssl.SSLSocket.send

    def observe(self: ssl.SSLSocket, data: bytes, flags: int = 0) -> int:
        seen.append((len(data), corked(link)))
        return send(self, data, flags)

    monkeypatch.setattr(ssl.SSLSocket, "send", observe)
    with secured(tmp_path) as (link, client):
        assert link.write([b"a" * 1000, b"b" * 1000], 2000) == 2000
        assert client.recv(3000) == b"a" * 1000 + b"b" * 1000
        content = b"c" * 200_000
        # Until the client's buffers are full; then it takes nothing.
        while link.write([content], len(content)):
            pass
        assert not corked(link)
        assert client.recv(1000) == b"c" * 1000
    assert seen[0] == (2000, False)
    assert seen[1] == (200_000, True)
    assert len(seen) > 2


@pytest.mark.skipif(CORK is None, reason="the system has no TCP_CORK")
def test_where_there_are_no_segments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with secured(tmp_path) as (link, client):
        # No option of TCP, as on a Unix domain socket.
        monkeypatch.setattr(link_module, "_CORK", 9999)
        assert link.write([b"a" * 100_000], 100_000) > 0
        assert client.recv(10) == b"a" * 10


def test_a_write_to_nobody_is_told(tmp_path: Path) -> None:
    with secured(tmp_path) as (link, client):
        client.close()

        def write_on() -> None:
            for _ in range(1000):
                link.write([b"a" * 100_000], 100_000)

        with pytest.raises(Closed):
            write_on()
