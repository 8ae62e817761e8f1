"""The memory of small files."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest

from h2static.site.contents import (
    Contents,
    FileContent,
    content_tag,
    digest_content,
    read_content,
)
from h2static.site.errors import WouldBlockError
from h2static.site.files import FileHandle, FileVersion, version_of
from h2static.site.limits import SiteLimits
from tests.site.harness import cannot_tell, write

ALWAYS = 2**63


def content(number: int, size: int, *, settled: bool = True) -> FileContent:
    octets = bytes(size)
    version = FileVersion(1, number, size, 0, 0)
    return FileContent(version=version, etag=content_tag(octets), octets=octets, settled=settled)


def opened(path: Path) -> tuple[FileHandle, FileVersion]:
    handle = FileHandle(os.open(path, os.O_RDONLY))
    return handle, handle.version()


def test_a_tag_is_short_strong_and_made_of_the_content() -> None:
    tag = content_tag(b"hello")
    assert tag == content_tag(b"hello") != content_tag(b"hellp")
    assert len(tag) == 18
    assert tag[:1] == tag[-1:] == b'"'


def test_only_the_same_version_is_found() -> None:
    memory = Contents(1000)
    one = content(1, 10)
    memory.remember(one)
    assert memory.find(one.version) is one
    assert memory.find(one.version._replace(modified=1)) is None
    assert memory.find(one.version._replace(changed=1)) is None
    assert memory.find(one.version._replace(inode=2)) is None


def test_what_has_not_settled_is_not_trusted() -> None:
    memory = Contents(1000)
    young = memory.hold(content(1, 10, settled=False))
    assert not memory.remember(young)
    assert memory.find(young.version) is None
    # A new reading that gives the same octets shares them.
    again = memory.hold(content(1, 10, settled=False))
    assert again.octets is young.octets
    assert memory.held == memory.kept == 10
    settled = memory.hold(content(1, 10))
    assert settled.octets is young.octets
    memory.remember(settled)
    assert memory.find(settled.version) is settled


def test_octets_count_as_long_as_anybody_holds_them() -> None:
    memory = Contents(1000, SiteLimits(passing_octets=500))
    views: list[object] = []
    for number in range(12):
        item = memory.hold(content(number, 100))
        assert item.octets is not None
        views.append(memoryview(item.octets)[:1])
        memory.remember(item)
    assert memory.kept <= 1000
    assert memory.held == 1200
    del item
    for number in range(12, 15):
        assert memory.hold(content(number, 100)).octets is not None
    views += [memory.hold(content(20, 100)).octets for _ in range(3)]
    assert memory.held == 1500
    # No room: the tag is known all the same.
    item = memory.hold(content(30, 100))
    assert (item.octets, item.etag) == (None, content(30, 100).etag)
    assert not memory.has_room(1)
    views.clear()
    assert memory.held == memory.kept
    assert memory.has_room(500)


def test_octets_are_bounded_and_tags_stay() -> None:
    memory = Contents(1000)
    items = [content(number, 100) for number in range(10)]
    assert not any(memory.remember(item) for item in items)
    assert memory.kept == 1000
    memory.remember(items[0])
    assert memory.kept == 1000
    assert memory.remember(content(10, 100))
    # An eighth is left free, so that not every new file makes room.
    assert memory.kept <= 875
    known = [memory.find(item.version) for item in items]
    assert all(item is not None for item in known)
    octets = [item is not None and item.octets is not None for item in known]
    # The most recently used are still there.
    assert octets == [True, False, False, False] + [True] * 6 or octets[0]
    assert not octets[1]


def test_a_file_larger_than_the_memory_is_not_held() -> None:
    memory = Contents(0)
    item = content(1, 100)
    memory.remember(item)
    assert memory.kept == 0
    known = memory.find(item.version)
    assert known is not None
    assert (known.octets, known.etag) == (None, item.etag)


def test_the_number_of_tags_is_bounded() -> None:
    memory = Contents(1000, SiteLimits(digests=5))
    items = [content(number, 10) for number in range(8)]
    for item in items:
        memory.remember(item)
    assert [memory.find(item.version) is not None for item in items] == [False] * 3 + [True] * 5
    assert memory.kept == 50


def test_reading(root: Path) -> None:
    octets = os.urandom(100_000)
    handle, version = opened(write(root, "a", octets))
    for blocking in (False, True):
        found = read_content(handle, version, ALWAYS, blocking=blocking)
        assert found == FileContent(
            version=version, etag=content_tag(octets), octets=octets, settled=True
        )
    assert not read_content(handle, version, 0, blocking=True).settled
    digest = digest_content(handle, version, ALWAYS, blocking=True)
    assert (digest.etag, digest.octets) == (content_tag(octets), None)
    with pytest.raises(WouldBlockError):
        digest_content(handle, version, ALWAYS, blocking=False)


def test_reading_never_blocks_unless_it_may(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handle, version = opened(write(root, "a", "content"))
    cannot_tell(monkeypatch)
    with pytest.raises(WouldBlockError):
        read_content(handle, version, ALWAYS, blocking=False)
    assert read_content(handle, version, ALWAYS, blocking=True).octets == b"content"


@pytest.mark.parametrize("change", ["grow", "shrink", "rewrite"])
def test_the_length_is_that_of_what_was_read(root: Path, change: str) -> None:
    path = write(root, "a", "old content")
    handle, version = opened(path)
    path.write_text(
        {"grow": "new content, longer", "shrink": "new", "rewrite": "new content"}[change]
    )
    found = read_content(handle, version, ALWAYS, blocking=True)
    assert found.octets == path.read_bytes()
    assert found.version == version_of(path.stat())
    assert found.version.size == len(found.octets or b"")


def test_a_file_that_never_rests_is_taken_as_it_is(root: Path) -> None:
    path = write(root, "a", b"0" * 50_000)
    handle, version = opened(path)
    stop = threading.Event()

    def write_forever() -> None:
        while not stop.is_set():
            path.write_bytes(b"1" * 50_000)

    thread = threading.Thread(target=write_forever)
    thread.start()
    try:
        for _ in range(50):
            found = read_content(handle, version, ALWAYS, blocking=True)
            assert found.octets is not None
            assert found.etag == content_tag(found.octets)
    finally:
        stop.set()
        thread.join(10)
