"""Watching: real notifications, the debounce time, and what happens without notifications."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

import pytest

from h2static.dev.ignore import IgnoreRules
from h2static.dev.limits import DevLimits
from h2static.dev.tree import Change, Tree
from h2static.dev.watcher import Notices, Watcher
from tests.dev.watching import PATIENCE, settle, watching
from tests.support.edits import overwrite, replace
from tests.support.tools import require_tool


def test_real_changes(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("a")
    (tmp_path / "node_modules").mkdir()
    with watching(tmp_path) as recorder:
        settle(recorder)
        overwrite(tmp_path / "a.css", "b{}")
        assert recorder.next_paths() == ["a.css"]
        # A new folder is watched as well.
        (tmp_path / "new").mkdir()
        replace(tmp_path / "new" / "b.js", "1")
        assert recorder.next_paths() == ["new/b.js"]
        settle(recorder)
        overwrite(tmp_path / "new" / "b.js", "22")
        assert recorder.next_paths() == ["new/b.js"]
        # What is ignored is not reported; the next change is.
        (tmp_path / "node_modules" / "x.js").write_text("x")
        (tmp_path / "a.css~").write_text("x")
        (tmp_path / "a.tmp").write_text("c{} ")
        (tmp_path / "a.tmp").rename(tmp_path / "a.css")
        assert recorder.next_paths() == ["a.css"]
        shutil.rmtree(tmp_path / "new")
        assert recorder.next_paths() == ["new/b.js"]
        assert recorder.problems.empty()


def test_what_links_lead_to(tmp_path: Path) -> None:
    root, outside = tmp_path / "www", tmp_path / "outside"
    (outside / "theme" / "deep").mkdir(parents=True)
    (outside / "theme" / "deep" / "a.css").write_text("a")
    (outside / "one.css").write_text("1")
    root.mkdir()
    (root / "node_modules").mkdir()
    (root / "node_modules" / "lib.js").write_text("1")
    (root / "theme").symlink_to(outside / "theme")
    (root / "one.css").symlink_to(outside / "one.css")
    (root / "lib.js").symlink_to("node_modules/lib.js")
    with watching(root, follow_links=True) as recorder:
        settle(recorder)
        overwrite(outside / "theme" / "deep" / "a.css", "b{}")
        assert recorder.next_paths() == ["theme/deep/a.css"]
        replace(outside / "theme" / "deep" / "new.css", "b{}")
        assert recorder.next_paths() == ["theme/deep/new.css"]
        (outside / "nobody.css").write_text("1")
        replace(outside / "one.css", "22")
        assert recorder.next_paths() == ["one.css"]
        replace(root / "node_modules" / "lib.js", "22")
        assert recorder.next_paths() == ["lib.js"]


def test_a_root_that_is_made_anew(tmp_path: Path) -> None:
    root = tmp_path / "dist"
    root.mkdir()
    (root / "a.css").write_text("a")
    with watching(root) as recorder:
        settle(recorder)
        shutil.rmtree(root)
        assert recorder.next_paths() == ["a.css"]
        root.mkdir()
        (root / "a.css").write_text("b")
        assert recorder.next_paths() == ["a.css"]
        settle(recorder)
        (root / "a.css").write_text("c{}")
        assert recorder.next_paths() == ["a.css"]


def test_a_folder_that_is_made_anew_at_once(tmp_path: Path) -> None:
    for _ in range(3):
        (tmp_path / "css").mkdir()
        (tmp_path / "css" / "a.css").write_text("a")
        with watching(tmp_path) as recorder:
            settle(recorder)
            shutil.rmtree(tmp_path / "css")
            (tmp_path / "css").mkdir()
            (tmp_path / "css" / "a.css").write_text("bb")
            assert recorder.next_paths() == ["css/a.css"]
            settle(recorder)
            (tmp_path / "css" / "a.css").write_text("ccc")
            assert recorder.next_paths() == ["css/a.css"]
        shutil.rmtree(tmp_path / "css")


def test_a_root_that_is_a_swapped_link(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.css").write_text(name + name)
    link = tmp_path / "current"
    link.symlink_to("one")
    with watching(link) as recorder:
        settle(recorder)
        (tmp_path / "next").symlink_to("two")
        (tmp_path / "next").rename(link)
        assert recorder.next_paths() == ["a.css"]
        settle(recorder)
        replace(tmp_path / "two" / "b.css", "b")
        assert recorder.next_paths() == ["b.css"]


class Script:
    """Notices as a test wants them, on a clock of its own."""

    def __init__(self, turns: list[set[str]]) -> None:
        self.turns = turns
        self.now = 0.0
        self.exhausted = threading.Event()

    def notices(self, folders: list[str], stop: threading.Event) -> Notices:
        yield set()
        for turn in self.turns:
            self.now += 0.02
            yield turn
        self.exhausted.set()
        stop.wait(PATIENCE)

    def clock(self) -> float:
        return self.now


def play(root: Path, turns: list[set[str]], edit: Path) -> list[list[str]]:
    """What a watcher with a debounce time of 60 ms reports for such notices."""
    script = Script(turns)
    reported: list[list[str]] = []

    def on_change(changes: list[Change]) -> None:
        reported.append([change.path for change in changes])
        if len(reported) == 1:
            edit.write_text("edited")

    class InattentiveTree(Tree):
        """The comparison after the watches were set would see the edit: it is for another test."""

        seen = True

        def refresh(self, touched: Iterable[str]) -> list[Change]:
            if self.seen and reported:
                self.seen = False
                return []
            return super().refresh(touched)

    watcher = Watcher(
        InattentiveTree(str(root), IgnoreRules()),
        debounce=0.06,
        on_change=on_change,
        on_problem=lambda text: None,
        on_turn=lambda now: None,
        notices=script.notices,
        clock=script.clock,
    )
    watcher.start()
    assert script.exhausted.wait(PATIENCE)
    watcher.stop()
    return reported[1:]


def test_changes_are_gathered_until_it_is_quiet(tmp_path: Path) -> None:
    page = tmp_path / "a.html"
    page.write_text("a")
    touch = {str(page)}
    quiet: set[str] = set()
    assert play(tmp_path, [touch, quiet, quiet], page) == []
    page.write_text("a")
    assert play(tmp_path, [touch, quiet, quiet, quiet], page) == [["a.html"]]
    page.write_text("a")
    assert play(tmp_path, [touch, quiet, quiet, touch, quiet, quiet], page) == []
    page.write_text("a")
    assert play(tmp_path, [touch, quiet, touch, quiet, quiet, quiet, quiet], page) == [["a.html"]]


def test_endless_activity_is_reported_all_the_same(tmp_path: Path) -> None:
    page = tmp_path / "a.html"
    page.write_text("a")
    assert play(tmp_path, [{str(page)}, set()] * 100, page) == [["a.html"]]
    page.write_text("a")
    assert play(tmp_path, [{str(page)}] * 100, page) == [["a.html"]]


def test_without_notifications_it_says_so_and_polls(tmp_path: Path) -> None:
    often = DevLimits(poll_seconds=0.02, poll_factor=0)

    def limited(folders: list[str], stop: threading.Event) -> Notices:
        if folders:
            raise OSError(28, "OS file watch limit reached")
        yield set()

    with watching(tmp_path, limited, limits=often) as recorder:
        problem = recorder.problems.get(timeout=PATIENCE)
        assert problem is not None
        assert "max_user_watches" in problem
        assert "instead" in problem
        (tmp_path / "a.css").write_text("a")
        assert recorder.next_paths() == ["a.css"]


#: Runs a watcher on the folder of the command line and prints why it cannot.
_LIMITED = """
import queue, sys
from h2static.dev.ignore import IgnoreRules
from h2static.dev.tree import Tree
from h2static.dev.watcher import Watcher
problems = queue.Queue()
watcher = Watcher(Tree(sys.argv[1], IgnoreRules()), debounce=0.01, on_change=lambda changes: None,
                  on_problem=problems.put, on_turn=lambda now: None)
