"""``--dev`` with applications: pages reload when their modules change, and nothing is lost."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from h2static.dev.injection import CLIENT_PATH, EVENTS_PATH
from tests.support.events import is_known, wait_for_state
from tests.support.hosted import write_application
from tests.support.polite_client import PoliteClient
from tests.support.processes import DEADLINE, RunningServer, running, wait_until

PAGE = {"sec-fetch-dest": "document", "accept-encoding": "gzip"}
WORDS = ("--dev", "--no-tls", "-a", "127.0.0.1", "--debounce", "20", "--app", "shop:app", "0")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_application(tmp_path)
    (tmp_path / "www").mkdir()
    (tmp_path / "www" / "page.html").write_text("<!doctype html><title>a file</title>")
    return tmp_path


@contextmanager
def developing(folder: Path, *words: str) -> Iterator[RunningServer]:
    diary = {"H2STATIC_TEST_DIARY": str(folder / "diary")}
    with running(*WORDS, *words, folder=folder, environment=diary) as server:
        yield server


@contextmanager
def browser(server: RunningServer) -> Iterator[httpx.Client]:
    base = f"http://127.0.0.1:{server.port}"
    # A connection that waits is closed when its process ends: browsers ask again, httpx does not.
    limits = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(base_url=base, headers=PAGE, timeout=DEADLINE, limits=limits) as client:
        yield client


def know_files(client: httpx.Client, path: str = "/", *, workers: int = 1) -> None:
    """Wait until each of the workers knows the files."""
    wait_for_state(lambda: client.get(path).headers.get("server-timing"), workers=workers)


def wait_for_text(client: httpx.Client, text: str) -> None:
    """Wait until the application says ``text`` in a worker that knows the files."""

    def is_there() -> bool:
        page = client.get("/")
        # An edit that comes before the first look at the modules is no change.
        return text in page.text and is_known(page.headers.get("server-timing"))

    wait_until(is_there, f"{text!r} in the page")


def version_of(page: httpx.Response) -> str:
    """The word for the state that a page belongs to."""
    found = re.fullmatch(r'h2static;desc="(\S+) \d+ \d+(?: \S*)?"', page.headers["server-timing"])
    assert found is not None
    return found[1]


def wait_for_another_state(client: httpx.Client, before: str) -> None:
    """Wait until a page of the application is of another state than ``before``.

    Workers of before may accept for a moment, and new ones do not know the files at once.
    """
    wait_until(
        lambda: before not in client.get("/").headers.get("server-timing", before),
        "another state",
    )


# Any: JSON.
def hello(client: httpx.Client) -> dict[str, Any]:
    """What a tab that connects is told first."""
    headers = {"sec-fetch-site": "same-origin"}
    with client.stream("GET", EVENTS_PATH, headers=headers) as events:
        text = ""
        for piece in events.iter_text():
            text += piece
            found = re.search(r"event: hello\ndata: (.*)\n\n", text)
            if found is not None:
                told: dict[str, Any] = json.loads(found[1])
                return told
    raise AssertionError(text)


def test_pages_of_both_have_the_client(folder: Path) -> None:
    with developing(folder, "www") as server, browser(server) as client:
        for path, title in (("/page.html", "a file"), ("/other", "hello GET  /other")):
            know_files(client, path)
            page = client.get(path)
            assert f"<title>{title}</title>" in page.text
            assert page.text.count(f'src="{CLIENT_PATH}"') == 1
            assert version_of(page) == hello(client)["version"]
        fetched = client.get("/other", headers={"sec-fetch-dest": "empty"})
        assert CLIENT_PATH not in fetched.text
        assert client.get(CLIENT_PATH, headers={"sec-fetch-site": "same-origin"}).is_success


def test_a_module_changes(folder: Path) -> None:
    """The workers start again, and the pages hear of another state."""
    with developing(folder) as server, browser(server) as client:
        know_files(client)
        before = version_of(client.get("/"))
        load = PoliteClient(server.port, "/")
        load.start()
        for greeting in ("good evening", "good night"):
            write_application(folder, greeting=greeting)
            wait_for_text(client, greeting)
        load.stop()
        tally = load.join()
        assert (tally.lost, tally.refused, tally.problems) == (0, 0, [])
        assert tally.statuses == {"200"}
        wait_for_another_state(client, before)
        wait_until(lambda: hello(client)["problems"] == [], "no problem")
        assert "changed /shop.py; restarting the applications" in server.stderr()


def test_a_module_that_cannot_be_imported(folder: Path) -> None:
    """The traceback is in the terminal and on the page, and the old application goes on."""
    with developing(folder) as server, browser(server) as client:
        know_files(client)
        path = folder / "shop.py"
        path.write_text(path.read_text() + "\n1 / 0\n")
        server.wait_for_stderr("reload failed; keeping the old configuration: shop:app: importing")
        server.wait_for_stderr("    ZeroDivisionError: division by zero")
        wait_until(lambda: hello(client)["problems"] != [], "the problem")
        (problem,) = hello(client)["problems"]
        assert "shop:app: importing it raised ZeroDivisionError" in problem
        assert 'shop.py", line' in problem
        assert "hello" in client.get("/").text
        write_application(folder, greeting="good morning")
        wait_for_text(client, "good morning")
        # Workers of before may accept for a moment, and tell what they know.
        wait_until(lambda: hello(client)["problems"] == [], "no problem")


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("1 / 0\n", "importing it raised ZeroDivisionError"),
        ("app = None\n", "NoneType object is not callable"),
        (
            """async def app(scope, receive, send):
                await send({'type': 'lifespan.startup.failed', 'message': 'no database'})""",
            "the application could not start: no database",
        ),
    ],
    ids=["import", "no application", "refuses"],
)
def test_an_application_that_cannot_start_at_first(
    folder: Path, wrong: str, said: str, workers: str
) -> None:
    """The server tells what is wrong, and starts the application once it is repaired."""
    (folder / "shop.py").write_text(wrong)
    with developing(folder, "-n", workers) as server, browser(server) as client:
        client.headers["accept"] = "text/html"
        assert f"shop:app: {said}" in server.stderr()
        assert "; waiting for a change" in server.stderr()
        know_files(client, workers=int(workers))
        page = client.get("/")
        assert page.status_code == 500
        assert f"shop:app: {said}" in page.text
        assert page.text.count(f'src="{CLIENT_PATH}"') == 1
        plain = client.get("/x", headers={"accept": "*/*", "sec-fetch-dest": "empty"})
        assert (plain.status_code, plain.headers["content-type"]) == (
            500,
            "text/plain; charset=utf-8",
        )
        before = version_of(page)
        # Another fault takes the place of the first.
        (folder / "shop.py").write_text("import no_such_module_1\n")
        wait_for_text(client, "no_such_module_1")
        know_files(client, workers=int(workers))
        write_application(folder, greeting="good morning")
        wait_for_text(client, "good morning")
        wait_for_another_state(client, before)


@pytest.mark.parametrize("name", ["notes.txt", "LOCK", "__pycache__/x.py", ".venv/lib/x.py"])
def test_what_is_no_module_of_theirs(folder: Path, name: str) -> None:
    with developing(folder) as server, browser(server) as client:
        know_files(client)
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x = 1\n")
        # A change that counts comes after it.
        write_application(folder, greeting="good evening")
        wait_for_text(client, "good evening")
        assert name not in server.stderr()
