"""``h2static.server.link``: what is handed to the kernel."""

from __future__ import annotations

import contextlib
import mmap
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from h2static.server.engine import Engine
from h2static.server.entrance import Entrance
from h2static.server.link import TRANSITIONS, Closed, Link, Phase
from tests.support.certificates import make_certificate
from tests.support.engines import LineEngine, LineEngines, PathApplication
from tests.support.exchange import CLIENT
from tests.support.processes import DEADLINE

CORK: int | None = getattr(socket, "TCP_CORK", None)


def entrance(sock: socket.socket) -> Entrance:
    application = PathApplication()
    return Entrance(socket=sock, engines=LineEngines(application), application=application)


@contextlib.contextmanager
def secured(folder: Path, *, unix: bool = False) -> Iterator[tuple[Link, ssl.SSLSocket]]:
    """A link over TLS whose handshake is done, and its client."""
    certificate = make_certificate(folder)
    server_context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_context.load_cert_chain(certificate.cert, certificate.key)
    if unix:
        accepted, plain = socket.socketpair()
        plain.settimeout(DEADLINE)
    else:
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
    link = Link(secure, entrance(secure), 0.0)
    link.tls = secure
    with secure, clients[0] as client:
        yield link, client


def engine() -> LineEngine:
    return LineEngine(PathApplication(), CLIENT, 0.0)


@pytest.fixture
def fresh() -> Iterator[Link]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield Link(ours, entrance(ours), 0.0)


def speaker(link: Link) -> Engine | None:
    return link.engine


def test_a_link_goes_through_its_phases(fresh: Link) -> None:
    fresh.move(Phase.PROXY)
    fresh.move(Phase.HANDSHAKE)
    speaks = engine()
    fresh.move(Phase.OPEN, speaks)
    assert speaker(fresh) is speaks
    fresh.move(Phase.LINGER)
    assert speaker(fresh) is None
    fresh.move(Phase.CLOSED)


@pytest.mark.parametrize("before", Phase)
@pytest.mark.parametrize("after", Phase)
def test_no_other_transition_is_legal(fresh: Link, before: Phase, after: Phase) -> None:
    fresh.phase = before
    speaks = engine() if after is Phase.OPEN else None
    if after in TRANSITIONS[before]:
        fresh.move(after, speaks)
        assert fresh.phase == after
    else:
        with pytest.raises(AssertionError, match=f"{before.name} to {after.name}"):
            fresh.move(after, speaks)


def test_an_engine_belongs_to_one_phase(fresh: Link) -> None:
    with pytest.raises(AssertionError):
        fresh.move(Phase.SNIFF, engine())
    fresh.move(Phase.SNIFF)
    with pytest.raises(AssertionError):
        fresh.move(Phase.OPEN)


def test_reading() -> None:
    """What there is, then nothing, then the end, for ever."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        one = Link(ours, entrance(ours), 0.0)
        assert one.read(100) is None
        theirs.sendall(b"abcdef")
        assert one.read(4) == b"abcd"
        assert one.read(4) == b"ef"
        theirs.close()
        assert one.read(4) == b""
        assert one.read(4) == b""


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


def test_where_there_are_no_segments(tmp_path: Path) -> None:
    """A Unix domain socket has no options of TCP."""
    with secured(tmp_path, unix=True) as (link, client):
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


# ---------------------------------------------------------------------- mappings


@contextlib.contextmanager
def link_and_client() -> Iterator[tuple[Link, socket.socket]]:
    """A link on cleartext, and its client."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()[:2], DEADLINE) as client,
    ):
        accepted, _ = listener.accept()
        with accepted:
            accepted.setblocking(False)
            yield Link(accepted, entrance(accepted), 0.0), client


@contextlib.contextmanager
def mapping_of(path: Path, content: bytes) -> Iterator[memoryview]:
    path.write_bytes(content)
    with path.open("rb") as file:
        yield memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def taken(link: Link, client: socket.socket, pieces: list[bytes | memoryview]) -> bytes:
    """What the client gets of ``pieces``."""
    found = b""
    for _ in range(1_000):
        left = sum(map(len, pieces))
        if not left:
            return found
        count = link.write(pieces, left, mapped=True)
        if count:
            found += client.recv(count, socket.MSG_WAITALL)
        while pieces and count >= len(pieces[0]):
            count -= len(pieces.pop(0))
        if count:
            pieces[0] = memoryview(pieces[0])[count:]
    raise AssertionError("it never ends")


@pytest.mark.parametrize("small", [0, 500])
def test_mappings_are_never_joined(tmp_path: Path, small: int) -> None:
    """Nor copied in any other way: only the kernel looks at them."""
    content = bytes(range(256)) * 64
    with link_and_client() as (link, client), mapping_of(tmp_path / "file", content) as mapping:
        pieces: list[bytes | memoryview] = [*([b"x"] * small), mapping, b"end"]
        assert taken(link, client, pieces) == b"x" * small + content + b"end"


@pytest.mark.parametrize("left", [0, 5_000])
def test_a_file_that_lost_its_octets_is_zeros(tmp_path: Path, left: int) -> None:
    """The connection lives on: the frame has begun, and its stream is reset after it."""
    content = b"\xff" * 65_536
    path = tmp_path / "file"
    with link_and_client() as (link, client), mapping_of(path, content) as mapping:
        os.truncate(path, left)
        pieces: list[bytes | memoryview] = [b"head", mapping, b"end"]
        found = taken(link, client, pieces)
    # What is left of the file may be zeros as well: the system takes as much as it likes.
    assert found[:4] + found[4 + left :] == b"head" + bytes(len(content) - left) + b"end"
    assert found[4 : 4 + left] in (content[:left], bytes(left))
