"""No answer is older than its request, whatever is done to the files.

A model-based test: random edits of every kind, and after each of them the same questions, which are
compared with what a plain look at the files says.  The same request objects are asked all the time,
so that everything that can be remembered is.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import threading
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from h2static.http.messages import Request, Response
from h2static.site import EtagSource
from h2static.site.builder import BuiltResponse
from h2static.site.cache_key import CacheKey
from h2static.site.contents import content_tag
from h2static.site.limits import DEFAULTS, SiteLimits
from h2static.site.respond import respond
from h2static.site.setup import Setup
from h2static.site.variants import COPY_NANOSECONDS
from tests.site.harness import (
    Client,
    field,
    make_client,
    octets_of,
    request,
    turn_off_notices,
    write,
)

#: All edits of the model together; more of them take longer and find no more of the known kinds.
EDITS = int(os.environ.get("H2STATIC_TEST_EDITS", "2000"))

FILES = ("index.html", "a.js", "sub/index.html", "sub/b.txt", "sub/deep/c.css")
PATHS = (
    "/",
    "/a.js",
    "/sub/",
    "/sub/b.txt",
    "/sub/deep/c.css",
    "/link/b.txt",
    "/file-link",
    "/sub",
)
LARGE = "large.bin"


class Folder:
    """The root (a link to one of two trees), and everything that is done to it."""

    def __init__(self, base: Path, chance: random.Random, *, ticks: bool) -> None:
        self.base = base
        self.chance = chance
        self.root = base / "www"
        self.trees = (base / "one", base / "two")
        self.current = 0
        self.count = 0
        self.ticks = ticks
        for tree in self.trees:
            for name in FILES:
                write(tree, name, self.content())
            (tree / "link").symlink_to("sub")
            (tree / "file-link").symlink_to("sub/b.txt")
        write(base, "outside/b.txt", "from outside")
        self.root.symlink_to("one")
        self.kinds: dict[str, Callable[[Path], None]] = {
            "same size in place": self.rewrite_in_place,
            "same size, same mtime": self.rewrite_and_restore_the_date,
            "other size": self.rewrite,
            "rename over": self.rename_over,
            "delete": remove,
            "sibling": self.add_sibling,
            "sibling away": lambda path: remove(sibling(path)),
            "sibling older": self.age_sibling,
            "sibling out of the root": self.link_sibling,
            "folder for file": self.make_folder,
            "link": self.make_link,
            "folder away and back": self.move_folder,
            "folder for link": self.link_folder,
            "root": self.swap_root,
            "root away": self.remove_root,
        }

    def content(self) -> str:
        self.count += 1
        return f"content {self.count:09} " + "x" * 50

    def edit(self) -> str:
        """Do something; returns what, for the reader of a failure."""
        kind = self.chance.choice(tuple(self.kinds))
        name = self.chance.choice(FILES)
        path = self.trees[self.current] / name
        for folder in reversed(path.relative_to(self.base).parents):
            place = self.base / folder
            if place.is_symlink() or not place.is_dir():
                remove(place)
                place.mkdir()
        if not self.root.is_symlink():
            self.swap_root(path)
        self.kinds[kind](path)
        return f"{kind}: {name}"

    def tick(self, path: Path, before: os.stat_result | None) -> None:
        """Wait until the file system's clock shows the change, where memory is trusted at once."""
        deadline = time.monotonic() + 20
        while self.ticks and before is not None and path.stat().st_ctime_ns == before.st_ctime_ns:
            assert time.monotonic() < deadline, "the clock of the file system stands still"
            os.utime(path, ns=(before.st_atime_ns, path.stat().st_mtime_ns))

    def status(self, path: Path) -> os.stat_result | None:
        """The status of a regular file, made if there is none."""
        if path.is_symlink() or path.is_dir():
            remove(path)
        if not path.exists():
            path.write_text(self.content())
            return None
        return path.stat()

    def rewrite_in_place(self, path: Path) -> None:
        before = self.status(path)
        with path.open("r+b") as file:
            file.write(self.content().encode())
        self.tick(path, before)

    def rewrite_and_restore_the_date(self, path: Path) -> None:
        before = self.status(path)
        status = path.stat()
        with path.open("r+b") as file:
            file.write(self.content().encode())
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        self.tick(path, before)

    def rewrite(self, path: Path) -> None:
        before = self.status(path)
        path.write_text(self.content() + "y" * self.chance.randrange(50))
        self.tick(path, before)

    def rename_over(self, path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            remove(path)
        date = path.stat().st_mtime_ns if path.exists() else 10**18
        new = self.base / "new"
        new.write_text(self.content())
        os.utime(new, ns=(date, date))
        new.rename(path)

    def add_sibling(self, path: Path) -> None:
        self.status(path)
        place = sibling(path)
        remove(place)
        place.write_text(f"br {self.count}")
        date = path.stat().st_mtime_ns
        os.utime(place, ns=(date, date))

    def age_sibling(self, path: Path) -> None:
        place = sibling(path)
        if place.is_file() and not place.is_symlink():
            before = place.stat()
            os.utime(place, ns=(1, 1))
            self.tick(place, before)

    def link_sibling(self, path: Path) -> None:
        remove(sibling(path))
        sibling(path).symlink_to(self.base / "outside/b.txt")

    def make_folder(self, path: Path) -> None:
        remove(path)
        path.mkdir()

    def make_link(self, path: Path) -> None:
        remove(path)
        targets = ("a.js", "../a.js", "../outside/b.txt", "../../outside/b.txt", "nowhere")
        path.symlink_to(self.chance.choice(targets))

    def move_folder(self, path: Path) -> None:
        folder, away = self.trees[self.current] / "sub", self.base / "away"
        if folder.is_symlink() or not folder.is_dir():
            remove(folder)
            folder.mkdir()
        remove(away)
        folder.rename(away)
        if self.chance.random() < 0.5:
            away.rename(folder)

    def link_folder(self, path: Path) -> None:
        """The same files, but under a link that leaves the root."""
        folder, away = self.trees[self.current] / "sub", self.base / "away"
        if folder.is_symlink() or not folder.is_dir():
            remove(folder)
            folder.mkdir()
        remove(away)
        folder.rename(away)
        folder.symlink_to("../away")

    def swap_root(self, path: Path) -> None:
        self.current = 1 - self.current
        new = self.base / "new"
        new.symlink_to(self.trees[self.current].name)
        new.rename(self.root)

    def remove_root(self, path: Path) -> None:
        self.root.unlink()

    def expected(self, path: str, accept_encoding: str | None) -> tuple[int, bytes | None]:
        """Status and content that a plain look at the files says."""
        root = os.path.realpath(self.root)
        real = os.path.realpath(f"{self.root}{path}")
        if os.path.isdir(real) and is_inside(root, real) and os.path.isdir(root):
            if not path.endswith("/"):
                return 301, None
            path += "index.html"
            real = os.path.realpath(f"{self.root}{path}")
        other = os.path.realpath(f"{self.root}{path}.br")
        has_other = os.path.isdir(root) and is_inside(root, other) and os.path.isfile(other)
        if not (os.path.isdir(root) and is_inside(root, real) and os.path.isfile(real)):
            if not (has_other and is_absent(root, f"{self.root}{path}")):
                return 404, None
            return (200, Path(other).read_bytes()) if accept_encoding == "br" else (406, None)
        if accept_encoding == "br" and has_other and not is_too_old(other, real):
            real = other
        return 200, Path(real).read_bytes()


def is_absent(root: str, path: str) -> bool:
    """Whether nothing in the root has this name; a link that goes in circles is something."""
    try:
        os.stat(path)
    except OSError as error:
        return error.errno == errno.ENOENT
    return not is_inside(root, os.path.realpath(path))


def is_too_old(other: str, original: str) -> bool:
    return os.stat(other).st_mtime_ns < os.stat(original).st_mtime_ns - COPY_NANOSECONDS


def is_inside(root: str, real: str) -> bool:
    return real == root or real.startswith(root + "/")


def sibling(path: Path) -> Path:
    return path.with_name(path.name + ".br")


def remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


@pytest.mark.parametrize("settled", [False, True], ids=["young files", "settled files"])
@pytest.mark.parametrize("batches", [False, True], ids=["no batches", "batches"])
@pytest.mark.parametrize("notices", [False, True], ids=["no notices", "notices"])
@pytest.mark.parametrize("held", [DEFAULTS.held_files, 2, 0])
def test_every_edit_is_seen_by_the_next_request(
    tmp_path: Path,
    settled: bool,
    batches: bool,
    notices: bool,
    held: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if not notices:
        turn_off_notices(monkeypatch)
    chance = random.Random(f"{settled} {batches}")
    folder = Folder(tmp_path, chance, ticks=settled)
    client = make_client(folder.root, limits=SiteLimits(held_files=held))
    if settled:
        client.clock.settle()
    questions = [
        (path, coding, request(path, accept_encoding=coding))
        for path in PATHS
        for coding in (None, "br")
    ]
    last: dict[Request, Response] = {}
    hits = 0
    history: list[str] = []
    for _ in range(EDITS // 24):
        history.append(folder.edit())
        if batches:
            client.site.new_batch()
        for path, coding, question in chance.sample(questions, 5):
            response = client.ask(question)
            status, content = folder.expected(path, coding)
            assert (response.status, path) == (status, path), history[-5:]
            if content is not None:
                assert response.body == content, (path, history[-5:])
                assert field(response, "etag") == content_tag(content).decode()
            hits += last.get(question) is response
            last[question] = response
    assert hits > EDITS // 60


def test_nothing_is_older_than_its_request_while_files_are_edited(tmp_path: Path) -> None:
    """Edits and requests at the same time: an answer is between the states before and after."""
    small, large = 100, 5000
    root = tmp_path / "www"
    numbers = {"small": [0, 0], "large": [0, 0]}
    sizes = {"small": small, "large": large}
    for name, size in sizes.items():
        write(root, name, f"{0:08}" * size)
    client = make_client(root)
    stop = threading.Event()

    def edit_forever() -> None:
        while not stop.is_set():
            for name, size in sizes.items():
                number = numbers[name]
                number[0] += 1
                write(root, "new", f"{number[0]:08}" * size).rename(root / name)
                number[1] = number[0]

    thread = threading.Thread(target=edit_forever)
    questions = {name: request(f"/{name}") for name in sizes}
    tags: dict[str, bytes] = {}
    deadline = time.monotonic() + 60
    thread.start()
    asked = 0
    try:
        while time.monotonic() < deadline and (asked < 2000 or numbers["large"][1] < 100):
            for name, question in questions.items():
                earliest = numbers[name][1]
                client.site.new_batch()
                response = client.ask(question)
                octets = octets_of(response)
                latest = numbers[name][0]
                assert len(octets) == 8 * sizes[name]
                assert octets == octets[:8] * sizes[name]
                assert earliest <= int(octets[:8]) <= latest
                etag = field(response, "etag")
                assert etag is not None
                assert tags.setdefault(etag, octets) == octets
                asked += 1
    finally:
        stop.set()
        thread.join(10)
    assert asked >= 2000
    assert numbers["large"][1] >= 100


@pytest.mark.parametrize("etag", list(EtagSource))
def test_tags_of_large_files_match_their_bodies(tmp_path: Path, etag: EtagSource) -> None:
    chance = random.Random(etag)
    path = write(tmp_path, LARGE, bytes(DEFAULTS.small_file + 100))
    client = make_client(tmp_path, etag=etag)
    client.clock.settle()
    question = request(f"/{LARGE}")
    tags: dict[str, bytes] = {}
    for number in range(60):
        before = path.stat()
        kind = chance.choice(("in place", "append", "rename over", "date"))
        if kind == "in place":
            with path.open("r+b") as file:
                file.write(b"%09d" % number)
        elif kind == "append":
            with path.open("ab") as file:
                file.write(b"more")
        elif kind == "rename over":
            write(tmp_path, "new", b"%09d" % number * (DEFAULTS.small_file // 8)).rename(path)
        else:
            os.utime(path, (number, number))
        deadline = time.monotonic() + 20
        while path.stat().st_ctime_ns == before.st_ctime_ns:
            assert time.monotonic() < deadline
            os.utime(path)
        response = client.ask(question)
        octets = octets_of(response)
        assert octets == path.read_bytes()
        assert field(response, "content-length") == str(len(octets))
        tag = field(response, "etag")
        assert tag is not None
        digest = sha256(octets).digest()
        assert tags.setdefault(tag, digest) == digest


def kept(client: Client, question: Request) -> bool:
    """Whether the same response comes back."""
    return client.ask(question) is client.ask(question)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_any_more(tmp_path: Path) -> None:
    path = write(tmp_path, "a")
    client = make_client(tmp_path)
    client.clock.settle()
    question = request("/a")
    assert kept(client, question)
    path.chmod(0)
    assert client.ask(question).status == 403
    path.chmod(0o644)
    assert client.ask(question).status == 200


def test_a_changed_mode_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, "a")
    client = make_client(tmp_path)
    client.clock.settle()
    question = request("/a")
    assert kept(client, question)
    looked_at: list[str] = []

    def spy(setup: Setup, cache_key: CacheKey, *, blocking: bool) -> BuiltResponse:
        looked_at.append("a")
        return respond(setup, cache_key, blocking=blocking)

    monkeypatch.setattr("h2static.site.site.respond", spy)
    assert kept(client, question)
    assert not looked_at
    path.chmod(0o600)
    client.ask(question)
    assert looked_at
