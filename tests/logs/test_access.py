"""The access log."""

from __future__ import annotations

import json
import os
import select
import time
from pathlib import Path

import pytest

from h2static.config import LogFormat
from h2static.http.journal import Finished
from h2static.http.messages import Client, Request, Response
from h2static.logs.access import AccessLog, format_line, in_writes
from tests.support.processes import wait_until

NOON = 1_000_000_000.0


def finished(
    path: bytes = b"/a?b=c",
    fields: tuple[tuple[bytes, bytes], ...] = (),
    *,
    host: str = "192.0.2.7",
    version: str = "HTTP/2.0",
    pushed: bool = False,
    aborted: bool = False,
) -> Finished:
    request = Request(
        method=b"GET", scheme=b"https", authority=b"example.org", path=path, fields=fields
    )
    return Finished(
        client=Client(host=host, version=version),
        request=request,
        response=Response(status=200, fields=()),
        octets=612,
        started=10.0,
        finished=10.25,
        pushed=pushed,
        aborted=aborted,
    )


def combined(one: Finished) -> str:
    return format_line(one, NOON, LogFormat.COMBINED)


def test_a_client_of_a_unix_domain_socket_has_no_address() -> None:
    assert combined(finished(host="")).startswith("unix - - [")
    line = format_line(finished(host=""), NOON, LogFormat.JSON)
    assert json.loads(line)["peer"] == "unix"


def test_combined() -> None:
    fields = ((b"referer", b"https://example.org/"), (b"user-agent", b"curl/8"))
    assert combined(finished(fields=fields)) == (
        '192.0.2.7 - - [09/Sep/2001:01:46:50 +0000] "GET /a?b=c HTTP/2.0" 200 612'
        ' "https://example.org/" "curl/8"\n'
    )
    assert combined(finished()).endswith(' 200 612 "-" "-"\n')


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (b'/"x', '"GET /\\x22x HTTP/2.0"'),
        (b"/a\\b", '"GET /a\\x5cb HTTP/2.0"'),
        (b"/\x1b[31m\xff", '"GET /\\x1b[31m\\xff HTTP/2.0"'),
    ],
)
def test_nothing_of_a_peer_ends_a_field_or_acts_on_a_terminal(octets: bytes, text: str) -> None:
    assert text in combined(finished(octets))


def test_json() -> None:
    fields = ((b"user-agent", b'a"b'),)
    one = finished(b"/\xff\n", fields, host="::1", version="HTTP/1.1", pushed=True)
    line = format_line(one, NOON, LogFormat.JSON)
    assert line.count("\n") == 1
    assert json.loads(line) == {
        "time": NOON + 10.25,
        "peer": "::1",
        "protocol": "HTTP/1.1",
        "method": "GET",
        "scheme": "https",
        "authority": "example.org",
        "path": "/\\xff\n",
        "status": 200,
        "octets": 612,
        "duration": 0.25,
        "pushed": True,
        "aborted": False,
        "user-agent": 'a"b',
    }


def test_lines_are_written_soon_and_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    log = AccessLog(str(path), LogFormat.COMBINED)
    log.add([finished(), finished()])
    wait_until(lambda: path.read_text().count("\n") == 2, "two lines")
    log.add([finished()] * 2000)
    log.close()
    assert path.read_text().count("\n") == 2002


def test_time_is_the_wall_clock(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    log = AccessLog(str(path), LogFormat.JSON)
    log.add([finished()._replace(finished=time.monotonic())])
    log.close()
    assert abs(json.loads(path.read_text())["time"] - time.time()) < 60


def test_reopening(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    log = AccessLog(str(path), LogFormat.COMBINED)
    log.add([finished()])
    wait_until(lambda: path.read_text() != "", "a line")
    path.rename(tmp_path / "old")
    log.reopen()
    log.add([finished()])
    log.close()
    assert path.read_text().count("\n") == 1


def test_reopening_needs_no_line(tmp_path: Path) -> None:
    path = tmp_path / "access.log"
    log = AccessLog(str(path), LogFormat.COMBINED)
    path.rename(tmp_path / "old")
    log.reopen()
    wait_until(path.exists, "the new file")
    log.close()
    assert path.read_text() == (tmp_path / "old").read_text() == ""


def test_lines_go_into_a_pipe_whole() -> None:
    lines = [format_line(finished(), NOON, LogFormat.COMBINED)] * 300
    writes = [octets for _, octets in in_writes(lines, select.PIPE_BUF)]
    assert b"".join(writes) == "".join(lines).encode()
    assert all(len(octets) <= select.PIPE_BUF and octets.endswith(b"\n") for octets in writes)


def test_what_is_too_much_is_left_out_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    log = AccessLog(str(path), LogFormat.COMBINED, max_waiting=100)
    # One call is shorter than the writer's interval is; what came before may be written by now.
    log.add([finished()] * 250)
    assert log.take_left_out() == 150
    assert log.take_left_out() == 0
    log.add([])
    assert log.take_left_out() == 0
    os.close(reader)
    log.close()


def test_a_reader_that_does_not_read_blocks_nobody(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    log = AccessLog(str(path), LogFormat.COMBINED, max_waiting=100)
    try:
        # More than a pipe holds, in the end; nothing here ever waits.
        left_out = 0
        deadline = time.monotonic() + 20
        while not left_out and time.monotonic() < deadline:
            log.add([finished(b"/" + b"x" * 10_000)] * 50)
            time.sleep(0.01)
            left_out = log.take_left_out()
        assert left_out
        assert log.take_left_out() == 0
    finally:
        # Without a reader the writer's write fails, and it ends.
        os.close(reader)
        log.close()
