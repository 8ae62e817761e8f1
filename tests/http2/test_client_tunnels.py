"""Tunnels from the client's side: extended CONNECT where the server offers it (RFC 8441)."""

from __future__ import annotations

import pytest

from h2static.http.messages import Request
from h2static.http.pipe import Pipe
from h2static.http2 import registry as r
from h2static.http2.frames import Data, RstStream, Settings
from h2static.http2.registry import ErrorCode
from tests.conformance.test_rfc8441_extended_connect import OFFERED, TunnelSite
from tests.http2.test_client import CUTS, Script
from tests.support.receivers import Pair, Received, get
from tests.support.small_site import SmallSite
from tests.support.transports import START

LARGE = 1_000_000


def chat(path: bytes = b"/chat", protocol: bytes = b"websocket") -> Request:
    return Request(
        method=b"CONNECT",
        scheme=b"http",
        authority=b"test.example",
        path=path,
        fields=((b"sec-websocket-version", b"13"),),
        protocol=protocol,
    )


class Dialed:
    """A tunnel that a client has asked for."""

    def __init__(self, pair: Pair, *, takes: bool = True, request: Request | None = None) -> None:
        self.received = Received(takes=takes)
        self.pipe = Pipe()
        self.call = pair.client.request(request or chat(), self.received, self.pipe)
        pair.settle()


@pytest.mark.parametrize("cut", CUTS)
def test_octets_go_there_and_back(cut: object) -> None:
    pair = Pair(TunnelSite(), server=OFFERED, cut=cut)  # type: ignore[arg-type]  # one of CUTS
    tunnels = [Dialed(pair) for _ in range(3)]
    for number, tunnel in enumerate(tunnels):
        assert tunnel.received.head is not None
        assert tunnel.received.head.status == 200
        assert (b"sec-websocket-protocol", b"chat") in tunnel.received.head.fields
        tunnel.pipe.receive(b"hello from %d" % number)
    assert pair.ask(get()).body == b"hello"
    pair.settle()
    for number, tunnel in enumerate(tunnels):
        assert tunnel.received.body == b"hello from %d" % number
        tunnel.pipe.end()
        pair.settle()
        assert tunnel.received.status() == 200
    assert pair.client.open_streams == pair.server.open_streams == 0


def test_a_receiver_that_does_not_take_holds_the_server_up() -> None:
    pair = Pair(TunnelSite(), server=OFFERED)
    tunnel = Dialed(pair, takes=False)
    tunnel.pipe.receive(bytes(LARGE))
    pair.settle()
    assert len(tunnel.received.body) <= 131_072
    assert tunnel.pipe.held >= LARGE - 524_288
    tunnel.received.takes = True
    for _ in range(100):
        tunnel.call.resume()
        pair.settle()
    assert len(tunnel.received.body) == LARGE


# ---------------------------------------------------------------------- whether it is offered

#: A server's SETTINGS that offer it.
OFFER = ((r.SETTINGS_ENABLE_CONNECT_PROTOCOL, 1),)


def test_it_waits_for_the_servers_settings() -> None:
    """Section 3: only "upon receipt of SETTINGS_ENABLE_CONNECT_PROTOCOL with a value of 1"."""
    script = Script(entries=None)
    script.client.request(chat(), Received(), Pipe())
    script.client.request(get(), Received())
    (ordinary,) = script.take()
    assert script.fields(ordinary)[0] == (b":method", b"GET")
    script.send(Settings(entries=OFFER))
    settings, headers = script.take()
    assert settings == Settings(flags=r.ACK)
    assert (headers.stream_id, headers.flags) == (3, r.END_HEADERS)
    assert script.fields(headers) == [
        (b":method", b"CONNECT"),
        (b":protocol", b"websocket"),
        (b":scheme", b"http"),
        (b":authority", b"test.example"),
        (b":path", b"/chat"),
        (b"sec-websocket-version", b"13"),
    ]


@pytest.mark.parametrize("entries", [(), ((r.SETTINGS_ENABLE_CONNECT_PROTOCOL, 0),)])
@pytest.mark.parametrize("early", [False, True])
def test_a_server_that_does_not_offer_it(entries: tuple[tuple[int, int], ...], early: bool) -> None:
    """Nothing was sent: another connection, of another protocol version, may do."""
    script = Script(entries=None)
    received = Received()
    if early:
        script.client.request(chat(), received, Pipe())
        assert received.failure is None
    script.send(Settings(entries=entries), Settings(flags=r.ACK))
    if not early:
        script.client.request(chat(), received, Pipe())
    assert script.take() == [Settings(flags=r.ACK)]
    assert received.failure is not None
    assert received.failure.may_retry
    assert "extended CONNECT" in received.failure.reason
    script.lives_on(1)


