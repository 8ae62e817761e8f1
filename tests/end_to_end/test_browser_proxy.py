"""Chromium through the proxy: vite's dev server, and its WebSocket for hot modules, over HTTP/2."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.browser import browsing
from tests.support.processes import DEADLINE, accepts, running, wait_until
from tests.support.servers import free_port
from tests.support.tools import require_tool

pytest.importorskip("selenium")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]

_PAGE = """<!doctype html><title>vite</title><p id="it"></p>
<script type="module" src="/main.js"></script>
"""
_MAIN = """import {{ word }} from './word.js';
const show = text => document.getElementById('it').textContent = text;
show(word);
window.loads = (window.loads || 0) + 1;
if (import.meta.hot) import.meta.hot.accept('./word.js', next => show(next.word));
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with vite in it."""
    npm = require_tool("npm", package="npm")
    folder = tmp_path_factory.mktemp("project")
    (folder / "package.json").write_text(json.dumps({"name": "x", "private": True}))
    done = subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "vite@5"],
        cwd=folder,
        capture_output=True,
        timeout=150,
        check=False,
    )
    if done.returncode:
        pytest.skip("npm cannot install vite here")
    (folder / "index.html").write_text(_PAGE)
    (folder / "main.js").write_text(_MAIN.format())
    return folder


@contextmanager
def vite(project: Path) -> Iterator[int]:
    """The port of vite's dev server."""
    port = free_port()
    words = [str(project / "node_modules/.bin/vite"), "--port", str(port), "--strictPort"]
    environment = {**os.environ, "CI": "1"}
    process = subprocess.Popen(
        [*words, "--host", "127.0.0.1"],
        cwd=project,
        env=environment,
        stdout=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: accepts("127.0.0.1", port), "vite to listen", 60)
        yield port
    finally:
        process.terminate()
        process.wait(DEADLINE)


def test_hot_modules_through_the_proxy(project: Path, tmp_path: Path) -> None:
    (project / "word.js").write_text("export const word = 'first';\n")
    with (
        browsing(tmp_path) as browser,
        vite(project) as port,
        running(
            *("-a", "127.0.0.1", "--proxy", f"/=http://127.0.0.1:{port}", "0"),
            environment=browser.environment,
        ) as server,
    ):
        browser.driver.get(f"https://localhost:{server.port}/")
        text = "document.getElementById('it').textContent"
        browser.wait(text, "first", 60)
        protocol = "performance.getEntriesByType('navigation')[0].nextHopProtocol"
        assert browser.run(protocol) == "h2"
        # A file that changes before vite's client is connected is told to nobody.
        wait_until(
            lambda: any("[vite] connected" in line for line in browser.log()), "the WebSocket", 60
        )
        (project / "word.js").write_text("export const word = 'second';\n")
        browser.wait(text, "second", 60)
        # The page was not loaded again.
        assert browser.run("window.loads") == 1
