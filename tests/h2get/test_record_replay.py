"""``h2get record`` and ``h2get replay``: a session as a script, again and against others."""

from __future__ import annotations

from pathlib import Path

import pytest

from h2static.http2 import frames as f
from h2static.http2 import registry as r
from tests.support.fake_server import Visitor, fake_server
from tests.support.h2get import h2get
from tests.support.processes import running
from tests.support.servers import running_nghttpd

#: What a session of each kind is asked with, and what its script must say.
SESSIONS: dict[tuple[str, ...], list[str]] = {
    ("app.js",): ["> HEADERS stream=1 END_STREAM", "    :path: /app.js", "    :status: 200"],
    ("--no-push", "app.js", "none", "style.css"): [
        " ENABLE_PUSH=0 ", "> HEADERS stream=5 END_STREAM", "    :status: 404",
    ],
    ("-H", "x-tilde: ~a$path#b", "-H", "!odd: 1", "app.js"): [
        "    x-tilde: ~a\\x24path#b", "    \\x21odd: 1",
    ],
    ("-I", "app.js"): ["    :method: HEAD", "< HEADERS stream=1 END_STREAM"],
    ("-c", "0", "-c", "4K", "app.js"): ["HEADER_TABLE_SIZE=0 ", "HEADER_TABLE_SIZE=4096"],
    ("-w", "10", "-b", "20", "large.bin"): ["INITIAL_WINDOW_SIZE=1023", "padding="],
    ("--continuation", "app.js"): ["    x-continuation-6: ---"],
    ("-H", "range: bytes=0-3", "app.js"): ["    range: bytes=0-3"],
    ("-H", ":authority: other.invalid", "app.js"): ["    :authority: other.invalid"],
}  # fmt: skip


