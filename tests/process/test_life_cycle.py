"""Starting, reloading, dying and stopping, with real processes."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.certificates import make_certificate
from tests.support.polite_client import PoliteClient, Tally
from tests.support.processes import DEADLINE, RunningServer, alive, run, running, wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A folder with a small page."""
    folder = tmp_path / "www"
    folder.mkdir()
    (folder / "index.html").write_bytes(b"<!doctype html><title>t</title>" + b"x" * 581)
    return folder


def cleartext(site: Path, *words: str) -> contextlib.AbstractContextManager[RunningServer]:
    return running("--no-tls", "-a", "127.0.0.1", *words, "0", str(site))


@contextlib.contextmanager
def asking(server: RunningServer, count: int, path: str = "/") -> Iterator[list[PoliteClient]]:
    clients = [PoliteClient(server.port, path) for _ in range(count)]
    for client in clients:
        client.start()
    try:
        wait_until(lambda: all(client.tally.answered > 10 for client in clients), "first answers")
        yield clients
    finally:
        for client in clients:
            client.stop()


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_ten_reloads_under_load_lose_nothing(site: Path, workers: int) -> None:
    with (
        cleartext(site, "-n", str(workers)) as server,
        asking(server, 4) as clients,
    ):
        for number in range(1, 11):
            before = set(server.workers())
            server.signal(signal.SIGHUP)
            server.wait_for_stderr("[reload] reloaded", number)
            assert set(server.workers()) - before, "no new worker"
        wait_until(lambda: all(one.tally.connections > 1 for one in clients), "a second connection")
        tallies = [client.stop() for client in clients]
        for tally in tallies:
            assert (tally.lost, tally.refused, tally.problems) == (0, 0, [])
            assert tally.statuses == {"200"}
        wait_until(lambda: len(server.workers()) == workers, "old workers have ended")


class Visitors:
    """Clients that come, ask once and go, one after the other."""

    def __init__(self, server: RunningServer, tls: ssl.SSLContext | None) -> None:
        self.tallies: list[Tally] = []
        self._server = server
        self._tls = tls
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stopping.is_set():
            visitor = PoliteClient(self._server.port, "/", requests=1, tls=self._tls)
            visitor.start()
            self.tallies.append(visitor.join())

    def stop(self) -> list[Tally]:
        """What became of them."""
        self._stopping.set()
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive()
        return self.tallies


@contextlib.contextmanager
def visited(server: RunningServer, tls: ssl.SSLContext | None) -> Iterator[list[Visitors]]:
    """Four rows of visitors; none is left when the block ends."""
    rows = [Visitors(server, tls) for _ in range(4)]
    try:
        yield rows
    finally:
        for row in rows:
            row.stop()


def wait_for_visitors(rows: list[Visitors]) -> None:
    """Wait until in each row somebody has come and gone since now."""
    # One more than that was under way already.
    wanted = [len(row.tallies) + 2 for row in rows]
    wait_until(
        lambda: all(len(row.tallies) >= count for row, count in zip(rows, wanted, strict=True)),
        "visitors",
    )


@pytest.mark.slow
@pytest.mark.parametrize("secure", [False, True])
def test_whoever_comes_during_a_reload_is_served(site: Path, tmp_path: Path, secure: bool) -> None:
    certificate = make_certificate(tmp_path)
    words = ("-a", "127.0.0.1", "-n", "2", "0", str(site))
    with running(
        *(() if secure else ("--no-tls",)), *words, *(certificate.words if secure else ())
    ) as server:
        tls = certificate.client_context("h2") if secure else None
        with visited(server, tls) as rows:
            for number in range(1, 4):
                server.signal(signal.SIGHUP)
                server.wait_for_stderr("[reload] reloaded", number)
                wait_for_visitors(rows)
    tallies = [tally for row in rows for tally in row.tallies]
    assert [tally for tally in tallies if tally.answered != 1 or tally.problems] == []


