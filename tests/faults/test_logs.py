"""Logs whose medium fails once: nothing else is lost, no line is torn, and it is told."""

from __future__ import annotations

import gc
import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from h2static.config import Config, LogFormat
from h2static.http.journal import Finished
from h2static.http.messages import Client, Request, Response
from h2static.logs.access import AccessLog
from h2static.logs.console import Console
from h2static.logs.errors import ErrorLog
from h2static.site.config import SiteConfig
from tests.faults.outcomes import (
    AGAIN,
    CLOSED_WITH_ERROR,
    IO_ERROR,
    MANY_FILES,
    MANY_FILES_IN_ALL,
    NO_SPACE,
    NOT_ALLOWED,
    PIPE,
)
from tests.faults.rows import place
from tests.faults.stories import arrive
from tests.faults.world import SMALL, Answer, running_world
from tests.support.certificates import Certificate
from tests.support.faults import Faults, FaultyFile, Outcome, Place, short
from tests.support.processes import wait_until

WRITE = place("logs/files:LogFile.write:write")
OPEN = place("logs/files:_open:open")
CLOSE = place("logs/files:_close:close")
KIND = place("logs/files:LogFile.is_pipe:fstat")
SHOW = place("logs/console:Console._write:write")
FLUSH = place("logs/console:Console.flush:flush")
HANDSHAKE = place("server/opening:_show_handshake:write")

PLACES = {WRITE, OPEN, CLOSE, KIND, SHOW, FLUSH, HANDSHAKE}

FULL = (NO_SPACE, IO_ERROR, PIPE, AGAIN)


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Iterator[None]:
    gc.collect()
    before = len(os.listdir("/dev/fd"))
    yield
    gc.collect()
    assert len(os.listdir("/dev/fd")) == before


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log"


def texts(path: Path) -> list[str]:
    """Lines of an error log without their times."""
    return [line.partition("Z ")[2] for line in path.read_text().splitlines()]


def finished(path: bytes) -> Finished:
    request = Request(method=b"GET", scheme=b"http", authority=b"a", path=path, fields=())
    return Finished(
        client=Client(host="192.0.2.7", version="HTTP/2.0"),
        request=request,
        response=Response(status=200, fields=()),
        octets=0,
        started=0.0,
        finished=0.0,
        pushed=False,
        aborted=False,
    )


# ---------------------------------------------------------------------- the error log


@pytest.mark.parametrize("outcome", FULL, ids=str)
def test_a_line_that_cannot_be_written_is_told_later(
    faults: Faults, path: Path, outcome: Outcome
) -> None:
    log = ErrorLog(str(path))
    with faults.at(WRITE, outcome):
        log.report("a", "", "lost")
    log.report("a", "", "found")
    log.close()
    number = {"ENOSPC": 28, "EIO": 5, "EPIPE": 32, "EAGAIN": 11}[outcome.name]
    assert texts(path) == [
        f"[log] 1 lines could not be written: {os.strerror(number)}",
        "[a] found",
    ]


@pytest.mark.parametrize("count", [1, 10])
def test_a_line_that_is_written_in_parts(faults: Faults, path: Path, count: int) -> None:
    log = ErrorLog(str(path))
    with faults.at(WRITE, short(count)):
        log.report("a", "", "whole")
    log.close()
    assert texts(path) == ["[a] whole"]


def test_the_rest_of_a_line_finds_no_room(faults: Faults, path: Path) -> None:
    """What came of it stays alone on its line."""
    log = ErrorLog(str(path))
    with faults.at(WRITE, short(10)), faults.at(WRITE, NO_SPACE):
        log.report("a", "", "torn")
    log.report("a", "", "whole")
    log.close()
    assert path.read_text().splitlines()[0] == "h2static: "
    assert texts(path)[1:] == [
        "[log] 1 lines could not be written: No space left on device",
        "[a] whole",
    ]


def test_a_disk_that_stays_full_is_told_when_it_is_not(faults: Faults, path: Path) -> None:
    log = ErrorLog(str(path))
    with (
        faults.at(WRITE, NO_SPACE),
        faults.at(WRITE, NO_SPACE),
        faults.at(WRITE, NO_SPACE),
    ):
        log.report("a", "", "lost")
        log.report("a", "", "lost as well, with the line that tells of the first")
    log.flush()
    assert texts(path) == ["[log] 2 lines could not be written: No space left on device"]
    log.flush()
    assert len(texts(path)) == 1
    log.close()


@pytest.mark.parametrize("outcome", [MANY_FILES, MANY_FILES_IN_ALL, NOT_ALLOWED, NO_SPACE], ids=str)
def test_an_error_log_that_cannot_be_opened_again(
    faults: Faults, path: Path, outcome: Outcome
) -> None:
    """The old one is kept, and says why; the next time it works."""
    log = ErrorLog(str(path))
    old = path.with_suffix(".old")
    path.rename(old)
    with faults.at(OPEN, outcome):
        log.reopen()
    assert not path.exists()
    (line,) = texts(old)
    assert line.startswith(f"[log] cannot reopen {path}: ")
    log.reopen()
    log.report("a", "", "new")
    log.close()
    assert texts(path) == ["[a] new"]


def test_an_old_error_log_that_closes_with_an_error(faults: Faults, path: Path) -> None:
    """It is closed all the same: its number must not be written to any more."""
    log = ErrorLog(str(path))
    path.rename(path.with_suffix(".old"))
    with faults.at(CLOSE, CLOSED_WITH_ERROR):
        log.reopen()
    other = os.open(path.with_suffix(".other"), os.O_WRONLY | os.O_CREAT)
    log.report("a", "", "new")
    os.close(other)
    with faults.at(CLOSE, CLOSED_WITH_ERROR):
        log.close()
    assert path.with_suffix(".other").read_bytes() == b""
    assert texts(path) == ["[a] new"]


