"""What every engine promises about jobs, clients that go, and exchanges that are given up."""

from __future__ import annotations

import pytest

from h2static.http.exchange import Exchange, Handover
from h2static.http.messages import Response
from tests.contracts.applications import ProbeSink, Scripted, keep, text
from tests.contracts.conversation import Conversation
from tests.contracts.dialects import Dialect


def _job() -> Response:
    return text(200, b"worked out")


# ---------------------------------------------------------------------- jobs


def test_a_job_is_done_when_its_turn_comes(dialect: Dialect) -> None:
    application = Scripted(lambda exchange: exchange.work(_job))
    talk = Conversation(dialect, application)
    number = talk.request(b"/")
    talk.settle()
    assert len(talk.engine.jobs) == 1
    assert talk.reply(number).status == 0
    talk.run_job()
    assert talk.whole_reply(number).content == b"worked out"
    assert not talk.engine.jobs


def test_a_job_from_outside(dialect: Dialect) -> None:
    application = Scripted(keep)
    talk = Conversation(dialect, application)
    number = talk.request(b"/")
    talk.settle()
    application.handled[0].work(_job)
    talk.settle()
    talk.run_job()
    assert talk.whole_reply(number).content == b"worked out"


def test_a_job_that_raises_makes_500(dialect: Dialect) -> None:
    def fails() -> Response:
        raise ValueError("a bug")

    application = Scripted({b"/": lambda exchange: exchange.work(fails)})
    talk = Conversation(dialect, application)
    number = talk.request(b"/")
    talk.settle()
    talk.run_job()
    talk.whole_reply(number, 500)
    following = talk.request(b"/following")
    talk.settle()
    if not talk.closed:
        talk.whole_reply(following)


def test_a_job_may_hand_over(dialect: Dialect) -> None:
    """Its exchange is handled by others then, content included."""
    sinks: list[ProbeSink] = []

    def take(exchange: Exchange) -> None:
        sinks.append(ProbeSink(application.ledger))
        exchange.accept(sinks[0])

    application = Scripted(lambda exchange: exchange.work(lambda: Handover(take)))
    talk = Conversation(dialect, application)
    number = talk.request(b"/", content=b"content")
    talk.settle()
    talk.run_job()
    assert sinks[0].data == b"content"
    application.handled[0].respond(text(200, b"taken"))
    talk.settle()
    assert talk.whole_reply(number).content == b"taken"


def test_a_job_that_hands_over_may_do_so_again(dialect: Dialect) -> None:
    application = Scripted(
        lambda exchange: exchange.work(lambda: Handover(lambda then: then.work(_job)))
    )
    talk = Conversation(dialect, application)
    number = talk.request(b"/")
    talk.settle()
    talk.run_job()
    talk.run_job()
    assert talk.whole_reply(number).content == b"worked out"


def test_a_job_of_a_client_that_has_gone_is_not_begun(dialect: Dialect) -> None:
    application = Scripted(lambda exchange: exchange.work(_job))
    talk = Conversation(dialect, application)
    number = talk.request(b"/")
    talk.settle()
    talk.lose(number)
    assert not talk.engine.jobs


def test_a_job_that_ends_after_its_client_has_no_effect(dialect: Dialect) -> None:
    application = Scripted(lambda exchange: exchange.work(_job))
    talk = Conversation(dialect, application)
    number = talk.request(b"/")
    talk.settle()
    stream_id, job = talk.engine.jobs.popleft()
    talk.lose(number)
    for response in (job(), None):
        talk.engine.finish_job(stream_id, response, talk.now)
        talk.settle()
    assert talk.engine.output_octets == 0
    assert talk.reply(number).status == 0


def test_a_job_whose_response_was_given_already_has_no_effect(dialect: Dialect) -> None:
    def both(exchange: Exchange) -> None:
        exchange.work(_job)
        exchange.respond(text(200, b"at once"))

    application = Scripted({b"/": both})
    talk = Conversation(dialect, application)
    number = talk.request(b"/")
    talk.settle()
    while talk.engine.jobs:
        talk.run_job()
    following = talk.request(b"/following")
    talk.settle()
    assert talk.whole_reply(number).content == b"at once"
    assert talk.whole_reply(following).content == b"/following"