@pytest.mark.parametrize("secure", [False, True])
def test_who_has_just_connected_is_still_answered(site: Path, tmp_path: Path, secure: bool) -> None:
    """A client of HTTP/1.1 does not ask again when its first request meets a closed connection.

    What it asks has a second to come, which a busy machine may exceed: some of five tries count.
    """
    certificate = make_certificate(tmp_path)
    words = certificate.words if secure else ("--no-tls",)
    answers = []
    with running("-a", "127.0.0.1", "0", str(site), *words) as server:
        tls = certificate.client_context("http/1.1")
        for number in range(1, 6):
            with contextlib.ExitStack() as stack:
                plain = socket.create_connection(("127.0.0.1", server.port), DEADLINE)
                client: socket.socket = stack.enter_context(plain)
                if secure:
                    client = stack.enter_context(
                        tls.wrap_socket(plain, server_hostname="127.0.0.1")
                    )
                server.signal(signal.SIGHUP)
                server.wait_for_stderr("[reload] reloaded", number)
                with contextlib.suppress(OSError):
                    client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    answers.append(client.recv(9000))
    assert b"\r\nconnection: close\r\n" in b"".join(answers).lower()


@pytest.mark.slow
def test_sigterm_lets_downloads_finish(site: Path) -> None:
    (site / "large").write_bytes(os.urandom(8 * 1024 * 1024))
    with cleartext(site, "--grace", "60") as server:
        clients = [
            PoliteClient(server.port, "/large", concurrency=10, requests=10) for _ in range(10)
        ]
        for client in clients:
            client.start()
        wait_until(
            lambda: all(client.tally.statuses for client in clients),
            "every client has the first field section",
        )
        server.signal(signal.SIGTERM)
        tallies = [client.join(60) for client in clients]
        assert server.wait(60) == 0
    assert sum(tally.answered for tally in tallies) == 100
    assert [tally.lost for tally in tallies] == [0] * 10


def test_a_killed_worker_breaks_only_its_connections(site: Path) -> None:
    with (
        cleartext(site, "-n", "2") as server,
        asking(server, 8) as clients,
        contextlib.ExitStack() as stack,
    ):
        # The kernel chooses by a hash of the addresses: all eight may have gone to one worker.
        while not all(connections(server)):
            clients += stack.enter_context(asking(server, 1))
        victim = server.workers()[0]
        connected = [client.tally.connections for client in clients]
        os.kill(victim, signal.SIGKILL)
        wait_until(
            lambda: victim not in server.workers() and len(server.workers()) == 2,
            "a new worker",
        )
        assert "died: signal 9; restarting in 0 s" in server.stderr()
        # Whoever was broken connects again, and nobody is refused.
        answered = [client.tally.answered for client in clients]
        wait_until(
            lambda: all(
                client.tally.answered > before + 10
                for client, before in zip(clients, answered, strict=True)
            ),
            "everybody is answered again",
        )
        tallies = [client.stop() for client in clients]
        assert {tally.refused for tally in tallies} == {0}
        broken = [t.connections - before for t, before in zip(tallies, connected, strict=True)]
        assert 0 < sum(broken) < len(clients)
        assert all(
            (tally.lost > 0) == (count > 0) for tally, count in zip(tallies, broken, strict=True)
        )


def test_workers_that_die_again_and_again_are_replaced_more_slowly(site: Path) -> None:
    with cleartext(site) as server:
        for number, delay in enumerate(("0", "0.2", "0.4"), 1):
            wait_for_workers(server, 1)
            os.kill(server.workers()[0], signal.SIGKILL)
            server.wait_for_stderr("died: signal 9; restarting in", number)
            assert f"restarting in {delay} s" in server.stderr()
        wait_for_workers(server, 1)
        ask_once(server)


def test_a_worker_that_cannot_be_replaced_is_tried_again(site: Path) -> None:
    with cleartext(site) as server:
        site.rename(site.with_name("moved"))
        os.kill(server.workers()[0], signal.SIGKILL)
        server.wait_for_stderr("is not a folder; restarting in")
        site.with_name("moved").rename(site)
        ask_once(server)