watcher.start()
print(problems.get(timeout=30))
watcher.stop()
"""


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        ("max_inotify_watches", "limit on file watches is reached (31 folders;"),
        ("max_inotify_instances", "limit on file watchers is reached (raise "),
    ],
)
def test_the_systems_real_limits(tmp_path: Path, limit: str, words: str) -> None:
    unshare = require_tool("unshare", package="util-linux", optional=True)
    for number in range(30):
        (tmp_path / str(number)).mkdir()
    # A user namespace has limits of its own, which nobody else feels.
    value = 10 if limit == "max_inotify_watches" else 0
    script = f'echo {value} > /proc/sys/user/{limit} && exec "$@"'
    if subprocess.run([unshare, "-Ur", "true"], capture_output=True, check=False).returncode:
        pytest.skip("user namespaces are not allowed here")
    process = subprocess.run(
        [unshare, "-Ur", "sh", "-c", script, "-", sys.executable, "-c", _LIMITED, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert words in process.stdout, process.stderr
    assert "instead" in process.stdout


def test_any_other_fault_of_notifications(tmp_path: Path) -> None:
    def broken(folders: list[str], stop: threading.Event) -> Notices:
        if folders:
            raise RuntimeError("no inotify here")
        yield set()

    with watching(tmp_path, broken) as recorder:
        problem = recorder.problems.get(timeout=PATIENCE)
        assert problem is not None
        assert "no inotify here" in problem


def test_a_bug_is_told(tmp_path: Path) -> None:
    def faulty(folders: list[str], stop: threading.Event) -> Notices:
        if folders:
            raise KeyError("surprise")
        yield set()

    with watching(tmp_path, faulty) as recorder:
        problem = recorder.problems.get(timeout=PATIENCE)
        assert problem is not None
        assert "surprise" in problem
