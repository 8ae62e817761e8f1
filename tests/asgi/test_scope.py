"""What applications are told of a request (HTTP & WebSocket ASGI Message Format 2.5)."""

from __future__ import annotations

import pytest

from h2static.asgi.limits import AsgiLimits
from h2static.asgi.scope import Scopes, decoded_path, encoded_path, takes_trailers, tls_extension
from h2static.http.fields import Field, Fields
from h2static.http.messages import Client
from h2static.http.requests import Tls
from tests.asgi.support import Recorder, Talk, request_of
from tests.contracts.dialects import Dialect
from tests.support.exchange import FakeExchange

pytestmark = pytest.mark.anyio


async def test_an_ordinary_request(dialect: Dialect) -> None:
    seen = Recorder()
    talk = Talk(dialect, seen)
    reply = await talk.ask(b"/a%20b/%C3%BC?q=1&r=%20", fields=((b"accept", b"*/*"),))
    assert reply.content == b"hello"
    scope = seen.scope
    assert scope["type"] == "http"
    assert scope["asgi"] == {"version": "3.0", "spec_version": "2.5"}
    assert scope["http_version"] == {"http1": "1.1", "http2": "2"}[dialect.name]
    assert scope["method"] == "GET"
    assert scope["scheme"] == "http"
    assert scope["path"] == "/a b/ü"
    assert scope["raw_path"] == b"/a%20b/%C3%BC"
    assert scope["query_string"] == b"q=1&r=%20"
    assert scope["root_path"] == ""
    assert scope["headers"][0] == (b"host", b"example.test")
    assert (b"accept", b"*/*") in scope["headers"]
    assert not [name for name, _ in scope["headers"] if name.startswith(b":")]
    assert scope["client"] == ("192.0.2.7", 40_007)
    assert scope["server"] is None
    assert "state" not in scope
    assert not talk.reports


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"/", "/"),
        (b"/%2F%25", "//%"),
        (b"/%FF", "/\ufffd"),
        (b"/\xc3\xbc", "/ü"),
        (b"*", "*"),
        (b"/+", "/+"),
        (b"/a/../b/%2e%2E/c%2F..%2Fd", "/c/../d"),
        (b"/../a/.", "/a/"),
    ],
)
def test_paths_are_decoded_once(raw: bytes, path: str) -> None:
    assert decoded_path(raw) == path


async def test_a_mounted_application(dialect: Dialect) -> None:
    seen = Recorder()
    await Talk(dialect, seen, root_path="/api").ask(b"/api/x")
    assert seen.scope["root_path"] == "/api"
    assert seen.scope["path"] == "/api/x"
    assert seen.scope["raw_path"] == b"/api/x"


async def test_dot_segments_do_not_lead_out_of_a_mount(dialect: Dialect) -> None:
    seen = Recorder()
    await Talk(dialect, seen, root_path="/api").ask(b"/x/../api/y?/../")
    assert seen.scope["path"] == "/api/y"
    assert seen.scope["raw_path"] == b"/x/../api/y"
    assert seen.scope["query_string"] == b"/../"


