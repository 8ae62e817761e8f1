"""Validators change with the octets, whatever the dates of the files say (RFC 9110 section 8.8)."""

from __future__ import annotations

import calendar
import os
import time
from pathlib import Path

import pytest

from h2static.http.dates import format_http_date
from h2static.site.bodies import FileAccess, FileBody, take_sample
from h2static.site.config import EtagSource
from h2static.site.contents import content_tag
from h2static.site.file_times import SECOND, changes_show, date_is_strong, is_meaningless, was_set
from h2static.site.files import FileHandle, FileVersion
from h2static.site.limits import DEFAULTS, SiteLimits
from tests.site.harness import Client, field, make_client, octets_of, request, write
from tests.support.tools import replaces_a_function

LARGE = DEFAULTS.small_file + 1000
#: What tools that build reproducibly write into every file.
CONSTANTS = {
    "Bazel, OSTree": 0,
    "Nix, Jib": 1,
    "ZIP": calendar.timegm((1980, 1, 1, 0, 0, 0)),
    "buildpacks": calendar.timegm((1980, 1, 1, 0, 0, 1)),
    "npm": calendar.timegm((1985, 10, 26, 8, 15, 0)),
    "rules_pkg": calendar.timegm((2000, 1, 1, 0, 0, 0)),
}
NEW_YEAR = calendar.timegm((2020, 1, 1, 0, 0, 0))
#: A date that a file may well have.
PLAUSIBLE = calendar.timegm((2024, 5, 17, 9, 31, 12))


def set_date(path: Path, seconds: int) -> None:
    os.utime(path, (seconds, seconds))


def rename_over(path: Path, content: bytes, date: int) -> None:
    new = write(path.parent, "new", content)
    set_date(new, date)
    new.rename(path)


def rewrite_in_place(path: Path, content: bytes, date: int) -> None:
    with path.open("r+b") as file:
        file.truncate(0)
        file.write(content)
    set_date(path, date)


# Entity tags


@pytest.mark.parametrize("replace", [rename_over, rewrite_in_place])
@pytest.mark.parametrize("date", [*CONSTANTS.values(), PLAUSIBLE])
@pytest.mark.parametrize("size", [1000, LARGE])
@pytest.mark.parametrize("settled", [False, True])
def test_other_octets_have_another_tag(
    client: Client, root: Path, replace: object, date: int, size: int, settled: bool
) -> None:
    """Of the same size and with the same date; the site has served the old ones before."""
    assert callable(replace)
    path = write(root, "a.bin", b"1" * size)
    set_date(path, date)
    if settled:
        client.clock.settle()
    before = path.stat()
    question = request("/a.bin")
    old = field(client.ask(question), "etag")
    assert old is not None
    replace(path, b"2" * size, date)
    # Where memory is trusted at once, the clock of the file system has to have gone on.
    while settled and path.stat().st_ctime_ns == before.st_ctime_ns:
        set_date(path, date)
    assert (path.stat().st_size, path.stat().st_mtime) == (before.st_size, before.st_mtime)
    new = client.ask(question)
    assert octets_of(new) == b"2" * size
    if settled or size == 1000:
        assert field(new, "etag") != old
        assert client.status("/a.bin", if_none_match=old) == 200
    # No mixture of the two, ever.
    mixture = client.get("/a.bin", range="bytes=500-", if_range=old)
    assert (mixture.status, octets_of(mixture)) == (200, b"2" * size)


def test_the_tag_of_a_young_file_is_never_that_of_a_settled_one(client: Client, root: Path) -> None:
    # RFC 9110 section 8.8.1: what may change unseen has no strong validator.  It is compared weakly
    # for If-None-Match, so it must not come back as a strong one either.
    write(root, "a", bytes(LARGE))
    young = field(client.get("/a"), "etag")
    assert young is not None
    assert young.startswith('W/"')
    assert client.status("/a", if_none_match=young) == 304
    client.clock.settle()
    settled = field(client.get("/a"), "etag")
    assert settled is not None
    assert settled.startswith('"')
    assert client.status("/a", if_none_match=young) == 200


def test_every_worker_gives_the_same_tags(root: Path) -> None:
    write(root, "a", bytes(LARGE))
    write(root, "b", b"small")
    clients = [make_client(root) for _ in range(2)]
    for path in ("/a", "/b"):
        tags = set()
        for client in clients:
            client.clock.settle()
            tags.add(field(client.get(path), "etag"))
        assert len(tags) == 1


