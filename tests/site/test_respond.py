"""From request to response: variants, ranges, options, and what goes wrong."""

from __future__ import annotations

import email.parser
import email.policy
import errno
import gzip
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from h2static.http.messages import Response
from h2static.site import EtagSource
from h2static.site.contents import FileContent, read_content
from h2static.site.files import Walk
from h2static.site.limits import DEFAULTS, SiteLimits
from h2static.site.rules import ErrorPage, parse_cache_rule, parse_header_rule
from tests.site.harness import (
    Client,
    cannot_tell,
    field,
    forget_pages,
    make_client,
    octets_of,
    request,
    write,
)

LARGE = DEFAULTS.small_file + 1000


# Validators and conditional requests


@pytest.mark.parametrize("size", [0, 5, DEFAULTS.small_file, DEFAULTS.small_file + 1])
def test_conditional_requests(client: Client, root: Path, size: int) -> None:
    path = write(root, "a.bin", bytes(size))
    os.utime(path, (784111777, 784111777))
    client.clock.settle()
    whole = client.get("/a.bin")
    etag, date = field(whole, "etag"), field(whole, "last-modified")
    assert etag is not None
    assert etag.startswith('"')
    for fields in ({"if_none_match": etag}, {"if_modified_since": date}):
        for method in ("GET", "HEAD"):
            response = client.get("/a.bin", method, **fields)
            assert response.status == 304
            assert response.body == b""
            # RFC 9110 section 15.4.5.
            assert field(response, "etag") == etag
            assert field(response, "cache-control") == "no-cache"
            for name in ("content-length", "content-type", "last-modified", "accept-ranges"):
                assert field(response, name) is None
    assert client.status("/a.bin", if_match=etag) == 200
    assert client.status("/a.bin", if_match='"other"') == 412
    assert client.status("/a.bin", if_unmodified_since="Sun, 06 Nov 1994 08:49:36 GMT") == 412
    assert client.status("/a.bin", if_none_match='"other"', if_modified_since=date) == 200
    assert client.status("/nope", if_none_match="*") == 404
    assert client.status("/nope", if_match='"a"') == 404


def test_the_tag_of_a_large_file_is_weak_while_it_is_young(client: Client, root: Path) -> None:
    # RFC 9110 section 8.8.1: what may change unseen has no strong validator.
    write(root, "a", bytes(LARGE))
    etag = field(client.get("/a"), "etag")
    assert etag is not None
    assert etag.startswith('W/"')
    client.clock.settle()
    assert field(client.get("/a"), "etag") == etag.removeprefix("W/")


def test_tags_of_content_for_all_files(root: Path) -> None:
    write(root, "a", bytes(LARGE))
    write(root, "b", bytes(LARGE))
    os.utime(root / "b", (1, 1))
    client = make_client(root, etag=EtagSource.DIGEST)
    client.clock.settle()
    assert not isinstance(client.site.look(request("/a")), Response)
    tags = {field(client.get(path), "etag") for path in ("/a", "/b")}
    assert len(tags) == 1
    # Once digested, nothing blocks any more.
    assert isinstance(client.site.look(request("/a", "HEAD")), Response)


def test_a_date_in_the_future_is_not_sent(client: Client, root: Path) -> None:
    # RFC 9110 section 8.8.2.1.
    path = write(root, "a")
    os.utime(path, (4e9, 4e9))
    date = field(client.get("/a"), "last-modified")
    assert date is not None
    assert int(date[12:16]) < 2096


