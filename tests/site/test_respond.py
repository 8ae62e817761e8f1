"""From request to response: variants, ranges, options, and what goes wrong."""

from __future__ import annotations

import email.parser
import email.policy
import errno
import os
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from h2static.http.messages import Response
from h2static.site import EtagSource
from h2static.site.contents import FileContent, read_content
from h2static.site.files import Walk
from h2static.site.limits import DEFAULTS
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
from tests.support.tools import replaces_a_function

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
    client.site.forget()

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
    assert client.site.memory.kept_octets <= 100


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
        # It was set: no strong validator.
        (date, 200),
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
    # Older by more than the order of a copy.
    shift = 0 if newer else -3600
    for suffix, content in (("br", "brotli"), ("zst", "zstandard"), ("gz", "gzip" * 5)):
        path = write(root, f"a.js.{suffix}", content)
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


def test_siblings_must_be_files_of_the_root(root: Path) -> None:
    # aiohttp CVE-2024-42367: a sibling that is a link out of the root.
    write(root.parent, "secret", "secret")
    original = write(root, "a.js", "original")
    os.utime(original, (1000, 1000))
    (root / "a.js.gz").symlink_to("../secret")
    (root / "a.js.br").mkdir()
    os.mkfifo(root / "a.js.zst")
    client = make_client(root)
    assert client.body("/a.js", accept_encoding="gzip, br, zstd") == b"original"
    follower = make_client(root, follow_symlinks=True)
    assert follower.body("/a.js", accept_encoding="gzip, br, zstd") == b"secret"


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
@replaces_a_function
def test_a_file_that_changes_between_its_tag_and_its_octets(
    root: Path, monkeypatch: pytest.MonkeyPatch, changes: int, status: int
) -> None:
    client = make_client(root, cache_size=0)
    client.clock.settle()
    write(root, "a", "content")
    etag = field(client.get("/a"), "etag")
    client.site.forget()
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
