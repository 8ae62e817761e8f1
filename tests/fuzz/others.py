"""Targets: header blocks, HTTP/1.1, paths, fields, rules, first octets of a connection, a site."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Final
from urllib.parse import unquote_to_bytes

import hpack

from h2static.http.addresses import TrustedProxies
from h2static.http.forwarded import origin_of
from h2static.http.messages import Client, Request, Response
from h2static.http.priority import parse_priority
from h2static.server import proxy_protocol
from h2static.server.client_hello import ClientHello, read_client_hello
from h2static.server.first_octets import Spoken, spoken
from h2static.site import Site, SiteConfig
from h2static.site.errors import SiteError
from h2static.site.hints.cookie import read_digest
from h2static.site.hints.html import targets_in
from h2static.site.hints.rule_files import read_push_rules
from h2static.site.hints.rules import PushRules
from h2static.site.mediatypes import parse_mime_types
from h2static.site.netlify import parse_headers
from h2static.site.paths import encode_name, encode_path, parse_target
from h2static.site.patterns import parse_pattern
from h2static.site.plain_files import decode_text
from h2static.site.ranges import parse_ranges
from h2static.site.redirects import Redirects, parse_redirects
from hpacktools.codec import DecodeLimits, Decoder, Encoder, HPACKError, Representation
from tests.fuzz.script import Script
from tests.http1.applications import TableApplication, echoing, later
from tests.http1.harness import Harness
from tests.site.harness import octets_of
from tests.support.exchange import FakeExchange

# ---------------------------------------------------------------------- header blocks

LIMITS: Final = DecodeLimits(soft_fields=50, hard_fields=200, soft_list_size=8_000)


def header_blocks(data: bytes) -> None:
    """Blocks of one connection: what is decoded is what the hpack package decodes, and what comes
    of it when it is encoded again; nothing but the codec's own error is raised."""
    script = Script(data)
    decoder, limited, peer = Decoder(), Decoder(LIMITS), hpack.Decoder()
    peer.max_header_list_size = 1 << 24
    encoder, again = Encoder(), Decoder()
    while script:
        block = script.piece()
        try:
            limited.decode(block)
        except HPACKError as error:
            assert str(error)
        try:
            decoded = decoder.decode(block)
        except HPACKError:
            return
        fields = [(name, value) for name, value in decoded.fields]
        try:
            theirs = [(bytes(one[0]), bytes(one[1])) for one in peer.decode(block, raw=True)]
        except hpack.HPACKError as error:
            raise AssertionError(f"refused by the hpack package only: {error!r}") from error
        assert fields == theirs
        sensitive = set(decoded.never_indexed)
        octets = encoder.encode(
            (
                name,
                value,
                Representation.NEVER_INDEXED
                if position in sensitive
                else Representation.WITH_INDEXING,
            )
            for position, (name, value) in enumerate(fields)
        )
        repeated = again.decode(octets)
        assert repeated.fields == decoded.fields
        assert repeated.never_indexed == decoded.never_indexed
        assert again.table.entries == encoder.table.entries


# ---------------------------------------------------------------------- HTTP/1.1


def http1(data: bytes) -> None:
    """Nothing makes it raise, and cutting changes nothing."""
    script = Script(data)
    step = script.number() % 32 + 2
    octets = script.rest()
    runs = [_http1(octets, size) for size in (None, 1, step)]
    for run in runs[1:]:
        assert _final(run) == _final(runs[0])
        assert run.closing() == runs[0].closing()
        assert run.reported == runs[0].reported
        assert run.connection.problem == runs[0].connection.problem
    for run in runs:
        run.connection.abandon()
        assert run.closing()
        assert not run.connection.jobs
        assert not run.connection.output_octets


def _final(harness: Harness) -> bytes:
    """What was sent; whether 100 comes depends on whether content had come."""
    return bytes(harness.sent).replace(b"HTTP/1.1 100 Continue\r\n\r\n", b"")


def _http1(octets: bytes, step: int | None) -> Harness:
    application = _http1_application()
    harness = Harness(application)
    harness.feed(octets, step=step)
    harness.run_jobs()
    if harness.connection.wants_input:
        harness.connection.receive_eof(harness.now)
    harness.flush()
    return harness


