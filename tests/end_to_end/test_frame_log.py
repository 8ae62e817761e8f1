"""The frame log against nghttpd's, line by line, and what only ours does: escapes, both directions.

Strategy: the same conversations are held with both servers, by nghttp and by a scripted client.
Where nghttpd is missing, the lines that it prints stand in the table :data:`FORMS`.
"""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import hpack
import pytest

from h2static.http2 import registry as r
from h2static.http2.frames import (
    Continuation,
    Data,
    Frame,
    GoAway,
    Headers,
    Ping,
    Priority,
    PriorityFields,
    PriorityUpdate,
    RstStream,
    Settings,
    Unknown,
    WindowUpdate,
)
from h2static.logs.escape import escape_octets
from h2static.logs.frames import hexdump
from tests.support.certificates import make_certificate
from tests.support.clients import nghttp
from tests.support.clients_site import write_site
from tests.support.frame_logs import parse_log, skeleton
from tests.support.processes import RunningServer, running, wait_until
from tests.support.servers import RunningNghttpd, running_nghttpd
from tests.support.tools import require_tool
from tests.support.transports import Wire

ADDRESS = ("--no-tls", "-a", "127.0.0.1")
_END = r.END_HEADERS | r.END_STREAM
REQUEST = [(":method", "GET"), (":scheme", "http"), (":path", "/style.css"), (":authority", "a")]
POST = [(":method", "POST"), *REQUEST[1:]]
#: Of what the timing of a client's reads decides.
_TRIES = 40


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_site(tmp_path_factory.mktemp("www"))


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[RunningServer]:
    with running(*ADDRESS, "-v", "0", str(root)) as server:
        yield server


@pytest.fixture(scope="module")
def nghttpd(root: Path) -> Iterator[RunningNghttpd]:
    with running_nghttpd(root) as server:
        yield server


def converse(
    server: RunningServer | RunningNghttpd, conversation: Sequence[Frame | bytes]
) -> list[str]:
    """Have a conversation; what the server logged of it, in lines without times and ids.

    After each frame the server's answer to a PING of the client's is waited for, so that nothing
    overlaps; the PINGs are left out again.
    """
    before = rest(server)
    with closing(Wire(server.port)) as wire:
        wire.deliver(r.PREFACE + Settings().serialize() + Settings(flags=r.ACK).serialize())
        for number, frame in enumerate(conversation):
            octets = frame if isinstance(frame, bytes) else frame.serialize()
            opaque = b"settled%c" % number
            split = isinstance(frame, Headers | Continuation) and not frame.flags & r.END_HEADERS
            wire.deliver(octets + (b"" if split else Ping(opaque=opaque).serialize()))
            _read_until(wire, b"" if split else opaque)
    lines = [
        re.sub(r"^(?:\[id=\d+\] )?\[ *\d+\.\d{3}\] ", "", line)
        for line in log_since(server, before).splitlines()
    ]
    return _without_pings(lines)


def rest(server: RunningServer | RunningNghttpd) -> int:
    """The log's length, once the end of every connection stands in it."""
    wait_until(lambda: _at_rest(server.stdout()), "the ends of connections")
    return len(server.stdout())


def log_since(server: RunningServer | RunningNghttpd, before: int) -> str:
    """The log behind ``before``, once a connection is in it and no longer open."""
    wait_until(
        lambda: _CLOSED.search((log := server.stdout())[before:]) is not None and _at_rest(log),
        "the connection's end",
    )
    return server.stdout()[before:]


#: The end of a connection, in colour or without.
_CLOSED = re.compile(r"\](?:\x1b\[[\d;]*m)* closed\n")


def _at_rest(log: str) -> bool:
    """Whether every connection of a log is closed."""
    log = re.sub(r"\x1b\[[\d;]*m", "", log)
    return {one[1] for one in re.finditer(r"^\[id=(\d+)\]", log, re.MULTILINE)} == {
        one[1] for one in re.finditer(r"^\[id=(\d+)\] .*\] closed\n", log, re.MULTILINE)
    }


