"""What changed below a root."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from h2static.dev.ignore import IgnoreRules
from h2static.dev.limits import DEFAULT_LIMITS, DevLimits
from h2static.dev.tree import Change, Kind, Tree


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "css").mkdir()
    (tmp_path / "index.html").write_text("<p>")
    (tmp_path / "css" / "a.css").write_text("a{}")
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "x.js").write_text("x")
    return tmp_path


def scanned(root: Path, limits: DevLimits = DEFAULT_LIMITS) -> Tree:
    tree = Tree(str(root), IgnoreRules(), limits=limits)
    tree.scan()
    while tree.learn():
        pass
    return tree


def later(path: Path) -> None:
    """Set the time of a file to a later one, whatever the clock's resolution."""
    status = path.stat()
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns + 1_000_000))


def test_scan(root: Path) -> None:
    tree = scanned(root)
    assert len(tree) == 2
    assert tree.folders == {"", "css"}
    assert tree.refresh([""]) == []


def test_the_version_is_the_same_for_the_same_files(root: Path) -> None:
    assert scanned(root).version == scanned(root).version


def test_modified(root: Path) -> None:
    tree = scanned(root)
    before = tree.version
    (root / "css" / "a.css").write_text("a{color:red}")
    assert tree.refresh(["css/a.css"]) == [Change(path="css/a.css", kind=Kind.MODIFIED)]
    assert tree.version != before
    assert tree.version == scanned(root).version
    assert tree.refresh(["css/a.css", ""]) == []


def test_same_length_edit_is_a_change(root: Path) -> None:
    tree = scanned(root)
    (root / "index.html").write_text("<q>")
    later(root / "index.html")
    assert [change.path for change in tree.refresh([""])] == ["index.html"]


def test_an_edit_with_the_date_put_back_is_a_change(root: Path) -> None:
    """Nix, Bazel and SOURCE_DATE_EPOCH give every file one date."""
    page = root / "index.html"
    os.utime(page, (1, 1))
    tree = scanned(root)
    before, version = page.stat(), tree.version
    page.write_text("<q>")
    os.utime(page, (1, 1))
    while page.stat().st_ctime_ns == before.st_ctime_ns:
        os.utime(page, (1, 1))
    assert [change.path for change in tree.refresh([""])] == ["index.html"]
    assert tree.version != version
    assert tree.version == scanned(root).version
    # Another mode is no other content, whether the content is known or too large.
    page.chmod(0o600)
    assert tree.refresh([""]) == []
    tree = scanned(root, DevLimits(digested_file=1))
    page.chmod(0o644)
    assert tree.refresh([""]) == []


def test_a_change_before_the_content_is_learned_is_a_change(root: Path) -> None:
    tree = Tree(str(root), IgnoreRules())
    tree.scan()
    (root / "index.html").write_text("<q>x")
    while tree.learn():
        pass
    assert [change.path for change in tree.refresh([""])] == ["index.html"]


@pytest.mark.parametrize("rewrite", [True, False])
def test_a_touch_is_no_change(root: Path, rewrite: bool) -> None:
    tree = scanned(root)
    before = tree.version
    if rewrite:
        (root / "index.html").write_text("<p>")
    later(root / "index.html")
    assert tree.refresh(["index.html"]) == []
    assert tree.version == before


def test_atomic_save_is_one_change(root: Path) -> None:
    tree = scanned(root)
    (root / ".index.html.tmp").write_text("<b>")
    (root / ".index.html.tmp").rename(root / "index.html")
    changes = tree.refresh([".index.html.tmp", "index.html"])
    assert changes == [Change(path="index.html", kind=Kind.MODIFIED)]


def test_added_and_removed(root: Path) -> None:
    tree = scanned(root)
    before = tree.version
    (root / "new").mkdir()
    (root / "new" / "b.js").write_text("b")
    assert tree.refresh(["new"]) == [Change(path="new/b.js", kind=Kind.ADDED)]
    assert "new" in tree.folders
    shutil.rmtree(root / "new")
    assert tree.refresh(["new"]) == [Change(path="new/b.js", kind=Kind.REMOVED)]
    assert tree.folders == {"", "css"}
    assert tree.version == before


