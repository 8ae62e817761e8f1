"""Readers without a server: digests, files that grow, files of the owner, no notices."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from h2static import descriptors
from h2static.site.bodies import FileAccess, FileBody
from h2static.site.config import EtagSource
from h2static.site.limits import SiteLimits
from h2static.site.plain_files import read_text_file
from tests.faults.outcomes import (
    CLOSED_WITH_ERROR,
    INVALID,
    IO_ERROR,
    MANY_FILES,
    MANY_FILES_IN_ALL,
    NO_MEMORY,
    NOT_ALLOWED,
)
from tests.faults.rows import place
from tests.faults.test_files import catch_notices
from tests.site.harness import HandleDuringWrite, make_client, write
from tests.support.faults import Faults, Outcome, Place, short

DIGEST = place("site/contents:digest_content:pread")
WRITERS = place("site/bodies:_wait_for_writers:lseek")
OPEN_PLAIN = place("descriptors:open_regular_file:open")
LOOK_PLAIN = place("descriptors:open_regular_file:fstat")
READ_PLAIN = place("site/plain_files:read_text_file:read")
MOST_WATCHES = place("site/change_watch:ChangeWatch._start:open")
READ_MOST = place("site/change_watch:ChangeWatch._start:read")
FILE_SYSTEMS = place("site/mounts:file_system_of:open")
MOUNT = place("site/mounts:_mount_of:open")
NOTICES = place("site/inotify:Inotify.__init__:make")

#: Those that have tests here.
PLACES = {DIGEST, WRITERS, OPEN_PLAIN, LOOK_PLAIN, READ_PLAIN, MOST_WATCHES, READ_MOST}
PLACES |= {FILE_SYSTEMS, MOUNT, NOTICES}

CONTENT = bytes(range(256)) * 2_000
TEXT = "a rule\n" * 10_000


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Iterator[None]:
    gc.collect()
    before = len(os.listdir("/dev/fd"))
    yield
    gc.collect()
    assert len(os.listdir("/dev/fd")) == before


@pytest.mark.parametrize(("outcome", "status"), [(IO_ERROR, 500), (short(), 200)], ids=str)
def test_a_digest(tmp_path: Path, faults: Faults, outcome: Outcome, status: int) -> None:
    write(tmp_path, "large", CONTENT)
    limits = SiteLimits(small_file=1_000)
    client = make_client(tmp_path, limits=limits, etag=EtagSource.DIGEST)
    client.clock.settle()
    with faults.at(DIGEST, outcome):
        response = client.get("/large")
    assert response.status == status
    assert response.refusal == (None if status == 200 else "Input/output error")
    # It is the tag of the whole content, however the content was read.
    again = make_client(tmp_path, limits=limits, etag=EtagSource.DIGEST)
    again.clock.settle()
    assert client.get("/large").fields == again.get("/large").fields


@pytest.mark.parametrize("outcome", [INVALID, IO_ERROR], ids=str)
def test_a_file_system_that_knows_no_writers(
    tmp_path: Path, faults: Faults, outcome: Outcome
) -> None:
    path = write(tmp_path, "log", CONTENT)
    handle = HandleDuringWrite(os.open(path, os.O_RDONLY))
    version = handle.version()
    access = FileAccess(submit=lambda job: job())
    reader = FileBody(handle, version, ((0, version.size),), access).open()
    sent = bytearray(reader.read(1_000) or b"")
    handle.hidden = version
    with path.open("ab") as file:
        file.write(b"more")
    os.utime(path, ns=(0, version.modified + 1))
    handle.looks = 1
    with faults.at(WRITERS, outcome):
        assert reader.read(1_000) is None
        reader.wait(lambda: None)
    while len(sent) < len(CONTENT):
        sent += reader.read(100_000) or b""
    assert sent == CONTENT


@pytest.mark.parametrize(
    ("where", "outcome"),
    [
        (OPEN_PLAIN, MANY_FILES),
        (OPEN_PLAIN, NOT_ALLOWED),
        (OPEN_PLAIN, IO_ERROR),
        (LOOK_PLAIN, IO_ERROR),
        (READ_PLAIN, IO_ERROR),
    ],
    ids=str,
)
def test_a_file_of_the_owner(
    tmp_path: Path, faults: Faults, monkeypatch: pytest.MonkeyPatch, where: Place, outcome: Outcome
) -> None:
    path = write(tmp_path, "rules", TEXT)
    faults.catch_files(monkeypatch, descriptors, "open")
    with faults.at(where, outcome), pytest.raises(OSError, match=r"\w"):
        read_text_file(path, 10_000_000)
    assert read_text_file(path, 10_000_000) == TEXT


def test_closing_a_file_of_the_owner(tmp_path: Path, faults: Faults) -> None:
    path = write(tmp_path, "rules", TEXT)
    with faults.at(place("descriptors:close_descriptor:close"), CLOSED_WITH_ERROR):
        assert read_text_file(path, 10_000_000) == TEXT


@pytest.mark.parametrize(
    ("where", "outcome"),
    [
        (MOST_WATCHES, MANY_FILES),
        (MOST_WATCHES, NOT_ALLOWED),
        (READ_MOST, IO_ERROR),
        (FILE_SYSTEMS, MANY_FILES),
        (MOUNT, MANY_FILES),
        (NOTICES, MANY_FILES),
        (NOTICES, MANY_FILES_IN_ALL),
        (NOTICES, NO_MEMORY),
    ],
    ids=str,
)
def test_without_notices_every_edit_is_seen(
    tmp_path: Path, faults: Faults, monkeypatch: pytest.MonkeyPatch, where: Place, outcome: Outcome
) -> None:
    catch_notices(faults, monkeypatch)
    write(tmp_path, "a", "0")
    client = make_client(tmp_path)
    client.clock.settle()
    with faults.at(where, outcome):
        for number in range(6):
            write(tmp_path, "a", str(number))
            for _ in range(4):
                client.site.new_batch()
                assert client.body("/a") == b"%d" % number