# ---------------------------------------------------------------------- the access log


def paths(path: Path) -> list[str]:
    """What the lines of an access log are about."""
    return [json.loads(line)["path"] for line in path.read_text().splitlines()]


def problem_of(log: AccessLog) -> str:
    """The one problem that it has soon."""
    problems: list[str] = []

    def take() -> bool:
        problems.extend(log.take_problems())
        return bool(problems)

    wait_until(take, "a problem")
    (problem,) = problems
    return problem


@pytest.mark.parametrize("outcome", FULL, ids=str)
def test_requests_that_cannot_be_written_are_counted(
    faults: Faults, path: Path, outcome: Outcome
) -> None:
    log = AccessLog(str(path), LogFormat.JSON)
    with faults.at(WRITE, outcome) as strike:
        log.add([finished(b"/lost")] * 3)
        wait_until(lambda: strike.happened, "the fault")
    problem = problem_of(log)
    assert problem.startswith("3 access-log lines could not be written: ")
    assert log.take_problems() == []
    log.add([finished(b"/found")])
    log.close()
    assert paths(path) == ["/found"]


def test_the_rest_of_an_access_line_finds_no_room(faults: Faults, path: Path) -> None:
    log = AccessLog(str(path), LogFormat.JSON)
    with faults.at(WRITE, short(10)), faults.at(WRITE, NO_SPACE) as strike:
        log.add([finished(b"/torn")])
        wait_until(lambda: strike.happened, "the fault")
    log.add([finished(b"/found")])
    log.close()
    torn, line = path.read_text().splitlines()
    assert len(torn) == 10
    assert json.loads(line)["path"] == "/found"


@pytest.mark.parametrize("outcome", [short(1), short(100)], ids=str)
def test_access_lines_that_are_written_in_parts(
    faults: Faults, path: Path, outcome: Outcome
) -> None:
    log = AccessLog(str(path), LogFormat.JSON)
    with faults.at(WRITE, outcome):
        log.add([finished(b"/%d" % number) for number in range(600)])
        log.close()
    assert paths(path) == [f"/{number}" for number in range(600)]
    assert log.take_problems() == []


def test_nobody_knows_whether_it_is_a_pipe(faults: Faults, path: Path) -> None:
    """Then it is written to as if it were one."""
    log = AccessLog(str(path), LogFormat.JSON)
    with faults.at(KIND, IO_ERROR):
        log.add([finished(b"/%d" % number) for number in range(100)])
        log.close()
    assert paths(path) == [f"/{number}" for number in range(100)]


@pytest.mark.parametrize("outcome", [MANY_FILES, NOT_ALLOWED, NO_SPACE], ids=str)
def test_an_access_log_that_cannot_be_opened_again(
    faults: Faults, path: Path, outcome: Outcome
) -> None:
    log = AccessLog(str(path), LogFormat.JSON)
    old = path.with_suffix(".old")
    path.rename(old)
    with faults.at(OPEN, outcome) as strike:
        log.reopen()
        wait_until(lambda: strike.happened, "the fault")
    assert problem_of(log).startswith("cannot reopen the access log: ")
    log.add([finished(b"/kept")])
    wait_until(lambda: old.read_text() != "", "a line")
    log.reopen()
    log.add([finished(b"/new")])
    with faults.at(CLOSE, CLOSED_WITH_ERROR):
        log.close()
    assert (paths(old), paths(path)) == (["/kept"], ["/new"])


def test_a_full_disk_stands_in_the_error_log(
    faults: Faults, tmp_path: Path, certificate: Certificate
) -> None:
    """Clients notice nothing."""
    with running_world(faults, tmp_path, certificate, access_path=tmp_path / "access") as world:
        story = arrive("/small.txt")
        with faults.at(WRITE, NO_SPACE) as strike:
            assert story(world, world.visit()) == Answer(200, SMALL, whole=True)
            wait_until(lambda: strike.happened, "the fault")
        world.is_well()
        assert world.access_log is not None
        assert problem_of(world.access_log) == (
            "1 access-log lines could not be written: No space left on device"
        )


# ---------------------------------------------------------------------- standard output


@pytest.mark.parametrize("where", [SHOW, FLUSH], ids=str)
@pytest.mark.parametrize("outcome", [PIPE, NO_SPACE, IO_ERROR], ids=str)
def test_frames_that_nobody_reads_any_more(
    faults: Faults, monkeypatch: pytest.MonkeyPatch, where: Place, outcome: Outcome
) -> None:
    """Nothing is shown from then on, and nothing is tried again."""
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stdout", FaultyFile(faults, shown))
    site = SiteConfig(root=".")
    console = Console(Config(port=0, no_tls=True, site=site, verbose=True, color=False))
    log = console.frame_log(1)
    assert log is not None
    with faults.at(where, outcome):
        log.closed()
        console.flush()
    before = shown.getvalue()
    log.closed()
    console.flush()
    assert shown.getvalue() == before


def test_a_handshake_that_cannot_be_shown(
    faults: Faults, tmp_path: Path, certificate: Certificate, capfd: pytest.CaptureFixture[str]
) -> None:
    with running_world(faults, tmp_path, certificate, verbose=True) as world:
        story = arrive("/small.txt", "h2", "TLS")
        with faults.at(HANDSHAKE, PIPE):
            assert story(world, world.visit()) == Answer(200, SMALL, whole=True)
        world.is_well()
    assert "The negotiated protocol: h2" in capfd.readouterr().out
