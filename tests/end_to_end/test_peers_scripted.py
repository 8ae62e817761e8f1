"""A scripted client over TCP: what no ordinary client does on demand.

A client's GOAWAY in the middle of a download, priorities of RFC 9218, early answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path

import pytest

from h2static.http2 import registry as r
from h2static.http2.frames import Data, GoAway, PriorityUpdate, RstStream
from h2static.http2.registry import ErrorCode
from tests.support.clients_site import digest, octets, write_site
from tests.support.peer import Peer, request_fields
from tests.support.processes import RunningServer, running, wait_until
from tests.support.transports import Wire

ADDRESS = ("--no-tls", "-a", "127.0.0.1")
SIZE = 65_536
#: Of a content that no window, buffer or turn holds.
LARGE = 8 * 1024 * 1024


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_site(tmp_path_factory.mktemp("www"))


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[RunningServer]:
    with running(*ADDRESS, "0", str(root)) as server:
        yield server


def _digests(peer: Peer, *stream_ids: int) -> dict[int, str]:
    """The digests of what comes on streams until they are over; nothing of it is kept."""
    digests = {stream_id: sha256() for stream_id in stream_ids}
    while not all(peer.streams[stream_id].over for stream_id in stream_ids):
        peer.pull()
        for event in peer.events:
            if isinstance(event, Data):
                digests[event.stream_id].update(event.data)
        peer.events.clear()
    return {stream_id: digest.hexdigest() for stream_id, digest in digests.items()}


@pytest.mark.parametrize("window", [65_535, 2**31 - 1], ids=["65535", "2^31-1"])
def test_large_contents_beside_small_ones(server: RunningServer, window: int) -> None:
    """Two large ones take turns, a small one goes between."""
    with closing(Wire(server.port)) as wire:
        peer = Peer(wire, settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, window)])
        if window > r.INITIAL_WINDOW_SIZE:
            peer.replenish = False
            peer.update(0, window - r.INITIAL_WINDOW_SIZE)
        part = (b"range", b"bytes=0-%d" % (LARGE - 1))
        for stream_id in (1, 3):
            fields = request_fields(b"/huge.bin", b"GET", (b"priority", b"u=5, i"), part)
            peer.send(peer.headers(stream_id, fields))
        peer.request(5, b"/16385.bin")
        digests = _digests(peer, 1, 3, 5)
        assert digests[5] == digest(octets(16_385))
        assert digests[1] == digests[3] == digest(octets(1 << 20) + bytes(LARGE - (1 << 20)))
        peer.expect_alive()


def test_a_download_goes_on_after_the_clients_goaway(server: RunningServer) -> None:
    with closing(Wire(server.port)) as wire:
        peer = Peer(wire, settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 1_000)])
        for stream_id in (1, 3):
            peer.send(peer.headers(stream_id, path=b"/65536.bin"))
        while not peer.streams[1].reply.data:
            peer.pull()
        # RFC 9113 section 6.8: it speaks of pushes; what was asked for is still answered.
        peer.send(GoAway(last_stream_id=0, code=ErrorCode.NO_ERROR, debug=b"done soon"))
        for stream_id in (1, 3):
            peer.expect_response(stream_id, 200, octets(SIZE))


def _asked_for(wire: Wire, priorities: dict[int, bytes]) -> Peer:
    """A peer that has asked for a file on each stream and has no window left for content."""
    peer = Peer(wire, replenish=False, settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20)])
    peer.request(1, b"/65535.bin")
    peer.expect_response(1, 200)
    for stream_id, value in priorities.items():
        extra = ((b"priority", value),) if value else ()
        fields = request_fields(b"/65536.bin", b"GET", *extra)
        peer.send(peer.headers(stream_id, fields))
    if priorities:
        peer.expect_alive_with(*priorities)
    return peer


def _order(peer: Peer, *stream_ids: int) -> list[int]:
    """The streams in the order in which their content comes, once there is a window for all."""
    peer.update(0, 1 << 20)
    while not all(peer.streams[stream_id].over for stream_id in stream_ids):
        peer.pull()
    order: list[int] = []
    for event in peer.events:
        if isinstance(event, Data) and event.data and order[-1:] != [event.stream_id]:
            order.append(event.stream_id)
    for stream_id in stream_ids:
        reply = peer.reply(stream_id)
        whole = octets(SIZE) if reply.status == 200 else octets(1 << 20)[:300_000]
        assert reply.body == whole
    return order


@pytest.mark.parametrize(
    ("priorities", "order"),
    [
        ({3: b"", 5: b"", 7: b""}, [3, 5, 7]),
        ({3: b"u=7", 5: b"u=0", 7: b""}, [5, 7, 3]),
        ({3: b"u=9", 5: b"u=2", 7: b"nonsense!"}, [5, 3, 7]),
    ],
)
def test_urgency_decides_and_then_the_identifier(
    server: RunningServer, priorities: dict[int, bytes], order: list[int]
) -> None:
    with closing(Wire(server.port)) as wire:
        assert _order(_asked_for(wire, priorities), *priorities) == order


def test_incremental_contents_take_turns(server: RunningServer) -> None:
    part = (b"range", b"bytes=0-299999")
    with closing(Wire(server.port)) as wire:
        peer = _asked_for(wire, {})
        for stream_id, value in ((3, b"i"), (5, b"i"), (7, b"u=1")):
            fields = request_fields(b"/huge.bin", b"GET", (b"priority", value), part)
            peer.send(peer.headers(stream_id, fields))
        peer.expect_alive_with(3, 5, 7)
        order = _order(peer, 3, 5, 7)
        assert order[0] == 7
        assert order[1:7] == [3, 5, 3, 5, 3, 5]
        assert 7 not in order[1:]


def test_priority_update_changes_the_order(server: RunningServer) -> None:
    with closing(Wire(server.port)) as wire:
        peer = _asked_for(wire, {3: b"", 5: b"", 7: b"u=1"})
        peer.send(PriorityUpdate(prioritized_stream_id=5, value=b"u=0"))
        peer.send(PriorityUpdate(prioritized_stream_id=7, value=b"u=6"))
        assert _order(peer, 3, 5, 7) == [5, 3, 7]


def test_priority_update_before_the_request(server: RunningServer) -> None:
    with closing(Wire(server.port)) as wire:
        peer = Peer(wire, replenish=False, settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20)])
        peer.request(1, b"/65535.bin")
        peer.expect_response(1, 200)
        peer.send(PriorityUpdate(prioritized_stream_id=5, value=b"u=0"))
        for stream_id in (3, 5):
            peer.request(stream_id, b"/65536.bin")
        peer.expect_alive_with(3, 5)
        assert _order(peer, 3, 5) == [5, 3]


def test_an_early_answer_ends_the_request(server: RunningServer) -> None:
    """RFC 9113 section 8.1: RST_STREAM NO_ERROR when the rest is not wanted, or it is read."""
    with closing(Wire(server.port)) as wire:
        peer = Peer(wire)
        peer.request(1, b"/style.css", b"POST", end_stream=False)
        while not peer.streams[1].reply.ended:
            peer.pull()
        assert peer.streams[1].reply.status == 405
        # Content that is under way: a window's worth, and then as much as is given.
        for _ in range(3):
            peer.data(1, bytes(16_384))
        peer.data(1, b"", end_stream=True)
        resets = [event for event in peer.events if isinstance(event, RstStream)]
        assert all(reset.code == ErrorCode.NO_ERROR for reset in resets)
        peer.request(3, b"/style.css")
        peer.expect_response(3, 200)


COUNTED = {"requests": 3, "resets": 2, "streams": 0, "limit_hits": 0, "violations": 0}


def test_the_counters_know_what_happened(root: Path) -> None:
    with running(*ADDRESS, "0", str(root)) as server:
        with closing(Wire(server.port)) as wire:
            peer = Peer(wire, settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 0)])
            for stream_id in (1, 3, 5):
                peer.request(stream_id, b"/65536.bin")
            peer.send(RstStream(stream_id=1, code=ErrorCode.CANCEL))
            # RFC 9113 section 8.2.2: the server resets this one.
            fields = request_fields(b"/", b"GET", (b"connection", b"close"))
            peer.send(peer.headers(7, fields))
            peer.expect_alive_with(1, 3, 5, 7)
            assert _counted(server) == {**COUNTED, "streams": 2}
            many = [(b"x-a", b"1")] * 300
            peer.send(peer.headers(9, request_fields(b"/", b"HEAD", *many)))
            peer.expect_response(9, 431)
            server.wait_for_stderr("stream 9: ENHANCE_YOUR_CALM: header section too large")
            assert _counted(server) == {**COUNTED, "streams": 2, "requests": 4, "limit_hits": 1}
            peer.send(b"\0\0\0\6\0\0\0\0\0")
            while wire.take():
                pass
        wait_until(lambda: _counted(server)["streams"] == 0, "the connection's end")
        assert _counted(server) == {**COUNTED, "requests": 4, "limit_hits": 1, "violations": 1}
        with closing(Wire(server.port)) as wire:
            wire.deliver(b"GET / HTTP/1.1\r\nHost: a\r\n" + b"x: 1\r\n" * 300 + b"\r\n")
            assert wire.take().startswith(b"HTTP/1.1 431 ")
        wait_until(lambda: _counted(server)["violations"] == 2, "the other connection's end")
        assert _counted(server) == {**COUNTED, "requests": 4, "limit_hits": 2, "violations": 2}


def _counted(server: RunningServer) -> dict[str, object]:
    counters = server.counters()[0]["counters"]
    assert isinstance(counters, dict)
    return {name: counters[name] for name in COUNTED}
