"""Answers of an API from files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from h2static.dev.limits import DevLimits
from h2static.dev.mock import MockApplication
from h2static.http.messages import Response
from h2static.site.patterns import parse_pattern
from tests.dev.support import FakeSite, bytes_of, fields_of, request, text_response
from tests.support.exchange import ask


@pytest.fixture
def mock(tmp_path: Path) -> MockApplication:
    folder = tmp_path / "mocks"
    (folder / "api" / "posts").mkdir(parents=True)
    for name, text in {
        "users.json": "[1]",
        "users.POST.201.json": '{"id": 2}',
        "users.DELETE.204.json": "",
        "broken.503.json": "{}",
        "broken.500.json": "{}",
        "put.PUT.json": "{}",
        "posts/index.json": "[]",
        "posts/1.json": "{}",
        "users.txt": "no",
        ".hidden.json": "{}",
    }.items():
        (folder / "api" / name).write_text(text)
    (tmp_path / "secret.json").write_text("{}")
    (folder / "api" / "out.json").symlink_to(tmp_path / "secret.json")
    site = FakeSite(text_response(404, b"the site", prepared=True))
    return MockApplication(
        site, [(parse_pattern("/api/*"), str(folder))], limits=DevLimits(mock=100)
    )


def send(mock: MockApplication, path: str, method: str = "GET") -> Response:
    return ask(mock, request(path.encode(), method=method.encode()))


@pytest.mark.parametrize(
    ("method", "path", "status", "text"),
    [
        ("GET", "/api/users", 200, b"[1]"),
        ("GET", "/api/users?page=2", 200, b"[1]"),
        ("GET", "/api/%75sers", 200, b"[1]"),
        ("HEAD", "/api/users", 200, b""),
        ("POST", "/api/users", 201, b'{"id": 2}'),
        ("DELETE", "/api/users", 204, b""),
        ("GET", "/api/broken", 500, b"{}"),
        ("GET", "/api/posts", 200, b"[]"),
        ("GET", "/api/posts/1", 200, b"{}"),
        ("PUT", "/api/put", 200, b"{}"),
        # What has no file is the site's.
        ("GET", "/api/none", 404, b"the site"),
        ("GET", "/api/user", 404, b"the site"),
        ("GET", "/other", 404, b"the site"),
        ("GET", "/api/.hidden", 404, b"the site"),
        ("GET", "/api/out", 404, b"the site"),
        ("GET", "/api/../../secret", 404, b"the site"),
        ("GET", "/api/%00", 404, b"the site"),
    ],
)
def test_answers(mock: MockApplication, method: str, path: str, status: int, text: bytes) -> None:
    response = send(mock, path, method)
    assert (response.status, bytes_of(response)) == (status, text)
    if text not in (b"", b"the site"):
        assert fields_of(response)[b"content-type"] == b"application/json"
        assert fields_of(response)[b"content-length"] == b"%d" % len(text)


def test_methods_without_a_file_are_not_allowed(mock: MockApplication) -> None:
    response = send(mock, "/api/users", "PATCH")
    assert response.status == 405
    assert fields_of(response)[b"allow"] == b"DELETE, GET, POST"
    assert send(mock, "/api/put").status == 405


def test_files_are_read_each_time(mock: MockApplication, tmp_path: Path) -> None:
    assert send(mock, "/api/new").status == 404
    (tmp_path / "mocks" / "api" / "new.json").write_text("1")
    assert bytes_of(send(mock, "/api/new")) == b"1"
    (tmp_path / "mocks" / "api" / "new.json").write_text("2" * 101)
    assert send(mock, "/api/new").status == 500


def test_nothing_of_it_is_recalled(mock: MockApplication) -> None:
    assert mock.recall(request(b"/api/users")) is None
    assert mock.recall(request(b"/other")) is not None


def test_a_name_that_is_not_ours_gets_no_data(mock: MockApplication, tmp_path: Path) -> None:
    site = FakeSite(text_response(421, b"the site"))
    rules = [(parse_pattern("/api/*"), str(tmp_path / "mocks"))]
    guarded = MockApplication(site, rules, ("named.test",))
    asked = request(b"/api/users", authority=b"evil.test")
    assert ask(guarded, asked).status == 421
    for name in (b"localhost:8080", b"127.0.0.1", b"named.test"):
        assert ask(guarded, request(b"/api/users", authority=name)).status == 200
    # Without dev mode the site is answered under any name.
    assert ask(mock, asked).status == 200


@pytest.mark.timeout(30)
def test_nobody_waits_for_a_fifo(mock: MockApplication, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "mocks" / "api" / "pipe.json")
    assert send(mock, "/api/pipe").status == 404
