"""Hostile scenarios over sockets: what the driver does with peers that stall, flood and vanish.

The numbers are those of ``docs/hazards.md``.  The server's deadlines are made
short; its bounds are the real ones.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator

import pytest

from h2static.http2 import registry as r
from h2static.http2.frames import GoAway, Ping, Settings
from h2static.http2.limits import Limits
from h2static.http2.registry import ErrorCode
from h2static.server.limits import ServerLimits
from tests.conformance.cases import OPEN, octets, prepared
from tests.support.peer import Peer, request_fields
from tests.support.processes import DEADLINE, wait_until
from tests.support.replies import Section
from tests.support.serving import Serving, serving
from tests.support.transports import Wire

#: Deadlines that a test can wait for; one that a slow machine could miss by accident is not here.
SHORT = Limits(
    preface_seconds=0.5,
    header_block_seconds=0.5,
    stall_seconds=0.6,
    content_seconds=0.6,
    shutdown_round_trip_seconds=0.2,
)


SHORT_OPENING = ServerLimits(opening_seconds=0.5)


@pytest.fixture
def server() -> Iterator[Serving]:
    with serving(server_limits=SHORT_OPENING) as running:
        yield running
        running.wait_for_rest()


@pytest.fixture
def impatient() -> Iterator[Serving]:
    """A server with short deadlines."""
    with serving(limits=SHORT, server_limits=SHORT_OPENING) as running:
        yield running
        running.wait_for_rest()


@contextlib.contextmanager
def wire(server: Serving) -> Iterator[Wire]:
    one = Wire(server.port)
    try:
        yield one
    finally:
        one.close()


def is_served(server: Serving) -> None:
    """A new client gets an answer."""
    with wire(server) as one:
        peer = Peer(one)
        peer.expect_serves(1)


def vanish(one: Wire) -> None:
    """End with RST instead of FIN."""
    one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    one.close()


# ---------------------------------------------------------------------- connection set-up


@pytest.mark.parametrize("start", [b"", b"P", b"PRI", r.PREFACE[:23], r.PREFACE, b"\x16"])
def test_hazard_01_a_client_that_says_nothing_more(impatient: Serving, start: bytes) -> None:
    with wire(impatient) as one:
        one.deliver(start)
        while one.take():
            pass
    impatient.wait_for_rest()


def test_hazard_02_a_preface_that_trickles(impatient: Serving) -> None:
    with wire(impatient) as one:
        for octet in r.PREFACE[:20]:
            one.deliver(bytes((octet,)))
            if b"\0" in one.pause(0.05):
                break
        while one.take():
            pass
    impatient.wait_for_rest()


@pytest.mark.parametrize(
    "hello",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n",
        b"<script>alert(1)</script>\r\n\r\n",
        b"\x00\x01\x02\x03 not HTTP at all\r\n\r\n",
    ],
    ids=["Upgrade: h2c", "garbage", "binary"],
)
def test_hazards_03_and_08_something_else_than_http2(server: Serving, hello: bytes) -> None:
    """No protocol switch, no echo of what was sent; GOAWAY for what is no HTTP/1 either."""
    with wire(server) as one:
        one.deliver(hello)
        one.socket.shutdown(socket.SHUT_WR)
        answer = b""
        while more := one.take():
            answer += more
    if hello.startswith(b"GET"):
        assert answer.startswith(b"HTTP/1.1 ")
        assert b" 101 " not in answer.split(b"\r\n")[0]
    else:
        assert answer.endswith(b"\0\0\0\1not an HTTP/2 connection preface")
    for word in (b"alert", b"not HTTP at all", b"AAMAAABk"):
        assert word not in answer
    is_served(server)


def test_hazard_05_settings_that_are_never_acknowledged() -> None:
    with serving(limits=Limits(settings_ack_seconds=0.3)) as server, wire(server) as one:
        peer = Peer(one, handshake=False)
        peer.send(r.PREFACE, Settings())
        peer.expect(Settings)
        peer.expect(Settings)
        peer.expect_goaway(ErrorCode.SETTINGS_TIMEOUT, 0)
        server.wait_for_error("SETTINGS not acknowledged before the timeout")


def test_hazard_09_idle_connections() -> None:
    """Many; they are asked to leave and leave."""
    limits = Limits(idle_seconds=0.5, shutdown_round_trip_seconds=0.2)
    with serving(limits=limits) as server, contextlib.ExitStack() as stack:
        peers = [Peer(stack.enter_context(wire(server))) for _ in range(100)]
        for peer in peers:
            peer.expect(GoAway(last_stream_id=2**31 - 1, code=0))
            peer.expect(Ping)
            peer.expect(GoAway(last_stream_id=0, code=0))
            assert peer.transport.closed()
        server.wait_for_rest()


# ---------------------------------------------------------------------- the frame layer


@pytest.mark.parametrize("abrupt", [False, True], ids=["FIN", "RST"])
def test_hazard_12_the_end_at_every_octet(server: Serving, abrupt: bool) -> None:
    """Of a preface, SETTINGS, a padded request and an upload."""
    script = Peer(Wire(server.port), handshake=False)
    sequence = b"".join(
        [
            r.PREFACE,
            Settings().serialize(),
            script.headers(1, request_fields(b"/file/100000"), padding=9).serialize(),
            script.headers(3, request_fields(b"/echo", b"POST"), end_stream=False).serialize(),
            octets(r.DATA, 8, 3, b"\x05content\0\0\0\0\0"),
        ]
    )
    assert isinstance(script.transport, Wire)
    script.transport.close()
    for end in range(len(sequence) + 1):
        one = Wire(server.port)
        one.deliver(sequence[:end])
        if abrupt:
            vanish(one)
        else:
            one.close()
    wait_until(lambda: server.counters()["accepted"] == len(sequence) + 2, "all to be accepted")
    server.wait_for_rest()
    for body in server.site.bodies:
        assert all(reader.closed for reader in body.readers)
    assert all(upload.abandoned for upload in server.site.uploads)
    is_served(server)


def test_hazard_17_malformed_frames_after_the_end(server: Serving) -> None:
    """The GOAWAY arrives although the client goes on sending."""
    with wire(server) as one:
        peer = prepared(one)
        peer.send(octets(r.PING, 0, 1, bytes(8)) + octets(r.HEADERS, 5, 0, b"\x80") * 3_000)
        peer.expect_goaway(ErrorCode.PROTOCOL_ERROR, OPEN)
        with contextlib.suppress(OSError):
            for _ in range(100):
                one.socket.sendall(bytes(65_536))
        server.wait_for_rest()


# ---------------------------------------------------------------------- floods


@pytest.mark.parametrize(
    "frame",
    [Ping().serialize(), Settings().serialize(), octets(0xFE, 0, 0, b"x")],
    ids=["PING", "SETTINGS", "unknown"],
)
def test_hazards_18_and_19_floods_that_are_read(server: Serving, frame: bytes) -> None:
    with wire(server) as one:
        peer = Peer(one)
        peer.unacknowledged.extend([None] * 1_000_000)
        one.socket.setblocking(False)
        flood = frame * 10_000
        began = time.monotonic()
        while peer.fatal is None:
            assert time.monotonic() - began < DEADLINE
            with contextlib.suppress(BlockingIOError, ConnectionError):
                flood = flood[one.socket.send(flood) :] or frame * 10_000
            more = one.pause(0.001)
            one.socket.setblocking(False)
            if more:
                peer._parse(more)
        assert peer.fatal.code == ErrorCode.ENHANCE_YOUR_CALM
    server.wait_for_error("too many useless frames")
    is_served(server)


def test_hazard_18_a_flood_that_is_not_read() -> None:
    """Reading stops at the mark; others do not notice; silence for too long ends it."""
    limits = Limits(glitches_burst=10**9)
    with serving(limits=limits) as server, wire(server) as one:
        Peer(one)
        one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        one.socket.settimeout(0.5)
        sent = 0
        flood = Ping().serialize() * 4_000
        with contextlib.suppress(TimeoutError):
            while sent < 100_000_000:
                sent += one.socket.send(flood)
        assert sent < 100_000_000
        (link,) = server.driver.links
        assert link.engine is not None
        assert link.engine.output_octets < limits.output_mark + 200_000
        is_served(server)
        vanish(one)
        server.wait_for_rest()


def test_hazard_31_rapid_reset_beside_a_neighbour(server: Serving) -> None:
    with wire(server) as one, wire(server) as other:
        neighbour = Peer(other)
        peer = Peer(one)
        peer.strict = False
        frames = b"".join(
            octets(r.HEADERS, 5, s, b"\x82\x84\x86\x01\x01x") + octets(r.RST_STREAM, 0, s, bytes(4))
            for s in range(1, 20_001, 2)
        )
        one.deliver(frames)
        neighbour.expect_serves(1)
        peer.events.clear()
        while peer.fatal is None:
            peer._pull("GOAWAY")
        assert peer.fatal.code == ErrorCode.ENHANCE_YOUR_CALM
        # A thousand at once, and some more for each second that it takes.
        assert peer.fatal.last_stream_id < 4_000
        neighbour.expect_serves(3)


def test_hazard_43_an_endless_header_block_stands_in_the_error_log(server: Serving) -> None:
    """No request ever comes of it, so that no access log has it."""
    with wire(server) as one:
        peer = Peer(one)
        peer.send(octets(r.HEADERS, 1, 1, b"\x82"))
        with contextlib.suppress(OSError):
            for _ in range(1_000):
                one.deliver(octets(r.CONTINUATION, 0, 1, bytes(16_384)))
        server.wait_for_error("ENHANCE_YOUR_CALM: header block too large")
        server.wait_for_rest()
    assert not server.site.requests
    is_served(server)


def test_hazard_50_costly_header_blocks_beside_a_neighbour(server: Serving) -> None:
    """The neighbour is served between them: when it has been ten times, most still wait."""
    # A never-indexed literal of 16 125 octets of Huffman code.
    block = b"\x82\x84\x86\x01\x01x\x10\x01h\xff\xfe\x7c" + bytes(16_125)
    count = 1_000
    with wire(server) as one, wire(server) as other:
        neighbour = Peer(other)
        Peer(one)

        def pour() -> None:
            with contextlib.suppress(OSError):
                for number in range(count):
                    one.socket.sendall(octets(r.HEADERS, 5, 2 * number + 1, block))

        thread = threading.Thread(target=pour, daemon=True)
        thread.start()
        wait_until(lambda: len(server.site.requests) > 5, "the flood to arrive")
        for number in range(10):
            neighbour.expect_serves(2 * number + 1)
        assert len(server.site.requests) < count / 2
        vanish(one)
        thread.join(DEADLINE)
        assert not thread.is_alive()
        neighbour.expect_serves(21)


# ---------------------------------------------------------------------- peers that stall


@pytest.mark.parametrize("path", [b"/file/1000000", b"/memory/1000000"])
def test_hazard_57_a_window_that_never_opens(impatient: Serving, path: bytes) -> None:
    with wire(impatient) as one:
        peer = Peer(one, settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 0)], replenish=False)
        for stream_id in range(1, 21, 2):
            peer.request(stream_id, path)
        for stream_id in range(1, 21, 2):
            assert peer.reply(stream_id).reset == ErrorCode.CANCEL
        is_served(impatient)


def test_hazard_59_a_socket_that_is_never_read() -> None:
    """Windows are open, TCP is not: bounded, and over when nothing moves for too long."""
    impatience = ServerLimits(write_seconds=0.7)
    with serving(server_limits=impatience) as server, wire(server) as one:
        one.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        peer = Peer(one, settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 2**31 - 1)], replenish=False)
        peer.update(0, 2**31 - 1 - 65_535)
        for stream_id in range(1, 21, 2):
            peer.request(stream_id, b"/memory/20000000")
        largest = 0
        began = time.monotonic()
        while server.driver.connections and time.monotonic() - began < DEADLINE:
            for link in server.driver.links:
                if (engine := link.engine) is not None:
                    largest = max(largest, engine.output_octets)
            time.sleep(0.01)
        assert server.driver.connections == 0
        # What one turn may produce, and one response's share of it.
        assert largest <= 2 * impatience.turn_output + 300_000
        server.wait_for_error("stopped reading")


def test_hazard_44_a_header_block_that_never_ends(impatient: Serving) -> None:
    with wire(impatient) as one:
        peer = Peer(one)
        peer.send(octets(r.HEADERS, 1, 1, b"\x82"))
        peer.expect_goaway(ErrorCode.ENHANCE_YOUR_CALM, 0)


def test_hazard_65_an_upload_that_stops(impatient: Serving) -> None:
    with wire(impatient) as one:
        peer = Peer(one)
        peer.request(1, b"/echo", b"POST", end_stream=False)
        peer.data(1, b"some of it")
        assert peer.reply(1).reset == ErrorCode.CANCEL
    wait_until(lambda: impatient.site.uploads[0].abandoned > 0, "the upload to be abandoned")


# ---------------------------------------------------------------------- fairness


def test_a_large_download_does_not_hold_others_up(server: Serving) -> None:
    """PING and small requests are answered between its turns."""
    with wire(server) as one, wire(server) as other:
        greedy = Peer(one, settings=[(r.SETTINGS_INITIAL_WINDOW_SIZE, 2**31 - 1)], replenish=False)
        greedy.update(0, 2**31 - 1 - 65_535)
        greedy.request(1, b"/memory/20000000")
        peer = Peer(other)
        for stream_id in range(1, 61, 2):
            greedy.pull()
            peer.expect_serves(stream_id)
        assert not greedy.streams[1].over
        assert len(greedy.expect_response(1).body) == 20_000_000


def test_bad_requests_are_logged_once(server: Serving) -> None:
    for _ in range(3):
        with wire(server) as one:
            peer = Peer(one)
            peer.send(octets(r.PING, 0, 1, bytes(8)))
            peer.expect_goaway(ErrorCode.PROTOCOL_ERROR, 0)
    server.wait_for_rest()
    server.wait_for_error("PING: on stream 1")
    assert server.errors().count("PROTOCOL_ERROR: PING: on stream 1") == 3


def test_stream_errors_are_logged_with_their_reason(server: Serving) -> None:
    """RST_STREAM cannot carry one."""
    with wire(server) as one:
        peer = Peer(one)
        peer.send(peer.headers(1, request_fields(b"/", b"GET", (b"te", b"gzip"))))
        peer.expect_reset(1, ErrorCode.PROTOCOL_ERROR)
        peer.expect_serves(3)
    server.wait_for_rest()
    (line,) = server.errors().splitlines()
    assert "[stream] 127.0.0.1:" in line
    assert line.endswith(": stream 1: PROTOCOL_ERROR: te: other than trailers")


def test_drain_over_a_socket() -> None:
    """GOAWAY twice, the accepted stream whole, then the end."""
    limits = Limits(shutdown_round_trip_seconds=DEADLINE)
    with serving(limits=limits) as server, wire(server) as one:
        peer = Peer(one, replenish=False)
        peer.request(1, b"/memory/200000")
        while len(peer.streams[1].reply.body) < 65_535:
            peer._pull("content")
        server.in_thread(lambda: server.driver.drain(time.monotonic()))
        peer.events.clear()
        peer.expect(GoAway(last_stream_id=2**31 - 1, code=0))
        ping = peer.expect(Ping)
        peer.request(3)
        peer.send(Ping(flags=r.ACK, opaque=ping.opaque))
        # The connection's window is used up: only the field section.
        peer.expect(Section)
        peer.expect(GoAway(last_stream_id=3, code=0))
        peer.replenish = True
        for stream_id in (0, 1):
            peer.update(stream_id, 65_535)
        assert len(peer.expect_response(1).body) == 200_000
        assert peer.expect_response(3).body == b"hello"
        assert peer.transport.closed()
