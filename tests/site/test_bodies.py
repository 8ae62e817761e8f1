"""Bodies that are read while they are sent."""

from __future__ import annotations

import concurrent.futures
import errno
import gc
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from h2static.http.bodies import Body, BodyReader
from h2static.site.bodies import (
    LEAST_MAPPED,
    LEAST_READ,
    READ_SIZE,
    FileAccess,
    FileBody,
    FileReader,
    Submit,
    take_sample,
)
from h2static.site.files import FileHandle
from h2static.site.limits import DEFAULTS, SiteLimits
from h2static.site.octets import Piece
from tests.site.harness import HandleDuringWrite, cannot_tell, forget_pages, read_whole, write
from tests.support.processes import DEADLINE

CONTENT = bytes(range(256)) * 2000


def run_at_once(job: Callable[[], None]) -> None:
    job()


AT_ONCE = FileAccess(submit=run_at_once)


def body_of(
    path: Path,
    *pieces: Piece,
    submit: Submit = run_at_once,
    access: FileAccess | None = None,
) -> FileBody:
    handle = FileHandle(os.open(path, os.O_RDONLY))
    version = handle.version()
    return FileBody(
        handle, version, pieces or ((0, version.size),), access or FileAccess(submit=submit)
    )


@pytest.mark.parametrize("size", [1, 7, 16384, READ_SIZE, 10**9])
@pytest.mark.parametrize("waits", [False, True])
def test_reading(root: Path, monkeypatch: pytest.MonkeyPatch, size: int, waits: bool) -> None:
    if waits:
        cannot_tell(monkeypatch)
    content = CONTENT[:2000] if size < 10 else CONTENT
    body = body_of(write(root, "a", content))
    assert body.length == len(content)
    assert read_whole(body, size) == content
    assert read_whole(body, size) == content


def test_pieces(root: Path) -> None:
    path = write(root, "a", CONTENT)
    body = body_of(path, b"head", (5, 10), b"", b"between", (0, 0), (100, 300_000), b"tail")
    expected = b"head" + CONTENT[5:10] + b"between" + CONTENT[100:300_000] + b"tail"
    assert body.length == len(expected)
    for size in (3, 4096, 10**6):
        assert read_whole(body, size) == expected


def test_it_is_a_body(root: Path) -> None:
    body: Body = body_of(write(root, "a"))
    reader: BodyReader = body.open()
    reader.close()
    reader.close()
    assert reader.read(10) == b""


def test_readers_do_not_disturb_each_other(root: Path) -> None:
    body = body_of(write(root, "a", CONTENT))
    one, two = body.open(), body.open()
    first = one.read(100)
    assert first == CONTENT[:100]
    assert two.read(10) == CONTENT[:10]
    assert first == CONTENT[:100]
    assert one.read(100) == CONTENT[100:200]