def test_head_and_304_read_no_content(
    client: Client, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(root, "a", b"content")
    write(root, "big", bytes(LARGE))
    client.clock.settle()
    etag = field(client.get("/a"), "etag")
    client.site.release()

    def fail(*_: object) -> NoReturn:
        raise AssertionError("content was read")

    monkeypatch.setattr("os.preadv", fail)
    monkeypatch.setattr("os.pread", fail)
    assert client.status("/a", if_none_match=etag) == 304
    assert client.status("/a", "HEAD") == 200
    assert client.status("/big", "HEAD") == 200


def test_a_small_file_that_was_dropped_is_read_again(root: Path) -> None:
    client = make_client(root, cache_size=100)
    client.clock.settle()
    for name in ("a", "b", "c"):
        write(root, name, name * 60)
    for _ in range(2):
        for name in ("a", "b", "c"):
            assert client.body(f"/{name}") == name.encode() * 60
            assert client.status(f"/{name}", if_none_match="*") == 304
    assert client.site._contents.held <= 100


# Ranges


@pytest.mark.parametrize("size", [1000, LARGE])
@pytest.mark.parametrize(
    ("range_", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=-1", -1, None),
        ("bytes=10-19", 10, 20),
        ("bytes=990-", 990, None),
        ("bytes=5-9,0-6", 0, 10),
    ],
)
def test_one_range(
    client: Client, root: Path, size: int, range_: str, start: int, stop: int | None
) -> None:
    content = os.urandom(size)
    write(root, "a.bin", content)
    response = client.get("/a.bin", range=range_)
    assert response.status == 206
    part = content[start:stop]
    assert octets_of(response) == part
    first = start % size
    assert field(response, "content-range") == f"bytes {first}-{first + len(part) - 1}/{size}"
    assert field(response, "content-length") == str(len(part))
    assert field(response, "content-type") == "application/octet-stream"
    assert field(response, "etag") == field(client.get("/a.bin"), "etag")


@pytest.mark.parametrize("size", [1000, LARGE])
def test_several_ranges(client: Client, root: Path, size: int) -> None:
    # RFC 9110 section 15.3.7.2; read back by Python's parser of MIME messages.
    content = bytes(32 + octet % 90 for octet in os.urandom(size))
    write(root, "a.txt", content)
    response = client.get("/a.txt", range="bytes=900-, 0-9, 100-100")
    assert response.status == 206
    assert field(response, "content-range") is None
    octets = octets_of(response)
    assert field(response, "content-length") == str(len(octets))
    kind = field(response, "content-type")
    assert kind is not None
    assert kind.startswith("multipart/byteranges; boundary=")
    parser = email.parser.BytesParser(policy=email.policy.HTTP)
    message = parser.parsebytes(b"content-type: " + kind.encode() + b"\r\n\r\n" + octets)
    assert not message.defects
    parts = [
        (part["content-range"], part.get_content_type(), part.get_payload(decode=True))
        for part in message.iter_parts()
    ]
    assert parts == [
        (f"bytes {start}-{stop - 1}/{size}", "text/plain", content[start:stop])
        for start, stop in ((0, 10), (100, 101), (900, size))
    ]


def test_ranges_that_are_not_followed(client: Client, root: Path) -> None:
    write(root, "a", "0123456789")
    whole = client.get("/a")
    for range_ in ("bytes=0-8,1-9", "bytes=5-4", "lines=1-2", "bytes=-" + "9" * 5000):
        assert client.get("/a", range=range_).status == 200
    head = client.get("/a", "HEAD", range="bytes=0-0")
    assert (head.status, head.fields) == (200, whole.fields)


def test_ranges_beyond_the_end(client: Client, root: Path) -> None:
    write(root, "a", "0123456789")
    write(root, "empty", "")
    for path, range_, length in (
        ("/a", "bytes=10-", 10),
        ("/a", "bytes=-0", 10),
        ("/a", "bytes=50-60,70-", 10),
        ("/empty", "bytes=0-", 0),
    ):
        response = client.get(path, range=range_)
        assert response.status == 416
        # RFC 9110 section 15.5.17.
        assert field(response, "content-range") == f"bytes */{length}"
    assert client.status("/empty", range="bytes=-5") == 200
    assert client.status("/nope", range="bytes=10-") == 404


def test_if_range(client: Client, root: Path) -> None:
    path = write(root, "a", "0123456789")
    os.utime(path, (784111777, 784111777))
    etag = field(client.get("/a"), "etag")
    date = "Sun, 06 Nov 1994 08:49:37 GMT"
    for validator, status in (
        (etag, 206),
        (date, 206),
        ('"other"', 200),
        (f"W/{etag}", 200),
        ("Sun, 06 Nov 1994 08:49:38 GMT", 200),
    ):
        assert client.status("/a", range="bytes=0-0", if_range=validator) == status
    # A precondition that fails comes first (RFC 9110 section 13.2.2).
    assert client.status("/a", range="bytes=0-0", if_none_match=etag) == 304
    assert client.status("/a", range="bytes=0-0", if_match='"other"') == 412
    assert client.status("/a", range="bytes=50-", if_range='"other"') == 200


# Precompressed siblings


def sibling_site(root: Path, *, newer: bool = True) -> None:
    original = write(root, "a.js", "original " * 100)
    os.utime(original, (1000, 1000))
    for suffix, content in (("br", "brotli"), ("zst", "zstandard"), ("gz", "gzip" * 5)):
        path = write(root, f"a.js.{suffix}", content)
        shift = 0 if newer else -1
        os.utime(path, (1000 + shift, 1000 + shift))


def test_siblings_are_negotiated(client: Client, root: Path) -> None:
    sibling_site(root)
    tags = set()
    for accept, coding, content in (
        (None, None, b"original " * 100),
        ("gzip", "gzip", b"gzip" * 5),
        ("gzip, zstd", "zstd", b"zstandard"),
        ("gzip, br, zstd", "br", b"brotli"),
        ("gzip;q=0", None, b"original " * 100),
    ):
        response = client.get("/a.js", accept_encoding=accept)
        assert field(response, "content-encoding") == coding
        assert octets_of(response) == content
        assert field(response, "content-type") == "text/javascript; charset=utf-8"
        assert field(response, "content-length") == str(len(content))
        # RFC 9110 section 12.5.5: on the answers that were not compressed, too.
        assert field(response, "vary") == "accept-encoding"
        tags.add(field(response, "etag"))
        etag = field(response, "etag")
        not_modified = client.get("/a.js", accept_encoding=accept, if_none_match=etag)
        assert not_modified.status == 304
        assert field(not_modified, "vary") == "accept-encoding"
    assert len(tags) == 4
    assert field(client.get("/a.js.br"), "content-type") == "application/x-brotli"
    assert field(client.get("/a.js.br", accept_encoding="br"), "content-encoding") is None


def test_a_range_is_one_of_the_chosen_sibling(client: Client, root: Path) -> None:
    sibling_site(root)
    response = client.get("/a.js", accept_encoding="br", range="bytes=1-2")
    assert (response.status, octets_of(response)) == (206, b"ro")
    assert field(response, "content-encoding") == "br"
    assert field(response, "content-range") == "bytes 1-2/6"


def test_older_siblings_are_not_served(client: Client, root: Path) -> None:
    sibling_site(root, newer=False)
    response = client.get("/a.js", accept_encoding="br, gzip, zstd")
    assert octets_of(response) == b"original " * 100
    assert field(response, "vary") is None


def test_siblings_need_an_original_and_must_be_files_of_the_root(root: Path) -> None:
    # aiohttp CVE-2024-42367: a sibling that is a link out of the root.
    write(root.parent, "secret", "secret")
    original = write(root, "a.js", "original")
    os.utime(original, (1000, 1000))
    (root / "a.js.gz").symlink_to("../secret")
    (root / "a.js.br").mkdir()
    os.mkfifo(root / "a.js.zst")
    write(root, "only.js.gz")
    client = make_client(root)
    assert client.body("/a.js", accept_encoding="gzip, br, zstd") == b"original"
    assert client.status("/only.js", accept_encoding="gzip") == 404
    follower = make_client(root, follow_symlinks=True)
    assert follower.body("/a.js", accept_encoding="gzip, br, zstd") == b"secret"


# Options


def test_cache_control(root: Path) -> None:
    for name in ("index.html", "app.js", "app.8e1f2a3b.js", "page.8e1f2a3b.html"):
        write(root, name)
    rules = tuple(map(parse_cache_rule, ("app.js=max-age=5", "nope.*=max-age=6")))
    client = make_client(root, cache=rules)
    for path, value in (
        ("/", "no-cache"),
        ("/app.js", "max-age=5"),
        ("/app.8e1f2a3b.js", "public, max-age=31536000, immutable"),
        ("/page.8e1f2a3b.html", "no-cache"),
        ("/nope.8e1f2a3b.js", "no-cache"),
    ):
        assert field(client.get(path), "cache-control") == value


def test_header_rules_count_for_all_answers(root: Path) -> None:
    write(root, "index.html")
    write(root, "sub/a")
    rules = ("/*:X-Everywhere: yes", "*.html:Content-Type: text/html", "/*:server: mine")
    client = make_client(root, header=tuple(map(parse_header_rule, rules)))
    for path, method in (
        ("/", "GET"),
        ("/sub", "GET"),
        ("/nope", "GET"),
        ("/", "OPTIONS"),
        ("/", "PUT"),
    ):
        response = client.get(path, method)
        assert field(response, "x-everywhere") == "yes"
        assert response.fields[0] == (b"server", b"mine")
    response = client.get("/")
    assert field(response, "content-type") == "text/html"
    not_modified = client.get("/", if_none_match=field(response, "etag"))
    assert field(not_modified, "x-everywhere") == "yes"
    assert field(not_modified, "content-type") is None


def test_vary_is_joined(root: Path) -> None:
    sibling_site(root)
    client = make_client(root, header=(parse_header_rule("*.js:Vary: Origin"),))
    assert field(client.get("/a.js"), "vary") == "accept-encoding, Origin"


def test_a_single_page_application(root: Path) -> None:
    write(root, "app/index.html", "app")
    write(root, "real.html", "real")
    write(root, "folder/a")
    client = make_client(root, spa="app/index.html")
    for path in ("/", "/users/5", "/users/john.doe", "/nope.html", "/folder/", "/real.html/x"):
        response = client.get(path)
        assert (response.status, octets_of(response)) == (200, b"app")
        assert field(response, "content-type") == "text/html; charset=utf-8"
    assert client.body("/real.html") == b"real"
    for path in ("/app.js", "/img/logo.png", "/.git/config", "/a%2fb"):
        assert client.status(path) == 404
    assert client.status("/folder") == 301
    # What it fetches, and scripts without an extension, are missing when they are missing.
    assert client.status("/api/users", accept="application/json") == 404
    assert client.status("/chunks/app", accept="*/*", sec_fetch_dest="script") == 404
    assert client.status("/users/5", accept="text/html,*/*;q=0.8", sec_fetch_dest="document") == 200


def test_error_pages_of_the_owner(root: Path) -> None:
    write(root, "errors/404.html", "nothing here")
    write(root, "errors/416.html", "no such part")
    write(root, "a", "content")
    pages = (
        ErrorPage(status=404, file="errors/404.html"),
        ErrorPage(status=416, file="errors/416.html"),
    )
    client = make_client(root, error_page=pages)
    response = client.get("/nope", if_none_match="*", range="bytes=0-0")
    assert (response.status, octets_of(response)) == (404, b"nothing here")
    assert field(response, "etag") is None
    assert field(response, "accept-ranges") is None
    assert client.get("/nope", "HEAD").fields == response.fields
    response = client.get("/a", range="bytes=9-")
    assert (response.status, octets_of(response)) == (416, b"no such part")
    assert field(response, "content-range") == "bytes */7"
    for method, status in (("POST", 405), ("OPTIONS", 400), ("FOO", 501)):
        path = "/%00" if status == 400 else "/a"
        response = make_client(
            root, error_page=(ErrorPage(status=status, file="errors/404.html"),)
        ).get(path, method)
        assert (response.status, octets_of(response)) == (status, b"nothing here")
    # The page vanishes: the server has its own.
    (root / "errors/404.html").unlink()
    response = client.get("/nope")
    assert response.status == 404
    assert b"Not Found" in octets_of(response)


def test_refusals_have_the_owners_page_when_it_can_be_had_at_once(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(root, "small.html", "refused")
    write(root, "large.html", "refused" * 200_000)
    for file, own in (("small.html", False), ("large.html", True)):
        client = make_client(root, error_page=(ErrorPage(status=431, file=file),))
        body = octets_of(client.site.refuse(431, None))
        assert (b"refused" in body) is not own
        assert octets_of(client.site.refuse(503, None)) != b"refused"
    client = make_client(root, error_page=(ErrorPage(status=431, file="small.html"),))
    forget_pages(monkeypatch)
    assert b"<!doctype html>" in octets_of(client.site.refuse(431, None))


# Any: the options are of different types.
@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"spa": "missing"}, "spa: missing"),
        ({"error_page": (ErrorPage(status=404, file="sub"),)}, "error-page 404: sub"),
    ],
)
def test_files_that_options_name_must_exist(root: Path, options: dict[str, Any], name: str) -> None:
    write(root, "sub/a")
    with pytest.raises(ValueError, match=f"^{name}: there is no such file below the root"):
        make_client(root, **options)


