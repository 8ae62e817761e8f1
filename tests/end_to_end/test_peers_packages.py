"""Programs that install packages from a folder: apt and npm."""

from __future__ import annotations

import contextlib
import hashlib
import json
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import DEADLINE, RunningServer, running
from tests.support.tools import require_tool

pytestmark = pytest.mark.slow

HOST = "127.0.0.1"
CONTROL = """\
Package: made-for-a-test
Version: 1.0
Architecture: all
Maintainer: nobody <nobody@example.org>
Description: nothing
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "www"
    folder.mkdir()
    return folder


@contextlib.contextmanager
def serving(root: Path, *words: str) -> Iterator[RunningServer]:
    """The folder on cleartext, with an access log beside it."""
    log = f"--access-log={root.parent / 'access.log'}"
    with running("-a", HOST, "--no-tls", log, "--log-format", "json", *words, "0", str(root)) as it:
        yield it


def requests(root: Path) -> list[tuple[str, int]]:
    """Path and status of each request; the server has ended."""
    lines = map(json.loads, (root.parent / "access.log").read_text().splitlines())
    return [(line["path"], line["status"]) for line in lines]


def call(*words: str | Path, folder: Path) -> None:
    """Run a program in ``folder``; it ends by itself, and is content."""
    done = subprocess.run(
        list(map(str, words)), cwd=folder, capture_output=True, timeout=2 * DEADLINE, check=False
    )
    assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")


def apt_options(folder: Path) -> list[str]:
    """What keeps apt away from the system's own state."""
    for name in ("etc", "state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "state/status").touch()
    settings = {
        "Dir": folder,
        "Dir::Etc": folder / "etc",
        "Dir::State": folder / "state",
        "Dir::State::status": folder / "state/status",
        "Dir::Cache": folder / "cache",
        "APT::Sandbox::User": "",
        "Debug::NoLocking": "true",
        "Acquire::Languages": "none",
        "Acquire::http::Proxy": "DIRECT",
        # As careful administrators have it.
        "Acquire::http::AllowRedirect": "false",
    }
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def test_apt(root: Path, tmp_path: Path) -> None:
    """A flat repository: apt asks for ``/./Packages``, and the second time whether it changed."""
    apt = require_tool("apt-get", package="apt")
    package = tmp_path / "package/DEBIAN"
    package.mkdir(parents=True)
    (package / "control").write_text(CONTROL)
    deb = root / "made.deb"
    call(require_tool("dpkg-deb", package="dpkg"), "-b", package.parent, deb, folder=tmp_path)
    octets = deb.read_bytes()
    packages = (
        f"{CONTROL}Filename: ./made.deb\nSize: {len(octets)}\n"
        f"SHA256: {hashlib.sha256(octets).hexdigest()}\n"
    )
    (root / "Packages").write_text(packages)
    digest = hashlib.sha256(packages.encode()).hexdigest()
    (root / "Release").write_text(f"SHA256:\n {digest} {len(packages)} Packages\n")
    options = apt_options(tmp_path / "apt")
    with serving(root) as server:
        source = f"deb [trusted=yes] http://{HOST}:{server.port}/ ./\n"
        (tmp_path / "apt/etc/sources.list").write_text(source)
        call(apt, *options, "update", folder=tmp_path)
        call(apt, *options, "update", folder=tmp_path)
        call(apt, *options, "download", "made-for-a-test", folder=tmp_path)
    (fetched,) = tmp_path.glob("made-for-a-test_*.deb")
    assert fetched.read_bytes() == octets
    asked = requests(root)
    assert ("/./Packages", 200) in asked
    assert ("/./made.deb", 200) in asked
    # Nothing that has not changed is sent again.
    assert [status for path, status in asked if path == "/./Release"] == [200, 304]


def test_npm(root: Path, tmp_path: Path) -> None:
    """A registry of files; a package in a scope is asked for as ``/@scope%2fmade``."""
    npm = require_tool("npm", package="npm")
    (tmp_path / "package.json").write_text('{"name": "@scope/made", "version": "1.0.0"}')
    (tmp_path / "index.js").write_text("module.exports = 'made'\n")
    folder = root / "@scope/made"
    folder.mkdir(parents=True)
    archive = folder / "made-1.0.0.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        for name in ("package.json", "index.js"):
            tar.add(tmp_path / name, f"package/{name}")
    digest = hashlib.sha1(archive.read_bytes(), usedforsecurity=False).hexdigest()
    project = tmp_path / "project"
    project.mkdir()
    (project / "package.json").write_text('{"name": "user", "version": "1.0.0"}')
    with serving(root, "--index", "index.json", "--encoded-slash", "/@*") as server:
        registry = f"http://{HOST}:{server.port}"
        version = {
            "name": "@scope/made",
            "version": "1.0.0",
            "dist": {"tarball": f"{registry}/@scope/made/made-1.0.0.tgz", "shasum": digest},
        }
        document = {
            "name": "@scope/made",
            "dist-tags": {"latest": "1.0.0"},
            "versions": {"1.0.0": version},
        }
        (folder / "index.json").write_text(json.dumps(document))
        call(
            *(npm, "install", "@scope/made", "--registry", f"{registry}/", "--fetch-retries", "0"),
            *("--cache", tmp_path / "cache", "--userconfig", tmp_path / "npmrc"),
            *("--no-update-notifier", "--no-audit", "--no-fund"),
            folder=project,
        )
    installed = project / "node_modules/@scope/made/index.js"
    assert installed.read_text() == "module.exports = 'made'\n"
    assert requests(root)[0][0].lower() == "/@scope%2fmade"
