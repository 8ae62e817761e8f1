"""The line between supervisor and worker."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest

from h2static.config import Config
from h2static.process.control_channel import (
    Assignment,
    LineReader,
    Message,
    encode,
    receive_assignment,
    send_assignment,
)
from h2static.process.launching import SUPERVISORS_SIGNALS, launch
from h2static.site.config import SiteConfig
from tests.support.processes import DEADLINE


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize("count", [0, 1, 450])
def test_an_assignment_arrives_with_its_sockets(
    ends: tuple[socket.socket, socket.socket], count: int
) -> None:
    config = Config(port=1, site=SiteConfig(root="/"), trailers=((b"a", b"b"),))
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        send_assignment(ends[0], Assignment(config=config, slot=3), [server] * count)
        ends[0].sendall(encode(Message.REOPEN))
        assignment, sockets = receive_assignment(ends[1])
        for one in sockets:
            stack.enter_context(one)
        assert (assignment.config, assignment.slot) == (config, 3)
        assert [one.getsockname() for one in sockets] == [server.getsockname()] * count
    ends[1].setblocking(False)
    assert LineReader().read(ends[1]) == [{"type": "reopen"}]


def test_a_supervisor_that_dies_first(ends: tuple[socket.socket, socket.socket]) -> None:
    ends[0].sendall(b"\0\0")
    ends[0].close()
    with pytest.raises(EOFError):
        receive_assignment(ends[1])


def test_messages_arrive_octet_by_octet(ends: tuple[socket.socket, socket.socket]) -> None:
    ends[1].setblocking(False)
    reader = LineReader()
    messages = []
    for octet in encode(Message.STOP, delay=1.5, grace=2) + encode(Message.FORCE):
        ends[0].sendall(bytes([octet]))
        messages.extend(reader.read(ends[1]))
    assert messages == [{"type": "stop", "delay": 1.5, "grace": 2}, {"type": "force"}]
    assert not reader.ended
    ends[0].close()
    assert reader.read(ends[1]) == []
    assert reader.ended


def test_a_worker_without_an_assignment_ends_silently(capfd: pytest.CaptureFixture[str]) -> None:
    launched = launch()
    launched.line.close()
    assert launched.process.wait(DEADLINE) == 0
    assert capfd.readouterr() == ("", "")


def test_signals_for_the_supervisor_never_end_a_worker(capfd: pytest.CaptureFixture[str]) -> None:
    launched = launch()
    for number in SUPERVISORS_SIGNALS:
        # Long before it has loaded a module.
        launched.process.send_signal(number)
    launched.line.close()
    assert launched.process.wait(DEADLINE) == 0
    assert capfd.readouterr() == ("", "")


def test_a_worker_that_is_not_needed_is_ended() -> None:
    launched = launch(silent=True)
    launched.discard()
    assert launched.process.returncode is not None
