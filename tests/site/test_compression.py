"""Compressing while serving: what, for whom, with which tags, and within which bounds."""

from __future__ import annotations

import gzip
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import brotli
import pytest
import zstandard

from h2static.http.messages import Response
from h2static.site.compression import (
    COMPRESSIONS,
    Coder,
    Compression,
    Unknown,
    available_coders,
    is_compressible,
)
from h2static.site.limits import SiteLimits
from tests.site.harness import Client, field, make_client, octets_of, write

TEXT = b"function component() { return 'text that repeats'; }\n" * 2000
DECODE: dict[str, Callable[[bytes], bytes]] = {
    "br": brotli.decompress,
    "zstd": lambda octets: zstandard.ZstdDecompressor().decompress(octets, 1 << 25),
    "gzip": gzip.decompress,
}
BROWSER = "gzip, deflate, br, zstd"


def compressing(root: Path, limits: SiteLimits | None = None, **config: Any) -> Client:
    return make_client(root, limits=limits, compress=COMPRESSIONS, **config)


def get(client: Client, path: str, coding: str = BROWSER, **fields: str) -> Response:
    return client.get(path, accept_encoding=coding, **fields)


@pytest.mark.parametrize("coding", DECODE)
@pytest.mark.parametrize("size", [2_000, 3_000_000], ids=["small", "large"])
def test_each_coding_gives_the_content(root: Path, coding: str, size: int) -> None:
    content = (TEXT * (size // len(TEXT) + 1))[:size]
    write(root, "a.js", content)
    client = compressing(root)
    client.clock.settle()
    for _ in range(2):
        response = get(client, "/a.js", coding)
        assert field(response, "content-encoding") == coding
        assert field(response, "vary") == "accept-encoding"
        octets = octets_of(response)
        assert field(response, "content-length") == str(len(octets))
        assert len(octets) < size / 3
        assert DECODE[coding](octets) == content


def test_the_client_decides(root: Path) -> None:
    write(root, "a.js", TEXT)
    client = compressing(root)
    for accepted, coding in (
        (BROWSER, "br"),
        ("gzip, zstd", "zstd"),
        ("gzip", "gzip"),
        ("*", "br"),
        ("br;q=0.5, gzip", "gzip"),
        ("br;q=0", None),
        ("identity, gzip;q=0.5", None),
        ("deflate", None),
    ):
        response = get(client, "/a.js", accepted)
        assert field(response, "content-encoding") == coding
        # A cache has to know of the choice whoever asked.
        assert field(response, "vary") == "accept-encoding"
    plain = client.get("/a.js")
    assert (field(plain, "content-encoding"), octets_of(plain)) == (None, TEXT)
    assert field(plain, "vary") == "accept-encoding"


def test_tags_differ_by_coding_and_validate(root: Path) -> None:
    write(root, "a.js", TEXT)
    client = compressing(root)
    tags = [field(get(client, "/a.js", coding), "etag") for coding in (*DECODE, "identity")]
    assert len(set(tags)) == 4
    for coding, tag in zip((*DECODE, "identity"), tags, strict=True):
        assert tag is not None
        assert not tag.startswith("W/")
        unchanged = get(client, "/a.js", coding, if_none_match=tag)
        assert (unchanged.status, field(unchanged, "etag")) == (304, tag)
        assert field(unchanged, "vary") == "accept-encoding"
    assert get(client, "/a.js", "br", if_none_match=str(tags[2])).status == 200


def test_head_and_ranges_are_of_what_is_sent(root: Path) -> None:
    write(root, "a.js", TEXT)
    client = compressing(root)
    whole = get(client, "/a.js")
    octets, tag = octets_of(whole), field(whole, "etag")
    head = client.get("/a.js", "HEAD", accept_encoding=BROWSER)
    assert (head.fields, head.body) == (whole.fields, b"")
    part = get(client, "/a.js", range="bytes=10-29", if_range=str(tag))
    assert (part.status, octets_of(part)) == (206, octets[10:30])
    assert field(part, "content-range") == f"bytes 10-29/{len(octets)}"
    assert (field(part, "content-encoding"), field(part, "etag")) == ("br", tag)
    # Of another coding: the whole.
    other = get(client, "/a.js", "gzip", range="bytes=10-29", if_range=str(tag))
    assert other.status == 200


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tiny.js", TEXT[:100]),
        ("photo.png", TEXT),
        ("font.woff2", TEXT),
        ("film.mp4", TEXT),
        ("archive.zip", TEXT),
        ("data.bin", TEXT),
    ],
)
def test_what_is_not_compressed(root: Path, name: str, content: bytes) -> None:
    write(root, name, content)
    response = get(compressing(root), f"/{name}")
    assert octets_of(response) == content
    assert field(response, "content-encoding") is None
    assert field(response, "vary") is None


def test_what_does_not_become_smaller_is_sent_as_it_is(root: Path) -> None:
    content = random.Random(1).randbytes(50_000)
    write(root, "a.txt", content)
    client = compressing(root)
    for _ in range(2):
        response = get(client, "/a.txt")
        assert (octets_of(response), field(response, "content-encoding")) == (content, None)
        assert field(response, "vary") == "accept-encoding"


def test_a_sibling_wins(root: Path) -> None:
    write(root, "a.js", TEXT)
    write(root, "a.js.gz", gzip.compress(TEXT, mtime=0))
    client = compressing(root)
    response = get(client, "/a.js")
    assert field(response, "content-encoding") == "gzip"
    assert octets_of(response) == gzip.compress(TEXT, mtime=0)
    # For whom the sibling is not.
    assert field(get(client, "/a.js", "br"), "content-encoding") == "br"


