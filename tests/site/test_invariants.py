"""What is true of every answer, whatever is asked and however the site is set up."""

from __future__ import annotations

import gc
import os
import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from h2static.http.messages import Field, Request, Response
from h2static.site.limits import DEFAULTS
from h2static.site.rules import ErrorPage, parse_cache_rule, parse_header_rule
from tests.site.harness import Client, cannot_tell, field, make_client, octets_of, request, write

FILES = {
    "index.html": b"<h1>index</h1>",
    "a.js": b"script " * 100,
    "a.js.gz": b"gzip",
    "a.js.br": b"br",
    "app.8e1f2a3b4c.css": b"style",
    "empty": b"",
    "sub/page.html": b"page",
    "large.bin": bytes(DEFAULTS.small_file + 1),
    "404.html": b"nothing here",
    "_redirects": b"/old /new\n/app/* /index.html 200\n/force/:x /sub/:x 302!\n",
    "_headers": b"/*\n  X-A: b\n",
}
#: Any: the options are of different types.
SETUPS: dict[str, dict[str, Any]] = {
    "plain": {},
    "everything": {
        "listing": True,
        "netlify": True,
        "error_gzip": True,
        "cache": (parse_cache_rule("*.js=max-age=5"),),
        "header": (parse_header_rule("*:X-B: c"),),
        "error_page": (ErrorPage(status=404, file="404.html"),),
    },
    "application": {"spa": "index.html", "cache_size": 0},
}


@pytest.fixture(scope="module", params=SETUPS)
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Client:
    root = tmp_path_factory.mktemp("www")
    for name, content in FILES.items():
        write(root, name, content)
    (root / "link").symlink_to("sub")
    (root / "out").symlink_to("/")
    client = make_client(root, **SETUPS[request.param])
    client.clock.settle()
    return client


PATHS = st.one_of(
    st.sampled_from([f"/{name}".encode() for name in FILES]),
    st.sampled_from(
        [
            *(b"/", b"/sub", b"/sub/", b"//", b"/link/", b"/out/etc/passwd", b"/nope", b"/old?x"),
            *(b"*", b"/app/x", b"/force/%0d%0a", b"/force/y?z", b"/a.js?q", b"/large.bin/"),
            b"/../x",
        ]
    ),
    st.binary(max_size=30).map(lambda path: b"/" + path),
)
ETAGS = st.sampled_from([b'"x"', b"*", b'W/"x"', b"SAME", b'"x", SAME', b"x", b"", b'"' * 50])
DATES = st.sampled_from(
    [b"Sun, 06 Nov 1994 08:49:37 GMT", b"Fri, 31 Dec 2100 23:59:59 GMT", b"SAME", b"x", b""]
)
RANGES = st.one_of(
    st.sampled_from([b"bytes=0-", b"bytes=-1", b"bytes=0-0", b"bytes=9999999-", b"bytes=0-1,3-4"]),
    st.binary(max_size=20).map(lambda value: b"bytes=" + value),
)
CODINGS = st.sampled_from([b"gzip", b"br, gzip", b"gzip;q=0", b"*", b"identity;q=0", b"\xff"])
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        b"if-match": ETAGS,
        b"if-none-match": ETAGS,
        b"if-modified-since": DATES,
        b"if-unmodified-since": DATES,
        b"if-range": st.one_of(ETAGS, DATES),
        b"range": RANGES,
        b"accept-encoding": CODINGS,
        b"accept": st.sampled_from([b"*/*", b"application/json", b"text/html"]),
        b"cookie": st.binary(max_size=5),
    },
)
METHODS = st.sampled_from([b"GET", b"GET", b"GET", b"HEAD", b"OPTIONS", b"POST", b"BREW"])
AUTHORITIES = st.sampled_from([b"localhost", b"localhost", b"localhost", b"[::1]:80", b""])


