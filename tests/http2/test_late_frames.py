"""Frames that were on their way when a stream was reset (RFC 9113 section 5.1)."""

from __future__ import annotations

import pytest

from h2static.http2 import registry as r
from h2static.http2.frames import Data, Frame, RstStream, WindowUpdate
from h2static.http2.limits import Limits
from h2static.http2.registry import ErrorCode
from tests.support.peer import Peer, request_fields
from tests.support.replies import Section
from tests.support.transports import Mirror

#: What a client sends before it can know of the limit of streams, which is 100.
FIRST_FLIGHT = 229
HONEST = 100


def first_flight(peer: Peer, path: bytes) -> list[Frame | bytes]:
    """HEADERS of POST requests whose content is still to come."""
    return [
        peer.headers(number, request_fields(path, b"POST"), end_stream=False)
        for number in range(1, 2 * FIRST_FLIGHT, 2)
    ]


@pytest.mark.parametrize("path", [b"/early", b"/echo"])
@pytest.mark.parametrize("late", ["data", "window update", "reset", "trailers"])
def test_requests_that_were_refused_early_end_nobody_else(path: bytes, late: str) -> None:
    """Only so many resets are remembered; what is late for the others is discarded as well.

    "An endpoint that sends a RST_STREAM frame … MUST be prepared to receive any additional frames …
    that were sent … prior to the receipt"; they end no connection.
    """
    peer = Peer(Mirror(limits=Limits()))
    peer.strict = False
    peer.send(*first_flight(peer, path))
    peer.pull()
    refused = [
        event.stream_id
        for event in peer.events
        if isinstance(event, RstStream) and event.code == ErrorCode.REFUSED_STREAM
    ]
    assert len(refused) > Limits().reset_streams_remembered
    # What was on its way: for each stream that was refused, the first ones are long forgotten.
    frames: list[Frame | bytes] = []
    for number in refused:
        match late:
            case "data":
                frames.append(Data(stream_id=number, data=bytes(200), flags=r.END_STREAM))
            case "window update":
                frames.append(WindowUpdate(stream_id=number, increment=1))
            case "reset":
                frames.append(RstStream(stream_id=number, code=ErrorCode.CANCEL))
            case _:
                frames.append(peer.headers(number, [(b"x-checksum", b"1")]))
    # The hundred that were accepted are honest, and finished after that.
    accepted = [one for one in range(1, 2 * FIRST_FLIGHT, 2) if one not in refused]
    frames += [Data(stream_id=one, data=b"", flags=r.END_STREAM) for one in accepted]
    peer.send(*frames)
    peer.pull()
    assert peer.fatal is None
    answered = [one.stream_id for one in peer.events if isinstance(one, Section)]
    assert sorted(answered) == accepted
    assert len(accepted) == HONEST
    peer.events.clear()
    # So are a hundred more.
    honest = range(2 * FIRST_FLIGHT + 1, 2 * (FIRST_FLIGHT + HONEST) + 1, 2)
    peer.send(*[peer.headers(number) for number in honest])
    peer.pull()
    answered = [one.stream_id for one in peer.events if isinstance(one, Section)]
    assert sorted(answered) == list(honest)
    assert peer.fatal is None


def test_data_on_a_stream_that_nobody_reset_is_still_an_error() -> None:
    """The highest of those that are forgotten is the bound: above it, closed means closed."""
    peer = Peer(Mirror(limits=Limits()))
    peer.request(1)
    peer.expect_response(1)
    peer.data(1, b"late", end_stream=True)
    peer.expect_goaway(ErrorCode.STREAM_CLOSED, 1)
