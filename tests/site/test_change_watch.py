"""Silence: what is watched, what ends it, and what cannot be watched."""

from __future__ import annotations

import errno
import gc
import mmap
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from h2static.http.messages import Request, Response
from h2static.site import change_watch as notices_module
from h2static.site.change_watch import (
    LONGEST_RENEWAL_SECONDS,
    NO_WATCH,
    RENEWAL_SECONDS,
    ChangeWatch,
)
from h2static.site.inotify import CREATE, MODIFY, Event, Inotify
from h2static.site.limits import SiteLimits
from h2static.site.mounts import file_system_of
from h2static.site.path_states import PathState
from tests.site.harness import Client, make_client, octets_of, request, turn_off_notices, write

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="inotify is Linux's")


def device_of(path: Path) -> int:
    return path.stat().st_dev


def kind_of(path: Path) -> str | None:
    """The kind of the file system that ``path`` is on."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return file_system_of(descriptor)
    finally:
        os.close(descriptor)


@pytest.fixture
def watching(tmp_path: Path) -> Watching:
    if kind_of(tmp_path) not in notices_module.LOCAL_FILE_SYSTEMS:
        pytest.skip("the temporary folder is not on a local file system")
    return Watching(tmp_path)


class Watching:
    """A root behind a link, with one folder and one file that are watched, and a clock."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.tree = base / "sites" / "one"
        self.file = write(self.tree, "sub/a", "old")
        self.root = base / "www"
        self.root.symlink_to("sites/one")
        self.change_watch = ChangeWatch(os.fsencode(self.root))
        self.now = 100.0
        self.watches = [self.watch(self.tree), self.watch(self.tree / "sub"), self.watch(self.file)]
        assert NO_WATCH not in self.watches

    def watch(self, path: Path) -> int:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            return self.change_watch.watch(descriptor, device_of(path), folder=path.is_dir())
        finally:
            os.close(descriptor)

    def silent(self) -> bool:
        return self.change_watch.silent(self.now)

    def settle(self) -> None:
        """Ask until all is quiet: twice."""
        self.silent()
        self.now += 2 * LONGEST_RENEWAL_SECONDS
        assert not self.silent(), "silence begins with a look at everything"
        assert self.silent()


def append(watching: Watching) -> None:
    with watching.file.open("a") as file:
        file.write("more")


def replace_link(watching: Watching) -> None:
    write(watching.base, "sites/two/sub/a", "old")
    (watching.base / "new").symlink_to("sites/two")
    (watching.base / "new").rename(watching.root)


def move_on_the_way(watching: Watching) -> None:
    (watching.base / "sites").rename(watching.base / "elsewhere")


def delete_the_root(watching: Watching) -> None:
    shutil.rmtree(watching.tree)


def link_from_elsewhere(watching: Watching) -> None:
    """Written by another name that nobody watches."""
    os.link(watching.file, watching.base / "other")
    watching.settle()
    with (watching.base / "other").open("r+b") as file:
        file.write(b"new")