async def test_each_request_has_a_scope_of_its_own(dialect: Dialect) -> None:
    seen = Recorder()
    talk = Talk(dialect, seen, state={"shared": [1]})
    for _ in range(4):
        await talk.ask()
        scope = seen.scopes[-1]
        assert "mine" not in scope
        assert (b"x", b"y") not in scope["headers"]
        assert "own" not in scope["extensions"]
        assert scope["state"] == {"shared": [1]}
        scope["mine"] = True
        scope["headers"].append((b"x", b"y"))
        scope["extensions"]["own"] = {}
        scope["extensions"]["http.response.pathsend"]["own"] = 1
        scope["state"]["mine"] = 1
        scope["asgi"]["own"] = 1
    assert all(
        scope["state"]["shared"] is seen.scopes[0]["state"]["shared"] for scope in seen.scopes
    )


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        # Order and repeats stay.
        (
            ((b"b", b"1"), (b"a", b"2"), (b"b", b"3")),
            [(b"host", b"localhost"), (b"b", b"1"), (b"a", b"2"), (b"b", b"3")],
        ),
        # Crumbs are one field, in the place of the first.
        (
            ((b"cookie", b"a=1"), (b"x", b"y"), (b"cookie", b"b=2"), (b"cookie", b"c=3")),
            [(b"host", b"localhost"), (b"cookie", b"a=1; b=2; c=3"), (b"x", b"y")],
        ),
        # The authority stands for Host.
        (((b"host", b"other"), (b"x", b"y")), [(b"host", b"localhost"), (b"x", b"y")]),
    ],
)
def test_headers(fields: Fields, headers: list[Field]) -> None:
    scope = Scopes().http(FakeExchange(request_of(fields=fields)))
    assert scope["headers"] == headers


def test_no_authority_no_host() -> None:
    scope = Scopes().http(FakeExchange(request_of(authority=b"")))
    assert scope["headers"] == []


@pytest.mark.parametrize(
    ("client", "found"),
    [
        (
            Client(host="::1", port=7, version="HTTP/2.0", local=("::", 8443)),
            (("::1", 7), ("::", 8443)),
        ),
        (Client(version="HTTP/1.1", local="/run/x.sock"), (None, ("/run/x.sock", None))),
        (Client(version="HTTP/1.1"), (None, None)),
    ],
)
def test_client_and_server(client: Client, found: tuple[object, object]) -> None:
    scope = Scopes().http(FakeExchange(request_of(), client=client))
    assert (scope["client"], scope["server"]) == found


def test_http_1_0_says_so() -> None:
    exchange = FakeExchange(request_of(old=True), client=Client(version="HTTP/1.1"))
    assert Scopes().http(exchange)["http_version"] == "1.0"


def test_methods_are_upper_case_and_schemes_lower_case() -> None:
    scope = Scopes().http(FakeExchange(request_of(method=b"get", scheme=b"HTTPS")))
    assert (scope["method"], scope["scheme"]) == ("GET", "https")
    assert Scopes().http(FakeExchange(request_of(scheme=b"")))["scheme"] == "http"


def test_what_repeats_is_remembered_within_a_bound() -> None:
    scopes = Scopes(limits=AsgiLimits(scopes=2))
    requests = [request_of(b"/%d" % number, repeats=True) for number in range(5)]
    for request in requests * 2:
        assert scopes.http(FakeExchange(request))["raw_path"] == request.path
    scopes.release()
    assert scopes.http(FakeExchange(requests[0]))["path"] == "/0"


@pytest.mark.parametrize(
    ("te", "old", "takes"),
    [
        (b"trailers", False, True),
        (b"gzip, Trailers", False, True),
        (b"gzip", False, False),
        (b"trailers", True, False),
        (None, False, False),
    ],
)
def test_who_takes_trailers(te: bytes | None, old: bool, takes: bool) -> None:
    fields = () if te is None else ((b"te", te),)
    assert takes_trailers(request_of(fields=fields, old=old)) is takes


@pytest.mark.parametrize(
    ("path", "octets"),
    [("/a", b"/a"), ("/ü b?q=ü", b"/%C3%BC%20b?q=%C3%BC"), ("/%20", b"/%20"), ("/#", b"/%23")],
)
def test_paths_to_push_are_encoded(path: str, octets: bytes) -> None:
    assert encoded_path(path) == octets


def test_the_tls_extension_has_every_key() -> None:
    tls = Tls(version=0x0304, cipher_suite=0x1301, server_certificate="PEM")
    assert tls_extension(tls) == {
        "server_cert": "PEM",
        "client_cert_chain": [],
        "client_cert_name": None,
        "client_cert_error": None,
        "tls_version": 0x0304,
        "cipher_suite": 0x1301,
    }