def _read_until(wire: Wire, opaque: bytes) -> None:
    octets = b""
    while opaque not in octets:
        more = wire.take()
        if not more:
            return
        octets += more


def _without_pings(lines: list[str]) -> list[str]:
    kept: list[str] = []
    for line in lines:
        if line.startswith(" ") and kept and " PING " in kept[-1]:
            kept[-1] += "\n" + line
        else:
            kept.append(line)
    mine = f"(opaque_data={b'settled'.hex()}"
    return [part for line in kept if mine not in line for part in line.split("\n")]


# ------------------------------------------------------------------- nghttp's view of both


@pytest.mark.parametrize(
    ("paths", "options"),
    [
        (["/"], ()),
        (["/", "/style.css", "/65536.bin"], ()),
        (["/nowhere"], ()),
        (["/"], ("-H", ":method: HEAD")),
        (["/style.css"], ("-c", "0", "-c", "4096")),
        (["/65536.bin"], ("-w", "14")),
        (["/style.css"], ("-b", "10")),
        (["/style.css"], ("--continuation",)),
    ],
)
def test_nghttp_sees_the_same(
    server: RunningServer, nghttpd: RunningNghttpd, paths: list[str], options: tuple[str, ...]
) -> None:
    """Direction by direction: h2static says SETTINGS when it knows that HTTP/2 is spoken.

    nghttp acknowledges them unless it reads them and all answers at once, with nghttpd too: that is
    a matter of microseconds, and has a test of its own.
    """
    ours, theirs = (nghttp(one.port, paths, "-nv", *options).decode() for one in (server, nghttpd))
    assert _sent(ours) == _sent(theirs)
    assert _received_from_server(ours) == _received_from_server(theirs)


def test_nghttp_acknowledges_settings(server: RunningServer) -> None:
    """It gets the chance, because SETTINGS go out before the first request is looked at."""
    for _ in range(_TRIES):
        log = nghttp(server.port, ["/style.css"], "-nv").decode()
        lines = skeleton(log, "send")
        if "; ACK" in lines:
            break
    assert lines.count("; ACK") == 1


def _sent(log: str) -> list[str]:
    """Lines of what nghttp sent, without the acknowledgment of SETTINGS.

    When it acknowledges and when it returns credit depends on how it reads.
    """
    lines = skeleton(log, "send")
    credit = ("WINDOW_UPDATE frame", "(window_size_increment=")
    lines = [line for line in lines if not line.startswith(credit)]
    if "; ACK" in lines:
        place = lines.index("; ACK")
        del lines[place - 1 : place + 1]
    assert "; ACK" not in lines
    return lines


def _received_from_server(log: str) -> list[str]:
    """Lines of what nghttp received.

    How content is cut into frames, and in which order streams take turns, is each server's own.
    """
    lines = skeleton(log, "recv")
    lines = [line for line in lines if not line.startswith("DATA frame <flags=0x00")]
    return sorted(lines) if sum("DATA" in line for line in lines) > 1 else lines


# ------------------------------------------------------------------- the server's own log


def _block(fields: Sequence[tuple[str, str] | hpack.HeaderTuple]) -> bytes:
    block: bytes = hpack.Encoder().encode([hpack.NeverIndexedHeaderTuple(*f) for f in fields])
    return block


def _plain(fields: Sequence[tuple[str, str]]) -> bytes:
    """A block that uses and changes no dynamic table, and marks nothing."""
    octets = b""
    for name, value in fields:
        octets += b"\0%c%b%c%b" % (len(name), name.encode(), len(value), value.encode())
    return octets


_LONG = _plain([*REQUEST, ("x-long", "y" * 40)])