CHANGES: dict[str, Callable[[Watching], object]] = {
    "written in place": lambda w: w.file.write_text("new"),
    "appended": append,
    "truncated": lambda w: os.truncate(w.file, 1),
    "date": lambda w: os.utime(w.file, (1, 1)),
    "mode": lambda w: w.file.chmod(0o600),
    "deleted": lambda w: w.file.unlink(),
    "renamed": lambda w: w.file.rename(w.base / "away"),
    "renamed over": lambda w: write(w.base, "new", "new").rename(w.file),
    "linked and written": link_from_elsewhere,
    "a new sibling": lambda w: write(w.tree, "sub/a.br", "b"),
    "a link beside it": lambda w: (w.tree / "sub/a.gz").symlink_to("a"),
    "folder away": lambda w: (w.tree / "sub").rename(w.base / "away"),
    "folder's mode": lambda w: (w.tree / "sub").chmod(0o700),
    "root's link": replace_link,
    "a folder on the way": move_on_the_way,
    "root deleted": delete_the_root,
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_ends_the_silence(watching: Watching, name: str) -> None:
    watching.settle()
    CHANGES[name](watching)
    assert not watching.silent()


@pytest.mark.parametrize("name", ["root's link", "a folder on the way"])
def test_the_way_is_found_anew(watching: Watching, name: str) -> None:
    watching.settle()
    CHANGES[name](watching)
    assert not watching.silent()
    assert not watching.silent(), "nobody knows yet where the root is"
    if name != "root's link":
        (watching.base / "elsewhere").rename(watching.base / "sites")
    watching.settle()
    os.utime(watching.base, (1, 1))
    assert not watching.silent()


def test_what_others_do_beside_the_way_is_no_change(watching: Watching) -> None:
    watching.settle()
    write(watching.base, "sites/other/file").unlink()
    write(watching.base, "beside").rename(watching.base / "aside")
    (watching.base / "aside").unlink()
    assert watching.silent()


@pytest.mark.slow
def test_a_change_behind_many_others_is_heard(watching: Watching) -> None:
    beside = [write(watching.base, f"beside{number}") for number in range(5000)]
    watching.settle()
    for path in beside:
        path.unlink()
    watching.file.write_text("new")
    assert not watching.silent()
    assert watching.silent()


def test_silence_ends_by_itself(watching: Watching) -> None:
    watching.settle()
    watching.now += RENEWAL_SECONDS * 0.9
    assert watching.silent()
    watching.now += RENEWAL_SECONDS * 0.2
    assert not watching.silent()
    assert watching.silent()


def test_a_clock_that_is_set_back_ends_it(watching: Watching) -> None:
    watching.settle()
    watching.now -= 3600
    assert not watching.silent()
    assert watching.silent()


@pytest.mark.slow
def test_more_events_than_the_queue_holds(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    watching.settle()
    with open("/proc/sys/fs/inotify/max_queued_events", "rb") as file:
        most = int(file.read())
    name = watching.tree / "sub/b"
    for _ in range(most // 2 + 10):
        name.symlink_to("a")
        name.unlink()
    rounds = 0
    while not watching.silent():
        rounds += 1
        assert rounds < most
    watching.file.write_text("new")
    assert not watching.silent()


@pytest.mark.parametrize("later", [0.0, 2 * RENEWAL_SECONDS])
def test_the_end_of_a_file_system_ends_the_watching(watching: Watching, later: float) -> None:
    watching.settle()
    inotify = watching.change_watch._inotify
    assert inotify is not None

    class Unmounted:
        def pending(self) -> int:
            return 16

        def read(self, octets: int) -> list[Event]:
            assert octets == 16
            return [Event(watch=watching.watches[0], mask=0x2000, name=b"")]

    watching.change_watch._inotify = Unmounted()  # type: ignore[assignment]  # what it uses
    watching.now += later
    for _ in range(3):
        assert not watching.silent()
        watching.now += 1
    assert watching.watch(watching.file) == NO_WATCH
    watching.change_watch.release(watching.watches[2])


def test_two_names_of_one_file(watching: Watching) -> None:
    os.link(watching.file, watching.tree / "b")
    again = watching.watch(watching.tree / "b")
    assert again == watching.watches[2]
    watching.change_watch.release(again)
    watching.settle()
    watching.file.write_text("new")
    assert not watching.silent()


def test_what_was_let_go_is_not_heard(watching: Watching) -> None:
    watching.change_watch.release(watching.watches[2])
    watching.settle()
    watching.file.write_text("new")
    assert watching.silent()


def test_other_file_systems_are_not_watched(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_watch = ChangeWatch(os.fsencode(watching.root))
    with open("/proc/self/status", "rb") as file:
        device = os.fstat(file.fileno()).st_dev
        assert change_watch.watch(file.fileno(), device, folder=False) == NO_WATCH


def test_watches_are_bounded(watching: Watching) -> None:
    change_watch = ChangeWatch(os.fsencode(watching.root), SiteLimits(watches=2))
    made = []
    for name in "abcd":
        with write(watching.tree, name).open("rb") as file:
            made.append(change_watch.watch(file.fileno(), device_of(watching.tree), folder=False))
    assert [watch == NO_WATCH for watch in made] == [False, False, True, True]


def test_without_inotify(watching: Watching, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> Inotify:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    monkeypatch.setattr(notices_module, "Inotify", fail)
    change_watch = ChangeWatch(os.fsencode(watching.root))
    with watching.file.open("rb") as file:
        for _ in range(2):
            assert (
                change_watch.watch(file.fileno(), device_of(watching.tree), folder=False)
                == NO_WATCH
            )
    assert not change_watch.silent(1.0)
    assert not change_watch.silent(1.01)


def test_nothing_is_left_open(tmp_path: Path) -> None:
    gc.collect()
    before = os.listdir("/dev/fd")
    watching = Watching(tmp_path)
    watching.settle()
    assert len(os.listdir("/dev/fd")) == len(before) + 1
    del watching
    assert os.listdir("/dev/fd") == before


def test_events_name_what_happened(tmp_path: Path) -> None:
    inotify = Inotify()
    folder = inotify.add(os.fsencode(tmp_path), CREATE)
    assert not inotify.pending()
    assert inotify.read(4096) == []
    path = write(tmp_path, "a name")
    file = inotify.add(os.fsencode(path), MODIFY)
    path.write_text("x")
    events = inotify.read(inotify.pending())
    assert events[0] == (folder, CREATE, b"a name")
    assert {event[:2] for event in events[1:]} == {(file, MODIFY)}
    assert not inotify.pending()
    with pytest.raises(FileNotFoundError):
        inotify.add(os.fsencode(tmp_path / "absent"), MODIFY)


# ------------------------------------------------------------------------ in a site


def proven(client: Client, question: Request) -> Response:
    """The response, once it is remembered and its proof costs nothing any more."""
    for _ in range(4):
        client.site.new_batch()
        response = client.ask(question)
        assert isinstance(response, Response)
    return response


def client_without_time(watching: Watching, monkeypatch: pytest.MonkeyPatch) -> Client:
    """Its clock stands still, so that silence does not end by itself."""
    client = make_client(watching.root)
    client.clock.settle()
    now = client.clock()
    monkeypatch.setattr(type(client.clock), "__call__", lambda _: now)
    return client


def count_looks(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    looks: list[bytes] = []
    look = PathState.look

    def spy(self: PathState) -> None:
        looks.append(self.path)
        look(self)

    monkeypatch.setattr(PathState, "look", spy)
    return looks


def test_what_is_silent_is_not_looked_at(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_without_time(watching, monkeypatch)
    questions = [request(path) for path in ("/sub/a", "/absent", "/sub/")]
    before = [proven(client, question) for question in questions]
    looks = count_looks(monkeypatch)
    client.site.new_batch()
    assert [client.ask(question) for question in questions] == before
    assert looks == []
    watching.file.write_text("new")
    client.site.new_batch()
    assert client.ask(questions[0]).body == b"new"
    assert looks != []


def test_a_file_that_is_written_through_memory(watching: Watching) -> None:
    """The kernel sets the times of the file at the first write only and tells nobody."""
    client = make_client(watching.root)
    client.clock.settle()
    question = request("/sub/a")
    with watching.file.open("r+b") as file, mmap.mmap(file.fileno(), 0) as memory:
        assert octets_of(proven(client, question)) == b"old"
        memory[:] = b"new"
        client.clock.offset += RENEWAL_SECONDS * 1.01
        client.site.new_batch()
        assert octets_of(client.ask(question)) == b"new"


def test_links_that_may_lead_anywhere_are_not_watched(watching: Watching) -> None:
    client = make_client(watching.root, follow_symlinks=True)
    client.clock.settle()
    proven(client, request("/sub/a"))
    assert client.site.memory.paths
    assert not client.site.memory.watches


def test_a_site_without_notices_forgets_nothing(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn_off_notices(monkeypatch)
    client = make_client(watching.root)
    client.clock.settle()
    question = request("/sub/a")
    assert proven(client, question) is client.ask(question)
    watching.file.write_text("new")
    client.site.new_batch()
    assert client.ask(question).body == b"new"


def test_forgetting_ends_the_watches(watching: Watching) -> None:
    client = make_client(watching.root)
    client.clock.settle()
    proven(client, request("/sub/a"))
    assert client.site.memory.watches == 3
    client.site.forget()
    assert not client.site.memory.watches


def recalled(client: Client, question: Request) -> Response:
    """The response by a look-up, which is known and watched."""
    proven(client, question)
    question.repeats = True
    proven(client, question)
    response = client.site.recall(question)
    assert response is not None
    return response


def test_what_was_recalled_lasts_until_something_happens(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_without_time(watching, monkeypatch)
    site, question = client.site, request("/sub/a")
    before = recalled(client, question)
    site.new_batch()
    site.recall(question)
    for _ in range(3):
        site.new_batch()
        assert site.lasting
        assert site.recall(question) is before
    watching.file.write_text("new")
    site.new_batch()
    assert not site.lasting
    assert site.recall(question) is not before
    assert octets_of(client.ask(question)) == b"new"


def lasts(client: Client) -> bool:
    """Whether what it recalled is still right."""
    return client.site.lasting


def test_what_was_forgotten_does_not_last(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_without_time(watching, monkeypatch)
    recalled(client, request("/sub/a"))
    for _ in range(2):
        client.site.new_batch()
    assert lasts(client)
    client.site.forget()
    assert not lasts(client)
    client.site.new_batch()
    assert not lasts(client)


def test_a_watch_that_ends_ends_the_silence_once(watching: Watching) -> None:
    """Who was told of silence may rely on that watch still."""
    watch = watching.watch(write(watching.base, "beside"))
    watching.settle()
    watching.change_watch.release(watch)
    assert not watching.silent()
    assert watching.silent()


def test_what_is_released_does_not_last(
    watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its watch has ended: a change would go unseen."""
    client = client_without_time(watching, monkeypatch)
    question = request("/sub/a")
    recalled(client, question)
    # It is not asked for any more: the engine has it.
    for _ in range(20):
        client.site.release()
    watching.file.write_text("new")
    client.site.new_batch()
    assert not client.site.lasting
    assert octets_of(client.ask(question)) == b"new"


def test_what_is_not_watched_lasts_for_its_batch(watching: Watching) -> None:
    client = make_client(watching.root, follow_symlinks=True)
    client.clock.settle()
    recalled(client, request("/sub/a"))
    for _ in range(3):
        client.site.new_batch()
        assert not client.site.lasting


def test_silence_about_many_files_lasts_longer(watching: Watching) -> None:
    for number in range(300):
        watching.watch(write(watching.base, f"beside{number}"))
    watching.settle()
    watching.now += RENEWAL_SECONDS * 1.1
    watching.silent()
    watching.now += RENEWAL_SECONDS * 3
    assert watching.silent()
    watching.now += RENEWAL_SECONDS * 1.3
    assert not watching.silent()
    assert watching.silent()
