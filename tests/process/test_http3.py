"""HTTP/3 with several workers: who gets which datagram, through reloads, deaths and the stop."""

from __future__ import annotations

import os
import select
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from aioquic.h3.connection import H3Connection

from tests.support.certificates import Certificate, make_certificate
from tests.support.processes import DEADLINE, RunningServer, running, wait_until
from tests.support.quic_client import QuicClient, together

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="one worker elsewhere")

LARGE = bytes(range(256)) * 1_200


@pytest.fixture
def certificate(tmp_path: Path) -> Certificate:
    return make_certificate(tmp_path)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "www"
    folder.mkdir()
    (folder / "index.html").write_bytes(b"<!doctype html><title>t</title>")
    (folder / "large.bin").write_bytes(LARGE)
    return folder


@contextmanager
def serving(site: Path, certificate: Certificate, *words: str) -> Iterator[RunningServer]:
    words = ("--http3", "-a", "127.0.0.1", *words, "0", str(site), *certificate.words)
    with running(*words) as server:
        yield server


@contextmanager
def clients(server: RunningServer, count: int) -> Iterator[list[QuicClient]]:
    with ExitStack() as stack:
        yield [stack.enter_context(QuicClient(server.port)) for _ in range(count)]


def _workers_of(connections: list[QuicClient]) -> set[int]:
    """The workers' numbers, as the second octet of connection ids says them."""
    return {client.quic._peer_cid.cid[1] for client in connections}


def _has_all(client: QuicClient) -> bool:
    """Whether the first answer is whole."""
    answer = client.answers[0]
    assert LARGE.startswith(answer.data)
    return answer.ended and answer.data == LARGE


def _is_closed(client: QuicClient) -> bool:
    return client.closed is not None


def test_clients_that_change_their_address_keep_their_connections(
    site: Path, certificate: Certificate
) -> None:
    """The kernel would hand their datagrams to any worker."""
    with serving(site, certificate, "-n", "3") as server, clients(server, 12) as connections:
        assert len(_workers_of(connections)) > 1
        for client in connections:
            assert client.get().status == 200
        for _ in range(3):
            for client in connections:
                client.move()
                assert client.get("/large.bin").data == LARGE
        told = [one["counters"] for one in server.counters()]
        assert sum(one["accepted"] for one in told if isinstance(one, dict)) == 12


def test_a_download_survives_a_change_of_the_address(site: Path, certificate: Certificate) -> None:
    with serving(site, certificate) as server, clients(server, 1) as (client,):
        stream_id = client.ask("/large.bin")
        answer = client.answers[stream_id]
        client.until(lambda: len(answer.data) > 30_000)
        client.move()
        client.until(lambda: answer.ended)
        assert answer.data == LARGE


@pytest.mark.parametrize("workers", [1, 2])
def test_a_reload_lets_connections_finish(
    site: Path, certificate: Certificate, workers: int
) -> None:
    """The sockets are the successor's at once: it passes on what is for its predecessor."""
    with serving(site, certificate, "-n", str(workers)) as server:
        with clients(server, 4) as connections:
            for client in connections:
                client.ask("/large.bin")
            before = _workers_of(connections)
            server.signal(signal.SIGHUP)
            server.wait_for_stderr("[reload] reloaded")
            together(connections, _has_all)
            with clients(server, 4) as later:
                assert not before & _workers_of(later)
                assert all(client.get().status == 200 for client in later)
            # GOAWAY, then the close: the client has had all that it asked for.
            together(connections, _is_closed)
            assert {one.closed.error_code for one in connections if one.closed} == {0x100}
        wait_until(lambda: len(server.workers()) == workers, "old workers have ended")
        assert "violation" not in server.stderr()


def test_a_handshake_goes_on_while_workers_are_replaced(
    site: Path, certificate: Certificate
) -> None:
    """Its Initial and Handshake packets come to the successor, which passes them on."""
    with serving(site, certificate) as server:
        client = QuicClient(server.port)
        client.begin()
        client.http = H3Connection(client.quic)
        ready, _, _ = select.select([client.socket], [], [], DEADLINE)
        assert ready
        server.signal(signal.SIGHUP)
        server.wait_for_stderr("[reload] reloaded")
        # Who is answered by the successor knows that it reads.
        with clients(server, 1) as later:
            client.until(lambda: client.handshaken)
            assert not _workers_of([client]) & _workers_of(later)
        client.until(lambda: client.closed is not None)
        assert client.closed is not None
        assert client.closed.error_code == 0x100
        client.socket.close()


def test_a_reload_may_change_the_number_of_workers(
    site: Path, certificate: Certificate, tmp_path: Path
) -> None:
    file = tmp_path / "h2static.toml"
    file.write_text("workers = 1\n")
    with serving(site, certificate, "--config", str(file)) as server:
        with clients(server, 3) as connections:
            for client in connections:
                client.ask("/large.bin")
            file.write_text("workers = 3\n")
            server.signal(signal.SIGHUP)
            server.wait_for_stderr("[reload] reloaded")
            together(connections, _has_all)
        with clients(server, 12) as later:
            assert len(_workers_of(later)) > 1
            assert all(client.get().status == 200 for client in later)
        file.write_text("workers = 2\n")
        server.signal(signal.SIGHUP)
        server.wait_for_stderr("[reload] reloaded", 2)
        with clients(server, 8) as later:
            assert all(client.get().status == 200 for client in later)