def test_the_root_must_be_a_folder(root: Path) -> None:
    for path in (root / "missing", write(root, "file")):
        with pytest.raises(NotADirectoryError):
            make_client(path)


def test_error_pages_are_compressed_on_demand(root: Path) -> None:
    plain = octets_of(make_client(root).get("/nope", accept_encoding="gzip"))
    client = make_client(root, error_gzip=True)
    response = client.get("/nope", accept_encoding="gzip")
    assert field(response, "content-encoding") == "gzip"
    assert field(response, "vary") == "accept-encoding"
    assert gzip.decompress(octets_of(response)) == plain
    assert octets_of(client.get("/nope")) == plain
    assert octets_of(client.get("/nope", accept_encoding="gzip;q=0")) == plain


def test_error_pages_repeat_nothing(client: Client) -> None:
    page = client.body("/%3Cscript%3Ealert(1)%3C/script%3E")
    assert b"alert" not in page
    assert b"<script" not in page


def test_media_types_file(root: Path) -> None:
    types = write(root.parent, "types", "text/x-special spc\n")
    write(root, "a.spc")
    client = make_client(root, mime_types_file=str(types))
    assert field(client.get("/a.spc"), "content-type") == "text/x-special; charset=utf-8"
    types.write_text("nonsense spc\n")
    with pytest.raises(ValueError, match=r"types:1: 'nonsense' is not a media type"):
        make_client(root, mime_types_file=str(types))


