"""``h2static.server.client_hello``: what a TLS client offers by ALPN (RFC 7301)."""

from __future__ import annotations

import contextlib
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from h2static.server.client_hello import UNREADABLE, ClientHello, read_client_hello


def hello(*protocols: str) -> bytes:
    """What OpenSSL sends."""
    context = ssl.create_default_context()
    if protocols:
        context.set_alpn_protocols(list(protocols))
    outgoing = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="test.example")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


def in_records(octets: bytes, size: int) -> bytes:
    """The same message in records of ``size`` octets (RFC 8446 section 5.1)."""
    message, version = octets[5:], octets[1:3]
    return b"".join(
        b"\x16" + version + len(piece).to_bytes(2, "big") + piece
        for piece in (message[start : start + size] for start in range(0, len(message), size))
    )


OFFERS = [(), ("h2",), ("h2", "http/1.1"), ("spdy/3.1", "http/1.0", "x")]


@pytest.mark.parametrize("protocols", OFFERS)
@pytest.mark.parametrize("size", [10_000, 100, 50])
def test_what_is_offered(protocols: tuple[str, ...], size: int) -> None:
    octets = in_records(hello(*protocols), size)
    expected = ClientHello(protocols=tuple(name.encode() for name in protocols))
    assert read_client_hello(octets) == expected
    assert read_client_hello(octets + b"\x17more") == expected


@pytest.mark.parametrize("size", [10_000, 100])
def test_how_much_has_to_be_there(size: int) -> None:
    """What is asked for never leads beyond the message, and always on."""
    octets = in_records(hello("h2"), size)
    there = 0
    while isinstance(found := read_client_hello(octets[:there]), int):
        assert there < found <= len(octets)
        there = found
    assert there == len(octets)
    assert found.protocols == (b"h2",)
    for end in range(len(octets)):
        needed = read_client_hello(octets[:end])
        assert isinstance(needed, int)
        assert end < needed <= len(octets)


@pytest.mark.parametrize(
    "octets",
    [
        b"GET / HTTP/1.1\r\n",
        b"\x15\x03\x01\0\2\2\x28",
        b"\x16\x03\x01\0\5\2\0\0\1\0",  # a ServerHello
        b"\x16\x03\x01\0\5\1\0\0\1\0",  # nothing in it
        b"\x16\x03\x01\0\0" * 20,
        in_records(hello("h2"), 1),
        hello("h2")[:5] + b"\1\0\0\x28" + bytes(34) + b"\xff" * 1000,
    ],
)
def test_what_cannot_be_read(octets: bytes) -> None:
    assert read_client_hello(octets) == UNREADABLE


class Plainly:
    """Reads vectors from front to back; what is missing raises ``IndexError``."""

    def __init__(self, octets: bytes) -> None:
        self.octets = octets

    def take(self, count: int) -> bytes:
        if count > len(self.octets):
            raise IndexError
        taken, self.octets = self.octets[:count], self.octets[count:]
        return taken

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> bytes:
        return self.take(self.number(size))


def plainly(body: bytes) -> tuple[bytes, ...] | None:
    """What the body of a ClientHello offers, as RFC 8446 section 4.1.2 has it."""
    rest, found = Plainly(body), []
    try:
        rest.take(34)
        for size in (1, 2, 1):
            rest.vector(size)
        extensions = Plainly(rest.vector(2) if rest.octets else b"")
        while extensions.octets:
            kind, extension = extensions.number(2), Plainly(extensions.vector(2))
            if kind == 16:
                names = Plainly(extension.vector(2))
                while names.octets:
                    found.append(names.vector(1))
                break
    except IndexError:
        return None
    return tuple(found)


@given(st.data())
def test_changed_octets_are_read_as_they_are(data: st.DataObject) -> None:
    octets = bytearray(hello("h2", "http/1.1"))
    # From the session identifier on.
    for position in data.draw(st.lists(st.integers(43, len(octets) - 1), max_size=3)):
        octets[position] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(9, len(octets)))
    body = bytes(octets[9:end])
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    record = b"\x16\x03\x01" + len(message).to_bytes(2, "big") + message
    assert read_client_hello(record) == ClientHello(protocols=plainly(body))


def test_lengths_that_do_not_fit() -> None:
    """Each octet of the message changed: nothing is raised, and nothing is made up."""
    octets = bytearray(hello("h2"))
    for position in range(5, len(octets)):
        for value in (0, 0xFF):
            before, octets[position] = octets[position], value
            found = read_client_hello(bytes(octets))
            assert isinstance(found, int) or found.protocols is None or len(found.protocols) < 9
            octets[position] = before


@given(st.sampled_from([b"", b"\x16\x03\x01", hello("h2")[:80]]), st.binary())
def test_anything_ends_in_one_of_two_ways(start: bytes, rest: bytes) -> None:
    found = read_client_hello(start + rest)
    assert isinstance(found, ClientHello) or found > len(start + rest)