def test_what_waits_can_be_cancelled_and_lost() -> None:
    script = Script(entries=None)
    cancelled, lost = Received(), Received()
    call = script.client.request(chat(), cancelled, Pipe())
    script.client.request(chat(), lost, Pipe())
    call.cancel()
    script.client.abandon()
    assert cancelled.failure is None
    assert lost.failure is not None
    assert lost.failure.may_retry


# ---------------------------------------------------------------------- what comes back


@pytest.mark.parametrize("status", [b"200", b"204", b"299"])
@pytest.mark.parametrize("length", [b"0", b"3"])
def test_a_length_says_nothing_of_a_tunnel(status: bytes, length: bytes) -> None:
    """RFC 9110 section 9.3.6: "A client MUST ignore any Content-Length … in a successful response
    to CONNECT"."""
    script = Script(entries=OFFER)
    received = script.ask(chat())
    script.send(script.head(1, (b":status", status), (b"content-length", length)))
    script.send(Data(stream_id=1, data=b"12345"), Data(stream_id=1, flags=r.END_STREAM))
    assert received.body == b"12345"
    assert received.status() == int(status)
    script.lives_on(3)


@pytest.mark.parametrize("end_stream", [False, True])
def test_headers_in_a_tunnel(end_stream: bool) -> None:
    """RFC 9113 section 8.5."""
    script = Script(entries=OFFER)
    received = script.ask(chat())
    script.send(script.head(1, (b":status", b"200")))
    flags = r.END_HEADERS | (r.END_STREAM if end_stream else 0)
    script.send(script.head(1, (b"x-trailer", b"1"), flags=flags))
    assert script.take() == [RstStream(stream_id=1, code=ErrorCode.PROTOCOL_ERROR)]
    assert received.failure is not None
    script.lives_on(3)


def test_a_refusal_is_an_ordinary_response() -> None:
    pair = Pair(TunnelSite(), server=OFFERED)
    tunnel = Dialed(pair, request=chat(protocol=b"gopher"))
    assert tunnel.received.status() == 501
    tunnel.pipe.end()
    pair.settle()
    assert pair.client.open_streams == pair.server.open_streams == 0
    assert pair.ask(get()).body == b"hello"


def test_a_refusal_with_another_length_is_malformed() -> None:
    script = Script(entries=OFFER)
    received = script.ask(chat())
    script.send(script.head(1, (b":status", b"403"), (b"content-length", b"2")))
    script.send(Data(stream_id=1, data=b"12345"))
    assert script.take() == [RstStream(stream_id=1, code=ErrorCode.PROTOCOL_ERROR)]
    assert received.failure is not None


def test_the_server_resets_it() -> None:
    script = Script(entries=OFFER)
    received = script.ask(chat())
    script.send(script.head(1, (b":status", b"200")), RstStream(stream_id=1, code=8))
    assert received.failure is not None
    assert received.failure.code == ErrorCode.CANCEL
    script.lives_on(3)


def test_many_small_frames_are_no_glitch() -> None:
    script = Script(entries=OFFER)
    received = script.ask(chat())
    script.send(script.head(1, (b":status", b"200")))
    for _ in range(200):
        script.send(*[Data(stream_id=1, data=b"\x8a\x00")] * 100)
        script.take()
    assert len(received.body) == 40_000
    assert script.client.problem is None
    assert not script.client.closing


def test_time_is_on_nobodys_side() -> None:
    """A silent tunnel is not late; one whose server takes nothing is."""
    pair = Pair(TunnelSite(), server=OFFERED)
    tunnel = Dialed(pair)
    for second in range(1_000):
        pair.client.check(START + second)
    assert not tunnel.received.over
    pair.down = False
    tunnel.pipe.receive(bytes(LARGE))
    pair.settle()
    for second in range(1_000, 1_200):
        pair.client.check(START + second)
        octets = b"".join(pair.client.pending())
        pair.client.sent(len(octets), START + second)
    assert tunnel.received.failure is not None
    assert "flow control" in tunnel.received.failure.reason


def test_a_server_without_tunnels_answers_other_requests() -> None:
    pair = Pair(SmallSite())
    assert pair.ask(get()).body == b"hello"
