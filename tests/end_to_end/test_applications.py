"""The command with ``--app``: what is served where, what is said when it cannot be, how it ends."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from h2static.http2 import registry as r
from tests.support.hosted import write_application
from tests.support.peer import Peer
from tests.support.processes import DEADLINE, RunningServer, run, running, wait_until
from tests.support.transports import Wire

WORDS = ("--no-tls", "-a", "127.0.0.1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The working folder: it has the module ``shop``, and a folder ``www``."""
    write_application(tmp_path)
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "file.txt").write_text("a file")
    return tmp_path


@contextmanager
def hosting(folder: Path, *words: str) -> Iterator[RunningServer]:
    diary = {"H2STATIC_TEST_DIARY": str(folder / "diary")}
    with running(*WORDS, *words, folder=folder, environment=diary) as server:
        yield server


def diary(folder: Path) -> list[str]:
    path = folder / "diary"
    return path.read_text().splitlines() if path.exists() else []


@contextmanager
def client(server: RunningServer, *, http2: bool = True) -> Iterator[httpx.Client]:
    base = f"http://127.0.0.1:{server.port}"
    with httpx.Client(http1=not http2, http2=http2, base_url=base, timeout=DEADLINE) as made:
        yield made


def ask_anew(server: RunningServer) -> str:
    """The page, on a connection of its own."""
    with client(server) as http:
        return http.get("/").text


@pytest.mark.parametrize("http2", [False, True])
def test_an_application_alone(folder: Path, http2: bool) -> None:
    with hosting(folder, "--app", "shop:app", "0") as server:
        with client(server, http2=http2) as http:
            assert http.get("/a?b").text == "<title>hello GET  /a</title>"
            assert http.get("/www/file.txt").status_code == 200, "the folder is not served"
            assert "hello" in http.get("/www/file.txt").text
            assert http.post("/upload", content=b"x" * 300_000).text == "300000"
            assert http.get("/raise").status_code == 500
            assert http.get("/exit").status_code == 500
            assert http.get("/").status_code == 200
        server.wait_for_stderr("GET /raise: the application raised ValueError")
        assert "    ValueError: a bug of the application" in server.stderr()
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
    assert diary(folder) == ["start", "stop"]


def test_folders_and_prefixes(folder: Path) -> None:
    write_application(folder, "api", "api")
    words = ("--app", "shop:app", "--app", "/api=api:app", "--app", "/api/v2=shop:make,factory")
    with hosting(folder, *words, "0", "www") as server, client(server) as http:
        assert http.get("/file.txt").text == "a file"
        assert http.get("/file.txt/").text == "<title>hello GET  /file.txt/</title>"
        assert http.post("/file.txt").status_code == 405
        assert http.post("/other").text == "<title>hello POST  /other</title>"
        assert http.get("/api").text == "<title>api GET /api /api</title>"
        assert http.get("/api/x").text == "<title>api GET /api /api/x</title>"
        assert http.get("/api/v2/x").text == "<title>hello GET /api/v2 /api/v2/x</title>"
    # The factory gives what is served without a prefix: one application, which starts once.
    assert diary(folder).count("start") == diary(folder).count("stop") == 2


def test_a_configuration_file(folder: Path) -> None:
    (folder / "h2static.toml").write_text(
        'port = 0\nno-tls = true\naddress = ["127.0.0.1"]\nhtdocs = "www"\napp-dir = "."\n'
        '[app]\ntarget = "shop:make"\nfactory = true\n'
    )
    diary = {"H2STATIC_TEST_DIARY": str(folder / "diary")}
    with (
        running("--config", str(folder / "h2static.toml"), environment=diary) as server,
        client(server) as http,
    ):
        assert http.get("/file.txt").text == "a file"
        assert "hello" in http.get("/x").text


def test_a_browser_is_offered_websockets_only_where_there_may_be_some(folder: Path) -> None:
    """SETTINGS_ENABLE_CONNECT_PROTOCOL; see RFC 8441 section 3."""
    offered = (r.SETTINGS_ENABLE_CONNECT_PROTOCOL, 1)
    for words, expected in ((("0", "www"), False), (("--app", "shop:app", "0"), True)):
        with hosting(folder, *words) as server:
            wire = Wire(server.port)
            settings = Peer(wire, handshake=False).handshake()
            assert (offered in settings.entries) == expected
            wire.close()


def test_a_websocket(folder: Path) -> None:
    with hosting(folder, "--app", "/ws=shop:app", "0", "www") as server:
        with connect(f"ws://127.0.0.1:{server.port}/ws") as socket:
            socket.send("hello")
            assert socket.recv(DEADLINE) == "hello"
        wait_until(lambda: "websocket 1000" in diary(folder), "the end of the WebSocket")


