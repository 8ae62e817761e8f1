"""Traffic of honest clients that no limit may meet, however much there is of it."""

from __future__ import annotations

from h2static.http2.frames import WindowUpdate
from h2static.http2.limits import Limits
from tests.support.peer import Peer
from tests.support.transports import Mirror


def test_credit_that_crosses_with_the_end_of_responses() -> None:
    """python-hyper's clients return the credit of each DATA frame, also of the last one."""
    limits = Limits(glitches_burst=8, glitches_rate=0.0, window_updates_free=4)
    peer = Peer(Mirror(limits=limits), replenish=False)
    for stream_id in range(1, 201, 2):
        peer.request(stream_id, b"/memory/100")
        peer.send(
            WindowUpdate(stream_id=0, increment=100),
            WindowUpdate(stream_id=stream_id, increment=100),
        )
    peer.pull()
    assert all(peer.streams[number].reply.ended for number in range(1, 201, 2))
    assert peer.fatal is None
    assert peer.mirror.connection.shutdown.since is None
