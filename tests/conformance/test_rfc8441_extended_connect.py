"""RFC 8441: extended CONNECT, where it is offered and where it is not; RFC 9113 section 8.5."""

from __future__ import annotations

import pytest

from h2static.http.exchange import Exchange
from h2static.http.messages import Field
from h2static.http.pipe import Pipe
from h2static.http2 import registry as r
from h2static.http2.frames import Data, RstStream, Settings
from h2static.http2.limits import Limits
from h2static.http2.registry import ErrorCode
from h2static.http2.settings import LocalSettings
from tests.support.peer import Peer
from tests.support.replies import Section
from tests.support.small_site import SmallSite
from tests.support.transports import Mirror

_AUTHORITY = (b":authority", b"test.example")
_REST = ((b":scheme", b"http"), (b":path", b"/chat"), _AUTHORITY)
_CONNECT: list[Field] = [(b":method", b"CONNECT"), (b":protocol", b"websocket"), *_REST]
OFFERED = LocalSettings(enable_connect_protocol=True)


class TunnelSite(SmallSite):
    """A small site that echoes what comes through a WebSocket's tunnel."""

    def handle(self, exchange: Exchange) -> None:
        protocol = exchange.request.protocol
        if protocol == b"websocket" and exchange.request.path == b"/chat":
            pipe = Pipe(on_room=exchange.resume)
            exchange.tunnel(pipe, pipe, ((b"sec-websocket-protocol", b"chat"),))
        elif protocol:
            exchange.respond(self.refuse(501, exchange.request))
        else:
            super().handle(exchange)


def offering() -> Peer:
    """A peer of a server that takes tunnels."""
    return Peer(Mirror(application=TunnelSite, settings=OFFERED))


# ---------------------------------------------------------------------- not offered


def test_it_is_not_offered() -> None:
    """Section 3: only a SETTINGS_ENABLE_CONNECT_PROTOCOL of 1 offers it."""
    peer = Peer(handshake=False)
    assert r.SETTINGS_ENABLE_CONNECT_PROTOCOL not in dict(peer.expect(Settings).entries)


@pytest.mark.parametrize("setting", [None, 0, 1])
@pytest.mark.parametrize("method", [b"CONNECT", b"GET"])
def test_protocol_is_an_unknown_pseudo_header_field(method: bytes, setting: int | None) -> None:
    """ "receipt of this parameter by a server does not have any impact" (section 3)."""
    entries = [] if setting is None else [(r.SETTINGS_ENABLE_CONNECT_PROTOCOL, setting)]
    peer = Peer(settings=entries)
    for position, fields in enumerate(
        (
            [(b":method", method), (b":protocol", b"websocket"), *_REST],
            [(b":protocol", b"websocket"), (b":method", method), _AUTHORITY],
        )
    ):
        stream_id = 2 * position + 1
        peer.send(peer.headers(stream_id, fields, end_stream=False))
        peer.expect_reset(stream_id, ErrorCode.PROTOCOL_ERROR)
    assert not peer.site.requests
    peer.expect_serves(5)


def test_protocol_in_trailers() -> None:
    peer = Peer()
    fields: list[Field] = [(b":protocol", b"websocket")]
    peer.request(1, b"/echo", b"POST", end_stream=False)
    peer.send(peer.headers(1, fields))
    peer.expect_reset(1, ErrorCode.PROTOCOL_ERROR)
    peer.expect_serves(3)


# ---------------------------------------------------------------------- offered


def test_it_is_offered_in_the_first_settings() -> None:
    peer = Peer(Mirror(application=TunnelSite, settings=OFFERED), handshake=False)
    assert dict(peer.expect(Settings).entries)[r.SETTINGS_ENABLE_CONNECT_PROTOCOL] == 1


