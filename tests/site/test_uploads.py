"""--echo-upload: bounded in memory and on disk."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn

import pytest

from h2static.http.messages import Response
from h2static.site.uploads import EchoUpload, UploadBudget
from tests.site.harness import field, make_client, octets_of, request


def run_at_once(job: object) -> None:
    raise AssertionError(job)


def refuse(status: int) -> Response:
    return Response(status=status, fields=())


@pytest.fixture
def budget() -> UploadBudget:
    return UploadBudget(one=1000, together=1500, one_in_memory=100, together_in_memory=150, files=3)


def is_empty(budget: UploadBudget) -> bool:
    return budget.held == budget.held_in_memory == budget.held_files == 0


def upload(budget: UploadBudget) -> EchoUpload:
    return EchoUpload(budget, refuse, run_at_once)


@pytest.fixture(autouse=True)
def nothing_is_left() -> Iterator[None]:
    gc.collect()
    before = len(os.listdir("/dev/fd"))
    yield
    gc.collect()
    assert len(os.listdir("/dev/fd")) == before


@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 1000])
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_the_content_comes_back(budget: UploadBudget, size: int, step: int) -> None:
    content = os.urandom(size)
    taking = upload(budget)
    for start in range(0, size, step):
        assert taking.receive(content[start : start + step]) is None
    response = taking.complete()
    assert response.status == 200
    assert octets_of(response) == content
    assert field(response, "content-length") == str(size)
    # Never what the client says it is: a page could have a form send a script to itself.
    assert field(response, "content-type") == "application/octet-stream"
    assert field(response, "x-content-type-options") == "nosniff"
    assert isinstance(response.body, bytes) == (size <= budget.one_in_memory)
    del response, taking
    gc.collect()
    assert is_empty(budget)


def test_one_upload_is_bounded(budget: UploadBudget) -> None:
    taking = upload(budget)
    assert taking.receive(bytes(1000)) is None
    response = taking.receive(b"x")
    assert response is not None
    assert response.status == 413
    assert is_empty(budget)
    taking.abandon()
    assert is_empty(budget)


def test_all_uploads_together_are_bounded_until_they_were_sent(budget: UploadBudget) -> None:
    first = upload(budget)
    first.receive(bytes(1000))
    response = first.complete()
    second = upload(budget)
    assert second.receive(bytes(500)) is None
    too_much = second.receive(b"x")
    assert too_much is not None
    assert too_much.status == 413
    third = upload(budget)
    assert third.receive(bytes(500)) is None
    del response
    gc.collect()
    assert third.receive(bytes(500)) is None
    third.abandon()
    third.abandon()
    assert is_empty(budget)


def test_memory_of_all_uploads_is_bounded(budget: UploadBudget) -> None:
    uploads = [upload(budget) for _ in range(4)]
    for taking in uploads:
        assert taking.receive(b"x" * 70) is None
        assert budget.held_in_memory <= 150
    assert (budget.held_in_memory, budget.held_files, budget.held) == (140, 2, 280)
    # What is in files comes back like what is in memory.
    assert {octets_of(taking.complete()) for taking in uploads} == {b"x" * 70}
    gc.collect()
    assert is_empty(budget)


@pytest.mark.parametrize("size", [1, 100, 101])
def test_content_counts_until_the_last_piece_of_it_was_sent(
    budget: UploadBudget, size: int
) -> None:
    """A client that takes nothing holds what it sent, wherever that waits."""
    content = os.urandom(size)
    taking = upload(budget)
    assert taking.receive(content) is None
    in_memory = size if size <= budget.one_in_memory else 0
    response = taking.complete()
    taking.abandon()
    assert (budget.held, budget.held_in_memory) == (size, in_memory)
    waiting: list[memoryview] = []
    if isinstance(response.body, bytes):
        waiting += (memoryview(response.body)[:1], memoryview(response.body)[1:])
        assert b"".join(waiting) == content
    del response, taking
    gc.collect()
    assert budget.held_in_memory == in_memory
    waiting.clear()
    gc.collect()
    assert is_empty(budget)


def test_completed_uploads_leave_no_room_in_memory(budget: UploadBudget) -> None:
    """What has no room in memory goes to files, and then nowhere."""
    responses = []
    for _ in range(5):
        taking = upload(budget)
        assert taking.receive(bytes(70)) is None
        responses.append(taking.complete())
        assert budget.held_in_memory <= budget.together_in_memory
    assert (budget.held, budget.held_in_memory, budget.held_files) == (350, 140, 3)
    refused = upload(budget).receive(bytes(70))
    assert refused is not None
    assert refused.status == 503
    responses.clear()
    gc.collect()
    assert is_empty(budget)


def test_the_number_of_files_is_bounded(budget: UploadBudget) -> None:
    uploads = [upload(budget) for _ in range(3)]
    for taking in uploads:
        assert taking.receive(b"x" * 101) is None
    response = upload(budget).receive(b"x" * 101)
    assert response is not None
    assert response.status == 503
    answer = uploads[0].complete()
    # The file counts until its response is gone.
    assert budget.held_files == 3
    del answer
    gc.collect()
    uploads.append(upload(budget))
    assert uploads[-1].receive(b"x" * 101) is None
    for taking in uploads:
        taking.abandon()


def test_no_temporary_file_can_be_made(
    budget: UploadBudget, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> NoReturn:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", fail)
    response = upload(budget).receive(bytes(101))
    assert response is not None
    assert response.status == 500
    assert is_empty(budget)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@pytest.mark.parametrize("size", [101, 20_000])
def test_a_disk_that_is_full(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    def full() -> BinaryIO:
        return Path("/dev/full").open("r+b")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    budget = UploadBudget(one_in_memory=100)
    taking = upload(budget)
    response = taking.receive(bytes(size)) or taking.complete()
    assert response.status == 500
    assert is_empty(budget)


def test_the_site_echoes_post_and_put(root: Path) -> None:
    client = make_client(root, echo_upload=True)
    for method in ("POST", "PUT"):
        taking = client.site.answer(request("/any/where", method))
        assert isinstance(taking, EchoUpload)
        assert taking.receive(b"content") is None
        assert octets_of(taking.complete()) == b"content"
    assert field(client.get("/", "OPTIONS"), "allow") == "GET, HEAD, OPTIONS, POST, PUT"
    assert client.status("/", "DELETE") == 405
    assert client.status("/", "POST", authority="a@b") == 400
