"""How ``h2get`` ends before it is done: no reader, no room, an interruption."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.support.fake_server import Visitor, fake_server
from tests.support.processes import DEADLINE


@pytest.mark.parametrize("words", [(), ("-v", "-m", "200"), ("--json", "-m", "200"), ("-m", "50")])
def test_a_reader_that_goes_away(url: str, words: tuple[str, ...]) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "h2static.h2get", *words, f"{url}/large.bin"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(1)
        process.stdout.close()
        assert process.wait(DEADLINE) in (
            (0, 141) if "-v" in words or "--json" in words else (141,)
        )
        assert process.stderr.read() == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="/dev/full is Linux's")
@pytest.mark.parametrize(
    ("words", "path", "complaint"),
    [
        ((), "large.bin", "standard output: No space left on device"),
        ((), "app.js", "standard output: No space left on device"),
        (("-nv",), "app.js", "standard output: No space left on device"),
        (("-n", "--json"), "large.bin", "standard output: No space left on device"),
        (("-ns",), "app.js", "standard output: No space left on device"),
        (("--help",), "app.js", "standard output: No space left on device"),
        (("-o", "/dev/full"), "app.js", "/dev/full: No space left on device"),
        (("-o", "/dev/full"), "large.bin", "/dev/full: No space left on device"),
        (("-n", "-r", "/dev/full"), "app.js", "/dev/full: No space left on device"),
    ],
)
def test_a_disk_that_is_full(url: str, words: tuple[str, ...], path: str, complaint: str) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "h2static.h2get", *words, f"{url}/{path}"],
            stdout=full, stderr=subprocess.PIPE, text=True, timeout=DEADLINE, check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.endswith(f"{complaint}\n")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("words", [("-n",), ("-n", "--http1.1"), ("--ws",), ("conformance",)])
def test_an_interruption(words: tuple[str, ...]) -> None:
    """Of a server that says nothing."""
    came = threading.Event()

    def serve(visitor: Visitor) -> None:
        came.set()
        visitor.wait_for_end()

    with fake_server(serve) as server:
        command = [sys.executable, "-m", "h2static.h2get", *words, server.url]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert came.wait(DEADLINE)
            process.send_signal(signal.SIGINT)
            assert process.wait(DEADLINE) == 130
            assert process.stdout is not None
            assert process.stderr is not None
            assert (process.stdout.read(), process.stderr.read()) == (b"", b"")


def test_closed_standard_streams(url: str) -> None:
    words = [sys.executable, "-m", "h2static.h2get", "-n", f"{url}/app.js"]
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *words], timeout=DEADLINE, check=False
    )
    assert done.returncode == 0
