"""Request log lines for people."""

from __future__ import annotations

import re
import time

import pytest

from h2static.http.journal import Finished
from h2static.http.messages import Client, Request, Response
from h2static.logs.brief import brief_line

EPOCH = 1_800_000_000.0


def finished(
    path: bytes = b"/a.css",
    status: int = 200,
    octets: int = 4711,
    *,
    method: bytes = b"GET",
    pushed: bool = False,
    aborted: bool = False,
    delivered: tuple[str, ...] = (),
    end: float = 1.0123,
    version: str = "HTTP/2.0",
) -> Finished:
    request = Request(method=method, scheme=b"https", authority=b"a", path=path, fields=())
    response = Response(status=status, fields=())
    return Finished(
        client=Client(host="192.0.2.7", version=version),
        request=request,
        response=response,
        octets=octets,
        started=1.0,
        finished=end,
        pushed=pushed,
        aborted=aborted,
        delivered=delivered,
    )


def line(one: Finished, *, color: bool = False) -> str:
    return brief_line(one, EPOCH, color=color)


def test_what_a_line_says() -> None:
    clock = time.strftime("%H:%M:%S", time.localtime(EPOCH + 1.0123))
    path = "/a.css".ljust(22)
    assert line(finished()) == f"{clock}  GET   200  {path}  4.7 kB    12 ms  HTTP/2\n"


def test_what_is_said_of_every_request_stands_in_columns() -> None:
    path = b"/" + b"x" * 21
    lines = [
        line(finished(path, 404, octets=999_999, delivered=("2 pushes",))),
        line(finished(octets=0, end=1.0, version="HTTP/1.1")),
        line(finished(octets=7, end=1000.9, method=b"HEAD")),
    ]
    assert len(lines[0]) == len("\n") + 80
    assert {one.index("HTTP/") for one in lines} == {lines[0].index("HTTP/")}
    assert {len(one[: one.index("HTTP/")].rstrip()) for one in lines} == {60}


@pytest.mark.parametrize(
    ("seconds", "duration"),
    [
        (0.0, "<0.1 ms"),
        (0.00006, "<0.1 ms"),
        (0.0001001, "0.1 ms"),
        (0.0012, "1.2 ms"),
        (0.0123, "12 ms"),
        (0.9994, "999 ms"),
        (0.9999, "1.0 s"),
        (12.3, "12 s"),
        (3600.0, "3600 s"),
    ],
)
def test_duration(seconds: float, duration: str) -> None:
    assert f"  {duration}  HTTP/2\n" in line(finished(end=1.0 + seconds))


def test_colours_take_no_columns() -> None:
    plain = re.sub(r"\x1b\[\d*m", "", line(finished(), color=True))
    assert plain == line(finished())


@pytest.mark.parametrize(
    ("one", "end"),
    [
        (finished(version="HTTP/1.1"), "ms  HTTP/1.1\n"),
        (finished(pushed=True), "ms  HTTP/2    pushed\n"),
        (finished(delivered=("2 pushes", "103")), "  HTTP/2    2 pushes  103\n"),
        (finished(version="HTTP/1.1", delivered=("link",)), "ms  HTTP/1.1  link\n"),
        (finished(version="HTTP/1.1", aborted=True), "ms  HTTP/1.1  aborted\n"),
    ],
)
def test_notes(one: Finished, end: str) -> None:
    assert line(one).endswith(end)


@pytest.mark.parametrize(
    ("octets", "size"),
    [
        (0, "-"),
        (1, "1 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9_960, "10 kB"),
        (999_999, "1.0 MB"),
        (99_499, "99 kB"),
        (12_345_678, "12 MB"),
        (5_000_000_000_000, "5000 GB"),
    ],
)
def test_size(octets: int, size: str) -> None:
    assert f"  {size}  " in line(finished(octets=octets))


def test_control_characters_do_not_reach_the_terminal() -> None:
    text = line(finished(b"/\x1b[2J\xc2\x9b\xff", method=b"G\x1bT"))
    assert text[:-1].isprintable()


def test_requests_of_live_reload_itself_are_left_out() -> None:
    assert line(finished(b"/.h2static/events")) == ""


def test_icons_that_browsers_look_for_are_left_out_where_there_is_none() -> None:
    assert line(finished(b"/favicon.ico", status=404)) == ""
    assert line(finished(b"/favicon.ico", status=200)) != ""
    assert line(finished(b"/icon.ico", status=404)) != ""


@pytest.mark.parametrize(("status", "colour"), [(200, "32"), (304, "36"), (404, "33"), (500, "31")])
def test_colour_by_status(status: int, colour: str) -> None:
    assert f"\x1b[{colour}m{status}\x1b[0m" in line(finished(status=status), color=True)
