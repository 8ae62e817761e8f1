"""Watching where the system does not tell of changes: FUSE, virtiofs, other machines' files."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from h2static.dev.file_systems import FileSystems
from h2static.dev.limits import DevLimits
from h2static.dev.watcher import Notices
from tests.dev.watching import PATIENCE, settle, watching
from tests.support.edits import overwrite, replace
from tests.support.mounts import bound

OFTEN = DevLimits(poll_seconds=0.02, poll_factor=0, root_seconds=0.02)


class Mounted(FileSystems):
    """A system where some folders are on a file system that does not tell."""

    def __init__(self, *folders: Path) -> None:
        super().__init__()
        self._folders = [str(folder) for folder in folders]
        self._news = threading.Event()

    def mount(self, folder: Path) -> None:
        self._folders.append(str(folder))
        self._news.set()

    def changed(self) -> bool:
        changed = self._news.is_set()
        self._news.clear()
        return changed

    def silent(self, folder: str) -> str | None:
        below = [one for one in self._folders if f"{folder}/".startswith(f"{one}/")]
        return "virtiofs" if below else None


class Untold:
    """Notices of nothing, and for which folders they were wanted."""

    def __init__(self) -> None:
        self.folders: list[list[str]] = []

    def __call__(self, folders: list[str], stop: threading.Event) -> Notices:
        self.folders.append(folders)
        while not stop.wait(0.002):
            yield set()


def test_a_root_that_does_not_tell(tmp_path: Path) -> None:
    untold = Untold()
    with watching(tmp_path, untold, file_systems=Mounted(tmp_path), limits=OFTEN) as recorder:
        assert recorder.notices.get(timeout=PATIENCE) == (
            "The folder is on a file system (virtiofs) that may not report changes; polling"
            " every 0.0 s instead"
        )
        replace(tmp_path / "a.css", "a")
        assert recorder.next_paths() == ["a.css"]
    # It works: nothing is in the way of a page.
    assert recorder.problems.empty()
    assert untold.folders == []


def test_a_folder_that_does_not_tell_below_a_root_that_does(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "deep").mkdir(parents=True)
    (tmp_path / "css").mkdir()
    untold = Untold()
    with watching(tmp_path, untold, file_systems=Mounted(data), limits=OFTEN) as recorder:
        assert recorder.notices.get(timeout=PATIENCE) == (
            f"{data} is on a file system (virtiofs) that may not report changes; polling"
            " every 0.0 s instead"
        )
        replace(data / "deep" / "a.css", "a")
        assert recorder.next_paths() == ["data/deep/a.css"]
        # Folders that come and go are looked at, too.
        (data / "new").mkdir()
        replace(data / "new" / "b.css", "b")
        assert recorder.next_paths() == ["data/new/b.css"]
        overwrite(data / "new" / "b.css", "bbb")
        assert recorder.next_paths() == ["data/new/b.css"]
    assert untold.folders[0] == [str(tmp_path), str(tmp_path / "css")]
    assert {folder for folders in untold.folders for folder in folders} == set(untold.folders[0])
    assert recorder.notices.empty()
    assert recorder.problems.empty()


def test_notices_of_the_others_are_heard_all_the_same(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with watching(tmp_path, file_systems=Mounted(data), limits=OFTEN) as recorder:
        settle(recorder)
        replace(tmp_path / "a.css", "a")
        assert recorder.next_paths() == ["a.css"]
        replace(data / "b.css", "b")
        assert recorder.next_paths() == ["data/b.css"]


def test_links_into_a_folder_that_does_not_tell(tmp_path: Path) -> None:
    root, outside = tmp_path / "www", tmp_path / "outside"
    (outside / "theme" / "deep").mkdir(parents=True)
    (outside / "one.css").write_text("1")
    root.mkdir()
    (root / "theme").symlink_to(outside / "theme")
    (root / "one.css").symlink_to(outside / "one.css")

    class Behind(Mounted):
        def silent(self, folder: str) -> str | None:
            return super().silent(str(Path(folder).resolve()))

    with watching(
        root, Untold(), follow_links=True, file_systems=Behind(outside), limits=OFTEN
    ) as recorder:
        settle(recorder)
        replace(outside / "theme" / "deep" / "a.css", "a")
        assert recorder.next_paths() == ["theme/deep/a.css"]
        replace(outside / "one.css", "22")
        assert recorder.next_paths() == ["one.css"]


def test_what_is_mounted_later(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    mounted = Mounted()
    with watching(tmp_path, Untold(), file_systems=mounted, limits=OFTEN) as recorder:
        settle(recorder)
        mounted.mount(data)
        assert recorder.notices.get(timeout=PATIENCE).startswith(f"{data} is on a file system")
        replace(data / "a.css", "a")
        assert recorder.next_paths() == ["data/a.css"]
        mounted.mount(tmp_path)
        assert recorder.notices.get(timeout=PATIENCE).startswith("The folder is on a file system")
        replace(tmp_path / "b.css", "b")
        assert recorder.next_paths() == ["b.css"]


def test_looking_can_be_asked_for(tmp_path: Path) -> None:
    untold = Untold()
    with watching(tmp_path, untold, always_compare=True, limits=OFTEN) as recorder:
        replace(tmp_path / "a.css", "a")
        assert recorder.next_paths() == ["a.css"]
    assert untold.folders == []
    assert recorder.notices.empty()
    assert recorder.problems.empty()


# ---------------------------------------------------------------- real mounts

real = pytest.mark.skipif(sys.platform != "linux", reason="mounts")


@real
def test_a_root_that_is_mounted_by_fuse(tmp_path: Path) -> None:
    source, root = tmp_path / "source", tmp_path / "www"
    source.mkdir()
    root.mkdir()
    (source / "a.css").write_text("a")
    with bound(source, root), watching(root) as recorder:
        assert "is on a file system (fuse" in recorder.notices.get(timeout=PATIENCE)
        replace(source / "a.css", "bb")
        assert recorder.next_paths() == ["a.css"]


@real
def test_a_folder_that_is_mounted_by_fuse_while_its_root_is_watched(tmp_path: Path) -> None:
    source, root = tmp_path / "source", tmp_path / "www"
    source.mkdir()
    (root / "data").mkdir(parents=True)
    (source / "a.css").write_text("a")
    with watching(root) as recorder:
        settle(recorder)
        with bound(source, root / "data"):
            assert recorder.next_paths() == ["data/a.css"]
            assert f"{root}/data is on a file system (fuse" in recorder.notices.get(
                timeout=PATIENCE
            )
            replace(source / "a.css", "bb")
            assert recorder.next_paths() == ["data/a.css"]
            replace(root / "b.css", "b")
            assert recorder.next_paths() == ["b.css"]
        assert recorder.next_paths() == ["data/a.css"]
        # It is a local folder again.
        settle(recorder)
        replace(root / "data" / "c.css", "c")
        assert recorder.next_paths() == ["data/c.css"]