#: What a client says, and the lines about what was received, in nghttpd's form.
FORMS: dict[str, tuple[list[Frame | bytes], list[str]]] = {
    "settings": (
        [
            Settings(entries=((1, 4096), (2, 0), (3, 100), (4, 70_000), (5, 16_384), (6, 9))),
            Settings(entries=((8, 0), (0xABCD, 7))),
        ],
        [
            "recv SETTINGS frame <length=36, flags=0x00, stream_id=0>",
            "(niv=6)",
            "[SETTINGS_HEADER_TABLE_SIZE(0x01):4096]",
            "[SETTINGS_ENABLE_PUSH(0x02):0]",
            "[SETTINGS_MAX_CONCURRENT_STREAMS(0x03):100]",
            "[SETTINGS_INITIAL_WINDOW_SIZE(0x04):70000]",
            "[SETTINGS_MAX_FRAME_SIZE(0x05):16384]",
            "[SETTINGS_MAX_HEADER_LIST_SIZE(0x06):9]",
            "recv SETTINGS frame <length=12, flags=0x00, stream_id=0>",
            "(niv=2)",
            "[SETTINGS_ENABLE_CONNECT_PROTOCOL(0x08):0]",
            "[UNKNOWN(0xabcd):7]",
        ],
    ),
    "ping": (
        [Ping(opaque=b"12345678"), Ping(opaque=b"87654321", flags=r.ACK)],
        [
            "recv PING frame <length=8, flags=0x00, stream_id=0>",
            "(opaque_data=3132333435363738)",
            "recv PING frame <length=8, flags=0x01, stream_id=0>",
            "; ACK",
            "(opaque_data=3837363534333231)",
        ],
    ),
    "window_update": (
        [WindowUpdate(stream_id=0, increment=1000)],
        [
            "recv WINDOW_UPDATE frame <length=4, flags=0x00, stream_id=0>",
            "(window_size_increment=1000)",
        ],
    ),
    "priority": (
        [
            Priority(
                stream_id=3,
                priority=PriorityFields(dependency=0, weight=201, exclusive=True),
            )
        ],
        [
            "recv PRIORITY frame <length=5, flags=0x00, stream_id=3>",
            "(dep_stream_id=0, weight=201, exclusive=1)",
        ],
    ),
    "headers": (
        [
            Headers(
                stream_id=1,
                flags=_END | r.PADDED | r.PRIORITY_FLAG,
                fragment=_plain([*REQUEST, ("accept", "*/*")]),
                padding=5,
                priority=PriorityFields(dependency=11, weight=16, exclusive=False),
            )
        ],
        [
            "recv (stream_id=1) :method: GET",
            "recv (stream_id=1) :scheme: http",
            "recv (stream_id=1) :path: /style.css",
            "recv (stream_id=1) :authority: a",
            "recv (stream_id=1) accept: */*",
            "recv HEADERS frame <length=81, flags=0x2d, stream_id=1>",
            "; END_STREAM | END_HEADERS | PADDED | PRIORITY",
            "(padlen=5, dep_stream_id=11, weight=16, exclusive=0)",
            "; Open new stream",
            "stream_id=1 closed",
        ],
    ),
    "sensitive": (
        [Headers(stream_id=1, flags=_END, fragment=_plain(REQUEST) + _block([("cookie", "a=b")]))],
        [
            "recv (stream_id=1) :method: GET",
            "recv (stream_id=1) :scheme: http",
            "recv (stream_id=1) :path: /style.css",
            "recv (stream_id=1) :authority: a",
            "recv (stream_id=1, sensitive) cookie: a=b",
            "recv HEADERS frame <length=65, flags=0x05, stream_id=1>",
            "; END_STREAM | END_HEADERS",
            "(padlen=0)",
            "; Open new stream",
            "stream_id=1 closed",
        ],
    ),
    "data and trailers": (
        [
            Headers(stream_id=1, flags=r.END_HEADERS, fragment=_plain(POST)),
            Data(stream_id=1, data=b"abc", flags=r.PADDED, padding=3),
            Data(stream_id=1, data=b"defg"),
            Headers(stream_id=1, flags=_END, fragment=_plain([("x-t", "1")])),
        ],
        [
            "recv (stream_id=1) :method: POST",
            "recv (stream_id=1) :scheme: http",
            "recv (stream_id=1) :path: /style.css",
            "recv (stream_id=1) :authority: a",
            "recv HEADERS frame <length=60, flags=0x04, stream_id=1>",
            "; END_HEADERS",
            "(padlen=0)",
            "; Open new stream",
            "recv DATA frame <length=6, flags=0x08, stream_id=1>",
            "; PADDED",
            "(padlen=3)",
            "recv DATA frame <length=4, flags=0x00, stream_id=1>",
            "recv (stream_id=1) x-t: 1",
            "recv HEADERS frame <length=7, flags=0x05, stream_id=1>",
            "; END_STREAM | END_HEADERS",
            "(padlen=0)",
            "stream_id=1 closed",
        ],
    ),
    "rst_stream": (
        [
            Headers(stream_id=1, flags=r.END_HEADERS, fragment=_plain(POST)),
            RstStream(stream_id=1, code=8),
        ],
        [
            "recv (stream_id=1) :method: POST",
            "recv (stream_id=1) :scheme: http",
            "recv (stream_id=1) :path: /style.css",
            "recv (stream_id=1) :authority: a",
            "recv HEADERS frame <length=60, flags=0x04, stream_id=1>",
            "; END_HEADERS",
            "(padlen=0)",
            "; Open new stream",
            "recv RST_STREAM frame <length=4, flags=0x00, stream_id=1>",
            "(error_code=CANCEL(0x08))",
            "stream_id=1 closed",
        ],
    ),
    "goaway": (
        [GoAway(last_stream_id=0, code=2, debug=b"good bye")],
        [
            "recv GOAWAY frame <length=16, flags=0x00, stream_id=0>",
            "(last_stream_id=0, error_code=INTERNAL_ERROR(0x02), opaque_data(8)=[good bye])",
        ],
    ),
}


