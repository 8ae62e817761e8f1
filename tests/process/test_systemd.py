"""systemd's protocols."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from h2static.process.systemd import Notifier, take_sockets


@pytest.mark.parametrize(
    ("pid", "count", "descriptors"),
    [
        ("own", "2", [3, 4]),
        ("own", "0", []),
        ("1", "2", []),
        ("own", "x", []),
        ("own", "9999999", []),
    ],
)
def test_sockets(
    monkeypatch: pytest.MonkeyPatch, pid: str, count: str, descriptors: list[int]
) -> None:
    pid = str(os.getpid()) if pid == "own" else pid
    monkeypatch.setenv("LISTEN_PID", pid)
    monkeypatch.setenv("LISTEN_FDS", count)
    monkeypatch.setenv("LISTEN_FDNAMES", "a:b")
    assert take_sockets() == descriptors
    assert not {"LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} & os.environ.keys()
    assert take_sockets() == []


@pytest.mark.parametrize("abstract", [False, True])
def test_states(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, abstract: bool) -> None:
    name = f"h2static-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name if abstract else name)
        manager.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name if abstract else name)
        notifier = Notifier()
        assert "NOTIFY_SOCKET" not in os.environ
        notifier.ready("serving")
        assert manager.recv(1000) == b"READY=1\nSTATUS=serving"
        notifier.reloading()
        assert manager.recv(1000).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
        notifier.stopping()
        assert manager.recv(1000) == b"STOPPING=1"


def test_without_a_manager_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    Notifier().ready("serving")
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere/at/all")
    Notifier().ready("serving")


def test_a_manager_that_does_not_read_holds_nothing_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        notifier = Notifier()
        # Its queue is full before that.
        for _ in range(10_000):
            notifier.ready("serving")
        assert manager.recv(100) == b"READY=1\nSTATUS=serving"
