"""When a reload is reported: once no worker accepts with the configuration that was dropped.

The supervisor is the real one; its workers are ends of socket pairs.
"""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

import h2static.process.handover as handover_module
import h2static.process.supervisor as supervisor_module
from h2static.config import Config
from h2static.process.control_channel import Message, encode
from h2static.process.supervisor import Supervisor
from h2static.process.systemd import Notifier
from h2static.process.workers import Worker
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

    def heard(self) -> list[str]:
        """The types of the messages to it."""
        try:
            octets = self.line.recv(65536)
        except BlockingIOError:
            return []
        return [json.loads(line)["type"] for line in octets.splitlines()]


class Harness:
    """A supervisor with two workers that serve."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.log = folder / "error.log"
        self.started: list[Started] = []
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
        for one in workers:
            one.say(Message.READY, warnings=[])
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
    second.say(Message.LEFT)
    harness.turn()
    assert harness.reloads() == 0
    first.say(Message.LEFT)
    harness.turn()
    assert harness.reloads() == 1


def test_a_dead_worker_does_not_accept(harness: Harness) -> None:
    (first, second), _ = harness.hand_over()
    first.say(Message.LEFT)
    harness.turn()
    second.process.returncode = -9
    second.line.close()
    harness.turn()
    assert harness.reloads() == 1


def test_nobody_was_left(harness: Harness) -> None:
    """All workers have died, and wait for their successors when the reload is asked for."""
    for _ in range(2):
        # The first time they are replaced immediately.
        for one in harness.started:
            one.process.returncode = -9
            one.line.close()
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
    for one in old:
        one.say(Message.LEFT)
    harness.turn()
    assert harness.reloads() == 1


def test_a_reload_that_is_asked_for_meanwhile_follows(harness: Harness) -> None:
    old, new = harness.hand_over()
    harness.supervisor.reload()
    assert harness.started[-2:] == new
    for one in old:
        one.say(Message.LEFT)
    harness.turn()
    assert (harness.reloads(), harness.started[-2:] == new) == (1, False)
    harness.ready(harness.started[-2:])
    for one in new:
        one.say(Message.LEFT)
    harness.turn()
    assert harness.reloads() == 2


def test_workers_that_drain_since_an_earlier_reload_are_not_waited_for(harness: Harness) -> None:
    """They have left long ago, and may finish streams for as long as the grace period."""
    old, new = harness.hand_over()
    for one in old:
        one.say(Message.LEFT)
    harness.turn()
    harness.hand_over()
    for one in new:
        one.say(Message.LEFT)
    harness.turn()
    assert harness.reloads() == 2


def test_a_failed_reload(harness: Harness) -> None:
    """One of the new workers accepts already when the other one fails."""
    harness.supervisor.reload()
    first, second = harness.started[2:]
    harness.ready([first])
    second.say(Message.FAILED, reason="no such file", details=[], application=False, refused=False)
    second.process.returncode = 1
    second.line.close()
    harness.turn()
    assert first.heard()[-1] == "stop"
    assert harness.failures() == 0
    first.say(Message.LEFT)
    harness.turn()
    assert (harness.failures(), harness.reloads()) == (1, 0)
    assert "no such file" in harness.log.read_text()


def test_a_failed_reload_whose_workers_never_accepted_is_reported_immediately(
    harness: Harness,
) -> None:
    harness.supervisor.reload()
    harness.started[2].process.returncode = 1
    harness.started[2].line.close()
    harness.turn()
    assert harness.failures() == 1


def test_nothing_is_reported_by_a_server_that_stops(harness: Harness) -> None:
    """It says "stopping" to systemd, and must not say "ready" after that."""
    old, _ = harness.hand_over()
    harness.supervisor.stop()
    for one in old:
        one.say(Message.LEFT)
    harness.turn()
    assert harness.reloads() == 0
