"""Hostile scenarios in process: streams, and legal heavy traffic.

See :mod:`tests.http2.test_hazards_frames`.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from h2static.http.messages import Field, Response
from h2static.http2 import registry as r
from h2static.http2.frames import (
    GoAway,
    RstStream,
    Settings,
    WindowUpdate,
)
from h2static.http2.registry import ErrorCode
from h2static.http2.settings import LocalSettings
from tests.conformance.cases import octets
from tests.http2.hazards import LIMITS, alone, expect_calm, flood, head, reset, until_the_end
from tests.support.applications import TableApplication
from tests.support.peer import Peer, request_fields
from tests.support.small_site import response
from tests.support.transports import Mirror


@pytest.mark.parametrize("path", [b"/", b"/memory/100000", b"/file/100000"])
def test_hazard_31_rapid_reset(path: bytes) -> None:
    peer = alone()
    count = until_the_end(
        peer, lambda s: peer.headers(s, request_fields(path)).serialize() + reset(s), 5_000
    )
    peer.pull()
    assert count <= LIMITS.resets_burst + 1
    assert len(peer.site.requests) <= LIMITS.resets_burst + 1
    expect_calm(peer, 2 * count - 1)
    assert all(reader.closed for body in peer.site.bodies for reader in body.readers)


def test_hazard_31_the_budget_refills_slowly() -> None:
    """A hundred a second for ever is allowed, a thousand a second is not."""
    peer = alone()
    peer.strict = False
    stream_id = 1
    for _ in range(40):
        for _ in range(100):
            peer.transport.deliver(head(stream_id) + reset(stream_id))
            stream_id += 2
        peer.mirror.wait(1)
    peer.expect_alive_with(*range(1, stream_id, 2))
    for _ in range(20):
        for _ in range(1_000):
            peer.transport.deliver(head(stream_id) + reset(stream_id))
            stream_id += 2
        peer.mirror.wait(1)
        if peer.mirror.connection.problem is not None:
            break
    peer.pull()
    assert peer.fatal is not None
    assert peer.fatal.code == ErrorCode.ENHANCE_YOUR_CALM


@pytest.mark.parametrize("path", [b"/file/100000", b"/echo", b"/early", b"/deferred", b"/silent"])
def test_hazard_32_headers_and_an_error_reset_at_once(path: bytes) -> None:
    """Whatever the stream held is given back once."""
    peer = alone()
    method = b"POST" if path in (b"/echo", b"/early") else b"GET"
    for stream_id in range(1, 201, 2):
        frame = peer.headers(stream_id, request_fields(path, method), end_stream=method == b"GET")
        peer.send(frame, RstStream(stream_id=stream_id, code=ErrorCode.PROTOCOL_ERROR))
    peer.expect_alive_with(*range(1, 201, 2))
    assert peer.mirror.connection.open_streams == 0
    assert not peer.mirror.connection.jobs
    assert all(reader.closed for body in peer.site.bodies for reader in body.readers)
    assert all(upload.abandoned for upload in peer.site.uploads)
    peer.expect_serves(201)


#: The primitives of CVE-2025-8671: each makes a server reset a stream whose work is under way.
PRIMITIVES: dict[str, Callable[[int], bytes]] = {
    "WINDOW_UPDATE of 0": lambda s: octets(r.WINDOW_UPDATE, 0, s, bytes(4)),
    "window overflow": lambda s: octets(r.WINDOW_UPDATE, 0, s, b"\x7f\xff\xff\xff"),
    "PRIORITY of 4 octets": lambda s: octets(r.PRIORITY, 0, s, bytes(4)),
    "self-dependency": lambda s: octets(r.PRIORITY, 0, s, s.to_bytes(4, "big") + b"\x10"),
    "DATA after END_STREAM": lambda s: octets(r.DATA, 0, s, b"x"),
    "HEADERS after END_STREAM": lambda s: head(s),
}


@pytest.mark.parametrize("primitive", PRIMITIVES.values(), ids=PRIMITIVES)
def test_hazard_33_made_you_reset(primitive: Callable[[int], bytes]) -> None:
    peer = alone()
    # Waits for its window, so that there is work to be cancelled.
    peer.send(Settings(entries=((r.SETTINGS_INITIAL_WINDOW_SIZE, 10),)))
    peer.expect(Settings)
    count = until_the_end(
        peer,
        lambda s: peer.headers(s, request_fields(b"/file/100000")).serialize() + primitive(s),
        5_000,
    )
    peer.pull()
    assert count <= LIMITS.resets_burst + 1
    assert peer.fatal is not None
    assert peer.mirror.connection.open_streams == 0
    assert all(reader.closed for body in peer.site.bodies for reader in body.readers)


@pytest.mark.parametrize("kind", [b"broken", b"short"])
def test_hazard_33_bodies_that_fail(kind: bytes) -> None:
    """Resets of our own making are charged as well: whoever asks for them again and again ends."""
    peer = alone()
    peer.update(0, 2**31 - 1 - 65_535)
    path = b"/%s/20000" % kind
    count = until_the_end(peer, lambda s: peer.headers(s, request_fields(path)).serialize(), 5_000)
    peer.pull()
    assert count <= LIMITS.resets_burst + 1
    expect_calm(peer, 2 * count - 1)


def test_hazard_33_endless_content_after_our_reset() -> None:
    """It is ignored, and ignoring it is not free for ever."""
    peer = alone()
    peer.send(peer.headers(1, request_fields(b"/", b"GET", (b"te", b"x")), end_stream=False))
    peer.expect_reset(1, ErrorCode.PROTOCOL_ERROR)
    sent = flood(peer, octets(r.DATA, 0, 1, bytes(100)), 100_000)
    assert LIMITS.glitches_burst <= sent <= LIMITS.glitches_burst + 100
    expect_calm(peer, 1)


def test_hazard_34_streams_beyond_the_limit() -> None:
    """Refused each, then the connection ends; the site is asked about none of them."""
    peer = alone()
    for stream_id in range(1, 200, 2):
        peer.request(stream_id, b"/echo", b"POST", end_stream=False)
    asked = len(peer.site.requests)
    count = until_the_end(peer, lambda s: peer.headers(s).serialize(), 5_000, first=201)
    peer.pull()
    assert count <= LIMITS.resets_burst + 1
    assert len(peer.site.requests) == asked
    expect_calm(peer, 199)


def test_hazard_35_a_burst_before_our_settings_have_arrived() -> None:
    """Excess streams are refused, so that the client may repeat them; the others are served."""
    peer = alone(handshake=False)
    frames = [peer.headers(s, request_fields(b"/memory/20000")) for s in range(1, 400, 2)]
    peer.mirror.stop_taking()
    peer.send(r.PREFACE, Settings(), *frames)
    peer.mirror.go_on_taking()
    peer.send(Settings(flags=r.ACK))
    peer.update(0, 10_000_000)
    peer.pull()
    refused = [s for s, stream in peer.streams.items() if stream.reply.reset == 7]
    served = [s for s, stream in peer.streams.items() if stream.reply.ended]
    assert sorted(refused + served) == list(range(1, 400, 2))
    assert served[:100] == list(range(1, 200, 2))
    peer.events.clear()
    peer.expect_serves(401)


def test_hazard_41_goaway_in_the_middle_of_a_download() -> None:
    peer = alone()
    peer.request(1, b"/file/200000")
    peer.pull()
    peer.send(GoAway(last_stream_id=0, code=0))
    while not peer.streams[1].over:
        peer.send(
            WindowUpdate(stream_id=0, increment=65_535), WindowUpdate(stream_id=1, increment=65_535)
        )
        peer.pull()
    assert len(peer.expect_response(1).body) == 200_000
    assert peer.mirror.closed()


# ---------------------------------------------------------------------- 83: legal heavy traffic


def test_hazard_83_a_browser_that_navigates() -> None:
    """Some hundred streams reset at once, again and again, with a second in between."""
    peer = Peer(Mirror(alone=True), settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 0)], replenish=False)
    stream_id = 1
    for _ in range(30):
        ids = list(range(stream_id, stream_id + 200, 2))
        stream_id += 200
        for one in ids:
            peer.request(one, b"/file/100000")
        peer.send(*[RstStream(stream_id=one, code=ErrorCode.CANCEL) for one in ids])
        peer.mirror.wait(1)
        peer.pull()
        assert not any(isinstance(event, GoAway) for event in peer.events)
        peer.events.clear()
    peer.request(stream_id, b"/", b"HEAD")
    peer.expect_response(stream_id)


@pytest.mark.slow
def test_hazard_83_a_thousand_small_files() -> None:
    peer = Peer(Mirror(alone=True))
    for stream_id in range(1, 4_001, 2):
        peer.request(stream_id, b"/memory/%d" % (stream_id % 500 + 1))
        peer.expect_response(stream_id)
    peer.expect_alive()


def test_hazard_83_a_large_cookie_jar() -> None:
    """A hundred crumbs on each request."""
    crumbs: list[Field] = [(b"cookie", b"c%d=%d" % (n, n * n)) for n in range(100)]
    peer = Peer(Mirror(alone=True))
    for stream_id in range(1, 401, 2):
        peer.send(peer.headers(stream_id, request_fields(b"/", b"GET", *crumbs)))
        peer.expect_response(stream_id)
    peer.expect_alive()


def test_hazard_83_requests_beyond_the_limit_now_and_then() -> None:
    """A client that overshoots is refused and comes back; it is not thrown out."""
    peer = Peer(Mirror(settings=LocalSettings(max_concurrent_streams=1), alone=True))
    peer.request(1, b"/echo", b"POST", end_stream=False)
    for stream_id in range(3, 1_003, 2):
        peer.request(stream_id)
        peer.expect_reset(stream_id, ErrorCode.REFUSED_STREAM)
        peer.mirror.wait(0.1)
    peer.expect_alive()


def test_hazard_32_work_for_a_stream_that_was_reset_is_not_done() -> None:
    """The work counts, not the stream (CVE-2025-8671): what no thread has begun is given up."""
    runs: list[Response] = []

    def work() -> Response:
        runs.append(response(200, b"late"))
        return runs[-1]

    site = TableApplication({b"/deferred": lambda exchange: exchange.work(work)})
    peer = Peer(Mirror(alone=True, application=lambda: site), replenish=False)
    gone = peer.headers(1, path=b"/deferred")
    stays = peer.headers(3, path=b"/deferred")
    peer.send(gone, stays, RstStream(stream_id=1, code=ErrorCode.CANCEL))
    peer.expect_response(3, 200, b"late")
    assert len(site.requests) == 2
    assert len(runs) == 1