def _received(lines: list[str]) -> list[str]:
    """Lines on what was received and on ends of streams; their details without indentation."""
    kept = []
    wanted = False
    for line in lines:
        if not line.startswith(" "):
            wanted = line.startswith(("recv ", "stream_id="))
        if wanted:
            kept.append(line.strip())
    # The two SETTINGS frames at the beginning of every conversation.
    opening = ["recv SETTINGS frame <length=0, flags=0x00, stream_id=0>", "(niv=0)"]
    acknowledgment = ["recv SETTINGS frame <length=0, flags=0x01, stream_id=0>", "; ACK", "(niv=0)"]
    assert kept[:5] == opening + acknowledgment
    return kept[5:]


@pytest.mark.parametrize("name", FORMS)
def test_forms(server: RunningServer, name: str) -> None:
    frames, lines = FORMS[name]
    assert _received(converse(server, frames)) == lines


@pytest.mark.parametrize("name", FORMS)
def test_forms_are_those_of_nghttpd(nghttpd: RunningNghttpd, name: str) -> None:
    frames, lines = FORMS[name]
    assert _received(converse(nghttpd, frames)) == lines


def test_what_the_server_sends(server: RunningServer, nghttpd: RunningNghttpd) -> None:
    """The same lines as nghttpd's for a conversation that nghttpd answers as RFC 9113 says."""
    conversation: list[Frame | bytes] = [
        Headers(stream_id=1, flags=_END, fragment=_plain(REQUEST)),
        Headers(stream_id=3, flags=_END, fragment=_plain([*REQUEST, ("connection", "close")])),
        GoAway(last_stream_id=0, code=0),
    ]
    logs = [converse(one, conversation) for one in (server, nghttpd)]
    ours, theirs = (skeleton(_timed(log), "send") for log in logs)
    assert ours == theirs
    assert [line for line in logs[0] if line.startswith("stream_id=") or line == "closed"] == [
        "stream_id=1 closed",
        "stream_id=3 closed",
        "closed",
    ]


