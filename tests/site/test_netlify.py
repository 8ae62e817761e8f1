"""``_headers`` and ``_redirects`` at work in a site."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from h2static.site.limits import DEFAULTS
from h2static.site.netlify import parse_headers
from h2static.site.rules import parse_header_rule
from tests.site.harness import field, make_client, octets_of, write

HEADERS = """\
# all pages
/*
  X-Frame-Options: DENY
  Cache-Control: max-age=60
/assets/*
  cache-control: immutable
  Access-Control-Allow-Origin: *
/blog/:slug
  X-Blog: yes
"""


def test_headers_are_set_and_joined(root: Path) -> None:
    write(root, "_headers", HEADERS)
    write(root, "index.html")
    write(root, "assets/a.js")
    client = make_client(root, netlify=True)
    response = client.get("/")
    assert field(response, "x-frame-options") == "DENY"
    assert field(response, "cache-control") == "max-age=60"
    response = client.get("/assets/a.js")
    assert field(response, "cache-control") == "max-age=60, immutable"
    assert field(response, "access-control-allow-origin") == "*"
    assert field(client.get("/blog/x"), "x-blog") == "yes"
    assert field(client.get("/blog/x/y"), "x-blog") is None


@pytest.mark.parametrize("status", [404, 410])
def test_a_status_without_a_page(root: Path, status: int) -> None:
    """The rule tells what has become of the address; a page for it is optional."""
    write(root, "_redirects", f"/old/* /page.html {status}\n")
    client = make_client(root, netlify=True)
    response = client.get("/old/x")
    assert response.status == status
    assert field(response, "cache-control") == "no-cache"
    write(root, "page.html", "a page")
    response = client.get("/old/x")
    assert (response.status, octets_of(response)) == (status, b"a page")


def test_cookies_are_not_joined(root: Path) -> None:
    """RFC 9110 section 5.3: a comma may be part of a cookie."""
    write(root, "_headers", "/*\n  Set-Cookie: a=1\n  Set-Cookie: b=2\n/x/*\n  Set-Cookie: c=3\n")
    write(root, "x/a.html", "content")
    write(root, "x/sub/index.html")
    client = make_client(root, netlify=True)
    write(root, "404.html", "none")
    whole = client.get("/x/a.html")
    tag = field(whole, "etag") or ""
    for response in (
        whole,
        client.get("/x/a.html", range="bytes=0-1"),
        client.get("/x/a.html", if_none_match=tag),
        client.get("/x/sub"),
        client.get("/x/missing"),
    ):
        cookies = [value for name, value in response.fields if name == b"set-cookie"]
        assert cookies == [b"a=1", b"b=2", b"c=3"]


def test_an_option_replaces_all_cookies(root: Path) -> None:
    write(root, "_headers", "/*\n  Set-Cookie: a=1\n  Set-Cookie: b=2\n")
    write(root, "index.html")
    client = make_client(root, netlify=True, header=(parse_header_rule("*:Set-Cookie: c=3"),))
    cookies = [value for name, value in client.get("/").fields if name == b"set-cookie"]
    assert cookies == [b"c=3"]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("  X-A: 1", "a field without a path before it"),
        ("assets\n", "is not a path"),
        ("/a\n  what", "is not a field"),
        ("/a\n  : x", "is not a field name"),
        ("/a\n  x:", "the value is empty"),
        ("/a\n  Content-Length: 5", "is set by the server"),
    ],
)
def test_faults_in_headers_are_named_with_their_line(text: str, complaint: str) -> None:
    line = text.count("\n", 0, len(text.rstrip())) + 1
    with pytest.raises(ValueError, match=rf"^_headers:{line}: .*{complaint}"):
        parse_headers(text, "_headers")


def test_passwords_are_left_out_with_a_warning(root: Path) -> None:
    write(root, "_headers", "/*\n  Basic-Auth: user:secret\n  X-A: 1\n")
    client = make_client(root, netlify=True)
    assert client.site.warnings == ("_headers:2: ignored: passwords are not supported",)
    assert field(client.get("/"), "x-a") == "1"
    assert field(client.get("/"), "basic-auth") is None


def test_redirects_and_rewrites(root: Path) -> None:
    write(
        root,
        "_redirects",
        "/old /new\n/exists /elsewhere\n/forced.txt /new 302!\n/app/* /app.html 200\n"
        "/lost-forever /gone.html 410\n/folder /sub 200\n/lost /nowhere 200\n",
    )
    for name in ("exists", "forced.txt", "app.html", "gone.html", "sub/index.html"):
        write(root, name, name)
    client = make_client(root, netlify=True)
    response = client.get("/old?q=1")
    assert (response.status, field(response, "location")) == (301, "/new?q=1")
    # A file wins unless the rule is forced.
    assert client.body("/exists") == b"exists"
    assert client.status("/forced.txt") == 302
    response = client.get("/app/deep/path")
    assert (response.status, octets_of(response)) == (200, b"app.html")
    assert field(response, "content-type") == "text/html; charset=utf-8"
    assert field(response, "etag") is not None
    assert client.status("/app/x", if_none_match=field(response, "etag")) == 304
    response = client.get("/lost-forever")
    assert (response.status, octets_of(response)) == (410, b"gone.html")
    assert field(response, "etag") is None
    assert client.body("/folder") == b"sub/index.html"
    assert client.status("/lost") == 404


def test_the_files_themselves_are_not_served(root: Path) -> None:
    write(root, "_headers", "/*\n  X-A: 1\n")
    write(root, "_redirects", "/files/* /:splat 200\n/* /index.html 200\n")
    write(root, "sub/_headers")
    write(root, "index.html")
    client = make_client(root, netlify=True, listing=True)
    # As if they were not there.
    for path in ("/_headers", "/_redirects", "/%5Fheaders"):
        assert client.body(path) == client.body("/nothing") == b"content"
    assert client.status("/files/_headers") == 404
    assert client.status("/files/sub/_headers") == 200
    assert client.status("/files/.env") == 404
    assert client.status("/sub/_headers") == 200
    assert b"_headers" not in client.body("/")
    plain = make_client(root)
    assert plain.status("/_headers") == 200
    assert field(plain.get("/"), "x-a") is None


def test_the_404_page(root: Path) -> None:
    client = make_client(root, netlify=True)
    assert b"404" in client.body("/nope")
    write(root, "404.html", "own page")
    response = client.get("/nope")
    assert (response.status, octets_of(response)) == (404, b"own page")
    assert make_client(root).body("/nope") != b"own page"


def test_faults_at_the_start_are_errors(root: Path) -> None:
    write(root, "_redirects", "/a /b\n/c\n")
    with pytest.raises(ValueError, match=r"^_redirects:2: the target is missing"):
        make_client(root, netlify=True)
    write(root, "_redirects", b"/\xff /b\n")
    with pytest.raises(ValueError, match=r"^_redirects:1: not UTF-8"):
        make_client(root, netlify=True)
    write(root, "_redirects", b"#" * (DEFAULTS.netlify_file + 1))
    with pytest.raises(ValueError, match=r"^_redirects: longer"):
        make_client(root, netlify=True)


def test_edits_count_for_the_next_request(root: Path) -> None:
    path = write(root, "_redirects", "/a /b\n")
    client = make_client(root, netlify=True)
    client.clock.settle()
    assert field(client.get("/a"), "location") == "/b"
    path.write_text("/a /c\n")
    assert field(client.get("/a"), "location") == "/c"
    # A fault keeps what was there before, and is told.
    path.write_text("/a\n")
    assert field(client.get("/a"), "location") == "/c"
    assert client.site.warnings[0].startswith("_redirects:1: the target is missing")
    path.unlink()
    assert client.status("/a") == 404
    assert client.site.warnings == ()
    write(root, "_headers", "/*\n  X-A: 1\n")
    assert field(client.get("/a"), "x-a") == "1"


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def link_to_nowhere(path: Path) -> None:
    path.symlink_to("nowhere")


def link_out(path: Path) -> None:
    path.symlink_to("/etc/passwd")


def not_text(path: Path) -> None:
    path.write_bytes(b"/* /\xff\n")


def too_long(path: Path) -> None:
    path.write_bytes(b"#" * (DEFAULTS.netlify_file + 1))


#: What may come in the place of a file, and what is said of it.
IN_THE_WAY = [
    (Path.mkdir, "not a regular file"),
    (os.mkfifo, "not a regular file"),
    (loop, "Too many levels of symbolic links"),
    (link_to_nowhere, "not a regular file"),
    (link_out, "not a regular file"),
    (not_text, "not UTF-8"),
    (too_long, "longer than"),
]


@pytest.mark.parametrize(("make", "complaint"), IN_THE_WAY)
@pytest.mark.parametrize("name", ["_headers", "_redirects"])
def test_a_file_that_cannot_be_read_stops_the_start(
    root: Path, name: str, make: Callable[[Path], None], complaint: str
) -> None:
    make(root / name)
    with pytest.raises(ValueError, match=f"^{name}:(1:)? .*{complaint}"):
        make_client(root, netlify=True)
    client = make_client(root, netlify=True, lenient=True)
    assert complaint in client.site.warnings[0]
    assert client.status("/") == 404


@pytest.mark.parametrize(("make", "complaint"), IN_THE_WAY)
@pytest.mark.parametrize("name", ["_headers", "_redirects"])
def test_a_file_that_cannot_be_read_any_more_keeps_its_rules(
    root: Path, name: str, make: Callable[[Path], None], complaint: str
) -> None:
    write(root, "a.txt", "a")
    write(root, "_headers", "/*\n  X-A: 1\n")
    write(root, "_redirects", "/old /a.txt\n")
    client = make_client(root, netlify=True)
    client.clock.settle()

    def has_rules() -> bool:
        response = client.get("/a.txt")
        redirected = field(client.get("/old"), "location") == "/a.txt"
        return response.status == 200 and field(response, "x-a") == "1" and redirected

    assert has_rules()
    (root / name).unlink()
    make(root / name)
    for _ in range(2):
        assert has_rules()
        (warning,) = client.site.warnings
        assert warning.startswith(f"{name}:")
        assert complaint in warning
    if (root / name).is_dir():
        (root / name).rmdir()
    else:
        (root / name).unlink()
    # Without a file there are no rules.
    assert not has_rules()
    assert client.site.warnings == ()


@pytest.mark.parametrize("call", ["open", "pread"])
def test_a_file_that_may_be_read_again_is_read_again(
    root: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """Without any dependencies in a folder: whoever may not read it now may later."""
    path = write(root, "_headers", "/*\n  X-A: 1\n")
    write(root, "a.txt", "a")
    client = make_client(root, netlify=True)
    client.clock.settle()
    assert field(client.get("/a.txt"), "x-a") == "1"
    path.write_text("/*\n  X-A: 2\n")
    client.clock.settle()
    real_open, real_pread = os.open, os.pread

    def refuse_open(name: bytes, flags: int, *, dir_fd: int | None = None) -> int:
        if name == b"_headers":
            raise PermissionError(errno.EACCES, "Permission denied")
        return real_open(name, flags, dir_fd=dir_fd)

    def refuse_pread(descriptor: int, size: int, offset: int) -> bytes:
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            raise OSError(errno.EIO, "Input/output error")
        return real_pread(descriptor, size, offset)

    with monkeypatch.context() as refusing:
        refusing.setattr(os, call, refuse_open if call == "open" else refuse_pread)
        response = client.get("/a.txt")
        assert (response.status, field(response, "x-a")) == (200, "1")
        (warning,) = client.site.warnings
        assert warning in ("_headers: Permission denied", "_headers: Input/output error")
    assert field(client.get("/a.txt"), "x-a") == "2"
    assert client.site.warnings == ()


@pytest.mark.parametrize("value", ["..", "%2e%2e", ".", "%2E."])
def test_what_a_query_says_leads_to_no_other_folder(root: Path, value: str) -> None:
    """A rule of the owner means files of its folder, whatever a client puts into it."""
    write(root, "_redirects", "/shop id=:id /goods/:id 200\n/in id=:id /goods/:id/a 200\n")
    for name in ("index.html", "a", "goods/5", "goods/index.html", "goods/a"):
        write(root, name)
    client = make_client(root, netlify=True)
    assert client.status("/shop?id=5") == 200
    assert client.status(f"/shop?id={value}") == client.status(f"/in?id={value}") == 404
