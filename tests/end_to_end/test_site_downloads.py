"""Downloads with curl and wget: parts, compressed siblings, downloads that are cut and resumed."""

from __future__ import annotations

import gzip
import os
import random
import subprocess
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from tests.support.processes import RunningServer, running
from tests.support.tools import require_tool

#: Octets of the file that is resumed.
SIZE = int(os.environ.get("H2STATIC_TEST_DOWNLOAD", str(8 * 1024 * 1024)))
TEXT = b"compressed or not, the same text\n" * 1000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("www")
    (folder / "large.bin").write_bytes(random.Random("large").randbytes(SIZE))
    (folder / "digits.txt").write_bytes(b"0123456789")
    (folder / "text.txt").write_bytes(TEXT)
    (folder / "text.txt.gz").write_bytes(gzip.compress(TEXT, mtime=0))
    return folder


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[RunningServer]:
    with running("--no-tls", "-a", "127.0.0.1", "0", os.fspath(folder)) as server:
        yield server


def curl(server: RunningServer, path: str, *options: str) -> bytes:
    """What curl writes; fails when curl does."""
    program = require_tool("curl", package="curl")
    url = f"http://127.0.0.1:{server.port}{path}"
    words = [program, "-sS", "--max-time", "30", "--http2-prior-knowledge", *options, url]
    return subprocess.run(words, check=True, capture_output=True, timeout=40).stdout


@pytest.mark.parametrize(
    ("range_", "content"),
    [("0-0", b"0"), ("-1", b"9"), ("5-", b"56789"), ("2-4", b"234"), ("0-", b"0123456789")],
)
def test_curl_gets_a_range(server: RunningServer, range_: str, content: bytes) -> None:
    assert curl(server, "/digits.txt", "-r", range_) == content
    status = curl(server, "/digits.txt", "-r", range_, "-o", "/dev/null", "-w", "%{http_code}")
    assert status == b"206"


def test_curl_gets_several_ranges(server: RunningServer) -> None:
    octets = curl(server, "/digits.txt", "-r", "0-1,5-6")
    assert octets.count(b"content-range: bytes ") == 2
    assert b"\r\n\r\n01\r\n" in octets
    assert b"\r\n\r\n56\r\n" in octets


def test_curl_gets_the_compressed_sibling(server: RunningServer) -> None:
    assert curl(server, "/text.txt") == TEXT
    assert curl(server, "/text.txt", "--compressed") == TEXT
    sizes = [
        int(curl(server, "/text.txt", *options, "-o", "/dev/null", "-w", "%{size_download}"))
        for options in ((), ("--compressed",))
    ]
    assert sizes[0] == len(TEXT)
    assert sizes[1] < len(TEXT) // 20


def test_curl_asks_whether_a_file_has_changed(server: RunningServer, tmp_path: Path) -> None:
    etag, copy = tmp_path / "etag", tmp_path / "copy"
    options = ("--etag-save", os.fspath(etag), "--etag-compare", os.fspath(etag))
    status = ("-o", os.fspath(copy), "-w", "%{http_code}")
    assert curl(server, "/digits.txt", *options, *status) == b"200"
    assert curl(server, "/digits.txt", *options, *status) == b"304"
    assert curl(server, "/digits.txt", "-z", os.fspath(copy), *status) == b"304"


def cut(copy: Path, folder: Path, chance: random.Random) -> None:
    """Leave what a download that was cut would have left."""
    copy.write_bytes((folder / "large.bin").read_bytes()[: chance.randrange(1, SIZE)])


@pytest.mark.parametrize("seed", range(3))
def test_curl_resumes_a_download(
    server: RunningServer, folder: Path, tmp_path: Path, seed: int
) -> None:
    copy = tmp_path / "large.bin"
    cut(copy, folder, random.Random(seed))
    curl(server, "/large.bin", "-C", "-", "-o", os.fspath(copy))
    assert digest(copy) == digest(folder / "large.bin")


@pytest.mark.parametrize("seed", range(3))
def test_wget_resumes_a_download(
    server: RunningServer, folder: Path, tmp_path: Path, seed: int
) -> None:
    # wget speaks HTTP/1.1 only.
    program = require_tool("wget", package="wget")
    cut(tmp_path / "large.bin", folder, random.Random(seed))
    url = f"http://127.0.0.1:{server.port}/large.bin"
    words = [program, "-q", "--tries=1", "--timeout=30", "-c", url]
    subprocess.run(words, check=True, cwd=tmp_path, timeout=60)
    assert digest(tmp_path / "large.bin") == digest(folder / "large.bin")


def test_a_download_that_breaks_off_again_and_again(
    server: RunningServer, folder: Path, tmp_path: Path
) -> None:
    """curl is ended after a while, so that what is there was really sent in pieces."""
    program = require_tool("curl", package="curl")
    copy = tmp_path / "large.bin"
    url = f"http://127.0.0.1:{server.port}/large.bin"
    words = [program, "-sS", "--http2-prior-knowledge", "-C", "-", "-o", os.fspath(copy), url]
    rate = ["--limit-rate", str(SIZE)]
    codes = [
        subprocess.run([*words, *rate, "--max-time", "0.3"], check=False, timeout=40).returncode
        for _ in range(3)
    ]
    # 28: the time was over.
    assert set(codes) <= {0, 28}
    assert codes[0] == 28
    subprocess.run(words, check=True, timeout=60)
    assert digest(copy) == digest(folder / "large.bin")


def digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()
