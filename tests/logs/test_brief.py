"""Request log lines for people."""

from __future__ import annotations

import re
import time

import pytest

from h2static.http.messages import Request, Response
from h2static.http2.service import Answered
from h2static.logs.brief import brief_line

EPOCH = 1_800_000_000.0


def answered(
    path: bytes = b"/a.css",
    status: int = 200,
    octets: int = 4711,
    *,
    method: bytes = b"GET",
    pushed: bool = False,
    aborted: bool = False,
    delivered: tuple[str, ...] = (),
    finished: float = 1.0123,
) -> Answered:
    request = Request(method=method, scheme=b"https", authority=b"a", path=path, fields=())
    response = Response(status=status, fields=())
    return Answered(request, response, octets, 1.0, finished, pushed, aborted, delivered)


def line(one: Answered, protocol: str = "HTTP/2.0", *, color: bool = False) -> str:
    return brief_line(one, protocol, EPOCH, color=color)


def test_what_a_line_says() -> None:
    clock = time.strftime("%H:%M:%S", time.localtime(EPOCH + 1.0123))
    path = "/a.css".ljust(22)
    assert line(answered()) == f"{clock}  GET   200  {path}  4.7 kB    12 ms  HTTP/2\n"


def test_what_is_said_of_every_request_stands_in_columns() -> None:
    path = b"/" + b"x" * 21
    lines = [
        line(answered(path, 404, octets=999_999, delivered=("2 pushes",))),
        line(answered(octets=0, finished=1.0), "HTTP/1.1"),
        line(answered(octets=7, finished=1000.9, method=b"HEAD")),
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
    assert f"  {duration}  HTTP/2\n" in line(answered(finished=1.0 + seconds))


def test_colours_take_no_columns() -> None:
    plain = re.sub(r"\x1b\[\d*m", "", line(answered(), color=True))
    assert plain == line(answered())


@pytest.mark.parametrize(
    ("one", "protocol", "end"),
    [
        (answered(), "HTTP/1.1", "ms  HTTP/1.1\n"),
        (answered(pushed=True), "HTTP/2.0", "ms  HTTP/2    pushed\n"),
        (answered(delivered=("2 pushes", "103")), "HTTP/2.0", "  HTTP/2    2 pushes  103\n"),
        (answered(delivered=("link",)), "HTTP/1.1", "ms  HTTP/1.1  link\n"),
        (answered(aborted=True), "HTTP/1.1", "ms  HTTP/1.1  aborted\n"),
    ],
)
def test_notes(one: Answered, protocol: str, end: str) -> None:
    assert line(one, protocol).endswith(end)


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
    assert f"  {size}  " in line(answered(octets=octets))


def test_control_characters_do_not_reach_the_terminal() -> None:
    text = line(answered(b"/\x1b[2J\xc2\x9b\xff", method=b"G\x1bT"))
    assert text[:-1].isprintable()


def test_requests_of_live_reload_itself_are_left_out() -> None:
    assert line(answered(b"/.h2static/events")) == ""


@pytest.mark.parametrize(("status", "colour"), [(200, "32"), (304, "36"), (404, "33"), (500, "31")])
def test_colour_by_status(status: int, colour: str) -> None:
    assert f"\x1b[{colour}m{status}\x1b[0m" in line(answered(status=status), color=True)
