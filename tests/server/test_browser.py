"""The browser that ``--open`` opens: at which address, and by which worker."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from h2static.assembly import page_of
from h2static.config import Config
from h2static.host_config import HostConfig, ListenConfig
from h2static.process import supervisor as supervisor_module
from h2static.process.control_channel import DatagramAssignment, Message, encode
from h2static.process.launching import Launched
from h2static.process.supervisor import Supervisor
from h2static.process.systemd import Notifier
from h2static.process.workers import Worker
from h2static.site.config import SiteConfig
from h2static.virtual_hosts import opened_host


def opening(folder: Path) -> Config:
    return Config(port=0, no_tls=True, open=True, site=SiteConfig(root=str(folder)))


class Bound(socket.socket):
    """A socket that says it is bound to ``place``."""

    place: tuple[str, int]

    def getsockname(self) -> tuple[str, int]:
        return self.place


@pytest.mark.parametrize(
    ("hosts", "page"),
    [
        (["127.0.0.1", "::1"], "http://localhost:8000/"),
        (["0.0.0.0", "::"], "http://localhost:8000/"),
        (["192.168.1.5"], "http://192.168.1.5:8000/"),
        (["192.168.1.5", "127.0.0.1"], "http://localhost:8001/"),
        (["fd00::5"], "http://[fd00::5]:8000/"),
        ([], None),
    ],
)
def test_the_page_is_where_the_server_listens(hosts: Sequence[str], page: str | None) -> None:
    sockets = []
    for number, host in enumerate(hosts):
        bound = Bound(socket.AF_INET6 if ":" in host else socket.AF_INET)
        bound.place = (host, 8000 + number)
        sockets.append(bound)
    try:
        assert page_of("http", sockets) == page
    finally:
        for bound in sockets:
            bound.close()


HOST = HostConfig(names=("*.a.test", "a.test"))
OTHER = HostConfig(names=("b.test",))


@pytest.mark.parametrize(
    ("config", "opened", "name"),
    [
        (Config(port=0, site=SiteConfig(root="/"), hosts=(HOST,)), None, None),
        (Config(port=0, hosts=(HOST, replace(OTHER, default=True))), 1, None),
        (Config(port=0, hosts=(HOST, OTHER)), 0, "a.test"),
        (Config(port=0, hosts=(HostConfig(names=("*.c.test",)), OTHER)), 1, "b.test"),
        (
            Config(port=1, hosts=(HOST, OTHER), listens=(ListenConfig(port=1, hosts=("b.test",)),)),
            1,
            "b.test",
        ),
    ],
    ids=["main", "default", "first", "no wildcard", "first port"],
)
def test_of_several_hosts_one_is_opened_that_answers(
    config: Config, opened: int | None, name: str | None
) -> None:
    """Nobody has the name localhost where each host has a name and none is the default."""
    assert opened_host(config) == (None if opened is None else config.hosts[opened], name)
    with Bound(socket.AF_INET) as bound:
        bound.place = ("127.0.0.1", 8000)
        assert page_of("http", [bound], name) == f"http://{name or 'localhost'}:8000/"


def test_a_unix_domain_socket_has_no_page() -> None:
    with socket.socket(socket.AF_UNIX) as one:
        assert page_of("http", [one]) is None


def test_the_successor_of_a_worker_does_not_open_it_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Worker] = []
    said: list[bool] = []
    lines: list[socket.socket] = []
    nobody: Any = None  # no process: nothing is asked of it

    def start_worker(
        config: Config,
        *,
        slot: int,
        sockets: Sequence[socket.socket],
        places: tuple[int, ...],
        now: float,
        launched: Launched | None = None,
        failure: str = "",
        datagrams: DatagramAssignment | None = None,
        predecessors: Sequence[socket.socket] = (),
    ) -> Worker:
        said.append(config.open)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        lines.extend((ours, theirs))
        theirs.sendall(encode(Message.PREPARED) + encode(Message.READY, warnings=[]))
        worker = Worker(slot=slot, process=nobody, line=ours, started=now)
        started.append(worker)
        return worker

    monkeypatch.setattr(supervisor_module, "start_worker", start_worker)
    config = opening(tmp_path)
    supervisor = Supervisor(
        config, [], reload=lambda: config, announce=lambda: None, notifier=Notifier()
    )
    try:
        generation = supervisor._current
        for _ in range(2):
            supervisor._start(generation, 0)
            supervisor._listen(generation, started[-1])
        assert said == [True, False]
    finally:
        supervisor._selector.close()
        supervisor.log.close()
        for line in lines:
            line.close()
