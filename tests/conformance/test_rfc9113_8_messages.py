"""RFC 9113 section 8: field sections, pseudo-header fields, trailers, informational responses."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from h2static.http.exchange import Application
from h2static.http.fields import Fields
from h2static.http.messages import Field, Response
from h2static.http2 import registry as r
from h2static.http2.frames import Data, Headers, RstStream
from h2static.http2.limits import Limits
from h2static.http2.registry import ErrorCode
from h2static.http2.settings import LocalSettings
from h2static.server.response_options import ResponseOptions
from tests.conformance.cases import (
    BLOCKED,
    IDLE,
    OPEN,
    Case,
    connection_error,
    octets,
    parametrize,
    request,
    run,
    stream_error,
    with_fields,
)
from tests.support.applications import TableApplication
from tests.support.peer import Peer, request_fields
from tests.support.replies import Section
from tests.support.small_site import SmallSite, pattern
from tests.support.transports import Mirror

_PROTOCOL = ErrorCode.PROTOCOL_ERROR

_METHOD = (b":method", b"GET")
_SCHEME = (b":scheme", b"http")
_AUTHORITY = (b":authority", b"test.example")
_PATH = (b":path", b"/")


def with_options(
    *, trailers: Fields = (), no_content_length: bool = False, early: bool = False
) -> Callable[[], Application]:
    """A site for those who test clients."""
    return lambda: ResponseOptions(
        SmallSite(), trailers=trailers, no_content_length=no_content_length, early=early
    )


def malformed(name: str, *fields: Field) -> Case:
    """ "Malformed requests or responses that are detected MUST be treated as a stream error of type
    PROTOCOL_ERROR" (8.1.1)."""
    return stream_error(name, _PROTOCOL, IDLE, lambda peer: request(peer, *fields))


def bad_field(name: str, *extra: Field) -> Case:
    """A well-formed request plus ``extra``."""
    return stream_error(name, _PROTOCOL, IDLE, with_fields(*extra))