def _timed(lines: list[str]) -> str:
    """Lines as they stood in the log."""
    return "\n".join(line if line.startswith(" ") else f"[id=1] [  0.000] {line}" for line in lines)


def test_sent_fields_stand_below_their_frame(server: RunningServer) -> None:
    before = rest(server)
    nghttp(server.port, ["/style.css"], "-n")
    log = log_since(server, before)
    (answer,) = [one for one in parse_log(log) if (one.verb, one.type) == ("send", "HEADERS")]
    assert answer.details == ["; END_HEADERS", "(padlen=0)", "; First response header"]
    assert [name for name, _ in answer.fields][:3] == [":status", "server", "date"]
    assert answer.get("content-length") == "18"
    data = f"send DATA frame <length=18, flags=0x01, stream_id={answer.stream_id}>\n"
    assert f"{data}          ; END_STREAM\n" in log


# ------------------------------------------------------------------- what nghttpd does not show


def test_every_frame_of_a_header_block_in_order(server: RunningServer) -> None:
    lines = converse(
        server,
        [
            Headers(stream_id=1, flags=r.END_STREAM, fragment=_LONG[:5]),
            Continuation(stream_id=1, flags=0, fragment=_LONG[5:50]),
            Continuation(stream_id=1, flags=r.END_HEADERS, fragment=_LONG[50:]),
        ],
    )
    shown = _received(lines)[4:]
    assert shown == [
        f"recv (stream_id=1) x-long: {'y' * 40}",
        "recv HEADERS frame <length=5, flags=0x01, stream_id=1>",
        "; END_STREAM",
        "(padlen=0)",
        "; Open new stream",
        "recv CONTINUATION frame <length=45, flags=0x00, stream_id=1>",
        f"recv CONTINUATION frame <length={len(_LONG) - 50}, flags=0x04, stream_id=1>",
        "; END_HEADERS",
        "stream_id=1 closed",
    ]


def test_frames_of_newer_protocols(server: RunningServer) -> None:
    frames: list[Frame | bytes] = [
        PriorityUpdate(prioritized_stream_id=1, value=b"u=1, i"),
        Unknown(frame_type=0xBB, stream_id=0, flags=0x05, payload=b"xyz"),
    ]
    assert _received(converse(server, frames)) == [
        "recv PRIORITY_UPDATE frame <length=10, flags=0x00, stream_id=0>",
        "(prioritized_stream_id=1, priority_field_value=[u=1, i])",
        "recv extension(0xbb) frame <length=3, flags=0x05, stream_id=0>",
    ]


@pytest.mark.parametrize(
    ("frames", "reason"),
    [
        (
            [Headers(stream_id=1, flags=_END, fragment=b"\xff\xff")],
            "[INVALID; connection; error=COMPRESSION_ERROR] ",
        ),
        (
            [Headers(stream_id=1, flags=_END, fragment=_plain([*REQUEST, ("Upper", "x")]))],
            "[INVALID; stream_id=1; error=PROTOCOL_ERROR] ",
        ),
        (
            [WindowUpdate(stream_id=0, increment=0)],
            "[INVALID; connection; error=PROTOCOL_ERROR] ",
        ),
        (
            [Data(stream_id=5, data=b"x")],
            "[INVALID; connection; error=PROTOCOL_ERROR] ",
        ),
    ],
)
def test_what_is_invalid_is_shown_with_its_reason(
    server: RunningServer, frames: list[Frame | bytes], reason: str
) -> None:
    lines = [line for line in converse(server, frames) if not line.startswith(" ")]
    shown = next(place for place, line in enumerate(lines) if line.startswith(reason))
    assert lines[shown - 1].startswith("recv "), "the frame itself"
    assert lines[shown + 1].startswith(("send RST_STREAM", "send GOAWAY"))