def test_a_folder_that_vanished_is_found_from_above(root: Path) -> None:
    tree = scanned(root)
    shutil.rmtree(root / "css")
    assert tree.refresh([""]) == [Change(path="css/a.css", kind=Kind.REMOVED)]
    assert tree.folders == {""}


def test_the_root_goes_and_comes_back(root: Path) -> None:
    tree = scanned(root)
    before = tree.version
    kept = root.with_name("kept")
    root.rename(kept)
    changes = tree.refresh([""])
    assert {change.kind for change in changes} == {Kind.REMOVED}
    assert (len(tree), tree.folders) == (0, set())
    kept.rename(root)
    assert len(tree.refresh([""])) == 2
    assert tree.version == before


def test_ignored_paths(root: Path) -> None:
    tree = scanned(root)
    (root / "node_modules" / "x.js").write_text("yy")
    (root / "a~").write_text("y")
    assert tree.refresh(["node_modules/x.js", "a~", ""]) == []


def test_ignored_folders_are_not_watched(root: Path) -> None:
    (root / "node_modules" / "deep" / "deeper").mkdir(parents=True)
    (root / "css" / ".git").mkdir()
    assert scanned(root).folders == {"", "css"}


def test_paths_by_either_name_of_a_linked_root(root: Path) -> None:
    link = root.parent / "link"
    link.symlink_to(root)
    tree = scanned(link)
    assert tree.relative(f"{link}/css/a.css") == "css/a.css"
    assert tree.relative(f"{root}/css/a.css") == "css/a.css"
    assert tree.relative(str(root)) == ""
    assert tree.relative(f"{root}other") is None


def test_many_touched_paths(root: Path) -> None:
    tree = scanned(root)
    for number in range(300):
        (root / f"{number}.txt").write_text("x")
    assert len(tree.refresh([f"{number}.txt" for number in range(300)])) == 300


def test_linked_folder_changes_under_both_names(root: Path) -> None:
    (root / "styles").symlink_to("css")
    tree = scanned(root)
    (root / "css" / "a.css").write_text("b{color:red}")
    assert [change.path for change in tree.refresh(["css/a.css"])] == [
        "css/a.css",
        "styles/a.css",
    ]


def test_link_loops_end(root: Path) -> None:
    (root / "css" / "up").symlink_to("..")
    (root / "self").symlink_to("self")
    assert len(scanned(root)) == 2


def test_a_linked_file_changes_with_its_target(root: Path) -> None:
    (root / "first.css").symlink_to("css/a.css")
    tree = scanned(root)
    (root / "css" / "a.css").write_text("b{color:red}")
    names = tree.names(str(root / "css" / "a.css"))
    assert names == {"css/a.css", "first.css"}
    assert [change.path for change in tree.refresh(names)] == ["css/a.css", "first.css"]


def test_links_that_leave_the_root_are_followed_when_they_are_served(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "deep").mkdir()
    (outside / "deep" / "x.css").write_text("x")
    (outside / "back").symlink_to(root)
    (outside / "again").symlink_to(outside)
    (root / "linked").symlink_to(outside)
    (root / "other").symlink_to(outside)
    (root / "up").symlink_to(root.parent)
    assert not scanned(root).names(str(outside / "deep" / "x.css"))
    tree = Tree(str(root), IgnoreRules(), follow_links=True)
    tree.scan()
    first, second = sorted(["linked", "other"], key=lambda name: f"{name}/deep" not in tree.folders)
    assert {name for name in tree.folders if "/" in name} == {f"{first}/deep"}
    assert tree.names(str(outside / "deep" / "x.css")) == {f"{first}/deep/x.css"}
    (outside / "deep" / "x.css").write_text("xx")
    assert {change.path for change in tree.refresh([f"{first}/deep/x.css"])} >= {
        f"{first}/deep/x.css",
        f"{second}/deep/x.css",
    }
    assert str(root / first / "deep") in tree.places()


