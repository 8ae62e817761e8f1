"""Which changes ``h2static --dev`` tells of, as a process on real file systems."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.support.edits import replace
from tests.support.events import EventClient
from tests.support.mounts import bound
from tests.support.processes import RunningServer, run, running

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mounts")


def dev(root: Path, *words: str) -> AbstractContextManager[RunningServer]:
    return running("--dev", "--no-tls", "-a", "127.0.0.1", *words, "0", str(root))


def next_change(events: EventClient) -> list[str]:
    changes = events.next("change")["changes"]
    assert isinstance(changes, list)
    return [change["path"] for change in changes]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "www"
    root.mkdir()
    (root / "index.html").write_text("<!doctype html><title>t</title>")
    return root


def test_what_is_not_served_does_not_reload(root: Path) -> None:
    (root / ".angular" / "cache").mkdir(parents=True)
    with dev(root) as server, EventClient(server.port) as events:
        events.known()
        for name in (".eslintcache", ".env", ".angular/cache/x.json"):
            replace(root / name, "x")
        replace(root / "a.css", "a{}")
        assert next_change(events) == ["/a.css"]
        replace(root / ".env", "yy")
        replace(root / "b.css", "b{}")
        assert next_change(events) == ["/b.css"]


@pytest.mark.parametrize("words", [(), ("--poll",)])
def test_a_folder_that_is_mounted_by_fuse(
    root: Path, tmp_path: Path, words: tuple[str, ...]
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    with bound(source, root), dev(root, *words) as server, EventClient(server.port) as events:
        assert events.known()["problems"] == []
        replace(source / "a.css", "a{}")
        assert next_change(events) == ["/a.css"]
        said = "The folder is on a file system (fuse"
        assert (said in server.stderr()) == (not words)


def test_a_mount_below_the_root(root: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (root / "data").mkdir()
    with (
        bound(source, root / "data"),
        dev(root) as server,
        EventClient(server.port) as events,
    ):
        events.known()
        server.wait_for_stderr(f"{root}/data is on a file system (fuse")
        replace(source / "a.css", "a{}")
        assert next_change(events) == ["/data/a.css"]
        replace(root / "b.css", "b{}")
        assert next_change(events) == ["/b.css"]


def test_polling_is_for_those_who_watch(root: Path) -> None:
    done = run("--no-tls", "--poll", "0", str(root))
    assert (done.returncode, done.stderr) == (
        2,
        "h2static: --poll requires --dev or --live-reload\n",
    )
