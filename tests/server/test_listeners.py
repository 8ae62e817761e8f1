"""Listening sockets."""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from h2static.config import Config
from h2static.errors import StartError
from h2static.server.listeners import (
    Listener,
    adopt_listeners,
    begin_listening,
    open_listeners,
)
from h2static.site.config import SiteConfig
from tests.support.processes import wait_until

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="sockets of a port spread here")


def config(*addresses: str, port: int = 0) -> Config:
    return Config(port=port, addresses=addresses, site=SiteConfig(root="/"), no_tls=True)


@contextlib.contextmanager
def opened(*addresses: str, port: int = 0, slots: int = 1):  # type: ignore[no-untyped-def]
    listeners = open_listeners(config(*addresses, port=port), slots)
    try:
        yield listeners
    finally:
        for listener in listeners:
            listener.close()


def port_of(listener: Listener) -> int:
    assert listener.port is not None
    return listener.port


def test_every_interface_by_default_at_one_port() -> None:
    with opened() as listeners:
        assert [one.host for one in listeners] == ["0.0.0.0", "::"]
        assert len({one.port for one in listeners}) == 1
        port = port_of(listeners[0])
        assert listeners[0].describe() == f"IPv4: listen 0.0.0.0:{port}"
        assert listeners[1].describe() == f"IPv6: listen :::{port}"
        assert listeners[0].url("http") == f"http://127.0.0.1:{port}/"
        assert listeners[1].url("https") == f"https://[::1]:{port}/"
        for host in ("127.0.0.1", "::1"):
            socket.create_connection((host, port)).close()


def test_a_name_is_every_address_it_has() -> None:
    with opened("localhost") as listeners:
        assert {one.host for one in listeners} <= {"127.0.0.1", "::1"}
        assert listeners


def test_the_same_address_twice_is_one() -> None:
    with opened("127.0.0.1", "127.0.0.1") as listeners:
        assert len(listeners) == 1


@linux_only
def test_a_socket_for_each_slot_and_connections_spread() -> None:
    with opened("127.0.0.1", slots=2) as listeners, contextlib.ExitStack() as stack:
        (listener,) = listeners
        first, second = (listener.for_slot(slot, 2)[0] for slot in (0, 1))
        assert first is not second
        for _ in range(64):
            stack.enter_context(socket.create_connection(("127.0.0.1", port_of(listener))))
        accepted = [0, 0]

        def accept() -> bool:
            accepted[0] += accept_all(first)
            accepted[1] += accept_all(second)
            return sum(accepted) == 64

        # A connect may return before the other end is there to be accepted.
        wait_until(accept, "all connections")


def accept_all(sock: socket.socket) -> int:
    count = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            sock.accept()[0].close()
            count += 1
    return count


@linux_only
def test_more_and_fewer_slots_leave_no_socket_without_a_worker() -> None:
    with opened("127.0.0.1", slots=2) as listeners:
        (listener,) = listeners
        listener.extend(5)
        assert len(listener.sockets) == 5
        for slots in (1, 2, 3, 5):
            given = [one for slot in range(slots) for one in listener.for_slot(slot, slots)]
            assert sorted(one.fileno() for one in given) == sorted(
                one.fileno() for one in listener.sockets
            )
        listener.extend(2)
        assert len(listener.sockets) == 5


@pytest.mark.parametrize("slots", [1, 2])
def test_a_port_that_another_one_of_us_has_is_an_error(slots: int) -> None:
    with opened("127.0.0.1", slots=2) as listeners:
        port = port_of(listeners[0])
        with pytest.raises(StartError) as caught:
            open_listeners(config("127.0.0.1", port=port), slots)
        text = str(caught.value)
        assert text.startswith(f"cannot listen on 127.0.0.1:{port}: Address already in use; ")
        suggested = int(text.removesuffix(" is free").rpartition(" ")[2])
        assert port < suggested <= port + 20
        with pytest.raises(StartError, match="Address already in use"):
            open_listeners(config(port=port), slots)


def test_two_addresses_that_cannot_have_one_port() -> None:
    with pytest.raises(StartError, match=r"^cannot listen on 127\.0\.0\.1:\d+: Address already"):
        open_listeners(config("0.0.0.0", "127.0.0.1"), 1)


