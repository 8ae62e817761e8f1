"""``--max-memory`` with real processes: workers that have too much are replaced unnoticed."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.support.certificates import make_certificate
from tests.support.polite_client import PoliteClient
from tests.support.processes import RunningServer, run, running, wait_until
from tests.support.quic_client import QuicClient

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

#: Holds more octets with each request for /hold.
APPLICATION = """
HELD = []


async def app(scope, receive, send):
    if scope["type"] == "http":
        if scope["path"] == "/hold":
            HELD.append(b"x" * 250_000_000)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"held"})
"""


def hold(server: RunningServer) -> None:
    client = PoliteClient(server.port, "/hold", requests=1)
    client.start()
    client.join()
    assert client.tally.statuses == {"200"}


@pytest.mark.slow
def test_a_worker_with_too_much_memory_is_replaced_under_load(tmp_path: Path) -> None:
    (tmp_path / "holding.py").write_text(APPLICATION)
    words = ("--no-tls", "-a", "127.0.0.1", "--app", "holding:app", "--lifespan", "off")
    with running(*words, "--max-memory", "200M", "0", folder=tmp_path) as server:
        (first,) = server.workers()
        client = PoliteClient(server.port, "/")
        client.start()
        hold(server)
        server.wait_for_stderr("memory limit exceeded; emptying caches")
        server.wait_for_stderr("octets of memory; replacing it")
        wait_until(
            lambda: len(server.workers()) == 1 and first not in server.workers(), "a successor"
        )
        answered = client.tally.answered
        wait_until(lambda: client.tally.answered > answered + 10, "answers of the successor")
        tally = client.stop()
        assert (tally.lost, tally.refused, tally.problems) == (0, 0, [])
        assert tally.statuses == {"200"}
        # Its successors are not replaced at once, should the bound be too small for all of them.
        (second,) = server.workers()
        hold(server)
        server.wait_for_stderr("memory limit exceeded; emptying caches", 2)
        assert server.workers() == [second]


@pytest.mark.slow
def test_clients_of_http3_are_handed_over_to_the_successor(tmp_path: Path) -> None:
    """Nobody reads datagrams beside it: a connection that was there before ends in its time."""
    (tmp_path / "holding.py").write_text(APPLICATION)
    certificate = make_certificate(tmp_path)
    words = ("--http3", "-a", "127.0.0.1", "--app", "holding:app", "--lifespan", "off")
    options = ("--max-memory", "200M", "0", *certificate.words)
    with running(*words, *options, folder=tmp_path) as server:
        with QuicClient(server.port) as client:
            assert client.get("/hold").status == 200
            server.wait_for_stderr("octets of memory; replacing it")
            client.until(lambda: client.closed is not None)
            assert client.closed is not None
            assert client.closed.error_code == 0x100
            before = client.quic._peer_cid.cid[1]
        for _ in range(3):
            with QuicClient(server.port) as later:
                assert later.get("/").data == b"held"
                assert later.quic._peer_cid.cid[1] != before


def test_a_bound_that_no_worker_could_keep_is_refused(tmp_path: Path) -> None:
    done = run("--no-tls", "--max-memory", "1M", "0", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr == "h2static: --max-memory: 1M is too small: at least 96M\n"
