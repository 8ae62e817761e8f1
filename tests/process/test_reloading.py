"""When a reload is reported: once no worker accepts with the configuration that was dropped.

The supervisor is the real one; its workers are ends of socket pairs.
"""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import h2static.process.handover as handover_module
import h2static.process.supervisor as supervisor_module
import h2static.process.timers as timers_module
from h2static.config import Config
from h2static.process.control_channel import Message, encode
from h2static.process.supervisor import Supervisor
from h2static.process.systemd import Notifier
from h2static.process.workers import Worker, WorkerState
from h2static.site.config import SiteConfig


class Process:
    """A process that lives until it is ended."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def poll(self) -> int | None:
        return self.returncode


class Started:
    """A worker process as it looks from its own side."""

    def __init__(self, slot: int, pid: int, now: float) -> None:
        ours, self.line = socket.socketpair()
        ours.setblocking(False)
        self.line.setblocking(False)
        self.process = Process(pid)
        process = cast("subprocess.Popen[bytes]", self.process)
        self.worker = Worker(slot=slot, process=process, line=ours, started=now)

    def say(self, message: Message, **values: object) -> None:
        self.line.send(encode(message, **values))

    def die(self, status: int) -> None:
        self.process.returncode = status
        self.line.close()

    def heard(self) -> list[str]:
        """The types of the messages to it."""
        try:
            octets = self.line.recv(65536)
        except BlockingIOError:
            return []
        return [json.loads(line)["type"] for line in octets.splitlines()]


class Harness:
    """A supervisor with two workers that serve, on a clock that the test moves."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log = folder / "error.log"
        self.started: list[Started] = []
        self.now = 1_000.0
        clock = SimpleNamespace(monotonic=lambda: self.now)
        monkeypatch.setattr(timers_module, "time", clock)
        monkeypatch.setattr(supervisor_module, "time", clock)
        monkeypatch.setattr(supervisor_module, "start_worker", self._start_worker)
        site = SiteConfig(root=str(folder))
        config = Config(port=0, no_tls=True, workers=2, error_log=str(self.log), site=site)
        self.supervisor = Supervisor(
            config, [], reload=lambda: config, announce=lambda: None, notifier=Notifier()
        )
        for slot in range(2):
            self.supervisor._start(self.supervisor._current, slot)
        self.ready(self.started)

    def _start_worker(self, _config: Config, *, slot: int, now: float, **_others: Any) -> Worker:
        # The other arguments are what a real process would be started with.
        self.started.append(Started(slot, 1000 + len(self.started), now))
        return self.started[-1].worker

    def ready(self, workers: list[Started]) -> None:
        """They have started, and begin to accept when they are told to."""
        for one in workers:
            one.say(Message.PREPARED)
        self.turn()
        for one in workers:
            if "accept" in one.heard():
                one.say(Message.READY, warnings=[])
        self.turn()

    def leave(self, workers: list[Started]) -> None:
        """They have stopped accepting."""
        for one in workers:
            one.say(Message.LEFT)
        self.turn()

    def turn(self) -> None:
        """One turn of the supervisor's loop, which does not wait."""
        for key, _ in self.supervisor._selector.select(0):
            key.data()
        self.supervisor._timers.run()

    def reloads(self) -> int:
        """How many were reported as done."""
        return self.log.read_text().count("[reload] reloaded")

    def failures(self) -> int:
        """How many were reported as failed."""
        return self.log.read_text().count("[reload] reload failed")

    def hand_over(self) -> tuple[list[Started], list[Started]]:
        """Reload until the new workers serve; the old and the new ones."""
        count = len(self.started)
        old = self.started[count - 2 :]
        self.supervisor.reload()
        new = self.started[count:]
        self.ready(new)
        assert [one.heard()[-1] for one in old] == ["stop", "stop"]
        return old, new

    def close(self) -> None:
        self.supervisor._selector.close()
        self.supervisor.log.close()
        for one in self.started:
            one.line.close()
            one.worker.line.close()


@pytest.fixture
def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Harness]:
    started = Harness(tmp_path, monkeypatch)
    yield started
    started.close()


def test_every_old_worker_has_stopped_accepting(harness: Harness) -> None:
    """Before, a client that came after the report might be answered as of the old configuration."""
    (first, second), _ = harness.hand_over()
    assert harness.reloads() == 0
    harness.leave([second])
    assert harness.reloads() == 0
    harness.leave([first])
    assert harness.reloads() == 1


def test_a_dead_worker_does_not_accept(harness: Harness) -> None:
    (first, second), _ = harness.hand_over()
    harness.leave([first])
    second.die(-9)
    harness.turn()
    assert harness.reloads() == 1


