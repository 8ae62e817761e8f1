"""Windows that grow while content is taken (RFC 9113 section 6.9)."""

from __future__ import annotations

from h2static.http.exchange import Exchange
from h2static.http.fields import Fields
from h2static.http.messages import Response
from h2static.http2.frames import Data
from h2static.http2.limits import Limits
from h2static.http2.settings import LocalSettings
from tests.support.peer import Peer
from tests.support.small_site import SmallSite
from tests.support.transports import Mirror

LIMITS = Limits()
SETTINGS = LocalSettings(
    largest_stream_window=LIMITS.upload_window, largest_connection_window=LIMITS.upload_window
)
PIECE = bytes(16_384)


class Taken:
    """Counts content, and says whether it wants more."""

    def __init__(self, exchange: Exchange, *, wants_more: bool) -> None:
        self.octets = 0
        self._exchange = exchange
        self._wants_more = wants_more

    def receive(self, data: bytes) -> bool:
        self.octets += len(data)
        return self._wants_more

    def end(self, trailers: Fields) -> None:
        self._exchange.respond(Response(status=200, fields=(), body=b"%d" % self.octets))

    def abandon(self) -> None:
        pass


class Site(SmallSite):
    """``/taken`` takes all content, ``/deaf`` what comes first."""

    def handle(self, exchange: Exchange) -> None:
        if exchange.request.path in (b"/taken", b"/deaf"):
            exchange.accept(Taken(exchange, wants_more=exchange.request.path == b"/taken"))
        else:
            super().handle(exchange)


def uploading(path: bytes) -> Peer:
    peer = Peer(Mirror(application=Site, settings=SETTINGS))
    peer.request(1, path, b"POST", end_stream=False)
    return peer


def room(peer: Peer, stream_id: int, sent: int) -> int:
    """What may be sent now."""
    return 65_535 + peer.credit(stream_id) - sent


def test_the_windows_grow_while_content_is_taken() -> None:
    peer = uploading(b"/taken")
    sent, widest = 0, 0
    while sent < 700_000:
        peer.send(Data(stream_id=1, data=PIECE))
        sent += len(PIECE)
        widest = max(widest, min(room(peer, 1, sent), room(peer, 0, sent)))
        assert room(peer, 1, sent) <= LIMITS.upload_window
        assert room(peer, 0, sent) <= LIMITS.upload_window
    assert widest > LIMITS.upload_window // 2
    peer.data(1, b"", end_stream=True)
    assert peer.reply(1).content == b"%d" % sent
    peer.expect_serves(3)


def test_who_takes_nothing_gets_the_first_window_only() -> None:
    peer = uploading(b"/deaf")
    sent = 0
    while room(peer, 1, sent) >= len(PIECE):
        peer.send(Data(stream_id=1, data=PIECE))
        sent += len(PIECE)
    assert peer.credit(1) == 0
    assert sent == 49_152
    peer.expect_alive_with(1)
