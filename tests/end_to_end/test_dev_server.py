"""``h2static --dev`` as a process: start-up, events, speed, bad input."""

from __future__ import annotations

import contextlib
import http.client
import math
import os
import signal
import socket
import stat
import subprocess
import threading
import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.support.edits import replace
from tests.support.events import PATIENCE, EventClient
from tests.support.processes import DEADLINE, RunningServer, command, running, wait_until
from tests.support.servers import free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


def dev(
    root: Path, *words: str, port: int = 0, environment: dict[str, str] | None = None
) -> AbstractContextManager[RunningServer]:
    arguments = ("--dev", "--no-tls", "-a", "127.0.0.1", *words, str(port), str(root))
    return running(*arguments, environment=environment)


def get(port: int, path: str, **fields: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", path, headers={k.replace("_", "-"): v for k, v in fields.items()})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def paths(data: dict[str, object]) -> list[str]:
    changes = data["changes"]
    assert isinstance(changes, list)
    return [change["path"] for change in changes]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "www"
    root.mkdir()
    (root / "index.html").write_text("<!doctype html><title>t</title>")
    return root


@pytest.fixture(scope="module")
def large_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """10 000 files in 100 folders."""
    root = tmp_path_factory.mktemp("large")
    for folder in range(100):
        (root / f"{folder:03}").mkdir()
        for number in range(100):
            (root / f"{folder:03}" / f"{number:03}.txt").write_text(f"{folder} {number}")
    return root


# ---------------------------------------------------------------- what it is like


def test_log_and_changes_in_the_terminal(root: Path) -> None:
    with dev(root) as server, EventClient(server.port) as events:
        events.known()
        get(server.port, "/", accept="text/html")
        replace(root / "a.css", "a{}")
        assert paths(events.next("change")) == ["/a.css"]
        wait_until(lambda: "changed /a.css\n" in server.stderr(), "the change is told")
        wait_until(lambda: "GET   200  /  " in server.stdout(), "the request is logged")
        assert ".h2static" not in server.stdout()


def test_every_worker_tells_its_tabs(root: Path) -> None:
    with dev(root, "-n", "3") as server, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(EventClient(server.port)) for _ in range(12)]
        for client in clients:
            client.known()
        replace(root / "a.css", "a{}")
        told = [client.next("change") for client in clients]
        assert len({str(data["version"]) for data in told}) == 1
        assert {tuple(paths(data)) for data in told} == {("/a.css",)}


def test_live_reload_alone(root: Path) -> None:
    words = ("--live-reload", "--no-tls", "-a", "127.0.0.1", "0", str(root))
    with running(*words) as server, EventClient(server.port) as events:
        events.next("hello")
        _, body = get(server.port, "/", accept="text/html")
        assert b"/.h2static/client.js" in body
        response, _ = get(server.port, "/none/", accept="text/html")
        assert response.status == 404
        assert "GET" not in server.stdout()


def test_loopback_is_the_default(root: Path) -> None:
    with running("--dev", "--no-tls", "0", str(root)) as server:
        assert all("127.0.0.1" in url or "[::1]" in url for url in server.urls)


def test_addresses_in_the_network_are_shown(root: Path) -> None:
    with running("--dev", "--no-tls", "-a", "0.0.0.0", "0", str(root)) as server:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("192.0.2.1", 9))
            except OSError:
                pytest.skip("this machine has no network")
            own = probe.getsockname()[0]
        server.wait_for_stderr(f"network  http://{own}:{server.port}/")


def test_events_end_at_once_when_the_server_stops(root: Path) -> None:
    with dev(root, "--grace", "600") as server, EventClient(server.port) as events:
        events.next("hello")
        server.signal(signal.SIGTERM)
        with pytest.raises(EOFError):
            events.next("change")
        assert server.wait() == 0


def test_a_reload_of_the_server_does_not_wait_for_events(root: Path) -> None:
    with dev(root, "--grace", "600") as server, EventClient(server.port) as events:
        version = events.known()["version"]
        old = server.workers()
        server.signal(signal.SIGHUP)
        with pytest.raises(EOFError):
            events.next("change")
        wait_until(lambda: not set(old) & set(server.workers()), "the old worker is gone")
        with EventClient(server.port) as again:
            assert again.known()["version"] == version


def test_the_version_survives_a_restart(root: Path) -> None:
    versions = []
    for _ in range(2):
        with dev(root) as server, EventClient(server.port) as events:
            versions.append(events.known()["version"])
    assert versions[0] == versions[1]
    (root / "index.html").write_text("changed")
    with dev(root) as server, EventClient(server.port) as events:
        assert events.known()["version"] != versions[0]


# ---------------------------------------------------------------- --open