def test_http3_may_come_and_go_by_reload(
    site: Path, certificate: Certificate, tmp_path: Path
) -> None:
    file = tmp_path / "h2static.toml"
    file.write_text("http3 = false\n")
    words = ("-a", "127.0.0.1", "--config", str(file), "0", str(site), *certificate.words)
    with running(*words) as server:
        file.write_text("http3 = true\n")
        server.signal(signal.SIGHUP)
        server.wait_for_stderr("[reload] reloaded")
        with clients(server, 2) as connections:
            assert all(client.get().status == 200 for client in connections)
        file.write_text("http3 = false\n")
        server.signal(signal.SIGHUP)
        server.wait_for_stderr("[reload] reloaded", 2)
        wait_until(lambda: not _shakes_hands(server.port), "HTTP/3 is over")


def test_a_reload_that_failed_leaves_no_socket(
    site: Path, certificate: Certificate, tmp_path: Path
) -> None:
    """Whoever wants the port of UDP can have it."""
    file = tmp_path / "h2static.toml"
    file.write_text("http3 = false\n")
    words = ("-a", "127.0.0.1", "--config", str(file), "0", str(site), *certificate.words)
    with running(*words) as server:
        # The sockets are there before the new workers find that they cannot start.
        file.write_text(f'http3 = true\naccess-log = "{tmp_path}/nowhere/log"\n')
        server.signal(signal.SIGHUP)
        server.wait_for_stderr("keeping the old configuration")
        wait_until(lambda: _is_free(server.port), "the port of UDP is nobody's")


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        try:
            one.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _shakes_hands(port: int) -> bool:
    with QuicClient(port, patience=1.0) as client:
        return client.handshaken


def test_a_killed_worker_breaks_only_its_connections(site: Path, certificate: Certificate) -> None:
    """Its successor resets them without knowing them (RFC 9000 section 10.3)."""
    # The kernel chooses by a hash of the addresses: as good as never, one worker has that many.
    with serving(site, certificate, "-n", "2") as server, clients(server, 24) as connections:
        assert len(_workers_of(connections)) == 2
        assert all(client.get().status == 200 for client in connections)
        before = set(server.workers())
        os.kill(min(before), signal.SIGKILL)
        server.wait_for_stderr("died")
        wait_until(lambda: len(set(server.workers()) - before) == 1, "a successor")
        broken: set[int] = set()
        for client in connections:
            number = client.quic._peer_cid.cid[1]
            tokens = [client.quic._peer_cid.stateless_reset_token]
            tokens += [one.stateless_reset_token for one in client.quic._peer_cid_available]
            stream_id = client.ask()
            answer = client.answers[stream_id]

            def reset(client: QuicClient = client, tokens: list[bytes] = tokens) -> bool:
                return any(one[-16:] in tokens for one in client.received)

            client.until(lambda answer=answer, reset=reset: answer.ended or reset())  # type: ignore[misc]
            if reset():
                broken.add(number)
                client.quic._close_event = None
            else:
                assert answer.status == 200
        assert len(broken) == 1
        with clients(server, 8) as later:
            assert all(client.get().status == 200 for client in later)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_sigterm_lets_downloads_finish(
    site: Path, certificate: Certificate, number: signal.Signals
) -> None:
    with serving(site, certificate, "-n", "2") as server, clients(server, 4) as connections:
        for client in connections:
            client.ask("/large.bin")
        together(connections, lambda client: len(client.answers[0].data) > 10_000)
        server.signal(number)
        together(connections, _has_all)
        together(connections, _is_closed)
        assert server.wait() == 0


@pytest.mark.parametrize("gone", [False, True], ids=["there", "gone without a word"])
def test_an_idle_connection_does_not_hold_up_the_stop(
    site: Path, certificate: Certificate, gone: bool
) -> None:
    with serving(site, certificate) as server, clients(server, 3) as connections:
        assert all(client.get().status == 200 for client in connections)
        began = time.monotonic()
        for client in connections:
            client.mute = gone
        server.signal(signal.SIGTERM)
        if not gone:
            together(connections, _is_closed)
        assert server.wait() == 0
        assert time.monotonic() - began < 10


#: Holds more octets than the bound allows from the first request on.
HOLDING = """
HELD = []


async def app(scope, receive, send):
    if scope["type"] == "http":
        HELD.append(b"x" * 250_000_000)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"held"})
"""


@pytest.mark.slow
def test_a_worker_that_is_replaced_for_its_memory_leaves_its_datagrams(
    site: Path, certificate: Certificate, tmp_path: Path
) -> None:
    """Its successor begins to read when it has stopped, although both are of one configuration."""
    (tmp_path / "holding.py").write_text(HOLDING)
    words = ("--app", "/hold=holding:app", "--app-dir", str(tmp_path), "--lifespan", "off")
    with (
        serving(site, certificate, *words, "--max-memory", "200M") as server,
        clients(server, 2) as connections,
    ):
        before = _workers_of(connections)
        assert connections[0].get("/hold").data == b"held"
        server.wait_for_stderr("octets of memory; replacing it")
        wait_until(lambda: len(server.workers()) == 2, "a successor starts")
        # Asked while it takes over, and answered by whoever has the connection.
        connections[1].ask("/large.bin")
        together([connections[1]], _has_all)
        together(connections, _is_closed)
        with clients(server, 4) as later:
            assert not before & _workers_of(later)
            assert all(client.get("/large.bin").data == LARGE for client in later)
        wait_until(lambda: len(server.workers()) == 1, "the predecessor has ended")
