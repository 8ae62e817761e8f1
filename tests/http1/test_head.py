"""Reading a header section: RFC 9112 sections 2, 3, 5 and 6, by section."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.http1.errors import BadRequest
from h2static.http1.head import CHUNKED, Head, parse_head
from h2static.http1.limits import Limits

LIMITS = Limits()


def parse(section: bytes, *, secure: bool = False) -> Head:
    return parse_head(section, secure=secure, limits=LIMITS)


def request(line: bytes = b"GET / HTTP/1.1", *fields: bytes) -> bytes:
    return b"\r\n".join([line, *(fields or (b"Host: a",)), b"", b""])


ACCEPTED = [
    # RFC 9112 section 3: request line; section 3.2: forms of the target
    (request(b"GET /a?b=c HTTP/1.1"), b"a", b"/a?b=c"),
    (request(b"GET /?a?b/c HTTP/1.1"), b"a", b"/?a?b/c"),
    (request(b"GET //x HTTP/1.1"), b"a", b"//x"),
    (request(b"OPTIONS * HTTP/1.1"), b"a", b"*"),
    (request(b"GET http://b:81/x HTTP/1.1"), b"b:81", b"/x"),
    (request(b"GET HTTP://b HTTP/1.1"), b"b", b"/"),
    (request(b"GET http://b?q HTTP/1.1"), b"b", b"/?q"),
    (request(b"OPTIONS http://b HTTP/1.1"), b"b", b"*"),
    (request(b"GET / HTTP/1.7"), b"a", b"/"),
    # section 3.2: Host
    (request(b"GET / HTTP/1.1", b"hOsT:  localhost:8080 \t"), b"localhost:8080", b"/"),
    (request(b"GET / HTTP/1.1", b"Host: [::1]:80"), b"[::1]:80", b"/"),
    # section 3.3: an HTTP/1.0 client need not name the host
    (b"GET / HTTP/1.0\r\n\r\n", b"localhost", b"/"),
]


@pytest.mark.parametrize(("section", "authority", "path"), ACCEPTED)
def test_accepts(section: bytes, authority: bytes, path: bytes) -> None:
    head = parse(section)
    assert (head.request.authority, head.request.path) == (authority, path)
    assert head.request.scheme == b"http"


REFUSED = [
    # RFC 9112 section 2.2: bare CR, bare LF; RFC 9110 section 5.5: NUL and controls
    (b"GET / HTTP/1.1\nHost: a\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\n\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n", 400),
    (request(b"GET / HTTP/1.1", b"Host: a", b"X: a\x00b"), 400),
    (request(b"GET / HTTP/1.1", b"Host: a", b"X: a\x01b"), 400),
    (request(b"GET / HTTP/1.1", b"Host: a", b"X: a\x7fb"), 400),
    # section 3: request line
    (request(b"GET  / HTTP/1.1"), 400),
    (request(b"GET /  HTTP/1.1"), 400),
    (request(b"GET\t/ HTTP/1.1"), 400),
    (request(b"GET / HTTP/1.1 "), 400),
    (request(b" GET / HTTP/1.1"), 400),
    (request(b"GET /"), 400),
    (request(b"G(T / HTTP/1.1"), 400),
    (request(b"GET / http/1.1"), 400),
    (request(b"GET / HTTP/1.10"), 400),
    (request(b"GET / HTTP/2.0"), 505),
    (request(b"GET / HTTP/0.9"), 505),
    (request(b"GET /" + b"a" * 20_000 + b" HTTP/1.1"), 414),
    # section 3.2: Host
    (request(b"GET / HTTP/1.1", b"X: y"), 400),
    (request(b"GET / HTTP/1.1", b"Host: a", b"Host: a"), 400),
    (request(b"GET / HTTP/1.1", b"Host: a", b"host: b"), 400),
    (request(b"GET / HTTP/1.1", b"Host:"), 400),
    (request(b"GET / HTTP/1.1", b"Host: a b"), 400),
    (request(b"GET / HTTP/1.1", b"Host: a@b"), 400),
    (request(b"GET / HTTP/1.1", b"Host: a/b"), 400),
    (request(b"GET / HTTP/1.1", b"Host: a:b"), 400),
    (request(b"GET / HTTP/1.1", b"Host: a, b"), 400),
    # section 3.2.1 to 3.2.4: forms of the target
    (request(b"GET * HTTP/1.1"), 400),
    (request(b"GET a/b HTTP/1.1"), 400),
    (request(b"GET /a#b HTTP/1.1"), 400),
    (request(b"GET http:///a HTTP/1.1"), 400),
    (request(b"GET http://u@b/ HTTP/1.1"), 400),
    (request(b"GET ftp://b/ HTTP/1.1"), 421),
    (request(b"GET https://b/ HTTP/1.1"), 421),
    (request(b"CONNECT a:443 HTTP/1.1"), 501),
    # section 5.1: no white space around the name; section 5.2: no folding
    (request(b"GET / HTTP/1.1", b"Host : a"), 400),
    (request(b"GET / HTTP/1.1", b" Host: a"), 400),
    (request(b"GET / HTTP/1.1", b"Host: a", b"X: a", b" b"), 400),
    (request(b"GET / HTTP/1.1", b"Host: a", b"\tb"), 400),
    (request(b"GET / HTTP/1.1", b"Host: a", b"nocolon"), 400),
    (request(b"GET / HTTP/1.1", b"Host: a", b": empty"), 400),
    (request(b"GET / HTTP/1.1", b"Host: a", b"X\xa0: b"), 400),
    (request(b"GET / HTTP/1.1", b"Host: a", *[b"a: b"] * 300), 431),
    # section 6: content
    (request(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: +5"), 400),
    (request(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: -5"), 400),
    (request(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 0x5"), 400),
    (request(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 5 5"), 400),
    (request(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 5, 5"), 400),
    (request(b"POST / HTTP/1.1", b"Host: a", b"Content-Length:"), 400),
    (request(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: \xb2"), 400),
    (request(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: %d" % 2**64), 400),
    (request(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 5", b"Content-Length: 5"), 400),
    (request(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 5", b"Content-Length: 6"), 400),
    (
        request(
            b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 5", b"Transfer-Encoding: chunked"
        ),
        400,
    ),
    (
        request(b"POST / HTTP/1.1", b"Host: a", b"transfer-encoding: x", b"content-length: 1"),
        400,
    ),
    (request(b"POST / HTTP/1.0", b"Host: a", b"Transfer-Encoding: chunked"), 400),
    (request(b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: chunked, identity"), 400),
    (request(b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: chunked, chunked"), 400),
    (request(b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: xchunked"), 400),
    (request(b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: \x0bchunked"), 400),
    (request(b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: gzip, chunked"), 501),
    (
        request(
            b"POST / HTTP/1.1", b"Host: a", b"Transfer-Encoding: chunked", b"Transfer-Encoding: x"
        ),
        400,
    ),
    # RFC 9110 section 10.1.1
    (request(b"POST / HTTP/1.1", b"Host: a", b"Content-Length: 1", b"Expect: tea"), 417),
]


@pytest.mark.parametrize(("section", "status"), REFUSED)
def test_refuses(section: bytes, status: int) -> None:
    with pytest.raises(BadRequest) as caught:
        parse(section)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("fields", "length"),
    [
        ([], 0),
        ([b"Content-Length: 0"], 0),
        ([b"Content-Length: 012"], 12),
        ([b"Transfer-Encoding: chunked"], CHUNKED),
        ([b"TRANSFER-encoding:\tChunKed "], CHUNKED),
    ],
)
def test_content_length(fields: list[bytes], length: int) -> None:
    assert parse(request(b"POST / HTTP/1.1", b"Host: a", *fields)).content_length == length


def test_scheme_is_the_connections() -> None:
    section = request(b"GET https://b/x HTTP/1.1")
    assert parse(section, secure=True).request.scheme == b"https"


def test_fields_of_the_connection_are_not_the_requests() -> None:
    head = parse(
        request(
            b"GET / HTTP/1.1", b"Host: a", b"Connection: x", b"Upgrade: h2c", b"X-Y:  z ", b"x-y:"
        )
    )
    assert head.request.fields == ((b"x-y", b"z"), (b"x-y", b""))


@pytest.mark.parametrize(
    ("line", "field", "expects"),
    [
        (b"POST / HTTP/1.1", b"Expect: 100-continue", True),
        (b"POST / HTTP/1.1", b"Expect: 100-Continue", True),
        (b"POST / HTTP/1.0", b"Expect: 100-continue", False),
        (b"POST / HTTP/1.0", b"Expect: tea", False),
    ],
)
def test_expectation(line: bytes, field: bytes, expects: bool) -> None:
    assert parse(request(line, b"Host: a", b"Content-Length: 1", field)).expects_continue is expects


def test_no_content_expects_nothing() -> None:
    head = parse(request(b"GET / HTTP/1.1", b"Host: a", b"Expect: 100-continue"))
    assert not head.expects_continue


@given(st.binary(max_size=200))
def test_only_bad_request_is_raised(octets: bytes) -> None:
    for section in (
        octets + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n" + octets + b"\r\n\r\n",
        b"GET " + octets + b" HTTP/1.1\r\nHost: a\r\n\r\n",
    ):
        try:
            head = parse(section)
        except BadRequest:
            continue
        assert b"\n" not in head.request.path
        assert all(b"\r" not in value for _, value in head.request.fields)
