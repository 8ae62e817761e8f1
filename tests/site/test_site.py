"""What the site answers, rule by rule, and what it remembers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.site.harness import Client, field, make_client, octets_of, request, write


def test_a_file_is_served_with_its_fields(client: Client, root: Path) -> None:
    path = write(root, "index.html", "<h1>hello</h1>")
    os.utime(path, (784111777, 784111777))
    response = client.get("/index.html")
    assert response.status == 200
    assert response.body == b"<h1>hello</h1>"
    etag = field(response, "etag")
    assert etag is not None
    assert response.fields == (
        (b"server", b"h2static"),
        (b"cache-control", b"no-cache"),
        (b"content-length", b"14"),
        (b"content-type", b"text/html; charset=utf-8"),
        (b"etag", etag.encode()),
        (b"last-modified", b"Sun, 06 Nov 1994 08:49:37 GMT"),
        (b"accept-ranges", b"bytes"),
        (b"x-content-type-options", b"nosniff"),
    )


@pytest.mark.parametrize("path", ["/", "/index.html", "/?query", "/nope", "/sub", "/big"])
def test_head_has_the_fields_of_get_and_no_content(client: Client, root: Path, path: str) -> None:
    # RFC 9110 section 9.3.2.  granian sends the content with HEAD.
    write(root, "index.html", "<h1>hello</h1>")
    write(root, "sub/a", "a")
    write(root, "big", bytes(2 << 20))
    get, head = client.get(path), client.get(path, "HEAD")
    assert head.fields == get.fields
    assert head.status == get.status
    assert head.body == b""
    assert field(get, "content-length") == str(len(octets_of(get)))


def test_options(client: Client) -> None:
    # RFC 9110 section 9.3.7; section 8.6: no Content-Length in a 204.
    for path in ("*", "/", "/nope"):
        response = client.get(path, "OPTIONS")
        assert response.status == 204
        assert response.body == b""
        assert response.fields == ((b"server", b"h2static"), (b"allow", b"GET, HEAD, OPTIONS"))


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "TRACE", "CONNECT"])
def test_known_methods_are_not_allowed(client: Client, root: Path, method: str) -> None:
    # RFC 9110 section 15.5.6.  granian answers POST with the file.
    write(root, "index.html")
    response = client.get("/index.html", method)
    assert response.status == 405
    assert field(response, "allow") == "GET, HEAD, OPTIONS"
    assert response.early


@pytest.mark.parametrize("method", ["BREW", "get", "PROPFIND"])
def test_unknown_methods_are_not_implemented(client: Client, method: str) -> None:
    # RFC 9110 section 15.6.2; methods are case-sensitive (section 9.1).
    response = client.get("/", method)
    assert (response.status, response.early) == (501, True)


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/sub", "/sub/"),
        ("/sub?a=b&c", "/sub/?a=b&c"),
        ("/sub?", "/sub/?"),
        ("//sub", "/sub"),
        ("//evil.example/..%2f", "/evil.example/..%2F"),
        ("//evil.example/sub", "/evil.example/sub"),
        ("//evil.example", "/evil.example"),
        ("///", "/"),
        ("/sub//a", "/sub/a"),
        ("/s%75b", "/sub/"),
        ("/n%C3%A4me", "/n%C3%A4me/"),
        ("/li%0d%0ane%22", "/li%0D%0Ane%22/"),
    ],
)
def test_redirects_stay_on_the_host(
    client: Client, root: Path, path: str, location: str | None
) -> None:
    for folder in ("sub", "näme", 'li\r\nne"'):
        write(root, f"{folder}/a")
    response = client.get(path)
    assert field(response, "location") == location
    assert response.status == (301 if location else 404)
    if location:
        assert response.body == b""
        assert field(response, "content-length") == "0"


@pytest.mark.parametrize("index", ["index.html", "default.htm"])
def test_the_index_of_a_folder(root: Path, index: str) -> None:
    client = make_client(root, index=index)
    write(root, f"sub/{index}", "index")
    write(root, "empty/other", "other")
    assert client.body("/sub/") == b"index"
    assert client.status("/empty/") == 404
    assert client.status(f"/sub/{index}/") == 404


@pytest.mark.parametrize(
    "authority",
    ["", "localhost", "LOCALHOST:", "127.0.0.1:8080", "[::1]:443", "unknown.example", "a_b"],
)
def test_any_host_is_served_and_none_is_repeated(
    client: Client, root: Path, authority: str
) -> None:
    write(root, "sub/index.html")
    for path in ("/sub", "/sub/", "/nope"):
        response = client.get(path, authority=authority)
        assert response.status in (200, 301, 404)
        if authority:
            assert authority.encode() not in octets_of(response)
            assert all(authority.encode() not in value for _, value in response.fields)


def test_the_same_request_gets_the_same_response(client: Client, root: Path) -> None:
    write(root, "index.html")
    write(root, "big", bytes(2 << 20))
    client.clock.settle()
    for path in ("/", "/big", "/nope"):
        question = request(path)
        first = client.ask(question)
        assert all(client.ask(question) is first for _ in range(3))
        assert client.get(path) is first


def test_a_fresh_file_is_looked_at_again_and_still_gets_the_same_response(
    client: Client, root: Path
) -> None:
    path = write(root, "index.html", "one")
    question = request("/")
    first = client.ask(question)
    assert client.ask(question) is first
    before = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert client.ask(question).body == b"two"
