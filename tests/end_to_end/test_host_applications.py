"""Applications of several hosts: what logs and the terminal say of each, and dev mode by host."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest

from h2static.dev.injection import CLIENT_PATH
from tests.support.events import wait_for_state
from tests.support.hosted import write_application
from tests.support.polite_client import PoliteClient
from tests.support.processes import DEADLINE, RunningServer, running, wait_until

FILE = """
port = 0
address = ["127.0.0.1"]
no-tls = true
htdocs = "main"
{more}
[[host]]
names = ["a.test"]
htdocs = "a"
app = ["faulty:app"]
[[host]]
names = ["b.test"]
app = ["faulty:app"]
[host.mount."/docs"]
htdocs = "docs"
"""

FAULTY = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        raise NotImplementedError
    1 / 0
"""

REFUSING = """
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await send({"type": "lifespan.startup.failed", "message": "no database"})
"""

WORKING = """
async def app(scope, receive, send):
    assert scope["type"] == "http"
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"working"})
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("main", "a", "docs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "page.html").write_text(f"<!doctype html><title>{name}</title>")
    (tmp_path / "docs" / "docs.html").touch()
    (tmp_path / "faulty.py").write_text(FAULTY)
    return tmp_path


@contextmanager
def serving(folder: Path, more: str = "") -> Iterator[RunningServer]:
    (folder / "hosts.toml").write_text(FILE.format(more=more))
    with running("--config", "hosts.toml", folder=folder) as server:
        yield server


def get(server: RunningServer, name: str, path: str = "/") -> httpx.Response:
    url = f"http://127.0.0.1:{server.port}{path}"
    headers = {"host": name, "sec-fetch-dest": "document", "accept": "text/html"}
    return httpx.get(url, headers=headers, timeout=DEADLINE)


def state(server: RunningServer, name: str, path: str = "/") -> str | None:
    """What a page of the host tells of the state of the files."""
    timing: str | None = get(server, name, path).headers.get("server-timing")
    return timing


def test_the_log_says_whose_application_failed(folder: Path) -> None:
    with serving(folder) as server:
        assert get(server, "b.test").status_code == 500
        server.wait_for_stderr(": b.test: GET /: ")
        assert get(server, "a.test", "/none").status_code == 500
        server.wait_for_stderr(": a.test: GET /none: ")
        # The folder has it.
        assert get(server, "a.test", "/page.html").status_code == 200


def test_an_application_that_cannot_be_loaded(folder: Path) -> None:
    (folder / "faulty.py").write_text("1 / 0\n")
    (folder / "hosts.toml").write_text(FILE.format(more=""))
    with pytest.raises(AssertionError) as raised, running("--config", "hosts.toml", folder=folder):
        pass
    assert "hosts.toml: [[host]] 1: faulty:app: importing it raised" in str(raised.value)


def test_one_application_of_two_hosts_starts_once(folder: Path) -> None:
    write_application(folder)
    (folder / "faulty.py").write_text("from shop import app\n")
    diary = folder / "diary"
    (folder / "hosts.toml").write_text(FILE.format(more=""))
    environment = {"H2STATIC_TEST_DIARY": str(diary)}
    with running("--config", "hosts.toml", folder=folder, environment=environment) as server:
        for name in ("a.test", "b.test"):
            assert "hello GET  /x" in get(server, name, "/x").text
    assert diary.read_text().splitlines() == ["start", "stop"]


def test_the_host_whose_application_refuses_to_start(folder: Path) -> None:
    (folder / "faulty.py").write_text(REFUSING)
    (folder / "hosts.toml").write_text(FILE.format(more=""))
    with pytest.raises(AssertionError) as raised, running("--config", "hosts.toml", folder=folder):
        pass
    assert "a.test: faulty:app: the application could not start: no database" in str(raised.value)


def test_two_modules_of_one_name(folder: Path) -> None:
    """A process has one module of a name: no host is to be served what is another's."""
    for name in ("main", "a"):
        (folder / name / "shop.py").write_text(WORKING)
    (folder / "hosts.toml").write_text(
        'port = 0\nno-tls = true\napp-dir = "main"\napp = ["shop:app"]\n'
        '[[host]]\nnames = ["a.test"]\napp-dir = "a"\napp = ["shop:app"]\n'
    )
    with pytest.raises(AssertionError) as raised, running("--config", "hosts.toml", folder=folder):
        pass
    told = f"the module shop is already imported from {folder}/main/shop.py, not {folder}/a/shop.py"
    assert f"hosts.toml: [[host]] 1: shop:app: {told}" in str(raised.value)


def test_dev_mode_of_several_hosts(folder: Path) -> None:
    """Each is watched, and the terminal says whose files have changed."""
    (folder / "faulty.py").write_text(WORKING)
    with serving(folder, "dev = true\ndebounce = 20") as server:
        for name, path in (
            ("localhost", "/page.html"), ("a.test", "/page.html"), ("b.test", "/docs/page.html")
        ):  # fmt: skip
            wait_for_state(partial(state, server, name, path))
            assert f'src="{CLIENT_PATH}"' in get(server, name, path).text
        before = state(server, "a.test", "/page.html")
        for file, told in (
            ("main", "  changed /new.css"),
            ("a", "  a.test: changed /new.css"),
            ("docs", "  b.test: changed /docs/new.css"),
        ):
            (folder / file / "new.css").write_text("a{}")
            server.wait_for_stderr(told)
        assert state(server, "a.test", "/page.html") != before


def test_an_application_of_a_host_that_cannot_start_at_first(folder: Path) -> None:
    """In dev mode the host tells what is wrong, and the others serve."""
    (folder / "faulty.py").write_text("1 / 0\n")
    with serving(folder, "dev = true\ndebounce = 20") as server:
        for name in ("a.test", "b.test"):
            wait_for_state(partial(state, server, name))
            page = get(server, name)
            assert page.status_code == 500
            assert "faulty:app: importing it raised" in page.text
        assert get(server, "localhost", "/page.html").status_code == 200
        (folder / "faulty.py").write_text(WORKING)
        wait_until(lambda: "working" in get(server, "b.test").text, "the application")


def test_hosts_come_and_go_while_connections_are_in_use(folder: Path) -> None:
    """No request that was accepted is lost, whatever becomes of other hosts."""
    (folder / "faulty.py").write_text(WORKING)
    path = folder / "hosts.toml"
    more = '[[host]]\nnames = ["c.test"]\nhtdocs = "docs"\n'
    with serving(folder) as server:

        def has_status(status: int) -> bool:
            return get(server, "c.test", "/docs.html").status_code == status

        load = PoliteClient(server.port, "/page.html")
        load.start()
        for number, (added, status) in enumerate((("", 404), (more, 200), ("", 404)), 1):
            path.write_text(FILE.format(more="") + added)
            server.signal(signal.SIGHUP)
            server.wait_for_stderr("reloaded", count=number)
            # As the default, the site without a name has no such page.
            wait_until(partial(has_status, status), "the configuration")
        load.stop()
        tally = load.join()
    assert (tally.lost, tally.refused, tally.problems) == (0, 0, [])
    assert tally.statuses == {"200"}
