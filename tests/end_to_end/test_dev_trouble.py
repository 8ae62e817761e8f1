"""Passwords, and slow and broken answers, through a server."""

from __future__ import annotations

import http.client
import re
import subprocess
import threading
import time
from base64 import b64encode
from pathlib import Path

import pytest

from h2static.server.basic_auth import hash_password
from tests.support.events import PATIENCE
from tests.support.processes import run, running
from tests.support.tools import require_tool

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text("<!doctype html>")
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "users.json").write_text("[]")
    (tmp_path / "a.jpg").write_bytes(b"x" * 40_000)
    return tmp_path


def get(port: int, path: str, method: str = "GET", /, **fields: str) -> tuple[int, bytes, float]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    began = time.monotonic()
    connection.request(method, path, headers=fields)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, body, time.monotonic() - began


def test_a_password_is_asked_for(root: Path) -> None:
    words = ("--auth", f"me:{hash_password('pass word')}", "--no-tls", "-a", "127.0.0.1", "0")
    with running(*words, str(root)) as server:
        assert get(server.port, "/")[0] == 401
        assert get(server.port, "/", Authorization="Basic bWU6bm8=")[0] == 401
        server.wait_for_stderr("wrong user name or password")
        right = "Basic " + b64encode(b"me:pass word").decode()
        for _ in range(2):
            assert get(server.port, "/", Authorization=right)[:2] == (200, b"<!doctype html>")


def test_passwords_are_not_asked_for_in_the_clear(root: Path) -> None:
    credential = f"me:{hash_password('x')}"
    done = run("--auth", credential, "--no-tls", "0", str(root))
    told = "--auth requires TLS or -a localhost; otherwise passwords are sent in the clear"
    assert (done.returncode, done.stderr) == (2, f"h2static: {told}\n")
    done = run("--auth", "me:hunter2", "0", str(root))
    assert done.returncode == 2
    assert "hunter2" not in done.stderr


def test_others_may_ask_whether_they_may_send_a_password(root: Path) -> None:
    words = ("--cors", "--auth", f"me:{hash_password('x')}", "--no-tls", "-a", "127.0.0.1", "0")
    with running(*words, str(root)) as server:
        asked = {
            "Origin": "http://elsewhere.test",
            "Access-Control-Request-Method": "GET",
            "Access-Control-Request-Headers": "authorization",
        }
        assert get(server.port, "/", "OPTIONS", **asked)[0] == 204
        # What is there nobody learns by that.
        assert get(server.port, "/", "OPTIONS")[0] == 401


def test_pushed_files_need_no_password_of_their_own(root: Path) -> None:
    nghttp = require_tool("nghttp", package="nghttp2-client")
    words = ("--auth", f"me:{hash_password('x')}", "--push", "/=/a.jpg", "--no-tls", "-a")
    with running(*words, "127.0.0.1", "0", str(root)) as server:
        right = "authorization: Basic " + b64encode(b"me:x").decode()
        url = f"http://127.0.0.1:{server.port}/"
        done = subprocess.run(
            [nghttp, "-nv", "--no-dep", "-H", right, url],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
        assert "recv PUSH_PROMISE" in done.stdout
        assert re.findall(r":status: (\d+)", done.stdout) == ["200", "200"]


def test_trouble_on_purpose(root: Path) -> None:
    words = ("--delay", "/api/*=1500ms", "--rate", "*.jpg=100K", "--fail", "/broken=503", "--fail")
    with running("--dev", "--no-tls", *words, "/rarely=503:0.5%", "0", str(root)) as server:
        for line in (
            "fault    /api/*: delayed by 1500 ms",
            "fault    *.jpg: limited to 102400 octets per second",
            "fault    /broken: 503, 100%",
            "fault    /rarely: 503, 0.5%",
        ):
            assert line in server.stderr()
        answers: dict[str, tuple[int, bytes, float]] = {}

        def ask(path: str) -> None:
            answers[path] = get(server.port, path)

        paths = ("/api/users.json", "/a.jpg", "/broken", "/index.html")
        threads = [threading.Thread(target=ask, args=(path,)) for path in paths]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert answers["/api/users.json"][:2] == (200, b"[]")
        assert answers["/api/users.json"][2] >= 1.5
        assert answers["/a.jpg"][:2] == (200, b"x" * 40_000)
        assert answers["/a.jpg"][2] >= 0.3
        assert answers["/broken"][0] == 503
        # What has no rule does not wait for the others.
        assert answers["/index.html"][2] < answers["/api/users.json"][2]
