"""Files that have no watch of their own: that of their folder covers them."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

from h2static.site.change_watch import LOCAL_FILE_SYSTEMS, NO_WATCH, RENEWAL_SECONDS
from h2static.site.limits import SiteLimits
from tests.site.harness import Client, make_client, octets_of, request, write
from tests.site.test_change_watch import CHANGES, Watching, count_looks, kind_of, proven

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")

BY_NAME = {
    name: CHANGES[name]
    for name in (
        *("written in place", "appended", "truncated", "date", "mode"),
        *("deleted", "renamed", "renamed over"),
    )
}


class Sharing(Watching):
    """The same, and a file that only the watch of its folder covers."""

    def __init__(self, base: Path) -> None:
        super().__init__(base)
        self.change_watch.release(self.watches.pop())
        self.name = os.fsencode(self.file)
        assert self.change_watch.watch_within(self.watches[1], self.name)


@pytest.fixture
def base(tmp_path: Path) -> Path:
    if kind_of(tmp_path) not in LOCAL_FILE_SYSTEMS:
        pytest.skip("the temporary folder is not on a local file system")
    return tmp_path


@pytest.fixture
def watching(base: Path) -> Watching:
    return Watching(base)


@pytest.fixture
def sharing(base: Path) -> Sharing:
    return Sharing(base)


@pytest.mark.parametrize("name", BY_NAME)
def test_the_watch_of_a_folder_covers_a_file(sharing: Sharing, name: str) -> None:
    size = sharing.change_watch.size
    sharing.settle()
    BY_NAME[name](sharing)
    assert not sharing.silent()
    assert sharing.change_watch.size == size == 2


def test_a_neighbor_that_is_written_is_no_change(sharing: Sharing) -> None:
    beside = write(sharing.tree, "sub/log", "one line")
    sharing.settle()
    with beside.open("a") as file:
        file.write("another")
    assert sharing.silent()
    sharing.file.write_text("new")
    assert not sharing.silent()


def test_the_end_of_a_covered_file_ends_the_silence_once(sharing: Sharing) -> None:
    sharing.settle()
    sharing.change_watch.release_within(sharing.watches[1], sharing.name)
    assert not sharing.silent()
    sharing.settle()
    sharing.file.write_text("new")
    assert sharing.silent()
    assert sharing.change_watch.watch_within(sharing.watches[1], sharing.name)
    sharing.settle()
    sharing.file.write_text("newer")
    assert not sharing.silent()


def test_a_covered_file_keeps_the_watch_of_its_folder(sharing: Sharing) -> None:
    sharing.change_watch.release(sharing.watches[1])
    sharing.settle()
    sharing.file.write_text("new")
    assert not sharing.silent()
    sharing.change_watch.release_within(sharing.watches[1], sharing.name)
    assert sharing.change_watch.size == 1


def test_a_folder_that_was_replaced_covers_nothing(watching: Watching) -> None:
    (watching.tree / "sub").rename(watching.base / "away")
    write(watching.tree, "sub/a", "old")
    assert not watching.change_watch.watch_within(watching.watches[1], os.fsencode(watching.file))
    shutil.rmtree(watching.tree / "sub")
    assert not watching.change_watch.watch_within(watching.watches[1], os.fsencode(watching.file))
    assert not watching.change_watch.watch_within(NO_WATCH, os.fsencode(watching.file))
    watching.settle()
    write(watching.tree, "sub/a", "new")
    assert not watching.silent(), "the root has a new folder"


def test_silence_about_many_covered_files_lasts_longer(sharing: Sharing) -> None:
    for number in range(300):
        assert sharing.change_watch.watch_within(
            sharing.watches[1], os.fsencode(write(sharing.tree, f"sub/{number}"))
        )
    sharing.settle()
    sharing.now += RENEWAL_SECONDS * 1.1
    sharing.silent()
    sharing.now += RENEWAL_SECONDS * 3
    assert sharing.silent()
    sharing.now += RENEWAL_SECONDS * 1.3
    assert not sharing.silent()


#: No file is kept open, so none has a watch of its own.
NONE_HELD = SiteLimits(held_files=0)


def sharing_client(watching: Watching, monkeypatch: pytest.MonkeyPatch) -> Client:
    client = make_client(watching.root, limits=NONE_HELD)
    client.clock.settle()
    now = client.clock()
    monkeypatch.setattr(type(client.clock), "__call__", lambda _: now)
    return client


def test_what_a_folder_covers_is_not_looked_at(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = sharing_client(watching, monkeypatch)
    write(watching.tree, "sub/b", "neighbor")
    question = request("/sub/a")
    before = proven(client, question)
    assert client.site.memory.watches == 2, "those of the two folders"
    looks = count_looks(monkeypatch)
    write(watching.tree, "sub/b", "changed")
    client.site.new_batch()
    assert client.ask(question) is before
    assert looks == []
    watching.file.write_text("new")
    client.site.new_batch()
    assert client.ask(question).body == b"new"
    assert proven(client, question).body == b"new"
    looks.clear()
    client.site.new_batch()
    client.ask(question)
    assert looks == []
    client.site.forget()
    assert not client.site.memory.watches


@pytest.mark.parametrize("name", ["folder away", "folder's mode", "root's link", "renamed over"])
def test_a_covered_file_whose_folder_changes(
    watching: Watching, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    client = sharing_client(watching, monkeypatch)
    question = request("/sub/a")
    proven(client, question)
    CHANGES[name](watching)
    for octets in ("new", "newer"):
        write(watching.root, "sub/a", octets)
        client.site.new_batch()
        assert octets_of(client.ask(question)) == octets.encode()
        assert octets_of(proven(client, question)) == octets.encode()


def test_a_file_with_two_names_is_looked_at_each_time(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.link(watching.file, watching.base / "other")
    client = sharing_client(watching, monkeypatch)
    question = request("/sub/a")
    proven(client, question)
    for octets in (b"new", b"old"):
        with (watching.base / "other").open("r+b") as file:
            file.write(octets)
        client.site.new_batch()
        assert octets_of(client.ask(question)) == octets


def test_a_covered_file_that_gets_another_name(watching: Watching) -> None:
    """The folder's watch does not see what is done by that name: a renewal does."""
    client = make_client(watching.root, limits=NONE_HELD)
    client.clock.settle()
    question = request("/sub/a")
    proven(client, question)
    os.link(watching.file, watching.base / "other")
    for octets in (b"new", b"old"):
        with (watching.base / "other").open("r+b") as file:
            file.write(octets)
        client.clock.offset += RENEWAL_SECONDS * 1.01
        client.site.new_batch()
        assert octets_of(client.ask(question)) == octets
