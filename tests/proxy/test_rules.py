"""The rules of forwarding: what an upstream is asked, and what a client gets of its response."""

from __future__ import annotations

import pytest

from h2static.http.fields import Field
from tests.proxy.conftest import MakeBackend, MakeFront
from tests.proxy.fronts import HOST, Front1, Front2
from tests.support.fake_server import Visitor
from tests.support.proxying import (
    PSEUDONYM,
    Asked,
    backend1,
    backend2,
    proxying,
    say_octets,
    to,
)

# ---------------------------------------------------------------------- requests


def test_a_request_and_its_response(front: MakeFront, backend: MakeBackend) -> None:
    with backend() as behind, proxying(to("/a", behind.target)) as proxy:
        client = front(proxy.port)
        got = client.ask(b"/a/b?c=d", fields=[(b"accept", b"text/plain")])
        assert (got.status, got.body) == (200, b"ok")
        assert got.get(b"content-length") == b"2"
        assert got.get(b"date") is not None
        asked = behind.one()
        assert (asked.method, asked.path, asked.authority) == (b"GET", b"/a/b?c=d", HOST)
        assert asked.get(b"accept") == b"text/plain"
        assert asked.get(b"x-forwarded-for") == b"127.0.0.1"
        assert asked.get(b"x-forwarded-proto") == b"http"
        assert asked.get(b"x-forwarded-host") == HOST
        assert asked.get(b"via") == client.version + b" " + PSEUDONYM.encode()
        assert asked.body == b""
        assert asked.get(b"content-length") is None


@pytest.mark.parametrize("method", [b"HEAD", b"OPTIONS", b"DELETE", b"PATCH", b"PUT"])
def test_methods(front: MakeFront, backend: MakeBackend, method: bytes) -> None:
    with backend() as behind, proxying(to("/a", behind.target)) as proxy:
        got = front(proxy.port).ask(method=method)
        assert got.status == 200
        assert got.body == (b"" if method == b"HEAD" else b"ok")
        assert got.get(b"content-length") == b"2"
        assert behind.one().method == method


