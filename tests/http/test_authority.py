"""``h2static.http.authority`` (RFC 9110 section 7.2, RFC 9113 section 8.3.1)."""

from __future__ import annotations

import pytest

from h2static.http.authority import Authorities, authority_problem
from h2static.http.requests import Request


def request(authority: bytes, *hosts: bytes) -> Request:
    fields = tuple((b"host", host) for host in hosts)
    return Request(method=b"GET", scheme=b"http", authority=authority, path=b"/", fields=fields)


def problem(authority: bytes, *hosts: bytes) -> str | None:
    """Judged on its own, and by a memory that has heard of the authority and its like."""
    found = authority_problem(request(authority, *hosts))
    memory = Authorities()
    for known in (b"a", authority):
        memory.problem(request(known))
    assert memory.problem(request(authority, *hosts)) == found
    return found


@pytest.mark.parametrize(
    ("authority", "hosts"),
    [
        (b"a", ()),
        (b"a:80", (b"a:80",)),
        (b"A.Example", (b"a.example",)),
        (b"[::1]:8080", ()),
        # HTTP/1.0 and HTTP/2 allow a request for whatever there is.
        (b"", ()),
    ],
)
def test_right(authority: bytes, hosts: tuple[bytes, ...]) -> None:
    assert problem(authority, *hosts) is None


@pytest.mark.parametrize(
    ("authority", "hosts", "words"),
    [
        (b"localhost:80@evil.test", (), "malformed"),
        (b"a b", (), "malformed"),
        (b"a:99999", (), "malformed"),
        (b"", (b"",), "malformed"),
        (b"a", (b"b",), "differ"),
        (b"a", (b"a:80",), "differ"),
        (b"a", (b"a@b",), "differ"),
        (b"a", (b"",), "differ"),
        (b"a", (b"a", b"a"), "more than one"),
    ],
)
def test_wrong(authority: bytes, hosts: tuple[bytes, ...], words: str) -> None:
    found = problem(authority, *hosts)
    assert found is not None
    assert words in found


def test_the_memory_is_bounded() -> None:
    memory = Authorities(most=3, octets=5)
    for name in (b"a", b"b", b"c", b"d", b"longer"):
        assert memory.problem(request(name)) is None
        assert len(memory) <= 3
    assert memory.problem(request(b"longer")) is None
    assert len(memory) == 1
