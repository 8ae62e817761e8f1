"""Files that are asked for by their compressed name: Content-Encoding by rule, for Unity."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from h2static.site.config import HintSource
from h2static.site.rules import Rules, parse_header_rule
from h2static.site.variants import inner_name
from tests.site.harness import Client, field, make_client, octets_of, write

PACKED = gzip.compress(b"\0asm")
RULES = (
    "*.gz:Content-Encoding: gzip",
    "*.br:content-encoding: BR",
    "/Build/*.unityweb:Content-Encoding: br",
)


@pytest.fixture
def client(root: Path) -> Client:
    for name in ("game.wasm.gz", "game.data.br", "game.framework.js.gz", "game.loader.js"):
        write(root, f"Build/{name}", PACKED)
    for name in ("game.wasm.unityweb", "game.framework.js.unityweb", "game.data.unityweb"):
        write(root, f"Build/{name}", PACKED)
    write(root, "other/game.wasm.unityweb", PACKED)
    return make_client(root, header=tuple(map(parse_header_rule, RULES)))


@pytest.mark.parametrize(
    ("path", "coding", "media_type"),
    [
        ("/Build/game.wasm.gz", "gzip", "application/wasm"),
        ("/Build/game.data.br", "br", "application/octet-stream"),
        ("/Build/game.framework.js.gz", "gzip", "text/javascript; charset=utf-8"),
        ("/Build/game.loader.js", None, "text/javascript; charset=utf-8"),
        ("/Build/game.wasm.unityweb", "br", "application/wasm"),
        ("/Build/game.framework.js.unityweb", "br", "text/javascript; charset=utf-8"),
        ("/Build/game.data.unityweb", "br", "application/octet-stream"),
        ("/other/game.wasm.unityweb", None, "application/octet-stream"),
    ],
)
@pytest.mark.parametrize("accept", [None, "gzip, br", "identity"])
def test_the_coding_by_rule_and_the_type_by_the_inner_name(
    client: Client, path: str, coding: str | None, media_type: str, accept: str | None
) -> None:
    response = client.get(path, accept_encoding=accept)
    assert (response.status, octets_of(response)) == (200, PACKED)
    assert field(response, "content-encoding") == coding
    assert field(response, "content-type") == media_type
    # The name was asked for: nothing was negotiated.
    assert field(response, "vary") is None
    part = client.get(path, range="bytes=1-2", accept_encoding=accept)
    assert (part.status, field(part, "content-encoding")) == (206, coding)
    assert client.get(path, "HEAD", accept_encoding=accept).fields == response.fields


def test_a_tag_tells_the_coding(client: Client, root: Path) -> None:
    """RFC 9110 section 8.8.3.3: what a client holds from before the rule is another thing."""
    before = field(make_client(root).get("/Build/game.wasm.gz"), "etag")
    after = field(client.get("/Build/game.wasm.gz"), "etag")
    assert before is not None
    assert after == before[:-1] + '-gzip"'
    assert client.status("/Build/game.wasm.gz", if_none_match=before) == 200
    not_modified = client.get("/Build/game.wasm.gz", if_none_match=after)
    assert not_modified.status == 304
    assert field(not_modified, "content-encoding") is None


def test_the_rule_is_about_files_that_are_there(client: Client, root: Path) -> None:
    missing = client.get("/Build/missing.wasm.gz")
    assert (missing.status, field(missing, "content-encoding")) == (404, None)
    (root / "folder.gz").mkdir()
    redirect = client.get("/folder.gz")
    assert (redirect.status, field(redirect, "content-encoding")) == (301, None)
    options = client.get("/Build/game.wasm.gz", "OPTIONS")
    assert field(options, "content-encoding") is None
    # The path of a request says nothing of another file that answers it.
    write(root, "index.html", "page")
    write(root, "_redirects", "/app/* /index.html 200\n")
    rules = tuple(map(parse_header_rule, RULES))
    response = make_client(root, header=rules, netlify=True).get("/app/x.gz")
    assert (octets_of(response), field(response, "content-encoding")) == (b"page", None)
    # Nor of siblings, which are negotiated as ever.
    write(root, "a.js", b"script " * 100)
    write(root, "a.js.gz", PACKED)
    for accept, coding in ((None, None), ("gzip", "gzip")):
        response = client.get("/a.js", accept_encoding=accept)
        assert field(response, "content-encoding") == coding
        assert field(response, "vary") == "accept-encoding"


def test_a_file_that_is_stored_compressed_under_a_plain_name(root: Path) -> None:
    write(root, "a.js", PACKED)
    write(root, "a.js.br", PACKED)
    client = make_client(root, header=(parse_header_rule("/a.js:Content-Encoding: gzip"),))
    response = client.get("/a.js", accept_encoding="br")
    assert field(response, "content-encoding") == "gzip"
    assert field(response, "content-type") == "text/javascript; charset=utf-8"


def test_netlifys_file_may_say_it_too(root: Path) -> None:
    write(root, "Build/game.wasm.gz", PACKED)
    write(root, "Build/plain.gz", PACKED)
    write(root, "_headers", "/Build/*\n  Content-Encoding: gzip\n  X-A: 1\n")
    client = make_client(root, netlify=True)
    response = client.get("/Build/game.wasm.gz")
    assert field(response, "content-encoding") == "gzip"
    assert field(response, "content-type") == "application/wasm"
    assert field(response, "x-a") == "1"
    # Options overrule it, the last first.
    words = ("*.gz:Content-Encoding: br", "/Build/plain.gz:Content-Encoding: identity")
    rules = tuple(map(parse_header_rule, words))
    client = make_client(root, netlify=True, header=rules)
    assert field(client.get("/Build/game.wasm.gz"), "content-encoding") == "br"
    response = client.get("/Build/plain.gz")
    assert field(response, "content-encoding") is None
    assert field(response, "content-type") == "application/gzip"


def test_a_compressed_page_is_not_read_for_hints(root: Path) -> None:
    # Whatever is in it is not what a browser will see.
    for name in ("page.html", "page.html.gz"):
        write(root, name, "<script src=/a.js></script>")
    rules = (parse_header_rule("*.gz:Content-Encoding: gzip"),)
    client = make_client(root, header=rules, hints=HintSource.AUTO)
    for path, has_hints in (("/page.html", True), ("/page.html.gz", False)):
        response = client.get(path)
        assert field(response, "content-type") == "text/html; charset=utf-8"
        assert (response.hints is not None) is has_hints


@pytest.mark.parametrize("value", ["gzip, br", "x", "*", "gzip;q=1"])
def test_what_is_no_coding_is_refused(root: Path, value: str) -> None:
    with pytest.raises(ValueError, match="is not a supported content coding; expected one of br,"):
        parse_header_rule(f"*.gz:Content-Encoding: {value}")
    write(root, "_headers", f"/*\n  Content-Encoding: {value}\n")
    with pytest.raises(ValueError, match=r"^_headers:2: .*is not a supported content coding"):
        make_client(root, netlify=True)


def test_a_coding_is_no_field() -> None:
    rules = Rules(header=[parse_header_rule("*:Content-Encoding: gzip")])
    assert rules.fields(b"/a", b"/a") == ()
    assert rules.stored_coding(b"/a") == b"gzip"


@pytest.mark.parametrize(
    ("name", "inner"),
    [
        (b"a.wasm.gz", b"a.wasm"),
        (b"a.wasm.GZ", b"a.wasm"),
        (b"a.wasm.br", b"a.wasm"),
        (b"a.wasm.zst", b"a.wasm"),
        (b"a.wasm.unityweb", b"a.wasm"),
        (b"a.wasm", b"a.wasm"),
        (b".gz", b".gz"),
        (b"a.tar.gz.br", b"a.tar.gz"),
    ],
)
def test_inner_names(name: bytes, inner: bytes) -> None:
    assert inner_name(name) == inner


def test_svg_in_gzip_needs_no_rule(root: Path) -> None:
    """Browsers show one only with its Content-Encoding."""
    write(root, "a.svgz", PACKED)
    write(root, "B.SVGZ", PACKED)
    client = make_client(root)
    for path in ("/a.svgz", "/B.SVGZ"):
        response = client.get(path)
        assert (response.status, octets_of(response)) == (200, PACKED)
        assert field(response, "content-type") == "image/svg+xml"
        assert field(response, "content-encoding") == "gzip"
    plain = make_client(root, header=(parse_header_rule("*.svgz:Content-Encoding: identity"),))
    assert field(plain.get("/a.svgz"), "content-encoding") is None
