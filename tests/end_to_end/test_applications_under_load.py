"""Reload and stop while everything is going on: requests, uploads, event streams, WebSockets."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.support.hosted import write_application
from tests.support.polite_client import PoliteClient
from tests.support.processes import DEADLINE, RunningServer, running, wait_until

pytestmark = pytest.mark.slow

CONTENT = bytes(1_000_000)


class Client:
    """Does one thing again and again, in a thread, until told to stop."""

    def __init__(self, do: Callable[[], str]) -> None:
        """``do`` does it once, and says what came of it."""
        self._do = do
        self._stopping = threading.Event()
        self.came: list[str] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.came.append(self._do())
            except (ConnectionRefusedError, httpx.ConnectError):
                self.came.append("refused")
            except Exception as error:
                self.came.append(repr(error))

    def stop(self) -> None:
        """Have it do what it does for the last time."""
        self._stopping.set()

    def join(self) -> set[str]:
        """What came of all of it; the last time may have begun when the server had gone."""
        self._thread.join(DEADLINE)
        return set(self.came[:-1] if self.came[-1] == "refused" else self.came)


def upload(server: RunningServer) -> str:
    """On a connection of its own: one that waits is closed when its process ends."""
    with httpx.Client(timeout=DEADLINE) as client:
        return client.post(f"http://127.0.0.1:{server.port}/upload", content=pieces()).text


def pieces() -> list[bytes]:
    return [CONTENT[start : start + 50_000] for start in range(0, len(CONTENT), 50_000)]


def hear_events(server: RunningServer) -> str:
    """To the end of the stream."""
    url = f"http://127.0.0.1:{server.port}/events"
    with httpx.Client(timeout=DEADLINE) as client, client.stream("GET", url) as events:
        return "".join(events.iter_text())


def talk(server: RunningServer) -> str:
    """Until the server closes, with its code."""
    with connect(f"ws://127.0.0.1:{server.port}/") as socket:
        try:
            for number in range(10_000):
                socket.send(f"message {number}")
                assert socket.recv(DEADLINE) == f"message {number}"
        except ConnectionClosed as closed:
            return f"closed with {closed.rcvd.code if closed.rcvd else 'nothing'}"
    return "done"


def wait_for_all(clients: Sequence[Client], before: Sequence[int]) -> None:
    """Wait until each has done its thing more often than that."""
    wait_until(
        lambda: all(len(one.came) > count for one, count in zip(clients, before, strict=True)),
        "everybody to go on with the new workers",
    )


def test_nothing_is_lost(tmp_path: Path) -> None:
    write_application(tmp_path)
    words = ("--no-tls", "-a", "127.0.0.1", "-n", "2", "--app", "shop:app", "0")
    environment = {"H2STATIC_TEST_DIARY": str(tmp_path / "diary")}
    with running(*words, folder=tmp_path, environment=environment) as server:
        polite = [PoliteClient(server.port, path) for path in ("/", "/slow")]
        for client in polite:
            client.start()
        uploads = [Client(lambda: upload(server)) for _ in range(2)]
        streams = [Client(lambda: hear_events(server)) for _ in range(2)]
        sockets = [Client(lambda: talk(server)) for _ in range(2)]
        everybody = [*uploads, *streams, *sockets]
        for number in range(1, 3):
            before = [len(one.came) for one in everybody]
            write_application(tmp_path, greeting=f"reload {number}")
            server.signal(signal.SIGHUP)
            server.wait_for_stderr("[reload] reloaded", number)
            wait_for_all(everybody, before)
        for one in everybody:
            one.stop()
        for client in polite:
            client.stop()
        tallies = [client.join() for client in polite]
        for one in uploads:
            assert one.join() == {"1000000"}
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
    for tally in tallies:
        assert (tally.lost, tally.refused, tally.problems) == (0, 0, [])
        assert tally.statuses == {"200"}
        assert tally.answered > 0
    for one in streams:
        assert one.join() == {"data: begin\n\n"}
    for one in sockets:
        assert one.join() <= {"closed with 1001", "done"}
    diary = (tmp_path / "diary").read_text().splitlines()
    assert diary.count("start") == diary.count("stop") == 6
