"""Passwords, and slow and broken answers, through a server."""

from __future__ import annotations

import http.client
import threading
import time
from base64 import b64encode
from pathlib import Path

import pytest

from h2static.server.basic_auth import hash_password
from tests.support.events import PATIENCE
from tests.support.processes import run, running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "index.html").write_text("<!doctype html>")
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "users.json").write_text("[]")
    (tmp_path / "a.jpg").write_bytes(b"x" * 40_000)
    return tmp_path


def get(port: int, path: str, **fields: str) -> tuple[int, bytes, float]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    began = time.monotonic()
    connection.request("GET", path, headers=fields)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response.status, body, time.monotonic() - began


def test_a_password_is_asked_for(root: Path) -> None:
    words = ("--auth", f"me:{hash_password('pass word')}", "--no-tls", "-a", "127.0.0.1", "0")
    with running(*words, str(root)) as server:
        assert get(server.port, "/")[0] == 401
        assert get(server.port, "/", Authorization="Basic bWU6bm8=")[0] == 401
        server.wait_for_stderr("the user or the password is wrong")
        right = "Basic " + b64encode(b"me:pass word").decode()
        for _ in range(2):
            assert get(server.port, "/", Authorization=right)[:2] == (200, b"<!doctype html>")


def test_passwords_are_not_asked_for_in_the_clear(root: Path) -> None:
    credential = f"me:{hash_password('x')}"
    done = run("--auth", credential, "--no-tls", "0", str(root))
    told = "--auth needs TLS, or -a localhost: passwords would be sent in the clear"
    assert (done.returncode, done.stderr) == (2, f"h2static: {told}\n")
    done = run("--auth", "me:hunter2", "0", str(root))
    assert done.returncode == 2
    assert "hunter2" not in done.stderr


def test_trouble_on_purpose(root: Path) -> None:
    words = ("--delay", "/api/*=400ms", "--rate", "*.jpg=100K", "--fail", "/broken=503")
    with running("--dev", "--no-tls", *words, "0", str(root)) as server:
        for line in (
            "trouble  /api/*: delay of 400 ms",
            "trouble  *.jpg: 102400 octets a second",
            "trouble  /broken: 503, 100%",
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
        assert answers["/api/users.json"][2] >= 0.4
        assert answers["/a.jpg"][:2] == (200, b"x" * 40_000)
        assert answers["/a.jpg"][2] >= 0.3
        assert answers["/broken"][0] == 503
        # What has no rule does not wait for the others.
        assert answers["/index.html"][2] < answers["/api/users.json"][2]
