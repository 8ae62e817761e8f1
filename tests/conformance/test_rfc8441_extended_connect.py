"""RFC 8441: extended CONNECT, which this server does not offer."""

from __future__ import annotations

import pytest

from h2static.http.messages import Field
from h2static.http2 import registry as r
from h2static.http2.frames import Settings
from h2static.http2.registry import ErrorCode
from tests.support.peer import Peer

_AUTHORITY = (b":authority", b"test.example")
_REST = ((b":scheme", b"http"), (b":path", b"/chat"), _AUTHORITY)


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
