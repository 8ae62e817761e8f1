"""``--expect``, ``--expect-file`` and ``--no-frame`` on ordinary requests."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from h2static.h2get.expect import difference
from h2static.h2get.script.model import Received
from h2static.h2get.script.parse import parse_expectation
from h2static.http2 import frames as f
from h2static.http2 import registry as r
from tests.support.fake_server import Visitor, fake_server
from tests.support.h2get import h2get


@pytest.mark.parametrize("server", ["url", "theirs"])
@pytest.mark.parametrize(
    "words",
    [
        ("--expect", "200"),
        ("--expect", "status=2xx|304"),
        ("--expect", "HEADERS stream=1 :status=200 content-length=10"),
        ("--expect", "SETTINGS MAX_CONCURRENT_STREAMS=100"),
        ("--expect", "SETTINGS", "--expect", "200 -END_STREAM", "--expect", "DATA length=10"),
        ("--expect", "404 | 200 content-type=~.*javascript.*"),
        ("--expect", "200 within=5s"),
        ("--no-frame", "RST_STREAM", "--no-frame", "GOAWAY code!=NO_ERROR"),
    ],
)
def test_what_holds(server: str, words: tuple[str, ...], request: pytest.FixtureRequest) -> None:
    uri = request.getfixturevalue(server) + "/app.js"
    done = h2get("-n", *words, uri)
    assert (done.code, done.output, done.errors) == (0, "", "")


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (("--expect", "404"), "expected: 404"),
        (("--expect", "404 stream=1"), "expected: 404 stream=1"),
        (("--expect", "HEADERS server=~nginx"), "expected: HEADERS server=~nginx"),
        (("--expect", "PUSH_PROMISE"), "expected: PUSH_PROMISE"),
        # In order: SETTINGS come before the response and not after it.
        (("--expect", "DATA", "--expect", "200"), "expected: 200"),
        (("--expect", "200", "--expect", "200"), "expected: 200"),
        (("--expect", "200 after=5"), "expected: 200 after=5 after 5 s"),
        (("--expect", "200 within=0"), "expected: 200 within=0 within 0 s"),
        (("--no-frame", "DATA"), "expected: no DATA"),
    ],
)
def test_what_does_not_hold(words: tuple[str, ...], text: str, url: str) -> None:
    done = h2get("-n", *words, f"{url}/app.js")
    assert (done.code, done.output) == (1, "")
    lines = done.errors.splitlines()
    assert lines[0] == "h2get: an expectation failed"
    (mark,) = [line for line in lines if line.startswith("--> ")]
    assert mark == f"--> {text}"
    shown = [line for line in lines[1:] if not line.startswith("--> ")]
    assert all(re.match(r"    \[  \d\.\d{3}\] [A-Z_]+", line) for line in shown)
    assert any("HEADERS stream=1 :status=200" in line for line in shown)


def test_the_difference_stands_where_it_was_to_come(url: str) -> None:
    done = h2get("-n", "--expect", "404 stream=1", f"{url}/app.js")
    lines = done.errors.splitlines()
    place = lines.index("--> expected: 404 stream=1")
    assert "HEADERS stream=1 :status=200" in lines[place + 1]
    done = h2get("-n", "--no-frame", "DATA stream=1", f"{url}/app.js")
    lines = done.errors.splitlines()
    assert "DATA stream=1 END_STREAM" in lines[lines.index("--> expected: no DATA stream=1") + 1]


def test_beside_the_log(url: str) -> None:
    done = h2get("-nv", "--expect", "404", f"{url}/app.js")
    assert "recv HEADERS frame" in done.output
    assert "--> expected: 404" in done.errors


def test_a_file(url: str, tmp_path: Path) -> None:
    file = tmp_path / "expected"
    file.write_text(
        "# the page\n< 200 stream=1\n    content-length: 10\n    !set-cookie\n! GOAWAY\n"
    )
    assert h2get("-n", "--expect-file", str(file), f"{url}/app.js").code == 0
    done = h2get("-n", "--expect-file", str(file), f"{url}/style.css")
    assert done.code == 1
    assert "--> expected: 200 stream=1 content-length: 10 !set-cookie" in done.errors


def test_the_code_of_goaway() -> None:
    def serve(visitor: Visitor) -> None:
        visitor.greet()
        visitor.request()
        visitor.send(f.GoAway(last_stream_id=0, code=r.ErrorCode.ENHANCE_YOUR_CALM, debug=b"calm"))
        visitor.read_to_end()

    with fake_server(serve) as server:
        wanted = "GOAWAY code=ENHANCE_YOUR_CALM last_stream=0 debug=~cal"
        done = h2get("-n", "--expect", wanted, server.url)
        # The response has failed all the same.
        assert done.code == 1
        assert "-->" not in done.errors
        done = h2get("-n", "--expect", "GOAWAY code=NO_ERROR", server.url)
        assert "--> expected: GOAWAY code=NO_ERROR\n" in done.errors
        assert 'GOAWAY last_stream=0 code=ENHANCE_YOUR_CALM debug="calm"' in done.errors


def test_early_hints_and_pushes_in_order(url: str) -> None:
    words = ("--expect", "PUSH_PROMISE stream=1 promised=2 :path=/style.css")
    assert h2get("-n", *words, "--expect", "200 stream=2", f"{url}/").code == 0
    assert h2get("-n", "--no-push", "--no-frame", "PUSH_PROMISE", f"{url}/").code == 0


def test_http1_has_header_sections_too(url: str) -> None:
    assert h2get("-n", "--http1.1", "--expect", "200 stream=1", f"{url}/app.js").code == 0
    assert h2get("-n", "--http1.1", "--expect", "404", f"{url}/app.js").code == 1


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--expect", "HEADER"), "--expect: 'HEADER': 'HEADER' is not a type of frame"),
        (("--expect", ""), "--expect: '': unexpected end of line"),
        (
            ("--no-frame", "PING x=y"),
            "--expect: '! PING x=y': this frame type has no 'x'",
        ),
        (("--expect", "closed"), "--expect cannot match the end of a connection: use --script"),
        (("--expect-file", "/none"), "--expect-file /none: No such file or directory"),
    ],
)
def test_one_line_for_what_is_wrong(words: tuple[str, ...], complaint: str, url: str) -> None:
    done = h2get(*words, f"{url}/")
    assert (done.code, done.output, done.errors) == (2, "", f"h2get: {complaint}\n")


def test_each_frame_is_taken_once() -> None:
    frames = [
        Received(type=r.HEADERS, stream=1, fields=((b":status", b"200"),), time=1.0),
        Received(type=r.HEADERS, stream=3, fields=((b":status", b"404"),), time=2.0),
    ]
    ok, missing = parse_expectation("HEADERS"), parse_expectation("404")
    assert difference([ok, missing], frames) is None
    text = difference([ok, ok, missing], frames)
    assert text is not None
    assert text.splitlines()[-1] == "--> expected: 404"
