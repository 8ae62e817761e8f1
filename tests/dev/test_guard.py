"""Who may talk to a development server."""

from __future__ import annotations

import pytest

from h2static.dev.guard import host_allowed, same_origin
from h2static.http.messages import Request


@pytest.mark.parametrize(
    ("authority", "allowed"),
    [
        (b"localhost", True),
        (b"LOCALHOST:8080", True),
        (b"localhost.:8080", True),
        (b"app.localhost", True),
        (b"127.0.0.1:80", True),
        (b"192.168.1.2:8080", True),
        (b"[::1]:8080", True),
        (b"mymac.local", True),
        (b"a.example.test", True),
        (b"", True),
        (b"evil.test", False),
        (b"localhost.evil.test", False),
        (b"127.0.0.1.evil.test", False),
        (b"evillocalhost", False),
        (b"example.test", False),
        (b"localhost@evil.test", False),
        (b"localhost:8080@evil.test", False),
        (b"localhost:80:80", False),
        (b"localhost/evil.test", False),
        (b"localhost:99999", False),
        (b"localhost:x", False),
        (b"[::1]evil.test", False),
        (b"[::1", False),
        (b"127.0.0.1:80@evil.test", False),
        (b"localhost evil.test", False),
        (b"[evil.test]", False),
        # RFC 3986 section 3.2.2: an address of a version to come, and no name.
        (b"[v1.localhost]", False),
        (b"[::1%25localhost]", False),
        (b"\xff", False),
    ],
)
def test_host(authority: bytes, allowed: bool) -> None:
    assert host_allowed(authority, ("mymac.local", "*.Example.test")) is allowed


@pytest.mark.parametrize(
    ("fields", "same"),
    [
        ([], True),
        ([(b"sec-fetch-site", b"same-origin")], True),
        ([(b"sec-fetch-site", b"none")], True),
        ([(b"sec-fetch-site", b"cross-site"), (b"origin", b"https://localhost:1")], False),
        ([(b"sec-fetch-site", b"same-site")], False),
        ([(b"origin", b"https://LOCALHOST:1")], True),
        ([(b"origin", b"http://localhost:1")], False),
        ([(b"origin", b"https://localhost")], False),
        ([(b"origin", b"null")], False),
    ],
)
def test_same_origin(fields: list[tuple[bytes, bytes]], same: bool) -> None:
    request = Request(
        method=b"GET", scheme=b"https", authority=b"localhost:1", path=b"/", fields=tuple(fields)
    )
    assert same_origin(request) is same