@pytest.mark.parametrize("server", ["url", "theirs"])
@pytest.mark.parametrize("words", SESSIONS)
def test_what_was_recorded_is_what_comes_again(
    words: tuple[str, ...], server: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    base = request.getfixturevalue(server)
    file = tmp_path / "a.h2s"
    words = tuple(f"{base}/{one}" if one in _NAMES else one for one in words)
    done = h2get("record", "-o", str(file), *words)
    assert (done.code, done.output, done.errors) == (0, "", "")
    text = file.read_text()
    for wanted in SESSIONS[tuple(one.removeprefix(f"{base}/") for one in words)]:
        if server == "url" or wanted.strip() not in (":status: 404", ":status: 200"):
            assert wanted in text
    assert base.removeprefix("http://") not in text.split("\n", 2)[2]
    again = h2get("replay", str(file))
    assert (again.code, again.output, again.errors) == (0, "", "")


_NAMES = frozenset(("app.js", "none", "style.css", "large.bin"))


def test_content_is_recorded(url: str, root: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.h2s"
    words = ("-d", str(root / "logo.png"), "--trailer", "x-sum: 1", f"{url}/echo")
    assert h2get("record", "-o", str(file), *words).code == 0
    text = file.read_text()
    assert '> DATA stream=1 data="' in text
    assert "> HEADERS stream=1 END_STREAM\n    x-sum: 1" in text
    assert h2get("replay", str(file)).code == 0


def test_pushes_are_recorded(url: str, tmp_path: Path) -> None:
    done = h2get("record", f"{url}/")
    assert done.code == 0
    assert "< PUSH_PROMISE stream=1 promised=2\n    :path: /style.css" in done.output
    file = tmp_path / "a.h2s"
    file.write_bytes(done.octets)
    assert h2get("replay", str(file)).code == 0


def test_a_recording_is_a_script(url: str, tmp_path: Path) -> None:
    file = tmp_path / "a.h2s"
    h2get("record", "-o", str(file), f"{url}/app.js")
    assert h2get("--script", str(file), f"{url}/").code == 0


def test_everything_that_differs_is_told(root: Path, tmp_path: Path) -> None:
    file, folder = tmp_path / "a.h2s", tmp_path / "www"
    folder.mkdir()
    for name, content in (("one", b"1"), ("two", b"2"), ("same", b"3")):
        (folder / name).write_bytes(content)
    with running("--no-tls", "-a", "127.0.0.1", "0", str(folder)) as server:
        base = f"http://127.0.0.1:{server.port}"
        words = [f"{base}/{name}" for name in ("one", "two", "same")]
        assert h2get("record", "-o", str(file), *words).code == 0
        (folder / "one").write_bytes(b"longer")
        (folder / "two").unlink()
        done = h2get("replay", str(file))
    assert (done.code, done.errors) == (1, "")
    expected = [line for line in done.output.splitlines() if line.startswith("- ")]
    got = [line for line in done.output.splitlines() if line.startswith("+ ")]
    assert len(expected) == len(got) == 2
    assert expected[0].startswith("- HEADERS stream=1 ")
    assert "content-length=6" in got[0]
    assert expected[1].startswith("- HEADERS stream=3 ")
    assert ":status=404" in got[1]
    lines = [line for line in done.output.splitlines() if line.startswith(f"{file}:")]
    assert all(line.removeprefix(f"{file}:").rstrip(":").isdigit() for line in lines)


# ---------------------------------------------------------------------- two servers


def test_two_servers_that_are_the_same(url: str, root: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.h2s"
    h2get("record", "-o", str(file), f"{url}/", f"{url}/large.bin", f"{url}/none")
    words = ("--no-tls", "-a", "127.0.0.1", "--echo-upload", "-p", "/=/style.css", "0")
    with running(*words, str(root)) as other:
        against = f"http://127.0.0.1:{other.port}/"
        done = h2get("replay", str(file), "--against", against)
    assert (done.code, done.output, done.errors) == (0, "", "")


def test_two_servers_that_differ(url: str, root: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.h2s"
    h2get("record", "-o", str(file), f"{url}/app.js")
    with running_nghttpd(root) as other:
        against = f"http://127.0.0.1:{other.port}/"
        done = h2get("replay", str(file), url, "--against", against)
        ignoring = [
            word
            for name in (
                "server", "cache-control", "etag", "content-type", "accept-ranges", "date",
                "last-modified", "content-length", "vary", "x-content-type-options",
            )
            for word in ("--ignore", name)
        ]  # fmt: skip
        same = h2get("replay", str(file), url, "--against", against, *ignoring)
    assert (done.code, done.errors) == (1, "")
    lines = done.output.splitlines()
    assert lines[0] == f"--- {url}"
    assert lines[1] == f"+++ {against.rstrip('/')}"
    assert any(line.startswith("+        server: nghttpd") for line in lines)
    assert any(line.startswith("-        etag: ") for line in lines)
    # Dates are other ones each time, content is the same.
    assert "         date: (varies)" in lines
    assert any(line.startswith("     DATA END_STREAM octets=10 sha256=") for line in lines)
    # What is left of the difference is what the servers say of themselves.
    changed = [line for line in same.output.splitlines()[2:] if line[0] in "+-"]
    assert all("SETTINGS" in line for line in changed if not line.startswith("@@"))


def test_errors_of_a_server_are_recorded(tmp_path: Path) -> None:
    def serve(visitor: Visitor) -> None:
        visitor.greet()
        stream, _ = visitor.request()
        visitor.send(f.RstStream(stream_id=stream, code=r.ErrorCode.REFUSED_STREAM))
        visitor.send(f.GoAway(last_stream_id=0, code=r.ErrorCode.ENHANCE_YOUR_CALM))
        visitor.read_to_end()

    file = tmp_path / "a.h2s"
    with fake_server(serve) as server:
        done = h2get("record", "-o", str(file), server.url)
        assert done.code == 1
        assert "< RST_STREAM stream=1 code=REFUSED_STREAM" in file.read_text()
        assert "< GOAWAY code=ENHANCE_YOUR_CALM" in file.read_text()
        assert h2get("replay", str(file)).code == 0


# ---------------------------------------------------------------------- usage


_EXPECTED = "expected SCRIPT [URI]; see h2get replay --help"


def test_what_is_wrong_is_one_line(url: str, theirs: str, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("handshake\n")
    for words, code, complaint in (
        (("record",), 2, "missing URI; see h2get --help"),
        (("record", "-v", f"{url}/"), 2, "--verbose cannot be combined with record"),
        (("record", "--ws", f"{url}/"), 2, "--ws cannot be combined with record"),
        (("record", "--http1.1", f"{url}/"), 2, "--http1.1 cannot be combined with record"),
        (("replay",), 2, f"replay: {_EXPECTED}"),
        (("replay", "-a", str(empty), url), 2, "--get-assets cannot be combined with replay"),
        (("replay", "--max-time", "1ms", str(empty), url), 1, "not finished within 0.001 s"),
        (("record", f"{url}/", f"{theirs}/"), 2, "record: the URIs do not share one origin"),
        (("record", "http://127.0.0.1:1/"), 3, "127.0.0.1:1: Connection refused"),
        (("replay", "a", "b", "c"), 2, f"replay: {_EXPECTED}"),
        (("replay", "/none"), 2, "/none: No such file or directory"),
        (("replay", str(empty)), 2, f"{empty}: contains no URI: pass one"),
        (("replay", str(empty), "ftp://x/"), 2, None),
        (("replay", str(empty), "http://127.0.0.1:1/"), 3, "127.0.0.1:1: Connection refused"),
    ):  # fmt: skip
        done = h2get(*words)
        assert (done.code, done.output) == (code, "")
        assert done.errors.count("\n") == 1
        assert complaint is None or done.errors == f"h2get: {complaint}\n"


@pytest.mark.parametrize("word", ["record", "replay", "conformance"])
def test_help(word: str) -> None:
    done = h2get(word, "--help")
    assert (done.code, done.errors) == (0, "")
    assert done.output.startswith(f"Usage: h2get {word} ")
