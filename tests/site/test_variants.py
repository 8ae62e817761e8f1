"""Precompressed siblings: which may stand for their original, and which stand alone."""

from __future__ import annotations

import gzip
import os
import random
from pathlib import Path

import pytest

from h2static.site.limits import SiteLimits
from h2static.site.negotiation import choose_alone
from h2static.site.rules import ErrorPage
from h2static.site.variants import COPY_NANOSECONDS
from tests.site.harness import Client, field, make_client, octets_of, write

ORIGINAL = b"original " * 100
WRITTEN = 1_700_000_000_123_456_789
SECOND = 1_000_000_000


def dated(path: Path, time: int) -> Path:
    os.utime(path, ns=(time, time))
    return path


def coding_of(client: Client, path: str, accept: str = "br, gzip, zstd") -> str | None:
    return field(client.get(path, accept_encoding=accept), "content-encoding")


# In the order of a copy


def test_a_copy_in_any_order_loses_no_sibling(client: Client, root: Path) -> None:
    chance = random.Random("copy")
    for number in range(100):
        for suffix, content in (
            ("", ORIGINAL),
            (".br", b"brotli"),
            (".gz", gzip.compress(ORIGINAL)),
        ):
            path = write(root, f"{number}.js{suffix}", content)
            dated(path, WRITTEN + chance.randrange(5 * SECOND))
    for accept in ("br", "gzip"):
        assert all(coding_of(client, f"/{number}.js", accept) == accept for number in range(100))
    assert client.site.notices == ()


@pytest.mark.parametrize(
    ("older", "used"),
    [
        (-SECOND, True),
        (0, True),
        (1, True),
        (COPY_NANOSECONDS, True),
        (COPY_NANOSECONDS + 1, False),
        (86_400 * SECOND, False),
    ],
)
@pytest.mark.parametrize("suffix", ["br", "zst", "gz"])
def test_how_much_older_a_sibling_may_be(
    client: Client, root: Path, older: int, used: bool, suffix: str
) -> None:
    dated(write(root, "a.js", ORIGINAL), WRITTEN)
    content = gzip.compress(ORIGINAL) if suffix == "gz" else b"x"
    dated(write(root, f"a.js.{suffix}", content), WRITTEN - older)
    response = client.get("/a.js", accept_encoding="br, gzip, zstd")
    assert (field(response, "content-encoding") is not None) is used
    assert octets_of(response) == (content if used else ORIGINAL)
    assert field(response, "vary") == ("accept-encoding" if used else None)
    assert len(client.site.notices) == (0 if used else 1)


@pytest.mark.parametrize("change", [b"changed! " * 100, ORIGINAL + b"more"])
def test_what_was_changed_right_after_compressing(root: Path, change: bytes) -> None:
    """``sed -i`` in a start script: the sibling is older by a moment, and of something else."""
    dated(write(root, "index.html", change), WRITTEN)
    dated(write(root, "index.html.gz", gzip.compress(ORIGINAL)), WRITTEN - SECOND)
    dated(write(root, "index.html.br", b"brotli"), WRITTEN - SECOND)
    client = make_client(root)
    for accept in ("gzip", "br"):
        assert coding_of(client, "/", accept) is None
    (line,) = client.site.notices
    assert line.startswith(
        "2 precompressed files are made from different content than the original"
    )
    # Compressed anew.
    dated(root / "index.html.gz", WRITTEN)
    dated(root / "index.html.br", WRITTEN)
    client.site.forget()
    assert coding_of(client, "/", "gzip") == "gzip"
    assert client.site.notices == ()


@pytest.mark.parametrize("content", [b"", b"gzip", b"\x1f\x8b", b"no gzip, but long enough for it"])
def test_what_is_no_gzip_says_nothing(client: Client, root: Path, content: bytes) -> None:
    dated(write(root, "a.js", ORIGINAL), WRITTEN)
    dated(write(root, "a.js.gz", content), WRITTEN - SECOND)
    assert coding_of(client, "/a.js") == "gzip"


def test_large_files_are_told_by_their_length(root: Path) -> None:
    content = os.urandom(2000)
    limits = SiteLimits(small_file=1000)
    dated(write(root, "a.bin", content), WRITTEN)
    dated(write(root, "a.bin.gz", gzip.compress(content)), WRITTEN - SECOND)
    assert coding_of(make_client(root, limits=limits), "/a.bin", "gzip;q=1, identity;q=0") == "gzip"
    dated(write(root, "a.bin", content + b"more"), WRITTEN)
    client = make_client(root, limits=limits)
    assert coding_of(client, "/a.bin", "gzip;q=1, identity;q=0") is None


# What the owner hears


def test_the_owner_hears_how_many_are_not_used(client: Client, root: Path) -> None:
    for number in range(5):
        dated(write(root, f"{number}.js", ORIGINAL), WRITTEN)
        dated(write(root, f"{number}.js.br", b"x"), WRITTEN - (number + 1) * 3600 * SECOND)
    assert coding_of(client, "/0.js") is None
    (line,) = client.site.notices
    assert line == (
        "1 precompressed file is older than the original and therefore not sent, such as 0.js.br,"
        " by 60 minutes: compress again"
    )
    for number in range(5):
        client.get(f"/{number}.js", accept_encoding="br")
    (line,) = client.site.notices
    assert line == (
        "5 precompressed files are older than the original and therefore not sent, such as 4.js.br,"
        " by 5 hours: compress again"
    )
    # What is gone or made anew is not counted any more.
    (root / "4.js.br").unlink()
    for number in range(1, 4):
        dated(root / f"{number}.js.br", WRITTEN)
    client.site.forget()
    for number in range(5):
        client.get(f"/{number}.js", accept_encoding="br")
    assert client.site.notices[0].startswith("1 precompressed file is older")