@pytest.mark.parametrize("content", [False, True])
def test_a_job_that_ends_after_an_abort_has_no_effect(dialect: Dialect, content: bool) -> None:
    application = Scripted({b"/": lambda exchange: exchange.work(_job)})
    talk = Conversation(dialect, application)
    number = talk.request(b"/", unfinished=content)
    talk.settle()
    stream_id, job = talk.engine.jobs.popleft()
    application.handled[0].abort("it takes too long")
    talk.settle()
    talk.engine.finish_job(stream_id, job(), talk.now)
    talk.settle()
    if content:
        talk.end(number)
    following = talk.request(b"/following")
    talk.settle()
    talk.whole_reply(number, 500)
    if not talk.closed:
        talk.whole_reply(following)


def test_a_job_that_was_not_begun_is_dropped_when_nobody_waits_for_it(dialect: Dialect) -> None:
    application = Scripted({b"/": lambda exchange: exchange.work(_job)})
    talk = Conversation(dialect, application)
    talk.request(b"/")
    talk.settle()
    assert len(talk.engine.jobs) == 1
    application.handled[0].abort("it takes too long")
    talk.settle()
    assert not talk.engine.jobs


def test_a_job_answers_no_later_request(dialect: Dialect) -> None:
    application = Scripted({b"/": lambda exchange: exchange.work(_job), b"/keep": keep})
    talk = Conversation(dialect, application)
    talk.request(b"/")
    talk.settle()
    stream_id, job = talk.engine.jobs.popleft()
    application.handled[0].abort("it takes too long")
    later = talk.request(b"/keep")
    talk.settle()
    assert len(application.handled) == 2
    talk.engine.finish_job(stream_id, job(), talk.now)
    talk.settle()
    assert talk.reply(later).status == 0
    application.handled[1].respond(text(200, b"its own"))
    talk.settle()
    assert talk.whole_reply(later).content == b"its own"


def test_jobs_of_many_requests_find_their_streams(dialect: Dialect) -> None:
    def work(exchange: Exchange) -> None:
        path = exchange.request.path
        exchange.work(lambda: text(200, path))

    talk = Conversation(dialect, Scripted(work))
    numbers = [talk.request(b"/%d" % i) for i in range(30)]
    talk.settle()
    while talk.engine.jobs:
        if len(talk.engine.jobs) > 1:
            talk.engine.jobs.rotate(7)
        talk.run_job()
    for i, number in enumerate(numbers):
        assert talk.whole_reply(number).content == b"/%d" % i


# ---------------------------------------------------------------------- the client goes


@pytest.mark.parametrize("request_only", [False, True], ids=["connection", "request"])
def test_when_lost_is_called_once(dialect: Dialect, request_only: bool) -> None:
    application = Scripted(keep)
    talk = Conversation(dialect, application)
    number = talk.request(b"/")
    talk.settle()
    (exchange,) = application.handled
    calls: list[str] = []
    exchange.when_lost(lambda: calls.append("first"))
    exchange.when_lost(lambda: calls.append("second"))
    talk.settle()
    assert calls == []
    talk.lose(number if request_only else None)
    talk.close()
    assert calls == ["first", "second"]
    exchange.when_lost(lambda: calls.append("at once"))
    assert calls == ["first", "second", "at once"]


def test_when_lost_is_not_called_after_a_complete_response(dialect: Dialect) -> None:
    calls: list[str] = []

    def watched(exchange: Exchange) -> None:
        exchange.when_lost(lambda: calls.append("lost"))
        exchange.respond(text(200, b"done"))

    talk = Conversation(dialect, Scripted(watched))
    number = talk.request(b"/")
    talk.settle()
    talk.whole_reply(number)
    talk.close()
    assert calls == []


