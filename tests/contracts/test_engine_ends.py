"""What every engine promises about time, and about what is left when something ends.

The clock is the test's: it is set, and the driver of :class:`Conversation` looks at ``deadline``.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from h2static.http.exchange import Exchange
from h2static.http.journal import Finished
from h2static.http.messages import Response
from h2static.http.shared import Shared
from tests.contracts.applications import Behaviour, Scripted, keep, text
from tests.contracts.conversation import Conversation
from tests.contracts.dialects import Dialect

#: Seconds that any deadline may come later because looks at the clock are half a second apart.
GRAIN = 0.5

# ---------------------------------------------------------------------- journal and counters


def test_the_journal_has_one_record_of_each_exchange(dialect: Dialect) -> None:
    prepared = text(200, b"prepared", prepared=True)
    application = Scripted(prepared={b"/prepared": prepared})
    application.behaviours = {b"/body": _blocking_body(application, blocks=False)}
    talks = [Conversation(dialect, application) for _ in range(2)]
    for talk in talks:
        talk.request(b"/")
        talk.request(b"/prepared")
        talk.request(b"/prepared")
        talk.request(b"/body", method=b"POST", content=b"question", length=8)
        talk.now += 1
        talk.settle()
    for talk in talks:
        records: dict[bytes, list[Finished]] = {}
        for record in talk.journal:
            assert record.client is talk.peer
            assert (record.pushed, record.aborted, record.delivered) == (False, False, ())
            assert 1_000.0 <= record.started <= record.finished <= talk.now
            records.setdefault(record.request.path, []).append(record)
        assert {path: len(found) for path, found in records.items()} == {
            b"/": 1,
            b"/prepared": 2,
            b"/body": 1,
        }
        assert records[b"/"][0].octets == 1
        assert [record.octets for record in records[b"/prepared"]] == [8, 8]
        assert all(record.response is prepared for record in records[b"/prepared"])
        assert records[b"/body"][0].octets == 10
        assert records[b"/body"][0].request.method == b"POST"


def test_connections_share_a_journal(dialect: Dialect) -> None:
    shared = Shared(journal=[])
    talks = [Conversation(dialect, Scripted(), shared=shared) for _ in range(3)]
    for talk in talks:
        talk.request(b"/")
    for talk in reversed(talks):
        talk.settle()
    assert shared.journal is not None
    assert [record.client for record in shared.journal] == [t.peer for t in reversed(talks)]


def test_nobody_needs_a_journal(dialect: Dialect) -> None:
    talk = Conversation(dialect, Scripted())
    talk.shared.journal = None
    number = talk.request(b"/")
    talk.settle()
    talk.whole_reply(number)


def test_a_response_that_broke_off_is_noted_as_such(dialect: Dialect) -> None:
    application = Scripted()
    application.behaviours = {b"/": _blocking_body(application)}
    talk = Conversation(dialect, application)
    number = talk.request(b"/")
    talk.settle()
    talk.lose(number)
    talk.close()
    (record,) = talk.journal
    assert (record.aborted, record.octets) == (True, 10)


def test_a_request_without_response_is_no_response_that_is_over(dialect: Dialect) -> None:
    talk = Conversation(dialect, Scripted(keep))
    number = talk.request(b"/")
    talk.settle()
    talk.lose(number)
    talk.close()
    assert talk.journal == []


def test_a_failed_job_and_an_abort_are_in_the_journal_with_their_500(dialect: Dialect) -> None:
    application = Scripted({b"/abort": lambda exchange: exchange.abort("a reason")})
    talk = Conversation(dialect, application)
    talk.request(b"/abort")
    talk.settle()
    talk.close()
    assert [record.response.status for record in talk.journal] == [500]


def test_requests_are_counted(dialect: Dialect) -> None:
    talk = Conversation(dialect, Scripted(prepared={b"/p": text(200, b"p", prepared=True)}))
    for i in range(10):
        talk.request(b"/p" if i % 2 else b"/%d" % i)
    talk.settle()
    counters = talk.engine.counters
    assert (counters.requests, counters.resets, counters.limit_hits) == (10, 0, 0)
    talk.close()
    assert counters.requests == 10


def test_resets_are_counted(dialect: Dialect) -> None:
    if not dialect.multiplexed:
        pytest.skip("the protocol has no resets")
    talk = Conversation(dialect, Scripted(keep))
    for _ in range(3):
        number = talk.request(b"/")
        talk.settle()
        talk.lose(number)
    assert talk.engine.counters.resets == 3


def test_open_streams(dialect: Dialect) -> None:
    application = Scripted(keep)
    talk = Conversation(dialect, application)
    assert talk.engine.open_streams == 0
    talk.request(b"/")
    talk.settle()
    assert talk.engine.open_streams == 1
    application.handled[0].respond(text(200, b"x"))
    talk.settle()
    assert talk.engine.open_streams == 0


# ---------------------------------------------------------------------- deadlines


def _nothing_said(talk: Conversation) -> None:
    """A connection that was opened, and no more."""
    talk.client.take_output()


def _half_a_head(talk: Conversation) -> None:
    talk.request(b"/never")
    talk.engine.receive(talk.client.take_output()[:-3], talk.now)


def _idle(talk: Conversation) -> None:
    talk.request(b"/")
    talk.settle()


def _content_stalls(talk: Conversation) -> None:
    number = talk.request(b"/swallow", method=b"POST", unfinished=True, length=100_000)
    talk.send(number, bytes(5_000))
    talk.settle()


def _unwanted_content_stalls(talk: Conversation) -> None:
    talk.request(b"/", method=b"POST", unfinished=True, length=100_000)
    talk.settle()


def _response_is_not_read(talk: Conversation) -> None:
    talk.settle()
    talk.taking = False
    talk.request(b"/large")
    talk.settle()


def _response_gets_no_credit(talk: Conversation) -> None:
    if not talk.client.hold_credit():
        pytest.skip("the protocol has no credit")
    talk.request(b"/large")
    talk.settle()


def _settings_unanswered(talk: Conversation) -> None:
    if not talk.dialect.multiplexed:
        pytest.skip("the protocol has no settings")
    talk.request(b"/keep")
    talk.engine.receive(talk.client.take_output(), talk.now)
    talk.taking = False


#: States in which the peer is late some time.
LATE: tuple[Callable[[Conversation], None], ...] = (
    _nothing_said,
    _half_a_head,
    _idle,
    _content_stalls,
    _unwanted_content_stalls,
    _response_is_not_read,
    _response_gets_no_credit,
)


def _waiting_for_the_application(talk: Conversation) -> None:
    talk.request(b"/keep")
    talk.settle()


def _waiting_for_a_job(talk: Conversation) -> None:
    talk.request(b"/job")
    talk.settle()


def _waiting_for_a_medium(talk: Conversation) -> None:
    talk.request(b"/blocked")
    talk.settle()


def _waiting_for_a_sink(talk: Conversation) -> None:
    talk.request(b"/full", method=b"POST", content=bytes(1_000_000), length=1_000_000)
    talk.settle()


#: States in which the client waits for us, however long it takes.
PATIENT: tuple[Callable[[Conversation], None], ...] = (
    _waiting_for_the_application,
    _waiting_for_a_job,
    _waiting_for_a_medium,
    _waiting_for_a_sink,
)


def _blocking_body(application: Scripted, *, blocks: bool = True) -> Behaviour:
    def respond(exchange: Exchange) -> None:
        body = application.body([b"0123456789", None] if blocks else [b"0123456789"])
        body.wakes = False
        exchange.respond(Response(status=200, fields=(), body=body))

    return respond


def _application() -> Scripted:
    application = Scripted()

    def large(exchange: Exchange) -> None:
        body = application.body([bytes(10_000)] * 100, length=1_000_000)
        fields = ((b"content-length", b"1000000"),)
        exchange.respond(Response(status=200, fields=fields, body=body))

    application.behaviours = {
        b"/swallow": application.swallow,
        b"/large": large,
        b"/keep": keep,
        b"/job": lambda exchange: exchange.work(lambda: text(200, b"worked out")),
        b"/blocked": _blocking_body(application),
        b"/full": lambda exchange: exchange.accept(application.sink(lambda data: False)),
    }
    return application


def _what_is_seen(talk: Conversation) -> tuple[object, ...]:
    """What a deadline may change."""
    engine = talk.engine
    ends = sum(reply.whole or reply.broken for reply in talk.client.replies)
    return engine.closing, talk.closed, engine.output_octets, engine.open_streams, ends


def _first_action(
    dialect: Dialect, state: Callable[[Conversation], None], *, always: bool, seconds: float
) -> float | None:
    """When something happens by itself; ``always``: ``check`` is called whatever deadline says."""
    talk = Conversation(dialect, _application())
    state(talk)
    before = _what_is_seen(talk)
    start = talk.now
    while talk.now < start + seconds:
        talk.now += 0.25
        deadline = talk.engine.deadline()
        if always or (deadline is not None and deadline <= talk.now):
            talk.engine.check(talk.now)
        talk.settle()
        if _what_is_seen(talk) != before:
            return talk.now - start
    return None


@pytest.mark.parametrize("state", LATE)
def test_no_deadline_is_later_than_what_check_acts_on(
    dialect: Dialect, state: Callable[[Conversation], None]
) -> None:
    """Who looks at the clock only when ``deadline`` says so misses nothing."""
    expected = _first_action(dialect, state, always=True, seconds=400)
    if expected is None:
        # The driver ends a connection that takes no octets, by ``write_progress``.
        assert state is _response_is_not_read
        return
    found = _first_action(dialect, state, always=False, seconds=expected + GRAIN)
    assert found is not None


@pytest.mark.parametrize("state", PATIENT)
def test_nobody_is_late_while_we_are(
    dialect: Dialect, state: Callable[[Conversation], None]
) -> None:
    assert _first_action(dialect, state, always=True, seconds=1_000) is None


@pytest.mark.parametrize("state", LATE + PATIENT)
def test_a_deadline_that_was_acted_on_moves(
    dialect: Dialect, state: Callable[[Conversation], None]
) -> None:
    """Otherwise the driver would turn round and round."""
    talk = Conversation(dialect, _application())
    state(talk)
    for _ in range(1_000):
        deadline = talk.engine.deadline()
        if deadline is None or talk.closed:
            break
        talk.now = max(talk.now, deadline) + 0.001
        talk.engine.check(talk.now)
        talk.settle()
        if talk.engine.closing:
            break
        following = talk.engine.deadline()
        assert following is None or following > talk.now


@pytest.mark.parametrize("state", LATE)
def test_what_was_late_leaves_nothing(
    dialect: Dialect, state: Callable[[Conversation], None]
) -> None:
    application = _application()
    talk = Conversation(dialect, application)
    lost: list[str] = []
    state(talk)
    for exchange in application.handled:
        exchange.when_lost(lambda: lost.append("lost"))
    for _ in range(800):
        talk.step(0.5)
    talk.close()
    application.ledger.assert_settled()
    assert len(lost) <= len(application.handled)


def test_write_progress_stands_still_while_the_peer_takes_nothing(dialect: Dialect) -> None:
    """By it the driver ends connections, whatever their protocol."""
    talk = Conversation(dialect, _application())
    _response_is_not_read(talk)
    since = talk.engine.write_progress
    assert since <= talk.now
    for _ in range(40):
        talk.step(0.5)
    assert talk.engine.write_progress == since
    talk.taking = True
    talk.settle()
    assert talk.engine.write_progress == talk.now


def test_a_slow_but_steady_client_is_not_late(dialect: Dialect) -> None:
    application = _application()
    talk = Conversation(dialect, application)
    number = talk.request(b"/swallow", method=b"POST", unfinished=True, length=5_000 * 60)
    for _ in range(60):
        talk.send(number, bytes(5_000))
        talk.settle()
        for _ in range(4):
            talk.step(10)
    talk.end(number)
    talk.settle()
    assert talk.whole_reply(number).content == b"300000"


def test_a_drip_of_content_is_late(dialect: Dialect) -> None:
    application = _application()
    talk = Conversation(dialect, application)
    number = talk.request(b"/swallow", method=b"POST", unfinished=True, length=100_000)
    for _ in range(30):
        if talk.closed or talk.reply(number).broken or talk.reply(number).status:
            break
        talk.send(number, b"x")
        talk.settle()
        talk.step(10)
    assert talk.closed or talk.reply(number).broken or talk.reply(number).status == 408
    talk.close()
    application.ledger.assert_settled()


# ---------------------------------------------------------------------- drain


def test_drain_of_an_idle_connection_closes_it(dialect: Dialect) -> None:
    talk = Conversation(dialect, Scripted())
    number = talk.request(b"/")
    talk.settle()
    talk.drain()
    for _ in range(10):
        talk.step(0.5)
    assert talk.closed
    talk.whole_reply(number)


@pytest.mark.parametrize("path", [b"/keep", b"/job", b"/blocked", b"/swallow"])
def test_drain_finishes_what_was_accepted(dialect: Dialect, path: bytes) -> None:
    application = _application()
    talk = Conversation(dialect, application)
    unfinished = path == b"/swallow"
    # A body without an end is ended by drain: give this one a length.
    body = application.body([b"0123456789", None, b"0123456789"], length=20)
    body.wakes = False
    fields = ((b"content-length", b"20"),)
    assert isinstance(application.behaviours, dict)
    application.behaviours[b"/blocked"] = lambda exchange: exchange.respond(
        Response(status=200, fields=fields, body=body)
    )
    method, length = (b"POST", 100) if unfinished else (b"GET", None)
    number = talk.request(path, method=method, unfinished=unfinished, length=length)
    talk.settle()
    talk.drain()
    for _ in range(4):
        talk.step(0.5)
        assert not talk.closed
    if path == b"/keep":
        application.handled[0].respond(text(200, b"kept"))
    elif path == b"/job":
        talk.run_job()
    elif path == b"/blocked":
        application.ledger.readers[0].wake()
    else:
        talk.send(number, bytes(100))
        talk.end(number)
    talk.settle()
    for _ in range(10):
        talk.step(0.5)
    talk.whole_reply(number)
    assert talk.closed
    application.ledger.assert_settled()


def test_drain_twice_is_drain_once(dialect: Dialect) -> None:
    application = Scripted(keep)
    talk = Conversation(dialect, application)
    number = talk.request(b"/")
    talk.settle()
    talk.drain()
    talk.drain()
    application.handled[0].respond(text(200, b"kept"))
    talk.settle()
    talk.drain()
    for _ in range(10):
        talk.step(0.5)
    assert talk.whole_reply(number).content == b"kept"
    assert talk.closed


# ---------------------------------------------------------------------- abandon


@pytest.mark.parametrize("state", LATE + PATIENT + (_settings_unanswered,))
def test_abandon_gives_back_everything(
    dialect: Dialect, state: Callable[[Conversation], None]
) -> None:
    application = _application()
    talk = Conversation(dialect, application)
    lost: list[Exchange] = []
    state(talk)
    unanswered = [exchange for exchange in application.handled if not _answered(talk, exchange)]
    for exchange in application.handled:
        exchange.when_lost(lambda exchange=exchange: lost.append(exchange))  # type: ignore[misc]
    engine = talk.engine
    engine.abandon()
    assert lost == unanswered
    application.ledger.assert_settled()
    assert not engine.jobs
    assert not engine.blocked
    assert engine.output_octets == 0
    assert engine.pending() == []
    assert not engine.has_content
    assert engine.open_streams == 0
    assert engine.closing
    assert talk.shared.held.octets == 0
    # What threads and applications still do has no effect.
    engine.abandon()
    engine.unblock(1, talk.now)
    engine.finish_job(1, text(200, b"late"), talk.now)
    for exchange in application.handled:
        exchange.respond(text(200, b"late"))
        exchange.accept(application.sink())
        exchange.abort("late")
    engine.take_turn(talk.now)
    assert engine.output_octets == 0
    assert lost == unanswered
    application.ledger.assert_settled()


def _answered(talk: Conversation, exchange: Exchange) -> bool:
    """Whether the response of the conversation's ``exchange`` is complete."""
    paths = [b"/"]
    return exchange.request.path in paths and exchange.request.method == b"GET"
