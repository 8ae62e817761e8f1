"""The supervisor's question to its workers for counters, on a clock that the test moves."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from h2static.config import Config
from h2static.process import supervisor as supervisor_module
from h2static.process.supervisor import Supervisor
from h2static.process.systemd import Notifier
from h2static.process.workers import Worker
from h2static.site.config import SiteConfig


class Asking:
    """A supervisor over one worker that answers when the test says so."""

    def __init__(self, folder: Path, line: socket.socket) -> None:
        self.now = 1_000.0
        self.log = folder / "log"
        config = Config(
            port=0, no_tls=True, site=SiteConfig(root=str(folder)), error_log=str(self.log)
        )
        self.supervisor = Supervisor(
            config, [], reload=lambda: config, announce=lambda: None, notifier=Notifier()
        )
        process: Any = SimpleNamespace(pid=4711)  # no process: nothing but its number is asked for
        self.worker = Worker(slot=0, process=process, line=line, started=self.now)
        self.supervisor._current.workers[0] = self.worker

    def ask(self) -> None:
        self.supervisor._on_signal(signal.SIGUSR2)

    def answer(self, counters: dict[str, int]) -> None:
        self.supervisor._counting.take(self.worker, counters)

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self.supervisor._run_timers()

    def told(self) -> list[object]:
        """The worker's counters in each line of the log."""
        lines = self.log.read_text().splitlines()
        return [json.loads(line)["workers"][0]["counters"] for line in lines]


@pytest.fixture
def asking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Asking]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        asking = Asking(tmp_path, ours)
        clock = SimpleNamespace(monotonic=lambda: asking.now)
        monkeypatch.setattr(supervisor_module, "time", clock)
        yield asking
        asking.supervisor._selector.close()
        asking.supervisor.log.close()


def test_the_deadline_of_one_question_does_not_cut_the_next_one_short(asking: Asking) -> None:
    asking.ask()
    asking.answer({"requests": 1})
    asking.wait(0.9)
    asking.ask()
    asking.wait(0.2)
    assert asking.told() == [{"requests": 1}]
    asking.answer({"requests": 2})
    assert asking.told() == [{"requests": 1}, {"requests": 2}]


def test_a_worker_that_does_not_answer_shows_as_null(asking: Asking) -> None:
    asking.ask()
    asking.wait(0.9)
    # Asked again before that, which changes nothing.
    asking.ask()
    asking.wait(0.2)
    assert asking.told() == [None]
    asking.wait(10)
    assert asking.told() == [None]
