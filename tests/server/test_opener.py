"""``h2static.server.opening``: what a client speaks, by its first octets, by its PROXY header."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from h2static.http.addresses import TrustedProxies, parse_address
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

    def __init__(
        self,
        folder: Path,
        protocols: tuple[str, ...] = (HTTP2, HTTP1),
        *,
        proxy_required: bool = False,
    ) -> None:
        self.path = folder / "log"
        self.log = ErrorLog(str(self.path))
        self.notified: list[Link] = []
        self.opener = Opener(
            self.log,
            self.notified.append,
            proxy_required=proxy_required,
            limits=ServerLimits(proxy_header=100, first_line=200),
        )
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


@pytest.mark.parametrize("pieces", [(PREFACE,), (b"P", b"R", PREFACE[2:]), (b"PRI ",)])
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
        (b"PRI", b"NT / HTTP/1.1\r\n"),
        (b"\r", b"\n\r\nGET / HTTP/1.1\r\n"),
        (b"GET / HTTP/1.1", b"\r", b"\n"),
        # Wrong, and HTTP/1 all the same: it has words for that.
        (b"GET / HTTP/2.0\r\n",),
        (b"GET /a b HTTP/1.1\n",),
        (b"GET /" + b"x" * 200,),
    ],
)
def test_http1_by_the_end_of_its_first_line(opening: Opening, pieces: tuple[bytes, ...]) -> None:
    data, _ = opening.sniff(*pieces)
    assert data == b"".join(pieces)
    ((protocol, made, _),) = opening.engines.made
    assert (protocol, made.client.version) == (HTTP1, "HTTP/1.1")


#: What neither protocol begins with.
NOTHING = [
    b"INVALID CONNECTION PREFACE\r\n\r\n",
    b" ",
    b"\r\n \r\n",
    b"\r\n" * 5,
    b"\x16\x03\x01",
    b"\0\0\0\4\0\0\0\0\0",
    b"GET /\r\n",
    b"SSH-2.0-OpenSSH_9.2\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n",
]


@pytest.mark.parametrize("protocols", [(HTTP2, HTTP1), (HTTP2,)])
@pytest.mark.parametrize("octets", NOTHING)
def test_what_is_neither_is_for_http2(
    tmp_path: Path, octets: bytes, protocols: tuple[str, ...]
) -> None:
    """A client of HTTP/2 that has begun wrongly takes a line of text for the head of a frame."""
    for pieces in ((octets,), tuple(octets[i : i + 1] for i in range(len(octets)))):
        opening = Opening(tmp_path, protocols)
        opening.link.move(Phase.SNIFF)
        data = b""
        for piece in pieces:
            data, engine = opening.opener.sniff(opening.link, piece, 7.0)
            if engine is not None:
                break
        assert octets.startswith(data)
        assert [made[0] for made in opening.engines.made] == [HTTP2]
        opening.close()


@pytest.mark.parametrize(
    ("octets", "protocols", "protocol"),
    [
        (b"GET / HT", (HTTP2, HTTP1), HTTP1),
        (b"PR", (HTTP2, HTTP1), HTTP1),
        (b"GET / HT", (HTTP2,), HTTP2),
        (b"PR", (HTTP2,), HTTP2),
        (b"GET / HT", (HTTP1,), HTTP1),
    ],
)
def test_half_a_line_of_which_no_more_comes(
    tmp_path: Path, octets: bytes, protocols: tuple[str, ...], protocol: str
) -> None:
    opening = Opening(tmp_path, protocols)
    opening.link.move(Phase.SNIFF)
    assert opening.opener.sniff(opening.link, octets, 7.0) == (b"", None)
    data, _ = opening.opener.sniff(opening.link, b"", 7.0, last=True)
    assert (data, opening.engines.made[0][0]) == (octets, protocol)
    opening.close()


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
    opening.link.name_peer(parse_address("192.0.2.1"), 5)
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
    opening.link.proxies = TrustedProxies(["unix"])
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
    assert made.client.proxies is None, "whom the header names is no proxy"


@pytest.mark.parametrize("octets", [PREFACE, b"POST / HTTP/1.1\r\n", b"\r\nGET / HTTP/1.1\r\n"])
@pytest.mark.parametrize("step", [1, 1_000])
def test_a_trusted_proxy_need_not_send_a_header(opening: Opening, octets: bytes, step: int) -> None:
    opening.link.move(Phase.PROXY)
    opening.link.proxies = TrustedProxies(["unix"])
    for start in range(0, len(octets), step):
        opening.client.sendall(octets[start : start + step])
        if opening.link.phase is Phase.PROXY:
            opening.opener.read_proxy_header(opening.link)
    rest, engine = opening.sniff(opening.ours.recv(1_000))
    assert (rest, engine) == (octets, opening.engines.made[0][2])
    made = opening.engines.made[0][1]
    assert (made.client.host, made.proxied) == ("", True)
    assert made.client.proxies is opening.link.proxies
    assert opening.path.read_text() == ""


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
        (V1[:11] + b"fe80::1%e ::1 1 2\r\n", "malformed address in PROXY line"),
        (b"PROXY \r\n", "malformed PROXY line"),
    ],
)
def test_a_header_that_is_wrong_ends_the_connection(
    opening: Opening, octets: bytes, reason: str
) -> None:
    """Also where none is needed: who has begun with one meant to send one."""
    opening.link.move(Phase.PROXY)
    opening.client.sendall(octets)
    with pytest.raises(Closed, match=reason):
        opening.opener.read_proxy_header(opening.link)
    assert f"[proxy] unix: {reason}" in opening.path.read_text()


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (PREFACE, "no PROXY protocol header from a trusted proxy"),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\xff", "PROXY header longer than 100 octets"),
    ],
)
def test_where_a_header_is_required_its_lack_ends_the_connection(
    tmp_path: Path, octets: bytes, reason: str
) -> None:
    opening = Opening(tmp_path, proxy_required=True)
    opening.link.move(Phase.PROXY)
    opening.client.sendall(octets)
    with pytest.raises(Closed, match=reason):
        opening.opener.read_proxy_header(opening.link)
    assert f"[proxy] unix: {reason}" in opening.path.read_text()
    opening.close()


def test_a_proxy_that_says_nothing_and_goes(opening: Opening) -> None:
    opening.link.move(Phase.PROXY)
    opening.opener.read_proxy_header(opening.link)
    opening.client.close()
    with pytest.raises(Closed):
        opening.opener.read_proxy_header(opening.link)