CASES = [
    # 8.2.1: characters in names.
    *[
        bad_field(f"name with {octet:#04x}", (b"a" + bytes((octet,)) + b"b", b"v"))
        for octet in (
            *(0x00, 0x09, 0x0A, 0x0D, 0x1F, 0x20, 0x22, 0x28, 0x2C, 0x2F, 0x3A, 0x3B, 0x40),
            *(0x41, 0x5A, 0x5B, 0x5D, 0x7B, 0x7D, 0x7F, 0x80, 0xC3, 0xFF),
        )
    ],
    bad_field("empty name", (b"", b"v")),
    bad_field("upper case", (b"X-Test", b"v")),
    bad_field("upper case of a known name", (b"Accept", b"*/*")),
    # 8.2.1: characters in values.
    *[
        bad_field(f"value with {octet:#04x}", (b"x-test", b"a" + bytes((octet,)) + b"b"))
        for octet in (0x00, 0x0A, 0x0D, 0x01, 0x1F, 0x7F)
    ],
    *[
        bad_field(f"value {value!r}", (b"x-test", value))
        for value in (b" a", b"a ", b"\ta", b"a\t", b" ", b"\t", b"\r", b"\n")
    ],
    bad_field("NUL in a cookie", (b"cookie", b"a=\0")),
    # 8.2.2: connection-specific fields.
    *[
        bad_field(name.decode(), (name, value))
        for name, value in [
            (b"connection", b"keep-alive"),
            (b"connection", b""),
            (b"proxy-connection", b"keep-alive"),
            (b"keep-alive", b"timeout=5"),
            (b"transfer-encoding", b"chunked"),
            (b"upgrade", b"h2c"),
        ]
    ],
    *[
        bad_field(f"te: {value.decode()}", (b"te", value))
        for value in (b"gzip", b"trailers, gzip", b"", b"chunked")
    ],
    bad_field("te: two, one wrong", (b"te", b"trailers"), (b"te", b"gzip")),
    # 8.3: pseudo-header fields.
    malformed("no field at all"),
    malformed("no :method", _SCHEME, _AUTHORITY, _PATH),
    malformed("no :scheme", _METHOD, _AUTHORITY, _PATH),
    malformed("no :path", _METHOD, _SCHEME, _AUTHORITY),
    *[
        malformed(f"two {field[0].decode()}", _METHOD, _SCHEME, _AUTHORITY, _PATH, field)
        for field in (_METHOD, _SCHEME, _AUTHORITY, _PATH)
    ],
    malformed("unknown pseudo-header field", _METHOD, _SCHEME, _PATH, (b":unknown", b"x")),
    malformed(":status", _METHOD, _SCHEME, _PATH, (b":status", b"200")),
    malformed("empty pseudo-header name", _METHOD, _SCHEME, _PATH, (b":", b"x")),
    malformed("upper case", (b":Method", b"GET"), _SCHEME, _PATH),
    *[
        malformed(
            f"{field[0].decode()} after a field",
            *[one for one in (_METHOD, _SCHEME, _AUTHORITY, _PATH) if one != field],
            (b"accept", b"*/*"),
            field,
        )
        for field in (_METHOD, _SCHEME, _AUTHORITY, _PATH)
    ],
    # 8.3.1: their values.
    *[
        malformed(f":method {value!r}", (b":method", value), _SCHEME, _AUTHORITY, _PATH)
        for value in (b"", b"GET ", b"GE T", b"G\xc3T", b"GET\n", b"G/T")
    ],
    *[
        malformed(f":scheme {value!r}", _METHOD, (b":scheme", value), _AUTHORITY, _PATH)
        for value in (b"", b"1http", b"http:", b"ht tp", b"http\0")
    ],
    *[
        malformed(f":path {value!r}", _METHOD, _SCHEME, _AUTHORITY, (b":path", value))
        for value in (
            *(
                b"",
                b"index.html",
                b"*",
                b"http://test.example/",
                b"/a b",
                b"/a#b",
                b"/\0",
                b"/\x7f",
            ),
            *(b"?query", b" /", b"/ ", b"/\r\n", b"\\"),
        )
    ],
    *[
        malformed(f":authority {value!r}", _METHOD, _SCHEME, (b":authority", value), _PATH)
        for value in (b"a\0b", b"a\r\nb", b" a", b"a ")
    ],
    malformed("OPTIONS without a path", (b":method", b"OPTIONS"), _SCHEME, _AUTHORITY),
    # 8.5: CONNECT.
    malformed("CONNECT with :path", (b":method", b"CONNECT"), _AUTHORITY, _PATH),
    malformed("CONNECT with :scheme", (b":method", b"CONNECT"), _AUTHORITY, _SCHEME),
    malformed("CONNECT without :authority", (b":method", b"CONNECT")),
    malformed("CONNECT to nowhere", (b":method", b"CONNECT"), (b":authority", b"")),
    # RFC 8441 section 4: without SETTINGS_ENABLE_CONNECT_PROTOCOL of ours it is unknown.
    malformed(
        "extended CONNECT",
        (b":method", b"CONNECT"),
        (b":protocol", b"websocket"),
        _SCHEME,
        _AUTHORITY,
        _PATH,
    ),
    malformed(":protocol on GET", _METHOD, _SCHEME, _AUTHORITY, _PATH, (b":protocol", b"x")),
    # 8.1: trailers.
    stream_error(
        "trailers without END_STREAM",
        _PROTOCOL,
        OPEN,
        lambda peer: (peer.headers(OPEN, [(b"x-sum", b"1")], end_stream=False),),
    ),
    stream_error(
        "a whole request instead of trailers", _PROTOCOL, OPEN, lambda peer: (peer.headers(OPEN),)
    ),
    *[
        stream_error(
            f"trailers with {field[0].decode()}",
            _PROTOCOL,
            OPEN,
            lambda peer, field=field: (peer.headers(OPEN, [field]),),  # type: ignore[misc]  # bound now
        )
        for field in [
            (b":path", b"/"),
            (b":status", b"200"),
            (b"X-Sum", b"1"),
            (b"connection", b"close"),
            (b"transfer-encoding", b"chunked"),
            (b"x-sum", b"1\r\n"),
        ]
    ],
    stream_error(
        "two sections of trailers, the first without END_STREAM",
        _PROTOCOL,
        OPEN,
        lambda peer: [
            Headers(stream_id=OPEN, flags=flags, fragment=peer.block([(b"x-sum", b"1")]))
            for flags in (r.END_HEADERS, r.END_HEADERS | r.END_STREAM)
        ],
    ),
    connection_error(
        "trailers after RST_STREAM",
        ErrorCode.STREAM_CLOSED,
        lambda peer: (
            octets(r.RST_STREAM, 0, BLOCKED, bytes(4)),
            Headers(stream_id=BLOCKED, flags=5, fragment=peer.block([(b"x-sum", b"1")])),
        ),
    ),
]


