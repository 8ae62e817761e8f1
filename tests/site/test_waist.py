"""A site as an application: what it recalls, and what it does with an exchange."""

from __future__ import annotations

from pathlib import Path

import pytest

from h2static.http.exchange import Application
from h2static.http.lifecycle import lifecycle_of
from h2static.http.messages import Request, Response
from h2static.site.limits import SiteLimits
from tests.site.harness import Client, cannot_tell, make_client, octets_of, request, write
from tests.support.exchange import FakeExchange


def repeated(path: str) -> Request:
    """A request that the same octets give again."""
    question = request(path)
    question.repeats = True
    return question


@pytest.fixture
def settled(root: Path) -> Client:
    write(root, "a", "content")
    client = make_client(root)
    client.clock.settle()
    return client


def test_a_site_is_an_application_with_a_life(settled: Client) -> None:
    application: Application = settled.site
    assert lifecycle_of(application) is settled.site


def test_only_prepared_responses_are_recalled(settled: Client) -> None:
    question = repeated("/a")
    assert settled.site.recall(question) is None
    first = settled.site.look(question)
    assert isinstance(first, Response)
    assert first.prepared
    # What came once may never come again; the second time it is remembered by request.
    assert settled.site.look(question) is first
    for _ in range(3):
        assert settled.site.recall(question) is first
    other = request("/a")
    assert settled.site.look(other) is first
    before = settled.site.memory.requests
    assert settled.site.recall(other) is first, "it is equal in all that matters"
    assert settled.site.memory.requests == before, "nobody will ask with this object again"


def test_what_may_change_unseen_is_not_prepared(root: Path) -> None:
    path = write(root, "a", "content")
    client = make_client(root)
    question = repeated("/a")
    client.site.new_batch()
    for _ in range(3):
        found = client.site.look(question)
        assert isinstance(found, Response)
        assert not found.prepared
        assert client.site.recall(question) is None
    client.clock.settle()
    client.site.new_batch()
    prepared = client.ask(question)
    assert prepared.prepared
    client.ask(question)
    assert client.site.recall(question) is prepared
    # Written anew it is as young as at first, and the response is what it was.
    path.write_text("content")
    client.clock.offset = 0.0
    client.site.new_batch()
    assert client.site.recall(question) is None
    young = client.ask(question)
    assert not young.prepared
    assert client.site.recall(question) is None


def test_a_change_ends_what_is_recalled(settled: Client, root: Path) -> None:
    question = repeated("/a")
    for _ in range(3):
        settled.site.new_batch()
        settled.ask(question)
    assert settled.site.recall(question) is not None
    write(root, "new", "other").rename(root / "a")
    settled.site.new_batch()
    assert settled.site.recall(question) is None
    assert octets_of(settled.ask(question)) == b"other"


def test_refusals_are_never_prepared(settled: Client) -> None:
    for refused in (settled.site.refuse(431, None), settled.get("/%00")):
        assert isinstance(refused.body, bytes)
        assert not refused.prepared


def test_an_exchange_gets_its_response_at_once(settled: Client) -> None:
    exchange = FakeExchange(request("/a"))
    settled.site.handle(exchange)
    assert not exchange.jobs
    assert octets_of(exchange.answer()) == b"content"


def test_what_would_block_is_work(settled: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    cannot_tell(monkeypatch)
    exchange = FakeExchange(request("/a"))
    settled.site.handle(exchange)
    assert exchange.response is None
    assert len(exchange.jobs) == 1
    exchange.run_jobs()
    assert octets_of(exchange.answer()) == b"content"


def test_looking_has_no_effect_on_the_files_or_the_answers(settled: Client) -> None:
    question = request("/a")
    first = settled.site.look(question)
    assert all(settled.site.look(question) is first for _ in range(5))


def test_content_that_nobody_wants_does_not_hold_up_the_refusal(settled: Client) -> None:
    exchange = FakeExchange(request("/a", "POST"), content=True)
    settled.site.handle(exchange)
    assert exchange.sink is None
    assert exchange.answer().status == 405
    assert exchange.answer().early


def test_an_upload_that_is_too_large_is_refused_while_it_comes(root: Path) -> None:
    client = make_client(root, limits=SiteLimits(upload=10), echo_upload=True)
    exchange = FakeExchange(request("/a", "POST"), content=True)
    client.site.handle(exchange)
    assert exchange.send(bytes(10))
    assert exchange.response is None
    assert exchange.send(b"x")
    assert exchange.answer().status == 413
    assert exchange.send(b"more")
    exchange.end()


def test_a_client_that_goes_leaves_nothing(root: Path) -> None:
    client = make_client(root, limits=SiteLimits(uploads=150_000), echo_upload=True)
    for _ in range(3):
        exchange = FakeExchange(request("/a", "PUT"), content=True)
        client.site.handle(exchange)
        assert exchange.send(bytes(100_000))
        # There is room for one of them at a time.
        assert exchange.response is None
        exchange.lose()
    assert exchange.response is None
