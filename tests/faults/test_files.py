"""The file system fails once: opening, looking, reading, listing, keeping uploads, noticing."""

from __future__ import annotations

import ctypes
import itertools
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from h2static.site import change_watch, inotify, mounts
from tests.faults.outcomes import (
    ABSENT,
    AGAIN,
    CLOSED_WITH_ERROR,
    INVALID,
    IO_ERROR,
    MANY_FILES,
    MANY_FILES_IN_ALL,
    NO_MEMORY,
    NO_SPACE,
    NOT_ALLOWED,
    STALE,
)
from tests.faults.rows import Row, Story, cases, place, play
from tests.faults.stories import ask
from tests.faults.world import (
    ENDED,
    LARGE,
    SMALL,
    Answer,
    Protocol,
    Visitor,
    Way,
    World,
    running_world,
)
from tests.support.certificates import Certificate
from tests.support.faults import Faults, FaultyLibrary, Outcome, Place, short
from tests.support.processes import DEADLINE

H2: tuple[Protocol, Way] = ("h2", "cleartext")
H1: tuple[Protocol, Way] = ("http/1.1", "cleartext")

WHOLE = Answer(200, SMALL, whole=True)
WHOLE_LARGE = Answer(200, LARGE, whole=True)
UPLOAD = bytes(range(256)) * 100
ECHO = Answer(200, UPLOAD, whole=True)

_numbers = itertools.count()


@pytest.fixture
def world(
    faults: Faults, tmp_path: Path, certificate: Certificate, monkeypatch: pytest.MonkeyPatch
) -> Iterator[World]:
    """One whose notices and temporary files fail as well."""
    catch_notices(faults, monkeypatch)
    faults.catch_files(monkeypatch, tempfile, "TemporaryFile")
    with running_world(faults, tmp_path, certificate) as one:
        yield one