@parametrize(CASES)
def test_a_malformed_request_ends_its_stream(case: Case) -> None:
    run(case)


@pytest.mark.parametrize("end_stream", [True, False])
def test_a_malformed_request_never_reaches_the_site(end_stream: bool) -> None:
    peer = Peer()
    fields = request_fields(b"/", b"GET", (b"te", b"gzip"))
    for stream_id in (1, 3, 5):
        peer.send(peer.headers(stream_id, fields, end_stream=end_stream))
        peer.expect_reset(stream_id, _PROTOCOL)
    assert not peer.site.requests


#: Field sections that look odd and are legal.
LEGAL: list[tuple[str, list[Field]]] = [
    ("obs-text in a value", request_fields(b"/", b"GET", (b"x-name", b"caf\xc3\xa9 \xff"))),
    ("white space inside a value", request_fields(b"/", b"GET", (b"x-test", b"a \t b"))),
    ("empty value", request_fields(b"/", b"GET", (b"accept", b""))),
    ("te: trailers", request_fields(b"/", b"GET", (b"te", b"trailers"))),
    ("te in upper case", request_fields(b"/", b"GET", (b"te", b"Trailers"))),
    ("all characters of a token", request_fields(b"/", b"GET", (b"!#$%&'*+-.^_`|~0aiz", b"v"))),
    ("repeated fields", request_fields(b"/", b"GET", (b"x-a", b"1"), (b"x-a", b"2"))),
    ("no :authority", [_METHOD, _SCHEME, _PATH, (b"host", b"test.example")]),
    ("neither :authority nor Host", [_METHOD, _SCHEME, _PATH]),
    ("pseudo-header fields in another order", [_PATH, _AUTHORITY, _SCHEME, _METHOD]),
    ("scheme in upper case", request_fields(b"/", scheme=b"HTTP")),
    ("content-length: 0", request_fields(b"/", b"GET", (b"content-length", b"0"))),
    ("a name of 1000 octets", request_fields(b"/", b"GET", (b"x" * 1000, b"v"))),
    ("expect of something else", request_fields(b"/", b"GET", (b"expect", b"a-miracle"))),
    ("a method that nobody knows", request_fields(b"/", b"BREW")),
    ("a long path", request_fields(b"/?" + b"q" * 8_000)),
]


@pytest.mark.parametrize(("name", "fields"), LEGAL, ids=[name for name, _ in LEGAL])
def test_legal_but_unusual_requests(name: str, fields: list[Field]) -> None:
    peer = Peer()
    for stream_id in (1, 3, 5):
        peer.send(peer.headers(stream_id, fields))
        assert peer.reply(stream_id).status in (200, 404), name
    peer.expect_alive()


def test_cookie_crumbs_are_joined() -> None:
    """8.2.3: "; " between them, wherever they stood; other fields stay separate."""
    peer = Peer()
    crumbs: list[Field] = [(b"cookie", b"a=1"), (b"x-a", b"1"), (b"cookie", b"b=2"), (b"x-a", b"2")]
    peer.send(peer.headers(1, request_fields(b"/", b"GET", *crumbs)))
    peer.expect_response(1)
    (request_,) = peer.site.requests
    assert request_.field(b"cookie") == b"a=1; b=2"
    assert request_.field(b"x-a") == b"1, 2"


def test_the_authority_may_come_from_host() -> None:
    peer = Peer()
    peer.send(peer.headers(1, [_METHOD, _SCHEME, _PATH, (b"host", b"other.example")]))
    peer.expect_response(1)
    assert peer.site.requests[-1].authority == b"other.example"


