"""What is overridden of aioquic, with its own client at the other end, in memory."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import ConnectionTerminated, StreamDataReceived
from aioquic.quic.events import StreamReset as ResetOfServer
from aioquic.quic.packet import QuicErrorCode

from h2static.quic.aioquic_transport import AioquicLibrary, AioquicTransport, load_identity
from h2static.quic.connection_ids import KEY_LENGTH, ConnectionIds
from h2static.quic.library import TransportLimits
from h2static.quic.packets import read_header
from h2static.quic.transport import (
    Event,
    HandshakeCompleted,
    PingAcknowledged,
    SendingStopped,
    StreamData,
    StreamReset,
    Terminated,
)
from h2static.quic.transport import (
    Path as NetworkPath,
)
from tests.support.certificates import make_certificate

CLIENT = NetworkPath(("192.0.2.7", 40_007))
SERVER = ("192.0.2.1", 443)
IDS = ConnectionIds(bytes(KEY_LENGTH), place=5, worker=77)


class Pair:
    """Both ends of a connection; datagrams are handed over by :meth:`settle`."""

    def __init__(self, folder: Path, limits: TransportLimits, *, name: str = "localhost") -> None:
        certificate = make_certificate(folder)
        identity = load_identity(certificate.cert.read_bytes(), certificate.key.read_bytes())
        self.named: list[str | None] = []

        def choose(asked: str | None) -> object:
            self.named.append(asked)
            return identity

        self.library = AioquicLibrary(choose, limits)  # type: ignore[arg-type]  # it is an Identity
        #: What the client could resume a connection with.
        self.tickets: list[object] = []
        self.now = 100.0
        #: Seconds between two rounds.
        self.step = 0.001
        #: As many datagrams as the server has ever sent at once.
        self.largest = 0
        self.client = QuicConnection(
            configuration=QuicConfiguration(
                alpn_protocols=["h3"],
                is_client=True,
                server_name=name,
                verify_mode=ssl.CERT_NONE,
            ),
            session_ticket_handler=self.tickets.append,
        )
        self.client.connect(SERVER, self.now)
        (first, _), *_ = self.client.datagrams_to_send(self.now)
        header = read_header(first)
        assert header is not None
        self.server: AioquicTransport = self.library.accept(header, CLIENT, IDS)
        self.server.receive_datagram(first, CLIENT, self.now)
        self.events: list[Event] = []
        self.received: dict[int, bytes] = {}
        #: What the server has reset.
        self.client_resets: dict[int, int] = {}
        self.closed: ConnectionTerminated | None = None
        self.settle()

    def settle(self, rounds: int = 200) -> None:
        for _ in range(rounds):
            self.now += self.step
            for end in (self.client, self.server):
                timer = self.client.get_timer() if end is self.client else self.server.deadline()
                if timer is not None and timer <= self.now:
                    end.handle_timer(self.now)
            up = self.client.datagrams_to_send(self.now)
            for data, _ in up:
                self.server.receive_datagram(data, CLIENT, self.now)
            while (event := self.server.next_event()) is not None:
                self.events.append(event)
            self.say()

    def say(self) -> None:
        """What the server has to say reaches the client."""
        down = self.server.datagrams_to_send(self.now)
        self.largest = max(self.largest, len(down))
        for data, _ in down:
            self.client.receive_datagram(data, SERVER, self.now)
        while (heard := self.client.next_event()) is not None:
            if isinstance(heard, StreamDataReceived):
                known = self.received.get(heard.stream_id, b"")
                self.received[heard.stream_id] = known + heard.data
            elif isinstance(heard, ConnectionTerminated):
                self.closed = heard
            elif isinstance(heard, ResetOfServer):
                self.client_resets[heard.stream_id] = heard.error_code

    def fill(self, *stream_ids: int) -> None:
        """Give the server as much content as it takes, of each stream the same."""
        for stream_id in stream_ids:
            most = self.server.room // len(stream_ids)
            self.server.send(stream_id, bytes(min(most, self.server.stream_room(stream_id))))

    def download(self, *stream_ids: int, rounds: int = 20) -> None:
        """The client asks for content that does not end, which comes for a while."""
        for stream_id in stream_ids:
            self.client.send_stream_data(stream_id, b"request", end_stream=True)
        self.settle(20)
        for _ in range(rounds):
            self.fill(*stream_ids)
            self.settle(1)

    def waits(self) -> bool:
        return self.server.waits_for_peer

    def is_over(self) -> bool:
        return self.server.terminated

    def data_of(self, stream_id: int) -> bytes:
        return b"".join(
            one.data
            for one in self.events
            if isinstance(one, StreamData) and one.stream_id == stream_id
        )


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path, TransportLimits())


def test_the_handshake(pair: Pair) -> None:
    assert pair.server.established
    assert pair.server.server_name == "localhost"
    assert pair.named == [None, "localhost"]
    assert pair.server.path == CLIENT
    assert [type(one) for one in pair.events] == [HandshakeCompleted]


def test_nothing_is_given_to_come_early_with(pair: Pair) -> None:
    """A request in 0-RTT could be replayed by anybody."""
    pair.client.send_stream_data(0, b"request", end_stream=True)
    pair.settle()
    assert pair.tickets == []


def test_connection_ids_are_ours(pair: Pair) -> None:
    """And the tokens by which a successor resets what its predecessor has left."""
    ids = pair.server.connection_ids
    assert len(ids) >= 8
    assert {one[:2] for one in ids} == {b"\x05\x4d"}
    known = [pair.client._peer_cid, *pair.client._peer_cid_available]
    assert {one.cid for one in known} == set(ids)
    assert all(one.stateless_reset_token == IDS.token(one.cid) for one in known)


def test_ids_that_are_used_up_are_replaced(pair: Pair) -> None:
    before = pair.server.connection_ids
    pair.client.change_connection_id()
    pair.client.send_ping(1)
    pair.settle()
    assert pair.server.ids_changed
    after = pair.server.connection_ids
    assert len(after) == len(before)
    assert len(set(after) - set(before)) == 1


def test_no_credit_is_given_for_what_nobody_has_taken(tmp_path: Path) -> None:
    """aioquic would double its windows as soon as they are half used."""
    pair = Pair(tmp_path, TransportLimits(stream_window=10_000, connection_window=15_000))
    for stream_id in (0, 4):
        pair.client.send_stream_data(stream_id, bytes(50_000))
    pair.settle()
    assert max(len(pair.data_of(0)), len(pair.data_of(4))) <= 10_000
    total = len(pair.data_of(0)) + len(pair.data_of(4))
    assert total == 15_000
    pair.server.give_credit(None, 20_000)
    pair.server.give_credit(0, 20_000)
    pair.settle()
    assert len(pair.data_of(0)) + len(pair.data_of(4)) <= 35_000
    assert len(pair.data_of(0)) > 10_000 or len(pair.data_of(4)) == 10_000


def test_streams_are_bounded_until_their_end_was_acknowledged(tmp_path: Path) -> None:
    pair = Pair(tmp_path, TransportLimits(request_streams=3))
    for number in range(5):
        pair.client.send_stream_data(4 * number, b"request", end_stream=True)
    pair.settle()
    seen = {one.stream_id for one in pair.events if isinstance(one, StreamData)}
    assert seen == {0, 4, 8}
    pair.server.send(0, b"response", end=True)
    pair.settle()
    seen = {one.stream_id for one in pair.events if isinstance(one, StreamData)}
    assert seen == {0, 4, 8, 12}


def test_room_is_bounded_for_a_client_that_does_not_read(tmp_path: Path) -> None:
    limits = TransportLimits()
    pair = Pair(tmp_path, limits)
    pair.client.send_stream_data(0, b"request", end_stream=True)
    pair.settle()
    assert pair.server.stream_room(0) == 1_048_576
    given = 0
    # The client acknowledges nothing.
    for _ in range(1_000):
        room = min(pair.server.room, 10_000)
        if room <= 0:
            break
        pair.server.send(0, bytes(room))
        given += room
        pair.server.datagrams_to_send(pair.now)
    assert 0 < given <= limits.ahead + 20_000
    assert pair.waits()
    pair.settle(2_000)
    assert not pair.waits()
    assert pair.server.room > 0
    assert pair.server.moved >= given


def test_resets_and_stops(pair: Pair) -> None:
    pair.client.send_stream_data(0, b"request")
    pair.client.send_stream_data(4, b"request")
    pair.settle()
    room = pair.server.room
    pair.server.send(0, bytes(10_000))
    pair.server.reset(0, 7)
    pair.server.stop(0, 8)
    pair.server.send(0, b"nothing more")
    pair.client.reset_stream(4, 9)
    pair.client.stop_stream(4, 10)
    pair.settle()
    assert StreamReset(stream_id=4, code=9) in pair.events
    assert SendingStopped(stream_id=4, code=10) in pair.events
    # What was never sent takes no room any more.
    assert pair.server.room >= room
    pair.server.send(4, b"too late")
    pair.server.reset(4, 1)
    pair.server.stop(4, 1)


def test_a_close_is_told_at_once(pair: Pair) -> None:
    pair.client.close(error_code=0x100, reason_phrase="bye")
    pair.settle(2)
    assert pair.events[-1] == Terminated(code=0x100, reason="bye", closed_here=False)
    assert not pair.is_over()
    pair.settle(2_000)
    assert pair.is_over()
    assert pair.server.next_event() is None


def test_our_close_reaches_the_client(pair: Pair) -> None:
    pair.server.close(0x107, "too much")
    pair.settle(3_000)
    assert pair.closed is not None
    assert (pair.closed.error_code, pair.closed.reason_phrase) == (0x107, "too much")
    assert pair.server.terminated


def test_a_violation_of_quic_is_the_clients(pair: Pair) -> None:
    pair.client._streams.clear()
    pair.client._remote_max_streams_bidi = 10_000
    pair.client.send_stream_data(4 * 5_000, b"x")
    pair.settle(5)
    end = pair.events[-1]
    assert isinstance(end, Terminated)
    assert end.code == QuicErrorCode.STREAM_LIMIT_ERROR
    assert end.closed_here


def test_a_round_trip(pair: Pair) -> None:
    pair.server.ping()
    pair.settle()
    assert PingAcknowledged() in pair.events


@pytest.mark.parametrize("size", [0, 1, 20, 1_199, 1_200])
def test_nonsense_does_no_harm(pair: Pair, size: int) -> None:
    for first in (0x00, 0x40, 0x80, 0xC0, 0xFF):
        pair.server.receive_datagram(bytes((first,)) + bytes(size), CLIENT, pair.now)
    pair.client.send_stream_data(0, b"still there", end_stream=True)
    pair.settle()
    assert pair.data_of(0) == b"still there"


# ---------------------------------------------------------------------- content alone


def test_a_fast_path_takes_more_at_once_than_a_slow_one(tmp_path: Path) -> None:
    """Pacing spreads what a timer can tell apart; no burst is longer than a receive buffer."""
    limits = TransportLimits()
    fast, slow = Pair(tmp_path, limits), Pair(tmp_path, limits)
    slow.step = 0.05
    for one in (fast, slow):
        one.download(0, rounds=6)
    assert 32 < fast.largest <= limits.burst_packets + 1
    assert slow.largest <= 17


def test_all_octets_of_a_download_arrive_in_order(pair: Pair) -> None:
    pair.client.send_stream_data(0, b"request", end_stream=True)
    pair.settle(20)
    content = bytes(range(256)) * 8_000
    at = 0
    while at < len(content):
        room = min(pair.server.room, pair.server.stream_room(0))
        piece = content[at : at + max(room, 0)]
        at += len(piece)
        pair.server.send(0, piece, end=at == len(content))
        pair.settle(1)
    pair.settle()
    assert pair.received[0] == content
    assert not pair.waits()


def test_lost_packets_of_a_download_are_sent_again(pair: Pair) -> None:
    pair.client.send_stream_data(0, b"request", end_stream=True)
    pair.settle(20)
    pair.fill(0)
    given = pair.server._connection._streams[0].sender._buffer_stop
    dropped = pair.server.datagrams_to_send(pair.now)
    assert len(dropped) > 5
    pair.settle(2_000)
    assert len(pair.received[0]) == given
    assert not pair.waits()


def test_a_download_holds_up_nothing_else(tmp_path: Path) -> None:
    """Credit, other streams, resets and pings leave while there is more content than room."""
    pair = Pair(tmp_path, TransportLimits(stream_window=10_000, connection_window=40_000))
    # So slow that pacing always holds some of it back.
    pair.step = 0.05
    pair.client.send_stream_data(0, bytes(10_000))
    pair.client.send_stream_data(4, b"request", end_stream=True)
    pair.download(8)
    before = len(pair.received[8])
    pair.fill(8)
    pair.now += pair.step
    pair.say()
    server, client = pair.server, pair.client
    steps: dict[str, tuple[Callable[[], object], Callable[[], bool]]] = {
        "credit of a stream": (
            lambda: server.give_credit(0, 10_000),
            lambda: client._streams[0].max_stream_data_remote == 20_000,
        ),
        "credit": (
            lambda: server.give_credit(None, 30_000),
            lambda: client._remote_max_data == 70_000,
        ),
        "a reset": (lambda: server.reset(4, 7), lambda: 4 in pair.client_resets),
        "a response": (
            lambda: server.send(0, b"response", end=True),
            lambda: bool(pair.received.get(0)),
        ),
    }
    for what, (say, was_heard) in steps.items():
        say()
        pair.now += pair.step
        pair.say()
        assert was_heard(), what
    assert len(pair.received[8]) > before
    pair.server.ping()
    pair.now += pair.step
    pair.say()
    pair.settle(3)
    assert PingAcknowledged() in pair.events


def test_several_downloads_share_the_path(pair: Pair) -> None:
    pair.download(0, 4, 8)
    sizes = [len(pair.received[stream_id]) for stream_id in (0, 4, 8)]
    assert min(sizes) > 50_000


# ---------------------------------------------------------------------- certificates


def test_a_key_of_another_certificate_is_refused(tmp_path: Path) -> None:
    """As while both files are being replaced."""
    (tmp_path / "other").mkdir()
    one, other = make_certificate(tmp_path), make_certificate(tmp_path / "other")
    load_identity(one.cert.read_bytes(), one.key.read_bytes())
    with pytest.raises(ValueError, match="mismatch"):
        load_identity(one.cert.read_bytes(), other.key.read_bytes())