def test_the_owner_hears_of_it_before_anybody_asks(root: Path) -> None:
    for name in ("a.js", "sub/deep/b.css", ".hidden/c.js", "young.js"):
        dated(write(root, name), WRITTEN)
        dated(write(root, f"{name}.br"), WRITTEN - 3 * 86_400 * SECOND)
    dated(root / "young.js.br", WRITTEN - SECOND)
    write(root, "lone.js.gz")
    (root / "link.js").symlink_to("a.js")
    (root / "link.js.br").symlink_to("a.js.br")
    client = make_client(root)
    client.site.start()
    (line,) = client.site.notices
    assert line == (
        "2 precompressed files are older than the original and therefore not sent, such as"
        " a.js.br, by 3 days: compress again"
    )
    # A survey looks at few files, and remembers few.
    for limits in (SiteLimits(surveyed_files=0), SiteLimits(unused_siblings=0)):
        client = make_client(root, limits=limits)
        client.site.start()
        assert client.site.notices == ()


# A sibling alone


def test_a_lone_sibling_answers_who_accepts_it(client: Client, root: Path) -> None:
    packed = gzip.compress(b"<h1>page</h1>")
    write(root, "x.html.gz", packed)
    write(root, "sub/index.html.gz", packed)
    for path in ("/x.html", "/sub/"):
        response = client.get(path, accept_encoding="gzip, br")
        assert (response.status, octets_of(response)) == (200, packed)
        assert field(response, "content-encoding") == "gzip"
        assert field(response, "content-type") == "text/html; charset=utf-8"
        assert field(response, "vary") == "accept-encoding"
        etag = field(response, "etag")
        assert client.status(path, accept_encoding="gzip", if_none_match=etag) == 304
        assert client.get(path, "HEAD", accept_encoding="gzip, br").fields == response.fields
    assert client.status("/x.html/", accept_encoding="gzip") == 404
    # By its own name it is what it is.
    assert field(client.get("/x.html.gz"), "content-type") == "application/gzip"


@pytest.mark.parametrize("accept", [None, "", "identity", "br", "gzip;q=0", "*;q=0", "gzip;q=0, *"])
def test_who_does_not_accept_it_hears_so(client: Client, root: Path, accept: str | None) -> None:
    # RFC 9110 section 15.5.7.
    write(root, "x.html.gz")
    write(root, "406.html", "cannot")
    response = client.get("/x.html", accept_encoding=accept)
    assert response.status == 406
    assert field(response, "vary") == "accept-encoding"
    owner = make_client(root, error_page=(ErrorPage(status=406, file="406.html"),))
    write(root, "406.html.br", "br")
    response = owner.get("/x.html", accept_encoding=accept)
    assert (response.status, field(response, "vary")) == (406, "accept-encoding")


@pytest.mark.parametrize(
    ("accept", "coding"),
    [
        (b"gzip", b"gzip"),
        (b"x-gzip", b"gzip"),
        (b"*", b"br"),
        (b"*, br;q=0", b"gzip"),
        (b"br;q=0.1, gzip;q=0.2", b"gzip"),
        (b"identity, gzip;q=0.001", b"gzip"),
        (b"identity", None),
        (b"zstd", None),
        (None, None),
    ],
)
def test_what_is_chosen_where_there_is_no_original(
    accept: bytes | None, coding: bytes | None
) -> None:
    assert choose_alone(accept, {b"br": 10, b"gzip": 20}) == coding


def test_a_lone_sibling_is_there_for_what_else_looks_for_files(root: Path) -> None:
    write(root, "index.html", "app")
    write(root, "x.html.gz", "packed")
    client = make_client(root, spa="index.html")
    assert client.body("/x.html", accept_encoding="gzip") == b"packed"
    # A folder of that name is none, nor is a link that leaves the root.
    (root / "folder.html.gz").mkdir()
    (root / "out.html.gz").symlink_to("/etc/passwd")
    for path in ("/folder.html", "/out.html", "/nothing.html"):
        assert client.body(path, accept_encoding="gzip") == b"app"


def test_it_is_seen_when_it_comes_and_goes(client: Client, root: Path) -> None:
    client.clock.settle()
    assert client.status("/x.html", accept_encoding="gzip") == 404
    path = write(root, "x.html.gz", "packed")
    assert client.body("/x.html", accept_encoding="gzip") == b"packed"
    write(root, "x.html", "plain, and longer than that")
    dated(path, root.joinpath("x.html").stat().st_mtime_ns)
    assert client.body("/x.html") == b"plain, and longer than that"
    (root / "x.html").unlink()
    path.unlink()
    assert client.status("/x.html", accept_encoding="gzip") == 404
