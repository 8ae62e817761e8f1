"""``--script``: what is sent, what is expected, and what is said when it does not come."""

from __future__ import annotations

import re
import socket
import time
from pathlib import Path

import pytest

from h2static.http2 import frames as f
from h2static.http2 import registry as r
from tests.support.certificates import Certificate
from tests.support.fake_server import Visitor, fake_server
from tests.support.h2get import Done, h2get
from tests.support.processes import running


@pytest.fixture
def script(tmp_path: Path) -> Path:
    return tmp_path / "a.h2s"


def run(script: Path, text: str, uri: str, *words: str) -> Done:
    """Carry out ``text``."""
    script.write_text(text)
    return h2get(*words, "--script", str(script), uri)


def octets_sent(script: Path, text: str, count: int) -> bytes:
    """The first octets that a server gets from ``text``."""
    found: list[bytes] = []

    def serve(visitor: Visitor) -> None:
        found.append(visitor.read_exactly(count))

    with fake_server(serve) as server:
        run(script, text, server.url)
    return found[0]


CONVERSATION = """\
handshake INITIAL_WINDOW_SIZE=1
> GET $path stream=1
    accept: */*
< 200 stream=1 -END_STREAM
    content-length: ~[0-9]+
    !x-other
< DATA first stream=1 length=1
> WINDOW_UPDATE stream=1 increment=100000
< DATA stream=1 END_STREAM | HEADERS stream=1 END_STREAM
> HEADERS stream=3 END_STREAM
    :method: HEAD
    :scheme: $scheme
    :authority: $authority
    :path: /none
    @never authorization: Basic eDp5
< 404 stream=3
> PING opaque=0102030405060708
< PING ACK opaque=0102030405060708
! RST_STREAM
! GOAWAY
alive
"""


@pytest.mark.parametrize("server", ["url", "theirs"])
def test_a_conversation(server: str, script: Path, request: pytest.FixtureRequest) -> None:
    uri = request.getfixturevalue(server) + "/style.css"
    # nghttpd ends responses with trailers, and answers HEAD with content where nothing is there.
    done = run(script, CONVERSATION, uri)
    assert (done.code, done.output, done.errors) == (0, "", "")
    shown = run(script, CONVERSATION, uri, "-v")
    assert shown.code == 0
    lines = shown.output.splitlines()
    assert re.fullmatch(r"\[ [ \d]\d\.\d{3}\] > PREFACE", lines[0])
    assert re.fullmatch(r"\[ [ \d]\d\.\d{3}\] > SETTINGS INITIAL_WINDOW_SIZE=1", lines[1])
    assert any("< HEADERS stream=1" in line for line in lines)
    assert "              :status: 404" in lines


def test_the_first_failure_is_shown_beside_the_log(url: str, script: Path) -> None:
    done = run(script, "handshake\n> GET /none stream=1\n< 200 stream=1\nalive\n", f"{url}/")
    assert done.code == 1
    assert re.search(r"^\[ [ \d]\d\.\d{3}\] < HEADERS stream=1$", done.errors, re.MULTILINE)
    assert "              :status: 404" in done.errors
    *_, where, expected, got = done.errors.splitlines()
    assert where == f"h2get: {script}:3: {script}: failed"
    assert expected == "--> expected: 200 stream=1"
    assert got.startswith("--> got: HEADERS stream=1 :status=404 ")


def test_what_must_not_come(url: str, script: Path) -> None:
    done = run(script, "handshake\n! PING ACK\n> PING\n< SETTINGS|0x4\n", f"{url}/")
    assert done.code == 2  # no such pattern
    done = run(script, "handshake\n! PING ACK\n> PING\nalive\n", f"{url}/")
    assert done.code == 1
    assert "--> expected: no PING ACK\n--> got: PING ACK opaque=" in done.errors


def test_nothing_comes(url: str, script: Path) -> None:
    done = run(script, "handshake\n< PING within=50ms\n", f"{url}/")
    assert done.code == 1
    assert "--> expected: PING within=50ms\n--> got: nothing, and nothing more within 0.05 s" in (
        done.errors
    )
    done = run(script, "handshake\n< PING\n", f"{url}/", "-t", "50ms")
    assert "nothing more within 0.05 s" in done.errors


def test_too_early(url: str, script: Path) -> None:
    done = run(script, "handshake\n> PING\n< PING ACK after=5s\n", f"{url}/")
    assert done.code == 1
    assert re.search(r"--> expected: PING ACK after=5s\n--> got: it after \d\.\d{3} s", done.errors)


def test_several_cases_are_told_by_name(url: str, script: Path) -> None:
    text = "case: one\nhandshake\n> PING\n< PING ACK\ncase: two\nhandshake\n< PING within=10ms\n"
    done = run(script, text, f"{url}/", "-v")
    assert done.code == 1
    assert [line for line in done.output.splitlines() if line.startswith("case")] == [
        "case: one", "case: two",
    ]  # fmt: skip
    assert f"h2get: {script}:7: two: failed" in done.errors