def test_when_lost_is_called_while_the_response_goes_out(dialect: Dialect) -> None:
    calls: list[str] = []
    application = Scripted()

    def watched(exchange: Exchange) -> None:
        exchange.when_lost(lambda: calls.append("lost"))
        body = application.body([b"first", None])
        body.wakes = False
        exchange.respond(Response(status=200, fields=(), body=body))

    application.behaviours = watched
    talk = Conversation(dialect, application)
    number = talk.request(b"/")
    talk.settle()
    assert talk.reply(number).content == b"first"
    talk.lose(number)
    talk.close()
    assert calls == ["lost"]
    application.ledger.assert_settled()


@pytest.mark.parametrize("request_only", [False, True], ids=["connection", "request"])
def test_nothing_has_an_effect_once_the_client_has_gone(
    dialect: Dialect, request_only: bool
) -> None:
    application = Scripted(keep)
    talk = Conversation(dialect, application)
    number = talk.request(b"/", unfinished=True)
    talk.settle()
    (exchange,) = application.handled
    talk.lose(number if request_only else None)
    before = talk.engine.output_octets
    exchange.inform(103)
    sink = application.sink()
    exchange.accept(sink)
    exchange.resume()
    exchange.work(_job)
    exchange.respond(Response(status=200, fields=(), body=application.body([b"x"])))
    exchange.abort("gone")
    talk.engine.take_turn(talk.now)
    talk.settle()
    assert talk.engine.output_octets == before
    assert not talk.engine.jobs
    assert talk.reply(number).status == 0
    assert sink.ended == 0
    talk.close()
    application.ledger.assert_settled()


def test_a_response_may_be_given_while_the_loss_is_told(dialect: Dialect) -> None:
    """As an application does that answers whatever wakes it."""

    def stubborn(exchange: Exchange) -> None:
        exchange.when_lost(lambda: exchange.respond(text(200, b"to nobody")))
        exchange.when_lost(lambda: exchange.accept(application.sink()))

    application = Scripted({b"/": stubborn})
    talk = Conversation(dialect, application)
    number = talk.request(b"/", unfinished=True)
    talk.settle()
    talk.lose(number)
    talk.settle()
    assert talk.reply(number).status == 0
    talk.close()
    application.ledger.assert_settled()


@pytest.fixture
def with_sides(dialect: Dialect) -> Dialect:
    """One whose clients can end their side of the connection."""
    if not dialect.half_closes:
        pytest.skip("a connection has no sides")
    return dialect


def test_a_client_that_ends_its_side_still_gets_its_response(with_sides: Dialect) -> None:
    application = Scripted(keep)
    talk = Conversation(with_sides, application)
    number = talk.request(b"/")
    talk.end_input()
    assert not talk.closed
    application.handled[0].respond(text(200, b"late"))
    talk.settle()
    assert talk.whole_reply(number).content == b"late"


@pytest.mark.parametrize("informed", [False, True], ids=["silent", "informed"])
def test_a_client_that_ends_its_side_is_lost_to_an_application_that_asks(
    with_sides: Dialect, informed: bool
) -> None:
    """A client that exits closes its side; nothing else tells an application that waits."""
    application = Scripted(keep)
    talk = Conversation(with_sides, application)
    talk.request(b"/")
    talk.settle()
    (exchange,) = application.handled
    calls: list[str] = []
    exchange.when_lost(lambda: calls.append("lost"))
    if informed:
        exchange.inform(103)
        talk.settle()
    talk.end_input()
    for _ in range(3):
        talk.step(0.6)
    assert talk.closed
    assert calls == ["lost"]


def test_a_client_that_ends_its_side_gets_a_quick_response(with_sides: Dialect) -> None:
    """As `printf | nc -N` does; few clients that end their side are still there."""
    application = Scripted(keep)
    talk = Conversation(with_sides, application)
    number = talk.request(b"/")
    talk.settle()
    (exchange,) = application.handled
    calls: list[str] = []
    exchange.when_lost(lambda: calls.append("lost"))
    talk.end_input()
    talk.step(0.5)
    exchange.respond(text(200, b"quick"))
    talk.settle()
    assert talk.whole_reply(number).content == b"quick"
    assert calls == []