@pytest.mark.parametrize("scheme", [b"https", b"ftp", b"HTTPS"])
def test_a_scheme_that_is_not_served(scheme: bytes) -> None:
    """RFC 9110 section 7.4: "an origin server MUST reject a request if any scheme-specific
    requirements for the target URI are not met", which is what 421 is for (section 15.5.20)."""
    peer = Peer()
    for stream_id in (1, 3, 5):
        peer.send(peer.headers(stream_id, request_fields(b"/", scheme=scheme)))
        peer.expect_response(stream_id, 421)
    assert not peer.site.requests
    peer.expect_serves(7)


def test_connect_is_no_tunnel() -> None:
    """A 2xx would say that there is one (RFC 9110 section 9.3.6): what an application says that
    treats CONNECT like other methods does not get that far.  The answer does not wait for content.
    """
    peer = Peer()
    fields: list[Field] = [(b":method", b"CONNECT"), (b":authority", b"test.example:443")]
    peer.send(peer.headers(1, fields, end_stream=False))
    peer.expect_response(1, 501)
    assert peer.site.requests[-1].method == b"CONNECT"
    peer.data(1, b"GET / HTTP/1.1\r\n\r\n")
    peer.expect_alive()
    peer.data(1, b"", end_stream=True)
    peer.expect_serves(3)


def test_options_of_the_whole_server() -> None:
    peer = Peer()
    peer.send(peer.headers(1, request_fields(b"*", b"OPTIONS")))
    peer.expect_response(1)
    assert peer.site.requests[-1].path == b"*"


# ---------------------------------------------------------------------- responses


def test_head_has_no_content() -> None:
    peer = Peer()
    for stream_id in (1, 3, 5):
        peer.request(stream_id, b"/memory/1000", b"HEAD")
        reply = peer.expect_response(stream_id, 200, b"")
        assert reply.data == []
        assert reply.get(b"content-length") == b"1000"


def test_an_empty_body_is_no_data_frame() -> None:
    peer = Peer()
    peer.request(1, b"/memory/0")
    assert peer.expect_response(1, 200, b"").data == []


def test_continue() -> None:
    """RFC 9110 section 10.1.1: 100 from whoever wants the content, otherwise a final response."""
    peer = Peer()
    fields = request_fields(b"/echo", b"POST", (b"expect", b"100-continue"))
    peer.send(peer.headers(1, fields, end_stream=False))
    peer.pull()
    assert peer.streams[1].reply.informational == [100]
    peer.data(1, b"content", end_stream=True)
    peer.expect_response(1, 200, b"content")
    fields = request_fields(b"/", b"POST", (b"expect", b"100-continue"))
    peer.send(peer.headers(7, fields, end_stream=False))
    assert peer.expect_response(7, 200, b"hello").informational == []
    peer.data(7, b"content all the same", end_stream=True)
    peer.send(peer.headers(9, request_fields(b"/early", b"POST", (b"expect", b"100-continue"))))
    assert peer.expect_response(9, 405).informational == []
    peer.expect_serves(11)


def test_an_early_answer() -> None:
    """8.1: the response can be whole before the request is, which goes on or is cut."""
    peer = Peer()
    peer.request(1, b"/early", b"POST", end_stream=False)
    peer.expect_response(1, 405)
    assert 1 in peer.mirror.connection.streams.open
    peer.data(1, b"x" * 1_000)
    peer.data(1, b"", end_stream=True)
    peer.expect_alive()
    assert not peer.mirror.connection.streams.open
    peer.request(3, b"/early", b"POST", end_stream=False)
    peer.expect_response(3, 405)
    peer.send(RstStream(stream_id=3, code=ErrorCode.CANCEL))
    peer.expect_alive()
    assert not peer.mirror.connection.streams.open


def test_an_early_answer_that_is_slower_than_the_request() -> None:
    """The request ends while the response waits for its window."""
    peer = Peer(settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 5)], replenish=False)
    peer.request(1, b"/early", b"POST", end_stream=False)
    peer.data(1, b"content", end_stream=True)
    peer.expect_alive_with(1)
    assert not peer.streams[1].over
    peer.update(1, 100)
    peer.expect_response(1, 405)
    peer.expect_alive()
    assert not peer.mirror.connection.streams.open