def _http1_application() -> TableApplication:
    application = echoing()
    application.handlers[b"/later"] = later
    return application


# ---------------------------------------------------------------------- first octets


def first_octets(data: bytes) -> None:
    """PROXY headers, ClientHellos and request lines: what is said of a start never changes when
    more comes, and what is incomplete says so."""
    _proxy_header(data)
    _client_hello(data)
    seen = [spoken(data[:end], 64) for end in range(1, len(data) + 1)]
    known = [one for one in seen if one is not Spoken.UNKNOWN_YET]
    assert len(set(known)) <= 1
    assert seen[len(seen) - len(known) :] == known


def _proxy_header(data: bytes) -> None:
    try:
        header = proxy_protocol.parse(data, 300)
    except proxy_protocol.ProxyProtocolError as error:
        assert str(error)
        return
    if header is None:
        return
    assert 0 < header.length <= len(data)
    assert proxy_protocol.parse(data[: header.length], 300) == header
    for end in range(1, header.length):
        assert proxy_protocol.parse(data[:end], 300) is None, end
    if header.client is not None:
        address, port = header.client
        assert str(address).isascii()
        assert str(address).isprintable()
        assert 0 <= port <= 65_535


def _client_hello(data: bytes) -> None:
    found = read_client_hello(data)
    if isinstance(found, int):
        assert found > len(data)
        return
    for end in range(len(data)):
        before = read_client_hello(data[:end])
        if isinstance(before, ClientHello):
            assert before == found
            break


# ---------------------------------------------------------------------- paths


def paths(data: bytes) -> None:
    """What is looked up is safe, and there is one way to write it."""
    slashes = (parse_pattern("/@*"),) if data[1:2] == b"@" else ()
    try:
        target = parse_target(data, encoded_slash=slashes)
    except SiteError as error:
        assert error.status in (400, 404, 414)
        return
    for name in target.names:
        assert name not in (b"", b".", b"..")
        assert b"\0" not in name
        assert not slashes or b"/" not in name
        assert unquote_to_bytes(encode_name(name)) == name
    written = encode_path(target.names, directory=target.directory)
    assert written.isascii()
    assert written.startswith(b"/")
    assert not written.startswith(b"//")
    again = parse_target(written)
    assert (again.names, again.directory) == (target.names, target.directory)
    assert again.canonical
    assert again.path == target.path


# ---------------------------------------------------------------------- fields


def fields(data: bytes) -> None:
    """Values of fields that are looked into, and pages that are."""
    script = Script(data)
    kind = script.number() % 6
    value = script.rest()
    match kind:
        case 0:
            spans = parse_ranges(value, 1_000)
            assert all(0 <= start < stop <= 1_000 for start, stop in spans or ())
            assert len(spans or ()) <= 1_000
        case 1:
            urgency, incremental = parse_priority(value)
            assert 0 <= urgency <= 7
            assert isinstance(incremental, bool)
        case 2:
            _origin(value)
        case 3:
            read_digest(value)
        case 4:
            for one in targets_in(value, "/page/"):
                assert one.url.isascii()
                assert one.url.startswith("/")
        case _:
            _origin(b"for=" + value)


def _origin(value: bytes) -> None:
    client = Client(host="192.0.2.7", version="HTTP/1.1", proxies=TrustedProxies(("192.0.2.0/24",)))
    names = (b"forwarded", b"x-forwarded-for", b"x-forwarded-proto")
    for name in names:
        request = Request(
            method=b"GET",
            scheme=b"http",
            authority=b"a",
            path=b"/",
            fields=((name, value), (name, b"192.0.2.9")),
        )
        origin = origin_of(client, request)
        assert origin.host.isascii()
        assert origin.host.isprintable()
        assert origin.scheme in ("http", "https")


# ---------------------------------------------------------------------- rules