def test_workers_end_when_the_supervisor_is_killed(site: Path) -> None:
    with cleartext(site, "-n", "2") as server:
        workers = server.workers()
        assert len(workers) == 2
        os.kill(server.pid, signal.SIGKILL)
        wait_until(lambda: not alive(workers), "the workers end")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_request_to_stop_ends_with_0(site: Path, number: signal.Signals) -> None:
    """An idle connection is not waited for."""
    with (
        cleartext(site, "--grace", "600") as server,
        socket.create_connection(("127.0.0.1", server.port)),
    ):
        server.signal(number)
        assert server.wait() == 0


def test_a_second_signal_forces(site: Path) -> None:
    (site / "large").write_bytes(bytes(8 * 1024 * 1024))
    with cleartext(site, "--grace", "600") as server, slow_reader(server, "/large"):
        server.signal(signal.SIGTERM)
        # Two that come before anybody has heard of the first are one.
        wait_until(lambda: server.counters()[0]["state"] == "stopping", "the first is heard of")
        with pytest.raises(subprocess.TimeoutExpired):
            server.wait(0.3)
        server.signal(signal.SIGTERM)
        assert server.wait() == 0


@contextlib.contextmanager
def slow_reader(server: RunningServer, path: str) -> Iterator[socket.socket]:
    """A client that asks for ``path`` and reads nothing but the beginning."""
    client = PoliteClient(server.port, path)
    with socket.create_connection(("127.0.0.1", server.port), 10) as sock:
        sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0" * 2)
        sock.sendall(client.first_request())
        assert sock.recv(100)
        yield sock


def test_grace_ends(site: Path) -> None:
    (site / "large").write_bytes(bytes(8 * 1024 * 1024))
    with cleartext(site, "--grace", "0.3") as server, slow_reader(server, "/large"):
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        assert "1 connections did not finish in time" in server.stderr()


def test_health_tells_of_the_stop_before_it_happens(site: Path) -> None:
    with cleartext(site, "--health", "/up", "--drain-delay", "600", "-n", "2") as server:
        # Of each worker, as good as certainly: the kernel chooses one for each connection.
        assert {status_of(server, "/up") for _ in range(20)} == {"200"}
        server.signal(signal.SIGTERM)
        # Still accepting, and saying that it would rather not.
        wait_until(
            lambda: {status_of(server, "/up") for _ in range(20)} == {"503"}, "the worse health"
        )
        assert status_of(server, "/") == "200"
        # The second signal does not wait for the end of the delay.
        server.signal(signal.SIGTERM)
        assert server.wait() == 0


def test_the_drain_delay_ends(site: Path) -> None:
    with cleartext(site, "--drain-delay", "0.3", "--grace", "600") as server:
        server.signal(signal.SIGTERM)
        assert server.wait() == 0


def status_of(server: RunningServer, path: str) -> str:
    """What a new connection gets for ``path``."""
    client = PoliteClient(server.port, path, requests=1)
    client.start()
    (status,) = client.join().statuses
    return status


def test_a_broken_new_configuration_is_reported_and_the_old_one_goes_on(
    site: Path, tmp_path: Path
) -> None:
    file = tmp_path / "h2static.toml"
    file.write_text('index = "index.html"\n')
    with cleartext(site, "--config", str(file)) as server:
        file.write_text("window-bits = 31\n")
        workers = server.workers()
        server.signal(signal.SIGHUP)
        server.wait_for_stderr("reload failed; keeping the old configuration")
        assert "window-bits: 31 is greater than the maximum of 30" in server.stderr()
        assert server.workers() == workers
        # A configuration that only a worker can refuse is refused as well.
        file.write_text('mime-types-file = "missing"\n')
        server.signal(signal.SIGHUP)
        server.wait_for_stderr("reload failed", 2)
        file.write_text('index = "other.html"\n')
        (site / "other.html").write_text("other")
        (site / "index.html").unlink()
        server.signal(signal.SIGHUP)
        server.wait_for_stderr("[reload] reloaded")
        client = PoliteClient(server.port, "/", requests=1)
        client.start()
        assert client.join().statuses == {"200"}