@pytest.fixture
def acceptor(tmp_path: Path) -> tuple[dict[str, str], Path]:
    """An environment in which a browser is a script, and what it writes down."""
    opened = tmp_path / "opened"
    script = tmp_path / "browser"
    script.write_text(f'#!/bin/sh\necho "$1" >> {opened}\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return {"BROWSER": f"{script} %s"}, opened


def test_open(root: Path, acceptor: tuple[dict[str, str], Path]) -> None:
    environment, opened = acceptor
    with dev(root, "--open", environment=environment) as server:
        wait_until(opened.exists, "the browser was called")
        wait_until(lambda: opened.read_text() == f"http://localhost:{server.port}/\n", "the URL")


def test_open_is_not_needed_when_a_page_comes_back(
    root: Path, acceptor: tuple[dict[str, str], Path]
) -> None:
    environment, opened = acceptor
    port = free_port()
    stop = threading.Event()

    def tab() -> None:
        while not stop.is_set():
            try:
                with EventClient(port) as events:
                    events.next()
                    stop.wait(PATIENCE)
            except (OSError, EOFError):
                stop.wait(0.05)

    thread = threading.Thread(target=tab)
    thread.start()
    try:
        with dev(root, "--open", port=port, environment=environment) as server:
            # The server decides after 1.5 s; that nothing happens has no event to wait for.
            threading.Event().wait(2.0)
            assert not opened.exists()
            assert server.workers()
    finally:
        stop.set()
        thread.join()


# ---------------------------------------------------------------- speed


def test_from_save_to_event(large_root: Path) -> None:
    with dev(large_root) as server, EventClient(server.port) as events:
        events.known()
        _warm_up(large_root, events)
        seconds = []
        for number in range(15):
            replace(large_root / "050" / "050.txt", f"edit {number}")
            started = time.monotonic()
            assert paths(events.next("change")) == ["/050/050.txt"]
            seconds.append(time.monotonic() - started)
    print(f"from save to event: {' '.join(f'{one * 1000:.0f}' for one in seconds)} ms")
    # 150 ms is what is promised, twice that for a machine that does other things as well.  They
    # make an edit slower, never faster: one that was in time shows what the server can do.
    assert min(seconds) < 0.3


def _warm_up(root: Path, events: EventClient) -> None:
    """Wait until the watches are set: from then on every edit is told by itself."""
    replace(root / "000" / "000.txt", str(time.time_ns()))
    events.next("change")


def test_start_with_many_files(large_root: Path, root: Path) -> None:
    """1 s is promised, and on a machine that does other things not much more than for one file."""
    many, one = math.inf, math.inf
    # Other programs make a start slower, never faster.
    for _ in range(5):
        many = min(many, _start(large_root, "/000/000.txt"))
        if many < max(1.0, 1.5 * one):
            return
        one = min(one, _start(root, "/"))
    pytest.fail(f"many files: {many:.1f} s to the first answer, one file: {one:.1f} s")


def _start(root: Path, path: str) -> float:
    """Seconds from the command to the first answer."""
    started = time.monotonic()
    with dev(root) as server:
        get(server.port, path)
        return time.monotonic() - started


def test_rest_with_many_files(large_root: Path) -> None:
    with dev(large_root) as server, EventClient(server.port) as events:
        events.known()
        _warm_up(large_root, events)
        (worker,) = server.workers()
        # Contents are digested in the first moments; then less than 1 % of a core is used.
        wait_until(lambda: _cpu(worker, 2.0) <= 0.01, "rest", 60)


def _cpu(pid: int, seconds: float) -> float:
    """The share of a core that a process uses, over some time."""

    def ticks() -> int:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    before = ticks()
    threading.Event().wait(seconds)
    return (ticks() - before) / os.sysconf("SC_CLK_TCK") / seconds


# ---------------------------------------------------------------- bad input


def test_missing_root(tmp_path: Path) -> None:
    missing = tmp_path / "none"
    process = subprocess.run(
        command("--dev", "--no-tls", "0", str(missing)),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert process.returncode == 1
    assert process.stderr.count("\n") == 1
    assert str(missing) in process.stderr


def test_taken_port(root: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = subprocess.run(
            command("--dev", "--no-tls", str(port), str(root)),
            capture_output=True,
            text=True,
            timeout=DEADLINE,
        )
    assert process.returncode == 1
    assert process.stderr.count("\n") == 1
    assert f":{port}: Address already in use; " in process.stderr
    assert process.stderr.endswith(" is free\n")


def test_rules_broken_while_serving(root: Path) -> None:
    rules = root / "_headers"
    rules.write_text("/*\n  x-rule: one\n")
    with dev(root, "--netlify") as server, EventClient(server.port) as events:
        events.known()
        response, _ = get(server.port, "/")
        assert response.headers["x-rule"] == "one"
        replace(rules, "/*\n  x-rule: two\n  no colon here\n")
        assert events.next("change")
        get(server.port, "/")
        problems = events.next("hello")["problems"]
        assert isinstance(problems, list)
        assert "_headers" in problems[0]
        wait_until(lambda: str(problems[0]) in server.stderr(), "the terminal tells it as well")
        replace(rules, "/*\n  x-rule: three\n")
        events.next("change")
        response, _ = get(server.port, "/")
        assert response.headers["x-rule"] == "three"
        assert events.next("hello")["problems"] == []


def test_unreadable_folder(root: Path) -> None:
    closed = root / "closed"
    closed.mkdir(mode=0)
    try:
        with dev(root) as server, EventClient(server.port) as events:
            events.known()
            replace(root / "a.css", "a{}")
            assert "/a.css" in paths(events.next("change"))
            if os.geteuid() != 0:
                assert get(server.port, "/closed/")[0].status == 403
    finally:
        closed.chmod(0o755)


def test_a_file_deleted_while_it_loads(root: Path) -> None:
    (root / "large.bin").write_bytes(bytes(20_000_000))
    with dev(root) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
        connection.request("GET", "/large.bin")
        response = connection.getresponse()
        response.read(1000)
        (root / "large.bin").unlink()
        assert len(response.read()) == 20_000_000 - 1000
        connection.close()
        assert get(server.port, "/large.bin")[0].status == 404