def test_a_link_that_leaves_the_root_may_get_another_name(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (outside / "x.js").write_text("1")
    (root / "old").symlink_to(outside)
    tree = Tree(str(root), IgnoreRules(), follow_links=True)
    tree.scan()
    (root / "old").rename(root / "new")
    assert tree.refresh([""]) == [
        Change(path="new/x.js", kind=Kind.ADDED),
        Change(path="old/x.js", kind=Kind.REMOVED),
    ]
    (outside / "x.js").write_text("22")
    assert tree.names(str(outside / "x.js")) == {"new/x.js"}
    assert tree.refresh(["new/x.js"]) == [Change(path="new/x.js", kind=Kind.MODIFIED)]
    # One of two names goes.
    (root / "other").symlink_to(outside)
    tree.refresh([""])
    (root / "new").unlink()
    tree.refresh([""])
    assert tree.names(str(outside / "x.js")) == {"other/x.js"}


def test_links_that_leave_the_root_are_overlooked_when_they_are_not_served(
    root: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """However they are heard of: what is never served never reloads a page."""
    outside = tmp_path_factory.mktemp("outside")
    (outside / "x.css").write_text("x")
    tree = scanned(root)
    before = tree.version
    (root / "file.css").symlink_to(outside / "x.css")
    (root / "folder").symlink_to(outside)
    assert tree.refresh(["file.css", "folder", "folder/x.css"]) == []
    assert tree.refresh([""]) == []
    (outside / "x.css").write_text("xx")
    assert tree.refresh(["file.css", "folder/x.css", ""]) == []
    assert tree.version == before == scanned(root).version
    # What is served no more is gone.
    (root / "index.html").unlink()
    (root / "index.html").symlink_to(outside / "x.css")
    assert tree.refresh(["index.html"]) == [Change(path="index.html", kind=Kind.REMOVED)]


def test_large_files_are_not_read(root: Path) -> None:
    (root / "small.bin").write_bytes(bytes(10))
    (root / "large.bin").write_bytes(bytes(11))
    tree = scanned(root, DevLimits(digested_file=10))
    later(root / "small.bin")
    later(root / "large.bin")
    assert [change.path for change in tree.refresh([""])] == ["large.bin"]


def test_contents_are_learned_in_slices_within_a_bound(root: Path) -> None:
    for number in range(6):
        (root / f"{number}.bin").write_bytes(bytes(10))
    (root / "index.html").unlink()
    (root / "css" / "a.css").unlink()
    tree = Tree(str(root), IgnoreRules(), limits=DevLimits(learned_files_per_turn=2, learned=35))
    tree.scan()
    assert [tree.learn() for _ in range(3)] == [True, False, False]
    # Of three of them it is known that they are the same; the others look as if they changed.
    for number in range(6):
        later(root / f"{number}.bin")
    assert len(tree.refresh([""])) == 3


def test_many_touched_paths_are_a_look_at_everything(root: Path) -> None:
    tree = scanned(root, DevLimits(touched=2))
    (root / "css" / "a.css").write_text("a{color:red}")
    assert tree.refresh(["index.html", "x"]) == []
    assert [change.path for change in tree.refresh(["index.html", "x", "y"])] == ["css/a.css"]


def test_linked_folders_are_bounded(root: Path) -> None:
    for number in range(4):
        (root / f"styles{number}").symlink_to("css")
    tree = scanned(root, DevLimits(links=2))
    (root / "css" / "a.css").write_text("b{color:red}")
    assert len(tree.refresh(["css/a.css"])) == 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_folder(root: Path) -> None:
    (root / "css").chmod(0)
    try:
        tree = scanned(root)
        assert tree.unreadable == {"css"}
        assert len(tree) == 1
    finally:
        (root / "css").chmod(0o755)


def test_names_that_are_not_utf8(root: Path) -> None:
    with open(os.fsencode(root) + b"/\xff.txt", "wb") as file:
        file.write(b"x")
    tree = scanned(root)
    assert len(tree) == 3
