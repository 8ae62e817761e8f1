"""What a person sees who made a mistake, or who presses Ctrl-C.

The command alone is tested in ``tests/cli``; here it is a process among others.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from h2static.http2 import registry as r
from h2static.http2.frames import GoAway, Ping
from h2static.http2.registry import ErrorCode
from tests.support.clients import run_curl
from tests.support.peer import Peer
from tests.support.processes import DEADLINE, RunningServer, command, run, running
from tests.support.tools import require_tool
from tests.support.transports import Wire

ADDRESS = ("--no-tls", "-a", "127.0.0.1")
#: A stop that waits for something waits longer than any test does.
_GRACE = ("--grace", "600")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("www")
    (folder / "index.html").write_text("<!doctype html><title>t</title>")
    (folder / "large.bin").write_bytes(bytes(4_000_000))
    return folder


@pytest.fixture(scope="module")
def server(root: Path) -> Iterator[RunningServer]:
    with running(*ADDRESS, "0", str(root)) as server:
        yield server


#: Words, the exit code, and what the line must tell: what is wrong, and where.
WRONG: list[tuple[list[str], int, list[str]]] = [
    (["--verbsoe", "0"], 2, ["--verbsoe", "did you mean --verbose"]),
    (["--windw-bits", "3", "0"], 2, ["--windw-bits", "did you mean --window-bits"]),
    (["--zzz", "0"], 2, ["--zzz"]),
    (["-y", "0"], 2, ["-y"]),
    (["--port=8080"], 2, ["--port"]),
    (["abc"], 2, ["PORT", "abc"]),
    (["65536"], 2, ["PORT", "65536"]),
    (["-1"], 2, ["-1"]),
    (["-w", "31", "0"], 2, ["-w", "31", "30"]),
    (["-w", "x", "0"], 2, ["-w", "x"]),
    (["-W", "-1", "0"], 2, ["-W", "-1"]),
    (["-c", "4X", "0"], 2, ["-c", "4X"]),
    (["-c", "4G", "0"], 2, ["-c", "4294967295"]),
    (["--encoder-header-table-size", "1M", "0"], 2, ["--encoder-header-table-size", "65536"]),
    (["-m", "x", "0"], 2, ["-m", "x"]),
    (["-b", "1K", "0"], 2, ["-b", "1K"]),
    (["-n", "0", "0"], 2, ["-n", "0"]),
    (["--trailer", "no colon", "0"], 2, ["--trailer", "no colon"]),
    (["--trailer", ":foo: bar", "0"], 2, ["--trailer", ":foo"]),
    (["--trailer", "x: ", "0"], 2, ["--trailer"]),
    (["--trailer", "content-length: 5", "0"], 2, ["--trailer", "content-length"]),
    (["-d"], 2, ["-d"]),
    (["--color=yes", "0"], 2, ["--color"]),
    (["0", "nowhere"], 1, ["nowhere"]),
    (["0", "www/index.html"], 1, ["www/index.html"]),
    (["-a", "no.such.host.invalid", "0", "www"], 1, ["no.such.host.invalid"]),
]


@pytest.mark.parametrize(("words", "code", "told"), WRONG, ids=lambda value: str(value)[:40])
def test_one_line_says_what_and_where(
    root: Path, words: list[str], code: int, told: list[str]
) -> None:
    done = run("--no-tls", *(word.replace("www", str(root)) for word in words), folder=root)
    assert done.returncode == code, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("h2static: ")
    assert done.stderr.endswith("\n")
    assert done.stderr.count("\n") == 1
    for text in told:
        assert text.replace("www", str(root)) in done.stderr


def test_a_port_in_use(server: RunningServer, root: Path) -> None:
    done = run(*ADDRESS, str(server.port), str(root))
    assert done.returncode == 1
    assert re.fullmatch(
        rf"h2static: .*127\.0\.0\.1:{server.port}: Address already in use.*\n", done.stderr
    )
    # And the one that has it goes on.
    assert run_curl(server.port, "/").returncode == 0


def test_http_1_1_is_refused_with_words(root: Path) -> None:
    with running(*ADDRESS, "--http2-only", "0", str(root)) as server:
        program = require_tool("curl", package="curl")
        words = [program, "-sSi", "--http1.1", "--max-time", str(DEADLINE)]
        url = f"http://127.0.0.1:{server.port}/"
        done = subprocess.run([*words, url], capture_output=True, text=True, check=True)
        assert done.stdout.startswith("HTTP/1.1 505 ")
        assert "HTTP/2" in done.stdout
        server.wait_for_stderr("not HTTP/2")
        assert run_curl(server.port, "/").returncode == 0


def test_tls_on_a_cleartext_port_is_told(server: RunningServer) -> None:
    done = run_curl(server.port, "/", "-k", scheme="https")
    assert done.returncode == 35
    server.wait_for_stderr("TLS on a cleartext port")


def test_octets_without_sense(server: RunningServer) -> None:
    before = server.stderr().count("\n")
    for octets in (b"\0" * 100, b"\xff" * 100, b"\r\n" * 50):
        with contextlib.closing(Wire(server.port)) as wire:
            wire.deliver(octets)
    with contextlib.closing(Wire(server.port)) as wire:
        wire.deliver(b"hello\x1b[31m\r\n\r\n")
        # It is no request line: an end that HTTP/2 clients understand (RFC 9113 section 5.4.1).
        answer = b"".join(iter(wire.take, b""))
        assert answer[3] == r.SETTINGS
        goaway = answer[r.FRAME_HEADER_SIZE + int.from_bytes(answer[:3], "big") :]
        assert goaway[3] == r.GOAWAY
        assert int.from_bytes(goaway[13:17], "big") == ErrorCode.PROTOCOL_ERROR
    server.wait_for_stderr("\n", before + 1)
    assert "\x1b" not in server.stderr()
    assert "Traceback" not in server.stderr()
    assert run_curl(server.port, "/").returncode == 0


# ------------------------------------------------------------------- Ctrl-C


def test_ctrl_c_without_connections(root: Path) -> None:
    with running(*ADDRESS, *_GRACE, "0", str(root)) as server:
        server.signal(signal.SIGINT)
        assert server.wait() == 0
        assert "Traceback" not in server.stderr()


def test_ctrl_c_says_good_bye(root: Path) -> None:
    """RFC 9113 section 6.8: two GOAWAY frames, a PING between them."""
    with (
        running(*ADDRESS, *_GRACE, "0", str(root)) as server,
        contextlib.closing(Wire(server.port)) as wire,
    ):
        peer = Peer(wire)
        peer.request(1, b"/")
        peer.expect_response(1, 200)
        server.signal(signal.SIGINT)
        first = peer.expect(GoAway)
        assert (first.code, first.last_stream_id) == (0, r.MAXIMUM_STREAM_ID)
        ping = peer.expect(Ping)
        peer.send(Ping(opaque=ping.opaque, flags=r.ACK))
        second = peer.expect(GoAway)
        assert (second.code, second.last_stream_id) == (0, 1)
        assert wire.closed()
        wire.close()
        assert server.wait() == 0
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port))


def test_ctrl_c_of_a_terminal_reaches_the_workers_too(root: Path) -> None:
    """A terminal signals the whole process group; the download is finished all the same."""
    words = command(*ADDRESS, "-n", "2", "--ready-fd", "1", "--quiet", "0", str(root))
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True, text=True
    ) as process:
        try:
            assert process.stdout is not None
            found = re.search(r'"port": (\d+)', process.stdout.readline())
            assert found is not None
            with contextlib.closing(Wire(int(found[1]))) as wire:
                peer = Peer(wire)
                peer.replenish = False
                peer.request(1, b"/large.bin")
                while not peer.streams[1].reply.data:
                    peer.pull()
                os.killpg(process.pid, signal.SIGINT)
                peer.replenish = True
                for stream_id in (0, 1):
                    peer.update(stream_id, 65_535)
                assert len(peer.expect_response(1, 200).body) == 4_000_000
            assert process.wait(DEADLINE) == 0
            assert process.stderr is not None
            assert "Traceback" not in process.stderr.read()
        finally:
            if process.poll() is None:
                process.kill()
