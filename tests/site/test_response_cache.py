"""Remembered answers: what proves them, and their bounds."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

from h2static.site import response_cache
from h2static.site.contents import SMALL_FILE
from h2static.site.response_cache import PathState
from tests.site.harness import Client, make_client, octets_of, request, write


@pytest.fixture
def client(root: Path) -> Client:
    client = make_client(root)
    client.clock.settle()
    return client


def remembered(client: Client) -> int:
    return len(client.site._answers._by_key)


def test_a_batch_looks_at_every_file_once(
    client: Client, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        write(root, f"sub/{name}")
    questions = [request(f"/sub/{name}") for name in ("a", "b")]
    for _ in range(3):
        client.site.new_batch()
        for question in questions:
            client.ask(question)
    looks = looks_at(monkeypatch)
    # The time for which silence is believed is over.
    client.clock.offset += 1
    for expected in ({b"www", b"sub"}, set[bytes]()):
        client.site.new_batch()
        for question in questions * 5:
            client.ask(question)
        assert len(looks) == len(set(looks))
        assert expected <= set(looks)
        looks.clear()


def looks_at(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The names of what is looked at from now on, but for files that are held open."""
    looks: list[bytes] = []
    look = PathState.look

    def spy(self: PathState) -> None:
        looks.append(os.path.basename(self.path))
        look(self)

    monkeypatch.setattr(PathState, "look", spy)
    return looks


def test_without_notices_a_batch_looks_at_every_file_once(
    client: Client, root: Path, monkeypatch: pytest.MonkeyPatch, no_notices: None
) -> None:
    for name in ("a", "b"):
        write(root, f"sub/{name}")
    questions = [request(f"/sub/{name}") for name in ("a", "b")]
    looks = looks_at(monkeypatch)
    for number in range(5):
        looks.clear()
        client.site.new_batch()
        for question in questions * 5:
            client.ask(question)
        assert len(looks) == len(set(looks))
        assert number == 0 or {b"sub", b"www"} <= set(looks)


def test_within_a_batch_answers_are_as_old_as_the_batch(client: Client, root: Path) -> None:
    path = write(root, "a", "old")
    question = request("/a")
    client.site.new_batch()
    assert client.ask(question).body == b"old"
    client.ask(question)
    write(root, "new", "new").rename(path)
    client.site.new_batch()
    assert client.ask(question).body == b"new"


def test_without_batches_every_request_is_checked(client: Client, root: Path) -> None:
    path = write(root, "a", "0")
    question = request("/a")
    for number in range(20):
        write(root, "new", f"{number}").rename(path)
        for _ in range(3):
            assert client.ask(question).body == f"{number}".encode()


def test_requests_are_told_apart_by_what_counts(client: Client, root: Path) -> None:
    write(root, "a", "content")
    first = client.get("/a")
    assert client.get("/a", cookie="secret", user_agent="x", accept="image/png") is first
    assert client.get("/a", authority="other.example") is first
    for fields in (
        {"range": "bytes=0-1"},
        {"if_none_match": '"x"'},
        {"if_match": "*"},
        {"if_modified_since": "x"},
        {"if_unmodified_since": "x"},
        {"if_range": "x"},
        {"accept_encoding": "gzip"},
    ):
        assert client.get("/a", **fields) is not first
    assert client.get("/a", "HEAD") is not first
    assert client.get("/a?x") is not first


def test_a_bad_authority_gets_no_remembered_answer(client: Client, root: Path) -> None:
    write(root, "a", "content")
    for _ in range(3):
        assert client.status("/a") == 200
        assert client.status("/a", authority="a@b") == 400


