"""Rules files that are broken, at the start or later, while somebody edits a site."""

from __future__ import annotations

import contextlib
import http.client
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.edits import replace
from tests.support.events import EventClient, wait_for_state
from tests.support.processes import RunningServer, run, running, wait_until

pytestmark = pytest.mark.timeout(120)

RULES = '{"rules": [{"path": "/", "targets": ["/%s"]}]}'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "www"
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html><title>t</title>")
    (folder / "a.css").write_text("a{}")
    (folder / "b.css").write_text("b{}")
    return folder


@contextlib.contextmanager
def dev(root: Path, *words: str) -> Iterator[RunningServer]:
    with running("--dev", "--no-tls", "--debounce", "20", *words, "0", str(root)) as server:
        yield server


def link_of(server: RunningServer) -> str | None:
    """The Link field of the first page."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", "/", headers={"host": f"localhost:{server.port}"})
        response = connection.getresponse()
        response.read()
        assert response.status == 200
        return response.headers["link"]


def timing_of(server: RunningServer) -> str | None:
    """What the first page tells of the state of the files."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    with contextlib.closing(connection):
        fields = {"host": f"localhost:{server.port}", "accept": "text/html"}
        connection.request("HEAD", "/", headers=fields)
        return connection.getresponse().headers["server-timing"]


def problems(events: EventClient, text: str) -> None:
    """Wait until the tabs are told of a problem with ``text`` in it; empty: of none."""
    while True:
        told = events.next("hello")["problems"]
        assert isinstance(told, list)
        if any(text in str(one) for one in told) if text else not told:
            return


@pytest.mark.parametrize(
    ("name", "content", "words", "told"),
    [
        ("www/_headers", "/*\n  no colon here\n", ("--netlify",), "_headers:2"),
        ("www/_redirects", "/a\n", ("--netlify",), "_redirects:1"),
        ("push.json", "{", ("--push-rules", "push.json"), "push.json:1:2: not JSON"),
    ],
)
def test_broken_from_the_start(
    root: Path, name: str, content: str, words: tuple[str, ...], told: str
) -> None:
    """The dev server says so in terminal and tabs; production does not start."""
    file = root.parent / name
    file.write_text(content)
    words = tuple(str(root.parent / word) if word == name else word for word in words)
    done = run("--no-tls", *words, "0", str(root))
    assert done.returncode in (1, 2)
    assert told in done.stderr
    with dev(root, *words) as server, EventClient(server.port) as events:
        problems(events, told)
        server.wait_for_stderr(told)
        assert link_of(server) is None


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("_headers", "/*\n  no colon here\n", "_headers:2"),
        ("_redirects", "/a\n", "_redirects:1"),
    ],
)
@pytest.mark.parametrize("mode", [(), ("-n", "2")])
def test_broken_while_nothing_is_asked_for(
    root: Path, name: str, content: str, told: str, mode: tuple[str, ...]
) -> None:
    with dev(root, "--netlify", *mode) as server, EventClient(server.port) as events:
        events.known()
        replace(root / name, content)
        problems(events, told)
        server.wait_for_stderr(told)
        replace(root / name, "")
        problems(events, "")
        assert server.stderr().count(told) == 1


def test_a_page_that_cannot_reload_is_told_of_once(root: Path) -> None:
    """Its origin is opaque, and events are for pages of this origin only."""
    header = ("--header", "/index.html:content-security-policy: sandbox allow-scripts")
    with dev(root, *header, "-n", "2") as server:
        for _ in range(10):
            connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
            with contextlib.closing(connection):
                fields = {"host": f"localhost:{server.port}", "accept": "text/html"}
                connection.request("GET", "/", headers=fields)
                assert b"<script" not in connection.getresponse().read()
        server.wait_for_stderr("/: no live reload: its Content-Security-Policy has sandbox")
        assert server.stderr().count("no live reload") == 1


def test_push_rules_are_read_again(root: Path) -> None:
    """They lie outside the root; old ones stay while the file is broken."""
    rules = root.parent / "push.json"
    rules.write_text(RULES % "a.css")
    with dev(root, "--push-rules", str(rules)) as server, EventClient(server.port) as events:
        events.known()
        assert link_of(server) == "</a.css>; rel=preload; as=style"
        replace(rules, "{")
        problems(events, "push.json:1:2: not JSON")
        server.wait_for_stderr("push.json:1:2: not JSON")
        assert link_of(server) == "</a.css>; rel=preload; as=style"
        replace(rules, RULES % "b.css")
        problems(events, "")
        server.wait_for_stderr("reloaded the push rules")
        wait_until(
            lambda: link_of(server) == "</b.css>; rel=preload; as=style", "the new rules hold"
        )


def test_a_target_that_comes_later(root: Path) -> None:
    with (
        dev(root, "-p", "/=/later.css") as server,
        EventClient(server.port) as events,
    ):
        problems(events, "/later.css")
        assert link_of(server) is None
        replace(root / "later.css", "a{}")
        problems(events, "")
        wait_until(lambda: link_of(server) is not None, "the target is hinted at")


def test_a_reload_with_broken_rules_goes_on_with_a_warning(root: Path) -> None:
    rules = root.parent / "push.json"
    rules.write_text(RULES % "a.css")
    with dev(root, "--push-rules", str(rules)) as server:
        old = server.workers()
        replace(rules, "{")
        server.wait_for_stderr("push.json:1:2: not JSON")
        server.signal(signal.SIGHUP)
        wait_until(lambda: not set(old) & set(server.workers()), "the old worker is gone")
        with EventClient(server.port) as events:
            problems(events, "push.json:1:2: not JSON")


def test_each_change_is_told_once_in_the_terminal(root: Path) -> None:
    """Although every worker finds it."""
    with dev(root, "-n", "3", "--netlify") as server, EventClient(server.port) as events:
        events.known()
        wait_for_state(lambda: timing_of(server), workers=3)
        replace(root / "a.css", "a{color:red}")
        events.next("change")
        server.wait_for_stderr("changed /a.css\n")
        replace(root / "b.css", "b{color:red}")
        events.next("change")
        server.wait_for_stderr("changed /b.css\n")
        assert server.stderr().count("changed /a.css") == 1
