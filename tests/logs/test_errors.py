"""The error log."""

from __future__ import annotations

from pathlib import Path

import pytest

from h2static.logs.errors import BURST, MAX_LENGTH, RATE, ErrorLog


class Clock:
    """Time that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "error.log"


def test_a_line(path: Path, clock: Clock) -> None:
    log = ErrorLog(str(path), clock=clock)
    log.report("tls", "192.0.2.7:1", "no ALPN")
    log.report("process", "", "worker died")
    assert path.read_text() == (
        "h2static: 2001-09-09T01:46:40Z [tls] 192.0.2.7:1: no ALPN\n"
        "h2static: 2001-09-09T01:46:40Z [process] worker died\n"
    )
    log.close()


def test_octets_of_a_peer_do_not_act_on_a_terminal(path: Path, clock: Clock) -> None:
    log = ErrorLog(str(path), clock=clock)
    log.report("connection", "x", "a\nb\x1b[31m\\ \x7f \u0085 \ud800 é" + "z" * 5000)
    lines = path.read_text().splitlines()
    assert len(lines) == 1
    assert r"a\nb\x1b[31m\\ \x7f \x85 \ud800 é" in lines[0]
    assert len(lines[0]) < MAX_LENGTH + 60
    log.close()


def test_a_flood_of_one_kind_is_cut_and_told(path: Path, clock: Clock) -> None:
    log = ErrorLog(str(path), clock=clock)
    for number in range(1000):
        log.report("connection", "", f"number {number}")
    log.report("tls", "", "another kind is not affected")
    lines = path.read_text().splitlines()
    assert len(lines) == BURST + 1
    clock.now += 1
    for number in range(100):
        log.report("connection", "", f"later {number}")
    lines = path.read_text().splitlines()[BURST + 1 :]
    assert lines[0].endswith(f"[connection] {1000 - BURST} similar messages suppressed")
    assert len(lines) == 1 + int(RATE)
    log.flush()
    assert "95 similar messages" in path.read_text().splitlines()[-1]
    before = path.read_text()
    log.flush()
    assert path.read_text() == before
    log.close()


def test_a_clock_that_is_set_back_does_no_harm(path: Path, clock: Clock) -> None:
    log = ErrorLog(str(path), clock=clock)
    for step in (0.0, -1e6, 1e6):
        clock.now += step
        log.report("connection", "", "x")
    assert len(path.read_text().splitlines()) == 3
    log.close()


def test_reopening(path: Path, clock: Clock) -> None:
    log = ErrorLog(str(path), clock=clock)
    log.report("a", "", "old")
    path.rename(path.with_suffix(".1"))
    log.reopen()
    log.report("a", "", "new")
    assert "new" in path.read_text()
    assert "new" not in path.with_suffix(".1").read_text()
    # A folder in the place of the file: the old file is kept, and says why.
    path.unlink()
    path.mkdir()
    log.reopen()
    log.report("a", "", "still there")
    log.close()


def test_a_full_medium_is_no_error(clock: Clock) -> None:
    log = ErrorLog("/dev/full", clock=clock)
    log.report("a", "", "lost")
    log.write_line("lost")
    log.close()


def test_moving_to_another_file(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    log = ErrorLog(str(first))
    assert log.moved_to(str(first)) is log
    assert log.moved_to(str(tmp_path / "missing" / "log")) is log
    assert "cannot open the log" in first.read_text()
    # Once the file can be opened, the same move succeeds.
    (tmp_path / "missing").mkdir()
    log = log.moved_to(str(tmp_path / "missing" / "log"))
    log = log.moved_to(str(second))
    log.report("kind", "", "text")
    assert "text" in second.read_text()
    log.close()
