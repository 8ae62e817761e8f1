"""``h2static.server.opening``: what a client speaks, by its first octets, by its PROXY header."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from h2static.logs.errors import ErrorLog
from h2static.server.engine import HTTP1_REFUSED, Engine, Refusal
from h2static.server.entrance import HTTP1, HTTP2, Entrance
from h2static.server.limits import ServerLimits
from h2static.server.link import Closed, Link, Phase
from h2static.server.opening import Opener
from tests.support.engines import LineEngines, PathApplication

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
V1 = b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n"


class Opening:
    """A client that has just been accepted on cleartext."""

    def __init__(self, folder: Path, protocols: tuple[str, ...] = (HTTP2, HTTP1)) -> None:
        self.path = folder / "log"
        self.log = ErrorLog(str(self.path))
        self.notified: list[Link] = []
        self.opener = Opener(self.log, self.notified.append, limits=ServerLimits(proxy_header=100))
        self.ours, self.client = socket.socketpair()
        self.ours.setblocking(False)
        application = PathApplication()
        self.engines = LineEngines(application, protocols=protocols)
        entrance = Entrance(socket=self.ours, engines=self.engines, application=application)
        self.link = Link(self.ours, entrance, 5.0)

    def sniff(self, *pieces: bytes) -> tuple[bytes, Engine | None]:
        """What comes of the last of ``pieces``; the ones before are not enough."""
        if self.link.phase is not Phase.SNIFF:
            self.link.move(Phase.SNIFF)
        for piece in pieces[:-1]:
            assert self.opener.sniff(self.link, piece, 7.0) == (b"", None)
        return self.opener.sniff(self.link, pieces[-1], 7.0)

    def close(self) -> None:
        self.ours.close()
        self.client.close()
        self.log.close()


@pytest.fixture
def opening(tmp_path: Path) -> Iterator[Opening]:
    one = Opening(tmp_path)
    yield one
    one.close()


@pytest.mark.parametrize("pieces", [(PREFACE,), (b"P", b"R", PREFACE[2:]), (b"PRI",)])
def test_http2_by_its_preface(opening: Opening, pieces: tuple[bytes, ...]) -> None:
    data, engine = opening.sniff(*pieces)
    assert data == b"".join(pieces)
    ((protocol, made, _),) = opening.engines.made
    assert engine is opening.engines.made[0][2]
    assert protocol == HTTP2
    assert made.client.version == "HTTP/2.0"
    assert (made.now, made.proxied, made.client.secure) == (7.0, False, False)


@pytest.mark.parametrize(
    "pieces",
    [
        (b"GET / HTTP/1.1\r\n",),
        (b"P", b"OST / HTTP/1.1\r\n"),
        (b"PR", b"OP / HTTP/1.1\r\n"),
        (b"\r",),
    ],
)
def test_everything_else_is_http1(opening: Opening, pieces: tuple[bytes, ...]) -> None:
    data, _ = opening.sniff(*pieces)
    assert data == b"".join(pieces)
    ((protocol, made, _),) = opening.engines.made
    assert (protocol, made.client.version) == (HTTP1, "HTTP/1.1")


def test_tls_on_a_cleartext_port(opening: Opening) -> None:
    data, engine = opening.sniff(b"\x16\x03\x01")
    assert isinstance(engine, Refusal)
    assert (data, engine.pending(), engine.problem) == (b"", [], "TLS on a cleartext port")


def test_http1_where_only_http2_is_spoken(tmp_path: Path) -> None:
    opening = Opening(tmp_path, protocols=(HTTP2,))
    _, engine = opening.sniff(b"GET / HTTP/1.1\r\n")
    assert isinstance(engine, Refusal)
    assert engine.pending() == [HTTP1_REFUSED]
    assert engine.problem == "not HTTP/2: no connection preface"
    opening.close()


def test_http2_where_only_http1_is_spoken(tmp_path: Path) -> None:
    opening = Opening(tmp_path, protocols=(HTTP1,))
    opening.sniff(PREFACE)
    assert [made[0] for made in opening.engines.made] == [HTTP1]
    opening.close()


def test_what_an_engine_is_given(opening: Opening) -> None:
    opening.link.name_peer("192.0.2.1", 5)
    opening.sniff(PREFACE)
    made = opening.engines.made[0][1]
    assert (made.client.host, made.client.port) == ("192.0.2.1", 5)
    assert made.client.local == ""
    made.notify()
    assert opening.notified == [opening.link]
    made.report("a stream went wrong")
    assert "[stream] 192.0.2.1:5: a stream went wrong" in opening.path.read_text()


@pytest.mark.parametrize("step", [1, 7, 1_000])
def test_the_client_is_the_one_that_the_header_names(opening: Opening, step: int) -> None:
    opening.link.move(Phase.PROXY)
    octets = V1 + PREFACE
    for start in range(0, len(octets), step):
        opening.client.sendall(octets[start : start + step])
        if opening.link.phase is Phase.PROXY:
            opening.opener.read_proxy_header(opening.link)
    rest = opening.ours.recv(1_000)
    opening.sniff(rest)
    made = opening.engines.made[0][1]
    assert rest == PREFACE, "no octet is lost, none is taken too much"
    assert (made.client.host, made.client.port, made.proxied) == ("192.0.2.7", 56324, True)


def test_half_a_header_leaves_nothing_to_be_read(opening: Opening) -> None:
    """A level-triggered poller would report the socket for as long as it has octets."""
    opening.link.move(Phase.PROXY)
    for octets in (V1[:20], V1[20:30]):
        opening.client.sendall(octets)
        opening.opener.read_proxy_header(opening.link)
        assert opening.link.phase is Phase.PROXY
        with pytest.raises(BlockingIOError):
            opening.ours.recv(1, socket.MSG_PEEK)
    opening.client.sendall(V1[30:])
    opening.opener.read_proxy_header(opening.link)
    assert opening.link.phase is Phase.SNIFF
    assert opening.link.peer == "192.0.2.7:56324"


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (PREFACE, "no PROXY protocol header from a trusted proxy"),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\xff", "PROXY header longer than 100 octets"),
    ],
)
def test_what_is_no_header_ends_the_connection(
    opening: Opening, octets: bytes, reason: str
) -> None:
    opening.link.move(Phase.PROXY)
    opening.client.sendall(octets)
    with pytest.raises(Closed, match=reason):
        opening.opener.read_proxy_header(opening.link)
    assert f"[proxy] unix: {reason}" in opening.path.read_text()


def test_a_proxy_that_says_nothing_and_goes(opening: Opening) -> None:
    opening.link.move(Phase.PROXY)
    opening.opener.read_proxy_header(opening.link)
    opening.client.close()
    with pytest.raises(Closed):
        opening.opener.read_proxy_header(opening.link)
