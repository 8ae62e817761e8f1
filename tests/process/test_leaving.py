"""A worker accepts between two messages: not before it is told to, nor after it says that it left.

The worker is a real process; the test is its supervisor.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from h2static.config import Config
from h2static.process.control_channel import Message
from h2static.process.workers import Worker, start_worker
from h2static.site.config import SiteConfig
from tests.support.processes import DEADLINE

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

GET = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


class Started:
    """A worker process with a socket that it shares with the test."""

    def __init__(self, folder: Path) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.worker = start_worker(
            Config(port=0, no_tls=True, site=SiteConfig(root=str(folder))),
            slot=0,
            sockets=[self.listener],
            places=(0,),
            now=time.monotonic(),
        )
        self.worker.line.setblocking(True)
        self.worker.line.settimeout(DEADLINE)
        self._heard: list[str] = []

    def wait_for(self, wanted: Message) -> None:
        """Read messages until one is ``wanted``."""
        while wanted not in self._heard:
            octets = self.worker.line.recv(1, socket.MSG_PEEK)
            assert octets, f"the worker has ended without {wanted}"
            self.worker.line.setblocking(False)
            self._heard += [str(one["type"]) for one in self.worker.reader.read(self.worker.line)]
            self.worker.line.settimeout(DEADLINE)

    def listens(self) -> bool:
        """Whether the worker has the listening socket open."""
        inode = os.fstat(self.listener.fileno()).st_ino
        folder = Path(f"/proc/{self.worker.process.pid}/fd")
        links = []
        for one in folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                links.append(os.readlink(one))
        return f"socket:[{inode}]" in links

    def connect(self) -> socket.socket:
        client = socket.create_connection(self.listener.getsockname(), timeout=DEADLINE)
        client.sendall(GET)
        return client

    def stop(self, grace: float) -> None:
        self.worker.stop(delay=0.0, grace=grace, succeeded=True)


@pytest.fixture
def started(site: Path) -> Iterator[Started]:
    (site / "index.html").write_bytes(b"x" * 30_000_000)
    one = Started(site)
    yield one
    worker: Worker = one.worker
    worker.process.kill()
    worker.process.wait()
    worker.line.close()
    one.listener.close()


def test_it_begins_when_it_is_told_to(started: Started) -> None:
    started.wait_for(Message.PREPARED)
    with started.connect() as client:
        started.worker.tell(Message.ACCEPT)
        started.wait_for(Message.READY)
        assert client.recv(15) == b"HTTP/1.1 200 OK"


def test_it_never_begins_if_it_is_told_to_stop_before(started: Started) -> None:
    started.wait_for(Message.PREPARED)
    with started.connect() as client:
        started.stop(grace=DEADLINE)
        started.wait_for(Message.LEFT)
        assert started.worker.process.wait(DEADLINE) == 0
        # Its successor finds the connection.
        accepted, address = started.listener.accept()
        with accepted:
            assert address == client.getsockname()


def test_it_has_left_when_it_says_so(started: Started) -> None:
    started.wait_for(Message.PREPARED)
    started.worker.tell(Message.ACCEPT)
    started.wait_for(Message.READY)
    assert started.listens()
    with started.connect() as client:
        # Not more: the rest holds the worker up.
        assert client.recv(15) == b"HTTP/1.1 200 OK"
        started.stop(grace=DEADLINE)
        started.wait_for(Message.LEFT)
        assert not started.listens()
        assert started.worker.process.poll() is None
