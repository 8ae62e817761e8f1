"""Which file systems tell of all changes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from h2static.dev.file_systems import FileSystems
from h2static.site.mounts import file_system_of
from tests.support.mounts import bound


@pytest.mark.parametrize(
    "kind", ["ext4", "btrfs", "xfs", "zfs", "tmpfs", "overlay", "vfat", "ntfs3", "fuseblk"]
)
def test_file_systems_of_this_machine_tell(tmp_path: Path, kind: str) -> None:
    assert FileSystems(lambda descriptor: kind).silent(str(tmp_path)) is None


@pytest.mark.parametrize(
    "kind",
    ["fuse", "fuse.sshfs", "fuse.grpcfuse", "virtiofs", "9p", "nfs4", "cifs", "vboxsf", "new"],
)
def test_whatever_is_not_known_may_be_silent(tmp_path: Path, kind: str) -> None:
    assert FileSystems(lambda descriptor: kind).silent(str(tmp_path)) == kind


def test_one_that_has_no_name_may_be_silent(tmp_path: Path) -> None:
    assert FileSystems(lambda descriptor: None).silent(str(tmp_path)) == "unknown"


def test_a_folder_that_is_gone_is_on_no_file_system(tmp_path: Path) -> None:
    assert FileSystems(lambda descriptor: "nfs").silent(str(tmp_path / "gone")) is None


def test_each_file_system_is_asked_for_once(tmp_path: Path) -> None:
    asked: list[int] = []

    def kind_of(descriptor: int) -> str:
        asked.append(descriptor)
        return "ext4"

    (tmp_path / "sub").mkdir()
    file_systems = FileSystems(kind_of)
    for folder in (tmp_path, tmp_path / "sub", tmp_path):
        assert file_systems.silent(str(folder)) is None
    assert len(asked) == 1


def test_without_a_list_of_mounts_nothing_changes(tmp_path: Path) -> None:
    file_systems = FileSystems(lambda descriptor: "ext4", str(tmp_path / "none"))
    assert [file_systems.changed() for _ in range(3)] == [False] * 3
    file_systems.close()


@pytest.mark.skipif(sys.platform != "linux", reason="mounts")
def test_the_systems_own_answers(tmp_path: Path) -> None:
    source, place = tmp_path / "source", tmp_path / "place"
    source.mkdir()
    place.mkdir()
    file_systems = FileSystems()
    try:
        assert not file_systems.changed()
        before = file_systems.silent(str(place))
        with bound(source, place):
            assert file_systems.changed()
            assert not file_systems.changed()
            assert str(file_systems.silent(str(place))).startswith("fuse")
            assert file_systems.silent(str(tmp_path)) == before
        assert file_systems.changed()
        assert file_systems.silent(str(place)) == before
    finally:
        file_systems.close()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_the_kind_of_an_open_file(tmp_path: Path) -> None:
    with open("/proc/self/stat", "rb") as file:
        assert file_system_of(file.fileno()) == "proc"
    ours, theirs = os.pipe()
    # It is open, and mounted nowhere.
    assert file_system_of(ours) is None
    os.close(ours)
    os.close(theirs)
    assert file_system_of(ours) is None
