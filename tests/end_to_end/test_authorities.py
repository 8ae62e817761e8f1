"""Authorities that are malformed or contradict each other, at every door of the server.

A request with one of them gets nothing but a refusal, which the error log knows of: neither from
the site nor from dev mode's client, its events, the health check, uploads, or a preflight request
(RFC 9110 section 7.2, RFC 9112 section 3.2, RFC 9113 section 8.3.1).
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from h2static.http.fields import Field
from tests.support.peer import Peer
from tests.support.processes import DEADLINE, RunningServer, running
from tests.support.transports import Wire

DOORS: list[tuple[bytes, bytes, list[Field]]] = [
    (b"GET", b"/", []),
    (b"HEAD", b"/", []),
    (b"GET", b"/", [(b"accept", b"text/html"), (b"sec-fetch-dest", b"document")]),
    (b"GET", b"/style.css", []),
    (b"GET", b"/nope", []),
    (b"OPTIONS", b"*", []),
    (b"OPTIONS", b"/", [(b"access-control-request-method", b"GET")]),
    (b"POST", b"/", []),
    (b"GET", b"/up", []),
    (b"GET", b"/.h2static/client.js", []),
    (b"HEAD", b"/.h2static/events", []),
    (b"GET", b"/.h2static/events", []),
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("www")
    (root / "index.html").write_text("<!doctype html><title>t</title>")
    (root / "style.css").write_text("p {}")
    return root


#: A site with everything, in dev mode, with live reload alone, and neither.
WAYS = [("--dev",), ("--live-reload",), ()]


@pytest.fixture(scope="module", params=WAYS, ids=" ".join)
def server(request: pytest.FixtureRequest, root: Path) -> Iterator[RunningServer]:
    words = ("--no-tls", "-a", "127.0.0.1", "--cors", "--echo-upload", "--health", "/up")
    with running(*request.param, *words, "0", str(root)) as server:
        yield server


def bad_authorities(port: int) -> list[bytes]:
    """What no client may send; each begins or ends with a name that the server answers to."""
    here = b"localhost:%d" % port
    return [
        b"%b@evil.example" % here,
        b"%b:80@evil.example" % here,
        b"evil.example@%b" % here,
        b"%b/evil.example" % here,
        b"%b?" % here,
        b"%b, evil.example" % here,
        b"%b evil.example" % here,
        b"localhost:%d" % 99_999,
        b"localhost:x",
        b"[::1",
        b"[::1]x",
        b"[::1%lo]",
        b"%zz",
        b"localhost\\evil.example",
        b"localhost\xff",
    ]


@pytest.mark.parametrize(("method", "path", "fields"), DOORS)
def test_on_http2(server: RunningServer, method: bytes, path: bytes, fields: list[Field]) -> None:
    here = b"localhost:%d" % server.port
    wrong: list[list[Field]] = [
        [(name, value)]
        for value in bad_authorities(server.port)
        for name in (b":authority", b"host")
    ]
    wrong += [
        [(b":authority", here), (b"host", b"evil.example")],
        [(b":authority", b"evil.example"), (b"host", here)],
        [(b":authority", here), (b"host", b"localhost")],
        [(b":authority", here), (b"host", here), (b"host", here)],
        [(b"host", here), (b"host", b"evil.example")],
        [(b":authority", here), (b"host", b"")],
        [(b"host", b"")],
    ]
    wire = Wire(server.port)
    peer = Peer(wire)
    for number, authority in enumerate(wrong):
        pseudo = [(b":method", method), (b":scheme", b"http"), (b":path", path)]
        both = sorted([*pseudo, *authority], key=lambda field: not field[0].startswith(b":"))
        stream_id = 2 * number + 1
        peer.send(peer.headers(stream_id, [*both, *fields]))
        reply = peer.expect_response(stream_id, 400)
        assert reply.get(b"access-control-allow-private-network") is None
        assert b"h2static;" not in reply.body
    # All of them would be more than the log takes of one kind at once.
    server.wait_for_stderr(": 400: malformed authority: ")
    # ":authority" that is empty is malformed: RFC 9110 section 4.2.1.
    stream_id = 2 * len(wrong) + 1
    peer.send(peer.headers(stream_id, [*pseudo, (b":authority", b""), *fields]))
    assert peer.reply(stream_id).reset == 1
    wire.close()


@pytest.mark.parametrize(("method", "path", "fields"), DOORS)
def test_on_http1(server: RunningServer, method: bytes, path: bytes, fields: list[Field]) -> None:
    here = b"localhost:%d" % server.port
    lines = b"".join(b"%b: %b\r\n" % field for field in fields)
    wrong = [b"Host: %b\r\n" % value for value in bad_authorities(server.port)]
    wrong += [
        b"Host: %b\r\nHost: %b\r\n" % (here, here),
        b"Host: %b\r\nHost: evil.example\r\n" % here,
        b"Host:\r\n",
        b"",
    ]
    requests = [b"%b %b HTTP/1.1\r\n%b%b\r\n" % (method, path, host, lines) for host in wrong]
    if path != b"*":
        requests += [
            b"%b http://%b%b HTTP/1.1\r\nHost: %b\r\n%b\r\n" % (method, value, path, here, lines)
            for value in bad_authorities(server.port)
            # These end the authority, and the rest is the path of another request.
            if not {*b"/? "} & {*value}
        ]
    for octets in requests:
        with socket.create_connection(("127.0.0.1", server.port), DEADLINE) as sock:
            sock.sendall(octets)
            answer = b""
            while more := sock.recv(65536):
                answer += more
        assert answer.startswith(b"HTTP/1.1 400 "), (octets, answer[:100])
        assert b"h2static;" not in answer


@pytest.mark.parametrize("host", [b"localhost:%d", b"LOCALHOST:%d", b"127.0.0.1:%d", b"[::1]:%d"])
def test_right_ones_are_answered(server: RunningServer, host: bytes) -> None:
    """Also when Host says the same, and where HTTP/2 has neither, as HTTP/1.0 may."""
    here = host % server.port
    wire = Wire(server.port)
    peer = Peer(wire)
    ways: list[list[Field]] = [
        [(b":authority", here)],
        [(b":authority", here), (b"host", here.lower())],
        [(b"host", here)],
        [],
    ]
    for number, authority in enumerate(ways):
        pseudo: list[Field] = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/up")]
        both = sorted([*pseudo, *authority], key=lambda field: not field[0].startswith(b":"))
        peer.send(peer.headers(2 * number + 1, both))
        peer.expect_response(2 * number + 1, 200, b"ok\n")
    wire.close()