def test_waiting_is_done_elsewhere(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cannot_tell(monkeypatch)
    jobs: list[Callable[[], None]] = []
    woken: list[int] = []
    reader = body_of(write(root, "a", CONTENT), submit=jobs.append).open()
    assert reader.read(1000) is None
    reader.wait(lambda: woken.append(1))
    assert (len(jobs), woken) == (1, [])
    jobs.pop()()
    assert woken == [1]
    # What was fetched comes in pieces as small as they are wanted.
    assert reader.read(400) == CONTENT[:400]
    assert reader.read(400) == CONTENT[400:800]
    assert reader.read(400) == CONTENT[800:1000]
    assert reader.read(400) is None


def test_a_read_in_flight_keeps_the_file_open(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cannot_tell(monkeypatch)
    jobs: list[Callable[[], None]] = []
    body = body_of(write(root, "a", CONTENT), submit=jobs.append)
    descriptor = body.handle.descriptor
    reader = body.open()
    assert reader.read(10) is None
    reader.wait(lambda: None)
    reader.close()
    del body, reader
    gc.collect()
    assert os.fstat(descriptor)
    jobs.pop()()
    gc.collect()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(descriptor)


def test_nothing_is_read_for_a_reader_that_was_closed(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_pages(monkeypatch)
    submitted: list[Callable[[], None]] = []
    reader = body_of(write(root, "a", CONTENT), submit=submitted.append).open()
    assert reader.read(1000) is None
    woken: list[bool] = []
    reader.wait(lambda: woken.append(True))
    reader.close()
    monkeypatch.setattr(os, "pread", lambda *_: pytest.fail("read for nobody"))
    submitted.pop()()
    assert not woken


def test_errors_of_the_medium_come_out_of_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bytes:
        raise OSError(errno.EIO, "the disk is broken")

    cannot_tell(monkeypatch)
    monkeypatch.setattr(os, "pread", fail)
    woken: list[int] = []
    reader = body_of(write(root, "a", CONTENT)).open()
    assert reader.read(10) is None
    reader.wait(lambda: woken.append(1))
    assert woken == [1]
    with pytest.raises(OSError, match="the disk is broken"):
        reader.read(10)


@pytest.mark.parametrize(
    "code", [errno.EAGAIN, errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS, errno.EIO]
)
def test_file_systems_that_cannot_tell(
    root: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "preadv", refuse)
    body = body_of(write(root, "a", CONTENT))
    if code == errno.EIO:
        with pytest.raises(OSError, match="Input/output"):
            read_whole(body)
    else:
        assert read_whole(body) == CONTENT


@pytest.mark.parametrize("waits", [False, True])
def test_a_truncated_file_fails(root: Path, monkeypatch: pytest.MonkeyPatch, waits: bool) -> None:
    if waits:
        cannot_tell(monkeypatch)
    path = write(root, "a", CONTENT)
    body = body_of(path)
    reader = body.open()
    if waits:
        assert reader.read(1000) is None
        reader.wait(lambda: None)
    assert len(reader.read(1000) or b"") == 1000
    os.truncate(path, 1000)
    if waits:
        assert reader.read(1000) is None
        reader.wait(lambda: None)
    with pytest.raises(OSError, match="rewritten"):
        reader.read(1000)


def read_in_the_end(reader: BodyReader, size: int) -> bytes:
    """What ``read`` gives when it has been waited for as often as it wants."""
    for _ in range(DEFAULTS.looks + 2):
        data = reader.read(size)
        if data is not None:
            return bytes(data)
        reader.wait(lambda: None)
    raise AssertionError("the reader waits without end")


def test_a_file_that_was_rewritten_in_place_fails(root: Path) -> None:
    path = write(root, "a", CONTENT)
    reader = body_of(path).open()
    assert reader.read(1000)
    with path.open("r+b") as file:
        file.write(b"new")
    os.utime(path, (1, 1))
    with pytest.raises(OSError, match="rewritten"):
        read_in_the_end(reader, 1000)


@pytest.mark.parametrize("looks", [1, 2, DEFAULTS.looks - 1])
def test_a_write_that_is_under_way_is_waited_for(root: Path, looks: int) -> None:
    path = write(root, "a", CONTENT)
    handle = HandleDuringWrite(os.open(path, os.O_RDONLY))
    version = handle.version()
    reader = FileBody(handle, version, ((0, version.size),), AT_ONCE).open()
    sent = bytearray(reader.read(1000) or b"")
    while len(sent) < len(CONTENT):
        handle.hidden = handle.version()
        with path.open("ab") as file:
            file.write(b"more")
        os.utime(path, ns=(0, handle.hidden.modified + 1))
        handle.looks = looks
        assert reader.read(100_000) is None
        sent += read_in_the_end(reader, 100_000)
    assert sent == CONTENT


def test_a_file_that_others_append_to_all_the_time(root: Path) -> None:
    path = write(root, "a", CONTENT)
    ended = threading.Event()

    def append() -> None:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND)
        for _ in range(100_000):
            if ended.is_set():
                break
            os.write(descriptor, b"line\n")
        os.close(descriptor)

    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        writer = pool.submit(append)
        complete = 0
        try:
            while complete < 20 and not writer.done():
                handle = FileHandle(os.open(path, os.O_RDONLY))
                version = handle.version()
                sample = take_sample(handle, version)
                if not sample:
                    continue
                whole = ((0, version.size),)
                reader = FileBody(handle, version, whole, AT_ONCE, sample).open()
                sent = 0
                while part := read_in_the_end(reader, 8192):
                    sent += len(part)
                assert sent == version.size
                complete += 1
        finally:
            ended.set()
            writer.result(DEADLINE)
    assert complete


@pytest.mark.parametrize("first", [100, 1000, 300_000])
def test_a_file_that_grows_is_sent_to_its_old_length(root: Path, first: int) -> None:
    path = write(root, "a", CONTENT)
    reader = body_of(path).open()
    sent = bytearray(reader.read(first) or b"")
    while part := reader.read(50_000):
        sent += part
        with path.open("ab") as file:
            file.write(b"more")
    assert sent == CONTENT


#: What a file holds after it was rewritten in place and became larger.
LARGER = {
    "all of it": bytes(len(CONTENT) + 1000),
    "something in front": b"new" + CONTENT,
    "another beginning": b"new" + CONTENT[3:] + b"more",
    "another end of what was sent": CONTENT[:999] + b"new" + CONTENT[1002:] + b"more",
}


@pytest.mark.parametrize("content", LARGER.values(), ids=LARGER)
@pytest.mark.parametrize("waits", [False, True])
def test_a_file_that_was_rewritten_and_is_larger_fails(
    root: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, waits: bool
) -> None:
    path = write(root, "a", CONTENT)
    submitted: list[Callable[[], None]] = []
    reader = body_of(path, submit=submitted.append).open()
    assert reader.read(1000) == CONTENT[:1000]
    path.write_bytes(content)
    if waits:
        forget_pages(monkeypatch)
        assert reader.read(1000) is None
        reader.wait(lambda: None)
        submitted.pop()()
    with pytest.raises(OSError, match="rewritten"):
        reader.read(1000)


def test_a_sample_vouches_for_a_file_that_grew_before_it_was_read(root: Path) -> None:
    path = write(root, "a", CONTENT)
    handle = FileHandle(os.open(path, os.O_RDONLY))
    version = handle.version()
    sample = take_sample(handle, version)
    assert sample == CONTENT[: len(sample)] != b""
    body = FileBody(handle, version, ((1000, version.size),), AT_ONCE, sample)
    with path.open("ab") as file:
        file.write(b"more")
    assert read_whole(body) == CONTENT[1000:]
    path.write_bytes(b"new" + CONTENT)
    with pytest.raises(OSError, match="rewritten"):
        read_whole(body)


def test_there_is_no_sample_of_another_version(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(root, "a", CONTENT)
    handle = FileHandle(os.open(path, os.O_RDONLY))
    version = handle.version()
    path.write_bytes(b"new" + CONTENT)
    assert take_sample(handle, version) == b""
    assert take_sample(handle, handle.version()) != b""
    cannot_tell(monkeypatch)
    assert take_sample(handle, handle.version()) == b""


def test_nothing_vouches_for_a_file_that_changed_before_it_was_read(root: Path) -> None:
    path = write(root, "a", CONTENT)
    reader = body_of(path).open()
    path.write_bytes(b"new" + CONTENT)
    with pytest.raises(OSError, match="rewritten"):
        reader.read(1000)


def test_a_file_that_grew_and_was_rewritten_then_fails(root: Path) -> None:
    path = write(root, "a", CONTENT)
    reader = body_of(path).open()
    assert reader.read(1000)
    with path.open("ab") as file:
        file.write(b"more")
    assert reader.read(1000)
    os.truncate(path, len(CONTENT) + 1)
    with pytest.raises(OSError, match="rewritten"):
        reader.read(1000)


def test_a_replaced_file_is_sent_as_it_was(root: Path) -> None:
    path = write(root, "a", CONTENT)
    body = body_of(path)
    write(root, "b", b"new").rename(path)
    assert read_whole(body) == CONTENT
    path.unlink()
    assert read_whole(body) == CONTENT


def test_bodies_compare_by_what_they_send(root: Path) -> None:
    path = write(root, "a", CONTENT)
    body = body_of(path)
    assert body.same_as(body_of(path))
    assert not body.same_as(body_of(path, (0, 5)))
    os.utime(path, (1, 1))
    assert not body.same_as(body_of(path))


def test_the_octets_of_kept_buffers_are_bounded(root: Path) -> None:
    access = FileAccess(submit=run_at_once, limits=SiteLimits(kept_buffers=3000))
    body = body_of(write(root, "a", CONTENT), access=access)
    readers = [body.open() for _ in range(10)]
    for start in range(0, 5000, 1000):
        parts = [reader.read(1000) for reader in readers]
        assert parts == [CONTENT[start : start + 1000]] * 10
        assert access.kept == 3000
        # The first three got a buffer to keep.
        assert [reader.reuses_buffer for reader in readers] == [True] * 3 + [False] * 7
    readers[0].close()
    assert access.kept == 2000
    assert readers[9].read(100) == CONTENT[5000:5100]
    assert access.kept == 2100
    del readers
    gc.collect()
    assert access.kept == 0


def test_a_file_that_is_not_in_memory_is_waited_for(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs: list[Callable[[], None]] = []
    path = write(root, "a", CONTENT)
    reader = body_of(path, submit=jobs.append).open()
    forget_pages(monkeypatch)
    assert reader.read(1000) is None
    reader.wait(lambda: None)
    jobs.pop()()
    assert reader.read(1000) == CONTENT[:1000]
    # The rest came with it.
    assert reader.read(1000) == CONTENT[1000:2000]


# ---------------------------------------------------------------------- mappings

LARGE = bytes(range(256)) * 4_000


def mapping_reader(path: Path, *pieces: Piece) -> FileReader:
    """A reading that may map: its file was read from the page cache before."""
    body = body_of(path, *pieces)
    handle = body.handle
    whole = FileBody(handle, handle.version(), ((0, path.stat().st_size),), AT_ONCE)
    assert read_whole(whole, READ_SIZE)
    assert handle.cached
    return FileBody(
        handle,
        handle.version(),
        pieces or ((0, path.stat().st_size),),
        FileAccess(submit=run_at_once),
    ).open()


def finish(reader: FileReader) -> None:
    """Read on; more looks than are allowed end it."""
    for _ in range(DEFAULTS.looks + 100):
        assert reader.read(READ_SIZE) != b""


def read_mapped(reader: FileReader, size: int = READ_SIZE) -> tuple[bytes, int]:
    """All of it, by mappings where they can be had; and how many octets those were."""
    octets = mapped = 0
    found = b""
    while True:
        piece: bytes | memoryview | None = reader.read_mapped(size)
        if piece is None:
            piece = reader.read(size)
        else:
            mapped += len(piece)
        assert piece is not None
        if not piece:
            return found, mapped
        found += piece
        octets += len(piece)


def test_mappings_give_the_file(root: Path) -> None:
    found, mapped = read_mapped(mapping_reader(write(root, "a", LARGE)))
    assert found == LARGE
    # The first octets vouch for the file, the last ones are looked at when all is known.
    assert len(LARGE) - READ_SIZE - LEAST_MAPPED - LEAST_READ <= mapped <= len(LARGE) - LEAST_READ


def test_mappings_give_ranges(root: Path) -> None:
    pieces: tuple[Piece, ...] = (b"head", (100, 900_000), b"between", (5, 10), b"tail")
    found, mapped = read_mapped(mapping_reader(write(root, "a", LARGE), *pieces))
    assert found == b"head" + LARGE[100:900_000] + b"between" + LARGE[5:10] + b"tail"
    assert mapped > 500_000


def test_what_was_not_read_whole_is_not_mapped(root: Path) -> None:
    reader = body_of(write(root, "a", LARGE)).open()
    assert reader.read(READ_SIZE)
    assert reader.read_mapped(READ_SIZE) is None


def test_what_must_be_waited_for_is_not_mapped(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = mapping_reader(write(root, "a", LARGE))
    assert reader.read(READ_SIZE)
    with monkeypatch.context() as patch:
        cannot_tell(patch)
        assert reader.read_mapped(READ_SIZE) is None
    # It has to be read whole once more.
    assert reader.read_mapped(READ_SIZE) is None


@pytest.mark.parametrize("change", ["truncate", "rewrite"])
def test_a_file_that_changes_while_it_is_mapped(root: Path, change: str) -> None:
    path = write(root, "a", LARGE)
    reader = mapping_reader(path)
    assert reader.read(READ_SIZE)
    assert reader.read_mapped(READ_SIZE) is not None
    if change == "truncate":
        os.truncate(path, READ_SIZE)
        assert reader.read_mapped(READ_SIZE) is None
        with pytest.raises(OSError, match="rewritten"):
            reader.read(READ_SIZE)
        return
    with path.open("r+b") as file:
        file.write(LARGE[::-1])
    assert reader.read_mapped(READ_SIZE) is None
    with pytest.raises(OSError, match="rewritten"):
        finish(reader)