def test_the_number_of_answers_is_bounded(
    client: Client, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(response_cache, "MAX_ANSWERS", 10)
    monkeypatch.setattr(response_cache, "MAX_REQUESTS", 10)
    for number in range(100):
        question = request(f"/{number}")
        for _ in range(3):
            client.ask(question)
        assert remembered(client) <= 10
        assert len(client.site._answers.by_request) <= 10
    client.site._answers.forget()
    gc.collect()
    assert len(client.site._answers._path_states) == 0


def test_long_keys_are_not_remembered(client: Client, root: Path) -> None:
    write(root, "a", "content")
    for fields in (
        {"if_none_match": '"' + "x" * response_cache.MAX_KEY + '"'},
        {"range": "x" * 5000},
    ):
        assert client.status("/a", **fields) == 200
        assert remembered(client) == 0
    question = request("/a", cookie="x" * response_cache.MAX_KEY)
    for _ in range(3):
        client.ask(question)
    assert not client.site._answers.by_request


def test_open_files_are_bounded(
    client: Client, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(response_cache, "MAX_OPEN_FILES", 5)
    monkeypatch.setattr(response_cache, "MAX_HELD_FILES", 5)
    monkeypatch.setattr("h2static.site.sources.SMALL_FILE", 10)
    gc.collect()
    before = len(os.listdir("/dev/fd"))
    bodies = []
    for number in range(50):
        write(root, f"{number}", f"{number:020}")
    for number in range(50):
        response = client.get(f"/{number}")
        client.get(f"/{number}")
        if number < 3:
            bodies.append(response)
        # One more for the notices.
        assert len(os.listdir("/dev/fd")) <= before + 5 + 3 + 5 + 1
    # What somebody still has can still be read.
    assert [octets_of(response) for response in bodies] == [b"%020d" % n for n in range(3)]


def test_parts_of_one_file_keep_it_open_once(
    client: Client, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(response_cache, "MAX_OPEN_FILES", 2)
    monkeypatch.setattr("h2static.site.sources.SMALL_FILE", 10)
    write(root, "a", bytes(1000))
    question = request("/a")
    first = client.ask(question)
    for number in range(50):
        assert client.status("/a", range=f"bytes={number}-") == 206
    assert client.ask(question) is first
    assert remembered(client) == 51


def test_deleted_files_are_let_go(client: Client, root: Path) -> None:
    for size in (10, SMALL_FILE + 1):
        path = write(root, "a", bytes(size))
        question = request("/a")
        for _ in range(4):
            client.ask(question)
        inode = path.stat().st_ino
        path.unlink()
        client.site.release()
        gc.collect()
        held = [f"/dev/fd/{number}" for number in os.listdir("/dev/fd")]
        assert inode not in [os.stat(name).st_ino for name in held if os.path.exists(name)]


def test_octets_that_nobody_else_counts_are_bounded(
    client: Client, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(response_cache, "MAX_OWN_OCTETS", 50_000)
    write(root, "a", bytes(20_000))
    for number in range(10):
        client.get("/a", range=f"bytes={number}-10000")
        held = sum(len(octets_of(a.response)) for a in client.site._answers._by_key.values())
        assert held <= 60_000
    # Young files: their content is in no other response_cache.
    client.clock.offset = 0.0
    client.site._answers.forget()
    for number in range(10):
        write(root, f"b{number}", os.urandom(20_000))
        client.get(f"/b{number}")
        assert remembered(client) <= 3


def test_answers_with_octets_that_make_room_are_forgotten(root: Path) -> None:
    client = make_client(root, cache_size=10_000)
    client.clock.settle()
    for number in range(20):
        write(root, f"{number}", os.urandom(3000))
        client.get(f"/{number}")
        held = {id(a.response.body) for a in client.site._answers._by_key.values()}
        assert len(held) <= 3


def test_a_file_behind_a_link_is_watched_by_name(client: Client, root: Path) -> None:
    write(root, "one", "one")
    write(root, "two", "two")
    link = root / "link"
    link.symlink_to("one")
    question = request("/link")
    for target in ("two", "one", "two"):
        for _ in range(3):
            client.ask(question)
        new = root / "new"
        new.symlink_to(target)
        new.rename(link)
        assert client.ask(question).body == target.encode()