def test_all_or_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(StartError, match=f"cannot listen on 127.0.0.1:{port}"):
            open_listeners(config("::1", "127.0.0.1", port=port), 1)
        # The first address is free again.
        with opened("::1", port=port):
            pass


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("nowhere.invalid", "cannot listen on nowhere.invalid: "),
        ("192.0.2.1", "cannot listen on 192.0.2.1:0: Cannot assign requested address"),
        ("a" * 70, "cannot listen on a"),
        ("unix:/nowhere/at/all", "cannot listen on unix:/nowhere/at/all: No such file"),
        ("unix:" + "/x" * 100, "cannot listen on unix:/x"),
    ],
)
def test_addresses_that_are_not_ours(address: str, message: str) -> None:
    with pytest.raises(StartError) as caught:
        open_listeners(config(address), 1)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_unix_domain_socket(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with opened(f"unix:{path}", slots=3) as listeners:
        (listener,) = listeners
        assert listener.for_slot(2, 3) == listener.sockets
        assert listener.describe() == f"Unix: listen {path}"
        with pytest.raises(StartError, match="Address already in use"):
            open_listeners(config(f"unix:{path}"), 1)
    assert not path.exists()


def test_closing_twice_removes_no_other_servers_name(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with opened(f"unix:{path}") as (ended,):
        ended.close()
        with opened(f"unix:{path}"):
            ended.close()
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(path))


@linux_only
def test_sockets_of_new_slots_get_connections_once_a_worker_is_there() -> None:
    with opened("127.0.0.1", slots=1) as (listener,), contextlib.ExitStack() as stack:
        listener.extend(4)
        for _ in range(16):
            stack.enter_context(socket.create_connection(("127.0.0.1", port_of(listener)), 10))
        first = listener.sockets[0]
        accepted = [0]

        def accept() -> bool:
            accepted[0] += accept_all(first)
            return accepted[0] == 16

        wait_until(accept, "all connections")
        begin_listening(listener.sockets[3])
        listener.revert()
        assert listener.sockets == [first]
        listener.extend(2)
        listener.settle()
        listener.revert()
        assert len(listener.sockets) == 2


def test_what_a_dead_server_left_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with opened(f"unix:{path}"):
        pass
    path.write_text("a file")
    with pytest.raises(StartError, match="exists and is not a socket"):
        open_listeners(config(f"unix:{path}"), 1)
    assert path.read_text() == "a file"


def test_sockets_that_were_handed_over() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        (listener,) = adopt_listeners([os.dup(server.fileno())], config(port=port))
        assert listener.url("http") == f"http://127.0.0.1:{port}/"
        listener.extend(4)
        assert listener.for_slot(3, 4) == listener.sockets
        with pytest.raises(StartError, match=f"listens on port {port}, but PORT is 1$"):
            adopt_listeners([os.dup(server.fileno())], config(port=1))
        listener.close()
        # The one who handed it over still has it.
        socket.create_connection(("127.0.0.1", port)).close()


def test_no_password_goes_in_the_clear_to_a_socket_that_was_handed_over() -> None:
    asking = replace(config(), auth=("me:hash",))
    with socket.create_server(("0.0.0.0", 0)) as server:
        with pytest.raises(StartError, match=r"--auth requires TLS: .* listens on 0\.0\.0\.0$"):
            adopt_listeners([os.dup(server.fileno())], asking)
        secure = replace(asking, no_tls=False)
        for listener in adopt_listeners([os.dup(server.fileno())], secure):
            listener.close()
    with socket.create_server(("127.0.0.1", 0)) as server:
        for listener in adopt_listeners([os.dup(server.fileno())], asking):
            listener.close()


def test_descriptors_that_do_not_listen(tmp_path: Path) -> None:
    idle = socket.socket()
    with pytest.raises(StartError, match="is not a listening stream socket"):
        adopt_listeners([idle.detach()], config())
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        with pytest.raises(StartError, match="is not a socket"):
            adopt_listeners([descriptor], config())
    finally:
        os.close(descriptor)