def test_links_out_of_the_root(root: Path) -> None:
    write(root.parent, "outside/index.html", "outside")
    (root / "out").symlink_to("../outside")
    (root / "in").symlink_to(".")
    write(root, "index.html", "inside")
    client = make_client(root)
    assert client.status("/out/") == 404
    assert client.status("/out") == 404
    assert client.body("/in/in/in/") == b"inside"
    follower = make_client(root, follow_symlinks=True)
    assert follower.body("/out/") == b"outside"
    assert follower.status("/out/../../etc/passwd") == 404


def test_dotfiles(root: Path) -> None:
    for name in (".env", ".git/config", ".well-known/security.txt", ".well-known/.hidden"):
        write(root, name)
    client = make_client(root, follow_symlinks=True)
    for path in ("/.env", "/.git/config", "/.git", "/.well-known/.hidden", "/%2eenv"):
        assert client.status(path) == 404
    assert client.status("/.well-known/security.txt") == 200


# What goes wrong


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (errno.EACCES, 403),
        (errno.EPERM, 403),
        (errno.ENOENT, 404),
        (errno.ENAMETOOLONG, 404),
        (errno.ELOOP, 404),
        (errno.EMFILE, 503),
        (errno.ENFILE, 503),
        (errno.ENOMEM, 503),
        (errno.EIO, 500),
        (errno.ESTALE, 500),
    ],
)
def test_errors_of_the_system(
    client: Client, root: Path, monkeypatch: pytest.MonkeyPatch, code: int, status: int
) -> None:
    write(root, "a")

    def fail(*_: object) -> NoReturn:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(Walk, "step", fail)
        assert client.status("/a") == status
    # What was wrong with the system is not remembered.
    client.clock.settle()
    if code != errno.ENOENT:
        assert client.status("/a") == 200


