"""--echo-upload: bounded in memory and on disk."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NoReturn

import pytest

from h2static.http.messages import Request, Response
from h2static.site.bodies import FileAccess
from h2static.site.limits import SiteLimits
from h2static.site.uploads import EchoUpload, UploadBudget
from tests.site.harness import field, make_client, octets_of, request
from tests.support.exchange import FakeExchange


def not_run(job: object) -> None:
    raise AssertionError(job)


ACCESS = FileAccess(submit=not_run)


def refuse(status: int, request: Request | None) -> Response:
    assert request is not None
    return Response(status=status, fields=())


@pytest.fixture
def budget() -> UploadBudget:
    return UploadBudget(
        limits=SiteLimits(
            upload=1000,
            uploads=1500,
            upload_in_memory=100,
            uploads_in_memory=150,
            upload_files=3,
        )
    )


def is_empty(budget: UploadBudget) -> bool:
    return budget.held == budget.held_in_memory == budget.held_files == 0


class Upload(FakeExchange):
    """An exchange whose content is echoed."""

    def __init__(self, budget: UploadBudget) -> None:
        super().__init__(request("/", "POST"), content=True)
        self.accept(EchoUpload(self, budget, refuse, ACCESS))

    def take(self, data: bytes) -> int | None:
        """The status of the refusal that ``data`` leads to, if any."""
        assert self.send(data), "an upload never asks to wait"
        return None if self.response is None else self.response.status

    def complete(self) -> Response:
        """The response once the content is whole; the exchange lets go of it."""
        self.end()
        response, self.response = self.answer(), None
        return response


def upload(budget: UploadBudget) -> Upload:
    return Upload(budget)


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
        assert taking.take(content[start : start + step]) is None
    response = taking.complete()
    assert response.status == 200
    assert octets_of(response) == content
    assert field(response, "content-length") == str(size)
    # Never what the client says it is: a page could have a form send a script to itself.
    assert field(response, "content-type") == "application/octet-stream"
    assert field(response, "x-content-type-options") == "nosniff"
    assert isinstance(response.body, bytes) == (size <= budget.limits.upload_in_memory)
    del response, taking
    gc.collect()
    assert is_empty(budget)


def test_one_upload_is_bounded(budget: UploadBudget) -> None:
    taking = upload(budget)
    assert taking.take(bytes(1000)) is None
    assert taking.take(b"x") == 413
    assert is_empty(budget)
    # What still comes is dropped.
    assert taking.take(b"more") == 413
    taking.end()
    assert taking.answer().status == 413
    assert is_empty(budget)


def test_all_uploads_together_are_bounded_until_they_were_sent(budget: UploadBudget) -> None:
    first = upload(budget)
    first.take(bytes(1000))
    response = first.complete()
    second = upload(budget)
    assert second.take(bytes(500)) is None
    assert second.take(b"x") == 413
    third = upload(budget)
    assert third.take(bytes(500)) is None
    del response
    gc.collect()
    assert third.take(bytes(500)) is None
    third.lose()
    assert is_empty(budget)


def test_memory_of_all_uploads_is_bounded(budget: UploadBudget) -> None:
    uploads = [upload(budget) for _ in range(4)]
    for taking in uploads:
        assert taking.take(b"x" * 70) is None
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
    assert taking.take(content) is None
    in_memory = size if size <= budget.limits.upload_in_memory else 0
    response = taking.complete()
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
        assert taking.take(bytes(70)) is None
        responses.append(taking.complete())
        assert budget.held_in_memory <= budget.limits.uploads_in_memory
    assert (budget.held, budget.held_in_memory, budget.held_files) == (350, 140, 3)
    assert upload(budget).take(bytes(70)) == 503
    responses.clear()
    gc.collect()
    assert is_empty(budget)


def test_the_number_of_files_is_bounded(budget: UploadBudget) -> None:
    uploads = [upload(budget) for _ in range(3)]
    for taking in uploads:
        assert taking.take(b"x" * 101) is None
    assert upload(budget).take(b"x" * 101) == 503
    answer = uploads[0].complete()
    # The file counts until its response is gone.
    assert budget.held_files == 3
    del answer
    gc.collect()
    uploads.append(upload(budget))
    assert uploads[-1].take(b"x" * 101) is None
    for taking in uploads[1:]:
        taking.lose()
    assert is_empty(budget)


def test_no_temporary_file_can_be_made(
    budget: UploadBudget, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> NoReturn:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", fail)
    assert upload(budget).take(bytes(101)) == 500
    assert is_empty(budget)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@pytest.mark.parametrize("size", [101, 20_000])
def test_a_disk_that_is_full(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    def full() -> BinaryIO:
        return Path("/dev/full").open("r+b")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    budget = UploadBudget(limits=SiteLimits(upload_in_memory=100))
    taking = upload(budget)
    taking.take(bytes(size))
    taking.end()
    assert taking.answer().status == 500
    assert is_empty(budget)


def test_the_site_echoes_post_and_put(root: Path) -> None:
    client = make_client(root, echo_upload=True)
    for method in ("POST", "PUT"):
        question = request("/any/where", method)
        assert client.site.recall(question) is None
        exchange = FakeExchange(question, content=True)
        client.site.handle(exchange)
        assert exchange.response is None
        assert exchange.send(b"content")
        exchange.end()
        assert octets_of(exchange.answer()) == b"content"
        assert not exchange.answer().prepared
        # Nothing came: nothing comes back.
        assert client.body("/", method) == b""
    assert field(client.get("/", "OPTIONS"), "allow") == "GET, HEAD, OPTIONS, POST, PUT"
    assert client.status("/", "DELETE") == 405