def test_nobody_was_left(harness: Harness) -> None:
    """All workers have died, and wait for their successors when the reload is asked for."""
    for _ in range(2):
        # The first time they are replaced immediately.
        for one in harness.started:
            one.die(-9)
        harness.turn()
    count = len(harness.started)
    harness.supervisor.reload()
    harness.ready(harness.started[count:])
    harness.turn()
    assert harness.reloads() == 1


def test_a_worker_that_cannot_be_reached_is_not_waited_for(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover_module, "DEADLINE", 0.0)
    old, _ = harness.hand_over()
    harness.turn()
    assert harness.reloads() == 1
    harness.leave(old)
    assert harness.reloads() == 1


def test_a_reload_that_is_asked_for_meanwhile_follows(harness: Harness) -> None:
    old, new = harness.hand_over()
    harness.supervisor.reload()
    assert harness.started[-2:] == new
    harness.leave(old)
    assert (harness.reloads(), harness.started[-2:] == new) == (1, False)
    harness.ready(harness.started[-2:])
    harness.leave(new)
    assert harness.reloads() == 2


def test_workers_that_drain_since_an_earlier_reload_are_not_waited_for(harness: Harness) -> None:
    """They have left long ago, and may finish streams for as long as the grace period."""
    old, new = harness.hand_over()
    harness.leave(old)
    harness.hand_over()
    harness.leave(new)
    assert harness.reloads() == 2


def test_a_failed_reload(harness: Harness) -> None:
    """No client meets its configuration: workers accept when all of them have started."""
    harness.supervisor.reload()
    first, second = harness.started[2:]
    harness.ready([first])
    assert first.worker.state is WorkerState.PREPARED
    second.say(Message.FAILED, reason="no such file", details=[], application=False, refused=False)
    second.die(1)
    harness.turn()
    assert first.heard() == ["stop"]
    assert (harness.failures(), harness.reloads()) == (1, 0)
    assert "no such file" in harness.log.read_text()


def test_a_worker_that_dies_when_it_is_to_accept(harness: Harness) -> None:
    harness.supervisor.reload()
    first, second = harness.started[2:]
    first.say(Message.PREPARED)
    second.say(Message.PREPARED)
    harness.turn()
    assert first.heard() == second.heard() == ["accept"]
    second.die(1)
    harness.turn()
    assert first.heard()[-1] == "stop"
    assert harness.failures() == 0
    harness.leave([first])
    assert (harness.failures(), harness.reloads()) == (1, 0)


def test_an_old_worker_that_has_not_started_yet_never_accepts(harness: Harness) -> None:
    """A worker of the old configuration has died, and its successor starts during the reload."""
    harness.started[0].die(-9)
    harness.turn()
    successor = harness.started[-1]
    harness.hand_over()
    harness.leave([harness.started[1]])
    assert harness.reloads() == 1
    successor.say(Message.PREPARED)
    harness.turn()
    assert successor.heard() == []


def too_large(harness: Harness) -> Started:
    """A worker of the first slot that waits for its replacement; it has just been replaced."""
    harness.started[0].say(Message.TOO_LARGE, octets=1)
    harness.turn()
    successor = harness.started[-1]
    harness.ready([successor])
    harness.started[0].die(0)
    successor.say(Message.TOO_LARGE, octets=2)
    harness.turn()
    assert harness.started[-1] is successor
    return successor


def test_a_worker_that_was_to_be_replaced_is_dropped_by_a_reload(harness: Harness) -> None:
    successor = too_large(harness)
    old = [successor, harness.started[1]]
    count = len(harness.started)
    harness.supervisor.reload()
    new = harness.started[count:]
    harness.ready(new)
    for one in old:
        one.die(0)
    harness.turn()
    assert harness.reloads() == 1
    harness.now += 60
    harness.turn()
    # A death makes the supervisor look at all workers.
    new[0].die(-9)
    harness.turn()
    assert harness.log.read_text().count("replacing it") == 1


def test_a_worker_is_replaced_after_a_reload_that_failed(harness: Harness) -> None:
    too_large(harness)
    harness.now += 50
    harness.supervisor.reload()
    harness.now += 10
    harness.turn()
    assert harness.log.read_text().count("replacing it") == 1
    harness.started[-1].die(1)
    harness.now += 1
    harness.turn()
    assert harness.failures() == 1
    assert harness.log.read_text().count("replacing it") == 2


def test_nothing_is_reported_by_a_server_that_stops(harness: Harness) -> None:
    """It says "stopping" to systemd, and must not say "ready" after that."""
    old, _ = harness.hand_over()
    harness.supervisor.stop()
    harness.leave(old)
    assert harness.reloads() == 0