def test_a_tunnel_in_golden_octets() -> None:
    """Section 5.1's example: 200, and DATA frames in both directions up to END_STREAM."""
    peer = offering()
    peer.send(peer.headers(1, _CONNECT, end_stream=False))
    section = peer.expect(Section)
    assert not section.end_stream
    assert section.fields[0] == (b":status", b"200")
    assert section.get(b"sec-websocket-protocol") == b"chat"
    for octets in (b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", b"\x8a\x80\x00\x00\x00\x00"):
        peer.data(1, octets)
        peer.expect(Data(stream_id=1, data=octets))
    peer.data(1, b"\x88\x80\x00\x00\x00\x00", end_stream=True)
    peer.expect(Data(stream_id=1, data=b"\x88\x80\x00\x00\x00\x00"))
    peer.expect(Data(stream_id=1, flags=r.END_STREAM))
    peer.expect_serves(3)


#: What makes an extended CONNECT malformed.
_MALFORMED: dict[str, list[Field]] = {
    "no :scheme": [(b":method", b"CONNECT"), (b":protocol", b"websocket"), *_REST[1:]],
    "no :path": [(b":method", b"CONNECT"), (b":protocol", b"websocket"), _REST[0], _AUTHORITY],
    "empty :path": [
        (b":method", b"CONNECT"),
        (b":protocol", b"websocket"),
        (b":scheme", b"http"),
        (b":path", b""),
        _AUTHORITY,
    ],
    "no :authority": [(b":method", b"CONNECT"), (b":protocol", b"websocket"), *_REST[:2]],
    "another method": [(b":method", b"GET"), (b":protocol", b"websocket"), *_REST],
    "no token": [(b":method", b"CONNECT"), (b":protocol", b"web socket"), *_REST],
    "empty": [(b":method", b"CONNECT"), (b":protocol", b""), *_REST],
    "twice": [(b":protocol", b"websocket"), *_CONNECT],
    "after a field": [*_CONNECT[:1], *_REST, (b"x-a", b"1"), (b":protocol", b"websocket")],
    "Connection": [*_CONNECT, (b"connection", b"upgrade")],
    "Upgrade": [*_CONNECT, (b"upgrade", b"websocket")],
    "plain CONNECT with :path": [(b":method", b"CONNECT"), *_REST],
}


@pytest.mark.parametrize("fields", _MALFORMED.values(), ids=_MALFORMED.keys())
def test_malformed(fields: list[Field]) -> None:
    """Section 4 and RFC 9113 sections 8.2.2, 8.3 and 8.5: a stream error, the others live on."""
    peer = offering()
    peer.send(peer.headers(1, _CONNECT, end_stream=False))
    assert peer.expect(Section).status == 200
    peer.send(peer.headers(3, fields, end_stream=False))
    peer.expect_reset(3, ErrorCode.PROTOCOL_ERROR)
    peer.data(1, b"still open")
    peer.expect(Data(stream_id=1, data=b"still open"))
    peer.expect_serves(5)


def test_a_plain_connect_keeps_its_own_rules() -> None:
    peer = offering()
    peer.send(peer.headers(1, [(b":method", b"CONNECT"), _AUTHORITY], end_stream=False))
    peer.expect_response(1, 501)
    peer.expect_serves(3)


def test_a_protocol_that_nobody_speaks() -> None:
    """RFC 9220 section 3: 501; and a tunnel that was refused is an ordinary response."""
    peer = offering()
    fields = [(b":method", b"CONNECT"), (b":protocol", b"gopher"), *_REST]
    peer.send(peer.headers(1, fields, end_stream=False))
    peer.expect_response(1, 501)
    peer.expect_serves(3)


@pytest.mark.parametrize("length", [b"0", b"5", b"1000000"])
def test_a_length_says_nothing_of_a_tunnel(length: bytes) -> None:
    """RFC 9110 section 9.3.6: "A CONNECT request message does not have content"."""
    peer = offering()
    fields = [*_CONNECT, (b"content-length", length)]
    peer.send(peer.headers(1, fields, end_stream=False))
    assert peer.expect(Section).status == 200
    for _ in range(3):
        peer.data(1, b"1234")
        peer.expect(Data(stream_id=1, data=b"1234"))
    peer.data(1, b"", end_stream=True)
    peer.expect(Data(stream_id=1, flags=r.END_STREAM))
    peer.expect_serves(3)


@pytest.mark.parametrize("end_stream", [False, True])
def test_headers_in_a_tunnel(end_stream: bool) -> None:
    """RFC 9113 section 8.5: anything but DATA and stream management is a stream error."""
    peer = offering()
    for stream_id in (1, 3):
        peer.send(peer.headers(stream_id, _CONNECT, end_stream=False))
        assert peer.expect(Section).status == 200
    peer.send(peer.headers(1, [(b"x-trailer", b"1")], end_stream=end_stream))
    peer.expect_reset(1, ErrorCode.PROTOCOL_ERROR)
    peer.data(3, b"still open")
    peer.expect(Data(stream_id=3, data=b"still open"))
    peer.expect_serves(5)


def test_an_end_that_comes_with_the_request() -> None:
    """END_STREAM is the end of the client's direction (section 5)."""
    peer = offering()
    peer.send(peer.headers(1, _CONNECT, end_stream=True))
    reply = peer.reply(1)
    assert (reply.status, reply.body, reply.reset) == (200, b"", None)
    peer.expect_serves(3)


def test_a_reset_ends_both_directions() -> None:
    """Section 5: "RST_STREAM … CANCEL" is a connection that was reset."""
    peer = offering()
    peer.send(peer.headers(1, _CONNECT, end_stream=False))
    assert peer.expect(Section).status == 200
    peer.data(1, b"x")
    peer.expect(Data(stream_id=1, data=b"x"))
    peer.send(RstStream(stream_id=1, code=ErrorCode.CANCEL))
    peer.expect_serves(3)


def test_many_small_frames_are_no_glitch_and_empty_ones_are() -> None:
    """A tunnel's peer does not choose how its messages are cut; nothing is in an empty frame
    (CVE-2019-9518)."""
    peer = Peer(Mirror(application=TunnelSite, settings=OFFERED, alone=True))
    peer.send(peer.headers(1, _CONNECT, end_stream=False))
    assert peer.expect(Section).status == 200
    for _ in range(150):
        peer.send(*[Data(stream_id=1, data=b"m")] * 100)
        peer.pull()
        peer.events.clear()
    peer.expect_alive()
    for _ in range(150):
        peer.send(*[Data(stream_id=1)] * 100)
    peer.pull()
    assert peer.fatal is not None
    assert peer.fatal.code == ErrorCode.ENHANCE_YOUR_CALM


def test_small_frames_before_the_grant_are_a_glitch() -> None:
    peer = Peer(Mirror(settings=OFFERED, alone=True))
    peer.send(
        peer.headers(1, [(b":method", b"CONNECT"), (b":protocol", b"x"), *_REST], end_stream=False)
    )
    for _ in range(150):
        peer.send(*[Data(stream_id=1, data=b"m")] * 100)
    peer.pull()
    assert peer.fatal is not None
    assert peer.fatal.code == ErrorCode.ENHANCE_YOUR_CALM


class DeafSite(SmallSite):
    """Grants tunnels, and takes nothing of what comes."""

    def handle(self, exchange: Exchange) -> None:
        if exchange.request.protocol:
            exchange.tunnel(Pipe(capacity=0), Pipe())
        else:
            super().handle(exchange)


def filled_tunnel() -> Peer:
    """A peer with a tunnel whose window it has used up."""
    limits = Limits(tunnel_window=100_000)
    peer = Peer(Mirror(application=DeafSite, settings=OFFERED, limits=limits))
    peer.send(peer.headers(1, _CONNECT, end_stream=False))
    assert peer.expect(Section).status == 200
    for _ in range(10):
        peer.send(Data(stream_id=1, data=bytes(10_000)))
    return peer


def test_the_window_of_a_tunnel_is_wide() -> None:
    """Wider than that of a request: WINDOW_UPDATE says so as soon as the tunnel is there."""
    filled_tunnel().expect_alive()


def test_more_than_the_window_of_a_tunnel() -> None:
    peer = filled_tunnel()
    peer.send(Data(stream_id=1, data=b"x"))
    peer.expect_reset(1, ErrorCode.FLOW_CONTROL_ERROR)
    peer.expect_serves(3)


class BriefSite(SmallSite):
    """Grants tunnels that have ended already."""

    def handle(self, exchange: Exchange) -> None:
        if exchange.request.protocol:
            pipe = Pipe()
            exchange.tunnel(Pipe(), pipe)
            pipe.end()
        else:
            super().handle(exchange)


def tunnel_that_is_over() -> Peer:
    peer = Peer(Mirror(application=BriefSite, settings=OFFERED, alone=True))
    peer.send(peer.headers(1, _CONNECT, end_stream=False))
    assert peer.expect(Section).status == 200
    peer.expect(Data(stream_id=1, flags=r.END_STREAM))
    return peer


def test_a_client_that_does_not_end_a_tunnel_that_is_over() -> None:
    """It is told that nobody listens, without an error (RFC 9113 section 8.1)."""
    peer = tunnel_that_is_over()
    peer.data(1, b"more")
    for _ in range(4):
        peer.mirror.wait(0.6)
    peer.expect_reset(1, ErrorCode.NO_ERROR)
    peer.expect_alive()


def test_a_client_that_ends_a_tunnel_that_is_over() -> None:
    peer = tunnel_that_is_over()
    peer.mirror.wait(0.6)
    peer.data(1, b"", end_stream=True)
    peer.mirror.wait(5)
    peer.expect_alive()
