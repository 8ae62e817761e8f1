"""What the hostile scenarios in process share: floods, and what must come of them."""

from __future__ import annotations

from collections.abc import Callable

from h2static.http2 import registry as r
from h2static.http2.frames import GoAway
from h2static.http2.limits import Limits
from h2static.http2.registry import ErrorCode
from tests.conformance.cases import octets
from tests.support.peer import Peer
from tests.support.transports import Mirror

LIMITS = Limits()


def alone(*, handshake: bool = True) -> Peer:
    """A peer of a single connection, without replenishing windows."""
    return Peer(Mirror(alone=True), handshake=handshake, replenish=False)


def flood(peer: Peer, octets_: bytes, times: int, *, at_once: int = 100) -> int:
    """Send ``octets_`` up to ``times`` times; returns how often until the connection ended."""
    sent = 0
    while sent < times and peer.mirror.connection.problem is None:
        peer.transport.deliver(octets_ * at_once)
        sent += at_once
    peer.pull()
    return sent


def expect_calm(peer: Peer, last_stream_id: int, *, polite: bool = True) -> None:
    """The connection was asked to leave, and then closed with ENHANCE_YOUR_CALM."""
    assert peer.fatal is not None, peer.fail("the connection lives")
    assert peer.fatal.code == ErrorCode.ENHANCE_YOUR_CALM
    assert peer.fatal.last_stream_id == last_stream_id
    first = [event for event in peer.events if isinstance(event, GoAway)]
    if polite:
        assert first[0] == GoAway(last_stream_id=2**31 - 1, code=ErrorCode.NO_ERROR)
    assert first[-1] is peer.fatal
    assert peer.mirror.closed()
    assert not peer.mirror.connection.streams.open


#: A GET of "/" that needs no dynamic table.
GET = b"\x82\x84\x86\x01\x01x"


def head(stream_id: int, block: bytes = GET, flags: int = 5) -> bytes:
    """A HEADERS frame in octets."""
    return octets(r.HEADERS, flags, stream_id, block)


def reset(stream_id: int, code: int = 8) -> bytes:
    """A RST_STREAM frame in octets."""
    return octets(r.RST_STREAM, 0, stream_id, code.to_bytes(4, "big"))


def until_the_end(peer: Peer, make: Callable[[int], bytes], most: int, *, first: int = 1) -> int:
    """Send ``make(stream_id)`` for one stream after the other; how many until the end."""
    peer.strict = False
    for number in range(most):
        if peer.mirror.connection.problem is not None:
            return number
        peer.transport.deliver(make(first + 2 * number))
    raise AssertionError(f"alive after {most}")