@pytest.mark.parametrize("window", [10, 100])
def test_two_sections_of_trailers(window: int) -> None:
    """The first one ends the request: what follows is for a stream that is half-closed, or closed
    if all of the response was sent (section 5.1)."""
    peer = Peer(settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, window)], replenish=False)
    peer.request(1, b"/memory/40", b"POST", end_stream=False)
    peer.send(peer.headers(1, [(b"x-sum", b"1")]), peer.headers(1, [(b"x-sum", b"1")]))
    if window < 40:
        peer.expect(Section)
        peer.expect_reset(1, ErrorCode.STREAM_CLOSED)
        peer.expect_serves(3)
    else:
        peer.expect_response(1, 200, pattern(40))
        peer.expect_goaway(ErrorCode.STREAM_CLOSED, 1)


def test_early_response_by_option() -> None:
    peer = Peer(Mirror(application=with_options(early=True)))
    peer.request(1, b"/", b"POST", end_stream=False)
    peer.expect_response(1, 200, b"hello")
    peer.request(3, b"/memory/100000", b"POST", end_stream=False)
    assert len(peer.expect_response(3).body) == 100_000
    peer.data(1, b"", end_stream=True)
    peer.send(peer.headers(3, [(b"x-sum", b"1")]))
    peer.expect_alive()
    assert not peer.mirror.connection.streams.open


def test_early_response_by_option_that_a_thread_works_out() -> None:
    peer = Peer(Mirror(application=with_options(early=True)))
    peer.request(1, b"/deferred", b"POST", end_stream=False)
    peer.expect_response(1, 200, b"worked out later")
    peer.data(1, b"", end_stream=True)
    peer.expect_alive()
    assert not peer.mirror.connection.streams.open


def test_early_response_by_option_that_comes_after_too_much_content() -> None:
    """It is worked out already: nothing else is said in its place, and no more is read."""
    peer = Peer(
        Mirror(
            alone=True,
            application=with_options(early=True),
            limits=Limits(discarded_content=1_000),
        )
    )
    connection = peer.mirror.connection
    # In one turn, before any work is done.
    request = peer.headers(1, request_fields(b"/deferred", b"POST"), end_stream=False)
    content = Data(stream_id=1, data=bytes(600)).serialize()
    peer.send(request, *[content] * 3)
    peer.expect_response(1, 200, b"worked out later")
    assert not connection.jobs
    peer.mirror.wait(1)
    peer.expect_reset(1, ErrorCode.NO_ERROR)
    assert peer.mirror.connection.counters.requests == 1


def test_without_the_option_the_request_is_awaited() -> None:
    peer = Peer()
    peer.request(1, b"/", b"POST", end_stream=False)
    peer.data(1, b"some")
    peer.expect_alive()
    peer.data(1, b"", end_stream=True)
    peer.expect_response(1, 200, b"hello")


@pytest.mark.parametrize("path", [b"/", b"/memory/40000", b"/file/40000"])
def test_trailers_by_option(path: bytes) -> None:
    trailers = ((b"x-first", b"1"), (b"x-second", b"2"))
    peer = Peer(Mirror(application=with_options(trailers=trailers)))
    for stream_id in (1, 3):
        peer.request(stream_id, path)
        reply = peer.expect_response(stream_id)
        assert reply.trailers == trailers
        assert reply.get(b"trailer") == b"x-first, x-second"
    peer.request(5, path, b"HEAD")
    assert peer.expect_response(5).trailers is None


@pytest.mark.parametrize("path", [b"/memory/0", b"/file/0", b"/events"])
def test_trailers_without_content_before_them(path: bytes) -> None:
    """HEADERS, then trailers: no DATA frame is needed between."""
    trailers = ((b"x-first", b"1"),)
    peer = Peer(Mirror(application=with_options(trailers=trailers)))
    for stream_id in (1, 3):
        peer.request(stream_id, path)
        reply = peer.expect_response(stream_id)
        assert reply.trailers == trailers
        assert reply.get(b"trailer") == b"x-first"
        assert all(reply.data), "an empty DATA frame"
    peer.request(5, path, b"HEAD")
    assert peer.expect_response(5, 200, b"").trailers is None