def test_a_client_that_ends_its_side_still_gets_a_response_of_known_length(
    with_sides: Dialect,
) -> None:
    application = Scripted()
    body = application.body([b"01234", None, b"56789"], length=10)
    body.wakes = False

    def watched(exchange: Exchange) -> None:
        exchange.when_lost(lambda: calls.append("lost"))
        fields = ((b"content-length", b"10"),)
        exchange.respond(Response(status=200, fields=fields, body=body))

    calls: list[str] = []
    application.behaviours = watched
    talk = Conversation(with_sides, application)
    talk.request(b"/")
    talk.settle()
    talk.end_input()
    assert not talk.closed
    assert calls == []


def test_a_stream_without_an_end_ends_when_its_client_ends_its_side(with_sides: Dialect) -> None:
    application = Scripted()
    body = application.body([b"data: 1\n\n", None])
    body.wakes = False
    application.behaviours = lambda exchange: exchange.respond(
        Response(status=200, fields=(), body=body)
    )
    talk = Conversation(with_sides, application)
    talk.request(b"/")
    talk.settle()
    talk.end_input()
    assert talk.closed
    application.ledger.assert_settled()


# ---------------------------------------------------------------------- abort


def test_abort_before_the_head_makes_500(dialect: Dialect) -> None:
    application = Scripted({b"/": lambda exchange: exchange.abort("a reason")})
    talk = Conversation(dialect, application)
    number = talk.request(b"/")
    talk.settle()
    talk.whole_reply(number, 500)


def test_abort_from_outside_before_the_head(dialect: Dialect) -> None:
    application = Scripted(keep)
    talk = Conversation(dialect, application)
    number = talk.request(b"/", method=b"POST", unfinished=True)
    talk.settle()
    application.handled[0].accept(application.sink())
    talk.settle()
    application.handled[0].abort("a reason")
    talk.settle()
    assert talk.reply(number).status == 500
    talk.close()
    application.ledger.assert_settled()


@pytest.mark.parametrize("length", [None, 10_000], ids=["unknown length", "known length"])
def test_abort_after_the_head_never_looks_complete(dialect: Dialect, length: int | None) -> None:
    application = Scripted()

    def begin(exchange: Exchange) -> None:
        body = application.body([b"x" * 5_000, None], length=length)
        body.wakes = False
        fields = () if length is None else ((b"content-length", b"%d" % length),)
        exchange.respond(Response(status=200, fields=fields, body=body))

    application.behaviours = begin
    talk = Conversation(dialect, application)
    number = talk.request(b"/")
    talk.settle()
    assert len(talk.reply(number).content) == 5_000
    application.handled[0].abort("the source is gone")
    talk.settle()
    reply = talk.reply(number)
    assert not reply.whole
    assert reply.broken
    talk.close()
    application.ledger.assert_settled()


def test_abort_of_one_request_leaves_the_others_of_the_connection(dialect: Dialect) -> None:
    if not dialect.multiplexed:
        pytest.skip("one request at a time")
    application = Scripted({b"/abort": keep})
    body = application.body([b"x", None])
    body.wakes = False
    talk = Conversation(dialect, application)
    number = talk.request(b"/abort")
    talk.settle()
    application.handled[0].respond(Response(status=200, fields=(), body=body))
    talk.settle()
    application.handled[0].abort("the source is gone")
    other = talk.request(b"/other")
    talk.settle()
    assert talk.reply(number).broken
    assert talk.whole_reply(other).content == b"/other"


def test_abort_abandons_the_sink(dialect: Dialect) -> None:
    application = Scripted()
    sink = application.sink()

    def fail(exchange: Exchange) -> None:
        exchange.accept(sink)
        exchange.abort("no room")

    application.behaviours = fail
    talk = Conversation(dialect, application)
    number = talk.request(b"/", method=b"POST", unfinished=True)
    talk.settle()
    talk.close()
    assert talk.reply(number).status == 500
    assert (sink.ended, sink.abandoned) == (0, 1)
    application.ledger.assert_settled()
