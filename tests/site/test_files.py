"""Walking below a root: links, races, and what is no regular file."""

from __future__ import annotations

import errno
import gc
import itertools
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from h2static.site.files import (
    Dependencies,
    FileHandle,
    Folder,
    OpenFile,
    Walk,
    version_of,
)
from h2static.site.limits import DEFAULTS
from tests.site.harness import write

LATER = 2e10


def find(
    root: Path, path: str, *, follow: bool = False, dependencies: Dependencies | None = None
) -> bytes | str:
    """What a walk finds at ``path``: the content of a file, ``folder``, or the error's name."""
    with Walk(
        os.fsencode(root), dependencies or Dependencies(LATER), follow_symlinks=follow
    ) as walk:
        place: Folder | OpenFile = walk.root()
        try:
            for name in path.split("/"):
                if isinstance(place, OpenFile):
                    return "ENOTDIR"
                place = walk.step(place, name.encode())
        except OSError as error:
            return errno.errorcode[error.errno or 0]
        if isinstance(place, Folder):
            return "folder"
        return os.pread(place.handle.descriptor, 1000, 0)


@pytest.fixture
def outside(root: Path) -> Path:
    """A folder next to the root with a secret in it."""
    folder = root.parent / "outside"
    write(folder, "secret", "secret")
    write(folder, "sub/secret", "secret")
    return folder


def test_files_and_folders(root: Path) -> None:
    write(root, "a/b/c", "content")
    assert find(root, "a/b/c") == b"content"
    assert find(root, "a/b") == "folder"
    assert find(root, "a/x") == "ENOENT"
    assert find(root, "a/b/c/d") == "ENOTDIR"
    assert find(root, "a/" + "x" * 256) == "ENAMETOOLONG"


@pytest.mark.parametrize(
    ("link", "target", "path", "found"),
    [
        ("l", "file", "l", b"content"),
        ("l", "./file", "l", b"content"),
        ("l", "sub", "l", "folder"),
        ("l", "sub/", "l/deep", b"deep"),
        ("l", ".", "l/file", b"content"),
        ("sub/l", "../file", "sub/l", b"content"),
        ("sub/l", "..", "sub/l/file", b"content"),
        ("sub/l", "../sub/../file", "sub/l", b"content"),
        ("l", "ROOT/file", "l", b"content"),
        ("l", "ROOT", "l/sub/deep", b"deep"),
        ("l", "ROOT/sub/../file", "l", b"content"),
        ("l", "../www/file", "l", b"content"),
        ("sub/l", "../../www/sub/deep", "sub/l", b"deep"),
        # Out of the root.
        ("l", "../outside/secret", "l", "ENOENT"),
        ("l", "../outside", "l/secret", "ENOENT"),
        ("sub/l", "../../outside/secret", "sub/l", "ENOENT"),
        ("l", "ROOT/../outside/secret", "l", "ENOENT"),
        ("l", "ROOTx/secret", "l", "ENOENT"),
        ("l", "/", "l/etc/passwd", "ENOENT"),
        ("l", "..", "l/outside/secret", "ENOENT"),
        ("l", "/proc/self/root/etc/passwd", "l", "ENOENT"),
        # To nothing, and in circles.
        ("l", "missing", "l", "ENOENT"),
        ("l", "file/x", "l", "ENOTDIR"),
        ("l", "l", "l", "ELOOP"),
        ("l", "sub/../l", "l", "ELOOP"),
    ],
)
def test_links(
    root: Path, outside: Path, link: str, target: str, path: str, found: bytes | str
) -> None:
    write(root, "file", "content")
    write(root, "sub/deep", "deep")
    write(Path(f"{root}x"), "secret", "secret")
    (root / link).symlink_to(target.replace("ROOT", str(root)))
    assert find(root, path) == found
    if found == "ENOENT" and target != "missing":
        assert find(root, path, follow=True) != "ENOENT"


def test_a_chain_of_links_has_an_end(root: Path) -> None:
    write(root, "0", "content")
    for number in range(1, DEFAULTS.links + 2):
        (root / str(number)).symlink_to(str(number - 1))
    assert find(root, str(DEFAULTS.links)) == b"content"
    assert find(root, str(DEFAULTS.links + 1)) == "ELOOP"


def test_a_link_inside_a_root_that_is_a_link(root: Path) -> None:
    write(root, "file", "content")
    alias = root.parent / "alias"
    alias.symlink_to("www")
    (root / "by-alias").symlink_to(alias / "file")
    (root / "by-name").symlink_to(root / "file")
    for name in ("by-alias", "by-name"):
        assert find(root, name) == b"content"
        assert find(alias, name) == b"content"


def test_what_is_no_regular_file_is_not_opened(root: Path) -> None:
    os.mkfifo(root / "fifo")
    (root / "null").symlink_to("/dev/null")
    server = socket.socket(socket.AF_UNIX)
    server.bind(os.fspath(root / "socket"))
    server.close()
    (root / "to-fifo").symlink_to("fifo")
    for name in ("fifo", "socket", "to-fifo"):
        for follow in (False, True):
            assert find(root, name, follow=follow) == "ENOENT"
    assert find(root, "null", follow=True) == "ENOENT"


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_may_not_be_read(root: Path) -> None:
    write(root, "a").chmod(0)
    assert find(root, "a") == "EACCES"


