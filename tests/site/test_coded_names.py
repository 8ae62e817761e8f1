"""What is known of siblings that are absent: never more than looking each of them up would show."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from h2static.site.coded_names import CodedNames
from h2static.site.files import (
    Dependencies,
    FileVersion,
    Folder,
    OpenFolders,
    Walk,
    version_of,
)
from h2static.site.limits import DEFAULTS, SiteLimits
from tests.site.harness import Client, field, make_client, write

LATER = 2e10
#: Requests after which a folder has been read.
ENOUGH = DEFAULTS.looks_before_list + 2


def asked(client: Client, root: Path, *, folder: str = "") -> None:
    """Have files of ``folder`` asked for until what it holds is known."""
    for number in range(ENOUGH):
        write(root, f"{folder}{number}.js", "content")
    client.clock.settle()
    for number in range(ENOUGH):
        assert client.status(f"/{folder}{number}.js", accept_encoding="br") == 200


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The names that are looked at within folders."""
    seen: list[bytes] = []
    look = os.stat

    def noting(path: bytes, *, dir_fd: int | None = None, follow_symlinks: bool = True) -> object:
        if dir_fd is not None:
            seen.append(path)
        return look(path, dir_fd=dir_fd, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(os, "stat", noting)
    return seen


def test_absent_siblings_are_not_looked_for(root: Path, looks: list[bytes]) -> None:
    client = make_client(root)
    asked(client, root, folder="sub/")
    write(root, "sub/new.js", "content")
    assert client.status("/sub/new.js") == 200
    # The folder has changed: it has to be read again first.
    assert b"new.js.br" in looks
    client.clock.settle()
    for number in range(ENOUGH):
        client.get(f"/sub/{number}.js", accept_encoding="br")
    looks.clear()
    assert client.status("/sub/new.js", accept_encoding="gzip") == 200
    assert looks == [b"sub", b"new.js"]


def test_a_sibling_that_comes_is_sent_at_once(root: Path) -> None:
    client = make_client(root)
    asked(client, root)
    write(root, "1.js.br", "brotli")
    response = client.get("/1.js", accept_encoding="br")
    assert field(response, "content-encoding") == "br"
    client.clock.settle()
    asked(client, root)
    assert field(client.get("/1.js", accept_encoding="br"), "content-encoding") == "br"
    os.unlink(root / "1.js.br")
    assert field(client.get("/1.js", accept_encoding="br"), "content-encoding") is None


def test_a_sibling_that_comes_by_renaming_its_folder(root: Path) -> None:
    """The path stands for another folder, with other siblings."""
    client = make_client(root)
    asked(client, root, folder="sub/")
    for number in range(ENOUGH):
        write(root, f"next/{number}.js", "content")
        write(root, f"next/{number}.js.br", "brotli")
    os.rename(root / "sub", root / "old")
    os.rename(root / "next", root / "sub")
    client.clock.settle()
    for number in range(ENOUGH):
        response = client.get(f"/sub/{number}.js", accept_encoding="br")
        assert field(response, "content-encoding") == "br"


class Reading:
    """A memory whose jobs the test runs."""

    def __init__(self, root: Path, limits: SiteLimits = DEFAULTS) -> None:
        self.jobs: list[Callable[[], None]] = []
        self.names = CodedNames(self.jobs.append, limits)
        self._root = os.fsencode(root)

    def of(self, *, settled_before: int = int(LATER * 1e9)) -> frozenset[bytes] | None:
        """What is known of the root."""
        return self.names.of(self.folder(), settled_before)

    def folder(self) -> Folder:
        with Walk(self._root, Dependencies(LATER), follow_symlinks=False) as walk:
            return walk.root()

    def until_read(self) -> frozenset[bytes] | None:
        """Ask until the folder is to be read, read it, and ask again."""
        for _ in range(ENOUGH):
            self.of()
        (job,) = self.jobs
        self.jobs.clear()
        job()
        return self.of()


def test_a_folder_is_read_once(root: Path) -> None:
    write(root, "a.js")
    write(root, "a.js.br")
    write(root, "b.js.gz")
    write(root, "c.txt")
    reading = Reading(root)
    assert reading.of() is None
    assert reading.jobs == []
    assert reading.until_read() == frozenset((b"a.js.br", b"b.js.gz"))
    for _ in range(ENOUGH):
        reading.of()
    assert reading.jobs == []
    reading.names.release()
    assert reading.of() is None


def test_a_folder_that_has_not_settled_is_not_read(root: Path) -> None:
    reading = Reading(root)
    for _ in range(ENOUGH):
        assert reading.of(settled_before=0) is None
    assert reading.jobs == []


def test_a_folder_that_changes_before_it_is_read(root: Path) -> None:
    reading = Reading(root)
    for _ in range(ENOUGH):
        reading.of()
    before = reading.folder()
    write(root, "a.js.br")
    (job,) = reading.jobs
    job()
    assert reading.names.of(before, int(LATER * 1e9)) is None
    reading.jobs.clear()
    assert reading.until_read() == frozenset((b"a.js.br",))


def test_a_folder_that_is_gone_before_it_is_read(root: Path) -> None:
    reading = Reading(root)
    for _ in range(ENOUGH):
        reading.of()
    os.rename(root, root.parent / "gone")
    (job,) = reading.jobs
    job()
    os.rename(root.parent / "gone", root)
    assert reading.of() is None


@pytest.mark.parametrize(
    "limits", [SiteLimits(listed_entries=5), SiteLimits(listed_siblings=2)], ids=["all", "coded"]
)
def test_too_many_names_are_not_kept(root: Path, limits: SiteLimits) -> None:
    for number in range(6):
        write(root, f"{number}.br")
    assert Reading(root, limits).until_read() is None


def test_as_many_names_as_are_allowed(root: Path) -> None:
    for number in range(6):
        write(root, f"{number}.br")
    known = Reading(root, SiteLimits(listed_entries=6, listed_siblings=6)).until_read()
    assert known is not None
    assert len(known) == 6


def test_folders_are_bounded(root: Path) -> None:
    names = CodedNames(lambda job: job(), SiteLimits(listed_folders=2))
    for name in ("a", "b", "c"):
        write(root, f"{name}/x")
    settled = int(LATER * 1e9)
    with Walk(os.fsencode(root), Dependencies(LATER), follow_symlinks=False) as walk:
        folders = [walk.step(walk.root(), name) for name in (b"a", b"b", b"c")]
    for folder in folders:
        assert isinstance(folder, Folder)
        for _ in range(ENOUGH):
            known = names.of(folder, settled)
        assert known == frozenset()
    assert isinstance(folders[0], Folder)
    assert names.of(folders[0], settled) is None


class TestOpenFolders:
    """Folders that stay open between walks."""

    @staticmethod
    def opened(root: Path, folders: OpenFolders, *names: bytes) -> list[tuple[int, int]]:
        """Descriptors and inodes of the folders on the way."""
        with Walk(
            os.fsencode(root), Dependencies(LATER), follow_symlinks=False, folders=folders
        ) as walk:
            place = walk.root()
            found = [(place.descriptor, place.version.inode)]
            for name in names:
                step = walk.step(place, name)
                assert isinstance(step, Folder)
                place = step
                found.append((place.descriptor, os.fstat(place.descriptor).st_ino))
            return found

    def test_the_same_folder_is_opened_once(self, root: Path) -> None:
        write(root, "a/b/c")
        folders = OpenFolders()
        assert self.opened(root, folders, b"a", b"b") == self.opened(root, folders, b"a", b"b")

    def test_a_version_is_the_same_object_until_it_changes(self, root: Path) -> None:
        folders = OpenFolders()

        def version() -> FileVersion:
            with Walk(
                os.fsencode(root), Dependencies(LATER), follow_symlinks=False, folders=folders
            ) as walk:
                return walk.root().version

        first = version()
        assert version() is first
        os.utime(root, (1, 1))
        second = version()
        assert second == version_of(root.stat()) != first
        assert version() is second

    def test_another_folder_of_the_name_is_another(self, root: Path) -> None:
        write(root, "a/old")
        write(root, "b/new")
        folders = OpenFolders()
        self.opened(root, folders, b"a")
        os.rename(root / "a", root / "c")
        os.rename(root / "b", root / "a")
        (_, again) = self.opened(root, folders, b"a")
        assert again[1] == (root / "a").stat().st_ino

    def test_another_root(self, root: Path) -> None:
        for name in ("one", "other"):
            write(root, f"{name}/{name}")
        link = root / "link"
        link.symlink_to("one")
        folders = OpenFolders()
        self.opened(link, folders)
        link.unlink()
        link.symlink_to("other")
        (again,) = self.opened(link, folders)
        assert again[1] == (root / "other").stat().st_ino

    def test_what_is_absent_is_absent(self, root: Path) -> None:
        write(root, "a/b")
        folders = OpenFolders()
        self.opened(root, folders, b"a")
        os.rename(root / "a", root / "c")
        with pytest.raises(FileNotFoundError):
            self.opened(root, folders, b"a")

    def test_a_link_in_its_place_is_a_link(self, root: Path) -> None:
        write(root.parent / "outside", "secret")
        write(root, "a/b")
        folders = OpenFolders()
        self.opened(root, folders, b"a")
        os.rename(root / "a", root / "c")
        (root / "a").symlink_to(root.parent / "outside")
        with pytest.raises(FileNotFoundError):
            self.opened(root, folders, b"a")

    def test_their_number_is_bounded(self, root: Path) -> None:
        for number in range(20):
            write(root, f"{number}/x")
        folders = OpenFolders(SiteLimits(open_folders=3))
        # What earlier tests left open would be closed at a moment of its own.
        gc.collect()
        before = len(os.listdir("/dev/fd"))
        for number in range(20):
            self.opened(root, folders, b"%d" % number)
            assert len(os.listdir("/dev/fd")) <= before + 3
        folders.release()
        assert len(os.listdir("/dev/fd")) == before