def test_a_root_that_vanishes_and_comes_back(client: Client, root: Path) -> None:
    write(root, "a", "content")
    client.clock.settle()
    assert client.status("/a") == 200
    root.rename(root.parent / "away")
    assert client.status("/a") == 404
    (root.parent / "away").rename(root)
    assert client.status("/a") == 200


def test_a_cold_small_file_is_read_elsewhere(
    client: Client, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(root, "a", "content")
    client.clock.settle()
    cannot_tell(monkeypatch)
    question = request("/a")
    job = client.site.look(question)
    assert not isinstance(job, Response)
    response = job()
    assert octets_of(response) == b"content"
    # What the other thread read is remembered from the next response on.
    assert client.site.look(question) is response
    assert client.site.look(request("/a")) is response
    assert response.prepared


def test_a_small_file_that_is_not_in_memory_is_deferred(
    client: Client, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(root, "a", bytes(100_000))
    forget_pages(monkeypatch)
    job = client.site.look(request("/a"))
    assert not isinstance(job, Response)
    assert octets_of(job()) == bytes(100_000)
    assert isinstance(client.site.look(request("/a")), Response)


@pytest.mark.parametrize(("changes", "status"), [(1, 200), (3, 200), (4, 503)])
def test_a_file_that_changes_between_its_tag_and_its_octets(
    root: Path, monkeypatch: pytest.MonkeyPatch, changes: int, status: int
) -> None:
    client = make_client(root, cache_size=0)
    client.clock.settle()
    write(root, "a", "content")
    etag = field(client.get("/a"), "etag")
    client.site.release()
    left = [changes]

    def read(*arguments: Any, **named: Any) -> FileContent:  # Any: passed on as they are
        content = read_content(*arguments, **named)
        left[0] -= 1
        return replace(content, etag=b'"other"') if left[0] >= 0 else content

    monkeypatch.setattr("h2static.site.sources.read_content", read)
    # Never an old tag with new octets: the work starts over, and ends in an honest refusal.
    response = client.get("/a")
    assert response.status == status
    if status == 200:
        assert field(response, "etag") == etag
        assert octets_of(response) == b"content"


# Listing


def test_a_listing(root: Path) -> None:
    write(root, "sub/b10.txt", "x" * 2000)
    for name in ("sub/b9.txt", "sub/A.txt", "sub/.hidden", "sub/deep/x", "sub/Zoo/x"):
        write(root, name)
    (root / "sub/out").symlink_to("/etc")
    (root / "sub/in").symlink_to("deep")
    (root / "sub/broken").symlink_to("nowhere")
    os.mkfifo(root / "sub/fifo")
    os.utime(root / "sub/b10.txt", (784111777, 784111777))
    client = make_client(root, listing=True)
    assert make_client(root).status("/sub/") == 404
    assert client.status("/sub") == 301
    response = client.get("/sub/", accept="application/json")
    assert response.status == 200
    assert field(response, "content-type") == "application/json"
    assert field(response, "vary") == "accept"
    document = json.loads(octets_of(response))
    assert document["path"] == "/sub/"
    assert [entry["name"] for entry in document["entries"]] == [
        *("deep", "in", "Zoo", "A.txt", "b9.txt", "b10.txt")
    ]
    assert document["entries"][-1] == {
        "name": "b10.txt",
        "href": "./b10.txt",
        "type": "file",
        "size": 2000,
        "modified": "1994-11-06T08:49:37Z",
    }
    assert document["entries"][0]["href"] == "./deep/"
    page = client.get("/sub/", accept="text/html")
    assert field(page, "content-type") == "text/html; charset=utf-8"
    text = octets_of(page).decode()
    assert "<script" not in text
    assert '<a href="./b10.txt">b10.txt</a>' in text
    assert "2.0 KiB" in text
    assert "1994-11-06 08:49" in text
    assert client.status("/sub/", if_none_match=field(page, "etag")) == 304
    assert client.get("/sub/", "HEAD", accept="text/html").fields == page.fields


def test_a_listing_is_never_old(root: Path) -> None:
    path = write(root, "a.txt", "x")
    client = make_client(root, listing=True)
    client.clock.settle()
    question = request("/")
    first = client.ask(question)
    assert client.ask(question).body == first.body
    path.write_text("x" * 5000)
    assert b"4.9 KiB" in octets_of(client.ask(question))
    write(root, "index.html", "index")
    assert client.ask(question).body == b"index"


def test_names_are_escaped(root: Path) -> None:
    # aiohttp CVE-2024-27306: names in listings that are run.
    nasty = [
        b'"><script>alert(1)<',
        b"javascript:alert(1)",
        b"a\r\nb",
        b"\xff\xfe",
        b"50%?#",
        b"a&amp;b",
    ]
    for name in nasty:
        (Path(os.fsdecode(os.fsencode(root) + b"/" + name))).write_bytes(name)
    client = make_client(root, listing=True)
    text = client.body("/").decode()
    assert "<script" not in text
    assert 'href="javascript' not in text
    document = json.loads(client.body("/", accept="application/json"))
    hrefs = [entry["href"] for entry in document["entries"]]
    assert len(hrefs) == len(nasty)
    assert {client.body(href.removeprefix(".")) for href in hrefs} == set(nasty)
    for href in hrefs:
        assert f'href="{href}"'.replace("&", "&amp;") in text


def test_a_listing_has_an_end(root: Path) -> None:
    for number in range(5):
        write(root, f"{number}")
    client = make_client(root, limits=SiteLimits(list_entries=3), listing=True)
    document = json.loads(client.body("/", accept="application/json"))
    assert [entry["name"] for entry in document["entries"]] == ["0", "1", "2"]
    assert document["left_out"] == 2
    assert b"2 more are not shown" in client.body("/")


def test_an_empty_folder(root: Path) -> None:
    assert b"This folder is empty" in make_client(root, listing=True).body("/")


@pytest.mark.parametrize("index", ["", ".", "..", "a/b", "/etc/passwd", "a\0b"])
def test_an_index_is_one_name(root: Path, index: str) -> None:
    with pytest.raises(ValueError, match=r"^index: .* is not the name of a file"):
        make_client(root, index=index)
