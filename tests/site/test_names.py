"""Names that are public, absent and hidden ones, and addresses without ``.html``."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.site.names import DEFAULT_NAMES, PublicNames, parse_dot_names
from h2static.site.patterns import Pattern, parse_pattern
from tests.site.harness import Client, field, make_client, octets_of, write

#: What a browser sends when somebody opens a page.
PAGE = "text/html,application/xhtml+xml,*/*;q=0.8"

#: Paths of things that are not there, by how that is found out.
ABSENT = [
    "/nothing",
    "/files/docs%2Freadme",
    "/files/C%3A%5Ctmp",
    "/.auth/callback",
    "/%2e%2E%2Fetc%2Fpasswd",
    "/plain/below",
    "/plain/",
    "/" + "n" * 300,
    "/reset/" + "t" * 3000,
    "/loop",
    "/loop/x",
    "/out",
    "/out/passwd",
    "/fifo",
    "/%ff%fe",
    "/\xff",
    "/.env",
    "/folder/",
]


# Any: the options are of different types.
@pytest.mark.parametrize("options", [{"spa": "index.html"}, {"netlify": True}])
@pytest.mark.parametrize("path", ABSENT)
def test_absent_is_absent_however_it_was_found_out(
    root: Path, path: str, options: dict[str, Any]
) -> None:
    write(root, "index.html", "application")
    write(root, "plain")
    write(root, ".env", "secret")
    write(root, "folder/a")
    write(root, "_redirects", "/* /index.html 200\n")
    (root / "loop").symlink_to("loop")
    (root / "out").symlink_to("/etc")
    os.mkfifo(root / "fifo")
    client = make_client(root, **options)
    response = client.get(path.encode("latin-1"), accept=PAGE)
    assert (response.status, octets_of(response)) == (200, b"application")
    assert make_client(root).status(path.encode("latin-1")) == 404


def test_what_cannot_be_read_is_not_absent(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(root, "index.html", "application")
    write(root, "a.txt")
    client = make_client(root, spa="index.html")
    real = os.open

    def refuse(name: bytes, flags: int, *, dir_fd: int | None = None) -> int:
        if name == b"a.txt":
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(name, flags, dir_fd=dir_fd)

    monkeypatch.setattr(os, "open", refuse)
    assert client.status("/a.txt", accept=PAGE) == 403


@pytest.mark.parametrize("kind", [stat.S_IFBLK, stat.S_IFCHR, stat.S_IFIFO, stat.S_IFSOCK])
@pytest.mark.parametrize("follow_symlinks", [False, True])
def test_only_regular_files_are_opened(
    root: Path, monkeypatch: pytest.MonkeyPatch, kind: int, *, follow_symlinks: bool
) -> None:
    """Opening a device may do something; block devices have octets and are refused all the same."""
    write(root, "disk", b"sectors")
    client = make_client(root, listing=True, follow_symlinks=follow_symlinks)
    real_stat, real_open = os.stat, os.open

    def special(path: bytes, *, dir_fd: int | None = None, follow_symlinks: bool = True):  # type: ignore[no-untyped-def]  # as os.stat
        status = real_stat(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)
        if path == b"disk":
            changed = list(status)
            changed[0] = kind | 0o666
            return os.stat_result(changed)
        return status

    def watched(path: bytes, flags: int, *, dir_fd: int | None = None) -> int:
        assert path != b"disk", "it was opened"
        return real_open(path, flags, dir_fd=dir_fd)

    with monkeypatch.context() as patched:
        patched.setattr(os, "stat", special)
        patched.setattr(os, "open", watched)
        assert client.status("/disk") == 404
        assert b"disk" not in client.body("/")
    assert client.body("/disk") == b"sectors"


# ---------------------------------------------------------------------- dot names


def zarr(root: Path, *patterns: str) -> Client:
    """A site with names that begin with a dot, some of which are public."""
    for name in (
        "data/store.zarr/.zgroup",
        "data/store.zarr/a/.zarray",
        "data/store.zarr/a/0.0",
        ".vite/manifest.json",
        ".vite/.hidden",
        ".git/config",
        "sub/.vite/manifest.json",
        ".env",
        ".well-known/security.txt",
    ):
        write(root, name, name)
    return make_client(root, dot_names=tuple(map(parse_dot_names, patterns)), listing=True)


def test_dot_names_by_pattern(root: Path) -> None:
    client = zarr(root, ".z*", "/.vite")
    for path in (
        "/data/store.zarr/.zgroup",
        "/data/store.zarr/a/.zarray",
        "/.vite/manifest.json",
        "/%2Evite/manifest.json",
        "/.well-known/security.txt",
    ):
        assert client.status(path) == 200
    for path in (
        "/.git/config",
        "/.env",
        "/.vite/.hidden",
        "/sub/.vite/manifest.json",
        "/.vite/../.env",
    ):
        assert client.status(path) == 404
    # Lists tell of the same ones.
    assert b".zgroup" in client.body("/data/store.zarr/")
    assert b".vite" in client.body("/")
    assert b".git" not in client.body("/")
    assert b".hidden" not in client.body("/.vite/")
    assert b".vite" not in client.body("/sub/")
    plain = zarr(root)
    assert plain.status("/.vite/manifest.json") == 404
    assert b".zgroup" not in plain.body("/data/store.zarr/")


def test_all_dot_names_but_dot_segments(root: Path) -> None:
    client = zarr(root, "*")
    for path in ("/.git/config", "/.env", "/.vite/.hidden", "/sub/../.env", "/./.env"):
        assert client.status(path) == 200
    for path in ("/..", "/../.env", "/sub/%2e%2e/%2e%2e/.env", "/sub/..%2F.env", "/.%2F.env"):
        assert client.status(path) == 404


def test_dot_segments_lead_to_no_hidden_name(root: Path) -> None:
    """What is absent is absent by every path that means it."""
    client = zarr(root)
    for path in ("/sub/../.env", "/./.env", "/.git/./config", "/a/%2e%2e/.git/config"):
        assert client.status(path) == 404
    assert client.status("/.git/../data/") == client.status("/data/")


@pytest.mark.parametrize(
    "text", ["vite", "/data/manifest.json", "/.vite/", "/.vite/a*", "/", "", "."]
)
def test_a_pattern_that_means_no_dot_name(text: str) -> None:
    with pytest.raises(ValueError):
        parse_dot_names(text)


NAMES = st.binary(min_size=1, max_size=12)


@given(names=st.lists(NAMES, max_size=4).map(tuple), everything=st.booleans())
def test_what_is_not_hidden_is_safe_to_look_up(
    names: tuple[bytes, ...], *, everything: bool
) -> None:
    public = PublicNames(dot_names=(parse_pattern("*"),)) if everything else DEFAULT_NAMES
    hidden = [public.hides(names[:count], name) for count, name in enumerate(names)]
    assert public.hides_way(names) == any(hidden)
    for name, hides in zip(names, hidden, strict=True):
        if not hides:
            assert not set(name) & set(b"/\0")
            assert name not in (b"", b".", b"..")


# ---------------------------------------------------------------------- encoded slashes


def test_scopes_of_npm(root: Path) -> None:
    write(root, "@scope/name", "metadata")
    write(root, "other/@scope/name", "metadata")
    write(root, "@scope/folder/index.html", "index")
    patterns: tuple[Pattern, ...] = (parse_pattern("/@*"),)
    client = make_client(root, encoded_slash=patterns)
    assert client.body("/@scope%2fname") == b"metadata"
    assert client.body("/%40scope%2Fname") == b"metadata"
    assert client.status("/other/@scope%2fname") == 404
    assert field(client.get("/@scope%2Ffolder?q"), "location") == "/@scope/folder/?q"
    assert client.status("/@scope%2F..%2F..%2Fetc%2Fpasswd") == 404
    assert make_client(root).status("/@scope%2fname") == 404


# ---------------------------------------------------------------------- addresses without .html


@pytest.fixture
def pages(root: Path) -> Path:
    """What generators of sites write."""
    for name in (
        "index.html",
        "about.html",
        "blog.html",
        "blog/post.html",
        "docs/index.html",
        "both.html",
        "both/index.html",
        "v1.2.html",
        "folder/a.txt",
        "exact",
        "exact.html",
        ".hidden.html",
        "page.html/index.html",
    ):
        write(root, name, name)
    return root


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/about", b"about.html"),
        ("/about.html", b"about.html"),
        ("/about?q=1", b"about.html"),
        # A folder of that name holds more pages.
        ("/blog", b"blog.html"),
        ("/blog/post", b"blog/post.html"),
        ("/docs/", b"docs/index.html"),
        ("/both", b"both.html"),
        ("/both/", b"both/index.html"),
        ("/v1.2", b"v1.2.html"),
        ("/exact", b"exact"),
        ("/", b"index.html"),
    ],
)
def test_addresses_without_html(pages: Path, path: str, body: bytes) -> None:
    client = make_client(pages, clean_urls=True)
    response = client.get(path)
    assert (response.status, octets_of(response)) == (200, body)


def test_a_page_has_the_fields_of_its_file(pages: Path) -> None:
    response = make_client(pages, clean_urls=True).get("/about")
    assert field(response, "content-type") == "text/html; charset=utf-8"
    assert field(response, "cache-control") == "no-cache"
    assert field(response, "etag") is not None


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/about/", "/about"),
        ("/about/?q=1", "/about?q=1"),
        ("/blog/", "/blog"),
        ("/blog/post/", "/blog/post"),
        ("/docs", "/docs/"),
        ("/folder", "/folder/"),
    ],
)
def test_the_file_decides_about_the_slash(pages: Path, path: str, location: str) -> None:
    response = make_client(pages, clean_urls=True).get(path)
    assert (response.status, field(response, "location")) == (301, location)


def test_what_has_no_page_is_missing(pages: Path) -> None:
    client = make_client(pages, clean_urls=True)
    for path in (
        "/nope",
        "/nope/",
        "/folder/",
        "/about/x",
        "/about.html/",
        "/.hidden",
        "/page",
        "/a" * 200,
    ):
        assert client.status(path) == 404
    assert make_client(pages).status("/about") == 404


def test_a_list_of_a_folder_beside_a_page(pages: Path) -> None:
    client = make_client(pages, clean_urls=True, listing=True)
    assert b"post.html" in client.body("/blog/")
    assert client.body("/blog") == b"blog.html"


def test_netlify_knows_addresses_without_html(pages: Path) -> None:
    write(
        pages,
        "_redirects",
        "/start /about 200\n/home /blog/ 200\n/about /elsewhere\n/* /index.html 200\n",
    )
    client = make_client(pages, netlify=True)
    assert client.body("/about") == b"about.html"
    assert client.body("/start") == b"about.html"
    # A file is in the way of a rule.
    assert client.body("/home") == b"blog.html"
    assert client.body("/nope") == b"index.html"


def test_a_page_goes_before_a_lone_sibling(pages: Path) -> None:
    """What is called ``about.gz`` may be anything, and who accepts no gzip would get 406."""
    write(pages, "about.gz", "packed")
    write(pages, "lone.gz", "packed")
    client = make_client(pages, clean_urls=True)
    for accept in (None, "gzip"):
        assert client.body("/about", accept_encoding=accept) == b"about.html"
        assert field(client.get("/about/", accept_encoding=accept), "location") == "/about"
    assert client.body("/lone", accept_encoding="gzip") == b"packed"
    assert make_client(pages).body("/about", accept_encoding="gzip") == b"packed"


def test_a_page_that_comes_and_goes(root: Path) -> None:
    client = make_client(root, clean_urls=True)
    client.clock.settle()
    assert client.status("/about") == 404
    page = write(root, "about.html", "now")
    assert client.body("/about") == b"now"
    write(root, "about", "plain")
    assert client.body("/about") == b"plain"
    page.unlink()
    (root / "about").unlink()
    assert client.status("/about") == 404
