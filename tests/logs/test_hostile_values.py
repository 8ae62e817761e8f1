"""Every writer of logs with values that would end a line, forge one, or act on a terminal.

Whoever fills in a record may be wrong about what was checked before: each writer escapes all that
it is given, addresses and versions included.
"""

from __future__ import annotations

import dataclasses
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from h2static.config import Config, LogFormat
from h2static.http.journal import Finished
from h2static.http.messages import Client, Request, Response
from h2static.http.refusals import refusal_text
from h2static.http2 import frames as f
from h2static.http2 import registry as r
from h2static.logs.access import format_line
from h2static.logs.console import Console
from h2static.logs.errors import ErrorLog
from h2static.logs.frames import FrameLog
from h2static.site.config import SiteConfig

#: What makes a log of a text, in a folder for its files.
Writer = Callable[[str, Path], str]

#: Line ends of every kind, sequences that act on a terminal, marks that turn the text around, what
#: ends a field, and what is no text at all.
HOSTILE = [
    "\n127.0.0.1 - - forged",
    "\r\n",
    "\x1b[2J\x1b]0;title\x07",
    "\x9b31m",
    "\x00\x08\x7f",
    "\u2028\u2029\x85\x0b\x0c",
    "\u202e\u2066",
    '" 200 0 "-" "-',
    "\\x22\\",
    " - - [x] ",
    "\udcff\ud800",
    "fe80::1%\x1b[31m\nx",
]


def record(text: str) -> Finished:
    """A record that has ``text`` wherever there is text or an octet string."""
    octets = text.encode("utf-8", "surrogatepass")
    return Finished(
        client=Client(host=text, version=text, local=text),
        request=Request(
            method=octets,
            scheme=octets,
            authority=octets,
            path=octets,
            fields=((b"referer", octets), (b"user-agent", octets), (octets, octets)),
            protocol=octets,
        ),
        response=Response(status=200, fields=((octets, octets),), refusal=text),
        octets=5,
        started=1.0,
        finished=2.0,
        pushed=True,
        aborted=True,
        delivered=(text,),
    )


def access(form: LogFormat) -> Writer:
    return lambda text, folder: format_line(record(text), 0.0, form)


def error_log(text: str, folder: Path) -> str:
    path = folder / "log"
    path.unlink(missing_ok=True)
    log = ErrorLog(str(path))
    log.report("kind", text, text)
    one = record(text)
    log.report("kind", text, refusal_text(one.client, one.request, 400, text))
    log.close()
    return path.read_text(errors="surrogateescape")


def frame_log(text: str, folder: Path) -> str:
    """Everything that a frame log can show."""
    written: list[str] = []
    log = FrameLog(1, written.append, lambda: 0.0, color=False)
    octets = text.encode("utf-8", "surrogatepass")
    log.received_fields(1, [(octets, octets)], [0])
    for one in (
        f.Headers(stream_id=1, flags=r.END_HEADERS, fragment=octets),
        f.Data(stream_id=1, data=octets),
        f.GoAway(last_stream_id=0, code=0, debug=octets),
        f.AltSvc(stream_id=0, origin=octets, value=octets),
        f.Origin(origins=(octets,)),
        f.PriorityUpdate(prioritized_stream_id=1, value=octets),
        f.Unknown(frame_type=0x77, stream_id=0, payload=octets),
    ):
        log.received(one)
        log.sent(one, [(octets, octets)])
    log.violation(text, 1, 1)
    log.finished(record(text))
    log.plain(text)
    log.closed()
    return "".join(written)


def dump(text: str, folder: Path) -> str:
    stdout, sys.stdout = sys.stdout, io.StringIO()
    try:
        console = Console(Config(port=0, site=SiteConfig(root="."), hexdump=True))
        console.dump("recv", text, text.encode("utf-8", "surrogatepass"))
        assert isinstance(sys.stdout, io.StringIO)
        return sys.stdout.getvalue()
    finally:
        sys.stdout = stdout


WRITERS: dict[str, Writer] = {
    **{f"access log, {form}": access(form) for form in LogFormat},
    "error log": error_log,
    "frame log": frame_log,
    "dump": dump,
}


def holds(written: str, lines: int | None) -> None:
    """Nothing but printable text, in so many lines."""
    assert written.endswith("\n")
    shown = written[:-1].split("\n")
    assert all(line.isprintable() for line in shown), written
    if lines is not None:
        assert len(shown) == lines


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("name", WRITERS)
def test_no_writer_lets_it_through(name: str, text: str, tmp_path: Path) -> None:
    written = WRITERS[name](text, tmp_path)
    harmless = WRITERS[name]("x" * len(text), tmp_path)
    holds(written, None if name == "dump" else harmless.count("\n"))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(text=st.text(st.characters(codec=None), min_size=1, max_size=20))
@pytest.mark.parametrize("name", WRITERS)
def test_nor_any_other_text(name: str, text: str, tmp_path: Path) -> None:
    holds(WRITERS[name](text, tmp_path), None)


@pytest.mark.parametrize("text", HOSTILE)
def test_the_combined_format_keeps_its_fields(text: str, tmp_path: Path) -> None:
    """What reads it splits at spaces, and at quotation marks."""
    line = access(LogFormat.COMBINED)(text, tmp_path)
    host, _, user, _ = line.split(" ", 3)
    assert user == "-"
    assert not {'"', " "} & set(host)
    assert line.count('"') == 6


@pytest.mark.parametrize("text", HOSTILE)
def test_json_is_one_object_a_line(text: str, tmp_path: Path) -> None:
    entry = json.loads(access(LogFormat.JSON)(text, tmp_path))
    assert (entry["peer"], entry["protocol"], entry["status"]) == (text, text, 200)


def test_every_field_of_a_record_is_tried() -> None:
    """A field that is added to these values is hostile here as well, or this fails."""
    one = record("hostile")
    for value in (one.client, one.request):
        for field in dataclasses.fields(value):
            if field.type in ("str", "bytes", "str | None", "Address"):
                assert getattr(value, field.name) in ("hostile", b"hostile"), field.name
