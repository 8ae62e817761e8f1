"""What the options of a site do to its responses."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from h2static.site.rules import ErrorPage, parse_cache_rule, parse_header_rule
from tests.site.harness import (
    Client,
    field,
    forget_pages,
    make_client,
    octets_of,
    write,
)


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
    write(root, "a.js", "script")
    write(root, "a.js.gz", "compressed")
    client = make_client(root, header=(parse_header_rule("*.js:Vary: Origin"),))
    assert field(client.get("/a.js"), "vary") == "accept-encoding, Origin"


def test_a_single_page_application(root: Path) -> None:
    write(root, "app/index.html", "app")
    write(root, "real.html", "real")
    write(root, "folder/a")
    client = make_client(root, spa="app/index.html")
    for path in (
        "/",
        "/users/5",
        "/users/john.doe",
        "/nope.html",
        "/folder/",
        "/real.html/x",
        "/a/../b",
    ):
        response = client.get(path)
        assert (response.status, octets_of(response)) == (200, b"app")
        assert field(response, "content-type") == "text/html; charset=utf-8"
    assert client.body("/real.html") == b"real"
    for path in ("/app.js", "/img/logo.png", "/a%2flogo.png", "/a/../b.js", "/%2e%2e", "/../b"):
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
    with pytest.raises(ValueError, match=f"^{name}: no such file in the root"):
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


def test_what_stands_for_a_folder_or_a_file_stays_inside(root: Path) -> None:
    """An index, a page for errors and a compressed sibling are found without being asked for."""
    outside = "outside of the root"
    write(root.parent, "secret", outside)
    write(root, "page.html", "inside")
    write(root, "sub/a", "inside")
    for name in ("index.html", "404.html", "page.html.gz", "page.html.br", "sub/index.html"):
        (root / name).symlink_to(root.parent / "secret")
    client = make_client(root)
    for path in ("/", "/index.html", "/sub/", "/404.html", "/nothing", "/page.html.gz"):
        response = client.get(path, accept_encoding="gzip, br")
        assert response.status == 404
        assert outside.encode() not in octets_of(response)
    response = client.get("/page.html", accept_encoding="gzip, br")
    assert (response.status, octets_of(response)) == (200, b"inside")
    assert field(response, "content-encoding") is None
    follower = make_client(root, follow_symlinks=True)
    assert follower.body("/") == outside.encode()


def test_names_that_no_file_system_has(root: Path) -> None:
    client = make_client(root)
    write(root, "n" * 255)
    assert client.status("/" + "n" * 255) == 200
    assert client.status("/" + "n" * 256) == 404
    assert client.status("/" + "n" * 255, accept_encoding="gzip, br") == 200
    assert client.status("/" + "n/" * 2_048) == 404
    assert client.status("/" + "n" * 4_096) == 404


def test_dotfiles(root: Path) -> None:
    for name in (".env", ".git/config", ".well-known/security.txt", ".well-known/.hidden"):
        write(root, name)
    client = make_client(root, follow_symlinks=True)
    for path in ("/.env", "/.git/config", "/.git", "/.well-known/.hidden", "/%2eenv"):
        assert client.status(path) == 404
    assert client.status("/.well-known/security.txt") == 200


@pytest.mark.parametrize("index", ["", ".", "..", "a/b", "/etc/passwd", "a\0b"])
def test_an_index_is_one_name(root: Path, index: str) -> None:
    with pytest.raises(ValueError, match=r"^index: .* is not a plain file name"):
        make_client(root, index=index)


def test_error_pages_are_made_once(root: Path) -> None:
    client = make_client(root)
    assert client.get("/x").body is client.get("/y").body
    assert client.site.refuse(400, None).body is client.site.refuse(400, None).body
    # The owner's as well, young or not.
    write(root, "missing.html", "m" * 10_000)
    for settled in (False, True):
        client = make_client(root, error_page=(ErrorPage(status=404, file="missing.html"),))
        client.clock.offset = 10.0 if settled else 0.0
        bodies = {id(client.get(f"/{number}").body) for number in range(20)}
        assert len(bodies) == 1
        assert client.site.memory.held_octets == 10_000


def test_the_nearest_error_page_answers(root: Path) -> None:
    write(root, "404.html", "of the root")
    write(root, "blog/404.html", "of the blog")
    write(root, "blog/old/x")
    write(root, ".git/404.html", "of nobody")
    (root / "docs/404.html").mkdir(parents=True)
    for options in ({"error_page": (ErrorPage(status=404, file="404.html"),)}, {"netlify": True}):
        client = make_client(root, **options)
        for path, text in (
            ("/none", "of the root"),
            ("/blog/none", "of the blog"),
            ("/blog/none/deeper", "of the blog"),
            ("/blog/old/none", "of the blog"),
            ("/blog/old/x/none", "of the blog"),
            ("/docs/none", "of the root"),
            ("/.git/none", "of the root"),
            ("/" + "n/" * 1000, "of the root"),
        ):
            response = client.get(path)
            assert (response.status, octets_of(response)) == (404, text.encode()), path
    # What comes or goes is seen.
    (root / "blog/404.html").unlink()
    assert octets_of(client.get("/blog/none")) == b"of the root"
    write(root, "blog/404.html", "again")
    assert octets_of(client.get("/blog/none")) == b"again"
