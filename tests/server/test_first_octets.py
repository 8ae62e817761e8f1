"""What opens a cleartext connection and is neither HTTP/2's preface nor HTTP/1 (RFC 9113 3.4).

The single decisions stand in ``test_opener.py``; here a client hears of them over a socket.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.assembly import make_entrances
from h2static.config import Config
from h2static.http.shared import Shared
from h2static.http2 import registry as r
from h2static.http2.registry import ErrorCode
from h2static.logs.errors import ErrorLog
from h2static.server.first_octets import Spoken, spoken
from h2static.server.link import Link
from h2static.server.opening import Opener
from h2static.site.config import SiteConfig
from tests.support.processes import DEADLINE
from tests.support.serving import Serving, serving
from tests.support.small_site import SmallSite


def both(site: SiteConfig) -> Config:
    return Config(port=0, no_tls=True, site=site)


def http2_only(site: SiteConfig) -> Config:
    return Config(port=0, no_tls=True, site=site, http2_only=True)


def talk(server: Serving, *pieces: bytes, end: bool = False) -> bytes:
    """Everything that comes until the server closes; ``end``: the client ends its side first."""
    with socket.create_connection(("127.0.0.1", server.port), DEADLINE) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            sock.sendall(piece)
        if end:
            sock.shutdown(socket.SHUT_WR)
        answer = b""
        while more := sock.recv(65536):
            answer += more
    return answer


def frames(octets: bytes) -> list[tuple[int, bytes]]:
    """Type and payload of each frame."""
    found = []
    while octets:
        length = int.from_bytes(octets[:3], "big")
        found.append((octets[3], octets[9 : 9 + length]))
        octets = octets[9 + length :]
    return found


NEITHER = [
    b"INVALID CONNECTION PREFACE\r\n\r\n",
    b"        ",
    b"\r\n\r\n\r\n\r\n\r\n\r\n",
    b"\x16\x03\x01\x02\0\1\0\1\xfc\3\3",
    b"GET /\r\n",
    b"PRI * HTTP/1.1\r\n\r\n",
    b"\0\0\x12\4\0\0\0\0\0",
]


@pytest.mark.parametrize("config", [both, http2_only])
@pytest.mark.parametrize(
    "header",
    [
        b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
        b"PROXY UNKNOWN\r\n",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + bytes(12),
    ],
)
def test_a_proxy_that_nobody_trusts_is_told_of(
    header: bytes, config: Callable[[SiteConfig], Config]
) -> None:
    """Who forgot --trusted-proxy reads why nothing works."""
    with serving(config=config) as server:
        talk(server, header + b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        server.wait_for_error("preface: a PROXY header from a peer that is not a trusted proxy")


@pytest.mark.parametrize("config", [both, http2_only])
@pytest.mark.parametrize("octets", NEITHER)
def test_neither_is_told_so_in_frames(
    octets: bytes, config: Callable[[SiteConfig], Config]
) -> None:
    """RFC 9113 section 3.4: "Clients and servers MUST treat an invalid connection preface as a
    connection error of type PROTOCOL_ERROR"; a text would be read as the head of a frame."""
    with serving(config=config) as server:
        for pieces in ((octets,), tuple(octets[i : i + 1] for i in range(len(octets)))):
            settings, *others = frames(talk(server, *pieces, end=True))
            assert settings[0] == r.SETTINGS
            ((kind, payload),) = others
            assert kind == r.GOAWAY
            assert payload[:8] == bytes(4) + ErrorCode.PROTOCOL_ERROR.to_bytes(4, "big")
        server.wait_for_error("[connection] 127.0.0.1:")
        server.wait_for_error("PROTOCOL_ERROR: not an HTTP/2 connection preface")
        assert ("TLS on a cleartext port" in server.errors()) == (octets[:1] == b"\x16")


REQUESTS = [
    (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", b"200"),
    (b"\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", b"200"),
    (b"GET / HTTP/1.0\r\n\r\n", b"200"),
    (b"GET / HTTP/2.0\r\n\r\n", b"505"),
    (b"GET / HTTP/1.1\n\n", b"400"),
    (b"GET /a b HTTP/1.1\r\n\r\n", b"400"),
]


@pytest.mark.parametrize(("octets", "status"), REQUESTS)
@pytest.mark.parametrize("step", [1, 1_000])
def test_a_request_of_http1_is_answered(octets: bytes, status: bytes, step: int) -> None:
    pieces = [octets[start : start + step] for start in range(0, len(octets), step)]
    with serving(config=both) as server:
        assert talk(server, *pieces)[9:12] == status
    with serving(config=http2_only) as server:
        # The text for people; what follows the first line is not waited for.
        assert talk(server, *pieces[: len(octets)])[9:12] == b"505"
        server.wait_for_error("not HTTP/2: no connection preface")


@pytest.mark.parametrize(
    ("config", "octets", "start"),
    [
        (both, b"GET / HT", b"HTTP/1.1 408 "),
        (both, b"P", b"HTTP/1.1 408 "),
        (http2_only, b"GET / HT", b"\0\0\x12\4"),
        (http2_only, b"PRI", b"\0\0\x12\4"),
    ],
)
def test_half_a_line_has_its_time(
    tmp_path: Path, config: Callable[[SiteConfig], Config], octets: bytes, start: bytes
) -> None:
    """Then it is answered, and gets no more time than it would have had with the whole line."""
    application = SmallSite()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        made = config(SiteConfig(root="."))
        (entrance,) = make_entrances(made, [ours], application, Shared())
        log = ErrorLog(str(tmp_path / "log"))
        opener = Opener(log, lambda link: None)
        link = Link(ours, entrance, 0.0)
        assert opener.sniff(link, octets, 9.0) == (b"", None)
        data, engine = opener.sniff(link, b"", link.opened_at, last=True)
        assert engine is not None
        engine.receive(data, 10.1)
        engine.check(10.1)
        assert b"".join(engine.pending()).startswith(start)
        assert engine.closing
        assert engine.problem is not None
        log.close()


def test_half_a_line_and_the_end() -> None:
    with serving(config=both) as server:
        assert talk(server, b"GET / HT", end=True) == b""
        server.wait_for_error("connection closed before the request was complete")


@given(st.binary(max_size=60), st.integers(1, 60))
def test_however_it_was_cut(octets: bytes, step: int) -> None:
    """What is decided is never taken back, and is the same for every cut."""
    whole = spoken(octets, 50)
    for end in range(step, len(octets), step):
        part = spoken(octets[:end], 50)
        assert part in (Spoken.UNKNOWN_YET, whole)


@pytest.mark.parametrize("length", [48, 49, 50, 51, 52, 60])
def test_a_line_around_the_limit_however_it_was_cut(length: int) -> None:
    """What stands behind the limit does not count, also where it has come already."""
    octets = b"P" * length + b"\nmore"
    said = [spoken(octets[:end], 50) for end in range(1, len(octets) + 1)]
    decided = [one for one in said if one is not Spoken.UNKNOWN_YET]
    assert set(decided) == {Spoken.HTTP1 if length > 50 else Spoken.NOTHING}