def test_the_owner_forbids_it(root: Path) -> None:
    from h2static.site.rules import parse_cache_rule

    write(root, "a.js", TEXT)
    write(root, "b.js", TEXT)
    client = compressing(root, cache=(parse_cache_rule("a.js=no-cache, no-transform"),))
    assert field(get(client, "/a.js"), "content-encoding") is None
    assert field(get(client, "/b.js"), "content-encoding") == "br"


def test_without_the_option_nothing_is_compressed(root: Path) -> None:
    write(root, "a.js", TEXT)
    response = get(make_client(root), "/a.js")
    assert (field(response, "content-encoding"), field(response, "vary")) == (None, None)


def test_an_edit_is_seen(root: Path) -> None:
    write(root, "a.js", TEXT)
    client = compressing(root)
    before = get(client, "/a.js")
    write(root, "a.js", TEXT.replace(b"text", b"TEXT"))
    after = get(client, "/a.js")
    assert field(before, "etag") != field(after, "etag")
    assert brotli.decompress(octets_of(after)) == TEXT.replace(b"text", b"TEXT")


def test_it_is_done_where_blocking_is_allowed(root: Path) -> None:
    write(root, "a.js", TEXT)
    client = compressing(root)
    from tests.site.harness import request

    asked = request("/a.js", accept_encoding=BROWSER)
    client.get("/a.js")
    assert not isinstance(client.site.look(asked), Response)
    get(client, "/a.js")
    assert isinstance(client.site.look(asked), Response)


def test_types() -> None:
    for media_type in (
        b"text/html; charset=utf-8", b"application/json", b"image/svg+xml", b"application/wasm",
        b"application/manifest+json", b"Text/CSS", b"font/ttf",
    ):  # fmt: skip
        assert is_compressible(media_type), media_type
    for media_type in (b"image/png", b"font/woff2", b"text/event-stream", b"application/zip"):
        assert not is_compressible(media_type), media_type


def test_only_what_was_asked_for_is_offered() -> None:
    assert list(available_coders(("gzip", "br"))) == [b"br", b"gzip"]
    compression = Compression(available_coders(("gzip",)))
    assert compression.choose(b"br, gzip") == b"gzip"
    assert compression.choose(b"br") is None


def test_without_the_libraries_there_is_gzip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "brotli", None)
    monkeypatch.setitem(__import__("sys").modules, "zstandard", None)
    assert list(available_coders(COMPRESSIONS)) == [b"gzip"]


# ---------------------------------------------------------------- bounds


def halving(limits: SiteLimits, calls: list[int] | None = None) -> Compression:
    """One that halves what it gets."""

    def compress(octets: bytes) -> bytes:
        if calls is not None:
            calls.append(len(octets))
        return octets[: len(octets) // 2]

    return Compression({b"gzip": Coder(compress, "1")}, limits, threading.Lock())


def test_one_content_is_compressed_once_by_any_number_of_threads() -> None:
    calls: list[int] = []
    compression = halving(SiteLimits(), calls)
    threads = [
        threading.Thread(target=compression.make, args=(b'"a"', b"gzip", b"x" * 1000, 0.0))
        for _ in range(8)
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert calls == [1000]


def test_memory_is_bounded_and_the_least_recently_used_go() -> None:
    compression = halving(SiteLimits(compressed_kept=1_000))
    for number in range(10):
        compression.make(b'"%d"' % number, b"gzip", b"x" * 500, 0.0)
        assert compression.kept <= 1_000
        assert compression.find(b'"0"', b"gzip") == b"x" * 250
    assert isinstance(compression.find(b'"1"', b"gzip"), Unknown)
    assert compression.held <= 1_000


def test_what_streams_hold_counts() -> None:
    compression = halving(SiteLimits(compressed_kept=300, compressed_held=1_000))
    held = [compression.make(b'"%d"' % number, b"gzip", b"x" * 500, 0.0) for number in range(8)]
    assert sum(isinstance(one, Unknown) for one in held) == 5
    del held
    assert isinstance(compression.make(b'"new"', b"gzip", b"x" * 500, 0.0), bytes)


def test_entries_are_bounded() -> None:
    compression = halving(SiteLimits(compressed_entries=3, compress_ratio=0.1))
    for number in range(5):
        assert compression.make(b'"%d"' % number, b"gzip", b"x" * 500, 0.0) is None
    assert isinstance(compression.find(b'"1"', b"gzip"), Unknown)
    assert compression.find(b'"4"', b"gzip") is None


def test_time_is_bounded() -> None:
    """An attack that makes what is remembered be forgotten again and again comes to nothing."""
    calls: list[int] = []
    limits = SiteLimits(compressed_kept=300, compress_burst=5_000, compress_rate=1_000)
    compression = halving(limits, calls)
    for number in range(1_000):
        compression.make(b'"%d"' % number, b"gzip", b"x" * 500, number / 100)
    assert 10 < len(calls) <= 10 + 2 * 10


def test_an_honest_site_stays_below_the_bounds(root: Path) -> None:
    """A build of four hundred files, visited as a whole."""
    for number in range(400):
        write(root, f"{number}.js", TEXT[:40_000] + b"%d" % number)
    client = compressing(root)
    for number in range(400):
        assert field(get(client, f"/{number}.js"), "content-encoding") == "br"


def test_beyond_the_bounds_files_are_sent_as_they_are(root: Path) -> None:
    write(root, "a.js", TEXT)
    client = compressing(root, SiteLimits(compress_burst=10, compress_rate=0))
    response = get(client, "/a.js")
    assert (octets_of(response), field(response, "content-encoding")) == (TEXT, None)
    assert field(response, "vary") == "accept-encoding"
