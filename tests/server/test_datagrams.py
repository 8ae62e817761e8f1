"""Datagrams of hostile and slow clients, against a worker of a process of its own.

Each test ends with an honest client that is served.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.events import ConnectionTerminated, HandshakeCompleted

from h2static.quic.library import TransportLimits
from h2static.server.limits import DEFAULT_LIMITS
from tests.support.certificates import Certificate, make_certificate
from tests.support.processes import DEADLINE, RunningServer, running, wait_until
from tests.support.quic_client import QuicClient, together

LARGE = bytes(20_000_000)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("www")
    (folder / "index.html").write_bytes(b"hello")
    (folder / "large.bin").write_bytes(LARGE)
    return folder


@pytest.fixture
def server(root: Path, certificate: Certificate) -> Iterator[RunningServer]:
    words = ("--http3", "-a", "127.0.0.1", "0", str(root), *certificate.words)
    with running(*words) as started:
        yield started


def _counters(server: RunningServer) -> dict[str, int]:
    (worker,) = server.counters()
    told = worker["counters"]
    assert isinstance(told, dict)
    return told


def _served(server: RunningServer) -> None:
    with QuicClient(server.port) as client:
        answer = client.get()
        assert (answer.status, answer.data) == (200, b"hello")


def _first_datagram() -> tuple[QuicConnection, bytes]:
    quic = QuicConnection(configuration=QuicConfiguration(alpn_protocols=["h3"], is_client=True))
    quic.connect(("127.0.0.1", 1), 0.0)
    datagrams = [data for data, _ in quic.datagrams_to_send(0.0)]
    return quic, datagrams[0]


@pytest.fixture
def sender() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind(("127.0.0.1", 0))
        one.settimeout(5.0)
        yield one


# ---------------------------------------------------------------------- before a connection


def test_nonsense_is_not_answered(server: RunningServer, sender: socket.socket) -> None:
    """But for what looks like a packet of a connection that is lost, which is reset."""
    place = ("127.0.0.1", server.port)
    for octets in (b"", b"\x00", b"\xff" * 5, b"\xc0" + bytes(1_199), b"\x80" + bytes(100)):
        sender.sendto(octets, place)
    sender.sendto(b"\x40" + os.urandom(99), place)
    answer = sender.recv(2_000)
    assert len(answer) == 43
    assert answer[0] & 0xC0 == 0x40
    sender.settimeout(0.3)
    with pytest.raises(TimeoutError):
        sender.recv(2_000)
    _served(server)


def test_other_versions_are_told_which_are_spoken(
    server: RunningServer, sender: socket.socket
) -> None:
    _, first = _first_datagram()
    sender.sendto(first[:1] + b"\xfa\xce\xb0\x0c" + first[5:], ("127.0.0.1", server.port))
    answer = sender.recv(2_000)
    assert answer[1:5] == bytes(4)
    assert answer.endswith(b"\0\0\0\x01\x6b\x33\x43\xcf")
    # RFC 9000 section 14.1: no answer to what is shorter than an Initial packet has to be.
    sender.sendto(first[:1] + b"\xfa\xce\xb0\x0c" + first[5:1_100], ("127.0.0.1", server.port))
    sender.settimeout(0.3)
    with pytest.raises(TimeoutError):
        sender.recv(2_000)


def test_three_times_as_much_as_came_and_no_more(
    server: RunningServer, sender: socket.socket
) -> None:
    """RFC 9000 section 8.1, until the client has shown that it is there."""
    _, first = _first_datagram()
    sender.sendto(first, ("127.0.0.1", server.port))
    got = 0
    sender.settimeout(1.5)
    with contextlib.suppress(TimeoutError):
        while True:
            got += len(sender.recv(2_000))
    assert 0 < got <= 3 * len(first)


def test_a_flood_of_first_packets(server: RunningServer, sender: socket.socket) -> None:
    """From some on, whoever comes has to come back with a token, which honest clients do."""
    place = ("127.0.0.1", server.port)
    for _ in range(DEFAULT_LIMITS.unvalidated_connections):
        sender.sendto(_first_datagram()[1], place)

    def is_noticed() -> bool:
        # The system drops some where the server has no time for them.
        for _ in range(10):
            sender.sendto(_first_datagram()[1], place)
        return "many HTTP/3 handshakes at once" in server.stderr()

    wait_until(is_noticed, "the flood is noticed")
    with QuicClient(server.port) as client:
        assert client.quic._retry_count == 1
        assert client.get().status == 200
    told = _counters(server)
    assert told["accepted"] <= DEFAULT_LIMITS.unvalidated_connections + 1
    assert told["limit_hits"] >= 1
    # They are given up in time, and then nobody has to come back any more.
    deadline = DEFAULT_LIMITS.opening_seconds + DEADLINE
    wait_until(lambda: _counters(server)["connections"] == 0, "the flood is over", deadline)
    with QuicClient(server.port) as client:
        assert client.quic._retry_count == 0
        assert client.get().status == 200


def test_a_token_that_nobody_made_is_refused(server: RunningServer) -> None:
    quic = QuicConnection(
        configuration=QuicConfiguration(
            alpn_protocols=["h3"], is_client=True, token=b"a token of somebody else" * 3
        )
    )
    client = QuicClient(server.port)
    client.quic = quic
    client.begin()
    client.until(lambda: client.closed is not None)
    assert client.closed is not None
    assert client.closed.error_code == 0xB  # INVALID_TOKEN, RFC 9000 section 20.1
    client.socket.close()
    _served(server)


def test_clients_without_http3(server: RunningServer) -> None:
    quic = QuicConnection(configuration=QuicConfiguration(alpn_protocols=["smtp"], is_client=True))
    client = QuicClient(server.port)
    client.quic = quic
    client.begin()
    client.until(lambda: client.closed is not None)
    server.wait_for_stderr("QUIC handshake failed")
    client.socket.close()
    _served(server)


# ---------------------------------------------------------------------- clients that are there


def test_a_client_that_does_not_read_costs_little(server: RunningServer) -> None:
    """At most what may be on its way to it: 20 files of 20 MB are asked for by each of ten."""
    before = _counters(server)["memory_kib"]
    with contextlib.ExitStack() as stack:
        for _ in range(10):
            client = QuicClient(server.port, window=20_000)
            stack.callback(client.socket.close)
            client.connect()
            # aioquic's client gives credit as octets come: this one stops to look at any.
            for _ in range(20):
                client.ask("/large.bin")
            client.rest(0.1)
        _served(server)
        told = _counters(server)
        assert told["streams"] >= 10
        # A quick machine sends a client all that may be unacknowledged within the tenth of a
        # second.  The library's buffers, which grow in steps, and its notes of each packet take
        # half of that again.
        held = TransportLimits().unacknowledged + TransportLimits().ahead
        assert told["memory_kib"] - before < 10 * 2 * held // 1024


def test_a_client_that_goes_without_a_word_keeps_nobody_waiting(server: RunningServer) -> None:
    client = QuicClient(server.port, idle=1.0)
    client.connect()
    client.ask("/large.bin")
    client.socket.close()
    began = time.monotonic()
    _served(server)
    assert time.monotonic() - began < 10
    wait_until(lambda: _counters(server)["connections"] == 0, "it is given up", 40)


def test_requests_that_are_cancelled_at_once(server: RunningServer) -> None:
    """CVE-2023-44487 over HTTP/3."""
    with QuicClient(server.port) as client:
        for _ in range(30):
            for _ in range(50):
                stream_id = client.quic.get_next_available_stream_id()
                client.ask("/large.bin")
                client.quic.stop_stream(stream_id, 0x10C)
            client.flush()
            client.rest(0.02)
            if client.closed is not None:
                break
        _served(server)
        client.rest(1.0)
        told = _counters(server)
        assert told["resets"] >= 100
        assert told["streams"] <= 100


def test_many_clients_at_once(server: RunningServer) -> None:
    clients = [QuicClient(server.port) for _ in range(40)]
    try:
        for client in clients:
            client.connect()
            client.ask()
        together(clients, lambda client: client.answers[0].ended)
        assert all(client.answers[0].data == b"hello" for client in clients)
        assert not any(
            isinstance(event, ConnectionTerminated) for client in clients for event in client.events
        )
        assert sum(
            isinstance(event, HandshakeCompleted) for one in clients for event in one.events
        ) == len(clients)
    finally:
        for client in clients:
            client.socket.close()
