"""Where the search begins: golden octets of the tests, and what was found before.

Promise: :func:`seeds` gives inputs of a target in its own form; each of them passes.  What a search
has found is a file below ``found/``, named after its target, and stays there once it is cured.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from h2static.http2 import registry as r
from tests.conformance.cases import octets, prepared
from tests.conformance.sections import BY_SECTION
from tests.fuzz.http2 import ALIKE, REQUESTS, RESPONSES, SCRIPT
from tests.http1.harness import GET, chunked, post
from tests.http1.test_smuggling import SMUGGLING
from tests.http2 import sessions
from tests.server.test_proxy_protocol import HEADERS
from tests.support.transports import Mirror

FOUND: Final = Path(__file__).resolve().parent / "found"

#: Longer ones slow the search down and say nothing new.
_LONGEST: Final = 4_000


def found(target: str) -> list[bytes]:
    """What searches have found in ``target``."""
    return [path.read_bytes() for path in sorted((FOUND / target).glob("*"))]


def seeds(target: str) -> list[bytes]:
    """Inputs of ``target`` that are worth beginning with."""
    made = [one for one in _MAKERS[target]() if len(one) <= _LONGEST]
    return [*dict.fromkeys([b"", *made, *found(target)])]


def _http2_server() -> Iterator[bytes]:
    for seed in _http2_alone():
        yield seed
        yield bytes((seed[0] | ALIKE,)) + seed[1:]


def _http2_alone() -> Iterator[bytes]:
    for name in sessions.names():
        yield b"\x00" + b"".join(sessions.load(name))
    for case in BY_SECTION:
        frames = case.send(prepared(Mirror(alone=True)))
        yield b"\x02" + b"".join(
            one if isinstance(one, bytes) else one.serialize() for one in frames
        )
    for block in REQUESTS:
        for flags in (r.END_HEADERS, r.END_HEADERS | r.END_STREAM):
            yield b"\x01" + octets(r.HEADERS, flags, 1, block)
    # Scripts: each kind of frame on each stream, and what else happens.
    for first in (1, 2, 3):
        for kind in range(12):
            frame = bytes((kind, kind, kind % 5, 3)) + b"abc"
            yield bytes((SCRIPT | first, 0)) + frame * 3
    for action in (b"\xf0\x10", b"\xf1", b"\xf2", b"\xf3", b"\xf4\x04PRI "):
        request = b"\x00\x00\x01\x01\x02"
        yield bytes((SCRIPT | 1,)) + request + action + request + b"\xf2\xf0\xff"


def _http2_client() -> Iterator[bytes]:
    for block in RESPONSES:
        for flags in (r.END_HEADERS, r.END_HEADERS | r.END_STREAM):
            answer = octets(r.HEADERS, flags, 1, block)
            yield b"\x00" + answer + octets(r.DATA, r.END_STREAM, 1, b"x")
    promise = octets(r.PUSH_PROMISE, r.END_HEADERS, 1, b"\0\0\0\2" + REQUESTS[0])
    pushed = octets(r.HEADERS, r.END_HEADERS, 2, b"\x88") + octets(r.DATA, 1, 2, b"pushed")
    yield b"\x00" + promise + pushed
    yield b"\x00" + octets(r.GOAWAY, 0, 0, b"\0\0\0\1" + bytes(4))
    for kind in range(12):
        frame = bytes((0, kind, 4, 1, 2)) + b"ab"
        yield bytes((SCRIPT,)) + frame * 3 + b"\xf0\xff"


#: RFC 7541 appendix C.3, C.4, C.5 and C.6: three blocks each.
_APPENDIX_C: Final = (
    (
        "828684410f7777772e6578616d706c652e636f6d",
        "828684be58086e6f2d6361636865",
        "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
    ),
    (
        "828684418cf1e3c2e5f23a6ba0ab90f4ff",
        "828684be5886a8eb10649cbf",
        "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
    ),
)


def _header_blocks() -> Iterator[bytes]:
    for blocks in _APPENDIX_C:
        made = [bytes.fromhex(block) for block in blocks]
        yield b"".join(bytes((len(block),)) + block for block in made)
    for block in (*REQUESTS, *RESPONSES, b"\x20\x3f\xe1\x1f\x82", b"\x10\x01a\x01b\xbe"):
        yield bytes((len(block),)) + block + bytes((len(block),)) + block


def _http1() -> Iterator[bytes]:
    for one in (*SMUGGLING, GET, GET * 3, post(b"content") + GET, chunked(b"content") + GET):
        yield b"\x05" + one
    for line in (b"HEAD /a HTTP/1.0", b"OPTIONS * HTTP/1.1", b"GET /later HTTP/1.1"):
        yield b"\x05" + line + b"\r\nHost: x\r\nConnection: keep-alive\r\n\r\n"
    yield b"\x05" + post(b"x", b"Expect: 100-continue")


def _first_octets() -> Iterator[bytes]:
    for header, _ in HEADERS:
        yield header + b"GET / HTTP/1.1\r\n"
    yield r.PREFACE
    yield GET
    yield b"\r\n" + GET
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    outgoing = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        yield outgoing.read()


def _paths() -> Iterator[bytes]:
    for path in (b"/", b"/a", b"/a/", b"/a//b?q=1", b"/%61/%2e%2e", b"/..%2f", b"/%00", b"/\xff"):
        yield path
    for path in (
        b"/a%20b;c",
        b"/.well-known/x",
        b"/.git",
        b"/a\\b",
        b"/@a%2fb",
        b"*",
        b"http://x/",
        b"/a#b",
    ):
        yield path


_FIELDS: Final = (
    (b"bytes=0-1", b"bytes=-5, 1-2,7-", b"bytes=0-0,999999999999999-", b"items=1-2"),
    (b"u=1, i", b"i=?0;a=1, u=9", b'u="x"'),
    (
        b'for=192.0.2.1;proto=https, for="[2001:db8::1]:80"',
        b"192.0.2.1, 192.0.2.2:80",
        b"unknown, _x",
    ),
    (b"AfdA3w", b"__", b"////"),
    (
        b'<link rel="preload" as=style href="/a.css"><script src=a.js></script>',
        b"<style>@import url(x.css);</style><img srcset='a 1x, b 2x'>",
    ),
    (b'"[::1]"; proto=http', b"192.0.2.1;by=_hidden"),
)


def _fields() -> Iterator[bytes]:
    for kind, values in enumerate(_FIELDS):
        for value in values:
            yield bytes((kind,)) + value


_RULES: Final = (
    (
        '{"rules": [{"path": "/", "push": ["/a.css", {"path": "/b.js", "as": "script"}]}]}',
        '{"/": ["/a.css"]}',
        "[" * 100,
    ),
    ("/*\n  X-Frame-Options: DENY\n# a comment\n/a/:b\n  cache-control: no-store\n",),
    ("/old/* /new/:splat 301!\n/a id=:id /b/:id\n/x https://example.org/ 302\n/y /z 200\n",),
    ("text/x-a a b\n# comment\napplication/x-b\tc\n",),
)


def _rules() -> Iterator[bytes]:
    for kind, texts in enumerate(_RULES):
        for text in texts:
            yield bytes((kind,)) + text.encode()
            yield bytes((kind,)) + b"\xef\xbb\xbf" + text.encode().replace(b"\n", b"\r\n")


def _site() -> Iterator[bytes]:
    for path in (b"", b"a.css", b"folder", b"folder/", b"folder/b%20c.txt", b"out", b"old/a/b"):
        for method in range(4):
            head = bytes((method, 0, len(path))) + path
            yield head
            for name, value in ((0, b"bytes=0-9"), (2, b"*"), (6, b"*/*"), (7, b"gzip, br;q=0")):
                yield head + bytes((name, len(value))) + value


_MAKERS: Final[dict[str, Callable[[], Iterator[bytes]]]] = {
    "http2-server": _http2_server,
    "http2-client": _http2_client,
    "header-blocks": _header_blocks,
    "http1": _http1,
    "first-octets": _first_octets,
    "paths": _paths,
    "fields": _fields,
    "rules": _rules,
    "site": _site,
}