def test_a_reload_may_change_the_number_of_workers(site: Path, tmp_path: Path) -> None:
    file = tmp_path / "h2static.toml"
    file.write_text("workers = 1\n")
    with cleartext(site, "--config", str(file)) as server, asking(server, 4) as clients:
        for count, number in ((3, 1), (1, 2)):
            file.write_text(f"workers = {count}\n")
            server.signal(signal.SIGHUP)
            server.wait_for_stderr("[reload] reloaded", number)
            wait_for_workers(server, count)
            # Every socket is still accepted from, whatever the number of workers.
            for _ in range(20):
                client = PoliteClient(server.port, "/", requests=1)
                client.start()
                assert client.join().answered == 1
        for tally in [client.stop() for client in clients]:
            assert (tally.lost, tally.refused, tally.problems) == (0, 0, [])


def test_a_reload_may_change_the_error_log(site: Path, tmp_path: Path) -> None:
    file, log = tmp_path / "h2static.toml", tmp_path / "error.log"
    file.write_text("")
    with cleartext(site, "--config", str(file)) as server:
        file.write_text('error-log = "error.log"\n')
        server.signal(signal.SIGHUP)
        wait_until(lambda: log.exists() and "reloaded" in log.read_text(), "the new log")
        os.kill(server.workers()[-1], signal.SIGKILL)
        wait_until(lambda: "died: signal 9" in log.read_text(), "a line of the supervisor")


def wait_for_workers(server: RunningServer, count: int) -> None:
    wait_until(lambda: len(server.workers()) == count, f"{count} workers")


def test_a_reload_cannot_change_the_port(site: Path, tmp_path: Path) -> None:
    file = tmp_path / "h2static.toml"
    file.write_text("port = 0\n")
    with running("--no-tls", "-a", "127.0.0.1", "--config", str(file), "-d", str(site)) as server:
        file.write_text("port = 1\n")
        server.signal(signal.SIGHUP)
        server.wait_for_stderr("a reload cannot change port")


def test_connections_spread_over_the_workers(site: Path) -> None:
    with cleartext(site, "-n", "2") as server, contextlib.ExitStack() as stack:
        # The kernel chooses by a hash of the addresses: a fair choice leaves less than 10 to one of
        # them now and then, but not three times in a row.
        shares: list[int] = []
        for total in (32, 64, 96):
            before = connections(server) if shares else [0, 0]
            for _ in range(32):
                stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
            wait_for_connections(server, total)
            after = connections(server)
            shares.append(min(after[0] - before[0], after[1] - before[1]))
            if shares[-1] >= 10:
                return
        pytest.fail(f"the smaller shares of 32 connections were {shares}")


def wait_for_connections(server: RunningServer, total: int) -> None:
    wait_until(lambda: sum(connections(server)) == total, f"{total} connections")


def connections(server: RunningServer) -> list[int]:
    counts = []
    for worker in server.counters():
        counters = worker["counters"]
        assert isinstance(counters, dict)
        counts.append(int(counters["connections"]))
    return counts


def test_counters(site: Path) -> None:
    with cleartext(site) as server:
        client = PoliteClient(server.port, "/", requests=25)
        client.start()
        client.join()
        (worker,) = server.counters()
        counters = worker["counters"]
        assert isinstance(counters, dict)
        assert counters["requests"] == 25
        assert counters["accepted"] == 1
        assert 1024 < counters["memory_kib"] < 200 * 1024
        assert worker["state"] == "serving"
        assert {"connections", "streams", "resets", "loop_lag", "uptime"} <= counters.keys()


