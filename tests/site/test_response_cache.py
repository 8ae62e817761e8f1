"""Remembered answers: what proves them, and their bounds."""

from __future__ import annotations

import gc
import os
from pathlib import Path
from typing import Any

import pytest

from h2static.http.messages import Request, Response
from h2static.site.cache_key import CacheKey, CacheKeys
from h2static.site.limits import DEFAULTS, SiteLimits
from h2static.site.path_states import PathState
from h2static.site.rules import ErrorPage
from tests.site.harness import Client, field, make_client, octets_of, request, write


def settled_client(root: Path, limits: SiteLimits | None = None, **options: Any) -> Client:
    client = make_client(root, limits=limits, **options)
    client.clock.settle()
    return client


@pytest.fixture
def client(root: Path) -> Client:
    return settled_client(root)


def remembered(client: Client) -> int:
    return client.site.memory.responses


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


def test_a_request_that_is_handled_has_one_key(
    client: Client, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[bytes] = []
    make = CacheKeys.of

    def spy(self: CacheKeys, question: Request) -> CacheKey:
        made.append(question.path)
        return make(self, question)

    monkeypatch.setattr(CacheKeys, "of", spy)
    for name in ("a", "b"):
        write(root, name, name)
    one, other = request("/a"), request("/b")
    assert client.site.recall(one) is None
    answer = client.site.look(one)
    assert isinstance(answer, Response)
    assert octets_of(answer) == b"a"
    assert made == [b"/a"]
    # A key is that of its own request, whatever was asked for in between.
    one = request("/a", range="bytes=0-0")
    assert client.site.recall(one) is None
    assert octets_of(client.ask(other)) == b"b"
    assert client.ask(one).status == 206


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
    assert client.get("/a?x") is first


def test_an_outdated_answer_to_a_query_hides_no_other(root: Path) -> None:
    """A page of the owner for a failure is one for this query; the file is one for any."""
    write(root, "404.html", "absent")
    client = settled_client(root, error_page=(ErrorPage(status=404, file="404.html"),))
    for _ in range(3):
        assert client.status("/a?x") == 404
        assert client.status("/a?y") == 404
    write(root, "a", "content")
    client.clock.settle()
    first = client.get("/a")
    assert first.status == 200
    for path in ("/a?x", "/a?y"):
        client.site.new_batch()
        assert client.site.recall(request(path)) is first


def test_the_number_of_answers_is_bounded(root: Path) -> None:
    client = settled_client(root, SiteLimits(responses=10, requests=10))
    for number in range(100):
        question = request(f"/{number}")
        for _ in range(3):
            client.ask(question)
        assert remembered(client) <= 10
        assert client.site.memory.requests <= 10
    client.site.forget()
    gc.collect()
    assert client.site.memory.paths == 0


def test_long_keys_are_not_remembered(client: Client, root: Path) -> None:
    write(root, "a", "content")
    for fields in (
        {"if_none_match": '"' + "x" * DEFAULTS.key + '"'},
        {"range": "x" * 5000},
    ):
        assert client.status("/a", **fields) == 200
        assert remembered(client) == 0
    question = request("/a", cookie="x" * DEFAULTS.key)
    for _ in range(3):
        client.ask(question)
    assert client.site.memory.requests == 0


def test_open_files_are_bounded(root: Path) -> None:
    client = settled_client(
        root, SiteLimits(open_files=5, held_files=5, open_folders=1, small_file=10)
    )
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
        # One more for the notices, and one for the folder.
        assert len(os.listdir("/dev/fd")) <= before + 5 + 3 + 5 + 1 + 1
    # What somebody still has can still be read.
    assert [octets_of(response) for response in bodies] == [b"%020d" % n for n in range(3)]


def test_parts_of_one_file_keep_it_open_once(root: Path) -> None:
    client = settled_client(root, SiteLimits(open_files=2, small_file=10))
    write(root, "a", bytes(1000))
    question = request("/a")
    first = client.ask(question)
    for number in range(50):
        assert client.status("/a", range=f"bytes={number}-") == 206
    assert client.ask(question) is first
    assert remembered(client) == 51


def test_deleted_files_are_let_go(client: Client, root: Path) -> None:
    for size in (10, DEFAULTS.small_file + 1):
        path = write(root, "a", bytes(size))
        question = request("/a")
        for _ in range(4):
            client.ask(question)
        inode = path.stat().st_ino
        path.unlink()
        client.site.forget()
        gc.collect()
        assert inode not in open_inodes()


def test_what_is_used_outlives_releases(root: Path) -> None:
    client = settled_client(root, SiteLimits(small_file=100))
    for name, size in (("used", 10), ("used-large", 1000), ("unused", 10), ("unused-large", 1000)):
        write(root, name, bytes(size))
    client.clock.settle()
    answers = {name: client.get(name) for name in ("/used", "/used-large", "/unused-large")}
    client.get("/unused")
    unused = (root / "unused-large").stat().st_ino
    del answers["/unused-large"]
    for _ in range(3):
        client.site.release()
        client.clock.offset += 30
        for name, answer in answers.items():
            assert client.get(name) is answer
    assert remembered(client) == 2
    assert unused not in open_inodes()
    client.site.release()
    client.site.release()
    gc.collect()
    assert remembered(client) == 0
    assert client.site.memory.paths == 0


def test_an_open_file_is_counted_after_a_release_too(root: Path) -> None:
    client = settled_client(root, SiteLimits(open_files=2, small_file=10))
    for name in ("a", "b", "c"):
        write(root, name, bytes(1000))
    client.clock.settle()
    kept = [client.get(name) for name in ("/a", "/b")]
    client.site.release()
    assert [client.get(name) for name in ("/a", "/b")] == kept
    client.site.release()
    client.get("/c")
    assert remembered(client) == 2, "one made room"


def test_large_files_make_room_for_large_files(root: Path) -> None:
    """Small ones stay, and so do most of the large ones."""
    client = settled_client(root, SiteLimits(open_files=8, small_file=10))
    small = [request(f"/small{number}") for number in range(20)]
    large = [request(f"/large{number}") for number in range(12)]
    for question in small:
        write(root, question.path.decode()[1:], "small")
    for question in large:
        write(root, question.path.decode()[1:], bytes(1000))
    client.clock.settle()
    kept = [client.ask(question) for question in small]
    made = [client.ask(question) for question in large]
    assert remembered(client) == 20 + 8
    assert [client.ask(question) for question in small] == kept
    assert [client.ask(question) for question in large[4:]] == made[4:]
    assert client.ask(large[0]) is not made[0]
    assert remembered(client) == 20 + 8


def test_lists_make_room_for_lists(root: Path) -> None:
    """Files stay, and so do the latest lists."""
    client = settled_client(root, SiteLimits(own_octets=40_000, kept_lists=0), listing=True)
    write(root, "a", "content")
    for folder in range(6):
        for number in range(50):
            write(root, f"{folder}/{number}")
    client.clock.settle()
    kept = client.get("/a")
    sizes = [len(octets_of(client.get(f"/{folder}/"))) for folder in range(6)]
    assert max(sizes) < 20_000
    assert sum(sizes) > 40_000
    assert client.get("/a") is kept
    assert 2 < remembered(client) < 6


def test_contents_make_room_for_others(root: Path) -> None:
    """Only responses with the octets that were dropped are dropped."""
    client = settled_client(root, cache_size=20_000)
    for number in range(40):
        write(root, f"{number}", bytes([number]) * 1000)
    client.clock.settle()
    for number in range(40):
        client.get(f"/{number}")
        assert number < 20 or 15 <= remembered(client) <= 20
    held = client.site.memory.held_octets
    assert held == client.site.memory.kept_octets <= 20_000
    last = [client.get(f"/{number}") for number in range(30, 40)]
    assert [octets_of(response)[0] for response in last] == list(range(30, 40))
    assert [client.get(f"/{number}") for number in range(30, 40)] == last
    assert client.site.memory.held_octets == held


def test_a_request_is_recalled_again_after_a_change(client: Client, root: Path) -> None:
    path = write(root, "a", "old")
    question = request("/a")
    question.repeats = True
    for content in (b"old", b"new", b"newer"):
        path.write_bytes(content)
        client.clock.settle()
        for _ in range(3):
            client.site.new_batch()
            client.ask(question)
        client.site.new_batch()
        response = client.site.recall(question)
        assert response is not None
        assert octets_of(response) == content


def test_lists_that_are_used_are_counted_after_a_release_too(root: Path) -> None:
    client = settled_client(root, SiteLimits(own_octets=6000, free_octets=100))
    for number in range(3):
        write(root, f"{number}", bytes(5000))
    client.clock.settle()
    part = {"range": "bytes=0-99"}
    assert client.status("/0", **part) == 206
    client.site.release()
    assert client.status("/0", **part) == 206
    client.site.release()
    assert remembered(client) == 1


def test_responses_are_made_anew_after_some_releases(client: Client, root: Path) -> None:
    write(root, "a", "content")
    client.clock.settle()
    first = client.get("/a")
    for _ in range(DEFAULTS.releases - 1):
        client.site.release()
        client.clock.offset += 30
        assert client.get("/a") is first
    client.site.release()
    assert client.get("/a") is not first


def test_what_more_had_a_say_in_is_made_anew_soon(client: Client, root: Path) -> None:
    """Whether a file lasts is said by pages; a date in the future is that of the response."""
    write(root, "index.html", "")
    write(root, "index-BkX3yZ1q.js", "1")
    os.utime(write(root, "later", "1"), (client.clock() + 1e6, client.clock() + 1e6))
    client.clock.settle()
    for path, fields in (("/index-BkX3yZ1q.js", {}), ("/later", {}), ("/", {"if_range": '"x"'})):
        first = client.get(path, **fields)
        assert client.get(path, **fields) is first
        client.site.release()
        assert client.get(path, **fields) is not first


def open_inodes() -> list[int]:
    """The inodes of what this process has open."""
    held = [f"/dev/fd/{number}" for number in os.listdir("/dev/fd")]
    return [os.stat(name).st_ino for name in held if os.path.exists(name)]


@pytest.mark.slow
def test_lists_are_bounded(root: Path) -> None:
    """Nobody else counts the octets of lists that responses hold."""
    client = settled_client(root, SiteLimits(own_octets=20_000, kept_lists=0), listing=True)
    for folder in range(10):
        for number in range(50):
            write(root, f"{folder}/{number}")
    for folder in range(10):
        size = len(octets_of(client.get(f"/{folder}/")))
        assert size > 5000
        gc.collect()
        # The last one is remembered with the next look.
        assert client.site.memory.held_octets <= 20_000 + size
        assert remembered(client) <= 20_000 // size


def test_parts_of_a_file_take_no_octets_of_their_own(client: Client, root: Path) -> None:
    content = os.urandom(20_000)
    write(root, "a", content)
    for settled in (True, False):
        client.clock.offset = 10.0 if settled else 0.0
        client.site.forget()
        responses = [client.get("/a", range=f"bytes={number}-10000") for number in range(10)]
        assert client.site.memory.held_octets == 20_000
        assert remembered(client) == 10
        several = client.get("/a", range="bytes=0-4999, 6000-12000")
        responses.append(several)
        assert client.site.memory.held_octets == 20_000
        assert [octets_of(response) for response in responses[:10]] == [
            content[number:10_001] for number in range(10)
        ]
        assert content[:5000] in octets_of(several)
        assert content[6000:12001] in octets_of(several)


def test_young_files_are_bounded(root: Path) -> None:
    limits = SiteLimits(passing_octets=30_000)
    client = make_client(root, limits=limits, cache_size=50_000)
    contents = [os.urandom(20_000) for _ in range(10)]
    responses = []
    for number, content in enumerate(contents):
        write(root, f"b{number}", content)
        responses.append(client.get(f"/b{number}"))
        assert client.site.memory.held_octets <= 80_000
    # What had no room comes from the file.
    assert [isinstance(response.body, bytes) for response in responses] == [True] * 4 + [False] * 6
    assert [octets_of(response) for response in responses] == contents
    assert field(responses[0], "etag") is not None
    tag = field(responses[9], "etag")
    # RFC 9110 section 8.8.1: it may change without a visible change of its version.
    assert tag is not None
    assert tag.startswith('W/"')


def test_answers_with_octets_that_make_room_are_forgotten(root: Path) -> None:
    limits = SiteLimits(passing_octets=3000)
    client = settled_client(root, limits, cache_size=10_000)
    for number in range(20):
        write(root, f"{number}", os.urandom(3000))
        assert isinstance(client.get(f"/{number}").body, bytes)
        assert client.site.memory.held_octets <= 13_000


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
