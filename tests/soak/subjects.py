"""Servers that are watched, killed and reloaded.

Promise: a :class:`Subject` knows the processes of its server and what each of them holds; before it
kills a worker it stops it and writes down which clients it has.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.soak.ledger import Ledger
from tests.soak.visitors import Target
from tests.support.processes import RunningServer

WORKERS: Final = 2
#: Seconds for anything that a server is asked to do: old workers have 30 to finish.
PATIENCE: Final = 90.0


@dataclass(slots=True, kw_only=True, frozen=True)
class Sample:
    """What a process holds at a moment."""

    server: str
    role: str
    pid: int
    #: Monotonic seconds.
    when: float
    descriptors: int
    #: The proportional set, in octets: memory, what is shared divided by who shares it.
    memory: int


@dataclass(slots=True, kw_only=True)
class Subject:
    """A server under traffic."""

    name: str
    server: RunningServer
    target: Target
    error_log: Path
    access_log: Path
    ledger: Ledger

    def samples(self) -> list[Sample]:
        """The processes of now; those that end meanwhile are left out."""
        roles = [("supervisor", self.server.pid)]
        roles += [("worker", pid) for pid in self.server.workers()]
        found = []
        for role, pid in roles:
            with suppress(OSError):
                found.append(
                    Sample(
                        server=self.name,
                        role=role,
                        pid=pid,
                        when=time.monotonic(),
                        descriptors=len(os.listdir(f"/proc/{pid}/fd")),
                        memory=_proportional_set(pid),
                    )
                )
        return found

    # ------------------------------------------------------------------ what is done to it

    def reload(self) -> None:
        """New workers; returns when they serve."""
        size = self.error_log.stat().st_size
        self.server.signal(signal.SIGHUP)
        self._until(lambda: b"[reload] reloaded" in self._news(size), "a reload")

    def rotate(self) -> None:
        """A new access log; the old one is removed."""
        old = self.access_log.with_suffix(".old")
        os.replace(self.access_log, old)
        self.server.signal(signal.SIGUSR1)
        self._until(self.access_log.exists, "a new access log")
        old.unlink()

    def kill_a_worker(self) -> None:
        """SIGKILL, once all are known to serve; returns when the next one serves."""
        self.settle()
        before = self.server.workers()
        victim = before[0]
        os.kill(victim, signal.SIGSTOP)
        self._until(lambda: _state(victim) == "T", "a worker to stop")
        self.ledger.kill(self.target.port, frozenset(_clients(victim, self.target.port)))
        os.kill(victim, signal.SIGKILL)
        self._until(lambda: victim not in self.server.workers(), "the worker to be gone")
        self.settle()

    def settle(self) -> None:
        """Return when there are as many workers as there should be, and all answer."""
        self._until(
            lambda: (
                len(self.server.workers()) == WORKERS
                and len(told := self._counters()) == WORKERS
                and None not in told
            ),
            "the workers",
        )

    def wait_for_rest(self) -> None:
        """Return when nobody is connected."""
        self.settle()
        self._until(
            lambda: all(one is not None and not one["connections"] for one in self._counters()),
            "the connections to be gone",
        )

    def _counters(self) -> list[dict[str, int] | None]:
        """What each worker tells; nothing of those that are busy, or begin, or end."""
        size = self.error_log.stat().st_size
        self.server.signal(signal.SIGUSR2)
        line: list[bytes] = []

        def told() -> bool:
            news = self._news(size).splitlines(keepends=True)
            line[:] = [one for one in news if one.startswith(b'{"pid"') and one.endswith(b"\n")]
            return bool(line)

        self._until(told, "the counters")
        return [worker["counters"] for worker in json.loads(line[0])["workers"]]

    def _news(self, since: int) -> bytes:
        with self.error_log.open("rb") as file:
            file.seek(since)
            return file.read()

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            assert time.monotonic() < end, f"{self.name}: waited {PATIENCE:g} s for {what}"
            time.sleep(0.05)


def _proportional_set(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("the system does not tell")


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def _clients(pid: int, port: int) -> Iterator[int]:
    """The ports of those who are connected to a process that listens at ``port``."""
    sockets = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        with suppress(FileNotFoundError):
            sockets.add(os.readlink(f"/proc/{pid}/fd/{name}"))
    for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        local, remote, inode = fields[1], fields[2], fields[9]
        if int(local.rpartition(":")[2], 16) == port and f"socket:[{inode}]" in sockets:
            yield int(remote.rpartition(":")[2], 16)


def is_possible() -> bool:
    """Whether this system tells what is asked for here."""
    return Path("/proc/self/smaps_rollup").exists() and hasattr(socket, "SO_REUSEPORT")
