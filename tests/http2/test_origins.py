"""ORIGIN frames of a server (RFC 8336)."""

from __future__ import annotations

from h2static.http.messages import Client
from h2static.http.shared import Shared
from h2static.http2.client import ClientConnection, make_endpoint
from h2static.http2.frames import Origin, Settings, parse, unpack_header
from h2static.http2.limits import Limits
from h2static.http2.server import ServerConnection
from h2static.http2.service import make_service
from h2static.http2.settings import LocalSettings
from h2static.site.refusals import Refusals


def frames_of(octets: bytes) -> list[object]:
    found: list[object] = []
    position = 0
    while position < len(octets):
        length_type, flags, stream_id = unpack_header(octets, position)
        end = position + 9 + (length_type >> 8)
        found.append(parse(length_type & 0xFF, flags, stream_id, octets[position + 9 : end]))
        position = end
    return found


def beginning(*origins: tuple[bytes, ...]) -> bytes:
    service = make_service(Refusals(), LocalSettings(), Limits(), Shared(), origins=origins)
    connection = ServerConnection(service, Client(version="HTTP/2.0"), 0.0)
    return b"".join(map(bytes, connection.pending()))


def test_they_follow_the_preface() -> None:
    """RFC 8336 section 2.4; RFC 9113 section 3.4: SETTINGS are the first frame."""
    names = (b"https://a.test:8443", b"https://b.test:8443")
    more = (b"https://c.test:8443",)
    frames = frames_of(beginning(names, more))
    assert isinstance(frames[0], Settings)
    assert [one for one in frames if isinstance(one, Origin)] == [
        Origin(origins=names),
        Origin(origins=more),
    ]


def test_golden_octets() -> None:
    """Section 2.1: type 0xc on stream 0, each entry with 16 bits of length in front."""
    assert beginning((b"https://a.test",)).endswith(
        b"\x00\x00\x10\x0c\x00\x00\x00\x00\x00\x00\x0ehttps://a.test"
    )


def test_a_server_of_one_site_sends_none() -> None:
    assert not [one for one in frames_of(beginning()) if isinstance(one, Origin)]


def test_a_client_lives_on_with_it() -> None:
    """Section 2.1: who has no use for it ignores it."""
    client = ClientConnection(make_endpoint(LocalSettings(), Limits(), Shared()), 0.0)
    client.receive(beginning((b"https://a.test",)), 0.0)
    assert client.problem is None
    assert not client.closing