@pytest.mark.parametrize("declared", [True, False], ids=["declared", "chunked"])
@pytest.mark.parametrize("size", [0, 1, 100_000])
def test_content(front: MakeFront, backend: MakeBackend, size: int, declared: bool) -> None:
    content = bytes(range(256)) * (size // 256) + bytes(size % 256)
    with backend() as behind, proxying(to("/a", behind.target)) as proxy:
        got = front(proxy.port).ask(method=b"POST", body=content, declared=declared)
        assert got.status == 200
        asked = behind.one()
        assert asked.body == content
        if declared:
            assert asked.get(b"content-length") == b"%d" % size


#: Fields of a client that concern its connection to us, or that it has no business to send.
NOT_PASSED_ON: dict[str, Field] = {
    "http2-settings": (b"http2-settings", b"AAMAAABk"),
    "proxy-authorization": (b"proxy-authorization", b"Basic eDp5"),
    "expect": (b"expect", b"100-continue"),
    "forwarded": (b"forwarded", b"for=10.0.0.1"),
    "x-real-ip": (b"x-real-ip", b"10.0.0.1"),
    "x-forwarded-port": (b"x-forwarded-port", b"1"),
    "x-forwarded-prefix": (b"x-forwarded-prefix", b"/x"),
    "underscores": (b"x_forwarded_for", b"10.0.0.1"),
    "one underscore": (b"x-forwarded_for", b"10.0.0.1"),
    "length with an underscore": (b"content_length", b"99"),
    "coding with an underscore": (b"transfer_encoding", b"chunked"),
    "via with underscores": (b"proxy_authorization", b"x"),
}


@pytest.mark.parametrize("row", NOT_PASSED_ON)
def test_not_passed_on(front: MakeFront, backend: MakeBackend, row: str) -> None:
    name, value = NOT_PASSED_ON[row]
    with backend() as behind, proxying(to("/a", behind.target)) as proxy:
        assert front(proxy.port).ask(fields=[(name, value), (b"x-mine", b"1")]).status == 200
        asked = behind.one()
        assert name not in dict(asked.fields)
        assert asked.get(b"x-mine") == b"1"


@pytest.mark.parametrize(
    ("name", "value", "known"),
    [
        (b"x-forwarded-for", b"10.0.0.1", b"127.0.0.1"),
        (b"x-forwarded-proto", b"https", b"http"),
        (b"x-forwarded-host", b"evil.example", HOST),
    ],
)
def test_what_a_client_says_of_itself_is_overwritten(
    front: MakeFront, backend: MakeBackend, name: bytes, value: bytes, known: bytes
) -> None:
    with backend() as behind, proxying(to("/a", behind.target)) as proxy:
        front(proxy.port).ask(fields=[(name, value)])
        assert behind.one().get(name) == known


def test_a_trusted_proxy_is_believed_and_added_to(front: MakeFront, backend: MakeBackend) -> None:
    said = [
        (b"x-forwarded-for", b"192.0.2.7"),
        (b"x-forwarded-proto", b"https"),
        (b"x-forwarded-host", b"shop.example"),
        (b"forwarded", b"for=192.0.2.7;proto=https"),
    ]
    with (
        backend() as behind,
        proxying(to("/a", behind.target), trusted=("127.0.0.0/8",)) as proxy,
    ):
        front(proxy.port).ask(fields=said)
        asked = behind.one()
        assert asked.get(b"x-forwarded-for") == b"192.0.2.7, 127.0.0.1"
        assert asked.get(b"x-forwarded-proto") == b"https"
        assert asked.get(b"x-forwarded-host") == b"shop.example"
        assert asked.get(b"forwarded") == (
            b"for=192.0.2.7;proto=https, for=127.0.0.1;proto=http;host=" + HOST
        )


def test_what_connection_names_is_left_out() -> None:
    with backend1() as behind, proxying(to("/a", behind.target)) as proxy:
        client = Front1(proxy.port)
        client.ask(
            fields=[
                (b"connection", b"x-secret, keep-alive"),
                (b"keep-alive", b"timeout=5"),
                (b"x-secret", b"1"),
                (b"te", b"trailers, deflate;q=0.5"),
                (b"x-other", b"2"),
            ]
        )
        client.close()
        asked = behind.one()
        assert asked.get(b"x-secret") is None
        assert asked.get(b"keep-alive") is None
        assert asked.get(b"x-other") == b"2"
        assert asked.get(b"te") == b"trailers"
        # RFC 9110 section 10.1.4.
        assert asked.get(b"connection") == b"te"


def test_cookies_become_one_field(backend: MakeBackend) -> None:
    with backend() as behind, proxying(to("/a", behind.target)) as proxy:
        client = Front2(proxy.port)
        client.ask(fields=[(b"cookie", b"a=1"), (b"x", b"y"), (b"cookie", b"b=2")])
        client.close()
        assert behind.one().get(b"cookie") == b"a=1; b=2"


def test_via_is_added_to(front: MakeFront, backend: MakeBackend) -> None:
    with backend() as behind, proxying(to("/a", behind.target)) as proxy:
        client = front(proxy.port)
        client.ask(fields=[(b"via", b"1.1 edge (x)")])
        expected = b"1.1 edge (x), " + client.version + b" " + PSEUDONYM.encode()
        assert behind.one().get(b"via") == expected


@pytest.mark.parametrize(
    "via", [b"1.1 a, HTTP/2.0 test-proxy (x)", b"1.1 test-proxy", b",".join([b"1.1 x"] * 40)]
)
def test_a_loop(front: MakeFront, backend: MakeBackend, via: bytes) -> None:
    with backend() as behind, proxying(to("/a", behind.target)) as proxy:
        client = front(proxy.port)
        assert client.ask(fields=[(b"via", via)]).status == 508
        assert behind.asked == []
        assert client.ask().status == 200


def test_max_forwards(front: MakeFront, backend: MakeBackend) -> None:
    with backend() as behind, proxying(to("/a", behind.target)) as proxy:
        client = front(proxy.port)
        assert client.ask(method=b"OPTIONS", fields=[(b"max-forwards", b"0")]).status == 501
        assert client.ask(method=b"OPTIONS", fields=[(b"max-forwards", b"3")]).status == 200
        assert behind.one().get(b"max-forwards") == b"2"


def test_who_is_asked(front: MakeFront, backend: MakeBackend) -> None:
    with (
        backend() as behind,
        proxying(
            to("/a", behind.target, change_origin=True),
            to(
                "/b",
                behind.target,
                headers=((b"host", b"set.example"), (b"x-set", b"1"), (b"accept", b"")),
            ),
        ) as proxy,
    ):
        client = front(proxy.port)
        client.ask(b"/a")
        client.ask(b"/b", fields=[(b"accept", b"*/*"), (b"x-set", b"2"), (b"x_set", b"3")])
        first, second = behind.asked
        assert first.authority == behind.target.partition("://")[2].encode()
        assert first.get(b"x-forwarded-host") == HOST
        assert second.authority == b"set.example"
        assert second.get(b"x-set") == b"1"
        assert second.get(b"x_set") is None
        assert second.get(b"accept") is None


@pytest.mark.parametrize(
    ("prefix", "base", "asked", "sent"),
    [
        ("/a", "", b"/a/b", b"/a/b"),
        ("/a", "/", b"/a/b?c", b"/b?c"),
        ("/a", "/", b"/a", b"/"),
        ("/a", "/x/y", b"/a/b", b"/x/y/b"),
        ("/a", "/x", b"/a?q", b"/x?q"),
        ("/a", "/x", b"/%61/b%2Fc", b"/x/b%2Fc"),
        ("/a", "", b"/z/../a/./b", b"/a/b"),
        ("/a", "", b"/a/%2e%2e/a/b", b"/a/b"),
        ("/a", "", b"/a/\\b", b"/a/%5Cb"),
        ("/a", "", b"/a/\xc3\xa9", b"/a/%C3%A9"),
        ("/a/b", "/x", b"/a/b/c", b"/x/c"),
        ("", "", b"/any?x", b"/any?x"),
        ("", "/x", b"/any", b"/x/any"),
    ],
)
def test_paths(
    front: MakeFront, backend: MakeBackend, prefix: str, base: str, asked: bytes, sent: bytes
) -> None:
    with backend() as behind, proxying(to(prefix, behind.target + base)) as proxy:
        assert front(proxy.port).ask(asked).status == 200
        assert behind.one().path == sent


def test_a_path_that_is_below_the_prefix_by_another_reading(front: MakeFront) -> None:
    with backend1() as behind, proxying(to("/a/b", behind.target)) as proxy:
        assert front(proxy.port).ask(b"/a%2Fb/c").status in (400, 404)
        assert behind.asked == []


def test_rewrite(front: MakeFront, backend: MakeBackend) -> None:
    with (
        backend() as behind,
        proxying(
            to("/a", behind.target, rewrite=(("^/a/v([0-9])", r"/\1"), ("x=.*", "x=y")))
        ) as proxy,
    ):
        front(proxy.port).ask(b"/a/v2/b?x=1")
        assert behind.one().path == b"/2/b?x=y"


# ---------------------------------------------------------------------- responses


def response(status: bytes, *lines: bytes, body: bytes = b"") -> bytes:
    """The octets of one."""
    return b"\r\n".join([b"HTTP/1.1 " + status, *lines, b"", b""]) + body


def test_fields_of_the_connection_are_left_out(front: MakeFront) -> None:
    octets = response(
        b"200 OK",
        b"connection: x-hop, keep-alive",
        b"keep-alive: timeout=5",
        b"x-hop: 1",
        b"proxy-authenticate: Basic",
        b'alt-svc: h3=":443"',
        b"date: Thu, 01 Jan 1970 00:00:00 GMT",
        b"server: theirs",
        b"set-cookie: a=1",
        b"set-cookie: b=2",
        b"content-length: 2",
        body=b"ok",
    )
    with backend1(say_octets(octets)) as behind, proxying(to("/a", behind.target)) as proxy:
        got = front(proxy.port).ask()
        names = [name for name, _ in got.fields]
        assert not {b"x-hop", b"keep-alive", b"proxy-authenticate", b"alt-svc"} & set(names)
        assert got.get(b"server") == b"theirs"
        date = got.get(b"date")
        assert date is not None
        assert not date.endswith(b"1970 00:00:00 GMT")
        assert [value for name, value in got.fields if name == b"set-cookie"] == [b"a=1", b"b=2"]


@pytest.mark.parametrize(
    ("location", "seen"),
    [
        (b"http://TARGET/base/x?y", b"/a/x?y"),
        (b"//TARGET/base", b"/a"),
        (b"http://TARGET/other", b"/other"),
        (b"http://elsewhere.example/base/x", b"http://elsewhere.example/base/x"),
        (b"https://TARGET/base/x", b"https://TARGET/base/x"),
        (b"/base/x", b"/base/x"),
        (b"x", b"x"),
    ],
)
def test_location(front: MakeFront, location: bytes, seen: bytes) -> None:
    name = b""

    def answer(visitor: Visitor, asked: Asked) -> bool:
        visitor.send(
            response(
                b"302 Found",
                b"location: " + location.replace(b"TARGET", name),
                b"content-length: 0",
            )
        )
        return True

    with backend1(answer) as behind:
        name = behind.target.partition("://")[2].encode()
        with proxying(to("/a", behind.target + "/base")) as proxy:
            got = front(proxy.port).ask()
            assert got.status == 302
            assert got.get(b"location") == seen.replace(b"TARGET", name)


@pytest.mark.parametrize(
    ("domain", "seen"),
    [
        (None, b"a=b; Domain=up.example; Path=/; Secure"),
        ("front.example", b"a=b; Domain=front.example; Path=/; Secure"),
        ("", b"a=b; Path=/; Secure"),
    ],
)
def test_cookie_domain(front: MakeFront, domain: str | None, seen: bytes) -> None:
    octets = response(
        b"200 OK", b"set-cookie: a=b; Domain=up.example; Path=/; Secure", b"content-length: 0"
    )
    with (
        backend1(say_octets(octets)) as behind,
        proxying(to("/a", behind.target, cookie_domain=domain)) as proxy,
    ):
        assert front(proxy.port).ask().get(b"set-cookie") == seen


@pytest.mark.parametrize(
    ("octets", "status", "length"),
    [
        (response(b"204 No Content", b"x: y"), 204, None),
        (response(b"304 Not Modified", b"etag: x", b"content-length: 7"), 304, b"7"),
        (response(b"205 Reset Content", b"content-length: 0"), 205, b"0"),
        (response(b"200 OK", b"content-length: 5, 5", body=b"12345"), 200, b"5"),
    ],
)
def test_statuses(front: MakeFront, octets: bytes, status: int, length: bytes | None) -> None:
    with (
        backend1(say_octets(octets, last=False)) as behind,
        proxying(to("/a", behind.target)) as proxy,
    ):
        client = front(proxy.port)
        for _ in range(2):
            got = client.ask()
            assert (got.status, got.broken) == (status, False)
            assert got.get(b"content-length") == length


def test_informational_responses_pass(front: MakeFront) -> None:
    octets = (
        response(b"100 Continue")
        + response(b"103 Early Hints", b"link: </a.css>; rel=preload", b"connection: x", b"x: y")
        + response(b"102 Processing")
        + response(b"200 OK", b"content-length: 2", body=b"ok")
    )
    with backend1(say_octets(octets)) as behind, proxying(to("/a", behind.target)) as proxy:
        got = front(proxy.port).ask()
        assert got.body == b"ok"
        assert [status for status, _ in got.informational] == [103, 102]


def test_trailers_pass_both_ways(front: MakeFront) -> None:
    octets = response(
        b"200 OK",
        b"transfer-encoding: chunked",
        b"trailer: x-sum",
        body=b"2\r\nok\r\n0\r\nx-sum: 1\r\n\r\n",
    )
    with backend1(say_octets(octets)) as behind, proxying(to("/a", behind.target)) as proxy:
        got = front(proxy.port).ask(
            method=b"POST",
            body=b"abc",
            declared=False,
            trailers=[(b"x-mine", b"7")],
            fields=[(b"te", b"trailers")],
        )
        assert (got.body, got.trailers) == (b"ok", [(b"x-sum", b"1")])
        asked = behind.one()
        assert (asked.body, asked.trailers) == (b"abc", [(b"x-mine", b"7")])


def test_trailers_over_http2(front: MakeFront) -> None:
    def answer(visitor: Visitor, asked: Asked, stream_id: int) -> None:
        visitor.send(visitor.head(stream_id, (b":status", b"200")))
        visitor.send(visitor.head(stream_id, (b"grpc-status", b"0"), end=True))

    with backend2(answer) as behind, proxying(to("/a", behind.target)) as proxy:
        got = front(proxy.port).ask(
            method=b"POST",
            body=b"abc",
            declared=False,
            trailers=[(b"x-mine", b"7")],
            fields=[(b"te", b"trailers")],
        )
        assert (got.status, got.body, got.trailers) == (200, b"", [(b"grpc-status", b"0")])
        asked = behind.one()
        assert (asked.body, asked.trailers) == (b"abc", [(b"x-mine", b"7")])
        assert asked.get(b"te") == b"trailers"
