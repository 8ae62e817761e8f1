"""How responses are framed: RFC 9112 sections 4, 6 and 7, golden octets."""

from __future__ import annotations

import http.client
import io
import socket
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.http.fields import Fields
from h2static.http.messages import Response
from h2static.http1.errors import BadResponse
from h2static.http1.framer import Framing, frame, frame_informational, frame_trailers
from tests.http1.applications import BufferBody, PiecesBody, sending
from tests.http1.harness import DATE, Harness

LENGTH_3 = ((b"content-length", b"3"),)
STREAM = PiecesBody([b"abc"], None)
KNOWN = PiecesBody([b"abc"], 3)
DATE_LINE = b"date: " + DATE + b"\r\n"
CHUNKED = b"transfer-encoding: chunked\r\n"
CLOSE, KEEP = b"connection: close\r\n", b"connection: keep-alive\r\n"

FRAMED = [
    # to GET with HTTP/1.1
    (Response(status=200, fields=LENGTH_3, body=b"abc"), b"", Framing.LENGTH),
    (Response(status=200, fields=LENGTH_3, body=KNOWN), b"", Framing.LENGTH),
    (Response(status=200, fields=LENGTH_3, body=STREAM), b"", Framing.LENGTH),
    (Response(status=200, fields=(), body=b"abc"), b"content-length: 3\r\n", Framing.LENGTH),
    (Response(status=200, fields=(), body=KNOWN), b"content-length: 3\r\n", Framing.LENGTH),
    (Response(status=200, fields=()), b"content-length: 0\r\n", Framing.LENGTH),
    (Response(status=200, fields=(), body=STREAM), CHUNKED, Framing.CHUNKED),
    # RFC 9110 section 8.6: no Content-Length in 204; in 304 it is that of the 200
    (Response(status=204, fields=((b"content-length", b"0"),)), b"", Framing.NONE),
    (Response(status=204, fields=(), body=b"abc"), b"", Framing.NONE),
    (Response(status=304, fields=((b"content-length", b"3"),)), b"", Framing.NONE),
    (Response(status=304, fields=(), body=STREAM), b"", Framing.NONE),
]


def section(fields: Fields) -> bytes:
    return b"".join(b"%b: %b\r\n" % field for field in fields)


@pytest.mark.parametrize(("response", "added", "framing"), FRAMED)
def test_framing(response: Response, added: bytes, framing: Framing) -> None:
    framed = frame(response, DATE, head_request=False, old=False)
    own = () if response.status == 204 else response.fields
    phrase = {200: b"OK", 204: b"No Content", 304: b"Not Modified"}[response.status]
    line = b"HTTP/1.1 %d %b\r\n" % (response.status, phrase)
    assert framed.octets == line + section(own) + added + DATE_LINE + b"\r\n"
    assert (framed.framing, framed.last) == (framing, False)


@pytest.mark.parametrize(("response", "added", "framing"), FRAMED)
@pytest.mark.parametrize("last", [True, False])
def test_framing_for_http_1_0(
    response: Response, added: bytes, framing: Framing, last: bool
) -> None:
    """No chunks; keep-alive is told to those who asked for it."""
    framed = frame(response, DATE, head_request=False, old=True, last=last)
    closes = framing is Framing.CHUNKED
    assert framed.framing is (Framing.CLOSE if closes else framing)
    assert framed.last == (last or closes)
    assert framed.octets.endswith(DATE_LINE + (CLOSE if framed.last else KEEP) + b"\r\n")
    assert b"transfer-encoding" not in framed.octets


@pytest.mark.parametrize(
    ("response", "lines"),
    [
        (Response(status=200, fields=LENGTH_3), b"content-length: 3\r\n"),
        (Response(status=200, fields=LENGTH_3, body=STREAM), b"content-length: 3\r\n"),
        (Response(status=200, fields=(), body=b"abc"), b"content-length: 3\r\n"),
        (Response(status=200, fields=(), body=STREAM), b""),
        (Response(status=200, fields=()), b""),
    ],
)
def test_head_is_answered_without_content(response: Response, lines: bytes) -> None:
    framed = frame(response, DATE, head_request=True, old=False)
    assert framed.octets == b"HTTP/1.1 200 OK\r\n" + lines + DATE_LINE + b"\r\n"
    assert framed.framing is Framing.NONE


def test_fields_of_the_connection_are_the_engines() -> None:
    fields = (
        (b"connection", b"x, close"),
        (b"keep-alive", b"timeout=5"),
        (b"proxy-connection", b"close"),
        (b"transfer-encoding", b"gzip, chunked"),
        (b"upgrade", b"websocket"),
        (b"date", b"yesterday"),
        (b"x", b"y"),
    )
    framed = frame(
        Response(status=200, fields=fields),
        DATE,
        head_request=False,
        old=False,
        added=((b"link", b"<a>"), (b"content-length", b"7"), (b"connection", b"close")),
    )
    assert framed.octets == (
        b"HTTP/1.1 200 OK\r\nx: y\r\nlink: <a>\r\ncontent-length: 0\r\n" + DATE_LINE + b"\r\n"
    )


def test_a_status_without_a_name() -> None:
    framed = frame(Response(status=299, fields=()), DATE, head_request=False, old=False)
    assert framed.octets.startswith(b"HTTP/1.1 299 \r\n")


def test_informational() -> None:
    fields = ((b"link", b"<a>"), (b"content-length", b"3"), (b"connection", b"close"))
    assert frame_informational(103, fields) == b"HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n"
    assert frame_informational(100) == b"HTTP/1.1 100 Continue\r\n\r\n"


def test_trailers() -> None:
    assert frame_trailers(()) == b"0\r\n\r\n"
    trailers = ((b"digest", b"x"), (b"transfer-encoding", b"chunked"), (b"trailer", b"digest"))
    assert frame_trailers(trailers) == b"0\r\ndigest: x\r\n\r\n"


@given(st.binary(max_size=8), st.binary(max_size=8))
def test_no_field_writes_a_line_of_its_own(name: bytes, value: bytes) -> None:
    for make in (
        lambda fields: frame(
            Response(status=200, fields=fields), DATE, head_request=False, old=False
        )[0],
        lambda fields: frame_informational(103, fields),
        frame_trailers,
    ):
        try:
            octets = make(((name, value),))
        except BadResponse:
            continue
        without = make(())
        assert octets.count(b"\n") - without.count(b"\n") in (0, 1)
        assert octets.count(b"\r") == octets.count(b"\r\n") == octets.count(b"\n")
        assert b"\x00" not in octets


class _Socket:
    """What http.client asks of a socket."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self._octets)


@pytest.mark.parametrize("version", [b"1.0", b"1.1"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("length", [None, 300_000])
def test_another_reader_reads_the_same(version: bytes, method: str, length: int | None) -> None:
    content = bytes(range(250)) * 1200
    pieces: list[bytes | None] = [
        content[start : start + 7001] for start in range(0, len(content), 7001)
    ]
    body = BufferBody(content) if length is not None else PiecesBody(pieces, None)
    harness = Harness(sending(body))
    harness.connection.receive(
        b"%b /body HTTP/%b\r\nHost: x\r\n\r\n" % (method.encode(), version), harness.now
    )
    harness.flush(budget=20_000, piece=777)
    response = http.client.HTTPResponse(
        cast("socket.socket", _Socket(bytes(harness.sent))), method=method
    )
    response.begin()
    assert response.status == 200
    assert response.read() == (content if method == "GET" else b"")
    assert response.getheader("content-length") == (str(length) if length else None)
    response.close()