def test_nothing_that_a_client_sends_acts_on_the_terminal(server: RunningServer) -> None:
    evil = b"\x1b[31m\x07[id=1] \\ \xc3\xa9\x80"
    name, target = b"x-" + evil, b"/" + evil
    block = _plain(REQUEST) + b"\0%c%b%c%b" % (len(name), name, len(target), target)
    frames: list[Frame | bytes] = [
        Headers(stream_id=1, flags=_END, fragment=block),
        PriorityUpdate(prioritized_stream_id=3, value=evil),
        GoAway(last_stream_id=0, code=99, debug=evil + b"\n[id=7] forged"),
    ]
    text = "\n".join(converse(server, frames))
    assert text.isascii()
    assert all(one.isprintable() or one == "\n" for one in text)
    escaped = r"\x1b[31m\x07[id=1] \x5c \xc3\xa9\x80"
    assert f"recv (stream_id=1) x-{escaped}: /{escaped}" in text
    assert f"priority_field_value=[{escaped}]" in text
    assert rf"error_code=UNKNOWN(0x63), opaque_data(32)=[{escaped}\x0a[id=7] forged]" in text


def test_http_1_1_is_told_of(server: RunningServer) -> None:
    before = rest(server)
    with closing(Wire(server.port)) as wire:
        wire.deliver(b"GET /a\\b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        assert wire.take().startswith(b"HTTP/1.1 404 ")
    assert r"] HTTP/1.1 GET /a\x5cb: 404" in log_since(server, before)


@pytest.mark.parametrize(("option", "protocol"), [("--http2", "h2"), ("--http1.1", "http/1.1")])
def test_tls_shows_what_was_negotiated(
    root: Path, tmp_path: Path, option: str, protocol: str
) -> None:
    certificate = make_certificate(tmp_path)
    words = ("-a", "127.0.0.1", "-v", "--hexdump", "0", str(root), *certificate.words)
    with running(*words) as server:
        program = require_tool("curl", package="curl")
        url = f"https://127.0.0.1:{server.port}/style.css"
        done = subprocess.run(
            [program, "-sSk", option, url], capture_output=True, check=True, timeout=20
        )
        assert done.stdout == b"p { color: teal }\n"
        log_since(server, 0)
        assert f"\nThe negotiated protocol: {protocol}\n" in server.stdout()
        assert server.stderr().endswith("\nSSL/TLS handshake completed\n")
        # What is dumped has been decrypted.
        octets = dumped(server.stdout())
        assert b"p { color: teal }\n" in octets["send"]
        assert octets["recv"].startswith(r.PREFACE if protocol == "h2" else b"GET /style.css ")


@pytest.mark.parametrize("cut", [3, 0])
def test_a_preface_that_ends_badly(server: RunningServer, cut: int) -> None:
    """RFC 9113 section 3.4: PRI is HTTP/2's, in one piece or in two."""
    before = rest(server)
    octets = r.PREFACE[:-6] + b"XX\r\n\r\n"
    with closing(Wire(server.port)) as wire:
        # What has three octets may still become a request of HTTP/1.1 with another method.
        if cut:
            wire.deliver(octets[:cut])
        wire.deliver(octets[cut:])
        while wire.take():
            pass
    shown = log_since(server, before)
    assert "[INVALID; connection; error=PROTOCOL_ERROR]" in shown
    assert "send GOAWAY frame" in shown


def test_escapes() -> None:
    for octet in range(256):
        text = escape_octets(bytes([octet]))
        assert text == (chr(octet) if 0x20 <= octet < 0x7F and octet != 0x5C else f"\\x{octet:02x}")


# ------------------------------------------------------------------- colour


def test_color(root: Path) -> None:
    """The sequences, and where they stand, are those of ``nghttpd --color``."""
    with (
        running(*ADDRESS, "-v", "--color", "0", str(root)) as ours,
        running_nghttpd(root, "--color") as theirs,
    ):
        colored = []
        for one in (ours, theirs):
            nghttp(one.port, ["/style.css"], "-n")
            log = log_since(one, 0)
            sequences = re.findall(r"\x1b\[[\d;]*m(?:[^\x1b]*)\x1b\[0m", log)
            colored.append({re.sub(r"\d+\.\d+", "0", text) for text in sequences})
        assert "\x1b[33m[  0]\x1b[0m" in colored[0]
        assert "\x1b[1;34m:method\x1b[0m" in colored[0]
        # Their fields of a response are not all ours.
        names = {"\x1b[1;34mlast-modified\x1b[0m", "\x1b[1;34mcontent-length\x1b[0m"}
        kinds = {text for text in colored[1] if "\x1b[1;34m" not in text}
        assert names | kinds <= colored[0]


def test_no_color_without_a_terminal(server: RunningServer) -> None:
    before = rest(server)
    nghttp(server.port, ["/style.css"], "-n")
    assert "\x1b" not in log_since(server, before)


# ------------------------------------------------------------------- octets


def read_hexdump(lines: list[str]) -> bytes:
    """The octets of a dump, its last line being their number; checks the readable column."""
    octets = b""
    repeated = False
    for line in lines[:-1]:
        if line == "*":
            repeated = True
            continue
        # hexdump -C: offset, sixteen octets in two groups, the same as text.
        assert (line[8:10], line[58:61], line[-1]) == ("  ", "  |", "|"), line
        start = int(line[:8], 16)
        if repeated:
            while len(octets) < start:
                octets += octets[-16:]
            repeated = False
        assert len(octets) == start
        some = bytes.fromhex(line[10:58])
        assert line[61:-1] == "".join(chr(one) if 0x20 <= one < 0x7F else "." for one in some)
        octets += some
    total = int(lines[-1], 16)
    while repeated and len(octets) < total:
        octets += octets[-16:]
    assert len(octets) == total
    return octets


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"x",
        bytes(range(256)),
        bytes(15),
        bytes(16),
        bytes(33),
        bytes(64) + b"end",
        b"0123456789abcdef" * 3 + b"|",
    ],
)
def test_a_dump_reads_back(octets: bytes) -> None:
    assert read_hexdump(hexdump(octets).splitlines()) == octets