def test_machines_with_the_same_files(tmp_path: Path) -> None:
    """Small files agree, large ones do not unless their content is digested."""
    for machine in ("one", "two"):
        for name, size in (("small", 1000), ("large", LARGE)):
            set_date(write(tmp_path, f"{machine}/{name}", bytes(size)), PLAUSIBLE)
    for source, agree in ((EtagSource.AUTO, {"small"}), (EtagSource.DIGEST, {"small", "large"})):
        tags: dict[str, set[str | None]] = {"small": set(), "large": set()}
        for machine in ("one", "two"):
            client = make_client(tmp_path / machine, etag=source)
            client.clock.settle()
            for name, found in tags.items():
                found.add(field(client.get(f"/{name}"), "etag"))
        assert {name for name, found in tags.items() if len(found) == 1} == agree


def test_a_tag_of_the_content_is_weak_while_the_file_may_change_unseen(root: Path) -> None:
    # What is sent is read again after it was digested.
    write(root, "a", bytes(LARGE))
    client = make_client(root, etag=EtagSource.DIGEST)
    strong = content_tag(bytes(LARGE)).decode()
    assert field(client.get("/a"), "etag") == "W/" + strong
    client.clock.settle()
    assert field(client.get("/a"), "etag") == strong


@replaces_a_function
def test_without_change_times_the_content_is_digested(
    client: Client, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(root, "a", bytes(LARGE))
    monkeypatch.setattr("h2static.site.sources.changes_show", lambda version: False)
    client.clock.settle()
    assert field(client.get("/a"), "etag") == content_tag(bytes(LARGE)).decode()


# What the times say


def version(modified: int, changed: int) -> FileVersion:
    return FileVersion(1, 2, 3, modified, changed)


@pytest.mark.parametrize("seconds", [*CONSTANTS.values(), -1, NEW_YEAR])
def test_constants_say_nothing(seconds: int) -> None:
    assert is_meaningless(seconds * SECOND)
    # A file system that shows them as change times has none.
    assert not changes_show(version(seconds * SECOND, seconds * SECOND))
    assert not date_is_strong(version(seconds * SECOND, seconds * SECOND))


@pytest.mark.parametrize(
    ("shift", "set_", "shows", "strong"),
    [
        # Written, and nothing since; renamed into its place a moment later.
        (0, False, True, True),
        (5_000_000, False, True, True),
        # In the next second: what happened in between is not known to the second.
        (SECOND - 1, False, True, False),
        (SECOND + 1, True, True, False),
        (-1, True, True, True),
        (365 * 86_400 * SECOND, True, True, False),
    ],
)
def test_what_the_difference_of_the_times_says(
    shift: int, set_: bool, shows: bool, strong: bool
) -> None:
    modified = PLAUSIBLE * SECOND + 123_456_789
    found = version(modified, modified + shift)
    assert was_set(found) is set_
    assert changes_show(found) is shows
    assert date_is_strong(found) is strong


def test_a_change_time_that_only_repeats_the_date_shows_nothing() -> None:
    whole = PLAUSIBLE * SECOND
    assert not changes_show(version(whole, whole))
    assert changes_show(version(whole, whole + 1))
    assert changes_show(version(whole + 1, whole + 1))


# Last-Modified


@pytest.mark.parametrize("date", CONSTANTS.values(), ids=CONSTANTS)
def test_no_date_from_a_time_that_says_nothing(client: Client, root: Path, date: int) -> None:
    path = write(root, "a.bin", b"1" * 1000)
    set_date(path, date)
    response = client.get("/a.bin")
    assert field(response, "last-modified") is None
    assert field(response, "etag") is not None
    for name in ("if_modified_since", "if_unmodified_since"):
        # RFC 9110 section 13.1.3: ignored "if the resource does not have a modification date
        # available".
        fields = {name: format_http_date(date).decode()} if date > 0 else {}
        assert client.status("/a.bin", **fields) == 200


def test_one_date_all_over_the_tree_says_nothing(root: Path) -> None:
    # SOURCE_DATE_EPOCH, tar --mtime, find -exec touch.
    files = [write(root, f"{folder}{name}") for folder in ("", "sub/") for name in ("a", "b", "c")]
    for path in files:
        set_date(path, PLAUSIBLE)
    client = make_client(root)
    for name in ("/a", "/sub/b"):
        assert field(client.get(name), "last-modified") is None
    date = format_http_date(PLAUSIBLE).decode()
    assert client.status("/a", if_modified_since=date) == 200
    # The files of a mirror have dates of their own.
    for number, path in enumerate(files):
        set_date(path, PLAUSIBLE + number)
        set_date(write(root, f"more{number}"), PLAUSIBLE + 100 + number)
    client = make_client(root)
    assert field(client.get("/a"), "last-modified") == date
    assert client.status("/a", if_modified_since=date) == 304


def test_a_file_with_the_date_of_its_folder(root: Path) -> None:
    # What unpacks archives gives folders the date, too; many folders have one file.
    path = write(root, "page/index.html")
    set_date(path, PLAUSIBLE)
    assert field(make_client(root).get("/page/"), "last-modified") is not None
    set_date(root, PLAUSIBLE)
    assert field(make_client(root).get("/page/"), "last-modified") is None


def test_files_that_were_written_at_once_keep_their_date(root: Path) -> None:
    # Within one tick of the file system's clock: equal to the nanosecond, and copied with it.
    for number in range(5):
        path = write(root, str(number))
        os.utime(path, ns=(0, PLAUSIBLE * SECOND + 123_000_000))
    expected = format_http_date(PLAUSIBLE).decode()
    assert field(make_client(root).get("/1"), "last-modified") == expected


def test_few_files_are_looked_at_and_once_for_each_folder(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(40):
        set_date(write(root, str(number)), PLAUSIBLE + number)
    asked: list[object] = []
    scan = os.scandir

    def count(place: int) -> object:
        asked.append(place)
        return scan(place)

    monkeypatch.setattr(os, "scandir", count)
    client = make_client(root)
    for number in range(40):
        assert field(client.get(f"/{number}"), "last-modified") is not None
    assert len(asked) == 1
    # No more folders are remembered than there may be.
    client = make_client(root, limits=SiteLimits(dated_folders=2))
    for number in range(6):
        path = write(root, f"{number}x/a")
        set_date(path, PLAUSIBLE)
        set_date(write(root, f"{number}x/b"), PLAUSIBLE)
        assert field(client.get(f"/{number}x/a"), "last-modified") is None
    assert len(asked) == 7


def test_an_older_version_is_another_one(client: Client, root: Path) -> None:
    """A client that knows dates only had the newer file, which was put back in its older version.

    RFC 9110 section 13.1.3: what counts is whether the representation changed since.
    """
    path = write(root, "a", "new")
    set_date(path, PLAUSIBLE)
    date = field(client.get("/a"), "last-modified")
    rename_over(path, b"old", PLAUSIBLE - 3600)
    assert client.status("/a", if_modified_since=date) == 200
    assert client.status("/a", if_unmodified_since=date) == 412
    # After everything that happened to it.
    later = format_http_date(int(time.time()) + 100).decode()
    assert client.status("/a", if_modified_since=later) == 304
    assert client.status("/a", if_unmodified_since=later) == 200


def test_a_date_that_was_set_is_no_validator_for_parts(client: Client, root: Path) -> None:
    # RFC 9110 section 13.1.5: a date that is not strong makes the condition false.
    path = write(root, "a", "0123456789")
    client.clock.settle()
    date = field(client.get("/a"), "last-modified")
    status = path.stat()
    if status.st_ctime_ns // SECOND == status.st_mtime_ns // SECOND:
        assert client.status("/a", range="bytes=0-0", if_range=date) == 206
    rename_over(path, b"abcdefghij", int(status.st_mtime))
    set_date(path, PLAUSIBLE)
    date = field(client.get("/a"), "last-modified")
    assert date == format_http_date(PLAUSIBLE).decode()
    assert client.status("/a", range="bytes=0-0", if_range=date) == 200


# While it is sent


def body_of(path: Path) -> FileBody:
    handle = FileHandle(os.open(path, os.O_RDONLY))
    now = handle.version()
    access = FileAccess(submit=lambda job: job())
    return FileBody(handle, now, ((0, now.size),), access, take_sample(handle, now))


def test_a_file_that_was_rewritten_with_its_date_put_back_is_no_mixture(root: Path) -> None:
    content = b"1" * LARGE
    path = write(root, "a", content)
    set_date(path, 1)
    reader = body_of(path).open()
    sent = b""
    while len(sent) < LARGE // 2:
        sent += bytes(reader.read(LARGE // 2) or b"")
    assert content.startswith(sent)
    rewrite_in_place(path, b"2" * LARGE, 1)
    with pytest.raises(OSError, match="rewritten"):
        reader.read(LARGE)


@pytest.mark.parametrize("change", ["mode", "link", "rename", "replace", "replace a linked one"])
def test_a_file_of_which_only_attributes_change_is_sent_whole(root: Path, change: str) -> None:
    content = os.urandom(LARGE)
    path = write(root, "a", content)
    set_date(path, 1)
    if change == "replace a linked one":
        os.link(path, root / "other")
    reader = body_of(path).open()
    sent = bytes(reader.read(1000) or b"")
    match change:
        case "mode":
            path.chmod(0o600)
        case "link":
            os.link(path, root / "b")
        case "rename":
            path.rename(root / "b")
        case _:
            rename_over(path, b"2" * LARGE, 1)
    while len(sent) < LARGE:
        sent += bytes(reader.read(LARGE) or b"")
    assert sent == content
