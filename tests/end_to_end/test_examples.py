"""The programs in ``examples/``: they are short, and real clients are content with them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.clients import curl
from tests.support.processes import DEADLINE

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SERVER = EXAMPLES / "h2_server.py"


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Of the tutorial server."""
    with subprocess.Popen(
        [sys.executable, str(SERVER), "0"], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield int(process.stdout.readline().rstrip("/\n").rpartition(":")[2])
        finally:
            process.kill()


def test_the_tutorial_server_is_short() -> None:
    lines = [line for line in SERVER.read_text().splitlines() if line.strip()]
    assert len(lines) <= 45
    assert len(SERVER.read_text().partition("import json")[2].split("\n\n\n")) <= 5


def test_curl(port: int) -> None:
    answer = curl(port, "/hello?x=1", "--http2-prior-knowledge")
    assert answer.status == 200
    shown = json.loads(answer.body)
    assert (shown[":method"], shown[":path"]) == ("GET", "/hello?x=1")
    assert shown["user-agent"].startswith("curl/")


def test_curl_with_content(port: int, tmp_path: Path) -> None:
    """More than a window: the server says when it has used what came."""
    (tmp_path / "content").write_bytes(bytes(200_000))
    content = f"@{tmp_path / 'content'}"
    answer = curl(port, "/", "--http2-prior-knowledge", "--data-binary", content)
    assert json.loads(answer.body)["content-length"] == "200000"


@pytest.mark.skipif(shutil.which("nghttp") is None, reason="nghttp is not installed")
def test_nghttp(port: int) -> None:
    done = subprocess.run(
        ["nghttp", "-nv", f"http://127.0.0.1:{port}/a", f"http://127.0.0.1:{port}/b"],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=True,
    )
    assert len(re.findall(":status: 200", done.stdout)) == 2
    assert "NO_ERROR" in done.stdout


def test_httpx(port: int) -> None:
    with httpx.Client(http1=False, http2=True) as client:
        for number in range(20):
            response = client.get(f"http://127.0.0.1:{port}/{number}", headers={"x-number": "1"})
            assert response.http_version == "HTTP/2"
            assert response.json()[":path"] == f"/{number}"