WRONG: dict[str, tuple[str, str]] = {
    "nothing:app": ("h2static: nothing:app: no module named nothing in ", ""),
    "shop:nothing": ("h2static: shop:nothing: shop has no attribute nothing", ""),
    "shop:GREETING": ("h2static: shop:GREETING: str object is not callable", ""),
    "broken:app": (
        "h2static: broken:app: importing it raised ZeroDivisionError('division by zero')",
        'broken.py", line 1, in <module>',
    ),
}


@pytest.mark.parametrize("target", WRONG)
def test_what_cannot_be_loaded(folder: Path, target: str) -> None:
    """One line, the traceback's own below it, and exit code 1."""
    (folder / "broken.py").write_text("1 / 0\n")
    ended = run(*WORDS, "--app", target, "0", folder=folder)
    line, shown = WRONG[target]
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[0].startswith(line)
    assert shown in ended.stderr
    assert "importlib" not in ended.stderr


def test_an_application_that_refuses_to_start(folder: Path) -> None:
    """Exit code 3, whatever the number of workers."""
    for workers in ("1", "3"):
        ended = run(*WORDS, "-n", workers, "--app", "shop:refuses", "0", folder=folder)
        assert ended.returncode == 3
        expected = "h2static: shop:refuses: the application could not start: there is no database"
        assert expected in ended.stderr.splitlines()
        assert len(ended.stderr.splitlines()) == 1


REFUSES_LATER = """
import os

from shop import app as served


async def app(scope, receive, send):
    if scope["type"] == "lifespan" and os.path.exists("refuse"):
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no more"})
        return
    await served(scope, receive, send)
"""


def test_a_successor_that_refuses_to_start_ends_the_server(folder: Path) -> None:
    """It would do so again and again."""
    (folder / "later.py").write_text(REFUSES_LATER)
    with hosting(folder, "--app", "later:app", "0") as server:
        (folder / "refuse").touch()
        (worker,) = server.workers()
        os.kill(worker, signal.SIGKILL)
        assert server.wait() == 3
        assert "later:app: the application could not start: no more" in server.stderr()


def test_a_reload_takes_the_new_application_and_keeps_the_old_one_if_that_fails(
    folder: Path,
) -> None:
    with hosting(folder, "--app", "shop:app", "0") as server:
        path = folder / "shop.py"
        path.write_text(path.read_text() + "\n1 / 0\n")
        server.signal(signal.SIGHUP)
        server.wait_for_stderr("reload failed; keeping the old configuration: shop:app: importing")
        server.wait_for_stderr("    ZeroDivisionError: division by zero")
        with client(server) as http:
            assert "hello" in http.get("/").text
        write_application(folder, greeting="good evening")
        server.signal(signal.SIGHUP)
        server.wait_for_stderr("[reload] reloaded")
        # The worker of before may accept for a moment.
        wait_until(lambda: "good evening" in ask_anew(server), "the new application")
        wait_until(lambda: diary(folder).count("stop") == 1, "the end of the old application")
        assert diary(folder) == ["start", "start", "stop"], "the new one starts before"


def test_the_end_waits_for_requests_and_tells_event_streams_and_websockets(folder: Path) -> None:
    # The library that httpx has for HTTP/2 gives everything up at a GOAWAY.
    with hosting(folder, "--app", "shop:app", "0") as server, client(server, http2=False) as http:
        found: list[httpx.Response] = []
        slow = threading.Thread(target=lambda: found.append(http.get("/slow")))
        slow.start()
        with (
            client(server, http2=False) as other,
            other.stream("GET", "/events") as events,
            connect(f"ws://127.0.0.1:{server.port}/") as socket,
        ):
            pieces = events.iter_raw()
            assert next(pieces) == b"data: begin\n\n"
            wait_until(lambda: "slow begins" in diary(folder), "the slow request")
            server.signal(signal.SIGTERM)
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(DEADLINE)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001
            assert list(pieces) == [], "it ends as a response does"
        slow.join()
        assert found[0].text == "slow"
        assert server.wait() == 0
    assert {"events over", "websocket 1001"} <= set(diary(folder))
    assert diary(folder)[-1] == "stop"


def test_requests_that_take_longer_than_the_grace_period_are_cancelled(folder: Path) -> None:
    (folder / "stuck.py").write_text(
        "import asyncio\nfrom shop import note\n"
        "async def app(scope, receive, send):\n"
        "    if scope['type'] != 'http':\n        raise ValueError\n"
        "    note('stuck')\n"
        "    try:\n        await asyncio.sleep(1000)\n"
        "    finally:\n        note('cancelled')\n"
    )
    words = ("--grace", "0.2", "--app", "stuck:app", "0")
    with hosting(folder, *words) as server, client(server) as http:
        thread = threading.Thread(target=lambda: _ask(http))
        thread.start()
        wait_until(lambda: "stuck" in diary(folder), "the request")
        server.signal(signal.SIGTERM)
        assert server.wait() == 0
        thread.join()
    assert diary(folder) == ["stuck", "cancelled"]


def _ask(http: httpx.Client) -> None:
    with pytest.raises(httpx.HTTPError):
        http.get("/")
