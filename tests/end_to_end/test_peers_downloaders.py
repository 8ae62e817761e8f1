"""Programs that fetch parts of files, mirror folders, and look for files by pattern."""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import RunningServer, running
from tests.support.tools import require_tool

pytestmark = pytest.mark.slow

SECONDS = 60
#: Names that mean something in HTML, in URLs or to programs that read lists.
NAMES = (
    *("a.csv", "it's.csv", "a&b.csv", "co:lon.csv", '"q".csv', "sys\\x2dfoo.csv", "50%.csv"),
    *("sp ace.csv", "?.csv", "#h.csv", "ü.csv", "+.csv", "[1].csv", "sub/deep.csv"),
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "www"
    folder.mkdir()
    return folder


@pytest.fixture
def server(root: Path) -> Iterator[RunningServer]:
    with running("-a", "127.0.0.1", "--no-tls", "--listing", "0", str(root)) as server:
        yield server


def run(*words: str, folder: Path) -> None:
    """Run a program in ``folder``; it ends by itself, and is content."""
    done = subprocess.run(words, cwd=folder, capture_output=True, timeout=SECONDS, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")


def versions(folder: Path) -> tuple[Path, Path]:
    """A file, and what it was before it was changed in many places."""
    numbers = random.Random(7)
    new, old = folder / "new.bin", folder / "old.bin"
    content = bytearray(numbers.randbytes(3_000_000))
    new.write_bytes(content)
    for _ in range(300):
        place = numbers.randrange(len(content) - 100)
        content[place : place + 100] = numbers.randbytes(100)
    old.write_bytes(content)
    return new, old


def test_zsync(root: Path, server: RunningServer, tmp_path: Path) -> None:
    """It asks for several ranges at a time, and again until it has found them in the response."""
    zsync = require_tool("zsync", package="zsync")
    new, old = versions(tmp_path)
    shutil.copy(new, root)
    url = f"http://127.0.0.1:{server.port}/new.bin"
    run(require_tool("zsyncmake", package="zsync"), "-u", url, "new.bin", folder=root)
    (tmp_path / "out").mkdir()
    run(zsync, "-i", str(old), f"{url}.zsync", folder=tmp_path / "out")
    assert (tmp_path / "out" / "new.bin").read_bytes() == new.read_bytes()


def test_zchunk(root: Path, server: RunningServer, tmp_path: Path) -> None:
    """It asks for hundreds of chunks at once, and for fewer where it gets the whole."""
    zck = require_tool("zck", package="zchunk")
    new, old = versions(tmp_path)
    run(zck, "-o", str(root / "new.zck"), str(new), folder=tmp_path)
    run(zck, "-o", "old.zck", str(old), folder=tmp_path)
    url = f"http://127.0.0.1:{server.port}/new.zck"
    run(require_tool("zckdl", package="zchunk"), "-s", "old.zck", url, folder=tmp_path)
    assert (tmp_path / "new.zck").read_bytes() == (root / "new.zck").read_bytes()


def test_aria2c(root: Path, server: RunningServer, tmp_path: Path) -> None:
    """Parts of a file on several connections; what another run has left is gone on with."""
    aria2c = require_tool("aria2c", package="aria2")
    content = random.Random(7).randbytes(8_000_000)
    (root / "new.bin").write_bytes(content)
    url = f"http://127.0.0.1:{server.port}/new.bin"
    quiet = ("--no-conf", "-q", "--max-tries=1")
    run(aria2c, *quiet, "-x4", "-s4", "-k1M", url, folder=tmp_path)
    assert (tmp_path / "new.bin").read_bytes() == content
    (tmp_path / "new.bin").write_bytes(content[:3_000_000])
    run(aria2c, *quiet, "-c", url, folder=tmp_path)
    assert (tmp_path / "new.bin").read_bytes() == content
    worker = server.counters()[0]["counters"]
    assert isinstance(worker, dict)
    assert worker["accepted"] >= 5


@pytest.fixture
def tree(root: Path) -> Path:
    """Files with odd names in a folder."""
    for name in NAMES:
        path = root / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root / "data"


def contents(folder: Path) -> dict[str, str]:
    """Files below ``folder``, but for the lists that a program has kept."""
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "index.html"
    }


def test_lftp_mirrors(tree: Path, server: RunningServer, tmp_path: Path) -> None:
    lftp = require_tool("lftp", package="lftp")
    url = f"http://127.0.0.1:{server.port}/data/"
    run(lftp, "-c", f"set net:max-retries 1; mirror {url} copy", folder=tmp_path)
    assert contents(tmp_path / "copy") == contents(tree)


def test_wget_mirrors(tree: Path, server: RunningServer, tmp_path: Path) -> None:
    wget = require_tool("wget", package="wget")
    url = f"http://127.0.0.1:{server.port}/data/"
    run(wget, "-q", "-r", "-np", "-nH", "--tries=1", url, folder=tmp_path)
    assert contents(tmp_path / "data") == contents(tree)


def test_fsspec_finds_files_by_pattern(tree: Path, server: RunningServer) -> None:
    """As pandas, dask and xarray do."""
    fsspec = pytest.importorskip("fsspec")
    pytest.importorskip("aiohttp")
    files = fsspec.filesystem("http", skip_instance_cache=True)
    url = f"http://127.0.0.1:{server.port}/data"
    found = files.glob(f"{url}/*.csv")
    assert sorted(files.cat(one).decode() for one in found) == sorted(NAMES[:-1])
    # A folder is not found in itself.
    below = {one.removeprefix(url) for one in files.find(f"{url}/")}
    assert len(below) == len(NAMES)
    assert {"/sub/deep.csv", "/it%27s.csv", "/sys%5Cx2dfoo.csv"} <= below