def test_nothing_stays_open(root: Path) -> None:
    write(root, "a/b/c")
    (root / "l").symlink_to("a/b")
    gc.collect()
    before = len(os.listdir("/dev/fd"))
    for path in ("a/b/c", "l/c", "a/x", "a/b/c/d", "x"):
        find(root, path)
    assert len(os.listdir("/dev/fd")) == before


def test_the_trace_has_everything_that_was_looked_at(root: Path) -> None:
    write(root, "a/b/c")
    (root / "l").symlink_to("a/b")
    dependencies = Dependencies(LATER)
    find(root, "l/c", dependencies=dependencies)
    expected = [root, root / "a", root / "a/b", root / "a/b/c"]
    assert dependencies.versions == {
        os.fsencode(path): version_of(path.stat()) for path in expected
    }
    assert dependencies.settled


@pytest.mark.parametrize("age", [0.0, 1.9])
def test_young_files_and_folders_have_not_settled(root: Path, age: float) -> None:
    path = write(root, "a")
    dependencies = Dependencies(path.stat().st_ctime + age)
    find(root, "a", dependencies=dependencies)
    assert not dependencies.settled


def test_what_the_trace_cannot_watch_has_not_settled(root: Path, outside: Path) -> None:
    (root / "out").symlink_to(outside / "secret")
    os.mkfifo(root / "fifo")
    for name in ("out", "fifo"):
        dependencies = Dependencies(LATER)
        find(root, name, dependencies=dependencies)
        assert not dependencies.settled


def test_a_link_to_nowhere_is_watched_when_links_are_followed(root: Path) -> None:
    (root / "l").symlink_to("../missing")
    dependencies = Dependencies(LATER)
    find(root, "l", follow=True, dependencies=dependencies)
    assert dependencies.versions[os.fsencode(root / "l")] is None
    assert dependencies.settled


def test_a_version_that_differs_from_what_was_seen_unsettles() -> None:
    dependencies = Dependencies(LATER)
    dependencies.note(b"/a", None)
    assert dependencies.settled
    dependencies.note(b"/a", version_of(os.stat("/")))
    assert not dependencies.settled


def test_a_handle_closes_with_its_last_user(root: Path) -> None:
    path = write(root, "a")
    descriptor = os.open(path, os.O_RDONLY)
    handle = FileHandle(descriptor)
    other = handle
    del handle
    assert os.fstat(descriptor)
    del other
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


class Exchange:
    """A name that is now a thing inside the root, now a link to the outside."""

    def __init__(self, root: Path, outside: Path, kind: str) -> None:
        self.place = root / "swap"
        self.parked = root.parent / "parked"
        self.is_inside = True
        secret = outside / "secret" if kind == "file" else outside
        if kind == "file":
            write(root, "swap", "public")
        elif kind == "link":
            self.place.symlink_to("inside")
        else:
            write(root, "swap/secret", "public")
        self.parked.symlink_to(secret)
        self.path = "swap" if kind == "file" else "swap/secret"

    def turn(self) -> None:
        """Let the other one have the name."""
        between = self.parked.with_name("between")
        self.place.rename(between)
        self.parked.rename(self.place)
        between.rename(self.parked)
        self.is_inside = not self.is_inside


@pytest.fixture(params=["folder", "link", "file"])
def exchange(root: Path, outside: Path, request: pytest.FixtureRequest) -> Exchange:
    write(root, "inside/secret", "public")
    return Exchange(root, outside, request.param)


CALLS = ("open", "stat", "readlink", "fstat")


@pytest.mark.parametrize("starts_inside", [True, False])
def test_an_exchange_between_any_two_system_calls_leads_nowhere_else(
    root: Path, exchange: Exchange, monkeypatch: pytest.MonkeyPatch, starts_inside: bool
) -> None:
    count = 0
    turns: tuple[int, int] = (0, 0)

    def watched(call: Callable[..., Any]) -> Callable[..., Any]:  # Any: passed on as it is
        def run(*arguments: Any, **named: Any) -> Any:
            nonlocal count
            if count in turns:
                exchange.turn()
            count += 1
            return call(*arguments, **named)

        return run

    for first, second in itertools.product(range(10), range(10)):
        if exchange.is_inside is not starts_inside:
            exchange.turn()
        count, turns = 0, (first, first + second)
        with monkeypatch.context() as patch:
            for name in CALLS:
                patch.setattr(os, name, watched(getattr(os, name)))
            found = find(root, exchange.path)
        assert found in (b"public", "ENOENT", "ENOTDIR", "ELOOP"), turns


def test_nothing_from_outside_while_names_are_exchanged(root: Path, exchange: Exchange) -> None:
    stop = threading.Event()
    turns = 0

    def turn_forever() -> None:
        nonlocal turns
        while not stop.is_set():
            exchange.turn()
            turns += 1

    thread = threading.Thread(target=turn_forever)
    found: dict[bytes | str, int] = {}
    deadline = time.monotonic() + 20
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    thread.start()
    try:
        while time.monotonic() < deadline and (
            found.get(b"public", 0) < 100 or found.get("ENOENT", 0) < 100 or turns < 200
        ):
            result = find(root, exchange.path)
            found[result] = found.get(result, 0) + 1
    finally:
        stop.set()
        thread.join(10)
        sys.setswitchinterval(interval)
    assert found.keys() <= {b"public", "ENOENT", "ENOTDIR", "ELOOP"}
    assert found[b"public"] >= 100
    assert found["ENOENT"] >= 100