@pytest.mark.parametrize("status", [204, 304])
def test_no_trailers_where_there_is_never_content(status: int) -> None:
    answer = Response(status=status, fields=())

    def site() -> Application:
        table = TableApplication({b"/": lambda exchange: exchange.respond(answer)})
        return ResponseOptions(table, trailers=((b"x-first", b"1"),))

    peer = Peer(Mirror(application=site))
    peer.request(1)
    reply = peer.expect_response(1, status, b"")
    assert reply.trailers is None
    assert reply.get(b"trailer") is None


def test_a_body_of_no_octets_needs_no_window() -> None:
    """However it is held: there is nothing to read."""
    peer = Peer(settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 0)])
    peer.request(1, b"/file/0")
    assert peer.expect_response(1, 200, b"").data == []


def test_trailers_need_no_window() -> None:
    trailers = ((b"x-first", b"1"),)
    peer = Peer(
        Mirror(application=with_options(trailers=trailers)),
        settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 5)],
        replenish=False,
    )
    peer.request(1)
    assert peer.expect_response(1, 200, b"hello").trailers == trailers


def test_no_content_length_by_option() -> None:
    peer = Peer(Mirror(application=with_options(no_content_length=True)))
    for stream_id in (1, 3):
        peer.request(stream_id)
        assert peer.expect_response(stream_id).get(b"content-length") is None
    peer.request(5, b"/nothing")
    assert peer.expect_response(5, 404).get(b"content-length") is not None


@pytest.mark.parametrize("padding", [1, 2, 100, 256])
@pytest.mark.parametrize("path", [b"/", b"/memory/16384", b"/file/40000", b"/fields/20000"])
def test_padding_by_option(padding: int, path: bytes) -> None:
    """Frames grow by up to that, within size and windows (6.1, 6.2)."""
    peer = Peer(Mirror(settings=LocalSettings(padding=padding)))
    for stream_id in (1, 3, 5):
        peer.request(stream_id, path)
        peer.expect_response(stream_id)
    assert padding in peer.paddings
    assert max(peer.paddings) == padding


def test_padding_takes_no_window_from_content() -> None:
    peer = Peer(
        Mirror(settings=LocalSettings(padding=50)),
        settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 3)],
        replenish=False,
    )
    peer.request(1)
    peer.pull()
    assert peer.streams[1].reply.body == b"hel"
    peer.update(1, 2)
    peer.expect_response(1, 200, b"hello")
    peer.request(3)
    peer.update(3, 20)
    peer.expect_response(3, 200, b"hello")


# ---------------------------------------------------------------------- bodies that fail


@pytest.mark.parametrize("kind", [b"short", b"broken"])
@pytest.mark.parametrize("size", [15_000, 100_000])
def test_a_body_that_fails_never_looks_complete(kind: bytes, size: int) -> None:
    peer = Peer()
    peer.request(1, b"/%s/%d" % (kind, size))
    reply = peer.reply(1)
    assert (reply.status, reply.reset, reply.ended) == (200, ErrorCode.INTERNAL_ERROR, False)
    assert len(reply.body) < size
    peer.expect_serves(3)


def test_a_body_of_unknown_length() -> None:
    peer = Peer()
    peer.request(1, b"/events")
    reply = peer.expect_response(1, 200, b"data: 1\n\ndata: 2\n\n")
    assert reply.get(b"content-length") is None


def test_answers_from_another_thread() -> None:
    peer = Peer()
    for stream_id in (1, 3, 5):
        peer.request(stream_id, b"/deferred")
        peer.expect_response(stream_id, 200, b"worked out later")
    peer.expect_alive()


def test_an_upload_that_becomes_too_large() -> None:
    """413 as soon as it is known; the rest of the content is harmless."""
    peer = Peer(Mirror(alone=True))
    peer.request(1, b"/echo", b"POST", end_stream=False)
    for _ in range(7):
        peer.data(1, b"x" * 16_384)
    peer.expect_response(1, 413)
    assert peer.site.uploads[0].abandoned
    peer.send(Data(stream_id=1, flags=r.END_STREAM))
    peer.expect_serves(3)
    assert not peer.mirror.connection.streams.open