@settings(
    max_examples=3 * settings().max_examples,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(method=METHODS, path=PATHS, fields=FIELDS, authority=AUTHORITIES)
def test_every_answer_is_sound(
    client: Client, method: bytes, path: bytes, fields: dict[bytes, bytes], authority: bytes
) -> None:
    plain = Request(method=b"HEAD", scheme=b"http", authority=b"a", path=path, fields=())
    whole = dict(client.ask(plain).fields)
    same = {
        name: value.replace(
            b"SAME", whole.get(b"etag" if b"match" in name else b"last-modified", b"x")
        )
        for name, value in fields.items()
    }
    question = Request(
        method=method,
        scheme=b"http",
        authority=authority,
        path=path,
        fields=tuple(same.items()),
    )
    response = client.ask(question)
    check_fields(response)
    octets = octets_of(response)
    head = dict(response.fields)
    if method == b"HEAD" or response.status in (204, 304):
        assert octets == b""
    else:
        assert head[b"content-length"] == b"%d" % len(octets)
    if response.status == 206:
        assert (b"content-range" in head) != head[b"content-type"].startswith(b"multipart/")
        assert b"range" in same
        assert method == b"GET"
    if response.status == 304:
        assert not {b"content-length", b"content-type", b"content-encoding"} & set(head)
    if response.status in (301, 302):
        assert re.match(rb"/(?!/)", head[b"location"])
    assert (response.status == 405) == (b"allow" in head and method != b"OPTIONS")
    assert (response.status == 416) == (head.get(b"content-range", b"").startswith(b"bytes */"))
    assert b"root:" not in octets
    # Once more, and from memory: the same octets.
    again = client.ask(question)
    assert (again.status, again.fields, octets_of(again)) == (
        response.status,
        response.fields,
        octets,
    )
    if method == b"GET":
        question = Request(
            method=b"HEAD", scheme=b"http", authority=authority, path=path, fields=question.fields
        )
        other = client.ask(question)
        if response.status not in (206, 416):
            assert (other.status, other.fields) == (response.status, response.fields)


def check_fields(response: Response) -> None:
    """RFC 9113 section 8.2: what a field section may hold."""
    names = [name for name, _ in response.fields]
    assert len(set(names)) == len(names)
    assert response.fields[0] == (b"server", b"h2static")
    for item in response.fields:
        check_field(item)


def check_field(item: Field) -> None:
    name, value = item
    assert re.fullmatch(rb"[!#$%&'*+.^_`|~0-9a-z-]+", name), item
    assert not set(value) & {0, 10, 13}
    assert value == value.strip(b" \t"), item
    assert name not in (b"date", b"connection", b"transfer-encoding")


def test_answers_that_are_made_by_many_threads(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs run in threads while the others go on; memory is small, so all is moving."""
    cannot_tell(monkeypatch)
    client = make_client(root, cache_size=20_000)
    client.clock.settle()
    contents = {f"/{number}": os.urandom(3000) for number in range(20)}
    for path, content in contents.items():
        write(root, path[1:], content)
    pending: list[tuple[str, Future[Any]]] = []
    deferred = 0
    with ThreadPoolExecutor(4) as pool:
        for number in range(2000):
            path = f"/{number * 7 % 20}"
            client.site.new_batch()
            found = client.site.look(request(path))
            if isinstance(found, Response):
                assert octets_of(found) == contents[path]
            else:
                deferred += 1
                pending.append((path, pool.submit(found)))
        for path, future in pending:
            response = future.result(20)
            assert octets_of(response) == contents[path]
            assert field(response, "content-length") == "3000"
    assert deferred > 20
    assert client.site.memory.kept_octets <= 20_000
    # Each thread may be one file above.
    assert client.site.memory.held_octets <= 20_000 + DEFAULTS.passing_octets + 4 * 3000


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Iterator[None]:
    gc.collect()
    before = len(os.listdir("/dev/fd"))
    yield
    gc.collect()
    # What answers keep open is bounded; see the tests of the memory.
    assert len(os.listdir("/dev/fd")) <= before + 40