def test_hexdump_shows_both_directions(root: Path) -> None:
    """Put together, the dumps are what the client sent and got."""
    request = Headers(stream_id=1, flags=_END, fragment=_plain(REQUEST)).serialize()
    with running(*ADDRESS, "--hexdump", "0", str(root)) as server:
        sent = r.PREFACE + Settings().serialize() + request
        got = b""
        with closing(Wire(server.port)) as wire:
            wire.deliver(sent[:30])
            got += wire.take()
            wire.deliver(sent[30:])
            while b"p { color: teal }\n" not in got:
                got += wire.take()
        wait_until(lambda: dumped(server.stdout())["send"].endswith(got[-20:]), "the dump")
        assert dumped(server.stdout()) == {"recv": sent, "send": got}


def dumped(text: str) -> dict[str, bytes]:
    """The octets of all whole dumps in ``text`` by direction, "recv" and "send"."""
    octets = {"recv": b"", "send": b""}
    verb, lines = "", list[str]()
    for line in text.splitlines():
        head = re.fullmatch(r"(recv|send) 127\.0\.0\.1:\d+", line)
        if head is not None:
            verb, lines = head[1], []
        elif verb:
            lines.append(line)
            if len(line) == 8:
                octets[verb] += read_hexdump(lines)
                verb = ""
    return octets


def test_the_clock_is_seconds_since_the_start(server: RunningServer) -> None:
    began = time.monotonic()
    before = rest(server)
    nghttp(server.port, ["/style.css"], "-n")
    log_since(server, before)
    stamps = [float(one) for one in re.findall(r"\[ *(\d+\.\d{3})\]", server.stdout())]
    assert stamps == sorted(stamps)
    assert 0 < stamps[-1] < began
