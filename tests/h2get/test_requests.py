"""Options of ``h2get`` that make requests, against nghttpd and h2static over loopback."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from h2static.h2get import fetch
from tests.h2get.conftest import FILES, PAGE
from tests.support.fake_server import Visitor, fake_server
from tests.support.frame_logs import LoggedFrame, parse_log, statuses
from tests.support.h2get import Done, h2get
from tests.support.processes import DEADLINE


def sent(done: Done, kind: str = "HEADERS") -> list[LoggedFrame]:
    """The frames of a kind that a run with ``-v`` has sent."""
    return [one for one in parse_log(done.output) if one.verb == "send" and one.type == kind]


def received(done: Done, kind: str = "HEADERS") -> list[LoggedFrame]:
    return [one for one in parse_log(done.output) if one.verb == "recv" and one.type == kind]


def settings(done: Done) -> dict[str, int]:
    """What the first SETTINGS frame has said."""
    found = re.findall(
        r"\[(SETTINGS_\w+)\(0x..\):(\d+)\]", "\n".join(sent(done, "SETTINGS")[0].details)
    )
    return {name: int(value) for name, value in found}


def test_content_comes_to_standard_output(url: str, theirs: str) -> None:
    for server in (url, theirs):
        done = h2get(f"{server}/large.bin")
        assert (done.code, done.errors) == (0, "")
        assert done.octets == FILES["large.bin"]


def test_several_uris_share_a_connection_and_come_in_order(theirs: str) -> None:
    names = ["large.bin", "style.css", "empty", "logo.png"]
    done = h2get(*(f"{theirs}/{name}" for name in names))
    assert done.octets == b"".join(FILES[name] for name in names)
    done = h2get("-nv", *(f"{theirs}/{name}" for name in names))
    assert [one.stream_id for one in sent(done)] == [1, 3, 5, 7]
    assert done.output.count("Connected") == 1
    assert set(statuses(done.output).values()) == {"200"}


def test_uris_of_two_origins(url: str, theirs: str) -> None:
    done = h2get("-nv", f"{url}/app.js", f"{theirs}/app.js", f"{url}/style.css")
    assert done.output.count("Connected") == 2
    assert done.code == 0


def test_multiply(theirs: str) -> None:
    done = h2get("-m", "5", f"{theirs}/app.js")
    assert done.octets == FILES["app.js"] * 5
    assert len(sent(h2get("-nv", "-m", "300", f"{theirs}/app.js"))) == 300


def test_head(theirs: str) -> None:
    done = h2get("-I", f"{theirs}/style.css")
    assert done.output.startswith("HTTP/2 200\n")
    assert f"\ncontent-length: {len(FILES['style.css'])}\n" in done.output
    assert sent(h2get("-Inv", f"{theirs}/"))[0].get(":method") == "HEAD"


def test_include(url: str) -> None:
    done = h2get("-i", f"{url}/app.js")
    head, _, content = done.octets.partition(b"\n\n")
    assert head.startswith(b"HTTP/2 200\n")
    assert content == FILES["app.js"]
    assert h2get("-i", "--http1.1", f"{url}/app.js").output.startswith("HTTP/1.1 200\n")


def test_method_and_fields(url: str) -> None:
    words = ("-X", "OPTIONS", "-H", "x-one: 1", "-H", "X-One: 2", "-H", "user-agent: me")
    frame = sent(h2get("-nv", *words, "-H", ":path: /app.js", "-H", "accept:", f"{url}/"))[0]
    assert frame.get(":method") == "OPTIONS"
    assert frame.get(":path") == "/app.js"
    assert [value for name, value in frame.fields if name == "x-one"] == ["1", "2"]
    assert [value for name, value in frame.fields if name == "user-agent"] == ["me"]
    assert frame.get("accept") is None
    assert sent(h2get("-nv", "-H", ":method: PUT", f"{url}/"))[0].get(":method") == "PUT"
    assert (
        sent(h2get("-nv", "-H", "host: a.example", f"{url}/"))[0].get(":authority") == "a.example"
    )


def test_data(theirs: str, url: str, root: Path) -> None:
    for server in (theirs, url):
        done = h2get("-d", str(root / "large.bin"), f"{server}/up")
        assert done.octets == FILES["large.bin"]
        assert h2get("-d", "-", f"{server}/up", stdin=b"from here").octets == b"from here"
    frame = sent(h2get("-nv", "-d", str(root / "app.js"), f"{theirs}/up"))[0]
    assert frame.get(":method") == "POST"
    assert frame.get("content-length") == str(len(FILES["app.js"]))
    twice = h2get("-m", "2", "-d", str(root / "app.js"), f"{theirs}/up")
    assert twice.octets == FILES["app.js"] * 2


def test_no_content_length(url: str, root: Path) -> None:
    words = ("--no-content-length", "-d", str(root / "app.js"), f"{url}/up")
    assert sent(h2get("-nv", *words))[0].get("content-length") is None
    assert h2get(*words).octets == FILES["app.js"]
    done = h2get("-v", "--http1.1", *words)
    assert "transfer-encoding: chunked" in done.output
    assert done.octets.endswith(FILES["app.js"])


def test_trailers(theirs: str, url: str, root: Path) -> None:
    for server in (theirs, url):
        words = ("--trailer", "x-sum: 5", "--trailer", "x-b: c", "-d", str(root / "app.js"))
        first, last = sent(h2get("-nv", *words, f"{server}/up"))
        assert first.get("trailer") == "x-sum, x-b"
        assert last.fields == [("x-sum", "5"), ("x-b", "c")]
        assert last.flags & 1
        assert h2get(*words, f"{server}/up").octets == FILES["app.js"]


def test_trailers_of_a_response_are_shown(theirs: str) -> None:
    last = received(h2get("-nv", f"{theirs}/app.js"))[-1]
    assert last.fields == [("x-sum", "1")]


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """100 (Continue) is waited for longer than the second after which content goes out."""
    monkeypatch.setattr(fetch, "_EXPECT_SECONDS", DEADLINE)


@pytest.mark.usefixtures("patience")
@pytest.mark.parametrize("server", ["url", "theirs"])
def test_expect_continue(server: str, request: pytest.FixtureRequest, root: Path) -> None:
    address: str = request.getfixturevalue(server)
    done = h2get("-nv", "--expect-continue", "-d", str(root / "app.js"), f"{address}/up")
    frames = parse_log(done.output)
    order = [(one.verb, one.type, one.get(":status")) for one in frames
             if one.type in ("HEADERS", "DATA")]  # fmt: skip
    assert order[:3] == [
        ("send", "HEADERS", None), ("recv", "HEADERS", "100"), ("send", "DATA", None),
    ]  # fmt: skip
    assert (
        h2get("--expect-continue", "-d", str(root / "app.js"), f"{address}/up").octets
        == (FILES["app.js"])
    )


def test_expect_continue_from_a_server_that_says_nothing(root: Path) -> None:
    """The content goes out after a second."""

    def serve(visitor: Visitor) -> None:
        visitor.greet()
        stream_id, fields = visitor.request()
        assert dict(fields)[b"expect"] == b"100-continue"
        frame = visitor.read_frame()
        while frame is not None and frame.stream_id != stream_id:
            frame = visitor.read_frame()
        visitor.send(visitor.head(stream_id, (b":status", b"204"), end=True))
        visitor.read_to_end()

    with fake_server(serve) as server:
        done = h2get("--expect-continue", "-d", str(root / "app.js"), server.url)
    assert (done.code, done.errors) == (0, "")


@pytest.mark.usefixtures("patience")
def test_expect_continue_that_is_refused(root: Path) -> None:
    """The content is never sent: the stream is reset when its response is whole."""

    def serve(visitor: Visitor) -> None:
        visitor.greet()
        stream_id, _ = visitor.request()
        visitor.send(visitor.head(stream_id, (b":status", b"417"), end=True))
        kinds = [type(one).__name__ for one in visitor.read_to_end()]
        assert "Data" not in kinds
        assert "RstStream" in kinds

    with fake_server(serve) as server:
        done = h2get("-f", "--expect-continue", "-d", str(root / "app.js"), server.url)
    assert done.code == 1
    assert "status 417" in done.errors


def test_continuation(theirs: str) -> None:
    done = h2get("-nv", "--continuation", f"{theirs}/app.js")
    assert len(sent(done, "CONTINUATION")) == 1
    assert set(statuses(done.output).values()) == {"200"}


def test_assets(theirs: str) -> None:
    done = h2get("-nv", "-a", f"{theirs}/")
    assert [one.get(":path") for one in sent(done)] == ["/", "/style.css", "/app.js", "/logo.png"]
    done = h2get("-a", f"{theirs}/")
    assert done.octets == PAGE + FILES["style.css"] + FILES["app.js"] + FILES["logo.png"]


def test_assets_that_were_pushed_are_not_asked_for(url: str) -> None:
    done = h2get("-nv", "-a", f"{url}/")
    assert [one.get(":path") for one in received(done, "PUSH_PROMISE")] == ["/style.css"]
    assert [one.get(":path") for one in sent(done)] == ["/", "/app.js", "/logo.png"]


def test_weights_become_urgencies(theirs: str) -> None:
    words = ("-p", "256", "-p", "16", "-p", "1")
    done = h2get("-nv", *words, *[f"{theirs}/app.js?{number}" for number in range(4)])
    assert [one.get("priority") for one in sent(done)] == ["u=0", None, "u=7", "u=7"]
    done = h2get("-nv", "--extpri", "u=1,i", f"{theirs}/app.js")
    assert sent(done)[0].get("priority") == "u=1,i"


# ---------------------------------------------------------------------- redirects


def test_redirects_are_followed_when_that_is_wanted(url: str) -> None:
    assert h2get("-i", f"{url}/sub").output.startswith("HTTP/2 30")
    done = h2get("-L", f"{url}/sub")
    assert (done.code, done.octets) == (0, b"sub\n")
    # On the same connection.
    assert h2get("-nvL", f"{url}/sub").output.count("Connected") == 1


def test_redirects_to_another_origin_and_in_circles(url: str) -> None:
    seen: list[dict[bytes, bytes]] = []

    def serve(visitor: Visitor) -> None:
        visitor.greet()
        while True:
            frame = visitor.read_frame()
            if frame is None:
                return
            if type(frame).__name__ == "Headers":
                block = visitor.decoder.decode(frame.fragment, raw=True)  # type: ignore[union-attr]  # Headers have one
                fields = {bytes(name): bytes(value) for name, value in block}
                seen.append(fields)
                location = f"{url}/app.js".encode() if fields[b":path"] == b"/away" else b"/round"
                visitor.send(visitor.head(frame.stream_id, (b":status", b"302"),
                                          (b"location", location), end=True))  # fmt: skip

    with fake_server(serve) as server:
        assert h2get("-L", f"{server.url}away").octets == FILES["app.js"]
        done = h2get("-Lnv", "-H", "cookie: a=b", f"{server.url}away")
        first, second = sent(done)
        assert first.get("cookie") == "a=b"
        assert second.get("cookie") is None
        done = h2get("-L", "--max-redirects", "3", f"{server.url}round")
    assert done.code == 1
    assert "more than 3 redirects" in done.errors
    assert len(seen) == 6


@pytest.mark.parametrize(("status", "method"), [(303, "GET"), (301, "GET"), (307, "POST")])
def test_what_becomes_of_the_method(status: int, method: str, root: Path) -> None:
    asked: list[tuple[bytes, bytes]] = []

    def serve(visitor: Visitor) -> None:
        visitor.greet()
        for number in (0, 1):
            stream_id, fields = visitor.request()
            asked.append((dict(fields)[b":method"], dict(fields).get(b"content-length", b"")))
            code = b"%d" % (status if number == 0 else 204)
            visitor.send(
                visitor.head(stream_id, (b":status", code), (b"location", b"/2"), end=True)
            )
        visitor.read_to_end()

    with fake_server(serve) as server:
        assert h2get("-L", "-d", str(root / "app.js"), server.url).code == 0
    assert asked[0][0] == b"POST"
    assert asked[1] == (method.encode(), asked[0][1] if method == "POST" else b"")


# ---------------------------------------------------------------------- HTTP/2


def test_windows(theirs: str, url: str) -> None:
    for server in (theirs, url):
        done = h2get("-nv", "-w", "10", "-W", "18", f"{server}/large.bin")
        assert settings(done)["SETTINGS_INITIAL_WINDOW_SIZE"] == 1_023
        first = sent(done, "WINDOW_UPDATE")[0]
        assert (first.stream_id, first.details) == (0, ["(window_size_increment=196608)"])
        assert max(one.length for one in received(done, "DATA")) <= 1_023
        assert done.code == 0
    small = h2get("-w", "14", "-W", "14", f"{theirs}/large.bin")
    assert small.octets == FILES["large.bin"]


def test_header_table_sizes(theirs: str, url: str) -> None:
    for server in (theirs, url):
        for words, expected in (
            (("-c", "0"), [0]),
            (("-c", "64K"), [65_536]),
            (("-c", "0", "-c", "4096"), [0, 4_096]),
            (("-c", "8K", "-c", "100"), [100]),
        ):
            done = h2get("-nv", *words, *[f"{server}/{name}" for name in FILES])
            details = "\n".join(sent(done, "SETTINGS")[0].details)
            found = re.findall(r"TABLE_SIZE\(0x01\):(\d+)", details)
            assert [int(one) for one in found] == expected
            assert set(statuses(done.output).values()) == {"200"}
            assert (done.code, done.errors) == (0, "")


def test_the_encoders_table(theirs: str) -> None:
    paths = [f"{theirs}/app.js?{number}" for number in range(3)]
    usual = sent(h2get("-nv", "-H", f"x: {'y' * 50}", *paths))
    without = sent(h2get("-nv", "--encoder-header-table-size", "0", "-H", f"x: {'y' * 50}", *paths))
    assert usual[2].length < usual[0].length / 2
    assert without[2].length > without[0].length - 5


def test_padding(theirs: str, url: str, root: Path) -> None:
    for server in (theirs, url):
        done = h2get("-nv", "-b", "10", "-d", str(root / "app.js"), f"{server}/up")
        assert [one.padding for one in sent(done)] == [10]
        assert sent(done, "DATA")[0].padding == 10
        assert done.code == 0


def test_streams_at_a_time(theirs: str) -> None:
    done = h2get("-nv", "-M", "2", "-m", "6", f"{theirs}/app.js")
    first = parse_log(done.output)
    before = [one.type for one in first[: [one.verb for one in first].index("recv")]]
    assert before.count("HEADERS") == 2
    assert len(sent(done)) == 6


def test_pushes(url: str) -> None:
    done = h2get("-nv", f"{url}/")
    assert settings(done)["SETTINGS_ENABLE_PUSH"] == 1
    assert len(received(done, "PUSH_PROMISE")) == 1
    done = h2get("-nv", "--no-push", f"{url}/")
    assert settings(done)["SETTINGS_ENABLE_PUSH"] == 0
    assert received(done, "PUSH_PROMISE") == []
    done = h2get("-nv", "--max-concurrent-streams", "0", f"{url}/")
    assert settings(done)["SETTINGS_MAX_CONCURRENT_STREAMS"] == 0
    assert received(done, "PUSH_PROMISE") == []
    # Their content goes nowhere.
    assert h2get(f"{url}/").octets == PAGE


def test_a_request_that_was_not_processed_is_sent_again(root: Path) -> None:
    visits = []

    def serve(visitor: Visitor) -> None:
        visits.append(visitor)
        visitor.greet()
        stream_id, _ = visitor.request()
        if len(visits) == 1:
            visitor.send(b"\x00\x00\x08\x07\x00\x00\x00\x00\x00" + bytes(8))
        else:
            visitor.send(visitor.head(stream_id, (b":status", b"204"), end=True))
        visitor.read_to_end()

    with fake_server(serve) as server:
        done = h2get("-s", server.url)
    assert (done.code, done.errors) == (0, "")
    assert len(visits) == 2


def test_a_har_has_everything(url: str, tmp_path: Path) -> None:
    path = tmp_path / "x.har"
    assert h2get("-n", "-r", str(path), f"{url}/", f"{url}/logo.png?a=b", f"{url}/none").code == 0
    log = json.loads(path.read_text())["log"]
    assert log["version"] == "1.2"
    entries = {entry["request"]["url"].removeprefix(url): entry for entry in log["entries"]}
    assert list(entries) == ["/", "/logo.png?a=b", "/none", "/style.css"]
    assert entries["/style.css"]["_pushed"]
    assert entries["/none"]["response"]["status"] == 404
    page = entries["/"]
    assert page["response"]["content"]["text"] == PAGE.decode()
    assert page["request"]["headers"][0] == {"name": ":method", "value": "GET"}
    assert page["time"] >= page["timings"]["wait"] >= 0
    image = entries["/logo.png?a=b"]
    assert image["request"]["queryString"] == [{"name": "a", "value": "b"}]
    assert image["response"]["content"]["encoding"] == "base64"
    done = h2get("-n", "-r", "-", "--http1.1", f"{url}/app.js")
    entry = json.loads(done.output)["log"]["entries"][0]
    assert entry["response"]["httpVersion"] == "HTTP/1.1"
    assert entry["request"]["headers"][0]["name"] == "host"