# ---------------------------------------------------------------------- what is sent


def test_octets_and_wrong_lengths(script: Path) -> None:
    text = 'connect\n> PREFACE\n> RAW 00 01\n  ff\n> TEXT "a\\r\\n"\n> PING length=7 payload=01\n'
    expected = r.PREFACE + b"\x00\x01\xffa\r\n" + bytes.fromhex("000007060000000000") + b"\x01"
    assert octets_sent(script, text, len(expected)) == expected


def test_frames_that_are_held_go_out_together(script: Path) -> None:
    pieces: list[bytes] = []

    def serve(visitor: Visitor) -> None:
        pieces.append(visitor.socket.recv(65536))

    with fake_server(serve) as server:
        run(script, "connect\nhold\n> PING\n> PING\nflush\nalive\n", server.url)
    assert len(pieces[0]) >= 2 * 17


def test_frames_that_are_split_go_out_octet_by_octet(script: Path) -> None:
    """A millisecond lies between two of them."""
    began = time.monotonic()
    sent = octets_sent(script, "connect\n> PING split=1\n", 17)
    assert sent == f.Ping(opaque=bytes(8)).serialize()
    assert time.monotonic() - began >= 0.016


def test_fields_that_do_not_fit_into_a_frame_go_on(url: str, script: Path) -> None:
    fields = "".join(f"    x-{number}: {'-' * 8000}\n" for number in range(4))
    text = f"handshake\n> GET /app.js stream=1\n{fields}< 200 stream=1\nalive\n"
    done = run(script, text, f"{url}/")
    assert (done.code, done.errors) == (0, "")


def test_half_closed_connections(script: Path) -> None:
    def serve(visitor: Visitor) -> None:
        visitor.greet()
        assert [type(one) for one in visitor.read_to_end()] == [f.Settings, f.Settings, f.Ping]
        visitor.send(f.GoAway(last_stream_id=0, code=0, debug=b"bye"))

    text = "handshake\n> PING\nend\n< GOAWAY code=NO_ERROR debug=bye\n< closed\n"
    with fake_server(serve) as server:
        assert run(script, text, server.url).code == 0


def test_nothing_is_done_by_itself_when_that_is_wanted(script: Path) -> None:
    """No acknowledgments, no credit."""

    def serve(visitor: Visitor) -> None:
        visitor.greet()
        visitor.expect(f.Settings)
        stream, _ = visitor.request()
        visitor.send(
            f.Ping(opaque=b"12345678"), f.Settings(),
            visitor.head(stream, (b":status", b"200")),
            f.Data(stream_id=stream, data=b"x", flags=r.END_STREAM),
        )  # fmt: skip
        first = visitor.read_frame()
        assert isinstance(first, f.Ping)
        assert first.opaque == bytes(8)

    text = "handshake\nauto off\n> GET / stream=1\n< DATA END_STREAM\n> PING\n< closed\n"
    with fake_server(serve) as server:
        # What the handshake has left is one acknowledgment.
        done = run(script, text, server.url)
    assert (done.code, done.errors) == (0, "")


def test_several_connections(url: str, script: Path) -> None:
    text = (
        "connect one\nhandshake\nconnect two\nhandshake\n> PING stream=1\n"
        "< GOAWAY code=PROTOCOL_ERROR\n< closed\nalive one\nconnect one\n> PING\n< PING ACK\n"
    )
    done = run(script, text, f"{url}/", "-v")
    assert done.code == 0
    assert re.search(r"\] two < GOAWAY ", done.output)
    assert re.search(r"\] one < PING ACK", done.output)


def test_pauses(url: str, script: Path) -> None:
    done = run(script, "handshake\n> PING\npause 60ms\n< PING ACK\n> PING\n", f"{url}/", "-v")
    # In milliseconds: of two fractions, the difference may be less than it should be.
    times = [int(a + b) for a, b in re.findall(r"\[ *(\d+)\.(\d{3})\] > PING", done.output)]
    assert times[1] - times[0] >= 60


def test_a_limit_of_streams(url: str, script: Path) -> None:
    text = "handshake INITIAL_WINDOW_SIZE=0\nexceed-streams\n< RST_STREAM code=REFUSED_STREAM\n"
    assert run(script, text, f"{url}/style.css").code == 0

    def serve(visitor: Visitor) -> None:
        visitor.greet()
        visitor.wait_for_end()

    with fake_server(serve) as server:
        done = run(script, text, server.url)
    assert done.code == 1
    assert "skipped\n--> expected: a limit of streams\n--> got: a server without" in done.errors