def rules(data: bytes) -> None:
    """Files that owners write: rules, or one line that says what is wrong."""
    script = Script(data)
    kind = script.number() % 4
    octets = script.rest()
    try:
        text = decode_text(octets, "file", 100_000)
        match kind:
            case 0:
                found = read_push_rules(text, "file")
                for path in (b"/", b"/a/b.html"):
                    PushRules(found).entries_for(path)
            case 1:
                for rule in parse_headers(text, "file")[0]:
                    assert not set(rule.value) & set(b"\r\n\0")
            case 2:
                _redirects(text)
            case _:
                parse_mime_types(text, "file")
    except ValueError as error:
        # One line, whatever is in the file.
        assert str(error)
        assert "\n" not in str(error)


def _redirects(text: str) -> None:
    rules, _ = parse_redirects(text, "file")
    redirects = Redirects(rules)
    for names, query in (
        ((), None),
        ((b"a", b"b"), b"id=1&x=%0d%0a"),
        ((b"\xff\r\n", b"x/y"), b""),
    ):
        match = redirects.find(names, query)
        # One after the other, without an index, is the same.
        single = (Redirects((rule,)).find(names, query) for rule in rules)
        assert match == next(filter(None, single), None)
        if match is not None:
            assert not set(match.target) & set(b"\r\n\0 ")


# ---------------------------------------------------------------------- a site

SECRET: Final = b"outside of the root"


@functools.cache
def _site() -> Site:
    """A site with a file of each kind; its folder is removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    root = folder / "www"
    root.mkdir()
    (folder / "secret.txt").write_bytes(SECRET)
    (root / "index.html").write_text('<!doctype html><link rel="stylesheet" href="a.css">')
    (root / "a.css").write_bytes(b"p{}" * 100)
    (root / "a.css.gz").write_bytes(b"\x1f\x8b" + bytes(50))
    (root / "folder").mkdir()
    (root / "folder" / "b c.txt").write_bytes(b"b c")
    (root / "out").symlink_to("../secret.txt")
    (root / "_redirects").write_text("/old/* /new/:splat 301\n/x/:y /folder/:y 200\n")
    (root / "_headers").write_text("/*\n  x-rule: 1\n")
    past = time.time() - 1_000
    for path in root.rglob("*"):
        os.utime(path, (past, past), follow_symlinks=False)
    return Site(
        SiteConfig(root=str(root), listing=True, netlify=True, echo_upload=True), clock=time.time
    )


METHODS: Final = (b"GET", b"HEAD", b"GET", b"POST", b"OPTIONS", b"PUT", b"DELETE", b"FOO")
NAMES: Final = (
    *(b"range", b"if-range", b"if-none-match", b"if-match", b"if-modified-since"),
    *(b"if-unmodified-since", b"accept", b"accept-encoding", b"cookie", b"sec-fetch-dest"),
)


def site(data: bytes) -> None:
    """Requests to real files: a response that keeps its promises, and nothing from outside."""
    script = Script(data)
    method = script.choice(METHODS)
    authority = script.choice((b"localhost", b"localhost:80", b"a@b", b"", b"[::1]"))
    path = b"/" + script.piece()
    chosen = []
    while script:
        chosen.append((script.choice(NAMES), script.piece()))
    request = Request(
        method=method, scheme=b"http", authority=authority, path=path, fields=tuple(chosen)
    )
    exchange = FakeExchange(request)
    server = _site()
    server.handle(exchange)
    exchange.run_jobs()
    _check_response(request, exchange.answer())


def _check_response(request: Request, response: Response) -> None:
    content = octets_of(response)
    found = dict(response.fields)
    assert SECRET not in content
    assert 200 <= response.status <= 599
    for name, value in response.fields:
        assert name == name.lower()
        assert not set(value) & set(b"\r\n\0")
    if request.method == b"HEAD" or response.status in (204, 304):
        assert not content
    elif b"content-length" in found:
        assert int(found[b"content-length"]) == len(content)
    if response.status == 206 and b"content-range" not in found:
        assert found[b"content-type"].startswith(b"multipart/byteranges")
    location = found.get(b"location", b"/")
    assert location.startswith(b"/")
    assert not location.startswith(b"//")
