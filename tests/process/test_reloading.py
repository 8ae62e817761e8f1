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


class House:
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
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[House]:
    started = House(tmp_path, monkeypatch)
    yield started
    started.close()


def test_every_old_worker_has_stopped_accepting(house: House) -> None:
    """Before, a client that came after the report might be answered as of the old configuration."""
    (first, second), _ = house.hand_over()
    assert house.reloads() == 0
    second.say(Message.LEFT)
    house.turn()
    assert house.reloads() == 0
    first.say(Message.LEFT)
    house.turn()
    assert house.reloads() == 1


def test_a_dead_worker_does_not_accept(house: House) -> None:
    (first, second), _ = house.hand_over()
    first.say(Message.LEFT)
    house.turn()
    second.process.returncode = -9
    second.line.close()
    house.turn()
    assert house.reloads() == 1


def test_nobody_was_left(house: House) -> None:
    """All workers have died, and wait for their successors when the reload is asked for."""
    for _ in range(2):
        # The first time they are replaced immediately.
        for one in house.started:
            one.process.returncode = -9
            one.line.close()
        house.turn()
    count = len(house.started)
    house.supervisor.reload()
    house.ready(house.started[count:])
    house.turn()
    assert house.reloads() == 1


def test_a_worker_that_cannot_be_reached_is_not_waited_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handover_module, "DEADLINE", 0.0)
    old, _ = house.hand_over()
    house.turn()
    assert house.reloads() == 1
    for one in old:
        one.say(Message.LEFT)
    house.turn()
    assert house.reloads() == 1


def test_a_reload_that_is_asked_for_meanwhile_follows(house: House) -> None:
    old, new = house.hand_over()
    house.supervisor.reload()
    assert house.started[-2:] == new
    for one in old:
        one.say(Message.LEFT)
    house.turn()
    assert (house.reloads(), house.started[-2:] == new) == (1, False)
    house.ready(house.started[-2:])
    for one in new:
        one.say(Message.LEFT)
    house.turn()
    assert house.reloads() == 2


def test_workers_that_drain_since_an_earlier_reload_are_not_waited_for(house: House) -> None:
    """They have left long ago, and may finish streams for as long as the grace period."""
    old, new = house.hand_over()
    for one in old:
        one.say(Message.LEFT)
    house.turn()
    house.hand_over()
    for one in new:
        one.say(Message.LEFT)
    house.turn()
    assert house.reloads() == 2


def test_a_failed_reload(house: House) -> None:
    """One of the new workers accepts already when the other one fails."""
    house.supervisor.reload()
    first, second = house.started[2:]
    house.ready([first])
    second.say(Message.FAILED, reason="no such file", details=[], application=False, refused=False)
    second.process.returncode = 1
    second.line.close()
    house.turn()
    assert first.heard()[-1] == "stop"
    assert house.failures() == 0
    first.say(Message.LEFT)
    house.turn()
    assert (house.failures(), house.reloads()) == (1, 0)
    assert "no such file" in house.log.read_text()


def test_a_failed_reload_whose_workers_never_accepted_is_reported_immediately(
    house: House,
) -> None:
    house.supervisor.reload()
    house.started[2].process.returncode = 1
    house.started[2].line.close()
    house.turn()
    assert house.failures() == 1


def test_nothing_is_reported_by_a_server_that_stops(house: House) -> None:
    """It says "stopping" to systemd, and must not say "ready" after that."""
    old, _ = house.hand_over()
    house.supervisor.stop()
    for one in old:
        one.say(Message.LEFT)
    house.turn()
    assert house.reloads() == 0