def test_settings_that_are_needed(url: str, script: Path) -> None:
    text = "case: x\nneeds: ENABLE_CONNECT_PROTOCOL=7\nhandshake\n"
    done = run(script, text, f"{url}/")
    assert "--> expected: SETTINGS_ENABLE_CONNECT_PROTOCOL=7\n--> got: a server without" in (
        done.errors
    )


def test_content_that_is_needed(url: str, script: Path) -> None:
    text = "case: x\ncontent: 1\nhandshake\n> GET /empty stream=1\n< DATA stream=1 length>0\n"
    done = run(script, text, f"{url}/")
    assert "--> expected: a response with at least 1 octet of content\n" in done.errors
    assert "skipped" in done.errors


def test_what_shows_nothing(script: Path) -> None:
    """``?``: a response may come before the error."""

    def serve(visitor: Visitor) -> None:
        visitor.greet()
        stream, _ = visitor.request()
        visitor.send(visitor.head(stream, (b":status", b"413")), f.RstStream(stream_id=1, code=6))
        visitor.wait_for_end()

    text = "handshake\n> POST / stream=1\n? 4xx stream=1\n< RST_STREAM stream=1 code=6\n"
    with fake_server(serve) as server:
        assert run(script, text, server.url).code == 0
        assert run(script, text.replace("? 4xx stream=1\n", ""), server.url).code == 1


# ---------------------------------------------------------------------- servers that are no good


def test_no_connection(script: Path) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        done = run(script, "handshake\n", f"http://127.0.0.1:{port}/")
    assert (done.code, done.output) == (3, "")
    assert done.errors == f"h2get: 127.0.0.1:{port}: Connection refused\n"


@pytest.mark.parametrize(
    ("answer", "got"),
    [
        (b"", "closed"),
        (b"\x00\x00", "closed (within a frame)"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "closed (within a frame)"),
        # What cannot be read is shown, and is no SETTINGS frame.
        (b"\x00\x00\x05\x04\x00\x00\x00\x00\x00abcde", "SETTINGS (SETTINGS: length is not"),
    ],
)
def test_no_handshake(answer: bytes, got: str, script: Path) -> None:
    def serve(visitor: Visitor) -> None:
        visitor.read_exactly(len(r.PREFACE))
        visitor.send(answer)
        visitor.socket.shutdown(socket.SHUT_WR)
        visitor.wait_for_end()

    with fake_server(serve) as server:
        done = run(script, "handshake\n> PING\n", server.url)
    assert done.code == 1
    assert f"\n--> got: {got}" in done.errors


def test_more_than_anybody_wants(script: Path) -> None:
    """A server that sends without end does not fill the memory."""

    def serve(visitor: Visitor) -> None:
        visitor.greet()
        frame = f.Data(stream_id=1, data=bytes(16_384)).serialize() * 64
        for _ in range(100):
            visitor.send(frame)

    text = "handshake\nauto off\n< closed within=30\n! PING\n"
    with fake_server(serve) as server:
        done = run(script, text, server.url, "-v")
    assert done.code == 0
    assert "closed (too much data received)" in done.output


# ---------------------------------------------------------------------- usage


def test_what_is_wrong_is_one_line(script: Path, url: str) -> None:
    for text, complaint in (
        ("handshake\nnonsense\n", f"{script}:2: 'nonsense' is not a step"),
        ("", f"{script}: no steps"),
    ):
        done = run(script, text, f"{url}/")
        assert (done.code, done.output, done.errors) == (2, "", f"h2get: {complaint}\n")
    done = h2get("--script", "/none", f"{url}/")
    assert (done.code, done.errors) == (2, "h2get: /none: No such file or directory\n")
    script.write_bytes(b"\xff")
    done = h2get("--script", str(script), f"{url}/")
    assert (done.code, done.errors) == (2, f"h2get: {script}: not UTF-8\n")
    done = h2get("--script", str(script), f"{url}/", f"{url}/")
    assert (done.code, done.errors) == (2, "h2get: --script requires exactly one URI\n")
    script.write_text("handshake\npause 5s\n")
    for words, code, complaint in (
        (("-m", "2"), 2, "--multiply cannot be combined with --script"),
        (("--http1.1",), 2, "--http1.1 cannot be combined with --script"),
        (("--max-time", "50ms"), 1, "not finished within 0.05 s"),
    ):
        done = h2get("--script", str(script), *words, f"{url}/")
        assert (done.code, done.errors) == (code, f"h2get: {complaint}\n")


def test_tls(root: Path, certificate: Certificate, authority: str, script: Path) -> None:
    words = ("-a", "127.0.0.1", "0", str(root), str(certificate.key), str(certificate.cert))
    with running(*words) as server:
        uri = f"https://localhost:{server.port}/style.css"
        done = run(script, CONVERSATION, uri, "--cacert", authority)
        assert (done.code, done.errors) == (0, "")