def catch_notices(faults: Faults, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for everything that notices are made of."""
    real = ctypes.CDLL(None, use_errno=True)
    names = {"inotify_add_watch": "_add", "inotify_rm_watch": "_remove", "inotify_init1": "make"}
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **named: FaultyLibrary(faults, real, names))
    faults.catch(monkeypatch, inotify, "ioctl")
    for module in (change_watch, mounts):
        faults.catch_files(monkeypatch, module, "open")


def new_file(ending: str = "txt") -> Story:
    """A file that was not there before is asked for: nothing is known of it."""

    def story(world: World, client: Visitor) -> Answer:
        name = f"new-{next(_numbers)}.{ending}"
        (world.root / name).write_bytes(SMALL)
        return client.ask(f"/{name}")

    return story


def anew(story: Story) -> Story:
    """Nothing is remembered, and no folder is open."""

    def forgotten(world: World, client: Visitor) -> Answer:
        world.in_thread(world.site.forget)
        return story(world, client)

    return forgotten


def many_of_a_folder(world: World, client: Visitor) -> Answer:
    """So many files of one folder that it is read once, to know what lies beside them."""
    folder = world.root / f"many-{next(_numbers)}"
    folder.mkdir()
    for number in range(10):
        (folder / f"{number}.txt").write_bytes(SMALL)
    for number in range(9):
        assert client.ask(f"/{folder.name}/{number}.txt") == WHOLE
    # A thread reads it.
    end = time.monotonic() + DEADLINE
    while world.faults.waiting and time.monotonic() < end:
        world.settle()
    return client.ask(f"/{folder.name}/9.txt")


def through_a_link(world: World, client: Visitor) -> Answer:
    """A link that was not there before."""
    path = f"link-{next(_numbers)}.txt"
    (world.root / path).symlink_to("small.txt")
    return client.ask(f"/{path}")


def edited(world: World, client: Visitor) -> Answer:
    """A file is asked for until what is to fail has failed, then edited and asked for again."""
    name = f"edited-{next(_numbers)}.txt"
    (world.root / name).write_bytes(b"old")
    end = time.monotonic() + DEADLINE
    asked = 0
    while asked < 5 or (world.faults.waiting and time.monotonic() < end):
        assert client.ask(f"/{name}") == Answer(200, b"old", whole=True)
        asked += 1
        if asked % 3 == 0:
            # Something happens beside it, memories are released, the way to the root changes.
            (world.root / "beside").write_bytes(b"%d" % asked)
            world.in_thread(world.site.forget)
        if asked % 10 == 0:
            os.utime(world.root.parent)
    (world.root / name).write_bytes(b"new")
    return client.ask(f"/{name}")


def dated(world: World, client: Visitor) -> Answer:
    """A file that may have its time from whoever set those of all files in its folder."""
    folder = world.root / f"dated-{next(_numbers)}"
    folder.mkdir()
    for name in ("a.txt", "b.txt"):
        (folder / name).write_bytes(SMALL)
        os.utime(folder / name, (1_000_000_000, 1_000_000_000))
    return client.ask(f"/{folder.name}/a.txt")


def replaced(world: World, client: Visitor) -> Answer:
    """A file whose name is given to another one while it is sent."""
    path = world.root / f"replaced-{next(_numbers)}.bin"
    path.write_bytes(LARGE)
    reply = client.begin(f"/{path.name}")
    world.settle()
    other = world.root / "other"
    other.write_bytes(b"other")
    other.replace(path)
    return client.finish(reply)


def new_rules(world: World, client: Visitor) -> Answer:
    """The rules for Netlify are another version: they are read again."""
    rules = world.root / "_headers"
    rules.write_text(f"/small.txt\n  x-rule: {next(_numbers)}\n")
    return client.ask("/small.txt")


def too_large(world: World, client: Visitor) -> Answer:
    """More content than one upload may have."""
    return client.ask("/", "POST", bytes(1_200_000))


def upload(world: World, client: Visitor) -> Answer:
    """More content than is held in memory, and back."""
    return client.ask("/", "POST", UPLOAD)


def status(number: int) -> Callable[[Answer], bool]:
    """A whole response with this status."""
    return lambda answer: answer.status == number and answer.whole


def is_new(answer: Answer) -> bool:
    """Whether it is what was edited last."""
    return answer == Answer(200, b"new", whole=True)


def broken(answer: Answer) -> bool:
    """Whether the client sees that the response is not complete."""
    return answer == ENDED


def is_listed(answer: Answer) -> bool:
    """Whether it is the list of the folder."""
    return answer.status == 200 and b"2.txt" in answer.content


# ---------------------------------------------------------------------- places

ROOT_LOOK = place("site/files:Walk.root:stat")
ROOT = place("site/files:Walk.root:open")
ENTER = place("site/files:Walk._enter:fstat")
KIND = place("site/files:Walk._look:stat")
OPEN = place("site/files:Walk.step:open")
OPENED = place("site/files:Walk.step:fstat")
CODED = place("site/coded_names:CodedNames._read:open")
CODED_VERSION = place("site/coded_names:CodedNames._read:fstat")
CODED_ENTRIES = place("site/coded_names:CodedNames._names:scandir")
FOLLOW = place("site/files:Walk.step:readlink")
CLOSE = place("descriptors:close_descriptor:close")
VERSION = place("site/files:FileHandle.version:fstat")
READ = place("site/files:FileHandle.read:pread")
READ_NOW = place("site/bodies:read_without_waiting:preadv")
FETCH = place("site/bodies:FileReader.wait.fetch:pread")
WRITERS = place("site/bodies:_wait_for_writers:lseek")
DIGEST = place("site/contents:digest_content:pread")
PEEK = place("site/files:Walk.peek:stat")
LIST = place("site/listing:_read_names:open")
NAMES = place("site/listing:_read_names:scandir")
NAMELESS = place("site/bodies:_is_nameless:fstat")
ENTRIES = place("site/files:entries_of:open")
ENTRY_NAMES = place("site/files:entries_of:scandir")
FOLDER = place("site/listing:_packed_entry:stat")
IN_THE_WAY = place("site/netlify:_is_in_the_way:lstat")
LOOK = place("site/path_states:PathState.look:stat")
HOLD = place("site/path_states:PathState._hold:open")
HELD = place("site/path_states:_is_in:fstat")
UNCHANGED = place("site/path_states:PathState._is_unchanged:fstat")
FRESH = place("site/response_cache:is_fresh:fstat")
FOLDER_TO_WATCH = place("site/path_states:PathState._watch_folder:open")
WATCH = place("site/inotify:Inotify.add:_add")
UNWATCH = place("site/inotify:Inotify.remove:_remove")
PENDING = place("site/inotify:Inotify.pending:ioctl")
NOTICES = place("site/inotify:Inotify.read:read")
WAY_NAME = place("site/change_watch:ChangeWatch._follow:lstat")
WAY_LINK = place("site/change_watch:ChangeWatch._follow:readlink")
TEMPORARY = place("site/uploads:EchoUpload._move_to_file:TemporaryFile")
MOVE = place("site/uploads:EchoUpload._move_to_file:write")
KEEP = place("site/uploads:EchoUpload._keep:write")
FLUSH = place("site/uploads:EchoUpload._spooled:flush")
DUPLICATE = place("site/uploads:EchoUpload._spooled:dup")
SPOOLED = place("site/uploads:EchoUpload._spooled:close")
ABANDON = place("site/uploads:EchoUpload.abandon:close")


def refused(
    where: Place, story: Story, outcomes: Sequence[tuple[Outcome, int, str]], passes: int = 0
) -> list[Row]:
    """Rows whose client gets an error and whose log says why."""
    return [
        Row(
            place=where,
            outcomes=(outcome,),
            story=story,
            answer=status(number),
            log=log,
            passes=passes,
            name="refused",
        )
        for outcome, number, log in outcomes
    ]


#: What the system says of a file that cannot be had, and what a client hears.
CANNOT_OPEN = (
    (MANY_FILES, 503, "503: Too many open files: GET /"),
    (MANY_FILES_IN_ALL, 503, "503: Too many open files in system: GET /"),
    (NO_MEMORY, 503, "503: Cannot allocate memory: GET /"),
    (IO_ERROR, 500, "500: Input/output error: GET /"),
    (STALE, 500, "500: Stale file handle: GET /"),
    (NOT_ALLOWED, 403, "403: Permission denied: GET /"),
    (ABSENT, 404, ""),
)
CANNOT_LOOK = CANNOT_OPEN[2:]
CANNOT_READ = CANNOT_OPEN[3:5]
#: The rules of a file that cannot be read stay in force; the client does not notice.
UNREADABLE_RULES = (MANY_FILES, IO_ERROR, NOT_ALLOWED)


OPENING = [
    *refused(ROOT_LOOK, new_file(), CANNOT_LOOK),
    *refused(ROOT, anew(new_file()), CANNOT_OPEN),
    *refused(ENTER, anew(new_file()), CANNOT_READ),
    # Then each of them is looked for.
    *(
        Row(place=where, outcomes=(MANY_FILES, IO_ERROR), story=many_of_a_folder, answer=WHOLE)
        for where in (CODED, CODED_VERSION, CODED_ENTRIES)
    ),
    # The first two names are those of files with rules.
    Row(place=KIND, outcomes=UNREADABLE_RULES, story=new_file(), answer=WHOLE, name="_headers"),
    *refused(KIND, new_file(), CANNOT_LOOK, passes=2),
    Row(place=KIND, outcomes=(IO_ERROR,), story=new_file(), answer=WHOLE, passes=3, name="a.br"),
    Row(place=OPEN, outcomes=UNREADABLE_RULES, story=new_file(), answer=WHOLE, name="_headers"),
    *refused(OPEN, new_file(), CANNOT_OPEN, passes=1),
    Row(place=OPENED, outcomes=(IO_ERROR,), story=new_file(), answer=WHOLE, name="_headers"),
    *refused(OPENED, new_file(), CANNOT_READ, passes=1),
    *refused(FOLLOW, through_a_link, CANNOT_READ),
    Row(place=IN_THE_WAY, outcomes=(IO_ERROR, NOT_ALLOWED), story=new_file(), answer=WHOLE),
    # Files with rules, the file itself.
    *(
        Row(
            place=CLOSE,
            outcomes=(CLOSED_WITH_ERROR,),
            story=new_file(),
            answer=WHOLE,
            passes=passes,
            name=f"number {passes}",
        )
        for passes in range(2)
    ),
]

NOT_IN_MEMORY = ((READ_NOW, AGAIN, 0),)
READING = [
    Row(place=READ_NOW, outcomes=(AGAIN, INVALID, short()), story=new_file(), answer=WHOLE),
    *refused(READ_NOW, new_file(), CANNOT_READ),
    *refused(VERSION, new_file(), CANNOT_READ),
    Row(
        place=READ,
        outcomes=(short(), short(100)),
        story=new_file(),
        answer=WHOLE,
        before=NOT_IN_MEMORY,
    ),
    Row(
        place=READ,
        outcomes=(IO_ERROR,),
        story=new_file(),
        answer=status(500),
        log="500: Input/output error: GET /",
        before=NOT_IN_MEMORY,
    ),
    Row(place=READ, outcomes=(IO_ERROR, short()), story=new_rules, answer=WHOLE, name="rules"),
    # The type of some files depends on how they begin.
    Row(
        place=READ_NOW,
        outcomes=(AGAIN, short()),
        story=new_file("ts"),
        answer=WHOLE,
        name="beginning",
        passes=1,
    ),
    *(
        Row(place=where, outcomes=(MANY_FILES, IO_ERROR), story=dated, answer=WHOLE)
        for where in (ENTRIES, ENTRY_NAMES)
    ),
    *(
        Row(
            place=NAMELESS,
            outcomes=(IO_ERROR,),
            story=replaced,
            answer=broken,
            log="Input/output error",
            client=client,
            name=client[0],
        )
        for client in (H1, H2)
    ),
    # The sample at the start of a large file vouches for it when it grows, and may be missing.
    Row(
        place=READ_NOW,
        outcomes=(IO_ERROR, AGAIN, short()),
        story=ask("/large.bin"),
        answer=WHOLE_LARGE,
        name="sample",
    ),
    Row(place=VERSION, outcomes=(STALE,), story=ask("/large.bin"), answer=WHOLE_LARGE),
    *(
        row
        for client in (H2, H1)
        for row in (
            Row(
                place=READ_NOW,
                outcomes=(AGAIN, INVALID, short()),
                story=ask("/large.bin"),
                answer=WHOLE_LARGE,
                client=client,
                passes=3,
                name=client[0],
            ),
            Row(
                place=READ_NOW,
                outcomes=(IO_ERROR,),
                story=ask("/large.bin"),
                answer=broken,
                client=client,
                log="Input/output error",
                passes=3,
                name=client[0],
            ),
            Row(
                place=VERSION,
                outcomes=(STALE,),
                story=ask("/large.bin"),
                answer=broken,
                client=client,
                log="Stale file handle",
                passes=3,
                name=client[0],
            ),
            Row(
                place=FETCH,
                outcomes=(short(),),
                story=ask("/large.bin"),
                answer=WHOLE_LARGE,
                client=client,
                before=((READ_NOW, AGAIN, 3),),
                name=client[0],
            ),
            Row(
                place=FETCH,
                outcomes=(IO_ERROR,),
                story=ask("/large.bin"),
                answer=broken,
                client=client,
                log="Input/output error",
                before=((READ_NOW, AGAIN, 3),),
                name=client[0],
            ),
        )
    ),
]

LISTING = [
    Row(
        place=where,
        outcomes=(outcome,),
        story=ask("/folder/"),
        answer=status(number),
        log=f"{number}: {text}: GET /folder/",
    )
    for where in (LIST, NAMES)
    for outcome, number, text in (
        (MANY_FILES, 503, "Too many open files"),
        (IO_ERROR, 500, "Input/output error"),
    )
] + [
    Row(place=CLOSE, outcomes=(CLOSED_WITH_ERROR,), story=ask("/folder/"), answer=is_listed),
    # One entry is missing.
    Row(place=PEEK, outcomes=(IO_ERROR, STALE), story=ask("/folder/"), answer=status(200)),
    Row(place=FOLDER, outcomes=(IO_ERROR, STALE), story=ask("/"), answer=status(200)),
]

REMEMBERING = [
    *(
        Row(place=where, outcomes=outcomes, story=edited, answer=is_new)
        for where, outcomes in (
            (LOOK, (IO_ERROR, STALE)),
            (HOLD, (MANY_FILES, IO_ERROR)),
            (HELD, (IO_ERROR, STALE)),
            (UNCHANGED, (IO_ERROR, STALE)),
            (FRESH, (IO_ERROR, STALE)),
            (FOLDER_TO_WATCH, (MANY_FILES, IO_ERROR)),
            (WATCH, (NO_SPACE, NO_MEMORY)),
            (UNWATCH, (INVALID,)),
            (PENDING, (IO_ERROR,)),
            (NOTICES, (IO_ERROR, AGAIN)),
            (WAY_NAME, (IO_ERROR,)),
            (WAY_LINK, (IO_ERROR,)),
        )
    ),
    *(
        Row(
            place=CLOSE,
            outcomes=(CLOSED_WITH_ERROR,),
            story=edited,
            answer=is_new,
            passes=passes,
            name=f"remembered, number {passes}",
        )
        for passes in range(4, 14)
    ),
]

UPLOADS = [
    *(
        Row(
            place=where,
            outcomes=(outcome,),
            story=upload,
            answer=status(500),
            log=f"500: cannot store the upload: {text}: POST /",
            client=client,
            name=client[0],
        )
        for client in (H2, H1)
        for where, outcome, text in (
            (TEMPORARY, MANY_FILES, "Too many open files"),
            (TEMPORARY, NO_SPACE, "No space left on device"),
            (MOVE, NO_SPACE, "No space left on device"),
            (KEEP, NO_SPACE, "No space left on device"),
            (FLUSH, NO_SPACE, "No space left on device"),
            (DUPLICATE, MANY_FILES, "Too many open files"),
            (SPOOLED, CLOSED_WITH_ERROR, "Input/output error"),
        )
    ),
    Row(
        place=ABANDON,
        outcomes=(CLOSED_WITH_ERROR,),
        story=too_large,
        answer=status(413),
        log="413: upload larger than 1000000 octets: POST /",
    ),
]

ROWS = [*OPENING, *READING, *LISTING, *REMEMBERING, *UPLOADS]


@pytest.mark.parametrize(("row", "outcome"), cases(ROWS))
def test_a_fault(world: World, row: Row, outcome: Outcome) -> None:
    play(world, row, outcome)