def test_logs_are_reopened(site: Path, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    with cleartext(
        site, f"--access-log={log}", "--error-log", str(tmp_path / "error.log")
    ) as server:
        ask_once(server)
        wait_until(lambda: log.read_text().count("GET / HTTP/2.0") == 1, "a line")
        log.rename(tmp_path / "access.log.1")
        (tmp_path / "error.log").rename(tmp_path / "error.log.1")
        server.signal(signal.SIGUSR1)
        # The supervisor opens the one, the worker the other, before anybody asks for anything.
        wait_until(lambda: (tmp_path / "error.log").exists(), "the error log is there again")
        wait_until(log.exists, "the access log is there again")
        ask_once(server)
        wait_until(lambda: "GET" in log.read_text(), "a line in the new file")
        assert (tmp_path / "access.log.1").read_text().count("GET") == 1


def ask_once(server: RunningServer) -> None:
    client = PoliteClient(server.port, "/", requests=1)
    client.start()
    assert client.join().answered == 1


def test_a_port_in_use_is_told_in_one_line(site: Path) -> None:
    with cleartext(site) as server:
        second = run("--no-tls", "-a", "127.0.0.1", str(server.port), str(site))
        assert second.returncode == 1
        assert second.stderr.count("\n") == 1
        assert second.stderr.startswith(
            f"h2static: cannot listen on 127.0.0.1:{server.port}: Address already in use"
        )


def test_a_daemon(site: Path, tmp_path: Path) -> None:
    file = tmp_path / "pid"
    log = tmp_path / "error.log"
    with running(
        "--no-tls", "-a", "127.0.0.1", "-D", "--pid-file", str(file), "--error-log", str(log),
        "0", str(site),
    ) as server:  # fmt: skip
        assert server.wait() == 0, "the process that was started ends once the daemon serves"
        assert server.pid == int(file.read_text()) != server.process.pid
        assert f"  kill {server.pid} stops the server.\n" in server.stderr()
        try:
            assert os.readlink(f"/proc/{server.pid}/cwd") == "/"
            assert os.readlink(f"/proc/{server.pid}/fd/2") == os.devnull
            assert os.getsid(server.pid) == server.pid
            ask_once(server)
            os.kill(server.pid, signal.SIGHUP)
            wait_until(lambda: "reloaded" in log.read_text(), "a reload")
            ask_once(server)
        finally:
            os.kill(server.pid, signal.SIGTERM)
            wait_until(lambda: not alive([server.pid]), "the daemon ends")
    assert not file.exists()


def test_a_daemon_that_cannot_start_says_so(site: Path, tmp_path: Path) -> None:
    with cleartext(site) as server:
        second = run("--no-tls", "-D", "-a", "127.0.0.1", str(server.port), str(site))
        assert second.returncode == 1
        assert "Address already in use" in second.stderr


def test_a_unix_domain_socket(site: Path, tmp_path: Path) -> None:
    path = tmp_path / "h2.sock"
    with running("--no-tls", "-a", f"unix:{path}", "0", str(site)) as server:
        assert server.urls == [f"http+unix://{path}"]
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(10)
            sock.connect(str(path))
            sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
            assert sock.recv(9)[3] == 4, "SETTINGS"
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
    assert not path.exists()


def test_several_listeners_share_a_picked_port(site: Path, tmp_path: Path) -> None:
    path = tmp_path / "h2.sock"
    words = ("-a", "127.0.0.1", "-a", "::1", "-a", f"unix:{path}")
    with running("--no-tls", *words, "0", str(site)) as server:
        assert server.urls == [
            f"http://127.0.0.1:{server.port}/",
            f"http://[::1]:{server.port}/",
            f"http+unix://{path}",
        ]
        for family, address in (
            (socket.AF_INET, ("127.0.0.1", server.port)),
            (socket.AF_INET6, ("::1", server.port)),
            (socket.AF_UNIX, str(path)),
        ):
            with socket.socket(family) as sock:
                sock.settimeout(10)
                sock.connect(address)
                sock.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
                assert sock.recv(9)[3] == 4, "SETTINGS"
