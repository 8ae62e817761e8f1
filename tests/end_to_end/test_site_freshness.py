"""A real server under load while its files are edited: no answer is older than its request."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b
from pathlib import Path

import httpx

from h2static.site.contents import content_tag
from tests.support.processes import DEADLINE, RunningServer, running
from tests.support.tools import require_tool

EDITS = int(os.environ.get("H2STATIC_TEST_LOAD_EDITS", "300"))
NAMES = ("index.html", "a.js", "sub/b.css")


@contextmanager
def load(server: RunningServer, path: str) -> Iterator[None]:
    """h2load asks for ``path`` until the block ends."""
    program = require_tool("h2load", package="nghttp2-client")
    url = f"http://127.0.0.1:{server.port}{path}"
    words = [program, "-c4", "-m10", "-n100000000", "-t1", url]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
        assert process.poll() is None, "the load ended before the test"
    finally:
        process.kill()
        process.wait(10)


def edit(root: Path, name: str, content: bytes, chance: random.Random) -> None:
    """Write ``content`` in one of the ways in which editors and build tools do."""
    path = root / name
    kind = chance.choice(("in place", "rename over", "date restored", "delete first"))
    if kind == "rename over":
        new = root / ".new"
        new.write_bytes(content)
        new.rename(path)
        return
    if kind == "delete first":
        path.unlink()
    status = path.stat() if path.exists() else None
    with path.open("r+b" if status else "wb") as file:
        file.write(content)
    if status is not None and kind == "date restored":
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_edits_under_load(tmp_path: Path) -> None:
    chance = random.Random("load")
    (tmp_path / "sub").mkdir()
    for name in NAMES:
        (tmp_path / name).write_bytes(b"0" * 400)
    with (
        running("--no-tls", "-a", "127.0.0.1", "0", os.fspath(tmp_path)) as server,
        load(server, "/"),
        httpx.Client(
            http1=False,
            http2=True,
            base_url=f"http://127.0.0.1:{server.port}",
            timeout=DEADLINE,
        ) as client,
    ):
        for number in range(EDITS):
            name = chance.choice(NAMES)
            content = blake2b(b"%d" % number).hexdigest().encode() * chance.choice((3, 3, 3, 4))
            if len(content) < (tmp_path / name).stat().st_size:
                os.truncate(tmp_path / name, len(content))
            edit(tmp_path, name, content, chance)
            response = client.get(f"/{name}")
            assert response.status_code == 200
            assert response.content == content, f"edit {number} of {name}"
            assert response.headers["etag"] == content_tag(content).decode()
            assert response.headers["content-length"] == str(len(content))
            tag = response.headers["etag"]
            assert client.get(f"/{name}", headers={"if-none-match": tag}).status_code == 304
